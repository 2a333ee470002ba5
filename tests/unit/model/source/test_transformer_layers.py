"""Attention and transformer blocks of network files beside PyTorch's: both norms, decoders, masks, translators."""

from __future__ import annotations

import numpy as np
import pytest

from bptui.model.base.errors import UserError
from bptui.model.source.network import from_mapping

rng = np.random.default_rng(4)
SAMPLES, SOURCE, TARGET, FEATURES, HEADS, HIDDEN = 3, 5, 4, 4, 2, 6
X = rng.normal(size=(SAMPLES, SOURCE, FEATURES))
BOTH = rng.normal(size=(SAMPLES, SOURCE + TARGET, FEATURES))
LENGTHS = [3, 5, 1]
MASK = np.tril(np.ones((SOURCE, SOURCE)), 1)
BIAS = np.where(MASK, rng.normal(size=MASK.shape), -np.inf)


def network(layers, inputs=X, positions=SOURCE, units=FEATURES, **data):
    """The loss is the mean square of what the layers make."""
    targets = np.zeros((SAMPLES, positions, units)).tolist()
    content = {
        "data": {"inputs": np.asarray(inputs).tolist(), "targets": targets, **data},
        "layers": layers,
        "loss": {"kind": "mse"},
    }
    return from_mapping(content, "net.toml")


def fill(torch, graph, name, attention, params):
    """A layer `attention` of ours, as PyTorch's."""
    weights = [graph.by_name[f"{name}.{part}_weight"].value.T for part in ("query", "key", "value")]
    attention.in_proj_weight.data = torch.tensor(np.concatenate(weights))
    biases = [graph.by_name[f"{name}.bias_{part}"].value for part in ("query", "key", "value")]
    attention.in_proj_bias.data = torch.tensor(np.concatenate(biases))
    attention.out_proj.weight.data = torch.tensor(graph.by_name[f"{name}.output_weight"].value.T.copy())
    attention.out_proj.bias.data = torch.tensor(graph.by_name[f"{name}.bias_output"].value)
    for n, part in enumerate(("query", "key", "value")):
        rows = slice(n * FEATURES, (n + 1) * FEATURES)
        params[f"{name}.{part}_weight"] = lambda rows=rows: attention.in_proj_weight.grad[rows].T
        params[f"{name}.bias_{part}"] = lambda rows=rows: attention.in_proj_bias.grad[rows]
    params[f"{name}.output_weight"] = lambda: attention.out_proj.weight.grad.T
    params[f"{name}.bias_output"] = lambda: attention.out_proj.bias.grad


def same(torch, graph, pairs, params):
    """Dense layers and norms: (our name, PyTorch's module, whether it is turned)."""
    for name, module, turned in pairs:
        weight = graph.by_name[f"{name}.weight"].value
        module.weight.data = torch.tensor(np.ascontiguousarray(weight.T if turned else weight))
        module.bias.data = torch.tensor(graph.by_name[f"{name}.bias"].value)
        params[f"{name}.weight"] = lambda module=module, turned=turned: (
            module.weight.grad.T if turned else module.weight.grad
        )
        params[f"{name}.bias"] = lambda module=module: module.bias.grad


def block(torch, graph, name, module, params):
    """A block of ours, as PyTorch's: where its attentions, dense layers and norms are."""
    first, decoder = module.norm_first, hasattr(module, "multihead_attn")
    inside = 2 if first else 1
    fill(torch, graph, f"{name}.attend.layer{inside}", module.self_attn, params)
    norms = ["attend", "remember", "think"] if decoder else ["attend", "think"]
    if decoder:
        fill(torch, graph, f"{name}.remember.layer{inside}", module.multihead_attn, params)
    pairs = [
        (f"{name}.{part}.layer1" if first else f"{name}.{part}_norm", getattr(module, f"norm{n}"), False)
        for n, part in enumerate(norms, 1)
    ]
    dense = [(f"{name}.think.layer{inside + n}", each, True) for n, each in enumerate((module.linear1, module.linear2))]
    same(torch, graph, pairs + dense, params)


