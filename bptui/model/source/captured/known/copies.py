"""The same numbers: taken out of the graph, in another kind of number, or in the place of others."""

from __future__ import annotations

from typing import Any

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Ref
from bptui.model.source.captured.known.common import (
    converted,
    overwritten,
    stretched,
)
from bptui.model.source.captured.known.registry import known, uses


@known("clone", "contiguous", "cpu", "cuda", "positive", "conj", "conj_physical", "bptui.same")
def same(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """The same numbers; real ones are their own conjugates."""
    return u.same(input)


known("detach", "data")(uses("detach"))


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
