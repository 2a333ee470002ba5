"""Where the neurons of the neurons view stand."""

from __future__ import annotations

from typing import Any, NamedTuple

from bptui.model.debugger.dense_chain import Column


class Place(NamedTuple):
    """Where a neuron stands in its column: its number, its first row, and whether it has a box or one row."""

    neuron: int
    top: int
    box: bool


def places(column: Column, chosen: int, height: int) -> tuple[list[Place], int, int]:
    """The neurons of a column in `height` rows, and how many are left out above and below.

    Boxes for all, where they have room; else a box for the chosen one and a row for each other; else those around it.
    """
    tall = len(column.rows) + 2
    count = column.count
    chosen = max(0, min(chosen, count - 1))
    if count * tall <= height:
        slot = height // count
        inset = min(1, (slot - tall) // 2)
        return [Place(n, n * slot + inset, True) for n in range(count)], 0, 0
    room = max(0, height - tall)
    if count - 1 > room:
        room = max(0, room - 2)
    first = max(0, min(chosen - room // 2, count - 1 - room))
    last = min(count, first + room + 1)
    found, y = [], int(first > 0)
    for n in range(first, last):
        found.append(Place(n, y, n == chosen))
        y += tall if n == chosen else 1
    return found, first, count - last


def number_of(array: Any, sample: int, neuron: int) -> float | None:
    """The number of a neuron in an array of (samples, neurons), or of (neurons,)."""
    if array is None or not array.size:
        return None
    if array.ndim == 2:
        return float(array[min(sample, array.shape[0] - 1), neuron])
    return float(array[neuron]) if array.ndim == 1 else None
