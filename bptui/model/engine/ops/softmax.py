"""softmax and its logarithm, along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Op, Signature
from bptui.model.engine.ops.common import LAST_AXIS, along_axis, at, letters, one_axis
from bptui.model.engine.rule import Rule


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


def _shifted(x: Any, axis: int) -> Any:
    """x - max(x): exp cannot overflow. A complex step is taken in the real part's scale."""
    return x - np.max(x.real, axis, keepdims=True)


def _softmax(x: Any, axis: int) -> Any:
    if x.size == 0:
        return x
    powers = np.exp(_shifted(x, axis))
    return powers / np.sum(powers, axis, keepdims=True)


def _log_softmax(x: Any, axis: int) -> Any:
    if x.size == 0:
        return x
    shifted = _shifted(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis, keepdims=True))


_SOFTMAX = Rule(_softmax, lambda g, y, x, axis: (g - np.sum(g * y, axis, keepdims=True)) * y)
_LOG_SOFTMAX = Rule(_log_softmax, lambda g, y, x, axis: g - np.exp(y) * np.sum(g, axis, keepdims=True))


OPS = (
    Op(
        "softmax",
        ("x",),
        _softmax_definition,
        along_axis,
        *_SOFTMAX.pair,
        "Positive numbers that sum to 1 along an axis.",
        {"axis": LAST_AXIS},
        _softmax_hint,
    ),
    Op(
        "log_softmax",
        ("x",),
        _log_softmax_definition,
        along_axis,
        *_LOG_SOFTMAX.pair,
        "The logarithm of softmax along an axis.",
        {"axis": LAST_AXIS},
        _log_softmax_hint,
    ),
)
