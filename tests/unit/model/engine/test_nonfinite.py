"""NaN and inf: where they arise, that they are found there, and what is shown of them."""

from __future__ import annotations

import pytest

from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.engine.nonfinite import nonfinite
from bptui.model.source.network import from_formula, load
from tests.recorded import stored
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


def test_a_sum_of_finite_contributions_that_goes_beyond_the_largest_number_arises_with_the_last_of_them():
    session = Session(from_formula("a = c*w; b = d*w; L = a + b", {"c": 1e308, "d": 1e308, "w": 0.0}))
    ((place, born),) = session.nonfinite.items()
    assert born.text == "grad(w) is inf"
    assert session.timeline.node(session.timeline.at(0, place)).name == "a"
    assert "grad(w) is inf" in run(session, "x").text


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


FORMULAS = [
    (DISTANCE, VALUES, []),
    ("a = log(x)\nb = exp(a)\nL = sum(b*w)", {"x": [1.0, 0.0, 2.0], "w": [1.0, 2.0, 3.0]}, ["w"]),
    (
        "a = w*x\nb = exp(a)\nc = b - b\nL = sum(c) + sum(reshape(a, shape=(2, 1)))",
        {"x": [1.0, 3.0], "w": 400.0},
        ["w"],
    ),
    (
        "m = log(k)\nh = softmax(m + s)\nL = sum(h*v) + sum(abs(s))",
        {"k": [1.0, 0.0], "s": [0.5, 1.0], "v": [2.0, 3.0]},
        ["s"],
    ),
    ("L = sum(w**2 * 1e300)", {"w": [1e200, 1.0]}, ["w"]),
]


@pytest.mark.parametrize(("text", "values", "train"), FORMULAS)
def test_what_a_recording_does_not_suspect_need_not_be_looked_at(text, values, train, tmp_path):
    """A recording that has no suspects to name has each of its places looked at: the same are found."""
    history = from_formula(text, values, train).history()
    for step in range(3):
        recording = history.recording(step)
        slow = stored(recording, tmp_path / str(step), counted=False)
        assert slow.suspects is None
        expected, found = nonfinite(slow), nonfinite(recording)
        assert {place: each.text for place, each in found.items()} == {p: each.text for p, each in expected.items()}
        assert all((place in found) == (place in expected) for place in range(recording.timeline.length))
        assert set(found) <= set(recording.suspects)
        assert found.complete
        written = {recording.timeline.index(moment) for moment, _, part in poisonings(recording)}
        assert {place for place in written if not recording.timeline.events[place].seed} <= set(recording.suspects)
