"""How much the numbers of a check may differ (the worst that was measured in float64: 1.4e-14)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from bptui.model.base.types import Array


@dataclass(frozen=True)
class Tolerance:
    """Relative to the pair, and relative to the largest of the tensor; and what is added to that, for each element by
    itself. `kind` are the numbers themselves (`eps`, `tiny`, `max`, as of np.finfo)."""

    rtol: float
    atol: float
    kind: Any = field(default_factory=lambda: np.finfo(np.float64))
    more: Array | float = 0.0

    @property
    def rounding(self) -> float:
        """The relative rounding of the numbers."""
        return float(self.kind.eps)

    @property
    def least(self) -> float:
        """Below it numbers lose their digits one by one: they are only known to this."""
        return float(self.kind.tiny)

    def bounded(self, got: Any, expected: Any) -> Any:
        """What is expected of numbers that end: infinity beyond the largest, and where squares and sums of such numbers
        have overflowed on the way. (That they did is told where it happens: bptui.model.nonfinite.)"""
        largest = float(self.kind.max)
        ends = np.where(np.isinf(got), math.sqrt(largest), largest)
        return np.where(np.abs(expected) > ends, np.copysign(np.inf, expected), expected)

    def allowed(self, got: Any, expected: Any, scale: float) -> Any:
        """The error that is allowed for each pair."""
        return self.rtol * np.maximum(np.abs(got), np.abs(expected)) + self.atol * scale + self.least + self.more

    def between(self, got: Array, expected: Array, sources: Iterable[Array], value: bool, size: float = 0.0) -> Any:
        """The same next to all other numbers of the tensor, which is the `value` of an operation or a gradient.

        A result that is exactly 0 because all cancels differs by the rounding of its `sources`; `size` is how large
        the tensor would be if nothing cancelled in it.
        """
        # a value that is right to the bit (the -1e9 of a mask) says nothing of how exact the others can be
        counts = np.isfinite(expected) & ((got != expected) if value else True)
        scale = max(float(np.abs(expected[counts]).max(initial=0.0)), size) or 1.0
        largest = max((float(np.max(np.abs(v), where=np.isfinite(v), initial=0.0)) for v in sources), default=0.0)
        allowed = self.allowed(got, expected, scale) + 8 * self.rounding * largest
        return np.where(np.isfinite(allowed), allowed, self.atol * scale)


def apart(got: Array, expected: Array, equal: Array | None = None) -> Array:
    """The error of each element: 0 where both are `equal` (one number, or both NaN), inf where one alone is NaN."""
    with np.errstate(all="ignore"):
        same = (got == expected) | (np.isnan(got) & np.isnan(expected)) if equal is None else equal
        error = np.where(same, 0.0, np.abs(got - expected))
    return np.where(np.isnan(error), np.inf, error)


EXACT = Tolerance(1e-9, 1e-12)
SINGLE = Tolerance(1e-4, 1e-5, np.finfo(np.float32))
HALF = Tolerance(16 * 2.0**-10, 16 * 2.0**-10, np.finfo(np.float16))
"""16 ulps of the largest: so far kernels of PyTorch are from the same operation in float64, its inputs as recorded."""
BRAIN = Tolerance(16 * 2.0**-7, 16 * 2.0**-7, SimpleNamespace(eps=2.0**-7, tiny=SINGLE.kind.tiny, max=SINGLE.kind.max))
"""The same of bfloat16, which has the exponents of float32."""
DIFFERENCE = Tolerance(1e-6, 1e-8)
COMPLEX = Tolerance(1e-11, 1e-13)
KINDS = {"float32": SINGLE, "float16": HALF, "bfloat16": BRAIN}


def coarsest(kinds: Iterable[str]) -> Tolerance:
    """What is allowed where numbers of these kinds meet: that of the kind with the fewest digits; whole numbers and
    truth values are exact."""
    return max((KINDS.get(kind, EXACT) for kind in kinds), key=lambda tolerance: tolerance.rounding, default=EXACT)
