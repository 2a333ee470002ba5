"""Where in a training step a number stops being finite: NaN and inf at the Moment that made them.

An inf arises where everything that went in was finite; NaN where no NaN went in, out of inf too (0 × inf, inf - inf).
Where they merely went on is nothing new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.engine.recording import Contribution, Recording
from bptui.model.engine.timeline import Moment


class NonFinite(NamedTuple):
    """Something that is not finite, at the Moment that made it: of which numbers (`layer1.z`, `grad(layer1.z)`), where
    in them, and what it is. `position` is that of the input whose gradient it is in, None for a value."""

    name: str
    at: tuple[int, ...]
    number: float
    position: int | None = None

    @property
    def text(self) -> str:
        """`layer1.z[0,3] is NaN`."""
        return f"{self.name}{numbers.index(self.at)} is {numbers.special(self.number)}"


FINITE, INFINITE, NAN = 0, 1, 2
"""The worst that is among the numbers of an array."""


def nonfinite(recording: Recording) -> Mapping[int, NonFinite]:
    """The Births of a training step, by the number of their Moment in it; told at once where all numbers are finite."""
    found: dict[int, NonFinite] = {}
    if np.isfinite(np.frombuffer(recording.memory, recording.layout.dtype)).all():
        return found
    search = _Search(recording)
    for place in range(recording.timeline.length):
        birth = search.at(recording.timeline.at(recording.step, place))
        if birth is not None:
            found[place] = birth
    return found


class _Search:
    """Looks at every array of a training step once, however many Moments it goes into: of a thousand nodes that are
    NaN, each with 10,000 numbers, in 0.1 s."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._worst: dict[Any, tuple[int, Array]] = {}  # with the array, so that no other comes to lie in its place
        self._parts: dict[int, defaultdict[int, list[Contribution]]] = {}

    def worst(self, array: Array) -> int:
        """FINITE, INFINITE or NAN."""
        key = array.__array_interface__["data"][0], array.shape, array.strides
        if key not in self._worst:
            finite = array.dtype.kind != "f" or np.isfinite(array).all()
            found = FINITE if finite else NAN if np.isnan(array).any() else INFINITE
            self._worst[key] = found, array
        return self._worst[key][0]

    def at(self, moment: Moment) -> NonFinite | None:
        """What this Moment makes that is not finite, None if nothing."""
        recording = self.recording
        node = recording.timeline.node(moment)
        if moment.phase == "update":
            before = [recording.before(node), recording.grad(node)]
            return self.first(f"{node.name} after the update", recording.after(node), before)
        given = [recording.value(i) for i in node.inputs]
        if moment.phase == "forward":
            return self.first(node.name, recording.value(node), given)
        if recording.timeline.is_seed(moment):
            return None
        for name, position, array in self.added(node.id):
            birth = self.first(name, array, [recording.grad(node), *given], position)
            if birth is not None:
                return birth
        return None

    def first(
        self, name: str, array: Array, given: Sequence[Array | None], position: int | None = None
    ) -> NonFinite | None:
        """The first number of an array that arose here, out of what was given."""
        worst = self.worst(array)
        if worst == FINITE:
            return None
        before = max((self.worst(source) for source in given if source is not None), default=FINITE)
        if before == NAN:
            return None
        if worst == NAN:
            wrong = np.isnan(array)
        elif before == FINITE:
            wrong = np.isinf(array)
        else:
            return None
        at = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
        return NonFinite(name, at, float(array[at]), position)

    def added(self, node: int) -> Iterator[tuple[str, int, Array]]:
        """What a node's Moment of the backward pass adds to the gradient of each of its inputs."""
        nodes = self.recording.graph.nodes
        for source in dict.fromkeys(nodes[node].inputs):
            if source not in self._parts:  # one look for all of its consumers
                self._parts[source] = defaultdict(list)
                for part in self.recording.contributions(source):
                    self._parts[source][part.consumer].append(part)
            for part in self._parts[source][node]:
                yield f"grad({nodes[source].name})", part.position, part.array
