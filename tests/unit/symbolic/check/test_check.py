"""The check: no false alarm on any operation; that planted mistakes are caught is told in tests/faults.

The data tells mistakes apart: sizes all distinct, both signs, random ∂L/∂output, exact zeros, ties, repeated labels.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.model.engine.ops.base import Op
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source import network
from bptui.symbolic.check import check_node, check_step, check_update, report_json
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.paths import check_paths
from bptui.symbolic.types import CheckRow, Report
from tests.faults import clean
from tests.faults.plant import Backward, backward
from tests.faults.wrong import put
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic.steps import graph_of, record, step_of

RANDOM = np.random.default_rng(7)
X = np.round(RANDOM.normal(size=(3, 4)), 1)
X[0, 1], X[2, 3] = 0.0, 0.0  # kinks
W = RANDOM.normal(size=(4, 5))
B = RANDOM.normal(size=5)
LABELS = np.array([1, 3, 1])
TARGETS = RANDOM.normal(size=(3, 4))
POSITIVE = RANDOM.uniform(0.2, 2, (3, 4))
INPUTS = {
    "affine": (X, W, B), "matmul": (X, W), "softmax": (X,), "log_softmax": (X,), "cross_entropy": (X, LABELS),
    "mse": (X, TARGETS), "embedding": (RANDOM.normal(size=(6, 5)), np.array([4, 1, 4])), "add": (X, B[:4]),
    "mul": (X, B[:4]), "div": (X, POSITIVE[0]),
    "log": (POSITIVE,), "sqrt": (POSITIVE,), "power": (POSITIVE,), "mae": (X, TARGETS), "max": (np.round(X),),
}  # fmt: skip
ATTRIBUTES = {"power": {"exponent": 3.0}, "max": {"axis": 1}}


def spoiled(array, at, value):
    array = np.array(array)
    array[at] = value
    return array


def test_a_definition_that_does_not_fit_is_a_row_not_an_exception():
    wrong = dataclasses.replace(ops.OPS["tanh"], definition="y = tanh(z)")
    recording, node = step_of(wrong, (X,))
    rows = check_node(recording, node)
    assert [r.verdict for r in rows] == ["FAIL"]
    assert "z" in rows[0].note


# --------------------------------------------------------------------------------------------------------- updates
KINDS = {
    "sgd": Optimizer("sgd", 0.1),
    "momentum": Optimizer("sgd", 0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": Optimizer("sgd", 0.1, momentum=0.9, nesterov=True),
    "rmsprop": Optimizer("rmsprop", 0.01),
    "adagrad": Optimizer("adagrad", 0.01),
    "adam": Optimizer("adam", 0.01, weight_decay=0.1),
    "adamw": Optimizer("adamw", 0.01),
    "clipped": Optimizer("adam", 0.01, clip_norm=0.5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_true_updates_are_fine(kind, dtype):
    recording = record(graph_of(ops.OPS["affine"], INPUTS["affine"]), KINDS[kind], dtype)
    rows = [r for node in recording.graph.params for r in check_update(recording, node)]
    assert rows
    assert all(r.verdict == "ok" for r in rows), rows


# --------------------------------------------------------------------------------------------------- no false alarm
@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("use", list(uses()), ids=str)
def test_no_false_alarm(use):
    row = use.row
    given = {k: v for k, v in use.attributes.items() if k in row.attributes}
    recording, node = step_of(row, use.inputs(), given)
    for found in check_node(recording, node):
        assert found.verdict in ("ok", "n/a"), found


@pytest.mark.parametrize("seed", range(3))
def test_no_false_alarm_over_seeds_and_kinks(seed):
    random = np.random.default_rng(seed)
    for name, row in ops.OPS.items():
        if row.input_names != ("x",) or not row.elementwise or row.fixed:
            continue
        x = np.round(random.normal(size=(3, 4)) * 2, 1)
        x[1, 2] = 0.0
        given = {"power": {"exponent": 3.0}, "cast": {"dtype": "float16"}}.get(name, {})
        recording, node = step_of(
            row, (np.abs(x) + 0.1 if name in ("log", "sqrt", "rsqrt", "pow") else x,), given, seed
        )
        with np.errstate(all="ignore"):
            assert all(found.verdict != "FAIL" for found in check_node(recording, node)), name


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_the_last_place_is_that_of_the_kind(kind):
    """An error of half a unit in the last place of float16 is no thousand units of float64."""
    text = f"h = cast(x, '{kind}'); a = tanh(h)*h; L = mean(cast(a, 'float32')**2)"
    recording = network.from_formula(text, {"x": [0.3, -1.7, 2.1, 0.05]}, dtype="float32").program().record()
    rows = [r for node in recording.graph.ops for r in check_node(recording, node) if r.row == "symbolic"]
    units = [float(r.note.split(" ulp")[0]) for r in rows if " ulp" in r.note]
    assert len(units) > 5
    assert max(units) < 16


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu", "hardtanh", "relu6"])
def test_a_kink_is_said_and_a_wrong_side_of_it_is_not(name):
    row = ops.OPS[name]
    at = {"hardtanh": 1.0, "relu6": 6.0}.get(name, 0.0)
    x = np.array([[at, 0.5, -0.5]])
    recording, node = step_of(row, (x,))
    rows = check_node(recording, node, wrt=0, element=(0, 0))
    difference = next(r for r in rows if r.row == "difference")
    assert difference.verdict == "KINK"
    assert "left" in difference.note
    assert all(r.verdict != "FAIL" for r in rows)
    wrong = backward(Backward(name, "2 everywhere", "x", "", lambda g: 2 * g))
    recording, node = step_of(wrong, (x,))
    rows = check_node(recording, node, wrt=0, element=(0, 0))
    assert next(r for r in rows if r.row == "difference").verdict == "FAIL"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["affine", "softmax", "gelu", "cross_entropy", "mse", "max"])
def test_single_precision(name, dtype):
    recording = record(graph_of(ops.OPS[name], INPUTS.get(name, (X,)), ATTRIBUTES.get(name)), None, dtype)
    found = check_step(recording)
    assert found.ok, [r for r in found.rows if r.verdict == "FAIL"]


@pytest.mark.corpus(rows=3)
@pytest.mark.parametrize("example", [name for name, _ in network.examples()])
def test_examples_are_ok(example):
    found = check_step(network.load(example))
    assert found.ok, [r for r in found.rows if r.verdict == "FAIL"]
    assert found.counts["ok"] == sum(r.verdict == "ok" for r in found.rows)


# ------------------------------------------------------------------------------------------------------------ words
def test_non_finite_numbers_are_no_exception():
    with np.errstate(all="ignore"):
        recording, node = step_of(ops.OPS["log"], (np.array([[1.0, 0.0, -1.0]]),))
    rows = check_node(recording, node)
    assert all(r.verdict != "FAIL" for r in rows), rows
    json.dumps(report_json(Report(rows)), allow_nan=False)


def test_json_has_the_names_of_the_contract():
    row = CheckRow("n", "op", "x", "symbolic", "FAIL", float("nan"), 1e-9, (1, 2), float("inf"), -float("inf"), "why")
    found = report_json(Report((row,)))
    assert found["format"] == 1
    assert found["ok"] is False
    assert found["counts"] == {"FAIL": 1}
    assert found["checks"][0] == {
        "node": "n", "op": "op", "input": "x", "row": "symbolic", "verdict": "FAIL", "error": "nan", "tolerance": 1e-9,
        "at": [1, 2], "got": "inf", "expected": "-inf", "note": "why",
    }  # fmt: skip


EXPECTED = RANDOM.normal(size=(3, 4))


@pytest.mark.parametrize(
    ("got", "upstream", "said"),
    [
        (-EXPECTED, None, "the sign is wrong"),
        (2 * EXPECTED, None, "a factor 2 too many"),
        (EXPECTED / 2, None, "a factor 2 is missing"),
        (3 * EXPECTED, None, "1/3 is missing"),
        (EXPECTED / 4, None, "divided by 4 once too often"),
        (0 * EXPECTED, None, "nothing is passed on"),
        (EXPECTED.T.reshape(3, 4), None, "transposed"),
        (1.7 * EXPECTED, None, "too large by a factor of 1.7"),
        (spoiled(EXPECTED, (0, 0), 9.0), None, "wrong at 1 of 12"),
        (np.full((3, 4), np.nan), None, "not finite"),
    ],
)
def test_likely_causes(got, upstream, said):
    assert said in likely(got, EXPECTED, upstream, ((3, 4),))


def test_a_lost_sum_is_recognised():
    upstream = RANDOM.normal(size=(3, 5))
    assert likely(upstream[0], upstream.sum(0), upstream) == "the sum over axis 0 of the output is lost"


def test_a_vjp_that_ignores_upstream_is_recognised():
    wrong = backward(Backward("sigmoid", "ignores ∂L/∂y", "x", "", lambda y: y * (1 - y)))
    assert isinstance(wrong, Op)
    recording, node = step_of(wrong, (X,))
    bad = next(r for r in check_node(recording, node) if r.verdict == "FAIL")
    assert bad.note == "∂L/∂output is not used"


def test_large_tensors_are_sampled_and_the_chance_is_said(monkeypatch):
    monkeypatch.setattr("bptui.symbolic.check.node.CELLS", 100_000)
    random = np.random.default_rng(0)
    inputs = random.normal(size=(50, 80)), random.normal(size=(80, 70))
    recording, node = step_of(ops.OPS["matmul"], inputs)
    rows = check_node(recording, node, wrt=0)
    assert all(r.verdict == "ok" for r in rows), rows
    assert any("at 64 of 4,000 elements; one that is wrong is missed with probability 0.984" in r.note for r in rows)
    assert all("probability" in r.note for r in rows if r.row in ("direction", "complex step"))


@pytest.mark.parametrize("at", [(0, 0), (37, 64), (49, 79)])
@pytest.mark.parametrize("size", [1, -2])
def test_a_direction_that_fails_is_bisected_to_the_element(monkeypatch, at, size):
    """One wrong number among 4,000, which the samples miss."""
    monkeypatch.setattr("bptui.symbolic.check.node.CELLS", 100_000)
    random = np.random.default_rng(0)
    inputs = random.normal(size=(50, 80)), random.normal(size=(80, 70))
    wrong = backward(Backward("matmul", "one entry", "a", "", lambda d: put(d, at, size)))
    recording, node = step_of(wrong, inputs)
    rows = {r.row: r for r in check_node(recording, node, wrt=0)}
    for name in ("direction", "complex step"):
        assert rows[name].verdict == "FAIL"
        assert rows[name].at == at
        assert "bisected in" in rows[name].note
        assert rows[name].got - rows[name].expected == pytest.approx(size, rel=1e-4)


def test_bisection_tells_the_block():
    """Half a row is wrong: the block is told, and an element of it."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(16, 8)), random.normal(size=(8, 7))
    wrong = backward(Backward("matmul", "half a row", "a", "", lambda d: put(d, (5, slice(0, 4)), 1.0)))
    recording, node = step_of(wrong, inputs)
    row = next(r for r in check_node(recording, node, wrt=0) if r.row == "complex step")
    assert row.at[0] == 5
    assert row.at[1] < 4
    assert "within [5,0] … [5,3]" in row.note


