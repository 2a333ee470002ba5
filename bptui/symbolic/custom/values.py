"""Arrays whose axes are index symbols, over the stand-ins that note NumPy's calls (bptui.model.engine.trace)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp
from numpy.lib.stride_tricks import as_strided

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.discrete import cast_to
from bptui.model.engine.ops.erf import erf
from bptui.model.engine.trace import Standin, Trace, noted
from bptui.symbolic.calculus import evaluate
from bptui.symbolic.calculus.notation import RELATIONS, ROUNDED, Expr
from bptui.symbolic.custom.stable import Inverse
from bptui.symbolic.formula.numeric import COMPARE

MOST = 2**24
"""Cells of a table of constants that is made when a step is planned (128 MB); scratch arrays have the Plan's limit."""
TESTS: Mapping[Any, Callable[..., Any]] = {
    **{relation: COMPARE[sign] for sign, relation in RELATIONS.items()}, sp.KroneckerDelta: np.equal,
    sp.Not: np.logical_not, sp.And: np.logical_and, sp.Or: np.logical_or,
}  # fmt: skip
FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    **evaluate.FUNCTIONS, sp.erf: erf, **{made: partial(cast_to, dtype=name) for name, made in ROUNDED.items()},
    Inverse: np.reciprocal,
}  # fmt: skip
"""Of elements, as those that evaluate numbers; but for what runs over stand-ins in a form of its own."""
WHOLE: set[Any] = {
    np.add, np.subtract, np.multiply, np.floor_divide, np.mod, np.maximum, np.minimum, np.absolute, np.negative,
    *TESTS.values(),
}  # fmt: skip
"""Calls that keep whole numbers whole; all others are of floats."""


@dataclass(frozen=True, eq=False)
class Value:
    """A stand-in, or what is known when the step is planned (an array or a number), and the symbols of its axes.

    windows  do its elements lie in steps of their own, or above each other, as those of `x[i+k]`?
    """

    array: Any
    axes: tuple[Expr, ...] = ()
    windows: bool = False

    @property
    def fixed(self) -> bool:
        """Is it known when the step is planned?"""
        return not isinstance(self.array, Standin)

    @property
    def number(self) -> bool:
        """Is it a number that is known?"""
        return self.fixed and not self.axes

    @property
    def kind(self) -> str:
        """The kind of its numbers: "b", "i", "f" or "c"."""
        return self.array.dtype.kind if not self.fixed else np.asarray(self.array).dtype.kind


