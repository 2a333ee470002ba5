"""How large the output of a definition is for given inputs, and that nothing outside of them is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import sympy as sp

from bptui.model.base.types import Array, Shape
from bptui.symbolic.calculus.convert import from_sympy
from bptui.symbolic.calculus.definition import Definition
from bptui.symbolic.calculus.notation import Expr, Sum, guarded, rename
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.parse import SIZE
from bptui.symbolic.formula.ranges import ANY, Interval, Ranges, bounds
from bptui.symbolic.formula.tree import Tree

MAX_TERMS = 10**8
"""Of one element of the output; its check at 50 digits takes them one by one, a sample of them."""
MAX_PLACES = 2**22
"""Values of indices that are tried one by one, where an element is read under a condition."""
MAX_SIZE = 2**31
Guard = tuple[Tree, bool]
"""A condition, and whether it holds where something is read."""


class Read(NamedTuple):
    """An element that a definition reads: its tensor, its place in it, where the indices of that lie, and under which
    conditions on indices."""

    name: str
    place: tuple[Tree, ...]
    ranges: Ranges
    guards: tuple[Guard, ...]


class Extents:
    """The sizes of one definition for given shapes. Raises ValueError(what, right) as an operation's `shape` does.

    sizes  size symbol → number;  output  the output's shape
    An output index that stands alone nowhere (`x[i+k]`, `x[2*i+k]`) is as long as its reads stay inside; one that
    stands alone (or as i + 1) only under a condition, as long as that axis. `output`: the shape where it is known.
    """

    def __init__(self, definition: Definition, shapes: Sequence[Shape], output: Shape | None = None) -> None:
        self.definition = definition
        self.shapes = {tensor.name: tuple(s) for tensor, s in zip(definition.inputs, shapes, strict=True)}
        self.sizes: dict[Expr, int] = {}
        said: dict[Expr, str] = {}
        for tensor, shape in zip(definition.inputs, shapes, strict=True):
            if len(shape) != len(tensor.sizes):
                count = f"{len(tensor.sizes)} {'index' if len(tensor.sizes) == 1 else 'indices'}"
                raise ValueError(f"{tensor.name} has shape {tuple(shape)}, and the definition reads it with {count}")
            for size, number in zip(tensor.sizes, shape, strict=True):
                if size.is_Symbol and self.sizes.setdefault(size, number) != number:
                    other = said[size]
                    told = f"{other} has shape {self.shapes[other]} and {tensor.name} has shape {tuple(shape)}"
                    raise ValueError(f"{told}: {size} is {self.sizes[size]} in one and {number} in the other")
                if size.is_Symbol:
                    said.setdefault(size, tensor.name)
        for size, number in zip(definition.out_sizes, output or (), strict=False):
            if size.is_Symbol:
                self.sizes.setdefault(size, number)
        self._infer()
        helpers = {h.name: [rename(size, self._numbers) for size in h.sizes] for h in definition.helpers}
        self.shapes |= {name: tuple(map(int, sizes)) for name, sizes in helpers.items()}
        self.reads = self._reads()
        self._bounded()
        for read in self.reads:
            self._inside(read)

    @property
    def output(self) -> Shape:
        """The output's shape."""
        return tuple(int(rename(size, self._numbers)) for size in self.definition.out_sizes)

    def labels(self) -> Mapping[str, tuple[int, int]]:
        """Inputs that stand in an index: their lowest value, and one past the highest."""
        found: dict[str, tuple[int, int]] = {}
        integers = {tensor.name for tensor in self.definition.inputs if tensor.integer}
        for read in self.reads:
            for index, size in zip(read.place, self.shapes.get(read.name, ()), strict=False):
                name = index.base if isinstance(index, t.Element) else index.name if isinstance(index, t.Name) else ""
                if name in integers:
                    found[name] = (0, min(size, found.get(name, (0, size))[1]))
        return found

    @property
    def _numbers(self) -> dict[Expr, Expr]:
        return {symbol: sp.Integer(size) for symbol, size in self.sizes.items()}

    def _parts(self) -> Iterator[tuple[Tree, Ranges]]:
        """Every formula of the definition with its sizes as numbers, and the ranges of its free indices."""
        definition, numbers = self.definition, self._numbers
        of_argmax = [
            (Sum(guarded(a.term, [a.condition] if a.condition != sp.true else []), *reversed(a.limits)), a)
            for a in definition.argmaxes
            if a.position == 0
        ]
        for value, part in (
            (definition.body, None),
            *((helper.value, helper) for helper in definition.helpers),
            *of_argmax,
        ):
            symbols = definition.out if part is None else part.indices
            counts = [rename(size, numbers) for size in (definition.out_sizes if part is None else part.sizes)]
            ranges = {
                str(s): Interval(0, int(count) - 1) if count.is_Integer else ANY
                for s, count in zip(symbols, counts, strict=True)
            }
            yield from_sympy(rename(value, numbers)), ranges

    def _reads(self) -> list[Read]:
        return list(chain.from_iterable(_reads(tree, ranges, ()) for tree, ranges in self._parts()))

    def _infer(self) -> None:
        definition = self.definition
        for index, size in zip(definition.out, definition.out_sizes, strict=True):
            if not size.is_Symbol or size in self.sizes:
                continue
            most, alone = list[int](), set[int]()
            for read in self._reads():
                for place, length in zip(read.place, self.shapes.get(read.name, ()), strict=False):
                    names = {part.name for part in t.walk(place) if isinstance(part, t.Name)}
                    if str(index) not in names:
                        continue
                    if read.guards:
                        alone |= {length} if _alone(place, str(index)) else set()
                    elif (count := _longest(place, str(index), read.ranges, length)) is not None:
                        most.append(count)
            most = most or (list(alone) if len(alone) == 1 else [])
            if not most:
                raise ValueError(
                    f"the size of the output's index {index} is not known", f"{index} alone as an index of an input"
                )
            if min(most) < 1:
                told = " and ".join(f"{name} has shape {shape}" for name, shape in self.shapes.items())
                raise ValueError(f"{told}: no place is left for the output's index {index}")
            self.sizes[size] = min(most)

    def _bounded(self) -> None:
        """No element is a sum of more terms than one would wait for."""
        for tree, ranges in self._parts():
            count = _terms(tree, ranges)
            if count > MAX_TERMS:
                told = " and ".join(f"{name} has shape {shape}" for name, shape in self.shapes.items())
                raise ValueError(f"{told}: an element has {count:,} terms", f"at most {MAX_TERMS:,}")

    def _inside(self, read: Read) -> None:
        """A ValueError where a place outside of the tensor is read."""
        for axis, (place, length) in enumerate(zip(read.place, self.shapes.get(read.name, ()), strict=False)):
            span = bounds(place, read.ranges)
            if span.low is None or span.high is None or span.within(0, length - 1):
                continue
            outside = _outside(place, length, read)
            if outside is not None:
                told = f"the definition reads place {outside} of its axis {axis}"
                right = "a condition, as in x[i+1] if i + 1 < I else 0"
                raise ValueError(f"{read.name} has shape {self.shapes[read.name]}, and {told}", right)


