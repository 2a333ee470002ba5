"""Elements by lists of places, `x[:, [0, 2], [1, 1]]`: read (index), and written or added to (index_put).

The lists are inputs of one shape, named in the index in their order: "[:, i, i2]". What they read stands where they do
in the index, or in front where a slice or None stands between them. A number beside them is no list (as in PyTorch;
NumPy counts it as one).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Bounds, Op, Signature
from bptui.model.engine.ops.common import at, flag, letters, numbered, optional, over, zeros
from bptui.model.engine.ops.slices import Item, index_of, index_text, reached, read_at, read_index, sliced_shape
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

LISTS = ("i", "i2", "i3", "i4")
INPUTS = ("i", "i2?", "i3?", "i4?")


def _pattern(value: Any) -> str:
    """An index in which the lists are named, each once and in their order."""
    text = index_text(value, LISTS)
    named = [item for item in read_index(text, LISTS) if isinstance(item, str)]
    if not named or named != list(LISTS[: len(named)]):
        raise ValueError(f"must name the lists in their order, as in [:, i, i2], not {text}")
    return text


PATTERN = {"index": Attribute(None, optional(_pattern))}


class Layout(NamedTuple):
    """items  one entry per axis of x, and None for a new one · plain: those without lists, a whole axis for each ·
    axes  of what `plain` reads: those that have a list · lead: how many other axes of the result come before theirs"""

    items: tuple[Item, ...]
    plain: tuple[Any, ...]
    axes: tuple[int, ...]
    lead: int

    def key(self, lists: Sequence[Array]) -> tuple[Any, ...]:
        """The lists as an index of what `plain` reads."""
        found: list[Any] = [slice(None)] * (self.axes[-1] + 1)
        for axis, places in zip(self.axes, lists, strict=True):
            found[axis] = places
        return tuple(found)

    def laid(self, rest: Sequence[Any], own: Sequence[Any]) -> list[Any]:
        """What belongs to the other axes of the result, and what to those of the lists, in its order."""
        return [*rest[: self.lead], *own, *rest[self.lead :]]


@cache
def layout(text: str | None, rank: int, count: int) -> Layout:
    """How an index with `count` lists reads a tensor of that rank; without a text they are those of the first axes."""
    given = text or f"[{', '.join(LISTS[:count])}]"
    items = index_of(given, rank, LISTS)
    if sum(isinstance(item, str) for item in items) != count:
        named = sum(isinstance(item, str) for item in items)
        raise ValueError(f"index {given} names {named} lists of an x with {rank} axes, and there are {count}")
    plain = tuple(slice(None) if isinstance(item, str) else item for item in items)
    left = [item for item in items if not isinstance(item, int)]
    axes = tuple(n for n, item in enumerate(left) if isinstance(item, str))
    together = axes == tuple(range(axes[0], axes[0] + len(axes)))
    return Layout(items, plain, axes, axes[0] if together else 0)


def _plain_shape(found: Layout, x: Shape) -> Shape:
    return sliced_shape([x], {"index": index_text(found.plain)})


def _read_shape(x: Shape, lists: Sequence[Shape], attributes: Attributes) -> Shape:
    """The shape of x[…]."""
    found = layout(attributes["index"], len(x), len(lists))
    for name, shape in zip(LISTS, lists, strict=False):
        if shape != lists[0]:
            raise ValueError(f"i has shape {lists[0]} and {name} has shape {shape}: they must be equal")
    rest = [size for axis, size in enumerate(_plain_shape(found, x)) if axis not in found.axes]
    return tuple(found.laid(rest, lists[0]))


def _bounds(x: Shape, count: int, attributes: Attributes) -> Bounds:
    items = [item for item in layout(attributes["index"], len(x), count).items if item is not None]
    return {item: (0, size) for item, size in zip(items, x, strict=True) if isinstance(item, str)}


# ---------------------------------------------------------------------------------------------------------------- index
def _index_definition(signature: Signature) -> str:
    rank, places = signature.ranks[:2]
    found = layout(signature["index"], rank, len(signature.ranks) - 1)
    rest = [item for item in found.items if item is None or isinstance(item, slice)]
    names = letters(len(rest) - rest.count(None) + places, avoid="i")
    before = found.lead - rest[: found.lead].count(None)
    own, others = names[before:][:places], [*names[:before], *names[before + places :]]
    along = iter(others)
    left = found.laid(["0" if item is None else next(along) for item in rest], own)
    read = [at(place, own) if place in LISTS else place for place in read_at(found.items, iter(others))]
    return f"{at('y', left)} = {at('x', read)}"


def _pick(x: Array, *rest: Any) -> None:
    *lists, index, out = rest
    found = layout(index, x.ndim, len(lists))
    out[...] = x[found.plain][found.key(lists)]


def _picked(x: Any, lists: Sequence[Any], index: str | None) -> Any:
    shape = _read_shape(x.shape, [each.shape for each in lists], {"index": index})
    return noted(_pick, shape, x, *lists, options=(index,))


_INDEX = Rule(
    lambda x, *lists, index: _picked(x, lists, index),
    lambda g, y, x, *lists, index: noted(_put, x.shape, zeros(x), g, *lists, options=(index, True)),
)


# ------------------------------------------------------------------------------------------------------------ index_put
def _put_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, src, *lists = shapes
    if not lists[0]:
        raise ValueError("i has shape (): it must have an axis; put writes at one place")
    if None in layout(attributes["index"], len(x), len(lists)).items:
        raise ValueError("index has None: there is no new axis to write to")
    wanted = _read_shape(x, lists, attributes)
    if src != wanted:
        raise ValueError(f"x has shape {x} and src has shape {src}: what is written to has shape {wanted}")
    return x


def _put_definition(signature: Signature) -> str:
    """src at the last place in the lists that names this one, or the sum of all that do; else x."""
    rank, _, places = signature.ranks[:3]
    found = layout(signature["index"], rank, len(signature.ranks) - 2)
    names = letters(rank + 2 * places, avoid="i")
    out, own, rival = names[:rank], names[rank : rank + places], names[rank + places :]
    inside: list[str] = []
    rest: list[str] = []
    named: list[tuple[str, str]] = []
    for axis, (place, item) in enumerate(zip(out, found.items, strict=True)):
        if isinstance(item, str):
            named.append((item, place))
        else:
            tests, where = reached(place, f"x.shape[{axis}]", item)
            inside += tests
            rest += where

    def hit(indices: Sequence[str]) -> str:
        return " and ".join(f"{at(name, indices)} == {place}" for name, place in named)

    x, source = at("x", out), at("src", found.laid(rest, own))
    if signature["accumulate"]:
        added = f"{x} + sum({source}{over(own)} if {hit(own)})"
        return f"{at('y', out)} = {added}" + (f" if {' and '.join(inside)} else {x}" if inside else "")
    later, same = at("later", own), " and ".join(f"{at(name, rival)} == {at(name, own)}" for name, _ in named)
    helper = f"{later} = sum(1{over(rival)} if {numbered(rival, own)} > {numbered(own, own)} and {same}); "
    written = " and ".join([*inside, f"sum(1{over(own)} if {hit(own)}) > 0"])
    last = f"({source} if {later} == 0 else 0)"
    return f"{helper}{at('y', out)} = sum({last}{over(own)} if {hit(own)}) if {written} else {x}"


def _put(x: Array, src: Array, *rest: Any) -> None:
    *lists, index, accumulate, out = rest
    found = layout(index, x.ndim, len(lists))
    out[...] = x
    view, key = out[found.plain], found.key(lists)
    if accumulate:
        np.add.at(view, key, src)
    else:
        view[key] = src


def _last(g: Array, *rest: Any) -> None:
    """g where it was written to, for the last that was written to a place; 0 for those before."""
    *lists, index, out = rest
    found = layout(index, g.ndim, len(lists))
    view = g[found.plain]
    order = np.arange(lists[0].size).reshape(lists[0].shape)
    marks = np.zeros([view.shape[axis] for axis in found.axes], np.intp)
    marks[tuple(lists)] = order
    stays = marks[tuple(lists)] == order
    after = out.ndim - found.lead - order.ndim
    out[...] = np.where(stays.reshape((*stays.shape, *(1,) * after)), view[found.key(lists)], 0)


_INDEX_PUT = Rule(
    lambda x, src, *lists, index, accumulate: noted(_put, x.shape, x, src, *lists, options=(index, accumulate)),
    lambda g, y, x, src, *lists, index, accumulate: (
        g if accumulate else noted(_put, x.shape, g, zeros(src), *lists, options=(index, False))
    ),
    lambda g, y, x, src, *lists, index, accumulate: (
        _picked(g, lists, index) if accumulate else noted(_last, src.shape, g, *lists, options=(index,))
    ),
)


OPS = (
    Op(
        "index",
        ("x", *INPUTS),
        _index_definition,
        lambda shapes, attributes: _read_shape(shapes[0], shapes[1:], attributes),
        *_INDEX.pair,
        "The elements of x at lists of places: `x[:, [0, 2], [1, 1]]` in a formula. Without an index the lists are "
        "those of the first axes.",
        PATTERN,
        indices=LISTS,
        convention="positions count from 0; the gradients of a position that is read twice add up; what the lists read "
        "stands in front where they stand apart",
        bounds=lambda shapes, attributes: _bounds(shapes[0], len(shapes) - 1, attributes),
    ),
    Op(
        "index_put",
        ("x", "src", *INPUTS),
        _put_definition,
        _put_shape,
        *_INDEX_PUT.pair,
        "x with src written (or, with accumulate, added) to lists of places: a new tensor, as "
        "`x[[0, 2], [1, 1]] = src` makes of x.",
        {**PATTERN, "accumulate": Attribute(False, flag)},
        indices=LISTS,
        convention="of several that are written to one place the last stays, and it alone has a gradient (PyTorch does "
        "not say which stays, and gives it to all); added ones add up",
        bounds=lambda shapes, attributes: _bounds(shapes[0], len(shapes) - 2, attributes),
    ),
)
