"""What a reader has worked out in a lesson, at its end: each number, and how; what one step did to the loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from bptui.model.base.spans import Line, line
from bptui.model.debugger.session import Session
from bptui.teach.course import Course
from bptui.teach.filling import called
from bptui.teach.lesson import Front, Lesson
from bptui.teach.progress import ANSWERED, Answered

WORDS: Mapping[Answered, str] = {"once": "right at once", "later": "after a hint", "shown": "shown"}


class Worked(NamedTuple):
    """A number that the reader found: what it is called (where it is computed from several, the title of its page), the
    number, how it was found."""

    label: Line
    number: Line
    how: Answered


class Certificate(NamedTuple):
    """lesson   which one · questions  how many it asks
    worked   the numbers that the reader found, in order; `counts` of all questions, by how they were answered
    losses   of the network that the lesson began with: before its first training step, and after it; None where nothing
             is trained
    way      what that network computes one after the other, as formulas call it, from its first input on
    """

    lesson: Front
    questions: int
    worked: tuple[Worked, ...]
    counts: Mapping[Answered, int]
    losses: tuple[float, float] | None
    way: tuple[str, ...] = ()

    @property
    def summary(self) -> Line:
        """`14 questions: 11 right at once, 2 after a hint, 1 shown`."""
        known = [f"{self.counts[how]} {WORDS[how]}" for how in ANSWERED if self.counts.get(how)]
        open_ = self.questions - sum(self.counts.values())
        known += [f"{open_} left open"] if open_ else []
        asked = f"{self.questions} question{'s'[: self.questions != 1]}"
        return line(f"{asked}: {', '.join(known)}" if known else asked)


def certificate(lesson: Lesson, answers: Mapping[str, Answered]) -> Certificate:
    """Of a reader's answers, by the keys of pages; the numbers are computed again."""
    course = Course(lesson, answers=answers)
    asked = [n for n, page in enumerate(lesson.pages) if page.question is not None]
    worked: list[Worked] = []
    for at in asked:
        how = course.answers.get(lesson.pages[at].key, "shown")
        if how != "shown" and not lesson.pages[at].question.is_choice:  # type: ignore[union-attr]  # asked
            course.turn(at)
            label = course.full_label if course.asks is not None else line(course.page.title)
            worked.append(Worked(label, course.right, how))
    keys = {lesson.pages[n].key for n in asked}
    counts = Counter(how for key, how in answers.items() if key in keys)
    course.turn(0)
    return Certificate(lesson.front, len(asked), tuple(worked), counts, _losses(course.session), _way(course.session))


def _way(session: Session | None) -> tuple[str, ...]:
    if session is None:
        return ()
    branch = session.branches[0]
    inputs = [node for node in branch.graph.nodes if node.role == "input"]
    return tuple(map(called, (*inputs[:1], *branch.timeline.forward)))


def _losses(session: Session | None) -> tuple[float, float] | None:
    """Before and after the first step of the first network that the lesson opens."""
    if session is None or not session.branches[0].graph.params:
        return None
    history = session.branches[0].history
    return float(history.recording(0).loss), float(history.recording(1).loss)
