"""Operations that read at positions given as whole numbers: take, embedding. Gradients of repeated positions add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, contiguous, integer, letters, one_axis
from bptui.model.engine.ops.lookup import ATTRIBUTES, HELD, PADDED, TOLD, Lookup
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


def _take_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, i = shapes
    axis = one_axis(attributes["axis"], x)
    return x[:axis] + i + x[axis + 1 :]


def _take_definition(signature: Signature) -> str:
    rank, positions = signature.ranks
    axis = one_axis(signature["axis"], rank)
    out = letters(rank - 1 + positions, avoid="i")
    where = at("i", out[axis : axis + positions])
    return f"{at('y', out)} = {at('x', [*out[:axis], where, *out[axis + positions :]])}"


def _take(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x, i = inputs
    if out.size:  # "clip" only chooses the path without a copy: positions were checked against the bounds before
        emit(x.take, i, _axis(attributes, x), out, "clip")


def _take_vjp(emit: Emit, ctx: Backward) -> None:
    x, i = ctx.inputs
    axis = _axis(ctx.attributes, x)
    emit(np.copyto, ctx.d, emit.const(0.0))
    g = contiguous(emit, ctx.upstream).reshape((*x.shape[:axis], i.size, *x.shape[axis + 1 :]))
    emit(np.add.at, np.moveaxis(ctx.d, axis, 0), i.reshape(-1), np.moveaxis(g, axis, 0))


def _axis(attributes: Attributes, x: Array) -> int:
    """The axis of take; an embedding reads the first one."""
    return one_axis(attributes.get("axis", 0), x.shape)


def _embedding_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    table, i = shapes
    if len(table) != 2:
        raise ValueError(f"table has shape {table}: it must have two axes (entries, size)")
    if attributes["padding_idx"] is not None and attributes["padding_idx"] >= table[0]:
        raise ValueError(f"table has shape {table}: padding_idx {attributes['padding_idx']} is none of its rows")
    return i + table[1:]


def _embedding_definition(signature: Signature) -> str:
    lookup, rank = Lookup.of(dict(signature.attributes)), signature.ranks[1]
    names = letters(2 * rank + 1, avoid="ihsrd")
    where, last, run = names[:rank], names[rank], names[rank + 1 :]
    row, padding = lookup.element(at("i", where), last, where, run), lookup.padding_idx
    still = "" if padding is None else f" if {at('i', where)} != {padding} else detach({row})"
    return f"{lookup.helpers}{at('y', [*where, last])} = {row}{still}"


def _read(table: Array, i: Array, lookup: Lookup, out: Array) -> None:
    out[...] = lookup.held(table)[i]


def _give(g: Array, i: Array, lookup: Lookup, out: Array) -> None:
    places = i.reshape(-1)
    out[...] = 0
    np.add.at(out, places, lookup.shared(g.reshape(places.size, out.shape[1]), places, places))
    if lookup.padding_idx is not None:
        out[lookup.padding_idx] = 0


_LOOKUP = Rule(
    lambda table, i, **s: noted(_read, i.shape + table.shape[1:], table, i, options=(Lookup.of(s),)),
    lambda g, y, table, i, **s: noted(_give, table.shape, g, i, options=(Lookup.of(s),)),
)


OPS = (
    Op(
        "take",
        ("x", "i"),
        _take_definition,
        _take_shape,
        _take,
        _take_vjp,
        "The elements of x at the positions i along an axis.",
        {"axis": Attribute(0, integer())},
        indices=("i",),
        convention="positions count from 0; the gradients of a position that is read twice add up",
        bounds=lambda shapes, attributes: {"i": (0, shapes[0][one_axis(attributes["axis"], shapes[0])])},
    ),
    Op(
        "embedding",
        ("table", "i"),
        _embedding_definition,
        _embedding_shape,
        _take,
        _take_vjp,
        f"The rows of a table at the positions i. {TOLD}.",
        ATTRIBUTES,
        indices=("i",),
        convention="positions count from 0; the gradients of a row that is read twice add up",
        bounds=lambda shapes, attributes: {"i": (0, shapes[0][0])},
        dispatch=lambda shapes, attributes: None if Lookup.of(attributes).plain else "padded_embedding",
    ),
    Op(
        "padded_embedding",
        ("table", "i"),
        _embedding_definition,
        _embedding_shape,
        *_LOOKUP.pair,
        "An embedding with settings: the row padding_idx stands for no position, it is read and its gradient is 0; or "
        "rows are held to a norm, or share a gradient by how often they are read.",
        ATTRIBUTES,
        indices=("i",),
        straight_through=True,
        convention=f"{PADDED}; {HELD}",
        bounds=lambda shapes, attributes: {"i": (0, shapes[0][0])},
    ),
)
