"""One event once more, alone, in float64, by this engine: its operations from the recorded inputs, and backward from
the recorded gradients of its results. Errors do not add up over the step: what differs is this one event's rounding, or
its mistake. What lies inside an event, where nothing was recorded, is read from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording

OBJECTS = 4096
"""Bytes of the objects that one node of a run is, roughly."""


@dataclass(frozen=True)
class Alone:
    """A run of a few operations of a graph by themselves. own: id in the graph → id in `recording`."""

    recording: Recording
    own: Mapping[int, int]

    @cached_property
    def nbytes(self) -> int:
        """Bytes that it keeps: its numbers, those of its leaves, too, and the objects that hold them."""
        leaves = (node.value for node in self.recording.graph.nodes if node.value is not None)
        return self.recording.nbytes + sum(value.nbytes for value in leaves) + OBJECTS * len(self.recording.graph.nodes)

    def value(self, node: int) -> Array | None:
        """What a node of the graph is in it."""
        return self.recording.value(self.own[node])

    def contribution(self, consumer: int, position: int) -> Array | None:
        """What one of its operations adds to the gradient of its input."""
        return self.recording.contribution(self.own[consumer], position)

    def grad(self, node: int) -> Array | None:
        """The gradient of something inside, or what all of it adds to the gradient of an input."""
        return self.recording.grad(self.own[node])


def alone(
    graph: Graph, ops: Sequence[int], given: Mapping[int, Array], upstream: Mapping[int, Array], dtype: str = "float64"
) -> Alone:
    """Run the operations `ops` (ids, rising). given: the numbers of everything that they read from outside; upstream:
    the gradients of their results, of those that have one."""
    builder = Builder(dtype, where="capture", unbounded=True)
    own: dict[int, Node] = {}
    for i in ops:
        for source in graph.nodes[i].inputs:
            if source not in own:
                own[source] = _leaf(builder, graph.nodes[source], given[source])
        own[i] = builder.again(graph.nodes[i], [own[source] for source in graph.nodes[i].inputs])
    loss: Node | None = None
    for i, grad in upstream.items():
        if own[i].wants_grad:
            seed = _leaf(builder, Node(0, f"upstream of {i}", "const", grad.shape, wants_grad=False), grad)
            term = builder.use("sum", builder.use("mul", own[i], seed))
            loss = term if loss is None else builder.use("add", loss, term)
    if loss is None:  # nothing flows back
        free = _leaf(builder, Node(0, "nothing", "input", ()), np.zeros(()))
        loss = builder.use("neg", free)
    program = Program(builder.finish(loss), Optimizer(), dtype=dtype)
    return Alone(program.last(), {i: node.id for i, node in own.items()})


def _leaf(builder: Builder, node: Node, array: Array) -> Node:
    """A leaf with numbers as they were recorded, finite or not."""
    kind = np.int64 if node.whole else builder.dtype
    return builder.raw(node, np.asarray(array, kind, order="C").reshape(node.shape).view())
