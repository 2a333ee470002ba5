"""The slice: `x[1:, None, ::2]`. Its index is an attribute, kept as canonical text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import operation
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, letters, whole, zeros
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import planned

Item = Any
"""Of an index: a number, a slice, None, `...`, or the name of an input that names places."""
_LARGEST = 2**31
"""Of a slice's numbers: no axis is as long, and a step stands in the definition."""

_NUMBER = r"[+-]?\d+"
_ITEM = re.compile(
    rf"\s*(?:(?P<one>{_NUMBER})|(?P<start>{_NUMBER})?\s*:\s*(?P<stop>{_NUMBER})?\s*(?::\s*(?P<step>{_NUMBER})?)?)\s*"
)


def index_text(value: Any, names: Sequence[str] = ()) -> str:
    """An index as canonical text, `[1:, ::2]`, from text or from Python's own slices and numbers. `names`: of inputs
    that may stand in it."""
    if isinstance(value, str):
        return _write(read_index(value, names), names)
    return _write(tuple(value) if isinstance(value, tuple | list) else (value,), names)


def _write(items: Iterable[Any], names: Sequence[str] = ()) -> str:
    def one(item: Any) -> str:
        if item is None or (isinstance(item, str) and item in names):
            return str(item)
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


def read_index(text: str, names: Sequence[str] = ()) -> tuple[Item, ...]:
    """The slices and numbers of `[1:, ::2]`, None, and names of inputs."""
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
        elif part.strip() == "None" or part.strip() in names:
            found.append(None if part.strip() == "None" else part.strip())
        elif match is None or len(part) > 40:
            raise ValueError(f"must be like [1:, ::2], not {text!r}")
        elif match["one"] is not None:
            found.append(int(match["one"]))
        else:
            parts = [None if match[name] is None else int(match[name]) for name in ("start", "stop", "step")]
            found.append(slice(*parts))
    return tuple(found)


def index_of(text: str, rank: int, names: Sequence[str] = ()) -> tuple[Item, ...]:
    """One entry per axis of x, and None where a new one stands."""
    items = read_index(text, names)
    given = len([item for item in items if item is not Ellipsis and item is not None])
    if given > rank:
        entries, axes = "entry" if given == 1 else "entries", "axis" if rank == 1 else "axes"
        raise ValueError(f"index {text} has {given} {entries}, and x has {rank} {axes}")
    missing = (slice(None),) * (rank - given)
    if Ellipsis in items:
        place = items.index(Ellipsis)
        return (*items[:place], *missing, *items[place + 1 :])
    return (*items, *missing)


def sliced_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of the part of x that an index names."""
    (x,) = shapes
    out: list[int] = []
    axes = iter(enumerate(x))
    for item in index_of(attributes["index"], len(x)):
        if item is None:
            out.append(1)
            continue
        axis, size = next(axes)
        if isinstance(item, slice):
            # Python would move an end that lies outside; the definition would then depend on the size.
            if item.start is not None and not -size <= item.start <= size:
                raise ValueError(f"index {attributes['index']} starts outside axis {axis} of x, shape {x}")
            out.append(len(range(*item.indices(size))))
        elif not -size <= item < size:
            raise ValueError(f"index {attributes['index']} lies outside axis {axis} of x, shape {x}")
    return tuple(out)


def _slice_definition(signature: Signature) -> str:
    items = index_of(signature["index"], signature.ranks[0])
    kept = [item for item in items if item is None or isinstance(item, slice)]
    names = iter(letters(len(kept)))
    out = ["0" if item is None else next(names) for item in kept]
    return f"{at('y', out)} = {at('x', read_at(items, iter(index for index in out if index != '0')))}"


def read_at(items: Sequence[Item], names: Iterator[str]) -> list[str]:
    """Which place of each axis of x an index reads, `names` those along its slices; an input's name stays."""
    found: list[str] = []
    for item in items:
        axis = len(found)
        if isinstance(item, slice):
            step = 1 if item.step is None else item.step
            first = item.start if item.start is not None else 0 if step > 0 else -1
            index = next(names)
            moving = index if abs(step) == 1 else f"{abs(step)}*{index}"
            start = "" if first == 0 else f"{first}" if first > 0 else f"x.shape[{axis}] - {-first}"
            if not start and item.stop is not None:
                start = "0"  # an index that stands alone would say that the output has the axis' own size
            found.append(f"{start} {'+' if step > 0 else '-'} {moving}" if start else moving)
        elif item is not None:
            found.append(str(item) if isinstance(item, str) or item >= 0 else f"x.shape[{axis}] - {-item}")
    return found


def reached(place: str, size: str, item: int | slice) -> tuple[list[str], list[str]]:
    """When an entry of a slice reaches a place of x, and which place of src that is; a number has none there."""

    def counted(number: int) -> str:
        """A place counted from the front."""
        return str(number) if number >= 0 else f"{size} - {-number}"

    if not isinstance(item, slice):
        return [f"{place} == {counted(item)}"], []
    step = 1 if item.step is None else item.step
    begin, begun, end = (0, ">=", "<") if step > 0 else (-1, "<=", ">")
    start, tests, far = begin if item.start is None else item.start, [], place
    first = counted(start)
    if step < 0:
        far = f"{first} - {place}"
    elif start:
        far = f"{place} - {first if start > 0 else f'({first})'}"
    if start != begin:
        tests.append(f"{place} {begun} {first}")
    if item.stop is not None:
        tests.append(f"{place} {end} {counted(item.stop)}")
    if abs(step) == 1:  # an index that stands alone would say that src has as many as x
        return tests, [f"0 + {place}" if far == place and tests else far]
    far = far if far == place else f"({far})"
    return [*tests, f"{far} % {abs(step)} == 0"], [f"{far}//{abs(step)}"]


@operation
def put(x: Any, src: Any, index: str) -> Any:
    """x with src written into a slice of it."""
    return planned(_put, x.shape, x, src, dtype=src.dtype, options=(index,))


def _put(emit: Emit, arrays: Sequence[Array], out: Array, index: str) -> None:
    x, src = arrays
    emit(np.copyto, out, x)
    emit(np.copyto, out[(*index_of(index, out.ndim), ...)], src)


_SLICE = Rule(
    lambda x, index: x[(*index_of(index, x.ndim), ...)],
    lambda g, y, x, index: put(zeros(x), g, index=index),
)


OPS = (
    Op(
        "slice",
        ("x",),
        _slice_definition,
        sliced_shape,
        *_SLICE.pair,
        "A part of x: `x[1:, ::2]` in a formula; None is a new axis.",
        {"index": Attribute(None, index_text, required=True)},
        symbol="{0}{index}",
    ),
)
