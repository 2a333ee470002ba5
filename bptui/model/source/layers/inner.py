"""Layers in layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bptui.model.base.schema import Table
from bptui.model.engine.graph import Node
from bptui.model.source.layers.context import LayerContext

MAX_DEPTH = 8


def inner(context: LayerContext, tables: Sequence[Mapping[str, object]], x: Node, prefix: str = "") -> Node:
    """Layers inside this one."""
    if context.name.count(".") >= MAX_DEPTH:
        raise context.fail("layers", f"layers are nested deeper than {MAX_DEPTH}")
    path = f"{context.table.path}.{prefix}"
    made = [Table(table, context.table.where, f"{path}layer{n}") for n, table in enumerate(tables, 1)]
    return context.making.stack(context.making, made, x, f"{context.name}.{prefix}")
