"""What anyone may compute instead of a number, from the network's own numbers, with what is said to it.

Each is worked out from the recorded step: what came in and the local derivatives from the contributions to a gradient,
the terms of a value from the definition of its operation, the step from the parameter before and after.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from bptui.model.debugger.answers.contributions import Contributed, contributed
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import NotRecorded
from bptui.model.engine.state import State
from bptui.symbolic.card.addends import addends
from bptui.teach.filling import called
from bptui.teach.formulas import Formulas, Target
from bptui.teach.lesson import Prose, Question
from bptui.teach.markup import prose

MOST = 12
"""Contributions or terms of which each is held against an answer."""

ABOUT = (
    "the sign turned",
    "what came in: upstream alone",
    "the local derivative alone",
    "added or divided instead of multiplied",
    "twice or half, where the loss has a ½ or none: named with its convention",
    "N times or an Nth, where the loss is a mean or a sum",
    "one contribution or term of several (how many are missing), or all but one",
    "before instead of after the activation, or after instead of before",
    "the change instead of the new value, the step with the wrong sign, the old value",
)
"""In the order in which they are told."""


class Slip(NamedTuple):
    """A number, and what was done to come to it."""

    number: float
    reason: Prose


def slips(formulas: Formulas, question: Question) -> list[Slip]:
    """The wrong answers to a number question that no lesson need name, in the order of ABOUT."""
    right = formulas.number(question.expression)
    found = [_slip(-right, "**The sign is turned.**")]
    target = formulas.target(question.expression)
    element = None if target is None else target.element
    if target is not None and element is not None:
        with suppress(NotRecorded):
            found += _Of(formulas, target, element, right).slips()
    return [each for each in dict.fromkeys(found) if math.isfinite(each.number)]


def _slip(number: float, reason: str) -> Slip:
    return Slip(float(number), prose(reason))


class _Of:
    """The slips of one number of the network."""

    def __init__(self, formulas: Formulas, target: Target, element: tuple[int, ...], right: float) -> None:
        self.formulas, self.recording, self.graph = formulas, formulas.recording, formulas.graph
        self.node, self.of, self.element, self.right = target.node, target.of, element, right

    def slips(self) -> Iterator[Slip]:
        """All of them."""
        if self.of == "new":
            yield from self._new()
        elif self.of == "gradient":
            made = contributed(self.recording, self.node, self.element, frozenset())
            yield from self._chain(made)
            if self._blind(made):
                yield from self._convention()
            yield from self._parts(_pieces(made), "contribution")
        else:
            yield from self._product()
            if self.node.id == self.graph.loss:
                yield from self._convention()
            yield from self._terms()
            yield from self._activation()

    # a gradient
    def _chain(self, made: Contributed) -> Iterator[Slip]:
        """Upstream × local, of the only term that it is made of."""
        terms = [term for row in made.groups for group in row if group is not None for term in group.terms]
        if len(terms) != 1 or terms[0].local is None:
            return
        up, local = terms[0].upstream, terms[0].local
        consumer = self.graph.nodes[made.uses[0].consumer]
        y, x = called(consumer), called(self.node)
        yield _slip(up, f"**That is what came in.** {_say(consumer)} {_slope(consumer, self.node)}.")
        yield _slip(local, f"**That is the local derivative,** `∂{y}/∂{x}`. Multiply it by what came in, `∂L/∂{y}`.")
        yield _slip(up + local, "**Added.** What came in and the local derivative are multiplied.")
        for a, b in ((up, local), (local, up)):
            if b:
                yield _slip(a / b, "**Divided.** What came in and the local derivative are multiplied.")

    def _blind(self, made: Contributed) -> bool:
        """Has the reader to begin at the loss: is what came in not on the screen, or is it the loss that is asked?"""
        loss = self.graph.loss
        if self.node.id == loss or not made.uses:
            return False
        if any(use.consumer == loss for use in made.uses):
            return True
        now = State(self.recording, self.formulas.state.moment)
        return not all(now.gradient(use.consumer).final for use in made.uses)

    def _convention(self) -> Iterator[Slip]:
        """What another convention of the loss would give."""
        loss = self.graph.nodes[self.graph.loss]
        name = "" if loss.op is None else loss.op.name
        square = name in ("mse", "half_mse", "half_sse")
        if square and name.startswith("half"):
            yield _slip(2 * self.right, f"**Twice as much.** The ½ of {name} cancels the 2 of the square.")
            yield _slip(self.right / 2, f"**Half as much.** The ½ of {name} has cancelled the 2 of the square.")
        elif square:
            yield _slip(self.right / 2, f"**Half as much.** {name} has no ½: the 2 of the square stays.")
            yield _slip(2 * self.right, f"**Twice as much.** {name} has one 2, that of the square.")
        count = math.prod(self.graph.nodes[loss.inputs[0]].shape) if loss.inputs and loss.op is not None else 1
        how = loss.attributes.get("reduction", "")
        if count > 1 and how == "mean":
            yield _slip(count * self.right, f"**{count} times as much.** {name} is a mean: divided by {count}.")
        elif count > 1 and how == "sum":
            yield _slip(self.right / count, f"**Divided by {count}.** {name} is a sum, no mean.")

    # a value
    def _product(self) -> Iterator[Slip]:
        """Added or divided, where a value is the product of two."""
        node = self.node
        if node.op is None or node.op.opaque:
            return
        made = addends(self.recording, node, self.element)
        if made is None or made.relation != "product" or len(made.terms) != 1 or len(made.terms[0].factors) != 2:
            return
        a, b = (factor.value for factor in made.terms[0].factors)
        yield _slip(a + b, "**Added.** The two are multiplied.")
        for first, second in ((a, b), (b, a)):
            if second:
                yield _slip(first / second, "**Divided.** The two are multiplied.")

    def _terms(self) -> Iterator[Slip]:
        """One of the terms of a sum, or all but one."""
        if self.node.op is None or self.node.op.opaque:
            return
        made = addends(self.recording, self.node, self.element)
        if made is not None and made.relation == "sum" and not made.rest[0]:
            yield from self._parts([term.value for term in made.terms], "term")

    def _parts(self, parts: Sequence[float], what: str) -> Iterator[Slip]:
        parts = [part for part in parts if part]
        n = len(parts)
        if not 2 <= n <= MOST:
            return
        for part in parts:
            yield _slip(part, f"**That is one {what} of {n}:** {'one is' if n == 2 else f'{n - 1} are'} missing.")
        for part in parts if n > 2 else ():
            yield _slip(self.right - part, f"**One {what} of {n} is missing.**")

    def _activation(self) -> Iterator[Slip]:
        """The number on the other side of an elementwise operation of one input."""
        node, graph = self.node, self.graph
        here = called(node)
        for before in (graph.nodes[i] for i in node.inputs if _unary(node)):
            if before.shape == node.shape:
                what = f"before the {_name(node)}:** `{called(before)}`, not `{here}`."
                yield _slip(self._value(before), f"**That is {what}")
        for after in (graph.nodes[i] for i, _ in graph.consumers[node.id]):
            if _unary(after) and after.shape == node.shape:
                what = f"after the {_name(after)}:** `{called(after)}`, not `{here}`."
                yield _slip(self._value(after), f"**That is {what}")

    def _value(self, node: Node) -> float:
        return float(self.recording.required(node)[self.element])

    # a parameter after the step
    def _new(self) -> Iterator[Slip]:
        old = self._value(self.node)
        change = self.right - old
        yield _slip(change, "**That is by how much it changes.** Asked is the new value.")
        yield _slip(old - change, "**The step goes the other way,** against the gradient: minus minus is plus.")
        yield _slip(old, "**That is what it was before.** It takes a step.")


def _pieces(made: Contributed) -> list[float]:
    """The contributions to a gradient, as a reader counts them: by consumer where there are several, else by sample,
    else one by one."""
    columns = [made.column(n) for n in range(len(made.uses))]
    if len(columns) > 1:
        return [column for column in columns if column is not None]
    if len(made.keys) > 1:
        return [made.row(n) for n in range(len(made.keys))]
    return [term.product for row in made.groups for group in row if group is not None for term in group.terms]


def _unary(node: Node) -> bool:
    return node.op is not None and node.op.elementwise and len(node.inputs) == 1


def _name(node: Node) -> str:
    return node.op.name if node.op is not None else node.name


def _say(consumer: Node) -> str:
    """`The sigmoid has a say, too: multiply by`."""
    return f"The {_name(consumer)} has a say, too: multiply by" if _unary(consumer) else "Multiply it by"


def _slope(consumer: Node, node: Node) -> str:
    """`its slope, a·(1 - a)` where the operation has a short form of it, else the name of the local derivative."""
    op, y, x = consumer.op, called(consumer), called(node)
    hint = op.hint if op is not None and _unary(consumer) and not consumer.attributes else None
    if not isinstance(hint, str):
        return f"the local derivative, `∂{y}/∂{x}`"
    shown = re.sub(r"\b[xy]\b", lambda found: y if found[0] == "y" else x, hint)
    return f"its slope, `{shown.replace('**2', '²').replace('*', '·')}`"
