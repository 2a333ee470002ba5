"""Whole screens as text, kept beside this file: a change of the looks is a change of these files, to be looked at.

`COLORTERM=truecolor TERM=xterm-256color python -m tests.screens.test_looks` writes them anew. What differs from
run to run or from processor to processor (how long a derivation took, the last digits of an error) is masked.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bptui.app import ScreenApp
from bptui.model.base.spans import Span, plain
from bptui.model.source.captured.network import network_of
from bptui.model.source.network import Network
from bptui.screens import explore, layout
from bptui.screens.lesson import LessonScreen
from bptui.screens.panels import PANELS, status
from bptui.teach import catalogue
from bptui.teach.progress import Progress
from tests.records import blocks

from .rig import StageApp, debug, piloted

FOLDER = Path(__file__).parent / "looks"


def step() -> Network:
    """A captured step."""
    return network_of(blocks(), "step-412.bptui")


def nan() -> Network:
    """One whose loss is NaN."""
    return network_of(blocks(born=True), "nan.bptui")


LOOKS = {
    # name: target, columns, rows, keys, options
    "lesson-120x36": ("lesson-2-2-1", 120, 36, "sssssss", {}),
    "lesson-80x24": ("lesson-2-2-1", 80, 24, "sssssss", {}),
    "lesson-80x24-ascii": ("lesson-2-2-1", 80, 24, "sssssss", {"unicode": False}),
    "lesson-60x20": ("lesson-2-2-1", 60, 20, "sssssss", {}),
    "lesson-40x12": ("lesson-2-2-1", 40, 12, "sssssss", {}),
    "neurons-80x24": ("lesson-2-2-1", 80, 24, "sssssssvv", {}),
    "graph-80x24": ("cs231n-neuron", 80, 24, "s" * 12 + "v", {}),
    "graph-60x20": ("lenet", 60, 20, "sssvv", {}),
    "predictions-80x24": ("classifier", 80, 24, [*"ssssssssss8o", "enter"], {}),
    "two-paths-80x24": ("two-paths", 80, 24, "s" * 9, {}),
    "xor-sum-120x36": ("xor", 120, 36, ["3", "down", "right", "right", "right"], {}),
    "xor-update-120x36": ("xor", 120, 36, "s" * 9, {}),
    "why-80x24": ("xor", 80, 24, "s" * 8 + "i", {}),
    "why-120x36": ("xor", 120, 36, "ssi", {}),
    "paths-80x24": ("mazur", 80, 24, "s" * 8 + "p", {}),
    "layers-100x30": ("transformer", 100, 30, "vnn", {}),
    "modules-120x36": (step, 120, 36, ["1", *"nnn", "down", "down", "down", "enter"], {}),
    "modules-80x24": (step, 80, 24, "nnn", {}),
    "modules-60x20-ascii": (step, 60, 20, "1nnn", {"unicode": False}),
    "modules-nan-120x36": (nan, 120, 36, "x", {}),
    "modules-backward-80x24": (nan, 80, 24, [*"f" * 2, *"nn", "1"], {}),
}
BOARDS = {
    # name: explorer, columns, rows, keys
    "chain-80x24": ("chain", 80, 24, ()),
    "rate-60x20": ("rate", 60, 20, ("right",)),
    "activations-60x20": ("activations", 60, 20, ()),
}
PAGES = {
    # name: number of a lesson, columns, rows, pages from the first one on, keys
    "page-80x24": (4, 80, 24, 9, ("minus", *"0.0978", "enter")),
    "page-60x20": (4, 60, 20, 9, ()),
    "page-chain-80x24": (2, 80, 24, 6, ()),
}
MASKS = ((r"\d+ ms", "# ms"), (r"\d+(\.\d+)? ulp.*?(?=  |$)", "# ulp"), (r"\d+(\.\d+)?e-\d+, tol.*?(?=  |$)", "#, tol"))


def masked(text: str) -> str:
    """The screen without what may differ; runs of blanks after a mask shrink with it."""
    text = re.sub(r" +(✓|ok)( proved by \w+| proved| derived)(,| in)?( +\d+ ms)?", r"  \1\2", text)
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text, flags=re.MULTILINE)
    return "\n".join(re.sub(r" +# ms", "  # ms", row).rstrip() for row in text.splitlines()) + "\n"


async def look(name: str) -> str:
    """One screen, once everything on it is derived and checked."""
    target, columns, rows, keys, options = LOOKS[name]
    async with debug(target, columns, rows, **options) as screen:
        await screen.press(*keys)
        for _ in range(
            1 if isinstance(target, str) else 6
        ):  # the calls of a captured step are compared a few at a time
            await screen.derived()
        return masked(screen.text)


async def look_of_board(name: str) -> str:
    """An explorer, once all that it asks for is computed."""
    which, columns, rows, keys = BOARDS[name]
    app = StageApp(which, lambda: explore.board(which))
    async with piloted(app, columns, rows) as pilot:
        stage = app.stage
        while stage.board is None:
            await pilot.pause(0.005)
        await pilot.press(*keys)
        while stage.worker.job is not None or stage.board.work() is not None:
            await pilot.pause(0.005)
        await pilot.pause()
        return masked("\n".join(plain(row) for row in stage.canvas.rows))


async def look_of_page(name: str) -> str:
    """A page of a lesson, once what stands beside it is derived and computed."""
    number, columns, rows, turns, keys = PAGES[name]
    front = next(each for each in catalogue.lessons() if each.number == number)
    app = ScreenApp(lambda theme, unicode: LessonScreen(f"lesson {number}", front, Progress(None), theme, unicode))
    async with piloted(app, columns, rows) as pilot:
        screen = app.first
        assert isinstance(screen, LessonScreen)
        while screen.reading is None:
            await pilot.pause(0.005)
        for key in ("pagedown",) * turns + keys:
            await pilot.press(key)
            while screen.runner.busy:
                await pilot.pause(0.005)
        while screen.worker.job is not None:
            await pilot.pause(0.005)
        if screen.explainer is not None:
            screen.check()
            assert await asyncio.to_thread(screen.explainer.service.wait, 60.0)
        await pilot.pause()
        return masked("\n".join(plain(row) for row in screen.canvas.rows))


def test_tabs_lose_the_end_of_the_longest_name_first() -> None:
    names = [(2, "Operation"), (3, "Tensor"), (7, "Your turn: second unit 10/17")]
    assert plain(layout.tabs(names, 7, 60)).rstrip().endswith("7 Your turn: second unit 10/17")
    assert plain(layout.tabs(names, 7, 50)).startswith(" 2 Operation  3 Tensor  7 Your turn: second unit… ")
    assert plain(layout.tabs(names, 7, 40)).startswith(" 2 Operation  3 Tensor  7 Your turn")
    assert plain(layout.tabs(names, 7, 30)).startswith(" 2  3  7 Your turn")


def test_as_many_tabs_as_have_room_keep_their_names() -> None:
    names = [(each.number, each.name) for each in PANELS]
    told = " 1 Network  2 Operation  3 Tensor  4 Timeline  5  6  8"
    assert plain(layout.tabs(names, 2, 56)).rstrip() == told
    for width in range(40, 90):
        for number, name in names:
            row = plain(layout.tabs(names, number, width))
            assert len(row) == width
            assert f" {number} {name[:6]}" in row  # of the longest its end may go
            assert all(f" {each} " in row for each, _ in names)


def test_a_status_over_a_board_loses_names_before_numbers() -> None:
    left = (Span("explorer", "dim"), Span("  optimizer race   "), Span("step 28 of 40"))
    right = (Span("y = w·x + b"),)
    for width, start in ((80, " bptui  explorer  optimizer"), (58, " bptui  optimizer"), (50, " optimizer race")):
        row = plain(status.of_board(left, right, width))
        assert row.startswith(start)
        assert "step 28 of 40  " in row
        assert row.endswith("y = w·x + b ")


ALL = {name: made for names, made in ((LOOKS, look), (BOARDS, look_of_board), (PAGES, look_of_page)) for name in names}


@pytest.mark.corpus(rows=2)
@pytest.mark.parametrize("name", ALL)
async def test_it_looks_as_it_did(name: str) -> None:
    assert await ALL[name](name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    for each, made in ALL.items():
        (FOLDER / f"{each}.txt").write_text(asyncio.run(made(each)), encoding="utf-8")
