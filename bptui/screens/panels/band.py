"""The band of the Operation panel: `upstream × local = downstream`, or a sum term by term. The middle of the screen."""

from __future__ import annotations

from collections.abc import Sequence

from bptui.model.numbers import together
from bptui.model.spans import KINDS, Line, Span, plain
from bptui.screens.look import crop, length, under
from bptui.screens.panels.figures import figure, shown
from bptui.screens.panels.text import wrap
from bptui.symbolic.types import Card, Equation, Step, Table, Term

WIDE = 58
"""From this width of the band on the equation has 6 significant digits; below, 5 decimals."""
STACKED = 32
"""Below this the three columns stand under each other."""
OPERATORS = ("×", "=")


def equation(card: Card, width: int, notes: bool = True) -> list[Line]:
    """Heads, symbols, numbers and notes of the three columns, in the width of the band (without its empty rows)."""
    made = card.equation
    assert made is not None
    texts = _texts(made, width)
    kinds = tuple(kind_of_symbol(symbol) for symbol in made.symbols)
    numbers = tuple((shown(text, x, f"{kind} bold"),) for text, x, kind in zip(texts, made.numbers, kinds, strict=True))
    symbols = tuple(_bold(symbol) for symbol in made.symbols)
    step = round(0.35 * min(width, 92))
    columns = Columns(width, step)
    if width < STACKED or any(length(cell) > step - 2 for cell in (*numbers, *symbols)):
        return _stacked(made, symbols, numbers, width, notes)
    rows = [
        columns.row([_dim(head) for head in made.heads]),
        columns.row(symbols, OPERATORS),
        columns.row(numbers, OPERATORS),
    ]
    return rows + (columns.block(_notes(made, width, step)) if notes else [])


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

    def block(self, notes: Sequence[Sequence[Line]]) -> list[Line]:
        """Columns of notes, as many rows as the longest of them."""
        rows = max((len(column) for column in notes), default=0)
        return [self.row([column[y] if y < len(column) else () for column in notes]) for y in range(rows)]


def _texts(made: Equation, width: int) -> list[str]:
    if width >= WIDE:
        return together(made.numbers)
    return together(made.numbers, most=5)


def _notes(made: Equation, width: int, step: int) -> list[list[Line]]:
    """Each column's notes as rows that fit it: in short words first where it is narrow, else wrapped."""
    room = step - 1
    out: list[list[Line]] = []
    for note in made.notes:
        rows = [note] if length(note) <= room else _short(note, room)
        out.append([_dim(row) for row in rows if row])
    if made.partial:
        mark: Line = (Span(made.partial, "dim" if complete(made.partial) else "kink bold"),)
        out[2] = [*out[2], mark] if width > WIDE + 4 else [mark]
    return out


def _short(note: Line, room: int) -> list[Line]:
    """A note in few words: `layer2.z` for `from layer2.z`, `at 0.5100` for `0.5100·(1 - 0.5100)`; else wrapped."""
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
    return wrap(note, room)


def complete(partial: str) -> bool:
    """Is `2 of 2 in` all that will come?"""
    words = partial.split()
    return len(words) >= 3 and words[0] == words[2]


def _stacked(made: Equation, symbols: Sequence[Line], numbers: Sequence[Line], width: int, notes: bool) -> list[Line]:
    """The three columns under each other, where they have no room side by side."""
    rows: list[Line] = []
    wide = max((length(symbol) for symbol in symbols), default=0)
    for mark, head, symbol, number in zip((" ", *OPERATORS), made.heads, symbols, numbers, strict=True):
        start = (Span(f"{mark} ", "text"), *symbol, Span(" " * (wide - length(symbol) + 2)), *number)
        words = (Span("  "), *_dim(head))
        if length(start) <= width:
            rows.append((*start, *words) if notes and length(start) + length(words) <= width else start)
        else:
            rows += [*wrap((Span(f"{mark} ", "text"), *symbol), width, 2), *wrap((Span("  "), *number), width, 2)]
    if made.partial:
        rows.append((Span(f"  {made.partial}", "dim" if complete(made.partial) else "kink bold"),))
    return rows


