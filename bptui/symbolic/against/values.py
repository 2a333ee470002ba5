"""Why somebody else's value in the forward pass is another: where it no longer follows from what went in, and by which
other operation it would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine import ops
from bptui.model.engine.graph import Node
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.against.causes import MOST, Cause, Why, ratio, said
from bptui.symbolic.against.compare import Compared
from bptui.symbolic.against.slips import SQUARES


def explained(recording: Recording, c: Compared, theirs: Mapping[int, Array]) -> Why:
    """What gives their value. `theirs`: their values by node id, which are put in where they gave them."""
    node = c.node
    if node.op is None:
        return Why(causes=[Cause("given", "another number went in: it is given, not computed")])
    inputs = [theirs.get(i, wide(recording.required(i))) for i in node.inputs]
    own = [recording.graph.nodes[i].name for i in node.inputs if i in theirs]
    if own and c.agrees(_run(node, inputs)):
        return Why(follows=f"value of {', '.join(own)}")
    causes = [
        cause for cause, made in _variants(recording, node, inputs) if made.shape == c.ours.shape and c.agrees(made)
    ]
    factor = ratio(c.theirs, c.ours, c)
    if not causes and factor is not None:
        causes = [Cause("factor", f"{said(factor)} times ours")]
    return Why(factor, causes[:MOST], max(0, len(causes) - MOST))


def _run(node: Node, inputs: list[Array]) -> Array:
    return Probe(node, inputs).forward().copy()


def _variants(recording: Recording, node: Node, inputs: list[Array]) -> Iterator[tuple[Cause, Array]]:
    op = node.op
    assert op is not None
    for position, array in enumerate(inputs):
        if array.shape == node.shape and array.dtype.kind == "f":
            name = recording.graph.nodes[node.inputs[position]].name
            yield Cause("not applied", f"{op.name} was not applied: that is {name}"), array
    if op.name in ("affine", "add") and len(inputs) > 1:
        for position in range(len(inputs)):
            if node.inputs[position] != node.inputs[0] or op.name == "add":
                without = [np.zeros_like(a) if i == position else a for i, a in enumerate(inputs)]
                name = recording.graph.nodes[node.inputs[position]].name
                yield Cause("left out", f"{name} was left out"), _run(node, without)
    for other in _others(node):
        assert other.op is not None
        try:
            shape = other.op.shape([a.shape for a in inputs], other.attributes)
            made = _run(replace(other, shape=shape), inputs)
        except (ValueError, UserError, KeyError):
            continue
        yield Cause("another operation", f"that is {_called(other)}, and {node.name} is {_called(node)}"), made


def _others(node: Node) -> Iterator[Node]:
    """The same with another setting, or with another operation of its kind."""
    op = node.op
    assert op is not None
    for name, value in node.attributes.items():
        for other in {"reduction": ("mean", "sum"), "correction": (0, 1), "approximate": ("none", "tanh"),
                      "axis": (0, 1, -1, None)}.get(name, ()):  # fmt: skip
            if other != value:
                yield replace(node, attributes={**node.attributes, name: other})
    kin: tuple[str, ...] = SQUARES if op.name in SQUARES else ("mean", "sum") if op.name in ("mean", "sum") else ()
    if op.elementwise and len(op.inputs) == 1 and not op.attributes:
        kin = tuple(n for n, o in ops.OPS.items() if o.elementwise and len(o.inputs) == 1 and not o.attributes)
    for name in kin:
        if name != op.name:
            yield replace(node, op=ops.OPS[name])


def _called(node: Node) -> str:
    assert node.op is not None
    settings = ", ".join(f"{k}={v!r}" for k, v in node.attributes.items())
    return f"{node.op.name}({settings})" if settings else node.op.name
