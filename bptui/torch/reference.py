"""The torch row of the check: PyTorch's own forward and autograd beside the engine's numbers, operation by operation.

PyTorch is imported when `bptui check --torch` asks for it, and never else. `CALLS` says which call of PyTorch an
operation is; what has none, or not with these settings, has a row that says so.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.composites import composites, passing
from bptui.model.engine.graph import Node
from bptui.model.engine.ops import OPS
from bptui.model.engine.ops.slices import read_index
from bptui.model.engine.probe import wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.check.tolerance import EXACT, SINGLE
from bptui.symbolic.types import CheckRow, Verdict
from bptui.torch.composites import COMPOSITES, Call, Settings
from bptui.torch.indexing import INDEXING, Unlike
from bptui.torch.spectral import CALLS as SPECTRAL


def _plain(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(*x)


def _functional(name: str, *settings: str) -> Call:
    return lambda torch, x, s: getattr(torch.nn.functional, name)(*x, **{key: s[key] for key in settings})


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _reduced(name: str, *settings: str) -> Call:
    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        axes = _axes(x[0], s["axis"])
        if not axes:
            return getattr(torch, name)(x[0])
        return getattr(torch, name)(x[0], dim=axes, keepdim=s["keepdims"], **{key: s[key] for key in settings})

    return call


def _one_axis(name: str) -> Call:
    """For what PyTorch reduces over one axis only, and picks the first of equals: axes are brought together."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        axes = [axis % max(1, x[0].ndim) for axis in _axes(x[0], s["axis"])]
        rest = [axis for axis in range(x[0].ndim) if axis not in axes]
        joined = x[0].permute(*rest, *axes).reshape(*(x[0].shape[axis] for axis in rest), -1)
        found = getattr(torch, name)(joined, dim=-1)
        found = found if name == "prod" else found.values
        kept = [1 if axis in axes else size for axis, size in enumerate(x[0].shape)]
        return found.reshape(kept) if s["keepdims"] else found

    return call


