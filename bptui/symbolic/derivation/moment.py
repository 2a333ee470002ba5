"""The section of one Moment: what is computed there, by which rule, with which numbers; and what was checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bptui.model.base.printable import clipped
from bptui.model.base.types import Index
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.symbolic.card import Form, card, card_for, subject
from bptui.symbolic.card.composite import FORM
from bptui.symbolic.card.sparsity import read_by
from bptui.symbolic.check import check_node, check_update
from bptui.symbolic.check.composite import check_whole
from bptui.symbolic.derivation.document import Section
from bptui.symbolic.facts import Card
from bptui.symbolic.service import Service
from bptui.symbolic.types import CheckRow


@dataclass(frozen=True)
class Teller:
    """Tells of the Moments of one training step: at which element of each node, from whose derivations."""

    element_of: Callable[[Node], Index]
    service: Service
    form: Form = FORM

    def section(self, state: State) -> Section:
        """What happens at a state's Moment: backward for each input that a gradient is passed to."""
        recording, moment, node = state.recording, state.moment, state.node
        heading = f"{moment.phase} {moment.index + 1} of {state.timeline.count(moment.phase)}, {node.name}"
        if moment.phase == "update":
            made = card(state, node, self.element_of(node), form=self.form)
            return Section(heading, (made,), checks=check_update(recording, node))
        if moment.phase == "forward" or state.timeline.is_seed(moment):
            made = card(state, node, self.element_of(node), form=self.form)
            seed = moment.phase == "backward"
            return Section(heading + (", seed" if seed else ""), (made,), checks=() if seed else _of_value(state, node))
        positions = recording.graph.passed_to(node)
        for position in positions:
            self.service.rule(recording.graph, node, position)
        self.service.wait()
        told = [self._passed(state, node, position) for position in positions]
        return Section(heading, tuple(made for made, _ in told), checks=tuple(row for _, rows in told for row in rows))

    def _passed(self, state: State, node: Node, position: int) -> tuple[Card, list[CheckRow]]:
        """What a node adds to the gradient of one of its inputs: at the first element that its own reads."""
        graph = state.recording.graph
        at = read_by(state, node, position, self.element_of(node), self.service.rule(graph, node, position))
        assert node.op is not None
        rows = check_node(state.recording, node, position, at)
        own = [row for row in rows if row.input == node.op.input_names[position]]
        return card(state, node, at, position, self.service, self.form), own


def _of_value(state: State, node: Node) -> tuple[CheckRow, ...]:
    return tuple(check_node(state.recording, node, wrt=-1))


def heading(session: Session) -> str:
    """`xor, training step 3, with lr = 0.5`: of which training step, and of what edits a branch has."""
    edits = "; ".join(edit.text for edit in session.branch.edits)
    with_them = f", with {clipped(edits, 200)}" if edits else ""
    return f"{session.network.name}, {session.walk.called(session.cursor.step)}{with_them}"


def here(session: Session, service: Service) -> Section:
    """The Moment of a session: its selected element; of a composite that is shown as one operation, that."""
    composite = session.composite
    if composite is None:
        return Teller(session.element_of, service, Form(session.view.raw)).section(session.state)
    _, at, wrt = subject(session, service)
    card_for(session, service, True)
    service.wait()
    made = card_for(session, service, True)
    rows = check_whole(session.recording, composite, -1 if wrt is None else wrt, None if wrt is None else at)
    phase, index = session.cursor.phase, session.cursor.index
    heading = f"{phase} {index + 1} of {session.timeline.count(phase)}, {composite.result.name}"
    return Section(heading, (made,), checks=rows)
