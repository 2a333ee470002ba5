"""Sums of products of arrays whose axes are indices: pair by pair, each pair a matrix product where it is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.calls import emit_sum_to
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.custom.workspace import Value, Workspace

COPIED = 2**24
"""Elements of a strided view (windows of a convolution) that are copied for a matrix product; at most 128 MB."""


def contract(c: Workspace, values: Sequence[Value], symbols: Sequence[Expr], into: Value | None) -> Value:
    """Σ over `symbols` of the product of the values. The pair that leaves the smallest arrays goes first."""
    items = [_real(c, value) for value in values]
    count = c.cells(s for s in symbols if not any(s in item.axes for item in items))
    last = into if count == 1 else None
    while True:
        for n, item in enumerate(items):
            own = [s for s in item.axes if s in symbols and not any(s in o.axes for m, o in enumerate(items) if m != n)]
            if own:
                items[n] = _reduced(c, item, own, last if len(items) == 1 else None)
        if len(items) == 1:
            break
        a, b = min(combinations(range(len(items)), 2), key=lambda pair: _growth(c, items, pair, symbols))
        rest = [item for n, item in enumerate(items) if n not in (a, b)]
        gone = [s for s in symbols if s in items[a].axes + items[b].axes and not any(s in item.axes for item in rest)]
        items = [*rest, _pair(c, items[a], items[b], gone, last if not rest else None)]
    found = items[0]
    return found if count == 1 else c.apply(np.multiply, found, Value(float(count), fixed=True), into=into)


def _real(c: Workspace, value: Value) -> Value:
    """Whole numbers and truth values as floats."""
    if value.fixed or np.asarray(value.array).dtype.kind not in "iub":
        return value
    return c.apply(np.multiply, value, Value(1.0, fixed=True))


def _growth(c: Workspace, items: Sequence[Value], pair: tuple[int, int], symbols: Sequence[Expr]) -> int:
    a, b = (items[n] for n in pair)
    rest = [item for n, item in enumerate(items) if n not in pair]
    left = {s for s in a.axes + b.axes if s not in symbols or any(s in item.axes for item in rest)}
    return c.cells(left) - c.cells(a.axes) - c.cells(b.axes)


def _reduced(c: Workspace, item: Value, own: Sequence[Expr], into: Value | None) -> Value:
    """One array, summed over axes of its own."""
    kept = tuple(s for s in item.axes if s not in own)
    if item.fixed:
        return Value(np.add.reduce(item.array, tuple(item.axes.index(s) for s in own)), kept, True)
    out = into.array if into is not None and into.axes == kept else c.take(c.shape(kept), item.array.dtype)
    if not item.array.size:
        c.emit(out.fill, 0)
    else:
        emit_sum_to(c.emit, item.array, out.reshape([1 if s in own else c.frame[s][1] for s in item.axes]))
    c.release(item)
    return Value(out, kept, owned=into is None or out is not into.array)


def _pair(c: Workspace, a: Value, b: Value, gone: Sequence[Expr], into: Value | None) -> Value:
    """Σ over `gone`, which both have, of a·b."""
    if not gone:
        return c.apply(np.multiply, a, b, into=into)
    if a.fixed and b.fixed:
        return _reduced(c, c.apply(np.multiply, a, b), gone, None)
    a, b = (Value(c.operand(v, v.axes, c.emit.dtype), v.axes) if v.fixed else v for v in (a, b))
    both = [s for s in a.axes if s in b.axes and s not in gone]
    first = [s for s in a.axes if s not in b.axes]
    second = [s for s in b.axes if s not in a.axes]
    order = list(c.frame)
    if first and second and order.index(second[0]) < order.index(first[0]):
        a, b, first, second = b, a, second, first
    left, right = None, None
    if (first and second) or ((first or second) and not both):
        left = _matrix(c, a, both, first, gone)
        right = _matrix(c, b, both, gone, second)
    axes = [*both, *first, *second]
    if left is None or right is None:
        c.copies.clear()
        return _einsum(c, a, b, c.union([Value(0, tuple(axes))]), into)
    shape = c.shape(axes)
    wanted = into is not None and into.axes == tuple(axes) and into.array.flags.c_contiguous
    out = into.array if into is not None and wanted else c.take(shape, c.emit.dtype)
    rows, columns = (math.prod(c.shape(part)) for part in (first, second))
    if 0 in (*shape, *c.shape(gone)):
        c.emit(out.fill, 0)
    elif not both and not second:
        c.emit(left.dot, right[:, 0], out.reshape(rows))
    elif not both and not first:
        c.emit(left[0].dot, right, out.reshape(columns))
    elif not both:
        c.emit(left.dot, right, out.reshape(rows, columns))  # half the overhead of matmul
    else:
        c.emit(np.matmul, left, right, out.reshape(*c.shape(both), rows, columns))
    c.release(a, b, *(Value(copy, owned=True) for copy in c.copies))
    c.copies.clear()
    return c.sorted(out, axes, owned=not wanted)


def _einsum(c: Workspace, a: Value, b: Value, axes: tuple[Expr, ...], into: Value | None) -> Value:
    """Element by element, without anything in between."""
    number = {s: n for n, s in enumerate(c.frame)}
    wanted = into is not None and into.axes == axes
    out = into.array if into is not None and wanted else c.take(c.shape(axes), c.emit.dtype)
    flat = a.axes == b.axes and not axes and a.array.flags.c_contiguous and b.array.flags.c_contiguous
    if flat and a.array.dtype == b.array.dtype == out.dtype:
        c.emit(a.array.reshape(-1).dot, b.array.reshape(-1), out)
        c.release(a, b)
        return Value(out, owned=not wanted)
    operands: list[Any] = [a.array, [number[s] for s in a.axes], b.array, [number[s] for s in b.axes]]
    c.emit(np.einsum, *operands, [number[s] for s in axes], out=out)
    c.release(a, b)
    return Value(out, axes, owned=not wanted)


def _matrix(
    c: Workspace, value: Value, both: Sequence[Expr], rows: Sequence[Expr], columns: Sequence[Expr]
) -> Array | None:
    """The array as matrices, one for each of `both`; a copy at each step where its memory does not lie so. None: too
    large to be copied."""
    array = np.transpose(value.array, [value.axes.index(s) for s in (*both, *rows, *columns)])
    shape = (*c.shape(both), math.prod(c.shape(rows)), math.prod(c.shape(columns)))
    dense = array.dtype == c.emit.dtype
    if dense and array.size <= COPIED:
        seen = array.reshape(shape)
        if np.may_share_memory(seen, array) and _blas(seen):
            return seen
    if array.size > COPIED and not array.flags.forc:
        return None
    copy = c.take(array.shape, c.emit.dtype)
    c.emit(np.copyto, copy, array)
    c.copies.append(copy)
    return copy.reshape(shape)


def _blas(matrix: Array) -> bool:
    """Can BLAS take the last two axes as they lie?"""
    (rows, columns), (down, along), item = matrix.shape[-2:], matrix.strides[-2:], matrix.itemsize
    return _lies(rows, columns, down, along, item) or _lies(columns, rows, along, down, item)


def _lies(rows: int, columns: int, down: int, along: int, item: int) -> bool:
    return (along == item or columns == 1) and (rows == 1 or (down >= columns * item and down % item == 0))
