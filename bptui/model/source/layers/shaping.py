"""Layers that move numbers: axes in another order, other shapes, edges put on and cut off, images made larger, one
vector at every position. Axes are counted without the samples: 1 is the one behind them, as Keras counts them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from bptui.model.base.numbers import significant
from bptui.model.base.schema import Key
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import choice, flag, integer, real, wholes
from bptui.model.source.layers.context import Kind, LayerContext, settings_of


def permute(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The axes behind the samples in another order."""
    axes = context.settings["axes"]
    if sorted(axes) != [*range(1, len(x.shape))]:
        right = f"each of 1 to {len(x.shape) - 1} once" if len(x.shape) > 1 else "an input of two axes or more"
        raise context.fail("axes", f"found {list(axes)}, of an input of shape {shape_text(x.shape)}", right)
    return context.use("transpose", x, part="a", axes=(0, *axes)), f"permute {', '.join(map(str, axes))}"


def reshape(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The numbers of each sample under another shape."""
    shape, count = context.settings["shape"], prod(x.shape[1:])
    known = prod(size for size in shape if size >= 0)
    if shape.count(-1) == 1 and known and count % known == 0:
        shape = tuple(count // known if size == -1 else size for size in shape)
    if prod(shape) != count or any(size < 0 for size in shape):
        right = f"sizes whose product is {count}; one may be -1"
        raise context.fail("shape", f"found {list(shape)} for the {count} numbers of a sample", right)
    return context.use("reshape", x, part="a", shape=(x.shape[0], *shape)), f"reshape {shape_text(shape)}"


def repeated(context: LayerContext, x: Node) -> tuple[Node, str]:
    """(samples, features) at each of some positions."""
    context.rank(x, "samples, features")
    samples, features = x.shape
    count = context.settings["positions"]
    one = context.use("reshape", x, part="one", shape=(samples, 1, features))
    return context.use("broadcast_to", one, part="a", shape=(samples, count, features)), f"{count} times"


def _sides(context: LayerContext, key: str, x: Node) -> list[tuple[int, int]]:
    """(before, after) of each of the last axes, those of samples and channels never."""
    pairs, most = context.settings[key], len(x.shape) - 2
    if len(pairs) > most:
        what = f"has {len(pairs)} pairs, and there are {most} axes behind samples and channels"
        raise context.fail(key, what, "a pair (before, after) for each of the last axes")
    return [(0, 0)] * (len(x.shape) - len(pairs)) + [*pairs]


def padded(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Numbers around the last axes."""
    width = tuple(_sides(context, "pad_width", x))
    more = context.settings_for("pad") | {"pad_width": width}
    return context.use("pad", x, part="a", **more), f"pad, {context.settings['mode']}"


def cropped(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The last axes without their ends."""
    sides = _sides(context, "crop_width", x)
    if any(before + after >= size for (before, after), size in zip(sides, x.shape, strict=True) if before + after):
        raise context.fail("crop_width", f"nothing is left of shape {shape_text(x.shape)}", "less than an axis has")
    kept = (f"{before}:{size - after}" if before or after else ":"
            for (before, after), size in zip(sides, x.shape, strict=True))  # fmt: skip
    return context.use("slice", x, part="a", index=f"[{', '.join(kept)}]"), "crop"


def upsample(context: LayerContext, x: Node) -> tuple[Node, str]:
    """Images so many times as large."""
    places, factor = len(x.shape) - 2, context.settings["factor"]
    if places < 1 or len(factor) not in (1, places):
        right = "one number, or one for each axis behind samples and channels"
        raise context.fail("factor", f"found {list(factor)} for an input of shape {shape_text(x.shape)}", right)
    each = factor * places if len(factor) == 1 else factor
    size = tuple(side * times for side, times in zip(x.shape[2:], each, strict=True))
    more = {key: context.settings[key] for key in ("mode", "align_corners")}
    word = f"upsample {'x'.join(map(str, factor))}, {more['mode']}"
    return context.use("interpolate", x, part="a", size=size, **more), word


def rescale(context: LayerContext, x: Node) -> tuple[Node, str]:
    """The same line for all numbers."""
    scale, offset = context.settings["scale"], context.settings["offset"]
    z = context.use("mul", x, scale, part="scaled", symbol="z")
    return (context.use("add", z, offset, part="a") if offset else z), f"{significant(scale)}·x + {significant(offset)}"


def _pairs(value: Any) -> tuple[tuple[int, int], ...]:
    """`[[1, 1], [0, 2]]`, one pair for each of the last axes."""
    if not isinstance(value, list | tuple) or not value or not all(isinstance(pair, list | tuple) for pair in value):
        raise ValueError("expected a list of pairs such as [[1, 1], [0, 2]]")
    found = [wholes(pair, 0) for pair in value]
    if any(len(pair) != 2 for pair in found):
        raise ValueError("expected pairs such as [1, 1]: before and after")
    return tuple((before, after) for before, after in found)


_SIDES = "a pair (before, after) for each of the last axes"
KINDS: Mapping[str, Kind] = {
    "permute": Kind(
        "the axes behind the samples in another order",
        {"axes": Key(lambda value: wholes(value, 1), None, "axes = [2, 1]: the second first", required=True)},
        permute,
    ),
    "reshape": Kind(
        "the numbers of each sample under another shape, in row-major order",
        {"shape": Key(lambda value: wholes(value, -1), None, "shape = [4, -1], without the samples", required=True)},
        reshape,
    ),
    "repeat_vector": Kind(
        "the features of a sample at each of some positions",
        {"positions": Key(integer(1), None, "positions = 5, for example", required=True)},
        repeated,
    ),
    "pad": Kind(
        "numbers around images and sequences",
        {**settings_of("pad"), "pad_width": Key(_pairs, None, f"pad_width = [[1, 1]]: {_SIDES}", required=True)},
        padded,
    ),
    "crop": Kind(
        "images and sequences without their ends",
        {"crop_width": Key(_pairs, None, f"crop_width = [[1, 1]]: {_SIDES}", required=True)},
        cropped,
    ),
    "upsample": Kind(
        "images and sequences so many times as large",
        {
            "factor": Key(lambda value: wholes(value, 1), None, "factor = 2, or one for each axis", required=True),
            "mode": Key(choice("nearest", "linear", "cubic"), "nearest", "nearest, linear or cubic"),
            "align_corners": Key(flag, False, "true: first lies upon first and last upon last"),
        },
        upsample,
    ),
    "rescale": Kind(
        "all numbers times one number, and one added",
        {"scale": Key(real(), 1.0, "scale = 0.5, for example"), "offset": Key(real(), 0.0, "what is added")},
        rescale,
    ),
}
