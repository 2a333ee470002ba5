"""How far apart two runs are, operation by operation: a dot for each on a logarithmic scale. No Textual in here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bptui.model.base.spans import COLOURS, Line, Span
from bptui.model.debugger.diff.runs import Runs
from bptui.model.debugger.diff.text import ratio
from bptui.model.engine.timeline import PHASES
from bptui.screens.plot import Plot
from bptui.screens.render import RenderOptions

LABEL = 7
"""Cells before the chart: the powers of ten."""
BELOW, HIGHEST = 3, -1
"""Powers of ten that are shown under the tolerance, and at the top where everything is smaller."""


def chart(runs: Runs, width: int, height: int, look: RenderOptions) -> list[Line]:
    """`height` rows of dots, the tolerance among them, and the first row that is apart."""
    plot = Plot(max(1, width - LABEL - 1), height, look.unicode)
    gaps = [runs.gap(i) for i in range(len(runs.rows))]
    sizes = [gap.relative for gap in gaps if gap is not None and gap.relative is not None]
    low, high = _powers(runs.tolerance.value, sizes)
    level = math.log10(runs.tolerance.value) if runs.tolerance.value else low
    row = max(0, min(height - 1, round((high - level) / (high - low) * (height - 1))))
    for x in range(plot.width):
        plot.put(x, row, "─", "rule")
    for i, gap in enumerate(gaps):
        if gap is not None and gap.relative:
            power = math.log10(gap.relative) if gap.relative < math.inf else high
            if power >= low:
                y = round((min(power, high) - low) / (high - low) * (plot.tall - 1))
                plot.dot(_column(i, len(gaps), plot.wide), y, COLOURS[runs.rows[i].phase])
    first = runs.first
    if first is not None:
        plot.put(_column(first, len(gaps), plot.width), height - 1, "≠", "kink bold")
    labels = {0: f"1e{high}", height - 1: f"1e{low}", row: runs.tolerance.text}
    labels[0] = ratio(10.0**high) if row else labels[row]
    return [
        (Span(f" {labels.get(y, '')}".ljust(LABEL), "text bold" if y == row else "dim"), *line)
        for y, line in enumerate(plot.lines())
    ]


def _powers(tolerance: float, sizes: Sequence[float]) -> tuple[int, int]:
    """The powers of ten at the ends of the scale."""
    finite = [size for size in sizes if 0 < size < math.inf]
    level = round(math.log10(tolerance)) if tolerance else round(math.log10(min(finite, default=1e-16))) - 1
    high = max((math.ceil(math.log10(size)) for size in finite), default=level + 1)
    return level - BELOW, max(high, level + 1, min(HIGHEST, level + 2 * BELOW))


def _column(i: int, count: int, wide: int) -> int:
    return min(wide - 1, i * wide // max(1, count))


def phases(runs: Runs, chosen: int, width: int, unicode: bool) -> Line:
    """The name of each phase where it begins, and a mark under the chosen row."""
    count, wide = len(runs.rows), max(1, width - LABEL - 1)
    cells = [(" ", "text")] * wide
    end = 0
    for phase in PHASES:
        start = runs.starts.get(phase)
        if start is None:
            continue
        x = max(end, min(_column(start, count, wide), wide - len(phase)))
        if x + len(phase) > wide:  # no room for its name
            continue
        for k, letter in enumerate(phase):
            cells[x + k] = (letter, COLOURS[phase])
        end = x + len(phase) + 1
    if chosen != runs.first:
        x = _column(chosen, count, wide)
        letter = cells[x][0]
        cells[x] = ("▲" if unicode else "^", "text bold") if letter == " " else (letter, f"{cells[x][1]} bold reverse")
    return (Span(" " * LABEL), *(Span(glyph, style) for glyph, style in cells))
