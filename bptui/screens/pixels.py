"""Maps in half blocks: two pixels in a cell, one above the other. The one place that draws them. No Textual in here.

A pixel is a level: 0 is the background, 1 to 5 are the five steps of a kind's ramp. In 16 colours, without
colour and in ASCII a cell is one pixel, the upper one, drawn as a shade: nothing there mixes two colours in a cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bptui.model.base.spans import Line, Span, merge
from bptui.screens.render import RenderOptions

SHADES, ASCII_SHADES = " ░░▒▓█", " ..:+#"
"""One glyph for each level."""
BRIGHT = 4
"""From this level on a mark is reversed, where a map has shades: on a full cell it would not be seen."""

Marks = Mapping[tuple[int, int], Span]
"""A glyph by its cell: (column, row)."""
NONE: Marks = {}


def pixels(levels: Any, look: RenderOptions, kind: str = "value", marks: Marks = NONE) -> list[Line]:
    """The rows of a map of so many rows and columns of pixels; of an odd count of rows the last cell is half empty.

    `levels`: whole numbers, rows of columns, an array or lists. A mark stands on the background of the upper pixel.
    """
    rows = [list(map(int, row)) for row in levels]
    if len(rows) % 2:
        rows.append([0] * len(rows[-1]))
    made = []
    for y in range(0, len(rows), 2):
        cells = []
        for x, (upper, lower) in enumerate(zip(rows[y], rows[y + 1], strict=True)):
            mark = marks.get((x, y // 2))
            if mark is not None:
                cells.append(_marked(mark, upper, look, kind))
            elif look.ansi or not look.unicode:
                cells.append(Span((SHADES if look.unicode else ASCII_SHADES)[upper], kind if upper else "text"))
            else:
                cells.append(_cell(upper, lower, kind))
        made.append(merge(cells))
    return made


def _cell(upper: int, lower: int, kind: str) -> Span:
    """Two pixels: the glyph has the colour of one half, the cell that of the other."""
    if upper == lower:
        return Span(" ", f"heat-{kind}-{upper - 1}" if upper else "text")
    if not upper:
        return Span("▄", f"ink-{kind}-{lower - 1}")
    under = f" heat-{kind}-{lower - 1}" if lower else ""
    return Span("▀", f"ink-{kind}-{upper - 1}{under}")


def _marked(mark: Span, upper: int, look: RenderOptions, kind: str) -> Span:
    if "reverse" in mark.style or "chip" in mark.style:
        return mark
    if look.ansi or not look.unicode:
        return Span(mark.text, f"{kind} bold reverse" if upper >= BRIGHT else mark.style)
    return Span(mark.text, f"{mark.style} heat-{kind}-{upper - 1}" if upper else mark.style)


def legend(level: int, look: RenderOptions, kind: str = "value") -> Span:
    """Two cells full of one level, for what a map says of it."""
    if look.ansi or not look.unicode:
        return Span((SHADES if look.unicode else ASCII_SHADES)[level] * 2, kind)
    return Span("  ", f"heat-{kind}-{level - 1}" if level else "text")
