"""Convolutions, pools, normalisations, embeddings, and what enlarges images."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import finite, rearranged, reshaped, values
from bptui.model.source.captured.known.registry import Entry, known, taking

F = "torch.nn.functional."


def many(value: Any, n: int) -> Any:
    """One number for each of n axes; a word ("same") as it is."""
    if isinstance(value, str):
        return value
    items = tuple(value) if isinstance(value, list) else (value,)
    return items * n if len(items) == 1 else items


def batched(u: Call, x: Any, n: int) -> tuple[Any, bool]:
    """x with an axis of samples before channels and n axes of space, and whether it had none."""
    single = len(x.shape) == n + 1
    return (reshaped(u, x, (1, *x.shape)) if single else x), single


def unbatched(u: Call, y: Node, single: bool) -> Node:
    """Without that axis again."""
    return reshaped(u, y, y.shape[1:]) if single else y


# -------------------------------------------------------------------------------------------- convolutions and pools
_PER_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding")
"""Settings that are one number, or one for each axis of space."""


def _convolution(op: str, n: int) -> Entry:
    """An operation over n axes of space; None is no setting."""

    def make(u: Call, input: Any, weight: Any, bias: Any = None, **settings: Any) -> Node:
        x, single = batched(u, input, n)
        given = {name: many(value, n) if name in _PER_AXIS else value for name, value in settings.items()}
        given = {name: value for name, value in given.items() if value is not None}
        if op.startswith("conv_transpose") and any(
            given["padding"]
        ):  # PyTorch's gradients count 0·∞ of what is cut off
            finite(u, input, weight)
        return unbatched(u, u.use(op, x, weight, bias, **given), single)

    return make


def _pool(op: str, n: int) -> Entry:
    """The same without a weight. The stride is the kernel's size where none is given."""
    over = _convolution(op, n)

    def make(u: Call, input: Any, kernel_size: Any, stride: Any, **settings: Any) -> Any:
        stride = kernel_size if stride in (None, []) else stride
        return over(u, input, None, kernel_size=kernel_size, stride=stride, **settings)

    return make


def _adaptive(op: str, n: int) -> Entry:
    def make(u: Call, input: Any, output_size: Any) -> Node:
        x, single = batched(u, input, n)
        wanted = zip(many(output_size, n), x.shape[-n:], strict=True)
        size = tuple(old if new is None else new for new, old in wanted)
        return unbatched(u, u.use(op, x, output_size=size), single)

    return make


def _adaptive_max(op: str, n: int) -> Entry:
    def make(u: Call, input: Any, output_size: Any) -> Any:
        """Of NaN, which of several is passed on is PyTorch's to say: by the recorded places."""
        if u.counted_nan(input) and len(u.results) > 1:
            return rearranged(u, input, partial(_at_places, u, u.results[1], n))
        return _adaptive(op, n)(u, input, output_size)

    return make


def _at_places(u: Call, places: Any, n: int, p: Array) -> Array:
    """The elements at places that count over n axes of space."""
    flat = p.reshape(*p.shape[:-n], -1)
    return np.take_along_axis(flat, values(u, places).reshape(*places.shape[:-n], -1), -1)


