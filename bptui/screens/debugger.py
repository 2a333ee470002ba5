"""The debugger: keys become command lines, command lines change the Session, and the frame is drawn from it again.

It keeps what only a screen has: the line that is typed, what lies over the panels, a command that is still running.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from bptui.model import commands
from bptui.model.errors import UserError, did_you_mean
from bptui.model.reply import Reply, say
from bptui.model.spans import Line, Span, plain
from bptui.screens import copying, help, layout
from bptui.screens.canvas import Canvas
from bptui.screens.command_line import CommandLine
from bptui.screens.frame import PANELS, Ui, grid_of, paint
from bptui.screens.keys import ARROWS, command_of, name_of
from bptui.screens.look import Look
from bptui.screens.theme import CHOICES, Theme

if TYPE_CHECKING:
    from bptui.model.session import Session
    from bptui.screens.explain import Explainer

AT_ONCE = 0.05  # seconds that a command may take before the screen goes on without it
SHOW_PROGRESS = 0.5  # from here on there is a bar
LOADING = "still loading"


class Debugger(Screen[None]):
    """One Session on one screen."""

    CSS_PATH = "styles/debugger.tcss"
    AUTO_FOCUS = "Canvas"

    def __init__(self, name: str, theme: Theme, unicode: bool = True) -> None:
        super().__init__()
        self.session: Session | None = None
        self.ui = Ui(name=name, look=Look(unicode=unicode, ansi=theme.ansi))
        self.canvas = Canvas(self._paint, theme)
        self.typing: CommandLine | None = None
        self.palette: help.Palette | None = None
        self._command_line = CommandLine()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bptui-command")
        self._busy: Future[Reply] | None = None
        self._cancelled = False
        self._part: tuple[float, str] = (0.0, "")
        self._timer: Timer | None = None
        self._loading: list[str] = []
        self._explainer: Explainer | None = None
        self._news = False

    def compose(self) -> ComposeResult:
        """One widget: what stands on it is a function of the session."""
        yield self.canvas

    def _paint(self, width: int, height: int) -> list[Line]:
        """The rows; while a command is running in its thread the session is not touched: the old ones, with its bar."""
        ui = self.ui
        if self.typing is not None:
            ui.bottom = self.typing.line(width)
            ui.choices = tuple(self.typing.choices(width, max(1, min(8, height - 6))))
        elif self.palette is not None:
            ui.bottom = self.palette.line(width)
            ui.choices = self.palette.lines(width, max(1, min(16, height - 4)))
        else:
            ui.bottom, ui.choices = (), ()
        if self._busy is not None and self._frozen and len(self._frozen) == height:
            return [*self._frozen[:-1], paint(None, ui, width, height)[-1]]
        rows = paint(self.session, ui, width, height)
        self._frozen = rows
        return rows

    _frozen: list[Line] | None = None

    # ------------------------------------------------------------------------------------------------ what happens

    def begin(self, session: Session) -> None:
        """The network is loaded: from now on there is something to debug."""
        self.session = session
        session.progress = self._progress
        self.changed()
        for text in self._loading:
            self.run(text)
        self._loading.clear()

    def changed(self) -> None:
        """Draw what is different now."""
        if self.session is not None and self._busy is None:
            self.explain()
        self.canvas.repaint()

    def explain(self) -> None:
        """The card of this Moment, as far as it is derived by now."""
        if self._explainer is None:
            from bptui.screens.explain import Explainer

            assert self.session is not None
            self._explainer = Explainer(self.session, self._more)
        try:
            self.ui.card, self.ui.defect = self._explainer.card(self.ui.look.unicode), ""
            self.ui.checks = self._explainer.counts()
        except Exception as defect:  # the numbers are shown without it
            self.ui.card, self.ui.defect = None, f"{type(defect).__name__}: {defect}"

    def _more(self) -> None:
        """Something was derived: draw it. Many at once are drawn once."""
        if not self._news:
            self._news = True
            self._call_home(self._tell)

    def _tell(self) -> None:
        self._news = False
        if self._busy is None:
            self.changed()

    def run(self, text: str) -> None:
        """One command line. What takes long goes on in its thread while the screen stays awake."""
        if self._busy is not None:
            return
        if self.session is None:
            self._early(text)
            return
        self._cancelled, self._part = False, (0.0, "")
        started = monotonic()
        job = self._worker.submit(commands.run, self.session, text)
        try:
            job.result(AT_ONCE)
        except TimeoutError:
            if not job.done():
                self._wait(job, started)
                return
        except Exception:
            pass
        self._done(job)

    def _early(self, text: str) -> None:
        """Before the network is there: what the screen itself does is done, the rest waits in line."""
        try:
            command, argument = commands.split(text)
        except UserError as error:
            self.say(say(str(error), ok=False))
            return
        if command is not None and command.where == "screen":
            self._carry_out(command.word, argument)
        elif command is not None:
            self._loading.append(text)

    def _wait(self, job: Future[Reply], started: float) -> None:
        self._busy = job

        def show() -> None:
            if job.done():
                self._finish(job)
            elif monotonic() - started >= SHOW_PROGRESS:
                self.ui.progress = self._part if self._part[1] else (0.0, "working")
                self.canvas.repaint()

        self._timer = self.set_interval(0.1, show)
        job.add_done_callback(lambda _: self._call_home(lambda: self._finish(job)))

    def _call_home(self, what: Callable[[], None]) -> None:
        """Run something in the screen's own thread, if there still is one."""
        if self.is_running and self.app.is_running:
            self.app.call_later(what)

    def _finish(self, job: Future[Reply]) -> None:
        if self._busy is not job:
            return
        if self._timer is not None:
            self._timer.stop()
        self._busy, self._timer, self.ui.progress = None, None, None
        self._done(job)

    def _done(self, job: Future[Reply]) -> None:
        try:
            reply = job.result()
        except UserError as error:
            reply = Reply(((Span(str(error), "fail"),),), ok=False)
        except Exception as defect:
            reply = Reply(((Span(f"a defect of bptui: {type(defect).__name__}: {defect}", "fail reverse"),),), ok=False)
        if reply.screen is not None:
            self._carry_out(*reply.screen)
        else:
            self.say(reply)

    def _progress(self, part: float, what: str) -> bool:
        """Called from the command's thread."""
        self._part = (part, what)
        return not self._cancelled

    def stop(self) -> None:
        """End what is running, and wait for nothing more."""
        self._cancelled = True
        if self._explainer is not None:
            self._explainer.close()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def say(self, reply: Reply) -> None:
        """Show an answer: one line in the place of the footer, more of them over the panels. A plain move says nothing:
        where it went is on the screen."""
        ui = self.ui
        lines = reply.lines
        if reply.moved and reply.ok and len(lines) <= 1 and not _news(lines):
            lines = ()
        ui.message = lines[0] if len(lines) == 1 else ()
        ui.pages, ui.top = (tuple(lines), 0) if len(lines) > 1 else ((), 0)
        ui.page_title = "answer"
        self.changed()

    # ------------------------------------------------------------------------------------------------ keys

    def on_key(self, event: events.Key) -> None:
        """Every key comes here; what it does stands in the registry."""
        event.stop()
        event.prevent_default()
        key = name_of(event.key, event.character)
        if self._busy is not None:
            if key in ("ctrl+c", "escape"):
                self._cancelled = True
            elif key in ("q", "ctrl+q"):
                self._leave()
        elif self.typing is not None:
            self._type(key, event.character)
        elif self.palette is not None:
            self._choose(key, event.character)
        elif self.ui.pages and self._turn(key):
            self.canvas.repaint()
        else:
            self._press(key)

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text belongs to the line; without one it is dropped, so that it never runs as keys."""
        event.stop()
        if self.typing is not None:
            self.typing.insert(event.text)
            self.canvas.repaint()

    def _press(self, key: str) -> None:
        said = bool(self.ui.message or self.ui.pages)
        self.ui.message, self.ui.pages = (), ()
        found = command_of(key)
        if found is not None:
            command, text = found
            if command.opens:
                self._open(":", text) if command.word != "search" else self._open("/", "")
            elif key == "escape" and said:
                self.canvas.repaint()
            elif command.where == "screen":
                self._carry_out(command.word, "")
            else:
                self.run(text)
        elif key in ARROWS:
            self._arrow(*ARROWS[key])
        elif key == "ctrl+c":
            self.say(say("q quits"))
        elif said:
            self.canvas.repaint()

    def _type(self, key: str, character: str | None) -> None:
        line = self.typing
        assert line is not None
        if character and len(character) == 1 and character.isprintable():
            line.insert(character)
        else:
            end = line.key(key, self._complete)
            if end:
                self.typing = None
                if end == "done" and line.text.strip():
                    self.run(f"search {line.text}" if line.prefix == "/" else line.text)
        self.canvas.repaint()

    def _complete(self, text: str) -> list[str]:
        line = self.typing
        if self.session is None:
            return sorted(c.word for c in commands.COMMANDS if c.word.startswith(text))
        if line is not None and line.prefix == "/":
            return [match.removeprefix("search ") for match in commands.complete(self.session, f"search {text}")]
        return commands.complete(self.session, text)

    def _choose(self, key: str, character: str | None) -> None:
        palette = self.palette
        assert palette is not None
        end = palette.key(key, character)
        if end:
            self.palette = None
        self.canvas.repaint()
        if end == "run":
            command = palette.found[palette.chosen]
            if command.needed:
                self._open(":", command.word + " ")
            elif command.where == "screen":
                self._carry_out(command.word, "")
            else:
                self.run(command.line.strip() or command.word)

    def _turn(self, key: str) -> bool:
        """A key for what lies over the panels; False where it is not one, and closes it."""
        ui = self.ui
        room = max(1, self.size.height - 3)
        by = ARROWS.get(key, (0, 0))[0] or {"home": -(10**6), "end": 10**6, "space": room}.get(key, 0)
        if key in ("escape", "q", "enter"):
            ui.pages = ()
            return True
        if not by:
            return False
        ui.top = max(0, min(ui.top + (by if abs(by) != 10 else by // 10 * room), len(ui.pages) - room))
        return True

    def _open(self, prefix: str, text: str) -> None:
        self.typing = self._command_line
        self.typing.open(prefix, text)
        self.canvas.repaint()

    def _arrow(self, down: int, right: int) -> None:
        """Move in the focused panel: the selected node in a list of nodes, else the selected element."""
        session = self.session
        if session is None:
            return
        focus = session.view.focus
        if focus == layout.NETWORK and session.view.mode != "neurons" and down:
            self._select(self._listed(), down)
        elif focus == layout.TIMELINE and right:
            self._select([node.id for node in session.timeline.forward], right)
        elif right:
            session.move_element(-1, right)
        elif down:
            session.move_element(-2, down)
        self.changed()

    def _listed(self) -> list[int]:
        from bptui.screens.panels import network

        grid = grid_of(self.session, *self.size)
        box = next((b for b in grid.boxes if b.panel == layout.NETWORK), None) if grid else None
        return network.rows_of(self.session, box.height if box else self.size.height)

    def _select(self, nodes: list[int], by: int) -> None:
        session = self.session
        assert session is not None
        if nodes:
            at = nodes.index(session.node.id) if session.node.id in nodes else 0
            session.select(nodes[max(0, min(len(nodes) - 1, at + by))])

    # ------------------------------------------------------------------------------------------------ its own commands

    def _carry_out(self, word: str, argument: str) -> None:
        """A command that the registry leaves to the screen."""
        getattr(self, "_do_" + word.replace("-", "_"))(argument)

    def _do_quit(self, _: str) -> None:
        self._leave()

    def _leave(self) -> None:
        self.stop()
        self.app.exit()

    def _do_command(self, _: str) -> None:
        self._open(":", "")

    def _do_palette(self, _: str) -> None:
        self.palette = help.Palette()
        self.canvas.repaint()

    def _do_help(self, word: str) -> None:
        try:
            self.ui.pages = help.about(word) if word else help.pages(self.size.width - 1)
        except UserError as error:
            self.say(Reply(((Span(str(error), "fail"),),), ok=False))
            return
        self.ui.page_title, self.ui.top, self.ui.message = word or "Keys and commands", 0, ()
        self.canvas.repaint()

    def _do_theme(self, name: str) -> None:
        app: Any = self.app
        if name and name not in CHOICES:
            right = did_you_mean(name, CHOICES, ", ".join(CHOICES))
            self.say(
                Reply(((Span(str(UserError("theme", f"unknown theme '{name[:40]}'", right)), "fail"),),), ok=False)
            )
            return
        after = CHOICES[(CHOICES.index(app.colours.name) + 1) % len(CHOICES)] if app.colours.name in CHOICES else "dark"
        theme = app.take_theme(name or after)
        self.ui.look = self.ui.look._replace(ansi=theme.ansi)
        self.canvas.retheme(theme)
        self.say(say(f"theme {theme.name}"))

    def _do_focus_next(self, _: str) -> None:
        self._focus(1)

    def _do_focus_previous(self, _: str) -> None:
        self._focus(-1)

    def _focus(self, by: int) -> None:
        session = self.session
        grid = grid_of(session, *self.size)
        if session is None or grid is None:
            return
        shown = sorted(PANELS) if grid.single or session.view.zoom else [box.panel for box in grid.boxes]
        at = shown.index(session.view.focus) if session.view.focus in shown else 0
        session.view.focus = shown[(at + by) % len(shown)]
        self.changed()

    def _do_copy(self, form: str) -> None:
        session = self.session
        if session is None:
            self.say(say(LOADING, ok=False))
            return
        from bptui.model import looks

        try:
            self.copy(looks.copied(session, form or "text"))
        except UserError as error:
            self.say(Reply(((Span(str(error), "fail"),),), ok=False))

    def _do_copy_panel(self, _: str) -> None:
        grid = grid_of(self.session, *self.size)
        if self.session is None or grid is None:
            self.say(say(LOADING, ok=False))
            return
        box = next((b for b in grid.boxes if b.panel == self.session.view.focus), grid.boxes[0])
        rows = paint(self.session, self.ui, *self.size)[box.y : box.y + box.height]
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


def _news(lines: tuple[Line, ...]) -> bool:
    """Does a move's line say more than where it went?"""
    return any(span.style.split()[0] in ("kink", "fail") or span.text.startswith(("breakpoint", "watch"))
               for line in lines for span in line if span.style)  # fmt: skip
