"""A record as a Graph: each event is the operations that it is in bptui, or one opaque operation.

Everything that a loss depends on is in it, in the order in which it was called. No tensor is read for it but those that
decide what is built (positions, class numbers); the numbers of a leaf are read when somebody looks at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bptui.model.base.collecting import no_collecting
from bptui.model.base.types import Array
from bptui.model.engine.build import Builder, Label
from bptui.model.engine.graph import Graph, Layer, Node, Role
from bptui.model.engine.opaque import opaque
from bptui.model.engine.recording import NotRecorded
from bptui.model.engine.timeline import Event as Stop
from bptui.model.engine.timeline import Timeline
from bptui.model.source.captured.call import Apart, Found, Lacks, Workshop
from bptui.model.source.captured.known import argument, is_drawn, said, short
from bptui.model.source.captured.record import FLOATS, Backward, Event, Record, Update

LISTED = 64
"""Inputs that an opaque operation names."""


@dataclass
class Captured:
    """A record, its Graph, and which belongs to which.

    node_of   value → the id of the node that holds it
    values_of node id → the values that it holds: several where an event changed nothing (`contiguous`)
    reads     leaf id → how its numbers are made, where they are not simply those of a value
    nodes_of  event id → the ids of its operations, rising; none where it is no operation, or its results are given
    event_of  node id → the event that it is a part of
    unknown   id of an opaque operation → why bptui does not know it
    apart     node id → by how much PyTorch's derivative of it is another number
    """

    record: Record
    graph: Graph
    timeline: Timeline
    node_of: Mapping[int, int]
    values_of: Mapping[int, Sequence[int]]
    reads: Mapping[int, Found]
    nodes_of: Mapping[int, Sequence[int]]
    event_of: Mapping[int, Event]
    unknown: Mapping[int, str]
    apart: Mapping[int, Apart]

    def read(self, leaf: int) -> Array | None:
        """The numbers of a leaf; None where they were not kept."""
        if leaf in self.reads:
            return self.reads[leaf]()
        node = self.graph.nodes[leaf]
        if node.value is not None:
            return node.value
        return self.record.array(self.values_of[leaf][0])


def captured(record: Record) -> Captured:
    """The Graph of a record. Where the program ended before its backward pass, or its loss depends on nothing that has
    a gradient, nothing in it has one."""
    with no_collecting():
        return _Building(record).finished()


@dataclass
class _Made:
    """What is found out while building; see `Captured`."""

    nodes_of: dict[int, list[int]] = field(default_factory=dict)
    event_of: dict[int, Event] = field(default_factory=dict)
    unknown: dict[int, str] = field(default_factory=dict)


class _Building:
    def __init__(self, record: Record) -> None:
        self.record, self.step = record, record.step
        self.builder = Builder("float64", where="capture", unbounded=True)
        self.shop = Workshop(record, self.builder)
        self.made = _Made()
        self.names = {value: name for name, value in self.step.parameters.items()}
        self.trained = {row.value for update in self.step.updates for group in update.groups for row in group.rows}
        self.hooked = {value: name for backward in self.step.backwards for value, (name, _) in backward.hooked.items()}
        self.losses: list[Node] = []

    def finished(self) -> Captured:
        leading = self.step.leading
        given = self._given(leading)
        for event in leading:
            for value in event.inputs:
                if value in given:
                    self._leaf(value, argument(event, value))
            self._event(event)
        for value in sorted(self.trained):
            maker = self.step.made_by.get(value)
            if value not in self.shop.nodes and (maker is None or maker.notes.get("no_grad")):
                self._leaf(value)
        layers = self._layers()
        loss = self._loss()
        cut = loss is None or not loss.wants_grad  # a loss may start from what was cut off from all parameters
        graph = self.builder.unfinished(layers) if cut or loss is None else self.builder.finish(loss, layers)
        values_of: dict[int, list[int]] = {}
        for value, node in self.shop.nodes.items():
            values_of.setdefault(node.id, []).append(value)
        node_of = {value: node.id for value, node in self.shop.nodes.items()}
        made = self.made
        timeline = Timeline(graph, tuple(self._stops(graph, node_of)))
        return Captured(
            self.record,
            graph,
            timeline,
            node_of,
            values_of,
            self.shop.reads,
            made.nodes_of,
            made.event_of,
            made.unknown,
            self.shop.apart,
        )

    # --------------------------------------------------------------------------------------------------------- leaves
    def _given(self, leading: Sequence[Event]) -> set[int]:
        """The values that events read and none of them makes."""
        made = {out for event in leading for out in event.outs}
        return {value for event in leading for value in event.inputs} - made

    def _leaf(self, value: int, read_as: str = "") -> None:
        """A leaf whose numbers are read later. What is no float is made a leaf where it is used: as mask, as index. It
        has the name that the program has for it, else that of the argument which it is for the first that reads it."""
        v = self.step.values[value]
        if value in self.shop.nodes or v.dtype not in FLOATS:
            return
        name = self.names.get(value) or self.shop.called(value) or read_as or "given"
        role: Role = "param" if value in self.trained else "input"
        label = Label(self.shop.fresh(name), symbol=name.rpartition(".")[2])
        self.shop.nodes[value] = self.builder.leaf(label, role, shape=tuple(v.shape), wants_grad=v.wants_grad)

    # --------------------------------------------------------------------------------------------------------- events
    def _event(self, event: Event) -> None:
        first = self.builder.count
        if is_drawn(self.step, event):
            for out in event.outs:
                self._leaf(out)
            return
        try:
            if "hook" in event.notes:
                raise Lacks(f"the gradient was changed by {event.notes['hook']}")
            outs = said(self.shop, event)
            hooks = [self.hooked[out] for out in event.outs if out in self.hooked]
            if hooks and all(node.id < first for node in outs.values()):  # what arrives at it is not what goes on
                raise Lacks(f"the gradient was changed by {hooks[0]}")
        except Lacks as why:
            self.builder.undo(first)
            self.shop.forget(first)
            if not any(self.step.values[out].wants_grad for out in event.outs):
                for out in event.outs:  # no gradient passes it: what it gave is given
                    self._leaf(out)
                return
            outs = self._opaque(event, str(why))
        for value, node in outs.items():
            if self.step.values[value].wants_grad and event.notes.get("no_grad"):
                self._leaf(value)  # a parameter that was changed by hand: no gradient flows on from here
                continue
            if node.wants_grad and not self.step.values[value].wants_grad:
                node = self.builder.stopped(node)
            self.shop.nodes[value] = node
        made = range(first, self.builder.count)
        ops = [i for i in made if self.builder.node(i).op is not None]
        self.made.nodes_of[event.id] = ops
        self.made.event_of.update(dict.fromkeys(ops, event))

    def _opaque(self, event: Event, why: str) -> dict[int, Node]:
        inputs = [v for v in dict.fromkeys(event.inputs) if v in self.shop.nodes][:LISTED]
        names = tuple(f"x{i}" for i in range(len(inputs)))
        outs = {}
        for out in event.outs:
            value = self.step.values[out]
            if value.dtype not in FLOATS:
                continue
            op = opaque(short(event.name), names, tuple(value.shape), why)
            name = self.shop.fresh(short(event.name), event.module)
            outs[out] = self.builder.use(op, *(self.shop.nodes[v] for v in inputs), name=name, scope=event.module)
            self.made.unknown[outs[out].id] = why
        return outs

    def _loss(self) -> Node | None:
        """The loss of the step: what the backward pass started from, times the gradient that it was started with; where
        several started, the sum of these. None where none did."""
        starts: dict[tuple[int, int | None], Node] = {}
        for backward in self.step.backwards:
            for loss, seed in backward.losses:
                if loss in self.shop.nodes:
                    starts.setdefault((self.shop.nodes[loss].id, seed), self._seeded(self.shop.nodes[loss], seed))
        if not starts:
            return None
        total, *more = starts.values()
        for other in more:
            total = self.builder.use("add", total, other, name=self.shop.fresh("losses"))
        return total

    def _seeded(self, loss: Node, seed: int | None) -> Node:
        """One number: the loss itself, or, of several, their sum, each times the gradient that was given for it."""
        if loss.shape == ():
            return loss
        if seed is not None:
            given = self.shop.given(loss.shape, lambda: _numbers(self.record, seed), name="seed")
            loss = self.builder.use("mul", loss, given, name=self.shop.fresh("seeded"))
        return self.builder.use("sum", loss, name=self.shop.fresh("losses"))

    def _layers(self) -> list[Layer]:
        scopes = dict.fromkeys(event.module for event in self.made.event_of.values() if event.module)
        modules = self.step.modules
        return [Layer(scope, modules[scope].kind if scope in modules else "") for scope in scopes]

    # ----------------------------------------------------------------------------------------------------- the timeline
    def _stops(self, graph: Graph, node_of: Mapping[int, int]) -> Iterator[Stop]:
        """Forward, backward and update as they happened."""
        later: list[tuple[int, int, Backward | Update]] = [
            *((b.after, 0, b) for b in self.step.backwards), *((u.after, 1, u) for u in self.step.updates)
        ]  # fmt: skip
        later.sort(key=lambda row: row[:2])
        done: set[int] = set()
        for event in self.step.leading:
            while later and later[0][0] <= event.id:
                yield from self._later(later.pop(0)[2], graph, node_of, done)
            for node in self.made.nodes_of.get(event.id, ()):
                done.add(node)
                yield Stop("forward", node)
        rest = [node.id for node in graph.ops if node.id not in done]
        done.update(rest)
        yield from (Stop("forward", node) for node in rest)
        for _, _, row in later:
            yield from self._later(row, graph, node_of, done)

    def _later(
        self, row: Backward | Update, graph: Graph, node_of: Mapping[int, int], done: set[int]
    ) -> Iterator[Stop]:
        if isinstance(row, Backward):
            starts = [node_of[loss] for loss, _ in row.losses if loss in node_of]
            yield from (Stop("backward", start, True) for start in starts)
            reached = _reached(graph, starts)
            yield from (Stop("backward", node) for node in sorted(reached, reverse=True) if node in done)
        else:
            moved = (row for group in row.groups for row in group.rows if row.after is not None)
            yield from (Stop("update", node_of[row.value]) for row in moved if row.value in node_of)


def _numbers(record: Record, value: int) -> Array:
    found = record.array(value)
    if found is None:
        raise NotRecorded(f"value {value} was not recorded")
    return found


def _reached(graph: Graph, starts: Sequence[int]) -> set[int]:
    """The operations through which the gradients of some nodes flow back."""
    found: set[int] = set()
    waiting = list(starts)
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.op is None or node.id in found or not node.wants_grad:
            continue
        found.add(node.id)
        waiting += node.inputs
    return found
