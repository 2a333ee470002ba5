"""Reductions over axes: sum, mean, var, max, min, prod, norm, logsumexp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Emit, Op, Shape, Signature
from bptui.model.ops.common import AXIS, KEEPDIMS, at, contiguous, integer, letters, many_axes, product, total


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    axes = many_axes(attributes["axis"], shapes[0])
    if attributes["keepdims"]:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shapes[0]))
    return tuple(size for axis, size in enumerate(shapes[0]) if axis not in axes)


def _filled(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of a reduction that has no value over nothing (max, min)."""
    axes = many_axes(attributes["axis"], shapes[0])
    if any(shapes[0][axis] == 0 for axis in axes):
        raise ValueError(f"x has shape {shapes[0]}: there is no largest or smallest of no elements")
    return _shape(shapes, attributes)


def _axes(x: Array, attributes: Attributes) -> tuple[int, ...]:
    return many_axes(attributes["axis"], x.shape)


def _upstream(emit: Emit, upstream: Array, x: Array, axes: Sequence[int]) -> Array:
    """The upstream gradient, so that it broadcasts against x."""
    return _kept(contiguous(emit, upstream), x, axes)


def _kept(array: Array, x: Array, axes: Sequence[int]) -> Array:
    """A reduced array with the reduced axes kept as size 1, so that it broadcasts against x."""
    return array.reshape(tuple(1 if axis in axes else size for axis, size in enumerate(x.shape)))


class _Letters:
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
        return total(term, self.reduced)


def _definition(make: Callable[[_Letters], str]) -> Callable[[Signature], str]:
    return lambda signature: make(_Letters(signature))


def _hint(make: Callable[[_Letters], str]) -> Callable[[Signature], dict[str, str]]:
    """A hint by words; none where nothing is reduced."""

    def hint(signature: Signature) -> dict[str, str]:
        use = _Letters(signature)
        return {"x": make(use)} if use.reduced else {}

    return hint


def _var_definition(signature: Signature) -> str:
    use = _Letters(signature)
    mean = at("mean", use.mean)
    below = f"({use.size.strip('()')} - {signature['correction']})" if signature["correction"] else use.size
    return f"{mean} = {use.sum(use.element)}/{use.size}; {use.y} = {use.sum(f'({use.element} - {mean})**2')}/{below}"


