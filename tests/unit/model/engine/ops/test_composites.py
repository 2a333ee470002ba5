"""Composites: they are graphs of primitives, fit any shape that PyTorch's functions take, and say what does not fit."""

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from tests.unit.model.engine.ops.executor import run_composite
from tests.unit.symbolic.composites import uses

RNG = np.random.default_rng(0)


def numbers(*shape):
    return RNG.normal(size=shape)


def difference(name, inputs, given=None):
    """Gradients against central differences, in one random direction for each input."""
    inputs = {k: np.asarray(v, float) for k, v in inputs.items()}
    out, gradients = run_composite(name, inputs, given)
    u = RNG.normal(size=out.shape)
    _, gradients = run_composite(name, inputs, given, u)
    for k, x in inputs.items():
        v, h = RNG.normal(size=x.shape), 1e-6
        moved = [np.sum(u * run_composite(name, {**inputs, k: x + s * h * v}, given)[0]) for s in (1, -1)]
        found, expected = (moved[0] - moved[1]) / (2 * h), np.sum(gradients[k] * v)
        assert abs(found - expected) <= 1e-7 * max(1, np.sum(np.abs(gradients[k] * v))), (name, k)
    return out


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(lead, bias):
    inputs = {"x": numbers(*lead, 4), "weight": numbers(5, 4)} | ({"bias": numbers(5)} if bias else {})
    out = difference("linear", inputs)
    np.testing.assert_allclose(out, inputs["x"] @ inputs["weight"].T + inputs.get("bias", 0))


@pytest.mark.parametrize(("shape", "own"), [((3, 4), (4,)), ((2, 3, 4), (3, 4)), ((5,), (5,)), ((3, 1), (1,))])
def test_layer_and_rms_norm(shape, own):
    x, weight, bias = numbers(*shape), numbers(*own), numbers(*own)
    axes = tuple(range(-len(own), 0))
    out = difference("layer_norm", {"x": x, "weight": weight, "bias": bias}, {"eps": 1e-3})
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    np.testing.assert_allclose(out, (x - mean) / np.sqrt(var + 1e-3) * weight + bias)
    out = difference("rms_norm", {"x": x, "weight": weight}, {"eps": 1e-3})
    np.testing.assert_allclose(out, x / np.sqrt((x * x).mean(axes, keepdims=True) + 1e-3) * weight)


def test_norms_without_weights():
    x = numbers(3, 4)
    out, _ = run_composite("layer_norm", {"x": x}, {"eps": 0})
    np.testing.assert_allclose(out, (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True))
    assert run_composite("batch_norm", {"x": x})[0].shape == x.shape
    assert run_composite("rms_norm", {"x": x})[0].shape == x.shape


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 2, 4)])
def test_batch_norm(shape):
    x, weight, bias = numbers(*shape), numbers(3), numbers(3)
    column = (3, *(1,) * (len(shape) - 2))
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    out = difference("batch_norm", {"x": x, "weight": weight, "bias": bias})
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    np.testing.assert_allclose(out, (x - mean) / np.sqrt(var + 1e-5) * weight.reshape(column) + bias.reshape(column))
    stats = {"running_mean": numbers(3), "running_var": numbers(3) ** 2}
    out, _ = run_composite("batch_norm", {"x": x, "weight": weight, "bias": bias, **stats}, {"training": False})
    mean, var = (stats[k].reshape(column) for k in stats)
    np.testing.assert_allclose(out, (x - mean) / np.sqrt(var + 1e-5) * weight.reshape(column) + bias.reshape(column))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm(groups):
    x = numbers(2, 4, 3)
    out = difference("group_norm", {"x": x, "weight": np.ones(4), "bias": np.zeros(4)}, {"groups": groups, "eps": 0})
    blocks = out.reshape(2, groups, -1)
    np.testing.assert_allclose(blocks.mean(2), 0, atol=1e-12)
    np.testing.assert_allclose(blocks.var(2), 1)


