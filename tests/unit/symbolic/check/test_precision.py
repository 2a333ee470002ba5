"""How many digits a number has lost: measured against more digits, never guessed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.spans import plain
from bptui.model.source import network
from bptui.symbolic.check import check_node, precision
from bptui.symbolic.explain import WRITERS, explain
from bptui.symbolic.service import Place, Service

SINGLE = 24 * math.log10(2)
NORMAL = "m = mean(x); c = x - m; v = mean(c*c); y = c*rsqrt(v + 1e-5); L = mean(y**4)"


def recorded(text, values, dtype="float32"):
    made = network.from_formula(text, values, dtype=dtype)
    return made.program().record()


def rule_of(recording, node, position):
    service = Service(60.0, 60.0)
    try:
        service.rule(recording.graph, node, position)
        service.wait()
        return service.rule(recording.graph, node, position)
    finally:
        service.close()


def test_cancellation_is_lost_here_and_what_follows_lost_it_before():
    recording = recorded(NORMAL, {"x": [1000.1, 1000.2, 1000.4]})
    against = precision.reference(recording)
    nodes = recording.graph.by_name
    centered = precision.of_value(recording, nodes["c"], (0,), against)
    later = precision.of_value(recording, nodes["y"], (0,), against)
    assert centered.dtype == "float32"
    assert centered.digits == pytest.approx(SINGLE)
    assert centered.here > 2
    assert centered.before < 0.5
    assert centered.ulps <= 0.5
    assert centered.condition == pytest.approx(2000.33 / 0.1333, rel=1e-2)
    assert later.before > 2
    assert later.here < 1


def test_the_shadow_starts_from_the_same_float32_numbers():
    recording = recorded("L = sum(w*x)", {"x": [0.1, 0.2], "w": [0.3, 0.7]})
    shadow = precision.reference(recording)
    assert not isinstance(shadow, precision.Fifty | None)
    for node in recording.graph.nodes:
        if node.op is None:
            assert np.array_equal(shadow.value(node), recording.value(node))
    product = recording.graph.ops[0]
    assert shadow.value(product).dtype == np.float64
    assert not np.array_equal(shadow.value(product), recording.value(product))
    assert np.allclose(shadow.value(product), recording.value(product), rtol=1e-7)


def test_masks_of_the_step_are_those_of_its_shadow():
    content = {
        "name": "d",
        "dtype": "float32",
        "data": {"inputs": [[0.1, 0.2], [0.3, 0.4]], "targets": [[1.0], [0.0]]},
        "layers": [
            {"kind": "dense", "units": 8, "activation": "relu"},
            {"kind": "dropout", "p": 0.5},
            {"kind": "dense", "units": 1},
        ],
        "loss": {"kind": "mse"},
    }
    program = network.from_mapping(content, "test").program()
    program.run(3)
    recording = program.record()
    shadow = precision.shadow(recording)
    for node in recording.graph.nodes:
        assert np.allclose(shadow.value(node), recording.value(node), rtol=1e-4, atol=1e-5)
    for node in recording.graph.params:
        assert np.allclose(shadow.grad(node), recording.grad(node), rtol=1e-3, atol=1e-5)


def test_fifty_digits_agree_with_the_engine_of_a_whole_network():
    recording = network.load("xor").program().record()
    fifty = precision.reference(recording)
    assert isinstance(fifty, precision.Fifty)
    for node in recording.graph.ops:
        assert np.allclose(fifty.value(node).astype(float), recording.value(node), rtol=1e-13, atol=1e-300)
    for node in recording.graph.params:
        assert np.allclose(fifty.grad(node).astype(float), recording.grad(node), rtol=1e-12, atol=1e-16)


def test_what_is_too_large_for_fifty_digits_has_no_reference():
    made = network.from_formula("L = sum(a @ b)", {"a": np.ones((30, 40)), "b": np.ones((40, 50))})
    recording = made.program().record()
    assert precision.reference(recording) is None
    found = precision.of_value(recording, recording.graph.ops[0], (0, 0), None)
    assert found.total is None
    assert found.loss == ""
    assert found.ulps == 0
    assert "condition 2" in plain(found.line())


def test_a_gradient_knows_what_its_upstream_had_lost():
    recording = recorded(NORMAL, {"x": [1000.1, 1000.2, 1000.4]})
    against = precision.reference(recording)
    node = recording.graph.by_name["c"]
    found = precision.of_contribution(recording, node, 0, (1,), rule_of(recording, node, 0), against)
    assert found.source == "upstream"
    assert found.total == pytest.approx(found.before, abs=0.01)
    assert found.ulps == 0
    whole = precision.of_sum(recording, recording.graph.by_name["x"], (1,), against)
    assert whole.total is not None
    assert precision.of_sum(recording, recording.graph.by_name["y"], (1,), against) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinity_elsewhere_costs_no_digits(dtype):
    recording = recorded("u = exp(x); y = interpolate(u, size=5, mode='linear'); L = sum(y)",
                         {"x": [[[1000.0, 0.5, 0.3, 0.2]]]}, dtype)  # fmt: skip
    against, nodes = precision.reference(recording), recording.graph.by_name
    for node, element, condition in ((nodes["u"], (0, 0, 1), 0.5), (nodes["y"], (0, 0, 3), 1.0)):
        found = precision.of_value(recording, node, element, against)
        assert found.condition == pytest.approx(condition, rel=1e-6)
        assert found.total < 1


def test_nothing_is_said_of_what_is_not_finite_or_empty():
    recording = recorded("L = sum(log(x))", {"x": [0.0, 1.0]})
    assert precision.of_value(recording, recording.graph.ops[0], (0,), precision.reference(recording)) is None
    recording = recorded("L = sum(exp(x))", {"x": []})
    assert precision.of_value(recording, recording.graph.ops[0], (0,), precision.reference(recording)) is None


@settings(max_examples=25, deadline=None)
@given(st.floats(-1e4, 1e4, width=32), st.floats(-1e4, 1e4, width=32), st.sampled_from(["float32", "float64"]))
def test_a_single_operation_is_within_half_an_ulp(a, b, dtype):
    recording = recorded("L = a*b + a", {"a": a, "b": b}, dtype)
    against = precision.reference(recording)
    for node in recording.graph.ops:
        found = precision.of_value(recording, node, (), against)
        assert found.ulps <= 0.5 + 1e-9
        assert 0 <= found.before <= found.digits
        assert 0 <= found.here <= found.total <= found.digits


def test_the_check_counts_ulps_of_the_type():
    recording = recorded("L = sum(exp(x)*x)", {"x": [1.1, 2.3, 0.7]})
    rows = check_node(recording, recording.graph.ops[0])
    row = next(row for row in rows if row.row == "symbolic")
    ulps = float(row.note.split(" ulp")[0])
    assert ulps <= 4
    assert row.error == pytest.approx(ulps * float(np.spacing(np.float32(abs(row.got)))), rel=0.6, abs=2e-7)


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_of_the_explanation_has_it(form):
    made = network.from_formula(NORMAL, {"x": [1000.1, 1000.2, 1000.4]}, dtype="float32")
    said = explain(made, "c[0]", form)
    assert "7.2 digits right" in said
    assert "here" in said
    assert said.lower().count("precision") >= 3


def test_the_worker_measures_what_was_asked_for_last():
    recording = recorded(NORMAL, {"x": [1000.1, 1000.2, 1000.4]})
    service = Service(60.0, 60.0)
    try:
        place = Place(0, recording.step, recording.graph.by_name["c"].id, None, (0,))
        assert service.peek_budget(place) is None
        service.request_budget(recording, place)
        assert service.wait()
        assert service.peek_budget(place).loss.startswith("lost ")
        place = place._replace(position=0)
        service.request_budget(recording, place)
        assert service.wait()
        assert service.peek_budget(place).source == "upstream"
    finally:
        service.close()
