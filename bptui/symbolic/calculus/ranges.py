"""What the ranges of indices say of SymPy's expressions, for all sizes: `bptui.symbolic.formula.ranges` decides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp
from sympy.core.relational import Relational

from bptui.symbolic.calculus.notation import Expr, FloorDiv, Remainder, rename
from bptui.symbolic.formula.ranges import ANY, Interval, nonnegative, positive

Ranges = Mapping[Expr, tuple[Expr, Expr]]
"""index symbol (or the base of a tensor of indices) → (lowest, highest), both of sizes and numbers only."""


def interval(e: Expr, ranges: Ranges) -> Interval:
    """Between which expressions of sizes an index expression lies."""
    if e.is_Integer:
        return Interval(int(e), int(e))
    if isinstance(e, sp.Symbol) and e not in ranges and e.is_positive:
        return Interval(e, e)
    if isinstance(e, sp.Indexed) and e.base in ranges:
        e = e.base
    if e in ranges:
        return Interval(*ranges[e])
    found = ANY
    if isinstance(e, sp.Add):
        found = Interval(0, 0)
        for term in e.args:
            found = found + interval(term, ranges)
    elif isinstance(e, sp.Mul):
        found = Interval(1, 1)
        for factor in e.args:
            found = found * interval(factor, ranges)
    elif isinstance(e, Remainder) and e.args[1].is_positive:
        found = interval(e.args[0], ranges) % _plain(e.args[1])
    elif isinstance(e, FloorDiv) and e.args[1].is_positive:
        inner, divisor = interval(e.args[0], ranges), _plain(e.args[1])
        found = inner // divisor
        if found.high is None and inner.high is not None:
            count = sp.expand((inner.high + 1) / e.args[1])  # (n·b - 1)//b = n - 1
            found = Interval(found.low, count - 1 if count.is_integer else None)
    return Interval(_expanded(found.low), _expanded(found.high))


def _plain(e: Expr) -> Expr:
    return int(e) if e.is_Integer else e


def _expanded(end: Expr | None) -> Expr | None:
    return end if end is None or isinstance(end, int) else sp.expand(end)


def extreme(e: Expr, ranges: Ranges, highest: bool) -> Expr | None:
    """The highest (or lowest) value of an index expression; None where that is not seen."""
    found = interval(e, ranges)
    end = found.high if highest else found.low
    return sp.Integer(end) if isinstance(end, int) else end


def surely(condition: Expr, ranges: Ranges) -> bool:
    """Does the condition follow from the ranges? False means only that it was not seen."""
    if condition == sp.true:
        return True
    if isinstance(condition, sp.And):
        return all(surely(part, ranges) for part in condition.args)
    if not isinstance(condition, sp.Ge | sp.Gt | sp.Le | sp.Lt):
        return False
    lowest = interval(sp.expand(condition.gts - condition.lts), ranges).low
    return positive(lowest) if isinstance(condition, sp.Gt | sp.Lt) else nonnegative(lowest)


def pruned(e: Expr, ranges: Ranges) -> Expr:
    """The expression without conditions that are certain: `x if p < K else 0` is x where p is below K anyway."""
    if not e.has(sp.Piecewise):
        return e
    sure = {c: sp.true for c in _relations(e) if surely(c, ranges)}
    return rename(e, sure)


def _relations(e: Expr) -> Iterator[Expr]:
    for part in e.atoms(Relational):
        if all(s.is_integer for s in part.free_symbols):
            yield part
