"""A recording in which some numbers are kept back: whoever reads it finds `CONCEALED` in their place.

That is one of the many NaN that IEEE 754 has, told apart by its payload (R writes its missing values so). Arithmetic
carries it on: what is computed from a number that is kept back is kept back, too, on the screen as in a file, without
anything that shows numbers knowing of it. Only how a number is written (`base.numbers`) looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, Literal

import numpy as np

from bptui.model.base.numbers import CONCEALED, PAYLOAD, PAYLOAD_AT
from bptui.model.base.types import Array, Index
from bptui.model.engine.recording import Key, Recording

Kind = Literal["value", "gradient", "update"]
"""Of a node its value (of a parameter before its update), its gradient, a parameter after its update."""
Masks = Mapping[tuple[int, Kind], Collection[Index | None]]
"""By node and kind the elements that are kept back; None among them: all."""


def kept_back(array: Any) -> Array:
    """Which numbers of an array are kept back: an array of bools of its shape."""
    values = np.asarray(array)
    if values.dtype.kind != "f":
        return np.zeros(values.shape, bool)
    bits = np.ascontiguousarray(values, np.float64).view(np.uint64).reshape(values.shape)
    return np.asarray(np.isnan(values) & (((bits >> np.uint64(PAYLOAD_AT)) & np.uint64(2**22 - 1)) == PAYLOAD))


def _same(name: str) -> Any:
    """What the recording itself has by this name, a property or a method."""
    return property(lambda masked: getattr(masked.of, name))


class Masked(Recording):
    """The recording `of` without the numbers of `masks`; all else of it as it is."""

    def __init__(self, of: Recording, masks: Masks) -> None:
        self.of, self.masks = of, masks
        self.complete, self.step = of.complete, of.step
        self.graph, self.timeline, self.optimizer = of.graph, of.timeline, of.optimizer
        self._made: dict[Hashable, Array | None] = {}

    def _without(self, key: Hashable, node: int, kind: Kind, read: Callable[[], Array | None]) -> Array | None:
        """What `read` gives, without the numbers of a node and kind; made once."""
        places = self.masks.get((node, kind))
        if places is None:
            return read()
        if key not in self._made:
            array = read()
            self._made[key] = None if array is None else _covered(array, places)
        return self._made[key]

    def value(self, node: Key) -> Array | None:
        i = self.id(node)
        return self._without(("value", i), i, "value", lambda: self.of.value(i))

    def grad(self, node: Key) -> Array | None:
        i = self.id(node)
        return self._without(("grad", i), i, "gradient", lambda: self.of.grad(i))

    def contribution(self, consumer: int, position: int) -> Array | None:
        i = self.graph.nodes[consumer].inputs[position]
        key = "contribution", consumer, position
        return self._without(key, i, "gradient", lambda: self.of.contribution(consumer, position))

    def before(self, node: Key, turn: int = 0) -> Array | None:
        i = self.id(node)
        return self._without(("before", i, turn), i, "update" if turn else "value", lambda: self.of.before(i, turn))

    def after(self, node: Key, turn: int = 0) -> Array | None:
        i = self.id(node)
        return self._without(("after", i, turn), i, "update", lambda: self.of.after(i, turn))

    def state(self, node: Key, name: str, after: bool = False, turn: int = 0) -> Array | None:
        i = self.id(node)
        if not after:
            return self.of.state(i, name, after, turn)
        # the new state is made of the old one and the gradient: it gives that away
        return self._without(("state", i, name, turn), i, "gradient", lambda: self.of.state(i, name, after, turn))

    def update_grad(self, node: Key, turn: int = 0) -> Array | None:
        i = self.id(node)
        return self._without(("update_grad", i, turn), i, "gradient", lambda: self.of.update_grad(i, turn))

    update_rule, scheduled, part, dtype, extremes = map(
        _same, ("update_rule", "scheduled", "part", "dtype", "extremes")
    )
    rate, grad_norm, nbytes, finite, suspects = map(_same, ("rate", "grad_norm", "nbytes", "finite", "suspects"))


def unmasked(recording: Recording) -> Recording:
    """The recording with all of its numbers: what is computed and checked from."""
    while isinstance(recording, Masked):
        recording = recording.of
    return recording


def _covered(array: Array, places: Collection[Index | None]) -> Array:
    """A copy without some of its numbers; of whole numbers a copy in float64."""
    made = np.array(array, array.dtype if array.dtype in (np.float32, np.float64) else np.float64)
    for place in places:
        made[... if place is None else place] = CONCEALED
    made.setflags(write=False)
    return made
