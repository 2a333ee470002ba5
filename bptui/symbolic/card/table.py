"""A sum of products as a table. Of a long one only the rows at its ends are written out, so that any length costs
the same."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bptui.model.base.numbers import CONCEALED, concealed
from bptui.model.base.spans import Line
from bptui.model.base.types import Array
from bptui.symbolic.facts import Contributions, Heads, Step, Table, Term
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.tree import Tree

_TAIL = 2
FEW = 4
"""Terms up to which even such are written out as are all 0."""
LONG = 1000
"""Terms that are written out where one asks for all of them: nobody reads on through more."""


def took_part(values: Sequence[Array], total: float) -> Array:
    """Which terms a sum has, by the numbers of their factors: of a finite one not those that are 0 times infinity,
    which the operation left out."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(np.prod(values, axis=0))
    return np.asarray(finite | np.all(values, axis=0) | (not math.isfinite(total)))


@dataclass(frozen=True)
class Terms:
    """A sum, and how it is written.

    values  per factor its numbers, term by term;  label, symbols  write out one term
    after   what is added to the sum, or what it is divided by
    eps     the distance from 1 to the next number of the total's kind, 0 of whole numbers
    """

    result: Line
    total: float
    values: Sequence[Array]
    label: Callable[[int], str]
    symbols: Callable[[int], tuple[Line, ...]]
    heads: Heads
    after: Sequence[tuple[str, Line, float]] = ()
    contributions: Contributions | None = None
    eps: float = 0.0

    def table(self, rows: int) -> Table:
        """With more than `rows` terms the ends are written out, and up to `LONG` terms by the table's `full`."""
        count, values = len(self.values[0]), self.values
        with np.errstate(all="ignore"):
            products = np.prod(values, axis=0) if len(values) > 1 else np.asarray(values[0])
            running = np.cumsum(products)
        if concealed(self.total):  # the last of the sums is that
            running = np.full(count, CONCEALED)
            products = running if count == 1 and not self.after else products

        def term(n: int) -> Term:
            factors = tuple(zip(self.symbols(n), (float(v[n]) for v in values), strict=True))
            return Term(self.label(n), factors, float(products[n]), float(running[n]))

        listed = range(count) if count <= rows else np.flatnonzero(products).tolist()  # of many not those that are 0
        if count > FEW and rows < LONG and not products.any():  # two of them say as much as all
            listed = range(2)
        listed = listed if len(listed) > 1 else range(count)
        shown = listed if len(listed) <= rows else listed[: rows - _TAIL]
        tail = listed[-_TAIL:] if len(listed) > rows else []
        steps, value = [], float(running[-1]) if count else 0.0
        with np.errstate(all="ignore"):
            for sign, symbol, number in self.after:
                value = float(np.divide(value, number)) if sign == "/" else value + (number if sign == "+" else -number)
                steps.append(Step(sign, symbol, number, value))
        elided = count - len(shown) - len(tail)
        return Table(
            self.result,
            CONCEALED if concealed(value) else self.total,
            self.heads,
            tuple(term(n) for n in shown),
            elided,
            tuple(term(n) for n in tail),
            tuple(steps),
            self.contributions,
            count - len(listed),
            self.eps,
            functools.cache(lambda: self.table(LONG)) if elided > 0 and rows < LONG else None,  # for page after page
        )


def expand(term: Callable[[int], Tree], count: int, rows: int, after: Sequence[tuple[str, Tree]] = ()) -> Tree:
    """The sum written out, its middle as `…`, and what is done with it."""
    numbers = range(count) if count <= rows else [*range(rows - _TAIL), -1, *range(count - _TAIL, count)]
    terms = tuple(t.Name("…") if n < 0 else term(n) for n in numbers) or (t.integer(0),)
    tree: Tree = terms[0] if len(terms) == 1 else t.Add(terms, (False,) * len(terms))
    for sign, value in after:
        if sign == "/":
            tree = t.Div(tree, value)
        else:
            parts, minus = (tree.terms, tree.minus) if isinstance(tree, t.Add) else ((tree,), (False,))
            tree = t.Add((*parts, value), (*minus, sign == "-"))
    return tree
