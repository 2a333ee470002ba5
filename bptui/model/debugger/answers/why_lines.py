"""What a number is made of as lines of text whose numbers add up: the terms of a value, the table of a gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bptui.model.base import arithmetic, numbers
from bptui.model.base.crosstab import Crosstab, crosstab
from bptui.model.base.printable import few
from bptui.model.base.spans import Line, Span, joined, line
from bptui.model.debugger.answers.contributions import total
from bptui.model.debugger.answers.explained import Cell, Explained, Head, Row, heading, label, percent


def term_lines(found: Explained, most: int) -> list[Line]:
    """A line for each of the largest terms of a value: `[1]  x[1,1] × W[1,3] = 1 × 0.5607 = 0.5607  65%`."""
    if found.relation in ("formula", "choice"):
        more = found.rest[0]
        what = "the first of the largest" if found.relation == "choice" and more else "made of"
        cells = [cell for cell in found.rows[0].cells if cell is not None]
        told = [line("  ", *cell.shown, " = ", (numbers.significant(cell.number), "value")) for cell in cells]
        return [line((f"{what} ", "dim"), *(span for row in told for span in row[1:]))] if len(told) == 1 else told
    rows = found.rows[:most]
    texts, width = printed_terms(found, rows), max([4, *(len(label(row)) for row in rows)])
    made = []
    for row, (factors, product, _) in zip(rows, texts.rows, strict=False):
        head, share = f"{label(row):>{width}}  ", f"  {percent(found.share(row.sum))}"
        if found.relation == "product":
            head = share = ""
        made.append(line((head, "dim"), *product_of(row, factors, product), (share, "dim")))
    count = found.rest[0] + len(found.rows) - len(rows)
    if count:
        made.append(line((f"{'':{width}}  and {count:,} more  ", "dim"), (texts.rows[-1][1], "value")))
    if len(made) > 1:
        sign = "" if texts.sign == "=" else f"{texts.sign} "
        made.append(line((f"{'':{width}}  together  ", "dim"), (f"{sign}{texts.total}", "value")))
    return made


def printed_terms(found: Explained, rows: tuple[Row, ...], room: int | None = None) -> arithmetic.PrintedSum:
    """The texts of the terms, of the rest as one more, and of what they come to."""
    head, running = [], 0.0
    for row in rows:
        running += row.sum
        factors = tuple(cell.number for cell in row.cells if cell is not None)
        sign = -1.0 if math.prod(factors) * row.sum < 0 else 1.0
        head.append(arithmetic.Row((sign * factors[0], *factors[1:]) if factors else (row.sum,), row.sum, running))
    rest = found.rest[1] + math.fsum(row.sum for row in found.rows[len(rows) :])
    if found.rest[0] + len(found.rows) > len(rows):
        head.append(arithmetic.Row((rest,), rest, running + rest))
    number = found.number if found.number is not None else running + rest
    return arithmetic.printed_sum(arithmetic.Sum(head, (), (), number, found.eps), numbers.significant, room)


def product_of(row: Row, factors: tuple[str, ...], product: str) -> Line:
    """`x[1,1] × W[1,3] = 1 × 0.5607 = 0.5607`."""
    cells = [cell for cell in row.cells if cell is not None]
    names = joined(Span(" × "), (cell.shown for cell in cells))
    if len(cells) == 1:
        minus = [Span("-")] if cells[0].number * row.sum < 0 else []
        return line(*minus, *names, " = ", (product, "value"))
    return line(*names, " = ", " × ".join(factors), " = ", (product, "value"))


def table_texts(found: Explained, rows: tuple[Row, ...], room: int = 12) -> Crosstab:
    """The numbers of a gradient's table: of the rows that are told, and of the others as one row."""
    cells = [[None if cell is None else cell.number for cell in row.cells] for row in rows]
    others = found.rows[len(rows) :]
    if others:
        columns = range(len(found.heads))
        known = [[row.cells[n] for row in others] for n in columns]
        cells.append([total([cell.number for cell in column if cell is not None]) for column in known])
    return crosstab(cells, found.number, room, found.eps)


