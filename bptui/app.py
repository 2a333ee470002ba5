"""The Textual App: terminal, theme, the debugger's screen, and a clean way out. Short on purpose.

The first frame is painted before NumPy is imported and before the network is read; SymPy is imported in its own thread,
when there is something to derive. Nothing here knows what is debugged.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen

from bptui.model.base.errors import UserError, as_user_error
from bptui.model.base.spans import plain
from bptui.model.debugger.reply import say
from bptui.screens.canvas import Canvas
from bptui.screens.copying import osc52
from bptui.screens.debugger import Debugger
from bptui.screens.driver import DiffMixin
from bptui.screens.signals import Signals
from bptui.screens.theme import Theme, choose
from bptui.surroundings import ALONE, Surroundings

if TYPE_CHECKING:
    from textual.driver import Driver

    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network
    from bptui.screens.player import Player

SWITCH = 0.001
"""Seconds that a thread may keep the interpreter: with Python's 5 ms a key would wait for what is derived."""
COLLECT = (3_000, 20, 50)
"""When Python looks for cycles: a frame makes thousands of short-lived spans, and with Python's 700 every key would pay
for a look or two."""
COLOURS = {None: 0, "standard": 16, "windows": 16, "256": 256, "truecolor": 1 << 24}


class BptuiApp(DiffMixin, App[None]):
    """`name` is shown at once; `load` reads the network, in a thread, after the first frame."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [  # noqa: RUF012
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
        Binding("ctrl+l", "redraw", show=False, priority=True),
    ]
    """The terminal's own keys; every other one is in the registry of commands."""
    CSS = "Screen { overflow: hidden hidden; }"

    def __init__(
        self, name: str, load: Callable[[], Network], *, start: Sequence[str] = (), around: Surroundings = ALONE
    ) -> None:
        super().__init__(ansi_color=True)  # colours are the theme's: nothing between may change them
        self.animation_level = "none"
        self.no_colours = around.no_color or self.no_color
        self.diff = os.environ.get("BPTUI_DIFF", "1") != "0"
        self.colours, self.unicode = self._choose(around.theme), around.unicode
        self.debugger = Debugger(name, self.colours, self.unicode)
        self.session: Session | None = None
        self.error: UserError | None = None
        self.leaving = self.signalled = False
        self.signals = Signals(self.end, self.abandon)
        self._load, self._start = load, tuple(start)
        self._around, self._keeper, self._notices = around, around.keeper, list(around.notices)

    def get_default_screen(self) -> Debugger:
        """The one screen."""
        return self.debugger

    def get_driver_class(self) -> type[Driver]:
        """Textual's driver for this system or a browser; of the usual ones, those with a filter before their keys."""
        made = super().get_driver_class()
        if made.__name__ == "WebDriver" and os.name == "posix":
            from bptui.screens.browser import BrowserDriver

            return BrowserDriver
        if made.__name__ != "LinuxDriver":
            return made
        from bptui.screens.keyboard import KeyboardDriver

        return KeyboardDriver

    def _choose(self, wanted: str | None) -> Theme:
        return choose(wanted, no_color=self.no_colours, colours=COLOURS.get(self.console.color_system, 1 << 24))

    def take_theme(self, name: str) -> Theme:
        """Change the colours; NO_COLOR and 16 colours keep theirs."""
        self.colours = self._choose(name)
        return self.colours

    def on_mount(self) -> None:
        """Paint first, then load."""
        self.signals.wake(asyncio.get_running_loop())
        self.app_resume_signal.subscribe(self, self._back)
        self.call_after_refresh(self.set_timer, 0.02, self._begin)

    def action_redraw(self) -> None:
        """Something else has written on the terminal: all of the screen is sent again."""
        self._back(None)

    def _back(self, _: object) -> None:
        """After SIGTSTP and SIGCONT the shell has had the terminal: all of the screen is sent again."""
        self.forget_screen()
        self.screen.query_one(Canvas).refresh()

    def _begin(self) -> None:
        self.run_worker(self._read, thread=True, exit_on_error=False, name="load")

    def _read(self) -> None:
        """In a thread: NumPy, the network, its first training step."""
        try:
            from bptui.model.debugger.session import Session
            from bptui.screens.opening import ready

            session = Session(self._load())
            ready(session, *self.size)
            if self._keeper is not None:
                self._notices.append(self._keeper.begin(session))
        except Exception as problem:
            self.call_from_thread(self._fail, as_user_error(problem))
        else:
            self.call_from_thread(self._opened, session)

    def _opened(self, session: Session) -> Awaitable[None] | None:
        """The network is loaded."""
        self._loaded(session)
        return None

    def _fail(self, error: UserError) -> None:
        self.error = error
        self.exit(return_code=2)

    def _loaded(self, session: Session) -> None:
        self.session = session
        self.debugger.recorder, self.debugger.player = self._around.recorder, self._around.player
        self.debugger.ui.bindings = self._around.bindings
        if self._around.typed is not None:
            self.debugger.command_line.history = list(self._around.typed.lines)
        self.debugger.begin(session)
        notices, self._notices = [text for text in self._notices if text], []
        if notices:
            self.debugger.say(say(*notices))
        for line in self._start:
            self.debugger.run(line)
        if self.debugger.player is not None:
            self.run_worker(self._play(self.debugger.player), name="replay")

    async def _play(self, player: Player) -> None:
        """A replay; where nobody sees it, that is all."""
        await player.play(self.debugger)
        if player.hidden and not self.leaving:
            self.leave()

    def to_clipboard(self, text: str) -> None:
        """To the clipboard of the terminal that this is seen in."""
        self._clipboard = text
        if self._driver is not None:
            self._driver.write(osc52(text))
            self._driver.flush()

    def exit(self, result: None = None, return_code: int = 0, message: object = None) -> None:
        """Leave, with the first of the exit codes that are given."""
        if not self.leaving:
            self.leaving = True
            self._stop()
            super().exit(return_code=return_code)

    async def on_event(self, event: events.Event) -> None:
        """Who leaves takes no more keys: those that wait would keep the program until they are done. Else a key is
        given to its screen at once: as one more message it would wait for its turn in one more queue."""
        if self.leaving and isinstance(event, events.InputEvent | events.Paste):
            return
        if not (isinstance(event, events.Key) and await self._given(event)):
            await super().on_event(event)

    async def _given(self, event: events.Key) -> bool:
        """Give a key to the screen, where that takes keys."""
        take = getattr(self.screen, "on_key", None)
        if take is None or not self.screen.is_running:
            return False
        if not await self._check_bindings(event.key, priority=True):
            take(event)
        return True

    def end(self, code: int) -> None:
        """Leave because of a signal, which may come at any time, in the midst of anything."""
        self.signalled = True
        loop = self._loop
        if loop is None or loop.is_closed():
            raise SystemExit(code)
        loop.call_soon_threadsafe(self.exit, None, code)

    def keep(self) -> str:
        """Keep the session for the next start, once; what went wrong, if anything, here or in recording."""
        session, self.session = self.session, None
        if self._around.opens and session is not None:
            from bptui.recent import remember

            remember(self._around.opens, plain(session.where()))
        if self._around.typed is not None and session is not None:
            self._around.typed.keep(self.debugger.command_line.history)
        if self._around.recorder is not None and (lost := self._around.recorder.close()):
            return lost
        return self._keeper.end(session) if self._keeper is not None and session is not None else ""

    def abandon(self) -> None:
        """Put the terminal back from another thread, where the screen's own does not answer."""
        with suppress(Exception):  # whatever the screen's thread is in the midst of
            self.keep()
        with suppress(Exception):
            self._stop()
        abandon = getattr(self._driver, "abandon", None)
        if abandon is not None:
            abandon()

    def on_unmount(self) -> None:
        """Nothing goes on behind."""
        self._stop()

    def _stop(self) -> None:
        """End what any screen computes."""
        for screen in (self.debugger, *self.screen_stack):
            stop = getattr(screen, "stop", None)
            if stop is not None:
                stop()

    async def open_debugger(self, name: str, session: Session) -> None:
        """The debugger over this screen, on a session that is there already; `leave` comes back."""
        self.debugger = Debugger(name, self.colours, self.unicode)
        await self.push_screen(self.debugger)
        self._loaded(session)

    def refuse(self, error: UserError) -> None:
        """What was to stand on the screen cannot be made: what is under it says why."""
        if len(self.screen_stack) > 1:
            self.leave()
            under: Any = self.screen
            under.refuse(error)
        else:
            self._fail(error)

    def leave(self) -> None:
        """A screen is left: to the one under it, or out of the program."""
        if len(self.screen_stack) < 2:
            self.exit()
            return
        lost = self.keep()
        self.pop_screen()
        under: Any = self.screen
        under.retheme(self.colours)
        if lost:
            under.refuse(UserError("bptui", lost))


