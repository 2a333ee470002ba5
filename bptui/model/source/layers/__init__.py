"""Layers of network files: one row per kind, with its keys and how it is built of operations.

The names of what a layer makes start with its own: `layer1.weight`, `layer1.z`, `layer1.a`. Adding a kind is adding a
row to a family's file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Key, Table, one_of, text
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Layer, Node
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.source.layers import convolution, dense, norm, plain, recurrent, sequence, shaping, transformers
from bptui.model.source.layers.context import GIVEN, LAYOUTS, Kind, LayerContext, Making, activations
from bptui.model.source.layers.penalty import LAYER, Penalized

__all__ = ["KINDS", "activations", "build", "loss_kinds"]

RESERVED = ("x", "y", "loss", "prediction")


_KINDS = {
    **dense.KINDS, **plain.KINDS, **convolution.KINDS, **norm.KINDS, **sequence.KINDS, **transformers.KINDS,
    **recurrent.KINDS, **shaping.KINDS,
}  # fmt: skip
KINDS: Mapping[str, Kind] = {
    name: replace(row, keys={**row.keys, **LAYER}) if "train" in row.keys else row for name, row in _KINDS.items()
}
"""The kinds of layers, by the word of the key `kind`; what has parameters may have penalties on them."""


class Built(NamedTuple):
    """All layers: the prediction, a summary of each, what is to be said of how given weights were taken, and the
    weights on which there may be a penalty."""

    prediction: Node
    summaries: Sequence[Layer]
    notes: Sequence[str]
    weights: Sequence[Penalized]


def build(
    builder: Builder, tables: Sequence[Table], x: Node, seed: int, layout: str = LAYOUTS[0], lengths: Node | None = None
) -> Built:
    """All layers, one after the other. layout: one of LAYOUTS, that of given weights; lengths: how many positions each
    sample of x has, None: all."""
    positions = x.shape[1] if len(x.shape) > 1 else 0
    making = Making(builder, seed, stack, layout, results={"x": x}, lengths=lengths, positions=positions)
    prediction = stack(making, tables, x, "")
    return Built(prediction, making.layers, making.notes, making.weights)


def stack(making: Making, tables: Sequence[Table], x: Node, prefix: str) -> Node:
    """Layers one after the other; `prefix` is the name of the layer that they are in, with a dot."""
    for number, table in enumerate(tables, 1):
        row = kind_of_layer(table)
        name = prefix + table.get("name", Key(_name, f"layer{number}"))
        settings = table.read(row.keys, also=("kind", "name", "input"))
        if any(layer.name == name for layer in making.layers) or name in RESERVED:
            raise UserError(table.at("name"), f"'{name}' is taken", "every layer has a name of its own")
        making.number += 1
        given = [part for part, key in row.keys.items() if key is GIVEN and settings[part] is not None]
        context = LayerContext(making, table, name, making.number, settings, given)
        context.check_activation()
        if "input" in table:
            x = context.earlier("input", table.get("input", Key(text)))
        at = len(making.layers)
        x, summary = row.build(context, x)
        context.check_trained()
        making.results[name] = x
        making.layers.insert(at, Layer(name, summary))
    return x


def kind_of_layer(table: Table) -> Kind:
    """The row of a layer's table."""
    return KINDS[table.get("kind", Key(one_of(*KINDS), None, "one of " + ", ".join(KINDS), required=True))]


def reads_whole_numbers(tables: Sequence[Table]) -> bool:
    """Are the inputs of a network whole numbers? Its first layer says so, or the one behind some of the positions."""
    kinds = [kind_of_layer(table) for table in tables]
    return next((row.whole for row in kinds if row is not KINDS["positions"]), False)


def _name(value: Any) -> str:
    """A name that can stand before a dot."""
    word = text(value)
    if not word.isidentifier() or len(word) > 30:
        raise ValueError(f"'{word[:40]}' is not a name such as hidden or layer1")
    return word


def loss_kinds() -> Mapping[str, Op | Composite]:
    """Every operation that compares a prediction with a target, perhaps weighted."""
    return {name: ops.get(name) for name in ops.comparing()}
