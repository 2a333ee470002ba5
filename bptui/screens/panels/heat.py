"""Heat maps: one cell of two columns per number, its sign printed, its size as a fill. Never colour alone.

A cell is `-` or a blank, and the fill: one of five backgrounds by |v|/max (linear, per tensor), or, in 16 colours and
without colour, one of four shades in the kind's colour. An exact zero is `·`, NaN `N`, inf `I`, the selected one `[]`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.numbers import HIDDEN, concealed, decimals_for, field
from bptui.model.base.spans import Line, Span, merge
from bptui.model.engine.masked import kept_back
from bptui.screens.render import RenderOptions, length

CELL = 2
STEPS = 5
SHADES, ASCII_SHADES = "░▒▓█", ":=%#"
RAMPS = ("value", "gradient", "parameter")


class Statistics(NamedTuple):
    """Of one array: smallest and largest finite number (None without any), what is exactly zero, NaN, inf; its size."""

    low: float | None
    high: float | None
    zeros: int
    nans: int
    infs: int
    size: int

    @property
    def largest(self) -> float:
        """The largest finite |v|: what the ramp ends at."""
        return max(abs(self.low or 0.0), abs(self.high or 0.0))

    @property
    def ends(self) -> list[float]:
        """Its extremes: enough to say in how many decimals all of it can be shown."""
        return [x for x in (self.low, self.high) if x is not None]


def statistics(array: Any) -> Statistics:
    """In three passes without a copy where everything is finite."""
    array = np.asarray(array)
    if not array.size:
        return Statistics(None, None, 0, 0, 0, 0)
    zeros = int(array.size - np.count_nonzero(array))
    low, high = float(array.min()), float(array.max())  # NaN, if there is one, is both
    if np.isfinite(low) and np.isfinite(high):
        return Statistics(low, high, zeros, 0, 0, array.size)
    nans = int(np.count_nonzero(np.isnan(array))) - int(np.count_nonzero(kept_back(array)))
    finite = array[np.isfinite(array)]
    infs = int(np.count_nonzero(np.isinf(array)))
    if not finite.size:
        return Statistics(None, None, zeros, nans, infs, array.size)
    return Statistics(float(finite.min()), float(finite.max()), zeros, nans, infs, array.size)


def largest(array: Any) -> float:
    """The largest finite |v|: what the ramp ends at. 0 where there is none."""
    return statistics(array).largest


def cells(
    array: Any, kind: str, look: RenderOptions, *, top: float | None = None, selected: tuple[int, int] | None = None
) -> list[Line]:
    """One line of two-column cells per row of an array of at most two axes (a vector is one row, a number one cell).

    kind      value, gradient or parameter; anything else is drawn as a value
    top       what the ramp ends at, where `array` is a part of something larger
    selected  (row, column) of the cell that is marked `[]`
    """
    table = np.atleast_2d(np.asarray(array, dtype=np.float64))
    if table.ndim != 2:
        raise ValueError("a heat map has at most two axes; choose a slice")
    top = largest(table) if top is None else top
    steps = len(SHADES) if look.ansi else STEPS
    with np.errstate(all="ignore"):
        part = np.abs(table) / top if top > 0 else np.zeros_like(table)
        level = np.minimum(np.nan_to_num(part, nan=0.0, posinf=0.0) * steps, steps - 1).astype(int)
    rows = []
    for y, (values, levels) in enumerate(zip(table.tolist(), level.tolist(), strict=True)):
        kept = kind if kind in RAMPS else "value"
        cells = enumerate(zip(values, levels, strict=True))
        rows.append(merge(Span(*_cell(v, step, kept, look, selected == (y, x))) for x, (v, step) in cells))
    return rows


def _cell(value: float, step: int, kind: str, look: RenderOptions, selected: bool) -> tuple[str, str]:
    if concealed(value):
        return f" {HIDDEN}", f"{kind} bold reverse"
    if value != value or value in (float("inf"), float("-inf")):
        letter = "N" if value != value else "I"
        text = "[]" if selected else ("-" if value == float("-inf") else " ") + letter
        return text, "fail reverse"
    if value == 0:
        return ("[]", "text bold reverse" if look.ansi else "text bold") if selected else (" " + _zero(look), "dim")
    if not look.ansi:
        return "[]" if selected else "- " if value < 0 else "  ", f"heat-{kind}-{step} bold"
    if selected:
        return "[]", f"{kind} bold reverse"
    return ("-" if value < 0 else " ") + (SHADES if look.unicode else ASCII_SHADES)[step], kind


def _zero(look: RenderOptions) -> str:
    return "·" if look.unicode else "."


def ramp(kind: str, look: RenderOptions) -> Line:
    """The fills from the smallest to the largest, without numbers."""
    kind = kind if kind in RAMPS else "value"
    if look.ansi:
        return (Span("".join(f" {shade}" for shade in (SHADES if look.unicode else ASCII_SHADES)), kind),)
    return tuple(Span("  ", f"heat-{kind}-{step} bold") for step in range(STEPS))


def legend(array: Any, kind: str, look: RenderOptions, width: int, found: Statistics | None = None) -> list[Line]:
    """`0  ·▕ramp▏ max   - negative`, then smallest, largest, and how many are exactly zero, NaN or inf. At most `width`
    wide: parts that do not fit go to a line of their own, and the words go first."""
    found = statistics(array) if found is None else found
    decimals = decimals_for(found.ends)
    paint = kind if kind in RAMPS else "text"

    def number(x: float) -> str:
        return field(x, 8, decimals).strip()

    scale = [(Span(f"0  {_zero(look)}", "dim"), *ramp(kind, look), Span(f" {number(found.largest)}", "dim"))]
    scale.append((Span("- negative", "dim"),))
    parts: list[Line] = []
    for word, x in (("min", found.low), ("max", found.high)):
        if x is not None:
            parts.append((Span(f"{word} ", "dim"), Span(number(x), paint)))
    parts.append((Span("zero ", "dim"), Span(str(found.zeros), "text"), Span(f" of {found.size:,}", "dim")))
    parts += [(Span(f" {n} {word} ", "fail reverse"),) for n, word in ((found.nans, "NaN"), (found.infs, "inf")) if n]
    return [*flow(scale, width, 3), *flow(parts, width, 2)]


def flow(parts: list[Line], width: int, gap: int) -> list[Line]:
    """Parts one after the other, in as many lines as they need; a part wider than the line is left out."""
    rows: list[list[Span]] = []
    for part in parts:
        if length(part) > width:
            continue
        if rows and length(rows[-1]) + gap + length(part) <= width:
            rows[-1] += [Span(" " * gap, "dim"), *part]
        else:
            rows.append(list(part))
    return [tuple(row) for row in rows]
