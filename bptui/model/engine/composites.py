"""Composites in a graph: the nodes that one use of `layer_norm`, `conv2d`, `lstm_cell` … became, as one thing.

A CompositeUse has a `node` of its own: the whole as one use of one operation, whose row (a `CompositeRow`) has the
composite's definition. Cards, derivation and check read it as they read any node; its numbers are those of the parts:
its value is the result's, what it adds to a gradient is what its parts add together (`CompositeUse.passed`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.graph import CompositeCall, Graph, Node
from bptui.model.engine.ops.base import Composite, Op, Signature


@dataclass(frozen=True)
class CompositeRow(Op):
    """A composite as one operation: definition, names, attributes. It has no numbers: its parts have them."""

    composite: CompositeUse | None = None
    stretches: Any = None

    def signature(self, shapes: Sequence[Shape], attributes: Attributes) -> Signature:
        """As of any operation; which inputs broadcast is the composite's to say."""
        made = super().signature(shapes, attributes)
        return made if self.stretches is None else dataclasses.replace(made, stretched=self.stretches(shapes))


def composite_row(row: Composite, shape: Shape, use: CompositeUse | None = None) -> CompositeRow:
    """The composite as one operation that gives `shape`."""

    def parts(*_: Any) -> Any:
        raise TypeError(f"{row.name} is computed by its parts")

    return CompositeRow(
        row.name,
        row.inputs,
        row.definition,
        lambda shapes, attributes: shape,
        parts,
        parts,
        row.doc,
        row.attributes,
        indices=row.indices,
        fixed=row.fixed,
        convention=row.convention,
        broadcasts=row.stretched is not None,
        stretches=row.stretched,
        hint=row.hint,
        composite=use,
    )


@dataclass(frozen=True)
class CompositeUse:
    """One use of a composite.

    kind      the composite (`layer_norm`)
    parts     its operations in execution order; the last of them makes the result
    inputs    what they read from outside: computed and given ones first, then parameters; constants are not among them
    call      how it was asked for
    """

    kind: str
    parts: tuple[Node, ...]
    inputs: tuple[Node, ...]
    call: CompositeCall

    @property
    def result(self) -> Node:
        """The node that the composite is named after."""
        return self.parts[-1]

    @cached_property
    def ids(self) -> frozenset[int]:
        """The ids of its parts."""
        return frozenset(part.id for part in self.parts)

    @cached_property
    def node(self) -> Node:
        """The whole as one use of one operation. Its id and name are the result's, so are its value and gradient."""
        row, asked = composite_row(self.call.row, self.result.shape, self), self.call
        return dataclasses.replace(self.result, op=row, inputs=asked.inputs, attributes=asked.attributes)

    def place(self, node: Node) -> int:
        """Which of its parts a node is, from 0."""
        return next(n for n, part in enumerate(self.parts) if part.id == node.id)

    def passed(self, found: Iterable[Any], position: int) -> list[Any]:
        """Those of some contributions (or arrivals) that go to the composite's input at `position`."""
        reads = self.call.reads
        return [each for each in found if reads.get((each.consumer, each.position)) == position]


def passing(found: Iterable[Any], node: Node, position: int) -> list[Any]:
    """Those of some contributions (or arrivals) that a node's input at `position` gets from it; of the node of a
    composite, from all of its parts."""
    if isinstance(node.op, CompositeRow) and node.op.composite is not None:
        return node.op.composite.passed(found, position)
    return [each for each in found if (each.consumer, each.position) == (node.id, position)]


def composites(graph: Graph) -> Mapping[int, CompositeUse]:
    """The composite of each node that is part of one of two operations or more, by its id; found once for a graph."""
    return graph.once(_find)


def composite_of(graph: Graph, node: Node) -> CompositeUse | None:
    """The composite that a node is part of, None where it stands for itself."""
    return composites(graph).get(node.id)


def made_by(graph: Graph, node: Node) -> CompositeUse | None:
    """The composite whose result a node is."""
    composite = composite_of(graph, node)
    return composite if composite is not None and composite.result.id == node.id else None


def _find(graph: Graph) -> Mapping[int, CompositeUse]:
    groups: dict[str, list[Node]] = {}
    for node in graph.ops:
        if node.composite:
            groups.setdefault(node.composite, []).append(node)
    made: dict[int, CompositeUse] = {}
    for name, parts in groups.items():
        if len(parts) < 2 or not graph.composite_calls[name].row.definition:
            continue
        own = {part.id for part in parts}
        read = [i for part in parts for i in part.inputs if i not in own and graph.nodes[i].role != "const"]
        found = [graph.nodes[i] for i in dict.fromkeys(read)]
        inputs = tuple(sorted(found, key=lambda node: node.role == "param"))
        call = graph.composite_calls[name]
        composite = CompositeUse(call.row.name, tuple(parts), inputs, call)
        made |= {part.id: composite for part in parts}
    return MappingProxyType(made)
