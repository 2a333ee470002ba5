"""Wrong backward rules of arithmetic, functions and activations (as in backward.py)."""

from __future__ import annotations

import numpy as np

from . import wrong
from .plant import Backward as B

sig = wrong.sig

ARITHMETIC = [
    B("add", "the sum over the batch is lost", "b", "pair", lambda d: wrong.first(d)),
    B("add", "doubled", "a", "pair", lambda g: 2 * g),
    B("add", "mean over the batch for its sum", "b", "pair", lambda d: d / 3),
    B("sub", "the sign of the second is lost", "b", "pair", lambda g: g),
    B("mul", "its own factor for the other", "a", "pair", lambda g, a: g * a),
    B("mul", "the sum over the batch is lost", "b", "pair", lambda d: wrong.first(d)),
    B("mul", "the sum over the batch is lost", "a", "left", lambda d: wrong.first(d)),
    B("div", "multiplies by the divisor", "a", "divided", lambda g, b: g * b),
    B("div", "sign of the divisor", "b", "divided", lambda d: -d),
    B("div", "b for b²", "b", "divided", lambda g, a, b: -g * a / b),
    B("pow", "the exponent is not lowered", "a", "powered", lambda g, y, b: g * b * y),
    B("pow", "log of the exponent for log of the base", "b", "powered", lambda g, y, b: g * y * np.log(np.abs(b))),
    B("maximum", "a tie goes to the first alone", "a", "tied pair", lambda g, a, b: g * (a >= b)),
    B("maximum", "to the smaller", "b", "tied pair", lambda g, a, b: g * (b < a)),
    B("minimum", "a tie goes to nobody", "b", "tied pair", lambda g, a, b: g * (b < a)),
    B("where", "the condition turned around", "a", "chosen", lambda g, c: g * (c == 0)),
    B("where", "the other's mask", "b", "chosen", lambda g, c: g * (c != 0)),
    B("power", "the exponent is not in front", "x", "cubed", lambda d: d / 3),
    B("power", "off by one: the exponent is not lowered", "x", "cubed", lambda g, y: 3 * g * y),
]  # fmt: skip

MAPS = [
    B("neg", "sign", "x", "x", lambda g: g),
    B("exp", "∂L/∂y as it is", "x", "x", lambda g: g),
    B("exp", "the input for the output", "x", "x", lambda g, x: g * x),
    B("log", "1/x²", "x", "positive", lambda g, x: g / x**2),
    B("log", "eps in the denominator", "x", "positive", lambda g, x: g / (x + 1e-6)),
    B("sqrt", "a factor 2", "x", "positive", lambda g, y: g / y),
    B("sqrt", "eps added to the root", "x", "positive", lambda g, y: g / (2 * (y + 1e-7))),
    B("rsqrt", "sign", "x", "positive", lambda d: -d),
    B("rsqrt", "y² for y³", "x", "positive", lambda g, y: -0.5 * g * y**2),
    B("reciprocal", "1/x for 1/x²", "x", "positive", lambda g, y: -g * y),
    B("square", "a factor 2 is missing", "x", "x", lambda g, x: g * x),
    B("abs", "1 at the kink", "x", "x", lambda g, x: g * np.where(x >= 0, 1, -1)),
    B("abs", "the value for its sign", "x", "x", lambda g, x: g * x),
    B("sin", "sign", "x", "x", lambda d: -d),
    B("cos", "sign", "x", "x", lambda g, x: g * np.sin(x)),
    B("clip", "passed on outside, too", "x", "bounded", lambda g: g),
    B("clip", "closed at its bounds", "x", "bounded", lambda g, x: g * ((x > -0.5) & (x < 0.8))),
    B("cast", "rounded on its way back, too", "x", "rounded", lambda g: wrong.put(g, (0, 1), g[0, 1] * 2.0**-9)),
    B("cast", "nothing passes: the derivative of the steps", "x", "rounded", lambda g: 0 * g),
    B("sign", "the derivative of abs", "x", "x", lambda g, y: g * y),
    B("floor", "straight through", "x", "x", lambda g: g),
    B("ceil", "straight through", "x", "x", lambda g: g),
    B("trunc", "passed on towards 0", "x", "x", lambda g, x: g * (x > 0)),
    B("round", "straight through", "x", "x", lambda g: g),
    B("dropout", "1/(1 - p) is missing", "x", "dropped", lambda g, mask: g * mask),
    B("dropout", "the mask is missing", "x", "dropped", lambda g: g / 0.7),
    B("dropout", "divided by p", "x", "dropped", lambda g, mask: g * mask / 0.3),
]  # fmt: skip

