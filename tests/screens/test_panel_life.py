"""The life of NaN in a captured step, under the card of the operation that made it."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.debugger.answers.life import life
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.captured.network import CapturedNetwork, network_of
from tests.records import blocks

from .rig import debug


def born() -> CapturedNetwork:
    return network_of(blocks(born=True), "nan.bptui")


def facts(session: Session) -> dict[str, str]:
    finding = session.finding
    assert finding is not None
    return {fact.name: fact.text for fact in life(session, finding)}


def test_its_stations_are_told_from_what_was_counted() -> None:
    session = Session(born())
    run(session, "next-finding")
    assert session.here.name == "log"
    told = facts(session)
    assert told["born"].endswith("is NaN")
    assert "log of a negative number" in told["from"]
    assert told["spreads"] == "to 2 of the 2 calls that follow"
    assert "masked" not in told
    assert told["reaches"] == "12 of 12 parameters, by the update"
    assert "none is tried" in told["remedy"]


def test_nan_that_is_masked_is_harmless_where_it_reaches_nothing() -> None:
    made = blocks(born=True)
    head = next(event for event in made.step.events if event.module == "head")
    loss = made.step.backwards[0].losses[0][0]
    gradients = made.step.backwards[0].grads.values()
    after = [row.after for row in made.step.updates[0].groups[0].rows]
    for value in (*head.outs, loss, *gradients, *after):
        assert value is not None
        made.arrays[value] = np.ones_like(made.arrays[value])
        made.step.values[value].stats = made.step.values[0].stats
    session = Session(network_of(made, "masked"))
    run(session, "next-finding")
    told = facts(session)
    assert told["masked"] == "at linear, model.py:22: finite again"
    assert told["reaches"] == "no parameter: harmless here"
    assert "reborn" not in told


def test_a_gradient_that_is_nan_out_of_a_finite_one_is_born_again() -> None:
    made = blocks(born=True)
    head = next(event for event in made.step.events if event.module == "head")
    grads = made.step.backwards[0].grads
    for value in (head.outs[0], *head.inputs[1:]):
        made.step.values[grads[value]].stats = made.step.values[0].stats
    session = Session(network_of(made, "reborn"))
    run(session, "next-finding")
    assert facts(session)["reborn"] == "backward, linear, model.py:22"


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_it_stands_where_nan_comes_up_and_3_has_the_tensor(width: int, height: int) -> None:
    async with debug(born, width, height) as screen:
        assert "3 Life" not in screen.text
        await screen.press("x")
        if width > 60:
            rows = [row for row in screen.rows if " reaches " in row]
            assert len(rows) == 1
            assert "12 of 12 param" in rows[0]
            assert "3 Life  NaN" in screen.text
        await screen.press("3")
        assert "3 Tensor" in screen.text
        assert "reaches" not in screen.text
        await screen.press("2", "s")
        assert "3 Life" not in screen.text


async def test_the_footer_goes_by_modules_wherever_the_focus_is() -> None:
    async with debug(born, 120, 36) as screen:
        for panel in "123":
            await screen.press(panel)
            assert "n/N module" in screen.rows[-1]
            assert "enter fold" in screen.rows[-1]
        await screen.press("2")
        await screen.run("goto blocks.1.relu")
        await screen.press("enter")
        assert "▸ blocks.1" in screen.text
