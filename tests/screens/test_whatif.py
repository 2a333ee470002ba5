"""What if, on the screen: the answer's panel, the change in the Network panel, the branch in the first row."""

from __future__ import annotations

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load
from bptui.screens.frame import Ui, paint
from bptui.screens.panels import whatif
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.screens.panel_rig import service
from tests.screens.rig import Screen, debug

NUDGE = "nudge layer2.weight[0,0] 0.1"


async def nudged(screen: Screen) -> None:
    await screen.run("goto loss")
    await screen.run(NUDGE)


async def test_a_nudge_at_80_columns_is_look_18() -> None:
    async with debug("lesson-2-2-1", 80, 24) as screen:
        await nudged(screen)
        rows = screen.rows
        assert " branch 1 " in rows[0]
        assert "minus original" in rows[1]
        assert "2 What if" in rows[1]
        assert "of branch 1" in rows[1]
        assert rows[2].rstrip().endswith("layer2.weight[0,0]   0.5 → 0.6")
        assert "-0.10073  ×  0.10000   =  -0.01007" in screen.text
        assert "0.87 of the promise" in screen.text
        assert "-0.00877" in screen.text
        assert "0.01950 → 0.01073" in screen.text
        assert "3 of 18 numbers so far" in screen.text
        assert any(row.startswith("≠ z       0.5535          +0.0510 first") for row in rows)
        (timeline,) = (row for row in rows if row.startswith(" forward"))
        assert "≠" in timeline
        assert rows[-1].startswith(" +/- nudge  e edit  u/U undo  = diff")


async def test_what_differs_is_scrolled_to_and_all_of_it_is_listed() -> None:
    async with debug("lesson-2-2-1", 80, 24) as screen:
        await nudged(screen)
        assert "what differs" not in screen.text
        await screen.press("pagedown")
        assert "layer2.z[0,0]" in screen.text
        await screen.press("pagedown")
        assert "the end" in screen.rows[-1]
        await screen.press("pageup", "pageup", "enter")
        assert "branch 1 minus original  3 of 18 numbers differ so far" in screen.text


async def test_equals_turns_to_gradients_and_back() -> None:
    async with debug("lesson-2-2-1", 120, 36) as screen:
        await nudged(screen)
        assert "branch 1 minus original" in screen.rows[1]
        assert "change" in screen.rows[3]
        await screen.press("equals_sign")
        assert "minus original" not in screen.rows[1]
        assert "∂L/∂value" in screen.rows[3]
        assert "2 What if" in screen.rows[1]
        await screen.press("equals_sign")
        assert "change" in screen.rows[3]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (100, 30), (120, 36), (200, 50)])
async def test_the_branch_is_named_on_every_screen(size: tuple[int, int]) -> None:
    async with debug("lesson-2-2-1", *size) as screen:
        assert "branch" not in screen.rows[0]
        await nudged(screen)
        assert " branch 1 " in screen.rows[0]
        assert "What if" in screen.rows[1]
        assert "0.87 of the promise" in screen.text
        await screen.press("escape")
        assert "Operation" in screen.rows[1]
        assert " branch 1 " in screen.rows[0]
        await screen.press("u")
        assert "branch" not in screen.rows[0]


async def test_a_rate_too_high_is_look_18a() -> None:
    async with debug("lesson-2-2-1", 120, 36) as screen:
        await screen.run("goto loss")
        await screen.run("set lr = 5")
        await screen.run("train 7")
        await screen.run("goto step 1 loss")
        for said in (
            "learning rate   0.5 → 5   from training step 0 on", "-5.00000       ×       0.06052       =      -0.30260",
            "really 0.92639", "rate too high  a fall was promised, the loss rose: ratio -3.06",
            "0.5 kept 0.61", "15 of 18 numbers", "layer2.z[0,0]                          0.6561    ",
            "≠ layer1.weight, update 1 of step 0", "━ branch 1   ┈ original", " ≠ weight (2,2)    0.0817",
        ):  # fmt: skip
            assert said in screen.text
        (timeline,) = (row for row in screen.rows if row.startswith(" forward"))
        assert "≠" not in timeline  # it was in training step 0
        await screen.run("goto step 0 end")
        assert "≠" in next(row for row in screen.rows if row.startswith(" forward"))


