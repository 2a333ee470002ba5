"""Keras' layers as tables of [[layers]]: a row each, with its arguments in Keras' order (https://keras.io/api/layers/)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.base.printable import one_line
from bptui.model.source.convert.piece import Piece, Row, Unknown, differs, layer

INITS: Mapping[str, str] = {
    "glorotuniform": "xavier_uniform", "glorotnormal": "xavier_normal", "heuniform": "he_uniform",
    "henormal": "he_normal", "lecununiform": "lecun_uniform", "lecunnormal": "lecun_normal", "zeros": "zeros",
    "ones": "ones",
}  # fmt: skip
ACTIVATIONS: Mapping[str, str] = {
    "swish": "silu", "hard_sigmoid": "hardsigmoid", "hard_swish": "hardswish", "hard_silu": "hardswish",
    "log_sigmoid": "log_sigmoid", "tanh_shrink": "tanhshrink",
}  # fmt: skip
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
    return {"activation": _activation(a.get("activation")), "use_bias": differs(a.get("use_bias", True), True),
            "init": _init(a), **_penalty(a)}  # fmt: skip


def _dense(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("dense", units=a["units"], **_common(a))


def _padding(a: Mapping[str, Any], window: Any) -> Any:
    """`valid` is 0; `same` is said alike where no window is left out."""
    how = a.get("padding", "valid")
    if how == "valid":
        return None
    if how != "same" or differs(a.get("strides"), 1) is not None:
        raise Unknown(f"padding {one_line(str(how), 20)} with strides is not known")
    return "same"


def _conv(kind: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        _channels_last(a, int(kind[-2]))
        a = {**a, "strides": a.get("strides", 1)}
        return layer(
            kind, channels=a["filters"], kernel_size=differs(a["kernel_size"], None), stride=differs(a["strides"], 1),
            padding=_padding(a, a["kernel_size"]), dilation=differs(a.get("dilation_rate", 1), 1),
            groups=differs(a.get("groups", 1), 1), **_common(a),
        )  # fmt: skip

    return build


def _channels_last(a: Mapping[str, Any], axes: int) -> None:
    if axes == 1:  # (samples, positions, features) are sequences here, and convolutions have the channels before
        raise Unknown("along a sequence is not converted: its channels stand last, here before the positions")
    if a.get("data_format") == "channels_first":
        raise Unknown("data_format channels_first is not converted")


def _pool(kind: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        _channels_last(a, int(kind[-2]))
        if a.get("padding", "valid") != "valid":
            raise Unknown("padding same is not known")
        size = differs(a.get("pool_size", 2), None)
        return layer(kind, kernel_size=size, stride=differs(a.get("strides"), size))

    return build


def _batch_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if not (a.get("center", True) and a.get("scale", True)):
        raise Unknown("center or scale = False is not known")
    return layer("batch_norm", eps=differs(a.get("epsilon", 1e-3), 1e-5),
                 momentum=differs(round(1 - a.get("momentum", 0.99), 12), 0.1))  # fmt: skip


def _layer_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if a.get("axis", -1) not in (-1, [-1]):
        raise Unknown("an axis but the last is not known")
    return layer("layer_norm", eps=differs(a.get("epsilon", 1e-3), 1e-5))


def _recurrent(kind: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        odd = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True, "go_backwards": False,
               "stateful": False, "recurrent_dropout": 0, "dropout": 0}  # fmt: skip
        for key, default in odd.items():
            if (
                key in a
                and class_of(a[key]) != default
                and not (key == "activation" and kind == "rnn" and a[key] == "relu")
            ):
                raise Unknown(f"{key} = {one_line(str(class_of(a[key])), 30)} is not known")
        return layer(kind, units=a["units"], sequence=differs(a.get("return_sequences", False), False),
                     nonlinearity="relu" if a.get("activation") == "relu" else None)  # fmt: skip

    return build


def _wrapped(a: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """TimeDistributed(Dense): a dense layer is over the last axis anyway."""
    inner = a["layer"]
    if class_of(inner) not in ("Dense", "Activation", "Dropout"):
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


def _slope(kind: str, key: str, default: float) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
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
LAYERS: Mapping[str, Row] = {
    "Dense": Row(_DENSE, _dense),
    **{f"Conv{n}D": Row(_CONV, _conv(f"conv{n}d")) for n in (1, 2, 3)},
    **{f"MaxPooling{n}D": Row(_POOL, _pool(f"max_pool{n}d")) for n in (1, 2, 3)},
    **{f"MaxPool{n}D": Row(_POOL, _pool(f"max_pool{n}d")) for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": Row(_POOL, _pool(f"avg_pool{n}d")) for n in (1, 2, 3)},
    "GlobalAveragePooling1D": Row((), lambda a: layer("mean_positions")),
    **{f"GlobalAveragePooling{n}D": Row((), lambda a: layer("global_avg_pool")) for n in (2, 3)},
    **{f"GlobalMaxPooling{n}D": Row((), lambda a: layer("global_max_pool")) for n in (2, 3)},
    "Flatten": Row((), lambda a: layer("flatten")),
    "Dropout": Row(("rate",), lambda a: layer("dropout", p=differs(a["rate"], 0.5))),
    "BatchNormalization": Row(("axis", "momentum", "epsilon"), _batch_norm),
    "LayerNormalization": Row(("axis", "epsilon"), _layer_norm),
    "Activation": Row(("activation",), _as_activation),
    "ReLU": Row(("max_value",), _relu),
    "LeakyReLU": Row(("negative_slope",), _slope("leaky_relu", "negative_slope", 0.3)),
    "ELU": Row(("alpha",), _slope("elu", "alpha", 1.0)),
    "Softmax": Row(("axis",), lambda a: layer("activation", activation="softmax")),
    "Embedding": Row(("input_dim", "output_dim"), lambda a: layer("embedding", size=a["input_dim"],
                     units=a["output_dim"], init={"kind": "uniform", "low": -0.05, "high": 0.05})),
    "SimpleRNN": Row(("units", "activation"), _recurrent("rnn")),
    "LSTM": Row(("units",), _recurrent("lstm")),
    "GRU": Row(("units",), _recurrent("gru")),
    "Bidirectional": Row(("layer", "merge_mode"), _bidirectional),
    "TimeDistributed": Row(("layer",), _wrapped),
}  # fmt: skip
