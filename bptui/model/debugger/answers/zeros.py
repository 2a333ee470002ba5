"""Why a derivative is 0, in words, found out by asking the operation what it would be if a number were another one."""

from __future__ import annotations

from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.base.places import ravel, unravel
from bptui.model.base.types import Index
from bptui.model.engine.local import Local, Locals

_TRIED = 64
"""Numbers that are tried, one by one, for whether they are the reason."""


_FAR = 1e3
"""Far enough for a number to become the largest, or the smallest, of others."""


class Edge(NamedTuple):
    """From an element (flat) of the input at `position` of a node to that node."""

    node: int
    position: int
    element: int


def why_zero(local: Locals, edge: Edge, at: Index, upstream: float, value: float) -> str:
    """Why upstream × local derivative is 0; `at` is the element of the node's output."""
    behind = f"∂L/∂{named(local, edge.node, at)} is 0"
    if value != 0:
        return behind if upstream == 0 else ""
    flat = ravel(at, local.of(edge.node).node.shape)
    reason = _beside(local, edge, flat) or _flat(local, edge, flat)
    return f"{reason}, {behind.removesuffix(' is 0')} too" if upstream == 0 and reason.endswith(" is 0") else reason


def _beside(local: Locals, edge: Edge, output: int) -> str:
    """`h[1,0] is 0`: a number beside the element without which the derivative would not be 0."""
    operation = local.of(edge.node)
    tried = 0
    for position, source in enumerate(operation.node.inputs):
        values = operation.probe.inputs[position].reshape(-1)
        if values.dtype.kind != "f":
            continue
        for e in _behind(operation, position, output):
            if values[e] != 0 or (position, e) == (edge.position, edge.element) or tried >= _TRIED:
                continue
            tried += 1
            if operation.elsewhere(edge.position, edge.element, output, (position, e), 1.0) != 0:
                name = named(local, source, unravel(e, local.graph.nodes[source].shape))
                masks = local.graph.nodes[source].role == "random"
                masks = masks or operation.op.input_names[position] in operation.op.fixed
                return f"masked: {name} is 0" if masks else f"{name} is 0"
    return ""


def _flat(local: Locals, edge: Edge, output: int) -> str:
    """`dead: relu is flat at z[0,3] = -1.2`: the number itself lies where the operation does not change."""
    operation = local.of(edge.node)
    source = operation.node.inputs[edge.position]
    name = named(local, source, unravel(edge.element, local.graph.nodes[source].shape))
    own = float(operation.probe.inputs[edge.position].reshape(-1)[edge.element])
    here = (edge.position, edge.element)
    away = (-2 * own, 0.1 - own, -0.1 - own, 1.0 - own, _FAR, -_FAR)
    slopes = [operation.elsewhere(edge.position, edge.element, output, here, by) for by in away]
    if not any(slope != 0 for slope in slopes):
        return f"{operation.op.name} passes no gradient on to {name}"
    if not operation.op.elementwise:
        return f"{operation.op.name} takes another number than {name}"
    made = float(operation.probe.forward().reshape(-1)[output])
    at = f"{name} = {numbers.significant(own, 4)}"
    if made == 0:
        return f"dead: {operation.op.name} is flat at {at}"
    return f"saturated: {operation.op.name} is {numbers.significant(made, 4)} at {at}"


def _behind(operation: Local, position: int, output: int) -> list[int]:
    """The elements of an input that an element of the output may depend on."""
    if operation.op.elementwise:
        return [int(operation.aligned(position)[output])]
    if position in operation.positions:
        return [int(e) for e in operation.row(position, output).at]
    return []


def named(local: Locals, node: int, at: Index) -> str:
    """`h[1,0]`."""
    return f"{local.graph.nodes[node].name}{numbers.index(at)}"
