"""Derivatives by differences of the engine's own forward, with an honest error, and what a kink does to them.

Central differences at shrinking steps, extrapolated (Ridders 1982, Accurate computation of F'(x) and F'(x)F''(x)):
the table says by itself how far its best entry can be trusted, so that neither log(x) near 0 nor a sum of a million
terms is a false alarm.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.probe import Probe

_STEPS = 7
_SHRINK = 4.0
EPS = float(np.finfo(float).eps)
_FIRST = 1e-2
_REACHES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13)
"""First steps, widest first: the first is taken that meets no corner but those that one stands on."""
_NEAR = 1e-6
"""Step of the one-sided differences that tell a kink."""
_JUMP = 1e-3
"""One-sided derivatives that differ by more than this part of their size are those of a kink."""
_MOVED = 1e-3
"""An element moves by what was asked for but for this part."""
STEP = 1e-30
"""Of a complex step: there is no cancellation, so it may be as small as one likes."""


@dataclass(frozen=True)
class Slope:
    """A derivative along a line: its value, how far it can be trusted, and the one-sided ones next to the point, each
    of which is only known to `rounding`; `low` and `high` are the least and the most of them, output by output."""

    value: float
    error: float
    left: float
    right: float
    low: float
    high: float
    rounding: float

    @property
    def kink(self) -> bool:
        """Is there a corner here?"""
        size = max(abs(self.low), abs(self.high))
        return bool(self.high - self.low > _JUMP * size + self.rounding)

    def between(self, x: float, slack: float) -> bool:
        """Is x legitimate at a corner: a number between the one-sided derivatives of each output, summed?"""
        return self.low - slack <= x <= self.high + slack


@dataclass(frozen=True)
class Path:
    """A line through one input of an operation: x + s·direction/size, with a length over which it may be expected to
    behave. `eps·around` is what rounding does to a point of it; `largest` is the largest number of the input: what an
    operation may have inside where its output is small (logits of a class that is certain)."""

    probe: Probe
    position: int
    x: Array
    direction: Array
    size: float
    scale: float
    around: float
    largest: float

    def output(self, s: float) -> Array:
        """The operation's output at s; a view that the next call overwrites."""
        with np.errstate(all="ignore"):
            return self.probe.forward(self.position, self.x + s * self.direction / self.size)

    def sides(self, step: float) -> tuple[Array, Array, Array, Array]:
        """(left derivative, right derivative, value, bend) of each output here, to second order, so that curvature does
        not look like a corner. `bend`: by how much the central difference of two steps is another than that of one,
        which two corners in the same distance (a clip around 0) cannot hide."""
        values = [self.output(n * step).copy() for n in (-2, -1, 0, 1, 2)]
        with np.errstate(all="ignore"):
            left = -(4 * values[1] - values[0] - 3 * values[2]) / (2 * step)
            right = (4 * values[3] - values[4] - 3 * values[2]) / (2 * step)
            bend = np.abs((values[4] - values[0]) / 2 - (values[3] - values[1])) / (2 * step)
        return left, right, values[2], bend


def path(probe: Probe, position: int, direction: Array) -> Path:
    """The line along a direction of one input."""
    x = np.array(probe.inputs[position])
    moved = (np.abs(direction) > 0) & np.isfinite(x)
    near = np.abs(x[moved]) if moved.any() else np.zeros(1)
    size = float(np.max(np.abs(direction), initial=0.0)) or 1.0
    largest = float(np.max(np.abs(x), where=np.isfinite(x), initial=0.0))
    return Path(probe, position, x, direction, size, max(1.0, float(np.median(near))), float(np.max(near)), largest)


class Summed:
    """Σ upstream·output along a path, and how well it is known: rounding of the terms, and of the point itself."""

    def __init__(self, line: Path, upstream: Array) -> None:
        self.line, self.upstream = line, upstream
        self.inside = float(np.sum(np.abs(upstream))) * line.largest
        self.middle, self.noise = self._at(0.0)

    def _at(self, s: float) -> tuple[float, float]:
        value = self.line.output(s)
        with np.errstate(all="ignore"):
            terms = np.where(self.upstream == 0, 0.0, self.upstream * value)
            return float(np.sum(terms)), EPS * (float(np.sum(np.abs(terms))) + self.inside)

    def __call__(self, s: float) -> tuple[float, float]:
        """(the sum at s, its rounding)."""
        if s == 0:
            return self.middle, self.noise
        value, noise = self._at(s)
        return value, noise + EPS * (self.line.around + abs(s)) * abs(value - self.middle) / abs(s)


def slope(f: Summed, first: float, near: float) -> Slope:
    """The derivative of f at 0: central differences from the step `first` down, extrapolated; `near` is the step of the
    one-sided ones.

    Where f is flat next to what its terms are (a loss that has converged, a gradient that cancels), rounding decides:
    the extrapolation agrees with itself to more digits than it has, so its error is never less than that.
    """
    rows: list[list[float]] = []
    best, error, step = float("nan"), float("inf"), first
    rounding = floor = 0.0
    for n in range(_STEPS):
        actual = step
        (up, up_noise), (down, down_noise) = f(actual), f(-actual)
        row = [(up - down) / (2 * actual)]
        if not np.isfinite(row[0]):
            rows, step = [], step / _SHRINK
            continue
        rounding = max(rounding, (up_noise + down_noise) / actual)
        factor = 1.0
        for k, before in enumerate(rows[-1][: n + 1] if rows else []):
            factor *= _SHRINK * _SHRINK
            row.append(row[k] + (row[k] - before) / (factor - 1))
            gap = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - before))
            if gap < error:
                best, error, floor = row[k + 1], gap, rounding
        if len(row) == 1 and error == float("inf"):
            best = row[0]
        if error <= floor:
            break  # smaller steps only round more
        rows.append(row)
        step /= _SHRINK
    return Slope(best, max(error, floor), *_sides(f, near))


