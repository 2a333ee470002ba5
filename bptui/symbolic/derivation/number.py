"""The sections of one number: how the value came about, what each of its consumers adds to its gradient, and, of a
parameter, its update; with the checks of each."""

from __future__ import annotations

from collections.abc import Iterator

from bptui.model.engine.composites import CompositeUse, made_by
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.symbolic.card import Form, card
from bptui.symbolic.card.composite import Derivation, reads, whole
from bptui.symbolic.card.leaf import gathered
from bptui.symbolic.check import check_node, check_update, precision
from bptui.symbolic.check.composite import check_whole
from bptui.symbolic.derivation.document import Section
from bptui.symbolic.service import Service


def sections(
    recording: Recording, node: Node, element: tuple[int, ...], service: Service, unicode: bool = True
) -> Iterator[Section]:
    """Value, each contribution to the gradient, their sum, update. Waits for the derivations."""
    graph, timeline, form = recording.graph, recording.timeline, Form(unicode=unicode)
    consumers = graph.consumers[node.id]
    for consumer, position in consumers:
        service.rule(graph, graph.nodes[consumer], position)
    service.wait()
    against = precision.reference(recording)
    composite = made_by(graph, node)
    if composite is not None:
        yield _whole(recording, composite, element, form)
    elif node.op is not None:
        state = State(recording, timeline.at(recording.step, timeline.written_at(node.id)))
        rows = tuple(row for row in check_node(recording, node, wrt=-1))
        lost = precision.of_value(recording, node, element, against)
        yield Section("value", (card(state, node, element, form=form),), checks=rows, budget=lost)
    else:
        state = State(recording, timeline.at(recording.step, 0))
        yield Section("value", (card(state, node, element, form=form),))
    ends = State.of(recording, "backward", -1)
    if node.id == graph.loss:
        yield Section("gradient", (card(State.of(recording, "backward", 0), node, form=form),))
    for consumer, position, _ in timeline.arrivals(node.id):
        reader = graph.nodes[consumer]
        rows = check_node(recording, reader, position, element)
        rows = rows[1:] if len(rows) > 1 else rows
        rule = service.rule(graph, reader, position)
        lost = precision.of_contribution(recording, reader, position, element, rule, against)
        made = card(ends, reader, element, position, service, form=form)
        places = [p for c, p in consumers if c == consumer]
        which = f", as input {places.index(position) + 1} of {len(places)}" if len(places) > 1 else ""
        yield Section(f"gradient, by {reader.name}{which}", (made,), checks=rows, budget=lost)
    if len(consumers) > 1:
        lost = precision.of_sum(recording, node, element, against)
        yield Section("gradient, together", sums=tuple(gathered(ends, node, element, unicode)), budget=lost)
    if composite is not None:
        yield from _passed_on(recording, composite, element, service, form)
    if timeline.places("update", node.id):
        state = State.of(recording, "update", timeline.update.index(node))
        yield Section("update", (card(state, node, element, form=form),), checks=check_update(recording, node))


def _whole(recording: Recording, composite: CompositeUse, element: tuple[int, ...], form: Form) -> Section:
    """The value of a composite, all in one go, and its parts."""
    timeline = recording.timeline
    state = State(recording, timeline.at(recording.step, timeline.written_at(composite.result.id)))
    checks = check_whole(recording, composite, -1)
    return Section(
        f"value, by {composite.kind} of {len(composite.parts)} parts",
        (whole(state, composite, element, form=form),),
        checks=checks,
    )


def _passed_on(
    recording: Recording, composite: CompositeUse, element: tuple[int, ...], service: Service, form: Form
) -> Iterator[Section]:
    """What a composite passes on to each of its inputs, by the rule that is derived from its definition."""
    graph, node = recording.graph, composite.node
    state = State.of(recording, "backward", -1)
    assert node.op is not None
    wanted = graph.passed_to(node)
    for position in wanted:
        service.rule(graph, node, position)
    service.wait()
    for position in wanted:
        source = graph.nodes[node.inputs[position]]
        rule = service.rule(graph, node, position)
        at = reads(state, composite, position, element, rule)
        made = whole(state, composite, element, Derivation(position, at, rule), form, opened=False)
        name = node.op.input_names[position]
        checks = tuple(row for row in check_whole(recording, composite, position, at) if row.input == name)
        yield Section(f"passed on to {source.name}", (made,), checks=checks)
