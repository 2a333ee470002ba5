"""As many windows as are wanted, whatever the size of x: adaptive_avg_pool1d to 3d, adaptive_max_pool1d to 3d."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, each_axis, leading, whole
from bptui.model.engine.ops.conv import SPATIAL, TAPS
from bptui.model.engine.ops.pool import POOLED, chosen, numbers_of, taken
from bptui.model.engine.rule import Rule


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), wanted = shapes, attributes["output_size"]
    count = len(wanted)
    if len(x) < count or 0 in x[-count:]:
        raise ValueError(f"x has shape {x}: it must end in {count} axes ({POOLED[count]}) that are not empty")
    return x[:-count] + tuple(n if m is None else m for n, m in zip(x[-count:], wanted, strict=True))


class _Axis(NamedTuple):
    """One axis of space in a definition: what is read along it, and which window of m that is. Window h of M reads from
    ⌊h·H/M⌋ to ⌈(h + 1)·H/M⌉."""

    read: str
    size: str
    first: str = ""
    last: str = ""


def _axes(signature: Signature) -> tuple[list[str], str, list[_Axis]]:
    """The output's indices, the element of x that is read, and its axes that are reduced."""
    wanted, rank = signature["output_size"], signature.ranks[0]
    count = len(wanted)
    places, taps = SPATIAL[count], TAPS[:count]
    lead = leading(rank - count, places, taps)
    read = [place if m is None else tap for place, tap, m in zip(places, taps, wanted, strict=True)]
    found = []
    for axis, (place, tap, m) in enumerate(zip(places, taps, wanted, strict=True), rank - count):
        size = f"x.shape[{axis}]"
        if m == 1:
            found.append(_Axis(tap, size))
        elif m is not None:
            found.append(_Axis(tap, size, f"{place}*{size}//{m}", f"(({place} + 1)*{size} + {m - 1})//{m}"))
    return [*lead, *places], at("x", [*lead, *read]), found


def _definition(signature: Signature) -> str:
    out, element, axes = _axes(signature)
    ranges = [f" for {a.read} in " + (f"range({a.first}, {a.last})" if a.last else a.size) for a in axes]
    counts = [f"({a.last} - {a.first})" if a.last else a.size for a in axes]
    return f"{at('y', out)} = sum({element}{''.join(ranges)})/({'*'.join(counts)})"


def _max_definition(signature: Signature) -> str:
    out, element, axes = _axes(signature)
    ranges = "".join(f" for {a.read} in {a.size}" for a in axes)
    inside = " and ".join(f"{a.read} >= {a.first} and {a.read} < {a.last}" for a in axes if a.last)
    return f"{at('y', out)} = max({element}{ranges}{f' if {inside}' if inside else ''})"


Windows = tuple[Array, Array]
"""Along an axis, the first element of each window and the first behind it. Neither ever goes down."""


def _reads(n: int, m: int) -> Windows:
    """The windows of m means over n elements."""
    places = np.arange(m)
    return places * n // m, -((places + 1) * -n // m)


def _read_by(n: int, m: int) -> Windows:
    """For each of n elements, the means that read it: windows do not go down, so they lie side by side."""
    first, last = _reads(n, m)
    elements = np.arange(n)
    return np.searchsorted(last, elements, "right"), np.searchsorted(first, elements, "right")


def _sums(emit: Emit, x: Array, out: Array, windows: Sequence[Windows]) -> None:
    """Sums over windows, one axis after the other, into out. What is outside of a window takes no part: ∞ would."""
    count = len(windows)
    for step, (first, last) in enumerate(windows):
        axis = x.ndim - count + step
        longer = emit.temp(tuple(n + (a == axis) for a, n in enumerate(x.shape)))  # reduceat ends before the last
        emit(np.copyto, longer, emit.const(0.0))
        emit(np.copyto, longer[(slice(None),) * axis + (slice(-1),)], x)
        ends = np.stack((first, last), axis=1).reshape(-1)
        made = emit.temp(tuple(len(ends) if a == axis else n for a, n in enumerate(x.shape)))
        emit(np.add.reduceat, longer, ends, axis, None, made)
        x = made[(slice(None),) * axis + (slice(None, None, 2),)]  # between a last and the next first lies no window
    emit(np.copyto, out, x)


def _counts(windows: Sequence[Windows], dtype: Any) -> Array:
    """How many elements each window has."""
    counts = np.ones(())
    for first, last in windows:
        counts = np.multiply.outer(counts, last - first)
    return counts.astype(dtype)


def _forward(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> list[tuple[int, int]]:
    x, count = inputs[0], len(attributes["output_size"])
    sizes = list(zip(x.shape[-count:], out.shape[-count:], strict=True))
    windows = [_reads(n, m) for n, m in sizes]
    _sums(emit, x, out, windows)
    emit(np.divide, out, _counts(windows, emit.dtype), out)
    return sizes


def _vjp(emit: Emit, ctx: Backward) -> None:
    shares = emit.temp(ctx.out.shape)
    emit(np.divide, ctx.upstream, _counts([_reads(n, m) for n, m in ctx.saved], emit.dtype), shares)
    _sums(emit, shares, ctx.d, [_read_by(n, m) for n, m in ctx.saved])


# ------------------------------------------------------------------------------------------------------- the largest
def _windows(x: Any, output_size: tuple[int | None, ...]) -> Array:
    """(windows, taps): what each window reads of the axes of space, as numbers of elements."""
    axes, space = [], x.shape[-len(output_size) :]
    for n, m in zip(space, output_size, strict=True):
        first, last = _reads(n, n if m is None else m)
        places = first[:, None] + np.arange(max(last - first, default=0))
        axes.append(np.where(places < last[:, None], places, -1))
    return numbers_of(axes, space)


def _max(x: Any, output_size: tuple[int | None, ...]) -> Any:
    found = taken(x, _windows(x, output_size), len(output_size))
    largest = np.take_along_axis(found, np.argmax(found, 1, keepdims=True), 1)
    return largest.reshape((found.shape[0], found.shape[2])).T.reshape(_shape([x.shape], {"output_size": output_size}))


_MAX = Rule(_max, lambda g, y, x, output_size: chosen(g, x, _windows(x, output_size), len(output_size)))


def _output_size(count: int) -> Callable[[Any], tuple[int | None, ...]]:
    """A check for one whole number for all axes, or one or None (the axis' own size) for each."""

    def check(value: Any) -> tuple[int | None, ...]:
        if isinstance(value, list | tuple) and None in value:
            if len(value) != count:
                raise ValueError(f"must be one whole number or {count} of them, not {value!r}")
            return tuple(None if item is None else whole(item, 1) for item in value)
        return each_axis(count, 1)(value)

    return check


def _rows(count: int) -> tuple[Op, ...]:
    size = {"output_size": Attribute(None, _output_size(count), required=True)}
    shared = "windows share elements where the sizes do not divide; None keeps an axis"
    told = f"as many windows as output_size says, whatever the size of x ({POOLED[count]})."
    return (
        Op(
            f"adaptive_avg_pool{count}d", ("x",), _definition, _shape, _forward, _vjp, f"Means over {told}", size,
            convention=shared,
        ),
        Op(
            f"adaptive_max_pool{count}d", ("x",), _max_definition, _shape, *_MAX.pair, f"The largest of {told}",
            size, analytic=False,
            convention=f"among equals the first gets all of the gradient; {shared}",
        ),
    )  # fmt: skip


OPS = tuple(row for count in (1, 2, 3) for row in _rows(count))
