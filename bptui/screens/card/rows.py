"""Each part of a card as a block of rows: head, rules, numbers, parts, checks, further facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.screens.card import band, pages, sums, verdicts
from bptui.screens.card.block import NOTHING, Block, Full, Shown, Worth, cut, fixed
from bptui.screens.panels.text import wrap
from bptui.screens.render import clip, length
from bptui.symbolic.facts import Card, Equation, Fact, Note, Table, sentence
from bptui.symbolic.types import BAD

COMPACT = 50
"""Under this width: no column of labels, one row of checks."""
ENOUGH = 7
"""Rows of a sum that are worth more than anything that could be left out for them."""
DETAIL = 18
"""From a check's mark to what it says."""
LONGEST = 5
"""Rows of a head, beyond which it gives way to the definition where there is not room for both."""


class Columns(NamedTuple):
    """Where things stand in a panel: its margin, its column of labels, and the room inside of the margins."""

    width: int
    margin: int
    label: int
    side: int

    @property
    def compact(self) -> bool:
        """Is there no column of labels?"""
        return self.label == 0

    @property
    def inner(self) -> int:
        """Cells between the margins."""
        return max(1, self.width - 2 * self.margin)

    @property
    def band(self) -> int:
        """Cells of the band."""
        return self.width - 2 * self.side

    def place(self, spans: Sequence[Span], at: int = -1) -> Line:
        """The row after `at` blanks, or after the margin."""
        at = self.margin if at < 0 else at
        return (Span(" " * at), *spans) if at else tuple(spans)


def columns(width: int) -> Columns:
    """For a panel of this width."""
    if width < COMPACT:
        return Columns(width, 1, 0, 0)
    return Columns(width, 2, 13 if width >= 64 else 12, 1 if width < 64 else 2)


# -------------------------------------------------------------------------------------------------------------- head
def head(card: Card, at: Columns) -> Block:
    """`layer1.a = sigmoid(layer1.z)`, at the right shape and element; where that takes more than one row, in the short
    names of the formulas, and of a call with many settings the beginning. The full names and the shape, where they have
    no room, begin the second page."""
    rows, title, shaped = _head(card, at)
    named = title is card.title
    full = wrap(card.title, at.inner, 2) if not named or len(rows) > LONGEST else []
    shape: list[Line] = [(Span(f"shape {card.shape}", "dim"),)] if card.shape and not shaped else []
    missing = [at.place(row) for row in (*full, *shape)]

    def within(room: int) -> Shown:
        if room >= len(rows):
            return Shown(rows, named)
        return Shown([*cut(rows[:-1], room - 1, at.width), rows[-1]] if room > 1 else rows[:room], False, False)

    claims = ((Worth.HEAD, 1), (Worth.HEAD, min(len(rows), LONGEST)), (Worth.WHOLE_DEFINITION, len(rows)))
    return Block(claims, within, lambda: Full(missing))


def _head(card: Card, at: Columns) -> tuple[list[Line], Line, bool]:
    """The rows, which of the titles they have, and whether they have the shape."""
    element, shape = Span(card.element, "text bold"), Span(card.shape, "dim")
    named = card.element not in ("", "()")
    said: list[tuple[Line, bool]] = [((element,), not card.shape)] if named else []
    if card.shape:
        said.insert(0, ((shape, Span(" "), element) if named else (shape,), True))
        if named:
            said.insert(0, ((shape, Span("  element ", "dim"), element), True))
    if at.compact:
        said = said[-1:] if named else [((), False)]
    elif at.width < 64 and len(said) == 3:
        said = said[1:]
    titles = [card.title, *([card.brief] if card.brief else [])]
    for title in titles:
        for right, shaped in said:
            free = at.inner - length(title) - length(right)
            if free >= 1:
                return [at.place((*title, Span(" " * free), *right))], title, shaped
    right, shaped = said[-1] if said else ((), not card.shape)
    room = 1 + length(right)
    wrapped = [(wrap(title, at.inner, 2), title) for title in titles]
    rows, title = min(wrapped, key=lambda r: len(r[0]) + (length(r[0][-1]) + room > at.inner))
    free = at.inner - length(rows[-1]) - length(right)
    if right and free > 0:
        rows[-1] = (*rows[-1], Span(" " * free), *right)
    elif right:
        rows.append((Span(" " * max(0, at.inner - length(right))), *right))
    return [at.place(row) for row in rows], title, shaped


