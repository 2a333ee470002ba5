"""Arrays on a sheet: as one row of numbers, as a table with heads, or as heat cells, whichever has room.

One row of numbers (a vector, one sample) has all quantities under each other. A small table has row and column heads,
with its heat map and what its ramp means below. What is too large for numbers is heat cells, scrolled so that the
selected element is in sight, with its number above. More than two axes: the slice in which the selected element lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, Span, joined
from bptui.screens.panels import heat
from bptui.screens.panels.figures import figure, scalar, window
from bptui.screens.panels.figures import shown as shown_number
from bptui.screens.render import RenderOptions, length

WIDE, FIELD = 10, 8
"""Columns of a number where there is one row of them, and in a table."""
COMPACT = 50
LEGEND = (38, 24)
"""Columns of a legend beside its map, with and without room to spare."""
LEAST = 4
"""Cells of a map that are worth more than the word which part of it they are."""


class Quantity(NamedTuple):
    """One array of the node: its name, its numbers, their kind, and what is to be said of them."""

    label: str
    array: Any
    kind: str
    note: str = ""


class Page(NamedTuple):
    """What of the tensor is in sight: rows and columns, and how they are called.

    lead     indices of the axes before them (a slice), () for none
    rows, columns   their number
    at       (row, column) of the selected element
    turned   a column (n,1) that is shown as a row
    flat     one axis or none: heads are `[j]`
    """

    lead: tuple[int, ...]
    rows: int
    columns: int
    at: tuple[int, int]
    turned: bool
    axes: int

    def of(self, array: Any) -> Any:
        """The numbers of this page of an array of the node's shape."""
        table = np.asarray(array)[self.lead] if self.lead else np.asarray(array)
        table = np.atleast_2d(table)
        return table.T if self.turned else table


def page_of(shape: tuple[int, ...], element: tuple[int, ...]) -> Page:
    """The slice with the selected element: its last two axes; a vector or a column as one row."""
    element = tuple(element) if len(element) == len(shape) else (0,) * len(shape)
    if len(shape) < 2:
        return Page((), 1, shape[0] if shape else 1, (0, element[0] if shape else 0), False, len(shape))
    rows, columns = shape[-2:]
    y, x = element[-2:]
    if columns == 1 and rows > 1:
        return Page(element[:-2], 1, rows, (0, y), True, len(shape))
    return Page(element[:-2], rows, columns, (y, x), False, len(shape))


def draw(
    made: list[Quantity],
    element: tuple[int, ...],
    width: int,
    height: int,
    look: RenderOptions,
    warning: Sequence[Line] = (),
) -> list[Line]:
    """The arrays of one node, all of one shape; those that are not there yet are None.

    warning  a line that is said where there is room, in ever fewer words
    """
    known = next((q.array for q in made if q.array is not None), None)
    margin = 1 if width < COMPACT else 2
    if known is None:
        words = (Span(" " * margin), Span(numbers.NOT_YET, "dim"), Span("  not computed yet", "dim"))
        return [*([()] if height >= 5 else []), words]
    shape = tuple(known.shape)
    if known.size == 0:
        return [(Span(" " * margin), Span(f"empty {numbers.shape(shape)}", "dim"))]
    page = page_of(shape, element)
    if page.rows == 1:
        return _strip(Sheet(made, page, width, look, ()), height)
    sheet = Sheet(made, page, width, look, warning)
    return _table(sheet, height) or _map(sheet, height)


class Sheet(NamedTuple):
    """What is drawn: the arrays of a node, the page of them that is in sight, in so many columns; what is warned of."""

    made: list[Quantity]
    page: Page
    width: int
    look: RenderOptions
    warning: Sequence[Line]

    @property
    def main(self) -> Quantity:
        """The one that is drawn where there is room for one: the gradient once it is there, else the value."""
        known = (q for q in reversed(self.made) if q.kind == "gradient" and q.array is not None)
        return next(known, self.made[0])


