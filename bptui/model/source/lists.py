"""`x[1:, [0, 2], mask, None]`: which operations an index is, told to the Builder. Formulas and Python's Tensors alike.

Numbers, slices and None are a slice; one list of places along an axis is a take; several lists, or one behind other
entries, are an index. A mask of truth values is the places where it is true: its shape has to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.ops.lists import LISTS

WHOLE = slice(None)


class Places:
    """Lists of places in an index: `array` where they are known, `name` as it is written; `value` is the caller's own
    (a Node, a Tensor) where it stands for them already. `size`: of the mask's axis whose places they are."""

    def __init__(self, array: Array | None, name: str, value: Any = None, size: int | None = None) -> None:
        self.array, self.name, self.value, self.size = array, name, value, size


def written(array: Array) -> str:
    """A list of places as it is written, cut short where it is long."""
    text = str(array.tolist())
    return text if len(text) <= 24 else f"{text[:20]}…]"


def truths(value: Any) -> bool:
    """Is it a mask: True and False alone?"""
    if isinstance(value, list | tuple):
        return bool(value) and all(map(truths, value))
    return isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == np.bool_


def of_mask(mask: Array, name: str) -> list[Places]:
    """Where a mask is true: one list for each of its axes."""
    found = np.nonzero(mask)
    several = len(found) > 1
    return [
        Places(each, f"nonzero({name}){f'[{n}]' if several else ''}", size=size)
        for n, (each, size) in enumerate(zip(found, mask.shape, strict=True))
    ]


def kind(items: Sequence[Any], shape: Shape) -> tuple[str, list[Places], dict[str, Any]]:
    """(operation, its lists, its attributes) of an index. ValueError where the lists fit neither x nor each other."""
    lists = [item for item in items if isinstance(item, Places)]
    if not lists:
        return "slice", [], {"index": tuple(items)}
    lists = _alike(_counted(items, shape))
    rest = [item for item in items if not isinstance(item, Places)]
    if len(lists) == 1 and all(item is Ellipsis or item == WHOLE for item in rest):
        axis = next(n for n, item in enumerate(items) if isinstance(item, Places))
        return "take", lists, {"axis": axis - len(items) if Ellipsis in items[:axis] else axis}
    if len(lists) > len(LISTS):
        raise ValueError(f"an index has at most {len(LISTS)} lists, not {len(lists)}")
    names = iter(LISTS)
    return "index", lists, {"index": tuple(next(names) if isinstance(item, Places) else item for item in items)}


def _counted(items: Sequence[Any], shape: Shape) -> list[Places]:
    """The lists, with places that were counted from the end counted from the front."""
    used = sum(item is not None and item is not Ellipsis for item in items)
    axis, found = 0, []
    for item in items:
        if item is Ellipsis:
            axis += max(0, len(shape) - used)
        elif isinstance(item, Places):
            if item.size is not None and axis < len(shape) and item.size != shape[axis]:
                raise ValueError(
                    f"{item.name}: the mask has {item.size} there, and axis {axis} of x, shape {shape}, not"
                )
            if item.array is not None and item.value is None and axis < len(shape):
                item = Places(np.where(item.array < 0, item.array + shape[axis], item.array), item.name)
            found.append(item)
        axis += item is not None and item is not Ellipsis
    return found


def _alike(lists: Sequence[Places]) -> list[Places]:
    """Lists broadcast against each other."""
    if any(each.array is None for each in lists):
        return list(lists)
    arrays = [np.asarray(each.array) for each in lists]
    try:
        shape = np.broadcast_shapes(*(each.shape for each in arrays))
    except ValueError:
        told = " and ".join(f"{each.name} has shape {array.shape}" for each, array in zip(lists, arrays, strict=True))
        raise ValueError(f"{told}: they do not broadcast") from None
    return [
        each if array.shape == shape else Places(np.broadcast_to(array, shape), each.name)
        for each, array in zip(lists, arrays, strict=True)
    ]
