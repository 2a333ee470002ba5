"""The slice: `x[1:, ::2]`. Its index is an attribute, kept as canonical text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, letters, whole

Index = tuple[int | slice, ...]
_LARGEST = 2**31
"""Of a slice's numbers: no axis is as long, and a step stands in the definition."""

_NUMBER = r"[+-]?\d+"
_ITEM = re.compile(
    rf"\s*(?:(?P<one>{_NUMBER})|(?P<start>{_NUMBER})?\s*:\s*(?P<stop>{_NUMBER})?\s*(?::\s*(?P<step>{_NUMBER})?)?)\s*"
)


def index_text(value: Any) -> str:
    """A slice as canonical text, `[1:, ::2]`, from text or from Python's own slices and numbers."""
    if isinstance(value, str):
        return _write(read_index(value))
    return _write(tuple(value) if isinstance(value, tuple | list) else (value,))


def _write(items: Iterable[Any]) -> str:
    def one(item: Any) -> str:
        if isinstance(item, slice):
            start, stop, step = (None if part is None else whole(part) for part in (item.start, item.stop, item.step))
            if step == 0:
                raise ValueError("a slice's step must not be 0")
            if any(part is not None and abs(part) > _LARGEST for part in (start, stop, step)):
                raise ValueError(f"a slice's numbers must be at most {_LARGEST:,}")
            text = f"{'' if start is None else start}:{'' if stop is None else stop}"
            return text if step in (None, 1) else f"{text}:{step}"
        return "..." if item is Ellipsis else str(whole(item))

    found = [one(item) for item in items]
    if found.count("...") > 1:
        raise ValueError("an index has at most one ...")
    return f"[{', '.join(found)}]"


def read_index(text: str) -> tuple[Any, ...]:
    """The slices and numbers of `[1:, ::2]`."""
    found: list[Any] = []
    inside = text.strip()
    if inside.startswith("[") and inside.endswith("]"):
        inside = inside[1:-1]
    if len(text) > 200:
        raise ValueError("is too long for an index")
    for part in inside.split(",") if inside.strip() else []:
        match = _ITEM.fullmatch(part)
        if part.strip() == "...":
            found.append(Ellipsis)
        elif match is None or len(part) > 40:
            raise ValueError(f"must be like [1:, ::2], not {text!r}")
        elif match["one"] is not None:
            found.append(int(match["one"]))
        else:
            parts = [None if match[name] is None else int(match[name]) for name in ("start", "stop", "step")]
            found.append(slice(*parts))
    return tuple(found)


def index_of(text: str, rank: int) -> Index:
    """One entry per axis of x."""
    items = read_index(text)
    given = len([item for item in items if item is not Ellipsis])
    if given > rank:
        raise ValueError(f"index {text} has {given} entries, and x has {rank} axes")
    missing = (slice(None),) * (rank - given)
    if Ellipsis in items:
        place = items.index(Ellipsis)
        return (*items[:place], *missing, *items[place + 1 :])
    return (*items, *missing)


def sliced_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of the part of x that an index names."""
    (x,) = shapes
    out = []
    for axis, (item, size) in enumerate(zip(index_of(attributes["index"], len(x)), x, strict=True)):
        if isinstance(item, slice):
            # Python would move an end that lies outside; the definition would then depend on the size.
            if item.start is not None and not -size <= item.start <= size:
                raise ValueError(f"index {attributes['index']} starts outside axis {axis} of x, shape {x}")
            out.append(len(range(*item.indices(size))))
        elif not -size <= item < size:
            raise ValueError(f"index {attributes['index']} lies outside axis {axis} of x, shape {x}")
    return tuple(out)


def _slice_definition(signature: Signature) -> str:
    rank = signature.ranks[0]
    out = letters(signature.out_rank)
    names = iter(out)
    found = []
    for axis, item in enumerate(index_of(signature["index"], rank)):
        if isinstance(item, slice):
            step = 1 if item.step is None else item.step
            first = item.start if item.start is not None else 0 if step > 0 else -1
            index = next(names)
            moving = index if abs(step) == 1 else f"{abs(step)}*{index}"
            start = "" if first == 0 else f"{first}" if first > 0 else f"x.shape[{axis}] - {-first}"
            if not start and item.stop is not None:
                start = "0"  # an index that stands alone would say that the output has the axis' own size
            found.append(f"{start} {'+' if step > 0 else '-'} {moving}" if start else moving)
        else:
            found.append(str(item) if item >= 0 else f"x.shape[{axis}] - {-item}")
    return f"{at('y', out)} = {at('x', found)}"


def _slice(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x = inputs[0]
    emit(np.copyto, out, x[(*index_of(attributes["index"], x.ndim), ...)])


def _slice_vjp(emit: Emit, ctx: Backward) -> None:
    emit(np.copyto, ctx.d, emit.const(0.0))
    emit(np.copyto, ctx.d[(*index_of(ctx.attributes["index"], ctx.d.ndim), ...)], ctx.upstream)


OPS = (
    Op(
        "slice",
        ("x",),
        _slice_definition,
        sliced_shape,
        _slice,
        _slice_vjp,
        "A part of x: `x[1:, ::2]` in a formula.",
        {"index": Attribute(None, index_text, required=True)},
        symbol="{0}{index}",
    ),
)
