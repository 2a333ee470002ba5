"""Operations that move numbers and change none: reshape, transpose, slice, concat, stack, pad, broadcast_to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Emit, Op, Shape, Signature
from bptui.model.ops.common import at, contiguous, integer, letters, one_axis, optional, same, whole, wholes

Index = tuple[int | slice, ...]
SEVERAL = ("a", "b", "c?", "d?", "e?", "f?", "g?", "h?")
"""The inputs of concat and stack: up to eight."""
_BARE = tuple(name.rstrip("?") for name in SEVERAL)


# ------------------------------------------------------------------------------------------------------- reshape
def _reshape_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), wanted = shapes, attributes["shape"]
    known = prod(size for size in wanted if size != -1)
    if wanted.count(-1) > 1:
        raise ValueError(f"x has shape {x}, and shape {wanted} has more than one -1")
    if -1 in wanted:
        if known == 0 or prod(x) % known:
            raise ValueError(f"x has shape {x}, which cannot become {wanted}")
        return tuple(prod(x) // known if size == -1 else size for size in wanted)
    if prod(x) != known:
        raise ValueError(f"x has shape {x} ({prod(x)} elements), which cannot become {wanted} ({known})")
    return tuple(wanted)


def _reshape_definition(signature: Signature) -> str:
    """The position in row-major order, taken apart again by the sizes of x: `x[(i*J + j)//N, (i*J + j)%N]`."""
    rank, out = signature.ranks[0], letters(signature.out_rank)
    if not rank or not out:
        return f"{at('y', out)} = {at('x', ['0'] * rank)}"
    place = ""
    for n, index in enumerate(out):
        inner = f"({place})" if n > 1 else place
        place = f"{inner}*{index.upper()} + {index}" if n else index
    if rank == 1:
        return f"{at('y', out)} = {at('x', [place])}"
    if len(out) > 1:
        place = f"({place})"
    found = []
    for axis in range(rank):
        below = "*".join(f"x.shape[{later}]" for later in range(axis + 1, rank))
        digit = f"{place}//({below})" if below.count("x") > 1 else f"{place}//{below}" if below else place
        found.append(digit if axis == 0 else f"({digit})%x.shape[{axis}]" if below else f"{digit}%x.shape[{axis}]")
    return f"{at('y', out)} = {at('x', found)}"


def _reshape(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    (x,) = inputs
    emit(np.copyto, out, contiguous(emit, x).reshape(out.shape))


def _reshape_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> Sequence[Array | None]:
    return (None if into[0] is None else contiguous(emit, upstream).reshape(into[0].shape),)


# ----------------------------------------------------------------------------------------------------- transpose
def _order(axes: tuple[int, ...] | None, shape: Sequence[int] | int) -> tuple[int, ...]:
    rank = shape if isinstance(shape, int) else len(shape)
    if axes is None:
        return tuple(reversed(range(rank)))
    order = tuple(one_axis(axis, shape) for axis in axes)
    if sorted(order) != list(range(rank)):
        raise ValueError(f"axes {axes} must name each of the {rank} axes of x once")
    return order


def _transpose_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return tuple(shapes[0][axis] for axis in _order(attributes["axes"], shapes[0]))


def _transpose_definition(signature: Signature) -> str:
    order = _order(signature["axes"], signature.ranks[0])
    out = letters(len(order))
    return f"{at('y', out)} = {at('x', [out[order.index(axis)] for axis in range(len(order))])}"


def _transpose(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    emit(np.copyto, out, inputs[0].transpose(_order(attributes["axes"], inputs[0].shape)))


def _transpose_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        emit(np.copyto, into[0].transpose(_order(attributes["axes"], into[0].shape)), upstream)


# --------------------------------------------------------------------------------------------------------- slice
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


def _index(text: str, rank: int) -> Index:
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


def _slice_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    out = []
    for axis, (item, size) in enumerate(zip(_index(attributes["index"], len(x)), x, strict=True)):
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
    for axis, item in enumerate(_index(signature["index"], rank)):
        if isinstance(item, slice):
            step = 1 if item.step is None else item.step
            first = item.start if item.start is not None else 0 if step > 0 else -1
            index = next(names)
            moving = index if step == 1 else f"{step}*{index}" if step > 0 else f"({step})*{index}"
            start = "" if first == 0 else f"{first}" if first > 0 else f"x.shape[{axis}] - {-first}"
            if not start and item.stop is not None:
                start = "0"  # an index that stands alone would say that the output has the axis' own size
            found.append(f"{start} + {moving}" if start else moving)
        else:
            found.append(str(item) if item >= 0 else f"x.shape[{axis}] - {-item}")
    return f"{at('y', out)} = {at('x', found)}"


def _slice(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    x = inputs[0]
    emit(np.copyto, out, x[(*_index(attributes["index"], x.ndim), ...)])


def _slice_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    d = into[0]
    if d is not None:
        emit(np.copyto, d, emit.const(0.0))
        emit(np.copyto, d[(*_index(attributes["index"], d.ndim), ...)], upstream)


# ------------------------------------------------------------------------------------------------- concat, stack
def _concat_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    first = shapes[0]
    axis = one_axis(attributes["axis"], first, "a")
    for name, shape in zip(_BARE, shapes, strict=False):
        if len(shape) != len(first) or any(n != axis and size != first[n] for n, size in enumerate(shape)):
            raise ValueError(
                f"a has shape {first} and {name} has shape {shape}: all axes but axis {axis} must be equal"
            )
    return tuple(sum(shape[axis] for shape in shapes) if n == axis else size for n, size in enumerate(first))


def _concat_definition(signature: Signature) -> str:
    axis, out = one_axis(signature["axis"], signature.ranks[0], "a"), letters(signature.ranks[0])
    names = _BARE[: len(signature.ranks)]
    before = ["", *accumulate((f"{name}.shape[{axis}]" for name in names), lambda a, b: f"{a} + {b}")]

    def element(n: int) -> str:
        less = f"({before[n]})" if n > 1 else before[n]
        return at(names[n], [f"{i} - {less}" if m == axis and n else i for m, i in enumerate(out)])

    text = element(len(names) - 1)
    for n in reversed(range(len(names) - 1)):
        text = f"{element(n)} if {out[axis]} < {before[n + 1]} else {text if n == len(names) - 2 else f'({text})'}"
    return f"{at('y', out)} = {text}"


def _parts(inputs: Sequence[Any], out: Array, axis: int) -> list[Array]:
    """The views of `out` that belong to the inputs."""
    ends = list(accumulate(array.shape[axis] for array in inputs))
    starts = [0, *ends[:-1]]
    before = (slice(None),) * axis
    return [out[(*before, slice(start, end))] for start, end in zip(starts, ends, strict=True)]


def _concat(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    for part, x in zip(_parts(inputs, out, one_axis(attributes["axis"], out.shape)), inputs, strict=True):
        emit(np.copyto, part, x)


def _concat_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    for part, d in zip(_parts(inputs, upstream, one_axis(attributes["axis"], out.shape)), into, strict=True):
        if d is not None:
            emit(np.copyto, d, part)


def _stack_axis(attributes: Attributes, rank: int) -> int:
    """The new axis, of an output of `rank` axes."""
    if not -rank <= attributes["axis"] < rank:
        raise ValueError(f"axis {attributes['axis']} is not there: the stack has {rank} axes")
    return int(attributes["axis"]) % rank


def _stack_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    first = same(_BARE)(shapes, attributes)
    axis = _stack_axis(attributes, len(first) + 1)
    return (*first[:axis], len(shapes), *first[axis:])


def _stack_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    axis = _stack_axis({"axis": signature["axis"]}, signature.out_rank)
    own = [index for n, index in enumerate(out) if n != axis]
    names = _BARE[: len(signature.ranks)]
    text = at(names[-1], own)
    for n in reversed(range(len(names) - 1)):
        text = f"{at(names[n], own)} if {out[axis]} == {n} else {text if n == len(names) - 2 else f'({text})'}"
    return f"{at('y', out)} = {text}"


def _stack(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    moved = np.moveaxis(out, _stack_axis(attributes, out.ndim), 0)
    for n, x in enumerate(inputs):
        emit(np.copyto, moved[n, ...], x)


def _stack_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    moved = np.moveaxis(upstream, _stack_axis(attributes, upstream.ndim), 0)
    for n, d in enumerate(into):
        if d is not None:
            emit(np.copyto, d, moved[n, ...])


# ------------------------------------------------------------------------------------------------------------ pad
def _widths(value: Any) -> tuple[tuple[int, int], ...]:
    """NumPy's pad_width: ((before, after), …) per axis; [before, after] or one number for all axes is one pair."""
    if not isinstance(value, Iterable) or isinstance(value, str):
        return ((whole(value, 0), whole(value, 0)),)
    items = list(value)
    if len(items) == 2 and not any(isinstance(item, Iterable) for item in items):
        return ((whole(items[0], 0), whole(items[1], 0)),)
    pairs = [wholes(item, 0) for item in items]
    if not all(len(pair) == 2 for pair in pairs):
        raise ValueError(f"must hold a pair (before, after) for each axis, not {value!r}")
    return tuple((pair[0], pair[1]) for pair in pairs)


