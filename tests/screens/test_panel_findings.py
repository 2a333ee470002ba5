"""The Findings panel: what is wrong, by which number, and the remedies with what they reached."""

from __future__ import annotations

import asyncio

import pytest

from bptui.model.base import numbers
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.findings.diagnose import trials
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_mapping, load
from tests.screens.rig import Screen, debug

MISPAIRED = {
    "data": {"inputs": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], "targets": [[1.0], [1.0], [0.0], [0.0]]},
    "layers": [{"kind": "dense", "units": 4, "activation": "tanh"}, {"kind": "dense", "units": 1}],
    "loss": {"kind": "bce"},
}
"""A linear output, whose logarithm the loss takes."""


async def tried(screen: Screen) -> None:
    """Wait until all remedies are tried, and drawn."""
    await screen.settle()
    job = screen.app.debugger.trials.job
    assert job is not None
    await asyncio.wrap_future(job)
    await screen.pilot.pause()


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 36), (200, 50)])
async def test_dead_units_are_found_and_the_remedies_say_what_they_reached(width: int, height: int) -> None:
    async with debug("xor-stuck", width, height) as screen:
        await screen.press("6")
        assert "enter looks for" in screen.text
        await screen.press("enter")
        await tried(screen)
        assert "dead units" in screen.text
        assert "4 of 8 units of layer1.a are 0" in " ".join(screen.text.split()) or width < 160
        diagnosis = screen.session.branch.diagnosis
        assert diagnosis is not None
        remedies = diagnosis.findings[0].remedies
        assert remedies
        assert all(remedy.tried for remedy in remedies)
        marks = [row for row in screen.rows if "✓ 1 " in row or "✗ 1 " in row or "· 1 " in row]
        assert marks, screen.text


async def test_the_rules_meet_the_one_between_list_and_finding() -> None:
    async with debug("xor-stuck", 80, 24) as screen:
        await screen.press("6", "enter")
        await tried(screen)
        column = {row[41] for row in screen.rows[2:19]}
        assert column == {"│", "┤"}
        assert screen.rows[1][41] == "┬"
        assert next(row for row in screen.rows if "3 Tensor" in row)[41] == "┤"
        assert next(row for row in screen.rows if "4 Timeline" in row)[41] == "┴"


async def test_a_digit_opens_the_branch_of_a_remedy_and_undo_leaves_it() -> None:
    async with debug("xor-stuck", 80, 24) as screen:
        await screen.press("6", "enter")
        await tried(screen)
        diagnosis = screen.session.branch.diagnosis
        assert diagnosis is not None
        remedy = diagnosis.findings[0].remedies[0]
        await screen.press("1")
        session = screen.session
        assert session.branch.number == 1
        assert remedy.change in session.branch.edits[-1].text
        session.history.advance(diagnosis.steps)
        assert remedy.loss_after == pytest.approx(float(session.history.losses[: diagnosis.steps][-5:].mean()))
        await screen.press("u")
        assert screen.session.branch.number == 0
        assert screen.session.branch.diagnosis is not None


async def test_escape_leaves_the_findings() -> None:
    async with debug("xor", 80, 24) as screen:
        before = screen.text
        await screen.press("6")
        assert "6 Findings" in screen.text
        await screen.press("escape")
        assert screen.text == before


def test_x_goes_to_what_the_diagnosis_has_found_and_back() -> None:
    session = Session(from_mapping(MISPAIRED, "here"))
    forward: list[int] = []
    while run(session, "next-finding").ok:
        forward.append(session.stop)
    assert forward
    assert session.branch.diagnosis is not None
    warned = [each for each in session.branch.diagnosis.findings if each.severity != "note"]
    places = {each.training_step * session.walk.length + session.branch.place_of(each) for each in warned}
    assert places <= set(forward)
    session.move(forward[-1] + 1)
    back: list[int] = []
    while run(session, "previous-finding").ok:
        back.append(session.stop)
    assert back == forward[::-1]


def test_a_remedy_is_asked_for_by_its_number() -> None:
    session = Session(load("xor-stuck"))
    assert not run(session, "remedy 1").ok
    run(session, "findings")
    with pytest.raises(Exception, match="there is no number 99"):
        run(session, "remedy 99")


def test_a_remedy_that_was_opened_says_what_it_reached() -> None:
    session = Session(load("xor-stuck"))
    run(session, "findings")
    *_, tried_out = trials(session.branch.diagnosis)
    session.branch.diagnosis = tried_out
    reached = tried_out.findings[0].remedies[0].loss_after
    said = run(session, "remedy 1").text
    assert f"after 200 training steps its loss was {numbers.significant(reached, 3)}: train 200" in said
    assert session.branch.number == 1
