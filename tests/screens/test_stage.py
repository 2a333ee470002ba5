"""The screen of a board: its keys, its lines, its thread, the debugger over it and the way back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event
from unittest import mock

import pytest
from textual.pilot import Pilot

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, plain
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.screens.board import Board, Work
from bptui.screens.keys import HORIZONTAL, STAGE, Key, Place
from bptui.screens.panels import status
from bptui.screens.render import RenderOptions
from tests.screens.rig import StageApp, piloted


class Counter(Board):
    """A number that left and right change, doubled in the worker's thread."""

    name = "counter"
    place = Place("In the counter", (
        Key("move", ("left", "right"), "The number", "number", HORIZONTAL),
        Key("never", ("n",), "A work that only an urgent key ends"),
        Key("break", ("b",), "A defect"),
    ))  # fmt: skip

    def __init__(self) -> None:
        self.number, self.doubled, self.wanted = 3, 0, ""
        self.begun, self.closed = Event(), False

    def status(self) -> tuple[Line, Line]:
        """A name, the number."""
        return (Span("counter"),), (Span(str(self.number), "text bold"),)

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """The number and its double."""
        return [(Span(f"{self.number} twice is {self.doubled}"),)]

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """Change the number."""
        self.wanted = "" if word == "move" else word
        self.number += by[1]
        return "" if self.number < 5 else "five is the end"

    def run(self, text: str) -> Reply:
        """`set N`."""
        word, _, rest = text.partition(" ")
        if word != "set":
            return super().run(text)
        self.number = int(rest)
        return say(f"it is {self.number}")

    def opening(self) -> Session:
        """xor, as far as the number says."""
        if self.number < 0:
            raise UserError("counter", "below 0 there is nothing to debug")
        session = Session(load("xor"))
        session.step(self.number)
        return session

    def work(self) -> Work | None:
        """Double it."""
        if self.wanted == "never":
            return self._never
        if self.wanted == "break":
            self.wanted = ""
            return self._break
        return self._double if self.doubled != 2 * self.number else None

    def _double(self, progress: Progress) -> None:
        self.doubled = 2 * self.number

    def _never(self, progress: Progress) -> None:
        self.begun.set()
        while True:
            progress.report(0, "")

    def _break(self, progress: Progress) -> None:
        raise RuntimeError("broken")

    def urgent(self) -> bool:
        """A move does not wait."""
        return self.wanted == ""

    def close(self) -> None:
        """It is left."""
        self.closed = True


class At:
    """The app under test."""

    def __init__(self, app: StageApp, pilot: Pilot[None], board: Counter) -> None:
        self.app, self.pilot, self.board = app, pilot, board

    @property
    def text(self) -> str:
        """What the stage shows."""
        return "\n".join(plain(row) for row in self.app.stage.canvas.rows)

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.app.workers.wait_for_complete()
        await self.pilot.pause()

    async def until(self, text: str) -> None:
        """Wait for the worker's news."""
        while text not in self.text:
            await self.pilot.pause(0.005)


@asynccontextmanager
async def on_stage(width: int = 80, height: int = 24) -> AsyncIterator[At]:
    board = Counter()
    app = StageApp("counter", lambda: board)
    async with piloted(app, width, height) as pilot:
        at = At(app, pilot, board)
        await at.until("twice")
        yield at


async def test_keys_change_the_board_and_the_worker_follows() -> None:
    async with on_stage() as at:
        await at.until("3 twice is 6")
        await at.press("right")
        await at.until("4 twice is 8")
        assert "left/right number" in at.text
        await at.press("right")
        assert "five is the end" in at.text
        await at.press("colon", *"set 2", "enter")
        assert "it is 2" in at.text
        await at.until("2 twice is 4")
        await at.press("colon", *"st 2", "enter")
        assert "st: is no command of counter" in at.text


