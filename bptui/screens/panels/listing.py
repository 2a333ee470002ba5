"""The list of panel 1: which tensors have a row, under which heading, in which order, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.numbers import shape as shape_text
from bptui.model.engine.composites import composites
from bptui.model.engine.graph import Graph, Node

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MOST_ROWS = 4  # rows of one tensor
FORMULA = 7  # columns that an operation has, written as a formula


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


class Closed(NamedTuple):
    """Several operations that stand in one row: that of the last, `result`.

    parts  their ids;  label  what the row is called, "" for the name of the result;  kind  what they are together
    """

    parts: frozenset[int]
    result: int
    label: str
    kind: str


def open_at(session: Session) -> int:
    """The result of what is open, so that its parts have rows of their own: where this Moment is one of them, or one
    that is selected; -1 for none. All others have one row."""
    if session.view.mode == "layers":
        return -1
    node = session.node
    for inside in (session.here, node):
        closed = together(session.graph).get(inside.id)
        if closed is not None and (inside is not node or inside.id == session.here.id or inside.id != closed.result):
            return closed.result
    return -1


def closed_in(graph: Graph, node: Node, open_: int) -> Closed | None:
    """What a node stands for, or hides in."""
    closed = together(graph).get(node.id)
    return None if closed is None or closed.result == open_ else closed


def together(graph: Graph) -> dict[int, Closed]:
    """By node id what stands in one row: the parts of a composite; the operations of a layer that lead nowhere but to
    its own state (the running statistics of batch_norm). Found once for a graph."""
    return graph.once(_together)


def _together(graph: Graph) -> dict[int, Closed]:
    found: dict[int, Closed] = {}
    for fold in {fold.result.id: fold for fold in composites(graph).values()}.values():
        found |= dict.fromkeys(fold.ids, Closed(fold.ids, fold.result.id, "", fold.kind))
    needed = {graph.loss}
    for node in reversed(graph.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    aside: dict[str, list[Node]] = {}
    for node in graph.ops:
        if node.id not in needed and node.id not in found and node.scope:
            aside.setdefault(node.scope, []).append(node)
    for nodes in aside.values():
        if len(nodes) > 1:
            parts = frozenset(node.id for node in nodes)
            found |= dict.fromkeys(parts, Closed(parts, nodes[-1].id, "stats", "running"))
    return found


def index_of(graph: Graph, room: int, roomy: bool, folded: bool, open_: int = -1) -> Index:
    """The list for a panel of `room` rows: made once for a graph, not at each step."""
    return graph.once(_index_of, room, roomy, folded, open_)


def _index_of(graph: Graph, room: int, roomy: bool, folded: bool, open_: int) -> Index:
    """With as many rows for each tensor as there is room for."""
    most_parts = max((len(closed.parts) for closed in together(graph).values()), default=1)
    ways = ((MOST_ROWS, roomy), (3, roomy), (2, roomy), (1, roomy), (1, False))
    for most, gaps in ways if len(graph.nodes) <= 2 * room else ways[-1:]:
        found = _build(graph, most, gaps, folded, open_)
        closed = found if open_ < 0 else _build(graph, most, gaps, folded, -1)
        if closed.total + (most_parts - 1) * most <= room:  # the same for every Moment: rows keep their height
            break
    return found


def _build(graph: Graph, most: int, gaps: bool, folded: bool, open_: int) -> Index:
    entries: list[Entry] = []
    of_node: dict[int, int] = {}
    scope = ""
    hidden: list[tuple[int, int]] = []
    for node in sorted_nodes(graph):
        closed = closed_in(graph, node, open_)
        if closed is not None and node.id != closed.result and not (folded and group(graph, node)):
            hidden.append((node.id, closed.result))
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


def top_of(index: Index, entry: int, room: int) -> int:
    """The first row in sight: moves by half a panel, so that most steps move nothing."""
    if index.total <= room:
        return 0
    row = index.starts[entry] if index.starts else 0
    half = max(1, room // 2)
    return min(max(0, row // half * half - half // 2), index.total - room)


def what(graph: Graph, node: Node) -> str:
    """The shape of a given tensor; the operation of a computed one, as a formula where that is short."""
    if node.op is None:
        return "target" if node.role == "target" and group(graph, node) else shape_text(node.shape)
    if node.id == graph.loss:
        return "loss"
    inputs = [graph.nodes[i] for i in node.inputs]
    words = {i.id: i.symbol or i.label for i in inputs}
    if node.op.symbol and len(inputs) > 1 and len(set(words.values())) == len(words):  # `z + z` of two z says nothing
        text = node.op.symbol.format(*(words[i] for i in node.inputs))
        for shorter in (text, text.replace(" ", "")):
            if len(shorter) <= FORMULA:
                return shorter
    return node.op.name


def said_in(graph: Graph, node: Node, closed: str, room: int) -> str:
    """What stands beside a name: what all of its parts are together, else as `what` says; whole (a shape of three axes
    and more at least without its brackets), or "": a part of a word says less than the heading of the layer does."""
    said = closed or what(graph, node)
    forms = (said, said.strip("()")) if said.count(",") > 1 else (said,)
    return next((form for form in forms if len(form) <= room), "")


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
