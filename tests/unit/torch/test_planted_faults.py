"""Programs with one fault each, captured as they are: the fault is found by name in the file, without PyTorch; the same
program without it is not accused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("torch")

import bptui.torch
from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.debugger.findings.rules import RULES
from bptui.targets import load_named
from bptui.torch.capturing.script import Capture
from bptui.torch.capturing.wanted import Wanted
from tests.paths import ROOT
from tests.torch_programs import PROGRAMS, make
from tests.without_torch import diagnosed

FOLDER = ROOT / "tests" / "torch_programs" / "faults"


class Fault(NamedTuple):
    """type and place of the right finding, a part of what it says, and the training step that is captured."""

    type: str
    place: str
    says: str
    step: int = 2


FAULTS = {
    "root_of_zero": Fault("numeric", "sqrt#2", "-inf, born at sqrt", 0),
    "detach_left": Fault("no-gradient", "encoder.0", "detach_left.py:21) cuts the path off"),
    "no_zero_grad": Fault("stale-gradient", "optimizer", "gradients of earlier steps are added"),
    "gradient_cleared": Fault("no-update", "optimizer", "was gone when the optimizer stepped"),
    "custom_backward": Fault("wrong-gradient", "outer.custom Swish", "the backward of Swish is not the derivative"),
    "softmax_twice": Fault("output-activation", "softmax", "the softmax twice"),
    "sum_for_mean": Fault("reduction", "loss", "a sum over 64 samples", 0),
    "float16_overflow": Fault("numeric", "matmul", "matmul[0,0] is inf", 0),
    "softmax_over_samples": Fault("output-activation", "softmax", "over axis 0: the probabilities of the samples"),
    "softmax_over_queries": Fault("hidden-activation", "softmax", "along axis 1 of (4,6,6), and matmul#2 sums over"),
    "column_against_row": Fault("output-range", "loss", "(32,1) and y (32,) are stretched to (32,32)"),
    "old_parameters": Fault("no-update", "optimizer", "the loss depends on none of them"),
    "evaluation_mode_left": Fault("batch-norm", "1", "trained in evaluation mode"),
    "training_mode_left": Fault("batch-norm", "3", "an evaluation runs in training mode"),
    "frozen_layer": Fault("frozen", "0", "frozen (requires_grad=False)"),
}
HARMLESS = "masked_nan"


def captured(name: str, word: str, step: int, folder: Path) -> Path:
    """A training step of a program, which is run to that step."""
    path = folder / f"{name}-{word}.bptui"
    outcome = Capture(Wanted(str(FOLDER / f"{name}.py"), [word], step=step, to=str(path), stop=True)).run()
    assert not outcome.failed, outcome.failed
    assert [written.path for written in outcome.written] == [path]
    return path


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[int, dict[str, Any]]]:
    """(program, faulty or repaired) → (exit code, JSON) of its diagnosis, in a process that cannot import PyTorch."""
    folder = tmp_path_factory.mktemp("faults")
    steps = {**{name: fault.step for name, fault in FAULTS.items()}, HARMLESS: 2}
    which = [(name, word) for name in steps for word in ("faulty", "repaired")]
    paths = [captured(name, word, steps[name], folder) for name, word in which]
    return dict(zip(which, diagnosed(paths), strict=True))


def test_every_fault_is_found_by_name_first_of_all(said: Any) -> None:
    for name, fault in FAULTS.items():
        code, content = said[name, "faulty"]
        first = content["findings"][0]
        assert code == 1, name
        assert (first["type"], fault.place in first["places"]) == (fault.type, True), (name, first)
        assert fault.says in first["text"], (name, first["text"])
        assert first["source"], name


def test_without_its_fault_no_program_is_accused(said: Any) -> None:
    for name in (*FAULTS, HARMLESS):
        code, content = said[name, "repaired"]
        worrying = [finding["text"] for finding in content["findings"] if finding["severity"] != "note"]
        assert (name, code, worrying) == (name, 0, [])


def test_nan_that_is_masked_before_anything_is_computed_of_it_is_no_alarm(said: Any) -> None:
    code, content = said[HARMLESS, "faulty"]
    assert code == 0
    (note,) = content["findings"]
    assert (note["severity"], note["node"]) == ("note", "div")
    assert "masked by where: finite again" in note["evidence"]
    assert "it reaches neither the loss nor an update: harmless here" in note["evidence"]


def test_what_is_measured_is_what_the_program_did(said: Any) -> None:
    """Numbers of findings that follow from the programs themselves."""
    numeric = said["root_of_zero", "faulty"][1]["findings"][0]
    assert any("root of 0, whose derivative is 1/0" in line for line in numeric["evidence"])
    assert said["old_parameters", "faulty"][1]["findings"][0]["threshold"] == 4
    overflow = said["float16_overflow", "faulty"][1]["findings"][0]
    assert any("is beyond 65,504, the largest float16" in line for line in overflow["evidence"]), overflow["evidence"]
    stale = said["no_zero_grad", "faulty"][1]["findings"][0]
    assert 1.5 < stale["number"] < 2.5  # two gradients from before, nearly the same as this one
    cut = said["detach_left", "faulty"][1]["findings"][0]
    assert cut["number"] == 4
    assert cut["advice"] == ["without .detach the gradient comes back"]


def test_a_later_step_is_not_accused_of_what_a_training_begins_with(said: Any) -> None:
    _, content = said["softmax_twice", "faulty"]
    skipped = {rule["rule"]: rule["skipped"] for rule in content["looked_for"]}
    assert skipped["initial values"] == skipped["first loss"] == "the captured step is not known to be the first"
    assert said["sum_for_mean", "repaired"][1]["looked_for"] != content["looked_for"]


OWN = {rule.name for rule in RULES if rule.needs == "capture"} | {"rate high"}
"""Rules that only captured steps are asked; the overshoot is told under the name of the rate's."""


@pytest.mark.corpus
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_without_such_faults_are_not_accused_of_them(program: str, tmp_path: Path) -> None:
    """GANs, accumulation, checkpoints, tied weights, hooks, masks, autocast and whatever else somebody writes."""
    models, optimizers, step = make(program)
    step()
    with bptui.torch.capture(tmp_path / "step.bptui", *models, *optimizers):
        step()
    findings = diagnose(load_named(str(tmp_path / "step.bptui"))).findings
    assert [f.text for f in findings if f.severity != "note" and f.rule in OWN] == []
