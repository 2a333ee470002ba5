"""The backward pass of a plan: where each contribution lies, and what they add up to.

Two things that no vjp does are done here: undoing a broadcast (`emit_sum_to`), and adding up the contributions of
several consumers, in the order of their arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import Arena, Slot
from bptui.model.engine.calls import Backward, Emit, emit_sum_to
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.ops.discrete import fill_cast


class Arrival(NamedTuple):
    """A contribution that is planned: its consumer, the position of the input there, and where it lies."""

    consumer: int
    position: int
    slot: Slot


def emit_rounded(emit: Emit, node: Node, out: Array) -> None:
    """To the node's kind of numbers, where that is not the program's."""
    if node.kind:
        emit(fill_cast, node.kind, out, out)


class BackwardPass:
    """The gradients of a graph, by node id.

    grads     where each lies, None where there is none (yet)
    arrivals  the contributions to each, in the order of their arrival
    arrays    the values;  saved  what the forward rule of each operation returned
    """

    def __init__(
        self, graph: Graph, arena: Arena, emit: Emit, arrays: Sequence[Array], saved: Mapping[int, Any]
    ) -> None:
        self.graph, self._arena, self._emit, self._arrays, self._saved = graph, arena, emit, arrays, saved
        self.grads: list[Slot | None] = [None] * len(graph.nodes)
        self.arrivals: list[list[Arrival]] = [[] for _ in graph.nodes]

    def write(self, order: Sequence[Node]) -> None:
        """The seed ∂L/∂L = 1, then the contributions of each node of `order` to its inputs."""
        graph = self.graph
        loss = graph.nodes[graph.loss]
        live = self._live()
        for node in graph.nodes:
            if node.wants_grad and self.grads[node.id] is None and not graph.consumers[node.id]:
                self.grads[node.id] = self._arena.take(node.shape)  # 0, unless it is the loss
        seed = self.grads[graph.loss]
        if seed is None:
            seed = self.grads[graph.loss] = self._arena.take(loss.shape)
        self._arena.view(seed)[...] = 1
        for node in order:
            before = {source: len(self.arrivals[source]) for source in node.inputs}
            self._contribute(node, node.id in live)
            for source, count in before.items():
                arrived = len(self.arrivals[source])
                if source != graph.loss and count < arrived == len(graph.consumers[source]):
                    self._accumulate(source)

    def _live(self) -> set[int]:
        """The nodes from which a path of derivatives leads to the loss."""
        graph, live = self.graph, {self.graph.loss}
        for node in reversed(graph.ops):
            if node.id in live and node.op is not None:
                sources = (source for i, source in enumerate(node.inputs) if node.op.differentiable(i))
                live.update(source for source in sources if graph.nodes[source].wants_grad)
        return live

    def _contribute(self, node: Node, live: bool) -> None:
        """Emit the vjp of a node. A node that does not reach the loss contributes 0, whatever its derivative is."""
        graph, op, arena = self.graph, node.op, self._arena
        assert op is not None
        shapes = [graph.nodes[i].shape for i in node.inputs]
        into: list[Array | None] = [None] * len(shapes)
        places: list[Slot | None] = [None] * len(shapes)
        for position, source in enumerate(node.inputs):
            if not graph.nodes[source].wants_grad or not op.differentiable(position):
                continue
            place = self._destination(source)
            places[position] = place
            shape = op.contribution(position, shapes, node.shape)
            into[position] = arena.view(place) if shape == shapes[position] else self._emit.temp(shape)
        upstream = self.grads[node.id]
        returned = None
        if live and upstream is not None and any(place is not None for place in places):
            inputs = [self._arrays[i] for i in node.inputs]
            out, saved = self._arrays[node.id], self._saved[node.id]
            returned = op.vjp(self._emit, Backward(arena.view(upstream), inputs, out, node.attributes, into, saved))
        for position in reversed(range(len(shapes))):  # from the last: only the end of the arena can be given back
            asked, array = places[position], into[position]
            if asked is not None and array is not None and live:
                ready = returned[position] if returned is not None else None
                to = graph.nodes[node.inputs[position]]
                places[position] = self._settle(to, asked, array, ready, to.kind in ("", node.kind))
        for position, taken in enumerate(places):
            if taken is not None:
                self.arrivals[node.inputs[position]].append(Arrival(node.id, position, taken))

    def _destination(self, source: int) -> Slot:
        """Where a contribution is written: the gradient itself where it is the only one."""
        own = self.grads[source]
        if len(self.graph.consumers[source]) == 1 and own is not None and source != self.graph.loss:
            return own
        return self._arena.take(self.graph.nodes[source].shape)

    def _settle(self, source: Node, place: Slot, array: Array, ready: Array | None, same: bool) -> Slot:
        """Bring what the vjp made (in `array`, or `ready`) to its place; returns where the contribution lies: where it
        is another gradient as it stands, and need not be rounded to another kind (`same`), there."""
        if ready is None and array.shape == source.shape:  # it was made there
            emit_rounded(self._emit, source, array)
            return place
        out = self._arena.view(place)
        made = array if ready is None else ready
        if made.shape == out.shape:
            shared = self._arena.find(made)
            if shared is not None and shared != place and same and self.grads[source.id] is not place:
                self._arena.give_back(place)
                return shared
            if shared != place:
                self._emit(np.copyto, out, made)
        else:
            emit_sum_to(self._emit, made, out)
        emit_rounded(self._emit, source, out)
        return place

    def _accumulate(self, source: int) -> None:
        """The gradient is the sum of its contributions in the order of arrival; a single one is the gradient."""
        places = [arrival.slot for arrival in self.arrivals[source]]
        own = self.grads[source]
        if len(places) == 1:
            self.grads[source] = own or places[0]
            return
        own = self.grads[source] = own or self._arena.take(self.graph.nodes[source].shape)
        total, *rest = (self._flat(place) for place in places)
        out = self._flat(own)
        for part in rest:
            self._emit(np.add, total, part, out)
            emit_rounded(self._emit, self.graph.nodes[source], out)
            total = out

    def _flat(self, place: Slot) -> Array:
        return self._arena.view(place).reshape(-1)
