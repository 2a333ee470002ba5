"""A captured step as one program in float64, from its leaves on: what a what-if is recomputed with, and what trains on
from it. Operations that nobody knows are in it with their recorded numbers, whatever goes in: what follows an edit is
not followed through them (`beyond`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Attributes
from bptui.model.engine.arena import Slot
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.ops.base import Op
from bptui.model.engine.program import Program
from bptui.model.engine.training import Training
from bptui.model.source.captured.recording import CapturedRecording

KINDS = ("float64", "float32")
"""The kinds of number that this engine computes in."""
MOST = 2**28
"""Numbers of a step that is recomputed as a whole: 2 GB of float64, and as much again for gradients."""


def whole(recording: CapturedRecording, graph: Graph) -> Graph:
    """`graph`, which is that of the recording or one that was edited, with the numbers of its leaves. UserError where
    it is too large, or a leaf was not kept."""
    total = sum(int(np.prod(node.shape)) for node in graph.nodes)
    if total > MOST:
        right = f"at most {MOST:,} are recomputed; step, check and why work without it"
        raise UserError("set", f"the step has {total:,} numbers", right)
    return replace(graph, nodes=tuple(_filled(recording, node) for node in graph.nodes))


def _filled(recording: CapturedRecording, node: Node) -> Node:
    if node.op is None:
        if node.value is not None:
            return node
        found = recording.value(node.id)
        if found is None:
            raise UserError("set", f"{node.name} was not kept in the capture", 'capture with tensors="all"')
        value = np.array(found, np.int64 if node.whole else np.float64, order="C").reshape(node.shape)
        value.setflags(write=False)
        return replace(node, value=value)
    return replace(node, op=_recorded(recording, node)) if node.op.opaque else node


def _recorded(recording: CapturedRecording, node: Node) -> Op:
    """An operation that nobody knows: it gives what was recorded, and passes on what was recorded."""
    assert node.op is not None
    out = recording.value(node.id)
    parts = [recording.contribution(node.id, position) for position in range(len(node.inputs))]

    def forward(emit: Emit, inputs: Sequence[Array], result: Array, attributes: Attributes) -> None:
        emit(np.copyto, result, np.zeros(node.shape) if out is None else np.asarray(out, np.float64))

    def vjp(emit: Emit, b: Backward) -> None:
        for place, part in zip(b.into, parts, strict=True):
            if place is not None:
                emit(np.copyto, place, 0.0 if part is None else np.asarray(part, np.float64))

    return replace(node.op, forward=forward, vjp=vjp)


def beyond(graph: Graph, changed: Iterable[int]) -> Node | None:
    """The first operation that nobody knows among those that depend on some leaves: from it on, recorded numbers go on
    as they were."""
    reached = graph.after(changed)
    return next((node for node in graph.ops if node.id in reached and node.op is not None and node.op.opaque), None)


def trained(program: Program, recording: CapturedRecording, changed: Mapping[str, Array]) -> Training:
    """Training that begins with the captured step: the optimizer carries what it carried then; parameters in `changed`
    are as they are there."""
    state = program.save()
    layout = program.layout
    for node in program.graph.kept:
        rule = layout.rules.get(node.id)
        for name in rule.states if rule is not None else ():
            _put(state, layout.moments.get((node.id, name)), recording.state(node.id, name))
        if node.name in changed:
            _put(state, layout.values[node.id], changed[node.name])
    program.load(state, 0)
    return Training(program)


def _put(state: Array, place: Any, array: Array | None) -> None:
    if isinstance(place, Slot) and array is not None:
        place.within(state)[...] = array
