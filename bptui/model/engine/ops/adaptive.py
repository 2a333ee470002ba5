"""Means over as many windows as are wanted, whatever the size of x: adaptive_avg_pool1d to 3d."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Emit, Op, Signature
from bptui.model.engine.ops.common import at, each_axis, letters, of_one, whole
from bptui.model.engine.ops.conv import SPATIAL, TAPS
from bptui.model.engine.ops.pool import POOLED

_LARGEST = 2**22
"""Elements of the matrix that averages along an axis."""


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), wanted = shapes, attributes["output_size"]
    count = len(wanted)
    if len(x) < count or 0 in x[-count:]:
        raise ValueError(f"x has shape {x}: it must end in {count} axes ({POOLED[count]}) that are not empty")
    for n, m in zip(x[-count:], wanted, strict=True):
        if m is not None and n * m > _LARGEST:
            raise ValueError(f"x has shape {x}: output_size {m} of {n} elements is too large")
    return x[:-count] + tuple(n if m is None else m for n, m in zip(x[-count:], wanted, strict=True))


def _definition(signature: Signature) -> str:
    """Window h of M reads from ⌊h·H/M⌋ to ⌈(h + 1)·H/M⌉."""
    wanted, rank = signature["output_size"], signature.ranks[0]
    count = len(wanted)
    places, taps = SPATIAL[count], TAPS[:count]
    lead = letters(rank - count, avoid="".join((*places, *taps)), start="nclmopqrsuvwijk")
    read, ranges, counts = [], "", []
    for axis, (place, tap, m) in enumerate(zip(places, taps, wanted, strict=True), rank - count):
        if m is None or m == 1:
            read.append(place if m is None else tap)
            ranges += "" if m is None else f" for {tap} in x.shape[{axis}]"
            counts += [] if m is None else [f"x.shape[{axis}]"]
            continue
        first, last = f"{place}*x.shape[{axis}]//{m}", f"(({place} + 1)*x.shape[{axis}] + {m - 1})//{m}"
        read.append(tap)
        ranges += f" for {tap} in range({first}, {last})"
        counts.append(f"({last} - {first})")
    return f"{at('y', [*lead, *places])} = sum({at('x', [*lead, *read])}{ranges})/({'*'.join(counts)})"


def _shares(n: int, m: int) -> Array:
    """(m, n): what each element weighs in each mean."""
    places, elements = np.arange(m)[:, None], np.arange(n)
    inside = (elements >= places * n // m) & (elements < -((places + 1) * -n // m))
    return np.asarray(inside / inside.sum(1, keepdims=True))


def _along(emit: Emit, x: Array, out: Array, shares: Sequence[Array]) -> None:
    """Each of the last axes of x times its matrix, one axis after the other, into out."""
    count = len(shares)
    for step, matrix in enumerate(shares):
        axis = x.ndim - count + step
        moved = np.moveaxis(x, axis, -1)
        made = emit.temp((*moved.shape[:-1], matrix.shape[0]))
        emit(np.matmul, moved, matrix.T.astype(emit.dtype), made)
        x = np.moveaxis(made, -1, axis)
    emit(np.copyto, out, x)


def _all_shares(x: Array, out: Array, attributes: Attributes) -> list[Array]:
    count = len(attributes["output_size"])
    return [_shares(n, m) for n, m in zip(x.shape[-count:], out.shape[-count:], strict=True)]


def _forward(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    _along(emit, inputs[0], out, _all_shares(inputs[0], out, attributes))


@of_one
def _vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, saved: Any) -> None:
    _along(emit, upstream, d, [matrix.T for matrix in _all_shares(x, out, attributes)])


def _output_size(count: int) -> Callable[[Any], tuple[int | None, ...]]:
    """A check for one whole number for all axes, or one or None (the axis' own size) for each."""

    def check(value: Any) -> tuple[int | None, ...]:
        if isinstance(value, list | tuple) and None in value:
            if len(value) != count:
                raise ValueError(f"must be one whole number or {count} of them, not {value!r}")
            return tuple(None if item is None else whole(item, 1) for item in value)
        return each_axis(count, 1)(value)

    return check


OPS = tuple(
    Op(
        f"adaptive_avg_pool{count}d",
        ("x",),
        _definition,
        _shape,
        _forward,
        _vjp,
        f"Means over as many windows as output_size says, whatever the size of x ({POOLED[count]}).",
        {"output_size": Attribute(None, _output_size(count), required=True)},
        convention="windows share elements where the sizes do not divide; None keeps an axis",
    )
    for count in (1, 2, 3)
)
