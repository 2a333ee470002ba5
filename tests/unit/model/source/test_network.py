"""Network files: what PyTorch says of them, what their keys mean, and what is told where they are wrong."""

from __future__ import annotations

import copy
import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptui.model.base.errors import UserError
from bptui.model.debugger.findings.structure import Structure
from bptui.model.source import layers
from bptui.model.source.network import from_mapping, load
from tests.paths import REFERENCE

NETWORKS = json.loads((REFERENCE / "networks.json").read_text())["cases"]


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 1e-3)


@pytest.mark.parametrize("case", NETWORKS, ids=lambda case: case["network"]["name"])
def test_values_gradients_and_training_are_pytorch_s(case):
    found = from_mapping(case["network"], "reference")
    program = found.program()
    step = program.record()
    first = case["first_step"]
    close(step.loss, first["loss"])
    close(step.value("prediction"), first["prediction"])
    for number, layer in enumerate(first["layers"], 1):
        linear = case["network"]["layers"][number - 1].get("activation", "linear") == "linear"
        for key, name in {"z": "z", "a": "z" if linear else "a"}.items():
            close(step.value(f"layer{number}.{name}"), layer[key])
            close(step.grad(f"layer{number}.{name}"), layer[f"grad_{key}"])
        for key in ("weight", "bias"):
            close(step.grad(f"layer{number}.{key}"), layer[f"grad_{key}"])
    losses = [step.loss]
    while len(losses) < case["steps"]:
        losses.append(program.record().loss)
    close(losses, case["losses"], 1e-8)
    last = program.record()
    for number, layer in enumerate(case["final"], 1):
        for key, value in layer.items():
            close(last.before(f"layer{number}.{key}"), value, 1e-8)


XOR = {
    "name": "xor",
    "data": {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [[0], [1], [1], [0]]},
    "layers": [{"kind": "dense", "units": 3, "activation": "relu"}, {"kind": "dense", "units": 1}],
    "loss": {"kind": "mse"},
    "optimizer": {"kind": "adam", "learning_rate": 0.01},
}


def changed(path, value):
    """XOR with one key changed: `layers.0.units`."""
    table = copy.deepcopy(XOR)
    *way, last = [int(word) if word.isdigit() else word for word in path.split(".")]
    at = table
    for word in way:
        at = at.setdefault(word, {}) if isinstance(at, dict) else at[word]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return table


def test_names_symbols_scopes_and_roles():
    graph = from_mapping(XOR, "net.toml").graph
    told = [(n.name, n.role, n.symbol, n.scope, n.wants_grad) for n in graph.nodes]
    assert told == [
        ("x", "input", "x", "", False),
        ("layer1.weight", "param", "W", "layer1", True),
        ("layer1.bias", "param", "b", "layer1", True),
        ("layer1.z", "op", "z", "layer1", True),
        ("layer1.a", "op", "a", "layer1", True),
        ("layer2.weight", "param", "W", "layer2", True),
        ("layer2.bias", "param", "b", "layer2", True),
        ("layer2.z", "op", "z", "layer2", True),
        ("y", "target", "y", "", False),
        ("loss", "op", "L", "loss", True),
    ]
    assert [n.op.name for n in graph.ops] == ["affine", "relu", "affine", "mse"]
    assert graph.by_name["prediction"].name == "layer2.z"
    assert [(layer.name, layer.summary) for layer in graph.layers] == [
        ("layer1", "dense 3, relu"),
        ("layer2", "dense 1, linear"),
        ("loss", "mse(z, y)"),
    ]


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    weights = [from_mapping(XOR | {"seed": seed}, "n").graph.by_name["layer1.weight"].value for seed in (3, 3, 4)]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).all()


def test_only_some_parameters_are_trained():
    graph = from_mapping(changed("layers.0.train", ["weight"]), "n").graph
    assert [n.name for n in graph.params] == ["layer1.weight", "layer2.weight", "layer2.bias"]
    step = from_mapping(changed("layers.0.train", ["weight"]), "n").program().record()
    assert step.grad("layer1.bias").shape == (3,)


def test_a_layer_without_bias_is_a_matrix_product():
    graph = from_mapping(changed("layers.0.use_bias", False), "n").graph
    assert graph.by_name["layer1.z"].op.name == "matmul"
    assert "layer1.bias" not in graph.by_name


def test_activations_have_settings_and_layers_have_names():
    table = changed("layers.0.activation", {"kind": "leaky_relu", "negative_slope": 0.3})
    table["layers"][0]["name"] = "hidden"
    node = from_mapping(table, "n").graph.by_name["hidden.a"]
    assert node.op.name == "leaky_relu"
    assert node.attributes["negative_slope"] == 0.3


