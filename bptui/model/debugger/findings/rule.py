"""A rule: one row that says what it is called, what it looks for, what it needs, and the function that looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bptui.model.debugger.findings.finding import Finding

if TYPE_CHECKING:
    from bptui.model.debugger.findings.subject import Subject

Needs = Literal["graph", "step", "probe", "steps", "capture"]
"""graph: the network and its data alone · step: the numbers of a training step · probe: the loss at other parameters
· steps: that several were run · capture: a step that was captured, with what its program did."""


@dataclass(frozen=True)
class Rule:
    """name  one word or two, in `--json` and in lists · about  what it looks for, in the words of a list of checks
    find     what it finds in a Subject; it may raise NotRecorded where a captured step lacks a number
    fewest   training steps under which it says nothing
    alone    it is of a symptom: asked where no other rule has found an error or what is a warning
    begins   it is of what a training begins with: not asked of a step that was captured later
    """

    name: str
    about: str
    needs: Needs
    find: Callable[[Subject], Iterable[Finding]]
    fewest: int = 1
    alone: bool = False
    begins: bool = False

    def asked(self, subject: Subject) -> bool:
        """Is it a question for this subject at all?"""
        return self.needs != ("capture" if subject.captured is None else "probe")

    def skipped(self, subject: Subject) -> str:
        """Why it cannot be asked, "" where it can."""
        if self.alone and subject.explained:
            return "something else was found"
        if subject.steps < self.fewest:
            return f"needs {self.fewest} training steps"
        if self.begins and not subject.first:
            return "the captured step is not known to be the first"
        if self.needs == "probe" and subject.graph.params and subject.step(0) is None:
            return "needs the loss at other parameters"
        return ""