def factors_of(upstream: float, local: float, product: float) -> tuple[Sequence[str], str]:
    """The texts of upstream × local derivative = product, and the sign between; NaN and inf as they are."""
    three = upstream, local, product
    texts = [numbers.significant(x, 4) for x in three]
    return arithmetic.product(three, texts) if all(map(math.isfinite, three)) else (texts, "=")


def _not_finite(cell: Cell | None) -> Line:
    """`  -0.5000 × inf`: the factors of a contribution that is NaN or inf, upstream first."""
    if cell is None or cell.product is None or math.isfinite(cell.number):
        return ()
    (up, by, _), _ = factors_of(*cell.product, cell.number)
    return line((f"  upstream {up} × local {by}", "dim"))


def table_lines(found: Explained, texts: Crosstab) -> list[Line]:
    """A gradient's table: samples down, consumers across, sums on both sides; of one row, a line for each consumer."""
    if len(found.rows) == 1:
        single = list(texts.cells[0])
        if len(single) == 1 and texts.power:
            single = [numbers.significant(found.rows[0].sum, 5)]
        each = zip(single, found.heads, found.rows[0].cells, strict=True)
        return [
            line((f"{text:>9}", "gradient"), f"  from {_from(head)}", *_not_finite(cell))
            for n, (text, head, cell) in enumerate(each)
            if n not in found.waiting
        ]
    several = len(found.heads) > 1
    heads = [
        found.index,
        *("".join(s.text for s in heading(head)) for head in found.heads),
        *["sum"] * several,
        "share",
    ]
    count = len(found.rows) - (len(texts.rows) - 1)
    labels = [label(row) for row in found.rows[: len(texts.rows)]]
    if len(found.rows) > len(texts.rows):
        labels[-1] = f"{count:,} more"
    made = [heads]
    for n, (name, cells, whole) in enumerate(zip(labels, texts.cells, texts.rows, strict=True)):
        told = [_cell(found, n, k, text) for k, text in enumerate(cells)]
        rest = n == len(labels) - 1 and len(found.rows) > len(texts.rows)
        share = "" if rest else percent(found.share(found.rows[n].sum))
        made.append([name, *told, *[whole] * several, share])
    made.append(["sum", *texts.columns, *[texts.total] * several, ""])
    widths = [max(len(row[n]) for row in made) for n in range(len(heads))]
    lines = []
    for n, row in enumerate(made):
        style = "dim" if n == 0 else "gradient bold" if n == len(made) - 1 else "gradient"
        first = Span(f"{row[0]:<{widths[0]}}", "dim")
        lines.append(line(first, *((f"  {text:>{widths[k + 1]}}", style) for k, text in enumerate(row[1:]))))
    return lines


def _cell(found: Explained, row: int, column: int, text: str) -> str:
    """A number of the table; nothing where a consumer has nothing in that row."""
    waits = column in found.waiting or row >= len(found.rows) or found.rows[row].cells[column] is not None
    return text if waits else ""


def _from(head: Head) -> str:
    """`p (through t2)`."""
    through = ", ".join(node.name for node in head.through)
    return f"{head.consumer.name} (through {through})" if through else head.consumer.name


def reasons(found: Explained) -> list[Line]:
    """Why rows are 0, those of one reason together; why all of it is."""
    groups: dict[str, list[str]] = {}
    for row in found.rows:
        if row.zero:
            groups.setdefault(row.zero, []).append(label(row))
    said = []
    for reason, labels in groups.items():
        shown = few(labels, 4)
        verb = "adds" if len(labels) == 1 else "add"
        said.append(line("    ", (f"{shown} {verb} 0: " if shown else "0: ", "dim"), reason))
    if found.number == 0 and any(cell is not None and cell.number != 0 for row in found.rows for cell in row.cells):
        said.append(line("    ", ("what they add cancels", "dim")))
    return said


def skips(found: Explained) -> list[Line]:
    """`t2 (transpose) only moves it`."""
    if not found.skipped:
        return []
    names = ", ".join(f"{node.name} ({node.op.name})" for node in found.skipped if node.op is not None)
    verb = "moves" if len(found.skipped) == 1 else "move"
    return [line("    ", (f"{names} only {verb} it", "dim"))]
