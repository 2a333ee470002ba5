"""Convolutions, in the form of deep learning: correlations.

The primitives `correlate1d`, `correlate2d` know no padding (that is `pad`, an operation of its own) and no special case
of groups (that is one more axis), so that their definition is one sum without conditions:

    y[n,o,h,w] = sum(x[n,c,2*h + a,2*w + b]*weight[o,c,a,b] for c in C for a in A for b in B) + bias[o]

`conv1d` and `conv2d` are PyTorch's functions, made of those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import at, choice, contiguous, each_axis, integer, total

SPATIAL = {1: ("t",), 2: ("h", "w"), 3: ("d", "h", "w")}
"""Indices of the output's places, by the number of axes."""
TAPS = ("a", "b", "e")
"""Indices of a kernel's."""


def spaced(step: int, index: str) -> str:
    """`2*h`, or `h` for a step of 1."""
    return index if step == 1 else f"{step}*{index}"


def steps(stride: int, index: str, dilation: int, tap: str) -> str:
    """The place that output `index` reads with tap `tap`: `2*h + a`."""
    return f"{spaced(stride, index)} + {spaced(dilation, tap)}"


def reach(kernel: int, dilation: int) -> int:
    """How many elements a kernel spans."""
    return dilation * (kernel - 1) + 1


def windows(
    x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], out: Sequence[int]
) -> Array:
    """A view of x, (…, *kernel, *out): what each tap reads for each output place."""
    count = len(kernel)
    spatial = x.strides[-count:]
    return np.lib.stride_tricks.as_strided(
        x,
        x.shape[:-count] + tuple(kernel) + tuple(out),
        x.strides[:-count]
        + tuple(s * d for s, d in zip(spatial, dilation, strict=True))
        + tuple(s * d for s, d in zip(spatial, stride, strict=True)),
    )


# ---------------------------------------------------------------------------------------------------- correlation
def _correlate_shape(count: int) -> Callable[[Sequence[Shape], Attributes], Shape]:
    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        x, weight = shapes[:2]
        if len(x) not in (count + 2, count + 3) or len(weight) != len(x):
            raise ValueError(f"x has shape {x} and weight has shape {weight}: both must have {count + 2} axes")
        grouped = len(x) == count + 3
        if x[1:-count] != weight[:1] * grouped + weight[-count - 1 : -count]:
            raise ValueError(f"x has shape {x} and weight has shape {weight}: their input channels must be equal")
        if len(shapes) > 2 and shapes[2] != weight[: -count - 1]:
            raise ValueError(
                f"weight has shape {weight} and bias has shape {shapes[2]}: one bias for each output channel"
            )
        return (
            x[:1] + weight[: -count - 1] + spatial_shape(x[-count:], weight[-count:], attributes, x, f"weight {weight}")
        )

    return shape