def _lp_pool(op: str, n: int) -> Entry:
    def make(u: Call, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Node:
        settings = {"kernel_size": many(kernel_size, n), "stride": None if stride is None else many(stride, n)}
        return u.use(op, input, p=norm_type, ceil_mode=ceil_mode, **settings)

    return make


_CONV: dict[str, Any] = {"bias": None, "stride": 1, "padding": 0}
_POOL: dict[str, Any] = {"stride": None, "padding": 0}
_SIZE = "input", "kernel_size"
for _n in (1, 2, 3):
    _op = f"conv{_n}d"
    known(_op)(taking(_convolution(_op, _n), "input", "weight", **_CONV, dilation=1, groups=1))
    _op = f"conv_transpose{_n}d"
    known(_op)(taking(_convolution(_op, _n), "input", "weight", **_CONV, output_padding=0, groups=1, dilation=1))
    _op = f"max_pool{_n}d"
    _entry = taking(_pool(_op, _n), *_SIZE, **_POOL, dilation=1, ceil_mode=False, return_indices=False)
    known(_op, f"{_op}_with_indices")(_entry)
    _op = f"avg_pool{_n}d"
    _entry = taking(_pool(_op, _n), *_SIZE, **_POOL, ceil_mode=False, count_include_pad=True, divisor_override=None)
    known(_op)(_entry)
    _op = f"lp_pool{_n}d"
    known(F + _op)(taking(_lp_pool(_op, _n), "input", "norm_type", "kernel_size", stride=None, ceil_mode=False))
    _op = f"adaptive_avg_pool{_n}d"
    known(_op)(taking(_adaptive(_op, _n), "input", "output_size"))
    _op = f"adaptive_max_pool{_n}d"
    _entry = taking(_adaptive_max(_op, _n), "input", "output_size", return_indices=False)
    known(F + _op, f"{F}{_op}_with_indices")(_entry)


# --------------------------------------------------------------------------------------------------- normalisations
def _ones(u: Call, shape: Any) -> Node:
    return u.constant(tuple(shape), lambda: np.ones(shape), "ones")


def _layer_norm(u: Call, input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Node:
    finite(u, input, weight, bias, nan=True)
    if weight is None and (bias is not None or len(normalized_shape) > 1):
        weight = _ones(u, normalized_shape)
    return u.use("layer_norm", input, weight, bias, eps=eps)


_AFFINE: dict[str, Any] = {"weight": None, "bias": None}
known("layer_norm")(taking(_layer_norm, "input", "normalized_shape", **_AFFINE, eps=1e-5, cudnn_enable=True))


_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-23, "bfloat16": 2.0**-23}
"""What rms_norm adds where nothing is said: of the kind of number that it computes in."""


@known("rms_norm")
def rms_norm(u: Call, input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Node:
    if weight is None and len(normalized_shape) > 1:
        weight = _ones(u, normalized_shape)
    return u.use("rms_norm", input, weight, eps=_EPSILON[input.dtype] if eps is None else eps)


def _group_norm(u: Call, input: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Node:
    finite(u, input, weight, bias, nan=True)
    if weight is None and bias is not None:
        weight = _ones(u, bias.shape)
    return u.use("group_norm", input, weight, bias, groups=num_groups, eps=eps)


known("group_norm")(taking(_group_norm, "input", "num_groups", **_AFFINE, eps=1e-5, cudnn_enabled=True))


def _affine(u: Call, x: Any, weight: Any, bias: Any, needed: bool = False) -> tuple[Any, Any]:
    """Weight and bias; ones and zeros where one stands without the other, or where they are needed."""
    if (weight is None) != (bias is None) or (needed and weight is None):
        weight = _ones(u, x.shape[1:2]) if weight is None else weight
        bias = u.constant(x.shape[1:2], lambda: np.zeros(x.shape[1]), "zeros") if bias is None else bias
    return weight, bias


@known(F + "batch_norm")
def batch_norm(
    u: Call, input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Node:  # fmt: skip
    """In training the running statistics move: they are results, too."""
    if input.shape == (0,):  # no samples, and no channels
        return u.same(input)
    finite(u, input, running_mean, running_var, weight, bias, nan=True)
    weight, bias = _affine(u, input, weight, bias, not training)
    if not training:
        return u.use("batch_norm", input, weight, bias, running_mean, running_var, eps=eps, training=False)
    over = tuple(n for n in range(len(input.shape)) if n != 1)
    _moved(u, input, (running_mean, running_var), over, momentum)
    return u.use("batch_norm", input, weight, bias, eps=eps, training=True)


def _moved(u: Call, x: Any, running: tuple[Any, Any], over: tuple[int, ...], momentum: float) -> None:
    """The running mean and variance (divided by N - 1), by exponential average; over samples in the end."""
    if 0 in over:
        for old, kind in zip(running, ("running_mean", "running_var"), strict=True):
            if old is not None and old.id in u.event.changed:
                u.changed[old.id] = u.use(kind, x, old, momentum=momentum)
        return
    for old, kind, settings in zip(running, ("mean", "var"), ({}, {"correction": 1}), strict=True):
        if old is not None and old.id in u.event.changed:
            now = u.use(kind, x, axis=over, **settings)
            now = u.use("mean", now, axis=0) if 0 not in over else now
            u.changed[old.id] = u.use("add", u.use("mul", old, 1 - momentum), u.use("mul", now, momentum))


known("torch.batch_norm")(
    taking(
        lambda u, x, weight, bias, mean, var, *rest: batch_norm(u, x, mean, var, weight, bias, *rest[:3]),
        "input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps", "cudnn_enabled",
    )
)  # fmt: skip


@known(F + "instance_norm")
def instance_norm(
    u: Call, input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Node:  # fmt: skip
    if not use_input_stats:
        return batch_norm(u, input, running_mean, running_var, weight, bias, False, momentum, eps)
    finite(u, input, weight, bias, nan=True)
    weight, bias = _affine(u, input, weight, bias)
    _moved(u, input, (running_mean, running_var), tuple(range(2, len(input.shape))), momentum)
    return u.use("instance_norm", input, weight, bias, eps=eps)


@known("weight_norm", "_weight_norm")
def weight_norm(u: Call, v: Any, g: Any, dim: int = 0) -> Node:
    """v·g/|v|, with a norm for each place along an axis; -1 stands for one norm of all."""
    if dim == -1:
        return u.use("weight_norm", v, reshaped(u, g, ()), axis=None)
    return u.use("weight_norm", v, g, axis=dim)


@known("norm_except_dim")
def norm_except_dim(u: Call, v: Any, pow: int = 2, dim: int = 0) -> Node:
    if dim == -1:
        return u.use("norm", v, p=pow)
    return u.use("norm", v, axis=tuple(n for n in range(len(v.shape)) if n != dim), keepdims=True, p=pow)


@known(F + "local_response_norm")
def local_response_norm(
    u: Call, input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Node:
    return u.use("local_response_norm", input, size=size, alpha=alpha, beta=beta, k=k)