ENDED = [
    ("reciprocal", [-1.0, 0.0, 2.0], 2.0),
    ("square", [-1.0, 0.0, 1e300], -1.0),
    ("exp", [-1.0, 1000.0], -1.0),
    ("log", [0.0, 2.0], 2.0),
    ("relu", [-1.0, 2.0], -1.0),
]


@pytest.mark.parametrize(("name", "x", "at"), ENDED, ids=lambda value: str(value))
def test_nan_where_the_rule_has_a_number_is_wrong_whatever_other_outputs_are(name, x, at):
    """An output beside it that has overflowed, or is a pole, is no excuse."""
    row = ops.OPS[name]

    def vjp(emit, ctx):
        row.vjp(emit, ctx)
        emit(np.copyto, ctx.into[0], np.nan, where=np.asarray(x) == at)

    rows = check_node(*step_of(dataclasses.replace(row, vjp=vjp), [x]))
    assert [r.verdict for r in rows if r.row == "symbolic"] == ["FAIL"]
    assert all(r.verdict != "FAIL" for r in check_node(*step_of(row, [x])))


def test_two_numbers_that_differ_are_told_apart():
    row = CheckRow("n", "op", "", "forward", "FAIL", 1e-13, 0.0, (), 1 / 3, 1 / 3 + 1e-13)
    got, expected = row.reason.partition(": got ")[2].partition(";")[0].split(", expected ")
    assert float(got) < float(expected)
    assert row.pair(6) == row.pair(3)
    assert CheckRow("n", "op", "", "forward", "FAIL", got=0.5, expected=0.25).pair(6) == "got 0.5, expected 0.25"


