"""Composites in a graph: the nodes that one use of `layer_norm`, `conv2d`, `lstm_cell` … became, as one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bptui.model.graph import Graph, Node


@dataclass(frozen=True)
class Fold:
    """One use of a composite.

    kind    the composite (`layer_norm`)
    parts   its operations in execution order; the last of them makes the result
    inputs  what they read from outside: computed and given ones first, then parameters; constants are not among them
    """

    kind: str
    parts: tuple[Node, ...]
    inputs: tuple[Node, ...]

    @property
    def result(self) -> Node:
        """The node that the composite is named after."""
        return self.parts[-1]

    def place(self, node: Node) -> int:
        """Which of its parts a node is, from 0."""
        return next(n for n, part in enumerate(self.parts) if part.id == node.id)


def folds(graph: Graph) -> Mapping[int, Fold]:
    """The composite of each node that is part of one of two operations or more, by its id; found once for a graph."""
    found: Mapping[int, Fold] | None = graph.__dict__.get("_folds")
    if found is None:
        found = graph.__dict__["_folds"] = MappingProxyType(_find(graph))
    return found


def fold_of(graph: Graph, node: Node) -> Fold | None:
    """The composite that a node is part of, None where it stands for itself."""
    return folds(graph).get(node.id)


def _find(graph: Graph) -> dict[int, Fold]:
    groups: dict[str, list[Node]] = {}
    for node in graph.ops:
        if node.fold:
            groups.setdefault(node.fold, []).append(node)
    made: dict[int, Fold] = {}
    for name, parts in groups.items():
        if len(parts) < 2:
            continue
        own = {part.id for part in parts}
        read = [i for part in parts for i in part.inputs if i not in own and graph.nodes[i].role != "const"]
        found = [graph.nodes[i] for i in dict.fromkeys(read)]
        inputs = tuple(sorted(found, key=lambda node: node.role == "param"))
        fold = Fold(name.partition(" as ")[0], tuple(parts), inputs)
        made |= {part.id: fold for part in parts}
    return made
