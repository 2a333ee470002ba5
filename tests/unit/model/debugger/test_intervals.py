"""Interval arithmetic: it says no only where no number in the intervals makes the expression true."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.stops.intervals import Interval, bounds, possible
from bptui.model.debugger.stops.reading import Reading, Step
from bptui.model.engine.state import State
from bptui.model.source.network import from_formula, load

NUMBERS = st.sampled_from(["value", "grad", "0", "1", "0.3", "-2", "shape[0]", "loss", "step", "value[0]", "1e300"])
GROWN = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "**", "%"]), inner),
        st.builds("{}({})".format, st.sampled_from(["abs", "max", "min", "mean", "sum", "norm", "exp"]), inner),
        st.builds("(-{})".format, inner),
    ),
    max_leaves=4,
)
COMPARED = st.builds("({} {} {})".format, GROWN, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), GROWN)
CONDITIONS = st.recursive(
    st.one_of(COMPARED, st.builds("nan({})".format, GROWN), st.builds("any({})".format, COMPARED)),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
        st.builds("all({})".format, inner),
    ),
    max_leaves=3,
)
FINITE = Branch(
    replace(from_formula("h = tanh(w*x + b)\nL = sum((h - y)**2)", {
        "x": [0.5, -1.0], "y": [1.0, 0.0], "w": [0.3, 2.0], "b": [0.0, -1.0],
    }, ["w", "b"]), steps=3)
)  # fmt: skip


NOT_FINITE = Branch(
    replace(from_formula("m = log(k)\nh = exp(m + w)\nL = sum(h*v)", {
        "k": [1.0, 0.0], "w": [0.3, 800.0], "v": [1.0, 0.0],
    }, ["w"]), steps=3)
)  # fmt: skip
"""A -inf that is meant, an inf, NaN from the first training step on."""


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([FINITE, NOT_FINITE]), CONDITIONS)
def test_where_a_condition_holds_it_was_possible(branch, text):
    text = text.replace("loss", "L")
    reading = Reading(expressions.parse(text, branch.graph), branch)
    for number in range(2):
        step = Step(branch, number, Progress())
        if reading.possible(step):
            continue
        for place in range(branch.walk.length):
            moment = step.moment(place)
            try:
                held = reading.expression.evaluate(State(step.recording, moment), branch.timeline.node(moment))
            except (expressions.NotYet, UserError):
                continue
            assert not np.any(held), (text, number, place)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("max(abs(value)) > 10", False),
        ("max(abs(value)) > 1", True),
        ("value[0] > 2 and grad > 0", False),
        ("not value < 3", False),
        ("mean(value) >= 2", True),
        ("mean(value) > 2.1", False),
        ("nan(value)", False),
        ("not finite(value)", False),
        ("all(value[5:] == 7)", True),
        ("sum(value) > 1e9", True),
        ("value / value > 0", True),
        ("value == 7 or grad != 0", True),
    ],
)
def test_what_is_possible(text, answer):
    known = {"value": Interval(-1.5, 2.0), "grad": Interval(0.0, 0.25)}
    assert possible(ast.parse(text, mode="eval").body, known) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("max(abs(value)) > 10", False),
        ("value != value", True),
        ("not value < 3", True),
        ("not value != 7", False),
        ("value == 7", False),
        ("value", True),
        ("not min(value, 1) < 3", True),
        ("nan(value)", True),
        ("nan(grad)", False),
        ("value - value > 9", False),
        ("value > 1 and grad > 1", False),
    ],
)
def test_what_is_possible_where_there_is_nan(text, answer):
    known = {"value": Interval(-1.5, 2.0, True), "grad": Interval(0.0, 0.25)}
    assert possible(ast.parse(text, mode="eval").body, known) is answer


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(-100, 100), st.sampled_from("+-*/"))
def test_the_ends_of_what_is_rounded_are_ends(a, b, c, op):
    low, high = sorted((a, b))
    x, y, _ = bounds(ast.parse(f"value {op} {c!r}", mode="eval").body, {"value": Interval(low, high)})
    for end in (low, high, (low + high) / 2):
        with np.errstate(all="ignore"):
            found = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[op](np.float64(end), c)
        assert np.isnan(found) or x <= found <= y


def test_the_extremes_of_a_recording_hold_every_number_that_a_condition_can_read():
    for name in ("xor", "transformer"):
        recording = load(name).history().recording(0)
        for what, read in (("value", recording.value), ("grad", recording.grad)):
            low, high = recording.extremes(what)
            for node in recording.graph.nodes:
                array = read(node) if what == "grad" or node.op is not None or node.role == "param" else None
                assert array is None or (low <= array.min() and array.max() <= high)
        after = [recording.after(node) for node in recording.graph.params]
        low, high = recording.extremes("value")
        assert all(low <= array.min() and array.max() <= high for array in after)


@pytest.mark.parametrize("text", ["loss > 0.5", "L * 2 - step", "max(L)", "loss + 0 * step"])
def test_the_loss_is_known_without_running_a_step_again(text, monkeypatch):
    branch = Branch(FINITE.network)
    branch.history.advance(3)
    expression = expressions.parse(text, branch.graph)
    expected = []
    for number in range(3):
        moment = branch.walk.moment((number + 1) * branch.walk.length - 1)
        state = State(branch.history.recording(number), moment)
        expected.append(np.asarray(expression.evaluate(state, branch.timeline.node(moment))).tobytes())
    monkeypatch.setattr(type(branch.history), "recording", lambda *_: pytest.fail("a step was run again"))
    reading = Reading(expression, branch)
    for number in range(3):
        step = Step(branch, number, Progress())
        assert reading.at(step, branch.walk.length - 1).tobytes() == expected[number]
        assert reading.at(step, 0) is None or "loss" not in text
