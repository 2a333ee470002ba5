"""Arrays from what users write: nested lists, numbers, arrays. Bounded, finite, of one kind; never objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Shape

MAX_ELEMENTS = 2**25
"""Numbers in one tensor: 256 MB of float64."""
MAX_RANK = 12
"""Axes of one tensor; a definition has one letter for each."""


def shape_text(shape: Shape) -> str:
    """`(2, 8)`; `a single number` for a 0-d one."""
    return "a single number" if shape == () else f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def room(shape: Shape, where: str, most: int = MAX_ELEMENTS) -> int:
    """How many numbers `shape` takes; a UserError where that is more than one tensor may hold."""
    count = math.prod(shape)
    if count > most:
        raise UserError(where, f"shape {shape_text(shape)} takes {count:,} numbers", f"at most {most:,}")
    if len(shape) > MAX_RANK:
        raise UserError(where, f"{len(shape)} axes", f"at most {MAX_RANK}")
    return count


INFINITIES = {"inf": np.inf, "+inf": np.inf, "-inf": -np.inf}
"""How a file or the command line says what has no bound: a score that is not looked at, a distance to nothing."""


def array(value: Any, where: str, *, dtype: Any = np.float64, whole: bool = False, masks: bool = False) -> Array:
    """`value` (a number, nested lists of numbers, an array) as a new array of `dtype`, or of int64 where `whole`.

    masks: inf and -inf may stand among them, as text, too. A UserError where it is ragged, is not numbers, is not
    finite, is too large, or is not whole although it has to be.
    """
    if masks and not whole and isinstance(value, str | Sequence):
        value = _with_infinity(value)
    if isinstance(value, str | bytes | dict | set) or value is None:
        raise UserError(where, f"expected numbers, found {_found(value)}")
    if isinstance(value, Sequence):
        _count(value, where)
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise UserError(
            where, "the rows have different lengths", "every list of one depth as long as the others"
        ) from None
    if given.dtype.kind == "O" and all(isinstance(item, int) for item in given.flat):
        given = _large(given, where)
    if given.dtype.kind not in "biuf":
        raise UserError(where, f"expected numbers, found {_found(value)}")
    room(given.shape, where)
    covered = np.isinf(given) & (masks and not whole) if given.dtype.kind == "f" else False
    if given.dtype.kind == "f" and not (np.isfinite(given) | covered).all():
        at = tuple(int(i) for i in np.argwhere(~(np.isfinite(given) | covered))[0])
        found = "NaN" if np.isnan(given[at]) else "an infinity"
        raise UserError(where, f"{found} at {list(at)}" if at else f"found {found}", "given numbers must be finite")
    if not whole:
        with np.errstate(over="ignore"):
            result = np.array(given, dtype=dtype)
        if not (np.isfinite(result) | covered).all():
            raise UserError(where, f"a number is too large for {np.dtype(dtype).name}")
        return result
    if given.dtype.kind == "f" and not (given == np.floor(given)).all():
        at = tuple(int(i) for i in np.argwhere(given != np.floor(given))[0])
        raise UserError(where, f"expected whole numbers, found {given[at]} at {list(at)}")
    if given.dtype.kind == "f" and given.size and np.abs(given).max() >= 2**53:
        raise UserError(where, "a whole number is too large")
    return np.array(given, dtype=np.int64)


def _with_infinity(value: Any, depth: int = 0) -> Any:
    """The lists with numbers in the place of the texts of `INFINITIES`; the same object where there is none."""
    if isinstance(value, str):
        return INFINITIES.get(value.strip().lower(), value)
    if not isinstance(value, list | tuple) or depth > MAX_RANK:
        return value
    made = [_with_infinity(item, depth + 1) if isinstance(item, str | list | tuple) else item for item in value]
    return value if all(new is old for new, old in zip(made, value, strict=True)) else made


def _large(given: Array, where: str) -> Array:
    """Whole numbers beyond 64 bits, as floats."""
    try:
        return given.astype(np.float64)
    except OverflowError:
        raise UserError(where, "a number is too large") from None


def _count(value: Sequence[Any], where: str) -> None:
    """Refuse what is too deep, too large or not numbers, before NumPy makes anything of it. Without recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_RANK + 1):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str | bytes | dict | set) or item is None:
                raise UserError(where, f"expected numbers, found {_found(item)}")
            if isinstance(item, list | tuple):
                deeper.extend(item)
        if not deeper:
            return
        if len(deeper) > MAX_ELEMENTS:
            raise UserError(where, f"more than {MAX_ELEMENTS:,} numbers")
        level = deeper
    raise UserError(where, f"nested deeper than {MAX_RANK} lists")


_KINDS = {"U": "text", "S": "text", "c": "complex numbers", "M": "dates", "m": "times", "V": "records"}
"""What arrays hold, by NumPy's letter for it, where it is not numbers."""


def _found(value: Any) -> str:
    """What was found, in a few words."""
    if isinstance(value, str):
        return f"the text {value[:30]!r}"
    if isinstance(value, dict):
        return "a table"
    if value is None:
        return "nothing"
    if isinstance(value, list | tuple):
        return "a list with something else in it"
    kind = getattr(getattr(value, "dtype", None), "kind", "c" if isinstance(value, complex) else "O")
    return _KINDS.get(kind, "something else")
