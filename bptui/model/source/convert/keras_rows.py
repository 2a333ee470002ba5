"""Keras' layers as tables of [[layers]]: a row each, with its arguments in Keras' order (https://keras.io/api/layers/)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bptui.model.base.printable import one_line
from bptui.model.source.convert.piece import Build, Piece, Row, Unknown, differs, kept, layer
from bptui.model.source.convert.shapes import each

INITS: Mapping[str, str] = {
    "glorotuniform": "xavier_uniform", "glorotnormal": "xavier_normal", "heuniform": "he_uniform",
    "henormal": "he_normal", "lecununiform": "lecun_uniform", "lecunnormal": "lecun_normal", "zeros": "zeros",
    "ones": "ones",
}  # fmt: skip
ACTIVATIONS: Mapping[str, str] = {
    "swish": "silu", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish", "hard_silu": "hardswish",
    "log_sigmoid": "log_sigmoid", "tanh_shrink": "tanhshrink",
}  # fmt: skip
Tables = Sequence[Mapping[str, Any]]
SAME = ("linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "log_softmax", "elu", "selu", "silu", "softplus",
        "softsign", "exponential", "mish", "celu", "gelu")  # fmt: skip


def class_of(found: Any) -> Any:
    """The name of an object of a configuration: `{"class_name": "GlorotUniform", …}`, or a text."""
    return found.get("class_name") if isinstance(found, Mapping) else found


def _activation(found: Any) -> Any:
    """An activation by its name here; None for none."""
    word = class_of(found)
    if word is None or word == "linear":
        return None
    name = ACTIVATIONS.get(str(word), str(word))
    if name not in ("leaky_relu", *SAME, *ACTIVATIONS.values()):
        raise Unknown(f"the activation {one_line(str(word), 40)} is not known")
    if name == "leaky_relu":
        return {"kind": name, "negative_slope": 0.2}
    return "exp" if name == "exponential" else name


def _init(a: Mapping[str, Any]) -> Any:
    found = a.get("kernel_initializer", "glorot_uniform")
    name = str(class_of(found)).replace("_", "").lower()
    config = found.get("config", {}) if isinstance(found, Mapping) else {}
    if name in ("randomnormal", "randomuniform"):
        kind, keys = ("normal", {"mean": "mean", "stddev": "std"}) if name == "randomnormal" else (
            "uniform", {"minval": "low", "maxval": "high"})  # fmt: skip
        return {"kind": kind, **{own: config[key] for key, own in keys.items() if isinstance(config.get(key), float)}}
    return INITS.get(name, "xavier_uniform")


def _penalty(a: Mapping[str, Any]) -> dict[str, Any]:
    """l1 and l2 of a kernel: Keras adds l1·Σ|w| + l2·Σw² to the loss."""
    found = a.get("kernel_regularizer")
    if found is None:
        return {}
    config = found.get("config", {}) if isinstance(found, Mapping) else {}
    kept = {key: float(config[key]) for key in ("l1", "l2") if isinstance(config.get(key), int | float) and config[key]}
    if not kept:
        raise Unknown(f"its kernel_regularizer {one_line(str(class_of(found)), 30)} is not known")
    return kept


def _common(a: Mapping[str, Any]) -> dict[str, Any]:
    return {"activation": _activation(a.get("activation")), **kept(a, use_bias=True), "init": _init(a), **_penalty(a)}


def _dense(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("dense", units=a["units"], **_common(a))


def _padding(a: Mapping[str, Any], window: Any, axes: int) -> tuple[Tables, Any]:
    """What stands before a convolution, and its padding. `valid` is 0; `same` is said alike (where windows are left
    out, keras_axes has the sizes for it); `causal` has all of it before the sequence."""
    how = a.get("padding", "valid")
    if how == "valid":
        return [], None
    if how == "causal" and axes == 1:
        (size,), (dilation,) = each(window, 1), each(a.get("dilation_rate", 1), 1)
        return [layer("pad", pad_width=[[dilation * (size - 1), 0]])], None
    if how != "same":
        raise Unknown(f"padding {one_line(str(how), 20)} is not known")
    return [], "same"


def _sides(key: str, axes: int, a: Mapping[str, Any]) -> list[list[int]]:
    """ZeroPadding2D's `1`, `(1, 2)` or `((1, 1), (2, 0))` as pairs; of one axis `(1, 2)` is a pair."""
    found = a.get(key, 1)
    if axes == 1 and isinstance(found, list | tuple):
        return [list(found)]
    return [list(side) if isinstance(side, list | tuple) else [side, side] for side in each(found, axes)]


