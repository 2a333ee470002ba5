"""Activation functions, and dropout. Definitions are the plain mathematics, the NumPy is the stable form of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import bound, choice, literal, positive, real, same
from bptui.model.engine.ops.erf import normal_cdf
from bptui.model.engine.ops.maps import unary
from bptui.model.engine.ops.special import gated, log_sigmoid, sigmoid, softplus, times_sigmoid
from bptui.model.engine.rule import Rule

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
"""Klambauer et al. 2017, Self-Normalizing Neural Networks: the fixed point of mean 0 and variance 1."""


def _mish_vjp(g: Any, y: Any, x: Any) -> Any:
    t = np.tanh(softplus(x))
    return (times_sigmoid(1 - t * t, x) * x + t) * g


def _elu(x: Any, alpha: float, scale: float = 1.0) -> Any:
    y = np.fmax(x, 0) + _times(np.expm1(np.minimum(x, 0)), alpha)  # one of the two is 0; NaN is in the second
    return _times(y, scale)


def _elu_vjp(g: Any, y: Any, x: Any, alpha: float, scale: float = 1.0) -> Any:
    slope = np.exp(np.minimum(x, 0))  # 1 where x is positive
    return _times(slope if alpha == 1 else np.where(x > 0, slope, slope * alpha), scale) * g


def _times(x: Any, factor: float) -> Any:
    return x if factor == 1 else x * factor


def _straight(signature: Signature, x: str, line: str, else_: str) -> str:
    """A line above the threshold of a softplus, where it has one."""
    limit = signature["threshold"]
    return else_ if limit is None else f"{line} if {x} > {literal(limit)} else {else_}"


def _softplus_definition(signature: Signature) -> str:
    beta = literal(signature["beta"])
    x, over = ("x", "") if beta == "1" else (f"{beta}*x", f"/{beta}")
    return f"y = {_straight(signature, x, 'x', f'log(1 + exp({x})){over}')}"


def _softplus_hint(signature: Signature) -> str:
    beta = literal(signature["beta"])
    x = "x" if beta == "1" else f"{beta}*x"
    return _straight(signature, x, "1", f"1/(1 + exp(-{x}))")


def _softplus(x: Any, beta: float, threshold: float | None) -> Any:
    y = _times(softplus(_times(x, beta)), 1 / beta)
    return y if threshold is None else np.where(_times(x, beta) > threshold, x, y)


def _softplus_vjp(g: Any, y: Any, x: Any, beta: float, threshold: float | None) -> Any:
    slope = times_sigmoid(g, _times(x, beta))
    return slope if threshold is None else np.where(_times(x, beta) > threshold, g, slope)


def _leaky(x: Any, negative_slope: float) -> Any:
    if not negative_slope:
        return np.where(x > 0, x, x * negative_slope)  # inf·0 is not to win
    return (np.fmax if negative_slope <= 1 else np.fmin)(x, x * negative_slope)  # both are NaN, or neither


def _bounded_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    low, high = attributes["min_val"], attributes["max_val"]
    if low > high:
        raise ValueError(
            f"min_val is {significant(low)} and max_val is {significant(high)}: min_val must not be above max_val"
        )
    return shapes[0]


def _hardtanh(x: Any, min_val: float = 0.0, max_val: float = 6.0) -> Any:
    return np.minimum(np.maximum(x, min_val), max_val)


def _hardtanh_vjp(g: Any, y: Any, x: Any, min_val: float = 0.0, max_val: float = 6.0) -> Any:
    return np.where(np.logical_or(x <= min_val, x >= max_val), 0, g)  # nan is neither


# --------------------------------------------------------------------------------------------------------- gelu
_C = float(np.sqrt(2 / np.pi))
_CUBIC = 0.044715
"""Hendrycks & Gimpel 2016, Gaussian Error Linear Units: the tanh approximation's constant."""


def _gelu_definition(signature: Signature) -> str:
    if signature["approximate"] == "none":
        return "cdf = (1 + erf(x/sqrt(2)))/2; y = x*cdf"
    return f"t = tanh(sqrt(2/pi)*(x + {_CUBIC}*x**3)); y = x*(1 + t)/2"


def _gelu_hint(signature: Signature) -> str:
    if signature["approximate"] == "none":
        return "cdf + x*exp(-x**2/2)/sqrt(2*pi)"
    return f"(1 + t)/2 + x*(1 - t**2)*sqrt(2/pi)*(1 + 3*{_CUBIC}*x**2)/2"


def _gelu_part(x: Any, approximate: str) -> Any:
    """Φ(x), or (1 + tanh(u))/2 in its place."""
    return normal_cdf(x) if approximate == "none" else (np.tanh((x * x * (_CUBIC * _C) + _C) * x) + 1) * 0.5


def _gelu(x: Any, approximate: str) -> Any:
    return _gelu_part(x, approximate) * x


def _gelu_vjp(g: Any, y: Any, x: Any, approximate: str) -> Any:
    t = _gelu_part(x, approximate)
    if approximate == "none":  # Φ + x·φ
        return (np.exp(x * x * -0.5) * x * (1 / np.sqrt(2 * np.pi)) + t) * g
    far = t * (1 - t) * x  # x·(1 - tanh²)/4: first, that it is 0 before a power of x is inf, and NaN at inf itself
    return ((far * x * x * (3 * _CUBIC) + far) * (2 * _C) + t) * g


def _softsign_vjp(g: Any, y: Any, x: Any) -> Any:
    below = np.maximum(np.absolute(x) + 1, y)  # y is less, or NaN
    return g / below / below


