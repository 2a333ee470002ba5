"""What the five interactive texts show, row by row, read off the screen of a lesson at 80x24: on its page, or in what
stands beside it.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bptui.model.base.spans import plain
from bptui.teach.catalogue import find
from tests.screens.test_lesson import At, answer_right, reading


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
    Row(3, 1, "Twice as far", ("0.81 again",), ("rate η      0.2000", "0.8100    0.8100    0.8100", " swings ")),
    Row(3, 1, "A little further", ("faster and faster", "2.25 times"),
        ("rate η      0.2500", "0.8100    1.8225    4.1006    9.2264", " flies away ")),
    Row(3, 1, "And in between?", ("0.125 hits and 0.25 swings", "falls, hits, overshoots, swings, flies away"),
        ("rate η      0.1500", "0.8100    0.2025    0.0506", " overshoots ")),
    Row(4, 1, "Is 0.81 high?", ("high compared to what?", "8100", "a loss of 4")),
    Row(5, 1, "How far?", ("new w = w - η·∂L/∂w", "new w = 0.8600", "old - η × gradient")),
    Row(5, 1, "The loop", ("forward", "loss", "backward", "update", "forward again"),
        ("forward", "backward", "update")),
    Row(7, 3, "Four boxes", ("2 → 3 → 1 → 5 → 2",),
        ("x       2.0000", "h       3.0000", "g       1.0000", "f       5.0000", "L       2.0000")),
    Row(7, 3, "And back", ("1, 2, 8, 16, 16", "∂L/∂g = 8.0000"),
        ("5.0000           2.0000", "1.0000           8.0000", "3.0000          16.0000")),
    Row(8, 2, "The same road back", ("1, then 6, then 18", "turns the arrows"),
        ("flow ◀ backward", "18.0000 │◀──", "6.0000 │◀──", "1.0000 │")),
    Row(8, 3, "And back", ("Now back", "same road as forward, turned")),
    Row(9, 2, "Two boxes", ("y = 36.0000", "2, 6, 36"), ("x       2.0000", "u       6.0000", "y      36.0000")),
    Row(9, 2, "Count the cells", ("dy/dx = 36.0000", "3 × 12 = 36"),
        ("2.0000 │", "6.0000 │", "36.0000 │", "3.0000         ×         12.0000         =         36.0000")),
    Row(9, 2, "Slopes multiply", ("dy/dx = dy/du × du/dx",),
        ("12.00000   ×    3.00000   =   36.00000",)),
    Row(9, 2, "Not always 36", ("dy/dx = 18.0000", "y is 9 "),
        ("1.0000 │", "9.0000 │", "3.0000         ×          6.0000         =         18.0000")),
    Row(10, 2, "Not always 36", ("x has been moved to 1", "left and right move x")),
    Row(11, 2, "Your turn: dy/dx", ("dz/dx is 3", "dy/dz is 2", "dy/dx = 6.0000"),
        ("× 3", "× 2", "3.0000         ×          2.0000         =          6.0000")),
    Row(12, 2, "Straight and around", ("dz/dx = ∂z/∂x + ∂z/∂y · dy/dx", "dz/dx = 12.0000"),
        ("4.0000         +     2.0000 · 4.0000     =         12.0000",)),
    Row(12, 2, "Two ways", ("-18 + 4 = -14",), ("-14.0000",)),
    Row(13, 3, "First, add up", ("z = x @ W + b", "0.0400"), ("z       0.0400  0",)),
    Row(13, 3, "The second layer", ("0.5025", "prediction"), ("0.5025",)),
    Row(13, 3, "Half the square", ("½(z - y)²", "L = 0.0195"), ("0.0195",)),
    Row(13, 3, "Half or whole?", ("-0.1975", "-0.3950"), ("-0.3950",)),
    Row(13, 3, "The mean of four", ("2/N", "-1.3189", "-0.6594"), ("-0.659448", "mse(z, y)")),
    Row(13, 3, "What you can do now", ("loss = 0.5*(z2 - y)**2", "a1 = sigmoid(z1)", "z2 = a1 @ W2 + b2"),
        ("0.5025", "0.0195")),
    Row(14, 3, "Where it is steepest", ("a·(1 - a)", "0.2500", "At most 0.25")),
    Row(25, 1, "Why not simply try?", ("random", "answer = 1000000")),
    Row(25, 2, "Your turn: dy/dx", ("What is dy/dx?", "dy/dx = 6.0000")),
    Row(25, 3, "What a sigmoid does", ("between 0 and 1",)),
    Row(26, 5, "And the truth", ("0.97 of the promise",),
        ("0.97 of the promise", "-0.001925", "-0.00198")),
    Row(26, 5, "From both sides", ("-0.197501", "finite difference")),
    Row(28, 5, "One walk back", ("34 forward passes", "about one or two forward passes", "µs", "twice as long")),
)
# fmt: on
LESSONS = sorted({row.lesson for row in ROWS})


def told(at: At) -> str:
    """The page as it is read at 80x24: the column at the right, or the strip below a board."""
    rows = [plain(row) for row in at.screen.canvas.rows]
    part = rows[18:23] if at.screen.ui.board is not None else [row[43:] for row in rows[2:18]]
    return " ".join(" ".join(part).split())


async def settled(at: At, *texts: str) -> None:
    """Wait for what is derived in threads of its own, until the texts are seen or too much time has passed."""
    for _ in range(200):
        if at.screen.worker.job is None and all(text in at.text for text in texts):
            return
        await at.pilot.pause(0.05)


@pytest.mark.parametrize("number", LESSONS)
async def test_the_rows_of_the_texts_are_read_off_the_screen(number: int) -> None:
    async with reading(find(str(number))) as at:
        for page in at.course.lesson.pages:
            assert at.course.page is page
            rows = [row for row in ROWS if (row.lesson, row.page) == (number, page.title)]
            if rows:
                await settled(at)
                before = told(at)
                await answer_right(at)
                for row in rows:
                    await settled(at, *row.beside)
                    for text in row.said:
                        assert text in f"{before} {told(at)}", (page.title, text)
                    for text in row.beside:
                        assert text in at.text, (page.title, text)
            await at.press("pagedown")


@pytest.mark.parametrize("number", LESSONS)
def test_all_rows_that_a_lesson_says_it_covers_are_read_here(number: int) -> None:
    assert {row.row for row in ROWS if row.lesson == number} == set(find(str(number)).rows)
