"""Index expressions → NumPy calls, said once when a Graph is planned: what runs an operation of one's own.

Every value is an array whose axes are index symbols. An element such as `x[2*i+k]` is a strided view; a product
summed over an index is a matrix product (`bptui.symbolic.custom.contract`); equal parts are computed once, also across
forward and backward, whatever their indices are called. Sums whose terms would not fit are taken in blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from bptui.model.base.types import Array
from bptui.model.engine.calls import Emit
from bptui.symbolic.calculus.canon import rebind
from bptui.symbolic.calculus.definition import ArgMax, Definition, Helper, leaves
from bptui.symbolic.calculus.notation import Abs, Expr, FloorDiv, Remainder, index, indices_of, name_of, rename, sign
from bptui.symbolic.custom.fold import fold, guarded_product, winners
from bptui.symbolic.custom.gather import Places
from bptui.symbolic.custom.stable import Inverse, stable
from bptui.symbolic.custom.workspace import MANY, TESTS, Value, Walk, erf_to

_FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    Abs: np.absolute, sign: np.sign,
    sp.exp: np.exp, sp.log: np.log, sp.sin: np.sin, sp.cos: np.cos, sp.tanh: np.tanh, sp.sinh: np.sinh,
    sp.cosh: np.cosh, sp.Abs: np.absolute, sp.sign: np.sign, sp.floor: np.floor, sp.erf: erf_to,
    FloorDiv: np.floor_divide, Remainder: np.mod, Inverse: np.reciprocal, sp.Max: np.maximum, sp.Min: np.minimum,
}  # fmt: skip


class Compiler(Walk):
    """The calls of one use of an operation. `child()` for its backward pass: it may use what forward computed."""

    def __init__(
        self,
        emit: Emit,
        definition: Definition,
        tensors: Mapping[str, Array],
        numbers: Mapping[str, float],
        sizes: Mapping[Expr, int],
        values: Mapping[str, Value] | None = None,
        where: str = "",
    ) -> None:
        super().__init__(emit, where)
        self.definition = definition
        self.tensors, self.numbers = dict(tensors), numbers
        self.values = dict(values or {})
        self.sizes = {symbol: sp.Integer(size) for symbol, size in sizes.items()}
        self.memo: dict[Any, tuple[Value, tuple[Expr, ...]]] = {}
        self.counts: dict[Expr, int] = {}
        self.places: dict[Any, Array] = {}
        """Winning terms of `max` and `min`, by what they are of."""
        self.winners = frozenset(definition.argmax)
        """Names of places that lie inside of their axis, whatever the numbers are."""
        self.symbols: list[Expr] = []
        """The axes of what was filled."""
        self.keep = True
        """Does what is filled keep its content until the end of the step?"""

    def child(self) -> Compiler:
        """For the backward pass: what forward computed is there, what is computed here stays here."""
        made = Compiler(self.emit, self.definition, self.tensors, self.numbers, {}, self.values, self.where)
        made.sizes, made.counts, made.keep = self.sizes, self.counts, False
        made.memo = dict(self.memo)
        made.free = {key: list(arrays) for key, arrays in self.free.items()}
        return made

    # ------------------------------------------------------------------------------------------------ from outside
    def settled(self, e: Expr) -> Expr:
        """The expression with numbers for sizes, in the form that is computed."""
        return stable(rebind(rename(e, self.sizes)))

    def count(self, expressions: Iterable[Expr]) -> None:
        """Tell which parts will be computed, so that those that occur twice are kept."""
        todo = list(expressions)
        parts = [self.settled(p.value if isinstance(p, Helper) else p.term) for p in self._needed(todo)]
        stack = [*todo, *parts]
        while stack:
            e = stack.pop()
            if not e.args or isinstance(e, sp.Indexed):
                continue
            key, _ = _canonical(e)
            self.counts[key] = self.counts.get(key, 0) + 1
            if self.counts[key] == 1:
                stack.extend(e.args)

    def fill(self, e: Expr, out: Array, axes: Sequence[Expr]) -> None:
        """Emit what fills `out`, one axis for each symbol (or number: an axis of size 1), with a settled expression."""
        shown = out.reshape([n for n, s in zip(out.shape, axes, strict=True) if s.is_Symbol])
        symbols = [s for s in axes if s.is_Symbol]
        frame = {s: (0, n) for s, n in zip(symbols, shown.shape, strict=True)}
        self._prepare(e, frame)
        self.frame, self.symbols = frame, symbols
        target = Value(shown, tuple(symbols))
        self.store(self.of(e, target), target)

    def store(self, found: Value, target: Value) -> None:
        """Copy a value to where it is wanted, unless it is there already."""
        if found.array is not target.array:
            self.emit(np.copyto, target.array, self.operand(found, target.axes, target.array.dtype))
            self.release(found)

    # -------------------------------------------------------------------------------------------------------- walk
    def of(self, e: Expr, into: Value | None = None) -> Value:
        """The value of an expression; in `into` where that is possible."""
        if not e.args or isinstance(e, sp.Indexed):
            return self._leaf(e)
        key, symbols = _canonical(e)
        if self.counts.get(key, 0) < 2:
            return self._of(e, into)
        inside = [s for s in symbols if s in self.frame]
        full = (key, tuple(self.frame.get(s, s) for s in symbols))
        if full in self.memo:
            kept, names = self.memo[full]
            to = dict(zip(names, inside, strict=True))
            return self.sorted(kept.array, [to.get(s, s) for s in kept.axes], kept.fixed)
        found = self._of(e, into if self.keep else None)
        kept = Value(found.array, found.axes, found.fixed)
        self.memo[full] = (kept, tuple(inside))
        return kept

    def _of(self, e: Expr, into: Value | None) -> Value:
        if isinstance(e, sp.Sum | sp.Product):
            return fold(self, e, into)
        if isinstance(e, sp.Piecewise):
            return self.pieces([(p.args[0], p.args[1]) for p in e.args], into)
        if isinstance(e, sp.Add):
            return self._add(e, into)
        if isinstance(e, sp.Mul):
            return guarded_product(self, e, into) or self.product(sp.Mul.make_args(e), into)
        if isinstance(e, sp.Pow):
            return self._power(e, into)
        if isinstance(e, sp.KroneckerDelta):
            return self.apply(np.multiply, self.test(e), Value(1.0, fixed=True), into=into)
        if e.func in TESTS or e in (sp.true, sp.false):
            return self.test(e)
        found = self.of(e.args[0])
        for other in e.args[1:]:
            found = self.apply(_FUNCTIONS[e.func], found, self.of(other), into=into)
        return found if len(e.args) > 1 else self.apply(_FUNCTIONS[e.func], found, into=into)

    def test(self, e: Expr) -> Value:
        """A condition."""
        if e in (sp.true, sp.false):
            return Value(e == sp.true, fixed=True)
        parts = [self.test(a) if e.func in (sp.And, sp.Or, sp.Not) else self.of(a) for a in e.args]
        if e.func is sp.Not:
            return self.apply(np.logical_not, parts[0])
        found = parts[0]
        for other in parts[1:]:
            found = self.apply(TESTS[e.func], found, other)
        return found

    def _leaf(self, e: Expr) -> Value:
        if e in (sp.true, sp.false):
            return Value(e == sp.true, fixed=True)
        if e in self.frame:
            first, count = self.frame[e]
            return Value(np.arange(first, first + count), (e,), True)
        if e.is_Integer:
            return Value(int(e), fixed=True)
        if e.is_Number or e.is_NumberSymbol:
            return Value(float(e), fixed=True)
        name = name_of(e)
        if name in self.values:
            return self.values[name]
        if name in self.numbers:
            return Value(float(self.numbers[name]), fixed=True)
        return Places(self).element(name, indices_of(e))

    def _add(self, e: Expr, into: Value | None) -> Value:
        plus: list[Expr] = []
        minus: list[Expr] = []
        for term in e.args:
            (minus if term.could_extract_minus_sign() and term.as_coeff_Mul()[0] < 0 else plus).append(term)
        if not plus:
            plus.append(minus.pop(0))
        above = self._many(np.add, [self.of(t) for t in plus], into if not minus else None)
        for n, term in enumerate(minus):
            above = self.apply(np.subtract, above, self.of(-term), into=into if n == len(minus) - 1 else None)
        return above

    def product(self, factors: Sequence[Expr], into: Value | None = None) -> Value:
        """A product, its denominators apart."""
        above, below = [], []
        for f in factors:
            if isinstance(f, sp.Pow) and f.exp.is_number and f.exp.could_extract_minus_sign():
                below.append(sp.Pow(f.base, -f.exp))
            else:
                above.append(f)
        under = self._many(np.multiply, [self.of(f) for f in below], None)
        over = self._many(np.multiply, [self.of(f) for f in above], None if below else into)
        if not below:
            return over
        if over.fixed and not over.axes and over.array == 1:
            return self.apply(np.reciprocal, self._float(under), into=into)
        return self.apply(np.true_divide, over, under, into=into)

    def _float(self, value: Value) -> Value:
        return Value(np.asarray(value.array, np.float64), value.axes, True) if value.fixed else value

    def _many(self, function: Any, values: list[Value], into: Value | None) -> Value:
        """A chain of one function, the smallest operands first."""
        values.sort(key=lambda v: (not v.fixed, self.cells(v.axes)))
        if not values:
            return Value(1, fixed=True)
        found, *rest = values
        for n, other in enumerate(rest):
            found = self.apply(function, found, other, into=into if n == len(rest) - 1 else None)
        return found

    def _power(self, e: Expr, into: Value | None) -> Value:
        base, exponent = e.base, e.exp
        if exponent.is_number and exponent.could_extract_minus_sign():
            return self.product([e], into)
        found = self.of(base)
        if exponent == sp.Rational(1, 2):
            return self.apply(np.sqrt, found, into=into)
        if exponent.is_Integer and 2 <= exponent <= 4:
            held = Value(found.array, found.axes, found.fixed)
            result = self.apply(np.multiply, held, held, into=into)
            for _ in range(int(exponent) - 2):
                result = self.apply(np.multiply, result, held, into=into)
            if result.array is not found.array:
                self.release(found)
            return result
        power = self.of(exponent)
        if power.fixed and not power.axes:
            power = Value(float(power.array), fixed=True)
        return self.apply(np.power, self._float(found), power, into=into)

    def pieces(self, pieces: Sequence[tuple[Expr, Expr]], into: Value | None) -> Value:
        """`a if c else b`: the last is written, then the others where their conditions hold, the first at last."""
        tests: list[tuple[Expr, Value]] = []
        for value, condition in pieces:
            test = self.test(condition)
            if not (test.fixed and not np.any(test.array)):
                tests.append((value, test))
            if test.fixed and np.all(test.array):
                break
        if not tests:
            return Value(math.nan, fixed=True)
        if len(tests) == 1 and tests[0][1].fixed and np.all(tests[0][1].array):
            return self.of(tests[0][0], into)
        found = [(self.of(value), test) for value, test in tests]
        last, test = found[-1]
        if not (test.fixed and np.all(test.array)):
            last = Value(math.nan, fixed=True)
        else:
            found.pop()
        axes = self.union([last, *(v for pair in found for v in pair)])
        if last.fixed and all(v.fixed for pair in found for v in pair):
            table: Any = self.spread(last, axes)
            for value, test in reversed(found):
                table = np.where(self.spread(test, axes), self.spread(value, axes), table)
            return Value(table, axes, True)
        dtype = self.kind(*(v for v, _ in found), last)
        result = self.destination(into, axes, dtype, [last])
        fast = self.cells(axes) >= MANY and dtype == self.emit.dtype and dtype.kind == "f"
        empty = fast and len(found) == 1 and last.fixed and not last.axes and last.array == 0
        if result is not last.array and not empty:
            self.emit(np.copyto, result, self.operand(last, axes, dtype))
            self.release(last)
        for value, test in reversed(found):
            given, where = self.operand(value, axes, dtype), self.operand(test, axes, np.bool_)
            if fast:
                self.blend(result, given, where, empty)
            else:
                self.emit(np.copyto, result, given, where=where)
        for pair in found:
            self.release(*pair)
        return Value(result, axes, owned=into is None or result is not into.array)

    # ------------------------------------------------------------------------------------------------------- parts
    def _needed(self, expressions: Iterable[Expr]) -> list[Helper | ArgMax]:
        """Helpers and winners that the expressions name, those that they name themselves first."""
        found: dict[str, Helper | ArgMax] = {}

        def look(e: Expr) -> None:
            for leaf in leaves(e):
                name = name_of(leaf)
                part = self.definition.helper.get(name) or self.definition.argmax.get(name)
                if part is None or name in found:
                    continue
                if isinstance(part, Helper):
                    look(part.value)
                else:
                    for inner in (part.term, part.condition, *(b for _, low, high in part.limits for b in (low, high))):
                        look(inner)
                found[name] = part

        for e in expressions:
            look(e)
        return list(found.values())

    def _prepare(self, e: Expr, frame: dict[Expr, tuple[int, int]]) -> None:
        """Emit the parts that an expression needs and that are not there yet. `frame`: of an elementwise definition,
        whose parts have the axes of its output."""
        for part in self._needed([e]):
            if part.name in self.tensors or part.name in self.values:
                continue
            if self.values:
                assert isinstance(part, Helper)
                self.frame = frame
                found = self.of(self.settled(part.value))
                self.values[part.name] = Value(found.array, found.axes, found.fixed)
                continue
            shape = tuple(int(rename(size, self.sizes)) for size in part.sizes)
            self.frame = {s: (0, n) for s, n in zip(part.indices, shape, strict=True) if s.is_Symbol}
            if isinstance(part, ArgMax):
                self.tensors[part.name] = winners(self, part)
                continue
            found = self.of(self.settled(part.value))
            axes = tuple(self.frame)
            made = self.operand(found, axes, self.emit.dtype) if found.fixed else self.spread(found, axes)
            self.tensors[part.name] = np.broadcast_to(made, self.shape(axes)).reshape(shape)


def _canonical(e: Expr) -> tuple[Expr, tuple[Expr, ...]]:
    """The expression with its free indices numbered in the order in which they occur, and these indices."""
    order: dict[Expr, None] = {}

    def look(part: Expr) -> None:
        if isinstance(part, sp.Symbol):
            if part in free:
                order.setdefault(part)
            return
        for a in part.indices if isinstance(part, sp.Indexed) else part.args:
            look(a)

    free = {s for s in e.free_symbols if isinstance(s, sp.Symbol) and s.is_integer}
    look(e)
    return rename(e, {s: _PLACES[n] for n, s in enumerate(order)}) if len(order) <= len(_PLACES) else e, tuple(order)


_PLACES = [index(f"@{n}") for n in range(32)]
