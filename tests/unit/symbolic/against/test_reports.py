"""Questions that people asked in public, in numbers of our own: is my gradient right, and what did I forget?

Sources: stackoverflow.com/questions/59399842 (xor), github.com/dennybritz/nn-from-scratch/issues/13 (penalty and mean),
math.stackexchange.com/questions/1731965 (softmax of a sigmoid), github.com/kvfrans/notes/issues/5 (samples as columns),
github.com/tensorflow/tensorflow/issues/35102 (Adam). Their wrong derivatives are worked out here in NumPy.
"""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.source.network import from_formula, from_mapping
from bptui.model.source.own_numbers import from_mapping as own
from bptui.symbolic.against import against
from bptui.symbolic.against.claims import claim


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def causes(network, numbers):
    held = against(network.program().record(), own(numbers, "mine"), "mine")
    return {each.compared.node.name: [cause.text for cause in each.why.causes] for each in held.held if each.why}


def test_xor_without_the_slope_in_the_output_weights_alone():
    """Of six derivatives one lacks σ′; what goes on to the hidden layer has it."""
    x, y = np.array([[1.0, 0.0]]), np.array([[1.0]])
    w1, w2 = np.array([[0.3, -0.7], [0.9, 0.2]]), np.array([[0.4], [-0.6]])
    a1 = sigmoid(x @ w1)
    a2 = sigmoid(a1 @ w2)
    d2 = (a2 - y) * a2 * (1 - a2)
    d1 = (d2 @ w2.T) * a1 * (1 - a1)
    layers = [
        {"kind": "dense", "units": 2, "activation": "sigmoid", "use_bias": False, "weight": w1.tolist()},
        {"kind": "dense", "units": 1, "activation": "sigmoid", "use_bias": False, "weight": w2.tolist()},
    ]
    network = from_mapping(
        {
            "name": "xor",
            "data": {"inputs": x.tolist(), "targets": y.tolist()},
            "layers": layers,
            "loss": {"kind": "half_sse"},
        },
        "xor",
    )
    found = causes(network, {"layer1.weight": (x.T @ d1).tolist(), "layer2.weight": (a1.T @ (a2 - y)).tolist()})
    assert found == {"layer2.weight": ["layer2.a: the derivative of sigmoid was left out, in this gradient alone"]}


def test_the_mean_is_missing_in_the_loss_and_not_in_the_penalty():
    random = np.random.default_rng(1)
    x, t, w = random.normal(size=(6, 2)), np.array([0, 1, 1, 0, 1, 0]), random.normal(size=(2, 2))
    p = np.exp(x @ w)
    p /= p.sum(1, keepdims=True)
    p[np.arange(6), t] -= 1
    network = from_formula(
        "L = cross_entropy(x @ W, t) + 0.005*sum(W**2)", {"x": x.tolist(), "t": t.tolist(), "W": w.tolist()}, ["W"]
    )
    assert causes(network, {"W": (x.T @ p / 6 + 0.01 * w).tolist()}) == {}
    (text,) = causes(network, {"W": (x.T @ p + 0.01 * w).tolist()})["W"]
    assert "the sum of cross_entropy" in text
    (text,) = causes(network, {"W": (x.T @ p / 6).tolist()})["W"]
    assert "the path of W through" in text


def test_softmax_of_a_sigmoid_as_a_claim():
    values = {"x": [[0.5, -1.0]], "W": [[0.1, 0.4], [-0.3, 0.2]], "t": [[1.0, 0.0]]}
    network = from_formula("z = sigmoid(x @ W); y = softmax(z); E = -sum(t*log(y))", values, ["W"])
    recording = network.program().record()
    assert claim(recording, "W = x.T @ ((y - t)*z*(1 - z))", seconds=120).judged == "proved"
    wrong = claim(recording, "W = x.T @ (y - t)", seconds=120)
    assert wrong.judged == "refuted"
    assert any("the derivative of sigmoid was left out" in cause.text for cause in wrong.causes)


COLUMNS = {
    "formula": "Z1 = W1 @ X + b1\nA1 = tanh(Z1)\nZ2 = W2 @ A1 + b2\nA2 = sigmoid(Z2)\nJ = bce(A2, Y)",
    "train": ["W1", "b1", "W2", "b2"],
    "values": {
        "X": [[0.4, -1.1, 0.2, 1.9, -0.6], [1.2, 0.3, -0.8, 0.1, 1.4]], "Y": [[1, 0, 1, 0, 1]],
        "W1": [[0.2, -0.1], [0.3, 0.4], [-0.4, 0.1]], "b1": [[0.0], [0.2], [-0.1]],
        "W2": [[0.5, -0.2, 0.3]], "b2": [[0.1]],
    },
}  # fmt: skip


def test_samples_as_columns_and_a_mean_for_a_sum():
    network = from_mapping({"name": "columns", **COLUMNS}, "columns")
    recording = network.program().record()
    mine = np.asarray(recording.grad("Z1")).mean(axis=1, keepdims=True)
    (text,) = causes(network, {"db1": np.round(mine, 4).tolist()})["b1"]
    assert "the mean over the 5 along axis 1" in text
    assert (
        claim(recording, "b1 = sum((W2.T @ (A2 - Y)/5)*(1 - A1**2), axis=1, keepdims=True)", seconds=120).judged
        == "proved"
    )
    assert (
        claim(recording, "b1 = mean((W2.T @ (A2 - Y)/5)*(1 - A1**2), axis=1, keepdims=True)", seconds=120).judged
        == "refuted"
    )
    session = Session(network)
    run(session, "goto end")
    run(session, "goto backward")
    run(session, "goto update")
    right = np.asarray(recording.grad("b1"))
    for text in ("print b1.grad", "print grad(b1)", f"print b1.grad - {right.round(4).tolist()}", "print b1.grad.T"):
        assert "=" in run(session, text).text or "[" in run(session, text).text


@pytest.mark.parametrize(("power", "said"), [(False, "1 - beta for 1 - beta**t"), (True, None)])
def test_adam_without_the_power_of_t(power, said):
    network = from_formula("L = (2 - w)**2", {"w": 1.0}, ["w"])
    network = from_mapping(
        {"name": "adam", "formula": "L = (2 - w)**2", "train": ["w"], "values": {"w": 1.0},
         "optimizer": {"kind": "adam", "learning_rate": 0.01}}, "adam",
    )  # fmt: skip
    program = network.program()
    m = v = 0.0
    for t in (1, 2, 3):
        recording = program.record()
        w, g = float(recording.before("w")), float(recording.grad("w"))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        n = t if power else 1
        new = w - 0.01 * (m / (1 - 0.9**n)) / (np.sqrt(v / (1 - 0.999**n)) + 1e-8)
    held = against(recording, own({"updates": {"w": new}}, "mine"), "mine")
    assert held.ok == (said is None)
    if said:
        assert said in [cause.text for cause in held.held[0].why.causes]
