"""The band of the Operation panel: `upstream × local = downstream`, or what is written out. The middle of the screen.
(A sum, term by term: `bptui.screens.panels.sums`.)"""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model.base.arithmetic import product
from bptui.model.base.numbers import together
from bptui.model.base.spans import KINDS, Line, Span, plain
from bptui.screens.panels.figures import shown
from bptui.screens.panels.text import wrap
from bptui.screens.render import crop, length, under
from bptui.symbolic.types import Card, Equation

WIDE = 58
"""From this width of the band on the equation has 6 significant digits; below, 5 decimals."""
STACKED = 32
"""Below this the three columns stand under each other."""
OPERATORS = ("×", "=")
_LEAST = 11
"""Cells of a number that its column must have room for, or the three stand under each other."""


def equation(card: Card, width: int, notes: bool = True) -> list[Line]:
    """Heads, symbols, numbers and notes of the three columns, in the width of the band (without its empty rows)."""
    made = card.equation
    assert made is not None
    step = round(0.35 * min(width, 92))
    texts, sign = _texts(made, width, step - 2)
    kinds = tuple(kind_of_symbol(symbol) for symbol in made.symbols)
    numbers = tuple((shown(text, x, f"{kind} bold"),) for text, x, kind in zip(texts, made.numbers, kinds, strict=True))
    symbols = tuple(bolder(symbol) for symbol in made.symbols)
    columns = Columns(width, step)
    if width < STACKED or any(length(cell) > step - 2 for cell in (*numbers, *symbols)):
        return _stacked(made, symbols, numbers, width, notes, sign)
    rows = [
        columns.row([dimmed(head) for head in made.heads]),
        columns.row(symbols, OPERATORS),
        columns.row(numbers, (OPERATORS[0], sign)),
    ]
    if not notes:
        return rows
    told = _notes(made, width, step)
    if told[0] and told[1] and columns.gap(told[0][0], told[1][0]) < 2:  # two notes would read as one
        told[0] = [dimmed(row) for row in _short(made.notes[0], length(made.notes[0]) - 1)]
    return rows + columns.block(told)


def in_full(made: Equation, width: int) -> list[Line]:
    """The three under each other, each with what it is and all that there is to say of it."""
    rows: list[Line] = []
    texts, sign = product(made.numbers, together(made.numbers))
    for n, (mark, head) in enumerate(zip((" ", OPERATORS[0], sign), made.heads, strict=True)):
        kind = kind_of_symbol(made.symbols[n])
        number = shown(texts[n], made.numbers[n], f"{kind} bold")
        rows += wrap((Span(f"{mark} ", "text"), *bolder(made.symbols[n]), Span(" = "), number), width, 4)
        note: Line = (*head, *((Span(": "), *made.notes[n]) if made.notes[n] else ()))
        if n == 2 and made.partial:
            note = (*note, Span(", "), Span(made.partial, "dim" if complete(made.partial) else "kink bold"))
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


def _texts(made: Equation, width: int, room: int) -> tuple[tuple[str, str, str], str]:
    """The texts of the three numbers, and the sign before the last."""
    return product(made.numbers, together(made.numbers, most=8 if width >= WIDE else 5), max(room, _LEAST))


def _notes(made: Equation, width: int, step: int) -> list[list[Line]]:
    """Each column's notes as rows that fit it: in short words first where it is narrow, else wrapped."""
    room = step - 1
    out: list[list[Line]] = []
    for n, note in enumerate(made.notes):
        rows = [note] if length(note) <= room else _short(note, room, made.at if n == 1 else ())
        out.append([dimmed(row) for row in rows if row])
    if made.partial:
        mark: Line = (Span(made.partial, "dim" if complete(made.partial) else "kink bold"),)
        out[2] = [*out[2], mark] if width > WIDE + 4 else [mark]
    return out


