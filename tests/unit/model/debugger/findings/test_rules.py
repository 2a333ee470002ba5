"""Each rule finds the fault that is planted, says where and by which number, and is quiet without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.dependence import CHANCE, nearness
from bptui.model.debugger.findings.diagnose import diagnose
from bptui.model.debugger.findings.finding import Diagnosis, Finding
from bptui.model.debugger.findings.subject import Subject
from bptui.model.debugger.findings.units import DEAD, dead_units
from bptui.model.source.network import Network, from_mapping
from tests.diagnosis.judge import all_of
from tests.diagnosis.own import healthy

DRAW = np.random.default_rng(3)
X = DRAW.normal(size=(60, 10))
CLASSES = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)
NUMBERS = np.tanh(X[:, :1]) + 0.3 * X[:, 1:2]


def dense(units: int, activation: str = "linear", **more: Any) -> dict[str, Any]:
    return {"kind": "dense", "units": units, "activation": activation, **more}


def network(
    layers: list[dict[str, Any]],
    targets: Any = CLASSES,
    loss: str = "cross_entropy",
    inputs: Any = X,
    data: Mapping[str, Any] | None = None,
    **optimizer: Any,
) -> Network:
    """Sixty samples of ten numbers, through these layers."""
    settings = {"kind": "sgd", "learning_rate": 0.1, **optimizer}
    content = {
        "seed": 1,
        "steps": 60,
        "data": {"inputs": inputs, "targets": targets, **(data or {})},
        "layers": layers,
        "loss": {"kind": loss},
        "optimizer": settings,
    }
    return from_mapping(content, "here")


HEALTHY = [dense(16, "relu"), dense(12, "relu"), dense(3)]


def of(diagnosis: Diagnosis, rule: str) -> Finding:
    """The finding of a rule."""
    return next(finding for finding in all_of(diagnosis.findings) if finding.rule == rule)


def worrying(diagnosis: Diagnosis) -> list[str]:
    """The rules that found an error or a warning."""
    return [finding.rule for finding in all_of(diagnosis.findings) if finding.severity != "note"]


@pytest.mark.parametrize(
    "healthy",
    [
        network(HEALTHY),
        network([dense(16, "tanh"), dense(3)], kind="adam", learning_rate=0.01),
        network([dense(8, "sigmoid"), dense(3)], learning_rate=1.0),
        network([dense(1)], NUMBERS, "mse"),
        network([dense(12, "gelu"), dense(1)], NUMBERS, "huber", kind="adamw", learning_rate=0.01),
        network([dense(12, "relu"), {"kind": "dropout", "p": 0.5}, dense(3)]),
        network([dense(4, "tanh"), dense(2), dense(8, "tanh"), dense(3)]),
        network([dense(3, init="zeros")]),
        network(HEALTHY, data={"batch_size": 2}, learning_rate=0.02),
    ],
)
def test_healthy_networks_are_quiet(healthy: Network) -> None:
    assert worrying(diagnose(healthy)) == []


def test_inputs_that_are_not_scaled() -> None:
    found = of(diagnose(network(HEALTHY, inputs=100 * X)), "scale")
    assert found.places == ("data.inputs", "x")
    assert found.measured.number == pytest.approx(np.sqrt(np.mean((100 * X) ** 2)))
    assert of(diagnose(network(HEALTHY, inputs=X / 1000)), "scale").type == "input-scale"
    norm = [{"kind": "batch_norm"}, *HEALTHY]
    assert "scale" not in worrying(diagnose(network(norm, inputs=100 * X)))


def test_one_column_that_is_far_larger() -> None:
    odd = X * np.r_[np.full(9, 1e-3), 1.0]
    assert of(diagnose(network(HEALTHY, inputs=odd)), "scale").measured.number == pytest.approx(1000, rel=0.5)


def test_targets_that_are_not_scaled() -> None:
    found = of(
        diagnose(network([dense(8, "tanh"), dense(1)], 1000 * NUMBERS, "mse", learning_rate=1e-6)), "target scale"
    )
    assert found.places == ("data.targets", "y", "loss")
    assert found.remedies[0].change == "set data.standardize_targets = true"


@pytest.mark.parametrize(("std", "word"), [(2.0, "large"), (0.01, "small")])
def test_initial_values_of_another_size(std: float, word: str) -> None:
    init = {"kind": "normal", "std": std}
    layers = [dense(16, "relu", init=init), dense(16, "relu", init=init), dense(3, init=init)]
    found = of(diagnose(network(layers)), "initial values")
    assert word in found.text
    assert found.places == ("layer1", "layer2", "layer3")
    assert found.measured.number is not None
    assert found.measured.number > 4 if word == "large" else found.measured.number < 0.25


def test_weights_that_are_all_equal() -> None:
    init = {"kind": "constant", "value": 0.1}
    found = of(diagnose(network([dense(8, "tanh", init=init), dense(3, init=init)])), "equal weights")
    assert (found.severity, found.places) == ("error", ("layer1", "layer2"))


def test_an_embedding_of_large_rows() -> None:
    words = DRAW.integers(0, 9, (60, 4))
    for std, quiet in ((1.0, True), (20.0, False)):
        rows = {"kind": "embedding", "size": 9, "units": 6, "init": {"kind": "normal", "std": std}}
        layers = [rows, {"kind": "mean_positions"}, dense(8, "tanh"), dense(3)]
        told = worrying(diagnose(network(layers, inputs=words, learning_rate=0.5)))
        assert ("embedding" not in told) == quiet


def test_biases_that_drown_a_layer() -> None:
    loud = dense(12, "tanh", bias_init={"kind": "constant", "value": 9.0})
    assert of(diagnose(network([loud, dense(3)])), "biases").places == ("layer1",)


def test_inputs_that_are_all_the_same_and_targets_that_are_tiny() -> None:
    assert of(diagnose(network(HEALTHY, inputs=0 * X + 1)), "constant column").type == "data-dependence"
    tiny = diagnose(network([dense(8, "tanh"), dense(1)], 1e-4 * NUMBERS, "mse"))
    assert of(tiny, "target scale").measured.threshold == 0.02


def test_layers_without_an_activation() -> None:
    found = of(diagnose(network([dense(16), dense(8), dense(3)])), "no activation")
    assert found.places == ("layer1", "layer2", "layer3")
    assert "no activation" not in worrying(diagnose(network([dense(16), dense(8, "relu"), dense(3)])))


def test_a_gradient_that_fades() -> None:
    small = {"kind": "normal", "std": 0.4}
    deep = [dense(12, "sigmoid", init=small) for _ in range(6)]
    found = of(diagnose(network([*deep, dense(3)])), "signal")
    assert (found.type, found.phase) == ("vanishing", "backward")
    assert found.places[:2] == ("layer1", "layer2")


def test_units_at_the_ends_of_their_activation() -> None:
    layers = [dense(12, "tanh", init={"kind": "normal", "std": 1.2}), dense(3)]
    found = of(diagnose(network(layers, inputs=3 * X)), "saturated units")
    assert found.places == ("layer1",)
    assert found.measured.number is not None
    assert found.measured.number >= 0.5


def test_units_that_are_dead() -> None:
    bias = {"kind": "constant", "value": -6.0}
    found = of(diagnose(network([dense(12, "relu", bias_init=bias), dense(3)])), "dead units")
    assert found.places == ("layer1",)
    assert found.measured.number == 1.0
    assert found.remedies[0].text == "biases that start at 0"


def test_layers_that_are_frozen() -> None:
    found = of(diagnose(network([dense(12, "relu", train=[]), dense(3)])), "frozen")
    assert found.places == ("layer1",)
    given = dense(2, "relu", train=[], weight=[[0.1, 0.2]] * 10, bias=[0.0, 0.0])
    assert "frozen" not in worrying(diagnose(network([given, dense(3)])))


@pytest.mark.parametrize("kind", ["sgd", "adam", "rmsprop"])
def test_a_rate_that_is_too_high(kind: str) -> None:
    rate = {"sgd": 200.0, "adam": 5.0, "rmsprop": 5.0}[kind]
    found = of(diagnose(network(HEALTHY, kind=kind, learning_rate=rate)), "rate high")
    assert found.places[0] == "optimizer.learning_rate"
    assert found.measured.number is not None
    assert found.measured.number < 0


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_rate_that_is_too_low(kind: str) -> None:
    found = of(diagnose(network(HEALTHY, kind=kind, learning_rate=1e-6)), "rate low")
    assert found.places[0] == "optimizer.learning_rate"
    assert found.remedies[0].change.startswith("set optimizer.learning_rate = ")


@pytest.mark.parametrize(
    ("optimizer", "place"),
    [
        ({"momentum": 0.999}, "optimizer.momentum"),
        ({"kind": "adam", "learning_rate": 0.01, "eps": 1.0}, "optimizer.eps"),
        ({"clip_norm": 1e-5}, "optimizer.clip_norm"),
        ({"weight_decay": 5.0, "learning_rate": 0.01}, "optimizer.weight_decay"),
    ],
)
def test_settings_that_are_out_of_range(optimizer: Mapping[str, Any], place: str) -> None:
    diagnosis = diagnose(network(HEALTHY, **optimizer))
    assert place in [p for finding in all_of(diagnosis.findings) for p in finding.places if finding.severity != "note"]


@pytest.mark.parametrize(
    ("optimizer", "loss", "layer", "place", "change"),
    [
        ({"l1": 2.0}, {}, {}, "optimizer.l1", "set optimizer.l1 = 0.0001"),
        ({"groups": [{"parameters": ["layer1.*"], "weight_decay": 9.0}]}, {}, {}, "layer1",
         'set optimizer.groups = [{"parameters": ["layer1.*"], "weight_decay": 0.0001}]'),
        ({}, {"l2": 2.0}, {}, "loss.l2", "set loss.l2 = 0.0001"),
        ({}, {}, {"l1": 2.0}, "layer1", "set layer1.l1 = 0.0001"),
    ],
    ids=["l1", "group", "l2 of the loss", "l1 of a layer"],
)  # fmt: skip
def test_what_pulls_weights_to_zero_is_found_wherever_it_is_said(optimizer, loss, layer, place, change) -> None:
    content = {
        "seed": 1,
        "steps": 40,
        "data": {"inputs": X.tolist(), "targets": (X[:, :1] - X[:, 1:2]).tolist()},
        "layers": [{**dense(8, "tanh"), **layer}, dense(1)],
        "loss": {"kind": "mse", **loss},
        "optimizer": {"kind": "sgd", "learning_rate": 0.01, **optimizer},
    }
    found = of(diagnose(from_mapping(content, "net.toml")), "weight decay")
    assert place in found.places
    assert found.remedies[0].change == change
    harmless = {key: item if key in ("kind", "groups") else 1e-4 for key, item in (loss or optimizer or layer).items()}
    table = {"optimizer": {**content["optimizer"], **(harmless if not (loss or layer) else {}), "groups": []},
             "loss": {"kind": "mse", **(harmless if loss else {})},
             "layers": [{**dense(8, "tanh"), **(harmless if layer else {})}, dense(1)]}  # fmt: skip
    quiet = diagnose(from_mapping({**content, **table}, "net.toml"))
    assert all(finding.rule != "weight decay" for finding in all_of(quiet.findings))


def test_dropout_on_the_outputs_and_too_much_of_it() -> None:
    outputs = diagnose(network([dense(12, "relu"), dense(3), {"kind": "dropout", "p": 0.3}]))
    assert of(outputs, "dropout").places == ("layer3",)
    much = diagnose(network([dense(12, "relu"), {"kind": "dropout", "p": 0.9}, dense(3)]))
    assert of(much, "dropout").measured.number == 0.9


def test_batch_norm_in_evaluation_mode() -> None:
    layers = [{"kind": "batch_norm", "training": False}, *HEALTHY]
    found = of(diagnose(network(layers, inputs=X * 8 + 40)), "batch norm")
    assert found.places == ("layer1",)
    assert "batch norm" not in worrying(diagnose(network(layers)))


def test_a_softmax_over_the_samples() -> None:
    layers = [dense(12, "relu"), dense(3, activation={"kind": "softmax", "axis": 0})]
    assert of(diagnose(network(layers, loss="mse", targets=np.eye(3)[CLASSES])), "axes").severity == "error"


def test_targets_that_are_all_equal() -> None:
    assert of(diagnose(network(HEALTHY, CLASSES * 0)), "labels").type == "labels"


def test_targets_that_do_not_depend_on_the_inputs() -> None:
    generator = np.random.default_rng(5)
    inputs, targets = generator.normal(size=(200, 20)), generator.integers(0, 4, 200)
    layers = [dense(12, "relu"), dense(4)]
    diagnosis = diagnose(network(layers, targets, inputs=inputs, kind="adam", learning_rate=0.005), 100)
    assert of(diagnosis, "dependence").type == "data-dependence"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_found_in_float32_is_found_in_float64(seed: int) -> None:
    for dtype in ("float32", "float64"):
        content = {
            "seed": seed,
            "dtype": dtype,
            "data": {"inputs": 50 * X, "targets": CLASSES},
            "layers": HEALTHY,
            "loss": {"kind": "cross_entropy"},
        }
        assert diagnose(from_mapping(content, "here"), 30).findings[0].rule == "scale"


def test_since_when_units_are_dead() -> None:
    """The first training step with so many of the units that stay dead, not the first that is looked at."""
    made = network([dense(24, "relu"), dense(12, "relu"), dense(3)], learning_rate=30.0)
    found = of(diagnose(made), "dead units")
    subject = Subject(Branch(made), 60)
    layer = next(layer for layer in subject.structure.layers if layer.a.name == found.node)
    masks = [dead_units(subject, layer, step).which for step in range(60)]
    stay = np.logical_and.reduce([masks[step] for step in subject.sampled if step >= found.training_step])
    assert found.training_step > 0
    assert np.mean(masks[found.training_step] & stay) >= DEAD
    assert np.mean(masks[found.training_step - 1] & stay) < DEAD


def test_parity_depends_on_its_bits_although_no_near_sample_is_alike() -> None:
    bits = np.random.default_rng(2).integers(0, 2, (128, 8)).astype(float)
    parity = bits.sum(1, keepdims=True) % 2
    for targets, depends in ((parity, True), (parity[np.random.default_rng(3).permutation(128)], False)):
        subject = Subject(Branch(network([dense(8, "tanh"), dense(1)], targets, "bce_with_logits", bits)), 1)
        assert subject.targets is not None
        assert (abs(nearness(subject.inputs[0], subject.targets, 0)) > CHANCE) == depends


def test_momentum_that_overshoots_after_its_first_steps() -> None:
    """Of three steps ρ says nothing yet; that a tenth of the rate learns says it."""
    content = dict(healthy(3))["nesterov"]
    content["optimizer"]["learning_rate"] *= 60
    diagnosis = diagnose(from_mapping(content, "here"), 150)
    assert of(diagnosis, "rate high").places[0] == "optimizer.learning_rate"


@pytest.mark.parametrize("rate", [0.0, 1e-300])
def test_a_rate_with_which_nothing_moves_has_a_remedy(rate: float) -> None:
    found = of(diagnose(network(HEALTHY, learning_rate=rate)), "no update")
    assert found.remedies[0].change == "set optimizer.learning_rate = 0.01"
