"""What is displayed stands on the screen at every stop, in the same place, without a key."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.screens import frame, layout
from bptui.screens.frame import Ui, paint
from bptui.screens.panels import PANELS, strip
from tests.screens.rig import debug

SIZES = [(200, 50), (120, 36), (80, 24), (76, 22), (60, 20), (40, 12), (24, 6)]
EXPRESSIONS = ("loss", "max(abs(grad(layer1.weight)))", "layer2.bias", "layer1.a > 0", "step", "norm(grad) * lr", "x")


def displaying(count: int) -> Session:
    session = Session(load("xor"))
    for text in EXPRESSIONS[:count]:
        run(session, f"display {text}")
    return session


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_displays_have_their_rows_at_every_moment_and_nothing_else_moves(size: tuple[int, int], count: int) -> None:
    session, (width, height) = displaying(count), size
    rows = strip.count(session, width, height)
    assert rows >= 1
    grid = frame.grid_of(session, width, height)
    for _ in range(session.walk.length):
        drawn = [plain(row) for row in paint(session, Ui(), width, height)]
        assert len(drawn) == height
        assert all(len(row) == width for row in drawn)
        shown = " ".join(drawn[-1 - rows : -1])
        value = run(session, "print loss").text.partition("= ")[2].split()[0]
        assert f"1 loss = {value}" in shown or f"{count} more: display" in shown
        assert frame.grid_of(session, width, height) == grid
        session.step()


def test_all_of_them_are_there_where_they_have_room() -> None:
    session = displaying(7)
    shown = " ".join(plain(row) for row in strip.lines(session, 120, 36))
    for number, text in enumerate(EXPRESSIONS, 1):
        assert f"{number} {text}" in shown
    assert "0 to 1  (4,2)" in shown  # x: its range
    few = " ".join(plain(row) for row in strip.lines(session, 80, 24))
    assert "4 more: display" in few


def test_the_panels_keep_every_row_that_the_displays_do_not_take() -> None:
    for width, height in SIZES:
        for row in PANELS:
            for rows in (1, 2):
                grid, alone = layout.grid(width, height, row, strip=rows), layout.grid(width, height, row)
                if grid is not None and alone is not None:
                    assert grid.single == alone.single
                    assert max(box.y + box.height for box in grid.boxes) <= height - rows - 1
                    assert all(box.height > 0 for box in grid.boxes)


def test_what_cannot_be_shown_says_why_and_the_screen_lives_on() -> None:
    session = displaying(1)
    session.displays += ["layer9.z", "x @ x"]
    shown = " ".join(plain(row) for row in strip.lines(session, 200, 50))
    assert "layer9.z: nothing is called 'layer9.z'" in shown
    assert "x @ x: the shapes do not fit" in shown


async def test_a_display_is_seen_after_each_key_and_in_present_mode() -> None:
    async with debug("xor", 80, 24) as screen:
        await screen.run("display loss")
        await screen.press("c")
        await screen.derived()
        assert "1 loss = " in screen.rows[-2]
        await screen.press("S")
        assert "1 loss = " in screen.rows[-2]
        await screen.run("goto loss")
        await screen.press("P")
        assert "1 loss = ? " in screen.rows[-2]  # what is asked is not told beside it
        await screen.press("s")
        assert "1 loss = " in screen.rows[-2]
        assert "?" not in screen.rows[-2]
        await screen.press("escape")
        await screen.run("undisplay")
        assert "1 loss = " not in "".join(screen.rows)
