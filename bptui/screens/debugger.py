"""The debugger: keys become command lines, command lines change the Session, and the frame is drawn from it again.

It keeps what only a screen has: the line that is typed, what lies over the panels, a command that is still running.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.timer import Timer

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.completion import complete
from bptui.model.debugger.commands.row import shown
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.script import ScriptLine
from bptui.screens import help as manual
from bptui.screens.autoplay import Autoplay
from bptui.screens.canvas import Canvas, in_thread_of, taken
from bptui.screens.command_line import CommandLine
from bptui.screens.frame import Ui, focused, focused_scene, paint, panel_line
from bptui.screens.keys import PANEL, REPLAY, RUNNING
from bptui.screens.panels import PANELS, move_element, panel, standing
from bptui.screens.presenting import Presenting
from bptui.screens.render import RenderOptions
from bptui.screens.runner import Runner
from bptui.screens.screen_commands import refused
from bptui.screens.theme import Theme
from bptui.screens.trials import Trials

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.recorder import Recorder
    from bptui.screens.explain import Explainer
    from bptui.screens.player import Player

REST = 0.45  # seconds that a Moment is looked at before it is checked: who steps on does not wait for checks


class Debugger(Presenting, Screen[None]):
    """One Session on one screen."""

    CSS_PATH = "styles/debugger.tcss"
    AUTO_FOCUS = "Canvas"

    def __init__(self, name: str, theme: Theme, unicode: bool = True) -> None:
        super().__init__()
        self.session: Session | None = None
        self.ui = Ui(name=name, look=RenderOptions(unicode=unicode, ansi=theme.ansi))
        self.canvas = Canvas(self._paint, theme)
        self.typing: CommandLine | None = None
        self.palette: manual.Palette | None = None
        self.command_line = CommandLine()
        self.runner = Runner(self._done, partial(in_thread_of, self))
        self._timer: Timer | None = None
        self._loading: list[str] = []
        self.explainer: Explainer | None = None
        self.recorder: Recorder | None = None
        self.player: Player | None = None
        self.error: UserError | None = None
        self.trials = Trials(self._more)
        self.autoplay = Autoplay(self.set_interval, self._turn_page)
        self._news = False
        self._resting: Timer | None = None
        self._drawn: tuple[tuple[int, int], list[Line]] = ((0, 0), [])
        self._mode, self._focused = "", standing("main").number

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
            ui.bottom = self.palette.editor.line(width)
            ui.choices = self.palette.lines(width, max(1, min(16, height - 4)))
        else:
            ui.bottom, ui.choices = (), ()
        ui.progress, ui.turning = self.runner.progress, self.autoplay.running
        if self.runner.job is None:
            self._drawn = (width, height), paint(self.session, ui, width, height)
            return self._drawn[1]
        bare = paint(None, ui, width, height)
        return [*self._drawn[1][:-1], bare[-1]] if self._drawn[0] == (width, height) else bare

    # ------------------------------------------------------------------------------------------------ what happens

    def begin(self, session: Session) -> None:
        """The network is loaded: from now on there is something to debug."""
        self.session = session
        self.changed()
        waiting, self._loading = self._loading, []
        for text in waiting:
            self.run(text)

    def changed(self) -> None:
        """Draw what is different now."""
        explained = self.session is not None and self.runner.job is None
        if explained:
            self.explain()
        self.canvas.repaint()
        if explained:
            self._rest()

    def explain(self) -> None:
        """The card of this Moment, as far as it is derived by now."""
        if self.explainer is None:
            from bptui.screens.explain import Explainer

            assert self.session is not None
            self.explainer = Explainer(self.session, self._more)
            self.ui.rules, self.ui.badges = self.explainer.service, self.explainer.badges
        try:
            self.ui.card, self.ui.defect = self.explainer.card(self.ui.look.unicode), ""
            self.ui.checks = self.explainer.counts()
        except Exception as defect:  # the numbers are shown without it
            self.ui.card, self.ui.defect = None, f"{type(defect).__name__}: {defect}"

    def _rest(self) -> None:
        """What takes its time has it when the screen is drawn: the checks of a Moment that is looked at, remedies."""
        if self.session is not None:
            self.trials.ask(self.session.branch)
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST, self.check)

    def check(self) -> None:
        """This Moment is being looked at: have it checked."""
        if self.explainer is not None and self.runner.job is None:
            self.explainer.check()

    def _more(self) -> None:
        """Something was derived: draw it. Many at once are drawn once."""
        if not self._news:
            self._news = True
            in_thread_of(self, self._tell)

    def _tell(self) -> None:
        self._news = False
        if self.runner.job is None:
            self.changed()

    def run(self, text: str) -> None:
        """One command line."""
        if self.session is None:
            self._early(text)
            return
        if self.runner.job is None:
            self._mode, self._focused = self.session.view.mode, self.session.view.focus
        self.runner.run(self.session, text)
        if self.runner.busy and self._timer is None:
            self._timer = self.set_interval(0.1, self.canvas.repaint)

    def _early(self, text: str) -> None:
        """Before the network is there: what the screen itself does is done, the rest waits in line."""
        try:
            command, argument = registry.split(text)
        except UserError as error:
            self.say(refused(error))
            return
        if command is not None and (asks := command.asked(argument)):
            self.ask(asks, ScriptLine(text))
        elif command is not None:
            self._loading.append(text)

    def _done(self, line: ScriptLine, job: Future[Reply]) -> None:
        if self._timer is not None and not self.runner.busy:
            self._timer.stop()
            self._timer = None
        error: UserError | None = None
        try:
            reply = job.result()
        except UserError as problem:
            reply, error = refused(problem), problem
            self.runner.drop_scripts()
        except Exception as defect:
            reply = Reply(((Span(f"a defect of bptui: {type(defect).__name__}: {defect}", "fail reverse"),),), ok=False)
        session = self.session
        view = session.view if session is not None else None
        if session is not None and session.view.mode != self._mode:  # what needs the whole width has it with the focus
            session.view.focus = next((each.number for each in PANELS if each.wide(session)), session.view.focus)
        if view is not None and (
            (view.mode != self._mode and reply.ok) or (reply.seen and (not view.present or self._presents_paths()))
        ):
            reply = Reply()  # it is seen
        if view is not None and panel(view.focus, session) is None:
            wanted, view.focus = view.focus, self._focused
            reply = refused(UserError("focus", f"there is no panel {wanted}", f"1 to {PANELS[-1].number}"))
        if view is not None:
            self._mode, self._focused = view.mode, view.focus
        if session is not None and reply.then:
            self.runner.insert(session, reply.then)
        if reply.asks is not None:
            self.ask(reply.asks, line)
        else:
            self.say(reply)
            if not reply.then:
                self.carried_out(line, error)

    def carried_out(self, line: ScriptLine, error: UserError | None) -> None:
        """A command line has come to its end; `error` is why it was refused."""
        self.error = error
        if self.recorder is not None and self.session is not None:
            self.recorder.command(self.session, line.text, error)

    def stop(self) -> None:
        """End what is running, and wait for nothing more."""
        if self.explainer is not None:
            self.explainer.close()
        self.trials.close()
        self.runner.close()

    def retheme(self, theme: Theme) -> None:
        """The colours that were chosen on another screen."""
        self.ui.look = self.ui.look._replace(ansi=theme.ansi)
        self.canvas.retheme(theme)

    def refuse(self, error: UserError) -> None:
        """What cannot be had, in one line."""
        self.say(refused(error))

    # ------------------------------------------------------------------------------------------------ keys

    def on_key(self, event: events.Key) -> None:
        """Every key comes here; what it does stands in the registry."""
        key = taken(event)
        if self.runner.busy:
            word, _ = RUNNING.find(key)
            if word == "cancel":
                self.runner.cancel()
                if self.player is not None:
                    self.player.press("end")
            elif word == "leave":
                self.leave()
        elif self.player is not None and self.player.playing:
            word, _ = REPLAY.find(key)
            if word == "leave":
                self.leave()
            elif word:
                self.player.press(word)
        elif self.typing is not None:
            self._type(key, event.character)
        elif self.palette is not None:
            self._choose(key, event.character)
        else:
            self.take(key)

    def take(self, key: str) -> None:
        """A key while nothing is typed in and nothing runs."""
        if self.ui.pages and self._turn(key):
            self.canvas.repaint()
            if self.typing is None:  # a search in what is shown is no part of a record
                self._record_key(key)
        else:
            self.press(key)

    def _record_key(self, key: str) -> None:
        if self.recorder is not None and self.session is not None:
            self.recorder.key(self.session, key, (self.size.width, self.size.height))

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text belongs to the line; without one it is dropped, so that it never runs as keys."""
        event.stop()
        if self.typing is not None:
            self.typing.insert(event.text)
        elif self.palette is not None:
            self.palette.paste(event.text)
        self.canvas.repaint()

    def press(self, key: str) -> None:
        """A key, by the registry's name, while nothing is typed in."""
        said = bool(self.ui.message or self.ui.pages)
        self.ui.message, self.ui.pages.rows = (), ()
        found, (word, by) = self.ui.bindings.find(key), PANEL.find(key)
        if not (key == "escape" and said) and self._presenting(key):
            return
        if found is not None:
            command, text = found
            text = panel_line(self.session, *self.size, key) or text
            argument = text.partition(" ")[2].strip()
            if text.endswith(" "):
                selected = self.session.settable if self.session is not None else ""
                start, place, end = text.partition("{selected}")
                line = f"{start}{selected}{end}" if place and selected else start
                self.open(":", line) if command.word != "search" else self.open("/", "")
            elif key == "escape" and said:
                self.canvas.repaint()
            elif asks := command.asked(argument):
                self.ask(asks, ScriptLine(text))
            else:
                self.run(text)
        elif word == "move":
            self._arrow(*by)
            self._record_key(key)
        elif word == "enter":
            self._enter()
        elif word == "interrupt":
            self.say(say("q quits"))
        elif said:
            self.canvas.repaint()
        elif len(shown(key)) == 1:
            self.say(say(f"{shown(key)} is no key here: ? shows them"))

    def _type(self, key: str, character: str | None) -> None:
        line = self.typing
        assert line is not None
        end = line.press(key, character, self._complete)
        if end:
            self.typing = None
        if end == "done" and line.prefix == "/" and self.ui.pages:
            self._find_row(line.text.strip())
        elif end == "done" and line.text.strip():
            self.run(f"search {line.text}" if line.prefix == "/" else line.text)
        if end:
            self._go_on_defining(end)
        self.canvas.repaint()

    def _go_on_defining(self, end: str) -> None:
        """While a command of one's own is defined, its next line is typed; who leaves the line gives it up."""
        scripts = None if self.session is None else self.session.scripts
        if scripts is not None and scripts.defining is not None and end == "done":
            self.open(f"{scripts.defining}> ", "")
        elif scripts is not None and scripts.defining is not None:
            self.say(say(scripts.give_up()))

    def _complete(self, text: str) -> list[str]:
        line = self.typing
        if self.session is None:
            return sorted(c.word for c in registry.COMMANDS if c.word.startswith(text))
        if line is not None and line.prefix == "/":
            return [match.removeprefix("search ") for match in complete(self.session, f"search {text}")]
        return complete(self.session, text)

    def _choose(self, key: str, character: str | None) -> None:
        palette = self.palette
        assert palette is not None
        end = palette.press(key, character)
        if end:
            self.palette = None
        self.canvas.repaint()
        if end == "run":
            command = palette.found[palette.chosen]
            if command.needed:
                self.open(":", command.word + " ")
            elif asks := command.asked(""):
                self.ask(asks, ScriptLine(command.word))
            else:
                self.run(command.line.strip() or command.word)

    def open(self, prefix: str, text: str) -> None:
        self.typing = self.command_line
        self.typing.open(prefix, text)
        self.canvas.repaint()

    def _arrow(self, down: int, right: int) -> None:
        """Move in the focused panel; where nothing moved, it is said why."""
        scene = focused_scene(self.session, self.ui, *self.size)
        if scene is not None:
            before = self.canvas.rows
            present = scene.session.view.present and not self._presents_paths()
            move = move_element if present else focused(scene.session).move
            why = move(scene, down, right)
            self.changed()
            if self.canvas.rows == before:
                self.say(say(why or "the end"))

    def _enter(self) -> None:
        """What enter opens in the focused panel."""
        scene = focused_scene(self.session, self.ui, *self.size)
        if scene is not None:
            row = focused(scene.session)
            line = row.enter(scene)
            self.run(line) if line else self._opens_nothing(row.name)

    def _opens_nothing(self, panel: str) -> None:
        """Enter where the focused panel has nothing to open."""
        self.say(say(f"enter opens nothing in {panel}"))
