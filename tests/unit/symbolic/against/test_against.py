"""Somebody's own numbers against a step: right ones are equal in any layout, a planted slip is named.

The wrong gradients are worked out here in NumPy, by hand and apart from the package, as somebody would have done it.
"""

from __future__ import annotations

import json
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bptui
from bptui.cli import main
from bptui.model.base import safetensors
from bptui.model.base.errors import UserError
from bptui.model.base.spans import plain
from bptui.model.source.network import from_formula, from_mapping, load
from bptui.model.source.own_numbers import from_mapping as own
from bptui.model.source.own_numbers import read
from bptui.symbolic.against import against, as_json, lines
from bptui.symbolic.against.backward import Backward
from bptui.symbolic.against.slips import slips

RANDOM = np.random.default_rng(7)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


X, Y = RANDOM.normal(size=(5, 3)), RANDOM.uniform(size=(5, 2))
W1, B1 = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=4)
W2, B2 = RANDOM.normal(size=(4, 4)), RANDOM.normal(size=4)
W3, B3 = RANDOM.normal(size=(4, 2)), RANDOM.normal(size=2)
NETWORK = {
    "name": "mlp",
    "data": {"inputs": X.tolist(), "targets": Y.tolist()},
    "layers": [
        {"kind": "dense", "units": 4, "activation": "sigmoid", "weight": W1.tolist(), "bias": B1.tolist()},
        {"kind": "dense", "units": 4, "activation": "tanh", "weight": W2.tolist(), "bias": B2.tolist()},
        {"kind": "dense", "units": 2, "activation": "sigmoid", "weight": W3.tolist(), "bias": B3.tolist()},
    ],
    "loss": {"kind": "mse"},
    "optimizer": {"kind": "sgd", "learning_rate": 0.5},
}


def mlp(slip=""):
    """The gradients of a network of three layers as one writes them in NumPy, right but for one slip."""
    z1 = X @ W1 + B1
    a1 = sigmoid(z1)
    z2 = a1 @ W2 + B2
    a2 = np.tanh(z2)
    z3 = a2 @ W3 + B3
    a3 = sigmoid(z3)
    d3 = (Y - a3 if slip == "sign" else a3 - Y) * 2 / Y.size
    d3 = {"half": d3 / 2, "sum": d3 * Y.size, "samples": d3 * 2}.get(slip, d3)
    if slip != "no slope 3":
        d3 = d3 * a3 * (1 - a3)
    g = {"layer3.weight": a2.T @ d3, "layer3.bias": d3.sum(0)}
    w3 = W3 - 0.5 * g["layer3.weight"] if slip == "early" else W3
    d2 = d3 @ w3.T
    d2 = d2 * {"no slope 2": 1.0, "output": 1 - np.tanh(a2) ** 2, "input": 1 - z2**2}.get(slip, 1 - a2**2)
    g |= {"layer2.weight": a1.T @ d2, "layer2.bias": d2.mean(0) if slip == "mean" else d2.sum(0)}
    w2 = W2 - 0.5 * g["layer2.weight"] if slip == "early" else W2
    d1 = (d2 @ w2 if slip == "not transposed" else d2 @ w2.T) * a1 * (1 - a1)
    g |= {"layer1.weight": X.T @ d1, "layer1.bias": d1.sum(0)}
    if slip == "last":
        g |= {"layer1.weight": X[-1:].T @ d1[-1:], "layer1.bias": d1[-1]}
        g |= {"layer2.weight": a1[-1:].T @ d2[-1:], "layer2.bias": d2[-1]}
        g |= {"layer3.weight": a2[-1:].T @ d3[-1:], "layer3.bias": d3[-1]}
    return g


def hold(network, numbers):
    network = from_mapping(network, "mlp") if isinstance(network, dict) else network
    return against(network.program().record(), own(numbers, "mine"), "mine")


def listed(numbers):
    return {name: np.asarray(array).tolist() for name, array in numbers.items()}