def test_initial_values_by_kind_with_parameters():
    table = changed("layers.0.init", {"kind": "uniform", "low": 2, "high": 3})
    table["layers"][0]["bias_init"] = {"kind": "constant", "value": 7}
    graph = from_mapping(table, "n").graph
    weight = graph.by_name["layer1.weight"].value
    assert ((weight >= 2) & (weight < 3)).all()
    assert (graph.by_name["layer1.bias"].value == 7).all()


def test_minibatches_take_some_rows_in_each_step():
    found = from_mapping(changed("data.batch_size", 3), "n")
    assert found.graph.by_name["x"].shape == (3, 2)
    program = found.program()
    steps = [program.record() for _ in range(4)]
    rows = np.concatenate([step.value("x") for step in steps])
    assert {tuple(row) for row in rows} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_labels_are_whole_numbers_and_probabilities_are_not():
    table = changed("loss.kind", "cross_entropy")
    table["layers"][1]["units"] = 2
    for targets, whole in (([0, 1, 1, 0], True), ([[1, 0], [0, 1], [0, 1], [1, 0]], False)):
        table["data"]["targets"] = targets
        assert from_mapping(table, "n").graph.by_name["y"].whole is whole


@pytest.mark.parametrize("kind", sorted(layers.loss_kinds()))
def test_every_loss_works_in_a_file(kind):
    table = changed("loss.kind", kind)
    table["layers"][1] |= {"units": 2, "activation": "softmax"}
    row = layers.loss_kinds()[kind]
    table["data"]["targets"] = [0, 1, 1, 0] if row.indices else [[1, 0], [0, 1], [0, 1], [1, 0]]
    if kind == "multilabel_margin":  # a row of classes for each sample, which ends at -1
        table["data"]["targets"] = [[1, -1], [0, 1], [-1, -1], [0, -1]]
    found = from_mapping(table, "n")
    assert np.isfinite(found.program().record().loss)
    table["loss"]["reduction"] = "sum"
    read = Structure(from_mapping(table, "n").graph).loss
    assert read is not None
    assert (read.reduction, read.target.name) == ("sum", "y")


@pytest.mark.parametrize("kind", layers.activations())
def test_every_activation_works_in_a_file(kind):
    assert from_mapping(changed("layers.0.activation", kind), "n").program().record() is not None


@pytest.mark.parametrize("name", ["xor", "circles", "moons", "spirals", "blobs"])
def test_every_drawn_set_goes_with_labels_and_with_numbers(name):
    for loss, units in (("cross_entropy", 3), ("mse", 1), ("hinge", 1)):
        table = changed("data", {"dataset": name, "samples": 12, "batch_size": 5})
        table["loss"] = {"kind": loss}
        table["layers"][1]["units"] = units
        assert np.isfinite(from_mapping(table, "n").program().record().loss)


def test_a_formula_in_the_place_of_layers():
    table = {
        "formula": "z = x @ W + b\nL = mse(z, y)",
        "data": XOR["data"] | {"batch_size": 2},
        "values": {"W": {"shape": [2, 1], "init": {"kind": "normal", "std": 2}}, "b": [0.5]},
        "train": ["W", "b"],
        "optimizer": {"learning_rate": 0.1},
    }
    found = from_mapping(table, "f.toml")
    assert [n.name for n in found.graph.params] == ["W", "b"]
    assert found.program().record().value("x").shape == (2, 2)
    assert not found.graph.by_name["x"].wants_grad


def test_a_formula_takes_class_numbers_from_data():
    table = {
        "formula": "z = tanh(x @ W) @ V\nL = cross_entropy(z, y)",
        "data": {"dataset": "blobs", "samples": 30, "noise": 0.1},
        "values": {"W": {"shape": [2, 5]}, "V": {"shape": [5, 3]}},
        "train": ["W", "V"],
        "optimizer": {"kind": "adam", "learning_rate": 0.05},
    }
    for size in (30, 7):
        table["data"]["batch_size"] = size
        program = from_mapping(table, "f.toml").program()
        program.run(300)
        assert program.loss < 0.05
    table["values"]["V"]["shape"] = [5, 2]
    with pytest.raises(UserError, match=r"f.toml.* is 2 \(expected 0 to 1\)"):
        from_mapping(table, "f.toml")


