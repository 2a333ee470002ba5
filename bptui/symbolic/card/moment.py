"""What the Operation panel, `bptui explain` and plain mode say of one Moment and one element, without a width.

All numbers come from the recording, all formulas from the definition and its derivation. A card is there at once:
while a derivation is being made, or where there is none, its line says so and the engine's numbers stand without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from bptui.model.base import numbers
from bptui.model.base.spans import Span, plain
from bptui.model.base.types import Index
from bptui.model.debugger.locations import fit
from bptui.model.debugger.session import Session
from bptui.model.engine.composites import CompositeUse, composite_of
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.recording import NotRecorded
from bptui.model.engine.state import State
from bptui.symbolic.card.backward import Backward
from bptui.symbolic.card.composite import FORM, Derivation, part_of, reads, whole
from bptui.symbolic.card.form import Form
from bptui.symbolic.card.forward import forward
from bptui.symbolic.card.leaf import leaf, seed
from bptui.symbolic.card.names import brief, gradient, kind, symbol, title
from bptui.symbolic.card.sparsity import read_by
from bptui.symbolic.card.update import update
from bptui.symbolic.facts import Card, Fact, sentence
from bptui.symbolic.formula.printing import number, to_spans
from bptui.symbolic.formula.tree import Element
from bptui.symbolic.types import Failure, Rule


def unexplained(state: State, node: Node, wrt: int | None, element: Index, why: str, unicode: bool) -> Card:
    """The card of what cannot be explained, and `why`: of an opaque operation, and of one whose numbers were not
    recorded. The numbers that are there are shown; nothing is derived from them. `element` is one of `node`, or of its
    input at position `wrt`, whose gradient it contributes to."""
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


__all__ = ["card", "card_for", "opening", "subject"]


class Rules(Protocol):
    """Who has derivations: a `bptui.symbolic.service.Service`."""

    def rule(self, graph: Graph, node: Node, position: int) -> Rule | Failure | None:
        """The derivation for an input of a node; None while it is being made."""


def card(
    state: State,
    node: Node,
    element: Sequence[int] = (),
    wrt: int | None = None,
    rules: Rules | None = None,
    form: Form = FORM,
) -> Card:
    """The card of `node` at the state's Moment.

    forward   `element` is one of the node's output
    backward  `wrt` is the position of an input, `element` one of that input: how this node contributes to its gradient
    update    `node` is a parameter, `element` one of it
    A node that does not compute, or whose Moment of this phase has not come, shows what is there of it.
    """
    try:
        if node.op is not None and node.op.opaque and state.moment.phase != "update":
            raise NotRecorded(node.op.doc)
        made = _card(state, node, element, wrt, rules, form)
    except NotRecorded as why:
        made = unexplained(state, node, wrt, tuple(element), str(why), form.unicode)
    graph = state.recording.graph
    composite = composite_of(graph, node)
    facts = (*made.facts, *_axes(composite, node, made, form.unicode))
    return replace(made, part=part_of(composite, node), brief=brief(graph, node), facts=facts)


def _axes(composite: CompositeUse | None, node: Node, made: Card, unicode: bool) -> tuple[Fact, ...]:
    """What the rows and columns of a part run over: `row i: queries, column j: keys`."""
    words = None if composite is None else composite.call.row.axes.get(node.name.rpartition(".")[2])
    left = next((f.left for f in made.formulas if f.label == "definition"), None)
    if words is None or not isinstance(left, Element) or len(left.index) < 2:
        return ()
    names = made.formulas[0].names
    row, column = (plain(to_spans(index, names, unicode)) for index in left.index[-2:])
    return (sentence("axes", "axes", f"rows ({row}) are {words[0]}, columns ({column}) {words[1]}"),)


def _card(state: State, node: Node, element: Sequence[int], wrt: int | None, rules: Rules | None, form: Form) -> Card:
    phase, upstream = state.moment.phase, state.gradient(node)
    if state.missing(node):
        raise NotRecorded(f"the value of {node.name} was not recorded")
    if wrt is not None and upstream.array is None and upstream.arrived == upstream.total > 0:
        raise NotRecorded(f"the gradient of {node.name} was not recorded")
    if phase == "update" and node.role == "param":
        return update(state, node, fit(tuple(element), node.shape), form)
    if phase == "forward" or (node.op is not None and wrt is None):
        if node.op is None:
            return leaf(state, node, fit(tuple(element), node.shape), form.unicode)
        if phase != "forward" and node.id == state.recording.graph.loss:
            return seed(state, node, form.unicode)
        return forward(state, node, fit(tuple(element), node.shape), form)
    if node.op is None or wrt is None:
        return leaf(state, node, fit(tuple(element), node.shape), form.unicode)
    source = state.recording.graph.nodes[node.inputs[wrt]]
    rule = rules.rule(state.recording.graph, node, wrt) if rules is not None else None
    return Backward(state, node, wrt, fit(tuple(element), source.shape), rule, form).card()


class Subject(NamedTuple):
    """What a card is about: an element of a node, or of the input at `position`, backwards."""

    node: Node
    element: tuple[int, ...]
    position: int | None = None


def subject(session: Session, rules: Rules | None = None) -> Subject:
    """What a Session's card is about.

    At a backward Moment the selected element is one of the node's output, or, where one of its inputs is pinned, one
    of that input. The input's element is then the first that the output's element reads.
    """
    state = session.state
    graph, here, selected = state.recording.graph, state.node, session.about
    element = session.element_of(selected if session.composite is None else session.composite.result)
    if state.moment.phase == "forward" or state.recording.timeline.is_seed(state.moment):
        return Subject(selected, element)
    if state.moment.phase == "update" and selected.role == "param":
        return Subject(selected, element)
    if (
        session.composite is None
        and state.moment.phase == "backward"
        and selected.id != here.id
        and selected.id in here.inputs
    ):
        position = here.inputs.index(selected.id)
        if here.op is not None and here.op.differentiable(position) and selected.wants_grad:
            return Subject(here, element, position)
    wrt = session.input
    if selected.op is None or wrt is None:
        return Subject(selected, element)
    source = graph.nodes[selected.inputs[wrt]]
    rule = rules.rule(graph, selected, wrt) if rules is not None else None
    if session.composite is not None:
        return Subject(selected, reads(state, session.composite, wrt, element, rule), wrt)
    which = session.selection.read if source.role == "param" else 0
    return Subject(selected, read_by(state, selected, wrt, element, rule, which), wrt)


def card_for(session: Session, rules: Rules | None = None, unicode: bool = True) -> Card:
    """The card of what a Session has selected at its Moment."""
    return card_of(session, subject(session, rules), rules, Form(session.view.raw, unicode))


def card_of(session: Session, about: Subject, rules: Rules | None, form: Form) -> Card:
    """The card of a Session's subject: of a composite, where that is shown as one operation."""
    (node, element, wrt), composite = about, session.composite
    if composite is None:
        return opening(session, card(session.state, node, element, wrt, rules, form))
    rule = rules.rule(session.graph, node, wrt) if rules is not None and wrt is not None else None
    at = session.element_of(composite.result)
    try:
        derivation = None if wrt is None else Derivation(wrt, element, rule)
        made = whole(session.state, composite, at, derivation, form)
    except NotRecorded as why:
        place = at if wrt is None else element
        made = unexplained(session.state, composite.node, wrt, place, str(why), form.unicode)
    inside = None if made.inside is None else replace(made.inside, came=session.view.composite)
    return replace(made, inside=inside, brief=brief(session.graph, composite.node))


def opening(session: Session, made: Card) -> Card:
    """The card with what the network's file says to look at, at the first Moment."""
    if session.stop or made.node != session.about.name:
        return made
    story = (sentence("story", "" if n else "story", text) for n, text in enumerate(session.network.story))
    return replace(made, facts=(*made.facts, *story))
