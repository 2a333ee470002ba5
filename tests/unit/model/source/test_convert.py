"""Models of Keras and PyTorch as network files: the same layers, the same numbers; what has no counterpart is named."""

from __future__ import annotations

import io
import json
import tomllib
from contextlib import redirect_stdout

import numpy as np
import pytest

from bptui import cli
from bptui.model.base.errors import UserError
from bptui.model.source import convert, weights
from bptui.model.source.convert import keras, torch_rows
from bptui.model.source.layers import KINDS
from bptui.model.source.network import from_mapping
from tests.paths import ROOT

DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 4, "activation": "relu", "use_bias": True}}
LENET = """\
import torch.nn as nn, torch.nn.functional as F, torch
side = 5
class LeNet(nn.Module):
    '''A comment.'''
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, side)
        self.conv2 = nn.Conv2d(3, 4, kernel_size=side)
        self.fc1 = nn.Linear(4*side*side, 12)
        self.fc2 = nn.Linear(12, classes)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        x = x.view(-1, 4*side*side)
        x = torch.tanh(self.fc1(x))
        return self.fc2(x)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.Adam(LeNet().parameters(), lr=0.003, betas=(0.8, 0.99))
"""


@pytest.fixture
def converted(tmp_path):
    """The table of the network file of a text, what is missing in it, and the file."""

    def made(text, name="m.txt", model=""):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        found = convert.convert(path, name, model)
        return tomllib.loads(found.text), found

    return made


def kinds(table):
    return [each["kind"] for each in table["layers"]]


def model(*layers, **more):
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}, **more}


def given(shape):
    return {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "in"}}


# -------------------------------------------------------------------------------------------------------------- Keras
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
              "weight_decay": None, "rho": 0.9}  # fmt: skip
    body = model(given([3]), DENSE, compile_config={"loss": "mse", "optimizer": {"class_name": kind, "config": config}})
    table, _ = converted(body, "m.json")
    assert table["optimizer"]["learning_rate"] == 0.25
    assert from_mapping(table, "n.toml").optimizer.kind == kind.lower()


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


# ------------------------------------------------------------------------------------------------------------ PyTorch
def test_a_printed_module_is_read(converted):
    table, found = converted("""\
Sequential(
  (0): Linear(in_features=4, out_features=8, bias=True)
  (1): ReLU()
  (2): Sequential(
    (0): BatchNorm1d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    (1): Linear(in_features=8, out_features=3, bias=False)
  )
  (3): Fold(output_size=(4, 4), kernel_size=(2, 2), dilation=1, padding=0, stride=1)
  (4): TransformerEncoderLayer(
    (linear1): Linear(in_features=3, out_features=9, bias=True)
  )
  (5): GELU(approximate='tanh')
)
""")
    assert [{key: item for key, item in each.items() if key != "init"} for each in table["layers"]] == [
        {"kind": "dense", "units": 8, "activation": "relu"},
        {"kind": "batch_norm"},
        {"kind": "dense", "units": 3, "use_bias": False},
        {"kind": "activation", "activation": {"kind": "gelu", "approximate": "tanh"}},
    ]
    assert [each.split()[0] for each in found.missing] == ["Fold(output_size=(4,", "TransformerEncoderLayer"]


def test_a_program_is_read_along_its_forward(converted):
    table, found = converted(LENET, "net.py")
    assert kinds(table) == ["conv2d", "max_pool2d", "conv2d", "max_pool2d", "flatten", "dense", "dense"]
    assert table["data"]["inputs"]["shape"] == [4, 1, 32, 32]  # the side from which 4·5·5 follows
    assert table["layers"][5] == {"kind": "dense", "name": "fc1", "units": 12, "init": "torch_uniform",
                                  "activation": "tanh"}  # fmt: skip
    assert table["loss"] == {"kind": "cross_entropy", "label_smoothing": 0.1}
    assert table["optimizer"] == {"kind": "adam", "learning_rate": 0.003, "beta1": 0.8, "beta2": 0.99}
    assert not found.missing
    from_mapping(table, "n.toml")