def _alone(place: Tree, index: str) -> bool:
    """Is it `i`, `i + 1`, `i - 2`?"""
    terms = place.terms if isinstance(place, t.Add) else (place,)
    plus = not isinstance(place, t.Add) or not any(
        minus for term, minus in zip(place.terms, place.minus, strict=True) if not isinstance(term, t.Number)
    )
    return plus and [term for term in terms if not isinstance(term, t.Number)] == [t.Name(index)]


def _longest(place: Tree, index: str, ranges: Ranges, length: int) -> int | None:
    """How many values of an index, from 0, stay inside of an axis; None where that is not seen, or all do."""

    def fits(count: int) -> bool:
        return bounds(place, {**ranges, index: Interval(0, count - 1)}).within(0, length - 1)

    first = bounds(place, {**ranges, index: Interval(0, 0)})
    if first.low is None or first.high is None or fits(MAX_SIZE):
        return None
    low, high = 0, MAX_SIZE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _reads(tree: Tree, ranges: Ranges, guards: tuple[Guard, ...]) -> Iterator[Read]:
    """Every element of a formula."""
    match tree:
        case t.Element(base, index):
            yield Read(base, index, ranges, tuple(g for g in guards if _of_indices(g[0], ranges)))
            parts = [(part, ranges, guards) for part in index]
        case t.Reduction(_, body, over, conditions):
            inner, also = dict(ranges), list(guards)
            for r in over:
                inner[r.index], limits = _range(r, inner)
                also += limits
            also += [(condition, True) for condition in conditions]
            parts = [(condition, inner, guards) for condition in conditions]
            parts.append((body, inner, tuple(also)))
        case t.IfElse(condition, yes, no):
            parts = [(condition, ranges, guards), (yes, ranges, (*guards, (condition, True)))]
            parts.append((no, ranges, (*guards, (condition, False))))
        case t.Logic("and" | "or" as word, tests):
            # what the others decide alone needs no look at this one
            parts = [(one, ranges, (*guards, *((o, word == "and") for o in tests if o is not one))) for one in tests]
        case t.Mul(factors):
            parts = [(one, ranges, (*guards, *_needed(factors, one))) for one in factors]
        case _:
            parts = [(part, ranges, guards) for part in t.parts(tree)]
    for part, known, under in parts:
        yield from _reads(part, known, under)