class Values:
    """What can be done to values: `frame` has the index symbols in force, (first, how many), outermost first."""

    def __init__(self, trace: Trace, where: str) -> None:
        self.trace, self.where = trace, where
        self.dtype = trace.emit.dtype
        self.frame: dict[Expr, tuple[int, int]] = {}
        self._constants: dict[Any, Standin] = {}
        self._seen: dict[Standin, int] = {}

    @contextmanager
    def within(self, frame: Mapping[Expr, tuple[int, int]]) -> Iterator[None]:
        """Another frame, which may be added to, for a while."""
        outer, self.frame = self.frame, dict(frame)
        yield
        self.frame = outer

    def cells(self, axes: Iterable[Expr]) -> int:
        """How many elements an array over these symbols has."""
        return math.prod(self.frame[s][1] for s in axes)

    def shape(self, axes: Iterable[Expr]) -> Shape:
        """The shape of an array over these symbols."""
        return tuple(self.frame[s][1] for s in axes)

    def union(self, values: Sequence[Value]) -> tuple[Expr, ...]:
        """The symbols of all values: in the order of the largest where it has them all, else in that of the frame."""
        inside = {s for value in values for s in value.axes}
        largest = max(values, key=lambda value: (len(value.axes), not value.fixed))
        return largest.axes if len(largest.axes) == len(inside) else tuple(s for s in self.frame if s in inside)

    def lay(self, array: Any, own: Sequence[Expr], axes: Sequence[Expr]) -> Any:
        """An array over `own` in the order of `axes`, with an axis of size 1 where it does not vary."""
        order = [list(own).index(s) for s in axes if s in own]
        if order != sorted(order):
            array = np.transpose(array, order)
        first = next((n for n, s in enumerate(axes) if s in own), len(axes))  # leading axes broadcast as they are
        key = tuple(slice(None) if s in own else None for s in axes[first:])
        return array[key] if None in key else array

    def standin(self, value: Value, dtype: Any = None) -> Standin:
        """The value as a stand-in of this kind of numbers (the program's)."""
        dtype = np.dtype(self.dtype if dtype is None else dtype)
        if value.fixed:
            array = np.ascontiguousarray(value.array, dtype).reshape(np.shape(value.array))
            key = array.tobytes(), array.shape, dtype
            return self._constants.setdefault(key, self.trace.given(array))
        if value.array.dtype == dtype:
            return value.array  # type: ignore[no-any-return]
        return noted(copied, value.array.shape, value.array, dtype=dtype)  # type: ignore[no-any-return]

    def seen(self, value: Value) -> int:
        """The number of its stand-in, in the order in which they are first asked for here."""
        return self._seen.setdefault(self.standin(value), len(self._seen))

    def operand(self, value: Value, axes: Sequence[Expr], dtype: Any = None) -> Any:
        """What a call takes for a value."""
        if value.number and (dtype is None or dtype == self.dtype):
            return float(value.array)
        return self.lay(self.standin(value, dtype), value.axes, axes)

    def spread(self, value: Value, axes: Sequence[Expr], dtype: Any = None) -> Any:
        """The stand-in with all these axes in full."""
        array = self.lay(self.standin(value, dtype), value.axes, axes)
        return array if array.shape == self.shape(axes) else np.broadcast_to(array, self.shape(axes))

    def apply(self, function: Callable[..., Any], *values: Value) -> Value:
        """A function of elements: noted, or, of what is known already, its result."""
        axes = self.union(values)
        whole = all(value.kind in "iub" for value in values)
        if all(value.fixed for value in values):
            if self.cells(axes) > MOST:
                what = f"a part of the definition has {self.cells(axes):,} terms at once"
                raise UserError(self.where, what, f"at most {MOST:,}")
            arrays = [np.asarray(value.array, None if whole and function in WHOLE else np.float64) for value in values]
            with np.errstate(all="ignore"):
                laid = [self.lay(a, value.axes, axes) for a, value in zip(arrays, values, strict=True)]
                return Value(function(*laid), axes)
        kind: Any = None
        if whole and function in WHOLE:
            kind = np.bool_ if all(value.kind == "b" for value in values) else np.int64
        return Value(function(*(self.operand(value, axes, kind) for value in values)), axes)

    def choose(self, test: Value, value: Value, other: Value) -> Value:
        """`value` where the test holds, else `other`."""
        if test.number:
            return value if test.array else other
        axes = self.union([test, value, other])
        if test.fixed and value.fixed and other.fixed:
            laid = [self.lay(np.asarray(v.array), v.axes, axes) for v in (test, value, other)]
            return Value(np.where(*laid), axes)
        condition = self.operand(test, axes, np.bool_)
        empty = other.number and other.array == 0  # one product of bits, if the value has all axes
        chosen = self.spread(value, axes) if empty else self.operand(value, axes)
        return Value(np.where(condition, chosen, self.operand(other, axes)), axes)

    def reduced(self, function: Any, value: Value, gone: Iterable[Expr]) -> Value:
        """The sum (np.sum) or the product (np.prod) over axes that the value has."""
        axes = tuple(n for n, s in enumerate(value.axes) if s in gone)
        kept = tuple(s for s in value.axes if s not in gone)
        array = value.array if value.fixed else self.standin(value)
        return Value(function(array, axes), kept) if axes else value


# -------------------------------------------------------------------------------------------------- what the calls do
def copied(x: Array, out: Array) -> None:
    """The same numbers, in another place or kind."""
    np.copyto(out, x, casting="unsafe")


def strided(array: Array, starts: Sequence[int], steps: Sequence[Sequence[int]], shape: Sequence[int]) -> Array:
    """No copy: each symbol walks the memory in its own step."""
    strides = [sum(n * stride for n, stride in zip(step, array.strides, strict=True)) for step in steps]
    origin: Array = array[tuple(slice(start, None) for start in starts)]
    return as_strided(origin, shape, strides, writeable=False)


def gathered(x: Array, at: Array, out: Array) -> None:
    """The elements at flat places."""
    np.take(x.reshape(-1), at, None, out, "clip")  # the other modes take a copy of `out`


def adds(emit: Emit, arrays: Sequence[Array], out: Array, axis: int, around: int) -> None:
    """Every number is added where its place along an axis says; the other axes are the first `around` of `added`."""
    where, added = arrays
    rows = np.ogrid[tuple(slice(0, n) for n in where.shape)][:around] if around else ()
    emit(out.fill, 0)
    emit(np.add.at, out, (*rows[:axis], where, *rows[axis:]), added)
