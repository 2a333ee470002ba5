"""Functions of one tensor, element by element."""

from __future__ import annotations

from collections.abc import Callable
from math import log, nan, pi
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.elementwise import SELU_SCALE
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import condition, finite, stepwise, tensor, values
from bptui.model.source.captured.known.registry import Entry, known, taking, uses

F = "torch.nn.functional."


for _name in ("log", "sqrt", "rsqrt", "reciprocal", "square", "abs", "sin", "cos", "tan", "sinh", "cosh", "exp",
              "sigmoid", "tanh", "tanhshrink", "softsign", "floor", "ceil", "trunc", "sign"):  # fmt: skip
    known(_name)(uses(_name))
for _name in ("expm1", "log1p", "erf", "erfc"):
    known(_name, f"torch.special.{_name}")(uses(_name))
for _name in ("relu", "silu", "mish", "hardswish"):
    known(_name)(uses(_name, inplace=False))
known("absolute")(uses("abs"))
known("neg", "negative")(uses("neg"))
known("logsigmoid")(uses("log_sigmoid"))
known("torch.special.expit")(uses("sigmoid"))
known("fix")(uses("trunc"))
known("sgn")(uses("sign"))
known("softplus")(uses("softplus", beta=1, threshold=20))
known("leaky_relu")(uses("leaky_relu", negative_slope=0.01, inplace=False))
known("gelu")(uses("gelu", approximate="none"))
known("prelu")(uses("prelu", "input", "weight"))
known("glu")(uses("glu", dim=-1))


# Of NaN, PyTorch's derivative of these is one of two, by whether the element was computed beside others or by itself.
def _passing(op: str, slope: float = 1.0) -> Entry:
    """Ours is NaN; where something else arrived, it was the upper branch's."""

    def make(u: Call, input: Any, **settings: Any) -> Node:
        seen = u.counted_nan(input) and u.added(input)
        if not seen:
            return u.use(op, input, **settings)
        upper = condition(u, input.shape, lambda: np.isnan(values(u, input)) & ~np.isnan(seen()))
        y = u.use(op, u.use("where", upper, 0.0, input), **settings)  # NaN times a gradient of 0 would be NaN
        return u.use("where", upper, u.use("mul", input, slope) if slope != 1 else input, y)

    return make


def _keeping(op: str) -> Entry:
    """Ours is 1; where nothing arrived, it was 0."""

    def make(u: Call, input: Any, **settings: Any) -> Node:
        seen, y = u.counted_nan(input) and u.added(input), u.use(op, input, **settings)
        if not seen:
            return y
        nothing = condition(u, input.shape, lambda: np.isnan(values(u, input)) & (seen() == 0))
        return u.use("where", nothing, u.number(nan), y)

    return make


known("selu")(taking(_passing("selu", SELU_SCALE), "input", inplace=False))
known("elu")(taking(_passing("elu"), "input", alpha=1.0, inplace=False))
known("celu")(taking(_passing("celu"), "input", alpha=1.0, inplace=False))
known("relu6")(taking(_keeping("relu6"), "input", inplace=False))
known("hardtanh")(taking(_keeping("hardtanh"), "input", min_val=-1.0, max_val=1.0, inplace=False))
known("hardshrink")(taking(_keeping("hardshrink"), "input", lambd=0.5))
known("softshrink")(taking(_keeping("softshrink"), "input", lambd=0.5))


@known("hardsigmoid")
def hardsigmoid(u: Call, input: Any, inplace: bool = False) -> Node:
    """PyTorch's slope is the 1/6 of float32, in float64 too."""
    if u.results[0].dtype == "float64":
        u.lacks("hardsigmoid in float64: PyTorch's slope has only the digits of float32")
    return u.use("hardsigmoid", input)


