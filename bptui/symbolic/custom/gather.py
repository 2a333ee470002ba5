"""Elements of tensors in compiled expressions: `x[2*i+k]` is a view, `table[labels[i]]` a gather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
from numpy.lib.stride_tricks import as_strided

from bptui.model.base.types import Array
from bptui.model.engine.ops.common import contiguous
from bptui.symbolic.calculus.notation import Expr
from bptui.symbolic.custom.workspace import Value, Walk


class Places:
    """Reads elements for one Compiler, in its present frame."""

    def __init__(self, compiler: Walk) -> None:
        self.compiler = compiler

    def element(self, name: str, indices: Sequence[Expr]) -> Value:
        """`name[indices]` over the symbols that the indices have."""
        array = self.compiler.tensors[name]
        if not indices:
            return Value(array)
        places = [self.affine(i) for i in indices]
        symbols = [s for s in self.compiler.frame if any(i.has(s) for i in indices)]
        if 0 in self.compiler.shape(symbols):
            return Value(np.zeros(self.compiler.shape(symbols), array.dtype), tuple(symbols))
        if all(p is not None and self._inside(p, n) for p, n in zip(places, array.shape, strict=True)):
            return self._view(array, [p for p in places if p is not None], symbols)
        return self._gathered(array, indices)

    def affine(self, e: Expr) -> tuple[int, dict[Expr, int]] | None:
        """(number, factor of each symbol) of `2*i + k - 1`; None where it is something else."""
        constant, factors = 0, dict[Expr, int]()
        for term in sp.Add.make_args(e):
            number, rest = term.as_coeff_Mul()
            if not number.is_Integer:
                return None
            if rest == 1:
                constant += int(number)
            elif rest in self.compiler.frame:
                factors[rest] = factors.get(rest, 0) + int(number)
            else:
                return None
        return constant, factors

    def _inside(self, place: tuple[int, dict[Expr, int]], size: int) -> bool:
        low = high = place[0]
        for s, factor in place[1].items():
            first, count = self.compiler.frame[s]
            ends = (factor * first, factor * (first + count - 1))
            low, high = low + min(ends), high + max(ends)
        return low >= 0 and high < size

    def _view(self, array: Array, places: Sequence[tuple[int, dict[Expr, int]]], symbols: Sequence[Expr]) -> Value:
        """No copy: each symbol walks the memory in its own step."""
        frame = self.compiler.frame
        start = tuple(slice(c + sum(f * frame[s][0] for s, f in factors.items()), None) for c, factors in places)
        strides = [
            sum(factors.get(s, 0) * step for (_, factors), step in zip(places, array.strides, strict=True))
            for s in symbols
        ]
        view = as_strided(array[start], self.compiler.shape(symbols), strides, writeable=False)
        return Value(view, tuple(symbols))

    def _gathered(self, array: Array, indices: Sequence[Expr]) -> Value:
        """One flat place for each element. Places outside are only ever read where a condition then says no."""
        compiler = self.compiler
        flat: Any = Value(0, fixed=True)
        step = 1
        for i, size in zip(reversed(indices), reversed(array.shape), strict=True):
            if size != 1:
                place = compiler.of(i)
                clipped = compiler.apply(np.minimum, place, Value(max(size - 1, 0), fixed=True))
                clipped = compiler.apply(np.maximum, clipped, Value(0, fixed=True))
                flat = compiler.apply(np.add, flat, compiler.apply(np.multiply, clipped, Value(step, fixed=True)))
            step *= size
        axes = flat.axes
        if array.size == 0:
            return Value(np.zeros(compiler.shape(axes), array.dtype), axes)
        line = contiguous(compiler.emit, array).reshape(-1)
        out = compiler.take(compiler.shape(axes), array.dtype)
        at = np.asarray(flat.array, np.intp, order="C") if flat.fixed else flat.array
        compiler.emit(np.take, line, at, None, out, "clip")
        compiler.release(flat)
        return Value(out, axes, owned=True)
