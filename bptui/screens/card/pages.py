"""A card on as many pages as it takes: the first says what tells most, the others all that had no room there.

Page down turns them, page up turns back, and after the last comes the first. The pages after the first have the rest in
the order of the whole card, with every word and every term. Where nothing is left out there is one page, and no word
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.screens.card.block import Block, Full, Shown
from bptui.screens.render import clip, length, trimmed

MORE = "⋯ more"
BRIEF = "⋯"
"""Where all is there, but some of it in fewer words: how it was proved, the numbers of a check."""
KEY = " (pgdn)"
"""What turns the card, where there is room to say it."""
SHORT = len(MORE) + 3
"""Cells at the end of the last row in which it has room."""
LEAST = 6
"""Rows of a panel from which on a row of it may be taken for the word that there is more."""
HEADED = 5
"""Rows of a page beside the head of the card, below which the head does not stand on it."""


class First(NamedTuple):
    """The first page: its rows, the head that the others begin with, what the second says of names and shape before
    anything else, and each block of the card with what of it is shown."""

    rows: Sequence[Line]
    head: Sequence[Line]
    names: Sequence[Line]
    blocks: Sequence[tuple[Block, Shown]]

    @property
    def left(self) -> list[tuple[Block, Shown]]:
        """Those of which something is missing."""
        return [(block, shown) for block, shown in self.blocks if not shown.whole]


def every(first: Callable[[int], First], width: int, height: int, key: str = KEY) -> Iterator[list[Line]]:
    """Page after page; `first(rows)` lays out the first one. `key`: "" where the key that turns cards turns pages of
    something else."""
    made, rows = _noted(first, width, height, key)
    yield [clip(row, width) for row in rows[:height]]
    if made.left:
        others = [block.full() for block, shown in made.left if shown.rows is not made.head]
        sheets = _sheets([Full(made.names), *others], made.head, height)
        for at, sheet in enumerate(sheets, 1):
            yield [clip(row, width) for row in _numbered(sheet, at, len(sheets), width, height)[:height]]


def _noted(first: Callable[[int], First], width: int, height: int, key: str) -> tuple[First, list[Line]]:
    """The first page with the word that there is more, where there is: in its last row if that has room for it, be it
    the mark alone, else in a row of its own."""
    made = first(height)
    rows = [trimmed(row) for row in made.rows]
    if not made.left:
        return made, rows
    quiet = all(shown.brief for _, shown in made.left)
    words = (BRIEF if quiet else MORE) + key
    bottom = [*rows, *[()] * (height - len(rows))]
    for text in (words, *(() if height < LEAST or quiet else (MORE, BRIEF + key)), BRIEF):
        if length(bottom[-1]) + 2 + len(text) <= width - 1:
            return made, [*bottom[:-1], _ended(bottom[-1], text, width)]
    if height >= LEAST and not quiet:
        made = first(height - 1)
        return made, [*made.rows, *[()] * (height - 1 - len(made.rows)), _ended((), words, width)]
    for n in reversed(range(len(rows))):
        if length(rows[n]) + 1 < width - 1:
            return made, [*rows[:n], _ended(rows[n], BRIEF, width), *rows[n + 1 :]]
    return made, rows


def _ended(row: Line, text: str, width: int) -> Line:
    """The row with a dim word at its right end."""
    return (*row, Span(" " * max(0, width - 1 - length(row) - len(text))), Span(text, "dim"))


def _numbered(rows: Sequence[Line], at: int, last: int, width: int, height: int) -> list[Line]:
    """A further page, and which of how many it is."""
    if height < 2:
        return list(rows)
    key = "pgdn" if at < last else "pgup"
    told = (f"⋯ page {at + 1} of {last + 1} ({key})", f"{at + 1}/{last + 1}")
    text = next((words for words in told if len(words) < width), "")
    return [*rows, *[()] * (height - 1 - len(rows)), _ended((), text, width)]


def _sheets(blocks: Iterable[Full], head: Sequence[Line], height: int) -> list[list[Line]]:
    """The blocks on pages, a short one not over two of them where that can be avoided; the head on each of them."""
    lead = list(head) if height - 1 - len(head) >= HEADED else []
    room = max(1, height - 1 - len(lead))
    sheets: list[list[Line]] = [[]]
    for block in blocks:
        rows, heads = list(block.rows), list(block.rows[: block.lead])
        free = room - len(sheets[-1])
        short = free < len(rows) <= room and (free * 2 < room or len(rows) * 3 < room)
        if short or free <= len(heads) < room:
            sheets.append([])
        for n, row in enumerate(rows):
            if len(sheets[-1]) >= room:
                again = heads if n >= block.lead and len(heads) * 2 <= room else []
                sheets.append(list(again))
            sheets[-1].append(row)
    return [[*lead, *rows] for rows in sheets if rows]
