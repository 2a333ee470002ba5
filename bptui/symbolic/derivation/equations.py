"""What a card says as formulas in math mode, row by row, and what is left of it to be said in words.

The numbers are those of the card's text: worked out by the same law, from the same digits to begin with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, plain
from bptui.symbolic.facts import Card, Fact, Formula
from bptui.symbolic.formula import latex, typeset
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, number
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.formula.width import measure
from bptui.symbolic.formula.worked import worked

_AS_FORMULAS = ("definition", "local", "gradient", "rule", "element", "update")
"""Kinds of facts that stand in a card's formulas; of these only the reason and the note are words."""
_DOTS = t.Name("…")


def rules(card: Card) -> list[str]:
    """The definition and what follows from it: `left &= right`, in as many rows as the page needs."""
    return [row for f in card.formulas if f.numbers is None for row in _symbols(f)]


def worked_out(card: Card) -> list[str]:
    """The equations of this element: in symbols, then with numbers, then what comes out."""
    exact = card.equation is not None or card.table is not None
    return [row for f in card.formulas if f.numbers is not None for row in [*_symbols(f), *_filled(f, exact)]]


def together(card: Card) -> list[str]:
    """Both; what an equation of the element only repeats of the definition is not said again."""
    first, then = rules(card), worked_out(card)
    return [*first, *(then[1:] if first and then and then[0] == first[-1] else then)]


def _symbols(f: Formula) -> list[str]:
    left = _left(f)
    first, *more = typeset.rows(f.right, f.names, typeset.ROOM - measure(left))
    return [f"{left} &= {first}", *(f"&{row}" for row in more)]


def _left(f: Formula) -> str:
    """What is defined; of an equation with numbers, with its index, though the formulas of the operation have none."""
    if f.numbers is None or not isinstance(f.left, t.Element):
        return latex.to_latex(f.left, f.names)
    return latex.to_latex(f.left, replace(f.names, bare=f.names.bare - {f.left.base}))


def _filled(f: Formula, exact: bool) -> list[str]:
    """The rows under `left &=` with the numbers; the last one ends with the result."""
    assert f.value is not None
    room = typeset.ROOM - measure(_left(f))
    tree, names = f.filled, f.numbers
    if _DOTS in t.walk(tree):
        names = _with_rest(tree, f)
    made = worked(tree, names, f.value, numbers.significant if exact else number, f.eps)
    value, written = latex.scientific(made.result), typeset.rows(made.tree, made.names, room)
    if written == [value]:
        return [f"&= {value}"]
    sign = "=" if made.sign == "=" else r"\approx"
    close = len(written) == 1 and measure(f"{written[0]} = {value}") <= room
    out = [f"&= {written[0]}", *(f"&{row}" for row in written[1:])]
    if close or len(written) > 1:
        return [*out[:-1], f"{out[-1]} {sign} {value}"]
    return [*out, f"&{sign} {value}"]


def _with_rest(tree: Tree, f: Formula) -> Names:
    """The names with a number for the terms that are left out: what the others lack of the result, which is linear in
    it; 0 where that is rounding."""

    names: Names = f.numbers

    def at(rest: float) -> float:
        return float(evaluate(t.rebuild(tree, lambda part: _number(part, names, rest)), {}, {}))

    try:
        none, one = at(0.0), at(1.0)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return names
    assert f.value is not None
    rest = (f.value - none) / (one - none) if one != none else 0.0
    rest = 0.0 if abs(f.value - none) <= 8 * f.eps * max(abs(f.value), abs(none)) else rest
    inner = names.numbers

    def of(base: str, place: tuple[int, ...] | None) -> float | str | None:
        return rest if base == _DOTS.name else inner(base, place) if inner is not None else None

    return replace(names, numbers=of)


def _number(part: Tree, names: Names, rest: float) -> Tree | None:
    if part == _DOTS:
        return t.Number(rest, "")
    if names.numbers is None or not isinstance(part, t.Name | t.Element):
        return None
    index = part.index if isinstance(part, t.Element) else None
    place = None if index is None else tuple(int(i.value) for i in index if isinstance(i, t.Number))
    found = names.numbers(part.base if isinstance(part, t.Element) else part.name, place)
    return None if found is None else t.Number(float(found), "")


def in_words(card: Card, new: bool = True) -> Iterator[tuple[str, Line, Line]]:
    """(label, text, note) of all that the formulas leave unsaid; without what belongs to the rules where those have
    been said before."""
    for fact in (*(card.rules if new else ()), *card.facts):
        yield from _words(card, fact)
    if card.table is not None:
        if card.table.elided:
            yield "…", (Span(f"{card.table.rest}"),), ()
        if card.table.contributions is not None:
            yield "contribution", (card.table.contributions.span,), ()
    if card.inside is not None:
        for fact in card.inside.ends:
            yield from _words(card, fact)
        yield from ((f"part {name}", formula, value) for name, formula, value in card.inside.parts)


def _words(card: Card, fact: Fact) -> Iterator[tuple[str, Line, Line]]:
    if not _written(card, fact):
        yield fact.label, fact.labelled, fact.note.full
        return
    said = (*fact.reason, *([Span("  ")] if fact.reason and fact.note.full else []), *fact.note.full)
    if plain(said).strip():
        yield fact.label, said, ()


def _written(card: Card, fact: Fact) -> bool:
    """Do the formulas say it? Not an equation of this element of which they have no numbers, or, as of a maximum over
    many, nothing but the result."""
    if fact.kind not in _AS_FORMULAS or not card.formulas:
        return False
    if fact.kind not in ("element", "update"):
        return True
    return any(f.numbers is not None for f in card.formulas) and not any(map(_open, card.formulas))


def _open(f: Formula) -> bool:
    if f.numbers is None or not _sums(f.right):
        return False
    tree = f.filled
    return isinstance(tree, t.Number) or _sums(tree)


def _sums(tree: Tree) -> bool:
    return any(isinstance(part, t.Reduction) for part in t.walk(tree))