ACTIVATIONS = [
    B("sigmoid", "sign", "x", "x", lambda d: -d),
    B("sigmoid", "y(1 + y)", "x", "x", lambda g, y: g * y * (1 + y)),
    B("sigmoid", "the input for the output", "x", "x", lambda g, x: g * x * (1 - x)),
    B("sigmoid", "ignores ∂L/∂y", "x", "x", lambda y: y * (1 - y)),
    B("sigmoid", "rounded to float32", "x", "x", lambda d: d.astype(np.float32)),
    B("tanh", "1 - y", "x", "x", lambda g, y: g * (1 - y)),
    B("tanh", "1 + y²", "x", "x", lambda g, y: g * (1 + y * y)),
    B("relu", "leaks below 0", "x", "x", lambda g, x: g * np.where(x > 0, 1, 0.01)),
    B("relu", "open at the kink: >= for >", "x", "x", lambda g, x: g * (x >= 0)),
    B("relu", "the mask from ∂L/∂y", "x", "x", lambda g: g * (g > 0)),
    B("leaky_relu", "the slope is forgotten", "x", "x", lambda g, x: g * (x > 0)),
    B("leaky_relu", "1 at the kink", "x", "x", lambda g, x: g * np.where(x >= 0, 1, 0.01)),
    B("elu", "alpha is missing", "x", "elu", lambda g, x: g * np.where(x > 0, 1, np.exp(x))),
    B("elu", "y for y + alpha", "x", "elu", lambda g, x, y: g * np.where(x > 0, 1, y)),
    B("selu", "the scale is missing below 0", "x", "x", lambda d, x: np.where(x > 0, d, d / 1.0507009873554805)),
    B("gelu", "x·φ is missing", "x", "x", lambda d, g, x: d - g * x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    B("gelu", "the derivative of the form with tanh", "x", "x", lambda g, x: g * _gelu_tanh(x)),
    B("gelu", "x³ differentiated as x²", "x", "gelu tanh", lambda g, x: g * _gelu_tanh(x, 2)),
    B("silu", "x·s' is missing", "x", "x", lambda g, x: g * sig(x)),
    B("softplus", "tanh for sigmoid", "x", "x", lambda g, x: g * np.tanh(x)),
    B("log_sigmoid", "s(x) for s(-x)", "x", "x", lambda g, x: g * sig(x)),
    B("mish", "the inner derivative is missing", "x", "x", lambda g, x: g * np.tanh(np.log1p(np.exp(x)))),
    B("softsign", "1 + |x| is not squared", "x", "x", lambda g, x: g / (1 + abs(x))),
    B("softsign", "x for |x|", "x", "x", lambda g, x: g / (1 + x) ** 2),
    B("hardtanh", "open at its bounds", "x", "hard", lambda g, x: g * ((x >= -0.5) & (x <= 0.8))),
    B("relu6", "the upper bound is forgotten", "x", "six", lambda g, x: g * (x > 0)),
]  # fmt: skip


def _gelu_tanh(x: np.ndarray, power: int = 3) -> np.ndarray:
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + power * 0.044715 * x**2)


FAULTS = [*ARITHMETIC, *MAPS, *ACTIVATIONS]
