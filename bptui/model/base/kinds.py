"""The kinds of floating numbers, and what rounding to one of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Kind(NamedTuple):
    """A kind of number: what it holds are the multiples of 2**q of at most `digits` binary digits below 2**`most`, with
    no q below `least` (IEEE 754-2019, table 3.5; bfloat16 is float32 without its last 16 bits)."""

    digits: int
    least: int
    most: int


KINDS: Mapping[str, Kind] = {
    "float64": Kind(53, -1074, 1024),
    "float32": Kind(24, -149, 128),
    "float16": Kind(11, -24, 16),
    "bfloat16": Kind(8, -133, 128),
}


def eps(name: str) -> float:
    """The distance from 1 to the next number of a kind."""
    return 2.0 ** (1 - KINDS[name].digits)


def ulp(x: float, name: str) -> float:
    """The distance from |x| to the next number of a kind: a unit of its last place; x is finite."""
    kind = KINDS[name]
    return float(np.ldexp(1.0, max(int(np.frexp(x)[1]) - kind.digits, kind.least) if x else kind.least))


def meeting(kinds: Iterable[str]) -> str:
    """The kind that numbers of several kinds become where they meet: the one that holds them all, as PyTorch promotes
    (float16 and bfloat16 become float32)."""
    found = [KINDS[name] for name in kinds]
    digits, most = max(kind.digits for kind in found), max(kind.most for kind in found)
    return next(name for name in reversed([*KINDS]) if KINDS[name].digits >= digits and KINDS[name].most >= most)


def rounded(x: Any, kind: Kind) -> Any:
    """The nearest number of the kind, of two as near the one whose last digit is even; infinity from halfway between
    the largest and 2**most on. x: numbers or an array of float64."""
    x = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        _, exponent = np.frexp(x)  # |x| < 2**exponent
        place = np.maximum(exponent - kind.digits, kind.least)
        found = np.ldexp(np.rint(np.ldexp(x, -place)), place)
        return np.where(np.abs(found) >= np.ldexp(1.0, kind.most), np.copysign(np.inf, x), found)