def test_lbfgs_has_its_line_search(converted):
    text = LENET.replace("Adam(LeNet().parameters(), lr=0.003, betas=(0.8, 0.99))",
                         'LBFGS(LeNet().parameters(), max_iter=4, line_search_fn="strong_wolfe")')  # fmt: skip
    table, _ = converted(text, "net.py")
    expected = {"kind": "lbfgs", "learning_rate": 1.0, "max_iter": 4, "line_search_fn": "strong_wolfe"}
    assert table["optimizer"] == expected
    assert from_mapping(table, "n.toml").optimizer.max_iter == 4


BLOCKS = """\
from torch import nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(width, 2, 5, dropout=0.0, batch_first=True, norm_first=True)
        each = nn.TransformerEncoderLayer(width, 2, 8, 0.0, batch_first=True)
        self.two = nn.TransformerEncoder(each, num_layers=2, enable_nested_tensor=False)
        self.post = nn.TransformerEncoderLayer(width, 3, 7, 0.0, "gelu", batch_first=True)
        self.attn = nn.MultiheadAttention(width, 3, batch_first=True)
        self.norm, self.extra = nn.LayerNorm(width), None
        self.norm = nn.LayerNorm(width)
        self.a = nn.Linear(width, width)
        self.rnn = nn.GRU(width, 4, batch_first=True)
        self.head = nn.Linear(4, 2)
    def forward(self, x):
        x = self.post(self.block(self.two(x)))
        h = self.norm(x)
        x = x + self.attn(h, h, h)[0]
        x = F.silu(self.a(x)) + x
        out, last = self.rnn(x)
        return self.head(out[:, -1])
"""


def test_residual_blocks_attention_and_transformers_are_read_and_have_pytorchs_numbers(converted, tmp_path):
    table, found = converted(BLOCKS, "net.py")
    assert not found.missing
    assert kinds(table) == [*["transformer_encoder"] * 3, "residual", "residual", "gru", "dense"]
    assert [each["kind"] for each in table["layers"][3]["layers"]] == ["layer_norm", "attention"]
    assert table["data"]["inputs"]["shape"][2] == 6
    torch = pytest.importorskip("torch")
    torch.manual_seed(2)
    scope: dict[str, object] = {}
    exec(BLOCKS, scope)  # the test's own text, run by PyTorch
    net = scope["Net"]().double()  # type: ignore[operator]
    x = torch.randn(3, 4, 6).double()
    with (tmp_path / "w.npz").open("wb") as file:
        weights.fill({name: value.numpy() for name, value in net.state_dict().items()}, ".npz")(file)
    right = net(x).detach().numpy()
    table["data"] = {"inputs": x.tolist(), "targets": np.zeros(right.shape).tolist()}
    made = from_mapping({**table, "loss": {"kind": "mse"}, "weights": "w.npz"}, "n.toml", tmp_path)
    ours = made.history().recording(0).value(made.graph.by_name["prediction"])
    assert np.allclose(ours, right, rtol=1e-9, atol=1e-11)


TRANSLATOR = """\
from torch import nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, 2, 5, 0.0, F.gelu, layer_norm_eps=1e-3, bias=False, batch_first=True), 2)
        layer = nn.TransformerDecoderLayer(width, 3, 7, 0.0, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, num_layers=2, norm=nn.LayerNorm(width))
        self.head = nn.Linear(width, 2)
    def forward(self, src, tgt):
        memory = self.encoder(src)
        out = self.decoder(tgt, memory)
        return self.head(out.mean(dim=1))
"""
WHOLE = """\
from torch import nn
class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.pre = nn.Linear(width, width)
        self.t = nn.Transformer(width, 2, 2, 1, 7, 0.0)
        self.head = nn.Linear(width, 2)
    def forward(self, src, tgt):
        src = self.pre(src)
        return self.head(self.t(src.permute(1, 0, 2), tgt.permute(1, 0, 2)).permute(1, 0, 2))
"""
MEMORY = """\
from torch import nn
class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.emb = nn.Linear(width, width)
        self.enc = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(width, 2, 5, 0.0, batch_first=True, norm_first=True), 2, nn.LayerNorm(width),
            enable_nested_tensor=False)
        self.dec = nn.TransformerDecoderLayer(width, 3, 7, 0.0, batch_first=True)
        self.k = nn.Linear(width, 5)
        self.att = nn.MultiheadAttention(width, 2, kdim=5, vdim=5, batch_first=True, add_bias_kv=True,
                                         add_zero_attn=True)
        self.head = nn.Linear(width, 2)
    def forward(self, x):
        h = self.emb(x)
        h = self.dec(h, self.enc(h))
        k = self.k(h)
        h, _ = self.att(h, k, k, need_weights=False)
        return self.head(h[:, 0])
"""


