"""A composite in the Operation panel: what it is and the rule of all of it, as of any operation; under that its parts,
and on the band its numbers. What has no room scrolls: from the top where `next` came to it, else around the part that
this Moment is about, so that stepping brings every one into sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bptui.model.spans import Line, Span, plain
from bptui.screens.look import crop, fit, length, under
from bptui.screens.panels import band, sums
from bptui.screens.panels.figures import window
from bptui.screens.panels.text import wrap
from bptui.screens.panels.timeline import CHIPS
from bptui.symbolic.types import Card

NAME = 16
"""Columns of a part's name."""
FEW = 3
"""Rows of formulas and parts that are worth more than anything else."""
ENDS = 6
"""Rows of what goes in and comes out; of more inputs only as many as there is room for."""


def _part(card: Card, n: int, width: int, here: bool) -> list[Line]:
    label, formula, number = card.parts[n]
    wide = min(NAME, max(len(plain(name)) for name, _, _ in card.parts))
    name = plain(label)
    name = name if len(name) <= wide else name[: wide - 1] + "…"
    chip = Span(f" {CHIPS[card.extra['phase']]} ", f"chip-{card.extra['phase']}") if here else Span("   ")
    head: Line = (chip, Span(name.ljust(wide + 2), "text bold" if here else "dim"))
    room = width - length(head) - length(number) - 3
    if length(formula) <= room:
        return [_cursor((*fit((*head, *formula), width - length(number) - 1), *number), width, here)]
    rows = [(*fit(head, max(length(head), width - length(number) - 1)), *number)]
    rows += [(Span(" " * 5), *row) for row in wrap(formula, max(1, width - 6), 2)]
    return [_cursor(row, width, here) for row in rows]


def _cursor(row: Line, width: int, here: bool) -> Line:
    return under(fit(row, width), "on-cursor") if here else row


def ends(card: Card, width: int, room: int) -> list[Line]:
    """What goes in and comes out, one row each."""
    wide = max((length(label) for label, _ in card.extra["ends"]), default=0)
    rows = [(*fit(label, wide + 2), *_short(text, width - wide - 2)) for label, text in card.extra["ends"]]
    if len(rows) <= room:
        return rows
    if card.extra["phase"] == "forward":
        return [*rows[: max(0, room - 1)], rows[-1]]
    return rows[:room]


def _short(text: Line, room: int) -> Line:
    """The line with as much of its name left out, at the left, as has no room: never of its number."""
    over = length(text) - room
    if over <= 0 or len(text[0].text) < over + 2:
        return text
    return (Span("…" + text[0].text[over + 1 :], text[0].style), *text[1:])


def document(card: Card, formulas: Sequence[Line], width: int) -> tuple[list[Line], int]:
    """(definition, rule and parts one under the other, which of the rows is the one that must be seen)."""
    at: int | None = None if card.extra.get("came") else card.extra["at"]
    rows, cursor = list(formulas), 0
    what = "value" if card.extra["phase"] == "forward" else "∂L/∂part"
    said = f"{len(card.parts)} parts"
    gap = " " * max(1, width - 4 - len(said) - len(what))
    rows.append((Span(f"   {said}{gap}{what}", "dim"),))
    for n in range(len(card.parts)):
        cursor = len(rows) if n == at else cursor
        rows += _part(card, n, width, n == card.extra["at"])
    return rows, cursor


def seen(rows: list[Line], cursor: int, room: int, page: int = 0) -> list[Line]:
    """As many of the rows as there is room for, around the cursor, or, pages on from there, of the page of rows; after
    the last comes the first. And how many more there are."""
    if len(rows) <= room:
        return rows
    each = max(1, room - 1)
    first, last = window(len(rows), each, cursor)
    if page:
        pages = -(-len(rows) // each)
        first = (first // each + page) % pages * each
        last = min(first + each, len(rows))
    left = [f"{count} more {where}" for count, where in ((first, "above"), (len(rows) - last, "below")) if count]
    note = (Span(f"   ⋯ {', '.join(left)} (pgdn)", "dim"),)
    return [*rows[first:last], *[()] * (each - (last - first)), note][:room]


def draw(card: Card, page: Any, width: int, height: int) -> list[Line]:
    """The card in `height` rows. `page` draws head, formulas, numbers and checks as for any operation."""
    side, wide = page.side, width - 2 * page.side
    head, checks = page.head(), page.checks()
    doc, cursor = document(card, [row for block in page.formulas() for row in block], width)
    free = height - len(head) - len(checks)
    most = max(2, min(height // 3, free - FEW))
    told = page.band(most) if card.equation or (page.central and card.extra["done"]) else []
    if card.table is not None:
        least = sums.least_of(card.table, wide)
        spare = max(most, free - len(doc) - 3)
        told = page.band(min(spare, sums.rows_of(card.table, wide))) if least <= spare else []
    inner = [(Span(" "), *crop(row, 0, wide - 2)) for row in ends(card, wide - 2, most)]
    if not told:
        told = band.banded(inner, wide, side, False)
    elif free - len(told) - len(doc) - 4 >= len(inner) + 1:
        told = [*told, (), *band.banded(inner, wide, side, False)]
    room = free - len(told)
    gaps = room - len(doc) >= 4
    blank: list[Line] = [()] if gaps else []
    rows = seen(doc, cursor, max(1, room), card.extra.get("page", 0))
    return [*blank, *head, *blank, *rows, *blank, *told, *blank, *checks][:height]
