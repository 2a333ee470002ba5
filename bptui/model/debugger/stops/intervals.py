"""Can a condition hold anywhere in a training step? Interval arithmetic over the least and the largest numbers of the
step answers with one look at all of them, where asking each of 10,000 nodes would take a second.

A number lies in an interval; what is true or false is 0 or 1. What is not known is ANYTHING: the answer may be yes too
often, never too rarely. For tensors that are not empty: all of nothing is true, whatever its numbers.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

from bptui.model.debugger.expressions.grammar import dotted


class Interval(NamedTuple):
    """Numbers from `low` to `high`; `nan` says that NaN may be among them, of which no comparison but != is true."""

    low: float
    high: float
    nan: bool = False


ANYTHING = Interval(-math.inf, math.inf, True)
SLACK = 1e-9
"""By which part of its size a bound is widened, where rounding may pass it: a mean of equal numbers."""


def exactly(number: float) -> Interval:
    """One number."""
    return ANYTHING if math.isnan(number) else Interval(float(number), float(number))


def possible(tree: ast.expr, known: Mapping[str, Interval]) -> bool:
    """Can the expression be true, where its names lie in the intervals that are known?"""
    return _truth(bounds(tree, known)).high != 0


def settled(tree: ast.expr, known: Mapping[str, Interval]) -> float | None:
    """The one number that the expression has, wherever it has one; None where it may have several."""
    found = bounds(tree, known)
    one = found.low == found.high and not found.nan
    return found.low if one and (found.low != 0 or _is_truth(tree)) else None  # 0 may be -0


def _is_truth(tree: ast.expr) -> bool:
    """Is it true or false, and no number?"""
    match tree:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Call(func=ast.Name(id="any" | "all" | "nan" | "finite")):
            return True
    return False


def bounds(tree: ast.expr, known: Mapping[str, Interval]) -> Interval:
    """Where every number of the expression lies."""
    match tree:
        case ast.Constant(value=bool() | int() | float() as value):
            return Interval(float(value), float(value))
        case ast.Name() | ast.Attribute():
            return known.get(dotted(tree) or "", ANYTHING)
        case ast.UnaryOp(op=ast.Not()):
            truth = _truth(bounds(tree.operand, known))
            return Interval(1 - truth.high, 1 - truth.low)
        case ast.UnaryOp(op=ast.USub()):
            of = bounds(tree.operand, known)
            return Interval(-of.high, -of.low, of.nan)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, bounds(left, known), bounds(right, known))
        case ast.BoolOp(op=op, values=values):
            truths = [_truth(bounds(value, known)) for value in values]
            pick = min if isinstance(op, ast.And) else max
            return Interval(pick(each.low for each in truths), pick(each.high for each in truths))
        case ast.Compare(ops=ops):
            sides = [bounds(value, known) for value in (tree.left, *tree.comparators)]
            pairs = [_compared(op, a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False)]
            return Interval(min(each.low for each in pairs), min(each.high for each in pairs))
        case ast.Subscript(value=value, slice=at) if not any(isinstance(part, ast.Slice) for part in ast.walk(at)):
            return bounds(value, known)  # a slice may be empty
        case ast.Call(func=ast.Name(id="grad"), args=[of]):
            return known.get(f"grad({dotted(of)})", ANYTHING)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _called(name, [bounds(value, known) for value in args])
    return ANYTHING


def _called(name: str, given: list[Interval]) -> Interval:
    low, high, nan = given[0]
    match name:
        case "max" | "min":
            pick = max if name == "max" else min
            return Interval(pick(x.low for x in given), pick(x.high for x in given), any(x.nan for x in given))
        case "transpose":
            return given[0]
        case "any" | "all":
            return _truth(given[0])
        case "nan" | "finite" if not nan and math.isfinite(low) and math.isfinite(high):
            return Interval(0, 0) if name == "nan" else Interval(1, 1)
        case "abs":
            least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
            return Interval(least, max(abs(low), abs(high)), nan)
        case "mean" if math.isfinite(low) and math.isfinite(high):
            slack = SLACK * max(abs(low), abs(high))
            return Interval(low - slack, high + slack, nan)
    return ANYTHING


_ENDS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
}


def _combined(op: ast.operator, a: Interval, b: Interval) -> Interval:
    """Rounding keeps the order of numbers, so that the ends are the ends of what is rounded, too. Where an end is not
    finite, NaN may come of it (inf - inf, 0 × inf)."""
    if type(op) not in _ENDS or (isinstance(op, ast.Div) and b.low <= 0 <= b.high):
        return ANYTHING
    ends = [_ENDS[type(op)](x, y) for x, y in product(a[:2], b[:2])]
    if not all(map(math.isfinite, (*a[:2], *b[:2]))):
        return ANYTHING
    return Interval(min(ends), max(ends), a.nan or b.nan)


def _compared(op: ast.cmpop, a: Interval, b: Interval) -> Interval:
    """From "it is certain" to "it is possible", as 0 and 1."""
    if isinstance(op, ast.Gt | ast.GtE):
        return _compared(ast.Lt() if isinstance(op, ast.Gt) else ast.LtE(), b, a)
    nan, apart, one = a.nan or b.nan, a.high < b.low or b.high < a.low, a.low == a.high == b.low == b.high
    certain, could = {
        ast.Lt: (a.high < b.low, a.low < b.high),
        ast.LtE: (a.high <= b.low, a.low <= b.high),
        ast.Eq: (one, not apart),
        ast.NotEq: (apart, nan or not one),
    }[type(op)]
    return Interval(float(certain and (not nan or isinstance(op, ast.NotEq))), float(could))


def _truth(of: Interval) -> Interval:
    """Of numbers: are they certainly not 0, can they be other than 0? NaN is."""
    low, high, nan = of
    return Interval(float(low > 0 or high < 0), float(nan or not (low == high == 0)))