def table(made: Table, width: int, most: int) -> list[Line]:
    """A sum of products: index, factors, product, running sum; then the rule and the result. At most `most` rows, of
    which the result is the last: terms are left out in the middle, and how many is said."""
    head, gone, tail = elide(made, most - 3 - len(made.steps))
    grid = _Grid(made, (*made.head, *made.tail), width)
    if grid.least > width:
        equals = (*_bold(made.result), Span(" ="), *figure(made.total, 9, 4, f"{kind_of_symbol(made.result)} bold"))
        count = len(made.head) + len(made.tail) + made.elided
        return [*wrap(equals, width, 2), *wrap((Span(f"a sum of {count:,} terms", "dim"),), width, 2)][: max(1, most)]
    rows = [grid.header(made)] + [grid.term(term) for term in head]
    if gone:
        rows.append(grid.gap(gone))
    rows += [grid.term(term) for term in tail]
    rows += [grid.step(step) for step in made.steps]
    rows += [grid.rule(), grid.result(made)]
    return rows if most >= len(rows) else rows[-max(1, most) :]


def rows_of(made: Table) -> int:
    """How many rows all of it takes."""
    return len(made.head) + bool(made.elided) + len(made.tail) + len(made.steps) + 3


def elide(made: Table, room: int) -> tuple[tuple[Term, ...], int, tuple[Term, ...]]:
    """Head, number of terms left out, and tail, so that all take `room` rows."""
    if len(made.head) + bool(made.elided) + len(made.tail) <= room:
        return made.head, made.elided, made.tail
    keep = max(0, room - 1)
    ends = (*made.head, *made.tail)
    last = min(len(made.tail) if made.elided else len(ends), keep // 3)
    first = min(len(made.head), keep - last)
    kept = ends[len(ends) - last :] if last else ()
    return ends[:first], made.elided + len(ends) - first - last, kept


class _Grid:
    """The columns of a sum: index, factors, product, running sum. Narrower, the sum goes, then the index."""

    def __init__(self, made: Table, terms: Sequence[Term], width: int) -> None:
        self.width = width
        self.factors = max([1, *(len(term.factors) for term in terms)])
        names = [*_factor_heads(made, self.factors), *(step.symbol for step in made.steps), made.result]
        wide = max([8, *map(length, names)])
        index = max([1, *(len(term.index) for term in terms)])
        self.single = self.factors < 2 and not made.steps
        for self.sum, self.index in ((True, True), (False, True), (False, False)):
            slots: list[tuple[str, int, int, int]] = []  # name, width, gap before, least gap
            if self.index:
                slots.append(("index", index, 4, 0))
            for k in range(self.factors):
                if k:
                    slots.append((f"op{k}", 1, 2, 1))
                natural = 4 if k else max(1, 5 - index) if self.index else 0
                slots.append((f"f{k}", wide, natural, min(1, natural)))
            slots.append(("equals", 1, 3, 1))
            if not self.single:
                slots.append(("product", 8, 5, 1))
            if self.sum or self.single:
                slots.append(("sum", 8, 3, 1))
            natural = sum(gap + size for _, size, gap, _ in slots) + 4
            self.least = least = sum(low + size for _, size, _, low in slots)
            if least <= width:
                break
        if self.factors == 1 and 8 <= wide - (least - width) < wide:  # a long name is cut before its numbers are lost
            wide -= least - width
            natural, self.least = natural - (least - width), width
            slots = [(name, wide if name == "f0" else size, gap, low) for name, size, gap, low in slots]
            least = width
        part = min(1.0, max(0.0, (width - least) / (natural - least)))
        x = max(0, (width - natural) // 2)
        self.at: dict[str, tuple[int, int]] = {}
        for name, size, gap, low in slots:
            x += low + int((gap - low) * part)
            self.at[name] = (x, size)
            x += size
        self.last = f"f{self.factors - 1}"
        self.total = "sum" if self.single else "product"

    def place(self, cells: dict[str, Line], left: tuple[str, ...] = ("index",)) -> Line:
        """A row: each cell right-aligned in its slot (the index left-aligned)."""
        out: list[Span] = []
        x = 0
        for name, (start, size) in self.at.items():
            cell = cells.get(name)
            if not cell:
                continue
            at = start if name in left else start + size - length(cell)
            at = max(x, at)
            out += [Span(" " * (at - x)), *cell]
            x = at + length(cell)
        return crop(out, 0, self.width)

    def header(self, made: Table) -> Line:
        names: dict[str, Line] = {}
        columns = [_dim(column) for column in made.columns]
        if len(columns) >= self.factors + 1:
            names["index"] = columns[0]
        for k, symbol in enumerate(_factor_heads(made, self.factors)):
            room = self.at[f"f{k}"][1]
            quiet = _quiet(symbol)
            names[f"f{k}"] = quiet if length(quiet) <= room else (*crop(quiet, 0, room - 1), Span("…", "dim"))
        names["product"], names["sum"] = (Span("product", "dim"),), (Span("sum", "dim"),)
        return self.place(names)

    def term(self, term: Term) -> Line:
        """One product of the sum."""
        cells: dict[str, Line] = {"index": (Span(term.index, "dim"),)}
        for k, (symbol, x) in enumerate(term.factors):
            cells[f"f{k}"] = figure(x, 8, 4, kind_of_symbol(symbol))
            cells[f"op{k}"] = (Span("×", "text"),)
        if len(term.factors) > 1:
            cells["equals"] = (Span("=", "text"),)
            cells["product"] = figure(term.product, 8, 4, "text")
        cells["sum"] = figure(term.running, 8, 4, "dim")
        return self.place(cells)

    def step(self, step: Step) -> Line:
        """What is done with the sum: a bias that is added, a size that it is divided by."""
        cells: dict[str, Line] = {self.last: _quiet(step.symbol), "equals": (Span(step.sign, "text"),)}
        cells["product"] = figure(step.number, 8, 4, kind_of_symbol(step.symbol))
        cells["sum"] = figure(step.running, 8, 4, "dim")
        return self.place(cells)

    def gap(self, gone: int) -> Line:
        """In the place of `gone` terms."""
        start = self.at.get("index", self.at["f0"])[0]
        return (Span(" " * start), Span(f"⋯ {gone:,} more", "dim"))

    def rule(self) -> Line:
        start, size = self.at[self.total]
        begin = max(0, start - 1)
        return (Span(" " * begin), Span("─" * min(size + 3, self.width - begin), "rule"))

    def result(self, made: Table) -> Line:
        kind = kind_of_symbol(made.result)
        number = figure(made.total, 8, 4, f"{kind} bold")
        row = self.place({self.last: _bold(made.result), "equals": (Span("=", "text"),), self.total: number})
        note = (
            Span("  " if length(row) + len(made.partial) + 2 <= self.width else "…", kind),
            Span(made.partial, "kink bold"),
        )
        return (*row, *crop(note, 0, self.width - length(row))) if made.partial else row


def _factor_heads(made: Table, factors: int) -> list[Line]:
    """The names of the factors' columns: those of the table, else those of its first term."""
    columns = list(made.columns)
    if len(columns) >= factors + 1:
        return columns[1 : factors + 1]
    first = next(iter((*made.head, *made.tail)), None)
    return columns[:factors] or [symbol for symbol, _ in first.factors] if first else []


def kind_of_symbol(spans: Line) -> str:
    """The kind of the first symbol that has one."""
    for span in spans:
        kind = next((word for word in span.style.split() if word in KINDS), "text")
        if kind not in ("dim", "rule") and span.text.strip():
            return kind
    return "text"


def _dim(spans: Line) -> Line:
    """Plain text as dim; what has a kind keeps it."""
    return tuple(Span(s.text, "dim" if s.style == "text" else s.style) for s in spans)


def _quiet(symbol: Line) -> Line:
    """`W[k,3]` as a head: the symbol in its kind, its indices dim."""
    text = plain(symbol)
    cut = text.find("[")
    if cut < 0:
        return symbol
    kind = kind_of_symbol(symbol)
    return (Span(text[:cut], kind), Span(text[cut:], "gradient" if kind == "gradient" else "dim"))


def _bold(spans: Line) -> Line:
    return tuple(Span(s.text, s.style if "bold" in s.style.split() else f"{s.style} bold") for s in spans)


def written(lines: Sequence[tuple[Line, Line]], width: int) -> list[Line]:
    """Equations that are written out (`a[0,0] = 1/(1 + exp(-0.0400)) = 0.5100`), as one block in the middle."""
    wide = max((length(text) for _, text in lines), default=0)
    left = max(0, (width - wide) // 2)
    rows = [row for _, text in lines for row in wrap(text, max(1, width - left), 2)]
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
