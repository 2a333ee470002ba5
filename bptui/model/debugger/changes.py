"""What changed between two numbers or tensors, and how it is said."""

from __future__ import annotations

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.places import unravel
from bptui.model.base.types import Array, Index


class Change:
    """From `before` to `now`: two numbers or tensors that have not the same bits.

    text  `was 0.25, is 0.75`; of a tensor at how many of its numbers, and the one that changed most
    at    where that one lies
    """

    def __init__(self, before: Array, now: Array) -> None:
        self.at: Index = ()
        if before.shape != now.shape:
            self.text = f"was of shape {numbers.shape(before.shape)}, is of {numbers.shape(now.shape)}"
            return
        where = _largest_first(before.reshape(-1), now.reshape(-1))
        first = int(where[0])
        self.at = unravel(first, now.shape)
        self.text = "was {}, is {}".format(*_texts(before.reshape(-1)[first], now.reshape(-1)[first]))
        if now.size > 1:
            self.text = f"changed at {len(where)} of {now.size}: {numbers.index(self.at)} {self.text}"


def same(a: Array, b: Array) -> bool:
    """Have they the same bits?"""
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _largest_first(before: Array, now: Array) -> Array:
    """Where they differ, the largest difference first."""
    if before.dtype == now.dtype == bool:
        return np.flatnonzero(before != now)
    old, new = np.asarray(before, np.float64), np.asarray(now, np.float64)
    where = np.flatnonzero(old.view(np.int64) != new.view(np.int64))
    with np.errstate(all="ignore"):
        size = np.abs(new[where] - old[where])
    found: Array = where[np.argsort(-np.where(np.isnan(size), np.inf, size), kind="stable")]
    return found


def _texts(before: Array, now: Array) -> tuple[str, str]:
    if before.dtype == now.dtype == bool:
        return ("true", "false") if before else ("false", "true")
    return numbers.apart(float(before), float(now))
