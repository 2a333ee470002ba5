"""Lessons for a class: each page of each lesson is one question that a clicker answers; nothing of it is cut."""

from __future__ import annotations

from functools import partial

import pytest

from bptui.app import ScreenApp
from bptui.model.base.spans import plain
from bptui.screens.lesson_class import ClassLesson
from bptui.screens.panels import presented_page
from bptui.screens.reading import Reading
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from bptui.teach import catalogue
from bptui.teach.course import Course
from bptui.teach.names import opened
from tests.derivations import service
from tests.screens.panel_rig import squeezed
from tests.screens.rig import piloted
from tests.screens.test_lesson import At

LESSONS = [front.number for front in catalogue.lessons()]
SIZES = [(80, 24), (120, 36), (60, 20), (40, 12)]


def course_of(number: int) -> Course:
    front = catalogue.find(str(number))
    return Course(opened(front.path, front.key), 0, {})


def page(course: Course, size: tuple[int, int], marked: int = 0) -> list[str]:
    """The rows of the page that is open, without the footer."""
    session = course.session
    assert session is not None
    session.view.present, session.view.topic, session.view.says = True, "lesson", marked
    session.view.asks = course.state in ("asked", "not yet")
    return [plain(row) for row in presented_page.lines(scene(course, size), None)]


def scene(course: Course, size: tuple[int, int]) -> Scene:
    assert course.session is not None
    return Scene(course.session, size[0], size[1] - 1, RenderOptions(), rules=service(), lesson=Reading(course))


@pytest.mark.corpus(every=7)  # seven and four sizes have no divisor in common: each size comes, each with other lessons
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("number", LESSONS)
def test_every_page_of_every_lesson_is_presented(number: int, size: tuple[int, int]) -> None:
    course = course_of(number)
    for at in range(len(course.lesson.pages)):
        course.turn(at)
        if course.session is None:
            continue
        before = page(course, size)
        assert all(len(row) == size[0] for row in before)
        assert len(before) == size[1] - 1
        assert f"{at + 1}/{len(course.lesson.pages)}" in before[0] + before[1]
        question = course.question
        if question is None:
            continue
        text = squeezed(" ".join(before))
        assert squeezed(plain(course.text(question.prose))) in text
        assert not any(row.strip().startswith("✓") for row in before)
        right = squeezed(plain(course.right))
        assert question.is_choice or right in text
        made = presented_page.slide(scene(course, size))
        said = [plain(made.question), plain(made.reason), *(each for choice in made.choices for each in choice)]
        assert not any("at the left" in each.lower() for each in said)  # nothing stands there
        assert all(squeezed(choice.text) in text for choice in made.choices)
        course.show()
        told = squeezed(" ".join(page(course, size, marked=1)))
        assert squeezed(plain(presented_page.slide(scene(course, size)).reason)) in told
        assert squeezed(made.choices[0].mistake) in told
        assert "✓" in told
        assert squeezed(plain(course.text(question.prose))) in told
        assert right in told


def test_nothing_moves_when_the_answer_is_told() -> None:
    """Pictures 23 and 23a: formulas, numbers, question, answers, reason, timeline, each in its row."""
    course = course_of(4)
    course.turn(8)
    rows = {"lesson 4": 1, "a = sigmoid(z)": 3, "upstream": 5, "-0.0988 comes in": 12, "1    more than that": 14,
            "4    nothing": 17, "◀ a": 21}  # fmt: skip
    before = page(course, (80, 24))
    course.show()
    after = page(course, (80, 24))
    for shown in (before, after):
        assert {text: next(n for n, row in enumerate(shown) if text in row) for text in rows} == rows
    assert "A quarter is the most" in after[19]
    assert not before[19].strip()


@pytest.mark.corpus(every=3)  # the row is kept by the page of all lessons
@pytest.mark.parametrize("number", LESSONS)
def test_a_question_keeps_its_row(number: int) -> None:
    """Where the page stays at its moment; an explanation that says what comes after has other numbers."""
    course = course_of(number)
    for at, each in enumerate(course.lesson.pages):
        course.turn(at)
        if course.session is None or each.question is None or each.after or "operation" in course.stage:
            continue
        text = plain(course.text(each.question.prose))[:12]
        found = []
        for _ in range(2):
            found.append(next(n for n, row in enumerate(page(course, (80, 24))) if text in row))
            course.show()
        assert found[0] == found[1], each.title


