"""The life of NaN and inf: where they are born, of what, where they go, and whether they do harm."""

from __future__ import annotations

from typing import Any

import pytest

from bptui.model.base.spans import plain
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.diagnose import diagnose, trials
from bptui.model.debugger.findings.finding import Diagnosis, Finding
from bptui.model.debugger.findings.text import report
from bptui.model.source.network import from_formula, from_mapping


def of_formula(
    text: str, steps: int = 3, train: tuple[str, ...] = ("w",), rate: float = 0.1, **values: Any
) -> Diagnosis:
    return diagnose(from_formula(text, values, train, learning_rate=rate), steps)


def numeric(diagnosis: Diagnosis) -> Finding:
    """The finding, wherever it is folded."""
    waiting = list(diagnosis.findings)
    while waiting:
        finding = waiting.pop(0)
        if finding.rule == "numeric":
            return finding
        waiting += finding.therefore
    raise AssertionError("no NaN was found")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a = log(w*x); L = sum(a)", "log of 0"),
        ("a = sqrt(w*x - 1); L = sum(a)", "root of a negative number"),
        ("a = w/x; L = sum(a)", "division by 0"),
        ("a = exp(1000*w); L = sum(a)", "beyond the largest"),
        ("a = x/x; L = sum(a*w)", "0/0"),
    ],
)
def test_where_it_is_born_and_of_what(text: str, why: str) -> None:
    finding = numeric(of_formula(text, w=1.0, x=[0.0, 2.0]))
    assert finding.places[0] == "a"
    assert finding.severity == "error"
    assert why in finding.evidence[0]


def test_it_may_be_born_in_the_first_operation() -> None:
    finding = numeric(of_formula("L = log(w)", w=0.0))
    assert (finding.node, finding.training_step, finding.phase) == ("L", 0, "forward")


def test_an_inf_that_becomes_nan_is_told_with_it() -> None:
    finding = numeric(of_formula("a = log(w*x); b = x*a; L = sum(b)", w=1.0, x=[0.0, 2.0]))
    assert finding.text.startswith("a[0] is -inf")
    assert any(line.startswith("it makes NaN: b[0]") and "0 times inf" in line for line in finding.evidence)


def test_a_wanted_inf_is_named_where_a_nan_is_made_of_it() -> None:
    branch = Branch(from_formula("a = log(x); b = a - a; L = sum(b*w)", {"w": 1.0, "x": 0.0}, ["w"]))
    place, found = next(iter(branch.nonfinite(branch.history.recording(0)).items()))
    branch.wanted = {(place, found.name, "-inf")}
    finding = numeric(diagnose(branch, 1))
    assert finding.node == "b"
    assert any(line.startswith("the inf that made it: a") for line in finding.evidence)


def test_it_may_be_born_in_the_backward_pass() -> None:
    finding = numeric(of_formula("a = sqrt(w*x); L = sum(a)", w=1.0, x=[0.0, 4.0], rate=0.0))
    assert finding.phase == "backward"
    assert any("reaches the update of w" in line for line in finding.evidence)


def test_what_is_masked_and_reaches_nothing_is_a_note() -> None:
    finding = numeric(of_formula("a = log(x); p = softmax(a); L = sum(p*w)", w=[1.0, 2.0], x=[0.0, 1.0]))
    assert finding.severity == "note"
    assert any(line.startswith("masked by p") for line in finding.evidence)
    assert "harmless" in finding.evidence[-1]


def test_what_is_wanted_is_not_told() -> None:
    branch = Branch(from_formula("a = log(x); p = softmax(a); L = sum(p*w)", {"w": [1.0, 2.0], "x": [0.0, 1.0]}, ["w"]))
    origins = branch.nonfinite(branch.history.recording(0))
    branch.wanted = {(place, found.name, found.text.rpartition(" ")[2]) for place, found in origins.items()}
    assert all(finding.rule != "numeric" for finding in diagnose(branch, 2).findings)


def test_an_overshoot_is_the_cause_of_what_comes_after_it() -> None:
    x = [[0.1 * i] for i in range(10)]
    mapping = {
        "formula": "L = mean((y - w*x)**4)",
        "values": {"x": x, "y": x, "w": 9.0},
        "train": ["w"],
        "optimizer": {"learning_rate": 30.0},
    }
    diagnosis = diagnose(from_mapping(mapping, "here"), 10)
    assert diagnosis.findings[0].rule == "rate high"
    (under,) = diagnosis.findings[0].therefore
    assert under.rule == "numeric"
    assert diagnosis.findings[0].severity == under.severity == "error"
    told = "\n".join(plain(row) for row in report(diagnosis))
    assert all(text in told for text in (under.text, *under.evidence))


def test_the_line_of_a_formula_is_guarded_and_tried() -> None:
    mapping = {
        "formula": "a = x/x\nL = mean((a*w - 1)**2)",
        "values": {"x": [0.0, 2.0], "w": 0.5},
        "train": ["w"],
    }
    *_, last = trials(diagnose(from_mapping(mapping, "here"), 20))
    remedy = numeric(last).remedies[0]
    assert remedy.change == "set a = x / (x + 1e-07)"
    assert remedy.loss_before != remedy.loss_before
    assert remedy.loss_after == pytest.approx(0.5, abs=0.1)