async def test_the_debugger_at_this_point_and_back() -> None:
    async with on_stage() as at:
        await at.press("enter")
        assert at.app.session is not None
        assert at.app.screen is at.app.debugger
        assert at.app.session.stop == 3
        await at.press("q")
        assert at.app.screen is at.app.stage
        await at.press(*["left"] * 4, "enter")
        assert "below 0 there is nothing to debug" in at.text
        await at.press("q")
        assert at.board.closed
        assert not at.app.is_running


async def test_keys_are_read_to_their_end_and_a_dead_one_is_told() -> None:
    async with on_stage(60, 14) as at:
        await at.press("question_mark")
        assert "of 1" in at.text
        assert "esc close" in at.text.splitlines()[-1]
        seen = at.text
        await at.press("pagedown")
        seen += at.text
        await at.press("pagedown")
        seen += at.text
        assert all(row.summary.split()[-1] in seen for row in (*at.board.place.rows, *STAGE.rows))
        await at.press("q")
        assert "twice" in at.text
        await at.press("z")
        assert "z is no key here" in at.text
        await at.press("question_mark")
        await at.press("z")
        assert "twice" in at.text


async def test_help_of_a_word_is_the_debuggers() -> None:
    async with on_stage(60, 24) as at:
        await at.press("colon", *"help momentum", "enter")
        assert "momentum" in at.text.splitlines()[1]
        assert "These keys" not in at.text
        await at.press("escape", "colon", *"help momentun", "enter")
        assert "did you mean 'momentum'?" in at.text.splitlines()[-1]


async def test_what_is_computed_behind_the_debugger_is_not_drawn_over_it() -> None:
    """A board that draws while its debugger is open sends nothing, and is whole again when that is left."""
    async with on_stage() as at:
        await at.press("enter")
        sent: list[object] = []
        with (
            mock.patch.object(type(at.app), "direct", True, create=True),
            mock.patch.object(at.app, "send_rows", lambda rows, *_: sent.extend(rows) or len(rows)),
        ):
            at.board.number = 9
            at.app.stage.changed()
            await at.pilot.pause()
        assert not sent
        await at.press("q")
        await at.until("9 twice is 18")


async def test_an_urgent_key_ends_the_work_and_a_defect_is_one_line() -> None:
    async with on_stage() as at:
        await at.press("n")
        at.board.begun.wait()
        await at.press("left")
        await at.until("2 twice is 4")
        await at.press("b")
        await at.until("a defect of bptui: RuntimeError: broken")
        await at.press("question_mark")
        assert "A work that only an urgent key ends" in at.text
        assert "In every explorer" not in at.text
        await at.press("escape")
        assert "twice" in at.text


@pytest.mark.parametrize("size", [(24, 6), (40, 12), (200, 50), (10, 3)])
async def test_every_size(size: tuple[int, int]) -> None:
    board = Counter()
    app = StageApp("counter", lambda: board)
    async with piloted(app, *size) as pilot:
        while app.stage.board is None:
            await pilot.pause(0.005)
        assert all(len(plain(row)) <= size[0] for row in app.stage.canvas.rows)
        assert len(app.stage.canvas.rows) <= size[1]


async def test_a_board_that_cannot_be_made_says_why_and_leaves_2() -> None:
    def refuse() -> Board:
        raise UserError("explore", "there is no such network")

    app = StageApp("counter", refuse)
    async with piloted(app) as pilot:
        while app.is_running:
            await pilot.pause(0.005)
    assert str(app.error) == "explore: there is no such network"
    assert app.return_code == 2


def test_the_status_of_a_board_keeps_its_ends_apart() -> None:
    """However little room there is, two blanks stand between what is said at the left and at the right."""
    left, right = (Span("explorer  learning rate   darts   step 0"),), (Span("loss 0.8100"),)
    for width in range(40, 90):
        row = plain(status.of_board(left, right, width))
        assert len(row) == width
        assert row.rstrip().endswith("  loss 0.8100"), width
