"""Normalisations. Their weight starts at 1, their bias at 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from bptui.model.base.schema import Key
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import real
from bptui.model.source.layers.context import WEIGHTS, Kind, LayerContext, settings_of


def _norm(op: str, axis: int, bias: bool = True) -> Callable[[LayerContext, Node], tuple[Node, str]]:
    """A builder of a normalisation with one weight per entry of `axis`."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        if len(x.shape) < 2:
            raise context.fail("", f"its input has shape {shape_text(x.shape)}", "expected (samples, features)")
        given = _scale(context, x.shape[axis], bias)
        settings = {key: context.settings[key] for key in settings_of(op)}
        return context.use(op, x, *given, part="a", **settings), op

    return build


def _scale(context: LayerContext, size: int, bias: bool = True) -> list[Node]:
    given = [context.parameter("weight", (size,), "W", "ones")]
    if bias:
        given.append(context.parameter("bias", (size,), "b", "zeros"))
    return given


def batch_norm(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Over the batch, with running statistics that are carried from step to step (PyTorch's rule: the mean, and the
    variance with N - 1, by `momentum`). With training = false the running statistics are used, and stay."""
    if len(x.shape) < 2:
        raise context.fail("", f"its input has shape {shape_text(x.shape)}", "expected (samples, channels, …)")
    size, training, eps = x.shape[1], context.settings["training"], context.settings["eps"]
    given = _scale(context, size)
    mean = context.leaf("running_mean", "state", np.zeros(size))
    variance = context.leaf("running_var", "state", np.ones(size))
    if not training:
        return context.use(
            "batch_norm", x, *given, mean, variance, part="a", training=False, eps=eps
        ), "batch_norm, eval"
    a = context.use("batch_norm", x, *given, part="a", eps=eps)
    count = x.shape[0] * prod(x.shape[2:])
    axes = tuple(axis for axis in range(len(x.shape)) if axis != 1)
    now = context.use("mean", x, part="batch_mean", axis=axes)
    spread = context.use("var", x, part="batch_var", axis=axes)
    unbiased = count / (count - 1) if count > 1 else 1.0
    momentum = context.settings["momentum"]
    for state, new, factor in ((mean, now, momentum), (variance, spread, momentum * unbiased)):
        kept = context.use("mul", state, 1 - momentum, part=f"{state.label}_kept")
        added = context.use("mul", new, factor, part=f"{state.label}_added")
        context.builder.carry(state, context.use("add", kept, added, part=f"{state.label}_next"))
    return a, "batch_norm"


KINDS: Mapping[str, Kind] = {
    "batch_norm": Kind(
        "each channel over the batch",
        {
            **settings_of("batch_norm"),
            "momentum": Key(real(0, 1), 0.1, "how much of the running statistics is new at each training step"),
            **WEIGHTS,
        },
        batch_norm,
    ),
    "layer_norm": Kind(
        "each sample over its last axis", {**settings_of("layer_norm"), **WEIGHTS}, _norm("layer_norm", -1)
    ),
    "rms_norm": Kind(
        "each sample by its root mean square", {**settings_of("rms_norm"), **WEIGHTS}, _norm("rms_norm", -1, bias=False)
    ),
    "instance_norm": Kind(
        "each channel of each sample", {**settings_of("instance_norm"), **WEIGHTS}, _norm("instance_norm", 1)
    ),
    "group_norm": Kind(
        "groups of channels of a sample", {**settings_of("group_norm"), **WEIGHTS}, _norm("group_norm", 1)
    ),
}
