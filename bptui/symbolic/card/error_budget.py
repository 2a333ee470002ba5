"""The record of what one number has lost of its digits (`bptui.symbolic.check.precision` measures it). No SymPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bptui.model.base import numbers
from bptui.model.base.spans import Line, line

WORTH = 0.5
"""Lost digits from which on a card speaks of them: a factor of 3 above the rounding of the type."""


@dataclass(frozen=True)
class ErrorBudget:
    """The digits of one number, as `bptui.symbolic.check.precision` defines them.

    digits     of the type
    ulps       of the operation alone: from 50 digits at its own inputs, in units of the last place of the result
    condition  how far the operation can magnify the relative error of its inputs
    before, total   lost digits, None where there is no reference;  against  what `total` was measured with
    source     what `before` is about: all inputs, or upstream
    """

    dtype: str
    digits: float
    ulps: float
    condition: float
    before: float | None = None
    total: float | None = None
    against: str = ""
    source: str = "before"

    @property
    def here(self) -> float | None:
        """Digits that this operation loses by its own."""
        return None if self.total is None or self.before is None else max(0.0, self.total - self.before)

    @property
    def rounding(self) -> str:
        """`0.5 ulp from 50 digits`."""
        return f"{numbers.significant(self.ulps, 2)} ulp from 50 digits"

    @property
    def loss(self) -> str:
        """`lost 4.1 digits here, 0.3 before`; nothing where that is not worth a word."""
        if self.total is None or self.before is None or self.here is None or self.total < WORTH:
            return ""
        return f"lost {self.here:.1f} digits here, {self.before:.1f} {self.source}"

    def line(self) -> Line:
        """`3.1 of 7.2 digits right: lost 0.3 before, 3.8 here  condition 540; 0.5 ulp from 50 digits`."""
        return line(*self._parts())

    def _parts(self) -> Iterator[str | tuple[str, str]]:
        if self.total is None or self.before is None or self.here is None:
            yield f"{self.dtype}, {self.rounding}"
        else:
            yield f"{self.digits - self.total:.1f} of {self.digits:.1f} digits right"
            if self.total >= 0.05:
                yield f": lost {self.before:.1f} {self.source}, "
                yield (f"{self.here:.1f} here", "kink bold" if self.here >= 1 else "text")
            yield (f" (against {self.against}); {self.rounding}", "dim")
        yield (f"; condition {numbers.significant(self.condition, 2)}", "dim")
