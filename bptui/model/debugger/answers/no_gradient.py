"""Why a gradient is not there at all: given, whole numbers, not on a path to the loss, nothing that depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.engine.graph import Graph, Node

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

GIVEN = {
    "param": "a parameter: the update changes it",
    "const": "a constant of the formula",
    "random": "drawn anew at each training step",
    "state": "carried from training step to training step, not trained",
}
UNUSED = "what reads the tensor does not use this number"
"""Why a gradient of an element is 0 that no consumer depends on: a slice leaves it out, a loss ignores its label."""


def given(graph: Graph, node: Node) -> str:
    """What a leaf is: `a parameter: the update changes it`."""
    lost = unreached(graph, node) if node.role == "param" else ""
    return f"a parameter that {lost}" if lost else GIVEN.get(node.role, "given with the data")


def absent(session: Session, node: Node) -> str:
    """Why a gradient is not there at all, "" where it is, or will be."""
    lost = unreached(session.graph, node)
    if lost:
        return f"it {lost}"
    if 0 in node.shape:
        return "it has no elements"
    if not session.state.gradient(node).total and node.id != session.graph.loss:
        what = "it is given, and nobody asked for its gradient"
        if node.whole:
            what = "it has whole numbers, which have no gradient"
        elif node.role in ("const", "random", "state"):
            what = f"it is {GIVEN[node.role]}: it has no gradient"
        return what if node.op is None else "it has no gradient"
    return ""


def unreached(graph: Graph, node: Node) -> str:
    """Why a change of a node's numbers does not reach the loss, as `does not reach the loss: …`; "" where it does, and
    for whole numbers, which have no gradient anyway."""
    if node.whole:
        return ""
    moved = {graph.loss}
    for each in reversed(graph.ops):
        if each.op is not None and each.id in moved:
            moved.update(source for i, source in enumerate(each.inputs) if each.op.differentiable(i))
    if node.id in moved:
        return ""
    after = [graph.nodes[i] for i in sorted(graph.after({node.id}) - {node.id})]
    blocks = [each.name for each in after if each.id in moved]
    if blocks:
        return f"does not reach the loss: {blocks[0]} passes no gradient on to it"
    ends = [each.name for each in after if not graph.consumers[each.id]]
    where = f"it ends in {', '.join(ends[:3])}, which nothing uses" if ends else "nothing uses it"
    return f"does not reach the loss: {where}"
