"""The table of `why` in the cells of a panel: as a list with shares as bars, or samples by consumers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.answers import why_lines
from bptui.model.debugger.answers.explained import Explained, Row, label, percent
from bptui.screens.bars import bar
from bptui.screens.panels.figures import kind_of, shown, symbol_of, window
from bptui.screens.panels.text import wrap
from bptui.screens.render import clip, fit, length, under
from bptui.symbolic.card.names import brief

if TYPE_CHECKING:
    from bptui.screens.scene import Scene

GUTTER, LABEL, CELL, SHARE = 2, 5, 10, 5
"""Cells of the cursor, of a row's label, of a number, of its share."""
NAME = 10
"""Cells of the name of a term."""


class Texts(NamedTuple):
    """The printed numbers: by row and column, the sums at the right and below, and the total; of `hidden` rows those
    that have no room together, as one more row."""

    cells: tuple[tuple[str, ...], ...]
    sums: tuple[str, ...]
    below: tuple[str, ...]
    total: str
    sign: str
    power: int = 0


def extent(found: Explained) -> tuple[int, int]:
    """Rows and columns that can be chosen."""
    if found.of == "value":
        cells = len(found.rows[0].cells) if found.rows and found.relation != "sum" else 1
        return max(1, len(found.rows)), max(1, cells)
    if len(found.rows) == 1:
        return max(1, len(found.heads)), 1
    return max(1, len(found.rows)), max(1, len(found.heads))


def of(found: Explained, width: int, rows: int = 0) -> Texts:
    """The numbers of a table as they are printed where so many rows have room (0: all)."""
    told = found.rows[: rows or len(found.rows)]
    if found.relation not in ("add", "sum", "product"):
        text = numbers.significant(found.number)
        return Texts((), (text,), (), text, "=")
    if found.of == "value":
        terms = why_lines.printed_terms(found, told, room=CELL - 1)
        factors, products = tuple(f for f, _, _ in terms.rows), tuple(p for _, p, _ in terms.rows)
        return Texts(factors, products, (), terms.total, terms.sign)
    wide = CELL if width < 60 else CELL + 2
    made = why_lines.table_texts(found, told, wide - 1)
    return Texts(made.cells, made.rows, made.columns, made.total, made.sign, made.power)


def rows(found: Explained, said: list[Line], scene: Scene, chosen: tuple[int, int]) -> list[Line]:
    """All rows of the panel: what is said, the table, what is said of the chosen row."""
    height = scene.height
    head: list[Line] = [(), *said, ()] if height >= 12 else said
    across = found.of == "gradient" and len(found.rows) > 1 and len(found.heads) > 1
    table = _Across(found, scene, chosen) if across else _Down(found, scene, chosen)
    tail = [row for text in table.remarks() for row in wrap((Span(" "), *text), scene.width, 1)]
    room = max(1, height - len(head) - table.frame - len(tail) - (1 if tail else 0))
    return [*head, *table.rows(room), *([()] if tail else []), *tail]


