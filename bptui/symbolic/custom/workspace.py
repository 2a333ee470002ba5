"""Arrays whose axes are index symbols, the scratch memory that they lie in, and the calls that fill them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.special import erf
from bptui.symbolic.calculus.notation import Expr

MANY = 2**12
"""Elements from which on bits are blended in the place of a masked copy."""
MOST = 2**24
"""Cells of a table of constants that is made when a step is planned (128 MB); scratch arrays have the Plan's limit."""


def erf_to(x: Any, out: Any = None) -> Any:
    """erf as a ufunc is called."""
    if out is None:
        return erf(np.asarray(x))
    out[...] = erf(x)
    return out


TESTS: Mapping[Any, Callable[..., Any]] = {
    sp.Gt: np.greater, sp.Lt: np.less, sp.Ge: np.greater_equal, sp.Le: np.less_equal, sp.Eq: np.equal,
    sp.Ne: np.not_equal, sp.KroneckerDelta: np.equal, sp.Not: np.logical_not, sp.And: np.logical_and,
    sp.Or: np.logical_or,
}  # fmt: skip
LOGIC = set(TESTS.values())
"""Calls whose result is true or false."""
REAL = {
    np.true_divide, np.reciprocal, np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.sinh, np.cosh, erf_to, np.power,
}  # fmt: skip
"""Calls whose result is a float, also of whole numbers."""
PAIRS = {np.maximum, np.minimum}
"""Calls that want their result by name."""


@dataclass(frozen=True, eq=False)
class Value:
    """An array and the index symbols of its axes, in the order of the frame.

    fixed  known when the step is planned;  owned  a scratch array that whoever takes the value may overwrite
    """

    array: Any
    axes: tuple[Expr, ...] = ()
    fixed: bool = False
    owned: bool = False


class Workspace:
    """The frame of index symbols, and scratch arrays that are used again as soon as nobody needs them."""

    def __init__(self, emit: Emit, where: str) -> None:
        self.emit, self.where = emit, where
        self.frame: dict[Expr, tuple[int, int]] = {}
        """Index symbols where the walk is: (first, how many), outermost first."""
        self.free: dict[tuple[int, Any], list[Array]] = {}
        self.copies: list[Array] = []
        """Operands of the matrix product that is being said, in an order that BLAS can take."""

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

    def kind(self, *values: Value) -> Any:
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
        dtype = self.kind(*values)
        if dtype.kind in "ib" and function in REAL:
            dtype = self.emit.dtype
        made = np.dtype(np.bool_) if function in LOGIC else dtype
        out = self.destination(into, axes, made, values)
        operands = [self.operand(value, axes, dtype) for value in values]
        if function in PAIRS:
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

    def blend(self, result: Array, value: Array, where: Array, empty: bool) -> None:
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


class Walk(Workspace, ABC):
    """A walk over an expression, as far as elements, sums and products know it. `Compiler` is the one there is.

    tensors, places  arrays by name; winning terms of `max` and `min`, by what they are of
    sizes            size symbol → number
    winners          names of places that lie inside of their axis, whatever the numbers are
    symbols          the axes of what is being filled
    memo, counts     parts that are computed already, and how often each occurs
    """

    tensors: dict[str, Array]
    places: dict[Any, Array]
    sizes: dict[Expr, Expr]
    winners: frozenset[str]
    symbols: list[Expr]
    memo: dict[Any, tuple[Value, tuple[Expr, ...]]]
    counts: dict[Expr, int]

    @abstractmethod
    def of(self, e: Expr, into: Value | None = None) -> Value:
        """The value of an expression; in `into` where that is possible."""

    @abstractmethod
    def pieces(self, pieces: Sequence[tuple[Expr, Expr]], into: Value | None) -> Value:
        """`a if c else b`."""

    @abstractmethod
    def settled(self, e: Expr) -> Expr:
        """The expression with numbers for sizes, in the form that is computed."""
