"""Where in a training step a number stops being finite: NaN and inf at the Moment that made them, their origin.

An inf arises where everything that went in was finite; NaN where no NaN went in, out of inf too (0 × inf, inf - inf).
Where they merely went on is nothing new. What was not recorded counts as finite. A gradient can go beyond the largest
number of its kind though each contribution is below: it arises where the last of them comes in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording

SHORT = 2_000
"""Moments of a training step that are looked at in one go: about 10 ms."""
FINITE, INFINITE, NAN = 0, 1, 2
"""The worst that is among the numbers of an array."""


class NonFinite(NamedTuple):
    """Numbers that are not finite, at their origin: of which numbers (`layer1.z`, `grad(layer1.z)`), where in them the
    first lies, and what it is. `position` is that of the input whose gradient it is in, None for a value."""

    name: str
    at: tuple[int, ...]
    number: float
    position: int | None = None

    @property
    def text(self) -> str:
        """`layer1.z[0,3] is NaN`."""
        return f"{self.name}{numbers.index(self.at)} is {numbers.special(self.number)}"


class Origins(Mapping[int, NonFinite]):
    """What arises in a training step that is not finite, by the place of its Moment in the step.

    A place is looked at when it is asked for, each array once; to iterate, or to ask how many there are, looks at all
    of them. A recording that knows that all its numbers are finite is never looked at. From any thread: what two of
    them find at a place is the same.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._looked: dict[int, NonFinite | None] = {}
        self._worst: dict[tuple[str, int, int], int] = {}

    @property
    def suspects(self) -> Sequence[int]:
        """The places, ascending, at which anything may arise: all, where the recording does not know."""
        if self._recording.finite is True:
            return ()
        found = self._recording.suspects
        return range(self._recording.timeline.length) if found is None else found

    @property
    def complete(self) -> bool:
        """Has every place been looked at, or need none be?"""
        return len(self._looked) >= len(self.suspects)

    @property
    def known(self) -> Mapping[int, NonFinite]:
        """Those that have been found so far; all, where that is a short look at numbers that are in memory."""
        if not self.complete and self._recording.complete and len(self.suspects) <= SHORT:
            return self
        return {place: found for place, found in sorted(self._looked.copy().items()) if found is not None}

    def __contains__(self, place: object) -> bool:
        return isinstance(place, int) and self._at(place) is not None

    def __getitem__(self, place: int) -> NonFinite:
        found = self._at(place)
        if found is None:
            raise KeyError(place)
        return found

    def __iter__(self) -> Iterator[int]:
        yield from (place for place in self.suspects if self._at(place) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _at(self, place: int) -> NonFinite | None:
        suspects = self.suspects
        k = bisect_left(suspects, place)
        if k == len(suspects) or suspects[k] != place:
            return None
        if place not in self._looked:
            self._looked[place] = self._look(place)
        return self._looked[place]

    def _look(self, place: int) -> NonFinite | None:
        """What the Moment at a place makes that is not finite, None if nothing."""
        recording, timeline = self._recording, self._recording.timeline
        phase, i, seed = timeline.events[place]
        node = recording.graph.nodes[i]
        if phase == "update":
            turn = timeline.places(phase, i).index(place)
            before = [self._of("before", i, turn), self._of("grad", i), self._of("update_grad", i, turn)]
            name = f"{node.name} after the update"
            return self._first(name, recording.after(i, turn), self._of("after", i, turn), before)
        given = [self._of("value", source) for source in node.inputs]
        if phase == "forward":
            brought = self._brought(node)
            return brought or self._first(node.name, recording.value(i), self._of("value", i), given)
        if seed:
            return None
        given.append(self._of("grad", i))
        for position, source in enumerate(node.inputs):
            array = recording.contribution(i, position)
            worst = self._of("contribution", i, position)
            name = f"grad({recording.graph.nodes[source].name})"
            found = self._first(name, array, worst, given, position)
            if found is not None:
                return found
        return next((found for source in node.inputs if (found := self._summed(source, place, given))), None)

    def _summed(self, source: int, place: int, given: Sequence[int]) -> NonFinite | None:
        """The gradient of a node, where its last contribution comes in at a place."""
        arrivals = self._recording.timeline.arrivals(source)
        if not arrivals or arrivals[-1].place != place:
            return None
        parts = [self._of("contribution", arrival.consumer, arrival.position) for arrival in arrivals]
        name = f"grad({self._recording.graph.nodes[source].name})"
        found = self._of("grad", source)
        return self._first(name, self._recording.grad(source), found, [*given, *parts], arrivals[-1].position)

    def _brought(self, node: Node) -> NonFinite | None:
        """NaN in what is given, where an operation is the first to read it. (An inf is often meant: a mask's.)"""
        recording, graph = self._recording, self._recording.graph
        for source in node.inputs:
            if graph.nodes[source].op is None and self._of("value", source) == NAN and recording.is_given(source):
                first = min(consumer.id for consumer in graph.ops if source in consumer.inputs)
                if first == node.id:
                    return self._first(graph.nodes[source].name, recording.value(source), NAN, ())
        return None

    def _of(self, what: str, node: int, turn: int = 0) -> int:
        """FINITE, INFINITE or NAN, of an array of a node: each is looked at once."""
        key = what, node, turn
        if key not in self._worst:
            recording = self._recording
            if what in ("value", "grad"):
                array = recording.value(node) if what == "value" else recording.grad(node)
            elif what == "update_grad":
                array = recording.update_grad(node, turn)
            else:
                array = getattr(recording, what)(node, turn)
            self._worst[key] = worst(array)
        return self._worst[key]

    def _first(
        self, name: str, array: Array | None, found: int, given: Sequence[int], position: int | None = None
    ) -> NonFinite | None:
        """The first number of an array that arose here, out of what was given."""
        before = max(given, default=FINITE)
        if array is None or found == FINITE or before == NAN or (found == INFINITE and before == INFINITE):
            return None
        wrong = np.isnan(array) if found == NAN else np.isinf(array)
        at = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
        return NonFinite(name, at, float(array[at]), position)


def worst(array: Array | None) -> int:
    """FINITE, INFINITE or NAN."""
    if array is None or array.dtype.kind != "f" or np.isfinite(array).all():
        return FINITE
    return NAN if np.isnan(array).any() else INFINITE


def nonfinite(recording: Recording) -> Origins:
    """What arises in a training step that is not finite."""
    return Origins(recording)