class _Down:
    """One number a row, its share as a bar: the terms of a value, what one consumer adds by sample, or one sample by
    consumer."""

    frame = 2
    """Rows of the rule and the total."""

    def __init__(self, found: Explained, scene: Scene, chosen: tuple[int, int]) -> None:
        self.found, self.scene, self.chosen = found, scene, chosen
        self.style = "gradient" if found.of == "gradient" else "value"
        self.turned = found.of == "gradient" and len(found.rows) == 1
        self.single = found.of == "value" and found.relation in ("formula", "choice", "product", "none")

    @property
    def count(self) -> int:
        return extent(self.found)[0]

    def rows(self, room: int) -> list[Line]:
        """As many as there is room for, the chosen one among them; the others together as one."""
        found = self.found
        if self.single:
            return self._operands()
        if self.turned:
            texts = of(found, self.scene.width)
            values = [cell.number if cell is not None else None for cell in found.rows[0].cells]
            if len(values) == 1:  # no sum below it, which would tell its unit
                return self._listed([numbers.significant(values[0], 5)], values, self._names(), room)
            *column, total = pointed([*texts.cells[0], _total(texts)])
            return [*self._listed(column, values, self._names(), room), *self._ends(texts, total)]
        count = len(found.rows)
        start, end = window(count, room if count + (found.rest[0] > 0) <= room else max(1, room - 1), self.chosen[0])
        kept = found.rows[start:end]
        texts = of(_only(found, kept), self.scene.width, len(kept))
        names = [_name(row) for row in kept]
        others = count - len(kept) + found.rest[0]
        *column, rest, total = pointed([*texts.sums[: len(kept)], texts.sums[-1] if others else "", _total(texts)])
        made = self._listed(column, [row.sum for row in kept], names, room, start)
        if others:
            made.append(self._row(f"{others:,} more", rest, None, False))
        return [*made, *self._ends(texts, total)]

    def _names(self) -> list[str]:
        return [head.consumer.name for head in self.found.heads]

    def _listed(
        self, texts: list[str], values: list[float | None], names: list[str], room: int, start: int = 0
    ) -> list[Line]:
        made = []
        for n, (text, value, name) in enumerate(zip(texts, values, names, strict=True)):
            made.append(self._row(name, text, value, start + n == self.chosen[0]))
        return made[:room]

    def _row(self, name: str, text: str, value: float | None, here: bool) -> Line:
        width, share = self.scene.width, None if value is None else self.found.share(value)
        mark = Span("▶ " if here else "  ", self.style)
        named = max(LABEL, *(len(each) for each in self._labels()))
        spans: list[Span] = [mark, Span(f"{name:<{named}}", "text" if here else "dim")]
        number = shown(text, value, f"{self.style} bold" if here else self.style, CELL)
        spans += [number, Span(f"{percent(share):>{SHARE}}", "dim"), Span(" ")]
        room = width - length(spans) - 1
        if share and room >= 4:
            spans += bar(0.0, share * room, room, self.style, self.scene.options)
        made = fit(spans, width)
        return under(made, "on-cursor") if here else made

    def _labels(self) -> list[str]:
        if self.turned:
            return self._names()
        found = self.found
        others = [f"{found.rest[0] + len(found.rows):,} more"] if len(found.rows) > 4 else []
        return [*(_name(row) for row in found.rows), *others] or [""]

    def _ends(self, texts: Texts, total: str) -> list[Line]:
        """The rule, and below it the total as it is printed."""
        if self.count < 2 and not self.found.rest[0]:
            return []
        at = GUTTER + max(LABEL, *(len(each) for each in self._labels()))
        unit = f" ×1e{texts.power}" if texts.power else ""
        number = shown(total, self.found.number, f"{self.style} bold", CELL)
        check = equal(self.found)
        return [
            line(" " * at, (("─" * (CELL - 1)).rjust(CELL), "rule")),
            line(" " * GUTTER, (f"{'sum':<{at - GUTTER}}", "dim"), number, (f"{unit} ", "dim"), *check),
        ]

    def _operands(self) -> list[Line]:
        """The numbers that a formula is made of, and what comes out."""
        found, made = self.found, []
        cells = [cell for cell in found.rows[0].cells if cell is not None] if found.rows else []
        if found.relation == "choice":
            made.append(line(("  the first of the largest", "dim")))
        texts = of(found, self.scene.width).cells[0] if found.relation == "product" else ()
        for n, cell in enumerate(cells):
            here = n == self.chosen[1] or (self.chosen[1] >= len(cells) and n == 0)
            text = texts[n] if n < len(texts) else numbers.significant(cell.number)
            row = line(("▶ " if here else "  ", self.style), *cell.shown, " = ", shown(text, cell.number, self.style))
            made.append(under(fit(row, self.scene.width), "on-cursor") if here else row)
        return made

    def remarks(self) -> list[Line]:
        """The chosen term written out, or why it is 0."""
        found = self.found
        if self.single or not found.rows:
            return [_trim(row) for row in why_lines.skips(found)]
        at = min(self.chosen[0], (len(found.heads) if self.turned else len(found.rows)) - 1)
        row, column = (found.rows[0], at) if self.turned else (found.rows[at], 0)
        said: list[Line] = []
        if found.of == "value" and row.cells:
            texts = why_lines.printed_terms(_only(found, (row,)), (row,), room=CELL - 1)
            factors, product, _ = texts.rows[0]
            said.append(
                line((label(row) + " " if row.label else "", "dim"), *why_lines.product_of(row, factors, product))
            )
        said += self._product(row, column)
        zero = row if row.zero else next((each for each in found.rows if each.zero), row)
        return [*said, *_zeros(found, zero), *(_trim(text) for text in why_lines.skips(found))]

    def _product(self, row: Row, column: int) -> list[Line]:
        """`[1] ∂L/∂z[1,7] × ∂z/∂W = -0.2014 × 1.0000`: what the chosen number is the product of."""
        cell = row.cells[column] if column < len(row.cells) else None
        if cell is None or cell.product is None or cell.producer is None:
            return []
        consumer, source = self.found.heads[column].consumer, self.found.node
        (up, by, result), sign = why_lines.factors_of(*cell.product, cell.number)
        d = "∂" if self.scene.options.unicode else "d"
        name = f"{d}L/{d}{symbol_of(consumer)}{numbers.index(cell.producer.element)}"
        local = (Span(f"{d}{symbol_of(consumer)}/{d}{symbol_of(source)}", "text bold"),)
        head = label(row) + " " if row.label else ""
        equation = (Span(f" = {up} × {by} {sign} "), Span(result, "gradient"))
        return [line((head, "dim"), (name, "gradient"), " × ", *local, *equation)]


