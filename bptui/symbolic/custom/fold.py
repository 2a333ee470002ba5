"""Sums, products, winners and conditions of compiled expressions.

A sum of a product is contracted factor by factor; where one factor alone has more than BLOCK elements, the sum goes
over blocks. A delta that says `where it came from` (`[labels[i] = q]`) becomes a scatter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import setitem
from typing import Any

import numpy as np
import sympy as sp

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape
from bptui.symbolic.calculus.definition import ArgMax
from bptui.symbolic.calculus.notation import Expr, Piecewise, fresh, name_of, rename
from bptui.symbolic.custom.contract import contract
from bptui.symbolic.custom.gather import Places
from bptui.symbolic.custom.workspace import Value, Walk

BLOCK = 2**20
"""Elements of one factor of a sum (8 MB), beyond which the sum is taken in blocks."""
BLOCKS = 4096


def fold(c: Walk, e: Expr, into: Value | None) -> Value:
    """Σ or Π over its limits, in the frame that the Compiler is in."""
    product, function, limits = isinstance(e, sp.Product), e.function, e.limits
    if any(k in c.frame for k, _, _ in limits):
        renaming, limits = fresh(limits)
        function = rename(function, renaming)
    outer = c.frame
    c.frame = dict(outer)
    try:
        condition = _enter(c, limits)
        if condition is None:
            return Value(1 if product else 0, fixed=True)
        if condition != sp.true:
            function = Piecewise((function, condition), (1 if product else 0, True))
        symbols = [k for k, _, _ in limits]
        if not product:
            return total(c, function, symbols, into)
        found = c.of(function)
        count = c.cells(s for s in symbols if s not in found.axes)
        axes = tuple(n for n, s in enumerate(found.axes) if s in symbols)
        kept = tuple(s for s in found.axes if s not in symbols)
        if found.fixed:
            result = Value(np.multiply.reduce(found.array, axes), kept, True) if axes else found
        elif axes:
            out = c.take(c.shape(kept), c.emit.dtype)
            c.emit(np.multiply.reduce, found.array, axes, None, out)
            c.release(found)
            result = Value(out, kept, owned=True)
        else:
            result = found
        return result if count == 1 else c.apply(np.power, result, Value(float(count), fixed=True), into=into)
    finally:
        c.frame = outer


def _enter(c: Walk, limits: Sequence[Any]) -> Expr | None:
    """Bind the limits, outermost first: the condition that is left of ranges that depend on an index; None: empty."""
    conditions = []
    for k, low, high in reversed(limits):
        lo, hi = c.of(low), c.of(high)
        if not (lo.fixed and hi.fixed):
            raise UserError(c.where, "a range depends on numbers that are not known beforehand", "a size such as K")
        if not np.size(lo.array) or not np.size(hi.array):
            return None
        first, last = int(np.min(lo.array)), int(np.max(hi.array))
        if last < first:
            return None
        if lo.axes or hi.axes:
            conditions += [sp.Ge(k, low), sp.Le(k, high)]
        c.frame[k] = (first, last - first + 1)
    return sp.And(*conditions)


def total(c: Walk, function: Expr, symbols: Sequence[Expr], into: Value | None = None) -> Value:
    """Σ of `function` over symbols that are in the frame."""
    if isinstance(function, sp.Add) and _expands(c, function):
        found: Value | None = None
        for term in function.args:
            number, rest = term.as_coeff_Mul()
            part = total(c, rest, symbols)
            if abs(number) != 1:
                part = c.apply(np.multiply, part, Value(float(abs(number)), fixed=True))
            if found is None:
                found = part if number > 0 else c.apply(np.negative, part)
            else:
                found = c.apply(np.add if number > 0 else np.subtract, found, part)
        assert found is not None
        return found
    outside, inside = function.as_independent(*symbols, as_Add=False)
    if outside != 1:
        # What does not depend on the indices is put to the result, which is smaller than what is summed.
        return c.apply(np.multiply, total(c, inside, symbols), c.of(outside), into=into)
    factors, deltas, guards = _taken_apart(function)
    for at, (left, right) in enumerate(deltas):
        for q, place in ((left, right), (right, left)):
            if q in c.frame and q not in symbols and not place.has(q) and Places(c).affine(place) is None:
                others = [sp.Eq(a, b) for n, (a, b) in enumerate(deltas) if n != at]
                return _scattered(c, q, place, factors, [*guards, *others], symbols)
    guards = [*guards, *(sp.Eq(a, b) for a, b in deltas)]
    factors = _guarded(c, factors, guards)
    largest = max(factors, key=lambda f: _dense(c, f))
    size = _dense(c, largest)
    long = [s for s in symbols if largest.has(s) and c.frame[s][1] > 1]
    if size > BLOCK and long:
        return _blocks(c, sp.Mul(*factors, evaluate=False), factors, symbols, long, size)
    values: list[Value] = []
    squared: list[Value] = []
    for f in factors:
        square = isinstance(f, sp.Pow) and f.exp == 2 and any(f.has(s) for s in symbols)
        value = c.of(f.base if square else f)
        # a sum of squares is a product of an array with itself; neither may write over the other
        values += [Value(value.array, value.axes, value.fixed)] * 2 if square else [value]
        squared += [value] if square else []
    result = contract(c, values, symbols, into)
    c.release(*squared)
    return result


def _expands(c: Walk, function: Expr) -> bool:
    """Would the sum of the terms be larger than any factor of them?"""
    parts = [f for term in function.args for f in sp.Mul.make_args(term)]
    return _cells(c, function) > max(_cells(c, f) for f in parts)


def _cells(c: Walk, e: Expr) -> int:
    free = e.free_symbols
    return c.cells(s for s in c.frame if s in free)


def _dense(c: Walk, e: Expr) -> int:
    """Elements that have to be made for an expression; an element of a tensor is there already."""
    return 0 if isinstance(e, sp.Indexed | sp.Symbol) else _cells(c, e)


def _taken_apart(function: Expr) -> tuple[list[Expr], list[tuple[Expr, Expr]], list[Expr]]:
    """(factors, equations, conditions) of a product with deltas and of `… if condition else 0`."""
    factors, deltas, guards = [], [], list[Expr]()
    todo = list(sp.Mul.make_args(function))
    while todo:
        f = todo.pop(0)
        if isinstance(f, sp.KroneckerDelta):
            deltas.append((f.args[0], f.args[1]))
        elif _or_zero(f):
            guards += sp.And.make_args(f.args[0].args[1])
            todo += sp.Mul.make_args(f.args[0].args[0])
        elif f != 1:
            factors.append(f)
    return factors or [sp.Integer(1)], deltas, guards


def _or_zero(e: Expr) -> bool:
    return isinstance(e, sp.Piecewise) and len(e.args) == 2 and e.args[1].args[0] == 0 and e.args[1].args[1] == sp.true


def _guarded(c: Walk, factors: list[Expr], guards: Sequence[Expr]) -> list[Expr]:
    """Each condition at the factor that grows least by it: 0 where it does not hold."""
    wanted: dict[int, list[Expr]] = {}
    for guard in guards:
        free = guard.free_symbols
        costs = [c.cells(s for s in c.frame if s in free or s in f.free_symbols) for f in factors]
        wanted.setdefault(costs.index(min(costs)), []).append(guard)
    return [
        Piecewise((f, sp.And(*wanted[n])), (sp.Integer(0), True)) if n in wanted else f for n, f in enumerate(factors)
    ]


def _blocks(
    c: Walk, function: Expr, factors: Sequence[Expr], symbols: Sequence[Expr], long: Sequence[Expr], size: int
) -> Value:
    """The sum over the longest index, block by block, in the same scratch arrays."""
    k = max(long, key=lambda s: c.frame[s][1])
    first, count = c.frame[k]
    step = max(1, count * BLOCK // size)
    if -(-count // step) > BLOCKS:
        raise UserError(c.where, f"a sum of the definition has {size:,} terms at once", "smaller tensors")
    axes = tuple(s for s in c.frame if s not in symbols and any(f.has(s) for f in factors))
    out = c.take(c.shape(axes), c.emit.dtype)
    c.emit(out.fill, 0)
    result = Value(out, axes, owned=True)
    for start in range(first, first + count, step):
        c.frame[k] = (start, min(step, first + count - start))
        memo, keep = dict(c.memo), c.counts
        c.counts = {}  # what is kept of one block is of no use to the next
        part = total(c, function, symbols)
        c.memo, c.counts = memo, keep
        c.emit(np.add, out, c.operand(part, axes, out.dtype), out)
        c.release(part)
    c.frame[k] = (first, count)
    return result


def _scattered(
    c: Walk, q: Expr, place: Expr, factors: Sequence[Expr], guards: Sequence[Expr], symbols: Sequence[Expr]
) -> Value:
    """Σ f·[place = q]: every f is added where its place says."""
    frame = c.frame
    here = [s for s in symbols if place.has(s)]
    function = rename(sp.Mul(*factors), {q: place})
    if guards:
        function = Piecewise((function, rename(sp.And(*guards), {q: place})), (sp.Integer(0), True))
    c.frame = {s: r for s, r in frame.items() if s != q}
    inner = [s for s in symbols if s not in here]
    values = total(c, function, inner) if inner else c.of(function)
    at = c.of(place)
    c.frame = frame
    around = [s for s in c.union([values, at]) if s not in here]
    array = c.take((frame[q][1], *c.shape(around)), c.emit.dtype)
    c.emit(array.fill, 0)
    axes = [*around, *here]
    added = np.broadcast_to(c.operand(values, axes, array.dtype), c.shape(axes))
    where = np.broadcast_to(c.operand(at, axes, np.intp), c.shape(axes))
    rows = np.ogrid[tuple(slice(0, n) for n in c.shape(axes))][: len(around)] if axes else ()
    c.emit(np.add.at, array, (where, *rows), added)
    c.release(values, at)
    return c.sorted(array, [q, *around], owned=True)


def _placed(c: Walk, q: Expr, place: Expr, factors: Sequence[Expr]) -> Value:
    """f·[q = place of the winner]: 0 everywhere but there, where one number for each place is put."""
    frame = c.frame
    c.frame = {s: r for s, r in frame.items() if s != q}
    values, at = c.of(rename(sp.Mul(*factors), {q: place})), c.of(place)
    around = c.union([values, at])
    c.frame = frame
    shape, axes = c.shape(around), tuple(s for s in frame if s == q or s in around)
    array = c.take(c.shape(axes), c.emit.dtype)
    c.emit(array.fill, 0)
    rows = dict(zip(around, np.ogrid[tuple(slice(0, n) for n in shape)] if shape else (), strict=True))
    where = np.broadcast_to(c.operand(at, around, np.intp), shape)
    added = np.broadcast_to(c.operand(values, around, array.dtype), shape)
    c.emit(setitem, array, tuple(where if s == q else rows[s] for s in axes), added)
    c.release(values, at)
    return Value(array, axes, owned=True)


def guarded_product(c: Walk, e: Expr, into: Value | None) -> Value | None:
    """A product with deltas or with `… if condition else 0`: 0 where that is, whatever the rest is. None: others."""
    if not any(isinstance(f, sp.KroneckerDelta) or _or_zero(f) for f in e.args):
        return None
    factors, deltas, guards = _taken_apart(e)
    if len(deltas) == 1 and not guards:
        for q, place in (deltas[0], deltas[0][::-1]):
            if q in c.symbols and q in c.frame and isinstance(place, sp.Indexed) and name_of(place) in c.winners:
                return _placed(c, q, place, factors)
    test = sp.And(*guards, *(sp.Eq(a, b) for a, b in deltas))
    return c.pieces([(sp.Mul(*factors), test), (sp.Integer(0), sp.true)], into)


def winners(c: Walk, argmax: ArgMax) -> Array:
    """The place of the first largest (smallest) term, for each element of the indices that the Compiler's frame has."""
    outer = dict(c.frame)
    limits = [(k, rename(low, c.sizes), rename(high, c.sizes)) for k, low, high in argmax.limits]
    dependent = _enter(c, limits)
    if dependent is None:
        raise UserError(c.where, f"{argmax.kind} of nothing", "at least one term")
    bounds = [c.frame[k] for k, _, _ in limits]
    key = (argmax.kind, argmax.term, argmax.limits, argmax.condition)
    if key not in c.places:
        c.frame = {**outer, **{k: span for (k, _, _), span in zip(limits, bounds, strict=True)}}
        c.places[key] = _best(c, argmax, sp.And(rename(argmax.condition, c.sizes), dependent), c.shape(outer))
    flat, place = c.places[key], argmax.position
    first, count = bounds[place]
    c.frame = outer
    if len(bounds) == 1 and not first:
        return flat
    found = c.emit.temp(flat.shape, flat.dtype)
    c.emit(np.floor_divide, flat, math.prod(n for _, n in bounds[place + 1 :]), found)
    c.emit(np.remainder, found, count, found)
    c.emit(np.add, found, first, found)
    return found


def _best(c: Walk, argmax: ArgMax, test: Expr, shape: Shape) -> Array:
    """The number of the winning term, all limits counted as one."""
    worst = sp.oo if argmax.kind == "min" else -sp.oo
    term, everything = c.settled(argmax.term), tuple(c.frame)
    found = c.of(term) if test == sp.true else c.pieces([(term, test), (worst, sp.true)], None)
    if found.fixed or found.axes != everything or not found.array.flags.c_contiguous:
        whole = c.take(c.shape(everything), c.emit.dtype)
        c.emit(np.copyto, whole, c.operand(found, everything, whole.dtype))
        c.release(found)
        found = Value(whole, everything, owned=True)
    flat = c.emit.temp(shape, np.intp)
    c.emit(
        np.argmax if argmax.kind == "max" else np.argmin,
        found.array.reshape(*shape, math.prod(c.shape(everything[len(shape) :]))),
        -1,
        flat,
    )
    c.release(found)
    return flat
