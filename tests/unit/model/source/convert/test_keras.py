"""Models of Keras as network files: the same layers, the same numbers; what has no counterpart is named."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from bptui.model.source import convert
from bptui.model.source.network import from_mapping
from tests.paths import ROOT
from tests.unit.model.source.convert.models import DENSE, given, kinds, model


def test_a_keras_model_is_said_the_same(converted):
    table, found = converted(
        model(given([3]), DENSE, {"class_name": "Dropout", "config": {"rate": 0.25}},
              {"class_name": "Dense", "config": {"units": 2, "activation": "softmax"}},
              compile_config={"loss": "sparse_categorical_crossentropy", "optimizer": {"class_name": "Adam", "config":
                              {"learning_rate": 0.01, "beta_1": 0.8, "epsilon": 1e-7}}}),
        "m.json",
    )  # fmt: skip
    assert table["layers"] == [
        {"kind": "dense", "name": "d", "units": 4, "activation": "relu", "init": "xavier_uniform"},
        {"kind": "dropout", "p": 0.25},
        {"kind": "dense", "units": 2, "init": "xavier_uniform"},
    ]
    assert table["loss"] == {"kind": "cross_entropy"}
    assert table["optimizer"] == {"kind": "adam", "learning_rate": 0.01, "eps": 1e-7, "beta1": 0.8}
    assert table["data"]["inputs"]["shape"][1:] == [3]
    assert "softmax is part of cross_entropy" in found.text
    assert not found.missing
    assert from_mapping(table, "n.toml").history().recording(0).loss > 0


@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Nadam", "Adamax", "Lion", "AdamW"])
def test_optimizers_of_keras_are_those_of_here(converted, kind):
    """What a configuration says of any of them, and is not an option here, is left out, or told."""
    config = {"learning_rate": 0.25, "momentum": 0.0, "nesterov": False, "clipnorm": None, "centered": False,
              "weight_decay": None, "rho": 0.8}  # fmt: skip
    body = model(given([3]), DENSE, compile_config={"loss": "mse", "optimizer": {"class_name": kind, "config": config}})
    table, _ = converted(body, "m.json")
    assert table["optimizer"]["learning_rate"] == 0.25
    assert from_mapping(table, "n.toml").optimizer.kind == kind.lower()
    named = {"RMSprop": "alpha", "Adadelta": "rho"}
    assert kind not in named or table["optimizer"][named[kind]] == 0.8


def test_images_of_keras_have_their_channels_first(converted):
    table, _ = converted(
        model(given([10, 8, 3]), {"class_name": "Conv2D", "config": {"filters": 5, "kernel_size": [3, 2],
              "padding": "same", "strides": [1, 1], "activation": "swish"}},
              {"class_name": "MaxPooling2D", "config": {"pool_size": [2, 2],
              "strides": None, "padding": "valid"}}, {"class_name": "BatchNormalization", "config": {"momentum": 0.99,
              "epsilon": 0.001}}, {"class_name": "Flatten", "config": {}}, DENSE),
        "m.json",
    )  # fmt: skip
    assert table["data"]["inputs"]["shape"][1:] == [3, 10, 8]
    conv, pool, norm = table["layers"][:3]
    assert conv == {"kind": "conv2d", "channels": 5, "kernel_size": [3, 2], "padding": "same", "activation": "silu",
                    "init": "xavier_uniform"}  # fmt: skip
    assert pool == {"kind": "max_pool2d", "kernel_size": 2}
    assert norm == {"kind": "batch_norm", "eps": 0.001, "momentum": 0.01}
    assert from_mapping(table, "n.toml").graph.by_name["d.weight"].shape == (5 * 5 * 4, 4)


def test_a_chain_of_a_functional_model_is_one_and_what_branches_is_not(converted):
    def node(name, *before):
        history = [{"class_name": "__keras_tensor__", "config": {"keras_history": [each, 0, 0]}} for each in before]
        inbound = [{"args": [history], "kwargs": {}}] if before else []
        return {"class_name": "Dense", "name": name, "config": {"units": 3, "name": name}, "inbound_nodes": inbound}

    start = {**given([3]), "name": "in", "inbound_nodes": []}
    body = {"class_name": "Functional", "config": {"layers": [start, node("a", "in"), node("b", "a")]}}
    assert kinds(converted(body, "m.json")[0]) == ["dense", "dense"]
    body["config"]["layers"].append(node("c", "a", "b"))
    assert "reads a, b is not one layer after another" in converted(body, "m.json")[1].missing[0]
    old = {**node("b"), "inbound_nodes": [[["a", 0, 0, {}]]]}
    body["config"]["layers"] = [start, node("a", "in"), old]
    assert not converted(body, "m.json")[1].missing


def test_a_keras_program_is_read(converted):
    table, found = converted(
        """
from tensorflow import keras
from tensorflow.keras import layers, regularizers
units = 16
model = keras.Sequential([keras.Input(shape=(5,)), layers.Dense(units * 2, activation="gelu2"),
    layers.Dense(units, "tanh", kernel_initializer="he_normal")])
model.add(layers.Bidirectional(layers.LSTM(4)))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), loss=keras.losses.BinaryCrossentropy())
""",
        "m.py",
    )
    assert kinds(table) == ["dense", "lstm", "dense"]
    assert table["layers"][0] == {"kind": "dense", "units": 16, "activation": "tanh", "init": "he_normal"}
    assert table["layers"][1] == {"kind": "lstm", "units": 4, "bidirectional": True}
    assert table["loss"] == {"kind": "bce"}
    assert table["optimizer"] == {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}
    assert "gelu2" in found.missing[0]
    assert "MISSING" in found.text


@pytest.mark.parametrize(
    "name", ["mlp", "cnn", "lstm", "gru", "func", "conv1d", "separable", "generator", "seq2seq", "same"]
)
def test_models_that_keras_made_have_its_predictions(name):
    """tests/reference/keras: `to_json()`, weights by `v.path`, inputs and predictions of models of Keras 3.15 (with
    PyTorch below, float32). Images lose their channels' place, cells their gates' order, on the way and back."""
    folder = ROOT / "tests" / "reference" / "keras"
    found = convert.convert(folder / f"{name}.json", name)
    assert not found.missing
    table = tomllib.loads(found.text)
    with np.load(folder / f"{name}-io.npz") as kept:
        x, right = kept["x"], kept["p"].astype(float)
    x = np.moveaxis(x, -1, 1) if x.ndim > 3 else x
    for each in table["layers"]:
        if each["kind"] == "batch_norm":
            each["training"] = False
    targets = np.moveaxis(right, -1, 1) if right.ndim > 3 else right
    data = {"inputs": x.tolist(), "targets": np.zeros_like(targets).tolist()}
    made = from_mapping({**table, "data": data, "loss": {"kind": "mse"}, "weights": f"{name}.npz"}, name, folder)
    ours = made.history().recording(0).value(made.graph.by_name["prediction"])
    ours = np.moveaxis(ours, 1, -1) if ours.ndim > 3 else ours
    if table["loss"]["kind"] == "cross_entropy":  # without the softmax, which is the loss's
        ours = np.exp(ours) / np.exp(ours).sum(axis=1, keepdims=True)
    assert np.allclose(ours, right, atol=1e-6, rtol=1e-5)


def test_a_model_that_branches_is_not_said_to_be_the_same():
    found = convert.convert(ROOT / "tests" / "reference" / "keras" / "res.json", "res")
    assert found.missing == ("Add reads dense_5, input_layer_4 is not one layer after another",)
