"""NaN and inf: where they arise, that they are found there, and what is shown of them."""

from __future__ import annotations

import pytest

from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, load
from tests.unit.model.engine.small import poisonings

DISTANCE = "diff = u - v; s = diff**2; d = sqrt(s); L = mean(d)"
VALUES = {"u": [1, 2, 0.5, 3], "v": [0.5, 2.5, 0.5, 1]}


@pytest.fixture
def distance() -> Session:
    return Session(from_formula(DISTANCE, VALUES))


def test_an_inf_arises_from_finite_numbers_and_nan_from_it(distance):
    made = [(birth.text, birth.position) for birth in distance.nonfinite.values()]
    assert made == [("grad(s)[2] is inf", 0), ("grad(diff)[2] is NaN", 0)]
    assert [node.name for node in distance.graph.ops if distance.is_finding(node.id, "backward")] == ["s", "d"]


def test_every_birth_is_where_something_is_written_that_is_not_finite(distance):
    written = {distance.timeline.index(moment) for moment, _, _ in poisonings(distance.recording)}
    assert set(distance.nonfinite) < written
    assert min(distance.nonfinite) == min(written)


def test_the_search_for_findings_goes_to_the_element_in_which_it_arises(distance):
    assert "grad(s)[2] is inf" in run(distance, "x").text
    assert (distance.here.name, distance.cursor.phase, distance.element) == ("d", "backward", (2,))
    assert "grad(diff)[2] is NaN" in run(distance, "x").text
    assert (distance.here.name, distance.element) == ("s", (2,))
    assert not run(distance, "x").ok
    assert "grad(s)[2] is inf" in run(distance, "X").text


def test_a_finite_step_has_no_births():
    session = Session(load("xor"))
    assert not session.nonfinite
    assert not any(session.is_finding(node.id, "backward") for node in session.graph.nodes)


def test_what_only_goes_on_is_no_birth():
    session = Session(from_formula("a = log(x); b = 2*a; L = sum(b)", {"x": [1.0, -1.0]}))
    assert [birth.text for birth in session.nonfinite.values()] == ["a[1] is NaN"]


def test_a_failed_check_is_a_finding_of_the_backward_pass(distance):
    node = distance.graph.by_name["diff"].id
    distance.branch.checked(distance.cursor.step, node, True)
    assert distance.is_finding(node, "backward")
    distance.branch.checked(distance.cursor.step, node, False)
    assert not distance.is_finding(node, "backward")
