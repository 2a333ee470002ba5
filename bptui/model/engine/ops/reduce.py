"""Reductions over axes: sum, mean, var, std, and what all reductions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import (
    AXIS,
    KEEPDIMS,
    at,
    letters,
    literal,
    many_axes,
    product,
    real,
    total,
)
from bptui.model.engine.rule import Rule

BOTH = {"axis": AXIS, "keepdims": KEEPDIMS}
"""The attributes of a reduction."""


def reduced_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of x without the axes that are reduced; with them as 1 where `keepdims`."""
    axes = many_axes(attributes["axis"], shapes[0])
    if attributes["keepdims"]:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shapes[0]))
    return tuple(size for axis, size in enumerate(shapes[0]) if axis not in axes)


def filled_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of a reduction that has no value over nothing (max, min)."""
    axes = many_axes(attributes["axis"], shapes[0])
    if any(shapes[0][axis] == 0 for axis in axes):
        raise ValueError(f"x has shape {shapes[0]}: there is no largest or smallest of no elements")
    return reduced_shape(shapes, attributes)


def axes_of(x: Any, attributes: Attributes) -> tuple[int, ...]:
    """The axes that are reduced, counted from the front."""
    return many_axes(attributes["axis"], x.shape)


def kept_shape(x: Any, axes: Sequence[int]) -> Shape:
    """The shape of x with the reduced axes as 1."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))


def spread(g: Any, x: Any, axis: Any) -> Any:
    """A reduced array with the reduced axes as 1, so that it broadcasts against x."""
    return g.reshape(kept_shape(x, many_axes(axis, x.shape)))


class Letters:
    """The words of a reduction's definition and hint: x, y, sums at their indices, another element of the same row; the
    signature has its attributes."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        rank = signature.ranks[0]
        axes = many_axes(signature["axis"], rank)
        self.x = letters(rank)
        self.reduced = [self.x[axis] for axis in axes]
        kept = ["0"] if signature["keepdims"] else []
        self.out = [index for axis in range(rank) for index in (kept if axis in axes else [self.x[axis]])]
        self.y, self.element, self.size = at("y", self.out), at("x", self.x), product(self.reduced) or "1"
        self.over = f"/{self.size}" if self.reduced else ""
        deltas = [f"delta({self.x[axis]},q{axis})*" for axis in range(rank) if axis not in axes]
        self.row = "".join(deltas)  # is the input's element one of those that are reduced to this output?
        self.other = at("x", [f"q{axis}" if axis in axes else self.x[axis] for axis in range(rank)])
        self.mean = [letter for letter in self.x if letter not in self.reduced]

    def sum(self, term: str) -> str:
        """Of a term over the reduced indices."""
        return total(term, self.reduced)


def reduction(
    name: str,
    definition: Callable[[Letters], str],
    forward: Callable[..., Any],
    vjp: Callable[..., Any],
    doc: str,
    *,
    attributes: Mapping[str, Attribute] | None = None,
    shape: Callable[[Sequence[Shape], Attributes], Shape] = reduced_shape,
    hint: Callable[[Letters], str] | None = None,
    **more: Any,
) -> Op:
    """A reduction of x over the axes `axis`, all of them where none is said: y = forward(x, axis, keepdims, …) and
    g · ∂y/∂x = vjp(g, y, x, axis, keepdims, …), `…` being the attributes that it has beside these two. The hint is
    none where nothing is reduced."""

    def hinted(signature: Signature) -> dict[str, str]:
        use = Letters(signature)
        return {"x": hint(use)} if hint is not None and use.reduced else {}

    return Op(
        name, ("x",), lambda signature: definition(Letters(signature)), shape, *Rule(forward, vjp).pair, doc,
        {**BOTH, **(attributes or {})}, hinted if hint is not None else None, **more,
    )  # fmt: skip


def _var_definition(use: Letters, root: bool = False) -> str:
    mean = at("mean", use.mean)
    square = f"{use.sum(f'({use.element} - {mean})**2')}/{_degrees(use)}"
    return f"{mean} = {use.sum(use.element)}/{use.size}; {use.y} = {f'sqrt({square})' if root else square}"


def _degrees(use: Letters) -> str:
    """What the squares' sum is divided by: N, or N - correction, which is never below 0 (of 1 element the sum is 0)."""
    size, less = use.size.strip("()"), use.signature["correction"]
    if less <= 1:
        return f"({size} {'-' if less > 0 else '+'} {literal(abs(less))})" if less else use.size
    above = f"{size} - {literal(less)}"
    return f"(({above} + abs({above}))/2)"


def _correction(value: Any) -> float:
    """Any number, a whole one as such."""
    number = real()(value)
    return int(number) if number.is_integer() else number


def _std_hint(use: Letters) -> str:
    return f"{use.row}({use.other} - {at('mean', use.mean)})/({_degrees(use)}*{use.y})"


# --------------------------------------------------------------------------------------------------------- mean
def _over(count: float) -> float:
    """1/count, and nan over nothing: the mean of no elements is 0/0."""
    return 1 / count if count else float("nan")


def _count(x: Any, axis: Any) -> int:
    """Of the elements that become one."""
    return prod(x.shape[n] for n in many_axes(axis, x.shape))


# ---------------------------------------------------------------------------------------------------------- var
def _away(x: Any, axis: Any) -> Any:
    """The distance from the mean."""
    return x - np.sum(x, axis, keepdims=True) * _over(_count(x, axis))


def _share(x: Any, axis: Any, correction: float) -> float:
    """One over the degrees of freedom; inf where there are none, as in NumPy and PyTorch."""
    degrees = _count(x, axis) - correction
    return 1 / degrees if degrees > 0 else float("inf")


def _var(x: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    away = _away(x, axis)
    return np.sum(away * away, axis, keepdims=keepdims) * _share(x, axis, correction)


def _var_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    return 0 if axis == () else _away(x, axis) * spread(g, x, axis) * (2 * _share(x, axis, correction))


def _std_vjp(g: Any, y: Any, x: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    """g·(x - mean)/((N - correction)·y), and 0 where all are equal (PyTorch's rule)."""
    if axis == ():
        return 0
    slope = np.where(y != 0, g / y, 0)
    return _away(x, axis) * spread(slope, x, axis) * _share(x, axis, correction)


_CORRECTED = {"correction": Attribute(0, _correction)}

OPS = (
    reduction("sum", lambda use: f"{use.y} = {use.sum(use.element)}",
              lambda x, axis, keepdims: np.sum(x, axis, keepdims=keepdims),
              lambda g, y, x, axis, keepdims: spread(g, x, axis), "The sum over axes, or of all elements."),
    reduction("mean", lambda use: f"{use.y} = {use.sum(use.element)}{use.over}",
              lambda x, axis, keepdims: np.sum(x, axis, keepdims=keepdims) * _over(_count(x, axis)),
              lambda g, y, x, axis, keepdims: spread(g, x, axis) * _over(_count(x, axis)),
              "The mean over axes, or of all elements."),
    reduction("var", _var_definition, _var, _var_vjp,
              "The variance over axes: the mean squared distance from the mean; inf where N is not above the "
              "correction.",
              attributes=_CORRECTED, convention="divided by N (correction = 0), not by N - 1"),
    reduction("std", lambda use: _var_definition(use, root=True),
              lambda x, **attributes: np.sqrt(_var(x, **attributes)), _std_vjp,
              "The standard deviation over axes: the root of the variance.", attributes=_CORRECTED, hint=_std_hint,
              convention="divided by N (correction = 0), not by N - 1; the gradient is 0 where all are equal"),
)  # fmt: skip
