"""Composites in a graph: the nodes that one use of `layer_norm`, `conv2d`, `lstm_cell` … became, as one thing.

A CompositeUse has a `node` of its own: the whole as one use of one operation, whose row (a `Whole`) has the composite's
definition. Cards, derivation and check read it as they read any node; its numbers are those of the parts: its value is
the result's, what it adds to a gradient is what its parts add together (`CompositeUse.passed`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.graph import Composed, Graph, Node
from bptui.model.engine.ops.base import Composite, Op, Signature


@dataclass(frozen=True)
class Whole(Op):
    """A composite as one operation: definition, names, attributes. It has no numbers: its parts have them."""

    fold: CompositeUse | None = None
    stretches: Any = None

    def signature(self, shapes: Sequence[Shape], attributes: Attributes) -> Signature:
        """As of any operation; which inputs broadcast is the composite's to say."""
        made = super().signature(shapes, attributes)
        return made if self.stretches is None else dataclasses.replace(made, stretched=self.stretches(shapes))


def whole_row(composite: Composite, shape: Shape, fold: CompositeUse | None = None) -> Whole:
    """The composite as one operation that gives `shape`."""

    def parts(*_: Any) -> Any:
        raise TypeError(f"{composite.name} is computed by its parts")

    return Whole(
        composite.name,
        composite.inputs,
        composite.definition,
        lambda shapes, attributes: shape,
        parts,
        parts,
        composite.doc,
        composite.attributes,
        indices=composite.indices,
        fixed=composite.fixed,
        convention=composite.convention,
        broadcasts=composite.stretched is not None,
        stretches=composite.stretched,
        hint=composite.hint,
        fold=fold,
    )


@dataclass(frozen=True)
class CompositeUse:
    """One use of a composite.

    kind      the composite (`layer_norm`)
    parts     its operations in execution order; the last of them makes the result
    inputs    what they read from outside: computed and given ones first, then parameters; constants are not among them
    composed  how it was asked for
    """

    kind: str
    parts: tuple[Node, ...]
    inputs: tuple[Node, ...]
    composed: Composed

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
        row, asked = whole_row(self.composed.row, self.result.shape, self), self.composed
        return dataclasses.replace(self.result, op=row, inputs=asked.inputs, attributes=asked.attributes)

    def place(self, node: Node) -> int:
        """Which of its parts a node is, from 0."""
        return next(n for n, part in enumerate(self.parts) if part.id == node.id)

    def passed(self, found: Iterable[Any], position: int) -> list[Any]:
        """Those of some contributions (or arrivals) that go to the composite's input at `position`."""
        reads = self.composed.reads
        return [each for each in found if reads.get((each.consumer, each.position)) == position]


def passing(found: Iterable[Any], node: Node, position: int) -> list[Any]:
    """Those of some contributions (or arrivals) that a node's input at `position` gets from it; of the node of a
    composite, from all of its parts."""
    if isinstance(node.op, Whole) and node.op.fold is not None:
        return node.op.fold.passed(found, position)
    return [each for each in found if (each.consumer, each.position) == (node.id, position)]


def composites(graph: Graph) -> Mapping[int, CompositeUse]:
    """The composite of each node that is part of one of two operations or more, by its id; found once for a graph."""
    return graph.once(_find)


def composite_of(graph: Graph, node: Node) -> CompositeUse | None:
    """The composite that a node is part of, None where it stands for itself."""
    return composites(graph).get(node.id)


def made_by(graph: Graph, node: Node) -> CompositeUse | None:
    """The composite whose result a node is."""
    fold = composite_of(graph, node)
    return fold if fold is not None and fold.result.id == node.id else None


def _find(graph: Graph) -> Mapping[int, CompositeUse]:
    groups: dict[str, list[Node]] = {}
    for node in graph.ops:
        if node.fold:
            groups.setdefault(node.fold, []).append(node)
    made: dict[int, CompositeUse] = {}
    for name, parts in groups.items():
        if len(parts) < 2:
            continue
        own = {part.id for part in parts}
        read = [i for part in parts for i in part.inputs if i not in own and graph.nodes[i].role != "const"]
        found = [graph.nodes[i] for i in dict.fromkeys(read)]
        inputs = tuple(sorted(found, key=lambda node: node.role == "param"))
        composed = graph.composed[name]
        fold = CompositeUse(composed.row.name, tuple(parts), inputs, composed)
        made |= {part.id: fold for part in parts}
    return MappingProxyType(made)
