"""The largest, the smallest, and the product over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.common import many_axes, total
from bptui.model.engine.ops.reduce import BOTH, axes_of, definition_of, filled_shape, reduced_shape
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


def _extreme(pick: Any) -> Any:
    """Forward of max (pick = argmax) and min. Saves the place of the first extreme element of each reduced block."""

    def forward(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
        (x,) = inputs
        places = emit.temp(out.shape, np.intp)
        emit(_take_extreme, pick, x, axes_of(x, attributes), places.reshape(-1), out.reshape(-1))
        return places

    return forward


def _take_extreme(pick: Any, x: Array, axes: tuple[int, ...], places: Array, out: Array) -> None:
    """The first extreme (or nan) of each block; `places` are positions in the block, row-major."""
    blocks = _blocks(x, axes)
    pick(blocks, 1, places)
    out[...] = blocks[np.arange(len(blocks)), places]


def _blocks(x: Array, axes: tuple[int, ...]) -> Array:
    """x as (kept, reduced), a copy where the axes are not the last ones."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    size = int(np.prod([x.shape[axis] for axis in axes], dtype=int))
    return x.transpose([*kept, *axes]).reshape(-1 if size else int(np.prod([x.shape[a] for a in kept])), size)


def _extreme_vjp(emit: Emit, ctx: Backward) -> None:
    emit(_give_extreme, ctx.upstream, ctx.saved, axes_of(ctx.inputs[0], ctx.attributes), ctx.d)


def _give_extreme(upstream: Array, places: Array, axes: tuple[int, ...], into: Array) -> None:
    kept = [axis for axis in range(into.ndim) if axis not in axes]
    order = [*kept, *axes]
    moved = into.transpose(order)
    blocks = np.zeros((upstream.size, int(np.prod(moved.shape[len(kept) :], dtype=int))), into.dtype)
    blocks[np.arange(len(blocks)), places.reshape(-1)] = upstream.reshape(-1)
    moved[...] = blocks.reshape(moved.shape)


def _give_prod(upstream: Array, x: Array, axes: tuple[int, ...], into: Array) -> None:
    """The product of all the others, from the left times from the right: right where an element is 0, too."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    blocks = _blocks(x, axes)
    left, right = np.ones_like(blocks), np.ones_like(blocks)
    np.multiply.accumulate(blocks[:, :-1], 1, out=left[:, 1:])
    right[:, :-1] = np.multiply.accumulate(blocks[:, :0:-1], 1)[:, ::-1]
    moved = into.transpose([*kept, *axes])
    moved[...] = (left * right * upstream.reshape(-1, 1)).reshape(moved.shape)


_PROD = Rule(
    lambda x, axis, keepdims: np.prod(x, axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: noted(_give_prod, x.shape, g, x, options=(many_axes(axis, x.shape),)),
)


def _row(kind: str, pick: Any, which: str) -> Op:
    return Op(
        kind,
        ("x",),
        definition_of(lambda use: f"{use.y} = {total(use.element, use.reduced, function=kind)}"),
        filled_shape,
        _extreme(pick),
        _extreme_vjp,
        f"The {which} element over axes, or of all.",
        BOTH,
        analytic=False,
        convention="among equals the first gets all of the gradient",
    )


OPS = (
    _row("max", np.argmax, "largest"),
    _row("min", np.argmin, "smallest"),
    Op(
        "prod",
        ("x",),
        definition_of(lambda use: f"{use.y} = {total(use.element, use.reduced, function='prod')}"),
        reduced_shape,
        *_PROD.pair,
        "The product over axes, or of all elements.",
        BOTH,
    ),
)
