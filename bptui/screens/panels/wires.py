"""The wires of a circuit: each along its row, and at each gate an upright line that gathers what it reads.

Where two wires cross that have nothing to do with each other, the upright one runs through; where they meet, there is
a corner or a branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.screens.plot import DOWN, LEFT, LIGHT, RIGHT, UP

if TYPE_CHECKING:
    from bptui.model.engine.graph import Graph
    from bptui.screens.panels.circuit import Circuit, Item
    from bptui.screens.panels.circuit_frame import Frame
    from bptui.screens.plot import Plot

QUIET, BRIGHT = "rule", "text"


def draw(paper: Plot, graph: Graph, made: Circuit, where: Frame, chosen: int) -> None:
    """All that is in sight; bright is the wire of the node that is chosen."""
    ends = {node: _end(paper, made, where, item) for node, item in made.items.items()}
    for node, item in made.items.items():
        if item.column < where.last and (item.column >= where.first or made.until(node) >= where.first):
            _along(paper, where, item, ends[node], BRIGHT if node == chosen else QUIET)
            if item.column < where.first:
                paper.put(0, item.row - where.top, "<", "dim")
            if made.until(node) >= where.last:
                paper.put(paper.width - 1, item.row - where.top, ">", "dim")
    for item in made.items.values():
        if item.gate and where.first <= item.column < where.last:
            _bus(paper, made.sources(graph, item.node), where, item, ends, chosen)


def _end(paper: Plot, made: Circuit, where: Frame, item: Item) -> int:
    """The last cell of a wire: the bus of its last reader, or the first of that gate where it lies in the same row."""
    readers = [made.items[reader] for reader in made.readers[item.node]]
    if not readers:
        return where.wire(item.column) + where.stub - 1 if where.first <= item.column < where.last else 0
    if any(reader.column >= where.last for reader in readers):
        return paper.width - 1
    shown = [reader for reader in readers if reader.column >= where.first]
    return max((where.item(r) if r.row == item.row else where.bus(r) for r in shown), default=0)


def _along(paper: Plot, where: Frame, item: Item, end: int, style: str) -> None:
    y = item.row - where.top
    start = where.item(item) + item.wide if item.column >= where.first else 0
    paper.put(start, y, "─" * (end - start + 1), style)


def _bus(paper: Plot, sources: tuple[Item, ...], where: Frame, item: Item, ends: dict[int, int], chosen: int) -> None:
    """The upright line of a gate, and from a lane the line to it."""
    rows = {source.row: source for source in sources}
    low, high, x = min([*rows, item.row]), max([*rows, item.row]), where.bus(item)
    if low == high:
        return
    bright = next((source.row for source in sources if source.node == chosen), None)
    if item.lane:
        style, y = BRIGHT if bright is not None else QUIET, item.row - where.top
        for cell in range(x + 1, where.item(item)):
            if 0 <= y < paper.height and cell < paper.width and paper.blank(cell, y):
                paper.put(cell, y, "─", style)
    for row in range(low, high + 1):
        if row == item.row and not item.lane:
            continue
        ways = UP * (row > low) | DOWN * (row < high)
        if row in rows:
            ways |= LEFT | RIGHT * (ends[rows[row].node] > x)
        if row == item.row:
            ways |= RIGHT
        lit = bright is not None and min(bright, item.row) <= row <= max(bright, item.row)
        paper.put(x, row - where.top, LIGHT[ways], BRIGHT if lit else QUIET)
