"""The backward pass of a recorded step once more, with one thing done differently: what a slip makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import Recording

Rule = Callable[["Backward", Node, int, Array], "Array | None"]
"""(the pass, node, position of its input, ∂L/∂node) → what is added to the gradient of that input instead; None: what
is right."""


@dataclass(frozen=True, eq=False)
class Slip:
    """Something that one does wrong by hand.

    kind   a word for it · text  what it is, for a reader, with the names of the network
    rules  per node id: what is done there in the place of the right rule
    """

    kind: str
    text: str
    rules: Mapping[int, Rule]


class Backward:
    """Gradients of a recorded step under a slip. Only what the slip reaches is computed again; all else is recorded."""

    def __init__(self, recording: Recording) -> None:
        self.recording, self.graph = recording, recording.graph
        self._probes: dict[int, Probe] = {}

    def value(self, node: Node | int) -> Array:
        """The node's value as float64, whole numbers as they are."""
        return wide(self.recording.required(node))

    def probe(self, node: Node) -> Probe:
        """The node's own row, to be asked for other numbers."""
        if node.id not in self._probes:
            self._probes[node.id] = Probe(node, [self.value(i) for i in node.inputs])
        return self._probes[node.id]

    def right(self, node: Node, position: int, upstream: Array) -> Array:
        """What the node adds to the gradient of an input."""
        return self.probe(node).vjp(position, upstream)

    def gradients(self, slip: Slip) -> dict[int, Array]:
        """The gradients that are others than the recorded ones, by node id."""
        graph, changed = self.graph, dict[int, Array]()
        made: dict[tuple[int, int], Array] = {}
        reached = set(slip.rules)
        for node in reversed(graph.nodes):
            added = [pair for pair in graph.consumers[node.id] if pair in made]
            if added:
                parts = [made[pair] if pair in made else self._recorded(*pair) for pair in graph.consumers[node.id]]
                changed[node.id] = np.sum(parts, axis=0) if len(parts) > 1 else parts[0]
                reached.add(node.id)
            if node.op is None or node.id not in reached or not node.wants_grad:
                continue
            upstream = changed.get(node.id)
            if upstream is None:
                upstream = wide(np.asarray(self.recording.grad(node)))
            for position in positions(graph, node):
                rule = slip.rules.get(node.id)
                found = None if rule is None else rule(self, node, position, upstream)
                if found is None and node.id not in changed:
                    continue
                made[node.id, position] = self.right(node, position, upstream) if found is None else found
        return changed

    def _recorded(self, consumer: int, position: int) -> Array:
        found = self.recording.contribution(consumer, position)
        if found is not None:
            return wide(found)
        node = self.graph.nodes[consumer]
        return self.right(node, position, wide(np.asarray(self.recording.grad(node))))


def positions(graph: Graph, node: Node) -> Iterable[int]:
    """The inputs of a node that get a gradient from it."""
    return (i for i, source in enumerate(node.inputs) if (node.id, i) in graph.consumers[source])
