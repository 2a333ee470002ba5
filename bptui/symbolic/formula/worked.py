"""A formula with numbers in it, and what comes out, with digits enough that the one gives the other as printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from bptui.model.base import arithmetic
from bptui.model.base.kinds import KINDS
from bptui.model.base.numbers import HIDDEN, concealed
from bptui.model.base.spans import Line, Span
from bptui.symbolic.facts import Table
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, number, to_spans
from bptui.symbolic.formula.tree import Tree


@dataclass(frozen=True)
class Worked:
    """An equation ready to be printed: the formula, its names with the texts of its numbers, the text of the result."""

    tree: Tree
    names: Names
    result: str
    sign: str = "="

    def spans(self, unicode: bool) -> Line:
        """The formula with its numbers."""
        return to_spans(self.tree, self.names, unicode)

    def mark(self, unicode: bool) -> Span:
        """What stands between the formula and its result: ` = `, ` ≈ `."""
        return Span(f" {self.sign} " if unicode or self.sign == "=" else " ~ ")


def worked(
    tree: Tree, names: Names, value: float, usual: Callable[[float], str] = number, eps: float = arithmetic.EPS
) -> Worked:
    """The formula with the numbers of `names`, and `value`; `usual` writes a number where nothing asks for more digits.
    What is no formula of numbers (terms left out, a sum that is not written out) is written as usual. What follows from
    a number that is kept back is kept back."""
    leaves = _leaves(tree, names, usual)
    if concealed(value) or any(concealed(x) for x, _ in (leaves or {}).values()):
        return Worked(tree, names, HIDDEN)
    final = usual(value)
    if not leaves:
        return Worked(tree, names, final)
    keys, known = list(leaves), [x for x, _ in leaves.values()]
    texts = [text for _, text in leaves.values()]
    if isinstance(tree, t.Call) and tree.function in KINDS and len(known) == 1:  # what it rounds is to be seen
        texts[0], final = arithmetic.compared((known[0], value), (texts[0], final))

    filled, places = _filled(tree, tuple(keys))

    def work(values: Sequence[float]) -> float:
        try:
            return float(evaluate(filled, dict(zip(places, values, strict=True)), {}))
        except (ArithmeticError, KeyError, TypeError, ValueError):  # no number comes out of it
            return math.nan

    if not math.isfinite(work(known)):
        return Worked(tree, names, final)
    made = arithmetic.equation(known, value, work, (texts, final), eps=eps)
    printed = dict(zip(keys, made.operands, strict=True))

    def of(base: str, place: tuple[int, ...] | None) -> float | str | None:
        return printed.get(t.Name(base) if place is None else t.Element(base, tuple(map(t.integer, place))))

    def folded(part: Tree) -> Tree | None:
        return t.Number(part.value, printed[part]) if isinstance(part, t.Number) and part in printed else None

    shown = t.rebuild(tree, folded) if any(isinstance(part, t.Number) for part in keys) else tree
    return Worked(shown, replace(names, numbers=of), made.result, made.sign)


@lru_cache(500)
def _filled(tree: Tree, leaves: tuple[Tree, ...]) -> tuple[Tree, tuple[str, ...]]:
    """The formula with a name in the place of each leaf, and these names: the same at each Moment."""
    places = {part: t.Name(f"#{n}") for n, part in enumerate(leaves)}
    return t.rebuild(tree, places.get), tuple(place.name for place in places.values())


def sum_texts(
    made: Table, usual: Callable[[float], str], room: int | None = None, decimals: int | None = None
) -> arithmetic.PrintedSum:
    """The texts of a table's numbers (see `arithmetic.printed_sum`)."""
    head, tail = (
        [arithmetic.Row(tuple(x for _, x in term.factors), term.product, term.running) for term in terms]
        for terms in (made.head, made.tail)
    )
    after = [(step.sign, step.number) for step in made.steps]
    total = arithmetic.Sum(head, tail, after, made.total, made.eps)
    return arithmetic.printed_sum(total, usual, room, decimals=decimals)


def _leaves(tree: Tree, names: Names, usual: Callable[[float], str]) -> dict[Tree, tuple[float, str]] | None:
    """(number, usual text) by what it stands for; None where something in the formula has no number."""
    found: dict[Tree, tuple[float, str]] = {}
    for part in _in_order(tree):
        match part:
            case t.Reduction() | t.Size() | t.Partial():
                return None
            case t.Number(x, text):
                found[part] = x, text
            case t.Name() | t.Element():
                value = _number(part, names)
                if value is None:
                    return None
                found[part] = float(value), value if isinstance(value, str) else usual(value)
    return found


@lru_cache(500)
def _in_order(tree: Tree) -> tuple[Tree, ...]:
    """What in a formula stands for a number, or for more than one, outermost first."""

    def stands(part: Tree) -> bool:
        match part:
            case t.Number(x, text):
                return text == HIDDEN or float(text) != x  # a sum that was folded into its number
            case t.Name(name):
                return name != "pi"
        return isinstance(part, t.Element | t.Reduction | t.Size | t.Partial)

    return tuple(filter(stands, t.walk(tree)))


def _number(part: t.Name | t.Element, names: Names) -> float | str | None:
    """What the names put in the place of a leaf."""
    if names.numbers is None:
        return None
    if isinstance(part, t.Name):
        return names.numbers(part.name, None)
    if not all(isinstance(i, t.Number) for i in part.index):
        return None
    return names.numbers(part.base, tuple(int(i.value) for i in part.index if isinstance(i, t.Number)))
