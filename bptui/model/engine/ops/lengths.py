"""Lengths over axes: the Euclidean one, those of other orders; and the logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isinf
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import held
from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.ops.common import at, literal, many_axes, masking, total
from bptui.model.engine.ops.reduce import Letters, filled_shape, kept_shape, reduced_shape, reduction, spread
from bptui.model.engine.trace import noted


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


# ------------------------------------------------------------------------------------------------ other orders
ORDER = Attribute(2.0, masking)


def length(y: str, x: str, p: float, along: Sequence[str], most: str) -> str:
    """A definition of y as the length of order p of the elements `x` along indices; of order inf it defines `most`."""
    base = f"({x})" if " " in x else x

    def whole(term: str, function: str = "sum") -> str:
        return total(term, along, function=function)

    if p == 2:
        return f"{y} = sqrt({whole(f'{base}**2')})"
    if p == 1:
        return f"{y} = {whole(f'abs({x})')}"
    if p == 0:
        return f"{y} = {whole(f'(1 if {x} != 0 else 0)')}"
    if isinf(p):  # the mean of those that are largest: they share the gradient
        largest = whole(f"abs({x})", "max" if p > 0 else "min")
        of, count = (whole(f"({one} if abs({x}) == {most} else 0)") for one in (f"abs({x})", "1"))
        return f"{most} = {largest}; {y} = {of}/{count}"
    power = f"abs({x})**{literal(p)}"
    if 0 < p < 1:
        power = f"({power} if {x} != 0 else 0)"
    root = f"(1/{literal(p)})" if p > 0 and p == int(p) else literal(1 / p)
    return f"{y} = ({whole(power)})**{root}"


def _p_definition(use: Letters) -> str:
    return length(use.y, use.element, use.signature["p"], use.reduced, at("m", use.mean))


def _p_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return (reduced_shape if 0 <= attributes["p"] < inf else filled_shape)(shapes, attributes)


def _p_norm(x: Any, axis: Any, keepdims: bool, p: float) -> Any:
    size = np.absolute(x)
    if isinf(p):
        return (np.max if p > 0 else np.min)(size, axis, keepdims=keepdims)
    terms = np.where(x != 0, 1, 0) if p == 0 else size if p == 1 else size**p
    found = np.sum(terms, axis, keepdims=keepdims)
    return found if p in (0, 1) else found ** (1 / p)


def _p_norm_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, p: float) -> Any:
    """0 at 0, as PyTorch's. Of equally large ones each has its share."""
    if p == 0:
        return 0
    size, whole, upstream = np.absolute(x), spread(y, x, axis), spread(g, x, axis)
    sign = np.where(x > 0, 1, np.where(x < 0, -1, 0))  # of nan it is 0
    if p == 1:
        return sign * upstream
    if isinf(p):
        hit = np.logical_or(size == whole, np.isnan(size))
        count = np.sum(np.where(hit, 1, 0), axis, keepdims=True)
        return np.where(hit, sign * (upstream / count), 0)
    if p < 1:
        return np.where(x != 0, sign * size ** (p - 1), 0) * upstream * whole ** (1 - p)
    return sign * size ** (p - 1) * np.where(whole != 0, upstream / whole ** (p - 1), 0)


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


def _logsumexp_over_nodes(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The same of the result, as PyTorch's reads it, too."""
    if x.size == 0 or axis == ():
        return g if x.size else 0
    return np.exp(x - spread(y, x, axis)) * spread(g, x, axis)


def _euclidean(x: Any, axis: Any, keepdims: bool, p: float) -> Any:
    shape = reduced_shape([x.shape], {"axis": axis, "keepdims": keepdims})
    return noted(_norm, shape, x, options=(many_axes(axis, x.shape),))


def _euclidean_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, p: float) -> Any:
    """0 at 0, as PyTorch's."""
    return x * spread(np.where(y != 0, g / y, 0), x, axis)


OPS = (
    reduction("norm", lambda use: f"{use.y} = sqrt({use.sum(use.element + '**2')})", _euclidean, _euclidean_vjp,
              "The length over axes, or of all elements: the Euclidean one, or that of order p (`p_norm`).",
              attributes={"p": ORDER}, hint=lambda use: f"{use.row}{use.other}/{use.y}",
              convention="the gradient at length 0 is 0",
              dispatch=lambda shapes, attributes: None if attributes["p"] == 2 else "p_norm"),
    reduction("p_norm", _p_definition, _p_norm, _p_norm_vjp,
              "The length of order p: the p-th root of the sum of |x|^p; of 0 how many are not 0; of inf the largest "
              "|x|, of -inf the least.",
              attributes={"p": Attribute(1.0, masking)}, shape=_p_shape, analytic=False,
              convention="the gradient at 0 is 0; equally large ones share that of the largest"),
    reduction("logsumexp", lambda use: f"{use.y} = log({use.sum(f'exp({use.element})')})", _logsumexp, _logsumexp_vjp,
              "The logarithm of the sum of exponentials over axes: a smooth max.",
              hint=lambda use: f"{use.row}exp({use.other} - {use.y})", over_nodes=(_logsumexp_over_nodes,)),
)  # fmt: skip
