"""Any size of terminal: nothing is cut that matters, nothing breaks."""

from __future__ import annotations

import random

import pytest

from bptui.cli import SMALLEST
from bptui.model.base.spans import Span, plain
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.screens import frame, layout
from bptui.screens.panels import PANELS, Panel, standing
from tests.screens.rig import debug

SIZES = [
    (200, 60), (160, 50), (132, 43), (120, 36), (100, 30), (96, 24), (80, 24), (80, 23), (72, 20), (60, 20), (40, 12),
]  # fmt: skip


def test_the_smallest_size_is_the_one_that_the_shell_checks() -> None:
    assert layout.SMALLEST == SMALLEST


@pytest.mark.parametrize(("width", "height"), [*SIZES, (24, 6), (77, 22), (300, 100)])
@pytest.mark.parametrize("row", PANELS, ids=lambda row: row.name)
@pytest.mark.parametrize(("zoom", "tall"), [(False, False), (True, False), (False, True), (True, True)])
def test_boxes_fill_the_screen_without_overlap(width: int, height: int, row: Panel, zoom: bool, tall: bool) -> None:
    grid = layout.grid(width, height, row, zoom, tall)
    assert grid is not None
    cells: set[tuple[int, int]] = set()
    for box in grid.boxes:
        assert box.width > 0
        assert box.height > 0
        own = {(x, y) for x in range(box.x, box.x + box.width) for y in range(box.y, box.y + box.height)}
        if box.rule >= 0:
            own |= {(x, box.rule) for x in range(box.x, box.x + box.width)}
        assert not own & cells
        cells |= own
    assert row.number in [box.panel for box in grid.boxes]
    assert max(x for x, _ in cells) < width
    assert max(y for _, y in cells) < height - 1
    for x, top, bottom in grid.dividers:
        cells |= {(x, y) for y in range(top, bottom)}
    if not grid.single:
        assert len(cells) == width * (height - 2)


def test_the_grid_is_that_of_the_style() -> None:
    """The table of sizes, cell by cell."""
    wide, small = layout.grid(120, 36, standing("main")), layout.grid(80, 24, standing("main"))
    assert wide is not None
    assert small is not None
    assert list(wide.boxes) == [
        (1, 0, 2, 51, 29, 1), (2, 52, 2, 68, 18, 1), (3, 52, 21, 68, 10, 20), (4, 0, 32, 120, 3, 31),
    ]  # fmt: skip
    assert list(small.boxes) == [
        (1, 0, 2, 42, 17, 1), (2, 43, 2, 37, 13, 1), (3, 43, 16, 37, 3, 15), (4, 0, 20, 80, 3, 19),
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_moment_and_the_cursor_are_on_every_screen(width: int, height: int) -> None:
    async with debug("lesson-2-2-1", width, height) as screen:
        await screen.press(*"sssssss")
        assert all(len(row) == width for row in screen.rows)
        assert len(screen.rows) == height
        assert "backward 4/5" in screen.rows[0]
        assert "layer1.a" in screen.rows[0]
        assert "◀" in screen.text
        assert "? help" in screen.rows[-1]
        if width < 76:
            await screen.press("1")
            assert "-0.0988" in screen.text
            await screen.press("3")
        assert "-0.098750" in screen.text
        assert "failed" not in screen.text


async def test_resizing_again_and_again() -> None:
    """From 1x1 to 300x100 and back, in the middle of stepping."""
    draw = random.Random(2)
    async with debug("xor") as screen:
        for _ in range(40):
            size = draw.choice([(1, 1), (2, 1), (10, 3), (23, 6), (24, 5), (24, 6), (300, 100), *SIZES])
            await screen.pilot.resize_terminal(*size)
            await screen.press(draw.choice(["s", "S", "1", "2", "3", "4", "z", "tab", "v"]))
            assert "failed" not in screen.text, (size, screen.text)
            assert len(screen.rows) <= size[1]


async def test_a_terminal_that_is_too_small_says_so() -> None:
    async with debug("xor", 20, 4) as screen:
        assert "bptui needs" in screen.text
        await screen.pilot.resize_terminal(80, 24)
        await screen.settle()
        assert "1 Network" in screen.text


async def test_ascii_has_nothing_but_ascii() -> None:
    async with debug("xor", 120, 36, unicode=False) as screen:
        await screen.derived()
        for _ in range(14):
            assert screen.text.isascii()
            await screen.press("s")
        await screen.press("question_mark")
        assert screen.text.isascii()


async def test_the_tensor_that_is_alone_on_the_screen_says_which_it_is() -> None:
    async with debug("lenet", 60, 20) as screen:
        await screen.press("3")
        assert screen.rows[2].split("  ")[:2] == [" layer1.z.padded", "(16,1,10,10)"]
        assert "[0,0,:,:]" in screen.rows[2]


def test_a_message_that_no_longer_fits_says_that_it_is_cut() -> None:
    """A number without its last digits would be another number."""
    ui = frame.Ui(message=(Span("no further NaN, inf or failed check up to training step 1000"),))
    session = Session(load("darts"))
    assert plain(frame.paint(session, ui, 62, 20)[-1]).endswith("training step 1000 ")
    assert plain(frame.paint(session, ui, 60, 20)[-1]).endswith("training step 10…")
