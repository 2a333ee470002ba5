"""Every lesson that bptui brings, walked without a screen: right, wrong in each way that it names, and skipped.

By default each way is gone through every third lesson, each through others: what the walk does wrong shows in any of
them, and what is wrong in a page `test_check.py` finds in all of them.
"""

from __future__ import annotations

from functools import cache

import pytest

from bptui.model.base.spans import plain
from bptui.teach import names
from bptui.teach.catalogue import find, lessons
from bptui.teach.course import Course
from bptui.teach.judging import Judge
from bptui.teach.lesson import Lesson, Question

NUMBERS = tuple(front.number for front in lessons())


@cache
def lesson(number: int) -> Lesson:
    front = find(str(number))
    return names.opened(front.path, front.key)


def right(course: Course, question: Question) -> str:
    """What one types who knows."""
    if question.is_choice:
        return str(1 + [option.right for option in question.options].index(True))
    return plain(course.right)


def wrong(course: Course, question: Question) -> list[tuple[str, str]]:
    """Each wrong answer that the page names, with what is said to it."""
    if question.is_choice:
        options = enumerate(question.options, 1)
        return [(str(n), plain(course.text(option.reason))) for n, option in options if not option.right]
    asking = course._stage.asking
    assert asking is not None
    judge = Judge(asking, question, course.text)
    return [(repr(each.number), plain(each.reason)) for each in judge.own]


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize("number", NUMBERS)
def test_walked_right(number: int) -> None:
    course = Course(lesson(number))
    while not course.finished:
        if course.question is not None:
            assert course.state == "asked"
            assert course.explains() == []
            assert course.answer(right(course, course.question)).right, course.page.title
        assert course.failed == (), course.page.title
        blocks = (*course.opens(), *course.explains())
        assert not [span for block in blocks for line in block for span in line if span.style.startswith("kink")]
        course.next()
    assert set(course.answers.values()) == {"once"}


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize("number", NUMBERS)
def test_every_wrong_answer_that_is_named_gets_its_reason(number: int) -> None:
    course = Course(lesson(number))
    while not course.finished:
        question = course.question
        if question is not None:
            told = wrong(course, question)
            assert told, course.page.title
            for text, reason in told:
                found = course.answer(text)
                assert (found.right, plain(found.reason)) == (False, reason), (course.page.title, text)
            assert course.state == "not yet"
            assert course.answer(right(course, question)).right, course.page.title
        course.next()
    assert set(course.answers.values()) == {"later"}


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize("number", NUMBERS)
def test_skipped_to_the_end_and_back(number: int) -> None:
    course = Course(lesson(number))
    seen = []
    while not course.finished:
        assert course.failed == (), course.page.title
        seen.append([plain(line) for block in course.opens() for line in block])
        if course.next():  # what the page waits for: it turns when asked again
            course.next()
    assert course.answers == {}
    for opened in reversed(seen):
        assert [plain(line) for block in course.opens() for line in block] == opened
        course.back()


@pytest.mark.corpus(every=3)
@pytest.mark.parametrize("number", NUMBERS)
def test_hints_then_the_answer(number: int) -> None:
    course = Course(lesson(number))
    while not course.finished:
        if course.question is not None:
            for _ in course.question.hints:
                assert plain(course.hint())
            assert course.hint() == ()
            assert course.state == "shown"
        course.next()
    assert set(course.answers.values()) == {"shown"}