def test_rows_that_a_question_is_about_stand_above_it() -> None:
    course = course_of(7)
    course.turn(3)
    assert "sigmoid .124 .090 .007 .002 .001" in " ".join(page(course, (40, 12)))
    assert "Healthy is 0.1 to 0.5" in " ".join(page(course, (40, 12)))


def test_the_answers_of_a_number_question_are_what_it_is_mistaken_for() -> None:
    """Lesson 4, your turn: the lesson's own wrong answers and those that anyone may come to, with their reasons."""
    course = course_of(4)
    at = next(n for n, each in enumerate(course.lesson.pages) if each.title == "Your turn: second unit")
    course.turn(at)
    rows = page(course, (80, 24))
    assert any(row.split() == ["╺╸", "┃", "┃"] or "┏━┓" in row for row in rows)
    assert "What arrives at z[1]?" in " ".join(rows)
    assert "-0.0244" in " ".join(rows)
    course.show()
    told = " ".join(" ".join(page(course, (120, 36), marked=1)).split())
    assert "✓ 2 -0.0244" in told or "-0.0244" in told


@pytest.mark.parametrize("size", SIZES[:3], ids=lambda size: f"{size[0]}x{size[1]}")
def test_what_is_said_beside_the_answers_keeps_off_the_edge(size: tuple[int, int]) -> None:
    """Lesson 4, the sigmoid: at the very edge a reason would seem cut."""
    course = course_of(4)
    course.turn(8)
    course.show()
    assert all(row.endswith(" ") for row in page(course, size, marked=1))


def test_a_page_without_a_question_says_its_sentence_in_the_middle() -> None:
    course = course_of(4)
    course.turn(4)
    assert course.question is None
    rows = [n for n, row in enumerate(page(course, (80, 24))) if row.strip()][1:]
    assert abs(sum(rows) / len(rows) - 23 / 2) < 2


async def test_a_class_is_walked_through_a_lesson_by_a_clicker() -> None:
    app = ScreenApp(partial(ClassLesson, "lesson 4", catalogue.find("4")))
    async with piloted(app) as pilot:
        at = At(app, pilot)
        while at.screen.reading is None:
            await app.workers.wait_for_complete()
            await pilot.pause(0.005)
        assert "lesson 4   The backward pass   1/17" in at.text
        assert "pgdn the answer" in at.text
        await at.press("2")
        assert "▸  2" in at.text
        await at.press("pagedown")
        assert "✓" in at.text
        assert "✗  2" in at.text
        await at.press("pageup")
        assert "✓" not in at.text
        await at.press("pagedown", "pagedown")
        assert "2/17" in at.text
        await at.press("pageup")
        assert "1/17" in at.text
        await at.press(*["pagedown"] * 40)
        assert "17/17" in at.text
        assert "that was the last page; esc leaves" in at.text


async def test_an_explanation_can_be_read_to_its_end_on_a_low_screen() -> None:
    app = ScreenApp(partial(ClassLesson, "lesson 7", catalogue.find("7")))
    async with piloted(app, 40, 12) as pilot:
        at = At(app, pilot)
        while at.screen.reading is None:
            await app.workers.wait_for_complete()
            await pilot.pause(0.005)
        reading = at.screen.reading
        await at.press(*["pagedown"] * 6)
        assert "4/16" in at.text
        await at.press("down")
        assert "the explanation comes with the answer" in " ".join(at.text.split())
        await at.press("pagedown")
        assert "counts from the loss" not in at.text
        assert "down read on" in at.text
        await at.press("down")
        seen = at.text
        while plain(at.screen.canvas.rows[1]) and at.screen.ui.pages.top + 9 < len(at.screen.ui.pages.rows):
            await at.press("pagedown")
            seen += at.text
        whole = "".join(plain(row) for block in reading.course.explains() for row in block)
        assert all(word in seen for word in whole.split())
        await at.press("escape")
        assert "4/16" in at.text
