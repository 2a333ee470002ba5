"""One block of memory for all numbers of a training step, the places in it, and the number of the step."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape

LIMIT = 4 * 2**30
"""Bytes that one training step may take: told before memory is taken, not after."""

ALIGNED = 8
"""Tensors of at least this many elements start at a multiple of it: 64 bytes in float64, a cache line."""


class Slot(NamedTuple):
    """Where a tensor lies in the arena: first element, number of elements, shape."""

    offset: int
    size: int
    shape: Shape

    def within(self, memory: Array) -> Array:
        """The tensor, as a view of an arena (or of a copy of it)."""
        return memory[self.offset : self.offset + self.size].reshape(self.shape)

    def moved(self, by: int) -> Slot:
        """The same tensor, `by` elements further."""
        return Slot(self.offset + by, self.size, self.shape)


def padded(size: int) -> int:
    """The room that a tensor of `size` elements may need, alignment included."""
    return size + ALIGNED


class TooLarge(UserError):
    """More numbers than one training step may take."""


def bounded(elements: int, itemsize: int, what: str) -> None:
    """Raises TooLarge where so many numbers are more than a training step may take."""
    if elements * itemsize > LIMIT:
        raise TooLarge(
            what,
            f"one training step would take {elements * itemsize / 2**30:.1f} GB",
            f"at most {LIMIT / 2**30:.0f} GB: a smaller batch, smaller layers or float32",
        )


class Clock:
    """The number of the training step that is running, from 0: what every call that depends on it reads; and what is
    asked between two calls, for a call that takes long: what it raises ends the step."""

    __slots__ = ("ask", "step")

    def __init__(self) -> None:
        self.step = 0
        self.ask: Callable[[], None] | None = None


class Arena:
    """A zeroed block that is given out from front to back while a graph is planned.

    `capacity` is an upper bound; pages that are never given out are never touched, so they cost nothing.
    The block starts at a multiple of 64 bytes, so that a replay in another process meets the same alignment.
    """

    def __init__(self, capacity: int, dtype: np.dtype[Any]) -> None:
        slack = 64 // dtype.itemsize
        block = np.zeros(capacity + slack, dtype)
        first = -block.ctypes.data % 64 // dtype.itemsize
        self._block = block[first : first + capacity]
        self._used = 0

    def take(self, shape: Shape, *, packed: bool = False) -> Slot:
        """Room for a tensor; a `packed` one follows the one before without a gap."""
        size = prod(shape)
        if size >= ALIGNED and not packed:
            self.align()
        place = Slot(self._used, size, shape)
        self._used += size
        if self._used > len(self._block):
            raise MemoryError("the arena's upper bound was too small")
        return place

    def align(self) -> int:
        """Leave a gap up to the next aligned element; returns where that is."""
        self._used += -self._used % ALIGNED
        return self._used

    def give_back(self, place: Slot) -> None:
        """Take a place back that turned out not to be needed; a gap stays unless it is the last."""
        if place.offset + place.size == self._used:
            self._used = place.offset

    def view(self, place: Slot) -> Array:
        """The tensor at a place."""
        return place.within(self._block)

    def find(self, array: Array) -> Slot | None:
        """The place of a contiguous view of this arena; None for any other array."""
        if array.dtype != self._block.dtype or not array.flags.c_contiguous or not array.size:
            return None
        offset, rest = divmod(array.ctypes.data - self._block.ctypes.data, array.itemsize)
        if rest or offset < 0 or offset + array.size > self._used:
            return None
        return Slot(offset, array.size, array.shape)

    @property
    def memory(self) -> Array:
        """All that was given out, as one flat array."""
        return self._block[: self._used]
