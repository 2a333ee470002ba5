"""What a reader worked out in a lesson, at its end: each number that was asked, and how it was come to."""

from __future__ import annotations

from dataclasses import dataclass

from bptui.model.base.spans import Line
from bptui.teach.course import Answered, Course
from bptui.teach.lesson import Lesson


@dataclass(frozen=True)
class Worked:
    """A number that was asked: what it is called, what it is, how it was come to."""

    label: Line
    number: Line
    how: Answered


@dataclass(frozen=True)
class Certificate:
    """Of one lesson. `worked`: its number questions that were done, in order; the counts are of all questions."""

    lesson: Lesson
    worked: tuple[Worked, ...]
    once: int
    later: int
    shown: int

    @property
    def questions(self) -> int:
        """How many questions were done."""
        return self.once + self.later + self.shown


def certificate(course: Course) -> Certificate:
    """What was worked out on the way of a reader. The numbers are computed anew, page by page."""
    answers = course.answers
    found = []
    for number, page in enumerate(course.lesson.pages):
        how = answers.get(page.key)
        if how is not None and page.question is not None and not page.question.is_choice:
            there = Course(course.lesson, number, answers, course.progress)
            found.append(Worked(there.label, there.right, how))
    counts = [sum(how == each for how in answers.values()) for each in ("once", "later", "shown")]
    return Certificate(course.lesson, tuple(found), *counts)
