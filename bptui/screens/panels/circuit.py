"""A graph as a circuit: every operation a gate in a column, every value a wire in a row. Found once for a graph.

Columns count operations from the inputs; rows are those of the screen. A wire runs straight along the row of what
makes it, as far as the last gate that reads it, and the gates keep away from it; at a gate the wires that it reads are
gathered in its bus, an upright line. Where that would run into another gate, it stands in a lane before the column. No
labels can meet: one row above a wire and one below it belong to it, as far as its column goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.debugger.view import DRAWN
from bptui.model.engine.graph import Graph, Node

COMMUTE = ("add", "mul")


class Item(NamedTuple):
    """A gate, or (not `gate`) the name of what is given, at the beginning of its wire.

    node   its id;  text  the sign of the operation, the name, of a tensor with its last index: as long as it can be
    above  rows over its wire that belong to it: the value, and over a gate's tensor which element of it that is
    lane   where its bus stands: 0 over the gate itself, else so many lanes in front of its column
    """

    node: int
    text: str
    gate: bool
    column: int
    row: int
    above: int
    lane: int = 0

    @property
    def wide(self) -> int:
        """Cells that it takes: a gate with its brackets, a name with a blank before its wire, and before it, where a
        number may stand there."""
        return len(self.text) + 1 + (self.gate or self.column > 0)


@dataclass(frozen=True)
class Circuit:
    """All items by node; `rows` and `columns` that they take; per node that makes a wire, who reads it, and the last
    column that it runs to; a number that is written in a formula stands in the gate that reads it (`inside`)."""

    items: dict[int, Item]
    rows: int
    columns: int
    readers: dict[int, tuple[int, ...]]
    inside: dict[int, int]

    def item(self, node: int) -> Item | None:
        """Where a node stands."""
        return self.items.get(self.inside.get(node, node))

    def sources(self, graph: Graph, node: int) -> tuple[Item, ...]:
        """The items that a gate reads, each once."""
        found = dict.fromkeys(i for i in graph.nodes[node].inputs if i in self.items)
        return tuple(self.items[i] for i in found)

    def until(self, node: int) -> int:
        """The last column that a wire runs to; its own column where no gate reads it."""
        item = self.items[node]
        return max((self.items[reader].column for reader in self.readers[node]), default=item.column)

    def lanes(self, column: int) -> int:
        """Lanes in front of a column."""
        return max((item.lane for item in self.items.values() if item.column == column), default=0)


def too_large(graph: Graph) -> str:
    """Why a graph is not drawn, and what to do; "" where it is."""
    gates = len(graph.ops)
    if gates <= DRAWN:
        return ""
    other = "layers" if graph.layers else "operations"
    return f"{gates} operations are too many for a picture ({DRAWN} at most): view {other}"


def at_left(graph: Graph) -> Circuit:
    """The circuit with all that is given at the left."""
    return _Arrangement(graph, near=False).made()


def near(graph: Graph) -> Circuit:
    """The circuit with what is given before its first reader: lower, and each name beside what reads it."""
    return _Arrangement(graph, near=True).made()


class _Arrangement:
    """Columns, then rows from left to right, then lanes."""

    def __init__(self, graph: Graph, near: bool) -> None:
        self.graph = graph
        self.inside: dict[int, int] = {}
        self.texts = {node.id: self._sign(node) for node in graph.ops}
        self.order = self._in_order()
        self.readers: dict[int, list[int]] = {i: [] for i in self.order}
        for i in self.order:
            for source in dict.fromkeys(graph.nodes[i].inputs):
                if source in self.readers:
                    self.readers[source].append(i)
        self.columns = self._columns(near)
        self.last = {
            i: max((self.columns[r] for r in readers), default=self.columns[i]) for i, readers in self.readers.items()
        }
        self.rows: dict[int, int] = {}

    def made(self) -> Circuit:
        """All of it."""
        for column in range(max(self.columns.values(), default=0) + 1):
            self._fill(column)
        first = min((row - self._above(i) for i, row in self.rows.items()), default=0)
        items = {}
        for i in self.order:
            node, gate = self.graph.nodes[i], i in self.texts
            text = self.texts[i] if gate else named(self.graph, node, tuple(size - 1 for size in node.shape))
            items[i] = Item(i, text, gate, self.columns[i], self.rows[i] - first, self._above(i))
        lanes = self._lanes(items)
        items = {i: item._replace(lane=lanes.get(i, 0)) for i, item in items.items()}
        rows = max((item.row + 2 for item in items.values()), default=0)
        readers = {i: tuple(found) for i, found in self.readers.items()}
        return Circuit(items, rows, max(self.columns.values(), default=0) + 1, readers, self.inside)

    # what there is

    def _sign(self, node: Node) -> str:
        """What stands in the gate: the operation's sign, with a number of the formula that it reads."""
        op = node.op
        assert op is not None
        inputs = [self.graph.nodes[i] for i in node.inputs]
        constants = [i for i in inputs if i.role == "const" and i.value is not None and i.value.size == 1]
        if op.name == "neg":
            return "×-1"
        if op.name == "power":
            return f"x^{numbers.significant(float(node.attributes['exponent']), 3)}"
        if len(inputs) == 2 and len(constants) == 1 and op.symbol:
            constant = constants[0]
            assert constant.value is not None
            self.inside[constant.id] = node.id
            text, last = numbers.significant(float(constant.value.reshape(-1)[0]), 4), constant is inputs[1]
            words = ("", text) if last or op.name in COMMUTE else (text, "x")
            return _signed(op.symbol.format(*words))
        if len(inputs) == 2 and op.symbol:
            return _signed(op.symbol.format(*(("x", "x") if inputs[0] is inputs[1] else ("", ""))))
        if len(inputs) > 2 and op.symbol:
            return _signed(op.symbol.format(*(each.symbol or each.label for each in inputs)))
        return op.name

    def _in_order(self) -> list[int]:
        """The nodes that are drawn, inputs before their readers: those that lead to the loss, then the others."""
        seen: dict[int, None] = {}
        for end in (self.graph.loss, *(node.id for node in reversed(self.graph.ops))):
            stack = [(end, False)]
            while stack:
                i, done = stack.pop()
                if done:
                    seen.setdefault(i)
                elif i not in seen and i not in self.inside:
                    stack.append((i, True))
                    stack += [(source, False) for source in reversed(self.graph.nodes[i].inputs)]
        return list(seen)

    def _columns(self, near: bool) -> dict[int, int]:
        """How many operations lie before each; what is given stands at the left, or before its first reader."""
        found: dict[int, int] = {}
        for i in self.order:
            sources = [found[source] for source in self.graph.nodes[i].inputs if source in found]
            found[i] = max(sources) + 1 if sources and i in self.texts else 0
        if near:
            for i in self.order:
                if i not in self.texts and self.readers[i]:
                    found[i] = min(found[reader] for reader in self.readers[i]) - 1
        return found

    def _above(self, i: int) -> int:
        return 2 if self.graph.nodes[i].shape and i in self.texts else 1

    # where it stands

    def _fill(self, column: int) -> None:
        """Rows for a column: gates in the middle of what they read, what is given beside its reader's other wires."""
        mine = [i for i in self.order if self.columns[i] == column]
        gates = [i for i in mine if i in self.texts]
        wanted = {i: self._middle(self.graph.nodes[i].inputs) for i in gates}
        for i in sorted(gates, key=lambda i: wanted[i] or 0.0):
            self._put(i, wanted[i])
        for i in mine:
            if i not in self.texts:
                others = [each for reader in self.readers[i][:1] for each in self.graph.nodes[reader].inputs]
                self._put(i, self._middle(others) if column else None)

    def _middle(self, of: Iterable[int]) -> float | None:
        rows = [self.rows[i] for i in of if i in self.rows]
        return sum(rows) / len(rows) if rows else None

    def _put(self, i: int, wanted: float | None) -> None:
        """The free row that is nearest to the wanted one; without one, below all others of the column."""
        if wanted is None:
            below = [self.rows[k] + 2 for k in self.rows if self.columns[k] == self.columns[i]]
            wanted = max(below, default=0) + self._above(i)
        start = int(wanted)
        for far in count():
            for row in (start + far, start - far):
                if self._free(i, row):
                    self.rows[i] = row
                    return

    def _free(self, i: int, row: int) -> bool:
        """Is there room for an item, with its labels, in a row of its column? It keeps away from the wires that pass,
        and from the rows in which a wire comes that it does not read, so that none seems to enter it."""
        column, reads = self.columns[i], self.graph.nodes[i].inputs
        top, bottom = row - self._above(i), row + 1
        for k, other in self.rows.items():
            if self.columns[k] == column:
                if other + 1 >= top and other - self._above(k) <= bottom:
                    return False
            elif self.last[k] > column:
                if top <= other <= bottom:
                    return False
            elif self.last[k] == column and k not in reads and other == row:
                return False
        return True

    def _lanes(self, items: dict[int, Item]) -> dict[int, int]:
        """A lane for each gate whose bus cannot stand over the gate itself."""
        found: dict[int, int] = {}
        taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for i, item in items.items():
            rows = [item.row, *(items[k].row for k in self.graph.nodes[i].inputs if k in items)]
            low, high = min(rows), max(rows)
            if not item.gate or low == high:
                continue
            others = [each.row for each in items.values() if each.column == item.column and each is not item]
            for lane in count(int(any(low <= row <= high for row in others))):
                spans = taken.setdefault((item.column, lane), [])
                if all(high < a or b < low for a, b in spans):
                    spans.append((low, high))
                    found[i] = lane
                    break
        return found


def _signed(text: str) -> str:
    """`** 2` as `^2`, `*` as `×`, no blanks."""
    return text.replace(" ", "").replace("**", "^").replace("*", "×")


def named(graph: Graph, node: Node, at: Sequence[int]) -> str:
    """`W1[0,1]`, `b1[0]`, `x[0,0]`, `z[0,1]`: which element of what is given, or computed. By its symbol, that of what
    is given numbered where several share it; in a formula by its name."""
    symbol = node.symbol or node.label
    if not graph.layers:
        symbol = node.name
    elif node.op is None:
        same = [each.id for each in graph.nodes if each.op is None and (each.symbol or each.label) == symbol]
        symbol = symbol if len(same) == 1 else f"{symbol}{same.index(node.id) + 1}"
    return f"{symbol}{numbers.index(at)}"
