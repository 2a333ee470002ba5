"""The probe says what a step did, by evaluating the loss elsewhere, and changes nothing by that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.diagnose import diagnose, ranked, trials
from bptui.model.debugger.findings.finding import Finding
from bptui.model.debugger.findings.probe import Prober
from bptui.model.debugger.findings.rates import with_rate
from bptui.model.debugger.findings.subject import Subject
from bptui.model.debugger.progress import Cancelled, Progress
from bptui.model.source.network import Network, from_formula, from_mapping
from tests.diagnosis.own import dense, healthy, network

SPOKEN = dict(healthy(5))


@given(rate=st.floats(1e-3, 3.0), start=st.floats(-4, 4), factor=st.floats(0.1, 8))
def test_of_a_parabola_rho_is_known(rate: float, start: float, factor: float) -> None:
    """L = w²: Δw = -2·rate·w, so that ρ(c) = 1 - c·rate, ½ at the lowest point along the step."""
    if abs(start) < 0.1:
        start = 1.0
    program = from_formula("L = w**2", {"w": start}, ["w"], learning_rate=rate).program()
    step = Prober(program).step(program.record())
    assert step.promised == pytest.approx(-4 * rate * start**2)
    assert step.rho(factor) == pytest.approx(1 - factor * rate, abs=1e-6)


@pytest.mark.parametrize("name", ["dropout", "batch norm", "normed convolution", "gru"])
def test_the_loss_at_no_step_is_the_loss_itself(name: str) -> None:
    """Same batch, same masks; and at the whole step it is what the next loss would be on this batch."""
    program = network(SPOKEN[name]).program()
    program.run(3)
    recording = program.record()
    step = Prober(network(SPOKEN[name]).program()).step(recording)
    assert step.at(0.0) == recording.loss
    assert step.at(1.0) != recording.loss


def test_probing_leaves_running_statistics_as_they_are() -> None:
    content = SPOKEN["batch norm"]
    probed, left = network(content).program(), network(content).program()
    recording = probed.record()
    Prober(probed).step(recording).rho()
    left.run()
    states = [node.name for node in recording.graph.nodes if node.role == "state"]
    probed.load(left.save(), 1)
    again, wanted = probed.record(), left.record()
    assert states
    for name in states:
        assert np.array_equal(again.after(name), wanted.after(name))


def test_a_rate_as_it_is_reaches_what_was_reached() -> None:
    subject = Subject(Branch(network(SPOKEN["blobs"])), 30)
    assert with_rate(subject, 1.0) == pytest.approx(float(subject.losses[-3:].mean()))


# ------------------------------------------------------------------------------------------------------ trials
def single(**more: Any) -> Network:
    """Softmax over one unit, with inputs of hundreds."""
    content = SPOKEN["rings"]
    layers = [dense(8, "relu"), dense(1, "softmax")]
    data = {**content["data"], "inputs": 100 * np.asarray(content["data"]["inputs"])}
    return from_mapping({**content, "data": data, "layers": layers, "loss": {"kind": "mse"}, **more}, "here")


def test_each_remedy_is_tried_once_and_all_of_them_together() -> None:
    diagnosis = diagnose(single(), 40)
    count = sum(len(finding.remedies) for finding in diagnosis.findings)
    rounds = list(trials(diagnosis))
    assert len(rounds) == count
    assert list(trials(rounds[-1])) == []
    both = rounds[-1].findings[0].remedies[-1]
    assert "layer2.activation" in both.change
    assert "data.standardize" in both.change
    assert all(remedy.tried for finding in rounds[-1].findings for remedy in finding.remedies)


def test_a_trial_can_be_ended() -> None:
    diagnosis = diagnose(single(), 40)
    with pytest.raises(Cancelled):
        list(trials(diagnosis, Progress(lambda part, what: False)))


def test_what_was_found_is_found_again_by_the_same_words() -> None:
    first, second = diagnose(single(), 30), diagnose(single(), 30)
    assert [f.as_json() for f in first.findings] == [f.as_json() for f in second.findings]


def test_a_loss_of_another_kind_is_said_in_terms_of_the_first() -> None:
    """mse on a softmax against cross_entropy on plain outputs: both are probabilities, so mse can be had of both."""
    content = SPOKEN["blobs"]
    targets = np.eye(5)[np.asarray(content["data"]["targets"])]
    layers = [*content["layers"][:-1], dense(5, "softmax")]
    data = {**content["data"], "targets": targets}
    made = from_mapping({**content, "data": data, "layers": layers, "loss": {"kind": "mse"}}, "here")
    told = diagnose(made, 60)  # whether this pair is worth a warning is asked of a trial: the remedy is tried already
    remedy = next(finding for finding in told.findings if finding.rule == "pairing").remedies[0]
    assert remedy.tried
    assert remedy.note == ""
    assert "the loss as mse" in remedy.text
    assert remedy.loss_after is not None
    assert 0 < remedy.loss_after < 0.2  # of five classes the best constant answer has 0.16; the cross-entropy is above


# ------------------------------------------------------------------------------------------------------ ranking
def finding(rule: str, step: int = 0, severity: Any = "warning") -> Finding:
    return Finding("init", severity, ("layer1",), rule, training_step=step, rule=rule)


def test_a_consequence_stands_under_its_cause() -> None:
    told = ranked([finding("scale"), finding("dead units"), finding("rate high"), finding("numeric", 4)])
    assert [each.rule for each in told] == ["scale"]
    assert {each.rule for each in told[0].therefore} == {"dead units", "rate high", "numeric"}


def test_what_was_before_an_overshoot_is_no_consequence_of_it() -> None:
    assert len(ranked([finding("dead units", 0), finding("rate high", 0)])) == 2
    assert len(ranked([finding("dead units", 5), finding("rate high", 0)])) == 1


def test_notes_come_last_and_lose_nothing() -> None:
    given_all = [finding("reduction", severity="note"), finding("pairing"), finding("reach")]
    told = ranked(given_all)
    assert [each.rule for each in told] == ["pairing", "reduction"]
    assert replace(told[0], therefore=()) == given_all[1]
