"""No graph is too odd to be diagnosed: each operation by itself, formulas, the examples."""

from __future__ import annotations

from typing import Any

import pytest

from bptui.model.debugger.findings.diagnose import diagnose, trials
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.examples import examples
from bptui.model.source.network import Network, from_formula, load
from tests.unit.model.engine.ops.samples import uses
from tests.unit.symbolic.steps import graph_of


def diagnosed(network: Network, steps: int) -> None:
    """Every rule is asked, every remedy made."""
    diagnosis = diagnose(network, steps)
    for tried in trials(diagnosis):
        diagnosis = tried
    assert diagnosis.steps == steps
    assert len({each.rule for each in diagnosis.looked_for}) == len(diagnosis.looked_for)


@pytest.mark.corpus(every=24, rows=3)
@pytest.mark.parametrize("use", list(uses()), ids=lambda use: f"use-{use}")
def test_an_operation_by_itself(use: Any) -> None:
    graph = graph_of(use.row, use.inputs(), use.attributes)
    diagnosed(Network("one", graph, Optimizer("sgd", 0.1), samples=3), 3)


@pytest.mark.parametrize("name", [name for name, _ in examples()])
def test_an_example(name: str) -> None:
    diagnosed(load(name), 2)


@pytest.mark.parametrize(
    "text",
    ["L = w*0", "L = sum(w)", "L = -w**2", "L = w - w", "L = 1/w", "a = w; b = 2*a; L = a*b", "L = exp(w*w)"],
)
def test_a_formula_of_one_number(text: str) -> None:
    for start in (0.0, 1.0, 30.0):
        diagnosed(from_formula(text, {"w": start}, ["w"]), 4)
    diagnosed(from_formula(text, {"w": 2.0}, []), 1)