def spatial_shape(size: Shape, kernel: Shape, attributes: Attributes, x: Shape, what: str) -> Shape:
    """The number of places on each axis; raises where the kernel does not fit in x."""
    stride = attributes["stride"]
    dilation = attributes.get("dilation", (1,) * len(size))
    found = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        if k < 1 or n < reach(k, d):
            raise ValueError(f"x has shape {x}: {what} does not fit in it (it spans {reach(k, d)} of {n} elements)")
        found.append((n - reach(k, d)) // s + 1)
    return tuple(found)


def _correlate_definition(count: int) -> Callable[[Signature], str]:
    def definition(signature: Signature) -> str:
        group = ["g"] if signature.ranks[0] == count + 3 else []
        places, taps = list(SPATIAL[count]), list(TAPS[:count])
        read = [
            steps(s, place, d, tap)
            for s, place, d, tap in zip(signature["stride"], places, signature["dilation"], taps, strict=True)
        ]
        term = f"{at('x', ['n', *group, 'c', *read])}*{at('weight', [*group, 'o', 'c', *taps])}"
        ranges = "".join(f" for {index} in {index.upper()}" for index in ["c", *taps])
        bias = f" + {at('bias', [*group, 'o'])}" if len(signature.ranks) > 2 else ""
        return f"{at('y', ['n', *group, 'o', *places])} = sum({term}{ranges}){bias}"

    return definition


def _correlate(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    """Copies the windows into columns once; the rest is one matrix product for each sample. Saves the columns."""
    x, weight = contiguous(emit, inputs[0]), inputs[1]
    count = len(attributes["stride"])
    kernel, places = weight.shape[-count:], out.shape[-count:]
    seen = windows(x, kernel, attributes["stride"], attributes["dilation"], places)
    columns = emit.temp(seen.shape)
    emit(np.copyto, columns, seen)
    flat_columns, flat_weight, flat_out = _matrices(columns, weight, out, count)
    emit(np.matmul, flat_weight, flat_columns, flat_out)
    if len(inputs) > 2:
        emit(np.add, flat_out, inputs[2][..., None], flat_out)
    return columns


def _matrices(columns: Array, weight: Array, out: Array, count: int) -> tuple[Array, Array, Array]:
    """Columns (n, [g], c·taps, places), weight ([g], o, c·taps), out (n, [g], o, places)."""
    reads, places = prod(weight.shape[-count - 1 :]), prod(out.shape[-count:])
    return (
        columns.reshape(*columns.shape[: -2 * count - 1], reads, places),
        weight.reshape(*weight.shape[: -count - 1], reads),
        out.reshape(*out.shape[:-count], places),
    )


def summed_product(emit: Emit, a: Array, b: Array, out: Array) -> None:
    """Emit a @ bᵀ of each sample, added up over the samples (axis 0)."""
    each = emit.temp((a.shape[0], *out.shape))
    emit(np.matmul, a, b.swapaxes(-1, -2), each)
    emit(np.add.reduce, each, 0, None, out)


def _correlate_vjp(emit: Emit, ctx: Backward) -> None:
    weight, (stride, dilation) = ctx.inputs[1], (ctx.attributes[name] for name in ("stride", "dilation"))
    count = len(stride)
    g = contiguous(emit, ctx.upstream)
    flat_columns, flat_weight, flat_g = _matrices(ctx.saved, weight, g, count)
    if ctx.into[1] is not None:
        summed_product(emit, flat_g, flat_columns, ctx.into[1].reshape(flat_weight.shape))
    if len(ctx.inputs) > 2 and ctx.into[2] is not None:
        sums = emit.temp(flat_g.shape[:-1])
        emit(np.add.reduce, flat_g, -1, None, sums)
        emit(np.add.reduce, sums, 0, None, ctx.into[2])
    if ctx.into[0] is not None:
        # with the batch as the last axis, the sums below run over `batch` times as many numbers in a row
        turned = emit.temp((*g.shape[1:], g.shape[0]))
        spread = emit.temp((*ctx.saved.shape[1:], g.shape[0]))
        total = emit.temp((*ctx.into[0].shape[1:], g.shape[0]))
        emit(np.copyto, turned, np.moveaxis(g, 0, -1))
        places = prod((*g.shape[-count:], g.shape[0]))
        flat_turned = turned.reshape(*flat_weight.shape[:-1], places)
        flat_spread = spread.reshape(*flat_weight.shape[:-2], flat_weight.shape[-1], places)
        emit(np.matmul, flat_weight.swapaxes(-1, -2), flat_turned, flat_spread)
        emit(np.copyto, total, emit.const(0.0))
        spread, total = np.moveaxis(spread, -1, 0), np.moveaxis(total, -1, 0)
        seen = windows(total, weight.shape[-count:], stride, dilation, g.shape[-count:])
        for tap in np.ndindex(*weight.shape[-count:]):  # one tap at a time: its places do not overlap
            here = (..., *tap, *(slice(None),) * count)
            emit(np.add, seen[here], spread[here], seen[here])
        emit(np.copyto, ctx.into[0], total)


# ------------------------------------------------------------------------------------------------------ composites
def grouped(shape: Shape, axis: int, groups: int, name: str) -> Shape:
    """The shape with its channels (axis) as two axes, groups and channels of a group; ValueError where they do not
    divide."""
    if shape[axis] % groups:
        raise ValueError(f"{name} has shape {shape}: its {shape[axis]} channels do not divide into {groups} groups")
    return (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _convolve(core: str, count: int) -> Callable[..., Any]:
    """conv1d, conv2d: pad, then correlate; groups become an axis of their own before, and channels again after."""

    def build(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
        x, weight, *bias = inputs
        if len(x.shape) != count + 2 or len(weight.shape) != count + 2:
            raise ValueError(
                f"x has shape {x.shape} and weight has shape {weight.shape}: both must have {count + 2} axes"
            )
        groups = attributes["groups"]
        if x.shape[1] != weight.shape[1] * groups:
            raise ValueError(
                f"x has shape {x.shape} and weight has shape {weight.shape}: x has {x.shape[1]} input channels, weight "
                f"wants {weight.shape[1]}" + (f" in each of {groups} groups" if groups > 1 else "")
            )
        if bias and bias[0].shape != weight.shape[:1]:
            raise ValueError(
                f"weight has shape {weight.shape} and bias has shape {bias[0].shape}: one bias for each channel"
            )
        sides = _sides(weight.shape[2:], attributes)
        padded = tuple(n + sum(pair) for n, pair in zip(x.shape[2:], sides, strict=True))
        spatial_shape(padded, weight.shape[2:], attributes, x.shape, f"weight {weight.shape}")
        if any(map(any, sides)):
            x = use("pad", x, name="padded", pad_width=((0, 0), (0, 0), *sides))
        steps_ = {name: attributes[name] for name in ("stride", "dilation")}
        return in_groups(use, core, (x, weight, *bias), groups, steps_)

    return build


def _sides(kernel: Shape, attributes: Attributes) -> tuple[tuple[int, int], ...]:
    """The padding before and after x on each axis; 'same' keeps the size, with the odd one behind, as in PyTorch."""
    padding = attributes["padding"]
    if padding != "same":
        return tuple((p, p) for p in padding)
    if any(step != 1 for step in attributes["stride"]):
        raise ValueError(f"padding 'same' needs stride 1, not {attributes['stride']}")
    whole = [d * (k - 1) for k, d in zip(kernel, attributes["dilation"], strict=True)]
    return tuple((n // 2, n - n // 2) for n in whole)


def _padding(count: int) -> Callable[[Any], Any]:
    """A check for the padding: whole numbers, 'same', or 'valid' (0)."""

    def check(value: Any) -> Any:
        if isinstance(value, str):
            return "same" if choice("same", "valid")(value) == "same" else (0,) * count
        return each_axis(count, 0)(value)

    return check


def _convolve_definition(count: int) -> Callable[[Signature], str]:
    """One sum, as a correlation; where the kernel reaches into the padding there is nothing."""

    def definition(signature: Signature) -> str:
        groups, places, taps = signature["groups"], SPATIAL[count], TAPS[:count]
        reads, inside = [], []
        steps_ = zip(places, taps, signature["stride"], signature["dilation"], strict=True)
        for axis, (place, tap, s, d) in enumerate(steps_):
            same = signature["padding"] == "same"
            p = f"{spaced(d, f'(weight.shape[{axis + 2}] - 1)')}//2" if same else signature["padding"][axis]
            read = steps(s, place, d, tap) + (f" - {p}" if p else "")
            reads.append(read)
            inside += [f"{read} >= 0", f"{read} < x.shape[{axis + 2}]"] if p else []
        channel = f"o//(weight.shape[0]//{groups})*weight.shape[1] + c" if groups > 1 else "c"
        term = f"{at('x', ['n', channel, *reads])}*{at('weight', ['o', 'c', *taps])}"
        bias = " + bias[o]" if len(signature.ranks) > 2 else ""
        return f"{at('y', ['n', 'o', *places])} = {total(term, ['c', *taps], ' and '.join(inside))}{bias}"

    return definition


def in_groups(use: Callable[..., Any], core: str, given: Sequence[Any], groups: int, settings: Attributes) -> Any:
    """The primitive of x, weight and perhaps a bias; groups of channels are an axis of their own in it."""
    if groups == 1:
        return use(core, *given, name="y", **settings)
    apart = [
        use("reshape", tensor, name=f"{name}_groups", shape=grouped(tensor.shape, axis, groups, name))
        for tensor, (name, axis) in zip(given, (("x", 1), ("weight", 0), ("bias", 0)), strict=False)
    ]
    y = use(core, *apart, name="y_groups", **settings)
    return use("reshape", y, name="y", shape=(y.shape[0], y.shape[1] * y.shape[2], *y.shape[3:]))


def step_attributes(count: int, **more: Attribute) -> Mapping[str, Attribute]:
    """stride, dilation, and others; in PyTorch's order, where padding stands between the two."""
    ones = Attribute((1,) * count, each_axis(count, 1))
    before = {name: more.pop(name) for name in ("padding", "output_padding") if name in more}
    return {"stride": ones, **before, "dilation": ones, **more}


INPUTS = ("x", "weight", "bias?")

OPS = tuple(
    Op(
        f"correlate{count}d",
        INPUTS,
        _correlate_definition(count),
        _correlate_shape(count),
        _correlate,
        _correlate_vjp,
        f"The core of conv{count}d: each place times the kernel, summed, without padding.",
        step_attributes(count),
    )
    for count in (1, 2, 3)
)

COMPOSITES = tuple(
    Composite(
        f"conv{count}d",
        INPUTS,
        _convolve(f"correlate{count}d", count),
        _convolve_definition(count),
        f"A convolution of x (samples, channels, {size}) with weight (out, in / groups, {size}).",
        step_attributes(count, groups=Attribute(1, integer(1)), padding=Attribute((0,) * count, _padding(count))),
        convention="the kernel is not flipped; padding is zeros; 'same' keeps the size, 'valid' is 0",
    )
    for count, size in ((1, "length"), (2, "height, width"), (3, "depth, height, width"))
)
