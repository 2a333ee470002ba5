"""Weights from files: PyTorch's names and layouts, read into layers and written from them; what does not fit."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands import registry
from bptui.model.debugger.session import Session
from bptui.model.source import weights
from bptui.model.source.captured.network import network_of
from bptui.model.source.network import from_formula, from_mapping, load
from bptui.model.source.weights import files
from tests.records import two_layers
from tests.unit.model.source.test_layers import CASES

ROWS = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]]
FC1, FC2 = [[0.1, -0.2, 0.3], [0.5, 0.4, -0.6]], [[0.7, -0.8]]
STATE = {"fc1.weight": FC1, "fc1.bias": [0.0, 0.1], "fc2.weight": FC2, "fc2.bias": [0.2]}
TWO = [{"kind": "dense", "units": 2, "activation": "tanh"}, {"kind": "dense", "units": 1}]


def network(layers, **more):
    content = {"data": {"inputs": ROWS, "targets": [[1.0], [0.0]]}, "layers": layers, "loss": {"kind": "mse"}}
    return {**content, **more}


def values(made):
    return {node.name: node.value for node in made.graph.kept}


@pytest.fixture
def read(tmp_path):
    """A network with the weights that are given, in a file of the form that is asked for."""

    def made(tensors, layers=TWO, name="w.json", **more):
        path = tmp_path / name
        if name.endswith(".json"):
            path.write_text(json.dumps(tensors))
        else:
            arrays = {key: np.asarray(value) for key, value in tensors.items()}
            with path.open("wb") as file:
                weights.fill(arrays, path.suffix)(file)
        return from_mapping(network(layers, weights=name, **more), "n.toml", tmp_path)

    return made


@pytest.mark.parametrize("name", ["w.json", "w.npz", "w.safetensors"])
def test_a_state_dict_is_read_as_pytorch_has_it(read, name):
    made = read(STATE, name=name)
    found = values(made)
    assert found["layer1.weight"].tolist() == np.transpose(FC1).tolist()
    assert found["layer2.weight"].tolist() == np.transpose(FC2).tolist()
    hidden = np.tanh(np.array(ROWS) @ np.transpose(FC1) + [0.0, 0.1])
    right = np.mean((hidden @ np.transpose(FC2) + 0.2 - [[1.0], [0.0]]) ** 2)
    history = made.history()
    assert history.recording(0).loss == pytest.approx(right, rel=1e-14)
    assert made.notes == (
        f"{name}: layer1 is fc1, layer2 is fc2",
        f"{name}: dense weights are read as (out, in), a row per unit, and shown as (in, out)",
    )


def test_numbers_in_names_count_as_numbers(read):
    """A safetensors file keeps no order: 10 comes after 2."""
    layers = [{"kind": "dense", "units": 3}] * 12
    tensors = {f"{2 * n}.{part}": np.full((3, 3) if part == "weight" else 3, float(n))
               for n in range(12) for part in ("weight", "bias")}  # fmt: skip
    made = read(tensors, [*layers[:-1], {"kind": "dense", "units": 3}], "w.safetensors",
                data={"inputs": ROWS, "targets": [[0.0] * 3] * 2})  # fmt: skip
    assert [values(made)[f"layer{n + 1}.bias"][0] for n in range(12)] == [float(n) for n in range(12)]


def test_layers_take_the_modules_of_their_names(read):
    """Of two that would fit either way, the name decides, not the order."""
    layers = [{"kind": "dense", "units": 3, "name": name} for name in ("first", "second")]
    tensors = {f"net.{name}.{part}": np.full((3, 3) if part == "weight" else 3, value)
               for name, value in (("second", 2.0), ("first", 1.0)) for part in ("weight", "bias")}  # fmt: skip
    made = read(tensors, layers, data={"inputs": ROWS, "targets": [[0.0] * 3] * 2}, name="w.npz")
    assert values(made)["first.bias"].tolist() == [1.0] * 3
    assert values(made)["second.bias"].tolist() == [2.0] * 3


def test_modules_in_another_order_go_to_what_they_stand_in(read):
    """A state_dict has modules as they are defined, not as they are gone through: of two that fit, the one inside of a
    module of the layer's name."""
    block = {"kind": "residual", "layers": [{"kind": "dense", "units": 3}]}
    layers = [{**block, "name": "first"}, {**block, "name": "second"}, {"kind": "dense", "units": 3}]
    tensors = {f"{name}.{part}": np.full((3, 3) if part == "weight" else 3, value)
               for name, value in (("net.second.0", 2.0), ("net.head", 3.0), ("net.first.0", 1.0))
               for part in ("weight", "bias")}  # fmt: skip
    found = values(read(tensors, layers, data={"inputs": ROWS, "targets": [[0.0] * 3] * 2}, name="w.npz"))
    assert [found[f"{name}.bias"][0] for name in ("first.layer1", "second.layer1", "layer3")] == [1.0, 2.0, 3.0]


