"""Explorers for a class: P hides what is asked, a clicker shows it and goes on, escape ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from textual.pilot import Pilot

from bptui.app import StageApp
from bptui.model.base.spans import plain
from bptui.screens.explore import EXPLORERS, board
from bptui.screens.keys import PRESENT
from tests.screens.test_stage import on_stage


class At:
    """The app under test."""

    def __init__(self, app: StageApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def rows(self) -> list[str]:
        """What the stage shows."""
        return [plain(row) for row in self.app.stage.canvas.rows]

    async def press(self, *keys: str) -> None:
        """Press keys, and wait for what is computed."""
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()
            while self.app.stage.worker.job is not None:
                await self.pilot.pause()


@asynccontextmanager
async def exploring(name: str, width: int = 80, height: int = 24) -> AsyncIterator[At]:
    app = StageApp(name, partial(board, name))
    async with app.run_test(size=(width, height)) as pilot:
        at = At(app, pilot)
        while app.stage.board is None or app.stage.worker.job is not None:
            await pilot.pause()
        yield at


@pytest.mark.parametrize("name", EXPLORERS)
async def test_what_is_asked_is_hidden_until_the_clicker_shows_it(name: str) -> None:
    async with exploring(name) as at:
        before = at.rows
        await at.press("P")
        asks = at.app.stage.board.asks if at.app.stage.board is not None else None
        assert asks is not None
        assert at.rows[-2].strip() == asks.question
        assert "pgdn the answer" in at.rows[-1]
        asked = sum(row.count(" ? ") for row in at.rows[:-1])
        assert asked
        await at.press("pagedown")
        assert "pgdn next" in at.rows[-1]
        assert not any(" ? " in row for row in at.rows[:-1])
        await at.press("pageup")
        assert sum(row.count(" ? ") for row in at.rows[:-1]) == asked
        await at.press("pagedown", "pagedown")
        assert at.app.stage.board is not None
        assert at.app.stage.board.hide == at.app.stage.board.asks.hide  # type: ignore[union-attr]
        await at.press("escape")
        assert not at.app.stage.presents
        assert not at.app.stage.board.hide
        assert at.rows[-1] == before[-1]


async def test_a_chain_asks_for_its_slope_at_each_start() -> None:
    async with exploring("chain") as at:
        await at.press("P")
        assert at.rows[-2].strip() == "What is dy/dx?"
        assert not any("36.0000" in row and "=" in row for row in at.rows[12:])
        await at.press("pagedown")
        assert any(row.split()[-1] == "36.0000" for row in at.rows[12:-2] if row.split())
        await at.press("pagedown")
        assert "x 2.1000" in at.rows[0]


async def test_a_board_that_asks_nothing_says_so() -> None:
    async with on_stage() as at:
        await at.press("P")
        assert "nothing is asked here" in at.text
        assert PRESENT.find("pagedown")[0] == "next"


async def test_flow_does_not_tell_by_marks_what_it_asks() -> None:
    async with exploring("flow") as at:
        assert "✗" in next(row for row in at.rows if row.startswith(" layer1 "))
        await at.press("P")
        rows = [row for row in at.rows if row.startswith(" layer") and row[7:8] == " "]
        assert len(rows) == 5
        assert not any(mark in row for row in rows for mark in "✗✓!")
