"""What a run did, call by call, so that it can be held against what another run did.

A call is what its author wrote: an event of a captured step, a composite of this engine, or one operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bptui.model.base.printable import one_line
from bptui.model.engine.composites import composite_of
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.recording import Recording
from bptui.model.source.captured.known import short
from bptui.model.source.captured.record import Event, Site
from bptui.model.source.captured.recording import CapturedRecording

MOVES = frozenset({"transpose", "reshape", "slice", "cast", "expand", "broadcast", "concat"})
"""Operations that only move numbers: they tell nothing of what a call computes."""


@dataclass(frozen=True)
class Call:
    """number   from 1, in the order of the run
    nodes    ids of its operations, rising
    results  ids of those that operations outside of it read, or that none reads; what the call returns first
    inputs   ids of what it reads from outside, in the order of the call; numbers written in it are not among them
    module, function  where, and what was called, by the names that the run has for them
    kind     what it computes, by bptui's name, so that runs of different origin can be paired
    moves    it only moves numbers (a view, a transpose)
    event    of a captured step
    """

    number: int
    nodes: tuple[int, ...]
    results: tuple[int, ...]
    inputs: tuple[int, ...]
    module: str
    function: str
    kind: str
    moves: bool
    event: Event | None = None

    @property
    def site(self) -> Site | None:
        """The line of the user's code that called."""
        return None if self.event is None else self.event.site


def captured(recording: Recording) -> CapturedRecording | None:
    """The recording as a captured step, where it is one."""
    return recording if isinstance(recording, CapturedRecording) else None


def calls(recording: Recording) -> tuple[Call, ...]:
    """All calls of a run that compute, in their order."""
    graph, step = recording.graph, captured(recording)

    def key(node: Node) -> tuple[str, object]:
        event = None if step is None else step.captured.event_of.get(node.id)
        if event is not None:
            return "event", event.id
        return ("composite", node.composite) if node.composite else ("node", node.id)

    groups = [list(group) for _, group in groupby(recording.timeline.forward, key)]
    return tuple(_call(number, graph, nodes, step) for number, nodes in enumerate(groups, 1))


def _call(number: int, graph: Graph, nodes: Sequence[Node], step: CapturedRecording | None) -> Call:
    own = {node.id for node in nodes}
    event = None if step is None else step.captured.event_of.get(nodes[0].id)
    readers = graph.once(_readers)
    read = [i for i in sorted(own, reverse=True) if not readers[i] or set(readers[i]) - own]
    first = [] if event is None or step is None else [step.captured.node_of.get(out) for out in event.outs]
    results = tuple(i for i in dict.fromkeys((*first, *read)) if i in own)
    at = one_line(event.module if event is not None else nodes[-1].scope)
    function = one_line(_function(event)) if event is not None else _kind(graph, nodes)
    moves = all(node.op is not None and node.op.name in MOVES for node in nodes)
    inputs = tuple(_inputs(graph, nodes, event, step))
    return Call(number, tuple(sorted(own)), results, inputs, at, function, _kind(graph, nodes), moves, event)


def _readers(graph: Graph) -> tuple[tuple[int, ...], ...]:
    """Per node: the ids of the operations that read it."""
    found: list[list[int]] = [[] for _ in graph.nodes]
    for node in graph.ops:
        for source in node.inputs:
            found[source].append(node.id)
    return tuple(map(tuple, found))


def _function(event: Event) -> str:
    """`layer_norm`; of a custom function its class."""
    return str(event.notes.get("custom") or short(event.name).rpartition(" ")[2])


def _kind(graph: Graph, nodes: Sequence[Node]) -> str:
    """The one operation that is left where those that only move numbers are left out; else the composite, or the
    last operation."""
    names = [node.op.name for node in nodes if node.op is not None]
    left = [name for name in names if name not in MOVES]
    if len(left) == 1:
        return left[0]
    composite = composite_of(graph, nodes[-1])
    return composite.kind if composite is not None else names[-1]


def _inputs(graph: Graph, nodes: Sequence[Node], event: Event | None, step: CapturedRecording | None) -> Iterator[int]:
    own = {node.id for node in nodes}
    read = [i for node in nodes for i in node.inputs if i not in own and graph.nodes[i].role != "const"]
    first: list[int] = []
    if event is not None and step is not None:
        first = [step.captured.node_of[v] for v in event.inputs if v in step.captured.node_of]
    elif (composite := composite_of(graph, nodes[-1])) is not None:
        first = list(composite.call.inputs)
    yield from (i for i in dict.fromkeys((*first, *read)) if i in read)
