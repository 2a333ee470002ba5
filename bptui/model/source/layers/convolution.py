"""Convolutions and pooling: inputs are (samples, channels, height, width), or (samples, channels, length)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bptui.model.base.schema import Key
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.common import each_axis, flag, integer
from bptui.model.source.initializers import fans
from bptui.model.source.layers.context import ACTIVATION, LINEAR, WEIGHTS, Kind, LayerContext, default_init, settings_of

AXES = {
    1: "samples, channels, length",
    2: "samples, channels, height, width",
    3: "samples, channels, depth, height, width",
}
SETTINGS = ("stride", "padding", "dilation", "groups", "output_padding")


def _convolution(op: str, spatial: int, transposed: bool = False) -> Callable[[LayerContext, Node], tuple[Node, str]]:
    """A builder of convolutions over `spatial` axes; a transposed one has its weight as (in, out, *kernel). Where it
    has a multiplier in the place of channels, each input channel is a group, and makes so many."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        context.rank(x, AXES[spatial])
        kernel, inputs = context.settings["kernel_size"], x.shape[1]
        if each := context.settings.get("multiplier"):
            channels, groups = inputs * each, inputs
        else:
            channels, groups = context.settings["channels"], context.settings["groups"]
        if inputs % groups or channels % groups:
            raise context.fail("groups", f"{groups} groups do not divide {inputs} input and {channels} output channels")
        word = context.settings["activation"][0]
        shape = (inputs, channels // groups, *kernel) if transposed else (channels, inputs // groups, *kernel)
        given = [context.parameter("weight", shape, "W", default_init(word), fan=fans(shape, inputs_first=transposed))]
        if context.settings["use_bias"]:
            given.append(context.parameter("bias", (channels,), "b", "zeros"))
        settings = {**{key: context.settings[key] for key in SETTINGS if key in context.settings}, "groups": groups}
        z = context.use(op, x, *given, part="z", **settings)
        size = "x".join(map(str, kernel))
        told = f"{'depthwise ' * bool(each)}{op} {channels}, {size}"
        return context.activate(z), told + ("" if word in LINEAR else f", {word}")

    return build


def _pool(op: str, spatial: int) -> Callable[[LayerContext, Node], tuple[Node, str]]:
    """A builder of pooling layers over `spatial` axes."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        context.rank(x, AXES[spatial])
        size = "x".join(map(str, context.settings.get("kernel_size") or context.settings["output_size"]))
        return context.use(op, x, part="a", **context.settings), f"{op} {size}"

    return build


def _global(op: str, name: str) -> Callable[[LayerContext, Node], tuple[Node, str]]:
    """A builder of pools over all that a channel has: (samples, channels)."""

    def build(context: LayerContext, x: Node) -> tuple[Node, str]:
        if len(x.shape) < 3:
            context.rank(x, AXES[2])
        return context.use(op, x, part="a", axis=tuple(range(2, len(x.shape)))), name

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


def _depthwise(op: str, spatial: int) -> Kind:
    doc = f"a convolution of each channel by itself, {_WHERE[spatial]}"
    row = _kind(doc, op, spatial)
    how_many = Key(integer(1), 1, "how many channels each input channel becomes")
    keys = {key: item for key, item in row.keys.items() if key not in ("channels", "groups")}
    return Kind(doc, {"multiplier": how_many, **keys}, row.build)


_WHERE = {1: "along a sequence", 2: "over an image", 3: "over a volume"}


def _pools(spatial: int) -> Mapping[str, Kind]:
    docs = {
        f"max_pool{spatial}d": "the largest number of each window",
        f"avg_pool{spatial}d": "the mean of each window",
        f"adaptive_avg_pool{spatial}d": "means over as many windows as output_size says",
        f"adaptive_max_pool{spatial}d": "the largest of as many windows as output_size says",
        f"lp_pool{spatial}d": "the p-th root of the sum of p-th powers of each window",
    }
    return {op: Kind(f"{doc}, {_WHERE[spatial]}", settings_of(op), _pool(op, spatial)) for op, doc in docs.items()}


KINDS: Mapping[str, Kind] = {
    **{f"conv{n}d": _kind(f"a convolution {where}", f"conv{n}d", n) for n, where in _WHERE.items()},
    **{
        f"conv_transpose{n}d": _kind(f"a transposed convolution {where}", f"conv_transpose{n}d", n, transposed=True)
        for n, where in _WHERE.items()
    },
    **{f"depthwise_conv{n}d": _depthwise(f"conv{n}d", n) for n in _WHERE},
    **{op: row for n in _WHERE for op, row in _pools(n).items()},
    "global_avg_pool": Kind("the mean of each channel", {}, _global("mean", "global_avg_pool")),
    "global_max_pool": Kind("the largest number of each channel", {}, _global("max", "global_max_pool")),
}
