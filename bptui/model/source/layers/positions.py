"""Sequences (samples, positions, features): their axes, putting positions together, and where each sample ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bptui.model.base.schema import Key
from bptui.model.engine import unrolled
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag
from bptui.model.source.layers.context import LayerContext

AXES = "samples, positions, features"
LENGTHS = Key(
    flag, False, "true: each sample ends after as many positions as data.lengths says; nothing flows from what follows"
)


def joined(context: LayerContext, nodes: Sequence[Node], axis: int, part: str = "") -> Node:
    """Tensors of one shape along a new axis; the result may be called `part`."""
    made: Node = unrolled.joined(context.named, nodes, [node.label for node in nodes], axis, part)
    return made


def there(context: LayerContext, x: Node) -> Node | None:
    """(samples, positions) of x: 1 where a sample has a position, 0 after its end; None where nobody asks."""
    if not context.settings["lengths"]:
        return None
    making = context.making
    if making.lengths is None:
        raise context.fail(
            "lengths", "[data] has no lengths", "lengths = [3, 5, 2] there: how many positions each sample has"
        )
    samples, positions = x.shape[:2]
    if positions != making.positions:
        raise context.fail(
            "lengths",
            f"there are {positions} positions",
            f"{making.positions}, as data.inputs: lengths are those of the inputs",
        )
    column = context.use("reshape", making.lengths, part="lengths", symbol="n", shape=(samples, 1))
    places = context.leaf("places", "const", np.arange(positions, dtype=float), symbol="t")
    return context.use("greater", column, places, part="there")


def emptied(context: LayerContext, x: Node, there: Node) -> Node:
    """x with 0 after the end of each sample, whatever stands there: NaN, too."""
    seen = context.use("reshape", there, part="there_all", symbol="there", shape=(*there.shape, 1))
    return context.use("where", seen, x, 0.0, part="x_there", symbol="x")
