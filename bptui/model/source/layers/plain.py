"""Layers without parameters: dropouts by element and by channel, gated units, images at another size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bptui.model.base.numbers import significant
from bptui.model.base.schema import Key
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import real
from bptui.model.engine.ops.dropped import SPATIAL_OF
from bptui.model.engine.ops.gates import GATES
from bptui.model.source.layers.context import Kind, LayerContext, settings_of

Build = Callable[[LayerContext, Node], tuple[Node, str]]
P = {"p": Key(real(0, 1, open_high=True), 0.5, "how many are dropped")}


def _dropout(op: str) -> Build:
    """A mask is drawn anew at each training step: for each number, or for each channel."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        p, spatial = context.settings["p"], SPATIAL_OF.get(op, ())
        if spatial and len(x.shape) - 2 not in spatial:
            axes = " or ".join(str(n + 2) for n in spatial)
            raise context.fail("", f"its input has {len(x.shape)} axes", f"expected {axes}: samples, channels, …")
        shape = x.shape[:2] if spatial else x.shape
        mask = context.mask("mask", shape, p)
        return context.use(op, x, mask, part="a", p=p), f"{op} {significant(p)}"

    return build


def _plain(op: str) -> Build:
    """One use of an operation, which says what does not fit."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        return context.use(op, x, part="a", **context.settings_for(op)), op

    return build


_DROPOUTS = {
    "dropout": "numbers are dropped at random, anew at each training step",
    "dropout1d": "channels of a sequence are dropped at random, anew at each training step",
    "dropout2d": "channels of an image are dropped at random, anew at each training step",
    "dropout3d": "channels of a volume are dropped at random, anew at each training step",
    "alpha_dropout": "numbers are put to what selu ends at, so that mean and variance stay",
    "feature_alpha_dropout": "the same of whole channels",
}

_PLAIN = {
    "glu": "the first half of the features times the sigmoid of the second",
    **{op: f"the first half of the features times {told}" for op, (_, told, _) in GATES.items()},
    "interpolate": "images at another size: nearest, linear or cubic",
    "pixel_shuffle": "channels become pixels of a larger image",
    "pixel_unshuffle": "pixels become channels of a smaller image",
    "local_response_norm": "each number divided by a power of what is at its place in the channels beside",
}

KINDS: Mapping[str, Kind] = {
    **{op: Kind(doc, P, _dropout(op)) for op, doc in _DROPOUTS.items()},
    **{op: Kind(doc, settings_of(op), _plain(op)) for op, doc in _PLAIN.items()},
}
