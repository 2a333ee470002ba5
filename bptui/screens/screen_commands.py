"""The commands that the registry leaves to the screen: focus, theme, help, palette, copies, leaving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, plain
from bptui.model.debugger.commands.registry import located
from bptui.model.debugger.commands.row import choice
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.script import ScriptLine
from bptui.screens import copying
from bptui.screens import help as manual
from bptui.screens.autoplay import Autoplay, seconds
from bptui.screens.frame import Ui, focused, grid_of, paint
from bptui.screens.keys import MANUAL
from bptui.screens.long_answer import LongAnswer
from bptui.screens.panels import LESSON, PANELS, staged
from bptui.screens.panels.text import strip, wrap
from bptui.screens.render import length
from bptui.screens.theme import Theme, named

if TYPE_CHECKING:
    from textual.app import App
    from textual.geometry import Size

    from bptui.model.debugger.session import Session
    from bptui.screens.board import Board
    from bptui.screens.canvas import Canvas
    from bptui.screens.command_line import CommandLine
    from bptui.screens.explain import Explainer
    from bptui.screens.runner import Runner

LOADING = "still loading"
INDENT = 6
"""Cells by which a line of a longer answer goes on, where it has no room in one row."""
SETTLE = 30.0
"""Seconds that `expect` waits at most for what is still derived."""
TYPED = ScriptLine("")


def refused(error: UserError) -> Reply:
    """What a user asked for and cannot have, as an answer."""
    return Reply(((Span(str(error), "fail"),),), ok=False)


class _Later(Exception):
    """It goes on in the thread of the commands, and comes here again."""


class _Loading(Exception):
    """There is no session yet."""


class ScreenCommands(FrontEnd):
    """All that the registry leaves to a front end."""

    _line = TYPED

    if TYPE_CHECKING:
        session: Session | None
        explainer: Explainer | None
        ui: Ui
        canvas: Canvas
        typing: CommandLine | None
        palette: manual.Palette | None
        autoplay: Autoplay
        runner: Runner
        app: App[Any]
        size: Size

        def open(self, prefix: str, text: str) -> None: ...

        def changed(self) -> None: ...
        def run(self, text: str) -> None: ...
        def retheme(self, theme: Theme) -> None: ...
        def stop(self) -> None: ...
        def check(self) -> None: ...
        def carried_out(self, line: ScriptLine, error: UserError | None) -> None: ...

    def ask(self, what: Callable[[FrontEnd], None], line: ScriptLine = TYPED) -> None:
        """Carry out what the registry leaves to a front end; what cannot be done is said, and ends the script that it
        stands in."""
        self._line, error = line, None
        try:
            what(self)
        except _Later:
            return
        except _Loading:
            self.say(say(LOADING, ok=False))
        except UserError as problem:
            error = located(line, problem)
            self.runner.drop_scripts()
            self.say(refused(error))
        self.carried_out(line, error)

    @property
    def loaded(self) -> Session:
        """The session, of a command that needs one."""
        if self.session is None:
            raise _Loading
        return self.session

    def do_claim(self, text: str) -> None:
        """Judge a claim in the thread of the commands: SymPy works on it for some seconds."""
        session = self.session
        if session is None:
            raise UserError("claim", LOADING)

        def work() -> Reply:
            from bptui.symbolic.against import claims

            return say(*claims.answer(session, text))

        self._later(session, work)

    def do_export(self, text: str) -> None:
        """Write a file in the thread of the commands: derivations and checks take their time. The screen is as it
        stands now, without the line that asks for it."""
        app: Any = self.app
        session = self.session
        if session is None:
            raise UserError("export", LOADING)
        ui = replace(self.ui, bottom=(), choices=(), message=(), pages=LongAnswer(), progress=None)
        rows, size = paint(session, ui, *self.size), (self.size.width, self.size.height)

        def work() -> Reply:
            from bptui.screens import export as exported

            surface = exported.Surface(lambda: rows, size, app.colours)
            return exported.export(session, exported.asked(session, text), surface)

        self._later(session, work)

    def _later(self, session: Session, work: Callable[[], Reply]) -> NoReturn:
        """Go on with a command in the thread of the commands; its answer is that of the line."""
        self.runner.hold(session, self._line, work)
        raise _Later

    def do_expect(self, text: str) -> None:
        """Hold what stands on the screen to it; what is still derived and checked has its time first."""
        from bptui.model.debugger.expectation import expect

        explainer = self.explainer
        if self.session is None or explainer is None:
            raise UserError("expect", LOADING)
        session = self.session
        self.check()

        def settled() -> Reply:
            until = monotonic() + SETTLE
            try:
                while not explainer.service.wait(0.1) and monotonic() < until:
                    session.progress.report(1 - (until - monotonic()) / SETTLE, "waiting for what is derived")
            except Cancelled:
                return say("interrupted", ok=False)
            return Reply(asks=judge)

        def judge(_: FrontEnd) -> None:
            self.changed()
            expect(session, text, self._shown())

        try:
            expect(session, text, self._shown())
        except UserError:
            self._later(session, settled)

    def _shown(self) -> str:
        return "\n".join(plain(row) for row in self.canvas.rows)

    def say(self, reply: Reply) -> None:
        """Show an answer: one line in the place of the footer, more of them over the panels. A plain move says nothing:
        where it went is on the screen."""
        ui = self.ui
        lines = reply.lines
        if reply.moved and reply.ok and self.session is not None and lines == (self.session.where(),):
            lines = ()
        if len(lines) == 1:
            lines = self._short(lines[0], reply.moved or not reply.ok)
        ui.message = lines[0] if len(lines) == 1 else ()
        pages = lines if len(lines) > 1 else ()
        ui.pages.show((part for row in pages for part in wrap(row, self.size.width - 2, INDENT)), "answer")
        self.changed()

    def _turn(self, key: str) -> bool:
        """A key for what lies over the panels; False where it is not one, and closes it."""
        self.ui.message = ()
        word = self.ui.pages.press(key, max(1, self.size.height - 3), MANUAL)
        if word == "find":
            self.open("/", "")
        return bool(word)

    def _find_row(self, text: str) -> None:
        """To the next row over the panels that has the text; with no text, that has the one before."""
        pages = self.ui.pages
        if not pages.find(text, max(1, self.size.height - 3)):
            self.ui.message = (Span(f"no row has {text or pages.sought[0] or 'that'}", "text"),)

    def _short(self, row: Line, move: bool) -> tuple[Line, ...]:
        """A line of answer as it fits the last row: of a move without the place, which stands in the first row; else in
        rows of its own, so that nothing is cut."""
        where = self.session.where() if self.session is not None and move else ()
        if len(row) > len(where) > 0 and row[: len(where)] == where:
            row = strip(row[len(where) :], right=False)
        room = self.size.width - 2
        return (row,) if length(row) <= room else tuple(wrap(row, room))

    def do_quit(self, text: str) -> None:
        self.leave()

    def leave(self) -> None:
        """Home, or out of the program where the debugger was all there was; once, however often it was asked for."""
        if not self.runner.closed:
            self.stop()
            app: Any = self.app
            app.leave()

    def do_command(self, text: str) -> None:
        self.open(":", "")

    def do_explore(self, name: str) -> None:
        session = self.loaded
        from bptui.screens import explore

        name = choice(name.strip(), tuple(explore.EXPLORERS), "explore")
        self._on_stage(name, lambda: explore.on_session(name, session))

    def do_play(self, text: str) -> None:
        session = self.loaded
        from bptui.screens.play.opening import on_session
        from bptui.teach.play.setup import shown

        shown(session.network)  # what cannot be shown is refused here, where it was asked for
        self._on_stage("play", lambda: on_session(session))

    def _on_stage(self, name: str, make: Callable[[], Board]) -> None:
        from bptui.screens.stage import Stage

        app: Any = self.app
        app.push_screen(Stage(name, make, app.colours, self.ui.look.unicode))

    def do_palette(self, text: str) -> None:
        self.palette = manual.Palette(self.ui.bindings)
        self.canvas.repaint()

    def do_help(self, word: str) -> None:
        width, ui = self.size.width - 2, self.ui
        here = None if self.session is None else focused(self.session)
        rows = manual.about(word, width, self.session) if word else manual.pages(width, ui.bindings, here)
        ui.message = ()
        ui.pages.show(rows, word or "Keys and commands")
        self.canvas.repaint()

    def do_theme(self, name: str) -> None:
        app: Any = self.app
        theme = app.take_theme(named(name, app.colours.name))
        self.retheme(theme)
        self.say(say(f"theme {theme.name}"))

    def do_present(self, text: str) -> None:
        session, words = self.loaded, ("on", "off", "loss")
        word = choice(text, words, "present") if text else "off" if session.view.present else self._topic(session)
        session.present(word != "off", "loss" if word == "loss" else "operation")
        if word == "off":
            self.autoplay.stop()
        self.changed()

    def _topic(self, session: Session) -> str:
        """What present mode shows where nothing is said: what the panel with the focus is about."""
        return "loss" if focused(session).module == "loss" else "on"

    def do_autoplay(self, text: str) -> None:
        wanted, session = seconds(text), self.loaded
        if wanted is None:
            self.autoplay.stop()
        else:
            if not session.view.present:
                session.present(True)
            self.autoplay.start(wanted)
        self.changed()

    def do_findings(self, chosen: bool) -> None:
        session = self.loaded
        session.view.focus = next(each.number for each in PANELS if each.module == "findings")
        diagnosis, finding = session.branch.diagnosis, session.chosen_finding
        if chosen and diagnosis is not None and finding is not None:
            from bptui.model.debugger.findings.text import about

            self.say(say(*about(finding, diagnosis, session.view.finding + 1)))
        self.changed()

    def do_focus_next(self, text: str) -> None:
        self._focus(1)

    def do_focus_previous(self, text: str) -> None:
        self._focus(-1)

    def _focus(self, by: int) -> None:
        session = self.session
        grid = grid_of(session, *self.size)
        if session is None or grid is None:
            return
        shown = (
            [each.number for each in PANELS] if grid.single or session.view.zoom else [box.panel for box in grid.boxes]
        )
        if session.view.stage:
            board = [0] if self.ui.board is not None else []
            shown = [*board, *(each.number for each in (*staged(session), LESSON))]
        at = shown.index(session.view.focus) if session.view.focus in shown else 0
        session.view.focus = shown[(at + by) % len(shown)]
        self.changed()

    def do_copy(self, form: str) -> None:
        session = self.loaded
        from bptui.model.debugger.answers.export import copied

        self.copy(copied(session, form or "text"))

    def do_copy_panel(self, text: str) -> None:
        session, grid = self.loaded, grid_of(self.session, *self.size)
        if grid is None:
            raise _Loading
        box = next((b for b in grid.boxes if b.panel == session.view.focus), grid.boxes[0])
        rows = paint(session, self.ui, *self.size)[box.y : box.y + box.height]
        text = "\n".join(plain(row)[box.x : box.x + box.width].rstrip() for row in rows)
        self.copy(text.strip("\n") + "\n")

    def copy(self, text: str) -> None:
        """To the clipboard of the terminal, or to a file; says which."""
        what = f"{len(text):,} characters" if len(text) > 40 or "\n" in text else text
        if copying.fits(text):
            app: Any = self.app
            app.to_clipboard(text)
            self.say(say(f"copied {what} (OSC 52; if your terminal refuses it: write FILE)"))
        else:
            self.say(say(f"too long for the clipboard: {what} are in {copying.to_file(text)}"))
