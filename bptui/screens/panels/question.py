"""What present mode asks about a Moment before it shows the number, and what the answer is. Both are read off the
recording: nothing is asked that the numbers do not decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.arithmetic import compared, more_digits, product
from bptui.model.base.numbers import DECIMALS, WIDTH, field
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.engine.graph import Node
from bptui.screens.card.band import kind_of_symbol
from bptui.screens.panels.figures import kind_of, scalar, symbol_of
from bptui.symbolic.facts import Card, Equation, Fact, Table
from bptui.symbolic.formula.printing import number
from bptui.symbolic.formula.worked import sum_texts

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

SAME = 1e-9
"""Relative: up to here the downstream number is the product of the other two, and not a sum."""


class Result(NamedTuple):
    """A number as it comes out of what is written above it, and the sign before it."""

    text: str
    sign: str = "="


class Asked(NamedTuple):
    """A question, its answer, the number that is hidden until then, its symbol, and the number as it is written."""

    question: Line
    answer: Line
    number: float | None
    symbol: Line
    result: Result


def asked(session: Session, card: Card) -> Asked:
    """What is asked about the Moment of a session."""
    phase, node = session.cursor.phase, session.node
    if card.equation is not None:
        return _backward(session, card, card.equation)
    if card.table is not None and not (phase == "forward" and node.id == session.graph.loss):
        return _sum(card, card.table)
    if phase == "update" and node.role == "param":
        return _update(session, card, node)
    if session.timeline.is_seed(session.cursor):
        return _seed(node)
    return _forward(session, card, node)


def three(numbers: tuple[float, float | None, float]) -> tuple[tuple[str, str, str], str]:
    """Upstream, local and downstream, and the sign before the last: as short as they are true with four decimals, else
    with fewer."""
    usual = [_short(x) for x in numbers]
    found = [product(numbers, usual, room) for room in (8, 9, 10)]
    return next((made for made in found if made[0][2] == usual[2] and made[1] == "="), found[0])


def worked_out(card: Card) -> list[Fact]:
    """The equations of a card with what comes out of them."""
    return [fact for fact in card.numbers if fact.result]


def _result(card: Card, x: float | None) -> Result:
    """The number of a card in the text that its sum or its last equation has."""
    if card.table is not None:
        texts = sum_texts(card.table, number, decimals=DECIMALS)
        return Result(texts.total, texts.sign)
    facts = worked_out(card)
    return Result(plain(facts[-1].result), facts[-1].sign) if facts else Result(_short(x))


def _short(x: float | None) -> str:
    return field(x, WIDTH, DECIMALS).strip()


def _named(node: Node, element: tuple[int, ...]) -> Line:
    at = f"[{','.join(map(str, element))}]" if element else ""
    return (Span(f"{symbol_of(node)}{at}", kind_of(node)),)


def _backward(session: Session, card: Card, made: Equation) -> Asked:
    up, local, down = made.numbers
    texts, sign = three(made.numbers)
    symbol, result = made.downstream.symbol, Result(texts[2], sign)
    target = _target(session, card)
    way = " on this way" if made.contributions.total > 1 else ""
    if local is None or not math.isfinite(down) or not _same(up * local, down):
        return Asked(line("What arrives at ", *target, f"{way}?"), (), down, symbol, result)
    if up == 0:
        question = line("Nothing came in. What arrives at ", *target, f"{way}?")
        return Asked(question, line("nothing: 0 times any slope is 0"), down, symbol, result)
    question = line("What arrives at ", *target, f"{way}: smaller or larger than what came in?")
    size, name = abs(local), made.local.symbol
    turned = ", and the sign turns" if local < 0 else ""
    if size == 0:
        answer = line("nothing: ", *name, " is 0")
    elif size == 1:
        answer = line("as large as it came: ", *name, f" is {texts[1]}", turned)
    else:
        word, side = ("smaller", "below") if size < 1 else ("larger", "above")
        told, _ = compared((local, math.copysign(1, local)), (texts[1], "1" if local > 0 else "-1"))
        answer = line(f"{word}: ", *name, f" is {told}, in size {side} 1", turned)
    return Asked(question, answer, down, symbol, result)


def _same(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=SAME, abs_tol=1e-300)


def _target(session: Session, card: Card) -> Line:
    """The input that the gradient is of, at its element."""
    node = session.graph.by_name.get(card.input)
    return (Span(f"{symbol_of(node)}{card.element}", kind_of(node)),) if node is not None else line("the input")


def _sum(card: Card, made: Table) -> Asked:
    count = len(made.head) + made.elided + len(made.tail) + sum(step.sign in "+-" for step in made.steps)
    symbol: Line = tuple(Span(s.text, kind_of_symbol(made.result)) for s in made.result)
    what = f"These {count:,} terms add up: is " if count > 1 else "Is "
    result = _result(card, made.total)
    return Asked(line(what, *symbol, " above or below 0?"), _sign(result), made.total, made.result, result)


def _side(x: float, other: float, result: Result) -> Line:
    if math.isnan(x - other):
        return ()
    return line("larger" if x > other else "smaller" if x < other else "neither: it is the same", _by(x, other, result))


def _by(x: float, other: float, result: Result) -> str:
    """By how much two numbers differ, where what is printed of them does not tell."""
    near = x != other and math.isfinite(x - other) and float(result.text) == float(_short(other))
    return f", by {_short(abs(x - other))}" if near else ""


def _sign(result: Result) -> Line:
    """Of the number as it is written: one that is nothing but rounding is 0."""
    x = float(result.text)
    return () if math.isnan(x) else line("above" if x > 0 else "below" if x < 0 else "neither: it is 0")


def _update(session: Session, card: Card, node: Node) -> Asked:
    recording, at = session.recording, session.element
    before, after = scalar(recording.before(node.id), at), scalar(recording.after(node.id), at)
    name, result = _named(node, at), _result(card, after)
    primed: Line = (Span(f"{symbol_of(node)}'", kind_of(node)), *_named(node, at)[1:])
    asks = line("Does ", *name, " grow or shrink")
    if before is None or after is None or not math.isfinite(after - before):
        return Asked((*asks, Span("?")), (), after, primed, result)
    pair = before, after - before
    usual = _short(before), _short(after - before)
    start, moved = more_digits(pair, usual, math.fsum, result.text) or usual
    word = "it grows by " if after > before else "it shrinks by "
    answer = line(f"{word}{moved.lstrip('-')}") if after != before else line("it stays")
    return Asked((*asks, Span(f" from {start}?")), answer, after, primed, result)


def _seed(node: Node) -> Asked:
    name: Line = (Span(f"∂{symbol_of(node)}/∂{symbol_of(node)}", "gradient"),)
    loss = _named(node, ())
    question = line("When ", *loss, " changes a little, how much does ", *loss, " change?")
    return Asked(question, line("as much: the backward pass starts with 1"), 1.0, name, Result(_short(1.0)))


def _forward(session: Session, card: Card, node: Node) -> Asked:
    graph, at = session.graph, session.element
    x, name = scalar(session.state.shown(node), at), _named(node, at)
    result = _result(card, x)
    if node.id == graph.loss:
        return _loss(session, name, x, result)
    others = [graph.nodes[i] for i in node.inputs if graph.nodes[i].shape == node.shape]
    if x is not None and len(node.inputs) == 1 and others:
        other = scalar(session.state.shown(others[0]), at)
        if other is not None:
            question = line("Is ", *name, " larger or smaller than ", *_named(others[0], at), f", {_short(other)}?")
            return Asked(question, _side(x, other, result), x, name, result)
    return Asked(line("Is ", *name, " above or below 0?"), _sign(result) if x is not None else (), x, name, result)


def _loss(session: Session, name: Line, x: float | None, result: Result) -> Asked:
    step = session.cursor.step
    if step and x is not None:
        before = float(session.history.recording(step - 1).loss)
        word = "yes" if x < before else "no, larger" if x > before else "no, the same"
        question = line("Is ", *name, f" smaller than one training step ago, {_short(before)}?")
        return Asked(question, line(word, _by(x, before, result)), x, name, result)
    answer = "yes" if x == 0 else "no: this is what training brings down"
    return Asked(line("Is ", *name, " already 0?"), line(answer) if x is not None else (), x, name, result)