def _take(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    source, i = x
    axis = s["axis"] % source.ndim
    found = source.movedim(axis, 0)[i]
    return found.movedim(tuple(range(i.ndim)), tuple(range(axis, axis + i.ndim)))


def _along(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(x[0], dim=s["axis"])


def _slice(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    index = read_index(s["index"])
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in index):
        raise Unlike("PyTorch has no negative steps")
    return x[0][index]


_COMPARISONS = {
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip


def _compared(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(x[0], x[1]).to(x[0].dtype)


def _cubic(torch: Any, x: Any, size: Sequence[int], corners: bool) -> Any:
    """PyTorch has it over two axes: others stay as they are."""
    if x.ndim == 3:
        made = torch.nn.functional.interpolate(x.unsqueeze(2), (1, *size), mode="bicubic", align_corners=corners)
        return made.squeeze(2)
    if x.ndim > 4:
        raise Unlike("PyTorch has cubic curves over two axes")
    return torch.nn.functional.interpolate(x, size, mode="bicubic", align_corners=corners)


def _true(name: str) -> Call:
    return lambda torch, x, s: getattr(torch, name)(*x).to(x[0].dtype)


def _place(name: str) -> Call:
    """Of equal ones PyTorch's is any."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        found = getattr(torch, name)(x[0], s["axis"], s["keepdims"])
        best = (torch.amax if name == "argmax" else torch.amin)(x[0], _axes(x[0], s["axis"]), keepdim=True)
        if ((x[0] == best).sum(_axes(x[0], s["axis"])) > 1).any():
            raise Unlike("PyTorch takes any of equal ones")
        return found.to(x[0].dtype)

    return call


def _interpolate(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    axes = x[0].ndim - 2
    size = s["size"] * axes if len(s["size"]) == 1 else s["size"]
    if s["mode"] == "nearest":
        return torch.nn.functional.interpolate(x[0], size)
    if s["mode"] == "cubic":
        return _cubic(torch, x[0], size, s["align_corners"])
    mode = ("linear", "bilinear", "trilinear")[axes - 1]
    return torch.nn.functional.interpolate(x[0], size, mode=mode, align_corners=s["align_corners"])


def _of_matrices(name: str) -> Call:
    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        (a,) = x
        try:
            if name == "logdet":
                return torch.logdet(a)
            if name == "slogdet":
                return torch.linalg.slogdet(a).logabsdet
            if name == "cholesky":
                return torch.linalg.cholesky((a + a.mT) / 2, upper=s["upper"])
            return getattr(torch.linalg, name)(a)
        except torch.linalg.LinAlgError:
            raise Unlike("PyTorch raises an error for such a matrix") from None

    return call


def _columns(torch: Any, a: Any, b: Any) -> Any:
    """b as matrices, with the batch axes of both: fewer axes may be a batch of vectors for PyTorch."""
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return b[:, None].expand(*batch, -1, -1) if b.ndim == 1 else b.expand(*batch, *b.shape[-2:])


def _solve(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    try:
        y = torch.linalg.solve(x[0], _columns(torch, *x))
    except torch.linalg.LinAlgError:
        raise Unlike("PyTorch raises an error for a singular matrix") from None
    return y[..., 0] if x[1].ndim == 1 else y


def _solve_triangular(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    a = x[0].mT if s["transposed"] else x[0]
    upper = s["upper"] != s["transposed"]
    y = torch.linalg.solve_triangular(a, _columns(torch, *x), upper=upper, unitriangular=s["unitriangular"])
    return y[..., 0] if x[1].ndim == 1 else y


def _put(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    made = x[0].clone()
    _slice(torch, [made], s)[...] = x[1]
    return made


def _pad(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    if s["mode"] != "constant":  # axis by axis: PyTorch has three at most
        made, pairs = x[0], s["pad_width"] * (x[0].ndim if len(s["pad_width"]) == 1 else 1)
        for axis, pair in enumerate(pairs):
            if any(pair):
                line = made.movedim(axis, -1)
                long = torch.nn.functional.pad(line.reshape(1, -1, line.shape[-1]), pair, mode=s["mode"])
                made = long.reshape(*line.shape[:-1], -1).movedim(-1, axis)
        return made
    sides = [int(side) for pair in reversed(s["pad_width"]) for side in pair]
    return torch.nn.functional.pad(x[0], sides, value=s["value"])


def _classes(name: str, *settings: str) -> Call:
    """A loss of scores and classes: PyTorch has the classes along axis 1, or 0 where there is only that."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        scores, target, given = x[0], x[1], {key: s[key] for key in (*settings, "reduction")}
        if s.get("ignore_index") is not None:
            given["ignore_index"] = s["ignore_index"]
        if len(x) > 2:
            given["weight"] = x[2]
        if s["axis"] is not None and scores.ndim > 1:
            scores = scores.movedim(s["axis"], 1)
            target = target.movedim(s["axis"], 1) if target.ndim == scores.ndim else target
        if name == "multi_margin_loss" and scores.ndim > 2:
            raise Unlike("PyTorch takes one or two axes")
        return getattr(torch.nn.functional, name)(scores, target, **given)

    return call


def _convolve(name: str, *settings: str) -> Call:
    """Groups are an axis of their own here, (samples, groups, channels, …), and part of the channels there."""

    def call(torch: Any, x: Sequence[Any], s: Settings) -> Any:
        source, weight, *bias = x
        given = {key: s[key] for key in ("stride", "dilation", *settings)}
        run = getattr(torch.nn.functional, name)
        if source.ndim == len(s["stride"]) + 2:
            return run(source, weight, *bias, **given)
        groups = source.shape[1]
        joined = [source.flatten(1, 2), weight.flatten(0, 1), *(part.flatten() for part in bias)]
        return run(*joined, **given, groups=groups).unflatten(1, (groups, -1))

    return call


def _logits(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    pos_weight, weight = [*x[2:], None, None][:2]
    return torch.nn.functional.binary_cross_entropy_with_logits(
        x[0], x[1], weight=weight, pos_weight=pos_weight, reduction=s["reduction"]
    )


def _masked_softmax(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """What attention of PyTorch makes of scores: NaN of a query that sees nothing is 0."""
    scores, *masks = torch.broadcast_tensors(*x)
    for mask in masks:
        scores = scores.masked_fill(mask == 0, -torch.inf)
    if s["causal"]:
        scores = scores.masked_fill(torch.ones_like(scores).tril() == 0, -torch.inf)
    seen = torch.isfinite(scores).any(-1, keepdim=True)
    return torch.where(seen, torch.softmax(torch.where(seen, scores, 0.0), dim=-1), 0.0)


def _softplus(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.nn.functional.softplus(x[0], s["beta"], 20.0 if s["threshold"] is None else s["threshold"])


def _alpha_dropout(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """As PyTorch computes it from the mask that it draws."""
    p, low = s["p"], 1.7580993408473766
    a = 1.0 / ((low * low * p + 1) * (1 - p)) ** 0.5
    return x[0] * (x[1] * a) + ((x[1] - 1) * low * a + low * a * p)


def _running(torch: Any, x: Sequence[Any], s: Settings, which: int) -> Any:
    """What batch_norm makes of its running mean (0) or variance (1), in place."""
    if x[0].numel() == x[0].shape[1]:
        raise Unlike("PyTorch has no variance of one number")
    kept = [torch.zeros_like(x[1]), torch.ones_like(x[1])]
    kept[which] = x[1].detach().clone()
    torch.nn.functional.batch_norm(x[0].detach(), *kept, training=True, momentum=s["momentum"])
    return kept[which]


def _bags(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    table, i = x[:2]
    weight, offsets = [*x[2:], None, None][:2]
    if weight is not None and not weight.ndim:  # one number for all
        return _bags(torch, [table, i, None, offsets], s) * weight
    return torch.nn.functional.embedding_bag(i, table, offsets, mode=s["mode"], per_sample_weights=weight)


def _half(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    return torch.nn.functional.mse_loss(*x, reduction=s["reduction"]) / 2


def _digamma(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """The gradient by Hurwitz' zeta: PyTorch's trigamma has 9 digits."""
    still = x[0].detach()
    slope = torch.where(still > 0, torch.special.zeta(2, still), torch.polygamma(1, still))
    return torch.digamma(still) + slope * (x[0] - still)


def _cast(torch: Any, x: Sequence[Any], s: Settings) -> Any:
    """The gradient beside: on its way back PyTorch rounds it to the kind, too."""
    value = x[0].detach().to(getattr(torch, s["dtype"])).to(x[0].dtype)
    return value + (x[0] - x[0].detach())


CALLS: Mapping[str, Call] = MappingProxyType(
    {
        **{
            name: _plain(name)
            for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "neg", "exp", "log", "sqrt", "rsqrt",
                         "reciprocal", "square", "abs", "sin", "cos", "tan", "sinh", "cosh", "log1p", "expm1", "erf",
                         "sigmoid", "tanh", "relu", "selu", "matmul", "detach", "sign", "floor", "ceil", "trunc",
                         "round", "asin", "acos", "atan", "atan2", "erfc", "lgamma", "xlogy", "logaddexp")
        },
        **{
            name: _functional(name)
            for name in ("silu", "mish", "softsign", "relu6", "hardswish", "tanhshrink")
        },
        **{name: _functional(name, "lambd") for name in ("hardshrink", "softshrink")},
        # PyTorch's own hardsigmoid takes its derivative 1/6 in float32
        "cast": _cast,
        "digamma": _digamma,
        "hardsigmoid": lambda torch, x, s: torch.nn.functional.relu6(x[0] + 3) / 6,
        "celu": _functional("celu", "alpha"),
        "softplus": _softplus,
        "rrelu": _functional("rrelu", "lower", "upper"),
        "alpha_dropout": _alpha_dropout,
        "leaky": lambda torch, x, s: torch.where(x[0] > 0, x[0], x[0] * x[1]),
        "glu": lambda torch, x, s: torch.nn.functional.glu(x[0], dim=s["axis"]),
        "log_sigmoid": _functional("logsigmoid"),
        "leaky_relu": _functional("leaky_relu", "negative_slope"),
        "elu": _functional("elu", "alpha"),
        "gelu": _functional("gelu", "approximate"),
        "hardtanh": _functional("hardtanh", "min_val", "max_val"),
        "where": lambda torch, x, s: torch.where(x[0] != 0, x[1], x[2]),
        "power": lambda torch, x, s: torch.pow(x[0], s["exponent"]),
        "clip": lambda torch, x, s: torch.clamp(x[0], s["min"], s["max"]),
        "dropout": lambda torch, x, s: x[0] * x[1] / (1 - s["p"]),
        "affine": lambda torch, x, s: torch.nn.functional.linear(x[0], x[1].T, x[2]),
        **{name: _of_matrices(name) for name in ("inv", "det", "slogdet", "logdet", "cholesky")},
        "solve": _solve,
        "solve_triangular": _solve_triangular,
        **{name: call for name, call in SPECTRAL.items() if name in OPS},
        "einsum": lambda torch, x, s: torch.einsum(s["equation"], *x),
        "sum": _reduced("sum"),
        "mean": _reduced("mean"),
        "var": _reduced("var", "correction"),
        "std": _reduced("std", "correction"),
        **{
            name: lambda torch, x, s: torch.linalg.vector_norm(
                x[0], s["p"], dim=_axes(x[0], s["axis"]), keepdim=s["keepdims"]
            )
            for name in ("norm", "p_norm")
        },
        "logsumexp": _reduced("logsumexp"),
        "max": _one_axis("max"),
        "min": _one_axis("min"),
        "prod": _one_axis("prod"),
        "reshape": lambda torch, x, s: x[0].reshape(tuple(s["shape"])),
        "transpose": lambda torch, x, s: x[0].permute(
            tuple(reversed(range(x[0].ndim))) if s["axes"] is None else tuple(s["axes"])
        ),
        "broadcast_to": lambda torch, x, s: x[0].broadcast_to(tuple(s["shape"])),
        "slice": _slice,
        "concat": lambda torch, x, s: torch.cat(tuple(x), dim=s["axis"]),
        "stack": lambda torch, x, s: torch.stack(tuple(x), dim=s["axis"]),
        "pad": _pad,
        "take": _take,
        **{
            name: _true(name)
            for name in ("logical_and", "logical_or", "logical_xor", "logical_not", "isnan", "isinf", "isfinite")
        },
        **{name: _place(name) for name in ("argmax", "argmin")},
        "one_hot": lambda torch, x, s: torch.nn.functional.one_hot(x[0].long(), s["classes"]).to(torch.float64),
        "masked_fill": lambda torch, x, s: x[0].masked_fill(x[1] != 0, x[2]),
        **{name: _compared(call) for name, call in _COMPARISONS.items()},
        "pixel_shuffle": lambda torch, x, s: torch.pixel_shuffle(x[0], s["factor"]),
        "pixel_unshuffle": lambda torch, x, s: torch.pixel_unshuffle(x[0], s["factor"]),
        "interpolate": _interpolate,
        "flip": lambda torch, x, s: torch.flip(x[0], _axes(x[0], s["axis"])),
        "roll": lambda torch, x, s: torch.roll(x[0], s["shift"], s["axis"] or tuple(0 for _ in s["shift"])),
        "tril": lambda torch, x, s: torch.tril(x[0], s["k"]),
        "triu": lambda torch, x, s: torch.triu(x[0], s["k"]),
        "diagonal": lambda torch, x, s: torch.diagonal(x[0], s["offset"], s["axis1"], s["axis2"]),
        "diag_embed": lambda torch, x, s: torch.diag_embed(x[0], s["offset"], s["axis1"], s["axis2"]),
        "trace": _plain("trace"),
        "outer": _plain("outer"),
        "repeat": lambda torch, x, s: torch.tile(x[0], s["repeats"]),
        "repeat_interleave": lambda torch, x, s: torch.repeat_interleave(x[0], s["repeats"], s["axis"]),
        "sort": lambda torch, x, s: torch.sort(x[0], dim=s["axis"], descending=s["descending"], stable=True).values,
        "topk": lambda torch, x, s: torch.topk(x[0], s["k"], s["axis"], s["largest"]).values,
        **INDEXING,
        "unfold": _functional("unfold", "kernel_size", "dilation", "padding", "stride"),
        "fold": _functional("fold", "output_size", "kernel_size", "dilation", "padding", "stride"),
        "index_add": lambda torch, x, s: torch.index_add(x[0], s["axis"], x[1], x[2]),
        "put": _put,
        **{name: _along(name) for name in ("cumsum", "cumprod", "logcumsumexp")},
        **{
            name: lambda torch, x, s: torch.nn.functional.embedding(x[1], x[0], s["padding_idx"])
            for name in ("embedding", "padded_embedding")
        },
        "running_mean": lambda torch, x, s: _running(torch, x, s, 0),
        "running_var": lambda torch, x, s: _running(torch, x, s, 1),
        "embedding_bag": _bags,
        "softmax": lambda torch, x, s: torch.softmax(x[0], dim=s["axis"]),
        "log_softmax": lambda torch, x, s: torch.log_softmax(x[0], dim=s["axis"]),
        "causal_mask": lambda torch, x, s: x[0].masked_fill(torch.ones_like(x[0]).tril() == 0, s["value"]),
        "masked_softmax": _masked_softmax,
        "mse": _functional("mse_loss", "reduction"),
        "half_mse": _half,
        "half_sse": _half,
        "mae": _functional("l1_loss", "reduction"),
        "huber": _functional("huber_loss", "reduction", "delta"),
        "bce": _functional("binary_cross_entropy", "reduction"),
        "bce_with_logits": _logits,
        "kl_div": _functional("kl_div", "reduction", "log_target"),
        "smooth_l1": _functional("smooth_l1_loss", "reduction", "beta"),
        "soft_margin": _functional("soft_margin_loss", "reduction"),
        "cross_entropy": _classes("cross_entropy", "label_smoothing"),
        "soft_cross_entropy": _classes("cross_entropy", "label_smoothing"),
        "nll": _classes("nll_loss"),
        "multi_margin": _classes("multi_margin_loss", "margin", "p"),
        "multilabel_margin": _functional("multilabel_margin_loss", "reduction"),
        "hinge_embedding": _functional("hinge_embedding_loss", "margin", "reduction"),
        "margin_ranking": _functional("margin_ranking_loss", "margin", "reduction"),
        "poisson_nll": _functional("poisson_nll_loss", "log_input", "full", "eps", "reduction"),
        "correlate1d": _convolve("conv1d"),
        "correlate2d": _convolve("conv2d"),
        "correlate3d": _convolve("conv3d"),
        "correlate_transpose1d": _convolve("conv_transpose1d", "padding", "output_padding"),
        "correlate_transpose2d": _convolve("conv_transpose2d", "padding", "output_padding"),
        "correlate_transpose3d": _convolve("conv_transpose3d", "padding", "output_padding"),
        **{
            name: _functional(name, "kernel_size", "stride", "padding", "dilation", "ceil_mode")
            for name in ("max_pool1d", "max_pool2d", "max_pool3d")
        },
        **{
            name: _functional(name, "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
            for name in ("avg_pool1d", "avg_pool2d", "avg_pool3d")
        },
        **{
            name: _functional(name, "output_size")
            for name in ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
                         "adaptive_max_pool2d", "adaptive_max_pool3d")
        },
    }
)  # fmt: skip


def load() -> Any:
    """PyTorch, or a UserError that says how to get it."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise UserError("--torch", "PyTorch is not installed", "pip install torch") from None


def check_torch(recording: Recording, torch: Any = None) -> Iterator[CheckRow]:
    """The torch rows of a training step: each operation's value, and what it adds to the gradients of its inputs; then
    the same of each composite as a whole, against PyTorch's own."""
    torch = load() if torch is None else torch
    for node in recording.graph.ops:
        yield from check_node(recording, node, torch)
    uses = {use.result.id: use for use in composites(recording.graph).values()}
    for use in uses.values():
        yield from check_node(recording, use.node, torch)


def check_node(recording: Recording, node: Node, torch: Any) -> Iterator[CheckRow]:
    """The torch rows of one operation, or of a composite as a whole."""
    assert node.op is not None
    graph, op = recording.graph, node.op
    call = CALLS.get(op.name) or COMPOSITES.get(op.name)
    if call is None:
        yield CheckRow(node.name, op.name, "", "torch", "n/a", note="PyTorch has no such operation")
        return
    values = [recording.required(i) for i in node.inputs]
    upstream = recording.grad(node)
    wanted = [
        n for n, i in enumerate(node.inputs)
        if upstream is not None and graph.nodes[i].wants_grad and op.differentiable(n)
    ]  # fmt: skip
    try:
        out, grads = _of_torch(torch, call, [wide(value) for value in values], node, wanted, upstream)
    except (Unlike, RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        yield CheckRow(node.name, op.name, "", "torch", "n/a", note=told[0][:100])
        return
    yield _row(node, "", recording.required(node), out, values)
    for n, theirs in zip(wanted, grads, strict=True):
        mine = [each.array for each in passing(recording.contributions(node.inputs[n]), node, n)]
        if mine:
            with np.errstate(all="ignore"):
                total = mine[0] if len(mine) == 1 else np.sum(np.stack(mine), axis=0)
            yield _row(node, op.input_names[n], total, theirs, [upstream])


def _of_torch(
    torch: Any, call: Call, values: Sequence[Array], node: Node, wanted: Sequence[int], upstream: Array | None
) -> tuple[Array, list[Array]]:
    """PyTorch's value, and ∂L/∂input of the inputs that are wanted."""
    tensors = [torch.tensor(value) for value in values]
    for n in wanted:
        tensors[n].requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's advice is for whoever wrote the call
        out = call(torch, tensors, node.attributes)
    if not wanted or upstream is None:
        return out.detach().numpy(), []
    seed = torch.tensor(wide(upstream)).reshape(out.shape)
    grads = torch.autograd.grad(out, [tensors[n] for n in wanted], seed, allow_unused=True)
    found = [np.zeros(values[n].shape) if grad is None else grad.numpy() for n, grad in zip(wanted, grads, strict=True)]
    return out.detach().numpy(), found


def _row(node: Node, wrt: str, got: Array, expected: Array, sources: Sequence[Array | None]) -> CheckRow:
    """The worst element decides, as in the other rows; `sources`: what the numbers are made of, next to whose size
    they are known only to its rounding."""
    assert node.op is not None
    tolerance = SINGLE if got.dtype == np.float32 else EXACT
    have, want = wide(got), np.asarray(expected, float).reshape(got.shape)
    if not have.size:
        return CheckRow(node.name, node.op.name, wrt, "torch", "n/a", note="empty")
    with np.errstate(all="ignore"):
        allowed = tolerance.between(
            have, want, [wide(s) for s in sources if s is not None and s.dtype.kind == "f"], not wrt
        )
        same = (have == want) | (np.isnan(have) & np.isnan(want))
        error = np.where(same, 0.0, np.abs(have - want))
        error = np.where(np.isnan(error), np.inf, error)
        badness = error / allowed
    worst = np.unravel_index(int(np.argmax(badness)), have.shape)
    verdict: Verdict = "ok" if badness[worst] <= 1 else "FAIL"
    at = tuple(int(i) for i in worst)
    found = float(error[worst]), float(allowed[worst]), at, float(have[worst]), float(want[worst])
    return CheckRow(node.name, node.op.name, wrt, "torch", verdict, *found, "against PyTorch")
