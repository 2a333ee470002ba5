"""Numbers written into a tensor: at some places, through a view, added to what is there."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import (
    at,
    axis,
    condition,
    rearranged,
    reshaped,
    shape_of,
    stretched,
    tensor,
    values,
)
from bptui.model.source.captured.known.indexing import Index, items_of, listed
from bptui.model.source.captured.known.registry import known


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
    found = Index(u, tuple(input.shape), items_of(u, index))
    if listed(index):
        found = _meant(u, input, index, value)
    if found.repeats:
        u.lacks("writing to one element twice")
    if found.read or None in found.basic:
        return written(u, input, value, found.done)
    return u.use("put", input, _fitted(u, value, found.found_sizes()), index=tuple(found.basic))


def _fitted(u: Call, value: Any, shape: Shape) -> Node:
    """What is written, in the shape of where it is written to; axes of size 1 in front of it go."""
    own = shape_of(value)
    while len(own) > len(shape) and own[0] == 1:
        own = own[1:]
    return stretched(u, reshaped(u, value, own) if tensor(value) else value, shape)


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
        return added(
            u, input, stretched(u, values, found.done(np.broadcast_to(np.False_, input.shape)).shape), found.done
        )
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


@known("scatter_reduce")
def scatter_reduce(
    u: Call, input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Node:
    """Sums or means of what goes to a place, with what is there or in the place of it."""
    if reduce not in ("sum", "mean") or len(index.shape) != len(input.shape) or not input.shape:
        u.lacks(f"scatter_reduce by {reduce}")
    shape, along, own = tuple(input.shape), axis(input, dim), tuple(index.shape)

    def counts() -> Array:
        places = [np.arange(size).reshape([-1 if m == n else 1 for m in range(len(own))]) for n, size in enumerate(own)]
        places[along] = values(u, index)
        found = np.zeros(shape)
        np.add.at(found, tuple(places), 1)
        return found

    x = input if include_self else u.use("where", condition(u, shape, lambda: counts() > 0), 0.0, input)
    y = scatter_add(u, x, dim, index, src)
    if reduce == "sum":
        return y
    return u.use("div", y, u.constant(shape, lambda: np.maximum(counts() + include_self, 1.0)))


# ------------------------------------------------------------------------------------------------------------- views
SPREAD = 16
"""A base whose numbers lie farther apart than so many places each is not looked through (but for a small one)."""


def _extent(u: Call, x: Ref) -> tuple[int, int]:
    """The first and the last place of a value in its storage."""
    offset, strides = x.place
    if len(strides) != len(x.shape):
        u.lacks("a view whose place in its storage is not known")
    return offset, offset + sum(max(size - 1, 0) * stride for size, stride in zip(x.shape, strides, strict=True))


def _inside(u: Call, base: Ref, part: Ref) -> Callable[[Array], Array]:
    """Where in the base each number of a part of its storage lies, from the place of each number of the base."""
    (first, last), (begin, end) = _extent(u, base), _extent(u, part)
    if not first <= begin <= end <= last:
        u.lacks("a view that reaches beyond its base")
    if last - first > SPREAD * prod(base.shape) + 2**20:
        u.lacks("a base whose numbers lie too far apart")

    def find(numbers: Array) -> Array:
        found = np.zeros(last - first + 1, np.int64)
        found[u.places(base).reshape(-1) - first] = numbers.reshape(-1)
        here: Array = found[u.places(part) - first]
        return here

    return find


@known("bptui.put")
def put(u: Call, base: Any, new: Any) -> Node:
    """The base with what was written through a view of it: by where in the storage the numbers of both lie."""
    return written(u, base, new, _inside(u, base, new))


@known("bptui.view_again", "as_strided")
def view_again(u: Call, base: Any, *_: Any, **__: Any) -> Node:
    """A view of a base that was changed since: the same way."""
    return rearranged(u, base, _inside(u, base, u.results[0]))
