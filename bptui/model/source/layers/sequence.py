"""Sequences: inputs are (samples, positions) of whole numbers, then (samples, positions, features)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from bptui.model.base.schema import Key, Table, any_value, one_of
from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, integer, optional, real
from bptui.model.source.layers.context import ACTIVATION, INIT, TRAIN, Kind, LayerContext, activation, settings_of
from bptui.model.source.layers.positions import AXES, LENGTHS, emptied, there

HEADS = Key(integer(1), 1, "how many, each with its share of the features")
DROPOUT = Key(real(0, 1, open_high=True), 0.0, "how much is dropped, anew at each training step")
CAUSAL = Key(flag, False, "true: a position sees only itself and earlier ones")

MAX_DEPTH = 8
"""Layers in layers."""


def embedding(context: LayerContext, x: Node) -> tuple[Node, str]:
    """A row of a table for each whole number."""
    size, units = context.settings["size"], context.settings["units"]
    padding = context.settings["padding_idx"]
    if padding is not None and padding >= size:
        raise context.fail("padding_idx", f"found {padding}", f"expected 0 to {size - 1}")
    table = context.parameter("weight", (size, units), "W", "normal", fan=(size, units), blank=padding)
    return context.use("embedding", table, x, part="a", padding_idx=padding), f"embedding {size} x {units}"


def embedding_bag(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The rows of a table for the whole numbers of a sample, put together."""
    size, units, mode = (context.settings[key] for key in ("size", "units", "mode"))
    table = context.parameter("weight", (size, units), "W", "normal", fan=(size, units))
    return context.use("embedding_bag", table, x, part="a", mode=mode), f"embedding_bag {size} x {units}, {mode}"


