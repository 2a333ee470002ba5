"""The plotter: a page of characters with finer dots and lines between them; scales and axes of curves. The one place
that draws braille, and lines that turn and meet. No Textual in here.

Two units. A cell is one character; cells count from the left and from the top, as text does. A dot is what curves are
drawn with; dots count from the left and from the bottom, as a graph does. In Unicode a cell holds 2 x 4 dots of
braille; in ASCII it is one dot, drawn as `*`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span
from bptui.model.engine.masked import kept_back

BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a braille character: four rows of two columns, from U+2800."""
LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
LIGHT, HEAVY = " ??─?╯╰┴?╮╭┬│┤├┼", " ??━?┛┗┻?┓┏┳┃┫┣╋"
"""A glyph for each set of ways out of a cell; an end that leads on nowhere (?) is a piece of line."""
DECADES = 2.0
"""From so many powers of ten on a scale is logarithmic."""
LABEL = 9
"""Cells of a label at the left of an axis."""


_STYLE = itemgetter(1)


class Plot:
    """A page of `width` x `height` cells, which are `wide` x `tall` dots. What lies outside of it is not drawn. Over
    dots lie lines, over lines characters."""

    def __init__(self, width: int, height: int, unicode: bool = True) -> None:
        self.width, self.height = width, height
        self._cell = (2, 4) if unicode else (1, 1)
        self.wide, self.tall = width * self._cell[0], height * self._cell[1]
        self._cells: list[list[tuple[str, str]]] = [[(" ", "text")] * width for _ in range(height)]
        self._dots: dict[tuple[int, int], tuple[int, str]] = {}
        self._ways: dict[tuple[int, int], tuple[int, bool, str]] = {}

    def put(self, x: int, y: int, text: str, style: str = "text") -> None:
        """Text from cell (x, y) on. Blanks give their style to the dots that have none of their own."""
        if 0 <= y < self.height:
            for k, glyph in enumerate(text, x):
                if 0 <= k < self.width:
                    self._cells[y][k] = (glyph, style)

    def spans(self, x: int, y: int, line: Line) -> None:
        """A line of text from cell (x, y) on."""
        for span in line:
            self.put(x, y, span.text, span.style)
            x += len(span.text)

    def dot(self, x: int, y: int, style: str = "") -> None:
        """One dot. All dots of a cell have one style: that of the last."""
        if 0 <= x < self.wide and 0 <= y < self.tall:
            across, down = self._cell
            row = self.tall - 1 - y
            cell = (x // across, row // down)
            bits, _ = self._dots.get(cell, (0, ""))
            self._dots[cell] = (bits | BRAILLE[row % down][x % across], style)

    def line(self, x0: int, y0: int, x1: int, y1: int, style: str = "", every: int = 1) -> None:
        """A line from dot (x0, y0) to dot (x1, y1); a dotted one has a dot at `every` so many columns."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for k in range(steps + 1):
            x = x0 + round((x1 - x0) * k / steps)
            if x % every == 0:
                self.dot(x, round(y0 + (y1 - y0) * k / steps), style)

    def join(self, x0: int, y0: int, x1: int, y1: int, style: str = "") -> None:
        """A line from the left edge of cell (x0, y0) to the right edge of cell (x1, y1), at half their height."""
        across, down = self._cell
        low, high = (self.tall - 1 - down * y - down // 4 for y in (y0, y1))
        self.line(across * x0, low, across * x1 + across - 1, high, style)

    def across(self, x0: int, x1: int, y: int, style: str = "rule", heavy: bool = False) -> None:
        """A line along a row of cells, both ends included. Lines that meet join; a heavy one hides light ones."""
        for x in range(x0, x1):
            self._way(x, y, RIGHT, style, heavy)
            self._way(x + 1, y, LEFT, style, heavy)

    def upright(self, x: int, y0: int, y1: int, style: str = "rule", heavy: bool = False) -> None:
        """A line along a column of cells, both ends included."""
        for y in range(min(y0, y1), max(y0, y1)):
            self._way(x, y, DOWN, style, heavy)
            self._way(x, y + 1, UP, style, heavy)

    def _way(self, x: int, y: int, way: int, style: str, heavy: bool) -> None:
        ways, before, _ = self._ways.get((x, y), (0, heavy, style))
        if before == heavy:
            self._ways[x, y] = (ways | way, heavy, style)
        elif heavy:
            self._ways[x, y] = (way, heavy, style)

    def erase(self, x: int, y: int, count: int) -> None:
        """No line passes so many cells any more: a title stands in it."""
        for k in range(x, x + count):
            self._ways.pop((k, y), None)

    def blank(self, x: int, y: int) -> bool:
        """Is there nothing in cell (x, y): neither a character nor a dot nor a line?"""
        return not ((x, y) in self._dots or (x, y) in self._ways or self._cells[y][x][0] != " ")

    def lines(self) -> list[Line]:
        """The page, row by row."""
        for (x, y), (ways, heavy, style) in self._ways.items():
            if 0 <= x < self.width and 0 <= y < self.height and self._cells[y][x][0] == " ":
                glyphs = HEAVY if heavy else LIGHT
                at = ways if glyphs[ways] != "?" else LEFT | RIGHT if ways & (LEFT | RIGHT) else UP | DOWN
                self._cells[y][x] = (glyphs[at], style)
        for (x, y), (bits, style) in self._dots.items():
            glyph, own = self._cells[y][x]
            if glyph == " ":
                drawn = "*" if self._cell == (1, 1) else chr(0x2800 + bits)
                self._cells[y][x] = (drawn, style or own)
        return [
            tuple(Span("".join([glyph for glyph, _ in run]), style) for style, run in groupby(row, _STYLE))
            for row in self._cells
        ]


class Scale(NamedTuple):
    """Numbers from `low` to `high` (both finite), logarithmic or not."""

    low: float
    high: float
    log: bool

    def part(self, values: Any) -> Any:
        """0 for `low` to 1 for `high`; NaN stays NaN."""
        with np.errstate(all="ignore"):
            if self.log:
                low, high = math.log10(self.low), math.log10(self.high)
                at = (np.log10(values) - low) / (high - low)
            else:
                # halves first: the span of two huge numbers is not finite
                span = self.high / 2 - self.low / 2
                at = (values / 2 - self.low / 2) / span if span > 0 else np.where(np.isfinite(values), 0.5, values)
        return np.clip(at, 0.0, 1.0)


class Axes(NamedTuple):
    """A page with a scale each way: where a point lies on it, in dots and in cells."""

    page: Plot
    across: tuple[float, float]
    up: tuple[float, float]

    def dot(self, x: float, y: float) -> tuple[int, int]:
        """The dot of a point, as far outside of the page as a page is large where it lies further off."""
        found = []
        for value, (low, high), dots in ((x, self.across, self.page.wide), (y, self.up, self.page.tall)):
            part = (value - low) / (high - low) if high > low else 0.5
            found.append(round(max(-1.0, min(2.0, part)) * (dots - 1)))
        return found[0], found[1]

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """The cell of a point, counted from the top."""
        across, up = self.dot(x, y)
        page = self.page
        return across * page.width // page.wide, page.height - 1 - up * page.height // page.tall

    def draw(self, xs: Any, ys: Any, style: str = "") -> None:
        """A curve through its points, neighbours joined; it breaks where a number is not finite."""
        before: tuple[int, int] | None = None
        for x, y in zip(np.asarray(xs).tolist(), np.asarray(ys).tolist(), strict=True):
            here = self.dot(x, y) if math.isfinite(y) else None
            if here is not None:
                self.page.line(*(before or here), *here, style)
            before = here


def scale_of(values: Any) -> Scale | None:
    """The scale of the finite numbers of an array, logarithmic where they are positive and span DECADES; None where
    none is finite."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    return Scale(low, high, low > 0 and math.log10(high) - math.log10(low) >= DECADES)


class Bucket(NamedTuple):
    """What one column of a curve stands for: smallest and largest finite number (NaN: none), was any not finite."""

    low: float
    high: float
    broken: bool


def buckets(values: Any, count: int) -> list[Bucket]:
    """A row of numbers, (n,), in at most `count` columns."""
    count = max(1, min(count, len(values)))
    edges = np.linspace(0, len(values), count + 1).astype(int)
    out = []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[a:b]
        finite = part[np.isfinite(part)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
        out.append(Bucket(low, high, bool((~np.isfinite(part) & ~kept_back(part)).any())))
    return out


def spacing(count: int, wide: int) -> float:
    """Dots from one of `count` columns to the next, spread over `wide` dots."""
    return (wide - 1) / (count - 1) if count > 1 else 0.0


def curve(plot: Plot, columns: Sequence[Bucket], scale: Scale, style: str = "") -> None:
    """Columns over the whole width, each from its smallest to its largest number, neighbours joined at their middle."""
    apart = spacing(len(columns), plot.wide)
    before: tuple[int, int] | None = None
    for n, (low, high, _) in enumerate(columns):
        if math.isnan(low):
            before = None
            continue
        x = round(n * apart)
        bottom, top = (round(float(scale.part(np.float64(v))) * (plot.tall - 1)) for v in (low, high))
        plot.line(x, bottom, x, top, style)
        here = (x, (bottom + top) // 2)
        plot.line(*(before or here), *here, style)
        before = here


def framed(plot: Plot, scale: Scale | None) -> list[Line]:
    """The page with an upright axis at its left, labelled at both ends: LABEL + 1 cells more."""
    top = bottom = ""
    if scale is not None:
        decimals = numbers.decimals_for([scale.low, scale.high])
        top, bottom = (numbers.field(v, 8, decimals) for v in (scale.high, scale.low))
    labels = {plot.height - 1: bottom if bottom != top else "", 0: top}
    return [
        (Span(labels.get(y, "").rjust(LABEL), "dim"), Span("│", "rule"), *row) for y, row in enumerate(plot.lines())
    ]


def axis(width: int, at: int, text: str, ends: tuple[str, str], unicode: bool) -> list[Line]:
    """The axis under a framed page of `width` cells, a mark under cell `at`, and below it `text`, and the labels of
    both ends where they have room."""
    mark = Span("▲" if unicode else "^", "text bold")
    line = (Span(" " * LABEL), Span("└" + "─" * at, "rule"), mark, Span("─" * (width - at - 1), "rule"))
    start = max(0, min(at - len(text) // 2, width - len(text)))
    labels = [(start, text, "text bold")]
    for x, label in ((0, ends[0]), (width - len(ends[1]), ends[1])):
        if x + len(label) < start or x > start + len(text):
            labels.append((x, label, "dim"))
    below, x = [Span(" " * (LABEL + 1))], 0
    for begin, label, style in sorted(labels):
        if begin >= x:
            below += [Span(" " * (begin - x)), Span(label, style)]
            x = begin + len(label)
    return [line, tuple(below)]
