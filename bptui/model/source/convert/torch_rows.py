"""PyTorch's modules as tables of [[layers]]: a row each, with its arguments in PyTorch's order
(https://docs.pytorch.org/docs/stable/nn.html)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.source.convert.piece import Build, Row, Unknown, differs, kept, layer, refuse

INIT = "torch_uniform"
"""How PyTorch draws the weights of dense layers and convolutions."""
FLOAT32 = 1.1920928955078125e-07
"""What RMSNorm adds where nothing is said: the distance of 1 to the next float32."""


def _linear(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("dense", units=a["out_features"], use_bias=_bias(a), init=INIT)


def _conv(kind: str) -> Build:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        if a.get("padding_mode", "zeros") != "zeros":
            raise Unknown(f"padding_mode {a['padding_mode']} is not known")
        return layer(
            kind, channels=a["out_channels"], kernel_size=differs(a["kernel_size"], None),
            **kept(a, stride=1, padding=0, output_padding=0, dilation=1, groups=1), use_bias=_bias(a), init=INIT,
        )  # fmt: skip

    return build


def _pool(kind: str, unknown: str, **defaults: Any) -> Build:
    """Its stride is its window where nothing is said."""

    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        refuse(a, unknown)
        size = differs(a["kernel_size"], None)
        return layer(kind, kernel_size=size, stride=differs(a.get("stride"), size), **kept(a, **defaults))

    return build


def _affine(a: Mapping[str, Any], name: str = "affine", default: bool = True) -> list[str] | None:
    """`train = []` where a normalisation has no weights: its ones and zeros stay."""
    return None if a.get(name, default) else []


def _bias(a: Mapping[str, Any]) -> bool | None:
    return differs(a.get("bias", True), True)  # type: ignore[no-any-return]  # a bool or None, as it was given


def _batch_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if not a.get("track_running_stats", True) or a.get("momentum", 0.1) is None:
        raise Unknown("running statistics otherwise than by momentum are not known")
    return layer("batch_norm", **kept(a, eps=1e-5, momentum=0.1), train=_affine(a), use_bias=_bias(a))


def _layer_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("layer_norm", **kept(a, eps=1e-5), train=_affine(_last(a), "elementwise_affine"), use_bias=_bias(a))


def _rms_norm(a: Mapping[str, Any]) -> Mapping[str, Any]:
    eps = a.get("eps")
    return layer("rms_norm", eps=differs(FLOAT32 if eps is None else eps, 1e-6),
                 train=_affine(_last(a), "elementwise_affine"))  # fmt: skip


def _last(a: Mapping[str, Any]) -> Mapping[str, Any]:
    shape = a["normalized_shape"]
    if isinstance(shape, list | tuple) and len(shape) != 1:
        raise Unknown("a norm over several axes is not known")
    return a


def _flatten(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if (a.get("start_dim", 1), a.get("end_dim", -1)) != (1, -1):
        raise Unknown("only all axes but the first are made one")
    return layer("flatten")


def _embedding(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("embedding", size=a["num_embeddings"], units=a["embedding_dim"], **_lookup(a))


def _lookup(a: Mapping[str, Any]) -> dict[str, Any]:
    """What both kinds of embedding say in one way. Their table trains otherwise where PyTorch writes into it."""
    refuse(a, "max_norm")
    init = {"kind": "normal", "std": 1.0}
    return {"padding_idx": a.get("padding_idx"), **kept(a, scale_grad_by_freq=False), "init": init}


def _recurrent(kind: str) -> Build:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        return layer(
            kind, units=a["hidden_size"], sequence=True, layers=differs(a.get("num_layers", 1), 1),
            **kept(a, bidirectional=False, dropout=0.0), use_bias=_bias(a), **kept(a, nonlinearity="tanh"),
            proj_size=a.get("proj_size") or None,
        )  # fmt: skip

    return build


def _attention(a: Mapping[str, Any]) -> Mapping[str, Any]:
    return layer("attention", heads=a["num_heads"], **kept(a, dropout=0.0), use_bias=_bias(a),
                 **kept(a, add_bias_kv=False, add_zero_attn=False))  # fmt: skip


def _block(kind: str, **more: Any) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """PyTorch's TransformerEncoderLayer and TransformerDecoderLayer."""

    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        word = a.get("activation", "relu")
        if word not in ("relu", "gelu"):
            raise Unknown(f"the activation {word} is not known")
        return layer(
            kind, **more, heads=a["nhead"], hidden=a.get("dim_feedforward", 2048), dropout=a.get("dropout", 0.1),
            activation=word, norm_first=a.get("norm_first", False), final_norm=False, use_bias=_bias(a),
            eps=differs(a.get("layer_norm_eps", 1e-5), 1e-5),
        )  # fmt: skip

    return build


