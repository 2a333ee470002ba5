"""The slope of a definition from its own values at so many digits that no rounding is left in them: what decides where
differences in float64 say that an operation of one's own passes on something wrong. sin(1e20 + x) has the same value
for all x that float64 tells apart, floor(1e20*x) goes up like a line there."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from bptui.model.base.types import Array, Index
from bptui.symbolic.calculus.evaluate import Binding, estimate_cells, exact

DIGITS = 110
STEP = 40
"""The step is 10**-STEP of the element: its square is lost beside the slope, and the value has DIGITS - STEP left."""
MOST = 2_000
"""Terms of the output that are worked out; 100 µs for each."""


class _Moved:
    """A tensor with one other element."""

    def __init__(self, array: Array, at: Index, number: Any) -> None:
        self.array, self.at, self.number = array, at, number

    def __getitem__(self, index: Index) -> Any:
        return self.number if index == self.at else self.array[index]


def slope(binding: Binding, name: str, at: Index, upstream: Array) -> float | None:
    """Σ upstream·∂y/∂(one element of an input), None where the output is too large for that, or has no number."""
    definition, shape = binding.definition, binding.shape
    if estimate_cells(definition.body, binding, ()) * max(1, upstream.size) > MOST:
        return None
    array = np.asarray(binding.tensors[name])
    places = [place for place in itertools.product(*map(range, shape)) if upstream[place]]
    with mpmath.workdps(DIGITS):
        here = mpmath.mpf(float(array[at]))
        step = mpmath.mpf(10) ** -STEP * max(abs(here), 1)
        total = mpmath.mpf(0)
        for sign in (1, -1):
            moved: Any = here + sign * step if array.ndim == 0 else _Moved(array, at, here + sign * step)
            side = replace(binding, tensors={**binding.tensors, name: moved}, kept={})
            for place in places:
                indices = {i: n for i, n in zip(definition.out, place, strict=True) if i.is_Symbol}
                total += sign * mpmath.mpf(float(upstream[place])) * exact(definition.body, side, indices, DIGITS)
        found = total / (2 * step)
        return float(found) if mpmath.isfinite(found) else None
