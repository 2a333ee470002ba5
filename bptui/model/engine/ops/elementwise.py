"""Activation functions, and dropout. Definitions are the plain mathematics, the NumPy is the stable form of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import choice, flat, mask, real, same, sigmoid_into, softplus_into
from bptui.model.engine.ops.maps import unary
from bptui.model.engine.ops.special import erf_into

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
"""Klambauer et al. 2017, Self-Normalizing Neural Networks: the fixed point of mean 0 and variance 1."""


def _sigmoid(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    sigmoid_into(emit, x, y)


def _sigmoid_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    rest = emit.temp(y.shape)
    emit(np.subtract, emit.const(1.0), y, rest)
    emit(np.multiply, g, y, d)
    emit(np.multiply, d, rest, d)


def _tanh(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.tanh, x, y)


def _tanh_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, y, y, d)
    emit(np.subtract, emit.const(1.0), d, d)
    emit(np.multiply, d, g, d)


_MANY = 512
"""From this size on the number of elements counts, below it the number of calls."""


def _relu(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    # against an array np.maximum takes a fifth of the time that it takes against a number
    emit(np.maximum, x, emit.const(0.0) if x.size < _MANY else np.zeros(x.shape, emit.dtype), out=y)


def _relu_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    if y.size < _MANY:
        emit(np.sign, y, d)  # y is never negative: 1 where x > 0, else 0
        emit(np.multiply, d, g, d)
    else:
        emit(np.multiply, g, mask(emit, np.greater, x, emit.const(0.0)), d)


def _leaky_relu(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    positive = mask(emit, np.greater, x, emit.const(0.0))
    emit(np.multiply, x, emit.const(attributes["negative_slope"]), y)
    emit(np.copyto, y, x, where=positive)
    return positive


def _leaky_relu_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, g, emit.const(attributes["negative_slope"]), d)
    emit(np.copyto, d, g, where=saved)


def _elu(emit: Emit, x: Array, y: Array, attributes: Attributes) -> tuple[Array, Array]:
    positive = mask(emit, np.greater, x, emit.const(0.0))
    low = emit.temp(x.shape)
    emit(np.minimum, x, emit.const(0.0), out=low)
    emit(np.expm1, low, y)
    emit(np.multiply, y, emit.const(attributes["alpha"]), y)
    emit(np.copyto, y, x, where=positive)
    if "scale" in attributes:
        emit(np.multiply, y, emit.const(attributes["scale"]), y)
    return positive, low


def _elu_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    positive, low = saved
    emit(np.exp, low, d)
    emit(np.multiply, d, emit.const(attributes["alpha"]), d)
    emit(np.copyto, d, emit.const(1.0), where=positive)
    if "scale" in attributes:
        emit(np.multiply, d, emit.const(attributes["scale"]), d)
    emit(np.multiply, d, g, d)


def _silu(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    s = emit.temp(x.shape)
    sigmoid_into(emit, x, s)
    emit(np.multiply, x, s, y)
    return s


def _silu_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, s: Any) -> None:
    emit(np.subtract, emit.const(1.0), s, d)  # s + y·(1 - s)
    emit(np.multiply, d, y, d)
    emit(np.add, d, s, d)
    emit(np.multiply, d, g, d)


def _softplus(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    softplus_into(emit, x, y)


def _softplus_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    sigmoid_into(emit, x, d)
    emit(np.multiply, d, g, d)


def _log_sigmoid(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    negative = emit.temp(x.shape)
    emit(np.negative, x, negative)
    softplus_into(emit, negative, y)
    emit(np.negative, y, y)


def _log_sigmoid_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.exp, x, d)
    emit(np.add, d, emit.const(1.0), d)
    emit(np.divide, g, d, d)


def _mish(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    t = emit.temp(x.shape)
    softplus_into(emit, x, t)
    emit(np.tanh, t, t)
    emit(np.multiply, x, t, y)
    return t


def _mish_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, t: Any) -> None:
    s = emit.temp(x.shape)
    sigmoid_into(emit, x, s)
    emit(np.multiply, t, t, d)  # t + x·s·(1 - t²)
    emit(np.subtract, emit.const(1.0), d, d)
    emit(np.multiply, d, s, d)
    emit(np.multiply, d, x, d)
    emit(np.add, d, t, d)
    emit(np.multiply, d, g, d)


def _softsign(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    below = emit.temp(x.shape)
    emit(np.absolute, x, below)
    emit(np.add, below, emit.const(1.0), below)
    emit(np.divide, x, below, y)
    return below


def _softsign_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, below: Any) -> None:
    emit(np.divide, g, below, d)
    emit(np.divide, d, below, d)


def _hardtanh_bounds(attributes: Attributes) -> tuple[float, float]:
    return attributes.get("min_val", 0.0), attributes.get("max_val", 6.0)


def _hardtanh(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    low, high = _hardtanh_bounds(attributes)
    emit(np.maximum, x, emit.const(low), out=y)
    emit(np.minimum, y, emit.const(high), out=y)


def _hardtanh_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    low, high = _hardtanh_bounds(attributes)
    above, below = mask(emit, np.greater, x, emit.const(low)), mask(emit, np.less, x, emit.const(high))
    emit(np.logical_and, above, below, above)
    emit(np.multiply, g, above, d)


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


def _gelu(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    """Saves Φ(x), or tanh(u)."""
    t = emit.temp(x.shape)
    if attributes["approximate"] == "none":
        emit(np.multiply, x, emit.const(1 / np.sqrt(2)), y)
        erf_into(emit, y, t)
        emit(np.add, t, emit.const(1.0), t)
        emit(np.multiply, t, emit.const(0.5), t)
        emit(np.multiply, x, t, y)
        return t
    emit(np.multiply, x, x, t)
    emit(np.multiply, t, emit.const(_CUBIC * _C), t)
    emit(np.add, t, emit.const(_C), t)
    emit(np.multiply, t, x, t)
    emit(np.tanh, t, t)
    emit(np.add, t, emit.const(1.0), y)
    emit(np.multiply, y, x, y)
    emit(np.multiply, y, emit.const(0.5), y)
    return t


def _gelu_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, t: Any) -> None:
    if attributes["approximate"] == "none":  # Φ + x·φ
        emit(np.multiply, x, x, d)
        emit(np.multiply, d, emit.const(-0.5), d)
        emit(np.exp, d, d)
        emit(np.multiply, d, x, d)
        emit(np.multiply, d, emit.const(1 / np.sqrt(2 * np.pi)), d)
        emit(np.add, d, t, d)
        emit(np.multiply, d, g, d)
        return
    s = emit.temp(x.shape)  # (1 + t)/2 + x·(1 - t²)·u'/2
    emit(np.multiply, x, x, d)
    emit(np.multiply, d, emit.const(1.5 * _CUBIC * _C), d)
    emit(np.add, d, emit.const(0.5 * _C), d)
    emit(np.multiply, d, x, d)
    emit(np.multiply, t, t, s)
    emit(np.subtract, emit.const(1.0), s, s)
    emit(np.multiply, d, s, d)
    emit(np.add, t, emit.const(1.0), s)
    emit(np.multiply, s, emit.const(0.5), s)
    emit(np.add, d, s, d)
    emit(np.multiply, d, g, d)


# ------------------------------------------------------------------------------------------------------ dropout
def _dropout(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x, kept, y = flat(*inputs, out)
    emit(np.multiply, x, kept, y)
    emit(np.multiply, y, emit.const(1 / (1 - attributes["p"])), y)


def _dropout_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        _dropout(emit, (upstream, inputs[1]), into[0], attributes)


def _number(default: float) -> Attribute:
    return Attribute(default, real(), static=False)


OPS = (
    unary(
        "sigmoid",
        "y = 1/(1 + exp(-x))",
        _sigmoid,
        _sigmoid_vjp,
        "The logistic function, between 0 and 1.",
        hint="y*(1 - y)",
        symbol="σ({0})",
    ),
    unary("tanh", "y = tanh(x)", _tanh, _tanh_vjp, "The hyperbolic tangent, between -1 and 1.", hint="1 - y**2"),
    unary(
        "relu",
        "y = x if x > 0 else 0",
        _relu,
        _relu_vjp,
        "x where it is positive, else 0.",
        analytic=False,
        convention="the derivative at 0 is 0",
    ),
    unary(
        "leaky_relu",
        "y = x if x > 0 else negative_slope*x",
        _leaky_relu,
        _leaky_relu_vjp,
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
        _silu,
        _silu_vjp,
        "x times its sigmoid (swish).",
        hint="s + y*(1 - s)",
    ),
    unary(
        "softplus",
        "y = log(1 + exp(x))",
        _softplus,
        _softplus_vjp,
        "A smooth relu.",
        hint="1/(1 + exp(-x))",
        convention="no straight line far out: PyTorch's, above 20, is off by 2e-9",
    ),
    unary(
        "log_sigmoid",
        "y = -log(1 + exp(-x))",
        _log_sigmoid,
        _log_sigmoid_vjp,
        "The logarithm of the sigmoid.",
        hint="1/(1 + exp(x))",
    ),
    unary(
        "mish",
        "t = tanh(log(1 + exp(x))); y = x*t",
        _mish,
        _mish_vjp,
        "x times the tanh of its softplus.",
        hint="t + x*(1 - t**2)/(1 + exp(-x))",
    ),
    unary(
        "softsign",
        "y = x/(1 + abs(x))",
        _softsign,
        _softsign_vjp,
        "x over 1 + its absolute value, between -1 and 1.",
        hint="1/(1 + abs(x))**2",
        analytic=False,
    ),
    unary(
        "hardtanh",
        "y = min_val if x <= min_val else (max_val if x >= max_val else x)",
        _hardtanh,
        _hardtanh_vjp,
        "x kept between min_val and max_val.",
        attributes={"min_val": _number(-1.0), "max_val": _number(1.0)},
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
        _dropout,
        _dropout_vjp,
        "x where the mask is 1, else 0; kept values are divided by 1 - p.",
        {"p": Attribute(0.5, real(0, 1, open_high=True), static=False)},
        elementwise=True,
        fixed=("mask",),
        convention="the mask is given, and has no gradient; kept values are divided by 1 - p",
    ),
)