SLIPS = {
    "sign": ("sign", "the sign"), "half": ("another loss", "half the mean of the squares"),
    "sum": ("another loss", "the sum of the squares"), "samples": ("factor", "a 2 too much"),
    "no slope 3": ("missing σ′", "layer3.a: the derivative of sigmoid"),
    "no slope 2": ("missing σ′", "layer2.a: the derivative of tanh"),
    "output": ("σ′ at the wrong number", "layer2.a: the derivative of tanh was taken at its output"),
    "input": ("σ′ at the wrong number", "layer2.a: 1 - y**2"),
    "early": ("updated too early", "everywhere: the gradient went back through weights"),
    "not transposed": ("not transposed", "layer2.z: a weight was not transposed"),
    "mean": ("mean for sum", "layer2.bias: the mean over the 5"),
    "last": ("one sample", "everywhere: only the last of the 5"),
}  # fmt: skip


def test_right_gradients_are_equal():
    held = hold(NETWORK, listed(mlp()))
    assert held.ok
    assert {row.verdict for row in held.rows} == {"ok"}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_planted_slip_is_named(slip):
    kind, text = SLIPS[slip]
    right, wrong = mlp(), mlp(slip)
    held = hold(NETWORK, listed(wrong))
    differ = [each for each in held.held if each.why is not None]
    assert {each.compared.node.name for each in differ} == {n for n in right if not np.allclose(right[n], wrong[n])}
    for each in differ:
        assert any(text in cause.text for cause in each.why.causes), (each.compared.node.name, each.why)
    if slip not in ("samples", "sign"):
        assert kind in {cause.kind for each in differ for cause in each.why.causes}
    assert text in "\n".join(plain(line) for line in lines(held))


def test_what_the_numbers_do_not_tell_apart_is_said_to_be_so():
    held = hold(from_formula("L = (y - w*x)**2", {"x": 2.0, "y": 2.0, "w": 0.5}, ["w"]), {"w": -2.0})
    texts = [cause.text for cause in held.held[0].why.causes]
    assert any(text.startswith("the factor x of t1 was left out, where t1 = ") for text in texts)  # -2·(y - w·x) = -2
    assert "the exponent 2 of L was not brought down: d(x**n) is n*x**(n-1)" in texts  # -x·(y - w·x) = -2
    assert any("do not tell apart" in plain(line) for line in lines(held))


def test_numbers_that_nothing_explains_are_not_explained():
    held = hold(NETWORK, {"layer1.bias": [0.3, 0.1, -0.7, 0.2]})
    assert held.held[0].why.causes == []
    assert any("no slip" in plain(line) for line in lines(held))


PATHS = ("h = tanh(w*x); L = mean((h + h*x)**2)", {"w": 0.7, "x": [0.5, -1.5, 2.0]})


def test_one_path_of_two():
    w, x = 0.7, np.array([0.5, -1.5, 2.0])
    h = np.tanh(w * x)
    g = 2 / 3 * (h + h * x)
    for through, path in (("t2", g), ("t3", g)):
        only = np.sum((path * (x if through == "t3" else 1)) * (1 - h**2) * x)
        held = hold(from_formula(*PATHS, ["w"]), {"w": float(only)})
        assert any(cause.kind == "missing path" for cause in held.held[0].why.causes), held.held[0].why


def test_softmax_element_by_element():
    z, t = np.array([[0.2, -1.0, 0.5]]), np.array([[0.0, 1.0, 0.0]])
    p = np.exp(z) / np.exp(z).sum()
    network = from_formula("p = softmax(z); L = sum((p - t)**2)", {"z": z.tolist(), "t": t.tolist()}, ["z"])
    held = hold(network, {"z": (2 * (p - t) * p * (1 - p)).tolist()})
    assert [cause.kind for cause in held.held[0].why.causes] == ["elements apart"]


def test_a_row_that_is_taken_twice():
    network = from_formula(
        "e = E[k]; L = sum(e*c)", {"E": [[1.0, 2], [3, 4]], "k": [0, 0], "c": [[1.0, 2], [3, 5]]}, ["E"]
    )
    held = hold(network, {"E": [[3.0, 5.0], [0.0, 0.0]]})
    assert "repeated index" in {cause.kind for cause in held.held[0].why.causes}


