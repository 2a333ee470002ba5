"""Sequences: inputs are (samples, positions) of whole numbers, then (samples, positions, features)."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.schema import Key, any_value, one_of
from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import integer, optional
from bptui.model.source.layers.context import ACTIVATION, GIVEN, INIT, TRAIN, Kind, LayerContext, settings_of
from bptui.model.source.layers.inner import inner
from bptui.model.source.layers.positions import AXES, LENGTHS, emptied, there


def embedding(context: LayerContext, x: Node) -> tuple[Node, str]:
    """A row of a table for each whole number."""
    size, units = context.settings["size"], context.settings["units"]
    padding = context.settings["padding_idx"]
    if padding is not None and padding >= size:
        raise context.fail("padding_idx", f"found {padding}", f"expected 0 to {size - 1}")
    table = context.parameter("weight", (size, units), "W", "normal", fan=(size, units), blank=padding)
    return context.use("embedding", table, x, part="a", **_lookup(context)), f"embedding {size} x {units}"


def embedding_bag(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The rows of a table for the whole numbers of a sample, put together."""
    size, units, mode = (context.settings[key] for key in ("size", "units", "mode"))
    table = context.parameter("weight", (size, units), "W", "normal", fan=(size, units))
    made = context.use("embedding_bag", table, x, part="a", mode=mode, **_lookup(context))
    return made, f"embedding_bag {size} x {units}, {mode}"


_HELD = ("max_norm", "norm_type")
"""Settings that a layer has not: PyTorch's writes into the trained table."""


def _lookup(context: LayerContext) -> dict[str, Any]:
    return {key: context.settings[key] for key in ("padding_idx", "scale_grad_by_freq")}


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


def positions(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Some of the positions, as a sequence of their own: of features, or of whole numbers before an embedding."""
    if not (x.whole and len(x.shape) == 2):
        context.rank(x, AXES)
    count, start = x.shape[1], context.settings["from"]
    end = count if context.settings["to"] is None else context.settings["to"]
    if not start < end <= count:
        raise context.fail("to", f"positions {start} to {end} of {count}", f"from < to, at most {count}")
    return context.use("slice", x, part="a", index=f"[:, {start}:{end}]"), f"positions {start} to {end}"


def pooled(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The mean over all positions, or over those that a sample has: (samples, features)."""
    context.rank(x, AXES)
    if (seen := there(context, x)) is not None:
        total = context.use("sum", emptied(context, x, seen), part="total", axis=1)
        count = context.use("sum", seen, part="count", axis=1, keepdims=True)
        return context.use("div", total, count, part="a"), "mean of the positions of each sample"
    return context.use("mean", x, part="a", axis=1), f"mean of {prod(x.shape[1:2])} positions"


_TABLE = {
    "size": Key(integer(1), None, "size = 27: one more than the largest whole number", required=True),
    "units": Key(integer(1), None, "units = 8, for example", required=True),
}
_WEIGHT = {"weight": GIVEN, "init": INIT, "train": TRAIN}
KINDS: Mapping[str, Kind] = {
    "embedding": Kind(
        "a row of a trained table for each whole number",
        {
            **_TABLE,
            "padding_idx": Key(
                optional(integer(0)), None, "the whole number that stands for nothing: its row begins with 0, and stays"
            ),
            **settings_of("embedding", "padding_idx", *_HELD),
            **_WEIGHT,
        },
        embedding,
        whole=True,
    ),
    "embedding_bag": Kind(
        "the rows of a trained table for the whole numbers of a sample, as their mean, sum or largest",
        {**_TABLE, **settings_of("embedding_bag", *_HELD), **_WEIGHT},
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
    "positions": Kind(
        "some of the positions",
        {
            "from": Key(integer(0), 0, "the first of them, counted from 0"),
            "to": Key(optional(integer(1)), None, "the one behind the last of them (default: all that follow)"),
        },
        positions,
    ),
    "residual": Kind(
        "x plus what inner layers make of it",
        {"layers": Key(any_value, None, "the inner layers", required=True), "activation": ACTIVATION},
        residual,
    ),
    "mean_positions": Kind("the mean over all positions", {"lengths": LENGTHS}, pooled),
}