# ------------------------------------------------------------------------------------------------------------- rules
def rules(card: Card, at: Columns) -> list[Block]:
    """The definition and what follows from it, each with how it was come by; compact, their `=` stand under each other
    where that costs no row."""
    facts = list(card.rules)
    if card.part and facts:
        facts[0] = Fact(**{**vars(facts[0]), "note": Note(((Span(card.part, "dim"),),))})
    shifts = [0] * len(facts)
    if at.compact:
        lefts = [length(fact.left) if fact.sides and fact.left else -1 for fact in facts]
        aligned = [max(lefts, default=0) - left if left >= 0 else 0 for left in lefts]
        if all(shift + length(fact.text) <= at.inner for shift, fact in zip(aligned, facts, strict=True)):
            shifts = aligned
    last = max((n for n, fact in enumerate(facts) if fact.kind in ("local", "gradient")), default=-1)
    return [_rule(fact, shift, n == last, at) for n, (fact, shift) in enumerate(zip(facts, shifts, strict=True))]


def _rule(fact: Fact, shift: int, last: bool, at: Columns) -> Block:
    rows, noted = _formula(fact, shift, at)

    def full() -> Full:
        if noted:
            return Full(rows)
        bare, _ = _formula(fact, 0, at, noted=False)
        return Full([*bare, *(at.place(row) for row in wrap(fact.note.full, at.inner))])

    under = full().rows if not noted and len(fact.note.words) == 1 else rows  # a note that has no shorter form
    whole = fact.kind not in ("definition", "opaque") and not last  # all of it, or nothing

    def within(room: int) -> Shown:
        if room >= len(under):
            return Shown(under, noted or under is not rows)
        if room >= len(rows):
            return Shown(rows, noted)
        return NOTHING if whole else Shown(cut(rows, room, at.width), False, False)

    begun, worth = (Worth.RULE, Worth.RULE) if last else (Worth.DEFINITION, Worth.WHOLE_DEFINITION)
    steps = ((begun, 1), *((worth, n) for n in range(2, len(rows) + 1)))
    sizes = ((Worth.RULES, len(rows)),) if whole else steps
    return Block((*sizes, (Worth.DETAILS, len(under))), within, full)


def _formula(fact: Fact, shift: int, at: Columns, noted: bool = True) -> tuple[list[Line], bool]:
    """A rule, `shift` cells further right, its note at the right end in as many words as have room; are all there?"""
    rows = labelled(fact.label, fact.text, at, shift, 2)
    note = fact.note if noted else Note()
    for n, words in enumerate(note.words):
        free = at.margin + at.inner - length(rows[-1]) - length(words)
        if free >= 2:
            return [*rows[:-1], (*rows[-1], Span(" " * free), *words)], n == 0
    if note.words and (note.warning or not fact.text):
        wide = max(at.label, len(fact.label) + 2) if at.label else 0
        rows += [at.place((Span(" " * wide), *row)) for row in wrap(note.full, max(1, at.inner - wide))]
        return rows, True
    return rows, not note.words


def labelled(label: str, text: Line, at: Columns, shift: int = 0, indent: int = 0) -> list[Line]:
    """A text in rows beside its label."""
    wide = max(at.label, len(label) + 2) if at.label else 0
    first, *rest = wrap(text, max(1, at.inner - wide - shift), indent)
    lead: Line = (Span(label, "dim"), Span(" " * (wide - len(label) + shift))) if wide else ()
    if not wide and shift:
        lead = (Span(" " * shift),)
    return [at.place((*lead, *first)), *(at.place((Span(" " * (wide + shift)), *row)) for row in rest)]