def agree(net, out, params, name="prediction"):
    """Value and gradients are PyTorch's; `params`: of all parameters."""
    step = net.program().record()
    out.square().mean().backward()
    np.testing.assert_allclose(step.value(net.graph.by_name[name]), out.detach().numpy(), rtol=1e-10, atol=1e-13)
    assert set(params) == {node.name for node in net.graph.params}
    for each, grad in params.items():
        np.testing.assert_allclose(step.grad(each), grad().numpy(), rtol=1e-8, atol=1e-13, err_msg=each)


ENCODERS = [
    ({}, {}),
    ({"norm_first": True, "activation": "gelu", "final_norm": True, "layers": 2}, {}),
    ({"layers": 2, "mask": MASK.tolist()}, {"mask": ~MASK.astype(bool)}),
    ({"score_bias": [["-inf" if b == -np.inf else b for b in row] for row in BIAS.tolist()]}, {"mask": BIAS}),
    ({"causal": True, "lengths": True, "norm_first": True}, {"mask": ~np.tri(SOURCE, dtype=bool)}),
]


@pytest.mark.parametrize(("keys", "given"), ENCODERS, ids=lambda part: ",".join(part) or "plain")
def test_an_encoder_is_pytorchs(keys, given):
    torch = pytest.importorskip("torch")
    data = {"lengths": LENGTHS} if "lengths" in keys else {}
    net = network([{"kind": "transformer_encoder", "heads": HEADS, "hidden": HIDDEN, **keys}], **data)
    layer = torch.nn.TransformerEncoderLayer(
        FEATURES, HEADS, HIDDEN, 0.0, keys.get("activation", "relu"), batch_first=True, dtype=torch.float64,
        norm_first=keys.get("norm_first", False),
    )  # fmt: skip
    norm = torch.nn.LayerNorm(FEATURES, dtype=torch.float64) if "final_norm" in keys else None
    made = torch.nn.TransformerEncoder(layer, keys.get("layers", 1), norm, enable_nested_tensor=False)
    params = {}
    for n, module in enumerate(made.layers, 1):
        block(torch, net.graph, f"layer1.block{n}", module, params)
    if norm is not None:
        same(torch, net.graph, [("layer1.norm", made.norm, False)], params)
    given = {name: torch.tensor(value) for name, value in given.items()}
    if data:
        given["src_key_padding_mask"] = torch.arange(SOURCE) >= torch.tensor(LENGTHS)[:, None]
    agree(net, made(torch.tensor(X), **given), params)


@pytest.mark.parametrize("first", [False, True], ids=["post-norm", "pre-norm"])
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_a_whole_translator_is_pytorchs(first):
    """The inputs are source and target one after the other: an encoder reads the one part, a decoder both."""
    torch = pytest.importorskip("torch")
    keys = {"heads": HEADS, "hidden": HIDDEN, "norm_first": first, "final_norm": True}
    layers = [
        {"kind": "positions", "to": SOURCE},
        {"kind": "transformer_encoder", "name": "encoder", "layers": 2, **keys},
        {"kind": "positions", "input": "x", "from": SOURCE},
        {"kind": "transformer_decoder", "name": "decoder", "memory": "encoder", **keys},
    ]
    net = network(layers, BOTH, TARGET)
    made = torch.nn.Transformer(
        FEATURES, HEADS, 2, 1, HIDDEN, 0.0, batch_first=True, norm_first=first, dtype=torch.float64
    )
    params = {}
    for n, module in enumerate(made.encoder.layers, 1):
        block(torch, net.graph, f"encoder.block{n}", module, params)
    block(torch, net.graph, "decoder.block1", made.decoder.layers[0], params)
    norms = [("encoder.norm", made.encoder.norm, False), ("decoder.norm", made.decoder.norm, False)]
    same(torch, net.graph, norms, params)
    source, target = (torch.tensor(part) for part in (BOTH[:, :SOURCE], BOTH[:, SOURCE:]))
    agree(net, made(source, target, tgt_mask=torch.nn.Transformer.generate_square_subsequent_mask(TARGET)), params)


