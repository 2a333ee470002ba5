"""What the five interactive texts show, row by row: its numbers stand on a page of a lesson, in the debugger beside it,
or are what the page asks for.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bptui.model.base.spans import plain
from bptui.screens import frame
from bptui.teach import names
from bptui.teach.catalogue import find
from bptui.teach.course import Course


class Row(NamedTuple):
    """One thing that the texts show: its number there, where it is shown here, and what is to be read once the question
    is done: `said` on the page (question and explanation among it), `beside` in the debugger."""

    row: int
    lesson: int
    page: str
    said: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


# fmt: off
ROWS = (
    Row(1, 1, "A throw", ("hit = 1.1000",), ("hit     1.1000", "w       0.5000", "x       2.0000", "b       0.1000")),
    Row(1, 1, "One number for a miss", ("L = 0.8100",), ("y       2.0000", "miss    0.9000", "L       0.8100")),
    Row(2, 1, "Which way?", ("-3.6", "w must grow"), ("0.5000          -3.6000",)),
    Row(3, 1, "Twice as far", ("0.81 again",)),
    Row(3, 1, "A little further", ("faster and faster", "2.25 times")),
    Row(3, 1, "And in between?", ("0.125 would hit and 0.25 swing", "falls, hits, overshoots, swings, flies away")),
    Row(4, 1, "Is 0.81 high?", ("high compared to what?", "8100", "a loss of 4")),
    Row(5, 1, "How far?", ("new w = w - η·∂L/∂w", "new w = 0.8600", "old - η × gradient")),
    Row(5, 1, "The loop", ("forward", "loss", "backward", "update", "forward again"),
        ("forward", "backward", "update")),
    Row(7, 3, "Four boxes", ("2 → 3 → 1 → 5 → 2",),
        ("x       2.0000", "h       3.0000", "g       1.0000", "f       5.0000", "L       2.0000")),
    Row(7, 3, "And back", ("1, 2, 8, 16, 16", "∂L/∂g = 8.0000"),
        ("5.0000           2.0000", "1.0000           8.0000", "3.0000          16.0000")),
    Row(8, 2, "The same road back", ("1, then 6, then 18", "turns the arrows")),
    Row(8, 3, "And back", ("Now back", "same road as forward, turned")),
    Row(9, 2, "Two boxes", ("y = 36.0000", "2, 6, 36"), ("x       2.0000", "u       6.0000", "y      36.0000")),
    Row(9, 2, "Count the cells", ("dy/dx = 36.0000", "3 × 12 = 36")),
    Row(9, 2, "Slopes multiply", ("dy/dx = dy/du × du/dx",),
        ("u       6.0000          12.0000", "x       2.0000          36.0000")),
    Row(9, 2, "Not always 36", ("dy/dx = 18.0000", "y is 9 ")),
    Row(10, 2, "Not always 36", ("x has been moved to 1", "left and right move x")),
    Row(11, 2, "Your turn: dy/dx", ("dz/dx is 3", "dy/dz is 2", "dy/dx = 6.0000")),
    Row(12, 2, "Straight and around", ("dz/dx = ∂z/∂x + ∂z/∂y · dy/dx", "dz/dx = 12.0000")),
    Row(12, 2, "Two ways", ("-18 + 4 = -14",), ("-14.0000",)),
    Row(13, 3, "First, add up", ("z = x @ W + b", "0.0400")),
    Row(13, 3, "The second layer", ("0.5025", "prediction"), ("0.5025",)),
    Row(13, 3, "Half the square", ("½(z - y)²", "L = 0.0195"), ("0.0195",)),
    Row(13, 3, "Half or whole?", ("-0.1975", "-0.3950"), ("-0.3950",)),
    Row(13, 3, "The mean of four", ("2/N", "-1.3189", "-0.6594")),
    Row(13, 3, "What you can do now", ("loss = 0.5*(z2 - y)**2", "a1 = sigmoid(z1)", "z2 = a1 @ W2 + b2"),
        ("0.5025", "0.0195")),
    Row(14, 3, "Where it is steepest", ("a·(1 - a)", "0.2500", "At most 0.25")),
    Row(25, 1, "Why not simply try?", ("random", "answer = 1000000")),
    Row(25, 2, "Your turn: dy/dx", ("What is dy/dx?", "dy/dx = 6.0000")),
    Row(25, 3, "What a sigmoid does", ("between 0 and 1",)),
    Row(26, 5, "And the truth", ("0.97 of the promise",)),
    Row(26, 5, "From both sides", ("-0.197501", "finite difference")),
    Row(28, 5, "One walk back", ("34 forward passes", "about one or two forward passes", "µs", "twice as long")),
)
# fmt: on


def page_of(number: int, title: str) -> Course:
    front = find(str(number))
    lesson = names.opened(front.path, front.key)
    course = Course(lesson, [page.title for page in lesson.pages].index(title))
    course.show()
    assert course.failed == ()
    return course


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.row}-{row.lesson}-{row.page}")
def test_a_row_of_the_texts_is_shown(row: Row) -> None:
    course = page_of(row.lesson, row.page)
    said = [plain(line) for block in (*course.opens(), *course.explains()) for line in block]
    if course.question is not None:
        label = "" if course.question.is_choice else f"{plain(course.label)} = "
        said.append(f"{plain(course.text(course.question.prose))} {label}{plain(course.right)}")
    page = " ".join(said)
    for text in row.said:
        assert text in page
    if row.beside:
        assert course.session is not None
        screen = "\n".join(plain(line) for line in frame.paint(course.session, frame.Ui(), 80, 24))
        for text in row.beside:
            assert text in screen


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_all_rows_that_a_lesson_says_it_covers_are_read_here(number: int) -> None:
    assert {row.row for row in ROWS if row.lesson == number} == set(find(str(number)).rows)