def _transformer(a: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """PyTorch's Transformer: an encoder of its source, then a decoder of its target."""
    if a.get("custom_encoder") is not None or a.get("custom_decoder") is not None:
        raise Unknown("an encoder or decoder of one's own is not known")
    encoder = _block("transformer_encoder", name="encoder")(a)
    decoder = _block("transformer_decoder", name="decoder", causal=False)(a)
    return (
        {**encoder, "final_norm": True, "layers": a.get("num_encoder_layers", 6)},
        {**decoder, "final_norm": True, "layers": a.get("num_decoder_layers", 6)},
    )


def _upsample(mode: str = "") -> Build:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        word = mode or a.get("mode", "nearest")
        how = {"nearest": "nearest", "linear": "linear", "bilinear": "linear", "trilinear": "linear",
               "bicubic": "cubic"}.get(word)  # fmt: skip
        if how is None:
            raise Unknown(f"mode {word} is not known")
        corners = differs(a.get("align_corners") or mode == "bilinear", False)
        more = {"mode": differs(how, "nearest"), "align_corners": corners}
        if a.get("size") is not None:
            return layer("interpolate", size=differs(a["size"], None), **more)
        factor = differs(a["scale_factor"], None)
        if any(item != int(item) or item < 1 for item in (factor if isinstance(factor, list) else [factor])):
            raise Unknown("a scale_factor that is no whole number is not known")
        whole = [*map(int, factor)] if isinstance(factor, list) else int(factor)
        return layer("upsample", factor=whole, **more)

    return build


def _pad(axes: int, mode: str, zero: bool = False) -> Row:
    """PyTorch's pads say the last axis first."""

    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        width = a["padding"]
        flat = list(width) if isinstance(width, list | tuple) else [width] * (2 * axes)
        if min(flat) < 0 or len(flat) != 2 * axes:
            raise Unknown("a padding that cuts off is not known")
        pairs = [flat[at : at + 2] for at in range(2 * axes - 2, -1, -2)]
        value = {} if zero else kept(a, value=0.0)
        return layer("pad", pad_width=pairs, mode=differs(mode, "constant"), **value)

    return Row(("padding", "value") if mode == "constant" and not zero else ("padding",), build)


def _unflatten(a: Mapping[str, Any]) -> Mapping[str, Any]:
    if a["dim"] != 1:
        raise Unknown("only the axis behind the samples is unflattened")
    return layer("reshape", shape=a["unflattened_size"])


def _embedding_bag(a: Mapping[str, Any]) -> Mapping[str, Any]:
    refuse(a, "sparse", "include_last_offset")
    return layer("embedding_bag", size=a["num_embeddings"], units=a["embedding_dim"], **kept(a, mode="mean"),
                 **_lookup(a))  # fmt: skip


def _plain(kind: str, *renamed: tuple[str, str], **defaults: Any) -> Build:
    """A layer whose settings are called as in PyTorch, or as `renamed` says: (there, here)."""

    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        return layer(kind, **{here: differs(a[there], None) for there, here in renamed}, **kept(a, **defaults))

    return build


def _activation(kind: str, **defaults: Any) -> Row:
    """An activation and its settings, which are called the same here."""

    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        settings = {key: a[key] for key in defaults if key in a and a[key] != defaults[key]}
        return layer("activation", activation={"kind": kind, **settings} if settings else kind)

    return Row((*defaults, "inplace"), build)


def _softmax(kind: str) -> Row:
    def build(a: Mapping[str, Any]) -> Mapping[str, Any]:
        dim = a.get("dim", -1)
        return layer("activation", activation=kind if dim in (None, 1, -1) else {"kind": kind, "axis": dim})

    return Row(("dim",), build)


def _prelu(a: Mapping[str, Any]) -> Mapping[str, Any]:
    init = a.get("init", 0.25)
    return layer("prelu", per_channel=differs(a.get("num_parameters", 1) > 1, False),
                 init={"kind": "constant", "value": init} if init != 0.25 else None)  # fmt: skip


_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias",
         "padding_mode")  # fmt: skip
_TURNED = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "bias",
           "dilation", "padding_mode")  # fmt: skip
_BLOCK = ("d_model", "nhead", "dim_feedforward", "dropout", "activation", "layer_norm_eps", "batch_first",
          "norm_first", "bias")  # fmt: skip
