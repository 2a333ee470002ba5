"""The transposed convolution: each element of x spreads the kernel over the output.

The primitive `correlate_transpose2d` is the transpose of `correlate2d` in the sense of linear algebra; PyTorch's
`conv_transpose2d` is made of it. So it is along one axis, and in three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import at, contiguous, each_axis, integer
from bptui.model.engine.ops.conv import (
    INPUTS,
    SPATIAL,
    TAPS,
    in_groups,
    reach,
    spaced,
    step_attributes,
    summed_product,
    windows,
)

_SOURCE = ("i", "j", "k")
"""Indices of the places of x."""


def _count(attributes: Any) -> int:
    """The number of spatial axes."""
    return len(attributes["stride"])


def _transposed_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, weight = shapes[:2]
    count = _count(attributes)
    if len(x) not in (count + 2, count + 3) or len(weight) != len(x):
        raise ValueError(f"x has shape {x} and weight has shape {weight}: both must have {count + 2} axes")
    if x[1:-count] != weight[: -count - 1]:
        raise ValueError(f"x has shape {x} and weight has shape {weight}: their input channels must be equal")
    channels = weight[: -count - 2] + weight[-count - 1 : -count]
    if len(shapes) > 2 and shapes[2] != channels:
        raise ValueError(f"weight has shape {weight} and bias has shape {shapes[2]}: one bias for each output channel")
    return x[:1] + channels + _places_transposed(x, weight, attributes)


def _places_transposed(x: Shape, weight: Shape, attributes: Attributes) -> Shape:
    """The number of places on each axis of a transposed correlation."""
    places = tuple(
        (n - 1) * s - 2 * p + reach(k, d) + more
        for n, k, s, p, d, more in zip(
            x[-_count(attributes) :],
            weight[-_count(attributes) :],
            attributes["stride"],
            attributes["padding"],
            attributes["dilation"],
            attributes["output_padding"],
            strict=True,
        )
    )
    for more, s, d in zip(attributes["output_padding"], attributes["stride"], attributes["dilation"], strict=True):
        if more >= max(s, d):
            raise ValueError(f"output_padding {more} must be below the stride {s} or the dilation {d}")
    if min(places) < 1 or min(x[-_count(attributes) :]) < 1:
        raise ValueError(
            f"x has shape {x} and weight has shape {weight}: with padding {attributes['padding']} nothing is left"
        )
    return places


def _transposed_definition(signature: Signature) -> str:
    group = ["g"] if signature.ranks[0] == _count(signature) + 3 else []
    return _spread_definition(signature, group, "o", "")


def _whole_definition(signature: Signature) -> str:
    """With groups: the channels of x that belong to the group of an output channel."""
    if signature["groups"] == 1:
        return _spread_definition(signature, [], "o", "")
    same = f"c//(x.shape[1]//{signature['groups']}) == o//weight.shape[1]"
    return _spread_definition(signature, [], "o%weight.shape[1]", same)


def _spread_definition(signature: Signature, group: list[str], channel: str, same: str) -> str:
    """Each output place gets what every tap of every place of x adds to it; `same` says of which channels."""
    count = _count(signature)
    places, sources = SPATIAL[count], _SOURCE[:count]
    taps: list[str] = []
    ranges, conditions = ["c", *sources], [same] if same else []
    steps = zip(signature["stride"], signature["padding"], signature["dilation"], strict=True)
    names = zip(places, sources, TAPS[:count], strict=True)
    for axis, ((place, index, tap), (s, p, d)) in enumerate(zip(names, steps, strict=True)):
        target = f"{place} + {p}" if p else place
        if d == 1:  # the tap follows from the place: h + p - s*i
            read = f"{target} - {spaced(s, index)}"
            taps.append(read)
            conditions.append(f"{read} >= 0 and {read} < weight.shape[{axis - count + signature.ranks[1]}]")
        else:
            taps.append(tap)
            ranges.append(tap)
            conditions.append(f"{spaced(s, index)} + {d}*{tap} == {target}")
    term = f"{at('x', ['n', *group, 'c', *sources])}*{at('weight', [*group, 'c', channel, *taps])}"
    over = "".join(f" for {index} in {index.upper()}" for index in ranges)
    bias = f" + {at('bias', [*group, 'o'])}" if len(signature.ranks) > 2 else ""
    return f"{at('y', ['n', *group, 'o', *places])} = sum({term}{over} if {' and '.join(conditions)}){bias}"


def _canvas(emit: Emit, x: Array, weight: Array, out: Array, attributes: Attributes) -> tuple[Array, Array, Array]:
    """A scratch canvas without padding cut off, its windows (…, taps, places of x), and its part that is the output."""
    stride, dilation, padding = attributes["stride"], attributes["dilation"], attributes["padding"]
    count = len(stride)
    size = tuple(
        max((n - 1) * s + reach(k, d), p + m)
        for n, s, k, d, p, m in zip(
            x.shape[-count:], stride, weight.shape[-count:], dilation, padding, out.shape[-count:], strict=True
        )
    )
    canvas = emit.temp(out.shape[:-count] + size)
    inner: Any = (..., *(slice(p, p + n) for p, n in zip(padding, out.shape[-count:], strict=True)))
    return canvas, windows(canvas, weight.shape[-count:], stride, dilation, x.shape[-count:]), canvas[inner]


def _flat(array: Array, count: int) -> Array:
    """The last axes as one."""
    return array.reshape(*array.shape[:-count], prod(array.shape[-count:]))


def _transposed(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x, weight = contiguous(emit, inputs[0]), inputs[1]
    canvas, seen, part = _canvas(emit, x, weight, out, attributes)
    # weightᵀ (o·taps, c) @ x (c, places) is what every tap adds to every place it lands on
    count = _count(attributes)
    spread = emit.temp(seen.shape)
    flat_x, flat_weight = _flat(x, count), _flat(weight, count + 1)
    flat_spread = spread.reshape(*flat_x.shape[:-2], flat_weight.shape[-1], flat_x.shape[-1])
    emit(np.matmul, flat_weight.swapaxes(-1, -2), flat_x, flat_spread)
    emit(np.copyto, canvas, emit.const(0.0))
    for tap in np.ndindex(*weight.shape[-count:]):
        here = (..., *tap, *(slice(None),) * count)
        emit(np.add, seen[here], spread[here], seen[here])
    if len(inputs) > 2:
        emit(np.add, part, inputs[2].reshape(*inputs[2].shape, *(1,) * count), out)
    else:
        emit(np.copyto, out, part)


def _transposed_vjp(emit: Emit, ctx: Backward) -> None:
    x, weight = contiguous(emit, ctx.inputs[0]), ctx.inputs[1]
    canvas, seen, part = _canvas(emit, x, weight, ctx.out, ctx.attributes)
    emit(np.copyto, canvas, emit.const(0.0))
    emit(np.copyto, part, ctx.upstream)
    count = _count(ctx.attributes)
    columns = emit.temp(seen.shape)
    emit(np.copyto, columns, seen)
    flat_x, flat_weight = _flat(x, count), _flat(weight, count + 1)
    flat_columns = columns.reshape(*flat_x.shape[:-2], flat_weight.shape[-1], flat_x.shape[-1])
    if ctx.into[0] is not None:
        emit(np.matmul, flat_weight, flat_columns, ctx.into[0].reshape(flat_x.shape))
    if ctx.into[1] is not None:
        summed_product(emit, flat_x, flat_columns, ctx.into[1].reshape(flat_weight.shape))
    if part.shape != canvas.shape:
        inside = np.zeros(canvas.shape[-count:], np.bool_)
        inside[tuple(slice(p, p + n) for p, n in zip(ctx.attributes["padding"], part.shape[-count:], strict=True))] = 1
        stride, dilation = ctx.attributes["stride"], ctx.attributes["dilation"]
        lands = windows(inside, weight.shape[-count:], stride, dilation, x.shape[-count:])
        emit(_without_cut, x, weight, columns, lands, *ctx.into[:2])
    if len(ctx.inputs) > 2 and ctx.into[2] is not None:
        emit(np.add.reduce, ctx.upstream, (0, *range(-count, 0)), None, ctx.into[2])


def _without_cut(
    x: Array, weight: Array, columns: Array, lands: Array, d_x: Array | None, d_weight: Array | None
) -> None:
    """Where not all is finite, both gradients again from what lands in the output: what was cut off has a gradient of
    0, and 0 times ∞ would count. lands: (taps, places of x) as `columns` ends in."""
    if all(d is None or np.isfinite(d).all() for d in (d_x, d_weight)):
        return
    count = lands.ndim // 2
    taps, places = lands.shape[:count], prod(lands.shape[count:])
    columns, x = columns.reshape(*columns.shape[:-count], places), _flat(x, count)
    total = np.zeros(x.shape, x.dtype)
    for tap in np.ndindex(*taps):
        here = (..., *tap)
        at = np.flatnonzero(lands[tap])
        given = columns[(*here, slice(None))][..., at]
        total[..., at] += weight[here] @ given
        if d_weight is not None:
            d_weight[here] = (x[..., at] @ given.swapaxes(-1, -2)).sum(0)
    if d_x is not None:
        d_x[...] = total.reshape(d_x.shape)


def _conv_transpose(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, weight, *bias = inputs
    groups, count = attributes["groups"], _count(attributes)
    if len(x.shape) != count + 2 or len(weight.shape) != count + 2:
        raise ValueError(f"x has shape {x.shape} and weight has shape {weight.shape}: both must have {count + 2} axes")
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"x has shape {x.shape} and weight has shape {weight.shape}: weight must be (in, out / groups, kernel)"
        )
    if bias and bias[0].shape != (weight.shape[1] * groups,):
        raise ValueError(
            f"weight has shape {weight.shape} and bias has shape {bias[0].shape}: one bias for each channel"
        )
    _places_transposed(x.shape, weight.shape, attributes)
    core = f"correlate_transpose{count}d"
    steps_ = {name: attributes[name] for name in ("stride", "padding", "output_padding", "dilation")}
    return in_groups(use, core, (x, weight, *bias), groups, steps_)


def _sides(count: int) -> dict[str, Attribute]:
    zeros = Attribute((0,) * count, each_axis(count, 0))
    return {"padding": zeros, "output_padding": zeros}


OPS = tuple(
    Op(
        f"correlate_transpose{count}d",
        INPUTS,
        _transposed_definition,
        _transposed_shape,
        _transposed,
        _transposed_vjp,
        f"The core of conv_transpose{count}d: each element spreads the kernel over the output.",
        step_attributes(count, **_sides(count)),
    )
    for count in (1, 2, 3)
)

COMPOSITES = tuple(
    Composite(
        f"conv_transpose{count}d",
        INPUTS,
        _conv_transpose,
        _whole_definition,
        f"A transposed convolution of x (samples, channels, {size}), weight (in, out / groups, {size}).",
        step_attributes(count, **_sides(count), groups=Attribute(1, integer(1))),
        convention="padding is cut off from the output",
    )
    for count, size in ((1, "length"), (2, "height, width"), (3, "depth, height, width"))
)
