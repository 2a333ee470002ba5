"""Bars in eighths of a cell, from any start to any end; their scale. No Textual in here."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bptui.model.base.spans import Line, Span, merge
from bptui.screens.render import RenderOptions

EIGHTHS = " ▏▎▍▌▋▊▉█"
"""A cell that is filled from its left, by eighths."""


def scale(sizes: Iterable[float], room: int) -> float:
    """What one cell is: the smallest 1, 2 or 5 × 10^k with which the largest of the sizes has `room` cells."""
    largest = max((abs(x) for x in sizes if math.isfinite(x)), default=0.0)
    if not largest or room < 1:
        return 1.0
    least = largest / room * (1 - 1e-9)
    power = math.floor(math.log10(least))
    return next(made for made in (float(f"{m}e{k}") for k in (power, power + 1) for m in (1, 2, 5)) if made >= least)


def bar(start: float, end: float, room: int, style: str, look: RenderOptions) -> Line:
    """A bar between two places, in cells from the left, in `room` cells; at least an eighth where they differ, nothing
    where one of them is not finite.

    A cell that is filled from its right is one that is filled from its left, reversed. ASCII: whole cells of `#`.
    """
    if not (math.isfinite(start) and math.isfinite(end)):
        return (Span(" " * room),)
    low, high = sorted((start, end))
    first, last = (max(0, min(8 * room, round(8 * x))) for x in (low, high))
    if first == last and low != high:
        first, last = (first, first + 1) if end > start and last < 8 * room else (first - 1, last)
    cells = []
    for x in range(room):
        a, b = (max(0, min(8, edge - 8 * x)) for edge in (first, last))
        if not look.unicode:
            filled = round(first / 8) <= x < max(round(last / 8), round(first / 8) + (low != high))
            cells.append(Span("#" if filled else " ", style if filled else "text"))
        elif a == b:
            cells.append(Span(" "))
        elif a == 0:
            cells.append(Span(EIGHTHS[b], style))
        elif b == 8:
            cells.append(Span(EIGHTHS[a], f"{style} reverse"))
        else:
            cells.append(Span(EIGHTHS[b - a], style))  # a sliver inside of one cell: as wide, at its left
    return merge(cells)
