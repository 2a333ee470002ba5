"""The parts of a composite, and the numbers that go into it and come out of it."""

from __future__ import annotations

from bptui.model.base.prose import shorten
from bptui.model.base.spans import CHIPS, Line, Span
from bptui.screens.card import band
from bptui.screens.card.block import NOTHING, Block, Full, Shown, Worth
from bptui.screens.card.rows import Columns
from bptui.screens.panels.figures import window
from bptui.screens.panels.text import wrap
from bptui.screens.render import fit, length, under
from bptui.symbolic.facts import Card, Fact, Inside, PartRow

NAME = 16
"""Columns of a part's name."""
FEW = 3
"""Rows of parts, with their head, that are worth more than all of the definition."""


def parts(card: Card, inside: Inside, at: Columns) -> list[Block]:
    """A row for each part; where they have no room those around the one that this Moment is about, so that stepping
    brings every one into sight."""
    if not inside.parts:
        return []
    head, rows, where, whole = _document(card, inside, at, NAME)
    start = 0 if inside.at is None or inside.came else where[inside.at]

    size = len(rows) + 1

    def within(room: int) -> Shown:
        if room < 2:
            return NOTHING
        low, high = window(len(rows), room - 1, start)
        return Shown([head, *rows[low:high]], whole and high - low == len(rows), False)

    def full() -> Full:
        head, rows, *_ = _document(card, inside, at, at.width // 2)
        return Full([head, *rows], 1)

    return [
        Block(
            (
                *((Worth.PARTS, n) for n in range(2, min(FEW, size) + 1)),
                *((Worth.ALL, n) for n in range(FEW + 1, size + 1)),
            ),
            within,
            full,
        )
    ]


def _document(card: Card, inside: Inside, at: Columns, most: int) -> tuple[Line, list[Line], list[int], bool]:
    """(head, rows of all parts, at which of them each begins, are all names whole?)."""
    what, said = "value" if card.phase == "forward" else "∂L/∂part", f"{len(inside.parts)} parts"
    head: Line = (Span(f"   {said}{' ' * max(1, at.width - 4 - len(said) - len(what))}{what}", "dim"),)
    longest = max(len(part.name) for part in inside.parts)
    rows: list[Line] = []
    where = []
    for n, part in enumerate(inside.parts):
        where.append(len(rows))
        chip = Span(f" {CHIPS[card.phase]} ", f"chip-{card.phase}") if n == inside.at else Span("   ")
        rows += _part(part, chip, min(most, longest), at.width, n == inside.at)
    return head, rows, where, longest <= most


def _part(part: PartRow, chip: Span, wide: int, width: int, here: bool) -> list[Line]:
    head: Line = (chip, Span(shorten(part.name, wide).ljust(wide + 2), "text bold" if here else "dim"))
    room = width - length(head) - length(part.number) - 3
    if length(part.formula) <= room:
        rows = [(*fit((*head, *part.formula), width - length(part.number) - 1), *part.number)]
    else:
        rows = [(*fit(head, max(length(head), width - length(part.number) - 1)), *part.number)]
        rows += [(Span(" " * 5), *row) for row in wrap(part.formula, max(1, width - 6), 2)]
    return [under(fit(row, width), "on-cursor") if here else row for row in rows]


def ends(inside: Inside, at: Columns, alone: bool) -> list[Block]:
    """What goes in and comes out, one row each. alone: they are all the numbers that there are."""
    if not inside.ends:
        return []
    wide = max(len(fact.label) for fact in inside.ends) + 2
    told = [_end(fact, wide, at.band - 3) for fact in inside.ends]

    def within(room: int) -> Shown:
        if not room:
            return NOTHING
        kept = told if len(told) <= room else [*told[: room - 1], told[-1]]
        rows = band.banded([(Span(" "), *row) for row, _ in kept], at.band, at.side, False)
        return Shown(rows, len(kept) == len(told) and all(whole for _, whole in kept), False)

    def full() -> Full:
        said = [(Span(fact.label, "dim"), Span("  " if fact.label else ""), *_text(fact)) for fact in inside.ends]
        return Full([at.place(row) for text in said for row in wrap(text, at.inner, 2)])

    return [Block((*(((Worth.NUMBERS, 2),) if alone else ()), (Worth.ALL, len(told))), within, full)]


def _text(fact: Fact) -> Line:
    return (*fact.text, *((Span("  "), *fact.note.full) if fact.note.words else ()))


def _end(fact: Fact, wide: int, room: int) -> tuple[Line, bool]:
    """A row, with as much of its name left out, at the left, as has no room, never of its number. Is all there?"""
    text = _text(fact)
    over = wide + length(text) - room
    label = Span(fact.label.ljust(wide), "dim")
    if over <= 0 or len(fact.left[0].text) < over + 2:
        return (label, *text), over <= 0
    name = text[0]
    return (label, Span("…" + name.text[over + 1 :], name.style), *text[1:]), False