_CELL = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size")
_AXES = (1, 2, 3)
MODULES: Mapping[str, Row] = {
    "Linear": Row(("in_features", "out_features", "bias"), _linear, "in_features"),
    **{f"Conv{n}d": Row(_CONV, _conv(f"conv{n}d"), "in_channels") for n in _AXES},
    **{f"ConvTranspose{n}d": Row(_TURNED, _conv(f"conv_transpose{n}d"), "in_channels") for n in _AXES},
    **{f"MaxPool{n}d": Row(("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"),
                           _pool(f"max_pool{n}d", "return_indices", padding=0, dilation=1, ceil_mode=False))
       for n in _AXES},
    **{f"AvgPool{n}d": Row(("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
                           _pool(f"avg_pool{n}d", "divisor_override", padding=0, ceil_mode=False,
                                 count_include_pad=True)) for n in _AXES},
    **{f"Adaptive{word}Pool{n}d": Row(("output_size",), _plain(f"adaptive_{word.lower()}_pool{n}d",
                                                               ("output_size", "output_size")))
       for n in _AXES for word in ("Avg", "Max")},
    **{f"LPPool{n}d": Row(("norm_type", "kernel_size", "stride", "ceil_mode"), _plain(f"lp_pool{n}d",
                          ("norm_type", "p"), ("kernel_size", "kernel_size"), stride=None, ceil_mode=False))
       for n in _AXES},
    **{f"{word}Pad{n}d": _pad(n, mode, word == "Zero") for n in _AXES for word, mode in (
        ("Zero", "constant"), ("Constant", "constant"), ("Reflection", "reflect"), ("Replication", "replicate"),
        ("Circular", "circular"))},
    "Upsample": Row(("size", "scale_factor", "mode", "align_corners"), _upsample()),
    "UpsamplingNearest2d": Row(("size", "scale_factor"), _upsample("nearest")),
    "UpsamplingBilinear2d": Row(("size", "scale_factor"), _upsample("bilinear")),
    "PixelShuffle": Row(("upscale_factor",), _plain("pixel_shuffle", ("upscale_factor", "factor"))),
    "PixelUnshuffle": Row(("downscale_factor",), _plain("pixel_unshuffle", ("downscale_factor", "factor"))),
    "LocalResponseNorm": Row(("size", "alpha", "beta", "k"), _plain("local_response_norm", ("size", "size"),
                             alpha=1e-4, beta=0.75, k=1.0)),
    "GLU": Row(("dim",), lambda a: layer("glu", axis=differs(a.get("dim", -1), -1))),
    **{name: Row(("p", "inplace"), _plain(kind, p=0.5)) for name, kind in (
        ("Dropout", "dropout"), ("Dropout1d", "dropout1d"), ("Dropout2d", "dropout2d"), ("Dropout3d", "dropout3d"),
        ("AlphaDropout", "alpha_dropout"), ("FeatureAlphaDropout", "feature_alpha_dropout"))},
    "Unflatten": Row(("dim", "unflattened_size"), _unflatten),
    "EmbeddingBag": Row(("num_embeddings", "embedding_dim", "max_norm", "norm_type", "scale_grad_by_freq", "mode",
                         "sparse", "include_last_offset", "padding_idx"), _embedding_bag),
    "LazyLinear": Row(("out_features", "bias"), _linear),
    **{f"LazyConv{n}d": Row(_CONV[1:], _conv(f"conv{n}d")) for n in _AXES},
    **{f"LazyConvTranspose{n}d": Row(_TURNED[1:], _conv(f"conv_transpose{n}d")) for n in _AXES},
    **{f"LazyBatchNorm{n}d": Row(("eps", "momentum", "affine", "track_running_stats"), _batch_norm) for n in _AXES},
    "Softmax2d": Row((), lambda a: layer("activation", activation={"kind": "softmax", "axis": 1})),
    **{f"BatchNorm{n}d": Row(("num_features", "eps", "momentum", "affine", "track_running_stats"), _batch_norm)
       for n in _AXES},
    "LayerNorm": Row(("normalized_shape", "eps", "elementwise_affine"), _layer_norm),
    "RMSNorm": Row(("normalized_shape", "eps", "elementwise_affine"), _rms_norm),
    "GroupNorm": Row(("num_groups", "num_channels", "eps", "affine"), lambda a: layer("group_norm",
                     groups=a["num_groups"], **kept(a, eps=1e-5), train=_affine(a), use_bias=_bias(a))),
    **{f"InstanceNorm{n}d": Row(("num_features", "eps", "momentum", "affine"), lambda a: layer("instance_norm",
                                **kept(a, eps=1e-5), train=_affine(a, default=False))) for n in _AXES},
    "Flatten": Row(("start_dim", "end_dim"), _flatten),
    "Identity": Row((), lambda a: ()),
    "Embedding": Row(("num_embeddings", "embedding_dim", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq",
                      "sparse"), _embedding),
    "MultiheadAttention": Row(("embed_dim", "num_heads", "dropout", "bias", "add_bias_kv", "add_zero_attn", "kdim",
                               "vdim", "batch_first"), _attention, "embed_dim"),
    "TransformerEncoderLayer": Row(_BLOCK, _block("transformer_encoder"), "d_model"),
    "TransformerDecoderLayer": Row(_BLOCK, _block("transformer_decoder", causal=False), "d_model"),
    "Transformer": Row((*_BLOCK[:2], "num_encoder_layers", "num_decoder_layers", *_BLOCK[2:5], "custom_encoder",
                        "custom_decoder", *_BLOCK[5:]), _transformer, "d_model"),
    "RNN": Row((*_CELL[:3], "nonlinearity", *_CELL[3:7]), _recurrent("rnn"), "input_size"),
    "LSTM": Row(_CELL, _recurrent("lstm"), "input_size"),
    "GRU": Row(_CELL[:7], _recurrent("gru"), "input_size"),
    "ReLU": _activation("relu"), "ReLU6": _activation("relu6"), "SELU": _activation("selu"),
    "SiLU": _activation("silu"), "Mish": _activation("mish"), "Sigmoid": _activation("sigmoid"),
    "Tanh": _activation("tanh"), "LogSigmoid": _activation("log_sigmoid"), "Softsign": _activation("softsign"),
    "Hardsigmoid": _activation("hardsigmoid"), "Hardswish": _activation("hardswish"),
    "Tanhshrink": _activation("tanhshrink"), "LeakyReLU": _activation("leaky_relu", negative_slope=0.01),
    "ELU": _activation("elu", alpha=1.0), "CELU": _activation("celu", alpha=1.0),
    "GELU": _activation("gelu", approximate="none"), "Softplus": _activation("softplus", beta=1.0),
    "Hardtanh": _activation("hardtanh", min_val=-1.0, max_val=1.0), "Hardshrink": _activation("hardshrink", lambd=0.5),
    "Softshrink": _activation("softshrink", lambd=0.5), "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"), "PReLU": Row(("num_parameters", "init"), _prelu),
}  # fmt: skip

