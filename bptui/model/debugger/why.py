"""Where a number comes from: what computes it, and what its gradient is the sum of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bptui.model.base import arithmetic, numbers
from bptui.model.base.spans import Line, line
from bptui.model.debugger import locations
from bptui.model.debugger.lines import extent, kind
from bptui.model.debugger.reply import Reply, say
from bptui.model.engine.graph import Graph, Node

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

GIVEN = {
    "param": "a parameter: the update changes it",
    "const": "a constant of the formula",
    "random": "drawn anew at each training step",
    "state": "carried from training step to training step, not trained",
}


def why(session: Session, text: str) -> Reply:
    """What computes a number, and what its gradient is the sum of. Without a name: of the number that stopped being
    finite at this Moment, where there is one and nothing else was selected, else of the selected number."""
    finding = session.finding
    if text:
        node, found = locations.element(session.graph, text, "why")
        at = session.element_of(node) if found is None else found
    elif finding is not None:
        node, at = session.source(finding), finding.at
    else:
        node, at = session.node, session.element
    value = [_value(session, node, at), *_origin(session, node)]
    gradient = _gradient(session, node, at)
    if not text and finding is not None:
        title = line((finding.text, "fail"))
        return say(title, *gradient, *value) if finding.position is not None else say(title, *value, *gradient)
    return say(*value, *gradient)


def _value(session: Session, node: Node, at: tuple[int, ...]) -> Line:
    value = session.state.value(node)
    shown = numbers.significant(None if value is None or not value.size else float(value[at]))
    note = "  not computed yet" if value is None else ""
    return line((f"{node.name}{numbers.index(at)}", "bold"), " = ", (shown, kind(node)), (note, "dim"))


def _origin(session: Session, node: Node) -> list[Line]:
    if node.op is None:
        lost = unreached(session.graph, node) if node.role == "param" else ""
        return [line("  ", f"a parameter that {lost}" if lost else GIVEN.get(node.role, "given with the data"))]
    names = ", ".join(session.graph.nodes[i].name for i in node.inputs)
    moment = locations.stops_of(node, session.walk, 0, "forward")[0] + 1
    rows = [line("  computed by ", (node.op.name, "bold"), f" from {names}  ", (f"moment {moment}", "dim"))]
    for i in dict.fromkeys(node.inputs):
        source = session.graph.nodes[i]
        value = session.state.value(source)
        if value is not None:
            rows.append(line(f"    {source.name} {numbers.shape(source.shape)}  ", *extent(value, kind(source))))
    return rows


def _sum(parts: dict[int, float], total: float | None) -> tuple[dict[int, str], str, str]:
    """The texts of the parts of a gradient, of their sum, and the sign before it: with digits enough to add up."""
    usual = [numbers.significant(x) for x in parts.values()]
    if total is None or not parts:
        return dict(zip(parts, usual, strict=True)), numbers.significant(total), "="
    made = arithmetic.equation(tuple(parts.values()), total, math.fsum, (usual, numbers.significant(total)))
    return dict(zip(parts, made.operands, strict=True)), made.result, made.sign


def _gradient(session: Session, node: Node, at: tuple[int, ...]) -> list[Line]:
    gradient = session.state.gradient(node)
    lost = unreached(session.graph, node)
    if lost and node.role != "param":
        return [line("  ", (f"it {lost}", "dim"))]
    if 0 in node.shape:
        return [line("  ", ("it has no elements", "dim"))]
    if not gradient.total:
        return [line("  ", ("it has no gradient", "dim"))] if not node.wants_grad else []
    total = None if gradient.array is None or not gradient.array.size else float(gradient.array[at])
    partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
    arrived = session.state.arrived(node) if gradient.arrived and node.id != session.graph.loss else ()
    parts = {n: float(part.array[at]) for n, part in enumerate(arrived) if part.array is not None and part.array.size}
    texts, shown, sign = _sum(parts, total)
    shown += "…" if gradient.arrived and not gradient.final else ""
    rows = [line(f"  ∂L/∂{node.name}{numbers.index(at)} {sign} ", (shown, "gradient"), (partial, "kink"))]
    if node.id == session.graph.loss:
        return [*rows, line("    the seed: ∂L/∂L = 1")] if gradient.arrived else rows
    for n, part in enumerate(arrived):
        consumer = session.graph.nodes[part.consumer]
        rows.append(line("    ", (texts.get(n, "not recorded"), "gradient"), f"  from {consumer.name}"))
    if not gradient.final:
        seen = {(part.consumer, part.position) for part in session.state.arrived(node)}
        for consumer_id, position in session.graph.consumers[node.id]:
            if (consumer_id, position) not in seen:
                rows.append(line(f"    {numbers.NOT_YET}  from {session.graph.nodes[consumer_id].name}, not yet"))
    return rows


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
    after = {node.id: node}
    for each in graph.ops:
        if not after.keys().isdisjoint(each.inputs):
            after[each.id] = each
    blocks = [each.name for each in after.values() if each.id in moved and each is not node]
    if blocks:
        return f"does not reach the loss: {blocks[0]} passes no gradient on to it"
    ends = [each.name for each in after.values() if each is not node and not graph.consumers[each.id]]
    where = f"it ends in {', '.join(ends[:3])}, which nothing uses" if ends else "nothing uses it"
    return f"does not reach the loss: {where}"
