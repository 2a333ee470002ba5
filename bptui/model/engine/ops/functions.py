"""More elementary functions: tan, sinh, cosh, asin, acos, atan, atan2, asinh, acosh, atanh, log1p, expm1, erf, erfc,
lgamma, digamma, polygamma, xlogy, logaddexp."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.ops.common import whole
from bptui.model.engine.ops.erf import erf
from bptui.model.engine.ops.erfc import erfc
from bptui.model.engine.ops.gamma import digamma, lgamma, polygamma
from bptui.model.engine.ops.maps import binary, unary


def _logaddexp(a: Any, b: Any) -> Any:
    """By the larger one, so that nothing overflows; of complex numbers by their real parts. Equal infinities stay."""
    larger = a.real > b.real
    top, low = np.where(larger, a, b), np.where(larger, b, a)
    found = np.log1p(np.exp(low - top)) + top
    return np.where(np.logical_and(np.isinf(top.real), low.real == top.real), top, found)


def _turned(g: Any, side: Any, a: Any, b: Any) -> Any:
    """g times a side over the square of the distance from the origin, 0 at it."""
    square = a * a + b * b
    return np.where(square != 0, g * (side / square), 0)


def _order(value: Any) -> int:
    """How often digamma is derived: beyond 30 the factorials in its series lose their digits."""
    number = whole(value, 0)
    if number > 30:
        raise ValueError(f"must be at most 30, not {number}")
    return number


_ROOT = float(np.sqrt(np.pi))

OPS = (
    unary("tan", "y = sin(x)/cos(x)", np.tan, lambda g, y, x: (y * y + 1) * g, "The tangent.", hint="1 + y**2"),
    unary("sinh", "y = sinh(x)", np.sinh, lambda g, y, x: np.cosh(x) * g, "The hyperbolic sine."),
    unary("cosh", "y = cosh(x)", np.cosh, lambda g, y, x: np.sinh(x) * g, "The hyperbolic cosine."),
    unary("log1p", "y = log(1 + x)", np.log1p, lambda g, y, x: g / (x + 1),
          "The logarithm of 1 + x, exact for small x."),
    unary("expm1", "y = exp(x) - 1", np.expm1, lambda g, y, x: (y + 1) * g, "exp(x) - 1, exact for small x.",
          hint="y + 1"),
    unary("asin", "y = asin(x)", np.arcsin, lambda g, y, x: g / np.sqrt(1 - x * x),
          "The angle of this sine, in radians."),
    unary("acos", "y = acos(x)", np.arccos, lambda g, y, x: -(g / np.sqrt(1 - x * x)),
          "The angle of this cosine, in radians."),
    unary("atan", "y = atan(x)", np.arctan, lambda g, y, x: g / (x * x + 1), "The angle of this tangent, in radians."),
    binary("atan2", "y = atan2(a, b)", np.arctan2,
           (lambda g, y, a, b: _turned(g, b, a, b), lambda g, y, a, b: -_turned(g, a, a, b)),
           "The angle of the point (b, a), in radians.", analytic=False, convention="the gradient at the origin is 0"),
    unary("asinh", "y = asinh(x)", np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1),
          "The number of this hyperbolic sine."),
    unary("acosh", "y = acosh(x)", np.arccosh, lambda g, y, x: g / np.sqrt((x - 1) * (x + 1)),
          "The number from 0 on of this hyperbolic cosine."),
    unary("atanh", "y = atanh(x)", np.arctanh, lambda g, y, x: g / ((1 - x) * (x + 1)), "The number of this tanh."),
    unary("erf", "y = erf(x)", erf, lambda g, y, x: np.exp(-(x * x)) * (2 / np.sqrt(np.pi)) * g, "The error function."),
    unary("erfc", "y = 1 - erf(x)", erfc, lambda g, y, x: np.exp(-(x * x)) * (-2 / _ROOT) * g,
          "1 less the error function, exact where it is small."),
    unary("lgamma", "y = lgamma(x)", lgamma, lambda g, y, x: digamma(x) * g, "log|Γ(x)|.", analytic=False),
    unary("digamma", "y = digamma(x)", digamma, lambda g, y, x: polygamma(x, n=1) * g, "The slope of lgamma.",
          analytic=False),
    unary("polygamma", lambda signature: f"y = polygamma({signature['n']}, x)", polygamma,
          lambda g, y, x, n: polygamma(x, n=n + 1) * g, "The n-th derivative of digamma, which is that of n = 0.",
          attributes={"n": Attribute(1, _order)}, analytic=False),
    binary("xlogy", "y = 0 if a == 0 and b <= 0 else a*log(b)",
           lambda a, b: np.where(np.logical_and(a == 0, ~np.isnan(b)), 0, a * np.log(b)),
           (lambda g, y, a, b: np.where(np.logical_and(a == 0, b.real <= 0), 0, g * np.log(b)),
            lambda g, y, a, b: np.where(np.logical_and(a == 0, b == 0), 0, g * (a / b))),
           "a times the logarithm of b, 0 where a is 0.", convention="0 where a is 0, whatever b is"),
    binary("logaddexp", "y = log(exp(a) + exp(b))", _logaddexp,
           (lambda g, y, a, b: g / (np.exp(b - a) + 1), lambda g, y, a, b: g / (np.exp(a - b) + 1)),
           "The logarithm of the sum of two exponentials.",
           hint={"a": "1/(1 + exp(b - a))", "b": "1/(1 + exp(a - b))"}),
)  # fmt: skip
