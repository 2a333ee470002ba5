"""Where a circuit stands on the screen: the cells of its columns, and the window that is seen of it."""

from __future__ import annotations

from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.engine.graph import Graph
from bptui.screens.panels.circuit import Circuit, Item, at_left, near
from bptui.screens.panels.figures import window

LEAST, USUAL, MOST = 6, 7, 14
"""Cells of wire behind a gate: with the one before it, of a number; the fewest, in a window, the most."""
LANE = 2
"""Cells of a lane."""


class Frame(NamedTuple):
    """Where the columns `first` to `last` stand, and which row is the first in sight.

    x      where the items of a column begin;  wide  cells that they take;  stub  cells of wire behind them
    """

    first: int
    last: int
    x: dict[int, int]
    wide: dict[int, int]
    stub: int
    top: int

    def item(self, item: Item) -> int:
        """The first cell of an item: a gate in the middle of its column, a name before its wire."""
        spare = self.wide[item.column] - item.wide
        return self.x[item.column] + (spare // 2 if item.gate else spare)

    def bus(self, item: Item) -> int:
        """The cell in which the upright line of a gate stands."""
        if item.lane:
            return self.x[item.column] - 1 - LANE * (item.lane - 1)
        return self.item(item) + (item.wide - 1) // 2

    def wire(self, column: int) -> int:
        """The first cell behind the items of a column."""
        return self.x[column] + self.wide[column]


def circuit(graph: Graph, width: int, height: int) -> Circuit:
    """The circuit for so many cells: what is given stands at the left where all of it has room so."""
    made = graph.once(at_left)
    if made.rows <= height and sum(_sizes(made).values()) + graph.once(_longest) * made.columns < width:
        return made
    return graph.once(near)


def _wide(made: Circuit) -> dict[int, int]:
    """Cells of the items of each column."""
    wide = dict.fromkeys(range(made.columns), 1)
    for item in made.items.values():
        wide[item.column] = max(wide[item.column], item.wide)
    return wide


def _sizes(made: Circuit) -> dict[int, int]:
    """The same with the lanes before them."""
    return {column: wide + LANE * made.lanes(column) for column, wide in _wide(made).items()}


def frame(graph: Graph, made: Circuit, at: Item, width: int, height: int) -> Frame:
    """All columns, where they have room, in the middle of it; else those around an item."""
    wide, sizes = _wide(made), _sizes(made)
    least = graph.once(_longest)
    room, first, last = width - 1, 0, made.columns
    if sum(sizes.values()) + least * made.columns > room:
        room, least = width - 2, max(least, USUAL)
        first, last = at.column, at.column + 1
        taken = sizes[first] + least
        while True:  # one before it, one behind it, as long as there is room
            before = sizes.get(first - 1, room) + least
            after = sizes.get(last, room) + least
            if taken + min(before, after) > room:
                break
            if taken + before <= room and (at.column - first <= last - 1 - at.column or taken + after > room):
                first, taken = first - 1, taken + before
            else:
                last, taken = last + 1, taken + after
    shown = range(first, last)
    stub = min(max(MOST, least), (room - sum(sizes[column] for column in shown)) // len(shown))
    spare = room - sum(sizes[column] for column in shown) - stub * len(shown)
    x, places = 1 + (spare // 2 if len(shown) == made.columns else 0), {}
    for column in shown:
        x += sizes[column] - wide[column]
        places[column] = x
        x += wide[column] + stub
    top = window(made.rows, height, at.row)[0] if made.rows > height else (made.rows - height) // 2
    return Frame(first, last, places, wide, stub, top)


def _longest(graph: Graph) -> int:
    """Cells of wire that the index of a computed tensor needs over it, without its name."""
    tensors = [node for node in graph.ops if node.shape]
    return max([LEAST, *(len(numbers.index([size - 1 for size in node.shape])) - 1 for node in tensors)])
