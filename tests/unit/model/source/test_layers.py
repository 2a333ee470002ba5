"""Every kind of layer: what it makes, that its gradients agree with differences, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.layers import KINDS
from bptui.model.source.layers.context import GIVEN
from bptui.model.source.network import from_mapping

rng = np.random.default_rng(0)
ROWS, LINES = rng.normal(size=(3, 4)).tolist(), rng.normal(size=(3, 5, 4)).tolist()
IMAGES, SIGNALS = rng.normal(size=(2, 4, 5, 6)).tolist(), rng.normal(size=(2, 4, 7)).tolist()
VOLUMES = rng.normal(size=(2, 2, 2, 3, 4)).tolist()
LETTERS = [[0, 1, 2, 1], [3, 3, 0, 2]]

BLOCK = [{"kind": "dense", "units": 2, "activation": "tanh"}, {"kind": "dense", "units": 4}]

CASES = [
    ("dense", ROWS, {"units": 3, "activation": "tanh"}, (3, 3)),
    ("dense", LINES, {"units": 3}, (3, 5, 3)),
    ("flatten", IMAGES, {}, (2, 120)),
    ("dropout", ROWS, {"p": 0.25}, (3, 4)),
    ("conv1d", SIGNALS, {"channels": 6, "kernel_size": 3, "padding": 1, "groups": 2, "activation": "silu"}, (2, 6, 7)),
    ("conv2d", IMAGES, {"channels": 3, "kernel_size": [2, 3], "stride": 2, "activation": "tanh"}, (2, 3, 2, 2)),
    ("conv_transpose2d", IMAGES, {"channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}, (2, 2, 9, 11)),
    ("max_pool2d", IMAGES, {"kernel_size": 2}, (2, 4, 2, 3)),
    ("avg_pool2d", IMAGES, {"kernel_size": 2, "stride": 1}, (2, 4, 4, 5)),
    ("global_avg_pool", IMAGES, {}, (2, 4)),
    ("global_max_pool", IMAGES, {}, (2, 4)),
    ("conv3d", VOLUMES, {"channels": 4, "kernel_size": 2, "groups": 2}, (2, 4, 1, 2, 3)),
    ("conv1d", SIGNALS, {"channels": 3, "kernel_size": 4, "padding": "same"}, (2, 3, 7)),
    ("conv_transpose1d", SIGNALS, {"channels": 3, "kernel_size": 3, "stride": 2}, (2, 3, 15)),
    ("conv_transpose3d", VOLUMES, {"channels": 3, "kernel_size": 2}, (2, 3, 3, 4, 5)),
    ("max_pool1d", SIGNALS, {"kernel_size": 2, "ceil_mode": True}, (2, 4, 4)),
    ("avg_pool1d", SIGNALS, {"kernel_size": 3, "stride": 2, "padding": 1}, (2, 4, 4)),
    ("max_pool3d", VOLUMES, {"kernel_size": [1, 3, 2]}, (2, 2, 2, 1, 2)),
    ("avg_pool3d", VOLUMES, {"kernel_size": 2}, (2, 2, 1, 1, 2)),
    ("adaptive_avg_pool1d", SIGNALS, {"output_size": 3}, (2, 4, 3)),
    ("adaptive_avg_pool2d", IMAGES, {"output_size": [2, 3]}, (2, 4, 2, 3)),
    ("adaptive_avg_pool3d", VOLUMES, {"output_size": 1}, (2, 2, 1, 1, 1)),
    ("adaptive_max_pool1d", SIGNALS, {"output_size": 3}, (2, 4, 3)),
    ("adaptive_max_pool2d", IMAGES, {"output_size": [2, 3]}, (2, 4, 2, 3)),
    ("adaptive_max_pool3d", VOLUMES, {"output_size": 1}, (2, 2, 1, 1, 1)),
    ("lp_pool1d", SIGNALS, {"kernel_size": 2}, (2, 4, 3)),
    ("lp_pool2d", IMAGES, {"kernel_size": 2, "p": 2}, (2, 4, 2, 3)),
    ("lp_pool3d", VOLUMES, {"kernel_size": 2}, (2, 2, 1, 1, 2)),
    ("dropout1d", SIGNALS, {"p": 0.5}, (2, 4, 7)),
    ("dropout2d", IMAGES, {"p": 0.5}, (2, 4, 5, 6)),
    ("dropout3d", VOLUMES, {"p": 0.25}, (2, 2, 2, 3, 4)),
    ("alpha_dropout", ROWS, {"p": 0.25}, (3, 4)),
    ("feature_alpha_dropout", IMAGES, {"p": 0.25}, (2, 4, 5, 6)),
    *((op, ROWS, {}, (3, 2)) for op in ("glu", "bilinear_glu", "reglu", "geglu", "swiglu")),
    ("interpolate", IMAGES, {"size": [3, 8], "mode": "cubic"}, (2, 4, 3, 8)),
    ("pixel_shuffle", IMAGES, {"factor": 2}, (2, 1, 10, 12)),
    ("pixel_unshuffle", IMAGES, {"factor": 1}, (2, 4, 5, 6)),
    ("local_response_norm", IMAGES, {"size": 3, "alpha": 0.5}, (2, 4, 5, 6)),
    ("depthwise_conv1d", SIGNALS, {"kernel_size": 3, "activation": "tanh"}, (2, 4, 5)),
    ("depthwise_conv2d", IMAGES, {"kernel_size": [2, 3], "multiplier": 2, "padding": 1}, (2, 8, 6, 6)),
    ("depthwise_conv3d", VOLUMES, {"kernel_size": 2, "use_bias": False}, (2, 2, 1, 2, 3)),
    ("permute", IMAGES, {"axes": [3, 1, 2]}, (2, 6, 4, 5)),
    ("reshape", IMAGES, {"shape": [2, -1, 3]}, (2, 2, 20, 3)),
    ("repeat_vector", ROWS, {"positions": 2}, (3, 2, 4)),
    ("pad", IMAGES, {"pad_width": [[1, 2]], "mode": "reflect"}, (2, 4, 5, 9)),
    ("crop", IMAGES, {"crop_width": [[1, 0], [0, 2]]}, (2, 4, 4, 4)),
    ("upsample", IMAGES, {"factor": [2, 1], "mode": "linear"}, (2, 4, 10, 6)),
    ("rescale", ROWS, {"scale": 0.5, "offset": -1}, (3, 4)),
    ("layer_norm", ROWS, {"use_bias": False}, (3, 4)),
    ("batch_norm", ROWS, {"use_bias": False}, (3, 4)),
    ("attention", LINES, {"heads": 2, "causal": True, "add_bias_kv": True, "add_zero_attn": True}, (3, 5, 4)),
    ("embedding_bag", LETTERS, {"size": 4, "units": 3, "mode": "max"}, (2, 3)),
    ("dense", ROWS, {"units": 3, "weight_norm": True}, (3, 3)),
    *((op, IMAGES, {"affine": False, **({"groups": 2} if op == "group_norm" else {})}, (2, 4, 5, 6))
      for op in ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")),
    ("activation", IMAGES, {"activation": {"kind": "elu", "alpha": 0.5}}, (2, 4, 5, 6)),
    ("prelu", IMAGES, {"per_channel": True}, (2, 4, 5, 6)),
    ("prelu", ROWS, {}, (3, 4)),
    ("instance_norm", IMAGES, {}, (2, 4, 5, 6)),
    ("batch_norm", IMAGES, {}, (2, 4, 5, 6)),
    ("batch_norm", ROWS, {"training": False}, (3, 4)),
    ("layer_norm", LINES, {}, (3, 5, 4)),
    ("rms_norm", ROWS, {}, (3, 4)),
    ("group_norm", IMAGES, {"groups": 2}, (2, 4, 5, 6)),
    ("embedding", LETTERS, {"size": 4, "units": 3}, (2, 4, 3)),
    ("embedding", LETTERS, {"size": 4, "units": 3, "padding_idx": 0}, (2, 4, 3)),
    ("positional", LINES, {}, (3, 5, 4)),
    ("positional", LINES, {"encoding": "learned"}, (3, 5, 4)),
    ("attention", LINES, {"heads": 2, "causal": True}, (3, 5, 4)),
    ("attention", LINES, {"heads": 2, "dropout": 0.5, "use_bias": False}, (3, 5, 4)),
    ("transformer", LINES, {"heads": 2, "hidden": 6, "dropout": 0.25}, (3, 5, 4)),
    ("residual", ROWS, {"layers": BLOCK}, (3, 4)),
    ("transformer", LINES, {"heads": 2, "hidden": 6, "causal": True}, (3, 5, 4)),
    ("attention", LINES, {"heads": 4, "kv_heads": 2, "memory": "x"}, (3, 5, 4)),
    ("transformer_encoder", LINES, {"heads": 2, "hidden": 6, "layers": 2, "dropout": 0.25}, (3, 5, 4)),
    ("transformer_decoder", LINES, {"hidden": 6, "memory": "x", "norm_first": True, "final_norm": True}, (3, 5, 4)),
    ("positions", LINES, {"from": 1, "to": 3}, (3, 2, 4)),
    ("mean_positions", LINES, {}, (3, 4)),
    ("rnn", LINES, {"units": 3}, (3, 3)),
    ("lstm", LINES, {"units": 3, "sequence": True}, (3, 5, 3)),
    ("gru", LINES, {"units": 3}, (3, 3)),
    ("gru", LINES, {"units": 2, "bidirectional": True}, (3, 4)),
    ("lstm", LINES, {"units": 2, "bidirectional": True, "layers": 2, "sequence": True}, (3, 5, 4)),
    ("rnn", LINES, {"units": 2, "layers": 3, "dropout": 0.25, "use_bias": False}, (3, 2)),
    ("lstm", LINES, {"units": 3, "proj_size": 2, "h0": "learned", "states": True, "layers": 2}, (3, 2)),
    ("gru", LINES, {"units": 2, "h0": [[0.5, -0.25]], "sequence": True}, (3, 5, 2)),
]  # fmt: skip


def network(kind, inputs, keys, shape, dtype="float64", seed=3):
    """The layer with a dense layer after it, so that every output counts."""
    targets = np.zeros((*shape[:-1], 2)).tolist()
    return from_mapping(
        {
            "dtype": dtype,
            "seed": seed,
            "data": {"inputs": inputs, "targets": targets},
            "layers": [{"kind": kind, **keys}, {"kind": "dense", "units": 2, "activation": "tanh"}],
            "loss": {"kind": "mse"},
            "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        },
        "net.toml",
    )


def test_every_kind_has_a_case():
    assert {kind for kind, *_ in CASES} == set(KINDS)


@pytest.mark.corpus(every=8, rows=2)
@pytest.mark.parametrize(
    ("kind", "inputs", "keys", "shape"), CASES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_layer_has_its_shape_its_names_and_the_gradients_of_differences(kind, inputs, keys, shape):
    found = network(kind, inputs, keys, shape)
    graph = found.graph
    scopes = {layer.name for layer in graph.layers}
    assert all(node.scope in scopes and node.name.startswith(node.scope) for node in graph.ops)
    assert graph.nodes[graph.by_name["layer2.z"].inputs[0]].shape == shape
    step = found.program().record()
    assert np.isfinite(step.loss)
    for node in graph.params:
        direction = np.random.default_rng(1).normal(size=node.shape)
        slope = float((step.grad(node.id) * direction).sum())
        moved = [shifted(found, node, sign * 1e-6 * direction) for sign in (1, -1)]
        assert (moved[0] - moved[1]) / 2e-6 == pytest.approx(slope, rel=1e-6, abs=1e-9), node.name


def shifted(network, node, by):
    """The loss of the first step with one parameter moved."""
    nodes = list(network.graph.nodes)
    nodes[node.id] = dataclasses.replace(node, value=node.value + by)
    graph = dataclasses.replace(network.graph, nodes=tuple(nodes))
    return dataclasses.replace(network, graph=graph).program().record().loss


@pytest.mark.corpus(every=8, rows=2)
@pytest.mark.parametrize(
    ("kind", "inputs", "keys", "shape"), CASES, ids=lambda part: part if isinstance(part, str) else ""
)
def test_a_layer_in_float32_is_the_same_to_its_precision(kind, inputs, keys, shape):
    losses = [network(kind, inputs, keys, shape, dtype).program().record().loss for dtype in ("float32", "float64")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_running_statistics_are_carried_from_step_to_step():
    program = network("batch_norm", ROWS, {"momentum": 0.25}, (3, 4)).program()
    x = np.array(ROWS)
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(3):
        step = program.record()
        np.testing.assert_allclose(step.before("layer1.running_mean"), mean)
        np.testing.assert_allclose(step.before("layer1.running_var"), variance)
        mean = 0.75 * mean + 0.25 * x.mean(0)
        variance = 0.75 * variance + 0.25 * x.var(0, ddof=1)
    np.testing.assert_allclose(step.after("layer1.running_var"), variance)


def test_a_dropout_mask_changes_from_step_to_step_and_is_the_same_again():
    programs = [network("dropout", ROWS, {"p": 0.5}, (3, 4)).program() for _ in range(2)]
    masks = [[program.record().value("layer1.mask").copy() for _ in range(4)] for program in programs]
    assert np.array_equal(masks[0], masks[1])
    assert any((masks[0][0] != mask).any() for mask in masks[0][1:])


def test_layers_in_layers_have_names_and_draws_of_their_own():
    block = {"layers": [{"kind": "dense", "units": 4}, {"kind": "dense", "units": 4, "name": "last"}]}
    graph = network("residual", ROWS, block, (3, 4)).graph
    assert [layer.name for layer in graph.layers] == ["layer1", "layer1.layer1", "layer1.last", "layer2", "loss"]
    weights = [graph.by_name[f"layer1.{name}.weight"].value for name in ("layer1", "last")]
    assert (weights[0] != weights[1]).all()


@pytest.mark.parametrize(
    ("kind", "inputs", "keys", "message"),
    [
        (
            "conv2d",
            ROWS,
            {"channels": 2, "kernel_size": 3},
            "layer1: its input has shape (3, 4) (expected (samples, channels",
        ),
        ("conv2d", IMAGES, {"channels": 2, "kernel_size": 9}, "conv2d(x, layer1.weight, layer1.bias)"),
        ("conv2d", IMAGES, {"channels": 2, "kernel_size": 3, "stride": 0}, "layer1.stride: must be at least 1"),
        ("conv2d", IMAGES, {"channels": 2, "kernel_size": 3, "groups": 3}, "layer1.groups: 3 groups do not divide 4"),
        ("conv2d", IMAGES, {"channels": 2}, "layer1: 'kernel_size' is missing"),
        ("max_pool2d", IMAGES, {"kernel_size": 9}, "max_pool2d(x)"),
        ("dropout", ROWS, {"p": 1}, "layer1.p: must be below 1"),
        ("group_norm", IMAGES, {"groups": 3}, "do not divide"),
        ("attention", LINES, {"heads": 3}, "layer1.heads: 3 heads do not divide 4 features"),
        ("attention", ROWS, {}, "expected (samples, positions, features)"),
        ("embedding", [[0, 4]], {"size": 4, "units": 2}, "x[0, 1] is 4 (expected 0 to 3)"),
        ("embedding", [[0, 0.5]], {"size": 4, "units": 2}, "data.inputs: expected whole numbers"),
        (
            "residual",
            ROWS,
            {"layers": [{"kind": "dense", "units": 3}]},
            "layer1.layers: they make shape (3, 3) of (3, 4)",
        ),
        ("permute", IMAGES, {"axes": [1, 2]}, "layer1.axes: found [1, 2], of an input of shape (2, 4, 5, 6)"),
        ("reshape", IMAGES, {"shape": [7, -1]}, "layer1.shape: found [7, -1] for the 120 numbers of a sample"),
        ("reshape", IMAGES, {"shape": [-1, -1]}, "one may be -1"),
        ("pad", ROWS, {"pad_width": [[1, 1]]}, "layer1.pad_width: has 1 pairs, and there are 0 axes"),
        ("pad", IMAGES, {"pad_width": [1, 1]}, "layer1.pad_width: expected a list of pairs"),
        ("crop", IMAGES, {"crop_width": [[3, 3]]}, "layer1.crop_width: nothing is left of shape (2, 4, 5, 6)"),
        ("upsample", IMAGES, {"factor": [1, 2, 3]}, "layer1.factor: found [1, 2, 3]"),
        ("attention", LINES, {"values": "y"}, "layer1.values: 'y' is no layer before it"),
        ("residual", ROWS, {"layers": []}, "layer1.layers: is not a list"),
        ("residual", ROWS, {"layers": [{"kind": "dens"}]}, "layer1.layer1.kind: unknown 'dens'"),
        ("residual", ROWS, {"layers": [3]}, "layer1.layer1: found the number 3"),
        ("lstm", LINES, {"units": 3, "w_ih": [[1]]}, "layer1.w_ih: found shape (1, 1) (expected (12, 4))"),
        ("rnn", LINES, {"units": 2, "nonlinearity": "sin"}, "layer1.nonlinearity: must be 'tanh' or 'relu'"),
        (["dense"], ROWS, {}, "layer1.kind: expected one of"),
    ],
)
def test_what_does_not_fit_is_told_with_its_key(kind, inputs, keys, message):
    with pytest.raises(UserError) as problem:
        network(kind, inputs, keys, (len(inputs), 4))
    assert message in str(problem.value)


def test_inputs_may_be_flat_rows_of_images():
    table = {
        "data": {"inputs": np.zeros((2, 16)).tolist(), "targets": [0, 1], "shape": [1, 4, 4]},
        "layers": [
            {"kind": "conv2d", "channels": 2, "kernel_size": 3},
            {"kind": "flatten"},
            {"kind": "dense", "units": 2},
        ],
        "loss": {"kind": "cross_entropy"},
    }
    assert from_mapping(table, "n").graph.by_name["x"].shape == (2, 1, 4, 4)
    table["data"]["shape"] = [4, 5]
    with pytest.raises(UserError, match=r"data.shape: 16 numbers per input \(20 for \(4, 5\)\)"):
        from_mapping(table, "n")


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_recurrent_layers_on_each_other_and_in_both_directions_are_pytorchs(kind):
    torch = pytest.importorskip("torch")
    net = network(kind, LINES, {"units": 2, "layers": 2, "bidirectional": True, "sequence": True}, (3, 5, 4))
    graph = net.graph
    step = net.program().record()
    theirs = getattr(torch.nn, kind.upper())(4, 2, 2, bidirectional=True, batch_first=True).double()
    sequence = torch.tensor(LINES, dtype=torch.float64)
    words = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
    for ours, word in words.items():
        for level in (1, 2):
            for end in ("", "_reverse"):
                value = graph.by_name[f"layer1.{ours}{'' if level == 1 else '_2'}{end}"].value
                getattr(theirs, f"{word}_l{level - 1}{end}").data = torch.tensor(value)
    found = step.value(graph.by_name["layer2.z"].inputs[0])
    np.testing.assert_allclose(found, theirs(sequence)[0].detach().numpy(), rtol=1e-12)
    last = network(kind, LINES, {"units": 2, "layers": 2, "bidirectional": True}, (3, 4))
    found = last.program().record().value(last.graph.by_name["layer2.z"].inputs[0])
    state = theirs(sequence)[1]
    ends = (state[0] if kind == "lstm" else state).detach().numpy()
    np.testing.assert_allclose(found, np.concatenate([ends[-2], ends[-1]], 1), rtol=1e-12)


def test_given_numbers_are_known_as_such_in_every_layer():
    assert all(key is GIVEN for row in KINDS.values() for key in row.keys.values() if key.doc == GIVEN.doc)


@pytest.mark.parametrize(
    ("kind", "inputs", "keys", "shape"), CASES, ids=lambda case: case if isinstance(case, str) else ""
)
def test_what_is_not_given_beside_given_numbers_is_never_drawn(kind, inputs, keys, shape):
    """Each parameter left out alone: it is the same for every seed, or it is refused by name."""
    names = [name for name, key in KINDS[kind].keys.items() if key is GIVEN]
    graph = network(kind, inputs, keys, shape).graph
    numbers = {n: graph.by_name[f"layer1.{n}"].value.tolist() for n in names if f"layer1.{n}" in graph.by_name}
    for left_out in numbers if len(numbers) > 1 else ():
        given = {name: value for name, value in numbers.items() if name != left_out}
        told, values = "", []
        try:
            for seed in (0, 1):
                graph = network(kind, inputs, {**keys, **given}, shape, seed=seed).graph
                values.append(graph.by_name[f"layer1.{left_out}"].value)
        except UserError as problem:
            told = str(problem)
        assert ": is not given, although" in told or (values[0] == values[1]).all()


def test_the_other_bias_of_a_recurrent_layer_is_0():
    given = {"w_ih": np.ones((9, 4)).tolist(), "w_hh": np.ones((9, 3)).tolist(), "b_ih": [1.0] * 9}
    for more, expected in (({}, 0), ({"bias_init": "ones"}, 1)):
        graph = network("gru", LINES, {"units": 3, **given, **more}, (3, 3)).graph
        assert (graph.by_name["layer1.b_hh"].value == expected).all()
