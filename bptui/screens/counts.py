"""How many checks agree: what the status line says."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """Checks: how many agree, and do not. Of a captured step, whose comparisons have more ways to end: how many agree
    but for rounding, and cannot be made; None elsewhere."""

    good: int
    failed: int
    rounding: int | None = None
    opaque: int | None = None