def _short(note: Line, room: int, at: Sequence[Line] = ()) -> list[Line]:
    """A note in few words: `layer2.z` for `from layer2.z`, `at 0.5100` for `0.5100·(1 - 0.5100)`, the numbers that it
    is made of; else wrapped."""
    words = plain(note)
    for prefix in ("from ", "to "):
        if words.startswith(prefix) and len(words) - len(prefix) <= room:
            return [crop(note, len(prefix), len(words))]
    if words.startswith("  since ") and len(words) - 8 <= room:
        return [crop(note, 8, len(words))]
    inside = list(dict.fromkeys(span for span in note if kind_of_symbol((span,)) in ("value", "parameter")))
    others = any("." in span.text for span in note if span not in inside)
    if len(inside) == 1 and not others and len(inside[0].text) + 3 <= room:
        return [(Span("at ", "dim"), inside[0])]
    rows = wrap(note, room)
    brief = len(at) < len(rows) and all(length(row) <= room for row in at)
    return list(at) if at and brief else rows


def complete(partial: str) -> bool:
    """Is `2 of 2 in` all that will come?"""
    words = partial.split()
    return len(words) >= 3 and words[0] == words[2]


def _stacked(
    made: Equation, symbols: Sequence[Line], numbers: Sequence[Line], width: int, notes: bool, sign: str
) -> list[Line]:
    """The three columns under each other, where they have no room side by side: the numbers in a column at the right,
    below its symbol where that is too long, what each is between them where there is room for all three words."""
    inset = 1 if width > STACKED else 0
    inner = width - 2 * inset
    wide = max((length(symbol) for symbol in symbols), default=0)
    words = max(length(head) for head in made.heads)
    size = max(map(length, numbers))
    told = notes and 2 + wide + 2 + words + 2 + size <= inner
    right = 2 + wide + 2 + (words + 2) * told + size
    right = min(inner, right)
    rows: list[Line] = []
    for mark, head, symbol, number in zip((" ", OPERATORS[0], sign), made.heads, symbols, numbers, strict=True):
        start: Line = (Span(f"{mark} ", "text"), *symbol)
        if told:
            start = (*start, Span(" " * (wide - length(symbol) + 2)), *dimmed(head))
        if length(start) + 1 + length(number) > right:
            rows += wrap(start, inner, 2)
            start = ()
        free = max(0, right - length(start) - length(number))
        rows += wrap((*start, Span(" " * free), *number), max(1, inner), 0)
    if made.partial:
        rows.append((Span(f"  {made.partial}", "dim" if complete(made.partial) else "kink bold"),))
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


def bolder(spans: Line) -> Line:
    """The same in bold."""
    return tuple(Span(s.text, s.style if "bold" in s.style.split() else f"{s.style} bold") for s in spans)


def written(lines: Sequence[tuple[Line, Line]], width: int) -> list[Line]:
    """Equations that are written out (`a[0,0] = 1/(1 + exp(-0.0400)) = 0.5100`), as one block in the middle."""
    told: list[Line] = []
    for _, text in lines:
        more = plain(text).startswith("= ")
        if more and told and length(told[-1]) + 1 + length(text) <= width:
            told[-1] = (*told[-1], Span(" "), *text)
        elif more and told and (at := plain(told[0]).find(" = ") + 1) + length(text) <= width:
            told.append((Span(" " * at), *text))
        else:
            told.append(tuple(text))
    wide = max((length(text) for text in told), default=0)
    left = max(0, (width - wide) // 2)
    rows = [row for text in told for row in wrap(text, max(1, width - left), 2)]
    return [(Span(" " * left), *row) for row in rows]


def banded(rows: Sequence[Line], width: int, margin: int, empty: bool) -> list[Line]:
    """The rows on the band's background, with one empty row above and below where there is room."""
    blank: Line = ()
    inside = [blank, *rows, blank] if empty else list(rows)
    left = (Span(" " * margin),) if margin else ()
    out: list[Line] = []
    for row in inside:
        body = crop(row, 0, width)
        filled = (*body, Span(" " * (width - length(body)), "text"))
        out.append((*left, *under(filled, "on-band")))
    return out
