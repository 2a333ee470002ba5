"""The Euclidean length over axes, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.common import many_axes
from bptui.model.engine.ops.reduce import BOTH, definition_of, hint_of, kept_shape, reduced_shape, spread
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import held, noted


def _norm(x: Array, axes: tuple[int, ...], out: Array) -> None:
    np.add.reduce(x * x, axes, out=out.reshape(kept_shape(x, axes)), keepdims=True)
    np.sqrt(out, out)
    if x.size:
        _rescue_norm(x, axes, out)


def _rescue_norm(x: Array, axes: tuple[int, ...], out: Array) -> None:
    """Again, in units of the largest element, where squares left the range of the numbers (1e-23, 1e20 in float32)."""
    number = np.finfo(out.dtype)
    low, high = np.sqrt(number.tiny) / number.eps, np.sqrt(number.max)
    size = np.abs(out)
    if np.all((low < size) & (size < high)):
        return
    largest = np.max(np.abs(x), axes, keepdims=True)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    again = np.sqrt(np.sum((x / unit) ** 2, axes, keepdims=True)) * unit
    out[...] = again.reshape(out.shape)


def _powers(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    """exp(x - top), the sum of it over the axes, and top, which is the largest x, so that nothing overflows."""
    top = np.max(x.real, axis, keepdims=True)  # a complex step is taken in the real part's scale
    top = held(np.where(np.isfinite(top), top, 0))
    powers = np.exp(x - top)
    return powers, np.sum(powers, axis, keepdims=True), top


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    if x.size == 0 or axis == ():
        return x if x.size else -np.inf
    _, whole, top = _powers(x, axis)
    return (np.log(whole) + top).reshape(reduced_shape([x.shape], {"axis": axis, "keepdims": keepdims}))


def _logsumexp_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """By what each element has of the sum; exp(x - y) has no digits left where y is large."""
    if x.size == 0 or axis == ():
        return g if x.size else 0
    powers, whole, _ = _powers(x, axis)
    return powers / whole * spread(g, x, axis)


_NORM = Rule(
    lambda x, axis, keepdims: noted(
        _norm, reduced_shape([x.shape], {"axis": axis, "keepdims": keepdims}), x, options=(many_axes(axis, x.shape),)
    ),
    lambda g, y, x, axis, keepdims: x * spread(np.where(y != 0, g / y, 0), x, axis),  # 0 at 0 is PyTorch's rule
)
_LOGSUMEXP = Rule(_logsumexp, _logsumexp_vjp)


OPS = (
    Op(
        "norm",
        ("x",),
        definition_of(lambda use: f"{use.y} = sqrt({use.sum(use.element + '**2')})"),
        reduced_shape,
        *_NORM.pair,
        "The Euclidean length over axes, or of all elements.",
        BOTH,
        hint_of(lambda use: f"{use.row}{use.other}/{use.y}"),
        convention="the gradient at length 0 is 0",
    ),
    Op(
        "logsumexp",
        ("x",),
        definition_of(lambda use: f"{use.y} = log({use.sum(f'exp({use.element})')})"),
        reduced_shape,
        *_LOGSUMEXP.pair,
        "The logarithm of the sum of exponentials over axes: a smooth max.",
        BOTH,
        hint_of(lambda use: f"{use.row}exp({use.other} - {use.y})"),
    ),
)
