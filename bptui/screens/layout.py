"""Where everything stands: the grid for any size of terminal. Pure, and the same while stepping.

Row 0 status, row 1 titles, last row footer; a panel at the left, one over another at the right, one below over the
whole width, from 160 columns a third column; which, the rows of the panels say. Under 76 columns or 22 rows one panel
at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.screens.panels import PANELS, Panel, standing
from bptui.screens.render import crop, fit, length

THREE = 160  # columns from which on there is a third column
LEAST = 8
"""Characters that are left of a name in the row of tabs, if it is cut."""
SMALLEST = (24, 6)  # columns, rows: below, one line says what is wrong


class Box(NamedTuple):
    """The place of one panel: its rows, and the row of its title."""

    panel: int
    x: int
    y: int
    width: int
    height: int
    rule: int  # the row of its rule; -1 for none


class Grid(NamedTuple):
    """The boxes of a screen, the columns of `│` (with the rows they span), and whether panels are listed in row 1."""

    boxes: tuple[Box, ...]
    dividers: tuple[tuple[int, int, int], ...]
    single: bool


def grid(
    width: int, height: int, focus: Panel, zoom: bool = False, tall: bool = False, strip: int = 0, side: int = 0
) -> Grid | None:
    """The grid of a terminal; None where it is too small for anything.

    focus   the focused panel (which one is shown where there is room for one)
    zoom    the focused panel over the whole width, above the timeline
    strip   so many rows above the last one belong to no panel
    side    so many columns at the left; 0: as many as usual
    tall    the main panel has the room of the one under it, too, where that has not the focus
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return None
    one = width < 76 or height < 22
    height -= strip
    if one:
        rows = height - 4 if height >= 10 else height - 3
        return Grid((Box(focus.number, 0, 2, width, rows, -1),), (), True)
    bottom = height - 5  # the timeline's rule
    below = Box(standing("bottom").number, 0, bottom + 1, width, 3, bottom)
    body = bottom - 2
    columns = [each for each in PANELS if each.place == "column"] if width >= THREE else []
    if zoom or (focus.place == "column" and not columns):
        if focus.place == "bottom":
            return Grid((Box(focus.number, 0, 2, width, height - 3, 1),), (), False)
        return Grid((Box(focus.number, 0, 2, width, body, 1), below), (), False)
    left = side or (51 if width >= 116 else 42)
    extra = 40 if columns else 0
    middle = width - left - 1 - (extra + 1 if extra else 0)
    operation = 13 if body < 19 else min(18, 13 + (body - 17) // 2)
    operation = max(3, min(operation, body - 3)) if body < 17 else operation
    tensor = body - operation - 1
    boxes = [Box(standing("left").number, 0, 2, left, body, 1)]
    if tall and focus.place != "under":
        boxes.append(Box(standing("main").number, left + 1, 2, middle, body, 1))
    else:
        boxes.append(Box(standing("main").number, left + 1, 2, middle, operation, 1))
        boxes.append(Box(standing("under").number, left + 1, 3 + operation, middle, tensor, 2 + operation))
    dividers = [(left, 1, bottom)]
    if extra:
        third = focus if focus in columns else columns[0]
        boxes.append(Box(third.number, width - extra, 2, extra, body, 1))
        dividers.append((width - extra - 1, 1, bottom))
    return Grid((*boxes, below), tuple(dividers), False)


LESSON = 80, 24
"""Columns and rows from which on a lesson stands beside the debugger; below, one of both at a time."""
SIDE = 120
"""Columns from which on the whole debugger stands beside it."""
STRIP = 4
"""Rows of a lesson under a stage that needs all columns, on a screen of 24 rows: prose, question, answer."""
FIGURE = 12
"""Rows of what stands under the prose on a wide screen, its rule included."""


def beside(width: int, height: int, stage: Sequence[Panel], lesson: Panel, focus: Panel, wide: bool) -> Grid | None:
    """The grid of a lesson with what it stands beside; None where the terminal is too small.

    stage  the panels that the page shows, the first one first; none for a board, which has the number 0
    wide   the stage needs all columns
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return None
    if width < LESSON[0] or height < LESSON[1]:
        alone = 0 if focus is not lesson and not stage else focus.number
        rows = height - 4 if height >= 10 else height - 3
        return Grid((Box(alone, 0, 2, width, rows, -1),), (), True)
    if width >= SIDE:
        return _side(width, height, stage, lesson, focus, wide)
    if wide or not stage:
        strip = STRIP + (height - LESSON[1]) // 2
        under = height - 2 - strip
        number, top = (stage[0].number, 2) if stage else (0, 1)
        above = Box(number, 0, top, width, under - top, 1 if stage else -1)
        return Grid((above, Box(lesson.number, 0, under + 1, width, strip, under)), (), False)
    bottom, beside_ = height - 5, 37 if width < 100 else 39
    left = width - beside_ - 1
    boxes = [*_stacked(stage, left, bottom), Box(lesson.number, left + 1, 2, beside_, bottom - 2, 1)]
    below = Box(standing("bottom").number, 0, bottom + 1, width, 3, bottom)
    return Grid((*boxes, below), ((left, 1, bottom),), False)


def _stacked(stage: Sequence[Panel], width: int, bottom: int) -> list[Box]:
    """One or two panels over one another: the first one has the room it needs, the second what is left."""
    body = bottom - 2
    first, *others = stage
    rest = next((each for each in others if each is not first), None)
    if rest is None or body < 14:
        return [Box(first.number, 0, 2, width, body, 1)]
    tall = max(3, min(max(13, body * 2 // 3), body - 4)) if first.place == "main" else body // 2
    return [
        Box(first.number, 0, 2, width, tall, 1),
        Box(rest.number, 0, 3 + tall, width, body - tall - 1, 2 + tall),
    ]


def _side(width: int, height: int, stage: Sequence[Panel], lesson: Panel, focus: Panel, wide: bool) -> Grid:
    """The whole debugger at the left (or the board), the lesson at the right, and under its prose what the page shows
    that has no place in the debugger."""
    column = 39
    left = width - column - 1
    if not stage:
        boxes = [Box(0, 0, 1, left, height - 2, -1)]
        return Grid((*boxes, Box(lesson.number, left + 1, 2, column, height - 3, 1)), ((left, 1, height - 1),), False)
    inner = grid(left, height, standing("main") if focus is lesson else focus, zoom=wide)
    assert inner is not None
    bottom = height - 5
    shown = {box.panel for box in inner.boxes}
    extra = [each for each in stage if each.number not in shown]
    figure = FIGURE if extra and not wide and bottom - 2 >= 2 * FIGURE else 0
    boxes = [box for box in inner.boxes if box.rule != bottom]
    boxes.append(Box(lesson.number, left + 1, 2, column, bottom - 2 - figure, 1))
    if figure:
        boxes.append(Box(extra[0].number, left + 1, bottom - figure + 1, column, figure - 1, bottom - figure))
    boxes += [box._replace(width=width) for box in inner.boxes if box.rule == bottom]
    return Grid(tuple(boxes), (*inner.dividers, (left, 1, bottom)), False)


class Title(NamedTuple):
    """What the rule over a panel says: its digit, its name, what stands after the name, and what at the right end."""

    number: int
    name: str
    left: Line = ()
    right: Line = ()


def rule(title: Title, width: int, focused: bool = False, edge: bool = False) -> Line:
    """`─ 1 Network ─────────── right ─` over a panel; heavy and bold where the panel has the focus. `edge`: it begins
    at a divider's `├` or `┬`."""
    number, name, left, right = title
    stroke, style = ("━", "text") if focused else ("─", "rule")
    named = "text bold" if focused else "dim"
    head = [Span(f"{stroke} ", style), Span(f"{number} {name}", named)]
    if left:
        head += [Span("  ", named), *(Span(s.text, named if s.style == "dim" else s.style) for s in left)]
    head.append(Span(" ", style))
    tail = [Span(" ", style), *right, Span(f" {stroke}", style)] if right else []
    room = width - length(head) - length(tail)
    if room < 2 and tail:
        tail, room = tail[:-1], room + 2
    if room < 1 and tail:
        tail, room = [], width - length(head)
    if room < 0:
        return fit(head, width, style)
    return (*head, Span(stroke * room, style), *tail)


def title_rule(name: str, right: str, width: int, heavy: bool = True) -> Line:
    """The rule over what is no panel: heavy over a list and what lies on top of the panels."""
    stroke, style, title = ("━", "text", "text bold") if heavy else ("─", "rule", "dim")
    head = [Span(f"{stroke} ", style), Span(f"{name} ", title)]
    tail = [Span(f" {right} ", "dim"), Span(stroke, style)] if right else []
    return fit((*head, Span(stroke * max(0, width - length(head) - length(tail)), style), *tail), width)


def too_small(width: int, height: int) -> list[Line]:
    """What stands on a screen under SMALLEST."""
    text = f"bptui needs {SMALLEST[0]}x{SMALLEST[1]}, this is {width}x{height}: q quits"
    return [fit((Span(text[i : i + width]),), width) for i in range(0, len(text), max(1, width))][:height]


def tabs(names: Sequence[tuple[int, str]], shown: int, width: int) -> Line:
    """Row 1 where there is room for one panel: all of them listed, the shown one reversed. Where that is too long the
    longest name is cut; where nothing would be left of it, the last of the others are digits alone."""
    spans: list[Span] = []
    over = sum(len(f" {number} {name} ") for number, name in names) - width
    most = max((len(name) for _, name in names), default=0)
    if 0 < over <= most - LEAST:
        names = [(number, f"{name[: most - over - 1]}…" if len(name) == most else name) for number, name in names]
    for gap, named in (("  ", len(names)), *(("", n) for n in range(len(names), -1, -1))):
        spans = []
        for n, (number, name) in enumerate(names):
            text = f" {number} {name} " if n < named or number == shown else f" {number} "
            spans += [Span(text, "text bold reverse" if number == shown else "dim"), Span(gap, "dim")]
        if length(spans) - len(gap) <= width:
            break
    return fit(spans, width, "dim")


def assemble(boxes: Grid, height: int, contents: dict[int, list[Line]], rules: dict[int, Line]) -> list[Line]:
    """All rows between status and footer, from the lines and the rule of each panel (by number). A row with the same
    parts as a moment ago is the same object, which is compared at once."""
    rows: list[Line] = []
    for plan in _plan(boxes, height):
        parts: list[Line] = []
        for _, _, panel, line in plan.pieces:
            if isinstance(line, int):
                lines = contents[panel]
                parts.append(lines[line] if line < len(lines) else ())
            else:
                parts.append(line or rules[panel])
        if parts != plan.parts:
            plan.parts, plan.row = parts, _row(plan, parts)
        rows.append(plan.row)
    return rows


class Piece(NamedTuple):
    """What stands in a row from a column on: the number of the panel's line, or the text itself; an empty one is the
    panel's rule."""

    column: int
    width: int
    panel: int
    line: Line | int


@dataclass
class RowPlan:
    """Where what stands in a row, from left to right, and the columns at which a divider ends on it; its last parts,
    and the row that they made."""

    pieces: Sequence[Piece]
    ends: Sequence[int]
    parts: Sequence[Line] = ()
    row: Line = ()


@lru_cache(16)
def _plan(boxes: Grid, height: int) -> list[RowPlan]:
    """One for each row."""
    rows = []
    for y in range(height):
        pieces: list[Piece] = []
        for box in boxes.boxes:
            if y == box.rule:
                pieces.append(Piece(box.x, box.width, box.panel, ()))
            elif box.y <= y < box.y + box.height:
                pieces.append(Piece(box.x, box.width, box.panel, y - box.y))
        for x, top, bottom in boxes.dividers:
            if top <= y < bottom:
                glyph = "┬" if y == top else "│"
                if y > top:  # a rule may begin here, or end
                    ending = any(b.rule == y and b.x + b.width == x for b in boxes.boxes)
                    begin = any(b.rule == y and b.x == x + 1 for b in boxes.boxes)
                    glyph = "│├┤┼"[begin + 2 * ending]
                pieces.append(Piece(x, 1, 0, (Span(glyph, "rule"),)))
        ends = [x for x, _, bottom in boxes.dividers if y == bottom]
        rows.append(RowPlan(sorted(pieces, key=lambda piece: piece.column), ends))
    return rows


def _row(plan: RowPlan, parts: Sequence[Line]) -> Line:
    """One row of its parts."""
    row: list[Span] = []
    for piece, part in zip(plan.pieces, parts, strict=True):
        row += fit(part, piece.width)
    made = tuple(row)
    for x in plan.ends:
        made = join(made, x)
    return made


def join(row: Line, x: int, glyph: str = "┴") -> Line:
    """The row with a glyph at column x, where it has a rule there (and not a title)."""
    cell = crop(row, x, x + 1)
    if not cell or cell[0].text not in "─━":
        return row
    return (*crop(row, 0, x), Span(glyph, "rule"), *crop(row, x + 1, length(row)))


def overlay(rows: list[Line], lines: Sequence[Line], y: int, width: int) -> None:
    """Lay lines over the first `width` columns of the rows, from row y on."""
    for i, line in enumerate(lines):
        if 0 <= y + i < len(rows):
            row = rows[y + i]
            rows[y + i] = (*fit(line, width), *crop(row, width, length(row)))
