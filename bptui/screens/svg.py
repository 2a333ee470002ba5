"""Rows of the screen as an SVG: text that can be selected, in the colours of a theme, one cell like the other.

The one writer of SVG: for what is exported, for the pictures of the docs, for a certificate. A file needs nothing
beside it: no font but the reader's own fixed-width one, to whose width every run of text is fitted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from rich.color import Color

from bptui.model.base.printable import printable
from bptui.model.base.spans import Line
from bptui.screens.theme import THEMES, Theme

WIDTH, HEIGHT, EDGE = 9, 19, 12
"""Units of a cell, and of the margin around all of them."""
_BASE = 14
"""Units from the top of a row to the line on which its text stands."""
_FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Cells(NamedTuple):
    """A run of text that takes one cell for each character; colours are `#rrggbb`."""

    text: str
    colour: str
    ground: str
    bold: bool = False
    underline: bool = False


def picture(rows: Sequence[Line], theme: Theme, title: str = "", columns: int = 0) -> str:
    """Rows of spans as an SVG of at least so many columns, in the colours of the theme; of one that takes the
    terminal's own colours (or none) in those of `dark` or `light`. `title` is what a browser calls it."""
    theme = theme if theme.background else THEMES["dark" if theme.dark else "light"]
    made = [[_cells(printable(text), words, theme) for text, words in row] for row in rows]
    columns = max([columns, *(sum(len(run.text) for run in row) for row in made)])
    return drawn(made, (columns, len(made)), theme.background, title)


def _cells(text: str, words: str, theme: Theme) -> Cells:
    style = theme.style(words)
    colour, ground = (_hex(c, theme.kinds["text"]) for c in (style.color, style.bgcolor))
    return Cells(text, colour, ground if style.bgcolor else theme.background, bool(style.bold), bool(style.underline))


def _hex(colour: Color | None, default: str) -> str:
    return default if colour is None or colour.triplet is None else colour.triplet.hex


def drawn(rows: Iterable[Sequence[Cells]], size: tuple[int, int], ground: str, title: str = "") -> str:
    """Runs of cells as an SVG of (columns, rows) on a ground: a rectangle per run of another ground, a text per run of
    one style, stretched to its cells."""
    columns, count = size
    wide, high = columns * WIDTH + 2 * EDGE, count * HEIGHT + 2 * EDGE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="{_FONT}" font-size="15">',
        *([f"<title>{escape(printable(title))}</title>"] if title else []),
        f'<rect width="100%" height="100%" rx="6" fill="{ground}"/>',
        '<g shape-rendering="crispEdges">',  # else a seam shows between two cells of a heat map at most sizes
    ]
    for y, row in enumerate(rows):
        cells = [one._replace(text=character) for one in row for character in one.text]
        out += _grounds(cells, EDGE + y * HEIGHT, ground)
        out += _texts(cells, EDGE + y * HEIGHT + _BASE)
    return "\n".join([*out, "</g>", "</svg>", ""])


def _grounds(cells: Sequence[Cells], top: int, usual: str) -> Iterable[str]:
    """A rectangle for each run of cells of one ground."""
    at = 0
    for ground, run in itertools.groupby(cells, key=lambda cell: cell.ground):
        count = len(list(run))
        if ground != usual:
            place = f'x="{EDGE + at * WIDTH}" y="{top}" width="{count * WIDTH}" height="{HEIGHT}"'
            yield f'<rect {place} fill="{ground}"/>'
        at += count


def _texts(cells: Sequence[Cells], base: int) -> Iterable[str]:
    """A text for each run of one style; blanks between two words of it belong to it, wider ones end it."""
    at = 0
    for (colour, bold, underline), group in itertools.groupby(cells, key=lambda c: (c.colour, c.bold, c.underline)):
        run = "".join(cell.text for cell in group)
        style = (' font-weight="bold"' if bold else "") + (' text-decoration="underline"' if underline else "")
        for start, words in _words(run):
            place = f'x="{EDGE + (at + start) * WIDTH}" y="{base}" textLength="{len(words) * WIDTH}"'
            yield f'<text {place} lengthAdjust="spacingAndGlyphs" fill="{colour}"{style}>{escape(words)}</text>'
        at += len(run)


def _words(run: str) -> Iterable[tuple[int, str]]:
    """(place, text) of the parts of a run that two blanks or more stand between."""
    at = 0
    for part in run.split("  "):
        text = part.strip(" ")
        if text:
            yield at + part.index(text[0]), text
        at += len(part) + 2
