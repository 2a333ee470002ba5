"""Sums over equations, solved exactly: Σ_k f(k)·[k = p] is f(p) where p lies in the range of k.

SymPy's deltasummation drops range and parity guards (stride 2 then reads G[(p - a)/2] for odd p), so this is done
here. A guard is left out only where the declared ranges prove it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from bptui.symbolic.calculus.notation import Expr, FloorDiv, Remainder, Sum, guarded, rename
from bptui.symbolic.calculus.ranges import Ranges, extreme, pruned, surely
from bptui.symbolic.calculus.terms import Limit, Term


def solve(term: Term, ranges: Ranges, first: Sequence[Expr] = (), divide: bool = True) -> Term | None:
    """The term with as many bound indices eliminated as its equations determine; None where it is 0.

    `first`: bound indices that are eliminated before others (the output's, in a VJP), where `divide` also where that
    takes a division.
    """
    known = dict(ranges)
    known.update({k: (lo, hi) for k, lo, hi in term.limits if not (lo + hi).atoms(sp.Dummy)})
    current: Term | None = _digits(_hoisted(term), known)
    while current is not None:
        step = _step(current, known, first, divide)
        if step is None:
            break
        current = step
    if current is None:
        return None
    guards = []
    for guard in current.guards:
        if guard == sp.false:
            return None
        guards += [] if surely(guard, known) else [guard]
    return Term(pruned(current.factor, known), current.equations, current.limits, tuple(dict.fromkeys(guards)))


def _step(term: Term, known: Ranges, first: Sequence[Expr], divide: bool) -> Term | None:
    """Eliminate one bound index, or one equation between numbers; None where nothing can be."""
    digits = _radix(term, known)
    if digits is not None:
        return digits
    bounds = [k for k, _, _ in term.limits]
    order = [k for k in first if k in bounds]
    order += [k for k in bounds if k not in order]
    candidates = []
    for at, (left, right) in enumerate(term.equations):
        difference = sp.expand(left - right)
        if difference.is_number:
            rest = (*term.equations[:at], *term.equations[at + 1 :])
            return Term(term.factor, rest, term.limits, term.guards) if difference == 0 else _nothing(term)
        if _zero(difference, known):
            return Term(term.factor, (*term.equations[:at], *term.equations[at + 1 :]), term.limits, term.guards)
        inside = [k for k in order if difference.has(k)]
        for k in inside:
            factor = difference.coeff(k)
            remainder = sp.expand(difference - factor * k)
            if not factor.is_Integer or factor == 0 or remainder.has(k):
                continue
            if any((low + high).has(k) for j, low, high in term.limits if remainder.has(j)):
                continue  # the range of j would be said by j itself
            one = abs(int(factor)) == 1
            if not one and not (divide and k in first):
                continue
            cost = (k not in first and len(inside) > 1, not one, len(inside), order.index(k))
            candidates.append((cost, at, k, int(factor), remainder))
    if not candidates:
        return None
    _, at, k, factor, remainder = min(candidates, key=lambda c: c[0])
    numerator = sp.expand(-remainder if factor > 0 else remainder)
    guards: list[Expr] = []
    solution = numerator
    if abs(factor) != 1:
        solution = FloorDiv(numerator, sp.Integer(abs(factor)))
        guards.append(sp.Eq(Remainder(numerator, sp.Integer(abs(factor))), 0))
    return _put(term, k, solution, at, guards, known)


def _put(term: Term, k: Expr, solution: Expr, at: int | None, guards: list[Expr], known: Ranges) -> Term:
    """The term with bound index k replaced by its solution, and the guard that this lies in the range of k."""
    low, high = next((lo, hi) for bound, lo, hi in term.limits if bound == k)
    if not _in_range(solution, low, high, known):
        least = solution.args[0] if isinstance(solution, FloorDiv) and low == 0 else solution  # v // n >= 0 is v >= 0
        guards = [*guards, *_apart(sp.Ge(least, low)), *_apart(sp.Lt(solution, high + 1))]
    equations = term.equations if at is None else (*term.equations[:at], *term.equations[at + 1 :])
    limits = tuple(limit for limit in term.limits if limit[0] != k)
    return Term(term.factor, equations, limits, (*term.guards, *guards)).renamed({k: solution})


def _apart(relation: Expr) -> list[Expr]:
    """`q - 1 < J` as `q < J + 1`; a list, empty where it holds for all numbers."""
    if relation == sp.true:
        return []
    number, rest = relation.lhs.as_coeff_Add()
    return [relation.func(rest, relation.rhs - number)]


def _hoisted(term: Term) -> Term:
    """Conditions on indices in the factor (`f if k <= i else 0`) as guards of the term, where `surely` sees them."""
    factors, guards = [], list(term.guards)
    for factor in sp.Mul.make_args(term.factor):
        while isinstance(factor, sp.Piecewise) and len(factor.args) == 2:
            (value, condition), (other, _) = factor.args
            if value == 0:
                value, condition, other = other, sp.Not(condition), value
            if other != 0 or not all(s.is_integer for s in condition.free_symbols):
                break
            guards += sp.And.make_args(condition)
            factor = value
        factors.append(factor)
    equal = [g for g in guards if isinstance(g, sp.Eq) and not g.has(Remainder)]
    equations = (*term.equations, *((g.lhs, g.rhs) for g in equal))
    return Term(sp.Mul(*factors), equations, term.limits, tuple(g for g in guards if g not in equal))


def _in_range(solution: Expr, low: Expr, high: Expr, known: Ranges) -> bool:
    if solution in known and known[solution] == (low, high):
        return True
    return surely(sp.Ge(solution, low), known) and surely(sp.Le(solution, high), known)


def _zero(difference: Expr, known: Ranges) -> bool:
    """Is the difference 0 for all indices in range? (An index of an axis of size 1 is 0.)"""
    return extreme(difference, known, True) == 0 and extreme(difference, known, False) == 0


def _nothing(term: Term) -> Term:
    return Term(term.factor, (), (), (sp.false,))


def _digits(term: Term, known: Ranges) -> Term:
    """[u // n = a]·[u % n = b] is [u = a·n + b], since b lies in 0 … n-1 (b is an index of an axis of size n).

    Nested, with u itself a quotient (u // m): its partner is then u // (m·n), and so on for any number of digits.
    """
    equations = list(term.equations)
    guards = list(term.guards)
    again = True
    while again:
        again = False
        for remainder, b in equations:
            if not isinstance(remainder, Remainder):
                continue
            u, size = remainder.args
            partners = [FloorDiv(u, size)]
            if isinstance(u, FloorDiv):
                partners.append(FloorDiv(u.args[0], u.args[1] * size))
            match = next(((q, a) for q, a in equations if q in partners), None)
            if match is None:
                continue
            if not (b in known and known[b] == (0, size - 1)):
                guards += [sp.Ge(b, 0), sp.Lt(b, size)]
            equations = [e for e in equations if e not in (match, (remainder, b))]
            equations.append((u, sp.expand(match[1] * size + b)))
            again = True
            break
    return Term(term.factor, tuple(equations), term.limits, tuple(guards))


def _radix(term: Term, known: Ranges) -> Term | None:
    """[i·n + j = v] with 0 ≤ j < n determines both: j = v % n, i = v // n. The place of a maximum may be j, too."""
    bounds = {k: (low, high) for k, low, high in term.limits}
    for at, (left, right) in enumerate(term.equations):
        for side, other in ((left, right), (right, left)):
            if not isinstance(side, sp.Add) or other.has(*bounds):
                continue
            for digit in side.args:
                low, high = bounds.get(digit) or known.get(getattr(digit, "base", None), (None, None))
                if low != 0:
                    continue
                quotient = sp.expand((side - digit) / (high + 1))
                if not quotient.is_integer or quotient.has(digit) or not any(quotient.has(k) for k in bounds):
                    continue
                whole = (quotient, FloorDiv(other, high + 1))
                rest = Remainder(other, high + 1)
                if digit in bounds:
                    equations = (*term.equations[:at], whole, *term.equations[at + 1 :])
                    return _put(Term(term.factor, equations, term.limits, term.guards), digit, rest, None, [], known)
                equations = (*term.equations[:at], whole, (digit, rest), *term.equations[at + 1 :])
                return Term(term.factor, equations, term.limits, term.guards)
    return None


def assemble(term: Term, free: Sequence[Expr] = ()) -> Expr:
    """The term as one expression: deltas for equations without a bound index, sums for what is left bound.

    `free`: the input's indices. Where an equation says what such an index is, the factor is written with that.
    """
    factor, equations = term.factor, list(term.equations)
    bounds = {k for k, _, _ in term.limits}
    swap = {}
    for left, right in equations:
        for q, value in ((left, right), (right, left)):
            if q in free and q not in swap and not value.has(*free) and not (value.atoms(sp.Dummy) & bounds):
                swap[q] = value
                break
    if swap:
        factor = rename(factor, swap)
    deltas = [sp.KroneckerDelta(a, b) for a, b in equations]
    within = [d for d in deltas if d.atoms(sp.Dummy) & bounds]
    held = [g for g in term.guards if g.atoms(sp.Dummy) & bounds]
    inner = _summed(guarded(sp.Mul(factor, *within), held), term.limits)
    outer = [g for g in term.guards if g not in held]
    reading = [d for d in deltas if d not in within and d.has(sp.Indexed)]  # may read outside, where a guard says no
    return sp.Mul(guarded(sp.Mul(inner, *reading), outer), *(d for d in deltas if d not in within and d not in reading))


def _summed(e: Expr, limits: Sequence[Limit]) -> Expr:
    """Σ over the limits, innermost first, with what does not depend on an index drawn out of its sum."""
    for k, low, high in sorted(
        limits, key=lambda limit: sum(lo.has(limit[0]) or hi.has(limit[0]) for _, lo, hi in limits)
    ):
        if isinstance(e, sp.Piecewise) and len(e.args) == 2 and e.args[1][0] == 0:
            outside, inside = e.args[0][0].as_independent(k, as_Add=False)
            inside = guarded(inside, [e.args[0][1]])
        elif isinstance(e, sp.Piecewise):
            outside, inside = sp.Integer(1), e
        else:
            outside, inside = e.as_independent(k, as_Add=False)
        e = outside * (high - low + 1) if inside == 1 else outside * Sum(inside, (k, low, high))
    return e
