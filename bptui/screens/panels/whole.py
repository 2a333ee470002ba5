"""A composite in the Operation panel: its parts one under the other, around the one that this Moment is about, and what
goes in and comes out on the band. Stepping scrolls the parts, so that every one of them comes into sight."""

from __future__ import annotations

from bptui.model.spans import Line, Span, plain
from bptui.screens.look import crop, fit, length, under
from bptui.screens.panels import band
from bptui.screens.panels.figures import window
from bptui.screens.panels.text import wrap
from bptui.screens.panels.timeline import CHIPS
from bptui.symbolic.types import Card

NAME = 14
"""Columns of a part's name."""
FEW = 3
"""Parts that are worth more than the empty rows."""
ENDS = 6
"""Rows of what goes in and comes out; of more inputs only as many as there is room for."""


def parts(card: Card, width: int, height: int) -> list[Line]:
    """The parts in `height` rows: name, formula, number; the formula of the one at hand in full."""
    at: int | None = card.extra["at"]
    here = 0 if at is None else at
    lead: list[Line] = []
    if height > FEW:
        what = "value" if card.extra["phase"] == "forward" else "∂L/∂part"
        lead, height = [(Span(" " * (width - 1 - len(what))), Span(what, "dim"))], height - 1
    rows = [_part(card, n, width, n == at) for n in range(len(card.rules))]
    first, last = window(len(rows), max(1, height - len(rows[here]) + 1), here)
    shown = [row for made in rows[first:last] for row in made][:height]
    hidden = len(rows) - (last - first)
    if hidden and shown:
        note = f"parts {first + 1}-{last} of {len(rows)}"
        lead = [_under(row, note) for row in lead]
    return lead + shown


def _under(row: Line, note: str) -> Line:
    """The note at the left of the row of heads."""
    blanks, word = row
    return (Span("   "), Span(note, "dim"), Span(" " * max(1, len(blanks.text) - 3 - len(note))), word)


def _part(card: Card, n: int, width: int, here: bool) -> list[Line]:
    label, formula, number = card.rules[n]
    wide = min(NAME, max(len(plain(name)) for name, _, _ in card.rules))
    name = plain(label)
    name = name if len(name) <= wide else name[: wide - 1] + "…"
    chip = Span(f" {CHIPS[card.extra['phase']]} ", f"chip-{card.extra['phase']}") if here else Span("   ")
    head: Line = (chip, Span(name.ljust(wide + 2), "text bold" if here else "dim"))
    room = width - length(head) - length(number) - 3
    if length(formula) <= room:
        return [_cursor((*fit((*head, *formula), width - length(number) - 1), *number), width, here)]
    if not here:
        cut = (*crop(formula, 0, max(0, room - 1)), Span("…", "dim")) if room > 1 else ()
        return [(*fit((*head, *cut), width - length(number) - 1), *number)] if room >= 0 else [crop(head, 0, width)]
    rows = [(*fit(head, max(length(head), width - length(number) - 1)), *number)]
    rows += [(Span(" " * 5), *row) for row in wrap(formula, max(1, width - 6), 2)]
    return [_cursor(row, width, True) for row in rows]


def _cursor(row: Line, width: int, here: bool) -> Line:
    return under(fit(row, width), "on-cursor") if here else row


def ends(card: Card, width: int, room: int) -> list[Line]:
    """What goes in and comes out, one row each."""
    wide = max((length(label) for label, _ in card.lines), default=0)
    rows = [(*fit(label, wide + 2), *_short(text, width - wide - 2)) for label, text in card.lines]
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


def draw(card: Card, head: list[Line], checks: list[Line], width: int, height: int, side: int) -> list[Line]:
    """The card in `height` rows. `head` and `checks` are drawn as for any operation."""
    most = min(ENDS, max(2, height // 3))
    wide = width - 2 * side
    told = [crop(row, 0, wide) for row in ends(card, wide - 2, most)]
    told = [(Span(" "), *row) for row in told]
    fixed = len(head) + len(told) + len(checks)
    gaps = 4 if height - fixed - 4 >= min(FEW, len(card.rules)) else 0
    blank: list[Line] = [()] if gaps else []
    room = max(1, height - fixed - gaps)
    rows = [*blank, *head, *blank, *parts(card, width, room), *blank, *band.banded(told, wide, side, False)]
    return [*rows, *blank, *checks][:height]
