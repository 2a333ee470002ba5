"""Pooling over windows: max_pool1d to 3d, avg_pool1d to 3d. Leading axes are kept, the last are pooled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, contiguous, each_axis, flag, leading, literal, optional, whole, zeros
from bptui.model.engine.ops.conv import SPATIAL, TAPS, reach, steps, windows
from bptui.model.engine.ops.scatter import added
from bptui.model.engine.writing import called, kept_where

POOLED = {1: "length", 2: "height, width", 3: "depth, height, width"}


def _stride(attributes: Attributes) -> tuple[int, ...]:
    """The stride: by default the kernel's size, so that windows tile x."""
    stride, kernel = attributes["stride"], attributes["kernel_size"]
    return tuple(kernel if stride is None else stride)


def _dilation(attributes: Attributes) -> tuple[int, ...]:
    """The distance between what a window reads: 1 for a mean."""
    return tuple(attributes.get("dilation", (1,) * len(attributes["kernel_size"])))


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    kernel, padding = attributes["kernel_size"], attributes["padding"]
    count = len(kernel)
    if len(x) < count:
        raise ValueError(f"x has shape {x}: it must have at least {count} axes ({POOLED[count]})")
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(f"x has shape {x}: padding {padding} must be at most half of kernel_size {kernel}")
    found = []
    for n, k, s, p, d in zip(x[-count:], kernel, _stride(attributes), padding, _dilation(attributes), strict=True):
        span = reach(k, d)
        if n + 2 * p < span or not n:
            raise ValueError(
                f"x has shape {x}: kernel_size {kernel} does not fit in it (it spans {span} of {n + 2 * p} elements)"
            )
        places = (n + 2 * p - span) // s + 1
        if attributes["ceil_mode"]:  # one more where something is left, and the window starts inside
            places = -(-(n + 2 * p - span) // s) + 1
            places -= (places - 1) * s >= n + p
        if d > 1:
            reads = np.arange(places)[:, None] * s - p + np.arange(k) * d
            if not ((reads >= 0) & (reads < n)).any(1).all():
                raise ValueError(
                    f"x has shape {x}: with padding {padding} and dilation {d} a window reads nothing of it"
                )
        found.append(places)
    return x[:-count] + tuple(found)


def _element(signature: Signature) -> tuple[list[str], str, str, str]:
    """The output's indices, the element of x that a tap reads, ` for a in 2 for b in 2 if …`, and the same with what is
    counted as padding."""
    attributes, rank = dict(signature.attributes), signature.ranks[0]
    count = len(attributes["kernel_size"])
    places, taps = SPATIAL[count], TAPS[:count]
    lead = leading(rank - count, places, taps)
    read, ranges, inside, counted = [], "", [], []
    padding = attributes.get("padding", (0,) * count)
    sizes = zip(places, taps, attributes["kernel_size"], _stride(attributes), padding,
                _dilation(attributes), strict=True)  # fmt: skip
    for axis, (place, tap, k, s, p, d) in enumerate(sizes, rank - count):
        where = steps(s, place, d, tap) + (f" - {p}" if p else "")
        read.append(where)
        ranges += f" for {tap} in {k}"
        if p:
            inside.append(f"{where} >= 0")
        if p or attributes["ceil_mode"]:
            inside.append(f"{where} < x.shape[{axis}]")
        if attributes["ceil_mode"]:
            counted.append(f"{where} < x.shape[{axis}]" + (f" + {p}" if p else ""))
    only, padded = (f" if {' and '.join(found)}" if found else "" for found in (inside, counted))
    return [*lead, *places], at("x", [*lead, *read]), ranges + only, ranges + padded


def _max_definition(signature: Signature) -> str:
    out, element, ranges, _ = _element(signature)
    return f"{at('y', out)} = max({element}{ranges})"


def mean_text(signature: Signature, term: Callable[[str], str] = str) -> tuple[list[str], str]:
    """The output's indices, and the mean over a window of a term of each element."""
    out, element, ranges, padded = _element(signature)
    attributes = dict(signature.attributes)
    if divisor := attributes.get("divisor_override"):
        return out, f"sum({term(element)}{ranges})/{literal(divisor)}"
    counted = padded if attributes.get("count_include_pad", True) else ranges
    count = f"sum(1{counted})" if " if " in counted else str(prod(signature["kernel_size"]))
    return out, f"sum({term(element)}{ranges})/{count}"


def _mean_definition(signature: Signature) -> str:
    out, mean = mean_text(signature)
    return f"{at('y', out)} = {mean}"


def _room(x: Array, out: Array, attributes: Attributes) -> tuple[Shape, tuple[slice, ...]]:
    """The size of x with its padding along the pooled axes, and where in it x lies."""
    count = len(attributes["kernel_size"])
    size, inner = [], []
    for n, m, k, s, p, d in zip(
        x.shape[-count:], out.shape[-count:], attributes["kernel_size"], _stride(attributes), attributes["padding"],
        _dilation(attributes), strict=True,
    ):  # fmt: skip
        size.append(max(n + p, (m - 1) * s + reach(k, d)))
        inner.append(slice(p, p + n))
    return tuple(size), tuple(inner)


def _padded(emit: Emit, x: Array, out: Array, attributes: Attributes, value: float) -> tuple[Array, Array]:
    """x with its padding, and the part of it that is x. Without padding it is x itself."""
    size, inner = _room(x, out, attributes)
    if size == x.shape[-len(size) :]:
        return x, x
    room = emit.temp((*x.shape[: -len(size)], *size))
    emit(np.copyto, room, emit.const(value))
    part: Any = (..., *inner)
    return room, room[part]


def _taps(room: Array, out: Array, attributes: Attributes) -> list[Array]:
    """For each tap of the window, in row-major order, a view of what it reads for each place of the output."""
    kernel = attributes["kernel_size"]
    count = len(kernel)
    seen = windows(room, kernel, _stride(attributes), _dilation(attributes), out.shape[-count:])
    return [seen[(..., *tap, *(slice(None),) * count)] for tap in np.ndindex(*kernel)]


def _max(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> list[Array]:
    return _combined(emit, np.maximum, -np.inf, inputs[0], out, attributes)


def _combined(
    emit: Emit, function: np.ufunc, border: float, x: Array, out: Array, attributes: Attributes
) -> list[Array]:
    """What a function of two makes of all elements of each window, `border` around x; the taps, which it reads."""
    x = contiguous(emit, x)
    room, inner = _padded(emit, x, out, attributes, border)
    if room is not x:
        emit(np.copyto, inner, x)
    first, *rest = taps = _taps(room, out, attributes)
    emit(np.copyto, out, first)
    for tap in rest:
        called(emit, (out, tap), out, function)
    return taps


def _max_vjp(emit: Emit, ctx: Backward) -> None:
    """To the first that is the largest, or the first NaN; never to the padding, however small x is."""
    d, out, attributes = ctx.d, ctx.out, ctx.attributes
    size, within = _room(ctx.inputs[0], out, attributes)
    inside = np.zeros(size, np.bool_)
    inside[within] = True
    room, inner = _padded(emit, d, out, attributes, 0.0)
    if room is d:
        emit(np.copyto, d, emit.const(0.0))
    given, wins = emit.temp(out.shape, np.bool_), emit.temp(out.shape, np.bool_)
    spans = (reach(k, step) for k, step in zip(attributes["kernel_size"], _dilation(attributes), strict=True))
    apart = all(s >= span for s, span in zip(_stride(attributes), spans, strict=True))
    share = None if apart else emit.temp(out.shape)
    emit(np.copyto, given, False)
    places, real = _taps(room, out, attributes), _taps(inside, out, attributes)
    for tap, to, within_x in zip(ctx.saved, places, real, strict=True):
        emit(np.equal, tap, out, wins)
        if not within_x.all():
            emit(np.logical_and, wins, within_x, wins)
        emit(np.greater, wins, given, wins)  # the largest, and none before it was
        emit(np.logical_or, given, wins, given)
        if share is None:  # no element is in two windows
            kept_where(emit, (wins, ctx.upstream), to)
        else:
            kept_where(emit, (wins, ctx.upstream), share)
            emit(np.add, to, share, to)
    emit(_to_nan, ctx.saved, places, real, given, ctx.upstream)
    if room is not d:
        emit(np.copyto, d, inner)


def taken(x: Any, reads: Array, count: int) -> Any:
    """(windows, taps, rows): what each window reads of the last `count` axes of x. reads: (windows, taps), the numbers
    of these elements, the first of a window first."""
    lead, space = x.shape[:-count], x.shape[-count:]
    return x.reshape((prod(lead), prod(space))).T[reads]


def chosen(g: Any, x: Any, reads: Array, count: int) -> Any:
    """The rule of a largest element, as mathematics; x and reads as of `taken`, g: as many windows as that."""
    many, taps = reads.shape
    lead, space = prod(x.shape[:-count]), prod(x.shape[-count:])
    wins = np.argmax(taken(x, reads, count), 1, keepdims=True) == np.arange(taps)[:, None]
    given = np.where(wins, g.reshape((lead, many)).T[:, None, :], 0).reshape((many * taps, lead))
    return added(zeros(x, (space, lead)), reads.reshape(-1), given, axis=0).T.reshape(x.shape)


def _max_over_nodes(g: Any, y: Any, x: Any, **attributes: Any) -> Any:
    """Each window as the numbers of what it reads; in the place of padding stands the first element that it has."""
    count = len(attributes["kernel_size"])
    axes = []
    for n, m, k, s, p, d in zip(
        x.shape[-count:], y.shape[-count:], attributes["kernel_size"], _stride(attributes), attributes["padding"],
        _dilation(attributes), strict=True,
    ):  # fmt: skip
        axes.append(np.arange(m)[:, None] * s - p + np.arange(k) * d)
        axes[-1][(axes[-1] < 0) | (axes[-1] >= n)] = -1
    return chosen(g, x, numbers_of(axes, x.shape[-count:]), count)


def numbers_of(axes: Sequence[Array], space: Shape) -> Array:
    """(windows, taps) of elements by number, for each axis (places, taps) of it, -1 for none: the first one that the
    window has stands for those."""
    number, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), np.bool_)
    for places, size in zip(axes, space, strict=True):
        number = (number[:, None, :, None] * size + places[None, :, None, :]).reshape(len(number) * len(places), -1)
        inside = (inside[:, None, :, None] & (places >= 0)[None, :, None, :]).reshape(number.shape)
    first = number[np.arange(len(number)), inside.argmax(1)]
    return np.where(inside, number, first[:, None])


