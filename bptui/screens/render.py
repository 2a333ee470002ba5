"""How a terminal can be drawn on, and the little tools for lines. No Textual in here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from bptui.model.base.spans import Line, Span, plain
from bptui.model.base.spans import length as length  # for all who cut and fill lines, as here

ASCII = str.maketrans(
    {
        "◀": "<", "▶": ">", "◆": "#", "■": "#", "●": "*", "○": "o", "✓": "v", "✗": "x", "·": ".", "×": "x", "…": "~",
        "∂": "d", "│": "|", "─": "-", "━": "=", "┃": "|", "┬": "+", "┴": "+", "├": "+", "┤": "+", "┼": "+", "╮": "\\",
        "╯": "/", "╭": "/", "╰": "\\", "┓": "\\", "┛": "/", "└": "`", "▕": "|", "▏": "|", "░": ".", "▒": ":", "▓": "=",
        "█": "#", "≤": "<", "≥": ">", "≈": "~", "≠": "!", "−": "-", "→": ">", "←": "<", "↑": "^", "↓": "v", "Σ": "S",
        "∞": "I", "α": "a", "β": "B", "γ": "g", "ε": "e", "σ": "s", "δ": "d", "η": "n", "Δ": "D", "π": "p", "√": "V",
        "ᵀ": "T", "ŷ": "y", "◉": "@", "½": "h", "±": "~", "⋯": "~", "∈": "e", "∇": "V", "τ": "t", "ρ": "r", "▸": ">",
        "²": "2", "³": "3", "µ": "u", "▾": "-",
    }
)  # fmt: skip
"""One ASCII character for each glyph that bptui draws, so that a grid keeps its columns under `--ascii`. A panel that
has a better wording in ASCII (`d` for `∂` is one) writes it itself; this is what catches the rest."""


class RenderOptions(NamedTuple):
    """How this screen can be drawn.

    unicode  draw lines and marks; False: ASCII only
    ansi     16 colours or none: no heat backgrounds, shades (`░▒▓█`) in the kind's colour instead
    focused  this panel has the focus
    """

    unicode: bool = True
    ansi: bool = False
    focused: bool = False


SPELLED = {"²": "^2", "³": "^3", "½": "1/2", "±": "+-", "→": "->"}
"""Glyphs of prose that one character of ASCII does not say: `(f - 3)?` would be a number that is asked."""


def spelled(spans: Sequence[Span], width: int) -> Line:
    """A row of prose with such glyphs spelled out in ASCII, as far as it has room for in `width`."""
    room, out = width - len(plain(spans).rstrip()), []
    for span in spans:
        text = ""
        for glyph in span.text:
            more = SPELLED.get(glyph, glyph)
            text += more if len(more) - 1 <= room else glyph
            room -= len(more) - 1 if len(more) - 1 <= room else 0
        out.append(Span(text, span.style))
    return crop(out, 0, width)


def to_ascii(spans: Sequence[Span]) -> Line:
    """The line without any glyph outside of ASCII; what has no picture of its own becomes `?`."""
    out = []
    for span in spans:
        text = span.text
        if not text.isascii():
            text = text.translate(ASCII)
            if not text.isascii():
                text = "".join(c if c.isascii() else "?" for c in text)
        out.append(Span(text, span.style))
    return tuple(out)


def crop(spans: Sequence[Span], start: int, end: int) -> Line:
    """Cells `start` to `end` of a line: a window on it. What is too long for its room is cut by `clip`."""
    out, x = [], 0
    for span in spans:
        cells = len(span[0])
        after = x + cells
        if x >= start and after <= end:
            if cells:
                out.append(span)
        elif after > start and x < end:
            out.append(Span(span.text[max(start - x, 0) : end - x], span.style))
        x = after
        if x >= end:
            break
    return tuple(out)


def scrolled(size: int, room: int, at: int) -> int:
    """The first of `size` rows that is seen in a room, `at` among them: it moves by half of the room, so that most
    steps move nothing."""
    half = max(1, room // 2)
    return max(0, min(at // half * half - half // 2, size - room))


def clip(spans: Sequence[Span], width: int) -> Line:
    """The line in at most `width` cells. Where more than blanks is lost, `…` stands in the last cell."""
    if length(spans) <= width:
        return tuple(spans)
    if width < 1 or not plain(spans)[width:].strip():
        return crop(spans, 0, width)
    return (*crop(spans, 0, width - 1), Span("…", "dim"))


def fit(spans: Sequence[Span], width: int, style: str = "text") -> Line:
    """The line in exactly `width` cells: as `clip` cuts it, or filled with blanks in `style`."""
    used = length(spans)
    if used == width:
        return tuple(spans)
    if used > width:
        return clip(spans, width)
    return (*spans, Span(" " * (width - used), style))


def trimmed(spans: Sequence[Span]) -> Line:
    """The line without the blanks at its end, but for those that are seen: they have a background."""
    end, x = len(plain(spans).rstrip()), 0
    for text, style in spans:
        x += len(text)
        end = max(end, x) if _has_background(style) else end
    return crop(spans, 0, end)


def beside(left: Sequence[Line], right: Sequence[Line], wide: int, height: int) -> list[Line]:
    """Two columns with an upright rule between them, at column `wide`, which a rule at the left meets."""
    rows = []
    for y in range(height):
        a, b = (side[y] if y < len(side) else () for side in (left, right))
        meets = bool(a) and length(a) >= wide and a[-1].text.endswith("─")
        rows.append((*fit(a, wide), Span("┤" if meets else "│", "rule"), *b))
    return rows


def under(spans: Sequence[Span], background: str) -> Line:
    """The line with a background word added to every span that has none."""
    return tuple([Span(text, _over(style, background)) for text, style in spans])


@lru_cache(1_000)
def _over(style: str, background: str) -> str:
    """The style on a background word, unless it has a background of its own."""
    return style if _has_background(style) else f"{style} {background}"


@lru_cache(1_000)
def _has_background(style: str) -> bool:
    return any(word.startswith(("on-", "heat-", "chip-")) for word in style.split())


def middle(row: Sequence[Span], width: int) -> Line:
    """The row with as many blanks before it as after it."""
    return (Span(" " * max(0, (width - length(row)) // 2)), *row)


def between(left: Sequence[Span], right: Sequence[Span], width: int) -> Line:
    """`left` at the left, `right` at the right, blanks between; where both do not fit, `left` is cut."""
    room = width - length(right)
    if room < 0:
        return clip(right, width)
    return (*fit(left, room), *right)


def boxed(rows: Sequence[Line], width: int, height: int, look: RenderOptions) -> list[Line]:
    """As many of the rows as there is room for, none longer than `width`; in ASCII where the terminal has no more."""
    return drawable([clip(row, width) for row in rows[: max(0, height)]], look)


def drawable(rows: list[Line], look: RenderOptions) -> list[Line]:
    """The rows in glyphs that the terminal has."""
    return rows if look.unicode else [to_ascii(row) for row in rows]
