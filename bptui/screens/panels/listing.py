"""The list of panel 1: which tensors have a row, under which heading, in which order, and what they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.numbers import shape as shape_text
from bptui.model.base.prose import shorten
from bptui.model.engine.composites import composites
from bptui.model.engine.graph import Graph, Node
from bptui.screens.panels.entries import Entries, Index, Moved, Spliced
from bptui.screens.render import scrolled

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MOST_ROWS = 4  # rows of one tensor
FORMULA = 7  # columns that an operation has, written as a formula


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
    for composite in {composite.result.id: composite for composite in composites(graph).values()}.values():
        found |= dict.fromkeys(composite.ids, Closed(composite.ids, composite.result.id, "", composite.kind))
    aside: dict[str, list[Node]] = {}
    others = [node for node in graph.ops if node.scope and not node.wants_grad]  # what leads to the loss has a gradient
    needed = graph.before(graph.loss) if others else ()
    for node in others:
        if node.id not in needed and node.id not in found:
            aside.setdefault(node.scope, []).append(node)
    for nodes in aside.values():
        if len(nodes) > 1:
            parts = frozenset(node.id for node in nodes)
            found |= dict.fromkeys(parts, Closed(parts, nodes[-1].id, "stats", "running"))
    return found


def index_of(graph: Graph, room: int, roomy: bool, folded: bool, open_: int = -1, alone: int = 0) -> Index:
    """The list for a panel of `room` rows: made once for a graph, not at each step. `alone`: the length of a batch of
    which one sample is seen, 0 where all are."""
    return graph.once(_listing, room, roomy, folded, alone).opened(open_)


def _listing(graph: Graph, room: int, roomy: bool, folded: bool, alone: int) -> Listing:
    """With as many rows for each tensor as there is room for."""
    most_parts = max((len(closed.parts) for closed in together(graph).values()), default=1)
    ways = ((MOST_ROWS, roomy), (3, roomy), (2, roomy), (1, roomy), (1, False))
    for most, gaps in ways if len(graph.nodes) <= 2 * room else ways[-1:]:
        found = Listing(graph, most, gaps, folded, alone)
        if found.closed.total + (most_parts - 1) * most <= room:  # the same for every Moment: rows keep their height
            break
    return found


class Listing:
    """The list with everything closed; and with one composite open, of which only the part that differs is made: of
    10,000 nodes a step makes no more rows than of 100.

    most  rows of a tensor at most;  gaps  an empty row above a heading;  folded  a layer is one row;  alone  one sample
    of so many is seen
    """

    def __init__(self, graph: Graph, most: int, gaps: bool, folded: bool, alone: int) -> None:
        self.graph, self.most, self.gaps, self.folded, self.alone = graph, most, gaps, folded, alone
        self._nodes = sorted_nodes(graph)
        self._before: list[int] = []
        """Per node: how many entries there are before it."""
        entries, of_node = self._made(0, len(self._nodes), 0, -1, self._before)
        self.closed = Index(entries, entries.starts(), of_node, sum(entries.rows))
        self._open = -1, self.closed

    @cached_property
    def _places(self) -> Mapping[int, int]:
        """By node id: the place among the nodes."""
        return {node.id: place for place, node in enumerate(self._nodes)}

    def opened(self, result: int) -> Index:
        """The list where the parts of what `result` stands for have rows of their own; -1 for none."""
        if result != self._open[0]:
            self._open = result, self.closed if result < 0 else self._spliced(result)
        return self._open[1]

    def _spliced(self, result: int) -> Index:
        closed, parts = self.closed, together(self.graph)[result].parts
        first, end = min(self._places[i] for i in parts), self._places[result] + 1
        start = self._before[first]
        stop = self._before[end] if end < len(self._before) else len(closed.entries)
        entries, of_node = self._made(first, end, start, result, [])
        rows = sum(entries.rows) - sum(entry.rows for entry in closed.entries[start:stop])
        return Index(
            Spliced(closed.entries, start, stop, entries),
            Spliced(closed.starts, start, stop, entries.starts(_row(closed, start)), rows),
            Moved(closed.of_node, of_node, stop, len(entries) - (stop - start)),
            closed.total + rows,
        )

    def _made(self, first: int, end: int, start: int, open_: int, before: list[int]) -> tuple[Entries, dict[int, int]]:
        """The entries of the nodes from place `first` up to `end`, the first of which is number `start`."""
        entries = Entries()
        of_node: dict[int, int] = {}
        hidden: list[tuple[int, int]] = []
        stands_for = together(self.graph)
        heading = headings(self.graph)
        scope = heading[self._nodes[first - 1].id] if first else ""
        number = start
        for node in self._nodes[first:end]:
            before.append(number)
            own = heading[node.id]
            closed = stands_for.get(node.id)
            if closed is not None and open_ != closed.result != node.id and not (self.folded and own):
                hidden.append((node.id, closed.result))
                continue
            if own != scope:
                scope_before, scope = scope, own
                if number and (self.gaps or (scope_before and not own)):
                    entries.add(None, "", 1)
                    number += 1
                if scope:
                    entries.add(None, scope, 1)
                    number += 1
            if not (self.folded and scope):
                of_node[node.id] = number
                entries.add(node, scope, height_of(node, self.most, self.alone))
                number += 1
            else:
                of_node[node.id] = number - 1
        of_node.update({part: of_node[result] for part, result in hidden if result in of_node})
        return entries, of_node


def _row(index: Index, entry: int) -> int:
    return index.starts[entry] if entry < len(index.entries) else index.total


def group(graph: Graph, node: Node) -> str:
    """Under which heading a node stands: its layer; a target under that of the loss. A formula has none."""
    if node.composite and node.composite.endswith(f" as {node.scope}"):
        return ""
    return graph.nodes[graph.loss].scope if node.role == "target" and not node.scope else node.scope


def headings(graph: Graph) -> Sequence[str]:
    """By node id, under which heading each node stands."""
    return graph.once(_headings)


def _headings(graph: Graph) -> list[str]:
    plain = [node.scope for node in graph.nodes]
    for node in graph.nodes:
        if node.composite or node.role == "target":
            plain[node.id] = group(graph, node)
    return plain


def sorted_nodes(graph: Graph) -> list[Node]:
    """The nodes in the order of the list: given ones without a layer, then in execution order, leaves with their layer.
    Numbers written in a formula are part of it, and have no row."""
    shown = [node for node in graph.nodes if node.role != "const"]
    heading = headings(graph)
    if not any(heading):
        return shown
    places: dict[str, int] = {"": 0}
    after: dict[int, int] = {}
    for node in graph.nodes:
        own = heading[node.id]
        if node.op is not None or node.role == "param":
            places.setdefault(own, len(places))
        if node.op is not None and not own:  # of no layer: behind those that came before it
            after[node.id] = len(places) - 1

    def place(node: Node) -> tuple[int, bool, bool]:
        own = heading[node.id]
        return places.get(own, 0) if own else after.get(node.id, 0), not own and node.id in after, node.role != "target"

    return sorted(shown, key=place)


def height_of(node: Node, most: int, alone: int = 0) -> int:
    """Rows of a tensor: a vector one, a matrix its rows, `most` at most; one for what the batch gives, and for one
    sample of it."""
    if len(node.shape) < 2 or node.role in ("input", "target") or node.shape[-1] == 1:
        return 1
    one = alone > 0 and node.role != "param" and node.shape[0] == alone
    rows = 1
    for size in node.shape[one:-1]:
        rows *= size
    return max(1, min(rows, most))


def top_of(index: Index, entry: int, room: int) -> int:
    """The first row in sight."""
    return scrolled(index.total, room, index.starts[entry] if index.starts else 0)


def what(graph: Graph, node: Node) -> str:
    """The shape of a given tensor; the operation of a computed one, as a formula where that is short."""
    if node.op is None:
        return "target" if node.role == "target" and group(graph, node) else shape_text(node.shape)
    if node.id == graph.loss:
        return "loss"
    inputs = [graph.nodes[i] for i in node.inputs]
    words = {i.id: i.label if i.composite else i.symbol or i.label for i in inputs}
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


def shown_as(graph: Graph, node: Node, room: int) -> str:
    """What the row of a node is called in `room` cells. No two rows under one heading are called alike; those of a
    derivative, and those under no heading, are called as no other of them is."""
    label = name_of(graph, node)
    return label if len(label) <= room else graph.once(_shortened, room)[node.id]


def _shortened(graph: Graph, room: int) -> dict[int, str]:
    """The names that have no room, in fewer cells, by node id."""
    derived = {graph.nodes[i].name for i in graph.derivatives}
    taken: dict[str, set[str]] = {}
    long: list[tuple[Node, str, set[str]]] = []
    for node in graph.nodes:
        label, heading = name_of(graph, node), group(graph, node)
        under = taken.setdefault("" if heading in derived else heading, set())
        if len(label) <= room:
            under.add(label)
        else:
            long.append((node, label, under))
    last = Counter((id(under), label.rpartition(".")[2]) for _, label, under in long)
    found = {}
    for node, label, under in long:
        alone = last[id(under), label.rpartition(".")[2]] == 1  # of 0.weight and 2.weight none is weight
        found[node.id] = chosen = next(form for form in _forms(label, room, alone) if form not in under)
        under.add(chosen)
    return found


def _forms(name: str, room: int, alone: bool) -> Iterator[str]:
    """A name in at most `room` cells, the best form first, and no end of them. `alone`: no other has its last part."""
    if alone or len(name.rpartition(".")[2]) > room:
        yield brief(name, room)
    for end in range(1, room - 1):
        yield f"{name[: room - 1 - end]}…{name[-end:]}"
    for n in count(2):
        yield f"{name[: max(0, room - 1 - len(str(n)))]}…{n}"


def brief(name: str, room: int) -> str:
    """A name in at most `room` cells: its last part, of whose words all but the last are initials. `a.variance_eps` is
    `v_eps`."""
    if len(name) <= room:
        return name
    part = name.rpartition(".")[2]
    if len(part) > room:
        *first, last = part.split("_")
        part = "_".join([*(word[:1] for word in first), last])
    return shorten(part, room)
