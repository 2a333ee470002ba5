"""The operations of d(u, x): derived and checked like any other, called by what they are, walked and changed."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.engine.rule import Rule
from bptui.model.source.network import load
from bptui.symbolic.check import check_step
from tests.unit.model.engine.derivatives import GIVEN, IMAGES, NET, read, recorded


def test_every_operation_of_it_is_checked():
    step = recorded("u = tanh(x @ W1 + b1) @ W2; ux = d(u, x); uxx = d(ux, x); L = mean((uxx + u)**2)", NET)
    rows = check_step(step).rows
    made = {node.name for node in step.graph.ops if node.scope in ("ux", "uxx")}
    assert made <= {row.node for row in rows}
    assert {row.verdict for row in rows} <= {"ok", "skipped"}
    assert {"symbolic", "difference", "forward"} <= {row.row for row in rows if row.node.startswith("uxx")}


def test_a_rule_that_is_derived_is_an_operation_with_its_own_checks():
    step = recorded("h = tanh(conv2d(x, k)); D = conv2d(h, k2); L = (norm(d(sum(D), x)) - 1)**2", IMAGES)
    (made,) = {n.op.name for n in step.graph.ops if n.op.name.endswith("_by_x")}
    assert made == "correlate2d_by_x"
    rows = [row for row in check_step(step).rows if row.op == made]
    assert {"forward", "symbolic", "difference"} <= {row.row for row in rows}
    assert {row.verdict for row in rows} <= {"ok", "skipped"}


def test_a_composite_in_it_is_checked_as_a_whole():
    """Its parts are no business of a derivative: those that it needs are computed again."""
    text = "q = reshape(x, shape=(1, 3, 4)); a = scaled_dot_product_attention(q, q, q); L = sum(d(a*a, x)**2)"
    rows = check_step(recorded(text, GIVEN)).rows
    assert {row.verdict for row in rows} <= {"ok", "skipped"}
    assert [row for row in rows if row.op == "scaled_dot_product_attention" and row.row == "symbolic"]


def test_a_derivative_is_held_against_the_backward_pass_of_what_it_derives(monkeypatch):
    text = "u = tanh(x @ W1 + b1) @ W2; ux = d(u, x); L = mean(ux**2)"
    (row,) = [row for row in check_step(recorded(text, NET)).rows if row.row == "derivative"]
    assert (row.node, row.verdict) == ("ux", "ok")
    right = Rule.contribution
    monkeypatch.setattr(Rule, "contribution", lambda *given: right(*given) * 1.0001)  # a rule that becomes another
    (row,) = [row for row in check_step(recorded(text, NET)).rows if row.row == "derivative"]
    assert row.verdict == "FAIL"
    assert "d(u, x) is not what the backward pass of u gives" in row.reason


def test_its_operations_stand_together_under_what_they_are():
    graph = read("h = tanh(x @ W1 + b1); u = h @ W2; ux = d(u, x); L = mean(ux**2)", NET)
    (heading,) = graph.layers
    assert heading.name == "ux"
    assert heading.summary == "d(u, x): the backward pass of u, as operations"
    inside = [node for node in graph.ops if node.scope == "ux"]
    assert inside[-1].name == "ux"
    assert "ux.d_h" in {node.name for node in inside}  # ∂u/∂h
    assert [n.op.name for n in inside if n.op.name == "tanh"] == []


NAMED = (
    "h = tanh(x @ W1 + b1); u = h @ W2 + b2; ux = d(u, x); uxx = d(ux, x); uxxx = d(uxx, x); L = mean(uxxx**2 + ux)",
    "L = mean((d(d(tanh(x @ W1 + b1) @ W2, x), x) + x)**2)",
    "u = softmax(layer_norm(x @ W1, b1, b1)) @ W2; v = u*u; ux = d(u, x); vx = d(v, x); L = mean(ux*vx) + d(ux, b1)[0]",
    "d_h = x*x; h = tanh(d_h); u = h*h; ux = d(u, x); d_u = mean(ux); dux_dh = d(ux, x); L = mean(dux_dh)*d_u",
)


@pytest.mark.parametrize("text", NAMED)
def test_what_is_shown_is_one_row_and_can_be_typed(text):
    graph = read(text, NET)
    rows = [node for node in graph.nodes if node.role != "const"]
    assert len({node.label for node in rows}) == len(rows)
    assert {node.label: node.id for node in rows}.items() <= {
        name: node.id for name, node in graph.called.items()
    }.items()
    made = [node for node in graph.ops if "." in node.name and not node.composite]
    assert made
    assert not [node.name for node in made if node.label.startswith("t") and node.label[1:].isdigit()]


def test_a_gradient_is_called_after_its_node_and_a_part_of_a_rule_after_its_operation():
    graph = read(NAMED[0], NET)
    of = {node.name: node for node in graph.ops}
    assert [node.label for node in graph.ops if node.scope == "ux"] == [
        "W2_T", "d_t3", "d_h", "h_mul", "h_sub", "d_t2", "W1_T", "ux",
    ]  # fmt: skip
    assert of["ux.h_sub"].inputs[1] == of["ux.h_mul"].id
    assert {"uxx.d_d_t2", "uxx.d_h_sub", "uxx.dux_dh"} <= of.keys()  # ux has a d_h: that of u
    step = recorded(NAMED[0], NET)
    h, x = step.value("h"), step.value("ux.d_h")
    np.testing.assert_allclose(step.value("ux.d_t2"), (1 - h * h) * x)


def test_a_session_walks_changes_and_trains_through_it():
    """why, paths, what if, undo, and training steps there and back, with numbers by hand."""
    session = Session(load("spring"))

    def by_hand():
        step = session.recording
        h, w1, w2 = step.value("h"), step.value("W1"), step.value("W2")
        return (-2 * h * (1 - h * h) * w1 * w1) @ w2

    run(session, "goto utt")
    first = session.recording.value("utt").copy()
    np.testing.assert_allclose(first, by_hand(), rtol=1e-12)
    assert run(session, "why utt[3,0]").ok
    assert run(session, "paths W1[0,2]").ok
    assert run(session, "set W1[0,0] = 0.3").moved
    np.testing.assert_allclose(session.recording.value("utt"), by_hand(), rtol=1e-12)
    assert not np.array_equal(session.recording.value("utt"), first)
    run(session, "undo")
    np.testing.assert_array_equal(session.recording.value("utt"), first)
    run(session, "train 40")
    np.testing.assert_allclose(session.recording.value("utt"), by_hand(), rtol=1e-9)
    run(session, "untrain 40")
    np.testing.assert_array_equal(session.recording.value("utt"), first)
