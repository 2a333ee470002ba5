"""Which call of PyTorch a composite is, of a whole: `layer_norm`, `conv2d`, an LSTM's cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bptui.torch.spectral import Call, Settings


def functional(name: str, *settings: str) -> Call:
    return lambda torch, x, s: getattr(torch.nn.functional, name)(*x, **{key: s[key] for key in settings})


def _convolution(name: str) -> Call:
    transposed = ("output_padding",) if "transpose" in name else ()
    return functional(name, "stride", "padding", *transposed, "dilation", "groups")


def _filled(x: Sequence[Any], count: int) -> list[Any]:
    """The inputs, None for those at the end that were left out."""
    return [*x, *[None] * (count - len(x))]


def _over_last(name: str, count: int) -> Call:
    """A norm over the last axes: as many as its weight has. `count`: inputs beside x."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        over = x[1].shape if len(x) > 1 else x[0].shape[-1:]
        return getattr(torch.nn.functional, name)(x[0], over, *_filled(x[1:], count), s["eps"])

    return call


def _batch_norm(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, weight, bias, mean, var = _filled(x, 5)
    if s["training"]:  # they are updated there in place: the result does not depend on them
        return torch.nn.functional.batch_norm(source, None, None, weight, bias, True, eps=s["eps"])
    # written out: PyTorch's own has no derivative by them
    like = (1, -1, *(1,) * (source.ndim - 2))
    y = (source - mean.reshape(like)) / torch.sqrt(var.reshape(like) + s["eps"])
    y = y if weight is None else y * weight.reshape(like)
    return y if bias is None else y + bias.reshape(like)


def _instance_norm(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, weight, bias = _filled(x, 3)
    return torch.nn.functional.instance_norm(source, weight=weight, bias=bias, eps=s["eps"])


def _group_norm(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.nn.functional.group_norm(x[0], s["groups"], *_filled(x[1:], 2), s["eps"])


def _matrix_norm(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    order = "fro" if s["ord"] == "fro" else float(s["ord"])
    return torch.linalg.matrix_norm(x[0], order, keepdim=s["keepdims"])


def _spread(x: Sequence[Any]) -> Any:
    """The mask of channels over all of x."""
    return x[1].reshape(*x[1].shape, *(1,) * (x[0].ndim - x[1].ndim))


def _dropped(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return x[0] * _spread(x) / (1 - s["p"])


def alpha_dropout(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """As PyTorch computes it from the mask that it draws, of numbers or of channels."""
    p, low, mask = s["p"], 1.7580993408473766, _spread(x)
    a = 1.0 / ((low * low * p + 1) * (1 - p)) ** 0.5
    return x[0] * (mask * a) + ((mask - 1) * low * a + low * a * p)


def _product(torch: Any, x: Sequence[Any], s: Settings, gate: Any) -> Any:
    a, b = x[0].chunk(2, s["axis"])
    return a * gate(b)


def _lp_pool(name: str) -> Call:
    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        kernel, stride = (
            one[0] if one is not None and len(one) == 1 else one for one in (s["kernel_size"], s["stride"])
        )
        return getattr(torch.nn.functional, name)(x[0], s["p"], kernel, stride, s["ceil_mode"])

    return call


def masked_softmax(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """What attention of PyTorch makes of scores: a query that sees nothing, or -inf alone, has weights of 0."""
    scores, *masks = torch.broadcast_tensors(*x)
    seen = torch.ones_like(scores).tril() != 0 if s["causal"] else torch.ones_like(scores, dtype=torch.bool)
    for mask in masks:
        seen = seen & (mask != 0)
    scores = scores.masked_fill(~seen, -torch.inf)
    some = (scores != -torch.inf).any(-1, keepdim=True)
    return torch.where(some, torch.softmax(torch.where(some, scores, 0.0), dim=-1), 0.0)


def _attention(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """A query that sees no key, or scores of -inf alone, gives 0."""
    q, k, v, *masks = x
    scale = q.shape[-1] ** -0.5 if s["scale"] is None else s["scale"]
    if s["grouped"]:
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scores = q @ k.transpose(-1, -2) * scale + (masks[2] if len(masks) > 2 else 0)
    seen = masks[0] if masks and masks[0].ndim else torch.ones(())
    weights = masked_softmax(torch, [scores, seen], {"causal": s["causal"]})
    if len(masks) > 1 and masks[1].ndim:
        weights = weights * masks[1] / (1 - s["dropout"])
    return weights @ v


def _gaussian(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    var = x[2] if len(x) > 2 else torch.ones_like(x[0])
    var = var if var.ndim else var.expand(x[0].shape)
    return torch.nn.functional.gaussian_nll_loss(x[0], x[1], var, s["full"], s["eps"], s["reduction"])


def _dice(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """PyTorch has none: written out."""
    p, t = (each.flatten(1) if each.ndim > 1 else each for each in x)
    each = 1 - (2 * (p * t).sum(-1) + s["smooth"]) / (p.sum(-1) + t.sum(-1) + s["smooth"])
    return each if s["reduction"] == "none" else getattr(each, s["reduction"])()


def _weights(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """The attention to values that are the rows of the unit matrix."""
    q, k, *masks = x
    ones = torch.eye(k.shape[-2], dtype=k.dtype).expand(*k.shape[:-2], -1, -1)
    more = [masks[0], torch.ones(()), masks[1]] if len(masks) > 1 else masks
    return _attention(torch, [q, k, ones, *more], {**s, "grouped": False, "dropout": 0.0})


def _multi_head(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    q, k, v, w_q, w_k, w_v, w_o, *rest = x
    biases, masks = _filled(rest[:4], 4), rest[4:]
    heads, shared = s["heads"], s["kv_heads"] or s["heads"]
    biases = [b if b is None or b.ndim else b.expand(len(w)) for b, w in zip(biases, (w_q, w_k, w_v, w_o), strict=True)]
    if not masks and not s["causal"] and heads == shared and q.shape[-1] == len(w_q) == len(w_o):
        if biases[0] is None:
            biases = [torch.zeros(len(w), dtype=w.dtype) for w in (w_q, w_k, w_v, w_o)]
        turned = [each.transpose(0, 1) if each.ndim > 2 else each for each in (q, k, v)]
        y, _ = torch.nn.functional.multi_head_attention_forward(
            *turned, len(w_q), heads, None, torch.cat(biases[:3]), None, None, False, 0.0, w_o, biases[3],
            need_weights=False, use_separate_proj_weight=True, q_proj_weight=w_q, k_proj_weight=w_k, v_proj_weight=w_v,
        )  # fmt: skip
        return y.transpose(0, 1) if y.ndim > 2 else y
    linear = torch.nn.functional.linear
    split = [
        linear(source, w, b).unflatten(-1, (count, -1)).transpose(-2, -3)
        for source, w, b, count in zip((q, k, v), (w_q, w_k, w_v), biases, (heads, shared, shared), strict=False)
    ]
    more = [masks[0], torch.ones(()), masks[1]] if len(masks) > 1 else masks
    given = {"scale": None, "grouped": heads != shared, "causal": s["causal"], "dropout": 0.0}
    mixed = _attention(torch, [*split, *more], given)
    return linear(mixed.transpose(-2, -3).flatten(-2), w_o, biases[3])


def _cell(name: str, torch: Any, x: Sequence[Any], states: int = 1) -> Any:
    """PyTorch's own cell knows one axis of rows: those of all leading axes. `states`: how many follow x."""
    rows = [each.reshape(-1, each.shape[-1]) for each in x[: states + 1]]
    before = rows[1] if states == 1 else tuple(rows[1:])
    after = getattr(torch._VF, f"{name}_cell")(rows[0], before, *x[states + 1 :])
    after = after if states == 1 else torch.cat(after, -1)
    return after.reshape(*x[0].shape[:-1], -1)


def _rnn(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return _cell(f"rnn_{s['nonlinearity']}", torch, x)


def _lstm(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, h, c, *weights = x
    if len(weights) < 5:
        return _cell("lstm", torch, x, 2)
    rows = weights[0].shape[:1]  # PyTorch's cell has no projection: one step of its layer
    given = [w if n not in (2, 3) else w.expand(rows) for n, w in enumerate(weights)]
    before = tuple(state.reshape(1, -1, state.shape[-1]) for state in (h, c))
    one = source.reshape(1, -1, source.shape[-1])
    _, after, state = torch._VF.lstm(one, before, given, True, 1, 0.0, False, False, False)
    return torch.cat([after, state], -1).reshape(*source.shape[:-1], -1)


COMPOSITES: Mapping[str, Call] = MappingProxyType(
    {
        "prelu": functional("prelu"),
        "linear": functional("linear"),
        **{f"dropout{count}d": _dropped for count in (1, 2, 3)},
        "feature_alpha_dropout": alpha_dropout,
        "bilinear_glu": lambda torch, x, s: _product(torch, x, s, lambda b: b),
        "reglu": lambda torch, x, s: _product(torch, x, s, torch.relu),
        "geglu": lambda torch, x, s: _product(torch, x, s, torch.nn.functional.gelu),
        "swiglu": lambda torch, x, s: _product(torch, x, s, torch.nn.functional.silu),
        "weight_norm": lambda torch, x, s: torch._weight_norm(*x, -1 if s["axis"] is None else s["axis"] % x[0].ndim),
        "local_response_norm": lambda torch, x, s: torch.nn.functional.local_response_norm(
            x[0], s["size"], s["alpha"], s["beta"], s["k"]
        ),
        **{f"lp_pool{count}d": _lp_pool(f"lp_pool{count}d") for count in (1, 2, 3)},
        **{f"conv{count}d": _convolution(f"conv{count}d") for count in (1, 2, 3)},
        **{f"conv_transpose{count}d": _convolution(f"conv_transpose{count}d") for count in (1, 2, 3)},
        "layer_norm": _over_last("layer_norm", 2),
        "rms_norm": _over_last("rms_norm", 1),
        "batch_norm": _batch_norm,
        "instance_norm": _instance_norm,
        "group_norm": _group_norm,
        "normalize": lambda torch, x, s: torch.nn.functional.normalize(x[0], s["p"], s["axis"], s["eps"]),
        "cosine_similarity": lambda torch, x, s: torch.nn.functional.cosine_similarity(*x, dim=s["axis"], eps=s["eps"]),
        "matrix_norm": _matrix_norm,
        "cdist": lambda torch, x, s: torch.cdist(*x, p=s["p"], compute_mode="donot_use_mm_for_euclid_dist"),
        "bilinear": functional("bilinear"),
        "scaled_dot_product_attention": _attention,
        "pairwise_distance": lambda torch, x, s: torch.nn.functional.pairwise_distance(
            *x, p=s["p"], eps=s["eps"], keepdim=s["keepdims"]
        ),
        "triplet_margin": functional("triplet_margin_loss", "margin", "p", "eps", "swap", "reduction"),
        "cosine_embedding": functional("cosine_embedding_loss", "margin", "reduction"),
        "gaussian_nll": _gaussian,
        "multilabel_soft_margin": functional("multilabel_soft_margin_loss", "reduction"),
        "dice": _dice,
        "attention_weights": _weights,
        "multi_head_attention": _multi_head,
        "rnn_cell": _rnn,
        "lstm_cell": _lstm,
        "gru_cell": lambda torch, x, s: _cell("gru", torch, x),
    }
)