def sinusoids(positions: int, features: int) -> Array:
    """sin and cos of the position at falling frequencies (Vaswani et al. 2017, section 3.5)."""
    angle = np.arange(positions)[:, None] / 10_000 ** (2 * (np.arange(features) // 2) / features)
    return np.where(np.arange(features) % 2 == 0, np.sin(angle), np.cos(angle))


def positional(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Adds what tells positions apart: sinusoids, or a trained table."""
    context.rank(x, AXES)
    shape = x.shape[1:]
    if context.settings["encoding"] == "learned":
        added = context.parameter("weight", shape, "W", "normal", fan=(shape[0], shape[1]))
    else:
        added = context.leaf("encoding", "const", sinusoids(*shape), symbol="p")
    return context.use("add", x, added, part="a"), f"positional, {context.settings['encoding']}"


def attention(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Multi-head self-attention: every position looks at the others (only at earlier ones where causal)."""
    context.rank(x, AXES)
    samples, positions, features = x.shape
    heads = context.settings["heads"]
    if features % heads:
        raise context.fail("heads", f"{heads} heads do not divide {features} features")
    split = (samples, positions, heads, features // heads)

    def project(source: Node, part: str) -> Node:
        weight = context.parameter(f"{part}_weight", (features, features), "W", "xavier_uniform")
        if not context.settings["use_bias"]:
            return context.use("matmul", source, weight, part=part)
        bias = context.parameter(f"bias_{part}", (features,), "b", "zeros")
        return context.use("affine", source, weight, bias, part=part)

    def head(part: str) -> Node:
        parts = context.use("reshape", project(x, part), part=f"{part}_parts", shape=split)
        return context.use("transpose", parts, part=f"{part}_heads", axes=(0, 2, 1, 3))

    query, key, value = (head(part) for part in ("query", "key", "value"))
    causal, p = context.settings["causal"], context.settings["dropout"]
    drop: list[Node | float] = []
    if p:
        seen = (samples, heads, positions, positions)
        drop = [1.0, context.leaf("mask", "random", shape=seen, symbol="m", attributes={"p": p})]
    mixed = context.use(
        "scaled_dot_product_attention", query, key, value, *drop, part="attention", causal=causal, dropout=p
    )
    back = context.use("transpose", mixed, part="mixed", axes=(0, 2, 1, 3))
    joined = context.use("reshape", back, part="joined", shape=x.shape)
    return project(joined, "output"), f"attention, {heads} heads" + (", causal" if causal else "")


def inner(context: LayerContext, tables: Sequence[Mapping[str, object]], x: Node, prefix: str = "") -> Node:
    """Layers inside this one."""
    if context.name.count(".") >= MAX_DEPTH:
        raise context.fail("layers", f"layers are nested deeper than {MAX_DEPTH}")
    path = f"{context.table.path}.{prefix}"
    made = [Table(table, context.table.where, f"{path}layer{n}") for n, table in enumerate(tables, 1)]
    return context.making.stack(context.making, made, x, f"{context.name}.{prefix}")


def residual(context: LayerContext, x: Node) -> tuple[Node, str]:
    """x plus what the inner layers make of it, then the activation."""
    tables = context.settings["layers"]
    if not isinstance(tables, list) or not tables:
        raise context.fail("layers", "is not a list of tables", 'layers = [{kind = "dense", units = 8}]')
    made = inner(context, tables, x)
    if made.shape != x.shape:
        raise context.fail("layers", f"they make shape {made.shape} of {x.shape}", "a residual block keeps the shape")
    total = context.use("add", x, made, part="z")
    return context.activate(total), "residual"


def transformer(context: LayerContext, x: Node) -> tuple[Node, str]:
    """A transformer block: attention, then two dense layers, each after a layer_norm and inside a residual."""
    context.rank(x, AXES)
    features = x.shape[2]
    hidden = context.settings["hidden"] or 4 * features
    p = context.settings["dropout"]
    look = {"kind": "attention", **{key: context.settings[key] for key in ("heads", "causal", "dropout")}}
    word, attributes = context.settings["activation"]
    first = {"kind": "dense", "units": hidden, "activation": {"kind": word, **attributes}}
    second = {"kind": "dense", "units": features}
    norm, drop = {"kind": "layer_norm"}, [{"kind": "dropout", "p": p}] if p else []
    made = inner(
        context,
        [
            {"kind": "residual", "name": "attend", "layers": [norm, look, *drop]},
            {"kind": "residual", "name": "think", "layers": [norm, first, *drop, second, *drop]},
        ],
        x,
    )
    return made, f"transformer {features}, {context.settings['heads']} heads"


def pooled(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The mean over all positions, or over those that a sample has: (samples, features)."""
    context.rank(x, AXES)
    if (seen := there(context, x)) is not None:
        total = context.use("sum", emptied(context, x, seen), part="total", axis=1)
        count = context.use("sum", seen, part="count", axis=1, keepdims=True)
        return context.use("div", total, count, part="a"), "mean of the positions of each sample"
    return context.use("mean", x, part="a", axis=1), f"mean of {prod(x.shape[1:2])} positions"


KINDS: Mapping[str, Kind] = {
    "embedding": Kind(
        "a row of a trained table for each whole number",
        {
            "size": Key(integer(1), None, "size = 27: one more than the largest whole number", required=True),
            "units": Key(integer(1), None, "units = 8, for example", required=True),
            "padding_idx": Key(
                optional(integer(0)), None, "the whole number that stands for nothing: its row begins with 0, and stays"
            ),
            "weight": Key(any_value, None, "given numbers instead of drawn ones"),
            "init": INIT,
            "train": TRAIN,
        },
        embedding,
        whole=True,
    ),
    "embedding_bag": Kind(
        "the rows of a trained table for the whole numbers of a sample, as their mean, sum or largest",
        {
            "size": Key(integer(1), None, "size = 27: one more than the largest whole number", required=True),
            "units": Key(integer(1), None, "units = 8, for example", required=True),
            **settings_of("embedding_bag"),
            "weight": Key(any_value, None, "given numbers instead of drawn ones"),
            "init": INIT,
            "train": TRAIN,
        },
        embedding_bag,
        whole=True,
    ),
    "positional": Kind(
        "what tells positions apart is added",
        {
            "encoding": Key(one_of("sinusoidal", "learned"), "sinusoidal", "or learned: a trained table"),
            "init": INIT,
            "train": TRAIN,
        },
        positional,
    ),
    "attention": Kind(
        "multi-head self-attention",
        {
            "heads": HEADS,
            "causal": CAUSAL,
            "dropout": DROPOUT,
            "use_bias": Key(flag, True, "false leaves the biases out"),
            "init": INIT,
            "train": TRAIN,
        },
        attention,
    ),
    "residual": Kind(
        "x plus what inner layers make of it",
        {"layers": Key(any_value, None, "the inner layers", required=True), "activation": ACTIVATION},
        residual,
    ),
    "transformer": Kind(
        "a transformer block: attention and two dense layers, each after a layer_norm and inside a residual",
        {
            "heads": HEADS,
            "causal": CAUSAL,
            "dropout": DROPOUT,
            "hidden": Key(integer(1), None, "units between the dense layers (default: four times the features)"),
            "activation": Key(activation, ("gelu", {}), "between the dense layers"),
        },
        transformer,
    ),
    "mean_positions": Kind("the mean over all positions", {"lengths": LENGTHS}, pooled),
}