@given(st.data())
def test_right_numbers_are_equal_in_every_layout(data):
    """(in, out), (out, in), PyTorch's names, NumPy's names, rounded to some digits, float32, columns for rows."""
    right = mlp()
    numbers = {}
    torch = {f"net.{2 * n}.{part}": right[f"layer{n + 1}.{part}"] for n in range(3) for part in ("weight", "bias")}
    script = {
        f"d{short}{n + 1}": right[f"layer{n + 1}.{part}"]
        for n in range(3)
        for short, part in (("W", "weight"), ("b", "bias"))
    }
    named = data.draw(st.sampled_from([right, torch, script, {f"{name}.grad": g for name, g in right.items()}]))
    turned, digits = data.draw(st.booleans()), data.draw(st.sampled_from([None, 4, 6, "float32"]))
    for name, array in named.items():
        array = array.T if turned and array.ndim == 2 else array
        array = array.reshape(-1, 1) if array.ndim == 1 and data.draw(st.booleans()) else array
        if digits == "float32":
            array = array.astype(np.float32)
        elif digits is not None:
            array = np.round(array, digits)
        numbers[name] = array if data.draw(st.booleans()) and digits in (None, "float32") else array.tolist()
    held = hold(NETWORK, numbers)
    assert held.ok, held.rows


def test_values_and_where_they_stop_following():
    z1 = X @ W1 + B1
    a1 = sigmoid(z1)
    values = {"layer1.z": z1, "layer1.a": np.tanh(z1), "layer2.z": np.tanh(z1) @ W2 + B2}
    held = hold(NETWORK, {"values": listed(values), "grads": {}})
    z, a, after = held.held
    assert z.why is None
    assert [cause.text for cause in a.why.causes] == ["that is tanh, and layer1.a is sigmoid"]
    assert after.why.follows == "value of layer1.a"
    assert hold(NETWORK, {"values": listed({"layer1.z": X @ W1, "layer1.a": a1}), "grads": {}}).held[0].why.causes[
        0
    ].text == ("layer1.bias was left out")


def test_gradients_that_follow_from_a_wrong_one():
    """The slip is at layer2.a; layer1 is right for what came down to it."""
    wrong = mlp("no slope 2")
    a1 = sigmoid(X @ W1 + B1)
    d3 = mlp()["layer3.bias"]
    assert d3.shape == (2,)
    held = hold(NETWORK, listed(wrong))
    assert all(each.why is None or each.why.causes for each in held.held)
    assert a1.shape == (5, 4)


def adam(step, corrected=True, inside=False):
    """layer1.weight after `step` + 1 updates by Adam as in the paper, from gradients of bptui's own steps."""
    network = from_mapping({**NETWORK, "optimizer": {"kind": "adam", "learning_rate": 0.1, "eps": 1e-3}}, "mlp")
    program = network.program()
    m = v = np.zeros_like(W1)
    for t in range(1, step + 2):
        recording = program.record()
        g, p = recording.grad("layer1.weight"), recording.before("layer1.weight")
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        hat, size = (m / (1 - 0.9**t), v / (1 - 0.999**t)) if corrected else (m, v)
        new = p - 0.1 * hat / (np.sqrt(size + 1e-3) if inside else np.sqrt(size) + 1e-3)
    return against(recording, own({"updates": {"layer1.weight": new.tolist()}}, "mine"), "mine")


def test_updates_bias_corrected_or_not():
    assert adam(2).ok
    assert [c.kind for c in adam(2, corrected=False).held[0].why.causes] == ["not bias-corrected"]
    assert [c.text for c in adam(2, inside=True).held[0].why.causes] == ["eps inside of the root"]


