"""Elements of a tensor by where they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.lists import LISTS
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import (
    Tensor,
    axis,
    part,
    rearranged,
    reshaped,
    tensor,
    values,
    whole,
)
from bptui.model.source.captured.known.registry import known


class Index:
    """An index `x[…]` as PyTorch reads it: first its numbers, slices, None and `...`, then its tensors, together.

    basic     what NumPy does first, a whole axis where a tensor stands
    tensors   what NumPy does to that, a whole axis where none stands: arrays are read when it is done
    """

    def __init__(self, u: Call, shape: Shape, index: Sequence[Any]) -> None:
        self.u, self.shape = u, shape
        rank = sum(_axes_read(item) for item in index)
        if rank > len(shape):
            u.lacks(f"{u.name}: an index of more axes than there are")
        self.basic: list[Any] = []
        self.tensors: list[Any] = []
        start = 0
        for item in [*index, *([] if Ellipsis in [i for i in index if not tensor(i)] else [Ellipsis])]:
            if item is Ellipsis:
                left = (slice(None),) * (len(shape) - rank)
                self.basic += left
                self.tensors += left
                start += len(left)
            elif item is None:
                self.basic.append(None)
                self.tensors.append(slice(None))
            elif isinstance(item, slice):
                found = slice(*item.indices(shape[start]))
                self.basic.append(slice(None) if found == slice(0, shape[start], 1) else found)
                self.tensors.append(slice(None))
                start += 1
            elif isinstance(item, bool):
                u.lacks(f"{u.name} by True or False")
            elif isinstance(item, int):
                self.basic.append(item)
                start += 1
            else:
                read = _axes_read(item)
                self.basic += (slice(None),) * read
                self.tensors.append(item)
                start += read

    @property
    def read(self) -> list[Any]:
        """Its tensors and lists."""
        return [item for item in self.tensors if not isinstance(item, slice)]

    def done(self, x: Array) -> Array:
        """x[…]."""
        found: Array = x[tuple(self.basic)]
        return np.asarray(found[tuple(i if isinstance(i, slice) else self.array(i) for i in self.tensors)])

    def array(self, item: Any) -> Array:
        """A tensor or a list of the index, as NumPy takes it."""
        found = values(self.u, item) if isinstance(item, Ref) else np.asarray(item)
        return found.astype(np.bool_) if found.dtype == np.uint8 else found

    @property
    def repeats(self) -> bool:
        """May it name an element twice? Read at once: it decides whether writing there is one choice."""
        wholes = [found for item in self.read if (found := self.array(item)).dtype != np.bool_]
        if not wholes:
            return False
        if len(wholes) < len(self.read):
            return True
        sizes = iter(
            [n for n, item in zip(self.found_sizes(), self.tensors, strict=True) if not isinstance(item, slice)]
        )
        rows = np.stack([x.reshape(-1) % max(1, next(sizes)) for x in np.broadcast_arrays(*wholes)])
        return bool(np.unique(rows, axis=1).shape[1] < rows.shape[1])

    def found_sizes(self) -> Shape:
        """The shape that its tensors are an index of."""
        seen: Array = np.broadcast_to(np.False_, self.shape)[tuple(self.basic)]
        return seen.shape


def _axes_read(item: Any) -> int:
    """How many axes an item of an index stands for."""
    if item is None or item is Ellipsis:
        return 0
    return len(item.shape) if isinstance(item, Ref) and item.dtype in ("bool", "uint8") else 1


def items_of(u: Call, index: Any) -> list[Any]:
    """An index as a list of its items; a number that is a tensor as a number."""
    found = list(index) if isinstance(index, list) else [index]
    return [
        int(u.array(item)) if isinstance(item, Ref) and not item.shape and "int" in item.dtype else item
        for item in found
    ]


def listed(index: Any) -> bool:
    """Is it a list of numbers, which may have been `x[0, 2]` or `x[[0, 2]]`?"""
    return isinstance(index, list) and bool(index) and all(type(i) in (int, bool) for i in index)


@known("__getitem__")
def getitem(u: Call, input: Any, index: Any) -> Node:
    """`x[0, 2]` loses two axes, `x[[0, 2]]` none."""
    items = items_of(u, index)
    if listed(index) and len(u.results[0].shape) == len(input.shape):
        items = [index]
    return element(u, input, Index(u, tuple(input.shape), items))


def element(u: Call, x: Any, index: Index) -> Node:
    """x[…]: a slice; then elements at the places of one tensor along an axis, or of all tensors together."""
    result = u.results[0].shape
    plain = tuple(item for item in index.basic if item is not None)
    y = u.use("slice", x, index=plain) if any(item != slice(None) for item in plain) else u.same(x)
    y = reshaped(u, y, index.found_sizes())
    if not index.read:
        return y
    first, *more = [n for n, item in enumerate(index.tensors) if not isinstance(item, slice)]
    if not more and whole(index.tensors[first]):
        positions, size = index.tensors[first], y.shape[first]
        return u.use("take", y, u.whole(positions.shape, lambda: _positive(values(u, positions), size)), axis=first)
    tensors = index.tensors
    if len(index.read) <= len(LISTS) and all(map(listing, index.read)):
        return at_lists(u, y, index)
    return rearranged(u, y, lambda p: p[tuple(i if isinstance(i, slice) else index.array(i) for i in tensors)], result)


def listing(item: Any) -> bool:
    """Is it a list of places, not a mask?"""
    return whole(item) or (isinstance(item, list) and not any(isinstance(n, bool) for n in item))


def at_lists(u: Call, y: Node, index: Index) -> Node:
    """The elements at the places of all lists together."""
    shape = np.broadcast_shapes(*(np.shape(i) if isinstance(i, list) else tuple(i.shape) for i in index.read))
    names = iter(LISTS)
    entries: list[Any] = []
    places: list[Node] = []
    for item, size in zip(index.tensors, y.shape, strict=False):
        if isinstance(item, slice):
            entries.append(item)
        else:
            read = partial(_spread, index, item, size, shape)
            entries.append(next(names))
            places.append(u.whole(shape, read))
    return u.use("index", y, *places, index=tuple(entries))


def _spread(index: Index, item: Any, size: int, shape: Shape) -> Array:
    return np.broadcast_to(_positive(index.array(item), size), shape)


def _positive(positions: Array, size: int) -> Array:
    """Positions that count from the end, from the front."""
    return np.where(positions < 0, positions + size, positions)


@known("select")
def select(u: Call, input: Any, dim: int, index: Any) -> Node:
    return part(u, input, dim, int(values(u, index)))


@known("index_select")
def index_select(u: Call, input: Any, dim: int, index: Any) -> Node:
    if not input.shape:
        return u.same(input)
    return u.use(
        "take", input, u.whole(index.shape or (1,), lambda: values(u, index).reshape(-1)), axis=axis(input, dim)
    )


def along(u: Call, x: Tensor, places: Ref, dim: int, shape: Shape | None = None) -> Node:
    """The elements of x at recorded places along an axis: on the other axes the places may be fewer. `shape`: of the
    places, where an axis of size 1 was taken out of them."""
    wanted = tuple(places.shape if shape is None else shape)
    i = u.whole(wanted, lambda: values(u, places).reshape(wanted))
    return reshaped(u, u.use("gather", x, i, axis=dim), tuple(places.shape))


@known("gather")
def gather(u: Call, input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Node:
    if not input.shape:
        return reshaped(u, input, index.shape)
    if len(index.shape) != len(input.shape):  # an empty index may have any rank
        return u.constant(tuple(index.shape), lambda: np.zeros(index.shape))
    return along(u, input, index, axis(input, dim))


@known("take_along_dim")
def take_along_dim(u: Call, input: Any, indices: Any, dim: Any = None) -> Node:
    """Along an axis, the others broadcast against each other; of all elements where none is named."""
    if dim is None:
        return take(u, input, indices)

    def find(p: Array) -> Array:
        return np.take_along_axis(p, _positive(values(u, indices), p.shape[axis(input, dim)]), axis(input, dim))

    return rearranged(u, input, find)


@known("take")
def take(u: Call, input: Any, index: Any) -> Node:
    """Of all elements, in their order."""
    return rearranged(u, input, lambda p: p.reshape(-1)[values(u, index)])


@known("masked_select")
def masked_select(u: Call, input: Any, mask: Any) -> Node:
    shape = np.broadcast_shapes(input.shape, mask.shape)
    return rearranged(u, input, lambda p: np.broadcast_to(p, shape)[np.broadcast_to(values(u, mask), shape)])
