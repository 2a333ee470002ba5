"""A tensor in a few rows of panel 1: its numbers in columns, or heat cells."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.numbers import concealed, decimals_for, field, touching
from bptui.model.base.spans import Line, Span
from bptui.model.engine.graph import Node
from bptui.screens.panels import heat
from bptui.screens.panels.figures import figure
from bptui.screens.render import RenderOptions

CELL = 8  # columns of a number
KEPT = 256  # numbers of a tensor up to which its rows are kept, whatever recording they are of


class Room(NamedTuple):
    """What a tensor may take up: rows, numbers side by side; how it may be drawn."""

    rows: int
    pair: int
    look: RenderOptions


def lines(array: Any, style: str, room: Room, selected: Any = None) -> list[Line]:
    """A tensor in at most `room.rows` rows: numbers as far as there is room side by side, else heat cells, of a large
    one a cell for many numbers. The element `selected` is reversed."""
    table = as_table(array)
    if table.size <= KEPT:  # most of a screen is as it was a moment ago
        return list(_kept(table.tobytes(), table.shape, array.shape, style, room, selected))
    return _figures(table, array.shape, style, room, selected)


@lru_cache(1_000)
def _kept(data: bytes, size: tuple[int, int], *rest: Any) -> tuple[Line, ...]:
    """`_figures` of a table of that size, given by its bytes."""
    return tuple(_figures(np.frombuffer(data).reshape(size), *rest))


def _figures(table: Any, shape: tuple[int, ...], style: str, room: Room, selected: Any) -> list[Line]:
    """The rows of a table of numbers."""
    if table.shape[1] <= room.pair and table.shape[0] <= room.rows:
        wide = CELL - (table.shape[1] > 1 and touching(table.tolist(), decimals_for(table)))
        decimals, blank = decimals_for(table, wide), (Span(" "),) * (CELL - wide)
        at = divmod_index(selected, shape, table.shape) if selected is not None else None
        return [
            tuple(
                span
                for x, number in enumerate(row)
                for span in (
                    *blank,
                    *figure(number, wide, decimals, f"{style} reverse" if at == (y, x) else style),
                )
            )
            for y, row in enumerate(table.tolist())
        ]
    if not table.size:
        return [(Span("  empty", "dim"),)]
    top = heat.largest(table)
    small = blocks(table, room.rows, room.pair * CELL // heat.CELL)
    at = divmod_index(selected, shape, table.shape) if selected is not None and small is table else None
    return [(Span(" "), *row) for row in heat.cells(small, style.split()[0], room.look, top=top, selected=at)]


def signed(x: float, decimals: int, kind: str, width: int = CELL) -> Span:
    """A change in its field: `+0.1000`, `·` for none."""
    if x == 0:
        return Span(field(None, width), "dim")
    text = field(x, width, decimals)
    if concealed(x):
        return Span(text, f"{kind} bold reverse")
    if x > 0 and text.startswith(" "):
        bare = text.lstrip()
        text = f"+{bare}".rjust(width)
    return Span(text, f"{kind} bold" if np.isfinite(x) else "fail reverse")


def as_table(array: Any) -> Any:
    """A tensor as rows and columns: leading axes are rows; a vector, and what has one column, is one row."""
    array = np.asarray(array, dtype=np.float64)
    if array.ndim < 2 or array.shape[-1] == 1:
        return array.reshape(1, -1)
    return array.reshape(-1, array.shape[-1])


def table_width(node: Node) -> int:
    """Columns of the node's table."""
    if len(node.shape) < 2 or node.shape[-1] == 1:
        size = 1
        for part in node.shape:
            size *= part
        return size
    return node.shape[-1]


def divmod_index(element: tuple[int, ...], shape: tuple[int, ...], table: tuple[int, int]) -> tuple[int, int]:
    """Where an element of the tensor stands in its table."""
    flat = 0
    for i, size in zip(element, shape, strict=False):
        flat = flat * size + i
    row, column = divmod(flat, max(1, table[1]))
    return row, column


def blocks(table: Any, rows: int, columns: int) -> Any:
    """The table itself where it fits; else, per block, the root mean square with the sign of the sum: of random weights
    the largest of each block are all alike, and say nothing. What is not finite wins."""
    high, wide = table.shape
    if high <= rows and wide <= columns:
        return table
    down = np.linspace(0, high, min(rows, high) + 1).astype(int)[:-1]
    across = np.linspace(0, wide, min(columns, wide) + 1).astype(int)[:-1]
    heights, widths = np.diff(down, append=high), np.diff(across, append=wide)

    def added(numbers: Any) -> Any:
        return np.add.reduceat(np.add.reduceat(numbers, down, axis=0), across, axis=1)

    with np.errstate(all="ignore"):
        top = heat.largest(table) or 1.0  # squares of what is finite stay finite
        sums, squares = added(table / top), added((table / top) ** 2)
        sizes = top * np.sqrt(squares / np.outer(heights, widths))
        return np.where(np.isfinite(sums), np.where(sums < 0, -sizes, sizes), sums)