def _range(r: t.Range, ranges: Ranges) -> tuple[Interval, list[Guard]]:
    """Where a bound index lies, and what its limits say of it where they depend on other indices."""
    low = Interval(0, 0) if r.low is None else bounds(r.low, ranges)
    stop = ANY if r.high is None else bounds(r.high, ranges)
    guards: list[Guard] = []
    if r.low is not None and low.low != low.high:
        guards.append((t.Compare(">=", t.Name(r.index), r.low), True))
    if r.high is not None and stop.low != stop.high:
        guards.append((t.Compare("<", t.Name(r.index), r.high), True))
    return Interval(low.low, None if stop.high is None else stop.high - 1), guards


def _needed(factors: Sequence[Tree], one: Tree) -> Iterator[Guard]:
    """Conditions without which the other factors of a product make it 0, whatever this one is."""
    for factor in factors:
        if factor is one:
            continue
        if isinstance(factor, t.Delta):
            yield t.Compare("==", factor.left, factor.right), True
        elif isinstance(factor, t.IfElse) and factor.no == t.integer(0):
            yield factor.condition, True


def _outside(place: Tree, length: int, read: Read) -> int | None:
    """A place outside of 0 … length - 1 that is read, conditions on indices kept; None where there is none.

    A condition on numbers of tensors may hold anywhere. Where there are too many indices to be tried, those that the
    place does not have are left out, with their conditions; where it alone has too many, its conditions are believed.
    """
    span = bounds(place, read.ranges)
    furthest: int = span.low if span.low < 0 else span.high
    own = _names(place)
    for guards in (read.guards, [g for g in read.guards if _names(g[0]) <= own]):
        names = sorted(own.union(*(_names(condition) for condition, _ in guards)) & set(read.ranges))
        spans = [read.ranges[name] for name in names]
        if any(one.empty for one in spans):
            return None
        if all(one.low is not None and one.high is not None for one in spans):
            if math.prod(one.high - one.low + 1 for one in spans) > MAX_PLACES:
                continue
            grid = np.ogrid[tuple(slice(one.low, one.high + 1) for one in spans)]
            index = dict(zip(names, grid, strict=True))
            places = np.asarray(evaluate(place, {}, index))
            bad = (places < 0) | (places >= length)
            for condition, holds in guards:
                bad = bad & _possible(condition, holds, index)
            if not bad.any():
                return None
            return int(np.broadcast_to(places, bad.shape)[bad][0])
    return None if read.guards else furthest


def _possible(condition: Tree, holds: bool, index: Mapping[str, Array]) -> Array:
    """Where, of these indices, a condition can hold (or fail), whatever the numbers of the tensors are."""
    if isinstance(condition, t.Logic):
        if condition.word == "not":
            return _possible(condition.parts[0], not holds, index)
        every = (condition.word == "and") is holds
        found = [_possible(part, holds, index) for part in condition.parts]
        result = found[0]
        for other in found[1:]:
            result = result & other if every else result | other
        return result
    if not _names(condition) <= set(index) or any(isinstance(part, t.Element) for part in t.walk(condition)):
        return np.asarray(True)
    return np.asarray(np.asarray(evaluate(condition, {}, index)) == holds)


def _of_indices(condition: Tree, ranges: Ranges) -> bool:
    """Does it compare indices anywhere? What only compares numbers of tensors may hold for every index."""
    return any(
        isinstance(part, t.Compare)
        and all(name in ranges or SIZE.match(name) for name in _names(part))
        and not any(isinstance(inner, t.Element) for inner in t.walk(part))
        for part in t.walk(condition)
    )


def _names(tree: Tree) -> set[str]:
    return {part.name for part in t.walk(tree) if isinstance(part, t.Name)}


def _terms(tree: Tree, ranges: Ranges) -> int:
    """How many terms the sums and products of an expression have, those inside of each other multiplied."""
    if isinstance(tree, t.Element):
        return 1
    if not isinstance(tree, t.Reduction):
        parts = [_terms(part, ranges) for part in t.parts(tree)]
        return sum(parts) if isinstance(tree, t.Add) else max(parts, default=1)
    inner, count = dict(ranges), 1
    for r in tree.ranges:
        span, _ = _range(r, inner)
        inner[r.index] = span
        count *= max(0, span.high - span.low + 1) if span.low is not None and span.high is not None else 1
    return count * _terms(tree.body, inner)
