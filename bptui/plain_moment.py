"""What happens at a Moment, line by line and in words: place, operation, rules, numbers, checks, what is displayed."""

from __future__ import annotations

from bptui.model.base import numbers
from bptui.model.base.spans import Line, line
from bptui.model.base.types import Array
from bptui.model.debugger import lines
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Node
from bptui.symbolic.card import card_for
from bptui.symbolic.card import text as card_text
from bptui.symbolic.card.composite import summed
from bptui.symbolic.facts import Card
from bptui.symbolic.service import Service
from bptui.symbolic.types import CheckRow

FEW = 16
"""Numbers of a tensor that are read out one by one; of more only the range."""


def moment(session: Session, service: Service, unicode: bool) -> list[Line]:
    """Everything that happens at the current Moment: place, operation, rules, numbers, checks, what is displayed.

    Waits for the derivation, which has a budget of its own.
    """
    made = card_for(session, service, unicode)
    if made.pending:
        service.wait()
        made = card_for(session, service, unicode)
    about = session.graph.by_name[made.node] if session.composite is None else session.about
    return [
        session.where(),
        *(
            line("  ", *row)
            for row in (*card_text.text(made), *card_text.checks(check_rows(session, service, made, about)))
        ),
        *written(session),
        *others(session, made, about),
        *lines.displayed(session),
    ]


def check_rows(session: Session, service: Service, made: Card, about: Node) -> list[CheckRow]:
    """The checks of what a card tells, made in the service's thread within its budget. Whatever FAILs is among them."""
    phase, position = made.phase, made.position
    if made.seed or (about.op is None and (phase != "update" or about.role != "param")):
        return []
    if session.composite is not None:
        rows = {part.name: _rows(session, service, part) for part in session.composite.parts}
        return list(summed(rows, session.composite, position))
    found = _rows(session, service, about)
    if about.op is None:
        return list(found)
    name = "" if position is None else about.op.input_names[position]
    own = [row for row in found if row.op == about.op.name]  # those of a composite that it is the result of are not
    return [row for row in own if row.input == name or row.verdict == "FAIL"]


def _rows(session: Session, service: Service, about: Node) -> tuple[CheckRow, ...]:
    recording, branch = session.recorded, session.branch.number
    service.checks(recording, about, branch)
    service.wait()
    found = service.checks(recording, about, branch)
    if not isinstance(found, tuple):
        return ()
    session.branch.checked(recording.step, about.id, any(row.verdict == "FAIL" for row in found))
    return found


def written(session: Session) -> list[Line]:
    """What this Moment wrote: every tensor with its numbers, or their range."""
    rows: list[Line] = []
    state, graph = session.state, session.graph
    for i in state.touched():
        node = graph.nodes[i]
        for part in sorted(state.written(i), reverse=True):
            if part == "value":
                value = state.shown(i)
                if value is not None:
                    rows += _numbers(node.name, node, value, lines.kind(node), "")
                else:
                    rows.append(line(f"  {node.name} was not recorded"))
                continue
            gradient = state.shown_gradient(i)
            if gradient.array is not None:
                partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
                rows += _numbers(f"∂L/∂{node.name}", node, gradient.array, "gradient", partial)
    return rows


def _numbers(name: str, node: Node, array: Array, style: str, partial: str) -> list[Line]:
    title = line("  ", (name, f"{style} bold"), (f" {numbers.shape(node.shape)}", "dim"), (partial, "kink"))
    if array.size > FEW:
        return [line(*title, "  ", *lines.extent(array, style))]
    rows = lines.tensor(array, style)
    if len(rows) == 1:
        return [line(*title, " = ", (rows[0][0].text.lstrip(), rows[0][0].style), *rows[0][1:])]
    return [title, *(line("    ", *row) for row in rows)]


def others(session: Session, made: Card, about: Node) -> list[Line]:
    """The other inputs that a backward Moment contributes to, and how to see them."""
    names = [session.graph.nodes[about.inputs[p]].name for p in made.inputs if p != made.position]
    return [line(("  also by ", "dim"), (f"{', '.join(names)}: by NAME shows it", "dim"))] if names else []
