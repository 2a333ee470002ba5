"""Numbers written into a tensor: at some places, through a view, added to what is there."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.scatter import places_of
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import (
    at,
    axis,
    condition,
    finite,
    line,
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


def all_written(u: Call, x: Any, value: Any, region: Callable[[Array], Array]) -> Node:
    """The same where the region names a place more than once."""
    shape = region(np.broadcast_to(np.False_, tuple(x.shape))).shape
    return all_passing(u, lambda v: written(u, x, v, region), lambda v: added(u, _nothing(u, x), v, region),
                       _fitted(u, value, shape))  # fmt: skip


def all_passing(u: Call, write: Callable[[Node], Node], add: Callable[[Node], Node], source: Node) -> Node:
    """Numbers of which several are written to one place: the last stays, and PyTorch gives the gradient that is there
    to each of them. So what is written is a number that was given, and to it each of them less itself is added."""
    if not source.wants_grad:
        return write(source)
    finite(u, *(u.ref(value) for value in u.event.inputs))
    still = u.use("detach", source)
    return u.use("add", write(still), add(u.use("sub", source, still)))


def _nothing(u: Call, x: Any) -> Node:
    shape = tuple(x.shape)
    return u.constant(shape, lambda: np.zeros(shape), "zeros")


@known("__setitem__")
def setitem(u: Call, input: Any, index: Any, value: Any) -> Node:
    found = Index(u, tuple(input.shape), items_of(u, index))
    if listed(index):
        found = _meant(u, input, index, value)
    if found.read or None in found.basic:
        return all_written(u, input, value, found.done) if found.repeats else written(u, input, value, found.done)
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
            except (ValueError, IndexError):
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
    return (all_written if found.repeats else written)(u, input, values, found.done)


@known("torch.put", "torch.Tensor.put")
def put_flat(u: Call, input: Any, index: Any, source: Any, accumulate: bool = False) -> Node:
    """Numbers to places that are counted over all axes."""
    flat, count = np.asarray(values(u, index)).reshape(-1) % max(1, prod(input.shape)), prod(index.shape)
    numbers, places = reshaped(u, input, (prod(input.shape),)), u.whole((count,), lambda: flat)
    given = reshaped(u, source, (count,))
    if not accumulate and len(np.unique(flat)) < count:
        return reshaped(u, all_written(u, numbers, given, lambda p: p[flat]), tuple(input.shape))
    made = u.use("index_put", numbers, given, places, accumulate=accumulate)
    return reshaped(u, made, tuple(input.shape))


def _rows(u: Call, dim: int, index: Any) -> Callable[[Array], Array]:
    return lambda p: p[at(dim, values(u, index).reshape(-1))]


@known("index_fill")
def index_fill(u: Call, input: Any, dim: int, index: Any, value: Any) -> Node:
    if not input.shape:
        count = prod(index.shape)
        return u.use("where", condition(u, (), lambda: np.asarray(count > 0)), value, input)
    return written(u, input, value, _rows(u, axis(input, dim), index))


@known("index_copy")
def index_copy(u: Call, input: Any, dim: int, index: Any, source: Any) -> Node:
    positions = values(u, index).reshape(-1)
    if not input.shape:
        return written(u, input, reshaped(u, source, ()), lambda p: p) if positions.size else u.same(input)
    twice = len(np.unique(positions)) < positions.size
    return (all_written if twice else written)(u, input, source, _rows(u, axis(input, dim), index))


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
    """Numbers to places along an axis; or added to what is there, or multiplied with it, which PyTorch has no gradient
    of."""
    src = value if src is None else src
    along = axis(input, dim)
    single = not tensor(src) or not shape_of(src)
    if single:
        src = u.use("broadcast_to", src, shape=tuple(index.shape))
    if reduce is not None:
        return _along(u, "scatter_reduce", input, index, src, axis=along, reduce=_REDUCTIONS[reduce])
    if single or not index.shape or not np.any(np.diff(np.sort(values(u, index), axis=along), axis=along) == 0):
        return _along(u, "scatter", input, index, src, axis=along)
    return all_passing(
        u,
        lambda v: _along(u, "scatter", input, index, v, axis=along),
        lambda v: _along(u, "scatter_add", _nothing(u, input), index, v, axis=along),
        u.node(src),
    )


_REDUCTIONS = {"add": "sum", "multiply": "prod"}
"""Of `scatter`, by their names in `scatter_reduce`."""


def _along(u: Call, op: str, x: Any, index: Any, src: Any, **settings: Any) -> Node:
    """An operation of x, an index and a source; a single number is a line of one."""
    if x.shape:
        return u.use(op, x, u.index(index), _cut(u, src, index), **settings)
    places = u.whole((prod(index.shape),), lambda: values(u, index).reshape(-1))
    line = reshaped(u, _cut(u, src, index), (prod(index.shape),))
    return reshaped(u, u.use(op, reshaped(u, x, (1,)), places, line, **settings), ())


def _cut(u: Call, src: Any, index: Any) -> Any:
    """As much of the source as the index has places."""
    own = tuple(index.shape)
    return u.use("slice", src, index=tuple(slice(0, n) for n in own)) if tuple(src.shape) != own else src


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
    if not input.shape:
        places = u.whole((1,), lambda: values(u, index).reshape(-1))
        line = u.use("index_add", reshaped(u, input, (1,)), places, reshaped(u, source, (1,)), axis=0)
        return reshaped(u, line, ())
    return u.use("index_add", input, u.index(index), source, axis=axis(input, dim))


@known("scatter_add")
def scatter_add(u: Call, input: Any, dim: int, index: Any, src: Any) -> Node:
    """The index may be smaller than the source, and than x on the other axes."""
    return _along(u, "scatter_add", input, index, src, axis=axis(input, dim))


@known("scatter_reduce")
def scatter_reduce(
    u: Call, input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Node:
    """What goes to a place, reduced with what is there or in the place of it."""
    along = axis(input, dim)
    reached = np.zeros(tuple(input.shape), np.bool_)
    reached[places_of(values(u, index), along) if reached.shape else ()] = True
    _reducible(u, input, src, reduce, include_self, reached)
    return _along(u, "scatter_reduce", input, index, src, axis=along, reduce=reduce, include_self=include_self)


@known("index_reduce")
def index_reduce(
    u: Call, input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Node:
    """The same for each slice along an axis."""
    along, x, src = axis(input, dim), line(u, input), line(u, source)
    reached = np.zeros(x.shape, np.bool_)
    reached[at(along, values(u, index).reshape(-1))] = True
    _reducible(u, input, source, reduce, include_self, reached.reshape(input.shape))
    turned = tuple(-1 if n == along else 1 for n in range(len(src.shape)))
    i = u.whole(src.shape, lambda: np.broadcast_to(values(u, index).reshape(turned), src.shape))
    settings = {"axis": along, "reduce": reduce, "include_self": include_self}
    return reshaped(u, u.use("scatter_reduce", x, i, src, **settings), tuple(input.shape))


def _reducible(u: Call, x: Any, src: Any, reduce: str, include_self: bool, reached: Array) -> None:
    """Lacks where PyTorch's gradient is another one. `reached`: where in x something goes."""
    if reduce not in ("sum", "mean"):
        finite(u, x, src)
    left_out = reduce in ("amax", "amin") and not include_self
    if left_out and np.any(reached & (values(u, x) == values(u, u.results[0]))):  # PyTorch counts it among equals
        u.lacks(f"{u.name} of an element that equals the one that is left out")


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
