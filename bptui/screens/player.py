"""A replay on the screen: each line after its pause, shown before it is carried out, and held to what was recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.events import Resize
from textual.geometry import Size

from bptui import replay
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Span
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.script import ScriptError
from bptui.screens.keys import REPLAY
from bptui.screens.render import fit, length

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.replay import Entry, Replay
    from bptui.screens.canvas import Canvas
    from bptui.screens.frame import Ui
    from bptui.screens.runner import Runner

LOOK = 0.01
"""Seconds between two looks whether a command is done."""


async def _resize(app: App[object], size: Size) -> None:
    """Give the screen that nobody sees another size, and wait until it has it."""
    if isinstance(app._driver, HeadlessDriver):
        app._driver._size = size
        app.post_message(Resize(size, size))
        while app.screen.size != size:
            await asyncio.sleep(LOOK)


class Played(Protocol):
    """The debugger's screen, as a replay drives it; `error` is why the last command was refused."""

    session: Session | None
    error: UserError | None
    ui: Ui
    canvas: Canvas
    runner: Runner

    @property
    def app(self) -> App[object]: ...
    @property
    def size(self) -> Size: ...

    def take(self, key: str) -> None: ...
    def run(self, text: str) -> None: ...
    def say(self, reply: Reply) -> None: ...


class Player:
    """Plays a replay once. `pace`: seconds before each line, None for those that were recorded; `hidden`: nobody looks.

    failed   the first line that did not do what it was to do; it is the last that is played
    playing  is there more to come?
    """

    def __init__(self, made: Replay, pace: float | None = None, hidden: bool = False) -> None:
        self._replay, self.hidden = made, hidden
        self._pauses = made.pauses(0.0 if hidden else pace)
        self._next, self._resumed = asyncio.Event(), asyncio.Event()
        self._resumed.set()
        self.failed: UserError | None = None
        self.playing = True

    async def play(self, debugger: Played) -> None:
        """All lines, up to the first that fails, or to `end`."""
        assert debugger.session is not None
        debugger.session.scripts.replayed = True
        for entry, pause in zip(self._replay.entries, self._pauses, strict=True):
            if pause:
                self._announce(debugger, entry)
                await self._wait(pause)
            if not self.playing or debugger.runner.closed:
                break
            await self._carry_out(debugger, entry)
            if self.failed is not None:
                debugger.say(Reply(((Span(str(self.failed), "fail"),),), ok=False))
                break
        self.playing = debugger.session.scripts.replayed = False
        if self.failed is None and any(self._pauses) and not debugger.runner.closed:
            debugger.say(say("the replay is over"))

    async def _carry_out(self, debugger: Played, entry: Entry) -> None:
        assert debugger.session is not None
        if entry.size is not None:
            if self.hidden:
                await _resize(debugger.app, Size(*entry.size))
            return
        debugger.error = None
        if entry.key:
            debugger.take(entry.key)
        else:
            debugger.run(entry.do)
        while debugger.runner.busy:
            await asyncio.sleep(LOOK)
        if not debugger.runner.closed and (wrong := replay.judge(debugger.session, entry, debugger.error)):
            self.failed = wrong if isinstance(wrong, ScriptError) else ScriptError(self._replay.origin(entry), wrong)

    def _announce(self, debugger: Played, entry: Entry) -> None:
        """What comes next, in the place of the footer."""
        shown = f":{entry.do}" if entry.do else entry.key
        said = (Span(" ▶ ", "reverse"), Span(f" {shown}  ", "text bold"), Span(entry.caption))
        keys = [
            span for key, word in REPLAY.footer() for span in (Span(f"  {key}", "text bold"), Span(f" {word}", "dim"))
        ]
        room = debugger.size.width - 2 - length(keys)
        debugger.ui.message = (*fit(said, room), *keys) if room >= length(said[:2]) else said
        debugger.canvas.repaint()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._next.wait(), seconds)
        except TimeoutError:
            await self._resumed.wait()
        self._next.clear()

    def press(self, word: str) -> None:
        """A key of the place in which a replay is played: next, pause or end."""
        if word == "pause" and self._resumed.is_set():
            self._resumed.clear()
        else:
            self.playing = self.playing and word != "end"
            self._resumed.set()
            if word != "pause":
                self._next.set()
