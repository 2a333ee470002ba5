"""What the directives of a lesson come to on a page: replayed from the last `::open` on, in a fresh session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.commands import registry
from bptui.model.debugger.reply import Reply
from bptui.model.debugger.session import Session
from bptui.model.debugger.view import Selection, View
from bptui.teach import directives, formulas
from bptui.teach.formulas import Formulas, Kept, Target
from bptui.teach.lesson import Directive, Lesson, Question

Opens = Callable[[str], Session]
"""A fresh session of a target; UserError where there is none."""
NOTHING: Mapping[str, Kept] = MappingProxyType({})
STAGE = ("network",)
"""What stands beside the prose as long as no page has said anything."""


class Stage(NamedTuple):
    """What the directives of a page come to.

    asking, telling  what expressions are evaluated with: before the question, and after it
    """

    session: Session | None = None
    words: tuple[str, ...] = STAGE
    hidden: tuple[Target, ...] = ()
    waits: tuple[str, ...] = ()
    kept: Mapping[str, Kept] = NOTHING
    failed: tuple[str, ...] = ()
    asking: Formulas | None = None
    telling: Formulas | None = None


class Happens(NamedTuple):
    """A directive of a page; None for the moment at which the page that is open has opened, before its question."""

    page: int
    directive: Directive | None


def stage(lesson: Lesson, number: int, done: bool, opens: Opens) -> Stage:
    """What page `number` (from 0) shows before its question, or after it, where that is `done`. Of earlier networks
    nothing is left but what was kept of them: they are opened only for that."""
    question = lesson.pages[number].question
    *earlier, last = _segments(lesson, number, done)
    found = Stage()
    for segment in earlier:
        if any(each is None or each.word == "let" for _, each in segment):
            found = _Replay(opens, number, question, found).run(segment)
        elif words := [each for _, each in segment if each is not None and each.word == "stage"]:
            found = found._replace(words=tuple(words[-1].argument.split()))
    return _Replay(opens, number, question, found).run(last)


def _segments(lesson: Lesson, number: int, done: bool) -> list[list[Happens]]:
    """What happens up to here; each list begins with an `::open`, but for the first."""
    found: list[list[Happens]] = [[]]
    for at, page in enumerate(lesson.pages[: number + 1]):
        here = at == number
        run = [*page.before, *([None] if here else []), *(page.after if not here or done else ())]
        for each in run:
            if each is not None and each.word == "open":
                found.append([])
            found[-1].append(Happens(at, each))
    return found


class _Replay:
    """Carries out directives, one after the other, in a session that the first `::open` makes."""

    def __init__(self, opens: Opens, page: int, question: Question | None, before: Stage) -> None:
        self.opens, self.page, self.question = opens, page, question
        self.session: Session | None = None
        self.words, self.kept = before.words, dict(before.kept)
        self.hidden: list[Target] = []
        self.waits: list[str] = []
        self.failed: list[str] = []
        self.asking = before.asking

    def run(self, segment: list[Happens]) -> Stage:
        """Carry out the directives of a segment; what the page shows then."""
        at = segment[0].page if segment else 0
        for number, directive in segment:
            self._turn(at, number)
            at = number
            if directive is None:
                self.asking = self._formulas()
            else:
                self._failing(number, directive)
        self._turn(at, self.page)
        telling = self._formulas()
        asking = self.asking or telling
        own = None if asking is None else target(self.question, asking)
        hidden = (*self.hidden, *([] if own is None else [own]))
        return Stage(
            self.session, self.words, hidden, tuple(self.waits), self.kept, tuple(self.failed), asking, telling
        )  # fmt: skip

    def _formulas(self) -> Formulas | None:
        return None if self.session is None else Formulas(self.session, dict(self.kept))

    def _turn(self, before: int, page: int) -> None:
        """Where another page begins, it follows the moment; nothing is selected, hidden or waited for."""
        if before == page:
            return
        self.hidden, self.waits = [], []
        if self.session is not None:
            self.failed = []
            self.session.view, self.session.selection = _view(), Selection()

    def _failing(self, page: int, directive: Directive) -> None:
        try:
            self._do(directive)
        except UserError as error:
            if page == self.page or directive.word == "open":
                right = f" ({error.right})" if error.right else ""
                self.failed.append(f"{directive.written}: {error.what}{right}")

    def _do(self, directive: Directive) -> None:
        word, argument = directive.word, directive.argument
        if word == "open":
            self.session = None
            self.session = self.opens(argument)
            self.session.view = _view()
        elif word == "stage":
            self.words = tuple(argument.split())
        elif word == "wait":
            self.waits.append(argument)
        elif self.session is None:
            if not self.failed:
                raise UserError(directive.word, "nothing is open", "::open xor")
        elif word == "hide":
            more = Formulas(self.session, self.kept).more
            self.hidden.append(formulas.hidden(argument, self.session.graph, more))
        elif word == "let":
            name, expression = directives.let(argument)
            self.kept[name] = Formulas(self.session, self.kept).keep(expression)
        else:
            _done(registry.run(self.session, directive.text))


def _view() -> View:
    """As a page begins. Lessons speak of gradients: those are shown in a branch, too (`::diff column` has changes)."""
    return View(change=False)


def _done(reply: Reply) -> None:
    """UserError where a command could not do what it was asked for."""
    if not reply.ok:
        raise UserError("", plain(reply.lines[0]) if reply.lines else "it could not be done")


def target(question: Question | None, asking: Formulas) -> Target | None:
    """The number of the network that a question asks for."""
    if question is None or question.is_choice:
        return None
    try:
        return asking.target(question.expression)
    except UserError:
        return None
