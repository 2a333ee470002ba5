"""Penalties on weights, as operations of the loss: l2·Σw² and l1·Σ|w| for each weight, added to what the data cost.

The factors are Keras' (https://keras.io/api/layers/regularizers/): there is no ½ in front of l2, so that its gradient
is 2·l2·w. An optimizer's `weight_decay` is l2·w in the update, and no part of the loss: it is twice an `l2` of the same
size for plain SGD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bptui.model.base.schema import Key
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import optional, real

POWERS: Mapping[str, tuple[str, str]] = {"l1": ("abs", "abs"), "l2": ("square", "sq")}
"""What is summed over a weight, and what that is called."""
NETWORK: Mapping[str, Key] = {
    "l1": Key(real(0), 0.0, "times the sum of the sizes of all weights (no biases, no norms) is added to the loss"),
    "l2": Key(real(0), 0.0, "times the sum of the squares of all weights (no biases, no norms) is added to the loss"),
}
"""The keys of the [loss] table, for all layers."""
LAYER: Mapping[str, Key] = {
    "l1": Key(optional(real(0)), None, "the same for its weights alone, in the place of the network's: 0 is none"),
    "l2": Key(optional(real(0)), None, "the same for its weights alone, in the place of the network's: 0 is none"),
}
"""The keys of a layer."""


class Penalized(NamedTuple):
    """A weight with what its layer asks for (None: what the network asks for)."""

    weight: Node
    asked: Mapping[str, Any]


def penalty(builder: Builder, weights: Sequence[Penalized], network: Mapping[str, float], **where: Any) -> Node | None:
    """The sum of all penalties, or None where there are none. `where`: scope and column of its operations."""
    terms = [*_terms(builder, weights, network, where)]
    if not terms:
        return None
    total = terms[0]
    for count, term in enumerate(terms[1:], 2):
        name = "penalty" if count == len(terms) else f"penalty{count}"
        total = builder.use("add", total, term, name=name, symbol="R", **where)
    return total


def _terms(
    builder: Builder, weights: Sequence[Penalized], network: Mapping[str, float], where: Mapping[str, Any]
) -> Iterator[Node]:
    for weight, asked in weights:
        for key, (power, word) in POWERS.items():
            # a vector is the weight of a norm, or a slope: it is held small only where its own layer says so
            factor = network[key] if asked[key] is None and len(weight.shape) > 1 else asked[key]
            if not factor:
                continue
            each = builder.use(power, weight, name=f"{weight.name}.{word}", symbol="w", **where)
            summed = builder.use("sum", each, name=f"{weight.name}.sum_{word}", symbol="S", **where)
            yield builder.use("mul", summed, float(factor), name=f"{weight.name}.{key}", symbol="R", **where)
