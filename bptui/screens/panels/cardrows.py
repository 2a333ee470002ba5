"""A card laid out for a panel: head, formulas, numbers, checks and what else there is to say, each as rows of a width.

`Room` says what of them is shown. What has no room is on other pages (`panels.blocks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bptui.model.base.spans import Line, Span, plain
from bptui.screens.panels import band, sums
from bptui.screens.panels.band import kind_of_symbol
from bptui.screens.panels.text import wrap
from bptui.screens.panels.verdicts import summary
from bptui.screens.render import crop, length
from bptui.symbolic.types import Card

COMPACT = 50
"""Under this width: no column of labels, one row of checks."""
ENOUGH = 7
"""Rows of a sum that are worth more than anything that could be left out for them."""
DETAIL = 18
"""From a check's mark to what it says."""


class Room(NamedTuple):
    """What is still shown."""

    gaps: bool = True
    details: bool = True
    padding: bool = True
    notes: bool = True
    more: bool = True
    part: bool = False  # of the formulas only what there is room for


class Laid:
    """A card in a panel of `height` rows.

    After `rows()`: `told` are the rows of its numbers, `kept` says of each formula whether all of it is there,
    `complete` whether every term of the sum is, `crowded` whether that would need more rows.
    """

    def __init__(self, card: Card, width: int, height: int, room: Room) -> None:
        self.card, self.width, self.height, self.room = card, width, height, room
        self.compact = width < COMPACT
        self.margin = 1 if self.compact else 2
        self.label = 0 if self.compact else 13 if width >= 64 else 12
        self.inner = max(1, width - 2 * self.margin)
        self.side = 0 if self.compact else 1 if width < 64 else 2
        self.crowded, self.complete = False, True
        self.told: list[Line] = []
        self.kept = [True] * len(self.named())
        self.central, self.others = _central(card)

    def rows(self) -> list[Line]:
        """The whole panel, in more rows than it has where it has too few."""
        gap: list[Line] = [()] if self.room.gaps else []
        lead = gap if not self.compact else []
        head, checks, more = self.head(), self.checks(), self.more()
        blocks = self.formulas()
        if self.room.part:
            blocks = self.chosen(blocks, self.height - len(head) - len(checks) - self.least())
        formulas = [row for block in blocks for row in block]
        around = [*lead, *head, *(gap if formulas else []), *formulas]
        tail = [*checks, *more]
        room = self.height - len(around) - len(tail) - 2 * len(gap)
        middle = self.told = self.band(room)
        if not middle:
            return [*around, *(gap if tail else []), *tail]
        below = [] if self.compact and self.room.padding else gap
        return [*around, *gap, *middle, *(below if tail else []), *tail]

    def least(self) -> int:
        """Rows that the numbers need, whatever the formulas would like to have."""
        if self.card.table is not None:
            return sums.least_of(self.card.table, self.width - 2 * self.side - 2 * self.compact)
        if self.card.equation is not None:
            return len(self.band(self.height))
        return len(self.band(self.height)) if self.central else 0

    def chosen(self, blocks: Sequence[list[Line]], room: int) -> list[list[Line]]:
        """The formulas that fit: the last, which the numbers come from, first; of too long a one its beginning."""
        kept: list[list[Line]] = [[] for _ in blocks]
        for n in reversed(range(len(blocks))):
            kept[n] = blocks[n][: max(0, room)] if len(blocks[n]) <= room or not any(kept) else []
            room -= len(kept[n])
            if len(kept[n]) < len(blocks[n]):
                self.kept[n] = False
                if kept[n]:  # what is left of it must not pass for all of it
                    kept[n][-1] = (*crop(kept[n][-1], 0, self.width - 3), Span(" …", "text"))
        return kept

    def place(self, spans: Sequence[Span], at: int) -> Line:
        """The row after `at` blanks."""
        return (Span(" " * at), *spans) if at else tuple(spans)

    def head(self) -> list[Line]:
        """`layer1.a = sigmoid(layer1.z)`, at the right shape and element; where that takes more than one row, in the
        short names of the formulas."""
        card = self.card
        empty = card.element in ("", "()")
        element, shape = Span(card.element, "text bold"), Span(card.shape, "dim")
        said: list[Line] = [(element,)] if card.element and not empty else []
        if card.shape:
            said.insert(0, (shape, Span(" "), element) if said else (shape,))
            if len(said) > 1:
                said.insert(0, (shape, Span("  element ", "dim"), element))
        if self.compact:
            said = [()] if empty else said[-1:]
        elif self.width < 64 and len(said) == 3:
            said = said[1:]
        titles = [card.title, *([card.brief] if card.brief else [])]
        for title in titles:
            for right in said:
                if length(title) + 1 + length(right) <= self.inner:
                    blanks = Span(" " * (self.inner - length(title) - length(right)))
                    return [self.place((*title, blanks, *right), self.margin)]
        right = said[-1] if said else ()
        room = 1 + length(right)
        rows = min(
            (wrap(title, self.inner, 2) for title in titles), key=lambda r: len(r) + (length(r[-1]) + room > self.inner)
        )
        free = self.inner - length(rows[-1]) - length(right)
        if right and free > 0:
            rows[-1] = (*rows[-1], Span(" " * free), *right)
        elif right:
            rows.append((Span(" " * max(0, self.inner - length(right))), *right))
        return [self.place(row, self.margin) for row in rows]

    def named(self) -> list[tuple[Line, Line, Line]]:
        """(label, formula, note) of the definition and of each rule."""
        card = self.card
        part: Line = (Span(card.part, "dim"),) if card.part else ()
        first = [((Span("definition", "dim"),), card.definition, part)] if card.definition else []
        return [*first, *card.rules]

    def formulas(self) -> list[list[Line]]:
        """The definition and the rules derived from it, each as its rows; compact, their `=` stand under each other
        where that costs no row."""
        named = self.named()
        straight = [self.formula(() if self.compact else label, text, note, 0) for label, text, note in named]
        if not self.compact:
            return straight
        equals = [plain(formula).find(" = ") for _, formula, _ in named]
        most = max(equals, default=-1)
        shifts = [most - e if e >= 0 else 0 for e in equals]
        if any(shift + length(formula) > self.inner for shift, (_, formula, _) in zip(shifts, named, strict=True)):
            return straight
        return [self.formula((), text, note, shift) for shift, (_, text, note) in zip(shifts, named, strict=True)]

    def formula(self, label: Line, formula: Line, note: Line, shift: int) -> list[Line]:
        """One of them, `shift` cells further right; its note at the right end, in as many words as have room."""
        wide = max(self.label, length(label) + 2) if self.label else 0
        room = max(1, self.inner - wide - shift)
        rows = wrap(formula, room, 2)
        head = (*dim(label), Span(" " * (wide - length(label)))) if wide else ()
        out = [(*head, Span(" " * shift), *rows[0])]
        out += [(Span(" " * (wide + shift)), *row) for row in rows[1:]]
        for words in _shorter(note):
            free = self.inner - length(out[-1]) - length(words)
            if words and free >= 2:
                out[-1] = (*out[-1], Span(" " * free), *words)
                break
        else:
            alarm = any(word in span.style for span in note for word in ("kink", "fail"))
            if note and (alarm or not formula):
                out += [(Span(" " * wide), *row) for row in wrap(note, max(1, self.inner - wide))]
        return [self.place(row, self.margin) for row in out]

    def band(self, room: int) -> list[Line]:
        """The numbers of the selected element, on their band."""
        card = self.card
        wide = self.width - 2 * self.side
        inset = 1 if self.compact else 0
        if card.equation is not None:
            rows = band.equation(card, wide, self.room.notes)
            if not self.room.notes and len(rows) == 3 and not self.room.more:
                rows = rows[1:]
        elif card.table is not None:
            most = max(2, room - 2 * self.room.padding)
            wanted = sums.rows_of(card.table, wide - 2 * inset)
            quiet = not (self.room.details or self.room.gaps or self.room.padding)
            least = sums.least_of(card.table, wide - 2 * inset)
            enough = least if self.room.part else max(ENOUGH, least) if quiet else wanted
            self.crowded = most < min(wanted, enough)
            self.complete = most >= wanted and sums.whole(card.table, wide - 2 * inset)
            rows = [self.place(row, inset) for row in sums.table(card.table, wide - 2 * inset, most)]
        elif self.central:
            rows = [self.place(row, inset) for row in band.written(self.central, wide - 2 * inset)]
        else:
            return []
        return band.banded(rows, wide, self.side, self.room.padding)

    def checks(self) -> list[Line]:
        """Bad rows first. One row each with its detail, or all in as few rows as they need."""
        found = summary(self.card.checks)
        if not found:
            return []
        if self.compact or self.width < 64 or not self.room.details:
            return self.flowing(found)
        at = self.margin + self.label
        out: list[Line] = []
        for n, (mark, word, detail) in enumerate(found):
            label = Span("check" if n == 0 else "", "dim")
            name = (mark, Span(f" {word}", "text"))
            left = (Span(" " * self.margin), label, Span(" " * (self.label - len(label.text))), *name)
            column = max(at + DETAIL, length(left) + 2)
            pieces = wrap((Span(detail, "dim"),), max(8, self.width - self.margin - column)) if detail else [()]
            out.append((*left, Span(" " * (column - length(left))), *pieces[0]))
            out += [self.place(piece, column) for piece in pieces[1:]]
        return out

    def flowing(self, found: Sequence[tuple[Span, str, str]]) -> list[Line]:
        """The checks beside each other, without their details."""
        label: Line = () if self.compact else (Span("check  ", "dim"),)
        out: list[list[Span]] = []
        for mark, word, detail in found:
            part = [mark, Span(f" {word}", "text")]
            if mark.style == "dim" and detail:
                part.append(Span(f" {detail}", "dim"))
            if out and length(out[-1]) + 2 + length(part) <= self.inner:
                out[-1] += [Span("  "), *part]
            else:
                lead = list(label) if not out else [Span(" " * length(label))] if label else []
                out.append([*lead, *crop(part, 0, max(1, self.inner - length(label)))])
        return [self.place(row, self.margin) for row in out]

    def more(self) -> list[Line]:
        """What else there is to say: what comes next, a convention, a warning."""
        if not self.room.more:
            return []
        out = [row for label, text in self.others for row in self.other(label, text)]
        if self.card.pending and not self.card.rules:
            out.append(self.place((Span("deriving…", "dim"),), self.margin + self.label))
        return out

    def other(self, label: Line, text: Line) -> list[Line]:
        """One of them."""
        if self.compact and label:  # no column of labels: its rows go on under it
            return [self.place(row, self.margin) for row in wrap((*dim(label), Span("  "), *text), self.inner, 2)]
        wide = max(self.label, length(label) + 2) if label or self.label else 0
        rows = wrap(text, max(1, self.inner - wide))
        heads = [(*dim(label), Span(" " * (wide - length(label))))] + [(Span(" " * wide),)] * (len(rows) - 1)
        return [self.place((*head, *row), self.margin) for head, row in zip(heads, rows, strict=True)]


