"""The debugger without a terminal: Textual's Pilot, and the screen as text. Waits for workers, never for time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from bptui.app import BptuiApp
from bptui.model.base.spans import plain
from bptui.model.debugger.session import Session
from bptui.model.source.network import Network, load


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
        """Wait for the loading, for a command that is still running, and for the symbolic worker."""
        await self.app.workers.wait_for_complete()
        job = self.app.debugger.runner.job
        if job is not None:
            await asyncio.wrap_future(job)
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
    target: str | Callable[[], Network] = "xor", width: int = 80, height: int = 24, **options: object
) -> AsyncIterator[Screen]:
    """The debugger on `target`, loaded and drawn."""
    if isinstance(target, str):
        name, make = target, lambda: load(target)
    else:
        name, make = "test", target
    app = BptuiApp(name, make, **options)  # type: ignore[arg-type]
    async with app.run_test(size=(width, height)) as pilot:
        screen = Screen(app, pilot)
        await screen.settle()
        while app.debugger.session is None:  # what was loaded is handed over in a call of its own
            await pilot.pause()
        await screen.settle()
        yield screen
