"""Why a formula took the branch that it took: its comparisons, and the numbers that decided them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.arithmetic import compared
from bptui.model.base.spans import Line, Span, merge, plain
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.written import with_numbers
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.tree import Tree

_AND = (Span(" and "),)
_SIGNS = {">": np.greater, "<": np.less, "=": np.equal}


class Choice:
    """The comparisons of an elementwise formula at one element; `scalars`: its numbers, by bare name."""

    def __init__(self, reading: BoundDefinition, names: Names, scalars: Mapping[str, Any], unicode: bool) -> None:
        self.reading, self.names, self.scalars, self.unicode = reading, names, scalars, unicode

    def _number(self, tree: Tree) -> Any:
        return evaluate(tree, self.scalars, {}, self.reading.size)

    def since(self, tree: Tree) -> Line:
        """`0.2795 > 0`: which branches the formula took, as its numbers stand to each other; `x = b` where they are
        equal."""
        part: Tree | None = next((p for p in t.walk(tree) if isinstance(p, t.IfElse)), None)
        said: dict[frozenset[str], list[Span]] = {}
        while isinstance(part, t.IfElse):
            taken = bool(self._number(part.condition))
            for condition in self._deciding(part.condition, taken):
                sign = self.stands(condition)
                if sign:
                    left, right = self._sides(condition, sign == "=")
                    shown = sign if self.unicode or sign != "≠" else "!="
                    said.setdefault(frozenset((plain(left), plain(right))), [*left, Span(f" {shown} "), *right])
            part = part.yes if taken else part.no
        return merge(s for n, told in enumerate(said.values()) for s in [*_AND[: n and 1], *told])

    def _deciding(self, condition: Tree, taken: bool) -> list[t.Compare]:
        """The comparisons that say why a condition holds (`taken`), or why it does not."""
        if isinstance(condition, t.Compare):
            return [condition]
        if not isinstance(condition, t.Logic) or condition.word not in ("and", "or"):
            return []
        parts = [part for part in condition.parts if isinstance(part, t.Compare)]
        if taken == (condition.word == "and"):  # all of them together
            return parts
        return [part for part in parts if bool(self._number(part)) == taken][:1]

    def _sides(self, of: t.Compare, symbolic: bool) -> tuple[Line, Line]:
        """Both sides of a comparison; numbers with digits enough to tell them apart."""
        sides = [self._side(side, symbolic) for side in (of.left, of.right)]
        if not symbolic:
            pair = [float(self._number(side)) for side in (of.left, of.right)]
            texts = compared(pair, [plain(side) for side in sides])
            sides = [(Span(text, side[0].style),) for text, side in zip(texts, sides, strict=True)]
        return sides[0], sides[1]

    def _side(self, side: Tree, symbolic: bool) -> tuple[Span, ...]:
        """One side of a comparison: its number, or itself where that says more."""
        said = to_spans(side, self.names, self.unicode)
        if symbolic or isinstance(side, t.Number):
            return said
        filled = to_spans(side, with_numbers(self.names, self.scalars, self.reading), self.unicode)
        if len(filled) == 1 and filled[0].text[-1:].isdigit():
            return filled
        number = numbers.field(float(self._number(side)))
        return (Span(number.strip(), said[0].style if len(said) == 1 else "text"),)

    def stands(self, condition: t.Compare) -> str:
        """How the two sides of a comparison stand to each other: `<`, `=`, `>`, `≠` where no more was asked; nothing
        for NaN."""
        a, b = (float(self._number(side)) for side in (condition.left, condition.right))
        if condition.sign in ("==", "!=") and a != b:
            return "" if a != a or b != b else "≠"
        return next((sign for sign, test in _SIGNS.items() if test(a, b)), "")