# ----------------------------------------------------------------------------------------------------------- numbers
def numbers(card: Card, at: Columns) -> list[Block]:
    """The numbers of the selected element, on their band."""
    if card.equation is not None:
        return [_equation(card.equation, at)]
    if card.table is not None:
        return [_table(card.table, at)]
    if card.numbers and (card.inside is None or card.inside.done):
        return [_written(card.numbers, at)]
    return []


def _banded(rows: Sequence[Line], at: Columns, empty: bool = False) -> list[Line]:
    return band.banded(rows, at.band, at.side, empty)


def _equation(made: Equation, at: Columns) -> Block:
    noted, bare = band.equation(made, at.band), band.equation(made, at.band, notes=False)
    least = bare._replace(rows=bare.rows[1:]) if len(bare.rows) == 3 else bare

    def within(room: int) -> Shown:
        form = next((form for form in (noted, bare) if len(form.rows) <= room), least)
        return form._replace(rows=_banded(form.rows, at, room >= len(form.rows) + 2)) if room else NOTHING

    size = len(noted.rows)
    return Block(
        (
            (Worth.NUMBERS, len(least.rows)),
            (Worth.TERMS, len(bare.rows)),
            (Worth.NOTES, size),
            (Worth.PADDING, size + 2),
        ),
        within,
        lambda: Full(_banded(band.in_full(made, at.band), at)),
    )


def _table(made: Table, at: Columns) -> Block:
    inset = int(at.compact)
    wide = at.band - 2 * inset
    foot, short, least, wanted = sums.sizes(made, wide)

    def within(room: int) -> Shown:
        if not room:
            return NOTHING
        most = min(room, wanted) if room >= short else min(room, foot)
        rows = [at.place(row, inset) for row in sums.table(made, wide, most)]
        whole = room >= wanted and sums.whole(made, wide)
        return Shown(_banded(rows, at, room >= wanted + 2), whole, whole)

    def full() -> Full:
        lead, rows = sums.in_full(made, wide)
        return Full(_banded([at.place(row, inset) for row in (*lead, *rows)], at), len(lead))

    enough = min(wanted, max(ENOUGH, least))
    sizes = [
        (Worth.NUMBERS, 1), (Worth.NUMBERS, foot), (Worth.SUM, short), (Worth.SUM, least), (Worth.TERMS, enough),
        *((Worth.ALL, n) for n in range(enough + 1, wanted + 1)), (Worth.PADDING, wanted + 2),
    ]  # fmt: skip
    return Block(tuple(sizes), within, full)


def _written(facts: Sequence[Fact], at: Columns) -> Block:
    """Equations that are written out; of more than there is room for the last, which the others lead to."""
    inset = int(at.compact)
    wide = at.band - 2 * inset
    forms = [[at.place(row, inset) for row in band.written(facts[n:], wide)] for n in range(len(facts))]
    size, least = len(forms[0]), len(forms[-1])

    def within(room: int) -> Shown:
        if not room:
            return NOTHING
        for rows in forms:
            if len(rows) <= room:
                whole = rows is forms[0]
                return Shown(_banded(rows, at, room >= len(rows) + 2), whole, whole)
        return Shown(_banded(cut(forms[-1], room, at.band), at), False, False)

    some = ((Worth.ALL, len(rows)) for rows in reversed(forms))
    claims = (Worth.NUMBERS, 1), (Worth.NUMBERS, least), *some, (Worth.PADDING, size + 2)
    return Block(claims, within, lambda: Full(_banded(forms[0], at)))


