"""Panel 8: the samples as a table in any room, and everything else following the one that is chosen."""

from __future__ import annotations

import re

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.answers.predictions import Predictions, predictions
from bptui.screens.panels import predictions as panel
from bptui.screens.render import RenderOptions
from bptui.screens.scene import Scene
from tests.screens.panel_rig import at, texts, within
from tests.screens.rig import debug

NAMES = ("xor", "classifier", "lenet", "lstm", "transformer", "mazur", "cs231n-neuron", "darts")
SIZES = [(80, 17), (60, 16), (40, 29), (120, 29), (200, 43), (24, 4), (10, 2)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_fits_any_room_and_keeps_the_chosen_sample_in_sight(name: str, size: tuple[int, int]) -> None:
    session = at(name, 0)
    for place in ("forward", "backward", "end"):
        session.goto(place)
        made = predictions(session)
        for chosen in (0, 5, 99):
            session.view.predicted = min(chosen, session.network.samples - 1) if session.network.samples else 0
            for unicode in (True, False):
                rows = panel.lines(Scene(session, *size, RenderOptions(unicode)))
                assert within(rows, *size)
                assert unicode or all(plain(row).isascii() for row in rows)
                if isinstance(made, Predictions) and size[0] >= 40:
                    numbers = [int(found[1]) for row in texts(rows) if (found := re.match(r"..\s*(\d+) ", row))]
                    assert session.view.predicted in numbers


def test_a_table_at_80_columns() -> None:
    session = at("xor", 0)
    session.goto("backward")
    rows = texts(panel.lines(Scene(session, 80, 17, RenderOptions())))
    assert rows[0].split() == ["#", "x", "layer2.z", "y", "loss", "share"]
    assert rows[2].split() == ["1", "0", "1.0000", "-0.3189", "1.0000", "1.7395", "50%", "wrong"]
    assert "the loss is the mean of the samples' losses" in "\n".join(rows)
    left, right = panel.title(Scene(session, 80, 17, RenderOptions()))
    assert (plain(left), plain(right)) == ("", "2 of 4 right")


def test_one_sample_is_one() -> None:
    session = at("lesson-2-2-1", 0)
    session.goto("backward")
    _, right = panel.title(Scene(session, 80, 17, RenderOptions()))
    assert plain(right) == "1 sample"


def test_an_image_is_a_shape_and_a_sequence_its_numbers() -> None:
    session = at("lenet", 0)
    session.goto("backward")
    assert "1x8x8" in texts(panel.lines(Scene(session, 80, 17, RenderOptions())))[1]
    session = at("transformer", 0)
    session.goto("backward")
    assert "0 of 8" in texts(panel.lines(Scene(session, 80, 17, RenderOptions())))[1]


async def test_everything_follows_the_sample_that_is_chosen() -> None:
    async with debug("xor", 80, 24) as screen:
        await screen.run("goto backward layer1.a")
        await screen.run("predictions")
        assert "8 Predictions" in screen.text
        await screen.press("o")
        assert "largest loss first" in screen.text
        assert screen.session.view.predicted == 1  # the largest
        await screen.press("down", "down", "up", "enter")
        assert screen.session.view.sample == 2
        await screen.press("1")
        value = screen.session.recording.value("layer1.z")
        gradient = screen.session.recording.grad("layer2.z")
        assert "sample 2 of 4" in screen.text
        row = next(row for row in screen.rows if row.startswith("  x "))
        assert row.split()[:3] == ["x", "1.0000", "0"]
        row = next(row for row in screen.rows if row.startswith("  y "))
        assert row.split()[1] == "1.0000"
        assert f"{gradient[2, 0]:.4f}" in screen.text  # layer2.z, its row of this sample
        await screen.run("select layer1.z")
        await screen.press("3")
        assert "sample 2 of 4" in screen.text
        assert screen.session.element[0] == 2
        assert f"{value[screen.session.element]:.4f}" in screen.text
        await screen.run("view neurons")
        assert "sample 2 of 4" in screen.text
        assert f"{value[screen.session.element]:.4f}" in screen.text
        await screen.run("view graph")
        assert "[2," in screen.text
        await screen.press("8", "enter")
        assert screen.session.view.sample == "all"


async def test_at_every_size_it_is_come_to_by_its_digit_and_left() -> None:
    for size in ((80, 24), (60, 20), (120, 36), (200, 50)):
        async with debug("lenet", *size) as screen:
            await screen.press("8")
            assert "8 Predictions" in screen.text
            assert "layer6.z" in screen.text
            await screen.press("2")
            assert "wrong" not in screen.text


def test_the_chosen_image_and_its_outputs_stand_beside_the_table() -> None:
    session = at("lenet", 0)
    session.goto("backward")
    session.view.predicted = 2
    rows = texts(panel.lines(Scene(session, 120, 29, RenderOptions())))
    column = rows[0].index("x  sample 2")
    logits, target = session.recording.value("layer6.z")[2], int(session.recording.value("y")[2])
    listed = [row[column:].split() for row in rows[10:20]]
    assert [row[0] for row in listed] == [str(n) for n in range(10)]
    assert [float(row[1]) for row in listed] == pytest.approx(logits.tolist(), abs=6e-5)
    assert [n for n, row in enumerate(listed) if "y" in row] == [target]
    assert "sample 2" in texts(panel.lines(Scene(session, 80, 17, RenderOptions())))[0]
    small = texts(panel.lines(Scene(session, 60, 16, RenderOptions())))
    assert "sample 2" not in small[0]
