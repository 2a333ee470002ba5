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
from bptui.model.engine.probe import wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.check.tolerance import EXACT, SINGLE, apart
from bptui.symbolic.types import CheckRow, Verdict
from bptui.torch import calls
from bptui.torch.composites import COMPOSITES
from bptui.torch.indexing import INDEXING, Unlike
from bptui.torch.spectral import CALLS as SPECTRAL
from bptui.torch.spectral import Call

CALLS: Mapping[str, Call] = MappingProxyType(
    {
        **{
            name: calls.plain(name)
            for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "neg", "exp", "log", "sqrt", "rsqrt",
                         "reciprocal", "square", "abs", "sin", "cos", "tan", "sinh", "cosh", "log1p", "expm1", "erf",
                         "sigmoid", "tanh", "relu", "selu", "matmul", "detach", "sign", "floor", "ceil", "trunc",
                         "round", "asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh", "erfc", "lgamma",
                         "xlogy", "logaddexp")
        },
        **{
            name: calls.functional(name)
            for name in ("silu", "mish", "softsign", "relu6", "hardswish", "tanhshrink")
        },
        **{name: calls.functional(name, "lambd") for name in ("hardshrink", "softshrink")},
        # PyTorch's own hardsigmoid takes its derivative 1/6 in float32
        "cast": calls.cast,
        "digamma": calls.digamma,
        "polygamma": calls.polygamma,
        "hardsigmoid": lambda torch, x, s: torch.nn.functional.relu6(x[0] + 3) / 6,
        "celu": calls.functional("celu", "alpha"),
        "softplus": calls.softplus,
        "rrelu": calls.functional("rrelu", "lower", "upper"),
        "alpha_dropout": calls.alpha_dropout,
        "leaky": lambda torch, x, s: torch.where(x[0] > 0, x[0], x[0] * x[1]),
        "glu": lambda torch, x, s: torch.nn.functional.glu(x[0], dim=s["axis"]),
        "log_sigmoid": calls.functional("logsigmoid"),
        "leaky_relu": calls.functional("leaky_relu", "negative_slope"),
        "elu": calls.functional("elu", "alpha"),
        "gelu": calls.functional("gelu", "approximate"),
        "hardtanh": calls.functional("hardtanh", "min_val", "max_val"),
        "where": lambda torch, x, s: torch.where(x[0] != 0, x[1], x[2]),
        "power": lambda torch, x, s: torch.pow(x[0], s["exponent"]),
        "clip": lambda torch, x, s: torch.clamp(x[0], s["min"], s["max"]),
        "dropout": lambda torch, x, s: x[0] * x[1] / (1 - s["p"]),
        "affine": lambda torch, x, s: torch.nn.functional.linear(x[0], x[1].T, x[2]),
        **{name: calls.of_matrices(name) for name in ("inv", "det", "slogdet", "logdet", "cholesky")},
        "solve": calls.solve,
        "solve_triangular": calls.solve_triangular,
        **COMPOSITES,
        **SPECTRAL,
        "einsum": lambda torch, x, s: torch.einsum(s["equation"], *x),
        "sum": calls.reduced("sum"),
        "mean": calls.reduced("mean"),
        "var": calls.reduced("var", "correction"),
        "std": calls.reduced("std", "correction"),
        **{
            name: lambda torch, x, s: torch.linalg.vector_norm(
                x[0], s["p"], dim=calls.axes_of(x[0], s["axis"]), keepdim=s["keepdims"]
            )
            for name in ("norm", "p_norm")
        },
        "logsumexp": calls.reduced("logsumexp"),
        "max": calls.one_axis("max"),
        "min": calls.one_axis("min"),
        "prod": calls.one_axis("prod"),
        "reshape": lambda torch, x, s: x[0].reshape(tuple(s["shape"])),
        "transpose": lambda torch, x, s: x[0].permute(
            tuple(reversed(range(x[0].ndim))) if s["axes"] is None else tuple(s["axes"])
        ),
        "broadcast_to": lambda torch, x, s: x[0].broadcast_to(tuple(s["shape"])),
        "slice": calls.sliced,
        "concat": lambda torch, x, s: torch.cat(tuple(x), dim=s["axis"]),
        "stack": lambda torch, x, s: torch.stack(tuple(x), dim=s["axis"]),
        "pad": calls.pad,
        "take": calls.take,
        **{
            name: calls.true(name)
            for name in ("logical_and", "logical_or", "logical_xor", "logical_not", "isnan", "isinf", "isfinite")
        },
        **{name: calls.place(name) for name in ("argmax", "argmin")},
        "one_hot": lambda torch, x, s: torch.nn.functional.one_hot(x[0].long(), s["classes"]).to(torch.float64),
        "masked_fill": lambda torch, x, s: x[0].masked_fill(x[1] != 0, x[2]),
        **{name: calls.compared(call) for name, call in calls.COMPARISONS.items()},
        "pixel_shuffle": lambda torch, x, s: torch.pixel_shuffle(x[0], s["factor"]),
        "pixel_unshuffle": lambda torch, x, s: torch.pixel_unshuffle(x[0], s["factor"]),
        "interpolate": calls.interpolate,
        "flip": lambda torch, x, s: torch.flip(x[0], calls.axes_of(x[0], s["axis"])),
        "roll": lambda torch, x, s: torch.roll(x[0], s["shift"], s["axis"] or tuple(0 for _ in s["shift"])),
        "tril": lambda torch, x, s: torch.tril(x[0], s["k"]),
        "triu": lambda torch, x, s: torch.triu(x[0], s["k"]),
        "diagonal": lambda torch, x, s: torch.diagonal(x[0], s["offset"], s["axis1"], s["axis2"]),
        "diag_embed": lambda torch, x, s: torch.diag_embed(x[0], s["offset"], s["axis1"], s["axis2"]),
        "trace": calls.plain("trace"),
        "outer": calls.plain("outer"),
        "repeat": lambda torch, x, s: torch.tile(x[0], s["repeats"]),
        "repeat_interleave": lambda torch, x, s: torch.repeat_interleave(x[0], s["repeats"], s["axis"]),
        "sort": lambda torch, x, s: torch.sort(x[0], dim=s["axis"], descending=s["descending"], stable=True).values,
        "topk": lambda torch, x, s: torch.topk(x[0], s["k"], s["axis"], s["largest"]).values,
        **INDEXING,
        "unfold": calls.functional("unfold", "kernel_size", "dilation", "padding", "stride"),
        "fold": calls.functional("fold", "output_size", "kernel_size", "dilation", "padding", "stride"),
        "index_add": lambda torch, x, s: torch.index_add(x[0], s["axis"], x[1], x[2]),
        "put": calls.put,
        **{name: calls.along(name) for name in ("cumsum", "cumprod", "logcumsumexp")},
        "singular_norm": lambda torch, x, s: torch.linalg.matrix_norm(
            x[0], s["ord"] if s["ord"] == "nuc" else int(s["ord"]), keepdim=s["keepdims"]
        ),
        "embedding": calls.rows,
        "padded_embedding": calls.rows,
        "running_mean": lambda torch, x, s: calls.running(torch, x, s, 0),
        "running_var": lambda torch, x, s: calls.running(torch, x, s, 1),
        "embedding_bag": calls.bags,
        "held_embedding_bag": calls.bags,
        "softmax": lambda torch, x, s: torch.softmax(x[0], dim=s["axis"]),
        "log_softmax": lambda torch, x, s: torch.log_softmax(x[0], dim=s["axis"]),
        "causal_mask": lambda torch, x, s: x[0].masked_fill(torch.ones_like(x[0]).tril() == 0, s["value"]),
        "masked_softmax": calls.masked_softmax,
        "mse": calls.functional("mse_loss", "reduction"),
        "half_mse": calls.half,
        "half_sse": calls.half,
        "mae": calls.functional("l1_loss", "reduction"),
        "huber": calls.functional("huber_loss", "reduction", "delta"),
        "bce": calls.functional("binary_cross_entropy", "reduction"),
        "bce_with_logits": calls.logits,
        "kl_div": calls.functional("kl_div", "reduction", "log_target"),
        "smooth_l1": calls.functional("smooth_l1_loss", "reduction", "beta"),
        "soft_margin": calls.functional("soft_margin_loss", "reduction"),
        "cross_entropy": calls.classes("cross_entropy", "label_smoothing"),
        "soft_cross_entropy": calls.classes("cross_entropy", "label_smoothing"),
        "nll": calls.classes("nll_loss"),
        "multi_margin": calls.classes("multi_margin_loss", "margin", "p"),
        "multilabel_margin": calls.functional("multilabel_margin_loss", "reduction"),
        "hinge_embedding": calls.functional("hinge_embedding_loss", "margin", "reduction"),
        "margin_ranking": calls.functional("margin_ranking_loss", "margin", "reduction"),
        "poisson_nll": calls.functional("poisson_nll_loss", "log_input", "full", "eps", "reduction"),
        "correlate1d": calls.convolve("conv1d"),
        "correlate2d": calls.convolve("conv2d"),
        "correlate3d": calls.convolve("conv3d"),
        "correlate_transpose1d": calls.convolve("conv_transpose1d", "padding", "output_padding"),
        "correlate_transpose2d": calls.convolve("conv_transpose2d", "padding", "output_padding"),
        "correlate_transpose3d": calls.convolve("conv_transpose3d", "padding", "output_padding"),
        **{
            name: calls.functional(name, "kernel_size", "stride", "padding", "dilation", "ceil_mode")
            for name in ("max_pool1d", "max_pool2d", "max_pool3d")
        },
        **{
            name: calls.functional(name, "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", *more)
            for name, more in (("avg_pool1d", ()), *((f"avg_pool{n}d", ("divisor_override",)) for n in (2, 3)))
        },
        **{
            name: calls.functional(name, "output_size")
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
        yield from check_node(recording, use.node, torch, use.parts)


def check_node(recording: Recording, node: Node, torch: Any, parts: Sequence[Node] = ()) -> Iterator[CheckRow]:
    """The torch rows of one operation, or of a composite as a whole, whose gradients are known to the rounding of those
    of its parts (that of a key's bias is 0, because all of it cancels)."""
    assert node.op is not None
    op = node.op
    call = CALLS.get(op.name)
    if call is None:
        yield CheckRow(node.name, op.name, "", "torch", "n/a", note="PyTorch has no such operation")
        return
    values = [recording.required(i) for i in node.inputs]
    upstream = recording.grad(node)
    wanted = () if upstream is None else recording.graph.passed_to(node)
    try:
        out, grads = _of_torch(torch, call, [wide(value) for value in values], node, wanted, upstream)
    except (Unlike, RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        yield CheckRow(node.name, op.name, "", "torch", "n/a", note=told[0][:100])
        return
    yield _row(node, "", recording.required(node), out, values)
    sources = [upstream, *(recording.grad(part) for part in parts)]
    for n, theirs in zip(wanted, grads, strict=True):
        mine = [each.array for each in passing(recording.contributions(node.inputs[n]), node, n)]
        if mine:
            with np.errstate(all="ignore"):
                total = mine[0] if len(mine) == 1 else np.sum(np.stack(mine), axis=0)
            yield _row(node, op.input_names[n], total, theirs, sources)


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
        error = apart(have, want)
        badness = error / allowed
    worst = np.unravel_index(int(np.argmax(badness)), have.shape)
    verdict: Verdict = "ok" if badness[worst] <= 1 else "FAIL"
    at = tuple(int(i) for i in worst)
    found = float(error[worst]), float(allowed[worst]), at, float(have[worst]), float(want[worst])
    return CheckRow(node.name, node.op.name, wrt, "torch", verdict, *found, "against PyTorch")