def _strip(sheet: Sheet, height: int) -> list[Line]:
    """Each quantity in one row, the elements side by side: those around the selected one."""
    made, page, width = sheet[:3]
    margin, label, gap = (1, 8, _crowded(made, page)) if width < COMPACT else (2, 13, 2)
    names = 1 + max(len(q.label) for q in made)
    notes = max((len(q.note) + 2 for q in made if q.note), default=0)
    label = max(label, names)
    if margin + label + WIDE + notes > width:
        margin, label = 0, names if names + WIDE <= width else 0
        notes = notes if label + WIDE + notes <= width else 1 if notes and label + WIDE < width else 0
    wide = min(WIDE, width)
    room = width - margin - label - notes
    count = max(1, (room + gap) // (wide + gap))
    first, last = window(page.columns, count, page.at[1])
    heads: list[Span] = [Span(" " * (margin + label))]
    for x in range(first, last):
        text = shorten(_head(page, x), wide).rjust(wide)
        heads += [*([Span(" " * gap)] if x > first else []), Span(text, "text bold" if x == page.at[1] else "dim")]
    rest = page.columns - (last - first)
    rows: list[Line] = [tuple(heads)] if page.axes else []
    for quantity in made:
        row: list[Span] = [Span(" " * margin), Span(shorten(quantity.label, label).ljust(label), quantity.kind)]
        array = None if quantity.array is None else page.of(quantity.array)[0]
        decimals = numbers.decimals_for(array, wide, 6)
        for x in range(first, last):
            number = None if array is None else float(array[x])
            selected = x == page.at[1]
            row += [Span(" " * gap)] if x > first else []
            row += figure(number, wide, decimals, f"{quantity.kind} bold reverse" if selected else quantity.kind)
        if quantity.note and notes:
            row += [Span("…", quantity.kind), Span(f" {quantity.note}" if notes > 1 else "", "kink bold")]
        rows.append(tuple(row))
    text = f"{_head(page, first)} to {_head(page, last - 1)} of {page.columns:,}"
    if rest > 0 and height > len(rows) and margin + label + len(text) <= width:
        rows.append((Span(" " * (margin + label)), Span(text, "dim")))
    rows = [*([()] if height >= len(rows) + 1 and height >= 5 else []), *rows]
    if page.columns > 3 and height >= len(rows) + 2:
        rows += [(), *_mapped(sheet, height - len(rows) - 1)]
    return rows if len(rows) <= height or not page.axes else rows[len(rows) - height :]


def _crowded(made: list[Quantity], page: Page) -> int:
    """The gap between columns that have none of their own: 1 where a head or a number fills its cells."""
    heads = max(len(_head(page, x)) for x in (0, page.columns - 1))
    filled = any(q.array is not None and bool((np.asarray(q.array) <= -10).any()) for q in made)
    return int(heads >= WIDE or filled)


def _head(page: Page, x: int) -> str:
    if page.turned:
        return f"[{','.join(map(str, (*page.lead, x, 0)))}]"
    if page.axes >= 2:
        return f"[{','.join(map(str, (*page.lead, page.at[0], x)))}]"
    return f"[{x}]"


def _digits(array: Any) -> tuple[int, int]:
    """(columns, decimals) of the numbers of a table: 7 where all are below 10, else 8."""
    wide = FIELD - 1 if heat.largest(array) < 10 - 0.5e-4 else FIELD
    return wide, numbers.decimals_for(array, wide)


def _useful(size: int, room: int, least: int) -> bool:
    """Are numbers of any use: do all fit, or at least half of them, and not too few?"""
    return size <= room or (room >= least and size <= 2 * room)


def _table(sheet: Sheet, height: int) -> list[Line]:
    """Numbers with heads; both quantities where they fit, else the main one and its map. Of a table up to twice as
    large as the room the part around the selected element; empty where it is larger still."""
    (made, page, width), main = sheet[:3], sheet.main
    start = 1 + len(f"[{page.rows - 1}]")
    shown = [main, *(q for q in made if q is not main and q.array is not None)]
    down = height - 1
    if not _useful(page.columns, (width - start + 1) // FIELD, 3) or not _useful(page.rows, down, 4):
        return []  # before anything is counted: the tensor may be large
    wide = max(_digits(q.array)[0] for q in shown)
    across = (width - start + 1) // (wide + 1)
    if not _useful(page.columns, across, 3):
        return []
    y, x = window(page.rows, down, page.at[0]), window(page.columns, across, page.at[1])
    if start + (x[1] - x[0]) * (wide + 1) <= width and any((page.of(q.array)[:, x[0]] < 0).any() for q in shown):
        start += 1  # a minus sign must not touch the head of its row
    tall = y[1] - y[0]
    both = (tall + 1) * 2 <= height and len(shown) > 1
    ordered = [q for q in made if q in shown[:2]] if both else [main]
    rows: list[Line] = []
    for n, quantity in enumerate(ordered):
        if n and height - len(rows) > tall + 1:
            rows.append(())
        rows += _numbered(quantity, page, Grid(y, x, start, wide), width, named=len(shown) > 1)
    part = heat.flow([(Span(" " * start), *words) for words in _part(page, y, x)], width, 2)
    rows += part[: height - len(rows)]
    left = height - len(rows)
    if left >= 2:
        extra = [] if both or len(shown) < 2 else [_selected(sheet, shown)]
        rows += [*extra, (), *_mapped(sheet, left - 1 - len(extra), start)]
    return rows


class Grid(NamedTuple):
    """The part of a table that is seen: its rows and columns (first, end), cells before the first column, and cells of
    a number."""

    y: tuple[int, int]
    x: tuple[int, int]
    start: int
    wide: int


def _numbered(quantity: Quantity, page: Page, grid: Grid, width: int, named: bool) -> list[Line]:
    """The heads of the columns, then a row of numbers each; the selected one reversed with a blank at each side."""
    y, x, start, wide = grid
    table = page.of(quantity.array)[slice(*y), slice(*x)]
    decimals = _digits(quantity.array)[1]
    y0, x0 = page.at
    corner = Span(shorten(f" {quantity.label}" if named else "", start + wide - 4).ljust(start), quantity.kind)
    head: list[Span] = [corner]
    for column in range(*x):
        text = f"[{column}]".rjust(wide + (column > x[0]))
        over = len(corner.text) - start if column == x[0] else 0
        head.append(Span(text[over:], "text bold" if column == x0 else "dim"))
    for note in (f"  … {quantity.note}", "…"):
        if quantity.note and length(head) + len(note) <= width:
            head.append(Span(note, "kink bold"))
            break
    rows: list[Line] = [tuple(head)]
    for at, values in enumerate(table.tolist(), y[0]):
        row: list[Span] = [Span(f" [{at}]".ljust(start), "text bold" if at == y0 else "dim")]
        for column, number in enumerate(values, x[0]):
            here = (at, column) == (y0, x0)
            after = at == y0 and column == x0 + 1
            cell = figure(number, wide, decimals, f"{quantity.kind} bold reverse" if here else quantity.kind)
            edge = cell[-1].style if here else row[-1].style if after else "text"
            row += [*([Span(" ", edge)] if column > x[0] else []), *cell]
        rows.append(tuple(row))
    return rows


def _selected(sheet: Sheet, shown: list[Quantity]) -> Line:
    """`[1,3]   z -1.7226   ∂L/∂z 0.0123`: the selected element; where not all have room, of the main quantity alone."""
    _, page, width, *_ = sheet
    index = (*page.lead, *page.at) if not page.turned else (*page.lead, page.at[1], 0)
    place: Line = (Span(f" {numbers.index(index)}", "text bold"),)
    gap = Span("  " if width < COMPACT else "   ")
    told = [_number(quantity, page) for quantity in shown]
    main = told[shown.index(sheet.main)]
    for parts in ([place, *told], [place, main], [main], [main[-1:]]):
        row = joined(gap, parts)
        if length(row) <= width:
            break
    return row


def _number(quantity: Quantity, page: Page) -> Line:
    number = scalar(page.of(quantity.array), page.at)
    label = Span(f"{quantity.label} ", quantity.kind)
    if not quantity.note:
        return (label, shown_number(numbers.significant(number), number, f"{quantity.kind} bold"))
    text = f"{numbers.significant(number)}…"
    return (Span(f"{quantity.note} ", "kink bold"), label, shown_number(text, number, f"{quantity.kind} bold"))


def _map(sheet: Sheet, height: int) -> list[Line]:
    """Too many for numbers: the selected element's, then cells."""
    main = sheet.main
    first = _selected(sheet, [q for q in sheet.made if q.array is not None])
    if height == 1:
        return [first]
    if height <= 3 and main.array is not None:
        # no room for a legend of its own: beside the number
        scale = (
            Span("0", "dim"),
            *heat.ramp(main.kind, sheet.look),
            Span(f" {numbers.field(heat.largest(main.array)).strip()}", "dim"),
        )
        free = sheet.width - 1 - length(first) - length(scale)
        first = (*first, Span(" " * free), *scale) if free >= 1 else first
    return [first, *_mapped(sheet, height - 1)]


def _mapped(sheet: Sheet, height: int, start: int | None = None) -> list[Line]:
    """Heat cells around the selected element, their legend at the right (or below, where there is no room)."""
    (_, page, width, look, warning), quantity = sheet, sheet.main
    if height < 1 or quantity.array is None:
        return []
    table = page.of(quantity.array)
    labels = 2 + len(f"[{page.rows - 1}]")  # a blank after them: `[]` may be the first cell
    start = labels if start is None or page.rows > height else start
    found = heat.statistics(quantity.array)
    full, some = LEGEND
    beside = full if width - start - full - 3 >= 2 * page.columns else some if width - start - some - 3 >= 16 else 0
    if not beside and width - start - some - 3 >= 2 * page.columns:
        beside = some
    noted = bool(beside)
    if not noted:  # at least which part it is
        free = (width - start - 1) // heat.CELL
        cue = max(
            (length(words) for words in _part(page, (0, min(page.rows, height)), (0, min(page.columns, free)))),
            default=0,
        )
        beside = cue if width - start - cue - 3 >= LEAST * heat.CELL else 0
    room = (width - start - (beside + 3 if beside else 1)) // heat.CELL
    if room < 1:
        return []
    notes = heat.legend(quantity.array, quantity.kind, look, beside if noted else width - 2, found)
    below = [] if noted or height < 3 else notes[: max(0, height - min(page.rows, height - 2))][:2]
    y0, y1 = window(page.rows, height - len(below), page.at[0])
    x0, x1 = window(page.columns, room, page.at[1])
    y, x = page.at
    top = found.largest
    cells = heat.cells(table[y0:y1, x0:x1], quantity.kind, look, top=top, selected=(y - y0, x - x0))
    part = _part(page, (y0, y1), (x0, x1))
    across = (x1 - x0) * heat.CELL
    if page.lead and not part:
        cells, across, part = _tiles(sheet, (y0, y1), room * heat.CELL, top)
    column = start + across + (4 if width - beside - start - across >= 4 else 2)
    said = [*(notes if noted else ()), *heat.flow(part, width - column, 2)]
    told = [words for words in warning if length(words) <= width - column]
    if told and noted:
        said = [*said, *([()] if len(said) < height - 1 else []), told[0]]
    said = said[:height] if beside else []
    tall = max(len(cells), len(said))
    rows: list[Line] = []
    labelled = page.rows > 1 and (y1 - y0 < page.rows)
    for n in range(tall):
        head = f" [{y0 + n}]" if labelled and n < len(cells) else ""
        style = "text bold" if y0 + n == y else "dim"
        row: list[Span] = [Span(head.ljust(start), style), *(cells[n] if n < len(cells) else ())]
        if n < len(said):
            row += [Span(" " * (column - length(row))), *said[n]]
        rows.append(tuple(row))
    return [*rows, *((Span(" "), *note) for note in below)]


def _tiles(sheet: Sheet, rows: tuple[int, int], room: int, top: float) -> tuple[list[Line], int, list[Line]]:
    """The selected slice among its neighbours along the axis before the last two (a filter's channels), side by side:
    their rows, the columns they take, and which they are."""
    quantity, page, look = sheet.main, sheet.page, sheet.look
    *before, here = page.lead
    many = quantity.array.shape[len(before)]
    wide = page.columns * heat.CELL
    first, last = window(many, max(1, (room + 2) // (wide + 2)), here)
    cells: list[list[Span]] = [[] for _ in range(*rows)]
    for k in range(first, last):
        table = page._replace(lead=(*before, k)).of(quantity.array)[rows[0] : rows[1]]
        at = (page.at[0] - rows[0], page.at[1]) if k == here else None
        for row, made in zip(cells, heat.cells(table, quantity.kind, look, top=top, selected=at), strict=True):
            row += [*([Span("  ")] if row else []), *made]
    names = [f"[{','.join(map(str, (*before, k)))}]" for k in (first, last - 1)]
    part: list[Line] = [(Span(f"{names[0]} to {names[1]} of {many}", "dim"),)] if last - first > 1 else []
    return [tuple(row) for row in cells], (last - first) * (wide + 2) - 2, part


def _part(page: Page, y: tuple[int, int], x: tuple[int, int]) -> list[Line]:
    """`rows 3-12 of 784`, `columns 0-15 of 32`, where not all are in sight."""
    return [
        (Span(f"{word} {a}-{b - 1} of {size:,}", "dim"),)
        for word, (a, b), size in (("rows", y, page.rows), ("columns", x, page.columns))
        if b - a < size
    ]