TURN: Mapping[str, Any] = {"kind": "permute", "axes": [2, 1]}
"""Sequences are (samples, positions, features) in Keras and here; convolutions and pools along them, and what is done
to their channels, read (samples, channels, positions) here."""


def _along(axes: int, a: Mapping[str, Any], made: Tables) -> Tables:
    """Layers that have the channels before the places: of a sequence, between two that turn it."""
    if a.get("data_format") == "channels_first":
        raise Unknown("data_format channels_first is not converted")
    softmax = [table for table in made if table.get("activation") in ("softmax", "log_softmax")]
    if softmax:  # Keras takes it over the channels, which are last there
        *before, last = made
        activation = {"kind": last["activation"], "axis": 1}
        made = [*before, {**last, "activation": activation}]
    return [TURN, *made, TURN] if axes == 1 else made


def _window(a: Mapping[str, Any], padding: Any) -> dict[str, Any]:
    """The settings of a convolution over places."""
    return {"kernel_size": differs(a["kernel_size"], None), "stride": differs(a.get("strides", 1), 1),
            "padding": padding, "dilation": differs(a.get("dilation_rate", 1), 1)}  # fmt: skip


def _conv(kind: str) -> Build:
    axes = int(kind[-2])

    def build(a: Mapping[str, Any]) -> Tables:
        before, padding = _padding(a, a["kernel_size"], axes)
        return _along(axes, a, [*before, layer(
            kind, channels=a["filters"], **_window(a, padding), **kept(a, groups=1), **_common(a),
        )])  # fmt: skip

    return build