def test_what_trace_prints_is_equal_to_itself(capsys, tmp_path):
    assert main(["trace", "xor", "--steps", "3", "--at", "2", "--json"]) == 0
    file = tmp_path / "trace.json"
    file.write_text(capsys.readouterr().out)
    assert main(["check", "xor", "--at", "2", "--against", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["of"] for row in found["against"]} == {"value", "grad", "update"}
    assert all(row["equal"] for row in found["against"])
    assert {row["row"] for row in found["checks"]} >= {"against", "symbolic", "forward"}


def test_the_shell_says_where_by_what_factor_and_why(capsys, tmp_path):
    network, file = tmp_path / "mlp.json", tmp_path / "mine.json"
    network.write_text(json.dumps(NETWORK))
    file.write_text(json.dumps(listed(mlp("half"))))
    assert main(["check", str(network), "--against", str(file)]) == 1
    told = capsys.readouterr().out
    assert "½ × bptui's in every element" in told
    assert "half the mean of the squares" in told
    assert main(["check", str(network), "--against", str(file), "--json"]) == 1
    row = json.loads(capsys.readouterr().out)["against"][0]
    assert (row["factor"], row["causes"][0]["kind"]) == (0.5, "another loss")


def test_from_python():
    w, x = bptui.param(W1, name="w"), bptui.data(X)
    loss = bptui.mean(bptui.tanh(x @ w) ** 2, name="L")
    h = np.tanh(X @ W1)
    right = X.T @ (2 * h * (1 - h * h) / h.size)
    np.testing.assert_allclose(bptui.grads(loss)["w"], right, rtol=1e-12)
    assert bptui.check(loss, against={"w": right}).ok
    report = bptui.check(loss, against={"w": X.T @ (2 * h / h.size)})
    assert not report.ok
    assert "the derivative of tanh was left out" in str(report)


def test_grads_are_new_arrays_by_name():
    w = bptui.param([[0.5], [0.1]], name="w")
    loss = bptui.mse(bptui.sigmoid(bptui.data([[1.0, 2.0]]) @ w, name="p"), [[1.0]])
    found = bptui.grads(loss)
    assert set(found) >= {"w", "p", "data1", "loss"}
    found["w"][:] = 0
    assert bptui.grads(loss)["w"].any()


# ---------------------------------------------------------------------------------------------------------- files
def packed(header, body=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_npz_and_safetensors_are_json(tmp_path):
    right = mlp()
    np.savez(tmp_path / "mine.npz", **right)
    offset, header, body = 0, {"__metadata__": {"format": "pt"}}, b""
    for name, array in right.items():
        data = array.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + len(data)]}
        offset, body = offset + len(data), body + data
    (tmp_path / "mine.safetensors").write_bytes(packed(header, body))
    recording = from_mapping(NETWORK, "mlp").program().record()
    for name in ("mine.npz", "mine.safetensors"):
        assert against(recording, read(str(tmp_path / name)), name).ok


