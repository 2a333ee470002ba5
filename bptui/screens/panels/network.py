"""Panel 1, Network: every value of the step with its gradient, layer by layer. Only the rows in sight are made.

A row per tensor: gutter, name, shape or operation, value, ∂L/∂value. Up to two columns are numbers, more are heat
cells. How many rows a tensor gets depends on its shape and the room, never on what is known already: nothing moves
while stepping.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from bptui.model.folds import Fold, fold_of, folds
from bptui.model.graph import Graph, Node
from bptui.model.numbers import decimals_for, field
from bptui.model.numbers import shape as shape_text
from bptui.model.spans import Line, Span
from bptui.screens.look import Look, fit, length, under
from bptui.screens.panels import heat
from bptui.screens.panels.figures import figure, kind_of, wholes
from bptui.screens.panels.timeline import CHIPS

CELL = 8  # columns of a number
PAIR = 2  # numbers side by side in the value and in the gradient column
MOST_ROWS = 4  # rows of one tensor
KEPT = 256  # numbers of a tensor up to which its rows are kept


class Entry(NamedTuple):
    """One item of the list: a tensor, a layer's heading, or an empty row; with how many rows it takes."""

    node: Node | None
    scope: str
    rows: int


class Index(NamedTuple):
    """The whole list for one size of panel: entries, the first row of each, entry by node id and by layer."""

    entries: tuple[Entry, ...]
    starts: tuple[int, ...]
    of_node: dict[int, int]
    total: int


