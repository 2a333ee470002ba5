"""The card of what cannot be explained: of an opaque operation, and of one whose numbers were not recorded. The numbers
that are there are shown; nothing is derived from them."""

from __future__ import annotations

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.locations import fit
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Arrival
from bptui.symbolic.card.names import gradient, kind, symbol, title
from bptui.symbolic.formula.printing import merge, number
from bptui.symbolic.types import Card

Index = tuple[int, ...]


def unexplained(state: State, node: Node, wrt: int | None, element: Index, why: str, unicode: bool) -> Card:
    """`element` is one of `node`, or of its input at position `wrt`, whose gradient it contributes to."""
    graph, timeline = state.recording.graph, state.timeline
    of = node if wrt is None else graph.nodes[node.inputs[wrt]]
    at = fit(element, of.shape)
    shown = merge([symbol(of), Span(numbers.index(at))])
    text = "".join(span.text for span in shown)
    lines: list[tuple[Line, Line]] = []
    value = state.value(of)
    if value is not None and value.size:
        lines.append((line(("value", "dim")), merge([*shown, Span(" = "), Span(number(float(value[at])), kind(of))])))
    if wrt is not None:
        due = {arrival[:2]: arrival for arrival in timeline.arrivals(of.id)}.get((node.id, wrt))
        lines.append((line(("gradient", "dim")), _contribution(state, due, gradient(text, unicode), at)))
    return Card(
        title=title(graph, node),
        shape=numbers.shape(of.shape),
        element=numbers.index(at),
        definition=line((why, "dim")),
        lines=tuple(lines),
        phase=state.moment.phase,
        node=node.name,
        input="" if wrt is None else of.name,
        position=wrt,
    )


def _contribution(state: State, due: Arrival | None, left: Span, at: Index) -> Line:
    """`∂L/∂x[0,1] gets 0.2500`."""
    if due is None:
        return line(("nothing flows back through it", "dim"))
    if due.place > state.timeline.index(state.moment):
        return line(("not yet", "dim"))
    array = state.recording.contribution(due.consumer, due.position)
    if array is None or not array.size:
        return line(("not recorded", "dim"))
    return merge([left, Span(" gets "), Span(number(float(array[at])), "gradient")])
