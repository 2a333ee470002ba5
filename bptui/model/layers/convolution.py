"""Convolutions and pooling: inputs are (samples, channels, height, width), or (samples, channels, length)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bptui.model.graph import Node
from bptui.model.initializers import fans
from bptui.model.keys import Key
from bptui.model.layers.place import ACTIVATION, LINEAR, WEIGHTS, Kind, Place, default_init, settings_of
from bptui.model.ops.common import each_axis, flag, integer

AXES = {
    1: "samples, channels, length",
    2: "samples, channels, height, width",
    3: "samples, channels, depth, height, width",
}
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


def _pool(op: str, spatial: int) -> Callable[[Place, Node], tuple[Node, str]]:
    """A builder of pooling layers over `spatial` axes."""

    def build(place: Place, x: Node) -> tuple[Node, str]:
        place.rank(x, AXES[spatial])
        size = "x".join(map(str, place.settings.get("kernel_size") or place.settings["output_size"]))
        return place.use(op, x, part="a", **place.settings), f"{op} {size}"

    return build


def _global(op: str, name: str) -> Callable[[Place, Node], tuple[Node, str]]:
    """A builder of pools over all that a channel has: (samples, channels)."""

    def build(place: Place, x: Node) -> tuple[Node, str]:
        if len(x.shape) < 3:
            place.rank(x, AXES[2])
        return place.use(op, x, part="a", axis=tuple(range(2, len(x.shape)))), name

    return build


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


_WHERE = {1: "along a sequence", 2: "over an image", 3: "over a volume"}


def _pools(spatial: int) -> Mapping[str, Kind]:
    docs = {
        f"max_pool{spatial}d": "the largest number of each window",
        f"avg_pool{spatial}d": "the mean of each window",
        f"adaptive_avg_pool{spatial}d": "means over as many windows as output_size says",
    }
    return {op: Kind(f"{doc}, {_WHERE[spatial]}", settings_of(op), _pool(op, spatial)) for op, doc in docs.items()}


KINDS: Mapping[str, Kind] = {
    **{f"conv{n}d": _kind(f"a convolution {where}", f"conv{n}d", n) for n, where in _WHERE.items()},
    **{
        f"conv_transpose{n}d": _kind(f"a transposed convolution {where}", f"conv_transpose{n}d", n, transposed=True)
        for n, where in _WHERE.items()
    },
    **_pools(1),
    **_pools(2),
    **_pools(3),
    "global_avg_pool": Kind("the mean of each channel", {}, _global("mean", "global_avg_pool")),
    "global_max_pool": Kind("the largest number of each channel", {}, _global("max", "global_max_pool")),
}
