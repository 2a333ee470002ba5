"""Cards of what no operation computes: the seed of the backward pass, and what is given or trained."""

from __future__ import annotations

import math

from bptui.model.base import arithmetic, numbers
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
    one, value = gradient("L", unicode), state.shown(node)
    loss = float("nan") if value is None else float(value.reshape(()))
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
        lines=((line(("loss", "dim")), merge([symbol(node), Span(" = "), Span(number(loss), kind(node))])),),
        phase="backward",
        node=node.name,
        seed=True,
    )


def leaf(state: State, node: Node, element: Index, unicode: bool) -> Card:
    """What is given or trained: its number, and the contributions to its gradient that are in."""
    graph, here = state.recording.graph, numbers.index(element)
    shown = symbol(node)
    value = state.shown(node)
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
    found = state.shown_gradient(node)
    if 0 in node.shape:
        return []
    total = 0.0 if found.array is None else float(found.array[element])
    arrived = state.arrived(node)
    known = {n: float(part.array[element]) for n, part in enumerate(arrived) if part.array is not None}
    usual = [number(x) for x in known.values()]
    made = arithmetic.equation(tuple(known.values()), total, math.fsum, (usual, number(total)))
    texts = dict(zip(known, made.operands, strict=True))
    for n, contribution in enumerate(arrived):
        text = texts.get(n, "not recorded")
        said = [Span(text, "gradient"), Span(f"  from {graph.nodes[contribution.consumer].name}", "dim")]
        lines.append((line(("gradient", "dim")), merge(said)))
    if found.array is not None and found.total > 1:
        whole = gradient(shown.text + here, unicode)
        dots = "" if found.final else ("…" if unicode else "~")
        said = [whole, Span(f" {made.sign} "), Span(made.result + dots, "gradient")]
        said += [] if found.final else [Span(f"  {found.arrived} of {found.total} in", "kink")]
        lines.append((line(("sum", "dim")), merge(said)))
    return lines
