"""A reader's way through a lesson: which page, in which session, what is asked and answered.

What a page shows is a function of (lesson, page, is its question done): the directives since the last `::open`,
replayed in a fresh session. So turning back and forth is exact, and nothing that the reader does can break a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import index
from bptui.model.base.spans import Line, line
from bptui.model.debugger import locations
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.hidden import Hidden
from bptui.model.debugger.lines import kind as kind_of
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.session import Session
from bptui.model.debugger.trail import Trail
from bptui.model.engine.timeline import Moment
from bptui.model.source.network import Network
from bptui.teach import filling, formulas, judging, opening, replay
from bptui.teach.formulas import Formulas, Target
from bptui.teach.judging import Verdict
from bptui.teach.lesson import Block, Code, Items, Lesson, Page, Prose, Question
from bptui.teach.progress import Answered
from bptui.teach.replay import Stage
from bptui.teach.variation import varied

State = Literal["nothing", "asked", "not yet", "right", "shown"]


class Try(NamedTuple):
    """An answer as it was typed (of a choice, the number of the option, from 1), and how it was judged."""

    text: str
    verdict: Verdict


@dataclass
class Asked:
    """How far the question of a page has come. `hints`: how many are shown; `said`: the last reason or hint."""

    tries: list[Try] = field(default_factory=list)
    hints: int = 0
    said: Line = ()
    done: Answered | None = None


class Course:
    """One reader in one lesson, at a page (from 0). `answers` are those of earlier times, by the keys of pages;
    `progress` is the front end's look at what takes long; with a `seed` the networks have other numbers.

    number    the page that is open, from 0 · reached  the furthest one that was
    finished  the reader has gone on from the last page
    """

    def __init__(
        self, lesson: Lesson, page: int = 0, answers: Mapping[str, Answered] | None = None,
        progress: Progress | None = None, seed: int | None = None,
    ) -> None:  # fmt: skip
        self.lesson = lesson
        self.progress, self._seed = progress or Progress(), seed
        known = {each.key for each in lesson.pages}
        self._asked = {key: Asked(done=how) for key, how in (answers or {}).items() if key in known}
        self._opened: dict[str, Network | UserError] = {}
        self._judging: judging.Judge | None = None
        self.finished, self.reached = False, 0
        self.turn(page)

    # ------------------------------------------------------------------------------------------------- where one is
    @property
    def page(self) -> Page:
        """The page that is open."""
        return self.lesson.pages[self.number]

    @property
    def answers(self) -> dict[str, Answered]:
        """How each question that is done was done, by the key of its page."""
        return {key: each.done for key, each in self._asked.items() if each.done is not None}

    def done(self, page: int) -> bool:
        """Is a page done: passed, or its question answered? For the dots."""
        return page < self.reached or self.lesson.pages[page].key in self.answers

    def turn(self, page: int) -> None:
        """Open a page (from 0; the nearest there is)."""
        self.number = max(0, min(page, len(self.lesson.pages) - 1))
        self.reached = max(self.reached, self.number)
        self._warned = self._came = False
        self._set()

    def next(self) -> str:
        """To the next page; what it waits for, where the reader has not got there yet: the second time it turns.
        After the last page `finished` is set."""
        if (waits := self.waiting) and not self._warned:
            self._warned = True
            return waits
        if self.number == len(self.lesson.pages) - 1:
            self.finished = True
        else:
            self.turn(self.number + 1)
        return ""

    def back(self) -> None:
        """To the page before; the first one stays."""
        self.finished = False
        self.turn(self.number - 1)

    def home(self) -> None:
        """Back to the page's moment."""
        self._set()

    @property
    def away(self) -> bool:
        """Has the reader moved from the page's moment?"""
        return self.session is not None and (self.session.branch, self.session.cursor) != self._moment

    @property
    def waiting(self) -> str:
        """What a `::wait` of this page waits for, "" for nothing, and where it once was so."""
        if self._came or self.session is None:
            return ""
        left = next((each for each in self.waits if not self._holds(each)), "")
        self._came = not left
        return left

    @property
    def waits(self) -> tuple[str, ...]:
        """All that this page waits for."""
        return self._stage.waits

    def holds(self, wait: str) -> bool:
        """Is it so now? UserError for what can never be."""
        session = self.session
        assert session is not None
        if wait.startswith("at "):
            return session.stop == locations.parse(wait[3:], session.walk, session.cursor, session.planned)
        expression = formulas.check(wait, session.graph, Formulas(session, self._stage.kept).more)
        try:
            return bool(expression.evaluate(session.revealed().state, session.node).all())
        except expressions.NotYet:
            return False

    def _holds(self, wait: str) -> bool:
        with suppress(UserError):
            return self.holds(wait)
        return False

    # ------------------------------------------------------------------------------------------------- the session
    @property
    def asking(self) -> Formulas | None:
        """What the page's expressions are evaluated with, before its question."""
        return self._stage.asking

    @property
    def telling(self) -> Formulas | None:
        """And after it."""
        return self._stage.telling

    @property
    def session(self) -> Session | None:
        """What the debugger beside the page drives, another one after each turn; None where nothing could be opened."""
        return self._stage.session

    @property
    def stage(self) -> tuple[str, ...]:
        """What stands beside the prose, the most important first."""
        return self._stage.words

    @property
    def failed(self) -> tuple[str, ...]:
        """What of the page's directives could not be carried out, a line each."""
        return self._stage.failed

    @property
    def hidden(self) -> tuple[Target, ...]:
        """The numbers that are ` ? ` everywhere, as long as the page's question is not done."""
        return () if self.question is not None and self._is_done else self._stage.hidden

    def _set(self) -> None:
        """Make the page's state anew."""
        self._stage: Stage = replay.stage(self.lesson, self.number, self._is_done, self._session)
        session = self._stage.session
        self._moment: tuple[Branch, Moment] | None = None
        if session is not None:
            session.trail = Trail()
            self._moment = session.branch, session.cursor
            session.view.hidden = self._kept_back()

    def _kept_back(self) -> Hidden:
        """What the panels do not show."""
        return frozenset().union(*(each.hides for each in self.hidden))

    @property
    def _is_done(self) -> bool:
        return self.question is None or self.asked.done is not None

    def _session(self, target: str) -> Session:
        """A fresh session of a target, untrained: what was trained on another page is not to be seen on this one."""
        if target not in self._opened:
            try:
                network = opening.network(target, self.lesson.front.path.parent)
                self._opened[target] = network if self._seed is None else varied(network, self._seed)
            except UserError as error:
                self._opened[target] = error
        found = self._opened[target]
        if isinstance(found, UserError):
            raise found
        session = Session(found)
        session.progress = self.progress
        return session

    # ------------------------------------------------------------------------------------------------- what it says
    def text(self, prose: Prose, after: bool = False, also: Sequence[Target] = ()) -> Line:
        """Prose with its numbers, those that are hidden (and `also` others) as `?`; `after` the question, or as the
        page opened."""
        found = self._stage.telling if after else self._stage.asking
        return filling.filled(prose, found, (*self.hidden, *also))

    def _block(self, block: Block, after: bool = False) -> list[Line]:
        if isinstance(block, Code):
            return [line(row) for row in block.lines]
        if isinstance(block, Items):
            return [line("- ", *self.text(item, after)) for item in block.items]
        return [self.text(block.prose, after)]

    def opens(self) -> list[list[Line]]:
        """What stands before the question; each block as lines that have no width yet: a paragraph is one, a list and
        code have several."""
        return [self._block(block) for block in self.page.opens]

    def explains(self, ahead: bool = False) -> list[list[Line]]:
        """What stands after the question, once that is answered or its answer shown; `ahead`: before that too, with `?`
        for what is hidden, so that room can be kept for it."""
        told = ahead or self.state in ("right", "shown")
        return [self._block(block, True) for block in self.page.explains] if told else []

    def notes(self) -> list[Line]:
        """What is for the teacher."""
        return [self.text(each) for each in self.page.notes]

    # ------------------------------------------------------------------------------------------------- the question
    @property
    def question(self) -> Question | None:
        """What this page asks, if anything."""
        return self.page.question

    @property
    def asked(self) -> Asked:
        """How far this page's question has come."""
        return self._asked.setdefault(self.page.key, Asked())

    @property
    def state(self) -> State:
        """Of this page's question."""
        if self.question is None:
            return "nothing"
        if self.asked.done is not None:
            return "shown" if self.asked.done == "shown" else "right"
        return "not yet" if self.asked.tries else "asked"

    @property
    def asks(self) -> Target | None:
        """The number of the network that is asked; None for a choice, and for what is computed from several."""
        return None if self._stage.asking is None else replay.target(self.question, self._stage.asking)

    @property
    def label(self) -> Line:
        """What the asked number is called in the answer line: `∂L/∂z[0,1]`."""
        return self._called(False)

    @property
    def full_label(self) -> Line:
        """The same away from its page: `∂L/∂layer1.z[0,1]`."""
        return self._called(True)

    def _called(self, full: bool) -> Line:
        target = self.asks
        if target is None:
            return line("answer")
        name = target.node.name if full else filling.called(target.node)
        at = index(target.element or ())
        if target.of == "gradient":
            return line((f"{self._slope_of}{name}{at}", "gradient"))
        return line("new " if target.of == "new" else "", (f"{name}{at}", kind_of(target.node)))

    @property
    def _slope_of(self) -> str:
        """How a gradient is called: `∂L/∂` as in the panels, beside the explorer of chains `dy/d` as there."""
        graph = None if self._stage.asking is None else self._stage.asking.graph
        end = "loss" if graph is None or "chain" not in self.stage else graph.nodes[graph.loss].name
        return "∂L/∂" if end == "loss" else f"d{end}/d"

    @property
    def right(self) -> Line:
        """The right answer: the number, or the text of the right option."""
        question = self.question
        assert question is not None
        if question.is_choice:
            return self.text(next(each.prose for each in question.options if each.right))
        asking = self._stage.asking
        return filling.answer(question.expression, asking, counted=self.asks is None)

    @property
    def judge(self) -> judging.Judge | None:
        """What judges answers to a number question; None for a choice, and where nothing is open."""
        question, asking = self.question, self._stage.asking
        return None if question is None or question.is_choice or asking is None else self._judge(asking, question)

    def answer(self, text: str) -> Verdict:
        """Judge what was typed: a number or a formula; of a choice, the number of the option from 1. A right answer
        ends the question; what comes after it happens."""
        question, asked = self.question, self.asked
        assert question is not None
        if asked.done is not None:
            return Verdict(True, (), False)
        if question.is_choice:
            found = judging.choice(question, text, self.text)
        elif self._stage.asking is None:
            return Verdict(False, line("nothing is open here: page on"), False)
        else:
            try:
                found = self._judge(self._stage.asking, question).judge(text)
            except UserError as error:
                return Verdict(False, line(f"this cannot be asked: {error.what}"), False)
        if found.right:
            self._end("later" if asked.tries or asked.hints else "once")
        elif found.counts:
            asked.tries.append(Try(text, found))
            asked.said = found.reason
        return found

    def _judge(self, asking: Formulas, question: Question) -> judging.Judge:
        """Who judges on this page: made once, for in a large network it takes a while to know what may be wrong."""
        if self._judging is None or self._judging.formulas is not asking:
            self._judging = judging.Judge(asking, question, self.text)
        return self._judging

    def hint(self) -> Line:
        """The next hint; after the last one the answer is shown, and nothing is returned."""
        question, asked = self.question, self.asked
        if question is None or asked.done is not None:
            return ()
        if asked.hints < len(question.hints):
            asked.hints += 1
            asked.said = self.text(question.hints[asked.hints - 1])
            return asked.said
        self.show()
        return ()

    def ask_again(self) -> None:
        """The question of this page is open again, and what came after it has not happened."""
        self._asked.pop(self.page.key, None)
        self.turn(self.number)

    def show(self) -> None:
        """Show the answer."""
        if self.question is not None and self.asked.done is None:
            self._end("shown")

    def _end(self, how: Answered) -> None:
        self.asked.done = how
        if self.session is not None:
            self.session.view.hidden = self._kept_back()
        if self.page.after or self.away:
            self._set()
