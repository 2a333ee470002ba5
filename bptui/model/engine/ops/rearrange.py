"""Operations that put numbers elsewhere without computing: flip, roll, tril, triu, diagonal, diag_embed, repeat,
repeat_interleave; trace and outer, the sum and the product that go with a diagonal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import operation
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import (
    AXIS,
    at,
    integer,
    letters,
    made,
    many_axes,
    one_axis,
    optional,
    shifted,
    wholes,
)
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


# ----------------------------------------------------------------------------------------------------------------- flip
def _flip_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    many_axes(attributes["axis"], shapes[0])
    return shapes[0]


def _flip_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    axes = many_axes(signature["axis"], signature.out_rank)
    return f"{at('y', out)} = {at('x', [f'{i.upper()} - 1 - {i}' if n in axes else i for n, i in enumerate(out)])}"


def _flipped(x: Any, axis: Any) -> Any:
    axes = many_axes(axis, x.shape)
    return x[tuple(slice(None, None, -1 if n in axes else None) for n in range(len(x.shape)))] if axes else x


_FLIP = Rule(lambda x, axis: _flipped(x, axis), lambda g, y, x, axis: _flipped(g, axis))


# ----------------------------------------------------------------------------------------------------------------- roll
def _turns(attributes: Attributes, shape: Sequence[int] | int) -> dict[int, int]:
    """By how much each axis is turned."""
    rank = shape if isinstance(shape, int) else len(shape)
    axes, shift = attributes["axis"], attributes["shift"]
    if axes is None and rank > 1:
        raise ValueError(f"x has {rank} axes: axis must say which of them is turned")
    axes = (0,) * len(shift) if axes is None else axes
    if len(axes) != len(shift):
        raise ValueError(f"shift {shift} has {len(shift)} numbers, and axis {axes} names {len(axes)} axes")
    found: dict[int, int] = {}
    for axis, by in zip(axes, shift, strict=True):
        found[one_axis(axis, shape)] = found.get(one_axis(axis, shape), 0) + by
    return found


def _roll_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    _turns(attributes, shapes[0])
    return shapes[0]


def _roll_definition(signature: Signature) -> str:
    out, read = letters(signature.out_rank), list(letters(signature.out_rank))
    for axis, by in _turns(dict(signature.attributes), signature.out_rank).items():
        if by:
            read[axis] = f"({out[axis]} {'-' if by > 0 else '+'} {abs(by)}) % x.shape[{axis}]"
    return f"{at('y', out)} = {at('x', read)}"


def _rolled(x: Any, sign: int, **attributes: Any) -> Any:
    turns = _turns(attributes, x.shape)
    return made(np.roll, x.shape, x, options=(tuple(sign * by for by in turns.values()), tuple(turns)))


_ROLL = Rule(lambda x, **given: _rolled(x, 1, **given), lambda g, y, x, **given: _rolled(g, -1, **given))


# ----------------------------------------------------------------------------------------------------------- tril, triu
def _matrix_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    if len(shapes[0]) < 2:
        raise ValueError(f"x has shape {shapes[0]}: it must have at least two axes (rows, columns)")
    return shapes[0]


def _triangle(name: str, sign: str, kept: Callable[..., Any], doc: str) -> Op:
    def definition(signature: Signature) -> str:
        out = letters(signature.out_rank, avoid="k")
        test = f"{out[-1]} {sign} {shifted(out[-2], signature['k'])}"
        return f"{at('y', out)} = {at('x', out)} if {test} else 0"

    rule = Rule(kept, lambda g, y, x, k: kept(g, k=k))
    return Op(name, ("x",), definition, _matrix_shape, *rule.pair, doc, {"k": Attribute(0, integer())})


@operation
def lower(x: Any, k: int = 0) -> Any:
    """The lower triangle of matrices, up to k above the diagonal; 0 beyond."""
    return np.where(np.broadcast_to(np.tri(x.shape[-2], x.shape[-1], k, np.bool_), x.shape), x, 0)


@operation
def upper(x: Any, k: int = 0) -> Any:
    """The upper triangle of matrices, from k above the diagonal; 0 below."""
    return np.where(np.broadcast_to(~np.tri(x.shape[-2], x.shape[-1], k - 1, np.bool_), x.shape), x, 0)


# ------------------------------------------------------------------------------------------------------ diagonal, trace
def _two_axes(attributes: Attributes, shape: Sequence[int] | int) -> tuple[int, int]:
    found = one_axis(attributes["axis1"], shape), one_axis(attributes["axis2"], shape)
    if found[0] == found[1]:
        raise ValueError(f"axis1 and axis2 of x are both axis {found[0]}")
    return found


def _diagonal_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    a, b = _two_axes(attributes, x)
    offset = attributes["offset"]
    size = min(x[a], x[b] - offset) if offset >= 0 else min(x[a] + offset, x[b])
    return (*(n for axis, n in enumerate(x) if axis not in (a, b)), max(0, size))


def _diagonal_definition(signature: Signature) -> str:
    """The index along it stands with a number, `0 + k`: alone it would say that it runs over the whole axis."""
    a, b = _two_axes(dict(signature.attributes), signature.ranks[0])
    *lead, along = out = letters(signature.out_rank)
    offset, rest = signature["offset"], iter(lead)
    first, second = ("0", str(offset)) if offset >= 0 else (str(-offset), "0")
    read = [
        f"{first} + {along}" if axis == a else f"{second} + {along}" if axis == b else next(rest)
        for axis in range(signature.ranks[0])
    ]
    return f"{at('y', out)} = {at('x', read)}"


def _fill_back(g: Array, offset: int, axis1: int, axis2: int, out: Array) -> None:
    out[...] = 0
    view = out.diagonal(offset, axis1, axis2)
    view.setflags(write=True)
    view[...] = g


def _options(attributes: Attributes, rank: int) -> tuple[int, int, int]:
    return (attributes["offset"], *_two_axes(attributes, rank))


_DIAGONAL = Rule(
    lambda x, **given: made(np.diagonal, _diagonal_shape([x.shape], given), x, options=_options(given, x.ndim)),
    lambda g, y, x, **given: noted(_fill_back, x.shape, g, options=_options(given, x.ndim)),
)


# ----------------------------------------------------------------------------------------------------------- diag_embed
def _embedded_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    if not x:
        raise ValueError("x has shape (): it must have an axis that becomes a diagonal")
    side = x[-1] + abs(attributes["offset"])
    axes = set(_two_axes(attributes, len(x) + 1))
    rest = iter(x[:-1])
    return tuple(side if axis in axes else next(rest) for axis in range(len(x) + 1))


def _embedded_definition(signature: Signature) -> str:
    """Where row and column are as far apart as the offset, x; 0 elsewhere."""
    out, offset = letters(signature.out_rank), signature["offset"]
    row, column = (out[axis] for axis in _two_axes(dict(signature.attributes), signature.out_rank))
    rest = [i for i in out if i not in (row, column)]
    along = row if offset >= 0 else column
    read = at("x", [*rest, f"0 + {along}" if offset else along])
    return f"{at('y', out)} = {read} if {column} == {shifted(row, offset)} else 0"


_EMBEDDED = Rule(
    lambda x, **given: noted(_fill_back, _embedded_shape([x.shape], given), x, options=_options(given, x.ndim + 1)),
    lambda g, y, x, **given: made(np.diagonal, x.shape, g, options=_options(given, x.ndim + 1)),
)


def _trace_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    if len(shapes[0]) != 2:
        raise ValueError(f"x has shape {shapes[0]}: it must have two axes (rows, columns)")
    return ()


_TRACE = Rule(
    lambda x: np.sum(np.where(np.eye(*x.shape, dtype=np.bool_), x, 0)),
    lambda g, y, x: np.where(np.eye(*x.shape, dtype=np.bool_), g, 0),
)


# ---------------------------------------------------------------------------------------------------------------- outer
def _outer_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    for name, shape in zip("ab", shapes, strict=True):
        if len(shape) != 1:
            raise ValueError(f"{name} has shape {shape}: it must have one axis")
    return (*shapes[0], *shapes[1])


_OUTER = Rule(
    lambda a, b: a[:, None] * b,
    lambda g, y, a, b: np.dot(g, b),
    lambda g, y, a, b: np.dot(a, g),
)


# -------------------------------------------------------------------------------------------- repeat, repeat_interleave
def _times(attributes: Attributes, rank: int) -> tuple[int, ...]:
    """How often along each axis of the output: fewer numbers than axes are those of the last ones."""
    repeats: tuple[int, ...] = attributes["repeats"]
    return (1,) * (rank - len(repeats)) + repeats


def _repeat_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    times = _times(attributes, len(x))
    return tuple(size * often for size, often in zip((1,) * (len(times) - len(x)) + x, times, strict=True))


def _repeat_definition(signature: Signature) -> str:
    times, out = _times(dict(signature.attributes), signature.ranks[0]), letters(signature.out_rank)
    new = len(times) - signature.ranks[0]
    own = zip(out[new:], times[new:], strict=True)
    return (
        f"{at('y', out)} = {at('x', [f'{i} % x.shape[{n}]' if often != 1 else i for n, (i, often) in enumerate(own)])}"
    )


def _repeat_vjp(g: Any, y: Any, x: Any, repeats: tuple[int, ...]) -> Any:
    """Each copy's share, added up."""
    times = _times({"repeats": repeats}, len(x.shape))
    sizes = (1,) * (len(times) - len(x.shape)) + x.shape
    apart = g.reshape([n for pair in zip(times, sizes, strict=True) for n in pair])
    return np.sum(apart, tuple(range(0, 2 * len(times), 2))).reshape(x.shape)


