"""The error function, and the normal distribution function Φ(x) = (1 + erf(x/√2))/2.

Both are integrals of exp(-κu²), with κ = 1 and 1/2. Each is a Taylor series around the nearest point c of a table,
x = c + t:
    F(c + t) = F(c) + F'(c)·t·S,    S = Σ Hₙ(√κ·c)·(-√κ·t)ⁿ/(n + 1)!
with Hermite's polynomials Hₙ (the n-th derivative of exp(-x²) is (-1)ⁿ·Hₙ(x)·exp(-x²): Abramowitz & Stegun 22.11.7);
the points are so near that the terms from n = 5 on are less than a fifth of the last digit. There are neither branches
nor exponentials: the same few calls for all x, and the same bits on every machine.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.as_operation import operation
from bptui.model.engine.trace import Standin, each

_ROWS = 4096
"""Rows of a table: the point k·h has row k, and -k·h row 4096 - k, both of which are the last 12 bits of k."""


class _Points(NamedTuple):
    """What is known of the points, by their rows."""

    value: Array
    slope: Array


class _Near(NamedTuple):
    """x beside the nearest point: x (no farther out than the table), c, t = x - c, S - 1, and the rows of c."""

    x: Any
    c: Any
    t: Any
    terms: Any
    value: Any
    slope: Any


@dataclass(frozen=True)
class _Integral(ABC):
    """That of exp(-κu²), times what makes all of it from 0 on 1.

    shallow  1/κ
    density  points in an interval of length 1
    reach    from here on it is 1 to the last digit
    """

    shallow: int
    density: int
    reach: int

    @cached_property
    def points(self) -> _Points:
        """The table, which is made when it is first asked for, in 5 ms."""
        rows = _Points(np.zeros(_ROWS), np.zeros(_ROWS))
        one, values, slopes = self.exact()
        for k in range(self.reach * self.density + 1):
            for row, value in self.rows(k, one, values[k], slopes[k]):
                rows.value[row], rows.slope[row] = value
        return rows

    @abstractmethod
    def rows(self, k: int, one: int, value: int, slope: int) -> Any:
        """The rows of the points k·h and -k·h."""

    def exact(self) -> tuple[int, list[int], list[int]]:
        """1, and the integral and its slope at the points from 0 on, as whole numbers that are 2^100 times as large.

        The integral from a point to the next is by its Taylor series around the middle m, δ half their distance:
        2δ·exp(-κm²)·Σ H₂ₙ(√κ·m)·(κδ²)ⁿ/(2n + 1)!, which up to n = 3 is right to 24 digits. All of them, up to where
        exp(-κu²) is below 10^-35, are 1.
        """
        one, n = 1 << 100, 2 * self.density  # middles are odd, points even multiples of 1/n
        square, last = self.shallow * n * n, 9 * self.shallow * n
        ratio, ratios = _exp_minus(one, 1, square), _exp_minus(one, 2, square)
        weights, sums = [one], [0]
        for _ in range(last):  # exp(-κ(j/n)²) is the last one times exp(-κ(2j + 1)/n²)
            weights.append(weights[-1] * ratio // one)
            ratio = ratio * ratios // one
        for j in range(1, last, 2):
            m = j * j  # m/square is κ times the middle's square; the series is over its common denominator
            series = ((8 * m - 60 * square) * m + 90 * square**2) * m - 15 * square**3
            series += 21 * square**2 * ((4 * m - 12 * square) * m + 3 * square**2)
            series += 210 * square**4 * (2 * m - square) + 630 * square**6
            sums.append(sums[-1] + 2 * weights[j] * series // (630 * square**6 * n))
        values, slopes = ([part * one // sums[-1] for part in parts] for parts in (sums, weights[::2]))
        return one, values, slopes

    def near(self, x: Any) -> _Near:
        """What is known near x."""
        near = np.minimum(np.maximum(x, -self.reach), self.reach)
        shift = 1.5 * 2**52 / self.density  # numbers of this size lie h apart: a sum with it is rounded to a point
        shifted = near + shift
        row = _filled(_fill_row, shifted, np.int64)
        c = shifted - shift
        t = near - c
        p, q, k = c * t, t * t, 1 / self.shallow
        terms = (((p * (2 / 15 * k**4) - 1 / 3 * k**3) * p + 2 / 3 * k**2) * p - k) * p
        terms = ((q * (0.1 * k**2) + (p * (-0.4 * k**3) + 0.5 * k**2) * p) - 1 / 3 * k) * q + terms
        value, slope = (_filled(fill, row, np.float64) for fill in (self.fill_value, self.fill_slope))
        return _Near(near, c, t, terms, value, slope)

    def fill_value(self, row: Array, out: Array) -> None:
        """The values of rows."""
        self.points.value.take(row, None, out, "clip")

    def fill_slope(self, row: Array, out: Array) -> None:
        """The slopes of rows."""
        self.points.slope.take(row, None, out, "clip")


class _Erf(_Integral):
    """Its rows have erf(c) less c, or less ±1 where |c| > 1, and erf'(c) - 1. What is taken away is exact, and so near
    that what stays has digits to spare."""

    def rows(self, k: int, one: int, value: int, slope: int) -> Any:
        rest, rise = (value - min(k * one // self.density, one)) / one, (slope - one) / one
        return (k, (rest, rise)), (-k, (-rest, rise))  # at last of 0: -0, to which both zeros may be added


class _Normal(_Integral):
    """Its rows have Φ(c) and Φ'(c); at the ends 0 and 1, which stay."""

    def rows(self, k: int, one: int, value: int, slope: int) -> Any:
        if k == self.reach * self.density:
            return (k, (1, 0)), (-k, (0, 0))
        below, above, rise = ((part / (2 * one)) for part in (one - value, one + value, slope))
        return (k, (above, rise)), (-k, (below, rise))


