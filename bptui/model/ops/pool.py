"""Pooling over windows: max_pool2d, avg_pool2d. Leading axes are kept; the last two are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Emit, Op, Shape, Signature
from bptui.model.ops.common import at, contiguous, each_axis, flag, letters, optional
from bptui.model.ops.conv import reach, spatial_shape, steps, windows


def _stride(attributes: Any) -> tuple[int, ...]:
    """The stride: by default the kernel's size, so that windows tile x."""
    stride = attributes["stride"]
    return attributes["kernel_size"] if stride is None else stride  # type: ignore[no-any-return]


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    if len(x) < 2:
        raise ValueError(f"x has shape {x}: it must have at least two axes (height, width)")
    kernel, padding = attributes["kernel_size"], attributes["padding"]
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(f"padding {padding} must be at most half of kernel_size {kernel}")
    padded = tuple(size + 2 * p for size, p in zip(x[-2:], padding, strict=True))
    return x[:-2] + spatial_shape(padded, kernel, {"stride": _stride(attributes)}, x, f"kernel_size {kernel}")


def _element(signature: Signature) -> tuple[list[str], str, str]:
    """The output's indices, the element of x that a tap reads, and ` for a in 2 for b in 2 if …`."""
    *lead, _, _ = letters(signature.ranks[0], avoid="hw", start="nclmopqrst")
    out = [*lead, "h", "w"]
    read, ranges, conditions = [], "", []
    sizes = zip(out[-2:], "ab", signature["kernel_size"], _stride(signature), signature["padding"], strict=True)
    for axis, (place, tap, k, s, p) in enumerate(sizes):
        where = steps(s, place, 1, tap) + (f" - {p}" if p else "")
        read.append(where)
        ranges += f" for {tap} in {k}"
        if p:
            conditions.append(f"{where} >= 0 and {where} < x.shape[{axis + signature.ranks[0] - 2}]")
    return out, at("x", [*lead, *read]), ranges + (f" if {' and '.join(conditions)}" if conditions else "")


def _max_definition(signature: Signature) -> str:
    out, element, ranges = _element(signature)
    return f"{at('y', out)} = max({element}{ranges})"


def _mean_definition(signature: Signature) -> str:
    out, element, ranges = _element(signature)
    count = str(prod(signature["kernel_size"]))
    if any(signature["padding"]) and not signature["count_include_pad"]:
        count = f"sum(1{ranges})"
    return f"{at('y', out)} = sum({element}{ranges})/{count}"


def _padded(emit: Emit, x: Array, attributes: Attributes, value: float) -> tuple[Array, Array]:
    """x with its padding, and the part of it that is x. Without padding it is x itself."""
    top, left = attributes["padding"]
    if not top and not left:
        return x, x
    room = emit.temp((*x.shape[:-2], x.shape[-2] + 2 * top, x.shape[-1] + 2 * left))
    emit(np.copyto, room, emit.const(value))
    return room, room[..., top : top + x.shape[-2], left : left + x.shape[-1]]


def _taps(room: Array, out: Array, attributes: Attributes) -> list[Array]:
    """For each tap of the window, in row-major order, a view of what it reads for each place of the output."""
    kernel = attributes["kernel_size"]
    seen = windows(room, kernel, _stride(attributes), (1, 1), out.shape[-2:])
    return [seen[(..., *tap, slice(None), slice(None))] for tap in np.ndindex(*kernel)]


def _max(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> list[Array]:
    x = contiguous(emit, inputs[0])
    room, inner = _padded(emit, x, attributes, -np.inf)
    if room is not x:
        emit(np.copyto, inner, x)
    first, *rest = taps = _taps(room, out, attributes)
    emit(np.copyto, out, first)
    for tap in rest:
        emit(np.maximum, out, tap, out=out)
    return taps


def _max_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    taps: Any,
) -> None:
    d = into[0]
    if d is None:
        return
    room, inner = _padded(emit, d, attributes, 0.0)
    if room is d:
        emit(np.copyto, d, emit.const(0.0))
    given, wins = emit.temp(out.shape, np.bool_), emit.temp(out.shape, np.bool_)
    apart = all(s >= k for s, k in zip(_stride(attributes), attributes["kernel_size"], strict=True))
    share = None if apart else emit.temp(out.shape)
    emit(np.copyto, given, False)
    for tap, to in zip(taps, _taps(room, out, attributes), strict=True):
        emit(np.equal, tap, out, wins)
        emit(np.greater, wins, given, wins)  # the largest, and none before it was
        emit(np.logical_or, given, wins, given)
        if share is None:  # no element is in two windows
            emit(np.multiply, upstream, wins, to)
        else:
            emit(np.multiply, upstream, wins, share)
            emit(np.add, to, share, to)
    if room is not d:
        emit(np.copyto, d, inner)


def _counts(emit: Emit, x: Array, out: Array, attributes: Attributes) -> Array:
    """One over the number of elements that each place averages."""
    kernel = attributes["kernel_size"]
    if attributes["count_include_pad"] or not any(attributes["padding"]):
        return emit.const(1 / prod(kernel))
    counts = np.ones(())
    for size, k, s, p, n in zip(
        x.shape[-2:], kernel, _stride(attributes), attributes["padding"], out.shape[-2:], strict=True
    ):
        starts = np.arange(n) * s - p
        inside = np.minimum(starts + reach(k, 1), size) - np.maximum(starts, 0)
        counts = np.multiply.outer(counts, inside)
    return (1 / counts).astype(emit.dtype)


def _mean(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x = contiguous(emit, inputs[0])
    room, inner = _padded(emit, x, attributes, 0.0)
    if room is not x:
        emit(np.copyto, inner, x)
    first, *rest = _taps(room, out, attributes)
    emit(np.copyto, out, first)
    for tap in rest:
        emit(np.add, out, tap, out)
    emit(np.multiply, out, _counts(emit, x, out, attributes), out)


def _mean_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    d = into[0]
    if d is None:
        return
    room, inner = _padded(emit, d, attributes, 0.0)
    if room is d:
        emit(np.copyto, d, emit.const(0.0))
    share = emit.temp(out.shape)
    emit(np.multiply, upstream, _counts(emit, d, out, attributes), share)
    for to in _taps(room, out, attributes):
        emit(np.add, to, share, to)
    if room is not d:
        emit(np.copyto, d, inner)


_WINDOW = {
    "kernel_size": Attribute(None, each_axis(2, 1), required=True),
    "stride": Attribute(None, optional(each_axis(2, 1))),
    "padding": Attribute((0, 0), each_axis(2, 0)),
}

OPS = (
    Op(
        "max_pool2d",
        ("x",),
        _max_definition,
        _shape,
        _max,
        _max_vjp,
        "The largest element of each window; the stride is the window's size unless given.",
        _WINDOW,
        analytic=False,
        convention="among equals the first of the window gets all of the gradient; padding never wins",
    ),
    Op(
        "avg_pool2d",
        ("x",),
        _mean_definition,
        _shape,
        _mean,
        _mean_vjp,
        "The mean of each window; the stride is the window's size unless given.",
        {**_WINDOW, "count_include_pad": Attribute(True, flag)},
        convention="padding counts as zeros in the mean unless count_include_pad is false",
    ),
)