def test_json_and_toml_and_data_files_beside_them(tmp_path):
    (tmp_path / "d.csv").write_text("a,b,t\n0,1,1\n2,3,0\n4,5,1\n")
    np.savez(tmp_path / "d.npz", x=np.ones((3, 2)), y=np.zeros((3, 1)))
    for file in ("d.csv", "d.npz"):
        table = changed("data", {"file": file})
        (tmp_path / "n.json").write_text(json.dumps(table))
        assert load(str(tmp_path / "n.json")).graph.by_name["x"].shape == (3, 2)
    table["data"] = {"file": "d.csv", "target_columns": ["a"]}
    assert from_mapping(table, "n", tmp_path).graph.by_name["y"].value.tolist() == [[0], [2], [4]]
    table["data"] = {"file": "d.csv"}
    table["loss"]["kind"] = "cross_entropy"
    table["layers"][1]["units"] = 2
    assert from_mapping(table, "n", tmp_path).graph.by_name["y"].value.tolist() == [1, 0, 1]


WRONG = [
    ("nmae", "x", "net.toml: unknown key 'nmae' (did you mean 'name'?)"),
    ("name", 3, "net.toml: name: expected a text, found the number 3"),
    ("dtype", "float16", "dtype: must be 'float64' or 'float32'"),
    ("seed", -1, "seed: must be at least 0"),
    ("seed", 2**70, "seed: too large"),
    ("seed", "a", "seed: must be a whole number"),
    ("layers", None, "[layers] is missing"),
    ("layers", [], "layers: found no layer"),
    ("layers", {"kind": "dense"}, "layers: found a table (expected a list of tables"),
    ("layers", [3], "layer1: found the number 3"),
    ("loss", None, "[loss] is missing"),
    ("loss", "mse", "loss: found the text 'mse' (expected a table"),
    ("loss.kind", "msee", "loss.kind: unknown 'msee' (did you mean 'mse'?)"),
    ("loss.kind", None, "loss: 'kind' is missing"),
    ("loss.delta", 1, "loss: unknown key 'delta'"),
    ("loss.reduction", "none", "must be a single number"),
    ("loss.reduction", "some", "loss: mse: reduction='some'"),
    ("data", None, "[data] is missing"),
    ("data.inputs", None, "data: 'inputs' is missing"),
    ("data.inputs", [[1, 2], [3]], "data.inputs: the rows have different lengths"),
    ("data.inputs", [[0, 0], [0, 1], [1, 0], [1, float("nan")]], "data.inputs: NaN at [3, 1]"),
    ("data.inputs", [[0, 0], [0, 1], [1, 0], [1, "a"]], "data.inputs: expected numbers, found the text 'a'"),
    ("data.inputs", [1, 2, 3, 4], "layer1: its input has shape (4,) (expected (samples, features))"),
    ("data.inputs", [], "data.inputs: found (0,) (expected a list"),
    ("data.inputs", 3, "data.inputs: found"),
    ("data.targets", None, "data: 'targets' is missing"),
    ("data.targets", [[1], [2]], "data.targets: 2 for 4 inputs"),
    ("data.targets", [0, 1, 1, 0], "data.targets: found shape (4,) (expected (4, 1), as the prediction)"),
    ("data.targets", [[1], [2], [3], [float("inf")]], "data.targets: an infinity at [3, 0]"),
    ("data.dataset", "moons", "data: inputs and dataset at once"),
    ("data.samples", 3, "data.samples: goes with dataset"),
    ("data.batch_size", 5, "data.batch_size: 5 of 4 samples"),
    ("data.batch_size", 0, "data.batch_size: must be at least 1"),
    ("data", {"dataset": "moon"}, "data.dataset: unknown 'moon' (did you mean 'moons'?)"),
    ("data", {"dataset": "moons", "samples": 10**9}, "data.samples: 1,000,000,000 (at most 1,000,000)"),
    ("data", {"dataset": "moons", "noise": -1}, "data.noise: must be at least 0"),
    ("data", {"dataset": "moons", "targets": [1]}, "data.targets: goes with inputs"),
    ("data", {"file": "nowhere.csv"}, "nowhere.csv: there is no such file"),
    ("layers.0.kind", "densee", "layer1.kind: unknown 'densee' (did you mean 'dense'?)"),
    ("layers.0.kind", None, "layer1: 'kind' is missing"),
    ("layers.0.units", None, "layer1: 'units' is missing"),
    ("layers.0.units", 0, "layer1.units: must be at least 1, not 0"),
    ("layers.0.units", 2.5, "layer1.units: must be a whole number, not 2.5"),
    ("layers.0.units", True, "layer1.units: must be a whole number, not True"),
    ("layers.0.units", 10**9, "layer1.weight: shape (2, 1000000000) takes 2,000,000,000 numbers"),
    ("layers.0.unit", 3, "layer1: unknown key 'unit' (did you mean 'units'?)"),
    ("layers.0.activation", "relo", "layer1.activation: unknown 'relo' (did you mean 'relu'?)"),
    ("layers.0.activation", {"kind": "elu", "alhpa": 1}, "elu has no setting 'alhpa' (did you mean 'alpha'?)"),
    ("layers.0.activation", 3, "layer1.activation: expected an activation's name"),
    ("layers.0.init", "he", "layer1.init.kind: unknown 'he'"),
    ("layers.0.init", {"kind": "normal", "sdt": 1}, "layer1.init: unknown key 'sdt' (did you mean 'std'?)"),
    ("layers.0.init", {"kind": "normal", "std": -1}, "layer1.init.std: must be at least 0"),
    ("layers.0.init", {"kind": "constant"}, "layer1.init: 'value' is missing"),
    ("layers.0.weight", [[1, 2], [3, 4]], "layer1.weight: found shape (2, 2) (expected (2, 3))"),
    ("layers.0.weight", [[1, 2, 3], [4, 5, float("nan")]], "layer1.weight: NaN at [1, 2]"),
    (
        "layers.0",
        {"kind": "dense", "units": 3, "bias": [1], "init": "zeros"},
        "layer1.bias: found shape (1,)",
    ),
    ("layers.0.bias", [1, 2, 3], "layer1.weight: is not given, although bias is (weight of shape (2, 3), too, or init"),
    ("layers.0.train", ["wieght"], "layer1.train: 'wieght' is no parameter (did you mean 'weight'?)"),
    ("layers.0.train", "weight", "layer1.train: expected a list of names"),
    ("layers.1.name", "layer1", "layer2.name: 'layer1' is taken"),
    ("layers.1.name", "a b", "layer2.name: 'a b' is not a name"),
    ("optimizer.kind", "adamm", "optimizer.kind: unknown 'adamm' (did you mean 'adam'?)"),
    ("optimizer.momentum", 0.9, "net.toml: optimizer: adam has no momentum"),
    ("optimizer.learning_rate", -1, "optimizer.learning_rate: must be at least 0"),
    ("optimizer.learning_rate", "fast", "optimizer.learning_rate: must be a number"),
    ("optimizer.lr", 1, "optimizer: unknown key 'lr'"),
    ("formula", "L = x*x", "layers: stands beside a formula"),
    ("values.w", 3, "values: goes with a formula"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG, ids=lambda part: ascii(part)[:40])
def test_what_is_wrong_is_told_with_file_and_key(path, value, message):
    with pytest.raises(UserError) as problem:
        from_mapping(changed(path, value), "net.toml")
    assert message in str(problem.value)
    assert str(problem.value).startswith("net.toml")
    assert "\n" not in str(problem.value)


def test_a_class_label_out_of_range_is_told_wherever_it_stands():
    table = changed("loss.kind", "cross_entropy")
    table["layers"][1]["units"] = 2
    table["data"]["targets"] = [0, 1, 1, 2]
    for size in (4, 2):
        table["data"]["batch_size"] = size
        with pytest.raises(UserError, match=r"^net.toml.*y\[3\] is 2 \(expected 0 to 1\)"):
            from_mapping(table, "net.toml")


def test_files_that_cannot_be_read(tmp_path):
    def refuse(path, message):
        with pytest.raises(UserError) as problem:
            load(str(path))
        assert message in str(problem.value)

    refuse("xro", "neither an example nor a file (did you mean 'xor'?)")
    refuse(tmp_path / "none.toml", "there is no such file")
    refuse(tmp_path, "is a folder")
    refuse("/dev/zero", "is not a regular file")
    refuse("a\0b", "neither an example nor a file")
    refuse("x" * 5000, "neither an example nor a file")
    for content, message in (
        (b"\x80\xff\x00", "is not text"),
        (b"a = [", "not TOML"),
        (b"a = " + b"[" * 100_000, "nested too deep"),
        (b"name = 'a\0b'", "is not text"),
        (b"", "[data] is missing"),
    ):
        (tmp_path / "n.toml").write_bytes(content)
        refuse(tmp_path / "n.toml", message)
    for content, message in ((b"[1]", "found a list"), (b"{", "not JSON"), (b"[" * 100_000, "nested too deep")):
        (tmp_path / "n.json").write_bytes(content)
        refuse(tmp_path / "n.json", message)
    with (tmp_path / "huge.toml").open("wb") as file:
        file.truncate(2**30)
    refuse(tmp_path / "huge.toml", "1,073,741,824 bytes (at most")


def test_a_formula_of_a_file_is_told_with_its_file():
    with pytest.raises(UserError, match=r"^f.toml: formula 1:7: unknown name 'z'"):
        from_mapping({"formula": "L = x*z", "values": {"x": 1}}, "f.toml")


SCRAPS = [
    None, True, 0, 1, -1, 2, 3.5, float("nan"), float("inf"), 10**30, 1e308, "", "x", "relu", "mse", "dense", "L = w*x",
    "\0", [], [1], [[1]], [[1, 2], [3]], [[]], {}, {"kind": "elu"}, {"kind": 3}, {"kind": []}, [{}], ["w"], [1e308],
    [None], {"a": 1}, 2**63, "moons", {"shape": [2, 2]}, {"shape": [-1]}, {"shape": 3}, {"shape": [2, 2], "init": "x"},
    date(2020, 1, 1),
]  # fmt: skip
KEYS = [
    "kind", "units", "name", "weight", "bias", "init", "activation", "samples", "noise", "batch_size", "dataset",
    "file", "targets", "inputs", "formula", "values",
]  # fmt: skip
BASES = [
    XOR,
    XOR | {"data": {"dataset": "moons", "samples": 9, "noise": 0.1, "batch_size": 4}},
    {"formula": "L = w*x", "values": {"w": 1, "x": 2}, "train": ["w"], "optimizer": {"kind": "sgd", "momentum": 0.9}},
    {
        "data": {"inputs": [[[1.0, 2, 3, 4]] * 3] * 2, "targets": [[0.0] * 4] * 2},
        "layers": [
            {"kind": "transformer", "heads": 2},
            {"kind": "lstm", "units": 4},
            {"kind": "residual", "layers": [{"kind": "dense", "units": 4}]},
        ],
        "loss": {"kind": "huber", "delta": 0.5},
    },
    {
        "data": {"inputs": [[0, 1], [1, 0]], "targets": [0, 1], "shape": [2]},
        "layers": [{"kind": "embedding", "size": 3, "units": 4}, {"kind": "flatten"}, {"kind": "dense", "units": 2}],
        "loss": {"kind": "cross_entropy"},
    },
]


def places(table, way=()):
    """The ways to every part of a table, the first entries of lists only."""
    parts = table.items() if isinstance(table, dict) else enumerate(table[:3]) if isinstance(table, list) else ()
    return [way, *(deeper for key, part in parts for deeper in places(part, (*way, key)))]


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(BASES))
def test_any_table_is_a_network_that_runs_or_a_user_error(draw, base):
    table = copy.deepcopy(base)
    for _ in range(draw.randint(1, 2)):
        *way, key = draw.choice(places(table)[1:])
        at = table
        for word in way:
            at = at[word]
        if isinstance(at, dict) and draw.random() < 0.3:
            key = draw.choice(KEYS)
        at[key] = copy.deepcopy(draw.choice(SCRAPS))
    try:
        found = from_mapping(table, "net.toml")
    except UserError as problem:
        line = str(problem)
    else:
        found.program().record()
        line = ""
    assert "\n" not in line


