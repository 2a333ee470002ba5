"""What is kept of each training step of a large program when it is run: enough to know of most steps that there is
nothing to find in them, without running them again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.recording import Recording

MANY = 2_000
"""Calls of a training step from which on a look at all of its numbers, once, is nothing beside running it."""
MAX_KEPT = 1_000_000
"""Training steps of which it is kept: 40 MB."""

Extremes = tuple[float, float]


class Summary(NamedTuple):
    """Of one training step: are all of its numbers finite; the least and the largest number of all values, of all
    gradients, as `Recording.extremes` says."""

    finite: bool
    value: Extremes | None
    grad: Extremes | None


class Summaries:
    """The summaries of training steps, by their number."""

    def __init__(self) -> None:
        self._rows: Array = np.full((256, 5), np.nan)

    def keep(self, recording: Recording) -> None:
        """That of one more step."""
        if recording.step >= MAX_KEPT:
            return
        if recording.step >= len(self._rows):
            longer = np.full((max(recording.step + 1, 2 * len(self._rows)), 5), np.nan)
            longer[: len(self._rows)] = self._rows
            self._rows = longer
        unknown = (np.nan, np.nan)
        value, grad = recording.extremes("value") or unknown, recording.extremes("grad") or unknown
        self._rows[recording.step] = (float(recording.finite is True), *value, *grad)

    def of(self, step: int) -> Summary | None:
        """That of a step, None where it is not kept."""
        if step >= len(self._rows) or np.isnan(self._rows[step, 0]):
            return None
        finite, *extremes = self._rows[step].tolist()
        value, grad = extremes[:2], extremes[2:]
        return Summary(bool(finite), _extremes(value), _extremes(grad))


def _extremes(pair: list[float]) -> Extremes | None:
    low, high = pair
    return None if np.isnan(low) else (low, high)
