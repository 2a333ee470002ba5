"""Ways through a graph: what an operation reads, who reads it, what it is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from bptui.model.engine.graph import Graph, Node


class Walk:
    """A graph to walk through. captured: it is of a captured step."""

    def __init__(self, graph: Graph, captured: bool = False) -> None:
        self.graph, self._captured = graph, captured

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """What an operation reads."""
        return tuple(self.graph.nodes[i] for i in node.inputs)

    @cached_property
    def _readers(self) -> tuple[tuple[Node, ...], ...]:
        found: list[list[Node]] = [[] for _ in self.graph.nodes]
        for node in self.graph.ops:
            for i in dict.fromkeys(node.inputs):
                found[i].append(node)
        return tuple(map(tuple, found))

    def readers(self, node: Node) -> tuple[Node, ...]:
        """The operations that read a node."""
        return self._readers[node.id]

    def before(self, node: Node) -> Iterator[Node]:
        """A node and all that it is computed from, last first."""
        wanted = {node.id}
        for i in range(node.id, -1, -1):
            if i in wanted:
                found = self.graph.nodes[i]
                wanted.update(found.inputs)
                yield found

    def leaves(self, node: Node) -> Iterator[Node]:
        """What a node is computed from, and is not computed itself."""
        return (found for found in self.before(node) if found.op is None)

    def is_data(self, node: Node) -> bool:
        """Is it a given number that is no parameter? Of a captured step, where what is given has no gradient, also what
        was computed from nothing else."""
        if self._captured and node.op is not None:
            return not node.wants_grad and not any(leaf.scope for leaf in self.leaves(node))
        return node.op is None and node.role in ("input", "target") and not node.scope