def _exp_minus(one: int, above: int, below: int) -> int:
    """exp(-above/below) by its series, where 1 is `one`; above/below is small."""
    total, term, n = 0, one, 0
    while term:
        total += -term if n % 2 else term
        n += 1
        term = term * above // (below * n)
    return total


_ERF, _NORMAL = _Erf(1, 256, 6), _Normal(2, 128, 9)


@operation
def erf(x: Any) -> Any:
    """The error function, to the last digit."""
    if isinstance(x, Standin):
        return _erf(x) if x.dtype == np.float64 else each(_fill_erf, x)
    if np.iscomplexobj(x):  # a complex step h·i: erf(x + ih) = erf(x) + ih·2/√π·exp(-x²), but for h²
        return erf(x.real) + 1j * x.imag * (2 / math.sqrt(math.pi)) * np.exp(-x.real * x.real)
    return _in_parts(np.asarray(x, np.float64).reshape(-1)).reshape(np.shape(x))


def normal_cdf(x: Any) -> Any:
    """Φ(x): the part of a normal distribution that is below x."""
    if isinstance(x, Standin) and x.dtype == np.float64:
        near = _NORMAL.near(x)
        return (near.terms + 1) * near.slope * near.t + near.value
    if isinstance(x, Standin) and x.dtype == np.float32:
        return _single_cdf(x)
    return (erf(x * (1 / np.sqrt(2))) + 1) * 0.5


_SINGLE = (0.797884634, 0.0363343482, -3.39111626e-5, -5.47817808e-5, 3.87306926e-6, -1.25257801e-7, 1.56729365e-9)
"""P in erf(x/√2) = tanh(x·P(x²)), from the power 0 on: a fit of atanh(erf(x/√2))/x up to x = 6, whose largest relative
error of erf is as small as can be, 1e-7. (Least squares, weighted anew by the errors: Lawson 1961.)"""


def _single_cdf(x: Any) -> Any:
    """Φ(x) of float32, to 2^-23: in a tenth of the time that float64 takes. (PyTorch's is right to 2^-24.)"""
    square = x * x
    total = square * _SINGLE[-1]
    for p in _SINGLE[-2:0:-1]:
        total = (total + p) * square
    return (np.tanh((total + _SINGLE[0]) * x) + 1) * 0.5


_PART = 15_360
"""Elements at a time: the C library's malloc gives parts below 128 KB back without the operating system."""


def _in_parts(line: Array) -> Array:
    out = np.empty_like(line)
    for start in range(0, line.size, _PART):
        out[start : start + _PART] = _erf(line[start : start + _PART])
    return out


def _fill_erf(x: Array, y: Array) -> None:
    y[...] = erf(x)


def _erf(x: Any) -> Any:
    x, c, t, terms, rest, slope = _ERF.near(x)
    small = ((terms + 1) * slope + terms) * t + rest
    return (x - (c - np.minimum(np.maximum(c, -1), 1))) + small


def _filled(fill: Callable[[Array, Array], None], x: Any, dtype: Any) -> Any:
    """What `fill` makes of a line of numbers."""
    if isinstance(x, Standin):
        return each(fill, x, dtype=dtype)
    out = np.empty(x.shape, dtype)
    fill(x, out)
    return out


def _fill_row(shifted: Array, out: Array) -> None:
    np.bitwise_and(shifted.view(np.int64), _ROWS - 1, out)  # nan has one, too, and stays nan by t
