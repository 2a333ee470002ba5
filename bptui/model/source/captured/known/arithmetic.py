"""Functions of two tensors or more, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    alike,
    condition,
    finite,
    overwritten,
    shape_of,
    stepwise,
    tensor,
    values,
)
from bptui.model.source.captured.known.registry import known, uses


def scaled(u: Call, x: Any, factor: float) -> Any:
    """x times a number, x itself where that is 1."""
    return x if factor == 1 else u.use("mul", x, factor)


@known("add")
def add(u: Call, input: Any, other: Any, *, alpha: float = 1) -> Node:
    return u.use("add", input, scaled(u, other, alpha))


@known("sub", "subtract")
def sub(u: Call, input: Any, other: Any, *, alpha: float = 1) -> Node:
    return u.use("sub", input, scaled(u, other, alpha))


@known("rsub", "__rsub__")
def rsub(u: Call, input: Any, other: Any, *, alpha: float = 1) -> Node:
    return u.use("sub", other, scaled(u, input, alpha))


known("mul", "multiply")(uses("mul", "input", "other"))
for _name in ("maximum", "minimum", "logaddexp"):
    known(_name)(uses(_name, "input", "other"))


@known("div", "true_divide", "divide")
def div(u: Call, input: Any, other: Any, *, rounding_mode: str | None = None) -> Node:
    """Rounded, it has no gradient."""
    return u.use("div", input, other) if rounding_mode is None else stepwise(u, input, other)


@known("__rtruediv__")
def rdiv(u: Call, input: Any, other: Any) -> Node:
    return u.use("div", other, input)


@known("remainder", "fmod")
def remainder(u: Call, input: Any, other: Any) -> Node:
    """x less so many times the other: that many is a whole number, without a gradient. How often is told by PyTorch's
    own remainder (towards -∞, or of fmod towards 0), so that its rounding does not move the number over a step."""
    finite(u, input, other, u.results[0])
    shape, result = u.results[0].shape, u.results[0]

    def times() -> Any:
        a, b, rest = (np.asarray(values(u, x), np.float64) for x in (input, other, result))
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.round((a - rest) / b), shape)

    return u.use("sub", input, u.use("mul", other, u.constant(shape, times)))


@known("pow", "__pow__", "float_power")
def power(u: Call, input: Any, exponent: Any) -> Node:
    if tensor(input) and not tensor(exponent):
        return u.use("power", input, exponent=float(exponent))
    return u.use("pow", input, exponent)


@known("__rpow__")
def rpow(u: Call, input: Any, other: Any) -> Node:
    return u.use("pow", other, input)


@known("fmax")
def fmax(u: Call, input: Any, other: Any) -> Node:
    """The first of two that are equal, and the one that is a number."""
    return _chosen(u, input, other, lambda a, b: (a >= b) | np.isnan(b))


@known("fmin")
def fmin(u: Call, input: Any, other: Any) -> Node:
    return _chosen(u, input, other, lambda a, b: (a <= b) | np.isnan(b))


def _chosen(u: Call, a: Any, b: Any, first: Any) -> Node:
    def read() -> Any:
        with np.errstate(invalid="ignore"):
            return first(values(u, a), values(u, b))

    return u.use("where", condition(u, u.results[0].shape, read), a, b)


@known("copysign")
def copysign(u: Call, input: Any, other: Any) -> Node:
    """x times 1 or -1, which is 0 at 0, as PyTorch's gradient is."""
    finite(u, input, other)

    def read() -> Any:
        x, y = (np.asarray(values(u, one), np.float64) for one in (input, other))
        return np.where(x == 0, 0.0, np.where(np.signbit(x) == np.signbit(y), 1.0, -1.0)) + np.zeros(shape)

    shape = u.results[0].shape
    return overwritten(u, u.use("mul", input, u.constant(shape, read)), other)


@known("hypot")
def hypot(u: Call, input: Any, other: Any) -> Node:
    return u.use("norm", u.use("stack", *alike(u, input, other), axis=0), axis=0)


@known("logaddexp2")
def logaddexp2(u: Call, input: Any, other: Any) -> Node:
    finite(u, input, other)
    inputs = (u.use("mul", x, float(np.log(2))) for x in (input, other))
    return u.use("div", u.use("logaddexp", *inputs), float(np.log(2)))


@known("lerp")
def lerp(u: Call, input: Any, end: Any, weight: Any) -> Node:
    finite(u, input, end, weight, nan=True)
    return u.use("add", input, u.use("mul", u.use("sub", end, input), weight))


@known("addcmul", "addcdiv")
def add_of_two(u: Call, input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Node:
    return u.use("add", input, scaled(u, u.use(u.name.removeprefix("addc"), tensor1, tensor2), value))


@known("xlogy", "torch.special.xlogy")
def xlogy(u: Call, input: Any, other: Any) -> Node:
    """x·log(y), which is 0 where x is 0 and y no NaN; the gradient of y is x/y there, too: NaN at 0."""
    finite(u, input, other)
    shape = np.broadcast_shapes(shape_of(input), shape_of(other))
    none = condition(u, shape, lambda: (values(u, input) == 0) & (values(u, other) <= 0))
    return u.use("mul", input, u.use("where", none, 0.0, u.use("log", other)))