def _total(texts: Texts) -> str:
    """The total as it stands below its column."""
    return ("≈ " if texts.sign != "=" else "") + texts.total


def pointed(column: Sequence[str], room: int = CELL - 1) -> list[str]:
    """The texts of a column, their points under each other where that has room: a 0 in the place of the units."""
    after = [len(text.partition(".")[2]) + ("." in text) for text in column]
    most = max((n for n, text in zip(after, column, strict=True) if "e" not in text), default=0)
    made = [
        text + " " * (most - n) if text[-1:].isdigit() and "e" not in text else text
        for n, text in zip(after, column, strict=True)
    ]
    return made if all(len(text) <= room for text in made) else list(column)


class Columns(NamedTuple):
    """The columns that are seen: the first, the end, and how many cells each takes."""

    first: int
    end: int
    wide: int


class _Across(_Down):
    """Samples down, consumers across, sums on both sides."""

    frame = 5
    """Rows of the two heads, the rule, the sums, the shares."""

    def rows(self, room: int) -> list[Line]:
        found, width = self.found, self.scene.width
        wide = CELL if width < 60 else CELL + 2
        across = max(1, (width - GUTTER - LABEL - wide) // wide)
        first, last = window(len(found.heads), across, self.chosen[1])
        count = len(found.rows)
        start, end = window(count, room if count <= room else max(1, room - 1), self.chosen[0])
        kept = found.rows[start:end]
        texts, columns = of(_only(found, kept), width, len(kept)), Columns(first, last, wide)
        made = self._heads(columns)
        for n, row in enumerate(kept):
            made.append(self._cells(label(row), row, (texts.cells[n], texts.sums[n]), start + n, columns))
        if len(kept) < count:
            more = f"{count - len(kept)}…"
            made.append(self._cells(more, None, (texts.cells[-1], texts.sums[-1]), -1, columns))
        made.append(line(" " * (GUTTER + LABEL), *((f" {'─' * (wide - 2)}".rjust(wide), "rule"),) * (last - first + 1)))
        sums = [(f"{text:>{wide}}", "gradient bold") for text in texts.below[first:last]]
        total = Span(f"{texts.total:>{wide - 1}}", "gradient bold reverse")
        said = "sum" if texts.sign == "=" else "sum ≈"
        made.append(line(" " * GUTTER, (f"{said:<{LABEL}}", "dim"), *sums, " ", total))
        made.append(self._shares(texts, columns))
        bars = self._bars(room - len(kept) - (len(kept) < count) - 1)
        return [*made, *([()] if bars else []), *bars]

    def _heads(self, columns: Columns) -> list[Line]:
        found, (first, last, wide) = self.found, columns
        heads = found.heads[first:last]
        before, after = "<" if first else " ", ">" if last < len(found.heads) else ""
        corner = fit((Span(f"{before}{found.index}", "dim"),), GUTTER + LABEL)
        names, forms = [], []
        for head in heads:
            node = head.consumer
            name = Span((node.label if node.scope else node.name)[-(wide - 1) :], kind_of(node))
            names += [Span(" " * (wide - len(name.text))), name]
            written = _right_side(brief(self.scene.session.graph, node))
            cut = clip(written, wide - 1)
            forms += [Span(" " * (wide - length(cut))), *cut]
        return [
            line(*corner, *names, (f"{after}{'sum':>{wide - len(after)}}", "dim")),
            line(" " * (GUTTER + LABEL), *forms),
        ]

    def _cells(self, name: str, row: Row | None, texts: tuple[Sequence[str], str], at: int, columns: Columns) -> Line:
        """One row: of `texts`, its cells and its sum, those of the columns that are seen."""
        (cells, whole), (first, last, wide) = texts, columns
        here = at == self.chosen[0]
        spans: list[Span] = [
            Span("▶ " if here else "  ", "gradient"),
            Span(f"{name:<{LABEL}}", "text" if here else "dim"),
        ]
        for n, text in enumerate(cells[first:last], first):
            cell = row.cells[n] if row is not None else None
            there = text if row is None or cell is not None or n in self.found.waiting else ""
            style = "gradient bold" if here and n == self.chosen[1] else "gradient"
            if cell is not None and not math.isfinite(cell.number):
                spans += [Span(" " * max(0, wide - len(there) - 2)), shown(there, cell.number, style)]
            else:
                spans.append(Span(f"{there:>{wide}}", style if there != numbers.NOT_YET else "dim"))
        spans.append(Span(f"{whole:>{wide}}", "gradient bold"))
        made = fit(spans, self.scene.width)
        return under(made, "on-cursor") if here else made

    def _shares(self, texts: Texts, columns: Columns) -> Line:
        (first, last, wide), sums = columns, self.found.columns()
        known = [abs(x) for x in sums if x is not None and math.isfinite(x)]
        whole = math.fsum(known)
        parts = [
            (f"{percent(abs(x) / whole) if x is not None and whole and math.isfinite(x) else '':>{wide}}", "dim")
            for x in sums[first:last]
        ]
        unit = f"×1e{texts.power} " if texts.power else ""
        check = equal(self.found)
        left = line(" " * GUTTER, (f"{'share':<{LABEL}}", "dim"), *parts)
        right = line((unit, "dim"), *check)
        return (*left, Span(" " * max(1, wide - length(right))), *right)

    def _bars(self, room: int) -> list[Line]:
        """The largest rows as bars."""
        made = []
        for row in self.found.rows[: min(2, room)]:
            share = self.found.share(row.sum)
            if room < 2 or not share:
                return []
            width = self.scene.width - GUTTER - LABEL - SHARE - 1
            drawn = bar(0.0, share * width, width, "gradient", self.scene.options)
            made.append(line(" " * GUTTER, (f"{label(row):<{LABEL}}", "dim"), *drawn, f"{percent(share):>{SHARE}}"))
        return made

    def remarks(self) -> list[Line]:
        """What the chosen number is the product of; why the chosen row, or the first that is, is 0; what lies between
        and only moves the number."""
        found = self.found
        row = found.rows[min(self.chosen[0], len(found.rows) - 1)]
        zero = row if row.zero else next((each for each in found.rows if each.zero), None)
        said = _zeros(found, zero) if zero is not None else []
        made = self._product(row, self.chosen[1]) if self.scene.height >= 20 and not row.zero else []
        return [*made, *said, *(_trim(text) for text in why_lines.skips(found))]


def _name(row: Row) -> str:
    """The label of a row; of a term outside of a sum how it is written, where that is short."""
    written = "".join(span.text for cell in row.cells if cell is not None for span in cell.shown)
    return label(row) or (written if len(written) <= NAME else "")


def _only(found: Explained, kept: tuple[Row, ...]) -> Explained:
    """The same with some rows first, whose numbers are printed."""
    others = tuple(row for row in found.rows if not any(row is each for each in kept))
    return replace(found, rows=(*kept, *others))


def _zeros(found: Explained, row: Row) -> list[Line]:
    if not row.zero:
        return [line(("what they add cancels", "dim"))] if found.number == 0 and found.of == "gradient" else []
    return [line((f"{label(row)} adds 0: " if row.label else "0: ", "dim"), row.zero)]


def equal(found: Explained) -> Line:
    """`✓ equal`, where the terms add up to the recorded number; nothing where there is none to compare with."""
    if found.number is None or found.waiting or not math.isfinite(found.number):
        return ()
    added = math.fsum(row.sum for row in found.rows) + found.rest[1]
    size = math.fsum(abs(row.sum) for row in found.rows) + abs(found.rest[1])
    same = abs(added - found.number) <= 1024 * found.eps * size
    return line(("✓", "ok"), (" equal", "dim")) if same else line(("FAIL", "fail reverse"))


def _right_side(written: Line) -> Line:
    """What stands right of ` = `."""
    for n, span in enumerate(written):
        _, sign, rest = span.text.partition(" = ")
        if sign:
            return ((Span(rest, span.style),) if rest else ()) + tuple(written[n + 1 :])
    return written


def _trim(row: Line) -> Line:
    """Without the blanks at its left end."""
    return tuple(
        Span(span.text.lstrip(), span.style) if n == 0 else span for n, span in enumerate(row) if span.text.strip() or n
    )
