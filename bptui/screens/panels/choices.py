"""The answers that a class chooses from: the right number, and wrong ones that are each a mistake with a name.

A mistake is computed from the numbers of the Moment, so that who makes it finds the number that comes out. What cannot
be told apart from the right one, or from another, is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bptui.model.base.numbers import DECIMALS, HIDDEN, WIDTH, concealed, field
from bptui.model.engine.graph import Graph, Node
from bptui.symbolic.facts import Equation, Table

MOST = 4
"""Answers of a question: the keys 1 to 4."""
APART = 0.02
"""Relative: what is nearer to another answer than this is no other one."""
SIGN, TWICE, HALF = "the sign turned", "twice as much", "half of it"
HALF_OF_ALL = "half of them, as by a coin"


SPECIAL = {"-inf": "below every number", "0": "nothing", "inf": "above every number", "NaN": "no number at all"}
"""Answers where the right one is not finite."""


class Choice(NamedTuple):
    """An answer as it is written; `mistake`: what was done wrong by whom it is the result of, "" for the right one."""

    text: str
    mistake: str = ""


class Mistake(NamedTuple):
    """A number that comes out where something is done wrong, and what that is."""

    number: float | None
    name: str


def short(x: float | None) -> str:
    """A number as it is written in an answer."""
    return field(x, WIDTH, DECIMALS).strip()


def choices(right: float | None, text: str, mistakes: Iterable[Mistake]) -> tuple[Choice, ...]:
    """The right number (as `text`) among wrong ones, the smallest first; none where there is no number, or a hidden
    one."""
    if right is None or text == HIDDEN or concealed(right):
        return ()
    if not math.isfinite(right):
        return tuple(Choice(each, "" if each == text else name) for each, name in SPECIAL.items())
    found = [(float(text), Choice(text))]
    for number, name in (*mistakes, *_usual(right)):
        if len(found) == MOST:
            break
        if number is None or not math.isfinite(number):
            continue
        written = short(number)
        if _other(number, right) and all(_other(float(written), x) for x, _ in found):
            found.append((float(written), Choice(written, name)))
    return tuple(choice for _, choice in sorted(found, key=lambda pair: pair[0]))


def among(texts: Sequence[str], right: int, why: str) -> tuple[Choice, ...]:
    """Texts of which the one at `right` is right; `why` the others are not."""
    return tuple(Choice(text, "" if n == right else why) for n, text in enumerate(texts))


def counts(right: int, of: int) -> tuple[Choice, ...]:
    """How many of so many: the right number among all of them, what is left of them, and one half."""
    found = {right: "", of: "all of them", of - right: "the others: those that are not", of // 2: HALF_OF_ALL}
    found[right] = ""
    return tuple(Choice(f"{count:,}", found[count]) for count in sorted(found))


def _other(x: float, y: float) -> bool:
    """Can two answers be told apart?"""
    return abs(x - y) > APART * max(abs(x), abs(y))


def _usual(right: float) -> Iterator[Mistake]:
    """What is done wrong anywhere."""
    if right == 0:
        yield from (Mistake(1.0, "as if nothing stood in the way"), Mistake(-1.0, SIGN), Mistake(0.5, HALF))
    yield Mistake(-right, SIGN)
    yield Mistake(2 * right, TWICE)
    yield Mistake(right / 2, HALF)
    yield Mistake(0.0, "nothing")


def of_equation(made: Equation) -> Iterator[Mistake]:
    """upstream × local = downstream."""
    up, local, down = made.numbers
    yield Mistake(-down, SIGN)
    yield Mistake(up, "what came in alone")
    yield Mistake(local, "the slope alone")
    if local is not None:
        yield Mistake(up + local, "added, not multiplied")
        yield Mistake(up / local if local else None, "divided, not multiplied")


def of_table(made: Table) -> Iterator[Mistake]:
    """A sum of products, and what is done with it."""
    terms = [term.product for term in (*made.head, *made.tail)]
    before = made.total
    for step in made.steps:
        name = "".join(span.text for span in step.symbol) or short(step.number)
        if step.sign == "/":
            yield Mistake(made.total * step.number, f"not divided by {'how many they are' if step.counts else name}")
        elif step.sign in "+-":
            yield Mistake(made.total - (step.number if step.sign == "+" else -step.number), f"without {name}")
    if len(terms) > 1:
        largest = max(terms, key=abs)
        yield Mistake(largest, "the largest term alone")
        yield Mistake(before - largest, "without the largest term")
        if not made.elided:
            yield Mistake(math.fsum(map(abs, terms)), "all signs taken as +")
    for term in made.head[:1]:
        if len(term.factors) == 2 and not made.elided and len(terms) == 1:
            yield Mistake(term.factors[0][1] + term.factors[1][1], "added, not multiplied")
    yield Mistake(-made.total, SIGN)


def of_inputs(graph: Graph, node: Node, numbers: Sequence[float | None], result: float) -> Iterator[Mistake]:
    """An operation on single numbers: what it is of, and what other operations would make of them."""
    if len(numbers) == 1:
        yield Mistake(numbers[0], "what went in, unchanged")
        if numbers[0] is not None:
            yield Mistake(-numbers[0], "what went in, its sign turned")
        if 0 < result < 1 and node.op is not None and node.op.name in ("sigmoid", "softmax"):
            yield Mistake(1 - result, "what is missing to 1")
    if len(numbers) == 2 and None not in numbers:
        a, b = (float(x) for x in numbers if x is not None)
        yield Mistake(b - a, "the other way round")
        yield Mistake(a + b, "added")
        yield Mistake(a - b, "subtracted")
        yield Mistake(a * b, "multiplied")
        yield Mistake((a - b) ** 2, "the squared difference, as it is")
        yield Mistake(a, f"{graph.nodes[node.inputs[0]].name} alone")
        yield Mistake(b, f"{graph.nodes[node.inputs[1]].name} alone")


def of_update(before: float, after: float, gradient: float | None) -> Iterator[Mistake]:
    """A new value of a parameter."""
    yield Mistake(2 * before - after, "up the slope: the sign of the step")
    yield Mistake(before, "as it was: no step")
    if gradient is not None:
        yield Mistake(before - gradient, "the whole gradient: the rate left out")
    yield Mistake(after - before, "the change, not the new value")


def of_loss(now: float, before: float | None) -> Iterator[Mistake]:
    """The loss, of which `before` was that of the training step before."""
    if before is not None:
        yield Mistake(before, "as before: nothing learnt")
        yield Mistake(2 * before - now, "as much the other way")
    yield Mistake(2 * now, TWICE)
    yield Mistake(0.0, "nothing left to learn")