def _to_nan(taps: Sequence[Array], places: Sequence[Array], real: Sequence[Array], given: Array, g: Array) -> None:
    """What the windows pass on in which nothing equals the largest: to their first NaN. There is hardly ever one."""
    if given.all():
        return
    for tap, to, within_x in zip(taps, places, real, strict=True):
        wins = np.isnan(tap) & within_x & ~given
        np.logical_or(given, wins, given)
        to[...] = np.where(wins, to + g, to)


def _counts(emit: Emit, x: Array, out: Array, attributes: Attributes) -> Array:
    """One over the number of elements that each place averages, or over the divisor that is given for all."""
    kernel, padding = attributes["kernel_size"], attributes["padding"]
    if divisor := attributes.get("divisor_override"):
        return emit.const(1 / divisor)
    if not attributes["ceil_mode"] and (attributes["count_include_pad"] or not any(padding)):
        return emit.const(1 / prod(kernel))
    count = len(kernel)
    counts = np.ones(())
    for size, k, s, p, n in zip(
        x.shape[-count:], kernel, _stride(attributes), padding, out.shape[-count:], strict=True
    ):
        starts = np.arange(n) * s - p
        low, high = (-p, size + p) if attributes["count_include_pad"] else (0, size)
        inside = np.minimum(starts + k, high) - np.maximum(starts, low)
        counts = np.multiply.outer(counts, inside)
    return (1 / counts).astype(emit.dtype)


