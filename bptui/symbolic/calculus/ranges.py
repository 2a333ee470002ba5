"""What is certain about indices: the ranges that they are declared with, and conditions that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp
from sympy.core.relational import Relational

from bptui.symbolic.calculus.notation import Expr, FloorDiv, Remainder, rename

Ranges = Mapping[Expr, tuple[Expr, Expr]]
"""index symbol (or the base of a tensor of indices) → (lowest, highest), both of sizes and numbers only."""


def extreme(e: Expr, ranges: Ranges, highest: bool) -> Expr | None:
    """The highest (or lowest) value of an index expression; None where that is not seen."""
    if e.is_Integer or (isinstance(e, sp.Symbol) and e not in ranges and e.is_positive):
        return e
    if isinstance(e, sp.Indexed) and e.base in ranges:
        e = e.base
    if e in ranges:
        return ranges[e][1 if highest else 0]
    if isinstance(e, sp.Add):
        parts = [extreme(a, ranges, highest) for a in e.args]
        return None if any(p is None for p in parts) else sp.Add(*parts)
    if isinstance(e, sp.Mul):
        factor, rest = e.as_coeff_Mul()
        if factor < 0:
            inner = extreme(rest, ranges, not highest)
            return None if inner is None else sp.expand(factor * inner)
        parts = (
            [extreme(a, ranges, highest) for a in rest.args]
            if isinstance(rest, sp.Mul)
            else [extreme(rest, ranges, highest)]
        )
        if any(p is None or not p.is_nonnegative for p in parts):  # a product of what is not negative grows with each
            return None
        return sp.expand(factor * sp.Mul(*parts))
    if isinstance(e, Remainder) and e.args[1].is_positive:
        return e.args[1] - 1 if highest else sp.Integer(0)
    if isinstance(e, FloorDiv) and e.args[1].is_positive:
        inner = extreme(e.args[0], ranges, highest)
        if inner is None:
            return None
        if not highest:
            return sp.Integer(0) if inner.is_nonnegative else None
        whole = sp.expand((inner + 1) / e.args[1])  # (n·b - 1)//b = n - 1
        return whole - 1 if whole.is_integer else None
    return None


def surely(condition: Expr, ranges: Ranges) -> bool:
    """Does the condition follow from the ranges? False means only that it was not seen."""
    if condition == sp.true:
        return True
    if isinstance(condition, sp.And):
        return all(surely(part, ranges) for part in condition.args)
    if not isinstance(condition, sp.Ge | sp.Gt | sp.Le | sp.Lt):
        return False
    difference = condition.gts - condition.lts
    lowest = extreme(sp.expand(difference), ranges, False)
    if lowest is None:
        return False
    lowest = sp.expand(lowest)
    return bool(lowest.is_positive if isinstance(condition, sp.Gt | sp.Lt) else lowest.is_nonnegative)


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
