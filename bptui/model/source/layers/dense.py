"""dense, flatten, activation, prelu."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from bptui.model.base.schema import Key
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, integer
from bptui.model.source.layers.context import (
    ACTIVATION,
    GIVEN,
    INIT,
    LINEAR,
    TRAIN,
    WEIGHTS,
    Kind,
    LayerContext,
    default_init,
)
from bptui.model.source.layers.context import activation as activation_setting

PRELU = {"kind": "constant", "value": 0.25}
"""How the slope of prelu starts: He et al. 2015, section 2.1; PyTorch's, too."""


def dense(context: LayerContext, x: Node) -> tuple[Node, str]:
    """z = x @ W + b over the last axis, then the activation."""
    units = context.settings["units"]
    context.rank(x, "samples, features", more=True)
    word = context.settings["activation"][0]
    weight = context.parameter("weight", (x.shape[-1], units), "W", default_init(word), turns=True)
    if context.settings["weight_norm"]:
        assert weight.value is not None
        length = context.trained("length", np.sqrt(np.sum(weight.value**2, 0, keepdims=True)), "g")
        weight = context.use("weight_norm", weight, length, part="w", axis=1)
    if context.settings["use_bias"]:
        z = context.use("affine", x, weight, context.parameter("bias", (units,), "b", "zeros"), part="z")
    else:
        z = context.use("matmul", x, weight, part="z")
    return context.activate(z), f"dense {units}, {'linear' if word in LINEAR else word}"


def flatten(context: LayerContext, x: Node) -> tuple[Node, str]:
    """All axes but the first become one."""
    count = prod(x.shape[1:])
    return context.use("reshape", x, part="a", shape=(x.shape[0], count)), f"flatten {count}"


def activation(context: LayerContext, x: Node) -> tuple[Node, str]:
    """An activation by itself, after a normalisation for example."""
    name, attributes = context.settings["activation"]
    if name in LINEAR:
        raise context.fail("activation", f"'{name}' does nothing", "such as relu")
    return context.use(name, x, part="a", **attributes), name


def prelu(context: LayerContext, x: Node) -> tuple[Node, str]:
    """x where it is positive, else times a trained weight: one for all, or one for each channel (axis 1)."""
    context.rank(x, "samples, features", more=True)
    size = x.shape[1] if context.settings["per_channel"] else 1
    weight = context.parameter("weight", (size,), "w", PRELU)
    return context.use("prelu", x, weight, part="a"), "prelu"


KINDS: Mapping[str, Kind] = {
    "dense": Kind(
        "every input with every unit: z = x @ W + b, over the last axis",
        {
            "units": Key(integer(1), None, "units = 8, for example", required=True),
            "activation": ACTIVATION,
            "use_bias": Key(flag, True, "false leaves the bias out"),
            "weight_norm": Key(flag, False, "true: the weight is a direction, and a trained length for each unit"),
            **WEIGHTS,
        },
        dense,
    ),
    "flatten": Kind("all axes but the first become one", {}, flatten),
    "activation": Kind(
        "an activation by itself, after a normalisation for example",
        {"activation": Key(activation_setting, None, "relu, tanh, …, or a table {kind, its settings}", required=True)},
        activation,
    ),
    "prelu": Kind(
        "numbers below 0 are multiplied by a trained weight",
        {
            "per_channel": Key(flag, False, "true: a weight for each channel (axis 1), not one for all"),
            "init": INIT,
            "weight": GIVEN,
            "train": TRAIN,
        },
        prelu,
    ),
}