@pytest.mark.parametrize(("lead", "keys"), [((), 3), ((2,), 5), ((2, 3), 3)])
@pytest.mark.parametrize("causal", [True, False])
def test_attention(lead, keys, causal):
    q, k, v = numbers(*lead, 3, 4), numbers(*lead, keys, 4), numbers(*lead, keys, 2)
    out = difference("scaled_dot_product_attention", {"q": q, "k": k, "v": v}, {"causal": causal})
    scores = q @ k.swapaxes(-1, -2) / 2
    scores = np.where(np.tri(3, keys, dtype=bool) | (not causal), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    np.testing.assert_allclose(out, weights / weights.sum(-1, keepdims=True) @ v)


def test_attention_with_a_mask():
    q, k, v = numbers(2, 4), numbers(3, 4), numbers(3, 2)
    mask = np.array([[1.0, 1, 0], [0, 1, 1]])
    _, gradients = run_composite(
        "scaled_dot_product_attention", {"q": q, "k": k, "v": v, "mask": mask}, {"scale": 1.0}, [[1, 1], [0, 0]]
    )
    assert np.all(gradients["v"][2] == 0)
    assert "mask" not in gradients


def correlation(x, weight, stride, padding, dilation, groups):
    """The convolution by its four nested loops."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    samples, _, height, width = x.shape
    out, own, kh, kw = weight.shape
    rows, columns = ((n - dilation * (k - 1) - 1) // stride + 1 for n, k in ((height, kh), (width, kw)))
    y = np.zeros((samples, out, rows, columns))
    for o in range(out):
        channels = x[:, o // (out // groups) * own :][:, :own]
        for h in range(rows):
            for w in range(columns):
                top, left = h * stride, w * stride
                window = channels[:, :, top : top + dilation * kh : dilation, left : left + dilation * kw : dilation]
                y[:, o, h, w] = np.sum(window[:, :, :kh, :kw] * weight[o], axis=(1, 2, 3))
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 2), (3, 1, 1, 4), (2, 0, 2, 2)],
)
def test_conv2d(stride, padding, dilation, groups):
    x, weight, bias = numbers(2, 4, 7, 6), numbers(8, 4 // groups, 3, 2), numbers(8)
    given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    out = difference("conv2d", {"x": x, "weight": weight, "bias": bias}, given)
    expected = correlation(x, weight, stride, padding, dilation, groups) + bias[:, None, None]
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_conv1d_is_conv2d_of_one_row():
    x, weight, bias = numbers(2, 4, 9), numbers(6, 2, 3), numbers(6)
    given = {"stride": 2, "padding": 0, "dilation": 2, "groups": 2}
    out = difference("conv1d", {"x": x, "weight": weight, "bias": bias}, given)
    wide, _ = run_composite("conv2d", {"x": x[:, :, None], "weight": weight[:, :, None], "bias": bias}, given)
    np.testing.assert_allclose(out, wide[:, :, 0])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"stride": 2, "padding": 1},
        {"stride": (2, 3), "padding": (0, 2), "output_padding": (1, 2)},
        {"stride": 2, "dilation": 2},
        {"stride": 2, "padding": 1, "groups": 2},
    ],
)
def test_conv_transpose2d_is_the_transpose_of_conv2d(given):
    """⟨conv_transpose(x), z⟩ = ⟨x, conv(z)⟩."""
    groups = given.get("groups", 1)
    x, weight = numbers(2, 4, 3, 4), numbers(4, 6 // groups, 3, 4)
    out = difference("conv_transpose2d", {"x": x, "weight": weight}, given)
    z = numbers(*out.shape)
    back, _ = run_composite(
        "conv2d", {"x": z, "weight": weight}, {k: v for k, v in given.items() if k != "output_padding"}
    )
    np.testing.assert_allclose(np.sum(out * z), np.sum(x * back[:, :, :3, :4]))


@pytest.mark.parametrize("cell", ["rnn_cell", "gru_cell", "lstm_cell"])
@pytest.mark.parametrize("lead", [(2,), ()])
@pytest.mark.parametrize("biases", [True, False])
def test_cells(cell, lead, biases):
    gates = {"rnn_cell": 1, "gru_cell": 3, "lstm_cell": 4}[cell]
    inputs = {"x": numbers(*lead, 4), "h": numbers(*lead, 3)}
    if cell == "lstm_cell":
        inputs["c"] = numbers(*lead, 3)
    inputs |= {"w_ih": numbers(gates * 3, 4), "w_hh": numbers(gates * 3, 3)}
    if biases:
        inputs |= {"b_ih": numbers(gates * 3), "b_hh": numbers(gates * 3)}
    out = difference(cell, inputs)
    assert out.shape == (*lead, 6 if cell == "lstm_cell" else 3)


@pytest.mark.parametrize("row", [r for r in ops.COMPOSITES.values() if r.definition], ids=lambda row: row.name)
def test_made_of_primitives_that_fold(row):
    use = max((use for use in uses() if use.op == row.name), key=lambda use: len(use.shapes))
    build = Builder()
    leaves = [
        build.leaf(name, "input" if name in row.fixed else "param", np.ones(shape))
        for name, shape in zip(row.input_names, use.shapes, strict=False)
    ]
    given = use.attributes
    loss = build.use("sum", build.use(row.name, *leaves, name="out", **given), name="loss")
    parts = [node for node in build.finish(loss).ops if node.name != "loss" and node.op.name not in row.states]
    assert all(node.op.name in ops.OPS for node in parts)
    assert {node.composite for node in parts} == {f"{row.name} as out"}
    assert parts[-1].name == "out"


HEADS = {**dict.fromkeys(("q", "k", "v"), (5, 4)), **dict.fromkeys(("w_q", "w_k", "w_v", "w_o"), (4, 4))}
CELL = {
    "x": (2, 4), "h": (2, 2), "c": (2, 3), "w_ih": (12, 4), "w_hh": (12, 2), "b_ih": (12,), "b_hh": (12,),
    "w_hr": (2, 3),
}  # fmt: skip
WRONG = [
    ("pairwise_distance", {"a": (3, 4), "b": (3, 5)}, {}),
    ("pairwise_distance", {"a": (), "b": ()}, {}),
    ("triplet_margin", {"anchor": (3, 4), "positive": (3, 4), "negative": (2, 4)}, {}),
    ("cosine_embedding", {"x1": (3, 4), "x2": (3, 4), "target": (4,)}, {}),
    ("gaussian_nll", {"prediction": (3, 4), "target": (3, 4), "var": (4,)}, {}),
    ("gaussian_nll", {"prediction": (3, 4), "target": (3, 4), "var": (3, 2)}, {}),
    ("multilabel_soft_margin", {"logits": (3, 4), "target": (3, 4), "weight": (3,)}, {}),
    ("dice", {"probs": (3, 4), "target": (3, 5)}, {}),
    ("linear", {"x": (3, 4), "weight": (4, 5)}, {}),
    ("layer_norm", {"x": (3, 4), "weight": (3,)}, {}),
    ("layer_norm", {"x": ()}, {}),
    ("rms_norm", {"x": (4,), "weight": (3, 4)}, {}),
    ("batch_norm", {"x": (3, 4), "weight": (3,)}, {}),
    ("batch_norm", {"x": (4,)}, {}),
    ("batch_norm", {"x": (3, 4)}, {"training": False}),
    ("group_norm", {"x": (2, 4, 3)}, {"groups": 3}),
    ("multi_head_attention", HEADS, {"heads": 3}),
    ("multi_head_attention", HEADS, {"heads": 2, "kv_heads": 3}),
    ("multi_head_attention", HEADS | {"k": (2, 5, 4)}, {"heads": 2}),
    ("multi_head_attention", HEADS | {"v": (4, 4)}, {"heads": 2}),
    ("multi_head_attention", HEADS | {"w_k": (2, 4)}, {"heads": 2}),
    ("multi_head_attention", HEADS | {"w_o": (4, 2)}, {"heads": 2}),
    ("multi_head_attention", HEADS | {"b_q": (4,)}, {"heads": 2}),
    ("attention_weights", {"q": (3, 4), "k": (5, 3)}, {}),
    ("attention_weights", {"q": (4,), "k": (5, 4)}, {}),
    ("lstm_cell", CELL | {"w_hr": (3, 2)}, {}),
    ("lstm_cell", CELL | {"b_ih": (3,)}, {}),
    ("conv2d", {"x": (2, 3, 5, 5), "weight": (4, 2, 3, 3)}, {}),
    ("conv2d", {"x": (2, 3, 5, 5), "weight": (4, 3, 3)}, {}),
    ("conv2d", {"x": (2, 3, 2, 5), "weight": (4, 3, 3, 3)}, {}),
    ("conv2d", {"x": (2, 4, 5, 5), "weight": (3, 2, 3, 3)}, {"groups": 2}),
    ("conv2d", {"x": (2, 3, 5, 5), "weight": (4, 3, 3, 3)}, {"stride": 0}),
    ("conv2d", {"x": (2, 3, 5, 5), "weight": (4, 3, 3, 3), "bias": (3,)}, {}),
    ("conv1d", {"x": (2, 3, 5, 5), "weight": (4, 3, 3)}, {}),
    ("conv_transpose2d", {"x": (2, 3, 5, 5), "weight": (4, 3, 3, 3)}, {}),
    ("conv_transpose2d", {"x": (2, 3, 5, 5), "weight": (3, 4, 3, 3)}, {"output_padding": 1}),
    ("scaled_dot_product_attention", {"q": (3, 4), "k": (5, 3), "v": (5, 2)}, {}),
    ("scaled_dot_product_attention", {"q": (3, 4), "k": (5, 4), "v": (4, 2)}, {}),
    ("scaled_dot_product_attention", {"q": (4,), "k": (5, 4), "v": (4, 2)}, {}),
    ("lstm_cell", {"x": (2, 4), "h": (2, 3), "c": (2, 3), "w_ih": (9, 4), "w_hh": (12, 3)}, {}),
    ("gru_cell", {"x": (2, 4), "h": (3, 3), "w_ih": (9, 4), "w_hh": (9, 3)}, {}),
    ("gru_cell", {"x": (2, 4), "h": (2, 3), "w_ih": (9, 4), "w_hh": (9, 3), "b_ih": (9,)}, {}),
]


@pytest.mark.parametrize(("name", "shapes", "given"), WRONG, ids=lambda value: str(value)[:50])
def test_what_does_not_fit_is_told_in_one_line(name, shapes, given):
    build = Builder()
    leaves = [build.leaf(k, "param", np.zeros(shape)) for k, shape in shapes.items()]
    with pytest.raises(UserError) as told:
        build.use(name, *leaves, **given)
    text = str(told.value)
    assert "\n" not in text
    assert name in text or ops.OPS.keys() & set(text.replace("(", " ").split())