def test_bfloat16_is_widened():
    content = packed({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, struct.pack("<HH", 0x3F80, 0xC000))
    np.testing.assert_array_equal(safetensors.arrays(content, "f")["w"], [1.0, -2.0])


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff" * 8, struct.pack("<Q", 2**62) + b"{}", packed([1]), packed({"w": 3}),
        packed({"w": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 8]}}, b"x" * 8),
        packed({"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 9]}}, b"x" * 8),
        packed({"w": {"dtype": "F64", "shape": [-1], "data_offsets": [8, 0]}}, b"x" * 8),
        packed({"w": {"dtype": "O", "shape": [], "data_offsets": [0, 8]}}, b"x" * 8),
        packed({"w": {"dtype": "F64", "shape": [True], "data_offsets": [0, 8]}}, b"x" * 8),
    ],
)  # fmt: skip
def test_a_broken_safetensors_file_is_one_line(content):
    with pytest.raises(UserError):
        safetensors.arrays(content, "f")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(body):
    with suppress(UserError):
        safetensors.arrays(body, "f")


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"layer1.wieght": [[1.0]]}, "nothing is called 'layer1.wieght' (did you mean 'layer1.weight'?)"),
        ({"layer1.weight": [[1.0, 2]]}, "'layer1.weight' is (1, 2), and layer1.weight is (3, 4)"),
        ({"layer1.bias": [1.0] * 4, "db1": [1.0] * 4}, "are both layer1.bias"),
        ({"y": [[1.0]]}, "y has no gradient"),
        ({"updates": {"layer1.z": [1.0]}}, "layer1.z is not updated"),
        ({"layer1.bias": "zero"}, "expected numbers"),
        ({"layer1.bias": {"a": 1}}, "expected numbers"),
        ({"layer1.bias": [[1.0], [1.0, 2.0]]}, "different lengths"),
        ({}, "holds no numbers"),
        ([1.0], "is not a table of names"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(numbers, said):
    with pytest.raises(UserError) as told:
        hold(NETWORK, numbers)
    assert said in str(told.value)


def test_upstream_that_was_not_summed_is_recognised():
    recording = from_mapping(NETWORK, "mlp").program().record()
    per_sample = np.asarray(recording.grad("layer1.z"))
    with pytest.raises(UserError, match=r"it is the gradient of layer1\.z: sum it over the samples"):
        hold(NETWORK, {"layer1.bias": per_sample.tolist()})


@pytest.mark.parametrize("name", ["mine.pkl", "mine.pt", "mine", "missing.json"])
def test_other_files_are_refused(name, capsys):
    assert main(["check", "xor", "--against", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pickled_arrays_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "mine.npz", w=np.array([print], dtype=object))
    assert main(["check", "xor", "--against", str(tmp_path / "mine.npz")]) == 2
    assert "Python objects" in capsys.readouterr().err


def test_nan_and_inf_are_numbers():
    network = from_formula("L = sum(log(x))", {"x": [0.0, 1.0]})
    assert hold(network, {"x": ["inf", 1.0]}).ok
    assert not hold(network, {"x": ["nan", 1.0]}).ok
    assert hold(network, {"x": [float("inf"), 1.0]}).ok


def test_every_slip_is_finite_in_every_example():
    """No slip raises, whatever the network; those of a right gradient are not looked for."""
    for name in ("lesson-2-2-1", "two-paths", "resnet-block", "lstm", "transformer", "lenet"):
        recording = load(name).program().record()
        node = next((n for n in recording.graph.params), None) or recording.graph.by_name["x"]
        wrong = np.asarray(recording.grad(node), np.float64) * 1.2345 + 0.01
        held = against(recording, own({node.name: wrong.tolist()}, "mine"), "mine", seconds=0.5)
        assert not held.ok
        assert as_json(held)[0]["causes"] == []


@settings(max_examples=40)
@given(st.sampled_from(("lesson-2-2-1", "mazur", "xor", "swoosh", "two-paths")), st.data())
def test_what_a_slip_makes_of_the_gradients_is_named(name, data):
    """Of every slip that bptui knows: its numbers lead back to it, or to others that give the same."""
    recording = RECORDINGS.setdefault(name, load(name).program().record())
    backward = Backward(recording)
    slip = data.draw(st.sampled_from(list(slips(recording.graph))), label="slip")
    made = backward.gradients(slip)
    leaves = [n for n in recording.graph.nodes if n.op is None and recording.grad(n) is not None]
    numbers = {n.name: made.get(n.id, np.asarray(recording.grad(n))) for n in leaves}
    for each in against(recording, own(numbers, "mine"), "mine").held:
        if each.why is not None:
            texts = [cause.text for cause in each.why.causes]
            assert texts
            same = slip.text.partition(": ")[2] or slip.text
            assert same in " ".join(texts) or each.why.others


RECORDINGS = {}

WORDS = ("w", "x", "L", "values", "grads", "updates", "after", "step", "index", "dw", "w.grad")
NUMBERS = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=8,
)


@given(NUMBERS)
def test_any_json_is_compared_or_refused_in_one_line(content):
    network = from_formula("L = sum(w*x)", {"w": [1.0, 2], "x": [3.0, 4]}, ["w"])
    recording = RECORDINGS.setdefault("formula", network.program().record())
    try:
        against(recording, own(content, "mine"), "mine")
    except UserError as problem:
        error = problem
    else:
        return
    assert str(error).isprintable()


def named(own_names, of=NETWORK):
    """Which nodes names of other programs mean, all gradients being right."""
    network = from_mapping(of, "n") if isinstance(of, dict) else load(of)
    recording = network.program().record()
    numbers = {name: np.asarray(recording.grad(node)).tolist() for name, node in own_names.items()}
    held = against(recording, own(numbers, "mine"), "mine")
    assert held.ok, [each.note for each in held.held]
    return {each.compared.match.own.name: each.compared.node.name for each in held.held}


@pytest.mark.parametrize(
    "names",
    [
        {"0.weight": "layer1.weight", "2.weight": "layer2.weight", "4.weight": "layer3.weight"},
        {"fc1.weight": "layer1.weight", "fc2.weight": "layer2.weight", "fc3.weight": "layer3.weight"},
        {"dense/kernel:0": "layer1.weight", "dense_1/kernel:0": "layer2.weight", "dense_2/kernel:0": "layer3.weight"},
        {"W3": "layer3.weight", "W1": "layer1.weight", "W2": "layer2.weight"},
        {"grad_W2": "layer2.weight", "db3": "layer3.bias", "dL/dW1": "layer1.weight"},
        {"head.weight": "layer3.weight", "body.weight": "layer2.weight", "input.weight": "layer1.weight"},
        {"layer1_weight": "layer1.weight", "Layer2.Bias": "layer2.bias"},
    ],
)
def test_names_of_other_programs_are_understood(names):
    assert named(names) == names


def test_names_of_a_recurrent_layer():
    names = {"rnn.weight_ih_l0": "layer1.w_ih", "rnn.bias_hh_l0": "layer1.b_hh", "out.weight": "layer2.weight"}
    assert named(names, "lstm") == names


def test_gradients_that_were_not_set_to_0(capsys, tmp_path):
    """Three training steps of PyTorch's without zero_grad; the first is right."""
    network = tmp_path / "mlp.json"
    network.write_text(json.dumps(NETWORK))
    program = from_mapping(NETWORK, "mlp").program()
    steps = [program.record() for _ in range(2)]
    total = sum(np.asarray(step.grad("layer1.weight")) for step in steps)
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"layer1.weight": total.tolist()}))
    assert main(["check", str(network), "--at", "1", "--against", str(file)]) == 1
    assert "the gradients of 2 training steps added up: zero_grad() was left out" in capsys.readouterr().out


