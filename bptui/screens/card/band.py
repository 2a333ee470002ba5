"""The band of the Operation panel: `upstream × local = downstream`, or what is written out. The middle of the screen.
(A sum, term by term: `bptui.screens.card.sums`.)"""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model.base.arithmetic import product
from bptui.model.base.numbers import together
from bptui.model.base.spans import KINDS, Line, Span, bold, plain
from bptui.screens.card.block import Shown
from bptui.screens.panels.figures import marked, shown
from bptui.screens.panels.text import wrap
from bptui.screens.render import clip, length, under
from bptui.symbolic.facts import Equation, Fact, Note, equal, shown_at

WIDE = 58
"""From this width of the band on the equation has 6 significant digits; below, 5 decimals."""
STACKED = 32
"""Below this the three columns stand under each other."""
OPERATORS = ("×", "=")
_LEAST = 11
"""Cells of a number that its column must have room for, or the three stand under each other."""


def equation(made: Equation, width: int, notes: bool = True) -> Shown:
    """Heads, symbols, numbers and notes of the three columns, in the width of the band (without its empty rows)."""
    step = round(0.35 * min(width, 92))
    usual = together(made.numbers, most=8 if width >= WIDE else 5)
    texts, sign = product(made.numbers, usual, max(step - 2, _LEAST))
    kinds = tuple(kind_of_symbol(operand.symbol) for operand in made)
    numbers = tuple(
        (shown(text, operand.number, f"{kind} bold"),) for text, operand, kind in zip(texts, made, kinds, strict=True)
    )
    symbols = tuple(bold(operand.symbol) for operand in made)
    columns = Columns(width, step)
    if width < STACKED or any(length(cell) > step - 2 for cell in (*numbers, *symbols)):
        return Shown(_stacked(made, symbols, numbers, width, notes, sign), False, False)
    rows = [
        columns.row([(Span(operand.head, "dim"),) for operand in made]),
        columns.row(symbols, OPERATORS),
        columns.row(numbers, (OPERATORS[0], sign)),
    ]
    if not notes:
        return Shown(rows, False, not made.local.note.words)
    told = [_note(operand.note, step - 1, made.at if operand is made.local else ()) for operand in made]
    first = told[0].rows[0] if told[0].rows else ()
    crowded = told[1].rows and columns.gap(first, told[1].rows[0]) < 2  # they would read as one
    if first and (crowded or not columns.start(0, length(first))):  # or it would touch the edge
        told[0] = _note(made.upstream.note, length(told[0].rows[0]) - 1)
    below: list[Line] = []
    if _split(told[0].rows, made.upstream.note):  # a name that is longer than the column has a row of its own
        below = [(Span(" "), *dimmed(row)) for row in wrap(made.upstream.note.full, width - 1)]
        told[0] = Shown([], told[0].whole, told[0].brief)
    mark: Line = (made.contributions.span,)
    notes_of = [[dimmed(row) for row in note.rows] for note in told]
    notes_of[2] = [*notes_of[2], mark] if width > WIDE + 4 else [mark]
    whole = all(note.whole for note in told) and width > WIDE + 4
    return Shown(rows + columns.block(notes_of) + below, whole, told[1].whole or told[1].brief)


def in_full(made: Equation, width: int) -> list[Line]:
    """The three under each other, each with what it is and all that there is to say of it."""
    rows: list[Line] = []
    texts, sign = product(made.numbers, together(made.numbers))
    for text, mark, operand in zip(texts, (" ", OPERATORS[0], sign), made, strict=True):
        kind = kind_of_symbol(operand.symbol)
        number = shown(text, operand.number, f"{kind} bold")
        rows += wrap((Span(f"{mark} ", "text"), *bold(operand.symbol), Span(" = "), number), width, 4)
        note: Line = (Span(operand.head), *((Span(": "), *operand.note.full) if operand.note.words else ()))
        if operand is made.downstream:
            note = (*note, Span(", "), made.contributions.span)
        rows += [(Span("  "), *row) for row in wrap(dimmed(note), max(1, width - 2), 2)]
    return rows


class Columns:
    """Three centred columns with an operator between: the same cells for every width, and for every step."""

    def __init__(self, width: int, step: int) -> None:
        self.width, self.step = width, step
        middle = width / 2 - 1.2
        self.centres = (middle - step, middle, middle + step)
        self.between = tuple(round(middle + side * step / 2) for side in (-1, 1))

    def row(self, cells: Sequence[Line], operators: Sequence[str] = ()) -> Line:
        """One row of the band."""
        placed = [(self.start(k, length(cell)), cell) for k, cell in enumerate(cells) if cell]
        placed += [(x, (Span(mark, "text"),)) for x, mark in zip(self.between, operators, strict=False)]
        out: list[Span] = []
        x = 0
        for at, cell in sorted(placed, key=lambda pair: pair[0]):
            at = max(at, x + (x > 0))
            out += [Span(" " * (at - x), "text"), *cell]
            x = at + length(cell)
        return tuple(out)

    def start(self, column: int, size: int) -> int:
        """Where a cell of this size begins."""
        return max(0, min(round(self.centres[column] - (size - 1) / 2), self.width - size))

    def gap(self, first: Line, second: Line) -> int:
        """Blanks between a cell of the first column and one of the second."""
        return self.start(1, length(second)) - self.start(0, length(first)) - length(first)

    def block(self, notes: Sequence[Sequence[Line]]) -> list[Line]:
        """Columns of notes, as many rows as the longest of them."""
        rows = max((len(column) for column in notes), default=0)
        return [self.row([column[y] if y < len(column) else () for column in notes]) for y in range(rows)]


