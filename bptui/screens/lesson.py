"""The screen of a lesson: the debugger, with the page of a lesson beside it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import events

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.commands.row import shown
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.script import ScriptLine
from bptui.model.debugger.view import VIEWS
from bptui.screens import beside, certificate
from bptui.screens.board import names_of
from bptui.screens.canvas import in_background, in_thread_of, taken
from bptui.screens.debugger import Debugger
from bptui.screens.keys import CERTIFICATE, LESSON
from bptui.screens.layout import SMALLEST
from bptui.screens.panels import LESSON as PANEL
from bptui.screens.panels import STAGED, footer
from bptui.screens.reading import Reading
from bptui.screens.render import drawable, fit, under
from bptui.screens.theme import Theme
from bptui.screens.worker import Worker
from bptui.teach import catalogue
from bptui.teach.lesson import Front
from bptui.teach.progress import Progress, Reached

if TYPE_CHECKING:
    from bptui.teach.certificate import Certificate
    from bptui.teach.course import Course

BEGINS = frozenset("0123456789-.(=−+")
"""What opens the line of an answer."""
ERASES = ("backspace", "delete", "ctrl+h")
"""What deletes in that line, and nothing where it is empty."""


class LessonScreen(Debugger):
    """`front` is the lesson, which is opened in a thread, after the first frame, at the page where it was left;
    `progress` keeps how far one has come."""

    def __init__(self, title: str, front: Front, progress: Progress, theme: Theme, unicode: bool = True) -> None:
        super().__init__(title, theme, unicode)
        self.worker = Worker(self.canvas, partial(in_thread_of, self), self._computed)
        self._front, self._progress = front, progress
        self.reading: Reading | None = None
        self.certificate: Certificate | None = None
        self.reader, self._warned, self._asked_by_page = "", False, ""

    def on_mount(self) -> None:
        """Paint first, then open the lesson."""
        self.call_after_refresh(self.set_timer, 0.02, self._load)

    def _load(self) -> None:
        in_background(self, self._opened, self._read, "lesson")

    def _opened(self) -> Course:
        from bptui.teach.course import Course
        from bptui.teach.names import opened

        reached = self._progress.of(self._front.key) or Reached()
        page = 0 if reached.done else reached.page - 1
        return Course(opened(self._front.path, self._front.key), page, reached.answers)

    def _read(self, course: Course) -> None:
        self.reading = self.ui.lesson = Reading(course, home=len(self.app.screen_stack) > 1)
        self._turned()

    # ------------------------------------------------------------------------------------------------ pages

    def _turned(self) -> None:
        """A page is open, or opened anew: its session is the debugger's."""
        reading = self.reading
        assert reading is not None
        course = reading.course
        reading.turned()
        self._warned = False
        self._take(course)
        if course.failed:
            reading.remark = line((course.failed[0], "fail"))
        if told := self._keep(course):
            self.say(say(told, ok=False))
        self.changed()

    def _keep(self, course: Course) -> str:
        """Keep how far one has come; what went wrong with that, "" for nothing."""
        key = course.lesson.front.key
        before = self._progress.of(key)
        done = course.finished or (before is not None and before.done)
        return self._progress.keep(key, Reached(course.number + 1, course.answers, done))

    def _take(self, course: Course) -> None:
        """The session of a page, and what stands beside its prose."""
        session = course.session
        if session is not self.session and session is not None:
            if self.explainer is not None:
                self.explainer.close()
                self.explainer = None
            self.session = session
        if session is None:
            return
        view = session.view
        view.stage = course.stage
        if "whatif" not in course.stage:
            view.close()
        view.focus = PANEL.number
        first = course.stage[0] if course.stage else "network"
        view.mode = next((mode for mode in VIEWS if mode == first), view.mode)
        self._mode, self._focused = view.mode, PANEL.number
        self._on_board(course)
        if first == "paths":  # a command of that name asks for it
            self._asked_by_page = first
            self.run(first)

    def _on_board(self, course: Course) -> None:
        """The board that stands in the debugger's place on this page, if any: on the page's session."""
        word, session = next((word for word in course.stage if word not in STAGED), ""), course.session
        if self.ui.board is not None:
            self.ui.board.close()
        self.ui.board = None
        if not word or session is None:
            return
        from bptui.screens import explore
        from bptui.screens.play.opening import on_session

        try:
            self.ui.board = on_session(session) if word == "play" else explore.on_session(word, session)
        except UserError as error:
            self.refuse(error)
            return
        self.ui.board.hide = frozenset(name for target in course.hidden for name in names_of(target, session.graph))

    def _computed(self, error: UserError | None) -> None:
        """The board's work has ended."""
        if error is not None and self.worker.board is self.ui.board:  # of one that is closed it is no news
            self.refuse(error)
        self.changed()

    def changed(self) -> None:
        """Draw what is different now, and compute what the board wants."""
        if self.ui.board is not None:
            self.worker.ask(self.ui.board)
        super().changed()

    def stop(self) -> None:
        """End what is computed."""
        self.worker.close()
        super().stop()

    def _then(self, work: Callable[[], object]) -> None:
        """Turn a page in the thread of the commands: what it opens may have to be trained."""
        session = self.session
        if session is None:
            work()
            self._turned()
            return

        def job() -> Reply:
            work()
            return Reply(asks=lambda _: self._turned())

        self.runner.hold(session, ScriptLine(""), job)

    # ------------------------------------------------------------------------------------------------ keys

    def _paint(self, width: int, height: int) -> list[Line]:
        """At the end of a lesson its certificate; else as the debugger."""
        found = self.certificate
        if found is None or self.runner.busy or width < SMALLEST[0] or height < SMALLEST[1]:
            return super()._paint(width, height)
        rows = certificate.page(found, self.reader, self.ui.name, width, height)
        if self.typing is not None:
            rows.append(self.typing.line(width))
        elif self.ui.message:
            rows.append(under(fit((Span(" "), *self.ui.message), width), "on-band"))
        else:
            onwards, *keys = CERTIFICATE.footer()
            if self.reading is not None:
                keys[-1] = self.reading.leaving(keys[-1])
            pairs = (onwards, *keys) if self._after is not None else tuple(keys)
            rows.append(under(footer.hints(pairs, width), "on-band"))
        return drawable(rows, self.ui.look)

    def _certified(self, key: str) -> None:
        """A key while the certificate is shown."""
        word, _ = CERTIFICATE.find(key)
        self.ui.message = ()
        if word == "next":
            self._onwards()
        elif word == "name":
            self.open("your name: ", self.reader)
        elif word == "write":
            self.open(":", "write ")
        elif word == "copy" and self.certificate is not None:
            self.copy(certificate.text(self.certificate, self.reader))
        elif word == "back" and self.reading is not None:
            self.certificate = None
            self.reading.course.finished = False
        elif word == "leave":
            self.leave()
        elif len(shown(key)) == 1:
            self.say(say(f"{shown(key)} is no key here"))

    def _done(self, line: ScriptLine, job: Future[Reply]) -> None:
        """What the page itself asked for leaves the focus where it was."""
        asked, self._asked_by_page = self._asked_by_page, ""
        super()._done(line, job)
        if asked and line.text == asked and self.session is not None:
            self.session.view.focus = PANEL.number
            self.changed()

    @property
    def _after(self) -> Front | None:
        """The lesson after this one; None after the last one, and after one of the reader's own."""
        number = self._front.number
        return next((front for front in catalogue.lessons() if number and front.number == number + 1), None)

    def _onwards(self) -> None:
        """The lesson after this one, in this screen."""
        after = self._after
        if after is None:
            self.say(say("that was the last one: q leaves"))
            return
        self._front, self.certificate = after, None
        self.ui.name = f"lesson {after.number}"
        self._load()

    def _write(self, name: str) -> None:
        """Keep the certificate in a file."""
        assert self.certificate is not None
        path = certificate.write(self.certificate, self.reader, name, cast(Any, self.app).colours)
        self.say(say(f"written: {path}"))

    def on_key(self, event: events.Key) -> None:
        """An answer that is typed has all keys; the rest is the debugger's."""
        reading = self.reading
        if reading is None or not reading.typing or self.runner.busy:
            super().on_key(event)
            return
        end = reading.answer.press(taken(event), event.character, lambda text: [])
        reading.remark = ()
        if end == "close":
            reading.typing = False
        elif end == "done":
            self._answer(reading.answer.text.strip())
        self.canvas.repaint()

    def take(self, key: str) -> None:
        """A key of the page, where it means something there now; else one of the debugger's."""
        reading = self.reading
        if self.certificate is not None and not self.ui.pages:
            self._certified(key)
            self.changed()
        elif reading is None or self.ui.pages or not self._of_page(reading, key):
            super().take(key)
        else:
            self.changed()

    def _of_page(self, reading: Reading, key: str) -> bool:
        """Was it a key of the page?"""
        word, (down, _) = LESSON.find(key)
        course, session = reading.course, self.session
        said = bool(self.ui.message)
        if word == "turn":
            self.ui.message = ()
            self._then(course.back if down < 0 else lambda: course.turn(course.number + 1))
        elif word == "home":
            if said or (session is not None and (session.view.answer is not None or session.view.zoom)):
                return False
            if course.away:
                self._then(course.home)
            elif session is not None:
                session.view.focus = PANEL.number
        elif not beside.focused(reading):
            return self._of_board(key)
        elif word == "enter":
            self.ui.message = ()
            self._enter_page(reading)
        elif reading.options and word == "choose":
            reading.chosen = max(0, min(reading.chosen + down, reading.options - 1))
        elif reading.options and key.isdigit() and 1 <= int(key) <= reading.options:
            reading.chosen = int(key) - 1
        elif reading.open and not reading.options and (character := _typed(key)):
            reading.typing, reading.remark = True, ()
            reading.answer.open("", "" if character == "=" else character)
        elif reading.open and not reading.options and key in ERASES:
            pass  # who deletes what is no longer there does not mean to leave the page's moment
        else:
            return self._of_board(key)
        return True

    def _of_board(self, key: str) -> bool:
        """Was it a key of the board that stands there?"""
        board = self.ui.board
        word, by = board.place.find(key) if board is not None else ("", (0, 0))
        if board is None or not word:
            return False
        said = board.press(word, by, key)
        self.ui.message = (Span(said),) if said else ()
        return True

    def _opens_nothing(self, panel: str) -> None:
        """Enter in another panel: back to the page where it asks, else what enter does on the page."""
        reading, session = self.reading, self.session
        if reading is None or session is None:
            super()._opens_nothing(panel)
        elif reading.open:
            session.view.focus = PANEL.number
            self.changed()
        else:
            self._enter_page(reading)

    def _enter_page(self, reading: Reading) -> None:
        """Answer, or a hint, or the next page."""
        course = reading.course
        if reading.options:
            self._answer(str(reading.chosen + 1))
        elif reading.open:
            if not course.hint() and not reading.open:
                self._done_with()
        else:
            self._next(course)

    def _next(self, course: Course) -> None:
        waits = course.waiting
        if waits and not self._warned:
            self._warned = bool(course.next())  # it does not turn yet
            self.say(say(f"first: {waits}  (enter again goes on anyway)"))
            return

        def turn() -> None:
            course.next()
            if course.finished:
                from bptui.teach.certificate import certificate

                self.certificate = certificate(course.lesson, course.answers)

        self._then(turn)

    def _answer(self, text: str) -> None:
        """Judge what was typed or chosen."""
        reading = cast(Reading, self.reading)
        verdict = reading.course.answer(text)
        reading.typing, reading.remark = False, ()
        if verdict.right:
            self._done_with()
        elif not verdict.counts:
            reading.remark, reading.typing = line(*((s.text, "kink") for s in verdict.reason)), True
        else:
            reading.answer.open("", "")

    def _done_with(self) -> None:
        """The question is done: what comes after it has happened."""
        course = cast(Reading, self.reading).course
        self._take(course)
        self._keep(course)
        self.changed()

    def run(self, text: str) -> None:
        """A `:` line: the page's own words, then the debugger's."""
        reading = self.reading
        word, _, rest = text.strip().partition(" ")
        if self.typing is None and self.certificate is not None and self.command_line.prefix.startswith("your"):
            self.reader = one_line(text.strip(), 40)
            self.changed()
        elif self.certificate is not None and word == "write":
            try:
                self._write(rest.strip())
            except UserError as error:
                self.refuse(error)
        elif reading is not None and text.strip() == "notes":
            reading.notes = not reading.notes
            self.changed()
        else:
            super().run(text)


def _typed(key: str) -> str:
    """The character of a key that opens the answer line, "" for another key."""
    names = {"minus": "-", "full_stop": ".", "left_parenthesis": "(", "equals_sign": "=", "plus": "+"}
    character = names.get(key, key)
    return character if character in BEGINS else ""
