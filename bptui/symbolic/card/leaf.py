"""Cards of what no operation computes: the seed of the backward pass, and what is given or trained."""

from __future__ import annotations

import math

from bptui.model.base import arithmetic, numbers
from bptui.model.base.numbers import HIDDEN
from bptui.model.base.spans import Span, line
from bptui.model.base.types import Index
from bptui.model.debugger.answers.no_gradient import GIVEN
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import kept_back
from bptui.model.engine.state import State
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.names import gradient, kind, symbol, title
from bptui.symbolic.card.written import definition_fact, names_of
from bptui.symbolic.facts import Card, Contributions, Fact, Note, sentence
from bptui.symbolic.formula.printing import number

_ROLES = {**GIVEN, "param": "trained", "const": "a constant"}


def seed(state: State, node: Node, unicode: bool) -> Card:
    """∂L/∂L = 1, where every backward pass starts."""
    graph, reading = state.recording.graph, BoundDefinition(state.recording, node)
    starts = Note((line(("the backward pass starts here", "dim")),))
    seeded = state.gradient(node).array
    hidden = seeded is not None and bool(kept_back(seeded).any())
    one = Fact("seed", "seed", (gradient("L", unicode),), (line(HIDDEN if hidden else "1"),), note=starts)
    value = state.shown(node)
    shown = number(float("nan") if value is None else float(value.reshape(())))
    loss = Fact("loss", "loss", (symbol(node),), result=line((shown, kind(node))))
    return Card(
        title=title(graph, node),
        shape=numbers.shape(node.shape),
        element="",
        rules=(definition_fact(reading, names_of(graph, reading, unicode), unicode), one),
        facts=(loss,),
        phase="backward",
        node=node.name,
        seed=True,
    )


def leaf(state: State, node: Node, element: Index, unicode: bool) -> Card:
    """What is given or trained: its number, and the contributions to its gradient that are in."""
    here, shown, value = numbers.index(element), symbol(node), state.shown(node)
    facts: list[Fact] = []
    if value is not None and not value.size:
        facts.append(sentence("value", node.role, ("no elements", "dim")))
    elif value is not None:
        result = line((number(float(value[element])), shown.style))
        facts.append(Fact("value", node.role, (Span(shown.text + here, shown.style),), result=result))
    return Card(
        title=title(state.recording.graph, node),
        shape=numbers.shape(node.shape),
        element=here,
        rules=(sentence("definition", "definition", (_ROLES.get(node.role, "given"), "dim")),),
        facts=(*facts, *gathered(state, node, element, unicode)),
        phase=state.moment.phase,
        node=node.name,
    )


def gathered(state: State, node: Node, element: Index, unicode: bool) -> list[Fact]:
    """The contributions to a gradient that are in, and what they come to."""
    graph, here, found = state.recording.graph, numbers.index(element), state.shown_gradient(node)
    if 0 in node.shape:
        return []
    total = 0.0 if found.array is None else float(found.array[element])
    arrived = state.arrived(node)
    known = {n: float(part.array[element]) for n, part in enumerate(arrived) if part.array is not None}
    made = arithmetic.equation(
        tuple(known.values()), total, math.fsum, (list(map(number, known.values())), number(total))
    )
    texts = dict(zip(known, made.operands, strict=True))
    facts: list[Fact] = []
    for n, contribution in enumerate(arrived):
        origin = Note((line((f"from {graph.nodes[contribution.consumer].name}", "dim")),))
        result = line((texts.get(n, "not recorded"), "gradient"))
        facts.append(Fact("contribution", "gradient", result=result, note=origin))
    if found.array is not None and found.total > 1:
        dots = "" if found.final else ("…" if unicode else "~")
        words = () if found.final else ((Contributions(found.arrived, found.total).span,),)
        whole = gradient(symbol(node).text + here, unicode)
        result = line((made.result + dots, "gradient"))
        facts.append(Fact("sum", "sum", (whole,), result=result, note=Note(words, warning=True), sign=made.sign))
    return facts