def test_the_layout_is_a_switch_and_is_said(read):
    turned = {**STATE, "fc1.weight": np.transpose(FC1).tolist(), "fc2.weight": np.transpose(FC2).tolist()}
    with pytest.raises(
        UserError, match=r'weight_layout = "in_out" takes \(in, out\), a row per input: with it all fit'
    ):
        read(turned)
    made = read(turned, weight_layout="in_out")
    assert values(made)["layer1.weight"].tolist() == np.transpose(FC1).tolist()
    assert "read as (in, out), a row per input" in made.notes[1]


def test_what_keras_calls_kernel_is_in_out(read):
    keras = {"seq/d1/kernel": np.transpose(FC1), "seq/d1/bias": [0.0, 0.1], "seq/n/gamma": [1.0, 2.0], "seq/n/beta":
             [0.5, 0.25], "seq/n/moving_mean": [3.0, 4.0], "seq/n/moving_variance": [5.0, 6.0],
             "seq/d2/kernel": np.transpose(FC2), "seq/d2/bias": [0.2]}  # fmt: skip
    made = read(keras, [TWO[0], {"kind": "batch_norm"}, TWO[1]], "w.npz")
    assert values(made)["layer1.weight"].tolist() == np.transpose(FC1).tolist()
    assert values(made)["layer2.weight"].tolist() == [1.0, 2.0]
    assert values(made)["layer2.running_var"].tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("fc2.bias"), r"nothing is there for layer2 \(weight \(1, 2\), bias \(1,\)\): fc2 has weight"
         r" \(1, 2\) \(use_bias = false"),
        (lambda s: (s.pop("fc2.bias"), s.pop("fc2.weight")), r"1 modules, and none is left for layer2 \(weight"),
        (lambda s: s.update({"fc3.weight": [[1.0]]}), r"fc3 has weight \(1, 1\) is left over \(a layer for each"),
        (lambda s: s.update({"fc1.weight": [[1.0] * 4] * 2}), r"layer1 \(weight \(2, 3\).*fc1 has weight \(2, 4\)"),
        (lambda s: s.update({"fc1.running": [1.0]}), r"fc1 has .* \(without running\)"),
        (lambda s: s.update({"fc1.weight": [["a"]]}), r"fc1.weight: expected numbers"),
        (lambda s: s.update({"fc1.weight": [[1.0], [1.0, 2.0]]}), r"fc1.weight: the rows have different lengths"),
        (lambda s: s.clear(), r"holds 0 tensors"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_one_line(read, change, said):
    tensors = dict(STATE)
    change(tensors)
    with pytest.raises(UserError, match=r"^n.toml: weights: .*" + said) as told:
        read(tensors)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".h5", ".keras", ".pkl", ".txt", ""])
def test_a_file_that_can_run_a_program_is_not_opened(tmp_path, suffix):
    """Not even looked for: the one line says how to write another."""
    with pytest.raises(UserError, match=r"save_file|numpy.savez|\.safetensors, \.npz"):
        from_mapping(network(TWO, weights=f"model{suffix}"), "n.toml", tmp_path)


def test_an_array_of_objects_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", **{"0.weight": np.array([{}], dtype=object)})
    with pytest.raises(UserError, match="Python objects"):
        from_mapping(network(TWO, weights="w.npz"), "n.toml", tmp_path)


