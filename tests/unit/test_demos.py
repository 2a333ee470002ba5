"""The demos of the docs do what they expect, and the pictures beside them show what stands on the screen then."""

from __future__ import annotations

import math
import re

import pytest
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.events import Key

from bptui import cli, replay, showing
from bptui.app import ScreenApp
from bptui.home_app import HomeApp
from bptui.model.base.spans import plain
from bptui.screens.canvas import Canvas
from bptui.screens.lesson import LessonScreen
from bptui.screens.play.opening import playground
from bptui.screens.player import Player
from bptui.surroundings import Surroundings
from tests import explorer_pictures, torch_pictures
from tests.paths import DOCS, ROOT
from tests.pictures import BOARDS, DEMOS, FOLDER, LEARNING, TYPED, Typed, text_of
from tests.screens.rig import StageApp, debug


def said(rows: list[str]) -> list[str]:
    """Rows of text without what differs from run to run, how long SymPy took, or from processor to processor, how far a
    number lies from its 50 digits; and without the footer: a new key is no reason for new pictures."""
    return [" ".join(re.sub(r"\d+ ms|[\d.]+ ulp|✓\d+ +✗\d+", "·", row).rstrip(" ·").split()) for row in rows[:-1]]


@pytest.mark.parametrize("name", DEMOS)
async def test_a_demo_does_what_it_expects_and_its_picture_shows_it(name: str) -> None:
    made = replay.read(str(DEMOS[name]))
    player = Player(made, 0.0)
    async with debug(made.target[1], *made.size, around=Surroundings(player=player)) as screen:
        while player.playing:
            await screen.settle()
        await screen.derived()
        assert player.failed is None
        rows = said(screen.rows)
    assert said(text_of((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))) == rows, "python -m tests.pictures"


@pytest.mark.parametrize("name", BOARDS)
async def test_the_picture_of_a_board_shows_what_is_typed(name: str) -> None:
    wanted = BOARDS[name]
    app = StageApp("play", playground(None))
    async with app.run_test(size=wanted.size) as pilot:
        while app.stage.board is None:
            await pilot.pause(0.01)
        for part in re.findall(r":[^\r]*\r|.", wanted.keys):
            if part.startswith(":"):
                app.stage.run(part[1:].strip())
            else:
                app.stage.press(part)
            app.stage.changed()
            while app.stage.worker.job is not None:
                await pilot.pause(0.01)
        app.stage.changed()
        rows = said(["".join(span.text for span in row) for row in app.stage.canvas.rows])
    assert said(text_of((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))) == rows, "python -m tests.pictures"


def _rows_of(app: App[None]) -> list[str]:
    return [plain(row) for row in app.screen.query_one(Canvas).rows]


@pytest.mark.parametrize("name", LEARNING)
async def test_the_picture_of_home_and_of_a_lesson(name: str) -> None:
    wanted: Typed = LEARNING[name]
    lesson = showing.screen_of(" ".join(wanted.words))
    app = ScreenApp(lesson) if lesson is not None else HomeApp(cli._opened)
    async with app.run_test(size=wanted.size) as pilot:
        while wanted.first not in "".join(_rows_of(app)):
            await pilot.pause()
        for event in XTermParser().feed(wanted.keys):
            assert isinstance(event, Key)
            await pilot.press(event.key)
            while isinstance(app.screen, LessonScreen) and app.screen.runner.busy:
                await pilot.pause()
        rows = said(_rows_of(app))
    assert " ".join(wanted.mark.split()) in "\n".join(rows)
    assert said(text_of((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))) == rows, "python -m tests.pictures"


def test_every_picture_has_a_demo_and_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS.glob("*.md")))
    names = {*DEMOS, *map(explorer_pictures.picture, explorer_pictures.SHOWN), *TYPED, *torch_pictures.HUNT}
    assert {path.stem for path in FOLDER.glob("*.svg")} == names
    assert all(f"pictures/{name}.svg" in pages for name in names)


@pytest.mark.parametrize("name", explorer_pictures.SHOWN)
def test_the_picture_of_an_explorer_shows_its_board(name: str) -> None:
    picture = text_of((FOLDER / f"{explorer_pictures.picture(name)}.svg").read_text(encoding="utf-8"))
    rows = [plain(row) for row in explorer_pictures.rows(name)]
    drawn, shown = (" ".join(said([*each, ""])).split() for each in (picture, rows))
    assert len(drawn) == len(shown)
    assert all(map(_alike, drawn, shown)), "python -m tests.explorer_pictures"


def _alike(drawn: str, shown: str) -> bool:
    """Is it the same word, or the same number but for what 1,000 training steps make of the last bit of another
    processor?"""
    try:
        return drawn == shown or math.isclose(float(drawn), float(shown), rel_tol=0.02)
    except ValueError:
        return False
