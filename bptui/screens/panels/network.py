"""Panel 1, Network: every value of the step with its gradient, layer by layer. Only the rows in sight are made.

A row per tensor: gutter, name, shape or operation, value, ∂L/∂value. Up to two columns are numbers, more are heat
cells. How many rows a tensor gets depends on its shape and the room, never on what is known already: nothing moves
while stepping.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from bptui.model.base.spans import Line, Span
from bptui.model.debugger.answers import whatif
from bptui.screens.panels import graph_view, move_element, neurons, select_node, standing
from bptui.screens.panels import rows as table
from bptui.screens.panels.cells import CELL
from bptui.screens.panels.entries import Index
from bptui.screens.panels.listing import index_of, name_of, open_at, top_of
from bptui.screens.panels.rows import GRADIENT, Columns, sizes_at
from bptui.screens.render import fit, length

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph
    from bptui.screens.scene import Scene

RULE = len("─ 1 Network  ") + 4
"""Cells of the rule beside the title."""
PICTURES: dict[str, Any] = {"neurons": neurons, "graph": graph_view}
"""Views that are no list: their modules, with the functions of a panel."""


def wide(session: Session) -> bool:
    """A picture needs the whole width."""
    return session.view.mode in PICTURES


def title(scene: Scene) -> tuple[Line, Line]:
    """After the name: the view, unless it is the usual one; of the selected tensor, where its row has no room for its
    name, that name."""
    session, minus = scene.session, _minus(scene.session)
    if wide(session):
        left, right = PICTURES[session.view.mode].title(scene)
        rights = [(Span(f"{form}  ", "dim"), *right) for form in minus] or [right]
        room = scene.width - RULE - length(left) - 3
        return left, next((form for form in (*rights, right, right[-1:]) if length(form) <= room), ())
    left = _named(scene)
    room = scene.width - RULE - length(left) - 4
    return left, next(
        ((Span(form, "dim"),) for form in minus if len(form) <= room or form is minus[-1]), followed(session)
    )


def _minus(session: Session) -> tuple[str, ...]:
    """What is taken away from what, where changes stand in the right column; shorter and shorter; nothing elsewhere."""
    base = session.comparison.base if session.comparison is not None else None
    if base is None or table.held_against(session) is None:
        return ()
    minus = f"minus {whatif.name_of(base)}"
    return f"{whatif.name_of(session.branch)} {minus}", minus


def followed(session: Session) -> Line:
    """`sample 2 of 4`, where one is."""
    sample, size = session.view.sample, session.network.samples
    return (Span(f"sample {min(sample, size - 1)} of {size}", "text bold"),) if isinstance(sample, int) and size else ()


def _named(scene: Scene) -> Line:
    """What stands after the panel's name."""
    session = scene.session
    mode, node = session.view.mode, session.node
    if mode != "operations":
        return (Span(mode, "dim"),)
    label = name_of(session.graph, node)
    short = len(label) <= Columns.of(scene.width).room
    forms = () if short else (node.name, label)
    return next(((Span(form, "dim"),) for form in forms if len(form) + RULE <= scene.width), ())


def lines(scene: Scene) -> list[Line]:
    """The rows in sight; the row of this Moment is always among them."""
    session, width, height, look = scene[:4]
    if wide(session):
        return list(PICTURES[session.view.mode].lines(scene))
    columns = Columns.of(width)
    folded = in_layers(session)
    if folded:
        columns = columns.folded(width)
    pair = 1 if session.graph.once(_scalars) else columns.pair
    roomy = height > 20
    room = height - 1 - roomy
    change = table.held_against(session) is not None
    if room < 1:
        return [_header(columns, width, False, pair, change=change)][:height]
    open_ = open_at(session)
    index = index_of(session.graph, room, roomy, folded, open_, _alone(session))
    here = session.here
    key = here if not look.focused else session.node
    at = index.of_node.get(key.id, 0)
    top = top_of(index, at, room)
    first = bisect_right(index.starts, top) - 1
    seen = f" {top + 1}-{min(top + room, index.total)} of {index.total}" if index.total > room else ""
    more = table.further(session.graph, columns, width) if folded and index.total <= room else {}
    if more:  # a list that is in sight as a whole: it is short
        told = {entry.scope for entry in index.entries if entry.node is None} & more.keys()
        if index.total + sum(len(more[scope]) for scope in told) > room:
            more = {}
    page, now = table.Page(columns, width, look), table.Now.of(session, open_)
    rows: list[Line] = [()] * roomy + [_header(columns, width, folded, pair, seen, change)]
    for i in range(first, len(index.entries)):
        entry, start = index.entries[i], index.starts[i]
        if start >= top + room:
            break
        made = [*table.rows_of(now, entry, page, folded), *[()] * entry.rows][: entry.rows]
        rows += made[max(0, top - start) : max(0, top + room - start)]
        rows += more.get(entry.scope, ()) if entry.node is None else ()
    return rows[:height]


def move(scene: Scene, down: int, right: int) -> str:
    """Up and down go from tensor to tensor, left and right inside of one; in a picture they go where they point."""
    if wide(scene.session):
        return str(PICTURES[scene.session.view.mode].move(scene, down, right))
    if not down:
        return move_element(scene, down, right)
    session = scene.session
    return select_node(session, _further(shown(session, scene.height), session.node.id, down))


def enter(scene: Scene) -> str:
    """The numbers of the selected tensor."""
    return f"focus {standing('under').number}"


def shown(session: Session, height: int) -> Index:
    """The list, as a panel of that height has it: what the arrows go through."""
    room, roomy = max(1, height - 2), height > 20
    return index_of(session.graph, room, roomy, in_layers(session), open_at(session), _alone(session))


def _alone(session: Session) -> int:
    """The length of the batch, where one sample of it is followed."""
    return session.network.samples if isinstance(session.view.sample, int) else 0


def _further(index: Index, node: int, by: int) -> int:
    """The node of the row that lies so many rows with a node below that of `node`, or above; the last one there is."""
    at, found, step = index.of_node.get(node, 0), node, 1 if by > 0 else -1
    for _ in range(abs(by)):
        at += step
        while 0 <= at < len(index.entries) and index.entries[at].node is None:
            at += step
        if not 0 <= at < len(index.entries):
            break
        entry = index.entries[at].node
        found = found if entry is None else entry.id
    return found


def in_layers(session: Session) -> bool:
    """Is a layer one row? A formula has no layers."""
    return session.view.mode == "layers" and bool(session.graph.layers)


def _header(columns: Columns, width: int, folded: bool, pair: int, seen: str = "", change: bool = False) -> Line:
    """What the columns are, over their last number; at the left which rows of how many are in sight, where not all
    are. `pair` is how many numbers stand side by side; `change`: the right column has changes, not gradients."""
    value, gradient = "value", "change" if change else GRADIENT if columns.pair > 1 else "∂L/∂"
    ends = (columns.value + pair * CELL, columns.gradient + pair * CELL)
    if folded:
        first, second = sizes_at(width)
        gradient = "change" if change else GRADIENT
        ends = (first + CELL - 1, second + len(GRADIENT))
    left = (seen or (" root mean square" if folded else "")).ljust(ends[0] - len(value)) + value
    return fit((Span(left, "dim"), Span(gradient.rjust(ends[1] - len(left)), "dim")), width)


def _scalars(graph: Graph) -> bool:
    """Has every row one number?"""
    return all(not any(size > 1 for size in node.shape) for node in graph.nodes)
