"""What is written in place, is taken out of the graph, or is another kind of number."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import converted, overwritten, rearranged, stretched
from bptui.model.source.captured.known.indexing import written
from bptui.model.source.captured.known.registry import known


@known("clone", "contiguous", "cpu", "cuda", "bptui.same")
def same(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """The same numbers."""
    return u.same(input)


@known("detach", "data")
def detach(u: Call, input: Any) -> Node:
    return u.use("detach", input)


@known("to", "float", "double", "half", "bfloat16", "type_as", "type")
def to(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """In another kind of number, that of the result."""
    y = converted(u, input, {"dtype": u.results[0].dtype})
    return u.same(y) if isinstance(y, Ref) and y.id in u.shop.nodes else u.node(y)


@known("copy")
def copy(u: Call, input: Any, src: Any, non_blocking: bool = False) -> Node:
    """Other numbers in the place of x, which has no gradient any more."""
    return overwritten(u, stretched(u, converted(u, src, {"dtype": u.results[0].dtype}), u.results[0].shape), input)


@known("fill")
def fill(u: Call, input: Any, value: Any) -> Node:
    return overwritten(u, stretched(u, value, u.results[0].shape), input)


@known("zero")
def zero(u: Call, input: Any) -> Node:
    return fill(u, input, 0.0)


def _lookup(u: Call, base: Ref) -> Array:
    """Place in the storage → place in the base; -1 where it has none."""
    places = u.places(base)
    found = np.full(int(places.max(initial=0)) + 1, -1)
    found[places.reshape(-1)] = np.arange(places.size)
    return found


@known("bptui.put")
def put(u: Call, base: Any, new: Any) -> Node:
    """The base with what was written through a view of it: by where in the storage the numbers of both lie."""
    return written(u, base, new, lambda p: _lookup(u, base)[u.places(new)])


@known("bptui.view_again", "as_strided")
def view_again(u: Call, base: Any, *_: Any, **__: Any) -> Node:
    """A view of a base that was changed since: the same way."""
    result = u.results[0]
    return rearranged(u, base, lambda p: _lookup(u, base)[u.places(result)])
