"""What present mode asks about a Moment before it shows the number, the answers to choose from, and why the right one
is that. All is read off the recording: nothing is asked that the numbers do not decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.arithmetic import compared, more_digits, product
from bptui.model.base.numbers import DECIMALS, HIDDEN, significant
from bptui.model.base.spans import Line, Span, line, plain
from bptui.model.debugger.locations import fit
from bptui.model.engine.graph import Node
from bptui.screens.card.band import kind_of_symbol
from bptui.screens.panels.choices import (
    Choice,
    Mistake,
    choices,
    of_equation,
    of_inputs,
    of_loss,
    of_table,
    of_update,
    short,
)
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
    """A question, the answers to choose from, and why the right one is right; the number that is asked for, its symbol,
    and the number as text."""

    question: Line
    choices: tuple[Choice, ...]
    reason: Line
    number: float | None
    symbol: Line
    result: Result


def asked(session: Session, card: Card) -> Asked:
    """What is asked about the Moment of a session, of which nothing is hidden."""
    phase, node = session.cursor.phase, session.node
    if card.equation is not None:
        return _backward(session, card, card.equation)
    if card.table is not None and not (phase == "forward" and node.id == session.graph.loss):
        return _sum(card, card.table)
    if phase == "update" and node.role == "param":
        return _update(session, card, node)
    if session.timeline.is_seed(session.cursor):
        return _seed(session, node)
    if phase == "backward" and (found := worked_out(card)):
        return _gradient(card, found[-1])
    return _forward(session, card, node)


def _gradient(card: Card, fact: Fact) -> Asked:
    """What is asked of a gradient of which it is not known yet, or never, what it is the product of."""
    symbol: Line = tuple(Span(span.text, "gradient") for span in fact.left)
    return Asked(line("What is ", *symbol, "?"), (), (), None, symbol, _result(card, None))


def asked_of_loss(session: Session) -> Asked:
    """What is asked about the curve of the loss."""
    node, step = session.graph.nodes[session.graph.loss], session.cursor.step
    now, losses = float(session.state.shown_loss), session.losses
    before = float(losses[step - 1]) if step else None
    name = _named(node, ())
    question = line("What is ", *name, " before any training?")
    if before is not None:
        question = line(*name, f" was {short(before)}. What is it after one more training step?")
    result = Result(short(now))
    made = choices(now, result.text, of_loss(now, before))
    return Asked(question, made, _learnt(before, now, result), now, name, result)


def three(numbers: tuple[float, float | None, float]) -> tuple[tuple[str, str, str], str]:
    """Upstream, local and downstream, and the sign before the last: as short as they are true with four decimals, else
    with fewer."""
    usual = [short(x) for x in numbers]
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
    return Result(plain(facts[-1].result), facts[-1].sign) if facts else Result(short(x))


def _named(node: Node, element: tuple[int, ...]) -> Line:
    at = f"[{','.join(map(str, element))}]" if element else ""
    return (Span(f"{symbol_of(node)}{at}", kind_of(node)),)


def _backward(session: Session, card: Card, made: Equation) -> Asked:
    down, (texts, sign) = made.downstream.number, three(made.numbers)
    way = " on this way" if made.contributions.total > 1 else ""
    question = line("What arrives at ", *_target(session, card), f"{way}?")
    answers = choices(down, texts[2], of_equation(made))
    return Asked(question, answers, _slope(made, texts[1]), down, made.downstream.symbol, Result(texts[2], sign))


def _slope(made: Equation, text: str) -> Line:
    """What the local derivative, printed as `text`, does to the upstream gradient: `smaller: ∂a/∂z is 0.2, …`."""
    up, local, down = made.numbers
    if local is None or not math.isfinite(down) or not _same(up * local, down):
        return ()
    size, name = abs(local), made.local.symbol
    turned = ", and the sign turns" if local < 0 else ""
    if up == 0:
        return line("nothing came in: 0 times any slope is 0")
    if size == 0:
        return line("nothing gets through: ", *name, " is 0")
    if size == 1:
        return line("as large as it came: ", *name, f" is {text}", turned)
    word, side = ("smaller", "below") if size < 1 else ("larger", "above")
    told, _ = compared((local, math.copysign(1, local)), (text, "1" if local > 0 else "-1"))
    return line(f"{word}: ", *name, f" is {told}, in size {side} 1", turned)


def _same(x: float, y: float) -> bool:
    return math.isclose(x, y, rel_tol=SAME, abs_tol=1e-300)


def _target(session: Session, card: Card) -> Line:
    """The input that the gradient is of, at its element."""
    node = session.graph.by_name.get(card.input)
    return (Span(f"{symbol_of(node)}{card.element}", kind_of(node)),) if node is not None else line("the input")


def _sum(card: Card, made: Table) -> Asked:
    count = len(made.head) + made.elided + len(made.tail) + sum(step.sign in "+-" for step in made.steps)
    symbol: Line = tuple(Span(s.text, kind_of_symbol(made.result)) for s in made.result)
    question = line(f"What do these {count:,} terms add up to?") if count > 1 else line("What is ", *symbol, "?")
    result = _result(card, made.total)
    terms = [term.product for term in (*made.head, *made.tail)]
    largest = max(terms, key=abs, default=0.0)
    reason = (
        line(f"most of it is one term, {short(largest)}") if count > 1 and abs(largest) > abs(made.total) / 2 else ()
    )
    if made.total == 0 or result.text == "0":
        reason = line("they cancel") if any(terms) else line("all of them are 0")
    answers = choices(made.total, result.text, of_table(made))
    return Asked(question, answers, reason, made.total, made.result, result)


def _side(x: float, other: float, result: Result) -> str:
    """How a number stands to another one."""
    if math.isnan(x - other) or result.text == HIDDEN:
        return ""
    return f"{'larger than' if x > other else 'smaller than' if x < other else 'the same as'}{_by(x, other, result)}"


def _beside(x: float, other: float, result: Result) -> str:
    """The text of another number: it stands to the printed one as the numbers do, where a few more digits can tell."""
    if x == other:
        return result.text
    texts = (short(other), *(significant(other, n) for n in range(3, 7)))
    return next((text for text in texts if _told(x, other, result.text, text)), texts[0])


def _told(x: float, other: float, first: str, second: str) -> bool:
    """Do two texts stand to each other as their numbers do?"""
    printed = float(first) - float(second)
    return (printed > 0, printed < 0) == (x > other, x < other)


def _by(x: float, other: float, result: Result) -> str:
    """By how much two numbers differ, where what is printed of them does not tell."""
    near = math.isfinite(x - other) and not _told(x, other, result.text, _beside(x, other, result))
    return f", by {short(abs(x - other))}," if near else ""


def _update(session: Session, card: Card, node: Node) -> Asked:
    recording, at = session.recording, session.element
    before, after = scalar(recording.before(node.id), at), scalar(recording.after(node.id), at)
    name, result = _named(node, at), _result(card, after)
    primed: Line = (Span(f"{symbol_of(node)}'", kind_of(node)), *_named(node, at)[1:])
    if before is None or after is None or result.text == HIDDEN or not math.isfinite(after - before):
        question = line("What does ", *name, " become?")
        return Asked(question, choices(after, result.text, ()), (), after, primed, result)
    usual = short(before), short(after - before)
    start, moved = more_digits((before, after - before), usual, math.fsum, result.text) or usual
    word = "it grows by " if after > before else "it shrinks by "
    reason = line(f"{word}{moved.lstrip('-')}") if after != before else line("it stays: no gradient came")
    answers = choices(after, result.text, of_update(before, after, scalar(recording.update_grad(node.id), at)))
    return Asked(line(*name, f" is {start}. What does it become?"), answers, reason, after, primed, result)


def _seed(session: Session, node: Node) -> Asked:
    name: Line = (Span(f"∂{symbol_of(node)}/∂{symbol_of(node)}", "gradient"),)
    loss = _named(node, ())
    question = line("When ", *loss, " changes a little, how much does ", *loss, " change?")
    wrong = (Mistake(0.0, "it would not change"), Mistake(float(session.state.shown_loss), "the loss itself"))
    made = choices(1.0, short(1.0), (*wrong, Mistake(-1.0, "the other way")))
    return Asked(question, made, line("as much: the backward pass starts with 1"), 1.0, name, Result(short(1.0)))


def _forward(session: Session, card: Card, node: Node) -> Asked:
    graph, at = session.graph, session.element
    x, name = scalar(session.state.shown(node), at), _named(node, at)
    result = _result(card, x)
    if node.id == graph.loss and x is not None:
        before = float(session.losses[session.cursor.step - 1]) if session.cursor.step else None
        made = choices(x, result.text, (*_of_inputs(session, node, at, x), *of_loss(x, before)))
        return Asked(line("What is ", *name, "?"), made, _learnt(before, x, result), x, name, result)
    others = [graph.nodes[i] for i in node.inputs if graph.nodes[i].shape == node.shape]
    other = scalar(session.state.shown(others[0]), at) if len(node.inputs) == 1 and others else None
    reason: Line = ()
    if x is not None and other is not None and (side := _side(x, other, result)):
        reason = line(f"{side} ", *_named(others[0], at), f", {_beside(x, other, result)}")
    made = choices(x, result.text, _of_inputs(session, node, at, x) if x is not None else ())
    return Asked(line("What is ", *name, "?"), made, reason, x, name, result)


def _of_inputs(session: Session, node: Node, at: tuple[int, ...], result: float) -> tuple[Mistake, ...]:
    """Mistakes of an operation on one number of each of its inputs."""
    nodes = [session.graph.nodes[i] for i in node.inputs]
    if node.op is None or not (node.op.elementwise or all(each.shape == () for each in nodes)):
        return ()
    found = [scalar(session.state.shown(each), fit(at, each.shape)) for each in nodes]
    return tuple(of_inputs(session.graph, node, found, result)) if None not in found else ()


def _learnt(before: float | None, now: float, result: Result) -> Line:
    """How the loss stands to that of the training step before."""
    if before is None:
        return line("nothing is lost" if now == 0 else "this is what training brings down")
    side = _side(now, before, result)
    return line(f"{side} one training step ago, {_beside(now, before, result)}") if side else ()
