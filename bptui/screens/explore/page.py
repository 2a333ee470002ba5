"""What the explorers' pages have in common: rows that give way where there are too many, numbers that are hidden, texts
in their places. No Textual in here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import decimals_for, field, scientific, significant
from bptui.model.base.spans import Line, Span
from bptui.model.base.typed import whole
from bptui.screens.keys import Place
from bptui.screens.render import length

if TYPE_CHECKING:
    from bptui.model.debugger.progress import Progress
    from bptui.symbolic.service import Service

HIDDEN = " ? "


def without(place: Place, word: str) -> Place:
    """A place without the keys of a word."""
    return place._replace(rows=tuple(row for row in place.rows if row.word != word))


MOST = 4
"""Rows that are added to an empty one on a high screen."""


class Row(NamedTuple):
    """A line of a page; where there is no room for all, those that give way first have the largest `rank`."""

    line: Line
    rank: int = 0


def blank(rank: int) -> Row:
    """An empty row."""
    return Row((), rank)


def fitted(rows: Sequence[Row], height: int) -> list[Line]:
    """As many of the rows as there is room for."""
    kept = list(rows)
    while len(kept) > max(0, height):
        worst = max(row.rank for row in kept)
        del kept[max(n for n, row in enumerate(kept) if row.rank == worst)]
    return [row.line for row in kept]


def spread(rows: Sequence[Row], height: int) -> list[Line]:
    """As many of the rows as there is room for; where there is room for more, the empty ones grow alike."""
    kept = fitted(rows, height)
    gaps = sum(not row for row in kept)
    more = min(MOST, (height - len(kept)) // gaps) if gaps else 0
    return [line for row in kept for line in (row, *[()] * (more if not row else 0))]


def at(*parts: tuple[int, Line | Span | str]) -> Line:
    """A line with parts at their columns, from left to right; one that would begin too early stands after a blank."""
    spans: list[Span] = []
    x = 0
    for column, part in parts:
        line: Line = (Span(part),) if isinstance(part, str) else (part,) if isinstance(part, Span) else part
        if not line:
            continue
        gap = max(column - x, 1 if x else 0)
        spans += [*([Span(" " * gap)] if gap else []), *line]
        x += gap + length(line)
    return tuple(spans)


def centred(middle: float, line: Line) -> tuple[int, Line]:
    """A part whose middle stands at a column, for `at`."""
    return max(0, round(middle - length(line) / 2)), line


def right(end: int, line: Line) -> tuple[int, Line]:
    """A part that ends before a column, for `at`."""
    return max(0, end - length(line)), line


def number(x: float, style: str = "text", hidden: bool = False, width: int = 8) -> Line:
    """A number in its field, with four decimals or as many as have room, or ` ? ` in the middle of it."""
    if hidden:
        return mark(style, width)
    return (Span(field(x, width, decimals_for([x], width)), style),)


def figure(x: float) -> str:
    """A number by itself, as it stands in a field of 8."""
    return field(x, 8, decimals_for([x])).strip()


def mark(style: str, width: int = len(HIDDEN)) -> Line:
    """` ? ` reversed in the colour of what is hidden, in the middle of so many cells."""
    before = (width - len(HIDDEN) + 1) // 2
    kind = style.split()[0]
    spans = (Span(" " * before), Span(HIDDEN, f"{kind} bold reverse"), Span(" " * (width - before - len(HIDDEN))))
    return tuple(span for span in spans if span.text)


def short(x: float, digits: int = 4) -> str:
    """A number in running text: `3`, `0.25`, `12.3`."""
    return significant(x, digits)


def typed(word: str, text: str, example: str, fits: Callable[[float], bool], right: str) -> float:
    """The number of a line; UserError where it is none, or does not fit."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(word, f"'{text.strip()[:40]}' is not a number", example) from None
    if not fits(value):
        raise UserError(word, f"found {text.strip()[:40]}", right)
    return value


def count(word: str, text: str, least: int, most: int) -> int:
    """The whole number of a line."""
    number = whole(text, least, most)
    if number is None:
        raise UserError(word, f"found '{text[:40]}'", f"{least} to {most:,}")
    return number


def one_of(word: str, text: str, names: Sequence[str]) -> int:
    """Which of the names a line says."""
    if text not in names:
        raise UserError(word, f"found '{text[:40]}'", ", ".join(names))
    return names.index(text)


def derived(service: Service, progress: Progress) -> None:
    """Wait until all that was asked for is derived. Raises Cancelled where a key ends it."""
    while not service.wait(0.05):
        progress.report(0.0, "deriving")


def size(x: float) -> str:
    """A size that may be small: `0.1962`, `2.0e-4`."""
    if math.isfinite(x) and 0 < abs(x) < 1e-3:
        return scientific(x, 1)
    return figure(x)