@pytest.mark.parametrize("hidden", ["nothing", "mask", "causal", "lengths"])
def test_attention_with_other_sizes_and_positions_of_its_own_is_pytorchs(hidden):
    """kdim, vdim, add_bias_kv, add_zero_attn: every query may look at what is added, whatever is hidden."""
    torch = pytest.importorskip("torch")
    keys = {"mask": {"mask": MASK.tolist()}, "causal": {"causal": True}, "lengths": {"lengths": True}}.get(hidden, {})
    more = {"add_bias_kv": True, "add_zero_attn": True}
    layers = [
        {"kind": "dense", "name": "keys", "units": 3},
        {"kind": "dense", "name": "mixed", "input": "x", "units": 5},
        {"kind": "attention", "name": "look", "input": "x", "heads": HEADS, "memory": "keys", "values": "mixed", **keys,
         **more},
    ]  # fmt: skip
    net = network(layers, **({"lengths": LENGTHS} if hidden == "lengths" else {}))
    dense = [torch.nn.Linear(FEATURES, size, dtype=torch.float64) for size in (3, 5)]
    made = torch.nn.MultiheadAttention(FEATURES, HEADS, kdim=3, vdim=5, batch_first=True, dtype=torch.float64, **more)
    params = {}
    same(torch, net.graph, [("keys", dense[0], True), ("mixed", dense[1], True)], params)
    sizes = {"query": FEATURES, "key": 3, "value": 5}
    for part in sizes:
        weight = getattr(made, f"{part[0]}_proj_weight")
        weight.data = torch.tensor(net.graph.by_name[f"look.{part}_weight"].value.T.copy())
        params[f"look.{part}_weight"] = lambda weight=weight: weight.grad.T
    biases = [net.graph.by_name[f"look.bias_{part}"].value for part in sizes]
    made.in_proj_bias.data = torch.tensor(np.concatenate(biases))
    for n, part in enumerate(sizes):
        rows = slice(n * FEATURES, (n + 1) * FEATURES)
        params[f"look.bias_{part}"] = lambda rows=rows: made.in_proj_bias.grad[rows]
    for part in ("k", "v"):
        bias = getattr(made, f"bias_{part}")
        bias.data = torch.tensor(net.graph.by_name[f"look.bias_{part}"].value)
        params[f"look.bias_{part}"] = lambda bias=bias: bias.grad
    made.out_proj.weight.data = torch.tensor(net.graph.by_name["look.output_weight"].value.T.copy())
    made.out_proj.bias.data = torch.tensor(net.graph.by_name["look.bias_output"].value)
    params |= {"look.output_weight": lambda: made.out_proj.weight.grad.T,
               "look.bias_output": lambda: made.out_proj.bias.grad}  # fmt: skip
    x = torch.tensor(X)
    given = {
        "mask": {"attn_mask": torch.tensor(~MASK.astype(bool))},
        "causal": {"attn_mask": torch.tensor(~np.tri(SOURCE, dtype=bool))},
        "lengths": {"key_padding_mask": torch.arange(SOURCE) >= torch.tensor(LENGTHS)[:, None]},
    }.get(hidden, {})
    agree(net, made(x, dense[0](x), dense[1](x), **given)[0], params)


def test_a_memory_ends_where_its_samples_end():
    torch = pytest.importorskip("torch")
    layers = [
        {"kind": "dense", "name": "target", "units": FEATURES},
        {"kind": "transformer_decoder", "memory": "x", "heads": HEADS, "hidden": HIDDEN, "memory_lengths": True},
    ]
    net = network(layers, lengths=LENGTHS)
    made = torch.nn.TransformerDecoderLayer(FEATURES, HEADS, HIDDEN, 0.0, batch_first=True, dtype=torch.float64)
    dense, params = torch.nn.Linear(FEATURES, FEATURES, dtype=torch.float64), {}
    same(torch, net.graph, [("target", dense, True)], params)
    block(torch, net.graph, "layer2.block1", made, params)
    hidden = torch.arange(SOURCE) >= torch.tensor(LENGTHS)[:, None]
    causal = torch.nn.Transformer.generate_square_subsequent_mask(SOURCE)
    out = made(dense(torch.tensor(X)), torch.tensor(X), tgt_mask=causal, memory_key_padding_mask=hidden)
    agree(net, out, params)