def _pairs(widths: tuple[tuple[int, int], ...], rank: int) -> tuple[tuple[int, int], ...]:
    if len(widths) not in (1, rank):
        raise ValueError(f"pad_width {widths} has {len(widths)} pairs, and x has {rank} axes")
    return widths * rank if len(widths) == 1 else widths


def _pad_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    pairs = _pairs(attributes["pad_width"], len(shapes[0]))
    return tuple(size + before + after for size, (before, after) in zip(shapes[0], pairs, strict=True))


def _pad_definition(signature: Signature) -> str:
    rank = signature.ranks[0]
    out = letters(rank)
    element, inside = [], []
    for axis, (index, (before, after)) in enumerate(zip(out, _pairs(signature["pad_width"], rank), strict=True)):
        element.append(f"{index} - {before}" if before else index)
        if before:
            inside.append(f"{index} >= {before}")
        if after:
            inside.append(f"{index} < x.shape[{axis}]{f' + {before}' if before else ''}")
    text = at("x", element)
    return f"{at('y', out)} = {text} if {' and '.join(inside)} else value" if inside else f"{at('y', out)} = {text}"


def _inner(array: Array, attributes: Attributes) -> Array:
    pairs = _pairs(attributes["pad_width"], array.ndim)
    inside = [slice(before, size - after) for size, (before, after) in zip(array.shape, pairs, strict=True)]
    return array[(*inside, ...)]


