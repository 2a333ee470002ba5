"""The card of what cannot be explained: of an opaque operation, and of one whose numbers were not recorded. The numbers
that are there are shown; nothing is derived from them."""

from __future__ import annotations

from bptui.model.base import numbers
from bptui.model.base.spans import Span
from bptui.model.base.types import Index
from bptui.model.debugger.locations import fit
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.symbolic.card.names import gradient, kind, symbol, title
from bptui.symbolic.facts import Card, Fact, sentence
from bptui.symbolic.formula.printing import number


def unexplained(state: State, node: Node, wrt: int | None, element: Index, why: str, unicode: bool) -> Card:
    """`element` is one of `node`, or of its input at position `wrt`, whose gradient it contributes to."""
    graph = state.recording.graph
    of = node if wrt is None else graph.nodes[node.inputs[wrt]]
    at = fit(element, of.shape)
    left, value = symbol(of).text + numbers.index(at), state.value(of)
    facts: list[Fact] = []
    if value is not None and value.size:
        result = (Span(number(float(value[at])), kind(of)),)
        facts.append(Fact("value", "value", (Span(left, kind(of)),), result=result))
    if wrt is not None:
        facts.append(_contribution(state, node, wrt, at, gradient(left, unicode)))
    return Card(
        title=title(graph, node),
        shape=numbers.shape(of.shape),
        element=numbers.index(at),
        rules=(sentence("opaque", "definition", (why, "dim")),),
        facts=tuple(facts),
        phase=state.moment.phase,
        node=node.name,
        input="" if wrt is None else of.name,
        position=wrt,
    )


def _contribution(state: State, node: Node, wrt: int, at: Index, left: Span) -> Fact:
    """What `node` adds to the gradient of its input at position `wrt`: `∂L/∂x[0,1] gets 0.2500`."""
    arrivals = state.timeline.arrivals(node.inputs[wrt])
    due = next((each.place for each in arrivals if each[:2] == (node.id, wrt)), None)
    if due is None:
        return sentence("absent", "gradient", ("nothing flows back through it", "dim"))
    if due > state.timeline.index(state.moment):
        return sentence("absent", "gradient", ("not yet", "dim"))
    array = state.recording.contribution(node.id, wrt)
    if array is None or not array.size:
        return sentence("absent", "gradient", ("not recorded", "dim"))
    return sentence("contribution", "gradient", left, " gets ", (number(float(array[at])), "gradient"))
