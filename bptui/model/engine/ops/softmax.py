"""softmax and its logarithm, along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Op, Signature
from bptui.model.engine.ops.common import at, largest_of, last_axis, letters, of_one, one_axis


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    one_axis(attributes["axis"], shapes[0])
    return shapes[0]


def _indices(signature: Signature) -> tuple[list[str], str, list[str], int]:
    """Output indices, the summed index, x's indices inside the sum, the axis."""
    rank = signature.ranks[0]
    axis = one_axis(signature["axis"], rank)
    *out, bound = letters(rank + 1)
    return out, bound, [bound if n == axis else index for n, index in enumerate(out)], axis


def _softmax_definition(signature: Signature) -> str:
    out, bound, inside, _ = _indices(signature)
    return f"{at('y', out)} = exp({at('x', out)})/sum(exp({at('x', inside)}) for {bound} in {bound.upper()})"


def _log_softmax_definition(signature: Signature) -> str:
    out, bound, inside, _ = _indices(signature)
    return f"{at('y', out)} = {at('x', out)} - log(sum(exp({at('x', inside)}) for {bound} in {bound.upper()}))"


def _same_row(signature: Signature) -> tuple[str, list[str], list[str], int]:
    """`delta(i,q0)*` for the other axes, the output's indices, those of another element of its row, the axis."""
    out, _, _, axis = _indices(signature)
    beside = "".join(f"delta({index},q{n})*" for n, index in enumerate(out) if n != axis)
    return beside, out, [f"q{n}" if n == axis else index for n, index in enumerate(out)], axis


def _softmax_hint(signature: Signature) -> str:
    beside, out, other, axis = _same_row(signature)
    return f"{beside}{at('y', out)}*(delta({out[axis]},q{axis}) - {at('y', other)})"


def _log_softmax_hint(signature: Signature) -> str:
    beside, out, other, axis = _same_row(signature)
    return f"{beside}(delta({out[axis]},q{axis}) - exp({at('y', other)}))"


def _row_temp(emit: Emit, x: Array, axis: int) -> Array:
    """A scratch array with one number for each row along the axis."""
    return emit.temp(tuple(1 if n == axis else size for n, size in enumerate(x.shape)))


def _shifted(emit: Emit, x: Array, out: Array, axis: int) -> Array:
    """Emit out = x - max(x): exp cannot overflow. Returns a scratch array of the reduced shape."""
    top = _row_temp(emit, x, axis)
    largest_of(emit, x, axis, top)
    emit(np.subtract, x, top, out)
    return top


def _softmax(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x = inputs[0]
    if x.size == 0:
        return
    axis = one_axis(attributes["axis"], x.shape)
    scale = _shifted(emit, x, out, axis)
    line = out.reshape(-1)
    emit(np.exp, line, line)
    emit(np.add.reduce, out, axis, None, scale, True)
    emit(np.divide, out, scale, out)


@of_one
def _softmax_vjp(
    emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any
) -> None:
    if d.size == 0:
        return
    axis = one_axis(attributes["axis"], d.shape)
    sums = _row_temp(emit, d, axis)
    emit(np.multiply, upstream, out, d)  # (g - Σ g·y)·y
    emit(np.add.reduce, d, axis, None, sums, True)
    emit(np.subtract, upstream, sums, d)
    emit(np.multiply, d, out, d)


def _log_softmax(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x = inputs[0]
    if x.size == 0:
        return
    axis = one_axis(attributes["axis"], x.shape)
    sums = _shifted(emit, x, out, axis)
    power = emit.temp(x.shape)
    emit(np.exp, out, power)
    emit(np.add.reduce, power, axis, None, sums, True)
    emit(np.log, sums, sums)
    emit(np.subtract, out, sums, out)


@of_one
def _log_softmax_vjp(
    emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any
) -> None:
    if d.size == 0:
        return
    axis = one_axis(attributes["axis"], d.shape)
    sums = _row_temp(emit, d, axis)
    emit(np.add.reduce, upstream, axis, None, sums, True)  # g - exp(y)·Σ g
    emit(np.exp, out, d)
    emit(np.multiply, d, sums, d)
    emit(np.subtract, upstream, d, d)


OPS = (
    Op(
        "softmax",
        ("x",),
        _softmax_definition,
        _shape,
        _softmax,
        _softmax_vjp,
        "Positive numbers that sum to 1 along an axis.",
        {"axis": last_axis()},
        _softmax_hint,
    ),
    Op(
        "log_softmax",
        ("x",),
        _log_softmax_definition,
        _shape,
        _log_softmax,
        _log_softmax_vjp,
        "The logarithm of softmax along an axis.",
        {"axis": last_axis()},
        _log_softmax_hint,
    ),
)
