"""A page as rows of text, in the room that a screen has for it: prose, the question on its band, the explanation.

Beside the debugger it is a `sheet`, under a stage that takes all columns a `strip`. Where there is too little room on a
sheet, empty rows go first; then, as long as the question is open, prose from the top: that has been read. What has no
room even so is too long for the format (`--check` says so).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bptui.model.base.prose import wrap
from bptui.model.base.spans import Line, Span, bold, joined, length, line
from bptui.teach.course import Course
from bptui.teach.lesson import Question

WIDTH, HEIGHT = 35, 16
"""Columns and rows of a page beside the debugger at 80x24."""
STRIP = 80
"""Columns of a strip: two rows of prose (after the answer, of the explanation), the question, the answer."""
PROSE = 2
INVITES = "a number, or = and a formula"
"""What an empty line of an answer says. The `=` is needed before a letter, for letters are keys."""
FEWEST = 8
"""Columns below which nothing is set."""


class Row(NamedTuple):
    """One row.

    band    it lies on the band of the question, set in by a column
    option  of a choice: the number of the option that stands in it, from 1; 0 for none
    typing  the row in which the answer is typed
    spare   0 for text; the empty rows with the largest number are left out first
    """

    line: Line = ()
    band: bool = False
    option: int = 0
    typing: bool = False
    spare: int = 0


_FIRST, _PAD, _INSIDE, _BETWEEN = 4, 3, 2, 1
"""How easily an empty row is given up: the first one, those around and inside of the band, those between blocks."""


def sheet(course: Course, width: int = WIDTH, height: int = HEIGHT, typed: str = "") -> list[Row]:
    """The page as it stands, in at most `height` rows of `width` columns; `typed` is what is in the answer line."""
    rows = whole(course, width, typed)
    rows = squeezed(rows, height)
    if len(rows) <= height:
        return rows
    return rows[-height:] if course.state in ("asked", "not yet") else rows[:height]


def running(blocks: Iterable[Sequence[Line]], width: int) -> list[Line]:
    """Blocks as one running text."""
    spans = joined(Span(" "), (each for block in blocks for each in block))
    return wrap(spans, width) if spans else []


def options(course: Course, question: Question) -> Line:
    """The answers to choose from, in one row."""
    rows = [line((f"{n}", "text bold"), " ", *course.text(each.prose)) for n, each in enumerate(question.options, 1)]
    return line(*(span for n, row in enumerate(rows) for span in ((Span("  "), *row) if n else row)))


def squeezed(rows: Sequence[Row], height: int) -> list[Row]:
    """Without as many of the empty rows as it takes."""
    left = list(rows)
    for level in range(_FIRST, 0, -1):
        for at in [n for n, row in enumerate(left) if row.spare == level][::-1]:
            if len(left) <= height:
                return left
            del left[at]
    return left


def whole(course: Course, width: int = WIDTH, typed: str = "") -> list[Row]:
    """All rows of the page as it stands."""
    width = max(FEWEST, width)
    rows = [Row(spare=_FIRST), *_blocks(course.opens(), width)]
    rows += _blocks([[line((each, "kink"))] for each in course.failed], width)
    if course.question is not None:
        rows += [*_gap(rows), *_band(course, course.question, width - 2, typed)]
    if after := _blocks(course.explains(), width):
        rows += [*_gap(rows), *after]
    return rows


def _gap(rows: Sequence[Row]) -> list[Row]:
    return [Row(spare=_BETWEEN)] if any(not row.spare for row in rows) else []


def _blocks(blocks: Iterable[Sequence[Line]], width: int) -> list[Row]:
    rows: list[Row] = []
    for block in blocks:
        rows += _gap(rows)
        for each in block:
            hanging = each[:1] == (Span("- "),) or (bool(each) and each[0].text.startswith("- "))
            rows += [Row(row) for row in _hung(each, width, 2 if hanging else 0)]
    return rows


def _hung(text: Line, width: int, indent: int) -> list[Line]:
    """Rows of which those after the first are set in."""
    first, *more = wrap(text, width)
    if not more or not indent:
        return [first, *more]
    used = length(first)
    rest = _after(text, used)
    return [first, *(line(" " * indent, *row) for row in wrap(rest, width - indent))]


def _after(text: Line, count: int) -> Line:
    """What is left of a line behind so many characters, but for blanks."""
    out: list[Span] = []
    for span in text:
        out.append(Span(span.text[count:], span.style))
        count = max(0, count - len(span.text))
    while out and not out[0].text.strip():
        out.pop(0)
    return tuple([Span(out[0].text.lstrip(), out[0].style), *out[1:]] if out else [])


def _band(course: Course, question: Question, width: int, typed: str) -> list[Row]:
    """The question, with what was and is answered."""
    gap = Row(band=True, spare=_INSIDE)
    rows = [
        Row(band=True, spare=_PAD),
        *(Row(row, band=True) for row in wrap(bold(course.text(question.prose)), width)),
        gap,
    ]
    if course.state in ("right", "shown"):
        rows += [Row(row, band=True) for row in wrap(_answered(course), width)]
    elif question.is_choice:
        rows += _options(course, question, width)
        rows += _feedback(course, width)
    else:
        for each in course.asked.tries[-1:]:
            tried = line(*course.label, " = ", (each.text, "text bold"), "  ", ("not yet", "kink"))
            rows += [Row(row, band=True) for row in wrap(tried, width)]
        rows += _feedback(course, width)
        if course.asked.tries or course.asked.hints:
            rows.append(gap)
        rows.append(Row(line(*course.label, " = ", (typed, "text bold")), band=True, typing=True))
        if not course.asked.tries:
            what = line((INVITES, "dim"))
            rows += [Row(row, band=True, spare=_INSIDE) for row in wrap(what, width)]
    return [*rows, Row(band=True, spare=_PAD)]


def _answered(course: Course) -> Line:
    """The right answer, and whose it was."""
    assert course.question is not None
    right = course.right if course.question.is_choice else line(*course.label, " = ", *course.right)
    if course.state == "shown":
        return line(*(Span(span.text, "dim") for span in right), "  ", ("shown", "dim"))
    return line(*bold(right), "  ", ("✓", "ok"), (" right", "text bold"))


def _options(course: Course, question: Question, width: int) -> list[Row]:
    rows: list[Row] = []
    for number, option in enumerate(question.options, 1):
        text = line((f"{number}", "text bold"), "  ", *course.text(option.prose))
        first, *more = wrap(course.text(option.prose), width - 3)
        rows.append(Row(line(*text[:2], *first), band=True, option=number))
        rows += [Row(line("   ", *row), band=True, option=number) for row in more]
    return rows


def _feedback(course: Course, width: int) -> list[Row]:
    """What was said to the last answer, then the hints that were given."""
    reasons = [each.verdict.reason for each in course.asked.tries[-1:] if each.verdict.reason]
    assert course.question is not None
    hints = [course.text(hint) for hint in course.question.hints[: course.asked.hints]]
    rows: list[Row] = []
    for text in dict.fromkeys((*reasons, *hints)):
        rows += [Row(band=True, spare=_INSIDE), *(Row(row, band=True) for row in wrap(text, width))]
    return rows
