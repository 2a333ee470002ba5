"""A sum of products on the band, term by term: index, factors, product, running sum; then the rule and the result.

Where the columns have no room for their heads, these are symbols without indices; where there are rows for everything
they stand whole above each other, each ending over its column. Then the running sum goes, then the index. Terms are
left out in the middle, and how many is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from bptui.model.base.arithmetic import PrintedSum
from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, Span, bold, plain
from bptui.screens.card.band import kind_of_symbol
from bptui.screens.panels.figures import figure, shown
from bptui.screens.panels.text import wrap
from bptui.screens.render import clip, length
from bptui.symbolic.facts import Step, Table, Term
from bptui.symbolic.formula.printing import number
from bptui.symbolic.formula.worked import sum_texts

FIELD = 8
"""Cells of a number; up to `WIDE` where it needs so many digits that its row is true."""
WIDE = 13
DECIMALS = 4


def table(made: Table, width: int, most: int) -> list[Line]:
    """The sum in at most `most` rows, of which the result is the last."""
    grid = _Grid(made, width)
    above, below = grid.header(), grid.foot()
    if len(above) + len(made.head) + bool(made.elided) + len(made.tail) + len(below) > most:
        above = grid.header(brief=True)
    head, gone, tail = elide(made, most - len(above) - len(below))
    rows = [*above, *(grid.term(term) for term in head)]
    if gone:
        zeros = made.zeros + _zeros((*made.head, *made.tail)) - _zeros((*head, *tail))
        rows.append(grid.gap(replace(made, head=head, elided=gone, tail=tail, zeros=zeros)))
    rows += [grid.term(term) for term in tail]
    rows += below
    return rows if most >= len(rows) else rows[-max(1, most) :]


def _zeros(terms: Sequence[Term]) -> int:
    """How many of the terms are 0."""
    return sum(term.product == 0 for term in terms)


def sizes(made: Table, width: int) -> tuple[int, int, int, int]:
    """Rows of the result alone; with its heads and one term; with its first and last term; of the whole table."""
    grid = _Grid(made, width)
    head, foot, terms = len(grid.header()), len(grid.foot()), len(made.head) + bool(made.elided) + len(made.tail)
    least = min(head, len(grid.header(brief=True)))
    return foot, least + min(1, terms) + foot, least + min(3, terms) + foot, head + terms + foot


def whole(made: Table, width: int) -> bool:
    """Do all rows of it have every term, with its index and every factor?"""
    return not made.elided and _Grid(made, width).every


def in_full(made: Table, width: int) -> tuple[list[Line], list[Line]]:
    """(heads, all terms and the result), as many rows as there are. Where not every factor has a column, each term is a
    formula of its own."""
    grid = _Grid(full := made.full, width)
    head = [grid.term(term) for term in full.head]
    tail = [grid.term(term) for term in full.tail]
    if not grid.every:
        head, tail = ([row for term in terms for row in grid.written(term)] for terms in (full.head, full.tail))
    gap = [grid.gap(full)] if full.elided else []
    return grid.header() if grid.every else [], [*head, *gap, *tail, *grid.foot()]


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


class Slot(NamedTuple):
    """A column: its name, its width, the gap before it, and the least that this may shrink to."""

    name: str
    size: int
    gap: int
    least: int


class _Grid:
    """Where the columns stand. Of one factor (or of more than fit beside each other) only the products are shown."""

    def __init__(self, made: Table, width: int) -> None:
        self.made, self.width = made, width
        terms = (*made.head, *made.tail)
        self.index = max([len(made.heads.index), *(len(term.index) for term in terms)])
        self.factors = len(made.heads.factors)
        self.every = True
        self.heads = [_quiet(symbol) for symbol in made.heads.factors]
        names = [*self.heads, *(step.symbol for step in made.steps), made.result]
        self.field, self.texts = self.numbers()
        self.written_as = {id(term): texts for term, texts in zip(terms, self.texts.rows, strict=True)}
        self.decimals = [max(len(text.partition(".")[2]) for text in column)
                         for column in zip(*(factors for factors, _, _ in self.texts.rows), strict=False)]  # fmt: skip
        wide = max([self.field, *map(length, names)])
        slots: list[Slot] = []
        for size, running, index in (
            (wide, True, True), (wide, False, True), (self.field, True, True), (self.field, False, True),
            (self.field, False, False),
        ):  # fmt: skip
            slots = self.slots(size, running or self.factors < 2, index)
            if _least(slots) <= width:
                break
        else:
            if self.factors > 1:  # not even the numbers have room: the products alone
                self.factors, self.heads, self.every = 1, [made.heads.product], False
            slots = self.slots(self.field, self.factors < 2, False)
        natural = sum(slot.gap + slot.size for slot in slots) + 4
        least = sum(slot.least + slot.size for slot in slots)
        part = min(1.0, max(0.0, (width - least) / (natural - least)))
        x = max(0, (width - natural) // 2)
        self.at: dict[str, tuple[int, int]] = {}
        for slot in slots:
            x += slot.least + int((slot.gap - slot.least) * part)
            self.at[slot.name] = (x, slot.size)
            x += slot.size
        self.every = self.every and "index" in self.at
        self.last = f"f{self.factors - 1}"
        self.total = "sum" if self.factors < 2 else "product"

    def numbers(self) -> tuple[int, PrintedSum]:
        """(cells of a number, the texts of all numbers): the fewest cells in which the sum is true and comes to its
        usual text; where no more than `FIELD` have room, with fewer digits."""
        usual = number(self.made.total)
        for self.field in range(FIELD, WIDE + 1):
            texts = sum_texts(self.made, self.usual, self.field, DECIMALS)
            if (texts.sign == "=" and texts.total == usual) or not math.isfinite(self.made.total) or texts.total == "0":
                return self.field, texts
            if _least(self.slots(self.field + 1, self.factors < 2, False)) > self.width:
                break
        return self.field, texts

    def usual(self, x: float) -> str:
        """The usual text of a number, with fewer digits where that is longer than a cell."""
        text = number(x)
        shorter = (significant(x, n) for n in range(5, 1, -1)) if len(text) > self.field else ()
        return next((each for each in shorter if len(each) <= self.field), text)

    def slots(self, wide: int, running: bool, index: bool) -> list[Slot]:
        """The columns, from left to right."""
        out = [Slot("index", self.index, 4, 0)] if index else []
        for k in range(self.factors):
            if k:
                out.append(Slot(f"op{k}", 1, 2, 1))
            natural = 4 if k else max(1, 5 - self.index) if index else 0
            out.append(Slot(f"f{k}", wide, natural, min(1, natural)))
        out.append(Slot("equals", 1, 3, 1))
        if self.factors > 1:
            out.append(Slot("product", self.field, 5, 1))
        if running:
            out.append(Slot("sum", self.field, 3, 1))
        return out

    def end(self, name: str) -> int:
        """The cell after a column."""
        start, size = self.at[name]
        return start + size

    def place(self, cells: dict[str, Line]) -> Line:
        """A row: each cell right-aligned in its column (the index left-aligned); a longer one begins further left."""
        out: list[Span] = []
        x = 0
        for name, (start, size) in self.at.items():
            cell = cells.get(name)
            if not cell:
                continue
            at = max(x, start if name == "index" else start + size - length(cell))
            out += [Span(" " * (at - x)), *cell]
            x = at + length(cell)
        return clip(out, self.width)

    def header(self, brief: bool = False) -> list[Line]:
        """The heads in one row. Where they have no room in it, those before the last above, a row for each: every one
        ends over its column, or begins at the left with its symbol over the column. brief: what has no room is its
        symbol alone."""
        names: dict[str, Line] = {"product": (Span("product", "dim"),), "sum": (Span("sum", "dim"),)}
        left = 0
        if "index" in self.at:
            names["index"] = (Span(self.made.heads.index, "dim"),)
            left = self.end("index") + 1
        heads = self.heads[: self.factors]
        sizes = [self.at[f"f{k}"][1] for k in range(len(heads))]
        bare = [(_unindexed(head), head) for head in heads]
        short = [b if length(b) <= n else head for (b, head), n in zip(bare, sizes, strict=True)]
        if brief:
            heads = [head if length(head) <= n else s for head, s, n in zip(heads, short, sizes, strict=True)]
        if all(length(head) <= n for head, n in zip(heads, sizes, strict=True)):
            return [self.place({**names, **{f"f{k}": head for k, head in enumerate(heads)}})]
        above = list(enumerate(heads))
        if heads and length(heads[-1]) <= self.end(self.last) - left:
            names[self.last] = above.pop()[1]
        last = self.end(self.last) - length(names.get(self.last, ()))  # before it the other columns have their room
        rows: list[Line] = []
        for k, head in above:
            free = max(0, min(self.end(f"f{k}"), self.width) - length(head))
            if length(head) > self.end(f"f{k}") < last and short[k] is not head:  # its symbol over its column
                names[f"f{k}"] = short[k]
            rows += [(Span(" " * free), *head)] if length(head) <= self.width else wrap(head, self.width, 2)
        return [*rows, self.place(names)]

    def term(self, term: Term) -> Line:
        """One product of the sum."""
        cells: dict[str, Line] = {"index": (Span(term.index, "dim"),)}
        texts, product, running = self.written_as[id(term)]
        factors = term.factors
        if len(factors) > 1 and self.factors < 2:
            factors, texts = ((factors[0][0], term.product),), (product,)
        for k, ((symbol, x), text) in enumerate(zip(factors, texts, strict=True)):
            cells[f"f{k}"] = self.cell(text, x, kind_of_symbol(symbol), self.decimals[k] if len(texts) > 1 else None)
            cells[f"op{k}"] = (Span("×", "text"),)
        if len(factors) > 1:
            cells["equals"] = (Span("=", "text"),)
            cells["product"] = self.cell(product, term.product, "text")
        cells["sum"] = self.cell(running, term.running, "dim")
        return self.place(cells)

    def cell(self, text: str, x: float, style: str, decimals: int | None = None) -> Line:
        """A text in the cells of a number; a lone 0 in the units place of so many decimals, by default the sum's."""
        if not math.isfinite(x):
            return figure(x, self.field, DECIMALS, style)
        after = min((self.texts.decimals if decimals is None else decimals) + 1, self.field - 2)
        return (Span(f"{text}{' ' * after if text == '0' else ''}".rjust(self.field), style),)

    def written(self, term: Term) -> list[Line]:
        """`0,1  a[0] 0.5000 × b[1] 2.0000 × c[2] 3.0000 = 3.0000`."""
        texts, product, _ = self.written_as[id(term)]
        said: list[Span] = [Span(f"{term.index}  ", "dim")]
        for n, ((symbol, x), text) in enumerate(zip(term.factors, texts, strict=True)):
            said += [*((Span(" × "),) if n else ()), *symbol, Span(" ")]
            said.append(shown(text, x, kind_of_symbol(symbol)))
        if len(term.factors) < 2:
            return wrap(tuple(said), self.width, 2)
        result = Span("= "), shown(product, term.product, "text")
        rows = wrap((*said, Span(" "), *result), self.width, 2)
        if len(rows) < 2:
            return rows
        return [*wrap(tuple(said), self.width, 2), (Span("  "), *result)]  # beside the last factors it would be theirs

    def foot(self) -> list[Line]:
        """What is done with the sum (a bias that is added, a size that it is divided by), the rule, the result."""
        rows: list[Line] = []
        for step, texts in zip(self.made.steps, self.texts.after, strict=True):
            rows += self.step(step, *texts)
        start, size = self.at[self.total]
        begin = max(0, start - 1)
        rows.append((Span(" " * begin), Span("─" * min(size + 3, self.width - begin), "rule")))
        return [*rows, *self.result()]

    def step(self, step: Step, text: str, so_far: str) -> list[Line]:
        kind = kind_of_symbol(step.symbol)
        number = self.cell(text, step.number, kind)
        if step.counts:
            number = (Span(f"{step.number:.0f}".rjust(self.field), kind),)
        symbol, sign = _quiet(step.symbol), (Span(step.sign, "text"),)
        running = self.cell(so_far, step.running, "dim")
        if self.factors < 2:
            said = (*symbol, Span(" "), *sign, Span(" "), *number)
            if length(said) <= self.end(self.last):
                return [self.place({self.last: said, "sum": running})]
            rows = wrap(symbol, self.width, 2)
            return [*rows, self.place({self.last: (*sign, Span(" "), *number), "sum": running})]
        return self.named(symbol, {"equals": sign, "product": number, "sum": running})

    def gap(self, made: Table) -> Line:
        """In the place of the terms that `made` leaves out."""
        start = self.at.get("index", self.at["f0"])[0]
        said = made.rest if start + 2 + len(made.rest) <= self.width else made.rest.split(",")[0]
        return clip((Span(" " * start), Span(f"⋯ {said}", "dim")), self.width)

    def result(self) -> list[Line]:
        """The name and what the sum comes to."""
        made = self.made
        kind = kind_of_symbol(made.result)
        total = self.cell(self.texts.total, made.total, f"{kind} bold")
        rows = self.named(bold(made.result), {"equals": (Span(self.texts.sign, "text"),), self.total: total})
        if made.contributions is None:
            return rows
        *before, row = rows
        done = made.contributions.complete
        words: Line = (made.contributions.span,)
        if length(row) + 2 + length(words) <= self.width:
            return [*before, (*row, Span("  ", kind), *words)]
        dots = (Span("…", kind),) if length(row) < self.width and not done else ()
        free = max(0, self.end(self.total) - length(words))
        return [*before, (*row, *dots), (Span(" " * free), *words)]

    def named(self, symbol: Line, cells: dict[str, Line]) -> list[Line]:
        """A row with a name before its sign; a name that is too long in rows of its own above."""
        if length(symbol) <= self.end(self.last):
            return [self.place({**cells, self.last: symbol})]
        return [*wrap(symbol, self.width, 2), self.place(cells)]


def _unindexed(symbol: Line) -> Line:
    """`∂a[0,4,k]/∂z[0,4,4]` as `∂a/∂z`."""
    return (Span(re.sub(r"\[[^\]]*\]", "", plain(symbol)), kind_of_symbol(symbol)),)


def _least(slots: Sequence[Slot]) -> int:
    """The cells that the columns take at least."""
    return sum(slot.size + slot.least for slot in slots)


def _quiet(symbol: Line) -> Line:
    """`W[k,3]` as a head: the symbol in its kind, its indices dim. A formula keeps its colours."""
    text = plain(symbol)
    name, bracket, rest = text.partition("[")
    if not bracket or rest.find("]") != len(rest) - 1 or not name or any(c in name for c in " (-"):
        return symbol
    kind = kind_of_symbol(symbol)
    return (Span(name, kind), Span(bracket + rest, "gradient" if kind == "gradient" else "dim"))
