"""Programs of PyTorch as network files: read along their forward, never run; what is no chain of layers is named."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source import weights
from bptui.model.source.network import from_mapping
from tests.unit.model.source.convert.models import LENET, kinds


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
