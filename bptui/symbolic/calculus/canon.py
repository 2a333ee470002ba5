"""Display forms: common factors in front, numbers out of brackets. For the eye; numbers are taken from the raw form."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import sympy as sp

from bptui.symbolic.calculus.definition import Definition
from bptui.symbolic.calculus.notation import Expr, Piecewise, Sum, bound, fresh, guarded, rename
from bptui.symbolic.calculus.terms import Term


def tidy(e: Expr) -> Expr:
    """`G·y - y·Σ` → `y·(G - Σ)`, `(2x - 2t)/n` → `2·(x - t)/n`, in sums and branches too. Equal to `e` as it stands."""
    if isinstance(e, sp.Sum):
        return Sum(tidy(e.function), *e.limits)
    if isinstance(e, sp.Piecewise):
        return Piecewise(*((tidy(value), condition) for value, condition in e.args))
    if isinstance(e, sp.Add):
        return _common([tidy(a) for a in e.args])
    if isinstance(e, sp.Mul):
        factors: list[Expr] = []
        for factor in e.args:
            if isinstance(factor, sp.Add):
                content, rest = _common([tidy(a) for a in factor.args]).as_coeff_Mul()
                content, rest = (content, rest) if not isinstance(rest, sp.Add) else _primitive(rest, content)
                factors += [content, *sp.Mul.make_args(rest)]
            else:
                factors.append(tidy(factor) if isinstance(factor, sp.Sum | sp.Piecewise) else factor)
        return sp.Mul(*factors)
    return e


def _primitive(e: Expr, content: Expr) -> tuple[Expr, Expr]:
    """A common number in front, where that does not make decimals (0.044715) into large whole numbers."""
    number, rest = e.primitive()
    return (content * number, rest) if number.q <= 12 else (content, e)


def _common(terms: Sequence[Expr]) -> Expr:
    """The sum of the terms, with the factors that all of them have in front."""
    split = [t.as_coeff_Mul() for t in terms]
    factors = [sp.Mul.make_args(rest) for _, rest in split]
    common = [f for f in factors[0] if f != 1 and all(f in others for others in factors[1:])]
    if not common or len(terms) < 2:
        return sp.Add(*terms)
    rest = sp.Add(*(sp.Mul(c, *(f for f in fs if f not in common)) for (c, _), fs in zip(split, factors, strict=True)))
    return sp.Mul(*common, rest)


def deltas_apart(e: Expr) -> list[Term]:
    """An expression as terms: every Kronecker delta an equation of its term. ValueError where one stands elsewhere."""
    if not e.has(sp.KroneckerDelta):
        return [Term(e)]
    if isinstance(e, sp.KroneckerDelta):
        return [Term(sp.Integer(1), ((e.args[0], e.args[1]),))]
    if isinstance(e, sp.Add):
        return [term for a in e.args for term in deltas_apart(a)]
    if isinstance(e, sp.Mul):
        plain = sp.Mul(*(a for a in e.args if not a.has(sp.KroneckerDelta)))
        parts = [deltas_apart(a) for a in e.args if a.has(sp.KroneckerDelta)]
        found = []
        for chosen in product(*parts):
            factor = sp.Mul(plain, *(t.factor for t in chosen))
            equations = tuple(eq for t in chosen for eq in t.equations)
            limits = tuple(limit for t in chosen for limit in t.limits)
            found.append(Term(factor, equations, limits, tuple(g for t in chosen for g in t.guards)))
        return found
    if isinstance(e, sp.Sum):
        renaming, limits = fresh(e.limits)
        terms = deltas_apart(rename(e.function, renaming))
        return [Term(t.factor, t.equations, (*t.limits, *limits), t.guards) for t in terms]
    if isinstance(e, sp.Piecewise) and len(e.args) == 2 and e.args[1][0] == 0:
        value, condition = e.args[0]
        return [Term(t.factor, t.equations, t.limits, (*t.guards, condition)) for t in deltas_apart(value)]
    raise ValueError("a delta inside a function")


def linear(e: Expr) -> Expr:
    """Sums taken apart: Σ(a + b) = Σa + Σb, Σc·a = c·Σa, Σc = n·c. It costs digits: for proofs only."""
    if not e.has(sp.Sum):
        return e
    if not isinstance(e, sp.Sum):
        return e.func(*(linear(a) for a in e.args)) if e.args else e
    found = linear(e.function)
    for k, low, high in e.limits:
        terms = sp.Add.make_args(sp.expand_mul(found))
        split = [t.as_independent(k, as_Add=False) for t in terms]
        found = sp.Add(*(c * (high - low + 1) if f == 1 else c * Sum(f, (k, low, high)) for c, f in split))
    return found


SIMPLE = 12
"""Operations of a sum that may turn out to be 0: layer_norm's has 4; to write out a gate of a cell takes long."""


def without_zeros(e: Expr, definition: Definition) -> Expr:
    """The expression without sums that are 0 by linearity, such as Σ(x[k] - mean): 0 when the mean is put in."""
    if not e.has(sp.Sum) or not definition.helpers:
        return e
    simple = [part for part in e.atoms(sp.Sum) if part.count_ops() <= SIMPLE and not part.has(sp.exp, sp.tanh)]
    zero = [part for part in simple if sp.expand(rebind(linear(rebind(definition.inline(part))))) == 0]
    return rename(e, {part: sp.Integer(0) for part in zero})


def rebind(e: Expr) -> Expr:
    """Bound indices named by nesting height, so that equal sums are identical objects.

    (SymPy's own `as_dummy` merges the bound indices of nested sums over elements: another sum.)
    """
    if not e.has(sp.Sum, sp.Product):
        return e
    if isinstance(e, sp.Sum | sp.Product):
        function = rebind(e.function)
        height = _height(function)
        mapping = {k: _NAMES[height + at] for at, (k, _, _) in enumerate(e.limits)}
        limits = [(mapping[k], rebind(rename(lo, mapping)), rebind(rename(hi, mapping))) for k, lo, hi in e.limits]
        return e.func(rename(function, mapping), *limits)
    return e.func(*(rebind(a) for a in e.args)) if e.args else e


_NAMES = [bound(f"k{at}") for at in range(40)]


def _height(e: Expr) -> int:
    if not e.has(sp.Sum, sp.Product):
        return 0
    inner = max((_height(a) for a in e.args), default=0)
    return inner + len(e.limits) if isinstance(e, sp.Sum | sp.Product) else inner


def by_deltas(e: Expr) -> dict[frozenset[Expr], Expr]:
    """The coefficient of each set of deltas, indices that a delta equates written as one and the same.

    Two expressions with equal coefficients are equal. ValueError as in `deltas_apart`.
    """
    found: dict[frozenset[Expr], Expr] = {}
    for term in deltas_apart(e):
        factor = term.factor
        for left, right in term.equations:
            a, b = sorted((left, right), key=lambda s: (not isinstance(s, sp.Symbol), str(s)))
            if isinstance(b, sp.Symbol):
                a, b = b, a
            if isinstance(a, sp.Symbol) and not b.has(a):
                factor = rename(factor, {a: b})
        factor = guarded(factor, term.guards)
        for k, lo, hi in term.limits:
            factor = Sum(factor, (k, lo, hi))
        key = frozenset(sp.KroneckerDelta(left, right) for left, right in term.equations)
        found[key] = found.get(key, sp.Integer(0)) + factor
    return found
