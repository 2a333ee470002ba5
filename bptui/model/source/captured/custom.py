"""A custom function of somebody's own (`torch.autograd.Function`): what its backward gave, against the derivative of
what its own forward was seen to compute.

Its forward is recorded call by call, without gradients. From those calls a small graph is made, run alone in float64,
and what flows back through it is what a right backward gives. A backward that differs may be meant: where the forward
is flat (round, sign), something that passes all the same is a straight-through estimator, and nobody is accused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.types import Array
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph, Node
from bptui.model.source.captured.alone import Alone, alone
from bptui.model.source.captured.call import Lacks, Workshop
from bptui.model.source.captured.known import is_drawn, said
from bptui.model.source.captured.record import FLOATS, Event
from bptui.model.source.captured.recording import CapturedRecording

OUTSIDE = "its result was changed outside of the record, behind autograd's back"
"""What can be said of a gradient there: nothing."""


@dataclass(frozen=True)
class Derived:
    """What a custom function's forward gives by this engine. run: of the calls inside; node_of: value → id in it;
    results: the ids of what it returned; returned: are these what it was given?"""

    run: Alone
    node_of: dict[int, int]
    results: Sequence[int]
    returned: bool

    def value(self, number: int) -> Array | None:
        """What the forward made: its result of this number."""
        return self.run.value(self.results[number])

    def gradient(self, value: int) -> Array | None:
        """What a right backward adds to the gradient of an argument; 0 where the result does not depend on it."""
        return None if value not in self.node_of else self.run.grad(self.node_of[value])


def derived(recording: CapturedRecording, event: Event) -> Derived | str:
    """The derivative of the forward that was recorded inside of a custom function; or why there is none."""
    inside: Sequence[int] = event.notes.get("inside", ())
    if len(inside) < len(event.outs):
        return "its forward was not seen"
    record = recording.record
    calls = _calls(recording, event, inside)
    builder = Builder("float64", where="capture", unbounded=True)
    shop = Workshop(record, builder, through=True)
    reads: dict[int, Array] = {}
    for call in calls:
        for value in call.inputs:
            v = record.step.values[value]
            if value in shop.nodes or v.dtype not in FLOATS:
                continue
            shop.nodes[value] = builder.leaf(
                shop.fresh("given"), "input", shape=tuple(v.shape), wants_grad=value in event.inputs
            )
            array = record.array(value)
            if array is None:
                return "numbers of its forward were not kept"
            reads[shop.nodes[value].id] = array
        if is_drawn(record.step, call) and not any(v in shop.nodes for v in call.inputs):
            continue
        try:
            shop.nodes |= said(shop, call)
        except Lacks as why:
            return f"inside of it, {why}"
    if any(value not in shop.nodes for value in inside):
        return "its forward was not seen as a whole"
    returned = all(shop.nodes[value].op is None for value in inside)
    results = [_operation(shop, shop.nodes[value]) for value in inside]
    for leaf, read in shop.reads.items():
        array = read()
        if array is None:
            return "numbers of its forward were not kept"
        reads[leaf] = array
    nodes = [builder.node(i) for i in range(builder.count)]
    reads |= {n.id: n.value for n in nodes if n.op is None and n.value is not None}
    upstream: dict[int, Array] = {}
    for out, result in zip(event.outs, results, strict=False):
        node = recording.captured.node_of.get(out)
        if node is not None and recording.is_overwritten(node) and recording.recorded_grad(node) is None:
            return OUTSIDE
        grad = None if node is None else recording.grad(node)
        if grad is not None:
            upstream[result.id] = grad
    graph = Graph(tuple(nodes), 0)
    run = alone(graph, [n.id for n in nodes if n.op is not None], reads, upstream)
    node_of = {value: node.id for value, node in shop.nodes.items() if node.id in run.own}
    return Derived(run, node_of, [result.id for result in results], returned)


def _operation(shop: Workshop, node: Node) -> Node:
    """What a forward returned, as an operation: it may return what it was given (a layer that reverses gradients)."""
    return node if node.op is not None else shop.builder.use("reshape", node, name=shop.fresh("same"), shape=node.shape)


def _calls(recording: CapturedRecording, event: Event, inside: Sequence[int]) -> list[Event]:
    """The recorded calls between the arguments of a custom function and what its forward made, in their order."""
    made, given = recording.record.step.made_by, set(event.inputs)
    found: dict[int, Event] = {}
    waiting = list(inside)
    while waiting:
        value = waiting.pop()
        call = made.get(value)
        if value in given or call is None or call.id in found or call.id == event.id:
            continue
        found[call.id] = call
        waiting += call.inputs
    return [found[i] for i in sorted(found)]


def compared(recorded: Array, own: Array, returned: bool) -> tuple[bool, str]:
    """Is what a custom backward gave, which is not the derivative of its forward, meant to be? And a sentence on it.
    returned: does its forward return what it was given? There is such a function for the sake of its backward alone."""
    recorded, own = np.asarray(recorded, np.float64), np.asarray(own, np.float64)
    if not own.any():
        return True, "its forward is flat, and something passes: a straight-through estimator, if it is meant"
    with np.errstate(all="ignore"):
        ratios = recorded[own != 0] / own[own != 0]
    spread = np.ptp(ratios) if np.isfinite(ratios).all() else np.inf
    if spread <= 1e-3 * abs(ratios[0]) and not recorded[own == 0].any():
        often = numbers.significant(float(np.median(ratios)), 3)
        return returned, f"its backward gives {often} times the derivative{MEANT if returned else ''}"
    return returned, f"its backward is not the derivative of its forward{MEANT if returned else ''}"


MEANT = ", and its forward changes nothing: it is there for that, if it is meant"