class Columns(NamedTuple):
    """Where the columns stand (look/STYLE): gutter, name, shape or operation (0: not shown), value, gradient."""

    gutter: int
    name: int
    what: int
    value: int
    gradient: int
    pair: int = PAIR

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns of a panel of this width: where two numbers have no room, there is one."""
        if width >= 50:
            return WIDE
        return NARROW if width >= 41 else cls(2, 2, 0, 8, 24) if width == 40 else cls(2, 2, 0, 8, 16, 1)


WIDE = Columns(3, 3, 10, 17, 34)
NARROW = Columns(2, 2, 0, 8, 25)


def title(session: Any, width: int, look: Look) -> tuple[Line, Line]:
    """After the name: the view, unless it is the usual one."""
    mode = session.view.mode
    return (Span(mode, "dim"),) if mode != "operations" else (), ()


def lines(session: Any, width: int, height: int, look: Look) -> list[Line]:
    """The rows in sight; the row of this Moment is always among them."""
    columns = Columns.of(width)
    roomy = height > 20
    room = height - 1 - roomy
    if room < 1:
        return [_header(columns, width, False)][:height]
    folded = session.view.mode == "layers"
    index = _index(session.graph, room, roomy, folded, _open(session))
    here = session.here
    key = here if not look.focused else session.node
    at = index.of_node.get(key.id, 0)
    top = _top(index, at, room)
    first = bisect_right(index.starts, top) - 1
    seen = f" {top + 1}-{min(top + room, index.total)} of {index.total}" if index.total > room else ""
    rows: list[Line] = [()] * roomy + [_header(columns, width, folded, seen)]
    for i in range(first, len(index.entries)):
        entry, start = index.entries[i], index.starts[i]
        if start >= top + room:
            break
        made = _entry(session, entry, columns, width, look, folded)
        made = (made + [()] * entry.rows)[: entry.rows]
        rows += made[max(0, top - start) : max(0, top + room - start)]
    return rows[:height]


def rows_of(session: Any, height: int) -> list[int]:
    """Ids of the nodes in the list, from top to bottom: what the arrows go through."""
    index = _index(session.graph, max(1, height - 2), height > 20, session.view.mode == "layers", _open(session))
    return [entry.node.id for entry in index.entries if entry.node is not None]


def _header(columns: Columns, width: int, folded: bool, seen: str = "") -> Line:
    """What the columns are; at the left which rows of how many are in sight, where not all are."""
    value, gradient = "value", "∂L/∂value" if columns.pair > 1 and not folded else "∂L/∂"
    pair = 1 if folded else columns.pair
    start = columns.gradient if folded else columns.value
    left = (seen or (" root mean square" if folded else "")).ljust(start + pair * CELL - len(value)) + value
    right = gradient.rjust((start + CELL if folded else columns.gradient) + pair * CELL - len(left))
    return fit((Span(left, "dim"), Span(right, "dim")), width)


def _open(session: Any) -> int:
    """The result of the composite whose parts have rows of their own: that of this Moment, or of a part that is
    selected; -1 for none. All others have one row."""
    if session.view.mode == "layers":
        return -1
    node = session.node
    for inside in (session.here, node):
        fold = fold_of(session.graph, inside)
        if fold is not None and (inside is not node or inside.id == session.here.id or inside.id != fold.result.id):
            return fold.result.id
    return -1


def _closed(graph: Graph, node: Node, open_: int) -> Fold | None:
    """The composite that a node stands for, or hides in."""
    fold = fold_of(graph, node)
    return None if fold is None or fold.result.id == open_ else fold


def _index(graph: Graph, room: int, roomy: bool, folded: bool, open_: int = -1) -> Index:
    """The list for a panel of `room` rows, remembered beside the graph: made once, not at each step."""
    cache: dict[Any, Index] = graph.__dict__.setdefault("_network_index", {})
    key = (room, roomy, folded, open_)
    found = cache.get(key)
    if found is None:
        if len(cache) > 64:
            cache.clear()
        most_parts = max((len(fold.parts) for fold in folds(graph).values()), default=1)
        ways = ((MOST_ROWS, roomy), (3, roomy), (2, roomy), (1, roomy), (1, False))
        for most, gaps in ways if len(graph.nodes) <= 2 * room else ways[-1:]:
            found = _build(graph, most, gaps, folded, open_)
            closed = found if open_ < 0 else _build(graph, most, gaps, folded, -1)
            if closed.total + (most_parts - 1) * most <= room:  # the same for every Moment: rows keep their height
                break
        assert found is not None
        cache[key] = found
    return found


def _build(graph: Graph, most: int, gaps: bool, folded: bool, open_: int) -> Index:
    entries: list[Entry] = []
    of_node: dict[int, int] = {}
    scope = ""
    hidden: list[tuple[int, int]] = []
    for node in sorted_nodes(graph):
        closed = _closed(graph, node, open_)
        if closed is not None and node.id != closed.result.id and not (folded and group(graph, node)):
            hidden.append((node.id, closed.result.id))
            continue
        if group(graph, node) != scope:
            scope = group(graph, node)
            if gaps and entries:
                entries.append(Entry(None, "", 1))
            if scope:
                entries.append(Entry(None, scope, 1))
        if not (folded and scope):
            of_node[node.id] = len(entries)
            entries.append(Entry(node, scope, height_of(node, most)))
        else:
            of_node[node.id] = len(entries) - 1
    of_node.update({part: of_node[result] for part, result in hidden})
    starts, row = [], 0
    for entry in entries:
        starts.append(row)
        row += entry.rows
    return Index(tuple(entries), tuple(starts), of_node, row)


def group(graph: Graph, node: Node) -> str:
    """Under which heading a node stands: its layer; a target under that of the loss. A formula has none."""
    if node.fold.endswith(f" as {node.scope}"):
        return ""
    return graph.nodes[graph.loss].scope if node.role == "target" and not node.scope else node.scope


def sorted_nodes(graph: Graph) -> list[Node]:
    """The nodes in the order of the list: given ones without a layer, then in execution order, leaves with their layer.
    Numbers written in a formula are part of it, and have no row."""
    places: dict[str, int] = {"": 0}
    for node in graph.nodes:
        if node.op is not None or node.role == "param":
            places.setdefault(node.scope, len(places))
    shown = [node for node in graph.nodes if node.role != "const"]
    if len(places) == 1:
        return shown
    return sorted(shown, key=lambda node: (places.get(group(graph, node), 0), node.role != "target"))


def height_of(node: Node, most: int) -> int:
    """Rows of a tensor: a vector one, a matrix its rows, `most` at most; one for what the batch gives."""
    if len(node.shape) < 2 or node.role in ("input", "target") or node.shape[-1] == 1:
        return 1
    rows = 1
    for size in node.shape[:-1]:
        rows *= size
    return max(1, min(rows, most))


def _top(index: Index, entry: int, room: int) -> int:
    """The first row in sight: moves by half a panel, so that most steps move nothing."""
    if index.total <= room:
        return 0
    row = index.starts[entry] if index.starts else 0
    half = max(1, room // 2)
    return min(max(0, row // half * half - half // 2), index.total - room)


def _entry(session: Any, entry: Entry, columns: Columns, width: int, look: Look, folded: bool) -> list[Line]:
    if entry.node is None:
        return [_heading(session, entry.scope, columns, width, folded)] if entry.scope else [()]
    node, here = entry.node, entry.node.id == session.here.id
    state, kind = session.state, kind_of(entry.node)
    written = state.written(node)
    style, end = f"{kind} bold" if here else kind, columns.what or columns.value
    label = brief(name_of(session.graph, node), end - columns.name - (1 if columns.what else 0))
    name = fit((Span(label, style),), end - columns.name)
    if columns.what:
        name = (*name, Span(shorten(what(session.graph, node), columns.value - columns.what), "dim"))
    closed = _closed(session.graph, node, _open(session))
    if closed is not None:
        name = (Span(f"{label} ", style), Span(closed.kind, "dim"))
        left_out = length(name) - (columns.value - columns.name)
        name = name if left_out <= 0 else (name[0], Span(shorten(closed.kind, len(closed.kind) - left_out), "dim"))
    selected = session.element if look.focused and session.node.id == node.id else None
    value = state.value(node)
    left: list[Line]
    if value is None:
        waits = bool(columns.what) and _next(session) == node.id
        left = [(Span(field(None).rstrip(), kind), Span("  not yet", "dim"))] if waits else [(Span(field(None), kind),)]
    elif node.role in ("input", "target") and len(node.shape) > 1 and node.shape[0] > 1:
        left = [(Span(f" {node.shape[0]} samples", "text"),)]
    elif node.whole and not node.wants_grad:
        left = [wholes(value, width - columns.value)]
    else:
        left = _numbers(value, node, kind, "value" in written, entry.rows, look, columns.pair, selected)
    right = _gradient(session, node, "gradient" in written, entry.rows, look, columns, width)
    out: list[Line] = []
    for i in range(entry.rows):
        value_row = left[i] if i < len(left) else ()
        row: Line = (
            *(_gutter(session, node, columns, here) if i == 0 else (Span(" " * columns.gutter),)),
            *fit(name if i == 0 else (), columns.value - columns.gutter),
            *(fit(value_row, columns.gradient - columns.value) if right else value_row),
            *(right[i] if i < len(right) else ()),
        )
        out.append(under(fit(row, width), "on-cursor") if here else row)
    return out


def _gutter(session: Any, node: Node, columns: Columns, here: bool) -> Line:
    """The chip of this Moment; else the mark of a breakpoint."""
    if here:
        phase = session.cursor.phase
        bad = (node.id, phase) in session.finding_nodes and not session.timeline.is_seed(session.cursor)
        chip = f" {CHIPS[phase]} " if columns.gutter == 3 else f"{CHIPS[phase]} "
        return (Span(chip, "chip-fail" if bad else f"chip-{phase}"),)
    if node.id in session.breakpoints.marked:
        return (Span(" ■ " if columns.gutter == 3 else "■ ", "fail"),)
    return (Span(" " * columns.gutter),)


def _next(session: Any) -> int | None:
    """The node that the next step of the forward pass computes."""
    moment, forward = session.cursor, session.timeline.forward
    if moment.phase != "forward" or moment.index + 1 >= len(forward):
        return None
    return int(forward[moment.index + 1].id)


def _numbers(
    array: Any, node: Node, kind: str, bold: bool, rows: int, look: Look, pair: int, selected: Any = None
) -> list[Line]:
    """A tensor in `rows` rows: numbers up to two columns, else heat cells, blocks of a large one by their largest."""
    table = as_table(array)
    if table.size <= KEPT:  # most of a screen is as it was a moment ago
        return list(_kept(table.tobytes(), table.shape, node.shape, kind, bold, rows, look, pair, selected))
    return _figures(table, node.shape, kind, bold, rows, look, pair, selected)


@lru_cache(1_000)
def _kept(data: bytes, size: tuple[int, int], *rest: Any) -> tuple[Line, ...]:
    """`_figures` of a table of that size, given by its bytes."""
    return tuple(_figures(np.frombuffer(data).reshape(size), *rest))


def _figures(
    table: Any, shape: tuple[int, ...], kind: str, bold: bool, rows: int, look: Look, pair: int, selected: Any
) -> list[Line]:
    """The rows of a table of numbers."""
    style = f"{kind} bold" if bold else kind
    if table.shape[1] <= pair and table.shape[0] <= rows:
        decimals = decimals_for(table)
        at = divmod_index(selected, shape, table.shape) if selected is not None else None
        return [
            tuple(
                span
                for x, number in enumerate(row)
                for span in figure(number, CELL, decimals, f"{style} reverse" if at == (y, x) else style)
            )
            for y, row in enumerate(table.tolist())
        ]
    if not table.size:
        return [(Span("  empty", "dim"),)]
    top = heat.largest(table)
    small = blocks(table, rows, pair * CELL // heat.CELL)
    at = divmod_index(selected, shape, table.shape) if selected is not None and small is table else None
    return [(Span(" "), *row) for row in heat.cells(small, kind, look, top=top, selected=at)]


def _gradient(session: Any, node: Node, bold: bool, rows: int, look: Look, columns: Columns, width: int) -> list[Line]:
    """∂L/∂value: nothing in the forward pass, `·` while it is awaited, `…` while not all contributions are in."""
    if session.cursor.phase == "forward" or not node.wants_grad:
        return []
    gradient = session.state.gradient(node)
    style = "gradient bold" if bold else "gradient"
    if gradient.array is None:
        if not gradient.total:
            return []
        across = table_width(node)
        return [(Span(field(None) * min(columns.pair, across), "dim"),)] * (rows if across <= columns.pair else 1)
    made = _numbers(gradient.array, node, "gradient", bold, rows, look, columns.pair)
    if gradient.final:
        return made
    note = f"{gradient.arrived} of {gradient.total} in"
    if table_width(node) == 1:
        first = (*made[0], Span("…", style))
        left = width - columns.gradient - length(first) - 1
        return [(*first, Span(f" {note if len(note) <= left else note[:-3]}", "kink bold")), *made[1:]]
    return [(*row, Span("…", style)) for row in made]


def _heading(session: Any, scope: str, columns: Columns, width: int, folded: bool) -> Line:
    """`layer1  dense 8, relu`; in the folded view with the sizes of what leaves it and of that gradient."""
    summary = next((layer.summary for layer in session.graph.layers if layer.name == scope), "")
    here = session.here.scope == scope
    if not folded:
        return (Span(f" {scope}", "text bold"), Span(f"  {summary}", "dim"))
    last = [node for node in session.graph.nodes if node.scope == scope and node.op is not None][-1]
    chip = _gutter(session, session.here if here else last, columns, here)
    value, gradient = session.state.value(last), session.state.gradient(last)
    room = columns.gradient - columns.gutter
    left: Line = (*chip, Span(scope, "text bold"), Span(shorten(f"  {summary}", room - len(scope)), "dim"))
    left = fit((*fit(left, columns.gradient), *_rms(value, "value")), columns.gradient + CELL)
    row = (*left, *(_rms(gradient.array, "gradient") if session.cursor.phase != "forward" else ()))
    return under(fit(row, width), "on-cursor") if here else row


def _rms(array: Any, kind: str) -> Line:
    """The root mean square of a tensor."""
    if array is None:
        return (Span(field(None), "dim"),)
    wide = np.asarray(array, dtype=np.float64)
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.mean(wide * wide))) if wide.size else 0.0
    return figure(size, CELL, decimals_for(size), kind)


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
    """The table itself where it fits; else, per block, the number that is largest in size (a NaN wins)."""
    high, wide = table.shape
    if high <= rows and wide <= columns:
        return table
    down = np.linspace(0, high, min(rows, high) + 1).astype(int)[:-1]
    across = np.linspace(0, wide, min(columns, wide) + 1).astype(int)[:-1]
    most = np.maximum.reduceat(np.maximum.reduceat(table, down, axis=0), across, axis=1)
    least = np.minimum.reduceat(np.minimum.reduceat(table, down, axis=0), across, axis=1)
    return np.where(np.abs(least) > np.abs(most), least, most)


def what(graph: Graph, node: Node) -> str:
    """The shape of a given tensor; the operation of a computed one, as a formula where that is short."""
    if node.op is None:
        return "target" if node.role == "target" and group(graph, node) else shape_text(node.shape)
    if node.id == graph.loss:
        return "loss"
    inputs = [graph.nodes[i] for i in node.inputs]
    if node.op.symbol and len(inputs) > 1:
        text = node.op.symbol.format(*(i.symbol or i.label for i in inputs))
        for shorter in (text, text.replace(" ", "")):
            if len(shorter) <= WIDE.value - WIDE.what:
                return shorter
    return node.op.name


def name_of(graph: Graph, node: Node) -> str:
    """A node's name inside its layer; the loss by its symbol, for its layer is called `loss` already."""
    return node.symbol if node.id == graph.loss and node.scope and node.symbol else node.label


def brief(name: str, room: int) -> str:
    """A name in at most `room` cells, so that siblings stay apart: its last part, of whose words all but the last are
    initials. `a.variance_eps` is `v_eps`."""
    if len(name) <= room:
        return name
    part = name.rpartition(".")[2]
    if len(part) > room:
        *first, last = part.split("_")
        part = "_".join([*(word[:1] for word in first), last])
    return shorten(part, room)


def shorten(text: str, room: int) -> str:
    """The text in at most `room` cells, with `…` where something is missing."""
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
