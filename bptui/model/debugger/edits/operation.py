"""What can be changed in a captured step besides its numbers: an operation for another of the same inputs (`set
blocks.0.mlp.1.gelu = relu`), and the kind of number that it is recomputed in (`set dtype = float32`)."""

from __future__ import annotations

from dataclasses import replace

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger.edit import Edit, same
from bptui.model.debugger.edits.request import EditRequest
from bptui.model.engine import ops
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Op
from bptui.model.engine.use import settle
from bptui.model.source.captured.network import CapturedNetwork
from bptui.model.source.captured.whole import KINDS, beyond


def operation(request: EditRequest, node: Node) -> Edit:
    """The operation of `node` for the one that is named. UserError where that is none, or takes other inputs."""
    assert node.op is not None
    name, where = request.value, request.where
    if node.op.opaque:
        raise UserError(where, f"{node.name} is opaque", "what follows it stays as recorded")
    fitting = [other for other, row in ops.OPS.items() if _fits(row, node)]
    if name not in fitting:
        known = f"'{name[:40]}' does not take the inputs of {node.op.name}" if name in ops.OPS else f"'{name[:40]}'"
        raise UserError(where, f"{known} is no operation for {node.name}", did_you_mean(name, fitting, "relu, tanh"))
    if name == node.op.name:
        raise same(request.said)
    step, network = request.moment.step, request.network(request.moment.step)
    derived = next((i for i, call in network.graph.derivatives.items() if node.id in call.between), None)
    if derived is not None:
        what = f"{network.graph.nodes[derived].name} is its derivative, as operations"
        raise UserError(where, f"{node.name} is derived: {what}", "capture the step with the other operation in it")
    row = ops.OPS[name]
    kept = {key: value for key, value in node.attributes.items() if key in row.attributes}
    made = replace(network.graph.nodes[node.id], op=row, attributes=settle(row, kept, where))
    nodes = tuple(made if each.id == node.id else each for each in network.graph.nodes)
    ends = beyond(network.graph, (node.id,))
    note = "recomputed in float64" + ("" if ends is None else f"; {ends.name} is opaque and stays as recorded")
    changed = replace(network, graph=replace(network.graph, nodes=nodes))
    return Edit(step, request.said, changed, was=node.op.name, made=step, note=note)


def _fits(row: Op, node: Node) -> bool:
    """Does it take the inputs of a node, and give its shape? Elementwise operations do."""
    assert node.op is not None
    return row.elementwise and node.op.elementwise and len(row.inputs) == len(node.op.inputs) == len(node.inputs)


def dtype(request: EditRequest) -> Edit:
    """The kind of number in which the step is recomputed."""
    network = request.branch.network
    assert isinstance(network, CapturedNetwork)
    if request.value not in KINDS:
        raise UserError("set dtype", f"found {request.value[:40]}", " or ".join(KINDS))
    if request.value == network.computes:
        raise same(request.said)
    step = request.moment.step
    note = f"recomputed in {request.value}"
    other = replace(network, computes=request.value)
    return Edit(step, request.said, other, was=network.computes, made=step, note=note)