def _central(card: Card) -> tuple[list[tuple[Line, Line]], list[tuple[Line, Line]]]:
    """The lines that are the numbers of this Moment, where there is neither an equation nor a table; and the others."""
    if card.equation is not None or card.table is not None:
        return [], list(card.lines)
    update = card.phase == "update"
    central: list[tuple[Line, Line]] = []
    for n, (label, text) in enumerate(card.lines):
        name = plain(label)
        mine = (
            name not in ("clipped", "update")
            if update
            else name in ("element", "from", "gradient", "value") or not name
        )
        if not mine or (n and not central):
            break
        if update and not plain(text).startswith(name):
            text = (*(Span(s.text, kind_of_symbol(text[-1:])) for s in label), Span(" = "), *text)
        central.append((label, text))
    return central, list(card.lines[len(central) :])


def dim(spans: Line) -> Line:
    """Plain text as dim; what has a kind keeps it."""
    return tuple(Span(s.text, "dim" if s.style == "text" else s.style) for s in spans)


def _shorter(note: Line) -> list[Line]:
    """The note, then without what is after its first comma, then without ` by …` or ` in …`: only how, not that."""
    text = plain(note)
    cuts = [len(text), text.find(","), text.find(" by "), text.find(" in ")]
    return [crop(note, 0, cut) for n, cut in enumerate(cuts) if (cut > 0 or n == 0)]
