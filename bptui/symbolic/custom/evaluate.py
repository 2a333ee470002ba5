"""A definition and its derived rule, evaluated over stand-ins: each step of the walk notes the NumPy calls it needs.

An element such as `x[2*i+k]` is a strided view; a product summed over an index is a matrix product
(`bptui.symbolic.custom.contract`); a sum whose terms would not fit is taken in blocks; a delta that says where it came
from (`[labels[i] = q]`) becomes a scatter. Equal parts are computed once, since the trace notes equal calls once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from bptui.model.base.errors import UserError
from bptui.model.engine.trace import Standin, Trace, noted
from bptui.symbolic.calculus.definition import ArgMax, Definition
from bptui.symbolic.calculus.notation import Expr, Piecewise, fresh, index, indices_of, name_of, rename
from bptui.symbolic.custom.contract import contract
from bptui.symbolic.custom.stable import stable
from bptui.symbolic.custom.values import FUNCTIONS, TESTS, Value, Values, adds, gathered, strided

BLOCK = 2**20
"""Elements of one factor of a sum (8 MB), beyond which the sum is taken in blocks."""
BLOCKS = 4096
Affine = tuple[int, dict[Expr, int]]
"""(number, factor of each symbol) of `2*i + k - 1`."""


class Evaluator(Values):
    """One use of an operation.

    parts    its inputs, helpers and places of winners by name; those with indices as stand-ins without symbols
    numbers  its settings;  sizes  what its size symbols are
    """

    def __init__(self, trace: Trace, definition: Definition, numbers: Mapping[str, float], where: str) -> None:
        super().__init__(trace, where)
        self.definition, self.numbers = definition, numbers
        self.parts: dict[str, Value] = {}
        self.sizes: dict[Expr, Expr] = {}
        self.elements: dict[Expr, tuple[int, int]] = {}
        """The axes that an elementwise operation runs over."""

    def over(self, arrays: Mapping[str, Standin], out: Sequence[int]) -> None:
        """Inputs of an elementwise operation, over the axes of its output; those along which they stretch are left."""
        symbols = [index(f"e{at}") for at in range(len(out))]
        self.elements = {s: (0, n) for s, n in zip(symbols, out, strict=True)}
        for name, x in arrays.items():
            own = zip(symbols[len(out) - x.ndim :], x.shape, strict=True)
            kept = tuple(s for s, n in own if n == self.elements[s][1])
            shape = tuple(self.elements[s][1] for s in kept)
            self.parts[name] = Value(x if x.shape == shape else x.reshape(shape), kept)

    def fills(self, e: Expr, axes: Sequence[Expr], shape: Sequence[int]) -> Any:
        """What fills an array of this shape, one axis for each symbol (or number: an axis of size 1), with an
        expression of the definition; it broadcasts to it."""
        with self.within({s: (0, n) for s, n in zip(axes, shape, strict=True) if s.is_Symbol}):
            return self.operand(self.of(self.settled(e)), axes)

    def settled(self, e: Expr) -> Expr:
        """The expression with numbers for sizes, in the form that is computed."""
        return stable(rename(e, self.sizes))

    # -------------------------------------------------------------------------------------------------------- walk
    def of(self, e: Expr) -> Value:
        """The value of an expression in the present frame."""
        if not e.args or isinstance(e, sp.Indexed):
            return self._leaf(e)
        if isinstance(e, sp.Sum | sp.Product):
            return self._fold(e)
        if isinstance(e, sp.Piecewise):
            return self._pieces(e.args)
        if isinstance(e, sp.Add):
            return self._add(e)
        if isinstance(e, sp.Mul):
            return self._guarded_product(e) or self._product(e.args)
        if isinstance(e, sp.Pow):
            return self._power(e)
        if isinstance(e, sp.KroneckerDelta):
            return self.choose(self._test(e), Value(1.0), Value(0.0))
        if e.func in TESTS:
            return self._test(e)
        return self._chain(FUNCTIONS[e.func], [self.of(a) for a in e.args])

    def _chain(self, function: Any, values: Sequence[Value]) -> Value:
        if len(values) == 1:
            return self.apply(function, values[0])
        return reduce(lambda found, other: self.apply(function, found, other), values)

    def _test(self, e: Expr) -> Value:
        if e in (sp.true, sp.false):
            return Value(e == sp.true)
        return self._chain(TESTS[e.func], [self._test(a) if a.func in TESTS else self.of(a) for a in e.args])

    def _leaf(self, e: Expr) -> Value:
        if e in (sp.true, sp.false):
            return Value(e == sp.true)
        if e in self.frame:
            first, count = self.frame[e]
            return Value(np.arange(first, first + count), (e,))
        if e.is_number:
            return Value(int(e) if e.is_Integer else float(e))
        name = name_of(e)
        if name in self.numbers:
            return Value(float(self.numbers[name]))
        if name not in self.parts:
            self._part(name)
        indices = indices_of(e)
        return self._element(self.parts[name].array, indices) if indices else self.parts[name]

    def _part(self, name: str) -> None:
        """A helper, or the places of winners, computed where it is first asked for."""
        helper = self.definition.helper.get(name)
        part = helper or self.definition.argmax[name]
        shape = tuple(int(self.settled(size)) for size in part.sizes)
        own = {s: (0, n) for s, n in zip(part.indices, shape, strict=True) if s.is_Symbol}
        with self.within(own if part.indices else self.elements):
            found = self.of(self.settled(helper.value)) if helper else self._winners(self.definition.argmax[name])
            if part.indices:
                full = self.spread(found, tuple(own), None if helper else np.intp)
                found = Value(full if full.shape == shape else np.reshape(full, shape))
        self.parts[name] = found

    def _add(self, e: Expr) -> Value:
        plus: list[Expr] = []
        minus: list[Expr] = []
        for term in e.args:
            (minus if term.could_extract_minus_sign() and term.as_coeff_Mul()[0] < 0 else plus).append(term)
        if not plus:
            plus.append(minus.pop(0))
        found = self._many(np.add, plus)
        for term in minus:
            found = self.apply(np.subtract, found, self.of(-term))
        return found

    def _product(self, factors: Sequence[Expr]) -> Value:
        """A product, its denominators apart."""
        above, below = [], []
        for f in factors:
            if isinstance(f, sp.Pow) and f.exp.is_number and f.exp.could_extract_minus_sign():
                below.append(sp.Pow(f.base, -f.exp))
            else:
                above.append(f)
        over = self._many(np.multiply, above)
        return self.apply(np.true_divide, over, self._many(np.multiply, below)) if below else over

    def _many(self, function: Any, parts: Sequence[Expr]) -> Value:
        """A chain of one function, the smallest operands first."""
        values = sorted((self.of(part) for part in parts), key=lambda v: (not v.fixed, self.cells(v.axes)))
        return self._chain(function, values) if len(values) > 1 else values[0] if values else Value(1)

    def _power(self, e: Expr) -> Value:
        base, exponent = e.base, e.exp
        if exponent.is_number and exponent.could_extract_minus_sign():
            return self._product([e])
        found = self.of(base)
        if exponent == sp.Rational(1, 2):
            return self.apply(np.sqrt, found)
        if exponent.is_Integer and 2 <= exponent <= 4:
            return self._chain(np.multiply, [found] * int(exponent))
        return self.apply(np.power, found, self.of(exponent))

    def _pieces(self, pieces: Sequence[Any]) -> Value:
        """`a if c else b`: from the last branch to the first, each where its condition holds."""
        tests: list[tuple[Expr, Value]] = []
        for piece in pieces:
            test = self._test(piece.args[1])
            if not (test.fixed and not np.any(test.array)):
                tests.append((piece.args[0], test))
            if test.fixed and np.all(test.array):
                break
        found = Value(math.nan)
        for n, (e, test) in enumerate(reversed(tests)):
            always = n == 0 and test.fixed and np.all(test.array)
            found = self.of(e) if always else self.choose(test, self.of(e), found)
        return found

    def _guarded_product(self, e: Expr) -> Value | None:
        """A product with deltas or `… if condition else 0`: 0 where that is, whatever the rest is. None: another."""
        if not any(isinstance(f, sp.KroneckerDelta) or _or_zero(f) for f in e.args):
            return None
        factors, deltas, guards = _taken_apart(e)
        if len(deltas) == 1 and not guards:
            for q, place in (deltas[0], deltas[0][::-1]):
                if self._free(q) and isinstance(place, sp.Indexed) and name_of(place) in self.definition.argmax:
                    return self._scattered(q, place, factors, (), ())
        test = sp.And(*guards, *(sp.Eq(a, b) for a, b in deltas))
        return self.of(Piecewise((sp.Mul(*factors), test), (0, True)))

    # ---------------------------------------------------------------------------------------------------- elements
    def _element(self, x: Standin, indices: Sequence[Expr]) -> Value:
        """`x[indices]` over the symbols that the indices have: itself, a strided view, or a gather."""
        if tuple(self.frame.get(i) for i in indices) == tuple((0, n) for n in x.shape) and len(set(indices)) == x.ndim:
            return Value(x, tuple(indices))
        symbols = tuple(s for s in self.frame if any(i.has(s) for i in indices))
        shape = self.shape(symbols)
        if 0 in (*shape, *x.shape):
            return Value(np.zeros(shape, x.dtype), symbols)
        places = [self._affine(i) for i in indices]
        if all(place is not None and self._inside(place, n) for place, n in zip(places, x.shape, strict=True)):
            starts = tuple(p[0] + sum(f * self.frame[s][0] for s, f in p[1].items()) for p in places if p)
            steps = tuple(tuple(p[1].get(s, 0) for p in places if p) for s in symbols)
            view = lambda array: strided(array, starts, steps, shape)  # noqa: E731
            return Value(self.trace.note("view", view, (x,), (starts, steps, shape), shape, x.dtype), symbols, True)
        # One flat place for each element. Places outside are clamped: a condition says no to what is read there.
        flat, step = Value(0), 1
        for i, n in zip(reversed(indices), reversed(x.shape), strict=True):
            inside = self.apply(np.maximum, self.apply(np.minimum, self.of(i), Value(n - 1)), Value(0))
            flat = self.apply(np.add, flat, self.apply(np.multiply, inside, Value(step)))
            step *= n
        return Value(noted(gathered, self.shape(flat.axes), x, self.standin(flat, np.intp)), flat.axes)

    def _affine(self, e: Expr) -> Affine | None:
        constant, factors = 0, dict[Expr, int]()
        for term in sp.Add.make_args(e):
            number, rest = term.as_coeff_Mul()
            if not number.is_Integer or (rest != 1 and rest not in self.frame):
                return None
            if rest == 1:
                constant += int(number)
            else:
                factors[rest] = factors.get(rest, 0) + int(number)
        return constant, factors

    def _inside(self, place: Affine, size: int) -> bool:
        low = high = place[0]
        for s, factor in place[1].items():
            first, count = self.frame[s]
            ends = (factor * first, factor * (first + count - 1))
            low, high = low + min(ends), high + max(ends)
        return low >= 0 and high < size

    # -------------------------------------------------------------------------------------------- sums and products
    def _fold(self, e: Expr) -> Value:
        """Σ or Π over its limits."""
        product, function, limits = isinstance(e, sp.Product), e.function, e.limits
        if any(k in self.frame for k, _, _ in limits):
            renaming, limits = fresh(limits)
            function = rename(function, renaming)
        with self.within(self.frame):
            condition = self._enter(limits)
            if condition is None:
                return Value(1 if product else 0)
            if condition != sp.true:
                function = Piecewise((function, condition), (1 if product else 0, True))
            symbols = [k for k, _, _ in limits]
            if not product:
                return self._total(function, symbols)
            found = self.of(function)
            count = self.cells(s for s in symbols if s not in found.axes)
            found = self.reduced(np.prod, found, symbols)
            return found if count == 1 else self.apply(np.power, found, Value(float(count)))

    def _enter(self, limits: Sequence[Any]) -> Expr | None:
        """Bind the limits, outermost first: the condition that ranges which depend on an index leave; None: empty."""
        conditions = []
        for k, low, high in reversed(limits):
            lo, hi = self.of(low), self.of(high)
            if not (lo.fixed and hi.fixed):
                what = "a range depends on numbers that are not known beforehand"
                raise UserError(self.where, what, "a size such as K")
            if not np.size(lo.array) or not np.size(hi.array) or np.max(hi.array) < np.min(lo.array):
                return None
            first = int(np.min(lo.array))
            if lo.axes or hi.axes:
                conditions += [sp.Ge(k, low), sp.Le(k, high)]
            self.frame[k] = (first, int(np.max(hi.array)) - first + 1)
        return sp.And(*conditions)

    def _total(self, function: Expr, symbols: Sequence[Expr]) -> Value:
        """Σ of `function` over symbols that are in the frame."""
        if isinstance(function, sp.Add) and self._expands(function):
            return self._chain(np.add, [self._total(term, symbols) for term in function.args])
        outside, inside = function.as_independent(*symbols, as_Add=False)
        if outside != 1:  # what does not depend on the indices is put to the result, smaller than what is summed
            return self.apply(np.multiply, self._total(inside, symbols), self.of(outside))
        factors, deltas, guards = _taken_apart(function)
        for at, (left, right) in enumerate(deltas):
            for q, place in ((left, right), (right, left)):
                if self._free(q) and q not in symbols and not place.has(q) and self._affine(place) is None:
                    others = [sp.Eq(a, b) for n, (a, b) in enumerate(deltas) if n != at]
                    return self._scattered(q, place, factors, [*guards, *others], symbols)
        factors = self._guarded(factors, [*guards, *(sp.Eq(a, b) for a, b in deltas)])
        largest = max(factors, key=self._dense)
        long = [s for s in symbols if largest.has(s) and self.frame[s][1] > 1]
        if self._dense(largest) > BLOCK and long:
            return self._blocks(sp.Mul(*factors, evaluate=False), symbols, long, self._dense(largest))
        parts = [g for f in factors for g in ([f.base] * 2 if isinstance(f, sp.Pow) and f.exp == 2 else [f])]
        return contract(self, [self.of(part) for part in parts], symbols)

    def _free(self, q: Expr) -> bool:
        """Is it an index of what is being filled? It then has its whole range, a bound one may have a block of it."""
        return q in self.frame and not isinstance(q, sp.Dummy)

    def _expands(self, function: Expr) -> bool:
        """Would the sum of the terms be larger than any factor of them?"""
        parts = [f for term in function.args for f in sp.Mul.make_args(term)]
        return self._cells(function) > max(self._cells(f) for f in parts)

    def _cells(self, e: Expr) -> int:
        free = e.free_symbols
        return self.cells(s for s in self.frame if s in free)

    def _dense(self, e: Expr) -> int:
        """Elements that have to be made for an expression; an element of a tensor is there already."""
        return 0 if isinstance(e, sp.Indexed | sp.Symbol) else self._cells(e)

    def _guarded(self, factors: Sequence[Expr], guards: Sequence[Expr]) -> list[Expr]:
        """Each condition at the factor that grows least by it: 0 where it does not hold."""
        wanted: dict[int, list[Expr]] = {}
        for guard in guards:
            costs = [self._cells(sp.Tuple(f, guard)) for f in factors]
            wanted.setdefault(costs.index(min(costs)), []).append(guard)
        return [Piecewise((f, sp.And(*wanted[n])), (0, True)) if n in wanted else f for n, f in enumerate(factors)]

    def _blocks(self, function: Expr, symbols: Sequence[Expr], long: Sequence[Expr], size: int) -> Value:
        """The sum over the longest index, block by block: halves of it are added until one block is left."""
        k = max(long, key=lambda s: self.frame[s][1])
        first, count = self.frame[k]
        step = max(1, count * BLOCK // size)
        if -(-count // step) > BLOCKS:
            raise UserError(self.where, f"a sum of the definition has {size:,} terms at once", "smaller tensors")

        def added(start: int, stop: int) -> Value:
            if stop - start > step:
                middle = start + step * (-(-(stop - start) // step) // 2)
                return self.apply(np.add, added(start, middle), added(middle, stop))
            self.frame[k] = (start, stop - start)
            with self.trace.apart():  # what is kept of one block is of no use to the next, nor to the vjp
                return self._total(function, symbols)

        found = added(first, first + count)
        self.frame[k] = (first, count)
        return found

    def _scattered(
        self, q: Expr, place: Expr, factors: Sequence[Expr], guards: Sequence[Expr], symbols: Sequence[Expr]
    ) -> Value:
        """Σ f·[place = q]: every f is added where its place says, and nowhere where that lies outside."""
        here = [s for s in symbols if place.has(s)]
        function, last = rename(sp.Mul(*factors), {q: place}), self.frame[q][1] - 1
        computed = not isinstance(place, sp.Indexed)  # the whole numbers of a tensor were held against its bounds
        guards = [*guards, *([sp.Ge(place, 0), sp.Le(place, last)] if computed else [])]
        if guards:
            function = Piecewise((function, rename(sp.And(*guards), {q: place})), (0, True))
        with self.within({s: r for s, r in self.frame.items() if s != q}):
            inner = [s for s in symbols if s not in here]
            values, at = self._total(function, inner) if inner else self.of(function), self.of(place)
            at = self.apply(np.maximum, self.apply(np.minimum, at, Value(last)), Value(0))
            around = [s for s in self.frame if s in (*values.axes, *at.axes) and s not in here]
            inputs = self.spread(at, [*around, *here], np.intp), self.spread(values, [*around, *here])
        axes = tuple(s for s in self.frame if s == q or s in around)
        found = self.trace.note("whole", adds, inputs, (axes.index(q), len(around)), self.shape(axes), self.dtype)
        return Value(found, axes)

    def _winners(self, argmax: ArgMax) -> Value:
        """The place of the first largest (smallest) term, for each element of the frame."""
        outer = tuple(self.frame)
        limits = [(k, self.settled(low), self.settled(high)) for k, low, high in argmax.limits]
        dependent = self._enter(limits)
        if dependent is None:
            raise UserError(self.where, f"{argmax.kind} of nothing", "at least one term")
        inner = [k for k, _, _ in limits]
        test = sp.And(self.settled(argmax.condition), dependent)
        worst = sp.oo if argmax.kind == "min" else -sp.oo
        found = self.of(Piecewise((self.settled(argmax.term), test), (worst, True)))
        full = np.reshape(self.spread(found, [*outer, *inner]), (*self.shape(outer), self.cells(inner)))
        place = Value((np.argmax if argmax.kind == "max" else np.argmin)(full, axis=-1), outer)
        first, count = self.frame[inner[argmax.position]]
        if len(limits) > 1:  # all limits are counted as one, the first the slowest
            later = Value(self.cells(inner[argmax.position + 1 :]))
            place = self.apply(np.mod, self.apply(np.floor_divide, place, later), Value(count))
        return self.apply(np.add, place, Value(first)) if first else place


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