# ---------------------------------------------------------------------------------------------------- sum, mean
def _sum(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    (x,) = inputs
    if attributes["axis"] is None and x.flags.c_contiguous:
        emit(np.add.reduce, x.reshape(-1), 0, None, out.reshape(()))
    else:
        emit(np.add.reduce, x, _axes(x, attributes), None, out, attributes["keepdims"])


def _sum_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        emit(np.copyto, into[0], _upstream(emit, upstream, inputs[0], _axes(inputs[0], attributes)))


def _count(x: Array, attributes: Attributes) -> int:
    return int(np.prod([x.shape[axis] for axis in _axes(x, attributes)], dtype=int))


def _over(count: float) -> float:
    """1/count, and nan over nothing: the mean of no elements is 0/0."""
    return 1 / count if count else float("nan")


def _mean(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    _sum(emit, inputs, out, attributes)
    emit(np.multiply, out, emit.const(_over(_count(inputs[0], attributes))), out)


def _mean_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        x = inputs[0]
        kept = _upstream(emit, upstream, x, _axes(x, attributes))
        emit(np.multiply, kept, emit.const(_over(_count(x, attributes))), into[0])


# ---------------------------------------------------------------------------------------------------------- var
def _var(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> tuple[Array, float]:
    (x,) = inputs
    axes = _axes(x, attributes)
    count = _count(x, attributes)
    away, square = emit.temp(x.shape), emit.temp(x.shape)
    mean = emit.temp(_kept(out, x, axes).shape)
    emit(np.add.reduce, x, axes, None, mean, True)
    emit(np.multiply, mean, emit.const(_over(count)), mean)
    emit(np.subtract, x, mean, away)
    emit(np.multiply, away, away, square)
    emit(np.add.reduce, square, axes, None, out, attributes["keepdims"])
    scale = _over(count - attributes["correction"])
    emit(np.multiply, out, emit.const(scale), out)
    return away, scale


def _var_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        away, scale = saved
        emit(np.multiply, away, _upstream(emit, upstream, inputs[0], _axes(inputs[0], attributes)), into[0])
        emit(np.multiply, into[0], emit.const(2 * scale), into[0])


# ----------------------------------------------------------------------------------------------------- max, min
def _extreme(pick: Any) -> Any:
    """Forward of max (pick = argmax) and min. Saves the place of the first extreme element of each reduced block."""

    def forward(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
        (x,) = inputs
        places = emit.temp(out.shape, np.intp)
        emit(_take_extreme, pick, x, _axes(x, attributes), places.reshape(-1), out.reshape(-1))
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


def _extreme_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    places: Any,
) -> None:
    if into[0] is not None:
        emit(_give_extreme, upstream, places, _axes(inputs[0], attributes), into[0])


def _give_extreme(upstream: Array, places: Array, axes: tuple[int, ...], into: Array) -> None:
    kept = [axis for axis in range(into.ndim) if axis not in axes]
    order = [*kept, *axes]
    moved = into.transpose(order)
    blocks = np.zeros((upstream.size, int(np.prod(moved.shape[len(kept) :], dtype=int))), into.dtype)
    blocks[np.arange(len(blocks)), places.reshape(-1)] = upstream.reshape(-1)
    moved[...] = blocks.reshape(moved.shape)


# ------------------------------------------------------------------------------------------- prod, norm, logsumexp
def _prod(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    (x,) = inputs
    emit(np.multiply.reduce, x, _axes(x, attributes), None, out, attributes["keepdims"])


def _prod_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        emit(_give_prod, upstream, inputs[0], _axes(inputs[0], attributes), into[0])


def _give_prod(upstream: Array, x: Array, axes: tuple[int, ...], into: Array) -> None:
    """The product of all the others, from the left times from the right: right where an element is 0, too."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    blocks = _blocks(x, axes)
    left, right = np.ones_like(blocks), np.ones_like(blocks)
    np.multiply.accumulate(blocks[:, :-1], 1, out=left[:, 1:])
    right[:, :-1] = np.multiply.accumulate(blocks[:, :0:-1], 1)[:, ::-1]
    moved = into.transpose([*kept, *axes])
    moved[...] = (left * right * upstream.reshape(-1, 1)).reshape(moved.shape)


def _norm(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    (x,) = inputs
    square, axes = emit.temp(x.shape), _axes(x, attributes)
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


def _norm_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        emit(_give_norm, upstream, out, inputs[0], _axes(inputs[0], attributes), into[0])


def _give_norm(upstream: Array, y: Array, x: Array, axes: tuple[int, ...], into: Array) -> None:
    """g·x/y, and 0 where the norm is 0 (PyTorch's rule)."""
    below = np.where(y == 0, 1, y)
    np.multiply(x, _kept(np.where(y == 0, 0, upstream / below), x, axes), into)


def _logsumexp(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    x, axes = inputs[0], _axes(inputs[0], attributes)
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


def _logsumexp_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        x, axes = inputs[0], _axes(inputs[0], attributes)
        emit(np.multiply, saved, _upstream(emit, upstream, x, axes), into[0])


_BOTH = {"axis": AXIS, "keepdims": KEEPDIMS}

OPS = (
    Op(
        "sum",
        ("x",),
        _definition(lambda use: f"{use.y} = {use.sum(use.element)}"),
        _shape,
        _sum,
        _sum_vjp,
        "The sum over axes, or of all elements.",
        _BOTH,
    ),
    Op(
        "mean",
        ("x",),
        _definition(lambda use: f"{use.y} = {use.sum(use.element)}{use.over}"),
        _shape,
        _mean,
        _mean_vjp,
        "The mean over axes, or of all elements.",
        _BOTH,
    ),
    Op(
        "var",
        ("x",),
        _var_definition,
        _shape,
        _var,
        _var_vjp,
        "The variance over axes: the mean of the squared distance from the mean.",
        {**_BOTH, "correction": Attribute(0, integer(0))},
        convention="divided by N (correction = 0), not by N - 1",
    ),
    Op(
        "max",
        ("x",),
        _definition(lambda use: f"{use.y} = {total(use.element, use.reduced, function='max')}"),
        _filled,
        _extreme(np.argmax),
        _extreme_vjp,
        "The largest element over axes, or of all.",
        _BOTH,
        analytic=False,
        convention="among equals the first gets all of the gradient",
    ),
    Op(
        "min",
        ("x",),
        _definition(lambda use: f"{use.y} = {total(use.element, use.reduced, function='min')}"),
        _filled,
        _extreme(np.argmin),
        _extreme_vjp,
        "The smallest element over axes, or of all.",
        _BOTH,
        analytic=False,
        convention="among equals the first gets all of the gradient",
    ),
    Op(
        "prod",
        ("x",),
        _definition(lambda use: f"{use.y} = {total(use.element, use.reduced, function='prod')}"),
        _shape,
        _prod,
        _prod_vjp,
        "The product over axes, or of all elements.",
        _BOTH,
    ),
    Op(
        "norm",
        ("x",),
        _definition(lambda use: f"{use.y} = sqrt({use.sum(use.element + '**2')})"),
        _shape,
        _norm,
        _norm_vjp,
        "The Euclidean length over axes, or of all elements.",
        _BOTH,
        _hint(lambda use: f"{use.row}{use.other}/{use.y}"),
        convention="the gradient at length 0 is 0",
    ),
    Op(
        "logsumexp",
        ("x",),
        _definition(lambda use: f"{use.y} = log({use.sum(f'exp({use.element})')})"),
        _shape,
        _logsumexp,
        _logsumexp_vjp,
        "The logarithm of the sum of exponentials over axes: a smooth max.",
        _BOTH,
        _hint(lambda use: f"{use.row}exp({use.other} - {use.y})"),
    ),
)
