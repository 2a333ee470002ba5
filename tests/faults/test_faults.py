"""Every fault of the corpus is rejected by the check and named: node, operation, input, element."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from bptui.model.engine import ops
from bptui.symbolic.check import check_step
from tests.forgotten import nothing_missing
from tests.paths import DOCS
from tests.unit.model.engine.ops.use import WITHOUT

from . import backward, composites, definitions, page, plans, plant, pytorch, steps
from .data import ARENAS


def told(fault: plant.Fault) -> str:
    return f"{getattr(fault, 'op', '') or fault.kind}: {fault.told}"


WRITTEN = (DOCS / "faults.md").read_text(encoding="utf-8")
LINES = WRITTEN.splitlines()
TABLE = {id(fault): table for table in page.TABLES for fault in table.faults}


def bad(fault: plant.Fault) -> list:
    """What the check rejects; and that the page's line of the fault says so."""
    _, heads, columns = TABLE[id(fault)]
    made = page.line(fault, heads, columns)[0]
    assert made in LINES, "docs/faults.md is not what the check says now: python -m tests.faults.page > docs/faults.md"
    return [row for row in plant.said(fault).rows if row.verdict == "FAIL"]


@cache
def right(op: str, arena: str):
    return plant.step(ops.OPS[op], ARENAS[arena])


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("fault", backward.FAULTS, ids=told)
def test_a_wrong_backward_rule(fault):
    rows = [row for row in bad(fault) if row.row != "paths"]  # those are of the parameters before it
    assert rows
    assert {(r.node, r.op, r.input) for r in rows} == {("made", fault.op, fault.input)}
    symbolic = next(r for r in rows if r.row == "symbolic")
    position = ops.OPS[fault.op].input_names.index(fault.input)
    true = right(fault.op, fault.arena).grad(f"in{position}")
    assert len(symbolic.at) == true.ndim
    assert symbolic.got != symbolic.expected
    wrong = plant.step(plant.backward(fault), ARENAS[fault.arena]).grad(f"in{position}")
    assert wrong[symbolic.at] != true[symbolic.at]  # the element that is named is wrong indeed


@pytest.mark.corpus(rows=3)
@pytest.mark.parametrize("fault", definitions.FAULTS, ids=told)
def test_a_wrong_definition(fault):
    rows = bad(fault)
    assert rows
    assert {(r.node, r.op) for r in rows} == {("made", fault.op)}
    assert all(r.at is not None or "does not fit" in r.note or r.row == "direction" for r in rows)


@pytest.mark.parametrize("fault", plans.FAULTS, ids=told)
def test_a_wrong_plan(fault):
    rows = [row for row in bad(fault) if row.node == "made"]
    assert {row.op for row in rows} == {fault.op}
    assert {"forward" if fault.part == "forward" else "symbolic"} <= {row.row for row in rows}


@pytest.mark.corpus(every=5, rows=2)
@pytest.mark.parametrize("rule", steps.RULES, ids=told)
def test_a_wrong_update_shows_at_the_first_step(rule):
    """Where averages are still 0: the rule is asked with numbers of its own, too."""
    with plant.updating(rule) as optimizer:
        report = check_step(plant.trained(optimizer, step=0))
    assert {r.row for r in report.rows if r.verdict == "FAIL"} == {"update"}


@pytest.mark.corpus(every=5, rows=2)
@pytest.mark.parametrize("fault", [*steps.RULES, *steps.PATCHES], ids=told)
def test_a_wrong_training_step(fault):
    rows = bad(fault)
    assert rows
    assert all(r.at is not None or r.note.startswith("nothing is passed on") for r in rows)
    if isinstance(fault, plant.Rule):
        assert {r.node for r in rows} == {"w", "b"}
        assert {(r.row, r.op) for r in rows} == {("update", fault.kind)}


@pytest.mark.corpus(rows=4)
@pytest.mark.parametrize("fault", composites.FAULTS, ids=told)
def test_a_wrong_composite(fault):
    """The row of the whole names it; rows of its parts say nothing where each of them is right."""
    rows = bad(fault)
    whole = [r for r in rows if r.op == fault.op]
    assert whole
    assert all(r.node == "made" and r.at is not None and r.got != r.expected for r in whole)
    assert composites.detached in fault.change.values() or rows == whole


