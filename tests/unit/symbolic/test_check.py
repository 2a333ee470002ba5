"""The check: no false alarm on any operation, and every planted mistake is caught and named.

The data tells mistakes apart: sizes all distinct, both signs, random ∂L/∂output, exact zeros, ties, repeated labels.
"""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bptui.model import network, ops
from bptui.model.ops.base import Op
from bptui.model.optimizers import OPTIMIZERS, Optimizer
from bptui.symbolic.causes import likely
from bptui.symbolic.check import check_node, check_step, check_update, report_json
from bptui.symbolic.types import CheckRow, Report

from ..model.ops.samples import uses
from .steps import graph_of, record, step_of

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


def changed(row, after):
    """The row with its contributions changed: `after(contribution, upstream, inputs, output)` gives the wrong one."""

    def vjp(emit, upstream, inputs, out, attributes, into, saved):
        ready = row.vjp(emit, upstream, inputs, out, attributes, into, saved)
        results = []
        for position, array in enumerate(into):
            made = ready[position] if ready is not None and ready[position] is not None else array
            if made is None:
                results.append(None)
                continue
            wrong = emit.temp(made.shape)

            def spoil(made=made, wrong=wrong, position=position):
                wrong[...] = after(made, upstream, inputs, out, position)

            emit(spoil)
            results.append(wrong)
        return results

    return dataclasses.replace(row, vjp=vjp)


def only(position, change):
    """The mistake in one input's contribution only."""
    return lambda d, g, inputs, y, p: change(d, g, inputs, y) if p == position else d


def first(change):
    return only(0, change)


def spoiled(array, at, value):
    array = np.array(array)
    array[at] = value
    return array


MUTANTS = [
    ("sigmoid", "wrong sign", "x", first(lambda d, g, i, y: -d)),
    ("sigmoid", "y(1 + y)", "x", first(lambda d, g, i, y: g * (y * (1 + y)).reshape(g.shape))),
    ("sigmoid", "y for y(1 - y)", "x", first(lambda d, g, i, y: g * y.reshape(g.shape))),
    ("sigmoid", "the input for the output", "x", first(lambda d, g, i, y: g * i[0] * (1 - i[0]))),
    ("sigmoid", "∂L/∂y is left out", "x", first(lambda d, g, i, y: (y * (1 - y)).reshape(d.shape))),
    ("sigmoid", "float32", "x", first(lambda d, g, i, y: d.astype(np.float32))),
    ("tanh", "1 - y", "x", first(lambda d, g, i, y: g * (1 - y).reshape(g.shape))),
    ("tanh", "1 + y²", "x", first(lambda d, g, i, y: g * (1 + y * y).reshape(g.shape))),
    ("relu", "leaks below 0", "x", first(lambda d, g, i, y: g * np.where(i[0] > 0, 1, 0.01))),
    ("relu", "mask from ∂L/∂y", "x", first(lambda d, g, i, y: g * (g > 0))),
    ("relu", ">= at the kink", "x", first(lambda d, g, i, y: g * (i[0] >= 0))),
    ("leaky_relu", "slope forgotten", "x", first(lambda d, g, i, y: g * (i[0] > 0))),
    ("gelu", "x·φ is missing", "x", first(lambda d, g, i, y: g * np.where(i[0] == 0, 0.5, y / (i[0] + (i[0] == 0))))),
    ("softplus", "tanh for sigmoid", "x", first(lambda d, g, i, y: g * np.tanh(i[0]))),
    ("power", "exponent not in front", "x", first(lambda d, g, i, y: d / 3)),
    ("log", "1/x²", "x", first(lambda d, g, i, y: d / i[0])),
    ("sqrt", "a factor 2", "x", first(lambda d, g, i, y: 2 * d)),
    ("mul", "the same factor", "a", first(lambda d, g, i, y: g * i[0])),
    ("div", "sign of the divisor", "b", only(1, lambda d, g, i, y: -d)),
    ("add", "the sum over the batch is lost", "b", only(1, lambda d, g, i, y: spoiled(np.zeros_like(d), 0, d[0]))),
    ("affine", "bias: first row only", "bias", only(2, lambda d, g, i, y: spoiled(np.zeros_like(d), 0, d[0]))),
    ("affine", "bias: mean for sum", "bias", only(2, lambda d, g, i, y: d / len(g))),
    ("affine", "weight: transposed", "weight", only(1, lambda d, g, i, y: (g.T @ i[0]).reshape(d.shape))),
    ("affine", "weight: last row of the batch dropped", "weight", only(1, lambda d, g, i, y: i[0][:-1].T @ g[:-1])),
    ("affine", "weight: one entry + 1e-6", "weight", only(1, lambda d, g, i, y: spoiled(d, (0, 0), d[0, 0] + 1e-6))),
    ("affine", "weight: doubled", "weight", only(1, lambda d, g, i, y: 2 * d)),
    ("matmul", "x: wrong order", "a", first(lambda d, g, i, y: (i[1] @ g.T).reshape(d.shape))),
    ("softmax", "diagonal only", "x", first(lambda d, g, i, y: g * y * (1 - y))),
    ("softmax", "the sum is missing", "x", first(lambda d, g, i, y: g * y)),
    ("softmax", "sum over the wrong axis", "x", first(lambda d, g, i, y: y * (g - (g * y).sum(0, keepdims=True)))),
    ("softmax", "sum without y", "x", first(lambda d, g, i, y: y * (g - g.sum(-1, keepdims=True)))),
    ("log_softmax", "ΣG is missing", "x", first(lambda d, g, i, y: g - np.exp(y))),
    ("log_softmax", "mean for sum", "x", first(lambda d, g, i, y: g - np.exp(y) * g.mean(-1, keepdims=True))),
    ("cross_entropy", "1/N is missing", "x", first(lambda d, g, i, y: 3 * d)),
    ("cross_entropy", "sign", "x", first(lambda d, g, i, y: -d)),
    ("cross_entropy", "divides by classes", "x", first(lambda d, g, i, y: d * 3 / 4)),
    ("mse", "a factor 2 is missing", "pred", first(lambda d, g, i, y: d / 2)),
    ("mse", "1/N is missing", "pred", first(lambda d, g, i, y: 12 * d)),
    ("mae", "error for its sign", "pred", first(lambda d, g, i, y: g * (i[0] - i[1]) / 12)),
    ("max", "ties share", "x", first(lambda d, g, i, y: (i[0] == y[:, None]) * g[:, None])),
    ("embedding", "repeated rows lost", "weight", first(lambda d, g, i, y: spoiled(np.zeros_like(d), i[1], g))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "told", "wrt", "after"), MUTANTS, ids=[f"{m[0]}: {m[1]}" for m in MUTANTS])
