"""Minibatches and random masks: what changes from step to step without being computed from the step before.

Both are pure functions of (seed, step), drawn from a counter-based generator (Philox): a replay that starts anywhere
gets the same rows and the same masks. Only its raw 64-bit stream is used, which NumPy keeps the same across versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.arena import Clock

SHUFFLE, MASK = 1, 2
"""What a draw is for, so that two uses of the same seed never meet."""

_WORD = 2**64 - 1


def draw(seed: int, purpose: int, step: int, count: int, stream: int = 0) -> NDArray[np.uint64]:
    """`count` uniform 64-bit numbers: a pure function of the arguments."""
    words = np.array([0, step & _WORD, stream & _WORD, 0], np.uint64)
    key = np.array([seed & _WORD, purpose], np.uint64)
    return np.random.Philox(counter=words, key=key).random_raw(count)


@dataclass(frozen=True)
class Batches:
    """Samples for input and target leaves, by leaf name, of which each step takes `size` rows.

    The rows are cut from the endless sequence of epochs, one after the other, each in file order or shuffled anew:
    every sample is met once per epoch, also where `size` does not divide their number.
    """

    arrays: Mapping[str, Array]
    size: int
    shuffle: bool = True
    _orders: dict[tuple[int, int], NDArray[np.intp]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", MappingProxyType(dict(self.arrays)))
        counts = {name: len(array) for name, array in self.arrays.items()}
        if len(set(counts.values())) != 1:
            told = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise UserError("data", f"the numbers of samples differ: {told or 'none given'}", "one target per input")
        if not 1 <= self.size <= self.count:
            raise UserError("data.batch_size", f"{self.size} of {self.count} samples", f"1 to {self.count}")

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.arrays.values())))

    def rows(self, seed: int, step: int) -> NDArray[np.intp]:
        """Which samples training step `step` takes."""
        epoch, first = divmod(step * self.size, self.count)
        order = self._order(seed, epoch)
        rows = order[first : first + self.size]
        if len(rows) == self.size:
            return rows
        return np.concatenate((rows, self._order(seed, epoch + 1)[: self.size - len(rows)]))

    def _order(self, seed: int, epoch: int) -> NDArray[np.intp]:
        """The order of an epoch; the last two are kept."""
        if not self.shuffle:
            seed, epoch = 0, 0
        order = self._orders.get((seed, epoch))
        if order is None:
            order = np.arange(self.count, dtype=np.intp)
            if self.shuffle:
                order = np.argsort(draw(seed, SHUFFLE, epoch, self.count), kind="stable")
            while len(self._orders) > 1:
                del self._orders[next(iter(self._orders))]
            self._orders[seed, epoch] = order
        return order


def feeder(batches: Batches, buffers: Mapping[str, Array], seed: int, clock: Clock) -> Callable[[], None]:
    """A call that fills the buffers with the rows of the current step."""
    takes = []
    for name, buffer in buffers.items():
        samples = np.ascontiguousarray(batches.arrays[name], dtype=buffer.dtype)
        if (batches.size, *samples.shape[1:]) != buffer.shape:
            what = f"{batches.size} samples of shape {samples.shape[1:]}"
            raise UserError(name, what, f"shape {buffer.shape} in all")
        takes.append((samples.take, buffer))

    def feed() -> None:
        rows = batches.rows(seed, clock.step)
        for take, buffer in takes:
            take(rows, 0, buffer, "clip")  # "clip" writes straight into the buffer; the rows are never out of range

    return feed


def masker(mask: Array, p: float, seed: int, node: int, clock: Clock) -> Callable[[], None]:
    """A call that draws a mask of the current step: 0 with probability p, else 1."""
    threshold = np.uint64(min(int(p * 2.0**64), _WORD))
    flat = mask.reshape(-1)

    def fill() -> None:
        np.greater_equal(draw(seed, MASK, clock.step, flat.size, node), threshold, out=flat)

    return fill
