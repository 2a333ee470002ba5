"""The products of a backward Moment, one for each output that reads the selected element of an input."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.spans import Line, Span, length
from bptui.model.base.types import Array, Index
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.names import UPSTREAM, gradient, local
from bptui.symbolic.card.sparsity import held, settle
from bptui.symbolic.facts import Heads
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import Rule

_SHORT = 30
"""Cells that a local derivative may take in a column of a table; a longer one is written `∂y[0,2]/∂x[0,1]`."""


def _placed(tree: Tree, reading: BoundDefinition, out: tuple[str, ...]) -> Tree:
    """An elementwise formula with the indices of the output's element: `x[i,0]` where it is stretched along j."""

    def change(part: Tree) -> Tree | None:
        shape = np.shape(reading.arrays.get(part.name, 0.0)) if isinstance(part, t.Name) else ()
        if not isinstance(part, t.Name) or not shape:
            return None
        letters = out[len(out) - len(shape) :]
        index = (t.integer(0) if n == 1 else t.Name(i) for n, i in zip(shape, letters, strict=True))
        return t.Element(part.name, tuple(index))

    return t.rebuild(tree, change)


class Products:
    """∂L/∂output × ∂output/∂element for each output that reads the element `q` of an input: how each is written."""

    def __init__(
        self, reading: BoundDefinition, names: Names, rule: Rule, q: Index, places: tuple[Array, ...], unicode: bool
    ) -> None:
        self.reading, self.names, self.rule, self.q, self.unicode = reading, names, rule, q, unicode
        self.places, self.at_q = places, dict(zip(rule.q, q, strict=True))
        self.out, self.symbol = names.symbol(reading.output), names.symbol(rule.wrt)
        self.local = rule.local if self.reading.bare else held(rule.local)  # every row is one where its conditions hold
        found = zip(rule.out, places, strict=True)
        self.fixed = {letter: int(axis[0]) for letter, axis in found if axis.size and (axis == axis[0]).all()}
        self.varying = [letter for letter in rule.out if letter not in self.fixed]

    def place(self, n: int) -> dict[str, int]:
        """The n-th output's index, by its letters."""
        return {letter: int(axis[n]) for letter, axis in zip(self.rule.out, self.places, strict=True)}

    def label(self, n: int) -> str:
        """The indices that are not the same in all rows."""
        return ",".join(str(self.place(n)[letter]) for letter in self.varying)

    def upstream(self, at: Mapping[str, int]) -> Line:
        """`∂L/∂y[i,2]`, as far as the index is known."""
        index = tuple(t.integer(at[i]) if i in at else t.Name(i) for i in self.rule.out)
        names = Names({**self.names.symbols, UPSTREAM: gradient(self.out.text, self.unicode)}, self.names.letters)
        return to_spans(t.Element(UPSTREAM, index), names, self.unicode)

    def factor_tree(self, at: Mapping[str, int]) -> Tree:
        """The local derivative with its indices put in, as far as they are known."""
        placed = _placed(self.local, self.reading, self.rule.out) if self.reading.bare else self.local
        return settle(t.substitute(placed, {**self.at_q, **at}))

    def factor(self, at: Mapping[str, int]) -> Line:
        """The local derivative; a long one as `∂y[0,2]/∂x[0,1]`."""
        full = Names(self.names.symbols, self.names.letters) if self.reading.bare else self.names
        spans = to_spans(self.factor_tree(at), full, self.unicode)
        if length(spans) <= _SHORT:
            return spans
        shown = [str(at.get(letter, self.names.symbol(letter).text)) for letter in self.rule.out]
        where = f"[{','.join(shown)}]" if shown else ""
        return local(self.out, self.symbol, self.unicode, where, numbers.index(self.q))

    def heads(self) -> Heads:
        """What all rows have in common: of a local derivative that is 1 no column; in brackets where it is a sum or a
        choice."""
        index = ",".join(self.names.symbol(i).text for i in self.varying)
        tree, arriving = self.factor_tree(self.fixed), self.upstream(self.fixed)
        if tree == t.integer(1):
            return Heads(index, (arriving,), arriving)
        factor = self.factor(self.fixed)
        loose = isinstance(tree, t.Add | t.IfElse) and length(factor) <= _SHORT
        inside = (Span("("), *factor, Span(")")) if loose else factor
        return Heads(index, (arriving, factor), (*arriving, Span("·" if self.unicode else "*", "dim"), *inside))

    def symbols(self, n: int) -> tuple[Line, ...]:
        """Both factors of a row."""
        return self.upstream(self.place(n)), self.factor(self.place(n))

    def derivative(self, n: int) -> Tree:
        """The local derivative of a row, with its indices put in."""
        return settle(t.substitute(self.local, {**self.at_q, **self.place(n)}))

    def term(self, n: int) -> Tree:
        """A row as a formula."""
        place = self.place(n)
        arriving = t.Element(UPSTREAM, tuple(t.integer(place[i]) for i in self.rule.out))
        factor = self.factor_tree(place) if self.reading.bare else self.derivative(n)
        return t.product((arriving, factor))
