"""The derivative of an index expression as a sum of plain terms: Σ over bound indices of factor · Π [left = right].

SymPy differentiates what is scalar (`exp(u)/S` by u, by S); the chain rule through sums, products and helpers, and
∂x[a]/∂x[q] = [a = q], are done here. That keeps SymPy away from the derivatives that it gets wrong (a sum whose bound
index captures a free one), and gives every derivative one normal form, which `collapse` then solves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from bptui.model.base.errors import UserError
from bptui.symbolic.calculus import implicit
from bptui.symbolic.calculus.definition import Definition, Helper, Matrix, leaves
from bptui.symbolic.calculus.notation import (
    Expr,
    Piecewise,
    Product,
    bound,
    element,
    fresh,
    indices_of,
    name_of,
    rename,
)

Limit = tuple[Expr, Expr, Expr]
"""(bound index, low, high), both ends included, as SymPy has it."""


@dataclass(frozen=True)
class Term:
    """Σ over `limits` of `factor` where all `equations` (left, right) hold; `guards` are further conditions."""

    factor: Expr
    equations: tuple[tuple[Expr, Expr], ...] = ()
    limits: tuple[Limit, ...] = ()
    guards: tuple[Expr, ...] = ()

    def renamed(self, mapping: dict[Expr, Expr]) -> Term:
        """The term with symbols replaced everywhere."""
        return Term(
            rename(self.factor, mapping),
            tuple((rename(a, mapping), rename(b, mapping)) for a, b in self.equations),
            tuple((rename(k, mapping), rename(lo, mapping), rename(hi, mapping)) for k, lo, hi in self.limits),
            tuple(rename(g, mapping) for g in self.guards),
        )


class Differentiator:
    """∂/∂(one element of one input) of the expressions of one definition."""

    def __init__(self, definition: Definition, wrt: str, q: Sequence[Expr]) -> None:
        self.definition, self.wrt, self.q = definition, wrt, tuple(q)
        self.dependent = {wrt}
        parts: tuple[Helper | Matrix, ...] = (*definition.helpers, *definition.matrices)
        for _ in definition.matrices or (None,):  # a matrix may be made of helpers, and a helper of it
            for part in parts:
                if self.touches(part.value):
                    self.dependent.add(part.name)

    def touches(self, expression: Expr) -> bool:
        """Does the expression depend on the input, itself or through a helper?"""
        return any(name_of(leaf) in self.dependent for leaf in leaves(expression))

    def terms(self, expression: Expr) -> list[Term]:
        """The derivative's terms."""
        atoms = self.atoms(expression)
        if not atoms:
            return []
        stand_in = {atom: sp.Dummy(f"u{at}", real=True) for at, atom in enumerate(atoms)}
        scalar = rename(expression, stand_in)
        back = {u: atom for atom, u in stand_in.items()}
        found = []
        for atom, u in stand_in.items():
            factor = rename(_derivative(scalar, u), back)
            if factor == 0:
                continue
            found += [Term(factor * term.factor, term.equations, term.limits, term.guards) for term in self.inner(atom)]
        return _merged(found)

    def atoms(self, expression: Expr) -> list[Expr]:
        """The outermost parts through which the expression depends on the input: elements, helpers, sums, products."""
        found: dict[Expr, None] = {}

        def look(e: Expr) -> None:
            if isinstance(e, sp.Symbol | sp.Indexed):
                if name_of(e) in self.dependent:
                    found[e] = None
            elif isinstance(e, sp.Sum | sp.Product):
                if self.touches(e.function):
                    found[e] = None
            elif isinstance(e, sp.Piecewise):  # the conditions decide which branch, they are not differentiated
                for value, _ in e.args:
                    look(value)
            else:
                for part in e.args:
                    look(part)

        look(expression)
        return list(found)

    def inner(self, atom: Expr) -> list[Term]:
        """The derivative of one atom."""
        if isinstance(atom, sp.Sum):
            renaming, limits = fresh(atom.limits)
            terms = self.terms(rename(atom.function, renaming))
            return [Term(t.factor, t.equations, (*t.limits, *limits), t.guards) for t in terms]
        if isinstance(atom, sp.Product):
            return self.product(atom)
        if name_of(atom) == self.wrt:
            return [Term(sp.Integer(1), tuple(zip(indices_of(atom), self.q, strict=True)))]
        if name_of(atom) in self.definition.matrix:
            return self.implicit(self.definition.matrix[name_of(atom)], indices_of(atom))
        return self.terms(self.definition.expand(atom))

    def implicit(self, matrix: Matrix, at: Sequence[Expr]) -> list[Term]:
        """The derivative of what an equation defines: Σ over the elements (k, l) of its matrix."""
        k, l = bound("k"), bound("l")  # noqa: E741
        place = dict(zip(matrix.indices, at, strict=True))
        lead = [place[i] for i in matrix.lead]
        if matrix.kind not in implicit.RULES:  # the sign of a determinant
            return []
        of = self.terms(rename(matrix.value, {**place, matrix.row: k, matrix.column: l}))
        if not implicit.proved(matrix.kind):
            raise UserError(self.definition.signature.op, f"the rule of {matrix.kind} is not proved")
        over = tuple((i, sp.Integer(0), size - 1) for i, size in ((k, matrix.height), (l, matrix.side)))

        def part(name: str, row: Expr, column: Expr) -> Expr:
            return element(name, [*lead, row, column])

        rule = implicit.RULES[matrix.kind](part, matrix, at, k, l)
        return [
            Term(factor * term.factor, term.equations, (*term.limits, *limits, *over), term.guards)
            for term in of
            for factor, limits in rule
        ]

    def product(self, atom: Expr) -> list[Term]:
        """Π_l f(l): Σ_k f'(k)·Π_{l≠k} f(l). Without a division, so it holds where a factor is 0."""
        renaming, limits = fresh(atom.limits)
        renaming_, others = fresh(atom.limits)
        differs = sp.Or(*(sp.Ne(a, b) for (a, _, _), (b, _, _) in zip(limits, others, strict=True)))
        rest = Product(Piecewise((rename(atom.function, renaming_), differs), (1, True)), *others)
        terms = self.terms(rename(atom.function, renaming))
        return [Term(t.factor * rest, t.equations, (*t.limits, *limits), t.guards) for t in terms]


