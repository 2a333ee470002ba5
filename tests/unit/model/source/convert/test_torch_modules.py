"""Modules of PyTorch, printed, as network files: each has PyTorch's numbers; every row is a kind of layer."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.source import weights
from bptui.model.source.convert import keras, torch_rows
from bptui.model.source.layers import KINDS
from bptui.model.source.network import from_mapping


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
def test_a_value_that_a_network_file_does_not_take_is_missing_by_name(printed, said, converted):
    table, found = converted(f"Sequential(\n  {printed}\n  (1): Linear(in_features=6, out_features=2, bias=True)\n)\n")
    assert said in found.missing[0]
    assert from_mapping(table, "m.toml").graph.ops