def test_a_wrong_vjp_is_caught_and_named(name, told, wrt, after):
    row = ops.OPS[name]
    wrong = changed(row, after)
    recording, node = step_of(wrong, INPUTS.get(name, (X,)), ATTRIBUTES.get(name))
    rows = check_node(recording, node)
    bad = [r for r in rows if r.verdict == "FAIL"]
    wrt = row.input_names[row.input_names.index(wrt)] if wrt in row.input_names else row.input_names[0]
    assert bad, told
    assert {(r.node, r.op, r.input) for r in bad} == {("made", name, wrt)}
    at = next(r for r in bad if r.row == "symbolic")
    assert len(at.at) == np.ndim(INPUTS.get(name, (X,))[row.input_names.index(wrt)])
    assert at.got != at.expected


def test_the_unchanged_rows_are_fine():
    """The control: the machinery of the mutants by itself changes nothing."""
    for name in dict.fromkeys(m[0] for m in MUTANTS):
        same = changed(ops.OPS[name], lambda d, g, i, y, p: d)
        recording, node = step_of(same, INPUTS.get(name, (X,)), ATTRIBUTES.get(name))
        bad = [r for r in check_node(recording, node) if r.verdict == "FAIL"]
        assert not bad, bad


DEFINITIONS = [
    ("sigmoid", "y = 1/(1 + exp(x))"),
    ("sigmoid", "y = 1/(2 + exp(-x))"),
    ("tanh", "y = tanh(x) + 1"),
    ("relu", "y = x if x > 0 else 0.01*x"),
    ("affine", "y[i,j] = sum(x[i,k]*weight[k,j] for k in K)"),
    ("affine", "y[i,j] = sum(x[i,k]*weight[k,j] for k in K) - bias[j]"),
    ("softmax", "y[i,j] = exp(x[i,j])/sum(exp(x[k,j]) for k in I)"),
    ("log_softmax", "y[i,j] = x[i,j] - log(sum(exp(x[i,k]) for k in J)/J)"),
    ("mse", "y = sum((pred[i,j] - target[i,j])**2 for i in I for j in J)"),
    ("mse", "y = sum((pred[i,j] - target[i,j])**2 for i in I for j in J)/I"),
    ("add", "y = a - b"),
    ("mul", "y = a*b*b"),
]


@pytest.mark.parametrize(("name", "text"), DEFINITIONS)
def test_a_wrong_definition_fails_the_forward_row(name, text):
    row = ops.OPS[name]
    names = {"pred": row.input_names[0], "target": row.input_names[-1]}
    for told, own in names.items() if name == "mse" else ():
        text = text.replace(told, own)
    wrong = dataclasses.replace(row, definition=text, hint=None)
    recording, node = step_of(wrong, INPUTS.get(name, (X,)))
    forward = next(r for r in check_node(recording, node) if r.row == "forward")
    assert forward.verdict == "FAIL"
    assert (forward.node, forward.op, forward.input) == ("made", name, "")


