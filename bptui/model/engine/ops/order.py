"""Numbers in their order along an axis: sort, topk. The gradient goes back to where each number came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import LAST_AXIS, along_axis, at, flag, integer, letters, one_axis, zeros
from bptui.model.engine.ops.overwrite import write
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


def _definition(signature: Signature, descending: bool) -> str:
    """The element that as many others come before as the place says: among equals the first in x."""
    *out, this, other = letters(signature.out_rank + 2, avoid="kx")
    axis = one_axis(signature["axis"], signature.out_rank)

    def x(index: str) -> str:
        return at("x", [index if n == axis else i for n, i in enumerate(out)])

    first = f"{x(other)} {'>' if descending else '<'} {x(this)} or {x(other)} == {x(this)} and {other} < {this}"
    before = f"sum(1 for {other} in {this.upper()} if {first})"
    return f"{at('y', out)} = sum({x(this)} for {this} in {this.upper()} if {before} == {out[axis]})"


def _topk_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    axis = one_axis(attributes["axis"], x)
    if attributes["k"] > x[axis]:
        raise ValueError(f"x has shape {x}: axis {attributes['axis']} has no {attributes['k']} elements")
    return (*x[:axis], attributes["k"], *x[axis + 1 :])


def _fill_places(x: Array, axis: int, descending: bool, count: int, out: Array) -> None:
    """Where the first `count` come from, equal ones in their order; NaN is the largest."""
    line = np.moveaxis(x, axis, -1)
    if descending:  # of x in reverse, in reverse: equal ones stay in their order
        found = x.shape[axis] - 1 - np.argsort(line[..., ::-1], -1, kind="stable")[..., ::-1]
    else:
        found = np.argsort(line, -1, kind="stable")
    out[...] = np.moveaxis(found[..., :count], -1, axis)


def _places(x: Any, axis: int, descending: bool, count: int | None = None) -> Any:
    n = one_axis(axis, x.shape)
    count = x.shape[n] if count is None else count
    shape = (*x.shape[:n], count, *x.shape[n + 1 :])
    return noted(_fill_places, shape, x, dtype=np.intp, options=(n, descending, count))


def _sorted_vjp(g: Any, x: Any, places: Any, axis: int) -> Any:
    return noted(write, x.shape, zeros(x), places, g, options=(one_axis(axis, x.shape),))


_SORT = Rule(
    lambda x, axis, descending: np.take_along_axis(x, _places(x, axis, descending), one_axis(axis, x.shape)),
    lambda g, y, x, axis, descending: _sorted_vjp(g, x, _places(x, axis, descending), axis),
)
_TOPK = Rule(
    lambda x, k, axis, largest: np.take_along_axis(x, _places(x, axis, largest, k), one_axis(axis, x.shape)),
    lambda g, y, x, k, axis, largest: _sorted_vjp(g, x, _places(x, axis, largest, k), axis),
)


OPS = (
    Op(
        "sort",
        ("x",),
        lambda signature: _definition(signature, signature["descending"]),
        along_axis,
        *_SORT.pair,
        "The elements along an axis in their order.",
        {"axis": LAST_AXIS, "descending": Attribute(False, flag)},
        analytic=False,
        convention="equal elements stay in their order",
    ),
    Op(
        "topk",
        ("x",),
        lambda signature: _definition(signature, signature["largest"]),
        _topk_shape,
        *_TOPK.pair,
        "The k largest (or smallest) elements along an axis, in their order.",
        {"k": Attribute(None, integer(0), required=True), "axis": LAST_AXIS, "largest": Attribute(True, flag)},
        analytic=False,
        convention="among equals the first",
    ),
)