@pytest.mark.parametrize(("step", "back", "word"), [(1e-2, False, "one-sided"), (1e-1, True, "central")])
def test_gradients_by_differences(step, back, word):
    def loss(b):
        return np.mean((sigmoid(np.tanh(sigmoid(X @ W1 + b) @ W2 + B2) @ W3 + B3) - Y) ** 2)

    moves = np.eye(4) * step
    numbers = [(loss(B1 + m) - loss(B1 - m if back else B1)) / (step * (1 + back)) for m in moves]
    held = hold(NETWORK, {"layer1.bias": [float(x) for x in numbers]})
    (cause,) = held.held[0].why.causes
    assert cause.text.startswith(f"those are {word} differences with a step of {step:g}")
    assert any("near: off by" in plain(line) for line in lines(held))


def test_a_float32_network_is_compared_as_float32():
    single = from_mapping({**NETWORK, "dtype": "float32"}, "mlp")
    assert hold(single, listed(mlp())).ok
    assert not hold(single, listed(mlp("half"))).ok
    assert "another loss" in hold(single, listed(mlp("half"))).rows[0].note


def test_a_formula_of_the_shell(capsys, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text('{"w": -2.0, "x": -1}')
    command = ["check", "--formula", "L = (y - w*x)**2", "x=2", "y=2", "w=0.5", "--against", str(file), "--json"]
    assert main(command) == 1
    rows = {row["node"]: row for row in json.loads(capsys.readouterr().out)["checks"] if row["row"] == "against"}
    assert rows["x"]["verdict"] == "ok"
    assert "½ × bptui's" in rows["w"]["note"]
    assert "missing factor: the factor x" in rows["w"]["note"]  # a missing 2 would have changed x, too
