"""Sums of products of values: pair by pair, each pair a matrix product where it is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from bptui.model.engine.trace import noted
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.custom.values import Value, Values, copied

COPIED = 2**24
"""Elements of windows (of a convolution) that are copied for a matrix product; at most 128 MB."""


def contract(c: Values, values: Sequence[Value], symbols: Sequence[Expr]) -> Value:
    """Σ over `symbols` of the product of the values. The pair that leaves the smallest arrays goes first."""
    items = list(values)
    count = c.cells(s for s in symbols if not any(s in item.axes for item in items))
    while True:
        for n, item in enumerate(items):
            others = {s for m, other in enumerate(items) if m != n for s in other.axes}
            items[n] = c.reduced(np.sum, item, [s for s in item.axes if s in symbols and s not in others])
        if len(items) == 1:
            return items[0] if count == 1 else c.apply(np.multiply, items[0], Value(float(count)))
        a, b = min(combinations(range(len(items)), 2), key=lambda pair: _growth(c, items, pair, symbols))
        rest = [item for n, item in enumerate(items) if n not in (a, b)]
        kept = {s for item in rest for s in item.axes}
        axes = dict.fromkeys(items[a].axes + items[b].axes)
        gone = [s for s in axes if s in symbols and s not in kept]
        items = [*rest, _pair(c, items[a], items[b], gone)]


def _growth(c: Values, items: Sequence[Value], pair: tuple[int, int], symbols: Sequence[Expr]) -> int:
    a, b = (items[n] for n in pair)
    rest = {s for n, item in enumerate(items) if n not in pair for s in item.axes}
    left = {s for s in a.axes + b.axes if s not in symbols or s in rest}
    return c.cells(left) - c.cells(a.axes) - c.cells(b.axes)


def _pair(c: Values, a: Value, b: Value, gone: Sequence[Expr]) -> Value:
    """Σ over `gone`, which both have, of a·b."""
    if not gone or (a.fixed and b.fixed):
        return c.reduced(np.sum, c.apply(np.multiply, a, b), gone)
    left = [s for s in c.frame if s in (*a.axes, *b.axes) and s not in gone]
    if left and left[-1] not in b.axes:
        a, b = b, a
    both = [s for s in left if s in a.axes and s in b.axes]
    first, second = [s for s in left if s not in b.axes], [s for s in left if s not in a.axes]
    axes = (*both, *first, *second)
    large = any(v.windows and c.cells(v.axes) > COPIED for v in (a, b))
    if large or (both and not (first and second)):
        a, b = sorted((a, b), key=c.seen)  # a·b and b·a are one call
        letter = {s: chr(ord("a") + n) for n, s in enumerate(dict.fromkeys((*a.axes, *b.axes)))}
        text = ["".join(letter[s] for s in part) for part in (a.axes, b.axes, left)]
        operands: list[Any] = [c.standin(a), c.standin(b)]
        return Value(np.einsum(f"{text[0]},{text[1]}->{text[2]}", *operands), tuple(left))
    matrices = _matrix(c, a, both, (first, gone)), _matrix(c, b, both, (gone, second))
    found: Any = np.matmul(*matrices) if both else np.dot(*matrices)
    return Value(found.reshape(c.shape(axes)) if found.shape != c.shape(axes) else found, axes)


def _matrix(c: Values, value: Value, both: Sequence[Expr], parts: Sequence[Sequence[Expr]]) -> Any:
    """The value as matrices, one for each of `both`; without those a vector where one part is empty. A copy at each
    step where BLAS cannot take it as it lies."""
    axes = [*both, *parts[0], *parts[1]]
    array = c.lay(c.standin(value), value.axes, axes)
    if value.windows or (both and value.axes[-1] in both):
        array = noted(copied, array.shape, array)
    shape = (*c.shape(both), *(math.prod(c.shape(part)) for part in parts if part))
    return array if array.shape == shape else np.reshape(array, shape)
