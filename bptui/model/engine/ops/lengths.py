"""The Euclidean length over axes, and the logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.common import of_one
from bptui.model.engine.ops.reduce import BOTH, axes_of, definition_of, hint_of, kept, reduced_shape, upstream_of


def _norm(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    (x,) = inputs
    square, axes = emit.temp(x.shape), axes_of(x, attributes)
    emit(np.multiply, x, x, square)
    emit(np.add.reduce, square, axes, None, out, attributes["keepdims"])
    emit(np.sqrt, out, out)
    if x.size:
        emit(_rescue_norm, x, axes, out)


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


@of_one
def _norm_vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any) -> None:
    emit(_give_norm, upstream, out, x, axes_of(x, attributes), d)


def _give_norm(upstream: Array, y: Array, x: Array, axes: tuple[int, ...], into: Array) -> None:
    """g·x/y, and 0 where the norm is 0 (PyTorch's rule)."""
    below = np.where(y == 0, 1, y)
    np.multiply(x, kept(np.where(y == 0, 0, upstream / below), x, axes), into)


def _logsumexp(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    x, axes = inputs[0], axes_of(inputs[0], attributes)
    parts = emit.temp(x.shape, x.dtype)
    emit(_fill_logsumexp, x, axes, out, parts)
    return parts


def _fill_logsumexp(x: Array, axes: tuple[int, ...], out: Array, parts: Array) -> None:
    """`parts` become what each element has of the sum, exp(x - y); taken so, it has no digits left where y is large."""
    if x.size == 0:
        out[...] = -np.inf
        return
    top = np.max(x.real, axes, keepdims=True)  # a complex step is taken in the real part's scale
    top = np.where(np.isfinite(top), top, 0)
    np.exp(np.subtract(x, top, parts), parts)
    whole = np.sum(parts, axes, keepdims=True)
    out[...] = (np.log(whole) + top).reshape(out.shape)
    np.divide(parts, whole, parts)


@of_one
def _logsumexp_vjp(
    emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any
) -> None:
    axes = axes_of(x, attributes)
    emit(np.multiply, saved, upstream_of(emit, upstream, x, axes), d)


OPS = (
    Op(
        "norm",
        ("x",),
        definition_of(lambda use: f"{use.y} = sqrt({use.sum(use.element + '**2')})"),
        reduced_shape,
        _norm,
        _norm_vjp,
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
        _logsumexp,
        _logsumexp_vjp,
        "The logarithm of the sum of exponentials over axes: a smooth max.",
        BOTH,
        hint_of(lambda use: f"{use.row}exp({use.other} - {use.y})"),
    ),
)
