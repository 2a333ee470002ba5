"""What is visible at a Moment: a pure function of (recording, moment), so that stepping back needs no undo."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Arrival, Contribution, Key, Recording
from bptui.model.engine.rounding import settled
from bptui.model.engine.timeline import Moment

Part = Literal["value", "gradient"]


class Gradient(NamedTuple):
    """A gradient as it stands at a Moment.

    array    the sum of the contributions that have arrived, None before the first
    arrived  how many · total  how many there will be (the loss has one: the seed)
    final    all are in; before, the array must not be shown as the gradient
    """

    array: Array | None
    arrived: int
    total: int

    @property
    def final(self) -> bool:
        """Is it complete? Never so where no gradient is wanted."""
        return self.array is not None and self.arrived == self.total


NOTHING = Gradient(None, 0, 0)


class State:
    """All numbers of one training step as they are visible at one Moment of it.

    forward   at the Moment of a node its value has just been written
    backward  at the seed ∂L/∂L = 1; at the Moment of a node its contributions to all its inputs
    update    at the Moment of a parameter its new value and its new optimizer state
    """

    __slots__ = ("_place", "moment", "recording")

    def __init__(self, recording: Recording, moment: Moment) -> None:
        if moment.step != recording.step:
            raise ValueError(f"the recording is of training step {recording.step}, the moment of {moment.step}")
        self.recording, self.moment = recording, moment
        self._place = recording.timeline.index(moment)

    # ------------------------------------------------------------------------------------------------- value
    def value(self, node: Key) -> Array | None:
        """The value, None where it has not been computed yet; a parameter as `parameter` says."""
        i = self.recording.id(node)
        if self._place < self.recording.layout.written_at[i]:
            return None
        return self.parameter(i) if i in self.recording.layout.updated_at else self.recording.value(i)

    def shown(self, node: Key) -> Array | None:
        """The value as a screen shows it: 0 in the place of what is nothing but rounding."""
        value = self.value(node)
        return (
            value if self.updated(node) else settled(self.recording, value, lambda other: self._in(other).value(node))
        )

    def shown_gradient(self, node: Key) -> Gradient:
        """The gradient as a screen shows it."""
        found = self.gradient(node)
        array = settled(self.recording, found.array, lambda other: self._in(other).gradient(node).array)
        return found._replace(array=array)

    def _in(self, other: Recording) -> State:
        """The same Moment of another recording of the step."""
        return State(other, self.moment._replace(step=other.step))

    def parameter(self, node: Key) -> Array:
        """A parameter: from its own update Moment on, the new value."""
        i = self.recording.id(node)
        return self.recording.after(i) if self.updated(i) else self.recording.before(i)

    def state(self, node: Key, name: str) -> Array:
        """A parameter's optimizer state (`m`, `v`): from its own update Moment on, the new one."""
        i = self.recording.id(node)
        return self.recording.state(i, name, after=self.updated(i))

    def updated(self, node: Key) -> bool:
        """Has this parameter been updated?"""
        at = self.recording.layout.updated_at.get(self.recording.id(node))
        return at is not None and self._place >= at

    # ---------------------------------------------------------------------------------------------- gradient
    def arrived(self, node: Key) -> tuple[Contribution, ...]:
        """The contributions that are in, in the order of their arrival."""
        i = self.recording.id(node)
        return self.recording.contributions(i, self._count(self.recording.layout.arrivals[i]))

    def gradient(self, node: Key) -> Gradient:
        """The gradient as far as it has arrived: the same bits as the engine's at each stage of its adding up."""
        recording = self.recording
        layout, i = recording.layout, recording.id(node)
        whole = recording.grad(i)
        if whole is None:
            return NOTHING
        if i == layout.graph.loss or not layout.arrivals[i]:
            total = int(i == layout.graph.loss)
            seeded = self._place >= layout.seed_at
            return Gradient(whole, total, total) if seeded else Gradient(None, 0, total)
        arrivals = layout.arrivals[i]
        count, total = self._count(arrivals), len(arrivals)
        if count == total:
            return Gradient(whole, count, total)
        if not count:
            return Gradient(None, 0, total)
        parts = [contribution.array for contribution in recording.contributions(i, count)]
        partial = parts[0]
        with np.errstate(all="ignore"):
            for part in parts[1:]:
                partial = np.add(partial, part)
        partial.setflags(write=False)
        return Gradient(partial, count, total)

    def _count(self, arrivals: tuple[Arrival, ...]) -> int:
        """How many of these are in: they are in the order of their Moments."""
        return bisect_right(arrivals, self._place - self.recording.layout.seed_at, key=attrgetter("moment"))

    # ----------------------------------------------------------------------------------------------- written
    @property
    def node(self) -> Node:
        """The node of this Moment (at an update, the parameter)."""
        return self.recording.timeline.node(self.moment)

    def written(self, node: Key) -> frozenset[Part]:
        """What this very Moment wrote of a node."""
        i = self.recording.id(node)
        layout, here = self.recording.layout, self._place
        parts: set[Part] = set()
        computed = layout.graph.nodes[i].op is not None and layout.written_at[i] == here
        if computed or layout.updated_at.get(i) == here:
            parts.add("value")
        seeded = i == layout.graph.loss and here == layout.seed_at
        if seeded or any(layout.seed_at + arrival.moment == here for arrival in layout.arrivals[i]):
            parts.add("gradient")
        return frozenset(parts)

    def stage(self, node: Key) -> tuple[bool, bool, int]:
        """How much of a node is there: (its value, its update, how many contributions to its gradient; the seed is the
        loss's). Of one recording, what has the same stage has the same numbers."""
        i = self.recording.id(node)
        layout = self.recording.layout
        count = int(self._place >= layout.seed_at) if i == layout.graph.loss else self._count(layout.arrivals[i])
        return self._place >= layout.written_at[i], self.updated(i), count

    def touched(self) -> tuple[int, ...]:
        """The ids of the nodes of which this Moment wrote anything: the node, or the inputs that it contributes to."""
        node = self.node
        if self.moment.phase != "backward" or self.recording.timeline.is_seed(self.moment):
            return (node.id,)
        return tuple(i for i in dict.fromkeys(node.inputs) if "gradient" in self.written(i))

    # ---------------------------------------------------------------------------------------------- poisoned
    def poisoned(self, node: Key) -> frozenset[Part]:
        """Which of a node's visible numbers contain NaN or inf."""
        shown: dict[Part, Array | None] = {"value": self.value(node), "gradient": self.gradient(node).array}
        return frozenset(part for part, array in shown.items() if array is not None and poison(array))


def poison(array: Array) -> int:
    """How many elements are NaN or inf."""
    return int(array.size - np.count_nonzero(np.isfinite(array)))


def poisonings(recording: Recording) -> Iterator[tuple[Moment, Node, Part]]:
    """Every (moment, node, part) at which NaN or inf is written, in the order of time: the first is where it began."""
    timeline = recording.timeline
    for place in range(timeline.length):
        state = State(recording, timeline.at(recording.step, place))
        for i in state.touched():
            for part in sorted(state.written(i) & state.poisoned(i)):
                yield state.moment, recording.graph.nodes[i], part
