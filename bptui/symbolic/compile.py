"""Index expressions → NumPy calls, said once through `emit` when a Graph is planned: what runs an operation of one's own.

Every value is an array whose axes are index symbols. An element such as `x[2*i+k]` is a strided view; a product summed over an
index is a matrix product (`bptui.symbolic.contract`); equal parts are computed once, also across forward and backward,
whatever their indices are called. Sums whose terms would not fit into memory are taken in blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bptui.model.errors import UserError
from bptui.model.ops.base import Array, Emit, Shape
from bptui.model.ops.special import erf
from bptui.symbolic.canon import rebind
from bptui.symbolic.definition import Choice, Definition, Helper, leaves
from bptui.symbolic.gather import Places
from bptui.symbolic.notation import Expr, FloorDiv, Piecewise, Remainder, index, indices_of, name_of, rename
from bptui.symbolic.stable import Inverse, stable

MANY = 2**12
"""Elements from which on bits are blended in the place of a masked copy."""
MOST = 2**26
"""Cells of a table of constants that is made when a step is planned (512 MB)."""


def _erf(x: Any, out: Any = None) -> Any:
    if out is None:
        return erf(np.asarray(x))
    out[...] = erf(x)
    return out


_FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    sp.exp: np.exp, sp.log: np.log, sp.sin: np.sin, sp.cos: np.cos, sp.tanh: np.tanh, sp.sinh: np.sinh, sp.cosh: np.cosh,
    sp.Abs: np.absolute, sp.sign: np.sign, sp.floor: np.floor, sp.erf: _erf, FloorDiv: np.floor_divide, Remainder: np.mod,
    Inverse: np.reciprocal, sp.Max: np.maximum, sp.Min: np.minimum,
}  # fmt: skip
_TESTS: Mapping[Any, Callable[..., Any]] = {
    sp.Gt: np.greater, sp.Lt: np.less, sp.Ge: np.greater_equal, sp.Le: np.less_equal, sp.Eq: np.equal, sp.Ne: np.not_equal,
    sp.KroneckerDelta: np.equal, sp.Not: np.logical_not, sp.And: np.logical_and, sp.Or: np.logical_or,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Value:
    """An array and the index symbols of its axes, in the order of the frame.

    fixed  known when the step is planned;  owned  a scratch array that whoever takes the value may overwrite
    """

    array: Any
    axes: tuple[Expr, ...] = ()
    fixed: bool = False
    owned: bool = False


class Compiler:
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
        self.emit, self.definition, self.where = emit, definition, where
        self.tensors, self.numbers = dict(tensors), numbers
        self.values = dict(values or {})
        self.sizes = {symbol: sp.Integer(size) for symbol, size in sizes.items()}
        self.frame: dict[Expr, tuple[int, int]] = {}
        """Index symbols where the walk is: (first, how many), outermost first."""
        self.memo: dict[Any, tuple[Value, tuple[Expr, ...]]] = {}
        self.counts: dict[Expr, int] = {}
        self.free: dict[tuple[int, Any], list[Array]] = {}
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
        from bptui.symbolic.fold import fold, guarded_product

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
        if e.func in _TESTS or e in (sp.true, sp.false):
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
            found = self.apply(_TESTS[e.func], found, other)
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
        plus, minus = [], []
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
        dtype = self._kind(*(v for v, _ in found), last)
        result = self.destination(into, axes, dtype, [last])
        fast = self.cells(axes) >= MANY and dtype == self.emit.dtype and dtype.kind == "f"
        empty = fast and len(found) == 1 and last.fixed and not last.axes and last.array == 0
        if result is not last.array and not empty:
            self.emit(np.copyto, result, self.operand(last, axes, dtype))
            self.release(last)
        for value, test in reversed(found):
            given, where = self.operand(value, axes, dtype), self.operand(test, axes, np.bool_)
            if fast:
                self._blend(result, given, where, empty)
            else:
                self.emit(np.copyto, result, given, where=where)
        for pair in found:
            self.release(*pair)
        return Value(result, axes, owned=into is None or result is not into.array)

    def _blend(self, result: Array, value: Array, where: Array, empty: bool) -> None:
        """`result` becomes `value` where the condition holds (and 0 elsewhere, if it is `empty`), bit by bit.

        A masked copy guesses at every element which way to go, and takes ten times as long where the signs are mixed; a
        product with the mask would make nan of infinity.
        """
        whole = np.dtype(f"i{result.itemsize}")
        mask = self.take(where.shape, whole)
        self.emit(np.negative, where.view(np.int8), mask)
        bits, given = result.view(whole), value.view(whole)
        if empty:
            self.emit(np.bitwise_and, given, mask, bits)
        else:
            scratch = self.take(result.shape, whole)
            self.emit(np.bitwise_xor, bits, given, scratch)
            self.emit(np.bitwise_and, scratch, mask, scratch)
            self.emit(np.bitwise_xor, bits, scratch, bits)
            self.release(Value(scratch, owned=True))
        self.release(Value(mask, owned=True))

    # ----------------------------------------------------------------------------------------------------- arrays
    def cells(self, axes: Iterable[Expr]) -> int:
        """How many elements an array over these symbols has."""
        return math.prod(self.frame[s][1] for s in axes)

    def shape(self, axes: Iterable[Expr]) -> Shape:
        """The shape of an array over these symbols."""
        return tuple(self.frame[s][1] for s in axes)

    def union(self, values: Iterable[Value]) -> tuple[Expr, ...]:
        """The symbols of all values, in the order of the frame."""
        inside = {s for value in values for s in value.axes}
        return tuple(s for s in self.frame if s in inside)

    def sorted(self, array: Any, axes: Sequence[Expr], fixed: bool = False, owned: bool = False) -> Value:
        """A value whose axes are brought into the order of the frame."""
        if len(axes) < 2:
            return Value(array, tuple(axes), fixed, owned)
        order = [s for s in self.frame if s in axes]
        if order != list(axes):
            array, owned = np.transpose(array, [list(axes).index(s) for s in order]), False
        return Value(array, tuple(order), fixed, owned)

    def _kind(self, *values: Value) -> Any:
        """The kind of numbers of a result: of whole numbers whole, of anything else the program's floats."""
        kinds = {np.asarray(value.array).dtype.kind for value in values}
        return np.dtype(np.bool_) if kinds == {"b"} else np.dtype(np.int64) if kinds <= set("iub") else self.emit.dtype

    def spread(self, value: Value, axes: Sequence[Expr]) -> Array:
        """The array with an axis for each of `axes`, of size 1 where it does not vary; a single number stays 0-d."""
        array = np.asarray(value.array)
        return array[tuple(slice(None) if s in value.axes else None for s in axes)] if value.axes else array

    def operand(self, value: Value, axes: Sequence[Expr], dtype: Any) -> Array:
        """What a call takes for a value: constants in the kind of numbers that is wanted."""
        dtype = np.dtype(dtype)
        if not value.fixed:
            return self.spread(value, axes)
        if not value.axes:
            return self.emit.const(value.array) if dtype == self.emit.dtype else np.asarray(value.array, dtype)
        return np.ascontiguousarray(self.spread(value, axes), dtype)

    def apply(self, function: Callable[..., Any], *values: Value, into: Value | None = None) -> Value:
        """One call, or, of what is known already, its result."""
        axes = self.union(values)
        if all(value.fixed for value in values):
            self.room(self.cells(axes))
            with np.errstate(all="ignore"):
                return Value(function(*(self.spread(value, axes) for value in values)), axes, True)
        dtype = self._kind(*values)
        if dtype.kind in "ib" and function in _REAL:
            dtype = self.emit.dtype
        made = np.dtype(np.bool_) if function in _LOGIC else dtype
        out = self.destination(into, axes, made, values)
        operands = [self.operand(value, axes, dtype) for value in values]
        if function in _PAIRS:
            self.emit(function, *operands, out=out)
        else:
            self.emit(function, *operands, out)
        self.release(*(value for value in values if value.array is not out))
        return Value(out, axes, owned=into is None or out is not into.array)

    def destination(self, into: Value | None, axes: tuple[Expr, ...], dtype: Any, values: Sequence[Value]) -> Array:
        """Where a result goes: where it is wanted, over an operand that nobody needs any more, or a scratch array."""
        if into is not None and into.axes == axes and into.array.dtype == dtype:
            return into.array  # type: ignore[no-any-return]
        for value in values:
            if value.owned and value.axes == axes and value.array.dtype == dtype:
                return value.array  # type: ignore[no-any-return]
        return self.take(self.shape(axes), dtype)

    def take(self, shape: Shape, dtype: Any) -> Array:
        """A scratch array, one that is free again where there is one."""
        kept = self.free.get((math.prod(shape), np.dtype(dtype)))
        return kept.pop().reshape(shape) if kept else self.emit.temp(shape, dtype)

    def release(self, *values: Value) -> None:
        """Scratch arrays that may be overwritten from here on."""
        done: set[int] = set()
        for value in values:
            if value.owned and id(value.array) not in done:
                done.add(id(value.array))
                array = value.array.reshape(-1)
                self.free.setdefault((array.size, array.dtype), []).append(array)

    def room(self, cells: int) -> None:
        """Refuse a table that is too large, before it is made."""
        if cells > MOST:
            raise UserError(self.where, f"a part of the definition has {cells:,} terms at once", f"at most {MOST:,}")

    # ------------------------------------------------------------------------------------------------------- parts
    def _needed(self, expressions: Iterable[Expr]) -> list[Helper | Choice]:
        """Helpers and winners that the expressions name, those that they name themselves first."""
        found: dict[str, Helper | Choice] = {}

        def look(e: Expr) -> None:
            for leaf in leaves(e):
                name = name_of(leaf)
                part = self.definition.helper.get(name) or self.definition.choice.get(name)
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
        """Emit the parts that an expression needs and that are not there yet. `frame`: of an elementwise definition, whose
        parts have the axes of its output."""
        from bptui.symbolic.fold import winners

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
            if isinstance(part, Choice):
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
_REAL = {np.true_divide, np.reciprocal, np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.sinh, np.cosh, _erf, np.power}
_PAIRS = {np.maximum, np.minimum}
"""NumPy wants their result by name."""
_LOGIC = set(_TESTS.values())
