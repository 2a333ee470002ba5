"""dense, flatten, dropout."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from bptui.model.base.schema import Key
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, integer, real
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
    if len(x.shape) < 2:
        raise context.fail("", f"its input has shape {shape_text(x.shape)}", "expected (samples, features)")
    word = context.settings["activation"][0]
    weight = context.parameter("weight", (x.shape[-1], units), "W", default_init(word), turns=True)
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
    if len(x.shape) < 2:
        raise context.fail("", f"its input has shape {shape_text(x.shape)}", "expected (samples, features)")
    size = x.shape[1] if context.settings["per_channel"] else 1
    weight = context.parameter("weight", (size,), "w", PRELU)
    return context.use("prelu", x, weight, part="a"), "prelu"


def dropout(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Each number is 0 with probability p, else divided by 1 - p. The mask is drawn anew at each training step."""
    p = context.settings["p"]
    mask = context.leaf("mask", "random", shape=x.shape, symbol="m", attributes={"p": p})
    return context.use("dropout", x, mask, part="a", p=p), f"dropout {p:g}"


KINDS: Mapping[str, Kind] = {
    "dense": Kind(
        "every input with every unit: z = x @ W + b, over the last axis",
        {
            "units": Key(integer(1), None, "units = 8, for example", required=True),
            "activation": ACTIVATION,
            "use_bias": Key(flag, True, "false leaves the bias out"),
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
    "dropout": Kind(
        "numbers are dropped at random, anew at each training step",
        {"p": Key(real(0, 1, open_high=True), 0.5, "how many are dropped")},
        dropout,
    ),
}
