"""The error function.

It is a Taylor series around the nearest of 3,073 points c, which lie 1/256 apart, x = c + t:
    erf(c + t) = erf(c) + t · 2/√π·exp(-c²) · S,    S = Σ Hₙ(c)·(-t)ⁿ/(n + 1)!
with Hermite's polynomials Hₙ (the n-th derivative of exp(-x²) is (-1)ⁿ·Hₙ(x)·exp(-x²): Abramowitz & Stegun 22.11.7);
from n = 5 on the terms do not reach the last digit. erf(c) and the slope there come from a table, so that neither
branches nor exponentials are needed: it takes the same few calls for all x, and has the same bits on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.trace import Standin, each, operation

_PER_UNIT = 256
"""Points in an interval of length 1."""
_REACH = 6
"""From here on erf is 1 to the last digit."""
_ROWS = 4096
"""Rows of the table: a power of 2, in which the point k/256 has the row k, and that of -k/256 the row 4096 - k."""
_SHIFT = 1.5 * 2**52 / _PER_UNIT
"""Numbers of this size lie 1/256 apart: what is added to it is rounded to a point, whose row are the last 12 bits."""


class _Points(NamedTuple):
    """What erf needs to know of the points, by their rows.

    rest   erf(c) less c, or less ±1 where |c| > 1: with a part that is exact taken away, it has digits to spare
    slope  erf'(c) - 1: t times the 1 is exact
    """

    rest: Array
    slope: Array


@cache
def _points() -> _Points:
    """The table. It takes 6 ms and is made when erf is first asked for."""
    whole, values, slopes = _exact()
    rest, slope = np.zeros(_ROWS), np.zeros(_ROWS)
    for k in range(_REACH * _PER_UNIT + 1):
        rest[k] = (values[k] - min(k * whole // _PER_UNIT, whole)) / whole
        slope[k] = slope[-k] = (slopes[k] - whole) / whole
        rest[-k] = -rest[k]  # of 0 it is -0, to which both zeros may be added
    return _Points(rest, slope)


def _exact() -> tuple[int, list[int], list[int]]:
    """1, and erf and its slope at the points from 0 to 6, as whole numbers that are 2^100 times as large.

    The integral of exp(-u²) from a point to the next is by its Taylor series around the middle m (δ half the distance):
    2δ·exp(-m²)·Σ H₂ₙ(m)·δ²ⁿ/(2n + 1)!, which up to n = 3 is right to 27 digits. All of them up to 9, where erf is 1 to
    36 digits, are √π/2.
    """
    one, n = 1 << 100, 2 * _PER_UNIT  # middles are odd, points even multiples of 1/n
    gauss = [one]  # exp(-(j/n)²): each is the last times exp(-(2j + 1)/n²)
    ratio, ratios = _exp_minus(one, 1, n * n), _exp_minus(one, 2, n * n)
    for _ in range(9 * n):
        gauss.append(gauss[-1] * ratio // one)
        ratio = ratio * ratios // one
    sums, square = [0], n * n
    for j in range(1, 9 * n, 2):
        m = j * j  # (m, a whole number)/n² is the middle's square; the series over its common denominator
        series = ((8 * m - 60 * square) * m + 90 * square**2) * m - 15 * square**3
        series += 21 * square**2 * ((4 * m - 12 * square) * m + 3 * square**2)
        series += 210 * square**4 * (2 * m - square) + 630 * square**6
        sums.append(sums[-1] + 2 * gauss[j] * series // (630 * square**6 * n))
    whole = sums[-1]
    return one, [value * one // whole for value in sums], [value * one // whole for value in gauss[::2]]


def _exp_minus(one: int, above: int, below: int) -> int:
    """exp(-above/below) by its series, where 1 is `one`; above/below is small."""
    total, term, n = 0, one, 0
    while term:
        total += -term if n % 2 else term
        n += 1
        term = term * above // (below * n)
    return total


@operation
def erf(x: Any) -> Any:
    """The error function, to the last digit."""
    if isinstance(x, Standin):
        return _erf(x) if x.dtype == np.float64 else each(_fill_erf, x)
    if np.iscomplexobj(x):  # a complex step h·i: erf(x + ih) = erf(x) + ih·2/√π·exp(-x²), but for h²
        return erf(x.real) + 1j * x.imag * (2 / math.sqrt(math.pi)) * np.exp(-x.real * x.real)
    return _in_parts(np.asarray(x, np.float64).reshape(-1)).reshape(np.shape(x))


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
    near = np.minimum(np.maximum(x, -_REACH), _REACH)
    shifted = near + _SHIFT
    row = _filled(_fill_row, shifted, np.int64)
    c = shifted - _SHIFT
    t = near - c
    p, q = c * t, t * t
    terms = (((p * (2 / 15) - 1 / 3) * p + 2 / 3) * p - 1) * p  # S - 1: what has no t but that in c·t, and the rest
    terms = ((q * 0.1 + (p * -0.4 + 0.5) * p) - 1 / 3) * q + terms
    slope = _filled(_fill_slope, row, np.float64)
    small = ((terms + 1) * slope + terms) * t + _filled(_fill_rest, row, np.float64)
    return (near - (c - np.minimum(np.maximum(c, -1), 1))) + small


def _filled(fill: Callable[[Array, Array], None], x: Any, dtype: Any) -> Any:
    """What `fill` makes of a line of numbers."""
    if isinstance(x, Standin):
        return each(fill, x, dtype=dtype)
    out = np.empty(x.shape, dtype)
    fill(x, out)
    return out


def _fill_row(shifted: Array, out: Array) -> None:
    np.bitwise_and(shifted.view(np.int64), _ROWS - 1, out)  # nan has one, too, and stays nan by t


def _fill_rest(row: Array, out: Array) -> None:
    _points().rest.take(row, None, out, "clip")


def _fill_slope(row: Array, out: Array) -> None:
    _points().slope.take(row, None, out, "clip")
