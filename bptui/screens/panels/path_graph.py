"""Paths as a graph of their elements: one column for each step, the chosen path in orange, the others quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.model.debugger.answers.paths import Path, Vertex
from bptui.screens.plot import Plot

BETWEEN = 5
"""Cells from a label to the next, at the least: room for a line that turns."""
MOST = 16
"""Cells from one column to the next, at the most."""


class Label(NamedTuple):
    """How a vertex is written, and the layer that it belongs to."""

    span: Span
    scope: str


class Point(NamedTuple):
    """Something in a column: a vertex, or (no vertex) where the edge of two others passes."""

    vertex: Vertex | None
    edge: tuple[Vertex, Vertex] | None = None


def columns_of(paths: Sequence[Path], start: Vertex) -> list[list[Point]]:
    """What stands in each column: a vertex as far right as its longest way from the start, and the edges that pass."""
    rank: dict[Vertex, int] = {start: 0}
    ways = [[start, *(edge.target for edge in path.factors)] for path in paths]
    for _ in ways:  # an edge may lengthen what lies behind it: as often as there are paths is enough
        for way in ways:
            for before, after in pairwise(way):
                rank[after] = max(rank.get(after, 0), rank[before] + 1)
    columns: list[list[Point]] = [[] for _ in range(max(rank.values()) + 1)]
    for way in ways:
        for before, after in pairwise(way):
            for column in range(rank[before] + 1, rank[after]):
                _add(columns[column], Point(None, (before, after)))
        for vertex in way:
            _add(columns[rank[vertex]], Point(vertex))
    return columns


def _add(column: list[Point], point: Point) -> None:
    if point not in column:
        column.append(point)


Edges = Mapping[tuple[Vertex, Vertex], bool]
"""What is drawn, and whether it belongs to the chosen path."""


def lines(
    paths: Sequence[Path], chosen: tuple[int, int], start: Vertex, labels: dict[Vertex, Label], width: int, height: int
) -> list[Line]:
    """`height` lines of `width` cells. As many of the paths as have room in them, the chosen one first; `chosen`: which
    path, and which of its factors, for a graph that is wider than its room."""
    first_path, at = paths[chosen[0]], chosen[1]
    kept = [first_path]
    for path in paths:
        if path is not first_path and max(map(len, columns_of([*kept, path], start))) <= max(1, (height - 1) // 2):
            kept.append(path)
    columns = columns_of(kept, start)
    longest = max(len(labels[point.vertex].span.text) for column in columns for point in column if point.vertex)
    least = longest + BETWEEN
    room = max(2, (width - 4 - longest) // least + 1)
    first = max(0, min(at - room // 2 + 1, len(columns) - room))
    shown = columns[first : first + room]
    step = max(least, min(MOST, (width - 4 - longest) // max(1, len(shown) - 1)))
    page = Plot(width, height)
    edges = {pair: False for path in kept for pair in _edges(path, start)} | dict.fromkeys(
        _edges(first_path, start), True
    )
    rows = [_rows(len(column), height) for column in shown]
    for n, column in enumerate(shown):
        x = 2 + n * step
        after = list(zip(shown[n + 1], rows[n + 1], strict=True)) if n + 1 < len(shown) else []
        for point, y in zip(column, rows[n], strict=True):
            _join(page, point, after, (x, y, step), edges, labels)
        for point, y in zip(column, rows[n], strict=True):
            if point.vertex is not None:
                page.spans(x, y, (labels[point.vertex].span,))
    _scopes(page, shown, rows, step, labels)
    if first:
        page.put(0, height // 2, "<", "dim")
    if first + room < len(columns):
        page.put(width - 1, height // 2, ">", "dim")
    return page.lines()


def _edges(path: Path, start: Vertex) -> list[tuple[Vertex, Vertex]]:
    way = [start, *(edge.target for edge in path.factors)]
    return list(pairwise(way))


def _rows(count: int, height: int) -> list[int]:
    """Where so many points stand in a column, around its middle."""
    apart = max(1, min(4, (height - 1) // max(1, count - 1))) if count > 1 else 0
    middle = height // 2
    return [max(0, min(height - 1, middle + round((2 * n - count + 1) * apart / 2))) for n in range(count)]


def _join(
    page: Plot,
    point: Point,
    after: list[tuple[Point, int]],
    place: tuple[int, int, int],
    edges: Edges,
    labels: dict[Vertex, Label],
) -> None:
    """The lines from one point, at column and row of a `place`, to those of the next column, `step` cells on, that it
    leads to: each with its row."""
    x, y, step = place
    begin = x + (len(labels[point.vertex].span.text) + 1 if point.vertex is not None else 0)
    middle, end = x + step - 4, x + step - 2
    for other, to in after:
        pair = _pair(point, other, edges)
        if pair is None:
            continue
        heavy = edges[pair]
        style = "gradient" if heavy else "rule"
        stop = end if other.vertex is not None else x + step
        page.across(begin, middle, y, style, heavy)
        page.upright(middle, y, to, style, heavy)
        page.across(middle, stop, to, style, heavy)


def _pair(point: Point, other: Point, edges: Edges) -> tuple[Vertex, Vertex] | None:
    """The edge that goes from one point to another, if any."""
    if point.vertex is not None and other.vertex is not None:
        return (point.vertex, other.vertex) if (point.vertex, other.vertex) in edges else None
    if point.vertex is not None:
        return other.edge if other.edge is not None and other.edge[0] == point.vertex else None
    if other.vertex is not None:
        return point.edge if point.edge is not None and point.edge[1] == other.vertex else None
    return point.edge if point.edge == other.edge else None


def _scopes(
    page: Plot, shown: list[list[Point]], rows: list[list[int]], step: int, labels: dict[Vertex, Label]
) -> None:
    """The name of each layer above the first of its vertices that stands highest."""
    told: set[str] = set()
    for n, column in enumerate(shown):
        for point, y in zip(column, rows[n], strict=True):
            scope = labels[point.vertex].scope if point.vertex is not None else ""
            if scope and scope not in told and y > 0 and _free(page, 2 + n * step, y - 1, len(scope)):
                told.add(scope)
                page.put(2 + n * step, y - 1, scope, "dim")


def _free(page: Plot, x: int, y: int, count: int) -> bool:
    """Is nothing drawn in so many cells?"""
    return all(page.blank(i, y) for i in range(x, min(x + count, page.width)))
