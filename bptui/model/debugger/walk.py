"""The arithmetic of moving through time: from one stop to another, as whole numbers. Knows no numbers of the network.

A stop is `training step × moments per step + index in the step`, so a training of a million steps is one line of stops
and every move is arithmetic. Each move has its mirror image, which the tests hold it to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property

from bptui.model.engine.graph import Node
from bptui.model.engine.timeline import Moment, Phase, Timeline


@dataclass(frozen=True)
class Walk:
    """Stops of a timeline, of which `last` is the last training step, or None where training may go on for ever.
    `first`: what the first one is called: of a captured step its number in its program."""

    timeline: Timeline
    last: int | None = None
    first: int = 0

    def called(self, step: int) -> str:
        """`training step 3`."""
        return f"training step {self.first + step}"

    @property
    def length(self) -> int:
        """Stops in one training step."""
        return self.timeline.length

    def stop(self, moment: Moment) -> int:
        """The number of a Moment on the line of all stops."""
        return moment.step * self.length + self.timeline.index(moment)

    def moment(self, stop: int) -> Moment:
        """The Moment at a stop."""
        return self.timeline.at(*divmod(stop, self.length))

    def within(self, stop: int) -> int:
        """`stop`, or the end of the line that it lies beyond."""
        most = stop if self.last is None else (self.last + 1) * self.length - 1
        return max(0, min(stop, most))

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """Where in a training step another phase begins than that of the Moment before."""
        phases = [event.phase for event in self.timeline.events]
        return tuple(place for place, phase in enumerate(phases) if not place or phases[place - 1] != phase)

    @cached_property
    def runs(self) -> tuple[tuple[int, tuple[Node, ...]], ...]:
        """(where it begins, its nodes) of each layer in a training step: runs of one scope in one phase. A node of no
        layer stands alone, the parts of one composite together."""
        found: list[tuple[int, list[Node]]] = []
        before: tuple[Phase, str] | None = None
        for place, event in enumerate(self.timeline.events):
            node = self.timeline.graph.nodes[event.node]
            here = (event.phase, _group(node))
            if here != before or not here[1]:
                found.append((place, []))
            found[-1][1].append(node)
            before = here
        return tuple((start, tuple(nodes)) for start, nodes in found)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Where in a training step each layer begins."""
        return tuple(start for start, _ in self.runs)

    @cached_property
    def next_places(self) -> tuple[int, ...]:
        """Where `next` stops: at each layer, at its first operation. A composite counts as one: it stops where all of
        it is done. In a layer of several composites (the time steps of an LSTM) at each of them."""
        found: list[int] = []
        for start, nodes in self.runs:
            ends = {node.composite: start + n for n, node in enumerate(nodes) if node.composite}
            if len(ends) > 1:
                found += ends.values()
            else:
                found.append(ends.get(nodes[0].composite, start))
        return tuple(found)

    def next_layer(self, stop: int) -> int:
        """The stop of the next layer, or of the next composite of a layer of several."""
        return self._after(stop, self.next_places)

    def previous_layer(self, stop: int) -> int:
        """The stop of this layer, or of the one before where `stop` is that already."""
        return self._before(stop, self.next_places)

    def finish(self, stop: int) -> int:
        """The end of this layer; from there the end of this phase; from there the start of the next one."""
        for starts in (self.layers, self.phases):
            end = self._after(stop, starts) - 1
            if end > stop:
                return end
        return stop + 1

    def reverse_finish(self, stop: int) -> int:
        """The start of this layer; from there the start of this phase; from there the end of the one before."""
        for starts in (self.layers, self.phases):
            start = self._before(stop + 1, starts)
            if start < stop:
                return start
        return stop - 1

    def _after(self, stop: int, starts: tuple[int, ...]) -> int:
        step, index = divmod(stop, self.length)
        found = bisect_right(starts, index)
        return step * self.length + starts[found] if found < len(starts) else (step + 1) * self.length

    def _before(self, stop: int, starts: tuple[int, ...]) -> int:
        step, index = divmod(stop, self.length)
        found = bisect_left(starts, index) - 1
        return step * self.length + starts[found] if found >= 0 else (step - 1) * self.length + starts[-1]


def _group(node: Node) -> str:
    return node.scope or node.composite
