"""Two arrays held against each other, number by number: the one place that says what is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from bptui.model.base.types import Array, Shape

BLOCK = 2**18
"""Numbers that are looked at at once: 2 MB of float64, whatever the size of a tensor."""


def change(before: Array, after: Array) -> Array:
    """after - before in float64, element by element; 0 where both are the same NaN or infinity, and NaN where only one
    is NaN."""
    with np.errstate(all="ignore"):
        made = np.subtract(after, before, dtype=np.float64)
    same = before == after
    if not np.isfinite(made).all():
        same = same | ((before != before) & (after != after))
    return np.where(same, 0.0, made)


def largest(array: Array) -> float:
    """The largest |number| that is finite, 0 where there is none."""
    found = 0.0
    for start in range(0, array.size, BLOCK):
        part = np.abs(np.asarray(array.reshape(-1)[start : start + BLOCK], np.float64))
        found = max(found, float(np.max(part, where=np.isfinite(part), initial=0.0)))
    return found


class Farthest(NamedTuple):
    """Where two arrays are farthest apart. error: |a - b| there, inf where only one of them is NaN or infinite; size:
    the largest finite |number| of either array."""

    error: float
    at: tuple[int, ...]
    a: float
    b: float
    size: float

    @property
    def relative(self) -> float:
        """The error over the largest number of either, 0 where there is no error."""
        return 0.0 if self.error == 0 else self.error / self.size if self.size else float("inf")


def farthest(a: Array, b: Array, overflows: float = float("inf")) -> Farthest:
    """Two arrays of one shape, block by block. overflows: an infinity of `a` is none that differs where |b| is as large
    as that (the shorter kind of number of `a` has none for it)."""
    a, b = np.asarray(a), np.asarray(b)
    if a is b or (a.dtype == b.dtype and np.array_equal(a, b)):
        size, first = largest(a), float(a.reshape(-1)[0]) if a.size else 0.0
        return Farthest(0.0, (0,) * a.ndim if a.size else (), first, first, size)

    def off(x: Array, y: Array) -> Array:
        found = np.abs(change(y, x))
        found[np.isinf(x) & (np.sign(x) == np.sign(y)) & (np.abs(y) >= overflows)] = 0.0
        return found

    return worst(a.shape, ((x, y, off(x, y)) for x, y in blocks(a, b)))


def blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Arrays of one size in float64, BLOCK numbers of each at a time."""
    flat = [np.asarray(array).reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, BLOCK):
        yield tuple(np.asarray(array[start : start + BLOCK], np.float64) for array in flat)


def worst(shape: Shape, parts: Iterable[tuple[Array, Array, Array]]) -> Farthest:
    """The largest of some errors, NaN being the largest of all. parts: blocks of (a, b, error) of two arrays."""
    error, where, size, a, b, start = -1.0, 0, 0.0, 0.0, 0.0, 0
    for x, y, off in parts:
        off[np.isnan(off)] = np.inf
        at = int(np.argmax(off))
        if off[at] > error:
            error, where, a, b = float(off[at]), start + at, float(x[at]), float(y[at])
        size = max(size, largest(x), largest(y))
        start += x.size
    at_end = tuple(int(i) for i in np.unravel_index(where, shape)) if error >= 0 else ()
    return Farthest(max(0.0, error), at_end, a, b, size)


def changed_most(before: Array, after: Array, most: int) -> list[tuple[int, float]]:
    """At most so many of the numbers that changed, the largest change first: their places in the flat array, and |after
    - before|, inf where only one is NaN or infinite."""
    where, sizes, start = np.zeros(0, np.int64), np.zeros(0), 0
    for x, y in blocks(before, after):
        size = np.abs(change(x, y))
        size[~np.isfinite(size)] = np.inf
        where, sizes = np.append(where, np.arange(start, start + x.size)), np.append(sizes, size)
        if sizes.size > most:
            kept = np.sort(np.argpartition(-sizes, most - 1)[:most])
            where, sizes = where[kept], sizes[kept]
        start += x.size
    order = np.argsort(-sizes, kind="stable")
    return [(int(where[k]), float(sizes[k])) for k in order.tolist() if sizes[k]]
