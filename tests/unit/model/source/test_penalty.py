"""Penalties on weights are operations of the loss: right values and gradients, on the weights that are meant."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.debugger.answers import predictions
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source.convert import keras
from bptui.model.source.network import from_mapping
from bptui.symbolic.check import check_step

ROWS = np.random.default_rng(3).normal(size=(4, 3)).tolist()
LAYERS = [{"kind": "dense", "units": 5, "activation": "tanh", "bias_init": "ones"}, {"kind": "layer_norm"},
          {"kind": "dense", "units": 2}]  # fmt: skip


def network(layers=LAYERS, **loss):
    content = {"data": {"inputs": ROWS, "targets": [0, 1, 1, 0]}, "layers": layers,
               "loss": {"kind": "cross_entropy", **loss}}  # fmt: skip
    return from_mapping(content, "n.toml")


def recorded(made):
    return made.history().recording(0)


def weight(made, name):
    return made.graph.by_name[name].value


def test_the_penalty_of_the_network_is_that_of_all_weights_and_of_no_bias_and_no_norm():
    bare, held = network(), network(l1=0.03, l2=0.02)
    one, two = recorded(bare), recorded(held)
    matrices = [weight(bare, name) for name in ("layer1.weight", "layer3.weight")]
    right = sum(0.02 * np.sum(w**2) + 0.03 * np.sum(np.abs(w)) for w in matrices)
    assert two.loss - one.loss == pytest.approx(right, rel=1e-12)
    assert two.value(held.graph.by_name["data_loss"]) == pytest.approx(one.loss, rel=1e-15)
    assert two.value(held.graph.by_name["penalty"]) == pytest.approx(right, rel=1e-12)
    for node in bare.graph.params:
        added = two.grad(held.graph.by_name[node.name]) - one.grad(node)
        w = node.value
        right = 2 * 0.02 * w + 0.03 * np.sign(w) if node.label == "weight" and w.ndim == 2 else 0 * w
        assert np.allclose(added, right, rtol=1e-10, atol=1e-15), node.name


def test_a_layer_has_its_own_or_none():
    first, norm, last = LAYERS
    held = network([{**first, "l2": 0}, {**norm, "l1": 0.5}, last], l2=0.1)
    found = recorded(held)
    right = 0.1 * np.sum(weight(held, "layer3.weight") ** 2) + 0.5 * np.sum(np.abs(weight(held, "layer2.weight")))
    assert found.loss - recorded(network()).loss == pytest.approx(right, rel=1e-12)
    assert "layer1.weight.l2" not in held.graph.by_name
    assert held.graph.by_name["layer2.weight.l1"].scope == "loss"


def test_a_weight_that_is_not_trained_has_none():
    first, norm, last = LAYERS
    held = network([{**first, "train": ["bias"]}, norm, last], l2=0.1)
    assert "layer1.weight.l2" not in held.graph.by_name
    with pytest.raises(UserError, match="no weight that is trained"):
        network([{**first, "train": [], "l2": 1.0}, {**norm, "train": []}, {**last, "train": []}], l2=0.1)


def test_every_operation_of_a_penalty_is_derived_and_checked():
    report = check_step(recorded(network([{**LAYERS[0], "l1": 0.01}, LAYERS[2]], l2=0.02)))
    assert report.ok
    proved = {(row.node, row.row) for row in report.rows if row.verdict == "ok"}
    for name in ("sq", "sum_sq", "l2", "abs", "sum_abs", "l1"):
        assert (f"layer1.weight.{name}", "symbolic") in proved


def test_a_recurrent_layer_and_an_attention_have_a_penalty_for_each_weight():
    layers = [{"kind": "lstm", "units": 2, "sequence": True, "l2": 0.1}, {"kind": "attention", "l2": 0.2},
              {"kind": "mean_positions"}, {"kind": "dense", "units": 2}]  # fmt: skip
    content = {"data": {"inputs": [ROWS, ROWS], "targets": [0, 1]}, "layers": layers, "loss": {"kind": "cross_entropy"}}
    made = from_mapping(content, "n.toml")
    found = {name for name in made.graph.by_name if name.endswith(".l2")}
    assert found == {"layer1.w_ih.l2", "layer1.w_hh.l2"} | {
        f"layer2.{part}_weight.l2" for part in ("query", "key", "value", "output")
    }


def test_it_can_be_set_and_predictions_are_still_told():
    session = Session(network())
    registry.run(session, "set loss.l2 = 0.5")
    assert "layer1.weight.l2" in session.graph.by_name
    registry.run(session, "goto end")
    found = predictions.predictions(session)
    assert found.rows[0].loss is not None
    registry.run(session, "set layer1.l2 = 0")
    assert "layer1.weight.l2" not in session.graph.by_name


def test_a_penalty_belongs_to_no_sample():
    session = Session(network([LAYERS[0], LAYERS[2]], l2=0.5))
    registry.run(session, "goto end")
    rows = [plain(row).strip() for row in registry.run(session, "why grad(layer1.weight[0,1])").lines]
    table = [row for row in rows if row.endswith("%")]
    assert len(table) == 5  # four samples, and the penalty
    (alone,) = [row for row in table if not row.startswith("[")]
    assert float(alone.split()[0]) == pytest.approx(weight(session.network, "layer1.weight")[0, 1], rel=1e-3)


@pytest.mark.parametrize(("loss", "said"), [({"l2": -1}, "loss.l2"), ({"l1": "x"}, "loss.l1"), ({"l3": 1}, "'l3'")])
def test_what_is_no_penalty_is_told(loss, said):
    with pytest.raises(UserError, match=said):
        network(**loss)


def test_a_regularizer_of_keras_is_the_same_penalty():
    piece = keras.LAYERS["Dense"].piece("Dense", "", (), {
        "units": 2, "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}}})  # fmt: skip
    assert piece.layers[0]["l2"] == 0.01
    assert "l1" not in piece.layers[0]