def test_a_gradient_that_is_not_the_sum_over_its_paths_fails():
    recording = network.load("mazur").history().recording(0)
    rows = {row.node: row for row in check_step(recording).rows if row.row == "paths"}
    assert {name: row.verdict for name, row in rows.items()} == {"layer1.weight": "ok", "layer2.weight": "ok"}
    assert "2 paths" in rows["layer1.weight"].note
    right = recording.grad
    recording.grad = lambda node: right(node) if recording.id(node) != 1 else right(node) * 1.001
    wrong = [row for row in check_paths(recording) if row.verdict == "FAIL"]
    assert [row.node for row in wrong] == [recording.graph.nodes[1].name]
    assert "paths of " in wrong[0].reason


@pytest.mark.parametrize("op", ["softmax", "masked_softmax", "sigmoid", "tanh", "logsumexp", "prod", "max", "sort"])
def test_what_a_rule_rounds_away_is_no_excuse_for_a_gradient_that_is_off_by_a_billionth(op):
    """Where no derivative has lost its digits, next to nothing is added to what is allowed."""
    use = next(use for use in uses() if use.op == op)
    recording = clean.recording(use, "plain", 3)
    right, off = recording.grad, [row for row in check_paths(recording) if row.verdict == "ok" and row.tolerance > 0]
    for row in off:
        wrong = recording.graph.by_name[row.node].id
        recording.grad = lambda node, wrong=wrong, by=3 * row.tolerance: (
            right(node) + by * (recording.id(node) == wrong)
        )
        found = next(each for each in check_paths(recording) if each.node == row.node)
        assert found.verdict == "FAIL"
        assert found.tolerance < 1.01 * row.tolerance
    assert off