_REPEAT = Rule(
    lambda x, repeats: made(np.tile, _repeat_shape([x.shape], {"repeats": repeats}), x, options=(repeats,)),
    _repeat_vjp,
)


def _interleaved_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    axis = one_axis(attributes["axis"], x)
    return (*x[:axis], x[axis] * attributes["repeats"], *x[axis + 1 :])


def _interleaved_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    axis, often = one_axis(signature["axis"], signature.out_rank), signature["repeats"]
    return f"{at('y', out)} = {at('x', [f'{i}//{often}' if n == axis and often > 1 else i for n, i in enumerate(out)])}"


def _interleaved(x: Any, repeats: int, axis: int) -> Any:
    shape = _interleaved_shape([x.shape], {"repeats": repeats, "axis": axis})
    return made(np.repeat, shape, x, options=(repeats, one_axis(axis, x.shape)))


def _interleaved_vjp(g: Any, y: Any, x: Any, repeats: int, axis: int) -> Any:
    n = one_axis(axis, x.shape)
    return np.sum(g.reshape((*x.shape[: n + 1], repeats, *x.shape[n + 1 :])), n + 1)


_INTERLEAVED = Rule(_interleaved, _interleaved_vjp)


OPS = (
    Op(
        "flip",
        ("x",),
        _flip_definition,
        _flip_shape,
        *_FLIP.pair,
        "x with its elements along one, several or all axes in reverse.",
        {"axis": AXIS},
    ),
    Op(
        "roll",
        ("x",),
        _roll_definition,
        _roll_shape,
        *_ROLL.pair,
        "x moved along its axes, what leaves at the end comes in at the start.",
        {"shift": Attribute(None, wholes, required=True), "axis": Attribute(None, optional(wholes))},
    ),
    _triangle(
        "tril",
        "<=",
        lower,
        "The lower triangle of matrices (the last two axes), up to k above the diagonal; 0 beyond.",
    ),
    _triangle(
        "triu", ">=", upper, "The upper triangle of matrices (the last two axes), from k above the diagonal; 0 below."
    ),
    Op(
        "diagonal",
        ("x",),
        _diagonal_definition,
        _diagonal_shape,
        *_DIAGONAL.pair,
        "The diagonal over two axes, as a last axis; offset: so far above it.",
        {"offset": Attribute(0, integer()), "axis1": Attribute(0, integer()), "axis2": Attribute(1, integer())},
    ),
    Op(
        "diag_embed",
        ("x",),
        _embedded_definition,
        _embedded_shape,
        *_EMBEDDED.pair,
        "Matrices with x on a diagonal, over two axes of the result, and 0 beside it; offset: so far above.",
        {"offset": Attribute(0, integer()), "axis1": Attribute(-2, integer()), "axis2": Attribute(-1, integer())},
    ),
    Op(
        "trace",
        ("x",),
        "y = sum(x[i,j] for i in I for j in J if i == j)",
        _trace_shape,
        *_TRACE.pair,
        "The sum of a matrix's diagonal.",
    ),
    Op(
        "outer",
        ("a", "b"),
        "y[i,j] = a[i]*b[j]",
        _outer_shape,
        *_OUTER.pair,
        "Each element of a times each of b.",
    ),
    Op(
        "repeat",
        ("x",),
        _repeat_definition,
        _repeat_shape,
        *_REPEAT.pair,
        "x again and again, so often along each axis (tile); more numbers than axes are new axes in front.",
        {"repeats": Attribute(None, lambda value: wholes(value, 0), required=True)},
    ),
    Op(
        "repeat_interleave",
        ("x",),
        _interleaved_definition,
        _interleaved_shape,
        *_INTERLEAVED.pair,
        "Each element so often, one after the other, along an axis.",
        {"repeats": Attribute(None, integer(1), required=True), "axis": Attribute(0, integer())},
    ),
)
