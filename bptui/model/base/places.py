"""Where an element of an array stands: its index, and its place in the order of all elements."""

from __future__ import annotations

import numpy as np

from bptui.model.base.types import Shape


def ravel(index: Shape, shape: Shape) -> int:
    """The place of an index; 0 of a number without axes."""
    return int(np.ravel_multi_index(index, shape)) if shape else 0


def unravel(place: int, shape: Shape) -> Shape:
    """The index of a place; () of a number without axes."""
    return tuple(int(i) for i in np.unravel_index(place, shape)) if shape else ()
