"""What a definition, or a derived rule, says of the elements of one tensor: in float64, at 50 digits, and which of them
depend on a number that is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np

from bptui.model.base.types import Array, Index, Shape
from bptui.symbolic.calculus.evaluate import Binding, exact, full_tensor, grid, value
from bptui.symbolic.calculus.exact import GUARD
from bptui.symbolic.calculus.notation import Expr

DRAWS = 4
"""So many numbers stand in the place of one that is not finite, to see what depends on it."""
LARGEST = float(np.finfo(np.float64).max)
FEWER = 4
"""So many precisions, a digit apart, in which an element is worked out to see what rounding does to it."""


@dataclass(frozen=True)
class Expected:
    """`expression` for the elements of a tensor of `shape`, by the `symbols` of its axes; only for those at `places`
    (index arrays), where they are given."""

    expression: Expr
    binding: Binding
    symbols: Sequence[Expr]
    shape: Shape
    places: tuple[Array, ...] | None = None

    def numbers(self) -> Array:
        """In float64; what is not finite then is looked at again at 50 digits."""
        if self.places is None:
            return full_tensor(self.expression, self.binding, self.symbols, self.shape)
        return self._plain(self.binding)

    def _plain(self, binding: Binding) -> Array:
        """In float64, for these numbers."""
        if self.places is not None:
            return np.asarray(value(self.expression, binding, dict(zip(self.symbols, self.places, strict=True))))
        found = value(self.expression, binding, grid(self.symbols, self.shape))
        return np.asarray(np.broadcast_to(found, self.shape))

    def exact(self, index: Index) -> Any:
        """One element at 50 digits, by its index among the elements; NaN where there is no such element."""
        try:
            return exact(self.expression, self.binding, self._indices(index))
        except IndexError:
            return math.nan

    def rounding(self, index: Index, eps: float) -> float:
        """How far numbers with this relative rounding may be from it where each part of it is rounded, as it is
        written: sin(1e20 + x) has no digit, (a - b)/b those that a - b leaves. inf where some of them is no number."""
        digits = int(-math.log10(eps))
        truth, found = self.exact(index), 0.0
        for fewer in range(min(FEWER, digits)):
            made = abs(exact(self.expression, self.binding, self._indices(index), digits - fewer - GUARD) - truth)
            found = max(found, float(made)) if mpmath.isfinite(made) else math.inf
        return found

    def _indices(self, index: Index) -> dict[Expr, int]:
        """An element's index among the elements as numbers of the symbols; one that is the number 0 has none."""
        at = index if self.places is None else tuple(int(axis[index[0]]) for axis in self.places)
        return {s: i for s, i in zip(self.symbols, at, strict=True) if s.is_Symbol}

    def floats(self) -> Iterator[Array]:
        """The tensors that it may read, those of whole numbers left out."""
        return (array for array in self.binding.tensors.values() if array.dtype.kind == "f")

    def undefined(self) -> Array:
        """Where it depends on a NaN: what a comparison with NaN chooses is a convention, and in no definition."""
        return self._changing(np.isnan)

    def excused(self) -> Array:
        """Where NaN is as good as any number: float64 has none either (0·∞ of what has overflowed), or it depends on
        a number that is not finite."""
        return np.isnan(self._plain(self.binding)) | self._changing(lambda array: ~np.isfinite(array))

    def _changing(self, replaced: Callable[[Array], Array]) -> Array:
        """Which elements change with what stands in the place of those numbers. The largest and the least of all are
        among that, so that each comparison goes either way."""
        found = []
        for draw in range(DRAWS):
            random = np.random.default_rng(draw)
            tensors = {}
            for name, array in self.binding.tensors.items():
                drawn = random.choice([-1, 1], array.shape) * random.uniform(0.1, 9, array.shape)
                drawn = np.full(array.shape, (LARGEST, -LARGEST)[draw]) if draw < 2 else drawn
                tensors[name] = np.where(replaced(array), drawn, array)
            found.append(self._plain(replace(self.binding, tensors=tensors, kept={})))
        same = [(each == found[0]) | (np.isnan(each) & np.isnan(found[0])) for each in found]
        return np.asarray(~np.all(same, axis=0))
