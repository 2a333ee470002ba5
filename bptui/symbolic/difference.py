"""Derivatives by differences of the engine's own forward, with an honest error, and what a kink does to them.

Central differences at shrinking steps, extrapolated (Ridders 1982, Accurate computation of F'(x) and F'(x)F''(x)):
the table says by itself how far its best entry can be trusted, so that neither log(x) near 0 nor a sum of a million
terms is a false alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bptui.model.ops.base import Array
from bptui.symbolic.probe import Probe

_STEPS = 7
_SHRINK = 4.0
_FIRST = 1e-2
_NEAR = 1e-6
"""Step of the one-sided differences that tell a kink."""
_JUMP = 1e-3
"""One-sided derivatives that differ by more than this part of their size are those of a kink (research: 1e-3)."""
STEP = 1e-30
"""Of a complex step: there is no cancellation, so it may be as small as one likes."""


@dataclass(frozen=True)
class Slope:
    """A derivative along a line: its value, how far it can be trusted, and the one-sided ones next to the point, each
    of which is only known to `rounding`."""

    value: float
    error: float
    left: float
    right: float
    rounding: float

    @property
    def kink(self) -> bool:
        """Is there a corner here?"""
        size = max(abs(self.left), abs(self.right))
        return bool(abs(self.right - self.left) > _JUMP * size + self.rounding)

    def between(self, x: float, slack: float) -> bool:
        """Does x lie between the one-sided derivatives?"""
        low, high = sorted((self.left, self.right))
        return low - slack <= x <= high + slack


def slope(f: Callable[[float], float], scale: float) -> Slope:
    """The derivative of f at 0; `scale` is a length over which f may be expected to behave.

    Where f is flat next to what it becomes a step away (a loss that has converged), the rounding of the two values
    decides: the extrapolation agrees with itself to more digits than it has, so its error is never less than that.
    """
    rows: list[list[float]] = []
    best, error, step = float("nan"), float("inf"), _FIRST * scale
    rounding = floor = 0.0
    for n in range(_STEPS):
        actual = step
        up, down = f(actual), f(-actual)
        row = [(up - down) / (2 * actual)]
        if not np.isfinite(row[0]):
            rows, step = [], step / _SHRINK
            continue
        rounding = max(rounding, float(np.finfo(float).eps) * (abs(up) + abs(down)) / actual)
        factor = 1.0
        for k, before in enumerate(rows[-1][: n + 1] if rows else []):
            factor *= _SHRINK * _SHRINK
            row.append(row[k] + (row[k] - before) / (factor - 1))
            gap = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - before))
            if gap < error:
                best, error, floor = row[k + 1], gap, rounding
        if len(row) == 1 and error == float("inf"):
            best = row[0]
        rows.append(row)
        step /= _SHRINK
    return Slope(best, max(error, floor), *_sides(f, _NEAR * scale))


def _sides(f: Callable[[float], float], step: float) -> tuple[float, float, float]:
    """One-sided derivatives to second order, so that curvature does not look like a kink: (left, right, their
    rounding)."""
    values = [f(n * step) for n in (-2, -1, 0, 1, 2)]
    right = (4 * values[3] - values[4] - 3 * values[2]) / (2 * step)
    left = -(4 * values[1] - values[0] - 3 * values[2]) / (2 * step)
    rounding = 64 * np.finfo(float).eps * max(abs(v) for v in values) / step
    return left, right, float(rounding)


def along(probe: Probe, position: int, direction: Array, upstream: Array) -> Slope:
    """The derivative of Σ upstream·output along a direction of one input."""
    x = np.array(probe.inputs[position])
    size = float(np.max(np.abs(direction), initial=0.0)) or 1.0
    moved = np.abs(direction) > 0
    scale = max(1.0, float(np.median(np.abs(x[moved])))) if moved.any() else 1.0

    def f(s: float) -> float:
        with np.errstate(all="ignore"):
            value = probe.forward(position, x + s * direction / size)
            terms = np.where(upstream == 0, 0.0, upstream * value)
        return float(np.sum(terms))

    found = slope(f, scale)
    return Slope(*(part * size for part in (found.value, found.error, found.left, found.right, found.rounding)))


def kinked(probe: Probe, position: int, direction: Array) -> Array:
    """Which outputs have a corner along a direction of one input."""
    x = np.array(probe.inputs[position])
    step = _NEAR * direction / (float(np.max(np.abs(direction), initial=0.0)) or 1.0)
    values = [probe.forward(position, x + s * step).copy() for s in (-2, -1, 0, 1, 2)]
    with np.errstate(all="ignore"):
        right = 4 * values[3] - values[4] - 3 * values[2]
        left = -(4 * values[1] - values[0] - 3 * values[2])
        size = np.maximum(np.abs(left), np.abs(right))
        rounding = 64 * np.finfo(float).eps * np.abs(values[2])
        return np.asarray((np.abs(right - left) > _JUMP * size + rounding) | ~np.isfinite(size))


def complex_slope(probe: Probe, position: int, direction: Array, upstream: Array) -> float:
    """The derivative by a step into the imaginary: exact to rounding, for an analytic operation. `probe` is complex."""
    value = probe.forward(position, probe.inputs[position] + 1j * STEP * direction)
    with np.errstate(all="ignore"):
        return float(np.sum(np.where(upstream == 0, 0.0, upstream * value.imag)) / STEP)
