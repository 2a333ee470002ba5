"""Operations that read or write along an axis at places given as whole numbers, and what writes into a slice: gather,
scatter_add, index_add, put. What is read twice gets the sum of both gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import operation
from bptui.model.engine.ops.base import Attribute, Bounds, Op, Signature
from bptui.model.engine.ops.common import at, equal_beside, integer, letters, made, one_axis, zeros
from bptui.model.engine.ops.slices import index_of, index_text, put, reached, read_index, sliced_shape
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

ADDS = "positions count from 0; the gradients of a position that is read twice add up"
AXIS = {"axis": Attribute(0, integer())}


def bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
    return {"i": (0, shapes[0][one_axis(attributes["axis"], shapes[0])])}


def within(name: str, shape: Shape, x: Shape, axis: int) -> None:
    """Raise where a tensor has more than x beside the axis."""
    if len(shape) != len(x) or any(n != axis and size > x[n] for n, size in enumerate(shape)):
        raise ValueError(f"x has shape {x} and {name} has shape {shape}: beside axis {axis} there may be no more")


def places_of(i: Array, axis: int) -> tuple[Any, ...]:
    """An index of all axes: i along one, the place itself along the others."""
    return tuple(i if n == axis else places for n, places in enumerate(np.ogrid[tuple(map(slice, i.shape))]))


# --------------------------------------------------------------------------------------------------------------- gather
def _gather_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, i = shapes
    within("i", i, x, one_axis(attributes["axis"], x))
    return i


def _gather_definition(signature: Signature) -> str:
    """Beside the axis the index may have less than x: a place that stood alone would say that it has as many."""
    out = letters(signature.out_rank, avoid="i")
    axis = one_axis(signature["axis"], signature.out_rank)
    read = [at("i", out) if n == axis else f"0 + {place}" for n, place in enumerate(out)]
    return f"{at('y', out)} = {at('x', read)}"


def read_along(x: Array, i: Array, axis: int, out: Array) -> None:
    """The number of x at each place that i names."""
    out[...] = x[places_of(i, axis)]


# ----------------------------------------------------------------------------------------------- scatter_add, index_add
def scatter_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, i, src = shapes
    within("i", i, x, one_axis(attributes["axis"], x))
    if src != i:
        raise ValueError(f"i has shape {i} and src has shape {src}: they must be equal")
    return x


def _index_add_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, i, src = shapes
    axis = one_axis(attributes["axis"], x)
    equal_beside(("x", "src"), (x, src), axis)
    if i != (src[axis],):
        raise ValueError(f"src has shape {src} and i has shape {i}: i must name a place for each of axis {axis} of src")
    return x


def _added_definition(signature: Signature) -> str:
    """x, and what src has for the place: i is of all axes (scatter_add), or of one (index_add)."""
    *out, run = letters(signature.out_rank + 1, avoid="i")
    axis = one_axis(signature["axis"], signature.out_rank)
    read = [run if n == axis else place for n, place in enumerate(out)]
    along = signature.op == "scatter_add"
    source = f"sum({at('src', read)} for {run} in {run.upper()} if {at('i', read if along else [run])} == {out[axis]})"
    return f"{at('y', out)} = {at('x', out)} + {where_inside(source, '0', out, axis) if along else source}"


def where_inside(value: str, otherwise: str, out: Sequence[str], axis: int) -> str:
    """A value of what lies within the index, beside the axis: it may have less there than x."""
    tests = " and ".join(f"{place} < i.shape[{n}]" for n, place in enumerate(out) if n != axis)
    return f"(({value}) if {tests} else {otherwise})" if tests else value


def _add(x: Array, i: Array, src: Array, axis: int, out: Array) -> None:
    out[...] = x
    if i.shape == src.shape and i.ndim > 1:
        np.add.at(out, places_of(i, axis), src)
    else:
        np.add.at(np.moveaxis(out, axis, 0), i, np.moveaxis(src, axis, 0))


_GATHER = Rule(
    lambda x, i, axis: noted(read_along, i.shape, x, i, options=(one_axis(axis, x.shape),)),
    lambda g, y, x, i, axis: noted(_add, x.shape, zeros(x), i, g, options=(one_axis(axis, x.shape),)),
)


_SCATTER_ADD = Rule(
    lambda x, i, src, axis: noted(_add, x.shape, x, i, src, options=(one_axis(axis, x.shape),)),
    lambda g, y, x, i, src, axis: g,
    None,
    lambda g, y, x, i, src, axis: noted(read_along, i.shape, g, i, options=(one_axis(axis, x.shape),)),
)


@operation
def added(x: Any, i: Any, src: Any, axis: int) -> Any:
    """x, with each slice of src along an axis added at the place that i names for it."""
    return noted(_add, x.shape, x, i, src, options=(one_axis(axis, x.shape),))


_INDEX_ADD = Rule(
    added,
    lambda g, y, x, i, src, axis: g,
    None,
    lambda g, y, x, i, src, axis: made(np.take, src.shape, g, i, options=(one_axis(axis, x.shape),)),
)


# ------------------------------------------------------------------------------------------------------------------ put
def _place_text(value: Any) -> str:
    text = index_text(value)
    if None in read_index(text):
        raise ValueError("must not have None: there is no new axis to write to")
    return text


def _put_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, src = shapes
    wanted = sliced_shape([x], attributes)
    if src != wanted:
        index = attributes["index"]
        raise ValueError(f"x has shape {x} and src has shape {src}: x{index} has shape {wanted}, and src must have it")
    return x


def _put_definition(signature: Signature) -> str:
    """src where the slice reaches, else x."""
    rank = signature.ranks[0]
    out, inside, read = letters(rank), [], []
    for axis, (place, item) in enumerate(zip(out, index_of(signature["index"], rank), strict=True)):
        tests, where = reached(place, f"x.shape[{axis}]", item)
        inside += tests
        read += where
    otherwise = f" if {' and '.join(inside)} else {at('x', out)}" if inside else ""
    return f"{at('y', out)} = {at('src', read)}{otherwise}"


_PUT = Rule(
    put,
    lambda g, y, x, src, index: put(g, zeros(src), index=index),
    lambda g, y, x, src, index: g[(*index_of(index, len(x.shape)), ...)],
)


OPS = (
    Op(
        "gather",
        ("x", "i"),
        _gather_definition,
        _gather_shape,
        *_GATHER.pair,
        "Along an axis, the element of x that i names, beside it for all other axes (take_along_axis); there i may "
        "have less.",
        AXIS,
        indices=("i",),
        convention=ADDS,
        bounds=bounds,
    ),
    Op(
        "scatter_add",
        ("x", "i", "src"),
        _added_definition,
        scatter_shape,
        *_SCATTER_ADD.pair,
        "x, with each element of src added along an axis at the place that i names for it; on the other axes "
        "i may have less than x.",
        AXIS,
        indices=("i",),
        convention="positions count from 0; what goes to one place adds up",
        bounds=bounds,
    ),
    Op(
        "index_add",
        ("x", "i", "src"),
        _added_definition,
        _index_add_shape,
        *_INDEX_ADD.pair,
        "x, with each slice of src along an axis added at the place that i names for it.",
        AXIS,
        indices=("i",),
        convention="positions count from 0; what goes to one place adds up",
        bounds=bounds,
    ),
    Op(
        "put",
        ("x", "src"),
        _put_definition,
        _put_shape,
        *_PUT.pair,
        "x with src written into a slice of it: a new tensor, as `x[1:, ::2] = src` makes of x.",
        {"index": Attribute(None, _place_text, required=True)},
    ),
)
