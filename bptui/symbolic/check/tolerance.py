"""How much the numbers of a check may differ (research of the symbolic core: measured worst 1.4e-14 in float64)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """Relative to the pair, and relative to the largest of the tensor. `rounding` is that of the numbers themselves."""

    rtol: float
    atol: float
    rounding: float = float(np.finfo(np.float64).eps)

    def allowed(self, got: Any, expected: Any, scale: float) -> Any:
        """The error that is allowed for each pair."""
        return self.rtol * np.maximum(np.abs(got), np.abs(expected)) + self.atol * scale


EXACT = Tolerance(1e-9, 1e-12)
SINGLE = Tolerance(1e-4, 1e-5, float(np.finfo(np.float32).eps))
DIFFERENCE = Tolerance(1e-6, 1e-8)
COMPLEX = Tolerance(1e-11, 1e-13)
