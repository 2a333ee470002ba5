"""Cards of what no operation computes: the seed of the backward pass, and what is given or trained."""

from __future__ import annotations

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.why import GIVEN
from bptui.model.engine.graph import Node
from bptui.model.engine.state import State
from bptui.symbolic.card.bound_definition import BoundDefinition, Index
from bptui.symbolic.card.forward import definition_line, names_of
from bptui.symbolic.card.names import gradient, kind, symbol, title
from bptui.symbolic.formula.printing import merge, number
from bptui.symbolic.types import Card

_ROLES = {**GIVEN, "param": "trained", "const": "a constant"}


def seed(state: State, node: Node, unicode: bool) -> Card:
    """∂L/∂L = 1, where every backward pass starts."""
    one = gradient("L", unicode)
    return Card(
        title=title(state.recording.graph, node),
        shape=numbers.shape(node.shape),
        element="",
        definition=definition_line(
            reading := BoundDefinition(state.recording, node),
            names_of(state.recording.graph, reading, unicode),
            unicode,
        ),
        rules=((line(("seed", "dim")), merge([one, Span(" = 1")]), line(("the backward pass starts here", "dim"))),),
        lines=(
            (line(("loss", "dim")), merge([symbol(node), Span(" = "), Span(number(state.recording.loss), kind(node))])),
        ),
        phase="backward",
        node=node.name,
        seed=True,
    )


def leaf(state: State, node: Node, element: Index, unicode: bool) -> Card:
    """What is given or trained: its number, and the contributions to its gradient that are in."""
    graph, here = state.recording.graph, numbers.index(element)
    shown = symbol(node)
    value = state.value(node)
    lines: list[tuple[Line, Line]] = []
    if value is not None and not value.size:
        lines.append((line((node.role, "dim")), line(("no elements", "dim"))))
    elif value is not None:
        lines.append(
            (
                line((node.role, "dim")),
                merge(
                    [
                        Span(shown.text + here, shown.style),
                        Span(" = "),
                        Span(number(float(value[element])), shown.style),
                    ]
                ),
            )
        )
    lines += gathered(state, node, element, unicode)
    return Card(
        title=title(graph, node),
        shape=numbers.shape(node.shape),
        element=here,
        definition=line((_ROLES.get(node.role, "given"), "dim")),
        lines=tuple(lines),
        phase=state.moment.phase,
        node=node.name,
    )


def gathered(state: State, node: Node, element: Index, unicode: bool) -> list[tuple[Line, Line]]:
    """The contributions to a gradient that are in, and what they come to."""
    graph, here, shown = state.recording.graph, numbers.index(element), symbol(node)
    lines: list[tuple[Line, Line]] = []
    found = state.gradient(node)
    if 0 in node.shape:
        return []
    for contribution in state.arrived(node):
        array = contribution.array
        said = [
            Span("not recorded" if array is None else number(float(array[element])), "gradient"),
            Span(f"  from {graph.nodes[contribution.consumer].name}", "dim"),
        ]
        lines.append((line(("gradient", "dim")), merge(said)))
    if found.array is not None and found.total > 1:
        whole = gradient(shown.text + here, unicode)
        dots = "" if found.final else ("…" if unicode else "~")
        said = [whole, Span(" = "), Span(number(float(found.array[element])) + dots, "gradient")]
        said += [] if found.final else [Span(f"  {found.arrived} of {found.total} in", "kink")]
        lines.append((line(("sum", "dim")), merge(said)))
    return lines
