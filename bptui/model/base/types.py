"""The types that every room speaks of: arrays, shapes, places in them, the keyword arguments of an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any  # a name for type checkers: rooms that print numbers need not import NumPy for it
Shape = tuple[int, ...]
Index = tuple[int, ...]
"""The place of one element in a tensor: a number for each axis, () where it has none."""
Attributes = Mapping[str, Any]