# ------------------------------------------------------------------------------------------------------ dropout
_DROPOUT = Rule(lambda x, mask, p: x * mask * (1 / (1 - p)), lambda g, y, x, mask, p: g * mask * (1 / (1 - p)))


def _number(default: float) -> Attribute:
    return Attribute(default, real(), static=False)


OPS = (
    unary(
        "sigmoid",
        "y = 1/(1 + exp(-x))",
        sigmoid,
        lambda g, y, x: (1 - y) * y * g,
        "The logistic function, between 0 and 1.",
        hint="y*(1 - y)",
        symbol="σ({0})",
    ),
    unary(
        "tanh",
        "y = tanh(x)",
        np.tanh,
        lambda g, y, x: (1 - y * y) * g,
        "The hyperbolic tangent, between -1 and 1.",
        hint="1 - y**2",
    ),
    unary(
        "relu",
        "y = x if x > 0 else 0",
        lambda x: np.maximum(x, 0),
        lambda g, y, x: np.where(y != 0, g, 0),  # y is never negative, and nan where x is
        "x where it is positive, else 0.",
        analytic=False,
        convention="the derivative at 0 is 0",
    ),
    unary(
        "leaky_relu",
        "y = x if x > 0 else negative_slope*x",
        _leaky,
        lambda g, y, x, negative_slope: np.where(x > 0, g, g * negative_slope),
        "x where it is positive, else a small multiple of it.",
        attributes={"negative_slope": _number(0.01)},
        analytic=False,
        convention="the derivative at 0 is the negative slope",
    ),
    unary(
        "elu",
        "y = x if x > 0 else alpha*(exp(x) - 1)",
        _elu,
        _elu_vjp,
        "x where it is positive, else an exponential that ends at -alpha.",
        attributes={"alpha": _number(1.0)},
        analytic=False,
        convention="the derivative at 0 is alpha",
    ),
    unary(
        "selu",
        "y = scale*(x if x > 0 else alpha*(exp(x) - 1))",
        _elu,
        _elu_vjp,
        "A scaled elu that keeps mean 0 and variance 1.",
        attributes={"alpha": _number(SELU_ALPHA), "scale": _number(SELU_SCALE)},
        analytic=False,
        convention="the derivative at 0 is scale*alpha",
    ),
    unary(
        "gelu",
        _gelu_definition,
        _gelu,
        _gelu_vjp,
        "x times the normal distribution function of x; approximate = 'none' or 'tanh'.",
        hint=_gelu_hint,
        attributes={"approximate": Attribute("none", choice("none", "tanh"))},
    ),
    unary(
        "silu",
        "s = 1/(1 + exp(-x)); y = x*s",
        lambda x: gated(x, x),
        lambda g, y, x: gated(x - y + 1, x) * g,  # s + y·(1 - s), where y is x·s
        "x times its sigmoid (swish).",
        hint="s + y*(1 - s)",
    ),
    unary(
        "softplus",
        _softplus_definition,
        _softplus,
        _softplus_vjp,
        "A smooth relu, the closer to it the larger beta is; where beta·x is above a threshold, x itself.",
        attributes={"beta": Attribute(1.0, positive), "threshold": Attribute(None, bound(inf))},
        hint=_softplus_hint,
        convention="no straight line far out unless there is a threshold: PyTorch's, above 20, is off by 2e-9",
    ),
    unary(
        "log_sigmoid",
        "y = -log(1 + exp(-x))",
        log_sigmoid,
        lambda g, y, x: g / (np.exp(x) + 1),
        "The logarithm of the sigmoid.",
        hint="1/(1 + exp(x))",
    ),
    unary(
        "mish",
        "t = tanh(log(1 + exp(x))); y = x*t",
        lambda x: x * np.tanh(softplus(x)),
        _mish_vjp,
        "x times the tanh of its softplus.",
        hint="t + x*(1 - t**2)/(1 + exp(-x))",
    ),
    unary(
        "softsign",
        "y = x/(1 + abs(x))",
        lambda x: x / (np.absolute(x) + 1),
        _softsign_vjp,
        "x over 1 + its absolute value, between -1 and 1.",
        hint="1/(1 + abs(x))**2",
        analytic=False,
        convention="of ∞ it is ∞/∞: no number, and so is the derivative",
    ),
    unary(
        "hardtanh",
        "y = min_val if x <= min_val else (max_val if x >= max_val else x)",
        _hardtanh,
        _hardtanh_vjp,
        "x kept between min_val and max_val, which is not below it.",
        attributes={"min_val": _number(-1.0), "max_val": _number(1.0)},
        shape=_bounded_shape,
        analytic=False,
        convention="the derivative at the bounds themselves is 0",
    ),
    unary(
        "relu6",
        "y = 0 if x <= 0 else (6 if x >= 6 else x)",
        _hardtanh,
        _hardtanh_vjp,
        "relu that ends at 6.",
        analytic=False,
        convention="the derivative at 0 and at 6 is 0",
    ),
    Op(
        "dropout",
        ("x", "mask"),
        "y = x*mask/(1 - p)",
        same(("x", "mask")),
        *_DROPOUT.pair,
        "x where the mask is 1, else 0; kept values are divided by 1 - p.",
        {"p": Attribute(0.5, real(0, 1, open_high=True), static=False)},
        elementwise=True,
        fixed=("mask",),
        convention="the mask is given, and has no gradient; kept values are divided by 1 - p",
    ),
)
