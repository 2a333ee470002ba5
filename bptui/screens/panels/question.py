"""What present mode asks about a Moment before it shows the number, and what the answer is. Both are read off the
recording: nothing is asked that the numbers do not decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.numbers import field
from bptui.model.base.spans import Line, Span, line
from bptui.model.engine.graph import Node
from bptui.screens.card.band import kind_of_symbol
from bptui.screens.panels.figures import kind_of, scalar, symbol_of
from bptui.symbolic.facts import Card, Equation, Table

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

SAME = 1e-9
"""Relative: up to here the downstream number is the product of the other two, and not a sum."""


class Asked(NamedTuple):
    """A question, its answer, the number that is hidden until then, and its symbol."""

    question: Line
    answer: Line
    number: float | None
    symbol: Line


def asked(session: Session, card: Card) -> Asked:
    """What is asked about the Moment of a session."""
    phase, node = session.cursor.phase, session.node
    if card.equation is not None:
        return _backward(session, card, card.equation)
    if card.table is not None and not (phase == "forward" and node.id == session.graph.loss):
        return _sum(card.table)
    if phase == "update" and node.role == "param":
        return _update(session, node)
    if session.timeline.is_seed(session.cursor):
        return _seed(node)
    return _forward(session, node)


def _short(x: float) -> str:
    return field(x).strip()


def _named(node: Node, element: tuple[int, ...]) -> Line:
    at = f"[{','.join(map(str, element))}]" if element else ""
    return (Span(f"{symbol_of(node)}{at}", kind_of(node)),)


def _backward(session: Session, card: Card, made: Equation) -> Asked:
    up, local, down = made.numbers
    symbol = made.downstream.symbol
    target = _target(session, card)
    way = " on this way" if made.contributions.total > 1 else ""
    product = None if up is None or local is None else up * local
    if product is None or local is None or down is None or not math.isfinite(down) or not _same(product, down):
        return Asked(line("What arrives at ", *target, f"{way}?"), (), down, symbol)
    if up == 0:
        question = line("Nothing came in. What arrives at ", *target, f"{way}?")
        return Asked(question, line("nothing: 0 times any slope is 0"), down, symbol)
    question = line("What arrives at ", *target, f"{way}: smaller or larger than what came in?")
    size, name = abs(local), made.local.symbol
    turned = ", and the sign turns" if local < 0 else ""
    if size == 0:
        answer = line("nothing: ", *name, " is 0")
    elif size == 1:
        answer = line("as large as it came: ", *name, f" is {_short(local)}", turned)
    else:
        word, side = ("smaller", "below") if size < 1 else ("larger", "above")
        answer = line(f"{word}: ", *name, f" is {_short(local)}, in size {side} 1", turned)
    return Asked(question, answer, down, symbol)


def _same(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=SAME, abs_tol=1e-300)


def _target(session: Session, card: Card) -> Line:
    """The input that the gradient is of, at its element."""
    node = session.graph.by_name.get(card.input)
    return (Span(f"{symbol_of(node)}{card.element}", kind_of(node)),) if node is not None else line("the input")


def _sum(made: Table) -> Asked:
    count = len(made.head) + made.elided + len(made.tail) + sum(step.sign in "+-" for step in made.steps)
    symbol: Line = tuple(Span(s.text, kind_of_symbol(made.result)) for s in made.result)
    what = f"These {count:,} terms add up: is " if count > 1 else "Is "
    return Asked(line(what, *symbol, " above or below 0?"), _sign(made.total), made.total, made.result)


def _side(x: float, other: float) -> Line:
    if math.isnan(x - other):
        return ()
    return line("larger" if x > other else "smaller" if x < other else "neither: it is the same")


def _sign(x: float | None) -> Line:
    if x is None or math.isnan(x):
        return ()
    return line("above" if x > 0 else "below" if x < 0 else "neither: it is 0")


def _update(session: Session, node: Node) -> Asked:
    recording, at = session.recording, session.element
    before, after = scalar(recording.before(node.id), at), scalar(recording.after(node.id), at)
    name = _named(node, at)
    primed: Line = (Span(f"{symbol_of(node)}'", kind_of(node)), *_named(node, at)[1:])
    question = line("Does ", *name, " grow or shrink", f" from {_short(before)}?" if before is not None else "?")
    if before is None or after is None or not math.isfinite(after - before):
        return Asked(question, (), after, primed)
    moved = after - before
    word = "it grows" if moved > 0 else "it shrinks"
    answer = line(f"{word} by {_short(abs(moved))}") if moved else line("it stays")
    return Asked(question, answer, after, primed)


def _seed(node: Node) -> Asked:
    name: Line = (Span(f"∂{symbol_of(node)}/∂{symbol_of(node)}", "gradient"),)
    loss = _named(node, ())
    question = line("When ", *loss, " changes a little, how much does ", *loss, " change?")
    return Asked(question, line("as much: the backward pass starts with 1"), 1.0, name)


def _forward(session: Session, node: Node) -> Asked:
    graph, at = session.graph, session.element
    x, name = scalar(session.state.shown(node), at), _named(node, at)
    if node.id == graph.loss:
        return _loss(session, name, x)
    others = [graph.nodes[i] for i in node.inputs if graph.nodes[i].shape == node.shape]
    if x is not None and len(node.inputs) == 1 and others:
        other = scalar(session.state.shown(others[0]), at)
        if other is not None:
            question = line("Is ", *name, " larger or smaller than ", *_named(others[0], at), f", {_short(other)}?")
            return Asked(question, _side(x, other), x, name)
    return Asked(line("Is ", *name, " above or below 0?"), _sign(x), x, name)


def _loss(session: Session, name: Line, x: float | None) -> Asked:
    step = session.cursor.step
    if step and x is not None:
        before = float(session.history.recording(step - 1).loss)
        word = "yes" if x < before else "no, larger" if x > before else "no, the same"
        question = line("Is ", *name, f" smaller than one training step ago, {_short(before)}?")
        return Asked(question, line(word), x, name)
    answer = "yes" if x == 0 else "no: this is what training brings down"
    return Asked(line("Is ", *name, " already 0?"), line(answer) if x is not None else (), x, name)
