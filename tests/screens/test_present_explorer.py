"""Explorers for a class: P hides what is asked, a clicker shows it and goes on, escape ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from textual.pilot import Pilot

from bptui.model.base.spans import plain
from bptui.screens.explore import EXPLORERS, board
from bptui.screens.explore.rate import KEPT
from bptui.screens.keys import PRESENT
from bptui.screens.panels.choices import counts
from tests.screens.rig import StageApp
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


@pytest.mark.corpus(rows=2)
@pytest.mark.parametrize("name", EXPLORERS)
async def test_what_is_asked_is_hidden_until_the_clicker_shows_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bptui.screens.explore.race.PACE", 0.0)
    async with exploring(name) as at:
        before = at.rows
        await at.press("P")
        asks = at.app.stage.board.asks if at.app.stage.board is not None else None
        assert asks is not None
        first = next(n for n, row in enumerate(at.rows) if row.strip() == asks.question)
        assert [choice.mistake for choice in asks.choices].count("") == 1
        assert all(choice.text in " ".join(at.rows[first + 1 : -1]) for choice in asks.choices)
        assert "pgdn the answer" in at.rows[-1]
        wrong = next(n for n, choice in enumerate(asks.choices, 1) if choice.mistake)
        await at.press(str(wrong))
        assert f"▸  {wrong} " in " ".join(at.rows[first:])
        assert "✓" not in " ".join(at.rows[first:])
        asked = sum(row.count(" ? ") for row in at.rows[:-1])
        assert asked
        await at.press("pagedown")
        assert "pgdn next" in at.rows[-1]
        assert at.rows[first].strip() == asks.question  # nothing moves
        assert f"✗  {wrong} " in " ".join(at.rows[first:])
        assert asks.choices[wrong - 1].mistake in " ".join(" ".join(at.rows[first:]).split())
        assert not any(" ? " in row for row in at.rows[:-1])
        await at.press("pageup")
        assert sum(row.count(" ? ") for row in at.rows[:-1]) == asked
        await at.press("pagedown", "pagedown")
        assert at.app.stage.board is not None
        assert at.app.stage.board.hide == at.app.stage.board.asks.hide  # type: ignore[union-attr]
        await at.press("escape")
        assert not at.app.stage.classroom.on
        assert not at.app.stage.board.hide
        assert at.rows[-1] == before[-1]


async def test_a_chain_asks_for_its_slope_at_each_start() -> None:
    async with exploring("chain") as at:
        await at.press("P")
        assert "What is dy/dx?" in [row.strip() for row in at.rows]
        assert "36.0000" in " ".join(at.rows[-4:])
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


async def test_pages_turn_by_themselves_until_space() -> None:
    async with exploring("chain") as at:
        stage, ticks = at.app.stage, list[tuple[float, Callable[[], None]]]()

        class Never:
            def stop(self) -> None:
                ticks.clear()

        def every(seconds: float, turn: Callable[[], None]) -> Never:
            ticks.append((seconds, turn))
            return Never()

        stage.classroom.autoplay.every = every
        stage.run("autoplay 7")
        stage.changed()
        await at.pilot.pause()
        assert stage.classroom.on
        assert [seconds for seconds, _ in ticks] == [7.0]
        assert "space stop" in at.rows[-1]
        for shown in ("pgdn next", "pgdn the answer", "pgdn next"):
            ticks[0][1]()
            await at.pilot.pause()
            assert shown in at.rows[-1]
        assert "x 2.1000" in at.rows[0]
        await at.press("space")
        assert not ticks
        assert "the pages stand still" in at.rows[-1]
        stage.run("autoplay 0.1")
        assert "a page cannot stand for 0.1 seconds" in "".join(span.text for span in stage.message)


@pytest.mark.parametrize(("rate", "right"), [(0.01, 0), (0.1, 1), (0.2, 2), (0.3, 3)])
def test_what_a_step_of_a_rate_does_is_among_the_answers(rate: float, right: int) -> None:
    """Darts: below 0.1 it falls, 0.1 hits with half of what was promised, 0.2 swings, above it flies away."""
    made = board("rate")
    made.run(f"rate {rate}")
    assert made.asks is not None
    assert [choice.text for choice in made.asks.choices if not choice.mistake] == [KEPT[right]]


@pytest.mark.parametrize(("right", "of"), [(118, 120), (60, 120), (0, 3), (120, 120), (1, 1), (0, 0)])
def test_counts_have_one_right_answer_and_no_two_alike(right: int, of: int) -> None:
    found = counts(right, of)
    assert [choice.text for choice in found if not choice.mistake] == [str(right)]
    assert len({choice.text for choice in found}) == len(found)