def _note(note: Note, room: int, at: Sequence[tuple[Span, float]] = ()) -> Shown:
    """A note as rows of a column: in fewer words where it has no room, or as the numbers that it is made of; else
    wrapped."""
    if not note.words:
        return Shown([], True, True)
    for n, words in enumerate(note.words):
        if length(words) <= room:
            return Shown([words], n == 0, True)
    rows, parts = wrap(note.full, room), shown_at(tuple(at))
    if parts and len(parts) < len(rows) and all(length(row) <= room for row in parts):
        return Shown(list(parts), False, True)
    return Shown(rows, True, True)


def _split(rows: Sequence[Line], note: Note) -> bool:
    """Is a word of the note broken in these rows?"""
    words = {word for row in rows for word in plain(row).split()}
    return bool(rows) and not any(words >= set(plain(form).split()) for form in note.words)


def _stacked(
    made: Equation, symbols: Sequence[Line], numbers: Sequence[Line], width: int, notes: bool, sign: str
) -> list[Line]:
    """The three columns under each other, where they have no room side by side: the numbers in a column at the right,
    below its symbol where that is too long, what each is between them where there is room for all three words."""
    inset = 1 if width > STACKED else 0
    inner = width - 2 * inset
    wide = max((length(symbol) for symbol in symbols), default=0)
    words = max(len(operand.head) for operand in made)
    size = max(map(length, numbers))
    told = notes and 2 + wide + 2 + words + 2 + size <= inner
    right = 2 + wide + 2 + (words + 2) * told + size
    right = min(inner, right)
    rows: list[Line] = []
    for mark, operand, symbol, number in zip((" ", OPERATORS[0], sign), made, symbols, numbers, strict=True):
        start: Line = (Span(f"{mark} ", "text"), *symbol)
        if told:
            start = (*start, Span(" " * (wide - length(symbol) + 2)), Span(operand.head, "dim"))
        if length(start) + 1 + length(number) > right:
            rows += wrap(start, inner, 2)
            start = ()
        free = max(0, right - length(start) - length(number))
        rows += wrap((*start, Span(" " * free), *number), max(1, inner), 0)
    rows.append((Span("  "), made.contributions.span))
    return [(Span(" " * inset), *row) for row in rows] if inset else rows


def kind_of_symbol(spans: Line) -> str:
    """The kind of the first symbol that has one."""
    for span in spans:
        kind = next((word for word in span.style.split() if word in KINDS), "text")
        if kind not in ("dim", "rule") and span.text.strip():
            return kind
    return "text"


def dimmed(spans: Line) -> Line:
    """Plain text as dim; what has a kind keeps it."""
    return tuple(Span(s.text, "dim" if s.style == "text" else s.style) for s in spans)


def written(facts: Sequence[Fact], width: int) -> list[Line]:
    """Equations that are written out (`a[0,0] = 1/(1 + exp(-0.0400)) = 0.5100`), as one block in the middle."""
    told: list[Line] = []
    for fact in facts:
        told += _members(fact, width)
    wide = max((length(text) for text in told), default=0)
    left = max(0, (width - wide) // 2)
    rows = [row for text in told for row in wrap(text, max(1, width - left), 2)]
    return [(Span(" " * left), *marked(row)) for row in rows]


def _members(fact: Fact, width: int) -> list[Line]:
    """The equation in one row, or one that goes on below under its first `=` where it has several sides."""
    if not fact.sides or length(fact.text) <= width:
        return [fact.text]
    lead, rest = length(fact.left) + 1, (Span("= "), *equal(fact.members[2:]), *fact.reason)
    first = equal(fact.members[:2])
    return [first, (Span(" " * lead), *rest) if lead + length(rest) <= width else rest] if fact.members[2:] else [first]


def banded(rows: Sequence[Line], width: int, margin: int, empty: bool) -> list[Line]:
    """The rows on the band's background, with one empty row above and below where there is room."""
    blank: Line = ()
    inside = [blank, *rows, blank] if empty else list(rows)
    left = (Span(" " * margin),) if margin else ()
    out: list[Line] = []
    for row in inside:
        body = clip(row, width)
        filled = (*body, Span(" " * (width - length(body)), "text"))
        out.append((*left, *under(filled, "on-band")))
    return out