def test_numbers_stand_in_one_place(read):
    with pytest.raises(UserError, match=r"layer1.bias is given, too"):
        read(STATE, [{**TWO[0], "bias": [0.0, 0.0]}, TWO[1]])
    with pytest.raises(UserError, match="goes with layers"):
        from_mapping({"formula": "L = w**2", "values": {"w": 1.0}, "weights": "w.npz"}, "n.toml")


@pytest.mark.parametrize("form", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    ("kind", "inputs", "keys"),
    [(kind, inputs, keys) for kind, inputs, keys, _ in CASES],
    ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(CASES)],
)
def test_what_is_written_is_read_again_bit_by_bit(tmp_path, kind, inputs, keys, form):
    content = {"data": {"inputs": inputs, "targets": 0}, "layers": [{"kind": kind, **keys}, {"kind": "flatten"},
               {"kind": "dense", "units": 1}], "loss": {"kind": "mse"}, "dtype": "float32"}  # fmt: skip
    content["data"]["targets"] = [[0.0]] * len(inputs)
    one, other = (from_mapping({**content, "seed": seed}, "n.toml", tmp_path) for seed in (1, 2))
    written = weights.state_dict(one.graph, lambda node: node.value)
    with (tmp_path / f"w{form}").open("wb") as file:
        weights.fill(written, form)(file)
    again = from_mapping({**content, "seed": 2, "weights": f"w{form}"}, "n.toml", tmp_path)
    for name, value in values(one).items():
        assert np.array_equal(value, values(again)[name]), name
    assert any(not np.array_equal(value, values(other)[name]) for name, value in values(one).items())


def test_write_has_the_weights_of_the_moment(tmp_path):
    session = Session(load("xor"))
    registry.run(session, "train 3")
    path = tmp_path / "w.safetensors"
    assert registry.run(session, f"write {path}").lines[0]
    again = load("xor", {"weights": str(path)})
    assert np.array_equal(session.state.value(session.graph.by_name["layer1.weight"]), values(again)["layer1.weight"])
    with pytest.raises(UserError, match="is there already"):
        registry.run(session, f"write {path}")


def test_write_of_a_step_without_layers_has_its_parameters_as_they_are_called(tmp_path):
    """A captured step's lie as PyTorch has them, (out, in); a formula's are read again as values."""
    session = Session(network_of(two_layers(), "step.bptui"))
    registry.run(session, f"write {tmp_path / 'w.safetensors'}")
    tensors = files.tensors(tmp_path / "w.safetensors", "w")
    assert {name: value.shape for name, value in tensors.items()} == {
        "hidden.weight": (4, 3), "hidden.bias": (4,), "out.weight": (1, 4), "out.bias": (1,)
    }  # fmt: skip
    formula = Session(from_formula("L = (y - w*x)**2", {"x": 1.0, "y": 2.0, "w": 0.5}, train=["w"]))
    registry.run(formula, "train 3")
    registry.run(formula, f"write {tmp_path / 'w.npz'}")
    with np.load(tmp_path / "w.npz") as found:
        assert found["w"] == formula.state.value(formula.graph.by_name["w"]) != 0.5
    with pytest.raises(UserError, match="nothing is trained"):
        registry.run(Session(from_formula("L = x*x", {"x": 1.0})), f"write {tmp_path / 'n.npz'}")


def test_an_edit_that_the_weights_do_not_fit_goes_without_them(read):
    session = Session(read(STATE))
    reply = registry.run(session, "set layer1.units = 4")
    assert re.search("without the numbers", str(reply))
    assert session.graph.by_name["layer1.weight"].shape == (3, 4)


def test_a_stack_of_layers_in_a_layer_can_be_set(read):
    """`layers = 2` of an lstm is no list of tables."""
    content = {"data": {"inputs": [ROWS], "targets": [[0.0, 0.0]]}, "loss": {"kind": "mse"},
               "layers": [{"kind": "lstm", "units": 2, "layers": 2}]}  # fmt: skip
    session = Session(from_mapping(content, "n.toml"))
    registry.run(session, "set seed = 3")
    assert session.network.seed == 3


