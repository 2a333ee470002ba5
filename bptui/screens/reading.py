"""What a screen knows of the lesson that is read on it, besides the lesson itself. Needs no NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bptui.model.base.spans import Line
from bptui.screens.command_line import CommandLine

if TYPE_CHECKING:
    from bptui.teach.course import Course


@dataclass
class Reading:
    """A lesson as it is read on a screen.

    course  the reader's way through it
    answer  the line in which an answer is typed;  typing  it is open
    chosen  of a choice, the option with the cursor, counted from 0
    remark  on what was typed and is no answer, until the next key
    notes   what is for the teacher is shown
    home    what it was opened from, where who leaves comes to; else the shell
    """

    course: Course
    answer: CommandLine = field(default_factory=lambda: CommandLine(""))
    typing: bool = False
    chosen: int = 0
    remark: Line = ()
    notes: bool = False
    home: bool = True

    def leaving(self, pair: tuple[str, str]) -> tuple[str, str]:
        """The key that leaves, and where to."""
        return pair if self.home else (pair[0], "leave")

    def turned(self) -> None:
        """Another page is open."""
        self.typing, self.chosen, self.remark = False, 0, ()
        self.answer.open("", "")

    @property
    def tab(self) -> str:
        """What its panel is called where one panel is alone on the screen."""
        return f"{self.course.page.title} {self.course.number + 1}/{len(self.course.lesson.pages)}"

    @property
    def open(self) -> bool:
        """Is there a question that has not been answered, nor its answer shown?"""
        return self.course.state in ("asked", "not yet")

    @property
    def enters(self) -> str:
        """What enter does now: hints come before the answer is shown."""
        if self.options or self.typing:
            return "answer"
        if not self.open or self.course.question is None:
            return "next"
        return "hint" if self.course.asked.hints < len(self.course.question.hints) else "show"

    @property
    def options(self) -> int:
        """Of an open choice, how many there are."""
        question = self.course.question
        return len(question.options) if question is not None and question.is_choice and self.open else 0
