"""Convolutions, pools, normalisations, embeddings, and what enlarges images."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import finite, rearranged, reshaped, values
from bptui.model.source.captured.known.registry import Entry, known

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


# ---------------------------------------------------------------------------------------------------- convolutions
def _convolution(n: int) -> Entry:
    def entry(
        u: Call, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1,
    ) -> Node:  # fmt: skip
        x, single = batched(u, input, n)
        settings = {"stride": many(stride, n), "padding": many(padding, n), "dilation": many(dilation, n)}
        return unbatched(u, u.use(f"conv{n}d", x, weight, bias, groups=groups, **settings), single)

    return entry


def _transposed(n: int) -> Entry:
    def entry(
        u: Call, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, dilation: Any = 1,
    ) -> Node:  # fmt: skip
        x, single = batched(u, input, n)
        settings = {"stride": many(stride, n), "padding": many(padding, n), "dilation": many(dilation, n)}
        settings["output_padding"] = many(output_padding, n)
        return unbatched(u, u.use(f"conv_transpose{n}d", x, weight, bias, groups=groups, **settings), single)

    return entry


# ----------------------------------------------------------------------------------------------------------- pools
def _max_pool(n: int) -> Entry:
    def entry(
        u: Call, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Node:  # fmt: skip
        x, single = batched(u, input, n)
        stride = kernel_size if stride in (None, []) else stride
        settings = {"stride": many(stride, n), "padding": many(padding, n), "dilation": many(dilation, n)}
        kernel = many(kernel_size, n)
        return unbatched(u, u.use(f"max_pool{n}d", x, kernel_size=kernel, ceil_mode=ceil_mode, **settings), single)

    return entry


def _average_pool(n: int) -> Entry:
    def entry(
        u: Call, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Node:  # fmt: skip
        x, single = batched(u, input, n)
        stride = kernel_size if stride in (None, []) else stride
        settings = {"stride": many(stride, n), "padding": many(padding, n), "kernel_size": many(kernel_size, n)}
        more = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
        if divisor_override is not None:
            more["divisor_override"] = divisor_override
        return unbatched(u, u.use(f"avg_pool{n}d", x, **settings, **more), single)

    return entry


def _adaptive_average(n: int) -> Entry:
    def entry(u: Call, input: Any, output_size: Any) -> Node:
        x, single = batched(u, input, n)
        wanted = zip(many(output_size, n), x.shape[-n:], strict=True)
        size = tuple(old if new is None else new for new, old in wanted)
        return unbatched(u, u.use(f"adaptive_avg_pool{n}d", x, output_size=size), single)

    return entry


def _adaptive_max(n: int) -> Entry:
    def entry(u: Call, input: Any, output_size: Any, return_indices: bool = False) -> Node:
        """Of NaN, which of several is passed on is PyTorch's to say: by the recorded places."""
        if u.counted_nan(input) and len(u.results) > 1:
            return rearranged(u, input, partial(_at_places, u, u.results[1], n))
        x, single = batched(u, input, n)
        wanted = zip(many(output_size, n), x.shape[-n:], strict=True)
        size = tuple(old if new is None else new for new, old in wanted)
        return unbatched(u, u.use(f"adaptive_max_pool{n}d", x, output_size=size), single)

    return entry


def _at_places(u: Call, places: Any, n: int, p: Array) -> Array:
    """The elements at places that count over n axes of space."""
    flat = p.reshape(*p.shape[:-n], -1)
    return np.take_along_axis(flat, values(u, places).reshape(*places.shape[:-n], -1), -1)


def _lp_pool(n: int) -> Entry:
    def entry(
        u: Call, input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> Node:
        settings = {"kernel_size": many(kernel_size, n), "stride": None if stride is None else many(stride, n)}
        return u.use(f"lp_pool{n}d", input, p=norm_type, ceil_mode=ceil_mode, **settings)

    return entry


for _n in (1, 2, 3):
    known(f"{F}lp_pool{_n}d")(_lp_pool(_n))
    known(f"conv{_n}d")(_convolution(_n))
    known(f"conv_transpose{_n}d")(_transposed(_n))
    known(f"max_pool{_n}d", f"max_pool{_n}d_with_indices")(_max_pool(_n))
    known(f"avg_pool{_n}d")(_average_pool(_n))
    known(f"adaptive_avg_pool{_n}d")(_adaptive_average(_n))
    known(f"{F}adaptive_max_pool{_n}d", f"{F}adaptive_max_pool{_n}d_with_indices")(_adaptive_max(_n))


# --------------------------------------------------------------------------------------------------- normalisations
def _ones(u: Call, shape: Any) -> Node:
    return u.constant(tuple(shape), lambda: np.ones(shape), "ones")


@known("layer_norm")
def layer_norm(
    u: Call, input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Node:  # fmt: skip
    finite(u, input, weight, bias, nan=True)
    if weight is None and (bias is not None or len(normalized_shape) > 1):
        weight = _ones(u, normalized_shape)
    return u.use("layer_norm", input, weight, bias, eps=eps)


_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-23, "bfloat16": 2.0**-23}
"""What rms_norm adds where nothing is said: of the kind of number that it computes in."""


@known("rms_norm")
def rms_norm(u: Call, input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Node:
    if weight is None and len(normalized_shape) > 1:
        weight = _ones(u, normalized_shape)
    return u.use("rms_norm", input, weight, eps=_EPSILON[input.dtype] if eps is None else eps)


@known("group_norm")
def group_norm(
    u: Call, input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Node:  # fmt: skip
    finite(u, input, weight, bias, nan=True)
    if weight is None and bias is not None:
        weight = _ones(u, bias.shape)
    return u.use("group_norm", input, weight, bias, groups=num_groups, eps=eps)


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


@known("torch.batch_norm")
def torch_batch_norm(
    u: Call, input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float,
    eps: float, cudnn_enabled: bool,
) -> Node:  # fmt: skip
    return batch_norm(u, input, running_mean, running_var, weight, bias, training, momentum, eps)


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
