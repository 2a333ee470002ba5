"""Where one number comes from, as a table: the terms of a value, or what each sample and consumer adds to a gradient.

What a value is made of is said by the definition of its operation. The numbers never import the proof: this is the one
place of the debugger that asks `bptui.symbolic.card.addends` for it, by name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.arithmetic import cancelled
from bptui.model.base.places import ravel, unravel
from bptui.model.base.spans import Line, Span
from bptui.model.base.types import Array, Index
from bptui.model.debugger.answers.contributions import (
    Contributed,
    Group,
    contributed,
    locals_of,
    shown_grad,
    size_of,
    total,
)
from bptui.model.debugger.lines import kind
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.rounding import settled

TERMS = "bptui.symbolic.card.addends"
Of = Literal["value", "gradient"]


class Producer(NamedTuple):
    """Where a number was made: the value of an element, or the gradient that came to it; `given`: nothing made it."""

    node: int
    element: Index
    of: Of
    given: bool = False


class Cell(NamedTuple):
    """A number of the table, how a formula writes it (a value's factors), and who made it; of a gradient's cell that is
    one term, upstream and local derivative."""

    number: float
    shown: Line = ()
    producer: Producer | None = None
    product: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """A term of a value, or what one sample adds to a gradient. `zero` says why it is 0."""

    label: str
    cells: tuple[Cell | None, ...]
    sum: float
    zero: str = ""

    @property
    def producer(self) -> Producer | None:
        """Who made most of it: of the largest of its numbers, of a computed one first."""
        known = [cell for cell in self.cells if cell is not None and cell.producer is not None]

        def worth(cell: Cell) -> tuple[bool, float]:
            assert cell.producer is not None
            return not cell.producer.given, size_of(cell.number)

        return max(known, key=worth).producer if known else None


class Head(NamedTuple):
    """Of a column: the consumer, and the operations between that only move the number."""

    consumer: Node
    through: tuple[Node, ...]


@dataclass(frozen=True)
class Explained:
    """One number, taken apart.

    relation  of the cells of a row: they add up to it (a gradient's contributions), are its factors (sum, product),
              stand in its formula (formula), or it is one of several (choice)
    index     what the labels of the rows are: `sample`, or the letters of a sum
    heads     of the columns of a gradient
    rows      largest first;  rest  how many are not told, and what they come to
    waiting   columns that are not in yet
    number    what all of it comes to, None where that is not there
    eps       the distance from 1 to the next number of its precision
    skipped   operations that only move the number, on the way from its producers
    """

    node: Node
    element: Index
    of: Of
    relation: Literal["add", "sum", "product", "formula", "choice", "none"]
    number: float | None
    eps: float = 2.0**-52
    index: str = ""
    heads: tuple[Head, ...] = ()
    rows: tuple[Row, ...] = ()
    rest: tuple[int, float] = (0, 0.0)
    waiting: frozenset[int] = frozenset()
    skipped: tuple[Node, ...] = ()

    def share(self, x: float) -> float | None:
        """What part of all that the rows add or take away a number is."""
        whole = math.fsum(abs(row.sum) for row in self.rows if math.isfinite(row.sum)) + abs(self.rest[1])
        return abs(x) / whole if whole and math.isfinite(whole) and math.isfinite(x) else None

    def producer(self, row: int, column: int) -> Producer | None:
        """Who made a number of the table; of a table of one row the consumers stand down."""
        if not self.rows:
            return None
        if self.of == "gradient" and len(self.rows) == 1:
            row, column = 0, row
        chosen = self.rows[max(0, min(row, len(self.rows) - 1))]
        cell = chosen.cells[column] if self.relation != "sum" and column < len(chosen.cells) else None
        return cell.producer if cell is not None and cell.producer is not None else chosen.producer

    def without_number(self) -> Explained:
        """The same with its number kept back, and whatever of the table is nothing but that: of a table of one row what
        that comes to, of one contribution itself, of a choice what is chosen from."""
        if len(self.rows) != 1:
            return replace(self, number=numbers.CONCEALED)
        row = self.rows[0]
        if self.relation == "choice" or (self.relation == "add" and len(row.cells) == 1):
            row = replace(row, cells=tuple(cell and cell._replace(number=numbers.CONCEALED) for cell in row.cells))
        return replace(self, number=numbers.CONCEALED, rows=(replace(row, sum=numbers.CONCEALED),))

    def columns(self) -> tuple[float | None, ...]:
        """What each column adds up to."""
        found: list[float | None] = []
        for n in range(len(self.heads)):
            cells = [row.cells[n] for row in self.rows]
            known = [cell.number for cell in cells if cell is not None]
            found.append(None if n in self.waiting else total(known))
        return tuple(found)


def value_of(recording: Recording, node: int, element: Index) -> Explained:
    """What the value of an element is made of. Raises NotRecorded."""
    graph = recording.graph
    about = graph.nodes[node]
    array = settled(recording, recording.required(node), lambda other: other.value(node))
    assert array is not None
    number = float(array[element])
    made: Any = None
    if about.op is not None and not about.op.opaque:
        made = import_module(TERMS).addends(recording, about, element)
    if made is None:
        return Explained(about, element, "value", "none", number, eps=_eps(array))
    skipped: dict[int, Node] = {}
    rows = []
    for term in made.terms:
        cells = [Cell(f.value, f.shown, _behind(recording, f.source, skipped)) for f in term.factors]
        rows.append(Row(term.label, tuple(cells), term.value, _zero(cells, term.value, made.relation)))
    return Explained(
        about,
        element,
        "value",
        made.relation,
        number,
        _eps(array),
        made.letters,
        rows=tuple(rows),
        rest=made.rest,
        skipped=tuple(skipped.values()),
    )


def _zero(cells: list[Cell], value: float, relation: str) -> str:
    """Which factor makes a product 0."""
    if value != 0 or relation not in ("sum", "product"):
        return ""
    names = ["".join(span.text for span in cell.shown) for cell in cells if cell.number == 0]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} 0" if names else ""


def _behind(recording: Recording, source: tuple[int, Index] | None, skipped: dict[int, Node]) -> Producer | None:
    """Who made an element, operations that only move numbers looked through."""
    if source is None:
        return None
    graph, (node, element) = recording.graph, source
    while graph.nodes[node].op is not None and not graph.nodes[node].op.opaque:  # type: ignore[union-attr]
        moved = locals_of(recording).of(node).moved
        if moved is None:
            break
        shape = graph.nodes[node].shape
        flat = ravel(element, shape)
        position, place = int(moved[0][flat]), int(moved[1][flat])
        if position < 0:
            break
        skipped[node] = graph.nodes[node]
        node = graph.nodes[node].inputs[position]
        element = unravel(place, graph.nodes[node].shape)
    return Producer(node, element, "value", graph.nodes[node].op is None)


def gradient_of(
    recording: Recording, node: int, element: Index, waiting: frozenset[tuple[int, int]], samples: int
) -> Explained:
    """What ∂L/∂node[element] is the sum of; `waiting`: (consumer, position) of the contributions that are not in yet,
    `samples`: the length of the batch, 0 where there is none. Raises NotRecorded."""
    graph = recording.graph
    about = graph.nodes[node]
    made = contributed(recording, about, element, waiting)
    heads = tuple(Head(graph.nodes[use.consumer], tuple(graph.nodes[i] for i in use.through)) for use in made.uses)
    rows = tuple(_row(made, n) for n in range(len(made.keys)))
    number: float | None = None
    array = shown_grad(recording, node)
    if not waiting:
        number = None if array is None else float(array[element])
    elif rows:
        number = total([row.sum for row in rows])
    parts = [cell.number for row in rows for cell in row.cells if cell is not None]
    if number is not None and cancelled(number, total(parts), total(list(map(abs, parts))), _eps(array)):
        number = 0.0
    skipped = dict.fromkeys(node.id for head in heads for node in head.through)
    return Explained(
        about,
        element,
        "gradient",
        "add",
        number,
        _eps(array),
        _index(graph, made, samples),
        heads,
        rows,
        waiting=made.waiting,
        skipped=tuple(graph.nodes[i] for i in skipped),
    )


def _eps(array: Array | None) -> float:
    """The distance from 1 to the next number of an array's precision."""
    return float(np.finfo(array.dtype).eps) if array is not None and array.dtype.kind == "f" else 2.0**-52


def _row(made: Contributed, n: int) -> Row:
    cells: list[Cell | None] = []
    for use, group in zip(made.uses, made.groups[n], strict=True):
        if group is None:
            cells.append(None)
            continue
        term = group.largest
        product = None if len(group.terms) > 1 or term.local is None else (term.upstream, term.local)
        cells.append(Cell(group.sum, (), Producer(use.consumer, term.at, "gradient"), product))
    key = made.keys[n]
    return Row("" if key is None else str(key), tuple(cells), made.row(n), _why(made.groups[n]))


def _why(groups: tuple[Group | None, ...]) -> str:
    """Why all of a row is 0: the reasons of its columns, each once."""
    known = [group for group in groups if group is not None]
    if not known or any(group.sum != 0 for group in known):
        return ""
    found = dict.fromkeys(term.zero for group in known for term in group.terms if term.zero)
    reasons = list(found)
    if len(reasons) > 2:
        return f"{reasons[0]}, and {len(reasons) - 1} reasons more"
    if len(reasons) == 2 and all(reason.endswith(" is 0") for reason in reasons):
        return f"{reasons[0]}, {reasons[1].removesuffix(' is 0')} too"
    return ", ".join(reasons) or "its terms cancel"


def _index(graph: Graph, made: Contributed, samples: int) -> str:
    """What one row of the table is: `sample` where the rows are the first axis of something computed from the given
    data, else `row` or the index of the axis, `[·,i]`."""
    if made.axis is None:
        return ""
    for use in made.uses:
        shape = graph.nodes[use.consumer].shape
        if made.axis == 0 and shape and (shape[0] == samples or _is_data(graph, use.consumer, shape[0])):
            return "sample"
    ranks = {len(graph.nodes[use.consumer].shape) for use in made.uses}
    marks = ["·"] * max(ranks)
    marks[made.axis] = "i"
    return "row" if made.axis == 0 and len(marks) > 1 else f"[{','.join(marks)}]"


def _is_data(graph: Graph, node: int, size: int) -> bool:
    """Is it computed from something given whose first axis has that size?"""
    behind = (graph.nodes[i] for i in graph.before(node))
    return any(each.role in ("input", "target") and each.shape[:1] == (size,) for each in behind)


def heading(head: Head) -> Line:
    """`t1`; the name in the kind's colour."""
    return (Span(head.consumer.label if head.consumer.scope else head.consumer.name, kind(head.consumer)),)


def label(row: Row) -> str:
    """`[3]`."""
    return f"[{row.label}]" if row.label else ""


def percent(part: float | None) -> str:
    """`63%`; nothing where there is no whole."""
    if part is None:
        return ""
    return f"{part:.0%}" if part == 0 or part >= 0.005 else "<1%"


def name_of(node: Node, element: Index, of: Of | None) -> str:
    """`∂L/∂W[0,0]`, `a[0,1]`."""
    name = f"{node.name}{numbers.index(element)}"
    return f"∂L/∂{name}" if of == "gradient" else name