def test_modules_of_pytorch_have_the_same_loss_here(tmp_path):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb, self.lstm = nn.Embedding(7, 4), nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True)
            self.attn, self.ln, self.head = (
                nn.MultiheadAttention(6, 2, batch_first=True),
                nn.LayerNorm(6),
                nn.Linear(6, 2),
            )

        def forward(self, x):
            h, _ = self.lstm(self.emb(x))
            return self.head(self.ln(self.attn(h, h, h)[0]).mean(1))

    words = [{"kind": "embedding", "size": 7, "units": 4}, {"kind": "lstm", "units": 3, "layers": 2, "bidirectional":
             True, "sequence": True}, {"kind": "attention", "heads": 2}, {"kind": "layer_norm"},
             {"kind": "mean_positions"}, {"kind": "dense", "units": 2}]  # fmt: skip
    image = [{"kind": "conv2d", "channels": 3, "kernel_size": 3}, {"kind": "batch_norm"},
             {"kind": "activation", "activation": "relu"}, {"kind": "flatten"},
             {"kind": "dense", "units": 2}]  # fmt: skip
    cases = [
        (Words(), torch.randint(0, 7, (4, 5)), words),
        (nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)),
         torch.randn(4, 1, 4, 4), image),
    ]  # fmt: skip
    labels = torch.tensor([0, 1, 1, 0])
    for number, (module, x, layers) in enumerate(cases):
        module = module.double()
        x = x.double() if x.is_floating_point() else x
        np.savez(tmp_path / f"{number}.npz", **{name: value.numpy() for name, value in module.state_dict().items()})
        content = {"data": {"inputs": x.tolist(), "targets": labels.tolist()}, "layers": layers,
                   "loss": {"kind": "cross_entropy"}, "weights": f"{number}.npz"}  # fmt: skip
        right = nn.functional.cross_entropy(module(x), labels)
        made = from_mapping(content, "n.toml", tmp_path)
        assert made.history().recording(0).loss == pytest.approx(right.item(), rel=1e-12)


def test_what_is_no_cell_of_keras_is_told(read):
    layers = [{"kind": "lstm", "units": 2}, {"kind": "dense", "units": 1}]
    tensors = {"l.lstm_cell.kernel": np.ones((3, 8)), "l.lstm_cell.recurrent_kernel": np.ones((2, 8)),
               "l.lstm_cell.bias": np.ones(8), "d.kernel": np.ones((2, 1)), "d.bias": [0.0]}  # fmt: skip
    data = {"inputs": [ROWS, ROWS], "targets": [[0.0], [1.0]]}
    assert values(read(tensors, layers, "w.npz", data=data))["layer1.b_hh"].tolist() == [0.0] * 8
    for name, odd in (("kernel", np.ones((3, 7))), ("recurrent_kernel", np.ones((2, 10))), ("bias", np.ones(3)),
                      ("recurrent_kernel", np.ones(4)), ("recurrent_kernel", np.ones((0, 8)))):  # fmt: skip
        with pytest.raises(UserError, match=r"is no cell|is no bias"):
            read({**tensors, f"l.lstm_cell.{name}": odd}, layers, "w.npz", data=data)


def test_a_norm_between_flatten_and_a_dense_layer_of_keras_is_not_taken_wrongly(read):
    image = np.arange(24.0).reshape(2, 2, 2, 3).tolist()
    layers = [{"kind": "conv2d", "channels": 2, "kernel_size": 1}, {"kind": "flatten"}, {"kind": "dropout"},
              {"kind": "dense", "units": 1}]  # fmt: skip
    tensors = {
        "c/kernel": np.ones((1, 1, 2, 2)),
        "c/bias": [0.0, 0.0],
        "d/kernel": np.arange(12.0)[:, None],
        "d/bias": [0.0],
    }
    data = {"inputs": image, "targets": [[0.0], [1.0]]}
    found = values(read(tensors, layers, "w.npz", data=data))["layer4.weight"]
    assert found.ravel().tolist() == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    layers.insert(2, {"kind": "layer_norm"})
    norm = {"n/gamma": np.ones(12), "n/beta": np.zeros(12)}
    with pytest.raises(UserError, match="between flatten and"):
        read({**tensors, **norm}, layers, "w.npz", data=data)
