"""The derivative row of the check: `d(u, x)`, which is operations of the graph, against the engine's own backward pass
of u, which is planned calls. Each of those calls has its own rows, where it is held against its definition; this says
that the operations in their place are the same rule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import DerivativeCall, Graph, Node
from bptui.model.engine.ops import OPS
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.probe import wide
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.symbolic.check.composite import Copy
from bptui.symbolic.check.tolerance import apart, coarsest
from bptui.symbolic.types import CheckRow


def check_derivative(recording: Recording, node: Node) -> Iterator[CheckRow]:
    """The row of the result of a derivative, farthest element first; none of any other node."""
    graph = recording.graph
    call = graph.derivatives.get(node.id)
    if call is None or node.op is None:
        return
    u, x = graph.nodes[call.u], graph.nodes[call.x]
    got = np.asarray(recording.required(node))
    if not got.size:
        yield CheckRow(node.name, node.op.name, "", "derivative", "n/a", note="empty")
        return
    expected = _passed(recording, call)
    error = apart(wide(got), expected)
    kinds = coarsest(recording.dtype(n) for n in graph.nodes if n.op is not None and n.id <= node.id)
    allowed = kinds.between(got, expected, (expected, wide(np.asarray(recording.required(u)))), value=False)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(error - allowed)), got.shape))
    found = float(error[at]), float(np.broadcast_to(allowed, got.shape)[at]), at, float(got[at]), float(expected[at])
    if found[0] <= found[1]:
        note = f"as the engine's own backward pass of {u.name}"
        yield CheckRow(node.name, node.op.name, "", "derivative", "ok", *found, note)
    else:
        note = f"d({u.name}, {x.name}) is not what the backward pass of {u.name} gives"
        yield CheckRow(node.name, node.op.name, "", "derivative", "FAIL", *found, note)


def _passed(recording: Recording, call: DerivativeCall) -> Array:
    """∂ sum(u)/∂x by a backward pass of the operations between the two, in float64, from the recorded numbers."""
    graph, made = recording.graph, Copy(None)
    own = {call.x: made.leaf(graph.nodes[call.x], recording.required(call.x), True)}
    for node in (graph.nodes[i] for i in call.between):
        assert node.op is not None
        for i in node.inputs:
            if i not in own:
                own[i] = made.leaf(graph.nodes[i], recording.required(i), False)
        own[node.id] = made.use(node.op, [own[i] for i in node.inputs], node.attributes, node.shape)
    weighed = own[call.u]
    if call.seed is not None:
        seed = made.leaf(graph.nodes[call.seed], recording.required(call.seed), False)
        weighed = made.use(OPS["mul"], [weighed, seed], {}, weighed.shape)
    attributes = {name: attribute.default for name, attribute in OPS["sum"].attributes.items()}
    total = made.use(OPS["sum"], [weighed], attributes, ())
    run = Program(Graph(tuple(made.nodes), total.id), Optimizer("sgd"), dtype="float64").record()
    found = run.grad(own[call.x])
    return np.zeros(graph.nodes[call.x].shape) if found is None else np.asarray(found)
