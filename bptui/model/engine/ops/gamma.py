"""The logarithm of the gamma function and its derivatives, which NumPy does not have."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.as_operation import operation
from bptui.model.engine.trace import Standin, each

_FROM = 10.0
"""From here on the series below are exact to the last digits; what is smaller is moved up, by x in steps of 1."""
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
"""B2, B4, …: NIST Digital Library of Mathematical Functions, table 24.2.1."""


@operation
def lgamma(x: Any) -> Any:
    """log|Γ(x)|; inf at 0 and at the negative whole numbers."""
    return _elementwise(_lgamma, x)


@operation
def digamma(x: Any) -> Any:
    """Γ'(x)/Γ(x); -inf at 0, nan at the negative whole numbers, as PyTorch has it."""
    return _elementwise(_digamma, x)


@operation
def polygamma(x: Any, n: int) -> Any:
    """The n-th derivative of digamma; inf at 0 and the negative whole numbers, -inf for an even n: PyTorch's."""
    return _elementwise(_polygamma, x, n) if n else _elementwise(_digamma, x)


def of_order(n: Any, x: Any) -> Any:
    """polygamma as a definition writes it: `polygamma(2, x)`, n a whole number that is written there."""
    return polygamma(x, n=int(n))


def _elementwise(function: Callable[..., Any], x: Any, *options: int) -> Any:
    if isinstance(x, Standin):
        return each(_filling(function, options), x)
    return function(np.asarray(x, np.float64), *options)


@cache
def _filling(function: Callable[..., Any], options: tuple[int, ...]) -> Callable[[Array, Array], None]:
    """The same as one that fills its last argument: one function for all uses, so that equal ones are one call."""

    def fill(x: Array, out: Array) -> None:
        out[...] = function(np.asarray(x, np.float64), *options)

    return fill


def _lgamma_of(x: float) -> float:
    if math.isnan(x) or math.isinf(x):
        return abs(x)
    if x <= 0 and x == math.floor(x):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


_LGAMMA = np.frompyfunc(_lgamma_of, 1, 1)


def _lgamma(x: Array) -> Any:
    return np.asarray(_LGAMMA(x), np.float64)


def _series(x: Array, factors: list[float], first: int) -> Array:
    """Σ factors[k]·x**(-first - 2k), from behind."""
    below, found = 1 / (x * x), np.zeros_like(x)
    for factor in reversed(factors):
        found = found * below + factor
    total: Array = found / x**first
    return total


def _moved_up(x: Array, term: Callable[[Array], Array], least: float = _FROM) -> tuple[Array, Array]:
    """x in steps of 1 to beyond `least`, and the sum of a term over what was passed."""
    total = np.zeros_like(x)
    while np.any(small := x < least):
        total = np.where(small, total + term(x), total)
        x = np.where(small, x + 1, x)
    return x, total


def _digamma(x: Array) -> Any:
    """ψ(x) = log x - 1/(2x) - Σ B2k/(2k·x**2k) far out, ψ(x) = ψ(x + 1) - 1/x, ψ(x) = ψ(1 - x) - π/tan(πx): DLMF
    5.11.2, 5.5.2, 5.5.4."""
    with np.errstate(all="ignore"):
        far, passed = _moved_up(np.where(x > 0, x, 1 - x), lambda x: 1 / x)
        found = np.log(far) - 0.5 / far - passed
        found = found - _series(far, [b / (2 * k + 2) for k, b in enumerate(_BERNOULLI)], 2)
        part = x - np.round(x)  # tan has the period π: without it the digits of a large x are lost
        found = np.where(x > 0, found, found - np.pi / np.tan(np.pi * part))
        found = np.where((x < 0) & (part == 0), np.nan, found)
        return np.where(x == 0, np.copysign(np.inf, -x), np.where(x == np.inf, np.inf, found))


def _polygamma(x: Array, n: int) -> Any:
    """The derivatives of the same: DLMF 5.15.8, 5.15.5, 5.15.6. The larger n, the farther out its series is exact."""
    sign, fact = (1 if n % 2 else -1), math.factorial
    factors = [b * fact(2 * k + n - 1) / fact(2 * k) for k, b in enumerate(_BERNOULLI, 1)]
    with np.errstate(all="ignore"):
        start = np.where(x > 0, x, 1 - x)
        far, passed = _moved_up(start, lambda x: fact(n) / x ** (n + 1), _FROM + 2 * n)
        found = fact(n - 1) / far**n + fact(n) / 2 / far ** (n + 1) + passed + _series(far, factors, n + 2)
        part = x - np.round(x)
        turned = np.pi ** (n + 1) * _slope_of_cot(n, 1 / np.tan(np.pi * part))
        found = np.where(x > 0, sign * found, -found - turned)
        return np.where((x <= 0) & (part == 0), sign * np.inf, np.where(x == np.inf, 0, found))


def _slope_of_cot(n: int, c: Array) -> Array:
    """The n-th derivative of cot, of its value c: a polynomial, since the first one is -(1 + c²)."""
    polynomial = np.polynomial.Polynomial([0, 1])
    for _ in range(n):
        polynomial = polynomial.deriv() * np.polynomial.Polynomial([-1, 0, -1])
    return np.asarray(polynomial(c))