class ScreenApp(BptuiApp):
    """Another screen first (an explorer, the playground, a lesson), the debugger over it when it is asked for."""

    def __init__(self, screen: Callable[[Theme, bool], Screen[None]], around: Surroundings = ALONE) -> None:
        super().__init__("", _nothing, around=around)
        self.first = screen(self.colours, self.unicode)
        if isinstance(self.first, Debugger):
            self.debugger = self.first

    def get_default_screen(self) -> Screen[None]:  # type: ignore[override]  # not always a debugger
        """The screen under all others."""
        return self.first

    def _begin(self) -> None:
        """The screen loads what it shows itself."""


def _nothing() -> Network:
    raise UserError("bptui", "there is no network yet")


def run(
    name: str, load: Callable[[], Network], *, start: Sequence[str] = (), around: Surroundings = ALONE,
    size: tuple[int, int] | None = None,
) -> int:  # fmt: skip
    """Debug what `load` returns on the screen, or, where it has a `size` of its own, where nobody sees it; returns the
    exit code (2 after a UserError, told in one line)."""
    return on_screen(BptuiApp(name, load, start=start, around=around), size)


def screen(first: Callable[[Theme, bool], Screen[None]], around: Surroundings) -> int:
    """A screen of its own (a lesson); returns the exit code."""
    return on_screen(ScreenApp(first, around))


def on_screen(app: BptuiApp, size: tuple[int, int] | None = None) -> int:
    """Run an App until it is left; returns the exit code. With a `size` nobody sees it."""
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*COLLECT)
    with app.signals:
        try:
            app.run(mouse=False, headless=size is not None, size=size)
        finally:
            lost = app.keep()
    if app.signalled:
        raise SystemExit(app.return_code)
    if lost:
        print(f"bptui: {lost}", file=sys.stderr)
    for error in getattr(app.error, "errors", [app.error] if app.error is not None else []):  # a lesson has several
        print(f"bptui: error: {error}", file=sys.stderr)
    return app.return_code or 0
