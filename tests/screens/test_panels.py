"""Laws of every panel, by the rows of the registry: a panel that is added is held to them without a word here."""

from __future__ import annotations

from importlib import import_module

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.commands.panels import MOST
from bptui.model.debugger.session import Session
from bptui.model.debugger.view import Answer
from bptui.model.source.network import from_formula
from bptui.screens import panels
from bptui.screens.help import about
from bptui.screens.keys import PANEL
from bptui.screens.panels import ACTIVATION, ANSWERS, LESSON, PANELS, Panel
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.screens.panel_rig import at, formula, within
from tests.screens.rig import debug

SIZES = [(80, 24), (60, 20), (40, 17), (24, 6), (37, 3), (80, 1)]
rows = pytest.mark.parametrize("row", [*PANELS, *ANSWERS], ids=lambda row: row.name)


def sessions() -> list[Session]:
    """Moments whose numbers are usual, NaN, inf, none at all, and one without an axis."""
    odd = [
        formula("z = log(x); L = sum(z)", {"x": [-1.0, 0.0, 2.0]}),
        formula("z = exp(x); L = sum(z*z)", {"x": [[1000.0, -1000.0]]}),
        formula("z = x*x; L = sum(z)", {"x": []}),
        formula("L = (y - w*x)**2", {"y": 2.0, "w": 0.5, "x": 2.0}),
    ]
    for session in odd:
        session.move(session.timeline.length - 2)
    return [at("xor", 0), at("xor", 6), at("transformer", 40), at("deep-sigmoid", 3), *odd]


def test_each_digit_and_each_place_is_taken_once() -> None:
    numbers = [row.number for row in PANELS]
    assert numbers == sorted(set(numbers)), "the rows of PANELS in the order of their numbers, each once"
    free = {*range(1, MOST + 1)} - {LESSON.number, ACTIVATION.number}
    assert {*numbers} <= free, f"a panel's number is from 1 to {MOST}, not that of Lesson or Activation"
    alone = [row.place for row in PANELS if row.place != "column"]
    assert sorted(alone) == ["bottom", "left", "main", "under"], "only `column` is a place of many panels"
    assert all(row.place == "main" for row in ANSWERS)
    assert len({row.name for row in PANELS}) == len({row.module for row in PANELS}) == len(PANELS)


@rows
def test_a_row_has_its_functions(row: Panel) -> None:
    module = import_module(f"bptui.screens.panels.{row.module}")
    assert callable(getattr(module, "lines", None)), f"lines(scene) is missing in {row.module}.py"
    assert module.__doc__, f"what the panel is, in a docstring at the top of {row.module}.py: help {row.name} says it"
    assert about(row.name, 80)


@rows
@pytest.mark.parametrize("focused", [True, False])
def test_a_panel_fits_its_room_and_says_something(row: Panel, focused: bool) -> None:
    for session in sessions():
        session.view.answer = Answer(row.module) if row in ANSWERS else None
        for width, height in SIZES:
            for unicode in (True, False):
                scene = Scene(session, width, height, RenderOptions(unicode, not unicode, focused))
                drawn = row.lines(scene)
                where = f"{row.module}.lines draws at {width}x{height} of {session.network.name}"
                assert within(drawn, width, height), f"{where} more rows than the scene's height, or one that is wider"
                assert any(plain(line).strip() for line in drawn), f"{where} nothing: it says why there is nothing"
                row.title(scene)


@pytest.mark.corpus(every=4, rows=2)
@pytest.mark.parametrize("target", ["xor", "scalars"])
@pytest.mark.parametrize("zoom", [False, True], ids=["", "zoomed"])
@rows
async def test_every_key_does_something_or_says_why_not(row: Panel, zoom: bool, target: str) -> None:
    """The frame is another one afterwards: something moved, or a message stands."""
    values = {"y": 2.0, "w": 0.5, "x": 2.0}
    network = "xor" if target == "xor" else lambda: from_formula("z = w*x; L = (y - z)**2", values)
    async with debug(network, 80, 24) as screen:
        if zoom:
            await screen.press("z")
        await screen.press("s", "s")
        screen.session.view.answer = Answer(row.module) if row in ANSWERS else None
        await screen.derived()
        for key in (key for row in PANEL.rows for key in row.keys):
            await screen.run(f"focus {row.number}")
            before = screen.app.debugger.canvas.rows
            await screen.press(key)
            assert screen.app.debugger.canvas.rows != before, f"{key} does nothing in {row.name}, and does not say why"


async def test_an_answer_stands_in_the_place_of_the_operation_until_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panels, "ANSWERS", (Panel(2, "Answer", "main", "loss"),))
    async with debug("xor", 80, 24) as screen:
        before = screen.text
        screen.session.view.answer = Answer("loss")
        screen.app.debugger.changed()
        shown = screen.text
        assert "2 Answer" in shown
        assert "3 Tensor" not in shown
        await screen.press("3")
        assert "2 Answer" in screen.text
        assert "3 Tensor" in screen.text
        await screen.press("2", "escape")
        assert screen.text == before


async def test_escape_leaves_the_zoom() -> None:
    async with debug("xor", 80, 24) as screen:
        before = screen.text
        await screen.press("z")
        assert screen.text != before
        await screen.press("escape")
        assert screen.text == before
