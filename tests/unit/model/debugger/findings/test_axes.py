"""Axes that are not what is meant, in formulas: what is found of a slip, and nothing without it."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.source.network import from_formula

X = np.random.default_rng(0).normal(size=(12, 4))
GIVEN = {"x": X, "y": X[:, 0] - X[:, 1], "k": np.eye(3)[np.arange(12) % 3], "s": np.sign(X[:, 0]),
         "w": X[:4, :1] / 2, "W": X[:4, :3] / 2}  # fmt: skip
COLUMNS = {
    "absolute": "L = mean(abs({0} - y))",
    "squared": "L = mean(({0} - y)**2)",
    "a product": "e = y - {0}\nL = mean(e*e)",
    "cosh": "L = mean(log(cosh(y - {0})))",
    "quantiles": "e = y - {0}\nL = mean(maximum(0.8*e, -0.2*e))",
    "a margin": "L = mean(relu(1 - s*{0}))",
}


def told(text: str, trained: str) -> list[tuple[str, str]]:
    names = {name: value for name, value in GIVEN.items() if any(name in line for line in text.splitlines())}
    found = diagnose(from_formula(text, names, [trained]), 4).findings
    return [(finding.type, finding.text) for finding in found if finding.severity == "error"]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_against_a_row(name: str) -> None:
    model = "p = x @ w\nq = reshape(p, shape=(12,))\n"
    ((kind, text),) = told(model + COLUMNS[name].format("p"), "w")
    assert kind == "output-range"
    assert text.endswith("are stretched to (12,12): every prediction is compared with every target")
    assert told(model + COLUMNS[name].format("q"), "w") == []


def test_pairs_that_are_asked_for_are_no_slip() -> None:
    pairs = "p = x @ w\na = reshape(p, shape=(12, 1))\nb = reshape(y, shape=(1, 12))\nL = mean(abs(a - b))"
    assert told(pairs, "w") == []
    assert told("a = x @ w\nL = mean((a - reshape(a, shape=(1, 12)))**2) + mean(a**2)", "w") == []


@pytest.mark.parametrize("made", ["softmax(z, axis={0})", "exp(z)/sum(exp(z), axis={0}, keepdims=True)"])
def test_probabilities_along_another_axis_than_the_classes(made: str) -> None:
    text = "z = x @ W\np = " + made + "\nL = -mean(sum(k*log(p), axis=1))"
    assert "output-activation" in {kind for kind, _ in told(text.format(0), "W")}
    assert told(text.format(1), "W") == []


def test_a_likelihood_without_its_minus() -> None:
    text = "p = log_softmax(x @ W, axis=1)\nL = {0}mean(sum(k*p, axis=1))"
    ((kind, said),) = told(text.format(""), "W")
    assert kind == "unbounded-loss"
    assert "falls where the probability of the target falls" in said
    assert told(text.format("-"), "W") == []
