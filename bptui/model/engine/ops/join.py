"""Operations that put tensors beside others, or a constant around one: concat, stack, pad."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import (
    at,
    choice,
    equal_beside,
    integer,
    letters,
    masking,
    one_axis,
    same,
    whole,
    wholes,
)
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

SEVERAL = ("a", "b", "c?", "d?", "e?", "f?", "g?", "h?")
"""The inputs of concat and stack: up to eight."""
_BARE = tuple(name.rstrip("?") for name in SEVERAL)


# -------------------------------------------------------------------------------------------------------- concat, stack
def _concat_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    first = shapes[0]
    axis = one_axis(attributes["axis"], first, "a")
    for name, shape in zip(_BARE, shapes, strict=False):
        equal_beside(("a", name), (first, shape), axis)
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


def _apart(n: int, g: Any, y: Any, *inputs: Any, axis: int) -> Any:
    """What of g belongs to input n of concat."""
    axis = one_axis(axis, y.shape)
    start = sum(x.shape[axis] for x in inputs[:n])
    return g[(*(slice(None),) * axis, slice(start, start + inputs[n].shape[axis]))]


_CONCAT = Rule(
    lambda *inputs, axis: np.concatenate(inputs, one_axis(axis, inputs[0].shape)),
    *(partial(_apart, n) for n in range(len(SEVERAL))),
)


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


def _stack(*inputs: Any, axis: int) -> Any:
    at = _stack_axis({"axis": axis}, inputs[0].ndim + 1)
    return np.concatenate([np.expand_dims(x, at) for x in inputs], at)


def _layer(n: int, g: Any, y: Any, *inputs: Any, axis: int) -> Any:
    """What of g belongs to input n of stack."""
    return g[(*(slice(None),) * _stack_axis({"axis": axis}, y.ndim), n)]


_STACK = Rule(_stack, *(partial(_layer, n) for n in range(len(SEVERAL))))


# ------------------------------------------------------------------------------------------------------------------ pad
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


MODES = ("constant", "reflect", "replicate", "circular")
"""PyTorch's words; NumPy's are edge for replicate, and wrap for circular."""


def _pad_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    pairs, mode = _pairs(attributes["pad_width"], len(shapes[0])), attributes["mode"]
    for axis, (size, pair) in enumerate(zip(shapes[0], pairs, strict=True)):
        most = {"reflect": size - 1, "circular": size, "replicate": size and max(pair)}.get(mode, max(pair))
        if any(pair) and max(pair) > most:
            raise ValueError(
                f"x has shape {shapes[0]}: mode {mode!r} has at most {most} for axis {axis}, not {max(pair)}"
            )
    return tuple(size + before + after for size, (before, after) in zip(shapes[0], pairs, strict=True))


def _turned(mode: str, index: str, before: int, after: int, size: str) -> str:
    """Which place of x stands at an index, where x goes on beyond its ends."""
    place = f"{index} - {before}" if before else index
    if mode == "circular":
        return f"({place}) % {size}"
    if mode == "replicate":
        place = f"max({place}, 0)" if before else place
        return f"min({place}, {size} - 1)" if after else place
    place = f"abs({place})" if before else place
    return f"{size} - 1 - abs({size} - 1 - {place})" if after else place


def _pad_definition(signature: Signature) -> str:
    rank = signature.ranks[0]
    out = letters(rank)
    if signature["mode"] != "constant":
        sides = enumerate(zip(out, _pairs(signature["pad_width"], rank), strict=True))
        read = [
            _turned(signature["mode"], i, *pair, f"x.shape[{axis}]") if any(pair) else i for axis, (i, pair) in sides
        ]
        return f"{at('y', out)} = {at('x', read)}"
    element, inside = [], []
    for axis, (index, (before, after)) in enumerate(zip(out, _pairs(signature["pad_width"], rank), strict=True)):
        element.append(f"{index} - {before}" if before else index)
        if before:
            inside.append(f"{index} >= {before}")
        if after:
            inside.append(f"{index} < x.shape[{axis}]{f' + {before}' if before else ''}")
    text = at("x", element)
    return f"{at('y', out)} = {text} if {' and '.join(inside)} else value" if inside else f"{at('y', out)} = {text}"


def _inner(array: Any, pad_width: tuple[tuple[int, int], ...]) -> Any:
    pairs = _pairs(pad_width, array.ndim)
    inside = [slice(before, size - after) for size, (before, after) in zip(array.shape, pairs, strict=True)]
    return array[tuple(inside) if inside else ...]


def _beyond(shape: Shape, pad_width: tuple[tuple[int, int], ...], mode: str) -> tuple[Array, ...]:
    """Which place of x stands at each of the output, as an index of all axes."""
    kind: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    pairs = _pairs(pad_width, len(shape))
    return np.ix_(*(np.pad(np.arange(size), pair, mode=kind) for size, pair in zip(shape, pairs, strict=True)))


def _fill(x: Array, pad_width: tuple[tuple[int, int], ...], value: float, mode: str, out: Array) -> None:
    if mode == "constant":
        out[...] = value
        _inner(out, pad_width)[...] = x
    else:
        out[...] = x[_beyond(x.shape, pad_width, mode)]


def _give(g: Array, pad_width: tuple[tuple[int, int], ...], mode: str, out: Array) -> None:
    out[...] = 0
    np.add.at(out, _beyond(out.shape, pad_width, mode), g)


_PAD = Rule(
    lambda x, pad_width, value, mode: noted(
        _fill, _pad_shape([x.shape], {"pad_width": pad_width, "mode": mode}), x, options=(pad_width, value, mode)
    ),
    lambda g, y, x, pad_width, value, mode: (
        _inner(g, pad_width) if mode == "constant" else noted(_give, x.shape, g, options=(pad_width, mode))
    ),
)


OPS = (
    Op(
        "concat",
        SEVERAL,
        _concat_definition,
        _concat_shape,
        *_CONCAT.pair,
        "Tensors one after the other along an axis; two to eight.",
        {"axis": Attribute(0, integer())},
    ),
    Op(
        "stack",
        SEVERAL,
        _stack_definition,
        _stack_shape,
        *_STACK.pair,
        "Tensors of one shape side by side along a new axis; two to eight.",
        {"axis": Attribute(0, integer())},
    ),
    Op(
        "pad",
        ("x",),
        _pad_definition,
        _pad_shape,
        *_PAD.pair,
        "x with a constant around it, or (mode) with its own numbers: reflected, its last one again, or from the other "
        "end; pad_width has a pair (before, after) for each axis.",
        {
            "pad_width": Attribute(None, _widths, required=True),
            "value": Attribute(0.0, masking, static=False),
            "mode": Attribute("constant", choice(*MODES)),
        },
    ),
)
