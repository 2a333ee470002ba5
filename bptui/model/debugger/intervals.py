"""Can a condition hold anywhere in a training step? Interval arithmetic over the least and the largest numbers of the
step answers with one look at all of them, where asking each of 10,000 nodes would take a second.

A number is an interval (low, high); what is true or false is one of 0 and 1. Where it is not known, it is (-inf, inf):
the answer may be yes too often, never too rarely. Only for steps whose numbers are all finite, and for tensors that are
not empty.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

Interval = tuple[float, float]

ANY: Interval = (-math.inf, math.inf)
SLACK = 1e-9
"""By which part of its size a bound is widened, where rounding may pass it: a mean of equal numbers."""


def possible(tree: ast.expr, known: Mapping[str, Interval]) -> bool:
    """Can the expression be true, where its names lie in the intervals that are known?"""
    return bounds(tree, known)[1] != 0


def bounds(tree: ast.expr, known: Mapping[str, Interval]) -> Interval:
    """Where every number of the expression lies."""
    match tree:
        case ast.Constant(value=bool() | int() | float() as value):
            return float(value), float(value)
        case ast.Name(id=name):
            return known.get(name, ANY)
        case ast.UnaryOp(op=ast.Not()):
            low, high = _truth(bounds(tree.operand, known))
            return 1 - high, 1 - low
        case ast.UnaryOp(op=ast.USub()):
            low, high = bounds(tree.operand, known)
            return -high, -low
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, bounds(left, known), bounds(right, known))
        case ast.BoolOp(op=op, values=values):
            lows, highs = zip(*(_truth(bounds(value, known)) for value in values), strict=True)
            return (min(lows), min(highs)) if isinstance(op, ast.And) else (max(lows), max(highs))
        case ast.Compare(ops=ops):
            sides = [bounds(value, known) for value in (tree.left, *tree.comparators)]
            pairs = [_compared(op, a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False)]
            return min(low for low, _ in pairs), min(high for _, high in pairs)
        case ast.Subscript(value=value, slice=at) if not any(isinstance(part, ast.Slice) for part in ast.walk(at)):
            return bounds(value, known)  # a slice may be empty, and all of nothing is true
        case ast.Call(func=ast.Name(id=name), args=args):
            return _called(name, [bounds(value, known) for value in args])
    return ANY


def _called(name: str, given: list[Interval]) -> Interval:
    lows, highs = [low for low, _ in given], [high for _, high in given]
    low, high = given[0]
    match name:
        case "max":
            return max(lows), max(highs)
        case "min":
            return min(lows), min(highs)
        case "transpose":
            return given[0]
        case "any" | "all":
            return _truth(given[0])
        case "nan" | "finite" if math.isfinite(low) and math.isfinite(high):
            return (0.0, 0.0) if name == "nan" else (1.0, 1.0)
        case "abs":
            return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
        case "mean":
            slack = SLACK * max(abs(low), abs(high))
            return low - slack, high + slack
    return ANY


def _combined(op: ast.operator, a: Interval, b: Interval) -> Interval:
    """Rounding keeps the order of numbers, so that the ends are the ends of what is rounded, too."""
    match op:
        case ast.Add():
            return _kept(a[0] + b[0], a[1] + b[1])
        case ast.Sub():
            return _kept(a[0] - b[1], a[1] - b[0])
        case ast.Mult():
            ends = [x * y for x in a for y in b]
            return ANY if any(map(math.isnan, ends)) else (min(ends), max(ends))
        case ast.Div() if b[0] > 0 or b[1] < 0:
            ends = [x / y for x in a for y in b]
            return ANY if any(map(math.isnan, ends)) else (min(ends), max(ends))
    return ANY


def _kept(low: float, high: float) -> Interval:
    return ANY if math.isnan(low) or math.isnan(high) else (low, high)


def _compared(op: ast.cmpop, a: Interval, b: Interval) -> Interval:
    """(is it certain, is it possible) as 0 and 1."""
    match op:
        case ast.Lt():
            return float(a[1] < b[0]), float(a[0] < b[1])
        case ast.LtE():
            return float(a[1] <= b[0]), float(a[0] <= b[1])
        case ast.Gt() | ast.GtE():
            return _compared(ast.Lt() if isinstance(op, ast.Gt) else ast.LtE(), b, a)
    apart, one = a[1] < b[0] or b[1] < a[0], a[0] == a[1] == b[0] == b[1]
    return (float(one), float(not apart)) if isinstance(op, ast.Eq) else (float(apart), float(not one))


def _truth(of: Interval) -> Interval:
    """Of a number: is it certainly not 0, can it be other than 0?"""
    low, high = of
    return float(low > 0 or high < 0), float(not (low == high == 0))
