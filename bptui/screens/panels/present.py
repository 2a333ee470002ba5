"""A page for a whole room: an equation in large digits, a question, the answers, a mini timeline. No rules, no panels.

A `Slide` says what is on it, `draw` where. Nothing moves when the answer is shown: everything has its place before. In
a small room the least needed goes first; the question, the numbers, the answers and the reason are never cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product as every_pair
from typing import NamedTuple

from bptui.model.base import prose
from bptui.model.base.numbers import HIDDEN, NOT_YET, concealed
from bptui.model.base.spans import Line, Span, bold
from bptui.screens.card.band import OPERATORS, kind_of_symbol
from bptui.screens.panels.answers import listed, replies, reply_rows, strong
from bptui.screens.panels.choices import Choice
from bptui.screens.panels.digits import SIZES, large
from bptui.screens.panels.question import three
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, between, fit, length, middle
from bptui.symbolic.facts import Equation

MARGIN = 2
"""Cells left blank at both sides of the three numbers, where there is room."""
PLACE = "-0.0000"
"""The room of a number that nobody may know yet."""
ROW, ALONE, STACKED = range(len(SIZES), len(SIZES) + 3)
"""Numbers that are not drawn in large digits (`Form.digits`)."""
FORMULAS = 2
"""Rows of formulas: of more than two nothing is read from the last row of a room."""


class Number(NamedTuple):
    """A number under what it is computed from: lines in one form or several (the longest first), its symbol, the sign
    before it, its text, which is `?` while it is asked for; `place`: the text that there is room for."""

    written: Sequence[Sequence[Line]]
    symbol: Line
    sign: str
    text: str
    place: str = PLACE


class Slide(NamedTuple):
    """One page.

    name, left, right  of the first row: the network (the first to be left out), its progress, its Moment
    formulas  above the numbers, in as many rows as they take
    equation  upstream × local = downstream, with `?` for what is hidden;  full  the same with all of its numbers: the
              row keeps room for them
    number    in its place, where there is no equation: what is computed, and the result
    figure    in the place of both, a curve or an explorer: (width, height) → rows, None where it has too little room
    question  and its answers (`choices` or texts of a lesson's own); none of them where nothing is asked
    marked    the answer that the class chose, counted from 1; 0 for none
    shown     is the answer shown?  reason  why it is right
    timeline  where the Moment lies, in one row
    """

    name: Line
    left: Line
    right: Line = ()
    formulas: tuple[Line, ...] = ()
    equation: Equation | None = None
    full: Equation | None = None
    number: Number | None = None
    figure: Callable[[int, int], list[Line] | None] | None = None
    question: Line = ()
    choices: tuple[Choice, ...] = ()
    marked: int = 0
    shown: bool = False
    reason: Line = ()
    timeline: Line = ()


class Form(NamedTuple):
    """How a page is drawn: each is the less the larger it is.

    digits    of that place in SIZES, else ROW: a row with what each number is, ALONE: that row without it, STACKED: the
              numbers under each other
    columns   of the answers; in one they stand under each other, with the mistakes beside them
    tight     no empty rows;  bare  without formulas;  alone  without the timeline
    """

    digits: int
    columns: int
    tight: bool
    bare: bool
    alone: bool

    @property
    def cost(self) -> float:
        """How much is lost."""
        numbers = {ROW: 6, ALONE: 7, STACKED: 9}.get(self.digits, self.digits / len(SIZES))
        answers = {1: 0, 2: 3, 4: 4}[self.columns]
        return numbers + answers + 4 * self.tight + 8 * self.bare + 5 * self.alone


FORMS = sorted(
    (Form(*form) for form in every_pair(range(STACKED + 1), (1, 2, 4), (False, True), (False, True), (False, True))),
    key=lambda form: form.cost,
)


def draw(slide: Slide, width: int, height: int, look: RenderOptions) -> list[Line]:
    """The page in exactly so many rows of exactly so many cells."""
    if height < 1 or width < 1:
        return []
    made = next((page for form in FORMS if (page := _Page.of(slide, width, height, look, form)) is not None), None)
    rows = made.rows(height) if made is not None else _least(slide, width, height, look)
    return [fit(row, width) for row in rows]


class _Page(NamedTuple):
    """The parts of a page in one form; `rest` are the rows that are left over."""

    slide: Slide
    form: Form
    width: int
    head: Line
    formulas: list[Line]
    body: list[Line]
    question: list[Line]
    answers: list[Line]
    told: list[Line]
    rest: int

    @classmethod
    def of(cls, slide: Slide, width: int, height: int, look: RenderOptions, form: Form) -> _Page | None:
        """The page in a form; None where that has no room."""
        formulas = [] if form.bare else _formulas(slide, width)
        answers = listed(slide, width, form.columns)
        if answers is None or (form.columns > 1 and len(slide.choices) < 2):
            return None
        question = [middle(row, width) for row in prose.wrap(strong(slide.question), width)] if slide.question else []
        kept = reply_rows(slide, width, form.columns)
        around = 1 + (not form.alone and bool(slide.timeline)) + len(formulas) + len(question) + len(answers) + kept
        gaps = 0 if form.tight else 2 + bool(formulas) + bool(question) + bool(answers) + (kept > 0)
        room = height - around - gaps
        body = _body(slide, width, room, look, form.digits) if room > 0 else None
        if body is None or len(body) > room:
            return None
        return cls(slide, form, width, head(slide, width), formulas, body, question, answers,
                   replies(slide, width, form.columns, kept), room - len(body))  # fmt: skip

    def rows(self, height: int) -> list[Line]:
        """All rows: the operation above, the question below, what is left over between and around; without an operation
        what is said stands in the middle."""
        blank: list[Line] = [] if self.form.tight else [()]
        start = 1 if self.rest > 1 and not self.form.tight else 0
        above = (self.rest - start) // (3 if self.body else 2)
        below = self.rest - start - above
        rows: list[Line] = [()] * start
        rows += [self.head, *blank, *[()] * (above // 2), *self.formulas, *(blank if self.formulas else [])]
        rows += [()] * (above - above // 2) + self.body + [()] * ((below + 1) // 2 if self.body else 0)
        rows += [*(blank if self.question else []), *self.question, *(blank if self.answers else []), *self.answers]
        rows += [*(blank if self.told else []), *self.told]
        end = [] if self.form.alone or not self.slide.timeline else [middle(self.slide.timeline, self.width)]
        rows += [()] * (height - len(rows) - len(end) - len(blank)) + end
        return (rows + [()] * height)[:height]


def _least(slide: Slide, width: int, height: int, look: RenderOptions) -> list[Line]:
    """Where there is no room for a page: the question and its answers, of which only the right one and the one that the
    class chose stay once it is shown; the number of the page and the equation, if there is any room left."""
    kept = slide
    if slide.shown and slide.choices:
        picked = [n for n, each in enumerate(slide.choices) if not each.mistake or slide.marked == n + 1]
        kept = slide._replace(choices=tuple(slide.choices[n] for n in picked))
        marked = picked.index(slide.marked - 1) + 1 if slide.marked - 1 in picked else 0
        kept = kept._replace(marked=marked)
    answers = next((a for n in (2, 1) if (a := listed(kept, width, n)) is not None), [])
    rows = [*prose.wrap(strong(slide.question), width), *answers, *replies(kept, width, 2, 0)]
    rows = [head(slide, width), *rows] if height > len(rows) else rows
    room = height - len(rows)
    body = (_body(slide, width, room, look, STACKED) if room > 0 else None) or []
    body = body if len(body) <= room else []
    return ([*rows[:1], *body, *rows[1:]] + [()] * height)[:height]


def head(slide: Slide, width: int) -> Line:
    """The first row; the name goes first."""
    for margin, gap, name in ((3, 3, slide.name), (1, 2, slide.name), (1, 1, ()), (0, 1, ())):
        edge, apart = Span(" " * margin, "dim"), Span(" " * gap, "dim")
        left: Line = (edge, *name, *((apart,) if name and slide.left else ()), *slide.left)
        right: Line = (*slide.right, edge)
        if length(left) + length(right) + gap <= width:
            break
    return between(left, right, width)


def _formulas(slide: Slide, width: int) -> list[Line]:
    """The formulas, in one row where they have room side by side; none that is longer than some rows."""
    kept = [wrap(formula, width) for formula in slide.formulas]
    rows = [row for formula in kept if len(formula) <= FORMULAS for row in formula]
    if len(rows) == 2 and sum(map(length, rows)) + 10 <= width * 3 // 4:
        return [middle((*rows[0], Span(" " * 10), *rows[1]), width)]
    return [middle(row, width) for row in rows]


# -------------------------------------------------------------------------------------------------------- numbers
def _body(slide: Slide, width: int, room: int, look: RenderOptions, digits: int) -> list[Line] | None:
    """What stands in the middle; None where it has no room in digits of this size."""
    if slide.figure is not None:
        made = slide.figure(width, room)
        return made if made is not None or digits < STACKED else []
    if slide.equation is not None:
        return _equation(slide.equation, slide.full or slide.equation, width, look, digits)
    return _number(slide.number, width, look, digits) if slide.number is not None else []


def _number(made: Number, width: int, look: RenderOptions, digits: int) -> list[Line] | None:
    """What is computed, and below it the number that comes out."""
    kind = kind_of_symbol(made.symbol)
    symbol = tuple(Span(s.text, f"{kind} bold") for s in made.symbol)
    steps = made.written if digits < STACKED else made.written[-1:]
    written = [middle(row, width) for forms in steps for row in _brief(forms, width)]
    style = "fail reverse" if made.text in ("NaN", "inf", "-inf") else f"{kind} bold"
    if digits >= ROW:
        result = (*symbol, Span(f" {made.sign} ", "text"), Span(made.text, style))
        return [*written, *(middle(row, width) for row in wrap(result, width, 2))]
    big, place = (large(text, look.unicode, SIZES[digits]) for text in (made.text, made.place))
    if big is None or place is None or max(len(big[0]), len(place[0])) > width:
        return None
    gap: list[Line] = [()] if written else []
    return [*written, *gap, middle(symbol, width), *(middle((Span(row, style),), width) for row in big)]


def _brief(forms: Sequence[Line], width: int) -> list[Line]:
    """The longest form of a line that takes few rows, else the shortest one, unless that is no line for a room."""
    rows = [wrap(form, width, 2) for form in forms]
    return next((each for each in rows if len(each) <= FORMULAS), rows[-1] if len(rows[-1]) <= 2 * FORMULAS else [])


def _equation(made: Equation, full: Equation, width: int, look: RenderOptions, digits: int) -> list[Line] | None:
    """upstream × local = downstream: what each is, its symbol, its number."""
    texts, sign = three(full.numbers)
    shown = [HIDDEN if concealed(x) else text for x, text in zip(made.numbers, texts, strict=True)]
    later = (NOT_YET, "")  # a local derivative that is being derived comes into its place, and nothing moves
    places = [PLACE if concealed(x) or text in later else text for x, text in zip(full.numbers, texts, strict=True)]
    kinds = [kind_of_symbol(operand.symbol) for operand in made]
    symbols = [bold(operand.symbol) for operand in made]
    styles = [_style(x, kind) for x, kind in zip(made.numbers, kinds, strict=True)]
    if digits == STACKED:
        return _stacked(symbols, shown, sign, styles, width)
    heads: list[Line] = [(Span(operand.head, "dim"),) for operand in made] if digits < ALONE else [(), (), ()]
    size = SIZES[digits] if digits < ROW else 1
    drawn = [_digits(text, size, look) for text in shown]
    kept = [_digits(text, size, look) for text in places]
    if any(each is None for each in (*drawn, *kept)):
        return None
    cells = [each for each in drawn if each is not None]
    wide = [
        max(len(cell[0]), len(keep[0]) if keep else 0, length(head), length(symbol))
        for cell, keep, head, symbol in zip(cells, kept, heads, symbols, strict=True)
    ]
    least = max(3, size)  # an operator with a blank at each side, more beside larger digits
    gap = max(least, min(9, (width - sum(wide) - 2 * MARGIN) // 2))
    if sum(wide) + 2 * least > width:
        return None

    def row(parts: Sequence[Line], marks: bool) -> Line:
        out: list[Span] = []
        for k, part in enumerate(parts):
            left = (wide[k] - length(part)) // 2
            out += [Span(" " * left), *part, Span(" " * (wide[k] - length(part) - left))]
            if k < 2:
                side = (gap - 1) // 2
                mark = (OPERATORS[0], sign)[k] if marks else " "
                out += [Span(" " * side), Span(mark, "text bold"), Span(" " * (gap - 1 - side))]
        return middle(tuple(out), width)

    rows = [row(heads, False)] if digits < ALONE else []
    rows.append(row(symbols, False))
    rows += [row([(Span(cell[y], style),) for cell, style in zip(cells, styles, strict=True)], y == size // 2)
             for y in range(size)]  # fmt: skip
    if made.contributions.total > 1:
        rows.append(row([(), (), (made.contributions.span,)], False))
    return rows


def _digits(text: str, size: int, look: RenderOptions) -> tuple[str, ...] | None:
    """A number in so many rows; of what has letters the text in the middle one."""
    if size == 1:
        return (text,)
    if not look.unicode and size != SIZES[-1]:
        return None
    beside = (" " * len(text),) * (size // 2)
    return large(text, look.unicode, size) or (*beside, text, *beside)


def _stacked(symbols: Sequence[Line], texts: Sequence[str], sign: str, styles: Sequence[str], width: int) -> list[Line]:
    """The three under each other, where they have no room side by side."""
    wide = max(map(length, symbols))
    out: list[Line] = []
    for symbol, text, style, mark in zip(symbols, texts, styles, (" ", OPERATORS[0], sign), strict=True):
        out.append((Span(f"{mark} ", "text bold"), *symbol, Span(" " * (wide - length(symbol) + 2)), Span(text, style)))
    left = max(0, (width - max(map(length, out))) // 2)
    return [(Span(" " * left), *row) for row in out]


def _style(x: float | None, kind: str) -> str:
    bad = x is not None and not math.isfinite(x) and not concealed(x)
    return "fail reverse" if bad else f"{kind} bold"