def _pad(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    emit(np.copyto, out, emit.const(attributes["value"]))
    emit(np.copyto, _inner(out, attributes), inputs[0])


def _pad_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        emit(np.copyto, into[0], _inner(upstream, attributes))


def _number(value: Any) -> float:
    return float(value)


# --------------------------------------------------------------------------------------------------- broadcast_to
def _broadcast_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    wanted: Shape = attributes["shape"]
    try:
        found = np.broadcast_shapes(shapes[0], wanted)
    except ValueError:
        found = ()
    if found != wanted:
        raise ValueError(f"x has shape {shapes[0]}, which does not broadcast to {wanted}")
    return wanted


def _broadcast_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    own = out[signature.out_rank - signature.ranks[0] :]
    return f"{at('y', out)} = {at('x', ['0' if n in signature.stretched[0] else i for n, i in enumerate(own)])}"


def _broadcast_spread(position: int, shapes: Sequence[Shape], out: Shape) -> Shape:
    return out


def _broadcast(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    emit(np.copyto, out, inputs[0])


def _broadcast_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> Sequence[Array | None]:
    return (None if into[0] is None else upstream,)


OPS = (
    Op(
        "reshape",
        ("x",),
        _reshape_definition,
        _reshape_shape,
        _reshape,
        _reshape_vjp,
        "The same numbers in row-major order under another shape; one size may be -1.",
        {"shape": Attribute(None, lambda value: wholes(value, -1), static=False, required=True)},
    ),
    Op(
        "transpose",
        ("x",),
        _transpose_definition,
        _transpose_shape,
        _transpose,
        _transpose_vjp,
        "The axes in another order, by default reversed: `x.T` in a formula.",
        {"axes": Attribute(None, optional(wholes))},
    ),
    Op(
        "slice",
        ("x",),
        _slice_definition,
        _slice_shape,
        _slice,
        _slice_vjp,
        "A part of x: `x[1:, ::2]` in a formula.",
        {"index": Attribute(None, index_text, required=True)},
        symbol="{0}{index}",
    ),
    Op(
        "concat",
        SEVERAL,
        _concat_definition,
        _concat_shape,
        _concat,
        _concat_vjp,
        "Tensors one after the other along an axis; two to eight.",
        {"axis": Attribute(0, integer())},
    ),
    Op(
        "stack",
        SEVERAL,
        _stack_definition,
        _stack_shape,
        _stack,
        _stack_vjp,
        "Tensors of one shape side by side along a new axis; two to eight.",
        {"axis": Attribute(0, integer())},
    ),
    Op(
        "pad",
        ("x",),
        _pad_definition,
        _pad_shape,
        _pad,
        _pad_vjp,
        "x with a constant around it; pad_width has a pair (before, after) for each axis.",
        {"pad_width": Attribute(None, _widths, required=True), "value": Attribute(0.0, _number, static=False)},
    ),
    Op(
        "broadcast_to",
        ("x",),
        _broadcast_definition,
        _broadcast_shape,
        _broadcast,
        _broadcast_vjp,
        "x repeated along axes of size 1 and along new leading axes.",
        {"shape": Attribute(None, lambda value: wholes(value, 0), static=False, required=True)},
        broadcasts=True,
        spread=_broadcast_spread,
    ),
)