@known("rrelu")
def rrelu(
    u: Call, input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Node:
    """Not in training its slope is the middle one. In training it is drawn: read off the result."""
    if training:
        return _drawn_slopes(u, input)
    return u.use("rrelu", input, lower=lower, upper=upper)


def _drawn_slopes(u: Call, x: Any) -> Node:
    """Each slope is y/x where x is below 0; what was drawn for a 0 nobody can tell."""
    result = u.results[0]
    finite(u, x)
    if np.any(values(u, x) == 0):
        u.lacks("rrelu of 0 in training: the slope that was drawn for it")

    def slopes() -> Array:
        below, y = values(u, x), values(u, result)
        return np.where(below < 0, y / np.where(below < 0, below, 1), 1.0)

    return u.use("mul", x, u.constant(x.shape, slopes, "slopes"))


@known("threshold")
def threshold(u: Call, input: Any, threshold: float, value: float, inplace: bool = False) -> Node:
    above = condition(u, input.shape, lambda: ~(values(u, input) <= threshold))
    return u.use("where", above, input, value)


# ----------------------------------------------------------------------------------------- by a formula of others
@known("exp2", "torch.special.exp2")
def exp2(u: Call, input: Any) -> Node:
    return u.use("pow", 2.0, input)


@known("log2", "log10")
def log_to_base(u: Call, input: Any) -> Node:
    return u.use("div", u.use("log", input), log(int(u.name.removeprefix("log"))))


@known("deg2rad", "rad2deg")
def other_angle(u: Call, input: Any) -> Node:
    return u.use("mul", input, pi / 180 if u.name == "deg2rad" else 180 / pi)


@known("logit", "torch.special.logit")
def logit(u: Call, input: Any, eps: float | None = None) -> Node:
    """log(x/(1 - x)). Outside of 0 to 1 PyTorch's gradient is NaN, at 0 and 1 inf."""
    stats = u.shop.record.step.values[input.id].stats
    if eps is None and stats is not None and 0 not in input.shape and (stats.least <= 0 or stats.largest >= 1):
        u.lacks("logit of numbers that are not between 0 and 1")
    x = input if eps is None else u.use("clip", input, min=eps, max=1 - eps)
    return u.use("log", u.use("div", x, u.use("sub", 1.0, x)))


@known("angle")
def angle(u: Call, input: Any) -> Node:
    """Of real numbers: π below 0, else 0."""
    return stepwise(u, input)


@known("frac")
def frac(u: Call, input: Any) -> Node:
    """What is behind the point: x less a number that is constant between its steps."""
    return u.use("sub", input, u.constant(input.shape, lambda: np.trunc(values(u, input))))


@known("nan_to_num")
def nan_to_num(
    u: Call, input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Node:
    """What is finite stays; the numbers in the place of the others are as they were recorded."""
    finite = condition(u, input.shape, lambda: np.isfinite(values(u, input)))
    return u.use("where", finite, input, u.constant(input.shape, u.reader(u.results[0])))


# ---------------------------------------------------------------------------------------------------------- steps
@known("round", "torch.special.round")
def rounded(u: Call, input: Any, *, decimals: int = 0) -> Node:
    return stepwise(u, input) if decimals else u.use("round", input)


# ---------------------------------------------------------------------------------------------- bounds, and choosing
@known("clamp", "clip")
def clamp(u: Call, input: Any, min: Any = None, max: Any = None) -> Node:
    """Bounds that are tensors: each element is one of the three, as PyTorch gives the gradient to one. Nobody has it
    where both bounds are equal and x is below."""
    if not tensor(min) and not tensor(max):
        return u.use("clip", input, min=min, max=max)
    finite(u, input, min, max)
    shape, result = u.results[0].shape, u.results[0]

    def bounds() -> list[Array]:
        return [
            np.asarray(limit if x is None else values(u, x)) for x, limit in ((input, 0), (min, -np.inf), (max, np.inf))
        ]

    def where(which: Callable[..., Any]) -> Node:
        def read() -> Array:
            with np.errstate(invalid="ignore"):
                return np.asarray(which(*bounds()))

        return condition(u, shape, read)

    y = u.node(input)
    if min is not None:
        y = u.use("where", where(lambda x, low, high: (x < low) & (low < high)), min, y)
    if max is not None:
        y = u.use("where", where(lambda x, low, high: (x > high) | (high < low)), max, y)
    nobody = where(
        lambda x, low, high: ~((x >= low) & (x <= high) | (x < low) & (low < high) | (x > high) | (high < low))
    )
    return u.use("where", nobody, u.constant(shape, u.reader(result)), y)


known("clamp_min")(taking(clamp, "input", "min"))
known("clamp_max")(taking(lambda u, x, most: clamp(u, x, None, most), "input", "max"))


def where(u: Call, input: Any, condition: Any, other: Any) -> Node:
    return u.use("where", u.mask(condition), input, other)


known("torch.Tensor.where")(where)
known("torch.where")(taking(lambda u, which, x, other: where(u, x, which, other), "condition", "input", "other"))


@known("masked_fill")
def masked_fill(u: Call, input: Any, mask: Any, value: Any) -> Node:
    return u.use("masked_fill", input, u.mask(mask), value)


# -------------------------------------------------------------------------------------------------------- dropout
def _kept(u: Call, input: Any) -> Node:
    """What the dropout kept, as it was drawn: for each element, or for each channel."""
    if not u.masks:
        u.lacks(f"{u.name}: what it kept was not recorded")
    drawn = u.ref(u.masks[0])
    own = drawn.shape[max(0, len(drawn.shape) - len(input.shape)) :]  # without an axis of samples that is not there
    return condition(u, input.shape, lambda: values(u, drawn).reshape(own) != 0)


def dropout(u: Call, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Node:
    if not training or p == 0 or 0 in input.shape:
        return u.same(input)
    if p == 1:
        return u.use("mul", input, 0.0)
    return u.use("dropout", input, _kept(u, input), p=p)


known(*(f"{F}{_name}" for _name in ("dropout", "dropout1d", "dropout2d", "dropout3d")))(dropout)


@known("torch.dropout", "torch.feature_dropout")
def dropout_of(u: Call, input: Any, p: float, train: bool) -> Node:
    return dropout(u, input, p, train)


@known(F + "alpha_dropout", F + "feature_alpha_dropout")
def alpha_dropout(u: Call, input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Node:
    if not training or p in (0, 1) or 0 in input.shape:
        return dropout(u, input, p, training)
    return u.use("alpha_dropout", input, _kept(u, input), p=p)
