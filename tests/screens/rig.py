"""The debugger without a terminal: Textual's Pilot, and the screen as text. Waits for workers, never for time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from unittest import mock

import textual.app
import textual.pilot
from textual._context import active_app
from textual.app import App
from textual.pilot import Pilot

from bptui.app import BptuiApp, ScreenApp
from bptui.model.base.spans import plain
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network, load
from bptui.screens.board import Board
from bptui.screens.stage import Stage
from bptui.surroundings import ALONE, Surroundings


async def processed(*_: float) -> None:
    """Wait until the app and what is on its screen have no message left, nor one that these made.

    It stands for Textual's `wait_for_idle`, which sleeps until the process has used little of the processor for 20 ms:
    for seconds at each key while SymPy derives in its thread, and never for what a test waits for.
    """
    app, quiet = active_app.get(), 0
    async with asyncio.timeout(60.0):
        while quiet < 5:  # a key goes through the driver, the app and the screen to the widget
            resizing = app._resize_event is not None and app.is_running  # a size is taken 8 ms after it was told
            await asyncio.sleep(0.001 if resizing else 0)
            pumps = [app] + [each for screen in app.screen_stack for each in screen.walk_children(with_self=True)]
            reading = [pump for pump in pumps if not pump._closing and not pump._closed]
            quiet = 0 if resizing or any(not pump._message_queue.empty() for pump in reading) else quiet + 1


@asynccontextmanager
async def piloted(app: App[None], width: int = 80, height: int = 24) -> AsyncIterator[Pilot[None]]:
    """An app that runs without a terminal, and a Pilot who waits for messages, not for time."""
    with (
        mock.patch.object(textual.app, "wait_for_idle", processed),
        mock.patch.object(textual.pilot, "wait_for_idle", processed),
    ):
        async with app.run_test(size=(width, height)) as pilot:
            yield pilot


async def loaded(app: BptuiApp) -> None:
    """Wait until the network is read, and its session handed over."""
    while app.debugger.session is None and app.return_code is None:
        await asyncio.sleep(0.002)


class Screen:
    """An app under test: press keys, read rows."""

    def __init__(self, app: BptuiApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def session(self) -> Session:
        """The session, which must be loaded."""
        assert self.app.session is not None
        return self.app.session

    @property
    def rows(self) -> list[str]:
        """The rows as text."""
        return [plain(row) for row in self.app.debugger.canvas.rows]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.rows)

    async def press(self, *keys: str) -> None:
        """Press keys and wait until what they started has ended."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def type(self, text: str) -> None:
        """Type text, character by character."""
        await self.pilot.press(*[{" ": "space"}.get(c, c) for c in text])
        await self.pilot.pause()

    async def run(self, line: str) -> None:
        """Run a command line through the `:` line."""
        await self.press("colon")
        await self.type(line)
        await self.press("enter")

    async def settle(self) -> None:
        """Wait for the loading, for a command that is still running, and for what SymPy derives of itself."""
        await self.app.workers.wait_for_complete()
        job = self.app.debugger.runner.job
        if job is not None:
            await asyncio.wrap_future(job)
        await self.pilot.pause()
        explainer = self.app.debugger.explainer
        if explainer is not None:
            await asyncio.to_thread(explainer.service.wait, 60.0)
            await self.pilot.pause()

    async def derived(self) -> None:
        """Wait until everything that was asked for is derived and checked, and drawn."""
        self.app.debugger.check()
        explainer = self.app.debugger.explainer
        assert explainer is not None
        assert await asyncio.to_thread(explainer.service.wait, 60.0)
        await self.pilot.pause()


@asynccontextmanager
async def debug(
    target: str | Callable[[], Network] = "xor", width: int = 80, height: int = 24, **options: Any
) -> AsyncIterator[Screen]:
    """The debugger on `target`, loaded and drawn."""
    if isinstance(target, str):
        name, make = target, lambda: load(target)
    else:
        name, make = "test", target
    looks = {option: options.pop(option) for option in ("theme", "no_color", "unicode") if option in options}
    around = options.pop("around", ALONE)._replace(**looks)
    app = BptuiApp(name, make, around=around, **options)
    async with piloted(app, width, height) as pilot:
        screen = Screen(app, pilot)
        await loaded(app)
        await screen.settle()
        yield screen


class StageApp(ScreenApp):
    """A board (an explorer, the playground) first."""

    def __init__(self, title: str, make: Callable[[], Board], around: Surroundings = ALONE) -> None:
        super().__init__(partial(Stage, title, make), around)

    @property
    def stage(self) -> Stage:
        """The board's screen."""
        assert isinstance(self.first, Stage)
        return self.first
