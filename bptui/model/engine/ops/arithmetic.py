"""Arithmetic and the elementary functions: + - * / **, exp, log, sqrt, abs, sin, cos, maximum, minimum, where, clip."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import bound, broadcast, full, literal, real
from bptui.model.engine.ops.maps import binary, unary
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import Standin, times_sign


def _rsqrt_vjp(g: Any, y: Any, x: Any) -> Any:
    if isinstance(x, Standin):
        return g * y / x * -0.5
    return g * y * y * y * -0.5  # of nodes by the result alone, as autograd's (known/derivatives.py, BY_RESULT)


def _winner(wins: Any) -> Any:
    """The vjps of maximum (wins = np.greater) and minimum (np.less): the winner gets all, a tie is split in halves; the
    gradient passes where one is nan."""

    def share(g: Any, mine: Any, other: Any) -> Any:
        return np.where(mine == other, g * 0.5, np.where(wins(other, mine), 0, g))

    return (lambda g, y, a, b: share(g, a, b), lambda g, y, a, b: share(g, b, a))


# ------------------------------------------------------------------------------------------------------- where


_WHERE = Rule(
    lambda c, a, b: np.where(c != 0, a, b),
    None,
    lambda g, y, c, a, b: np.where(c != 0, g, 0),
    lambda g, y, c, a, b: np.where(c != 0, 0, g),
)


# --------------------------------------------------------------------------------------------------- one input
def _power(x: Any, exponent: float) -> Any:
    return x * x if exponent == 2 else np.power(x, exponent)  # exact and ten times as fast


def _power_vjp(g: Any, y: Any, x: Any, exponent: float) -> Any:
    if exponent == 0:
        return 0
    return (g * x if exponent == 2 else np.power(x, exponent - 1) * g) * exponent


def _clip_definition(signature: Signature) -> str:
    low, high = (None if signature[bound] is None else literal(signature[bound]) for bound in ("min", "max"))
    if _crossed(signature["min"], signature["max"]):
        return f"y = {high} if x > {high} else {high}"
    inner = "x" if high is None else f"({high} if x > {high} else x)"
    return f"y = {inner}" if low is None else f"y = {low} if x < {low} else {inner}"


def _crossed(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low > high


def _clip(x: Any, **bounds: float | None) -> Any:
    low, high = bounds["min"], bounds["max"]
    y = x if low is None else np.maximum(x, low)
    return y if high is None else np.minimum(y, high)


def _clip_vjp(g: Any, y: Any, x: Any, **bounds: float | None) -> Any:
    if _crossed(bounds["min"], bounds["max"]):
        return 0
    return np.where(x == y, g, 0)  # y is x where, and only where, min <= x <= max


OPS = (
    binary(
        "add",
        "y = a + b",
        np.add,
        (lambda g, y, a, b: g, lambda g, y, a, b: g),
        "The sum of two tensors, element by element.",
        symbol="{0} + {1}",
    ),
    binary(
        "sub",
        "y = a - b",
        np.subtract,
        (lambda g, y, a, b: g, lambda g, y, a, b: -g),
        "The difference, element by element.",
        symbol="{0} - {1}",
    ),
    binary(
        "mul",
        "y = a*b",
        np.multiply,
        (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
        "The product, element by element.",
        symbol="{0} * {1}",
    ),
    binary(
        "div",
        "y = a/b",
        np.divide,
        (lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y / b)),
        "The quotient, element by element.",
        symbol="{0} / {1}",
        hint={"b": "-y/b"},
    ),
    binary(
        "pow",
        "y = 1 if a == 0 and b == 0 else a**b",
        np.power,
        (
            lambda g, y, a, b: np.where(b == 0, 0, g * b * np.power(a, b - 1)),
            lambda g, y, a, b: np.where(np.logical_and(a == 0, b >= 0), 0, g * y * np.log(a)),
        ),
        "a to the power b, both tensors; see `power` for a fixed exponent.",
        symbol="{0} ** {1}",
        hint={f: f"0 if a == 0 and b == 0 else {hint}" for f, hint in (("a", "b*a**(b - 1)"), ("b", "y*log(a)"))},
        convention=(
            "the base has no gradient where the exponent is 0, "
            "the exponent none where the base is 0 and it is not negative"
        ),
    ),
    binary(
        "maximum",
        "y = a if a > b else (b if b > a else (a + b)/2)",
        np.maximum,
        _winner(np.greater),
        "The larger of two, element by element.",
        analytic=False,
        convention="at a tie each input gets half of the gradient; of 0 and -0 it is either one, as in PyTorch",
    ),
    binary(
        "minimum",
        "y = a if a < b else (b if b < a else (a + b)/2)",
        np.minimum,
        _winner(np.less),
        "The smaller of two, element by element.",
        analytic=False,
        convention="at a tie each input gets half of the gradient; of 0 and -0 it is either one, as in PyTorch",
    ),
    Op(
        "where",
        ("c", "a", "b"),
        "y = a if c != 0 else b",
        broadcast(("c", "a", "b")),
        *_WHERE.pair,
        "a where the condition c is not 0, else b, element by element.",
        elementwise=True,
        broadcasts=True,
        shape_before_unbroadcast=full,
        fixed=("c",),
        convention="the condition has no gradient",
    ),
    unary("neg", "y = -x", np.negative, lambda g, y, x: -g, "The negative.", symbol="-{0}"),
    unary("exp", "y = exp(x)", np.exp, lambda g, y, x: g * y, "The exponential function.", hint="y"),
    unary("log", "y = log(x)", np.log, lambda g, y, x: g / x, "The natural logarithm; nan below 0, -inf at 0."),
    unary(
        "sqrt",
        "y = sqrt(x)",
        np.sqrt,
        lambda g, y, x: g / y * 0.5,
        "The square root; nan below 0.",
        hint="1/(2*y)",
        convention="the derivative at 0 is inf",
    ),
    unary(
        "rsqrt",
        "y = 1/sqrt(x)",
        lambda x: np.reciprocal(np.sqrt(x)),
        _rsqrt_vjp,
        "One over the square root.",
        hint="-y/(2*x)",
    ),
    unary("reciprocal", "y = 1/x", np.reciprocal, lambda g, y, x: -(g * y * y), "One over x.", hint="-y**2"),
    unary("square", "y = x**2", lambda x: x * x, lambda g, y, x: g * x * 2, "The square.", symbol="{0}**2"),
    unary(
        "abs",
        "y = abs(x)",
        np.absolute,
        lambda g, y, x: times_sign(g, x),
        "The absolute value.",
        hint="sign(x)",
        analytic=False,
        convention="the derivative at 0 is 0",
    ),
    unary("sin", "y = sin(x)", np.sin, lambda g, y, x: np.cos(x) * g, "The sine."),
    unary("cos", "y = cos(x)", np.cos, lambda g, y, x: -(np.sin(x) * g), "The cosine."),
    unary(
        "power",
        lambda signature: f"y = x**{literal(signature['exponent'])}",
        _power,
        _power_vjp,
        "x to a fixed power: `x ** 2` in a formula.",
        attributes={"exponent": Attribute(None, real(), required=True)},
        symbol="{0} ** {exponent}",
        convention="x**0 is 1 with derivative 0, also at x = 0",
    ),
    unary(
        "clip",
        _clip_definition,
        _clip,
        _clip_vjp,
        "x kept between min and max; max where min is above it.",
        attributes={"min": Attribute(None, bound(-inf)), "max": Attribute(None, bound(inf))},
        analytic=False,
        convention="the derivative is 1 at the bounds themselves, 0 beyond them",
    ),
)