def test_heads_of_queries_share_keys_and_values():
    torch = pytest.importorskip("torch")
    net = network([{"kind": "attention", "name": "look", "heads": 4, "kv_heads": 2, "use_bias": False}])
    step, graph = net.program().record(), net.graph
    assert graph.by_name["look.key_weight"].shape == (FEATURES, 2)
    words = ("query_weight", "key_weight", "value_weight", "output_weight")
    w = [torch.tensor(graph.by_name[f"look.{part}"].value, requires_grad=True) for part in words]
    q, k, v = ((torch.tensor(X) @ each).unflatten(-1, (-1, 1)).transpose(1, 2) for each in w[:3])
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    out = mixed.transpose(1, 2).flatten(2) @ w[3]
    agree(net, out, {f"look.{part}": lambda each=each: each.grad for part, each in zip(words, w, strict=True)})
    weights = step.value("look.attention.weights")
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-12)


def test_whole_numbers_are_read_by_two_tables():
    """A translator of words: source and target have tables of their own, both read the input."""
    layers = [
        {"kind": "embedding", "size": 7, "units": 4},
        {"kind": "positions", "to": 3},
        {"kind": "transformer_encoder", "name": "encoder", "heads": 2},
        {"kind": "embedding", "input": "x", "size": 7, "units": 4},
        {"kind": "positions", "from": 3},
        {"kind": "transformer_decoder", "memory": "encoder", "heads": 2},
        {"kind": "dense", "units": 7},
    ]
    content = {
        "data": {"inputs": rng.integers(0, 7, (2, 5)).tolist(), "targets": [[1, 2], [3, 4]]},
        "layers": layers,
        "loss": {"kind": "cross_entropy", "axis": -1},
        "optimizer": {"kind": "adam", "learning_rate": 0.01},
    }
    program = from_mapping(content, "net.toml").program()
    first = program.record().loss
    program.run(30)
    assert program.record().loss < first / 2


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"kind": "attention", "heads": 3}], "layer1.heads: 3 heads do not divide 4 features"),
        ([{"kind": "attention", "heads": 4, "kv_heads": 3}], "layer1.kv_heads: 3 do not divide 4 heads"),
        ([{"kind": "attention", "memory": "y"}], "layer1.memory: 'y' is no layer before it (known: x)"),
        ([{"kind": "attention", "mask": [[1, 0]]}], "layer1.mask: found shape (1, 2) (expected (5, 5))"),
        ([{"kind": "attention", "mask": (2 * MASK).tolist()}], "layer1.mask: has other numbers than 0 and 1"),
        ([{"kind": "attention", "lengths": True}], "layer1.lengths: [data] has no lengths"),
        ([{"kind": "transformer_decoder"}], "layer1: 'memory' is missing (memory = \"encoder\""),
        ([{"kind": "transformer_decoder", "memory": "encoder"}], "layer1.memory: 'encoder' is no layer before it"),
        ([{"kind": "transformer_encoder", "layers": 0}], "layer1.layers: must be at least 1, not 0"),
        ([{"kind": "transformer_encoder", "activation": "rely"}], "layer1.activation: unknown 'rely' (did you mean"),
        ([{"kind": "transformer_encoder", "heads": 3}], "heads: 3 heads do not divide 4 features"),
        ([{"kind": "positions", "from": 3, "to": 3}], "layer1.to: positions 3 to 3 of 5"),
        ([{"kind": "dense", "units": 4, "input": "layer1"}], "layer1.input: 'layer1' is no layer before it"),
    ],
)
def test_what_does_not_fit_is_one_line(layers, message):
    with pytest.raises(UserError) as problem:
        network(layers)
    assert message in str(problem.value)
    assert "\n" not in str(problem.value)
