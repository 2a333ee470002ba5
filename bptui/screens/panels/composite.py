"""A composite in the Operation panel: what it is and the rule of all of it, as of any operation; under that its parts,
and on the band its numbers. Of what has no room the first page has the top where `next` came to it, else what is around
the part that this Moment is about, so that stepping brings every one into sight; the others have the rest."""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model.base.spans import Line, Span, plain
from bptui.screens.panels import band, sums
from bptui.screens.panels.blocks import checks, figures, formulas, names, others, squeezed
from bptui.screens.panels.cardrows import Laid, Room
from bptui.screens.panels.figures import window
from bptui.screens.panels.pages import Block, First
from bptui.screens.panels.text import wrap
from bptui.screens.panels.timeline import CHIPS
from bptui.screens.render import crop, fit, length, under
from bptui.symbolic.types import Card, Inside

NAME = 16
"""Columns of a part's name."""
FEW = 3
"""Rows of formulas and parts that are worth more than anything else."""
ENDS = 6
"""Rows of what goes in and comes out; of more inputs only as many as there is room for."""


def inside(card: Card) -> Inside:
    """What the card of a composite says besides."""
    assert card.inside is not None
    return card.inside


def _part(card: Card, n: int, width: int, here: bool, most: int) -> list[Line]:
    label, formula, number = card.parts[n]
    wide = min(most, max(len(plain(name)) for name, _, _ in card.parts))
    name = plain(label)
    name = name if len(name) <= wide else name[: wide - 1] + "…"
    chip = Span(f" {CHIPS[card.phase]} ", f"chip-{card.phase}") if here else Span("   ")
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
    found = inside(card).ends
    wide = max((length(label) for label, _ in found), default=0)
    rows = [(*fit(label, wide + 2), *_short(text, width - wide - 2)) for label, text in found]
    if len(rows) <= room:
        return rows
    if card.phase == "forward":
        return [*rows[: max(0, room - 1)], rows[-1]]
    return rows[:room]


def _short(text: Line, room: int) -> Line:
    """The line with as much of its name left out, at the left, as has no room: never of its number."""
    over = length(text) - room
    if over <= 0 or len(text[0].text) < over + 2:
        return text
    return (Span("…" + text[0].text[over + 1 :], text[0].style), *text[1:])


def document(laid: Laid, wide: int = NAME) -> tuple[list[Block], int]:
    """(definition, rules and parts, which of these blocks is the one that must be seen)."""
    card, width = laid.card, laid.width
    blocks = [Block(rows) for rows in laid.formulas()]
    if not card.parts:
        return blocks, 0
    here = inside(card).at
    at = None if inside(card).came else here
    what = "value" if card.phase == "forward" else "∂L/∂part"
    said = f"{len(card.parts)} parts"
    gap = " " * max(1, width - 4 - len(said) - len(what))
    cursor = 0 if at is None else len(blocks) + 1 + at
    parts = [Block(_part(card, n, width, n == here, wide)) for n in range(len(card.parts))]
    return [*blocks, Block([(Span(f"   {said}{gap}{what}", "dim"),)]), *parts], cursor


def first(card: Card, width: int, height: int) -> First:
    """The card in `height` rows: head, the numbers, the checks, and between them as much as there is room for."""
    laid = Laid(card, width, height, Room(gaps=False, details=False, padding=False))
    side, wide = laid.side, width - 2 * laid.side
    head, told_checks = laid.head(), laid.checks()
    doc, cursor = document(laid)
    rows = [row for block in doc for row in block.rows]
    at = sum(len(block.rows) for block in doc[:cursor])
    free = height - len(head) - len(told_checks)
    most = max(2, min(height // 3, free - FEW))
    if card.equation or (laid.central and inside(card).done):
        laid.told = laid.band(most)
    if card.table is not None:
        least = sums.least_of(card.table, wide)
        spare = max(most, free - len(rows) - 3)
        laid.told = laid.band(min(spare, sums.rows_of(card.table, wide))) if least <= spare else []
    told, ended = laid.told, False
    inner = [(Span(" "), *crop(row, 0, wide - 2)) for row in ends(card, wide - 2, most)]
    if not told or free - len(told) - len(rows) - 4 >= len(inner) + 1:
        between: list[Line] = [()] if told else []
        told, ended = [*told, *between, *band.banded(inner, wide, side, False)], True
    room = max(1, free - len(told))
    blank: list[Line] = [()] if room - len(rows) >= 4 else []
    low, high = window(len(rows), room, at)
    shown = [*blank, *head, *blank, *rows[low:high], *blank, *told, *blank, *told_checks]
    cut = len(shown) > height
    return First(shown[:height], head, names(laid), [
        *_seen(laid, doc, low, high, cut), *_figures(laid, cut), *_ends(laid, inner if ended else []),
        *others(laid, True), *checks(laid, cut),
    ])  # fmt: skip


def _seen(laid: Laid, doc: Sequence[Block], low: int, high: int, cut: bool) -> list[Block]:
    """The blocks of the document with every word, and which of them lie in the window."""
    blocks, at = [], 0
    full, _ = document(laid, laid.width // 2)
    notes = dict(enumerate(formulas(laid)))
    for n, (block, whole) in enumerate(zip(doc, full, strict=True)):
        seen = low <= at and at + len(block.rows) <= high and not cut
        at += len(block.rows)
        rows = notes[n].rows if n in notes else whole.rows
        same = notes[n].shown if n in notes else block.rows == whole.rows
        blocks.append(Block(rows, seen and same, seen))
    return blocks


def _figures(laid: Laid, cut: bool) -> list[Block]:
    """The numbers, where there are any by now."""
    if laid.card.equation is None and laid.card.table is None and not inside(laid.card).done:
        return []
    return [block if laid.told else block._replace(shown=False, brief=False) for block in figures(laid, cut)]


def _ends(laid: Laid, rows: Sequence[Line]) -> list[Block]:
    """Each that goes in or comes out, with its whole name."""
    seen, card = squeezed(rows), laid.card
    said = [(label, text, squeezed([label, text]) in seen) for label, text in inside(card).ends]
    full = [wrap((*label, Span("  "), *text), laid.inner, 2) for label, text, _ in said]
    return [
        Block([laid.place(row, laid.margin) for row in rows], shown)
        for rows, (_, _, shown) in zip(full, said, strict=True)
    ]
