"""Long formulas in LaTeX, in as many rows as the page needs: conditions stand one below the other, then a sum is broken
before its + signs, wherever it stands."""

from __future__ import annotations

import re

from bptui.symbolic.formula import latex
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.formula.width import measure

ROOM = 150
"""Digits that fit a row of the page of `bptui explain`: landscape A4 with margins of 15 mm, `\\small` (9 pt)."""
_PLACE = "BREAKHERE"


def rows(formula: Tree, names: Names, room: float = ROOM) -> list[str]:
    """The formula as rows of at most `room` digits each, where its sums let it be broken; else as it is."""
    whole = latex.to_latex(formula, names)
    if measure(whole) <= room:
        return [whole]
    whole = latex.to_latex(formula, names, stacked=True)
    if measure(whole) <= room:
        return [whole]
    found = _apart(formula, 3) or _apart(formula, 2)
    if found is None:
        return [whole]
    frame, add = found
    before, _, after = latex.to_latex(frame, names, stacked=True).partition(latex.name(_PLACE))
    if frame != t.Name(_PLACE) and not before.endswith(r"\left("):
        before, after = before + r"\left(", r"\right)" + after
    before, after = _fixed(before, r"\left", r"\right", r"\bigl"), _fixed(after, r"\right", r"\left", r"\bigr", -1)
    out, row = [], before
    for n, (term, minus) in enumerate(zip(add.terms, add.minus, strict=True)):
        with_sign = t.Add((t.Name("x"), term), (False, minus))
        part = latex.to_latex(with_sign, names, stacked=True)[1:].lstrip()
        part = part if n or minus else part[1:].lstrip()
        if n and measure(f"{row} {part}") > room - 4:
            out.append(row)
            row = r"\quad {}" + part
        else:
            row = f"{row} {part}" if n else row + part
    return [*out, row + after]


def _fixed(text: str, mine: str, other: str, fixed: str, way: int = 1) -> str:
    """The text with the brackets that are closed (way 1) or opened (-1) in another row at a fixed size: `\\left` and
    `\\right` must stand in one row."""
    pieces = re.split(rf"({re.escape(mine)}|{re.escape(other)})(?![a-z])", text)
    depth = 0
    alone: list[int] = []
    for n in range(1, len(pieces), 2)[:: -1 if way == 1 else 1]:
        depth += 1 if pieces[n] == other else -1
        if depth < 0:
            alone, depth = [*alone, n], 0
    return "".join(fixed if n in alone else piece for n, piece in enumerate(pieces))


def _apart(tree: Tree, least: int) -> tuple[Tree, t.Add] | None:
    """The longest sum, of so many terms at least, that stands on the line (not in a root, a power or below a fraction),
    and what is around it."""
    match tree:
        case t.Add(terms, _) if len(terms) >= least:
            return t.Name(_PLACE), tree
        case t.Neg(of):
            inner = _apart(of, least)
            return None if inner is None else (t.Neg(inner[0]), inner[1])
        case t.Div(top, bottom, False):
            inner = _apart(top, least)
            return None if inner is None else (t.Mul((t.Div(t.integer(1), bottom), inner[0])), inner[1])
        case t.Mul(parts) | t.Add(parts, _):
            found = [(len(inner[1].terms), n, inner) for n, part in enumerate(parts) if (inner := _apart(part, least))]
            if not found:
                return None
            _, n, (frame, add) = max(found, key=lambda one: one[0])
            made = (*parts[:n], frame, *parts[n + 1 :])
            return (t.Mul(made) if isinstance(tree, t.Mul) else t.Add(made, tree.minus)), add
        case t.Call(function, (argument,)) if function not in ("sqrt", "abs", "floor"):
            inner = _apart(argument, least)
            return None if inner is None else (t.Call(function, (inner[0],)), inner[1])
    return None
