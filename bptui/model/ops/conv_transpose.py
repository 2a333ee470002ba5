"""The transposed convolution: each element of x spreads the kernel over the output.

The primitive `correlate_transpose2d` is the transpose of `correlate2d` in the sense of linear algebra; PyTorch's
`conv_transpose2d` is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attributes, Composite, Emit, Op, Shape, Signature
from bptui.model.ops.common import at, contiguous
from bptui.model.ops.conv import INPUTS, grouped, joined, reach, spaced, step_attributes, windows


def _transposed_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, weight = shapes[:2]
    if len(x) not in (4, 5) or len(weight) != len(x):
        raise ValueError(f"x has shape {x} and weight has shape {weight}: both must have 4 axes")
    if x[1:-2] != weight[:-3]:
        raise ValueError(f"x has shape {x} and weight has shape {weight}: their input channels must be equal")
    channels = weight[:-4] + weight[-3:-2]
    if len(shapes) > 2 and shapes[2] != channels:
        raise ValueError(f"weight has shape {weight} and bias has shape {shapes[2]}: one bias for each output channel")
    return x[:1] + channels + _places_transposed(x, weight, attributes)


def _places_transposed(x: Shape, weight: Shape, attributes: Attributes) -> Shape:
    """The number of places on each axis of a transposed correlation."""
    places = tuple(
        (n - 1) * s - 2 * p + reach(k, d) + more
        for n, k, s, p, d, more in zip(
            x[-2:],
            weight[-2:],
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
    if min(places) < 1 or min(x[-2:]) < 1:
        raise ValueError(
            f"x has shape {x} and weight has shape {weight}: with padding {attributes['padding']} nothing is left"
        )
    return places


def _transposed_definition(signature: Signature) -> str:
    group = ["g"] if signature.ranks[0] == 5 else []
    return _spread_definition(signature, group, "o", "")


def _whole_definition(signature: Signature) -> str:
    """With groups: the channels of x that belong to the group of an output channel."""
    if signature["groups"] == 1:
        return _spread_definition(signature, [], "o", "")
    same = f"c//(x.shape[1]//{signature['groups']}) == o//weight.shape[1]"
    return _spread_definition(signature, [], "o%weight.shape[1]", same)


def _spread_definition(signature: Signature, group: list[str], channel: str, same: str) -> str:
    """Each output place gets what every tap of every place of x adds to it; `same` says of which channels."""
    taps, ranges, conditions = [], ["c", "i", "j"], [same] if same else []
    sizes = zip("hw", "ij", "ab", signature["stride"], signature["padding"], signature["dilation"], strict=True)
    for axis, (place, index, tap, s, p, d) in enumerate(sizes):
        target = f"{place} + {p}" if p else place
        if d == 1:  # the tap follows from the place: h + p - s*i
            read = f"{target} - {spaced(s, index)}"
            taps.append(read)
            conditions.append(f"{read} >= 0 and {read} < weight.shape[{axis - 2 + signature.ranks[1]}]")
        else:
            taps.append(tap)
            ranges.append(tap)
            conditions.append(f"{spaced(s, index)} + {d}*{tap} == {target}")
    term = f"{at('x', ['n', *group, 'c', 'i', 'j'])}*{at('weight', [*group, 'c', channel, *taps])}"
    over = "".join(f" for {index} in {index.upper()}" for index in ranges)
    bias = f" + {at('bias', [*group, 'o'])}" if len(signature.ranks) > 2 else ""
    return f"{at('y', ['n', *group, 'o', 'h', 'w'])} = sum({term}{over} if {' and '.join(conditions)}){bias}"


def _canvas(emit: Emit, x: Array, weight: Array, out: Array, attributes: Attributes) -> tuple[Array, Array, Array]:
    """A scratch canvas without padding cut off, its windows (…, taps, places of x), and its part that is the output."""
    stride, dilation, padding = attributes["stride"], attributes["dilation"], attributes["padding"]
    size = tuple(
        max((n - 1) * s + reach(k, d), p + m)
        for n, s, k, d, p, m in zip(
            x.shape[-2:], stride, weight.shape[-2:], dilation, padding, out.shape[-2:], strict=True
        )
    )
    canvas = emit.temp(out.shape[:-2] + size)
    part = canvas[..., padding[0] : padding[0] + out.shape[-2], padding[1] : padding[1] + out.shape[-1]]
    return canvas, windows(canvas, weight.shape[-2:], stride, dilation, x.shape[-2:]), part


def _transposed(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x, weight = contiguous(emit, inputs[0]), inputs[1]
    canvas, seen, part = _canvas(emit, x, weight, out, attributes)
    # weightᵀ (o·taps, c) @ x (c, places) is what every tap adds to every place it lands on
    spread = emit.temp(seen.shape)
    flat_weight = weight.reshape(*weight.shape[:-3], -1)
    flat_x = x.reshape(*x.shape[:-2], -1)
    emit(np.matmul, flat_weight.swapaxes(-1, -2), flat_x, spread.reshape(*flat_x.shape[:-2], -1, flat_x.shape[-1]))
    emit(np.copyto, canvas, emit.const(0.0))
    for tap in np.ndindex(*weight.shape[-2:]):
        here = (..., *tap, slice(None), slice(None))
        emit(np.add, seen[here], spread[here], seen[here])
    if len(inputs) > 2:
        emit(np.add, part, inputs[2][..., None, None], out)
    else:
        emit(np.copyto, out, part)


def _transposed_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    x, weight = contiguous(emit, inputs[0]), inputs[1]
    canvas, seen, part = _canvas(emit, x, weight, out, attributes)
    emit(np.copyto, canvas, emit.const(0.0))
    emit(np.copyto, part, upstream)
    columns = emit.temp(seen.shape)
    emit(np.copyto, columns, seen)
    flat_x = x.reshape(*x.shape[:-2], -1)
    flat_columns = columns.reshape(*flat_x.shape[:-2], -1, flat_x.shape[-1])
    flat_weight = weight.reshape(*weight.shape[:-3], -1)
    if into[0] is not None:
        emit(np.matmul, flat_weight, flat_columns, into[0].reshape(flat_x.shape))
    if into[1] is not None:
        each = emit.temp((x.shape[0], *flat_weight.shape))
        emit(np.matmul, flat_x, flat_columns.swapaxes(-1, -2), each)
        emit(np.add.reduce, each, 0, None, into[1].reshape(flat_weight.shape))
    if len(inputs) > 2 and into[2] is not None:
        emit(np.add.reduce, upstream, (0, -2, -1), None, into[2])


def _conv_transpose(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, weight, *bias = inputs
    groups = attributes["groups"]
    if len(x.shape) != 4 or len(weight.shape) != 4:
        raise ValueError(f"x has shape {x.shape} and weight has shape {weight.shape}: both must have 4 axes")
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"x has shape {x.shape} and weight has shape {weight.shape}: weight must be (in, out, height, width)"
        )
    if bias and bias[0].shape != (weight.shape[1] * groups,):
        raise ValueError(
            f"weight has shape {weight.shape} and bias has shape {bias[0].shape}: one bias for each channel"
        )
    _places_transposed(x.shape, weight.shape, attributes)
    steps_ = {name: attributes[name] for name in ("stride", "padding", "output_padding", "dilation")}
    if groups == 1:
        return use("correlate_transpose2d", x, weight, *bias, name="y", **steps_)
    x = use("reshape", x, name="x_groups", shape=grouped(x.shape, 1, groups, "x"))
    weight = use("reshape", weight, name="weight_groups", shape=grouped(weight.shape, 0, groups, "weight"))
    bias = [use("reshape", b, name="bias_groups", shape=grouped(b.shape, 0, groups, "bias")) for b in bias]
    return joined(use, use("correlate_transpose2d", x, weight, *bias, name="y_groups", **steps_))


OPS = (
    Op(
        "correlate_transpose2d",
        INPUTS,
        _transposed_definition,
        _transposed_shape,
        _transposed,
        _transposed_vjp,
        "The core of conv_transpose2d: each element spreads the kernel over the output.",
        step_attributes(2, "padding", "output_padding"),
    ),
)

COMPOSITES = (
    Composite(
        "conv_transpose2d",
        INPUTS,
        _conv_transpose,
        _whole_definition,
        "A transposed convolution of x (samples, channels, height, width), weight (in, out / groups, height, width).",
        step_attributes(2, "padding", "output_padding", "groups"),
        convention="padding is cut off from the output",
    ),
)
