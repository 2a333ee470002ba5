"""Numbers over the plane as the levels of a map: the jump between the quiet and the bright pair is the boundary."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span
from bptui.screens import pixels
from bptui.screens.render import RenderOptions

QUIET, FAINT, BRIGHT, FULL = 0, 1, 4, 5
"""Levels of `bptui.screens.pixels`: background and the lowest step of the ramp, its two highest."""
PROBABILITIES = ("sigmoid", "hardsigmoid", "softmax")
"""Activations whose values cross at one half."""


class Range(NamedTuple):
    """Where a map jumps, and how far its numbers reach to both sides. `steps`: no jump, one ramp from low to high;
    `two`: no shades, only on which side a number lies."""

    middle: float
    reach: float
    steps: bool = False
    two: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """What the lowest and the highest level stand for."""
        return self.middle - self.reach, self.middle + self.reach


def of_layer(values: Any, activation: str) -> Range:
    """The range of a layer: as far as its numbers reach, or what its activation allows."""
    if activation in PROBABILITIES:
        return Range(0.5, 0.5)
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    return Range(0.0, 1.0 if activation in ("tanh", "softsign", "sin", "cos") or not largest else largest)


def levels(values: Any, of: Range) -> Any:
    """Whole numbers in the shape of `values`; NaN is quiet."""
    with np.errstate(all="ignore"):
        part = np.nan_to_num((np.asarray(values) - of.middle) / of.reach, nan=-1.0, posinf=1.0, neginf=-1.0)
    if of.two:
        return np.where(part > 0, FULL, QUIET)
    if of.steps:
        return np.clip((part + 1) / 2 * 5, 0, 4.999).astype(int) + 1
    return np.select([part <= -0.5, part <= 0, part <= 0.5], [QUIET, FAINT, BRIGHT], FULL)


def sampled(values: Any, wide: int, tall: int) -> Any:
    """The numbers of a square lattice at the middles of `wide` x `tall` pixels."""
    size = len(values)
    rows = ((np.arange(tall) + 0.5) * size / tall).astype(int)
    columns = ((np.arange(wide) + 0.5) * size / wide).astype(int)
    return values[np.ix_(rows, columns)]


def legend(of: Range, look: RenderOptions) -> Line:
    """`-1 ░▓█ 1`: what the levels stand for."""
    low, high = of.ends
    shown = range(1, 6) if of.steps else (FAINT, BRIGHT, FULL)
    cells = [pixels.legend(level, look) for level in shown]
    return (
        Span(f"{significant(low, 3)} ", "dim"),
        *(Span(text[:1], style) for text, style in cells),
        Span(f" {significant(high, 3)}", "dim"),
    )
