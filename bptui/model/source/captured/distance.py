"""How far recorded numbers are from computed ones, in units of the last place, and what that says."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.apart import farthest

Verdict = Literal["ok", "rounding", "FAIL", "opaque", "skipped"]
"""ok: as computed · rounding: apart by what rounding does to such numbers · FAIL: apart · opaque: nothing is known that
could be computed · skipped: it could be, but numbers of it were not recorded"""
WORST: tuple[Verdict, ...] = ("FAIL", "opaque", "rounding", "ok", "skipped")

FINE = 16
"""So many ulps of the largest number are no difference: sums in another order. Measured over 46 programs of PyTorch:
the worst value was 4.5 ulps away; one number moved by 1e-4 of the largest was found in 113 of 114."""
ROUNDING = 16
"""So many times what the same operations lose in float32 is still rounding."""


class Distance(NamedTuple):
    """Where two arrays are farthest apart. ulps: the error there over eps times the largest number of either."""

    ulps: float
    at: tuple[int, ...]
    got: float
    expected: float


def distance(recorded: Array, own: Array, eps: float) -> Distance:
    """`recorded` against `own`. eps: of the kind of number that was recorded. The same NaN or inf in both places is no
    difference; an inf that only the shorter kind overflowed to is none either."""
    found = farthest(np.asarray(recorded).reshape(np.shape(own)), own, overflow(eps))
    return Distance(found.relative / eps, found.at, found.a, found.b)


def overflow(eps: float) -> float:
    """From where on a kind of number is inf: that of float16 from 65,520 (IEEE 754), of the others from 3.4e38, or
    1.8e308 for float64."""
    return 65_520.0 if eps == 2.0**-10 else float(np.finfo(np.float64).max) if eps < 2.0**-40 else 3.4028235e38