def _merged(terms: Sequence[Term]) -> list[Term]:
    """Terms without bound indices that have the same equations, as one."""
    found: dict[object, Term] = {}
    for at, term in enumerate(terms):
        key = at if term.limits else (term.equations, term.guards)
        before = found[key].factor if key in found else sp.Integer(0)
        found[key] = Term(before + term.factor, term.equations, term.limits, term.guards)
    return list(found.values())


def _derivative(scalar: Expr, u: Expr) -> Expr:
    """SymPy's derivative, made good where it is not a plain expression: sign'(x) is 0, not 2·DiracDelta."""
    found = sp.diff(scalar, u)
    if found.has(sp.DiracDelta):
        found = found.replace(sp.DiracDelta, lambda *_: sp.Integer(0))
    if found.has(sp.Derivative, sp.Subs):  # of floor alone, whatever it stands beside: x - floor(x) has slope 1
        found = found.replace(lambda e: isinstance(e, sp.Subs) and e.has(sp.floor), lambda _: sp.Integer(0))
        found = found.replace(lambda e: isinstance(e, sp.Derivative) and e.has(sp.floor), lambda _: sp.Integer(0))
    return _joined(found.replace(_alike, lambda choice: choice.args[0][0]) if found.has(sp.Piecewise) else found)


def _alike(e: Expr) -> bool:
    """A choice between slopes that are one: of `1 if x == 0 else 0`, or of constants."""
    return isinstance(e, sp.Piecewise) and e.args[-1][1] == sp.true and len({value for value, _ in e.args}) == 1


def _joined(e: Expr) -> Expr:
    """a**b/a → a**(b - 1): the first is nan at a = 0 where the second has a value."""
    if not any(not p.exp.is_number and p.base is not sp.E for p in e.atoms(sp.Pow)):
        return e
    return e.replace(lambda part: isinstance(part, sp.Mul), lambda part: sp.powsimp(part, combine="exp"))