def test_a_definition_that_does_not_fit_is_a_row_not_an_exception():
    wrong = dataclasses.replace(ops.OPS["tanh"], definition="y = tanh(z)")
    recording, node = step_of(wrong, (X,))
    rows = check_node(recording, node)
    assert [r.verdict for r in rows] == ["FAIL"]
    assert "z" in rows[0].note


# --------------------------------------------------------------------------------------------------------- updates
def update_of(optimizer, rule):
    """A step whose definition of the update is `rule` while the engine runs the true one, and what the check says."""
    recording = record(graph_of(ops.OPS["affine"], INPUTS["affine"]), optimizer, step=2)  # from 0, averages hide faults
    true = OPTIMIZERS[optimizer.kind]
    wrong = dataclasses.replace(true, definition=lambda o: rule(true.definition(o)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bptui.model.optimizers.OPTIMIZERS", {**OPTIMIZERS, optimizer.kind: wrong})
        return [r for node in recording.graph.params for r in check_update(recording, node)]


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
RULES = [
    ("sgd", "p - lr", "p + lr"),
    ("sgd", "lr*", "2*lr*"),
    ("momentum", "momentum*m", "m"),
    ("momentum", "g + weight_decay*p", "g - weight_decay*p"),
    ("nesterov", "momentum*m_new", "m_new"),
    ("rmsprop", "(1 - alpha)", "alpha"),
    ("rmsprop", "sqrt(v_new)", "v_new"),
    ("adagrad", "**2", ""),
    ("adagrad", "+ eps", "+ 0.001"),
    ("adam", "(1 - beta1**t)", "1"),
    ("adam", "(1 - beta1)", "1"),
    ("adam", "beta2**t", "beta1**t"),
    ("adamw", " - lr*weight_decay*p", ""),
]


@pytest.mark.parametrize(("kind", "found", "put"), RULES)
def test_a_wrong_update_rule_is_caught(kind, found, put):
    optimizer = KINDS[kind]
    assert found in optimizer.definition
    rows = update_of(optimizer, lambda text: text.replace(found, put))
    bad = [r for r in rows if r.verdict == "FAIL"]
    assert bad
    assert all(r.row == "update" and r.op == optimizer.kind and r.at is not None for r in bad)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_true_updates_are_fine(kind, dtype):
    recording = record(graph_of(ops.OPS["affine"], INPUTS["affine"]), KINDS[kind], dtype)
    rows = [r for node in recording.graph.params for r in check_update(recording, node)]
    assert rows
    assert all(r.verdict == "ok" for r in rows), rows


# --------------------------------------------------------------------------------------------------- no false alarm
@pytest.mark.parametrize("use", uses(), ids=str)
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
        given = {"power": {"exponent": 3.0}}.get(name, {})
        recording, node = step_of(
            row, (np.abs(x) + 0.1 if name in ("log", "sqrt", "rsqrt", "pow") else x,), given, seed
        )
        with np.errstate(all="ignore"):
            assert all(found.verdict != "FAIL" for found in check_node(recording, node)), name


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
    wrong = changed(row, first(lambda d, g, i, y: 2 * g))
    recording, node = step_of(wrong, (x,))
    rows = check_node(recording, node, wrt=0, element=(0, 0))
    assert next(r for r in rows if r.row == "difference").verdict == "FAIL"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["affine", "softmax", "gelu", "cross_entropy", "mse", "max"])
def test_single_precision(name, dtype):
    recording = record(graph_of(ops.OPS[name], INPUTS.get(name, (X,)), ATTRIBUTES.get(name)), None, dtype)
    found = check_step(recording)
    assert found.ok, [r for r in found.rows if r.verdict == "FAIL"]


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
    wrong = changed(ops.OPS["sigmoid"], first(lambda d, g, i, y: (y * (1 - y)).reshape(d.shape)))
    assert isinstance(wrong, Op)
    recording, node = step_of(wrong, (X,))
    bad = next(r for r in check_node(recording, node) if r.verdict == "FAIL")
    assert bad.note == "∂L/∂output is not used"


def test_large_tensors_are_sampled():
    random = np.random.default_rng(0)
    recording, node = step_of(ops.OPS["matmul"], (random.normal(size=(300, 200)), random.normal(size=(200, 250))))
    rows = check_node(recording, node, wrt=0)
    assert all(r.verdict == "ok" for r in rows), rows
    assert any("64 of" in r.note for r in rows)


def test_progress_can_end_it():
    recording = record(graph_of(ops.OPS["affine"], INPUTS["affine"]))
    seen = []
    found = check_step(recording, lambda done, of: seen.append((done, of)) or done < 2)
    assert len(seen) == 2
    assert {r.node for r in found.rows} <= {"made", "product"}
