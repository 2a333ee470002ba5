"""Which output goes with which loss, and which targets it reaches."""

from __future__ import annotations

import pytest

from bptui.model.debugger.findings.diagnose import diagnose, trials
from bptui.model.debugger.findings.finding import Finding
from bptui.model.source.network import from_mapping

POINTS = [[0.1 * i, (-1) ** i * 0.3 * (i % 5)] for i in range(20)]


def found(rule: str, targets: list[object], units: int, activation: str, loss: str) -> list[Finding]:
    """What a rule finds in a dense network of that output and loss."""
    layers = [
        {"kind": "dense", "units": 6, "activation": "tanh"},
        {"kind": "dense", "units": units, "activation": activation},
    ]
    network = from_mapping(
        {"data": {"inputs": POINTS, "targets": targets}, "layers": layers, "loss": {"kind": loss}}, "here"
    )
    return [finding for finding in diagnose(network, 5).findings if finding.rule == rule]


ONES = [[i % 2] for i in range(20)]
CLASSES = [i % 3 for i in range(20)]
NUMBERS = [[0.7 * (i - 10)] for i in range(20)]


@pytest.mark.parametrize(
    ("targets", "units", "activation", "loss", "severity"),
    [
        (ONES, 1, "softmax", "mse", "error"),
        (ONES, 1, "softmax", "bce", "error"),
        (NUMBERS, 1, "softmax", "mae", "error"),
        (ONES, 1, "relu", "bce", "error"),
        (ONES, 1, "linear", "bce", "error"),
        (ONES, 1, "sigmoid", "bce_with_logits", "warning"),
        (CLASSES, 3, "softmax", "cross_entropy", "warning"),
        (CLASSES, 3, "relu", "cross_entropy", "warning"),
        (CLASSES, 3, "softmax", "nll", "error"),
        (ONES, 1, "linear", "hinge", "warning"),
        (ONES, 1, "sigmoid", "mse", "note"),
        (ONES, 1, "sigmoid", "log_cosh", "note"),
        (CLASSES, 3, "softmax", "focal", "warning"),
        (ONES, 1, "sigmoid", "sigmoid_focal", "warning"),
        (ONES, 1, "linear", "dice", "warning"),
    ],
)
def test_a_wrong_pair_is_found(targets: list[object], units: int, activation: str, loss: str, severity: str) -> None:
    finding = found("pairing", targets, units, activation, loss)[0]
    assert (finding.severity, finding.places) == (severity, ("layer2", "loss"))


@pytest.mark.parametrize(
    ("targets", "units", "activation", "loss"),
    [
        (ONES, 1, "sigmoid", "bce"),
        (ONES, 1, "linear", "bce_with_logits"),
        (CLASSES, 3, "linear", "cross_entropy"),
        (CLASSES, 3, "log_softmax", "nll"),
        (NUMBERS, 1, "linear", "mse"),
        (NUMBERS, 1, "linear", "huber"),
        (NUMBERS, 1, "linear", "gaussian_nll"),
        (CLASSES, 3, "linear", "focal"),
        (ONES, 1, "linear", "multilabel_soft_margin"),
        (ONES, 1, "sigmoid", "dice"),
        ([[2 * y[0] - 1] for y in ONES], 1, "linear", "hinge"),
    ],
)
def test_a_right_pair_is_quiet(targets: list[object], units: int, activation: str, loss: str) -> None:
    assert not found("pairing", targets, units, activation, loss)
    assert not found("reach", targets, units, activation, loss)


def test_targets_out_of_reach_are_counted() -> None:
    finding = found("reach", NUMBERS, 1, "sigmoid", "mse")[0]
    outside = sum(not -0.01 <= y[0] <= 1.01 for y in NUMBERS) / len(NUMBERS)
    assert finding.measured.number == pytest.approx(outside)
    assert finding.places[:2] == ("data.targets", "layer2")
    assert not found("reach", ONES, 1, "sigmoid", "mse")


def test_a_remedy_is_run_on_the_same_steps() -> None:
    diagnosis = diagnose(
        from_mapping(
            {
                "data": {"inputs": POINTS, "targets": NUMBERS},
                "layers": [{"kind": "dense", "units": 1, "activation": "sigmoid"}],
                "loss": {"kind": "mse"},
            },
            "here",
        ),
        40,
    )
    *_, last = trials(diagnosis)
    remedy = next(f for f in last.findings if f.rule == "reach").remedies[0]
    assert remedy.change == "set layer1.activation = linear"
    assert remedy.make(diagnosis.network).graph.by_name["prediction"].name == "layer1.z"
    assert remedy.loss_before is not None
    assert remedy.loss_after is not None
    assert remedy.loss_after < remedy.loss_before
