"""Reductions over axes: sum, mean, var, std, and what all reductions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import (
    AXIS,
    KEEPDIMS,
    at,
    contiguous,
    integer,
    letters,
    many_axes,
    of_one,
    product,
    total,
)

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


def axes_of(x: Array, attributes: Attributes) -> tuple[int, ...]:
    """The axes that are reduced, counted from the front."""
    return many_axes(attributes["axis"], x.shape)


def upstream_of(emit: Emit, upstream: Array, x: Array, axes: Sequence[int]) -> Array:
    """The upstream gradient, so that it broadcasts against x."""
    return kept(contiguous(emit, upstream), x, axes)


def kept(array: Array, x: Array, axes: Sequence[int]) -> Array:
    """A reduced array with the reduced axes kept as size 1, so that it broadcasts against x."""
    return array.reshape(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)))


class Letters:
    """The words of a reduction's definition and hint: x, y, sums at their indices, another element of the same row."""

    def __init__(self, signature: Signature) -> None:
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


def definition_of(make: Callable[[Letters], str]) -> Callable[[Signature], str]:
    """A definition by words."""
    return lambda signature: make(Letters(signature))


def hint_of(make: Callable[[Letters], str]) -> Callable[[Signature], dict[str, str]]:
    """A hint by words; none where nothing is reduced."""

    def hint(signature: Signature) -> dict[str, str]:
        use = Letters(signature)
        return {"x": make(use)} if use.reduced else {}

    return hint


def _var_definition(signature: Signature, root: bool = False) -> str:
    use = Letters(signature)
    mean = at("mean", use.mean)
    square = f"{use.sum(f'({use.element} - {mean})**2')}/{_degrees(use, signature)}"
    return f"{mean} = {use.sum(use.element)}/{use.size}; {use.y} = {f'sqrt({square})' if root else square}"


def _degrees(use: Letters, signature: Signature) -> str:
    """What the squares' sum is divided by: N, or (N - correction)."""
    return f"({use.size.strip('()')} - {signature['correction']})" if signature["correction"] else use.size


def _std_hint(signature: Signature) -> dict[str, str]:
    use = Letters(signature)
    below = f"({_degrees(use, signature)}*{use.y})"
    return {"x": f"{use.row}({use.other} - {at('mean', use.mean)})/{below}"} if use.reduced else {}


# ---------------------------------------------------------------------------------------------------- sum, mean
def _sum(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    (x,) = inputs
    if attributes["axis"] is None and x.flags.c_contiguous:
        emit(np.add.reduce, x.reshape(-1), 0, None, out.reshape(()))
    else:
        emit(np.add.reduce, x, axes_of(x, attributes), None, out, attributes["keepdims"])


@of_one
def _sum_vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any) -> None:
    emit(np.copyto, d, upstream_of(emit, upstream, x, axes_of(x, attributes)))


def _count(x: Array, attributes: Attributes) -> int:
    return int(np.prod([x.shape[axis] for axis in axes_of(x, attributes)], dtype=int))


def _over(count: float) -> float:
    """1/count, and nan over nothing: the mean of no elements is 0/0."""
    return 1 / count if count else float("nan")


def _mean(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    _sum(emit, inputs, out, attributes)
    emit(np.multiply, out, emit.const(_over(_count(inputs[0], attributes))), out)


@of_one
def _mean_vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any) -> None:
    kept = upstream_of(emit, upstream, x, axes_of(x, attributes))
    emit(np.multiply, kept, emit.const(_over(_count(x, attributes))), d)


# ---------------------------------------------------------------------------------------------------------- var
def _var(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> tuple[Array, float]:
    (x,) = inputs
    axes = axes_of(x, attributes)
    count = _count(x, attributes)
    away, square = emit.temp(x.shape), emit.temp(x.shape)
    mean = emit.temp(kept(out, x, axes).shape)
    emit(np.add.reduce, x, axes, None, mean, True)
    emit(np.multiply, mean, emit.const(_over(count)), mean)
    emit(np.subtract, x, mean, away)
    emit(np.multiply, away, away, square)
    emit(np.add.reduce, square, axes, None, out, attributes["keepdims"])
    scale = _over(count - attributes["correction"])
    emit(np.multiply, out, emit.const(scale), out)
    return away, scale


@of_one
def _var_vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any) -> None:
    away, scale = saved
    emit(np.multiply, away, upstream_of(emit, upstream, x, axes_of(x, attributes)), d)
    emit(np.multiply, d, emit.const(2 * scale), d)


def _std(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> tuple[Array, float]:
    saved = _var(emit, inputs, out, attributes)
    emit(np.sqrt, out, out)
    return saved


@of_one
def _std_vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any) -> None:
    """g·(x - mean)/((N - correction)·y), and 0 where all are equal (PyTorch's rule)."""
    away, scale = saved
    share = emit.temp(out.shape)
    emit(_over_or_zero, upstream, out, share)
    emit(np.multiply, away, kept(share, x, axes_of(x, attributes)), d)
    emit(np.multiply, d, emit.const(scale), d)


def _over_or_zero(top: Array, bottom: Array, out: Array) -> None:
    out[...] = 0
    np.divide(top, bottom, out=out, where=bottom != 0)


OPS = (
    Op(
        "sum",
        ("x",),
        definition_of(lambda use: f"{use.y} = {use.sum(use.element)}"),
        reduced_shape,
        _sum,
        _sum_vjp,
        "The sum over axes, or of all elements.",
        BOTH,
    ),
    Op(
        "mean",
        ("x",),
        definition_of(lambda use: f"{use.y} = {use.sum(use.element)}{use.over}"),
        reduced_shape,
        _mean,
        _mean_vjp,
        "The mean over axes, or of all elements.",
        BOTH,
    ),
    Op(
        "var",
        ("x",),
        _var_definition,
        reduced_shape,
        _var,
        _var_vjp,
        "The variance over axes: the mean of the squared distance from the mean.",
        {**BOTH, "correction": Attribute(0, integer(0))},
        convention="divided by N (correction = 0), not by N - 1",
    ),
    Op(
        "std",
        ("x",),
        lambda signature: _var_definition(signature, root=True),
        reduced_shape,
        _std,
        _std_vjp,
        "The standard deviation over axes: the root of the variance.",
        {**BOTH, "correction": Attribute(0, integer(0))},
        _std_hint,
        convention="divided by N (correction = 0), not by N - 1; the gradient is 0 where all are equal",
    ),
)
