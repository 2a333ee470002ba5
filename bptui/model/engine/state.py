"""What is visible at a Moment: a pure function of (recording, moment), so that stepping back needs no undo."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Contribution, Key, Recording
from bptui.model.engine.rounding import loss_of, settled
from bptui.model.engine.timeline import Moment, Phase

Part = Literal["value", "gradient"]


class Gradient(NamedTuple):
    """A gradient as it stands at a Moment.

    array    the sum of the contributions that have arrived, None before the first, and where one was not recorded
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

    __slots__ = ("_place", "moment", "recording", "timeline")

    def __init__(self, recording: Recording, moment: Moment) -> None:
        if moment.step != recording.step:
            raise ValueError(f"the recording is of training step {recording.step}, the moment of {moment.step}")
        self.recording, self.moment, self.timeline = recording, moment, recording.timeline
        self._place = recording.timeline.index(moment)

    @staticmethod
    def of(recording: Recording, phase: Phase, index: int) -> State:
        """At a Moment of a phase; -1 is its last."""
        count = recording.timeline.count(phase)
        return State(recording, Moment(recording.step, phase, index % max(count, 1)))

    # ------------------------------------------------------------------------------------------------- value
    def value(self, node: Key) -> Array | None:
        """The value, None where it has not been computed yet, or was not recorded; a parameter as `parameter` says."""
        i = self.recording.id(node)
        return self.parameter(i) if self._place >= self.timeline.written_at(i) else None

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

    @property
    def shown_loss(self) -> float:
        """The loss of the step, at any of its Moments; 0 where it is nothing but rounding."""
        return loss_of(self.recording)

    def _in(self, other: Recording) -> State:
        """The same Moment of another recording of the step."""
        return State(other, self.moment._replace(step=other.step))

    def parameter(self, node: Key) -> Array | None:
        """A parameter: from its own update Moment on, the new value."""
        i = self.recording.id(node)
        turns = self.updates(i)
        return self.recording.after(i, turns - 1) if turns else self.recording.value(i)

    def state(self, node: Key, name: str) -> Array | None:
        """A parameter's optimizer state (`m`, `v`): from its own update Moment on, the new one."""
        i = self.recording.id(node)
        turns = self.updates(i)
        return self.recording.state(i, name, after=turns > 0, turn=max(turns - 1, 0))

    def updates(self, node: Key) -> int:
        """How often this parameter has been updated."""
        return bisect_right(self.timeline.places("update", self.recording.id(node)), self._place)

    def updated(self, node: Key) -> bool:
        """Has this parameter been updated?"""
        return self.updates(node) > 0

    def missing(self, node: Key) -> bool:
        """Is the value due by now, and was not recorded?"""
        i = self.recording.id(node)
        return self._place >= self.timeline.written_at(i) and self.value(i) is None

    # ---------------------------------------------------------------------------------------------- gradient
    def arrived(self, node: Key) -> tuple[Contribution, ...]:
        """The contributions that are in, in the order of their arrival."""
        i = self.recording.id(node)
        return self.recording.contributions(i, self._count(i))

    def gradient(self, node: Key) -> Gradient:
        """The gradient as far as it has arrived: the same bits as the engine's at each stage of its adding up."""
        recording, i = self.recording, self.recording.id(node)
        if not recording.graph.nodes[i].wants_grad:
            return NOTHING
        loss = i == recording.graph.loss
        count, total = self._count(i), 1 if loss else len(self.timeline.arrivals(i))
        if not total:
            seeded = self._place >= self.timeline.seed_at
            return Gradient(recording.grad(i) if seeded else None, 0, 0)
        if count == total:
            return Gradient(recording.grad(i), count, total)
        parts = [contribution.array for contribution in recording.contributions(i, count)]
        if not parts or any(part is None for part in parts):
            return Gradient(None, count, total)
        partial = parts[0]
        with np.errstate(all="ignore"):
            for part in parts[1:]:
                partial = np.add(partial, part)  # type: ignore[arg-type]  # none is None
        partial.setflags(write=False)  # type: ignore[union-attr]
        return Gradient(partial, count, total)

    def _count(self, i: int) -> int:
        """How many contributions are in; the seed is the loss's."""
        if i == self.recording.graph.loss:
            return int(self._place >= self.timeline.seed_at)
        return bisect_right(self.timeline.arrivals(i), self._place, key=attrgetter("place"))

    # ----------------------------------------------------------------------------------------------- written
    @property
    def node(self) -> Node:
        """The node of this Moment (at an update, the parameter)."""
        return self.timeline.node(self.moment)

    def written(self, node: Key) -> frozenset[Part]:
        """What this very Moment wrote of a node."""
        i, here = self.recording.id(node), self._place
        event = self.timeline.events[here]
        parts: set[Part] = set()
        if event.phase != "backward":
            if event.node == i:
                parts.add("value")
        elif event.seed:
            if event.node == i:
                parts.add("gradient")
        elif any(arrival.place == here for arrival in self.timeline.arrivals(i)):
            parts.add("gradient")
        return frozenset(parts)

    def stage(self, node: Key) -> tuple[bool, int, int]:
        """How much of a node is there: (its value, how many updates, how many contributions to its gradient; the seed
        is the loss's). Of one recording, what has the same stage has the same numbers."""
        i = self.recording.id(node)
        return self._place >= self.timeline.written_at(i), self.updates(i), self._count(i)

    def touched(self) -> tuple[int, ...]:
        """The ids of the nodes of which this Moment wrote anything: the node, or the inputs that it contributes to."""
        node = self.node
        if self.moment.phase != "backward" or self.timeline.is_seed(self.moment):
            return (node.id,)
        return tuple(i for i in dict.fromkeys(node.inputs) if "gradient" in self.written(i))
