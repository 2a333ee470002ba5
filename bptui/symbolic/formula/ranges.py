"""What is certain of an index expression: between which numbers it lies, and whether a condition on indices holds.

The one place that decides it. Ends are integers, or expressions of sizes (SymPy's, of which nothing is asked here but
sums, products and signs); an end that is not known is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.tree import Tree


def nonnegative(end: Any) -> bool:
    """Is it certainly not below 0?"""
    return end >= 0 if isinstance(end, int) else end is not None and bool(end.is_nonnegative)


def positive(end: Any) -> bool:
    """Is it certainly above 0?"""
    return end > 0 if isinstance(end, int) else end is not None and bool(end.is_positive)


@dataclass(frozen=True, slots=True)
class Interval:
    """Lowest and highest value, both of them reached or not: never too narrow."""

    low: Any
    high: Any

    def __add__(self, other: Interval) -> Interval:
        low = None if self.low is None or other.low is None else self.low + other.low
        return Interval(low, None if self.high is None or other.high is None else self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(None if self.high is None else -self.high, None if self.low is None else -self.low)

    def __mul__(self, other: Interval) -> Interval:
        ends = self.low, self.high, other.low, other.high
        if all(isinstance(end, int) for end in ends):
            products = [a * b for a in ends[:2] for b in ends[2:]]
            return Interval(min(products), max(products))
        for one, rest in ((self, other), (other, self)):
            if one.low is not None and one.low == one.high and nonnegative(-one.low):
                return -(-one * rest) if one.low != 0 else Interval(0, 0)
        if nonnegative(self.low) and nonnegative(other.low):  # what is not negative grows with each factor
            high = None if self.high is None or other.high is None else self.high * other.high
            return Interval(self.low * other.low, high)
        for one, rest in ((self, other), (other, self)):
            if one.low is not None and one.low == one.high and nonnegative(one.low):
                return Interval(*(None if end is None else one.low * end for end in (rest.low, rest.high)))
        return Interval(None, None)

    def __floordiv__(self, divisor: Any) -> Interval:
        """By a positive number; where that is an expression, only that the quotient is not negative is seen."""
        if isinstance(divisor, int):
            return Interval(*(end // divisor if isinstance(end, int) else None for end in (self.low, self.high)))
        return Interval(0 if nonnegative(self.low) else None, None)

    def __mod__(self, divisor: Any) -> Interval:
        """By a positive number."""
        ends = self.low, self.high, divisor
        if all(isinstance(end, int) for end in ends) and self.low // divisor == self.high // divisor:
            return Interval(self.low % divisor, self.high % divisor)
        return Interval(0, divisor - 1)

    @property
    def empty(self) -> bool:
        """Has it certainly no number?"""
        return self.low is not None and self.high is not None and positive(self.low - self.high)

    def within(self, low: int, high: int) -> bool:
        """Does it certainly lie between these two?"""
        inside = self.low is not None and self.high is not None
        return inside and nonnegative(self.low - low) and nonnegative(high - self.high)


ANY = Interval(None, None)
Ranges = Mapping[str, Interval]
"""Index or size → where it lies."""


def bounds(tree: Tree, ranges: Ranges, size: Callable[[str, int], int] | None = None) -> Interval:
    """Between which numbers an index expression lies. `size` says how long an axis of a tensor is."""
    match tree:
        case t.Number(value):
            return Interval(int(value), int(value)) if float(value).is_integer() else ANY
        case t.Name(name):
            return ranges.get(name, ANY)
        case t.Size(base, axis) if size is not None:
            count = size(base, axis)
            return Interval(count, count)
        case t.Neg(of):
            return -bounds(of, ranges, size)
        case t.Add(terms, minus):
            total = Interval(0, 0)
            for term, taken in zip(terms, minus, strict=True):
                inner = bounds(term, ranges, size)
                total = total + (-inner if taken else inner)
            return total
        case t.Mul(factors):
            product = Interval(1, 1)
            for factor in factors:
                product = product * bounds(factor, ranges, size)
            return product
        case t.Div(top, bottom, True) | t.Mod(top, bottom):
            a, b = bounds(top, ranges, size), bounds(bottom, ranges, size)
            if b.low is None or b.low != b.high or not positive(b.low):
                return ANY
            divided: Interval = a % b.low if isinstance(tree, t.Mod) else a // b.low
            return divided
        case t.Call("max" | "min" as function, arguments):
            found = [bounds(argument, ranges, size) for argument in arguments]
            ends = [end for one in found for end in (one.low, one.high)]
            if all(isinstance(end, int) for end in ends):
                choose = max if function == "max" else min
                return Interval(choose(one.low for one in found), choose(one.high for one in found))
    return ANY


def decided(sign: str, left: Interval, right: Interval) -> bool | None:
    """Does `left < right` (or what else the sign says) hold for all numbers within (True), for none, or for some?"""
    if sign in (">", ">="):
        return decided({">": "<", ">=": "<="}[sign], right, left)
    difference = right + -left
    below = positive(difference.low)
    above = difference.high is not None and positive(-difference.high)
    at_most, at_least = nonnegative(difference.low), difference.high is not None and nonnegative(-difference.high)
    same = at_most and at_least
    yes = {"<": below, "<=": at_most, "==": same, "!=": below or above}[sign]
    no = {"<": at_least, "<=": above, "==": below or above, "!=": same}[sign]
    return True if yes else False if no else None
