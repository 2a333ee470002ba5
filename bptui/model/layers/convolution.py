"""Convolutions and pooling: inputs are (samples, channels, height, width), or (samples, channels, length)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bptui.model.graph import Node
from bptui.model.initializers import fans
from bptui.model.keys import Key
from bptui.model.layers.place import ACTIVATION, LINEAR, WEIGHTS, Kind, Place, default_init, settings_of
from bptui.model.ops.common import each_axis, flag, integer

AXES = {1: "samples, channels, length", 2: "samples, channels, height, width"}
SETTINGS = ("stride", "padding", "dilation", "groups", "output_padding")


def _convolution(op: str, spatial: int, transposed: bool = False) -> Callable[[Place, Node], tuple[Node, str]]:
    """A builder of convolutions over `spatial` axes; a transposed one has its weight as (in, out, *kernel)."""

    def build(place: Place, x: Node) -> tuple[Node, str]:
        place.rank(x, AXES[spatial])
        channels, kernel = place.settings["channels"], place.settings["kernel_size"]
        groups, inputs = place.settings["groups"], x.shape[1]
        if inputs % groups or channels % groups:
            raise place.fail("groups", f"{groups} groups do not divide {inputs} input and {channels} output channels")
        word = place.settings["activation"][0]
        shape = (inputs, channels // groups, *kernel) if transposed else (channels, inputs // groups, *kernel)
        given = [place.parameter("weight", shape, "W", default_init(word), fan=fans(shape, inputs_first=transposed))]
        if place.settings["use_bias"]:
            given.append(place.parameter("bias", (channels,), "b", "zeros"))
        settings = {key: place.settings[key] for key in SETTINGS if key in place.settings}
        z = place.use(op, x, *given, part="z", **settings)
        size = "x".join(map(str, kernel))
        return place.activate(z), f"{op} {channels}, {size}" + ("" if word in LINEAR else f", {word}")

    return build


def _pool(op: str) -> Callable[[Place, Node], tuple[Node, str]]:
    """A builder of pooling layers."""

    def build(place: Place, x: Node) -> tuple[Node, str]:
        place.rank(x, AXES[2])
        size = "x".join(map(str, place.settings["kernel_size"]))
        return place.use(op, x, part="a", **place.settings), f"{op} {size}"

    return build


def global_avg_pool(place: Place, x: Node) -> tuple[Node, str]:
    """The mean of each channel: (samples, channels)."""
    if len(x.shape) < 3:
        place.rank(x, AXES[2])
    return place.use("mean", x, part="a", axis=tuple(range(2, len(x.shape)))), "global_avg_pool"


def _kind(doc: str, op: str, spatial: int, transposed: bool = False) -> Kind:
    keys = {
        "channels": Key(integer(1), None, "channels = 6, for example", required=True),
        "kernel_size": Key(each_axis(spatial, 1), None, "kernel_size = 3, for example", required=True),
        "activation": ACTIVATION,
        "use_bias": Key(flag, True, "false leaves the bias out"),
        **settings_of(op),
        **WEIGHTS,
    }
    return Kind(doc, keys, _convolution(op, spatial, transposed))


KINDS: Mapping[str, Kind] = {
    "conv1d": _kind("a convolution along a sequence", "conv1d", 1),
    "conv2d": _kind("a convolution over an image", "conv2d", 2),
    "conv_transpose2d": _kind("a transposed convolution over an image", "conv_transpose2d", 2, transposed=True),
    "max_pool2d": Kind("the largest number of each window", settings_of("max_pool2d"), _pool("max_pool2d")),
    "avg_pool2d": Kind("the mean of each window", settings_of("avg_pool2d"), _pool("avg_pool2d")),
    "global_avg_pool": Kind("the mean of each channel", {}, global_avg_pool),
}