def _kernel(a: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    """The settings of one of several kernels as those of the only one."""
    said = {f"kernel_{key}": a.get(f"{which}_{key}") for key in ("initializer", "regularizer")}
    return {**a, **{key: item for key, item in said.items() if item is not None}}


def _depthwise(axes: int, separable: bool) -> Build:
    """Each channel by itself; of a separable convolution then a convolution of one place, which mixes them."""

    def build(a: Mapping[str, Any]) -> Tables:
        before, padding = _padding(a, a["kernel_size"], axes)
        multiplier = differs(a.get("depth_multiplier", 1), 1)
        first = layer(f"depthwise_conv{axes}d", multiplier=multiplier, **_window(a, padding))
        depthwise = _common(_kernel(a, "depthwise"))
        if not separable:
            return _along(axes, a, [*before, layer(**first, **depthwise)])
        first |= {"use_bias": False, "init": depthwise["init"]}
        second = layer(f"conv{axes}d", channels=a["filters"], kernel_size=1, **_common(_kernel(a, "pointwise")))
        return _along(axes, a, [*before, first, second])

    return build


def _transposed(axes: int) -> Build:
    def build(a: Mapping[str, Any]) -> Tables:
        sizes, strides = each(a["kernel_size"], axes), each(a.get("strides", 1), axes)
        if a.get("padding", "valid") != "valid" or any(
            size < stride for size, stride in zip(sizes, strides, strict=True)
        ):
            raise Unknown("padding same, or strides over the kernel_size, are not known")
        if a.get("output_padding") is not None or differs(a.get("dilation_rate", 1), 1) is not None:
            raise Unknown("output_padding or dilation_rate is not known")
        return _along(axes, a, [layer(f"conv_transpose{axes}d", channels=a["filters"], stride=differs(strides, 1),
                                      kernel_size=differs(sizes, None), **_common(a))])  # fmt: skip

    return build


def _pool(kind: str) -> Build:
    axes = int(kind[-2])

    def build(a: Mapping[str, Any]) -> Tables:
        same = a.get("padding", "valid") != "valid"
        if same and not kind.startswith("max"):
            raise Unknown("padding same is not known")
        size = differs(a.get("pool_size", 2), None)
        stride = differs(a.get("strides"), size)
        return _along(axes, a, [layer(kind, kernel_size=size, stride=stride, padding="same" if same else None)])

    return build


def _global(kind: str, *before: Mapping[str, Any]) -> Build:
    """Over all places."""

    def build(a: Mapping[str, Any]) -> Tables:
        if a.get("keepdims") or a.get("data_format") == "channels_first":
            raise Unknown("keepdims or channels_first is not known")
        return [*before, layer(kind)]

    return build


def _places(axes: int, kind: str, **settings: Callable[[Mapping[str, Any]], Any]) -> Build:
    """A layer over places that has no weights."""
    return lambda a: _along(axes, a, [layer(kind, **{key: read(a) for key, read in settings.items()})])


def _upsample(axes: int) -> Build:
    def build(a: Mapping[str, Any]) -> Tables:
        how = {"nearest": None, "bilinear": "linear", "bicubic": "cubic"}
        word = a.get("interpolation", "nearest")
        if word not in how:
            raise Unknown(f"interpolation {one_line(str(word), 20)} is not known")
        return _along(axes, a, [layer("upsample", factor=differs(a.get("size", 2), None), mode=how[word])])

    return build


def _reshape(a: Mapping[str, Any]) -> Tables:
    """What has three axes or more are images, whose channels stand last there."""
    shape = [*each(a["target_shape"], 1)]
    return [layer("reshape", shape=shape), *([first_channels(len(shape))] if len(shape) > 2 else [])]


def first_channels(axes: int) -> Mapping[str, Any]:
    """(height, width, channels) as (channels, height, width)."""
    return layer("permute", axes=[axes, *range(1, axes)])


def last_channels(axes: int) -> Mapping[str, Any]:
    """(channels, height, width) as (height, width, channels)."""
    return layer("permute", axes=[*range(2, axes + 1), 1])


def _permute(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(a["dims"]) > 2:
        raise Unknown("of the axes of images is not known")
    return layer("permute", axes=list(a["dims"]))


def _prelu(a: Mapping[str, Any]) -> Mapping[str, Any]:
    """A slope for each channel; Keras has one for each number unless it shares them over the places."""
    return layer("prelu", per_channel=True, init=_init({"kernel_initializer": a.get("alpha_initializer", "zeros")}))


def _embedding(a: Mapping[str, Any]) -> Mapping[str, Any]:
    made = layer("embedding", size=a["input_dim"], units=a["output_dim"],
                 init={"kind": "uniform", "low": -0.05, "high": 0.05})  # fmt: skip
    if a.get("mask_zero"):
        raise Unknown("mask_zero is not known: here zeros are read as any number; data.lengths says where samples end",
                      made)  # fmt: skip
    return made


def _group_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if a.get("axis", -1) not in (-1, [-1]) or a.get("groups", 32) < 1:
        raise Unknown("an axis but the last, or a group for each channel, is not known")
    return layer("group_norm", groups=a.get("groups", 32), eps=differs(a.get("epsilon", 1e-3), 1e-5), **_scaled(a))


def _batch_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("batch_norm", eps=differs(a.get("epsilon", 1e-3), 1e-5),
                 momentum=differs(round(1 - a.get("momentum", 0.99), 12), 0.1), **_scaled(a))  # fmt: skip


def _scaled(a: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a normalisation has a weight and a bias."""
    scale, center = a.get("scale", True), a.get("center", True)
    if center and not scale:
        raise Unknown("center without scale is not known")
    return {"affine": differs(scale, True), "use_bias": differs(center, True) if scale else None}


def _layer_norm(kind: str) -> Build:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        if a.get("axis", -1) not in (-1, [-1]):
            raise Unknown("an axis but the last is not known")
        if kind == "rms_norm":
            return layer(kind, eps=differs(a.get("epsilon", 1e-6), 1e-6))
        return layer(kind, eps=differs(a.get("epsilon", 1e-3), 1e-5), **_scaled(a))

    return build


def _recurrent(kind: str) -> Build:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        odd = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True, "go_backwards": False,
               "stateful": False, "recurrent_dropout": 0, "dropout": 0}  # fmt: skip
        if kind == "rnn" and a.get("activation") == "relu":
            del odd["activation"]
        for key, default in odd.items():
            if key in a and class_of(a[key]) != default:
                raise Unknown(f"{key} = {one_line(str(class_of(a[key])), 30)} is not known")
        sequence = differs(a.get("return_sequences", False), False)
        return layer(kind, units=a["units"], sequence=sequence,
                     nonlinearity="relu" if a.get("activation") == "relu" else None)  # fmt: skip

    return build


PLACEWISE = ("Dense", "Activation", "Dropout", "LayerNormalization", "RMSNormalization", "ReLU", "LeakyReLU", "ELU",
             "Softmax")  # fmt: skip
"""Layers that do the same at each position, without being told to."""


def _wrapped(a: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """TimeDistributed(Dense): a dense layer is over the last axis anyway."""
    inner = a["layer"]
    if class_of(inner) not in PLACEWISE:
        raise Unknown(f"around {one_line(str(class_of(inner)), 30)} it is not known")
    return piece_of(inner).layers


def _bidirectional(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if a.get("merge_mode", "concat") != "concat":
        raise Unknown("a merge_mode but concat is not known")
    piece = piece_of(a["layer"])
    if piece.why or len(piece.layers) != 1 or piece.layers[0]["kind"] not in ("rnn", "lstm", "gru"):
        raise Unknown(piece.why or "around that layer it is not known")
    return {**piece.layers[0], "bidirectional": True}


def piece_of(config: Mapping[str, Any]) -> Piece:
    """The piece of `{"class_name": "Dense", "config": {…}}`."""
    kind, settings = str(config.get("class_name"))[:60], config.get("config", {})
    if kind not in LAYERS or not isinstance(settings, Mapping):
        return Piece(kind, why="is no kind of layer here")
    return LAYERS[kind].piece(kind, str(settings.get("name", ""))[:60], (), settings)


def _slope(kind: str, key: str, default: float) -> Build:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        here = {"leaky_relu": ("negative_slope", 0.01), "elu": ("alpha", 1.0)}[kind]
        slope = a.get(key, a.get("alpha", default))
        return layer("activation", activation={"kind": kind, here[0]: slope} if slope != here[1] else kind)

    return build


def _relu(a: Mapping[str, Any]) -> Mapping[str, Any]:
    most, slope, threshold = a.get("max_value"), a.get("negative_slope", 0), a.get("threshold", 0)
    if threshold or slope or most not in (None, 6):
        raise Unknown("only max_value 6, without slope and threshold, is known")
    return layer("activation", activation="relu6" if most else "relu")


def _as_activation(a: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    word = _activation(a["activation"])
    return [layer("activation", activation=word)] if word else []


_DENSE = ("units", "activation", "use_bias")
_CONV = ("filters", "kernel_size", "strides", "padding")
_POOL = ("pool_size", "strides", "padding")
_AXES = (1, 2, 3)
LAYERS: Mapping[str, Row] = {
    "Dense": Row(_DENSE, _dense),
    **{f"{word}{n}D": Row(_CONV, _conv(f"conv{n}d")) for n in _AXES for word in ("Conv", "Convolution")},
    **{f"SeparableConv{n}D": Row(_CONV, _depthwise(n, True)) for n in (1, 2)},
    **{f"DepthwiseConv{n}D": Row(_CONV[1:], _depthwise(n, False)) for n in (1, 2)},
    **{f"Conv{n}DTranspose": Row(_CONV, _transposed(n)) for n in _AXES},
    **{f"{word}{n}D": Row(_POOL, _pool(f"{kind}_pool{n}d")) for n in _AXES for word, kind in (
        ("MaxPooling", "max"), ("MaxPool", "max"), ("AveragePooling", "avg"), ("AvgPool", "avg"))},
    **{f"{word}1D": Row((), _global("mean_positions")) for word in ("GlobalAveragePooling", "GlobalAvgPool")},
    **{f"{word}{n}D": Row((), _global("global_avg_pool")) for n in (2, 3)
       for word in ("GlobalAveragePooling", "GlobalAvgPool")},
    **{f"{word}{n}D": Row((), _global("global_max_pool", *([TURN] if n == 1 else []))) for n in _AXES
       for word in ("GlobalMaxPooling", "GlobalMaxPool")},
    **{f"ZeroPadding{n}D": Row(("padding",), _places(n, "pad", pad_width=partial(_sides, "padding", n)))
       for n in _AXES},
    **{f"Cropping{n}D": Row(("cropping",), _places(n, "crop", crop_width=partial(_sides, "cropping", n)))
       for n in _AXES},
    **{f"UpSampling{n}D": Row(("size",), _upsample(n)) for n in _AXES},
    **{f"SpatialDropout{n}D": Row(("rate",), _places(n, f"dropout{n}d", p=lambda a: differs(a["rate"], 0.5)))
       for n in _AXES},
    "AlphaDropout": Row(("rate",), lambda a: layer("alpha_dropout", p=differs(a["rate"], 0.5))),
    "Reshape": Row(("target_shape",), _reshape),
    "Permute": Row(("dims",), _permute),
    "RepeatVector": Row(("n",), lambda a: layer("repeat_vector", positions=a["n"])),
    "Rescaling": Row(("scale", "offset"), lambda a: layer("rescale", scale=float(a["scale"]),
                     offset=differs(float(a.get("offset", 0.0)), 0.0))),
    "GroupNormalization": Row(("groups", "axis", "epsilon"), _group_norm),
    "RMSNormalization": Row(("axis", "epsilon"), _layer_norm("rms_norm")),
    "PReLU": Row(("alpha_initializer",), _prelu),
    "Flatten": Row((), lambda a: layer("flatten")),
    "Dropout": Row(("rate",), lambda a: layer("dropout", p=differs(a["rate"], 0.5))),
    "BatchNormalization": Row(("axis", "momentum", "epsilon"), _batch_norm),
    "LayerNormalization": Row(("axis", "epsilon"), _layer_norm("layer_norm")),
    "Activation": Row(("activation",), _as_activation),
    "ReLU": Row(("max_value",), _relu),
    "LeakyReLU": Row(("negative_slope",), _slope("leaky_relu", "negative_slope", 0.3)),
    "ELU": Row(("alpha",), _slope("elu", "alpha", 1.0)),
    "Softmax": Row(("axis",), lambda a: layer("activation", activation="softmax")),
    "Embedding": Row(("input_dim", "output_dim"), _embedding),
    "SimpleRNN": Row(("units", "activation"), _recurrent("rnn")),
    "LSTM": Row(("units",), _recurrent("lstm")),
    "GRU": Row(("units",), _recurrent("gru")),
    "Bidirectional": Row(("layer", "merge_mode"), _bidirectional),
    "TimeDistributed": Row(("layer",), _wrapped),
}  # fmt: skip
