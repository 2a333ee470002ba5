"""Panel 7, Lesson: a page beside the debugger. Prose, the question on a band, the answer as it is typed, what is said
of it, the explanation; at the bottom a dot for each page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.prose import wrap
from bptui.model.base.spans import Line, Span, bold, line
from bptui.screens.render import boxed, fit, length, spelled, under
from bptui.teach.sheet import INVITES, sheet

if TYPE_CHECKING:
    from bptui.screens.reading import Reading
    from bptui.screens.scene import Scene
    from bptui.teach.course import Course

STRIP = 60
"""Columns from which on a low panel is a strip: prose in two rows, a question, an answer."""
LOW = 12
"""Rows under which it is one."""
AHEAD, HERE, PASSED = "○", "◉", "●"


def name(scene: Scene) -> str:
    """The title of the page."""
    return scene.lesson.course.page.title if scene.lesson is not None else "Lesson"


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: the number of the page, or that the reader has moved away from it."""
    if scene.lesson is None:
        return (), ()
    course = scene.lesson.course
    if course.away:
        return (), line(("away", "kink bold"))
    return (), line((str(course.number + 1), "text bold"), (f"/{len(course.lesson.pages)}", "dim"))


def lines(scene: Scene) -> list[Line]:
    """The page in its room. What does not fit of it goes from the prose, which was read before the question."""
    reading, width, height = scene.lesson, scene.width, scene.height
    if reading is None:
        return []
    rows = _strip(reading, width, height) if width >= STRIP and height < LOW else _page(reading, width, height)
    if not scene.options.unicode:
        rows = [spelled(row, width) for row in rows]
    return boxed(rows, width, height, scene.options)


# ------------------------------------------------------------------------------------------------------------ a column


def _page(reading: Reading, width: int, height: int) -> list[Line]:
    """The page as `teach.sheet` sets it, and the dots in the last row."""
    course = reading.course
    below: list[Line] = [*wrap(reading.remark, width - 2)] if reading.remark else []
    if reading.notes:
        notes = [line(("for the teacher  ", "dim"), *note) for note in course.notes()]
        below += [part for note in notes for part in wrap(note, width - 2)]
    room = max(1, height - 1 - len(below) - bool(below))
    out: list[Line] = []
    for row in sheet(course, width - 2, room, reading.answer.text if reading.typing else ""):
        if not row.band:
            out.append((Span(" "), *row.line))
            continue
        here = reading.options > 0 and row.option == reading.chosen + 1
        first = here and row.line[:1] != () and row.line[0].text.isdigit()
        text = _in_line(reading, row.line) if row.typing else row.line
        band = (Span("▶" if first else " ", "text bold"), Span(" "), *text)
        out.append(under(fit(band, width), "on-cursor" if here else "on-band"))
    if below:
        out += [(), *((Span(" "), *row) for row in below)]
    elif _silent(reading) and len(out) + 1 < height - 1:
        out += [(), line((" enter with nothing typed: a hint", "dim"))]
    out += [()] * (height - 1 - len(out))
    return [*out[: height - 1], _dots(course, width)]


def _silent(reading: Reading) -> bool:
    """Is a number asked that has hints, and nothing was said to that yet?"""
    course = reading.course
    asks = reading.open and not reading.options and not reading.typing and course.state == "asked"
    return asks and not course.asked.hints and course.question is not None and bool(course.question.hints)


def _in_line(reading: Reading, row: Line) -> Line:
    """The row of the answer, with the cursor where one types."""
    if not reading.typing:
        return (*row, Span(" ", "text reverse"))
    answer = reading.answer
    label = row[: len(row) - 1] if answer.text else row
    return (
        *label,
        Span(answer.text[: answer.at], "text bold"),
        Span(answer.text[answer.at : answer.at + 1] or " ", "text bold reverse"),
        Span(answer.text[answer.at + 1 :], "text bold"),
    )


def _dots(course: Course, width: int) -> Line:
    """`●●●◉○○○`: a dot for each page; where there are too many, those around it."""
    count = len(course.lesson.pages)
    room = max(1, width - 2)
    first = max(0, min(course.number - room // 2, count - room)) if count > room else 0
    out: list[Span] = [Span(" ")]
    for page in range(first, min(count, first + room)):
        here = page == course.number
        done = course.done(page)
        out.append(Span(HERE, "text bold") if here else Span(PASSED, "ok") if done else Span(AHEAD, "dim"))
    return tuple(out)


# ------------------------------------------------------------------------------------------------------------- a strip


def _strip(reading: Reading, width: int, height: int) -> list[Line]:
    """Under a stage that needs all columns: prose (afterwards the explanation), the question, the answer. What is said
    to an answer stands behind it, or, where that is too long, in the place of the prose."""
    course = reading.course
    question = course.question
    inner = width - 3
    failed = [[line((text, "fail"))] for text in course.failed]
    blocks = course.explains() or [*course.opens(), *failed]
    told = [part for block in blocks for row in block for part in wrap(row, inner)]
    if question is None:
        return [(Span(" "), *row) for row in _held(told, height)]
    asked = wrap(bold(course.text(question.prose)), inner)[:2]
    said = _feedback(reading)
    answer = _answer(reading, said)
    if said and length(answer) > width - 2:
        told, answer = wrap(said, inner), _answer(reading, ())
    room = max(0, height - len(asked) - 1)
    rows: list[Line] = [(Span(" "), *row) for row in _held(told, room)]
    rows += [()] * (room - len(rows))
    return [*rows, *(under(fit((Span("  "), *row), width), "on-band") for row in (*asked, answer))]


def _held(rows: list[Line], room: int) -> list[Line]:
    """So many of the rows, with a word that there are more."""
    if len(rows) <= room or room < 1:
        return rows[:room]
    return [*rows[: room - 1], (*rows[room - 1], Span(" …", "dim"))]


def _feedback(reading: Reading) -> Line:
    """What is said to an open question: the last hint, else why the last answer was not the right one."""
    course = reading.course
    question, asked = course.question, course.asked
    assert question is not None
    if not reading.open or reading.typing:
        return ()
    if asked.hints:
        return course.text(question.hints[asked.hints - 1])
    return line(("not yet: ", "kink"), *asked.tries[-1].verdict.reason) if asked.tries else ()


def _answer(reading: Reading, said: Line) -> Line:
    """The last row of the strip: the answer, or the line in which it is typed, or the options; what is said of it."""
    course = reading.course
    question, asked = course.question, course.asked
    assert question is not None
    label: Line = () if question.is_choice else (*course.label, Span(" = "))
    if not reading.open:
        shown = course.state == "shown"
        how = line(("  shown", "dim")) if shown else line("  ", ("✓", "ok"), (" right", "text bold"))
        return (*label, *course.right, *how)
    if question.is_choice:
        return (*_options(reading), *said)
    if reading.typing:
        typed = (*label, Span(reading.answer.text)) if reading.answer.text else label
        return (*_in_line(reading, typed), Span("  "), *reading.remark)
    tried = Span(asked.tries[-1].text[:20], "text bold") if asked.tries else Span(" ", "text reverse")
    return (*label, tried, Span("  "), *(said or line((INVITES, "dim"))))


def _options(reading: Reading) -> Line:
    """The options side by side, the chosen one marked."""
    course = reading.course
    assert course.question is not None
    out: list[Span] = []
    for number, option in enumerate(course.question.options):
        here = reading.chosen == number
        text = course.text(option.prose)
        out += [Span("▶" if here else " ", "text bold"), Span(f"{number + 1} ", "text bold")]
        out += [*(bold(text) if here else text), Span("  ")]
    return tuple(out)