@pytest.mark.parametrize(
    ("program", "inputs", "layers"),
    [
        (TRANSLATOR, 2, ["positions", "transformer_encoder", "positions", "transformer_decoder", "mean_positions",
                         "dense"]),
        (WHOLE, 2, ["positions", "dense", "transformer_encoder", "positions", "transformer_decoder", "dense"]),
        (MEMORY, 1, ["dense", "transformer_encoder", "transformer_decoder", "dense", "attention", "positions",
                     "flatten", "dense"]),
        (MEMORY.replace("forward(self, x)", "forward(self, x, hint=None)"), 1, None),
    ],
    ids=["translator", "transformer", "memory", "one-input"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_decoders_look_at_what_the_program_gives_them(converted, tmp_path, program, inputs, layers):
    """Two inputs are one, the positions of the one before those of the other."""
    table, found = converted(program, "net.py")
    assert not found.missing
    assert layers is None or kinds(table) == layers
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    scope: dict[str, object] = {}
    exec(program, scope)  # the test's own text, run by PyTorch
    net = scope["Net"]().double()  # type: ignore[operator]
    x = torch.randn(3, 7, 6).double()
    right = (net(x[:, :3], x[:, 3:]) if inputs == 2 else net(x)).detach().numpy()
    with (tmp_path / "w.npz").open("wb") as file:
        weights.fill({name: value.numpy() for name, value in net.state_dict().items()}, ".npz")(file)
    table["data"] = {"inputs": x.tolist(), "targets": np.zeros(right.shape).tolist()}
    made = from_mapping({**table, "loss": {"kind": "mse"}, "weights": "w.npz"}, "n.toml", tmp_path)
    ours = made.history().recording(0).value(made.graph.by_name["prediction"])
    assert np.allclose(ours, right, rtol=1e-9, atol=1e-11)


def test_what_a_call_is_told_beside_its_input_is_named(converted):
    told = BLOCKS.replace("self.two(x)", "self.two(x, src_key_padding_mask=mask)")
    _, found = converted(told, "net.py")
    assert len(found.missing) == 1
    assert "is called with src_key_padding_mask, and here without" in found.missing[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return self.fc2(x)", "return self.fc2(x) * x", r"line 16: 'self.fc2\(x\) \* x' is more than one layer"),
        ("x = x.view(", "if x.shape:\n            x = x.view(", r"line 14: 'if x.shape:"),
        ("def forward(self, x)", "def forward(self, x, y, z)", "forward has not one input"),
        ("return self.fc2(x)", "return self.fc2(x, F.relu(x))", "is more than one layer after another"),
        (
            "import",
            "class Other(nn.Module):\n    def forward(self, x): return x\nimport",
            "several models: Other, LeNet",
        ),
        ("import", "import)", r"net.py line 1: is no Python program"),
        ("forward", "backward", "no PyTorch model is defined in it"),
        ("self.fc2(x)", "self.fc2(self.fc2(x))", r"line 16: self.fc2 is gone through twice, with the same weights"),
    ],
)
def test_what_is_no_chain_of_layers_is_told_by_its_line(converted, old, new, said):
    with pytest.raises(UserError, match=said):
        converted(LENET.replace(old, new, 1), "net.py")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("SGD(p, 0.1, momentum=0.9, nesterov=True)",
         {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
        ("Rprop(p, etas=(0.4, 1.3))", {"kind": "rprop", "learning_rate": 0.01, "eta_minus": 0.4, "eta_plus": 1.3}),
        ("Adadelta(p, rho=0.8)", {"kind": "adadelta", "learning_rate": 1.0, "rho": 0.8}),
        ("NAdam(p, foreach=True)", {"kind": "nadam", "learning_rate": 0.002}),
        ("ASGD(p, lambd=0.1)", {"kind": "asgd", "learning_rate": 0.01, "lambd": 0.1}),
    ],
)  # fmt: skip
def test_an_optimizer_and_its_schedule_are_taken_from_the_program(converted, text, right):
    more = f"opt = torch.optim.{text}\ns = torch.optim.lr_scheduler.StepLR(opt, 30, gamma=0.5)\n"
    table, found = converted(LENET.partition("optimizer =")[0] + more, "net.py")
    assert table["optimizer"] == {**right, "schedule": {"kind": "step", "step_size": 30, "gamma": 0.5}}
    assert "stepped once after each training step" in found.text
    assert from_mapping(table, "n.toml").optimizer.kind == right["kind"]


@pytest.mark.parametrize(
    ("more", "told"), [("", True), (", cycle_momentum=True", True), (", cycle_momentum=False", False)]
)
def test_what_one_cycle_does_to_the_momentum_is_said_where_it_is_left_out(converted, more, told):
    text = f"opt = torch.optim.Adam(p)\ns = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=9{more})\n"
    table, found = converted(LENET.partition("optimizer =")[0] + text, "net.py")
    assert table["optimizer"]["schedule"] == {"kind": "one_cycle", "max_lr": 0.1, "total_steps": 9}
    assert ("turns the momentum" in found.text) is told


def test_one_of_several_models_is_named(converted):
    two = LENET + "head = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid())\n"
    table, _ = converted(two, "net.py", "head")
    assert kinds(table) == ["dense"]
    with pytest.raises(UserError, match="no model in it"):
        converted(two, "net.py", "nose")


def test_a_program_is_never_run(converted, tmp_path):
    """Not its top, not its defaults, not its arguments."""
    bad = f"open({str(tmp_path / 'ran')!r}, 'w')"
    layers = f"nn.Linear(2, [{bad}, 3][1]), nn.Linear(2, 3, bias=bool({bad})), nn.ReLU()"
    text = f"{bad}\nimport torch.nn as nn\nm = nn.Sequential({layers})\n"
    assert len(converted(text, "m.py")[1].missing) == 2
    assert not (tmp_path / "ran").exists()


def test_a_number_that_would_take_for_ever_is_not_worked_out(converted):
    layers = "nn.Linear(2, 2**999999999), nn.Linear(n, 3), nn.ReLU()"
    text = f"import torch.nn as nn\nn = 10**9**9\nm = nn.Sequential({layers})\n"
    assert len(converted(text, "m.py")[1].missing) == 2
    deep = "import torch.nn as nn\nm = nn.Sequential(nn.ReLU(), nn.Linear(2, " + "-" * 50_000 + "3))\n"
    with pytest.raises(UserError, match=r"no Python program"):
        converted(deep, "m.py")


def test_the_cells_of_a_notebook_are_a_program(converted):
    cells = [{"cell_type": "code", "source": ["%matplotlib inline\n", "import torch.nn as nn\n"]},
             {"cell_type": "markdown", "source": "text"},
             {"cell_type": "code", "source": "net = nn.Sequential(nn.Linear(2, 3))"}]  # fmt: skip
    assert kinds(converted({"cells": cells}, "m.ipynb")[0]) == ["dense"]


def test_converted_modules_have_pytorchs_numbers(converted, tmp_path):
    """Each row of the table, printed by PyTorch, converted, with PyTorch's weights: the same output."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(1)
    flat, image, line = torch.randn(3, 6), torch.randn(3, 4, 7, 6), torch.randn(3, 5, 6)
    volume, signal = torch.randn(3, 4, 4, 5, 4), torch.randn(3, 4, 9)
    cases = [
        (flat, [nn.Linear(6, 5), nn.ELU(0.5), nn.LayerNorm(5), nn.PReLU(), nn.BatchNorm1d(5, eps=1e-3, momentum=0.2)]),
        (flat, [nn.Linear(6, 4, bias=False), nn.RMSNorm(4, eps=1e-4), nn.LeakyReLU(0.2), nn.Identity(),
                nn.Softmax(dim=1)]),
        *[(flat, [nn.Linear(6, 3), make()]) for make in
          (nn.ReLU6, nn.SELU, nn.SiLU, nn.Mish, nn.LogSigmoid, nn.Softsign, nn.Hardsigmoid, nn.Hardswish, nn.Tanhshrink,
           nn.CELU, nn.Softplus, nn.Hardtanh, nn.Hardshrink, nn.Softshrink, nn.Sigmoid, nn.GELU)],
        (flat, [nn.Linear(6, 3), nn.LogSoftmax(-1)]),
        (image, [nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=1, groups=2), nn.GroupNorm(3, 6),
                 nn.MaxPool2d(2, 1, 1)]),
        (image, [nn.Conv2d(4, 4, 3, padding="same", dilation=2), nn.InstanceNorm2d(4), nn.AvgPool2d(2)]),
        (image, [nn.ConvTranspose2d(4, 3, 3, stride=2, output_padding=1, bias=False), nn.AdaptiveAvgPool2d((2, 3))]),
        (image, [nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(168, 2)]),
        (signal, [nn.Conv1d(4, 3, 3), nn.MaxPool1d(2), nn.AvgPool1d(2), nn.BatchNorm1d(3)]),
        (volume, [nn.Conv3d(4, 2, 2), nn.MaxPool3d(2), nn.InstanceNorm3d(2, affine=True)]),
        (line, [nn.LSTM(6, 3, 2, batch_first=True, bidirectional=True)]),
        (line, [nn.GRU(6, 3, batch_first=True, bias=False)]),
        (line, [nn.LSTM(6, 4, 2, batch_first=True, proj_size=3)]),
        (line, [nn.RNN(6, 3, batch_first=True)]),
        (image, [nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(4, 4, 3), nn.PixelShuffle(2), nn.Upsample(scale_factor=(2, 1))]),
        (image, [nn.ReflectionPad2d((2, 4, 2, 2)), nn.Conv2d(4, 4, 1), nn.LPPool2d(2, 3), nn.GLU(-1), nn.Softmax2d()]),
        (image, [nn.Upsample(size=(5, 8), mode="bicubic"), nn.UpsamplingBilinear2d(scale_factor=2),
                 nn.PixelUnshuffle(2), nn.LocalResponseNorm(3, 0.5), nn.AdaptiveMaxPool2d((2, 3)), nn.Flatten(),
                 nn.Unflatten(1, (2, 48)), nn.LayerNorm(48, bias=False)]),
        (signal, [nn.ConstantPad1d((1, 0), 0.5), nn.ReplicationPad1d(1), nn.CircularPad1d((0, 2)), nn.Conv1d(4, 2, 2)]),
        (image, [nn.BatchNorm2d(4, bias=False), nn.UpsamplingNearest2d(size=(3, 9))]),
        (torch.tensor([[0, 3, 2], [1, 1, 4]]), [nn.EmbeddingBag(5, 4, mode="sum"), nn.Linear(4, 2)]),
        (torch.tensor([[0, 3, 2], [1, 1, 4]]), [nn.Embedding(5, 4, padding_idx=2)]),
    ]  # fmt: skip
    seen = set()
    for number, (x, modules) in enumerate(cases):
        seen |= {type(module).__name__ for module in modules}
        net = nn.Sequential(*modules).double()
        x = x.double() if x.is_floating_point() else x
        right = net(x)
        right = right[0] if isinstance(right, tuple) else right
        table, found = converted(str(net), f"{number}.txt")
        assert not found.missing, found.missing
        tensors = {name: value.numpy() for name, value in net.state_dict().items() if value.ndim}
        if tensors:
            with (tmp_path / f"{number}.npz").open("wb") as file:
                weights.fill(tensors, ".npz")(file)
            table["weights"] = f"{number}.npz"
        table["data"] = {"inputs": x.tolist(), "targets": np.zeros(right.shape).tolist()}
        made = from_mapping({**table, "loss": {"kind": "mse"}}, "n.toml", tmp_path)
        ours = made.history().recording(0).value(made.graph.by_name["prediction"])
        assert np.allclose(ours, right.detach().numpy(), rtol=1e-9, atol=1e-11), net
    left = {name for name in torch_rows.MODULES if name not in seen}
    families = {name.rstrip("123d") for name in left}
    assert families == {"MultiheadAttention", "TransformerEncoderLayer", "TransformerDecoderLayer", "Transformer",
                        *(name.rstrip("123d") for name in seen if name[-1] == "d" and name.rstrip("123d") in families),
                        "Dropout", "AlphaDropout", "FeatureAlphaDropout", "Tanh",
                        *(f"Lazy{name}" for name in ("Linear", "Conv", "ConvTranspose", "BatchNorm"))}  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- the shell
def test_every_row_makes_a_kind_of_layer_that_is_there():
    assert set(torch_rows.FUNCTIONS.values()) <= torch_rows.MODULES.keys()
    sizes = dict.fromkeys(("units", "filters", "input_dim", "output_dim", "kernel_size", "pool_size"), 2)
    config = {
        **sizes,
        "rate": 0.5,
        "scale": 2,
        "n": 2,
        "target_shape": [2, 1],
        "dims": [2, 1],
        "activation": "tanh",
        "layer": {"class_name": "Dense", "config": {"units": 2}},
    }
    for kind, row in keras.LAYERS.items():
        config["layer"]["class_name"] = "LSTM" if kind == "Bidirectional" else "Dense"
        piece = row.piece(kind, "", (), config)
        assert not piece.why, piece
        assert all(table["kind"] in KINDS for table in piece.layers)


def test_a_model_that_is_given_as_a_network_file_is_recognised(tmp_path, capsys):
    for name, text, said in (
        ("m.json", json.dumps(model(DENSE)), "is a Keras model (Sequential), not a network file (bptui convert "),
        ("s.json", json.dumps({"fc1.weight": [[1.0]], "fc1.bias": [0.0]}), "is a table of weights"),
        ("m.txt", "Net(\n  (a): ReLU()\n)", "is a PyTorch module as it is printed"),
        ("m.py", LENET, "bptui convert prints its model"),
    ):
        (tmp_path / name).write_text(text)
        assert cli.main(["run", str(tmp_path / name), "--batch"]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_convert_prints_a_file_or_writes_it(tmp_path, capsys):
    path = tmp_path / "net.py"
    path.write_text(LENET)
    assert cli.main(["convert", str(path)]) == 0
    text = capsys.readouterr().out
    assert cli.main(["convert", str(path), "LeNet", "--to", str(tmp_path / "net.toml")]) == 0
    assert (tmp_path / "net.toml").read_text() == text
    assert "written to" in capsys.readouterr().out
    assert cli.main(["convert", str(path), "--to", str(tmp_path / "net.toml")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["trace", str(tmp_path / "net.toml"), "--json"]) == 0
    capsys.readouterr()
    path.write_text("import torch.nn as nn\nm = nn.Sequential(nn.Linear(2, 3), nn.Bilinear(1, 2, 3))\n")
    assert cli.main(["convert", str(path)]) == 1
    done = capsys.readouterr()
    assert "# MISSING: nn.Bilinear(1, 2, 3) is no kind of layer here" in done.out
    assert cli.main(["convert", str(path), "--to", str(tmp_path / "part.toml")]) == 1
    assert "MISSING: nn.Bilinear(1, 2, 3) is no kind" in capsys.readouterr().out
    with redirect_stdout(io.StringIO()):
        assert cli.main(["convert"]) == 2


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("(0): Conv2d(3, inf, kernel_size=3)", "channels: must be a whole number, not 'inf'"),
        ("(0): MaxPool2d(kernel_size=2, stride=w)", "stride: must be"),
        ("(0): Linear(in_features=2, out_features=2.5)", "units: "),
        ("(0): Dropout(p=none)", "p: "),
        ("(0): Conv2d(3, 4, kernel_size=(3, 3), padding=x)", "padding: "),
    ],
)
def test_a_value_that_a_network_file_does_not_take_is_missing_by_name(printed, said, tmp_path):
    path = tmp_path / "m.txt"
    path.write_text(f"Sequential(\n  {printed}\n  (1): Linear(in_features=6, out_features=2, bias=True)\n)\n")
    found = convert.convert(path, "m.txt")
    assert said in found.missing[0]
    assert from_mapping(tomllib.loads(found.text), "m.toml").graph.ops
