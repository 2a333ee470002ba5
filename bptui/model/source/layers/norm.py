"""Normalisations. Their weight starts at 1, their bias at 0."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bptui.model.base.schema import Key
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import flag, real
from bptui.model.source.layers.context import WEIGHTS, Kind, LayerContext, settings_of


def _norm(doc: str, op: str, axis: int, bias: bool = True) -> Kind:
    """A normalisation with one weight per entry of `axis`."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        context.rank(x, "samples, features", more=True)
        given = _scale(context, x.shape[axis], bias)
        return context.use(op, x, *given, part="a", **context.settings_for(op)), op

    return Kind(doc, {**settings_of(op), **(SCALED if bias else {"affine": AFFINE}), **WEIGHTS}, build)


def _scale(context: LayerContext, size: int, bias: bool = True) -> list[Node]:
    """The weight and the bias; none where the layer is not affine."""
    if not context.settings["affine"]:
        for part in context.given:
            raise context.fail(part, "is given, and the layer is not affine", "leave it out, or affine = true")
        return []
    given = [context.parameter("weight", (size,), "W", "ones")]
    if bias and context.settings["use_bias"]:
        given.append(context.parameter("bias", (size,), "b", "zeros"))
    return given


def batch_norm(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Over the batch, with running statistics that are carried from step to step (PyTorch's rule: the mean, and the
    variance with N - 1, by `momentum`). With training = false the running statistics are used, and stay."""
    context.rank(x, "samples, channels, …", more=True)
    size = x.shape[1]
    given = _scale(context, size)
    mean = context.leaf("running_mean", "state", np.zeros(size))
    variance = context.leaf("running_var", "state", np.ones(size))
    settings = context.settings_for("batch_norm")
    rest: tuple[float, ...] = (1.0, 0.0)[len(given) :]
    a = context.use("batch_norm", x, *given, *rest, mean, variance, part="a", **settings)
    return a, "batch_norm" if settings["training"] else "batch_norm, eval"


AFFINE = Key(flag, True, "false: neither scaled nor shifted, there is nothing to train")
SCALED = {"affine": AFFINE, "use_bias": Key(flag, True, "false: scaled, and not shifted")}


KINDS: Mapping[str, Kind] = {
    "batch_norm": Kind(
        "each channel over the batch",
        {
            **settings_of("batch_norm"),
            "momentum": Key(real(0, 1), 0.1, "how much of the running statistics is new at each training step"),
            **SCALED,
            **WEIGHTS,
        },
        batch_norm,
    ),
    "layer_norm": _norm("each sample over its last axis", "layer_norm", -1),
    "rms_norm": _norm("each sample by its root mean square", "rms_norm", -1, bias=False),
    "instance_norm": _norm("each channel of each sample", "instance_norm", 1),
    "group_norm": _norm("groups of channels of a sample", "group_norm", 1),
}