async def test_e_edits_the_selected_number_and_plus_and_minus_nudge_it() -> None:
    async with debug("lesson-2-2-1", 80, 24) as screen:
        await screen.run("goto loss")
        await screen.run("select layer1.weight[1,0]")
        await screen.press("e")
        assert screen.rows[-1].rstrip() == " :set layer1.weight[1,0] ="
        await screen.type("0.25")
        await screen.press("enter")
        assert screen.session.recording.value("layer1.weight")[1, 0] == 0.25
        await screen.press("plus", "plus", "minus")
        assert screen.session.recording.value("layer1.weight")[1, 0] == 0.35
        assert len(screen.session.branches) == 5
        await screen.press(*"uuuu")
        assert screen.session.branch is screen.session.branches[0]
        assert screen.session.view.answer is None
        assert screen.session.recording.value("layer1.weight")[1, 0] == 0.1
        await screen.press("u")
        assert "nothing has been changed" in screen.rows[-1]
        await screen.press("U")
        assert screen.session.recording.value("layer1.weight")[1, 0] == 0.25


async def test_what_is_computed_is_not_nudged() -> None:
    async with debug("lesson-2-2-1", 80, 24) as screen:
        await screen.press("e")
        assert screen.rows[-1].rstrip() == " :set"
        await screen.press("escape")
        await screen.press("plus")
        assert "layer1.z is computed: select a parameter or an input to nudge it" in screen.rows[-1]


async def test_the_layers_have_their_change_too() -> None:
    async with debug("xor", 120, 36) as screen:
        await screen.run("goto loss")
        await screen.run("set layer1.weight = 0")
        await screen.run("view layers")
        assert "change" in screen.rows[3]
        assert "minus original" in screen.rows[1]


@pytest.mark.parametrize("size", [(24, 6), (40, 12), (60, 20), (80, 24), (120, 36), (200, 50)])
def test_the_panel_survives_any_numbers_and_any_size(size: tuple[int, int]) -> None:
    lines = (
        "nudge x[0] -2", "set x = [0, 0]", "set L = sum(w*x*x)", "set x[1] = 1e300", "set L = sum(w*log(x) + x)",
        "set lr = 1e9", "set optimizer = adam", "set w = 0",
    )  # fmt: skip
    session = Session(from_formula("L = sum(w*log(x))", {"x": [1.0, 2.0], "w": 1.0}, ["w"]))
    run(session, "goto loss")
    for text in lines:
        run(session, text)
        for row in (0, 5, 10**6):
            session.view.answer.row = row
            rows = paint(session, Ui(), *size)
            assert "failed" not in "".join(map(plain, rows))
            assert {sum(len(span.text) for span in row) for row in rows} == {size[0]}


async def test_ascii_draws_it_with_ascii() -> None:
    async with debug("lesson-2-2-1", 120, 36, unicode=False) as screen:
        await nudged(screen)
        await screen.run("train 3")
        assert screen.text.isascii()
        assert "!" in screen.text


@pytest.mark.parametrize("width", range(24, 60))
def test_nothing_touches_and_no_number_is_cut_in_a_small_panel(width: int) -> None:
    session = Session(load("xor"))
    run(session, "set lr = 1e300")
    for height in (4, 6, 9):
        rows = [plain(row) for row in whatif.lines(Scene(session, width, height, RenderOptions(), rules=service()))]
        assert not any("numberspromised" in row or "ΔpΔL" in row for row in rows), rows
        assert all("e300" in row for row in rows if "e3" in row), rows
        assert not any("e+" in row for row in rows)
