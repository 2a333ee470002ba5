"""All that a card says, in the order of the whole card, with every word and every term; and what of it the first page
has room for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bptui.model.base.spans import Line, Span, plain
from bptui.screens.panels import band, sums
from bptui.screens.panels.cardrows import Laid
from bptui.screens.panels.pages import Block
from bptui.screens.panels.text import wrap
from bptui.screens.panels.verdicts import summary
from bptui.symbolic.types import BAD

_WORD = re.compile(r"[\w.∂]+")


def blocks_of(laid: Laid, cut: bool) -> list[Block]:
    """The blocks of an operation's card. cut: not all rows that were laid out are there."""
    return [*formulas(laid, cut), *figures(laid, cut), *others(laid, cut), *checks(laid, cut)]


def names(laid: Laid) -> list[Line]:
    """The title with full names, and the shape, where the head has no room for them."""
    card, seen = laid.card, squeezed(laid.head())
    title = wrap(card.title, laid.inner, 2) if squeezed([card.title]) not in seen else []
    shape: list[Line] = [(Span(f"shape {card.shape}", "dim"),)] if card.shape and card.shape not in seen else []
    return [laid.place(row, laid.margin) for row in (*title, *shape)]


def formulas(laid: Laid, cut: bool = False) -> list[Block]:
    """The definition and the rules, each with how it was derived."""
    out = []
    for (label, formula, note), rows, kept in zip(laid.named(), laid.formulas(), laid.kept, strict=True):
        noted = squeezed([note]) in squeezed(rows)
        full = laid.formula(() if laid.compact else label, formula, note if noted else (), 0)
        if not noted:
            full = [*full, *(laid.place(row, laid.margin) for row in wrap(note, laid.inner))]
        out.append(Block(full, kept and noted and not cut, kept and not cut))
    return out


def figures(laid: Laid, cut: bool = False) -> list[Block]:
    """The numbers of the selected element: the equation with all its notes, the sum with all its terms."""
    card, inset = laid.card, int(laid.compact)
    wide = laid.width - 2 * laid.side
    if (table := card.table) is not None:

        def terms() -> Block:
            lead, rows = sums.in_full(table, wide - 2 * inset)
            placed = [laid.place(row, inset) for row in (*lead, *rows)]
            return Block(band.banded(placed, wide, laid.side, False), lead=len(lead))

        return [Block((), laid.complete and not cut, later=terms)]
    if card.equation is not None:
        words = set(_WORD.findall(" ".join(map(plain, laid.told))))
        notes = [word for note in card.equation.notes for word in _WORD.findall(plain(note))]
        local = set(_WORD.findall(plain(card.equation.notes[1])))
        shown = words.issuperset(word for word in notes if word not in ("from", "to"))
        full = band.banded(band.in_full(card.equation, wide), wide, laid.side, False)
        brief = words.issuperset(local) or (laid.room.notes and "at" in words)
        return [Block(full, shown and not cut, brief and not cut)]
    if not laid.central:
        return []
    rows = [laid.place(row, inset) for row in band.written(laid.central, wide - 2 * inset)]
    return [Block(band.banded(rows, wide, laid.side, False), not cut and bool(laid.told))]


def others(laid: Laid, cut: bool = False) -> list[Block]:
    """What comes next, a convention, a warning."""
    return [Block(laid.other(label, text), laid.room.more and not cut) for label, text in laid.others]


def checks(laid: Laid, cut: bool = False) -> list[Block]:
    """Every check with what it measured."""
    found = summary(laid.card.checks)
    seen = squeezed(laid.checks())
    shown = all(squeezed([(Span(detail),)]) in seen for _, _, detail in found)
    brief = not any(detail and mark.text in BAD for mark, _, detail in found)
    rows = []
    for mark, word, detail in found:
        said: Line = (mark, Span(f" {word}", "text"), *((Span(f"  {detail}", "dim"),) if detail else ()))
        rows += [laid.place(row, laid.margin) for row in wrap(said, laid.inner, 2)]
    return [Block(rows, shown and not cut, brief and not cut)] if found else []


def squeezed(rows: Sequence[Line]) -> str:
    """Their text without blanks."""
    return "".join("".join(plain(row).split()) for row in rows)