@pytest.mark.corpus(rows=8)  # that a right one is no fault is the law of test_clean, too
@pytest.mark.parametrize("use", sorted({f.use for f in composites.FAULTS}, key=str), ids=str)
def test_the_control_of_the_composites(use):
    report = check_step(composites.step(composites.Composite(use, "nothing", {})))
    assert [r for r in report.rows if r.verdict == "FAIL"] == []
    assert {r.row for r in report.rows if r.op == use.op} == {"forward", "symbolic"}


@pytest.mark.corpus(rows=8)
@pytest.mark.parametrize("pair", sorted({(f.op, f.arena) for f in backward.FAULTS}), ids="-".join)
def test_the_control_is_clean(pair):
    """What is planted does it: the same numbers through the true row are fine."""
    report = check_step(right(*pair))
    assert [r for r in report.rows if r.verdict == "FAIL"] == []
    assert all(r.verdict in ("ok", "n/a", "KINK", "skipped") for r in report.rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"clip_norm": 0.5, "clip_value": 0.2},
        {"kind": "adam", "clip_norm": 100.0},
        {"kind": "lbfgs", "max_iter": 6},
        {"kind": "lbfgs", "line_search_fn": "strong_wolfe"},
    ],
)
def test_the_control_of_the_training_step(wrong):
    for step in (0, 2):
        report = check_step(plant.trained(plant.Optimizer(**{"learning_rate": 0.1, **wrong}), step))
        assert set(report.counts) == {"ok"}


def test_the_true_rows_agree_with_pytorch():
    assert not any(pytorch.differs(row) for row in ops.OPS.values())


def test_the_corpus_is_large_enough():
    assert len(backward.FAULTS) >= 60
    assert len({f.op for f in backward.FAULTS}) >= 25
    assert len(definitions.FAULTS) >= 15
    assert len(steps.RULES) + len(steps.PATCHES) >= 15
    assert len(composites.FAULTS) >= 20
    defined = {name for name, row in ops.COMPOSITES.items() if row.definition}
    nothing_missing(defined - {f.op for f in composites.FAULTS}, "a wrong part of it in composites.py here")
    of_fewer_axes = {name for name in ops.OPS if name[:-2] + "1d" in ops.OPS or name[:-2] + "2d" in ops.OPS}
    passing = ops.OPS.keys() - of_fewer_axes - WITHOUT
    wrong = {f.op for f in backward.FAULTS}
    nothing_missing(passing - wrong, "a wrong rule of it, B(…), in elementwise.py here or one of backward.py's tables")
    nothing_missing(WITHOUT - {f.op for f in definitions.FAULTS}, "a wrong definition of it in definitions.py here")
    every = [told(f) + str(getattr(f, "input", "")) for f in (*backward.FAULTS, *definitions.FAULTS, *steps.RULES)]
    assert len(set(every)) == len(every)


def test_the_page_is_what_the_check_says():
    """It is made of its lines, each of which is compared where its fault is tested, above."""

    def written(fault: plant.Fault, heads: Sequence[str], columns: Sequence[str]) -> tuple[str, set[str]]:
        front = page.front(fault, heads)
        rests = [line.removeprefix(front) for line in LINES if line.startswith(front)]
        rest = next(rest for rest in rests if rest.count("|") == len(columns))
        return front + rest, {column for column, cell in zip(columns, rest.split("|"), strict=False) if "x" in cell}

    assert page.page(line=written) == WRITTEN


def test_a_zero_gradient_is_no_hiding_place():
    """Where ∂L/∂y is 0 the recorded contribution is 0 whatever the rule is: the check asks with one of its own."""
    fault = next(f for f in backward.FAULTS if f.op == "tanh")
    graph = plant.graph_of(plant.backward(fault), *ARENAS["x"])
    still = dataclasses.replace(graph.by_name["scale"], value=np.zeros((3, 4)))
    nodes = tuple(still if node.id == still.id else node for node in graph.nodes)
    recording = plant.record(dataclasses.replace(graph, nodes=nodes))
    assert not recording.grad("in0").any()
    rows = [r for r in check_step(recording).rows if r.verdict == "FAIL"]
    assert {(r.node, r.op, r.input) for r in rows} == {("made", "tanh", "x")}