def _mean(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    _combined(emit, np.add, 0.0, inputs[0], out, attributes)
    emit(np.multiply, out, _counts(emit, inputs[0], out, attributes), out)


def _mean_vjp(emit: Emit, ctx: Backward) -> None:
    d, out, attributes = ctx.d, ctx.out, ctx.attributes
    room, inner = _padded(emit, d, out, attributes, 0.0)
    if room is d:
        emit(np.copyto, d, emit.const(0.0))
    share = emit.temp(out.shape)
    emit(np.multiply, ctx.upstream, _counts(emit, d, out, attributes), share)
    for to in _taps(room, out, attributes):
        emit(np.add, to, share, to)
    if room is not d:
        emit(np.copyto, d, inner)


def _window(count: int) -> dict[str, Attribute]:
    return {
        "kernel_size": Attribute(None, each_axis(count, 1), required=True),
        "stride": Attribute(None, optional(each_axis(count, 1))),
        "padding": Attribute((0,) * count, each_axis(count, 0)),
    }


def _divisor(value: Any) -> int:
    number = whole(value)
    if number == 0:
        raise ValueError("must not be 0")
    return number


_DIVISOR = {"divisor_override": Attribute(None, optional(_divisor))}
"""What the sum of a window is divided by, in the place of how many elements it has. PyTorch has none for one axis."""
_CEIL = {"ceil_mode": Attribute(False, flag)}
_CEIL_TOLD = "With ceil_mode the last one may reach beyond the end."


def _rows(count: int) -> tuple[Op, ...]:
    return (
        Op(
            f"max_pool{count}d",
            ("x",),
            _max_definition,
            _shape,
            _max,
            _max_vjp,
            f"The largest element of each window; the stride is the window's size unless given. {_CEIL_TOLD}",
            {**_window(count), "dilation": Attribute((1,) * count, each_axis(count, 1)), **_CEIL},
            analytic=False,
            over_nodes=(_max_over_nodes,),
            convention="among equals the first of the window gets all of the gradient; padding never wins",
        ),
        Op(
            f"avg_pool{count}d",
            ("x",),
            _mean_definition,
            _shape,
            _mean,
            _mean_vjp,
            f"The mean of each window; the stride is the window's size unless given. {_CEIL_TOLD}",
            {**_window(count), **_CEIL, "count_include_pad": Attribute(True, flag), **(_DIVISOR if count > 1 else {})},
            convention="padding counts as zeros in the mean unless count_include_pad is false",
        ),
    )


OPS = tuple(row for count in (1, 2, 3) for row in _rows(count))