# ------------------------------------------------------------------------------------------------------------ checks
def checks(card: Card, at: Columns) -> list[Block]:
    """Bad rows first. One row each with its detail, or all in as few rows as they need."""
    found = verdicts.summary(card.checks, card.due)
    if not found:
        return []
    flowing, said = _flowing(found, at)
    brief = all(found[n].verdict not in BAD for n in range(len(found)) if not said[n])
    short = Shown(flowing, all(said), brief)

    def full() -> Full:
        rows: list[Line] = []
        for mark, word, detail, _ in found:
            told: Line = (mark, Span(f" {word}", "text"), *((Span(f"  {detail}", "dim"),) if detail else ()))
            rows += [at.place(row) for row in wrap(told, at.inner, 2)]
        return Full(rows)

    if at.width < 64:
        return [fixed(Worth.CHECKS, short, full)]
    rows, told = _detailed(found, at)
    long = Shown(rows, told)

    def within(room: int) -> Shown:
        return long if room >= len(long.rows) else short if room >= len(flowing) else NOTHING

    return [Block(((Worth.CHECKS, len(flowing)), (Worth.DETAILS, len(long.rows))), within, full)]


def _detailed(found: Sequence[verdicts.Said], at: Columns) -> tuple[list[Line], bool]:
    """A row for each check, and whether all is said: of one that agrees as many parts of its detail as its row has room
    for, so that nothing moves when details arrive: in the last row beside the word that there is more."""
    told = True
    start = at.margin + at.label
    out: list[Line] = []
    for n, (mark, word, detail, verdict) in enumerate(found):
        name = (
            Span("" if n else "check", "dim"),
            Span(" " * (at.label - (0 if n else 5))),
            mark,
            Span(f" {word}", "text"),
        )
        left = at.place(name)
        column = max(start + DETAIL, length(left) + 2)
        room = max(8, at.width - at.margin - column)
        parts, few = detail.split("; "), room - (pages.SHORT if n == len(found) - 1 else 0)
        forms = ["; ".join(parts[:k]) for k in range(len(parts) - 1, -1, -1)]
        whole = verdict in BAD or len(detail) <= (few if len(parts) > 1 else room)
        said = detail if whole else next(form for form in forms if len(form) <= few)
        told = told and said == detail
        first, *rest = wrap((Span(said, "dim"),), room) if said else [()]
        out.append((*left, Span(" " * (column - length(left))), *first))
        out += [at.place(row, column) for row in rest]
    return out, told


def _flowing(found: Sequence[verdicts.Said], at: Columns) -> tuple[list[Line], list[bool]]:
    """The checks beside each other without their details; of which is all said?"""
    label: Line = () if at.compact else (Span("check  ", "dim"),)
    out: list[list[Span]] = []
    said = []
    for mark, word, detail, _ in found:
        part = [mark, Span(f" {word}", "text")]
        quiet = mark.style == "dim" and bool(detail) and length(part) + 1 + len(detail) <= at.inner - length(label)
        if quiet:
            part.append(Span(f" {detail}", "dim"))
        said.append(quiet or not detail)
        if out and length(out[-1]) + 2 + length(part) <= at.inner:
            out[-1] += [Span("  "), *part]
        else:
            out.append([*(label if not out else (Span(" " * length(label)),) if label else ()), *part])
    return [at.place(clip(row, at.inner)) for row in out], said


# ------------------------------------------------------------------------------------------------------------- facts
def others(card: Card, at: Columns) -> list[Block]:
    """What comes next, a convention, a warning."""
    blocks = []
    pending = [sentence("absent", "", ("deriving…", "dim"))] if card.pending and len(card.rules) < 2 else []
    for fact in (*card.others, *pending):
        text = (*fact.labelled, *((Span("  "), *fact.note.full) if fact.note.words else ()))
        if at.compact and fact.label:  # no column of labels: its rows go on under it
            rows = [at.place(row) for row in wrap((Span(fact.label, "dim"), Span("  "), *text), at.inner, 2)]
        else:
            rows = labelled(fact.label, text, at)
        worth = {"symbols": Worth.SYMBOLS, "story": Worth.STORY}.get(fact.kind, Worth.FACTS)
        blocks.append(fixed(worth, Shown(rows), lambda rows=rows: Full(rows)))  # type: ignore[misc]
    return blocks