def _sides(f: Summed, step: float) -> tuple[float, float, float, float, float]:
    """One-sided derivatives of the sum, the least and the most that its outputs allow together, and their rounding."""
    left, right, *_ = f.line.sides(step)
    with np.errstate(all="ignore"):
        left, right = (np.where(f.upstream == 0, 0.0, f.upstream * side) for side in (left, right))
        low, high = float(np.sum(np.minimum(left, right))), float(np.sum(np.maximum(left, right)))
        ends = float(np.sum(left)), float(np.sum(right))
    noise = f.noise + EPS * (f.line.around + 2 * step) * max(abs(ends[0]), abs(ends[1]))
    return *ends, low, high, 64 * noise / step


def along(probe: Probe, position: int, direction: Array, upstream: Array, reach: float = _FIRST) -> Slope:
    """The derivative of Σ upstream·output along a direction of one input, from differences no wider than `reach`."""
    line = path(probe, position, direction)
    found = slope(Summed(line, upstream), reach * line.scale, min(_NEAR, reach / 10) * line.scale)
    return Slope(*(part * line.size for part in astuple(found)))


class Clear(NamedTuple):
    """How far one may go along a direction, which outputs have a corner (or a pole) here, how closely was looked."""

    reach: float
    corners: Array
    nearest: float

    @property
    def rough(self) -> bool:
        """Are there corners somewhere, of which rounding does not let it be seen whether they are here?"""
        return bool(self.corners.any()) and self.nearest > _NEAR


def clear(probe: Probe, position: int, direction: Array, upstream: Array) -> Clear:
    """How far one may go along a direction without meeting a corner (or a pole), and the outputs that have one here.

    A corner that the closest look still sees is here; the widest step that sees no other is the most exact. Outputs
    that do not count (`upstream` 0) may have any.
    """
    line = path(probe, position, direction)
    seen: list[tuple[float, Array]] = []
    for reach in _REACHES:
        if seen and reach * line.scale < 1e5 * EPS * line.around:
            break  # rounding of the point itself
        corners, lost = _corners(line, reach)
        if seen:
            corners = np.where(lost, seen[-1][1], corners)
        seen.append((reach, corners & (upstream != 0)))
        if not seen[-1][1].any():
            break
    nearest, here = seen[-1]
    return next(Clear(reach, here, nearest) for reach, corners in seen if np.array_equal(corners, here))


def reachable(probe: Probe, position: int, direction: Array, upstream: Array) -> tuple[Array, Clear]:
    """`clear`, along a direction in which no element moves that is so large that the step is lost in its rounding:
    1e30 + 1 is 1e30, and the forward would not notice."""
    x, reach = probe.inputs[position], _FIRST
    while True:
        line = path(probe, position, direction)
        step = reach * line.scale * np.abs(direction) / line.size
        direction = np.where(np.abs(x) * EPS > _MOVED * step, 0.0, direction)
        found = clear(probe, position, direction, upstream)
        if found.reach >= reach or not direction.any():
            return direction, found
        reach = found.reach


def kinked(probe: Probe, position: int, direction: Array) -> Array:
    """Which outputs have a corner within two steps of `_NEAR` along a direction of one input."""
    return _corners(path(probe, position, direction), _NEAR)[0]


_SPLITS = 8
"""Of a direction in two, at random."""


def crossing(probe: Probe, position: int, direction: Array, random: np.random.Generator) -> Array:
    """Which outputs have a slope along a direction that is not the sum of those along two parts of it.

    Where a derivative exists it is. Among three equal elements the second in order moves with the middle one of the
    three, so that both sides agree and no corner is seen; but it stands still while one of them moves alone.
    """
    line = path(probe, position, direction)
    step = _NEAR * line.scale

    def slopes(part: Array) -> Array:
        other = replace(line, direction=part)
        up, down = (other.output(side).copy() for side in (step, -step))
        return np.asarray((up - down) / (2 * step))

    with np.errstate(all="ignore"):
        whole, value = slopes(direction), np.abs(line.output(0.0))
        found = np.zeros(value.shape, np.bool_)
        for _ in range(_SPLITS):
            half = random.random(direction.shape) < 0.5
            parts = [slopes(np.where(side, direction, 0.0)) for side in (half, ~half)]
            size = np.abs(whole) + np.abs(parts[0]) + np.abs(parts[1])
            found |= np.abs(whole - parts[0] - parts[1]) > _JUMP * size + 64 * EPS * value / step
    return found


def _corners(line: Path, reach: float) -> tuple[Array, Array]:
    """Outputs with a corner within two steps of `reach`, and those where rounding does not let it be seen."""
    step = reach * line.scale
    left, right, value, bend = line.sides(step)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(left), np.abs(right))
        rounding = 64 * EPS * np.abs(value) / (2 * step)
        jump = np.maximum(np.abs(right - left), bend)
        corners = (jump > _JUMP * size + rounding) | ~np.isfinite(size)
        return np.asarray(corners), np.asarray((size > 0) & (size < 10 * rounding))


def complex_slope(probe: Probe, position: int, direction: Array, upstream: Array) -> float:
    """The derivative by a step into the imaginary: exact to rounding, for an analytic operation. `probe` is complex."""
    value = probe.forward(position, probe.inputs[position] + 1j * STEP * direction)
    with np.errstate(all="ignore"):
        return float(np.sum(np.where(upstream == 0, 0.0, upstream * value.imag)) / STEP)