FUNCTIONS: Mapping[str, str] = {
    "relu": "ReLU", "relu6": "ReLU6", "leaky_relu": "LeakyReLU", "elu": "ELU", "selu": "SELU", "celu": "CELU",
    "gelu": "GELU", "silu": "SiLU", "mish": "Mish", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus",
    "logsigmoid": "LogSigmoid", "softsign": "Softsign", "hardtanh": "Hardtanh", "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish", "softmax": "Softmax", "log_softmax": "LogSoftmax", "dropout": "Dropout",
    "flatten": "Flatten", "max_pool1d": "MaxPool1d", "max_pool2d": "MaxPool2d", "max_pool3d": "MaxPool3d",
    "avg_pool1d": "AvgPool1d", "avg_pool2d": "AvgPool2d", "avg_pool3d": "AvgPool3d",
    "adaptive_avg_pool1d": "AdaptiveAvgPool1d", "adaptive_avg_pool2d": "AdaptiveAvgPool2d",
}  # fmt: skip
"""Functions that do what a module does, with its settings after their input."""

LOSSES: Mapping[str, str] = {
    "CrossEntropyLoss": "cross_entropy", "MSELoss": "mse", "L1Loss": "mae", "HuberLoss": "huber",
    "SmoothL1Loss": "smooth_l1", "BCELoss": "bce", "BCEWithLogitsLoss": "bce_with_logits", "NLLLoss": "nll",
    "KLDivLoss": "kl_div", "SoftMarginLoss": "soft_margin", "MultiMarginLoss": "multi_margin",
    "PoissonNLLLoss": "poisson_nll", "HingeEmbeddingLoss": "hinge_embedding",
    "MultiLabelSoftMarginLoss": "multilabel_soft_margin", "sigmoid_focal_loss": "sigmoid_focal",
    "cross_entropy": "cross_entropy", "mse_loss": "mse", "l1_loss": "mae", "huber_loss": "huber",
    "smooth_l1_loss": "smooth_l1", "binary_cross_entropy": "bce", "binary_cross_entropy_with_logits": "bce_with_logits",
    "nll_loss": "nll",
}  # fmt: skip
