"""Elements of a tensor by where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import (
    Tensor,
    at,
    axis,
    condition,
    part,
    rearranged,
    reshaped,
    shape_of,
    stretched,
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
        return np.empty(self.shape, np.bool_)[tuple(self.basic)].shape if self.basic else self.shape


def _axes_read(item: Any) -> int:
    """How many axes an item of an index stands for."""
    if item is None or item is Ellipsis:
        return 0
    return len(item.shape) if isinstance(item, Ref) and item.dtype in ("bool", "uint8") else 1


def _items(u: Call, index: Any) -> list[Any]:
    """An index as a list of its items; a number that is a tensor as a number."""
    found = list(index) if isinstance(index, list) else [index]
    return [
        int(u.array(item)) if isinstance(item, Ref) and not item.shape and "int" in item.dtype else item
        for item in found
    ]


def _listed(index: Any) -> bool:
    """Is it a list of numbers, which may have been `x[0, 2]` or `x[[0, 2]]`?"""
    return isinstance(index, list) and bool(index) and all(type(i) in (int, bool) for i in index)


@known("__getitem__")
def getitem(u: Call, input: Any, index: Any) -> Node:
    """`x[0, 2]` loses two axes, `x[[0, 2]]` none."""
    items = _items(u, index)
    if _listed(index) and len(u.results[0].shape) == len(input.shape):
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
    return rearranged(u, y, lambda p: p[tuple(i if isinstance(i, slice) else index.array(i) for i in tensors)], result)


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
    """The elements of x at recorded places along an axis; the index is as large as the result, and may be smaller than
    x on the other axes. `shape`: of the places, where an axis of size 1 was taken out of them."""
    wanted = tuple(places.shape if shape is None else shape)

    def find(p: Array) -> Array:
        inside = tuple(slice(None) if n == dim else slice(0, size) for n, size in enumerate(wanted))
        return np.take_along_axis(p[inside], values(u, places).reshape(wanted), dim)

    return rearranged(u, x, find, tuple(places.shape))


@known("gather")
def gather(u: Call, input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Node:
    if not input.shape:
        return reshaped(u, input, index.shape)
    if len(index.shape) != len(input.shape):
        return reshaped(u, input, index.shape)
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


# -------------------------------------------------------------------------------------------- written at some places
def written(u: Call, x: Any, value: Any, region: Callable[[Array], Array]) -> Node:
    """x with other numbers at some places: `region` finds these in the places of x, as `p[…]` does. The numbers
    broadcast to the region."""
    shape = tuple(x.shape)
    count = prod(shape)

    def inside() -> Array:
        return region(np.arange(count).reshape(shape))

    def there() -> Array:
        found = np.zeros(count)
        found[inside()] = 1
        return found.reshape(shape)

    def source() -> Array:
        places, own = inside(), shape_of(value)
        numbers = np.arange(prod(own)).reshape(own)
        while numbers.ndim > places.ndim and numbers.shape[0] == 1:
            numbers = numbers[0]
        found = np.zeros(count, np.int64)
        found[places] = np.broadcast_to(numbers, places.shape)
        return found.reshape(shape)

    mask = condition(u, shape, there)
    if not shape_of(value):
        return u.use("where", mask, value, x)
    flat = reshaped(u, value, (prod(value.shape),))
    if flat.shape == (0,):
        return u.same(x)
    return u.use("where", mask, u.use("take", flat, u.whole(shape, source), axis=0), x)


@known("__setitem__")
def setitem(u: Call, input: Any, index: Any, value: Any) -> Node:
    found = Index(u, tuple(input.shape), _items(u, index))
    if _listed(index):
        found = _meant(u, input, index, value)
    if found.repeats:
        u.lacks("writing to one element twice")
    return written(u, input, value, found.done)


def _meant(u: Call, x: Any, index: list[int], value: Any) -> Index:
    """`x[0, 2] = v` or `x[[0, 2]] = v`, by what came out of it."""
    fitting = []
    for items in (index, [index]):
        found = Index(u, tuple(x.shape), items) if len(items) <= len(x.shape) else None
        if found is not None:
            array = np.array(values(u, x))
            try:
                flat = array.reshape(-1)
                places = found.done(np.arange(array.size).reshape(array.shape))
                flat[places] = np.broadcast_to(values(u, value), places.shape)
            except ValueError:
                continue
            if np.array_equal(flat.reshape(array.shape), values(u, u.results[0]), equal_nan=True):
                fitting.append(found)
    if len(fitting) != 1:
        u.lacks("writing to one element, or to several: both would give this")
    return fitting[0]


@known("index_put")
def index_put(u: Call, input: Any, indices: Any, values: Any, accumulate: bool = False) -> Node:
    found = Index(u, tuple(input.shape), [slice(None) if item is None else item for item in indices])
    if accumulate:
        return added(u, input, stretched(u, values, found.done(np.empty(input.shape, np.bool_)).shape), found.done)
    if found.repeats:
        u.lacks("writing to one element twice")
    return written(u, input, values, found.done)


def _rows(u: Call, dim: int, index: Any) -> Callable[[Array], Array]:
    return lambda p: p[at(dim, values(u, index).reshape(-1))]


@known("index_fill")
def index_fill(u: Call, input: Any, dim: int, index: Any, value: Any) -> Node:
    if not input.shape:
        u.lacks("index_fill of a single number")
    return written(u, input, value, _rows(u, axis(input, dim), index))


@known("index_copy")
def index_copy(u: Call, input: Any, dim: int, index: Any, source: Any) -> Node:
    positions = values(u, index).reshape(-1)
    if not input.shape or len(np.unique(positions)) < positions.size:
        u.lacks("index_copy to one place twice")
    return written(u, input, source, _rows(u, axis(input, dim), index))


@known("select_scatter")
def select_scatter(u: Call, input: Any, src: Any, dim: int, index: int) -> Node:
    return written(u, input, src, lambda p: p[at(axis(input, dim), index)])


@known("slice_scatter")
def slice_scatter(
    u: Call, input: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Node:
    return written(u, input, src, lambda p: p[at(axis(input, dim), slice(start, end, step))])


@known("diagonal_scatter")
def diagonal_scatter(u: Call, input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    return written(u, input, src, lambda p: np.diagonal(p, offset, dim1, dim2))


@known("masked_scatter")
def masked_scatter(u: Call, input: Any, mask: Any, source: Any) -> Node:
    """As many of the source's first numbers as the mask has places."""
    shape = np.broadcast_shapes(input.shape, mask.shape)

    def there() -> Array:
        return np.broadcast_to(values(u, mask), shape)

    def order() -> Array:
        return np.asarray(np.maximum(np.cumsum(there().reshape(-1)) - 1, 0)).reshape(shape)

    flat = reshaped(u, source, (prod(source.shape),))
    if flat.shape == (0,):
        return u.same(input)
    y = u.use("take", flat, u.whole(shape, order), axis=0)
    return u.use("where", condition(u, shape, there), y, stretched(u, input, shape))