def weighted(**loss):
    """Two classes more often right than the third; one sample without a label."""
    return {
        "data": {"inputs": [[0.1, 2], [1, 0.5], [2, 1]], "targets": [0, 2, -1]},
        "layers": [{"kind": "dense", "units": 3}],
        "loss": {"kind": "cross_entropy", **loss},
    }


def test_a_loss_may_have_weights_and_leave_samples_out():
    found = from_mapping(weighted(weight=[1, 1, 5], ignore_index=-1), "n.toml")
    step = found.program().record()
    z = step.value("layer1.z")
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    assert step.loss == pytest.approx(-(log_p[0, 0] + 5 * log_p[1, 2]) / 6)
    assert not step.grad("layer1.z")[2].any()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({}, "cross_entropy: y[2] is -1 (expected 0 to 2; ignore_index=-1 leaves such samples out)"),
        ({"ignore_index": -1, "weight": [1, 2]}, "weight must have shape (3,), a number for each class"),
        ({"ignore_index": -2}, "y[2] is -1 (expected 0 to 2, or -2 to leave it out)"),
        ({"ignore_index": -1, "weights": [1, 1, 1]}, "did you mean 'weight'?"),
        ({"ignore_index": -1, "weight": "big"}, "loss.weight: expected numbers"),
    ],
)
def test_what_is_wrong_with_weights_of_a_loss_is_told(loss, message):
    with pytest.raises(UserError) as problem:
        from_mapping(weighted(**loss), "n.toml")
    assert message in str(problem.value)