@known("scatter")
def scatter(
    u: Call, input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Node:
    """Numbers to places along an axis, each place once."""
    src = value if src is None else src
    if reduce is not None or not input.shape or len(index.shape) != len(input.shape):
        u.lacks("scatter with a reduction")
    along, own = axis(input, dim), tuple(index.shape)
    inside = tuple(slice(None) if n == along else slice(0, size) for n, size in enumerate(own))
    if tensor(src):
        order = np.sort(values(u, index), axis=along)
        if np.any(np.diff(order, axis=along) == 0):
            u.lacks("scatter to one place twice")
        cut = tuple(slice(0, size) for size in own)
        src = u.use("slice", src, index=cut) if tuple(src.shape) != own else src
    return written(u, input, src, lambda p: np.take_along_axis(p[inside], values(u, index), along))


# ---------------------------------------------------------------------------------------------- added at some places
def added(u: Call, x: Any, source: Any, region: Callable[[Array], Array]) -> Node:
    """x with numbers added at some places, one as often as the region names it: `region` finds these in the places
    of x, one for each number of the source."""
    shape, count = tuple(x.shape), prod(source.shape)
    flat, numbers = reshaped(u, x, (prod(shape),)), reshaped(u, source, (count,))
    places = u.whole((count,), lambda: region(np.arange(prod(shape)).reshape(shape)).reshape(-1))
    return reshaped(u, u.use("index_add", flat, places, numbers, axis=0), shape)


@known("index_add")
def index_add(u: Call, input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Node:
    source = source if alpha == 1 else u.use("mul", source, alpha)
    return u.use("index_add", input, u.index(index), source, axis=axis(input, dim))


@known("scatter_add")
def scatter_add(u: Call, input: Any, dim: int, index: Any, src: Any) -> Node:
    """The index may be smaller than the source, and than x on the other axes."""
    along, own = axis(input, dim), tuple(index.shape)
    if len(own) != len(input.shape):
        u.lacks("scatter_add of a single number")
    if tuple(src.shape) != own:
        src = u.use("slice", src, index=tuple(slice(0, size) for size in own))
    if all(n == along or size == own[n] for n, size in enumerate(input.shape)):
        return u.use("scatter_add", input, u.index(index), src, axis=along)
    inside = tuple(slice(None) if n == along else slice(0, size) for n, size in enumerate(own))
    return added(u, input, src, lambda p: np.take_along_axis(p[inside], values(u, index), along))
