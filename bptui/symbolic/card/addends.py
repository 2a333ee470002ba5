"""The terms that a value is made of, from the definition of its operation: what is added up, largest first.

`why` of the debugger asks for this by name (the numbers never import the proof). A definition that is a sum, or a sum
with something added to it or divided by something, has a term for each; a product has one; any other formula has the
numbers that stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from bptui.model.base.spans import Line, Span
from bptui.model.base.types import Array, Index
from bptui.model.debugger.locations import fit
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.written import names_of
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.tree import Tree

KEPT = 40
"""Terms that are told; the others are added up."""
_NUMBERS = 6
"""Numbers that are told of a formula that is neither a sum nor a product."""
Source = tuple[int, Index]
"""A node and the index of an element of it."""


class Factor(NamedTuple):
    """How it is written, its number, and the element that this is (the first computed one of those in it)."""

    shown: Line
    value: float
    source: Source | None


class Addend(NamedTuple):
    """One term: its index in the sum ("" for what stands outside of one), its factors, what they come to."""

    label: str
    factors: tuple[Factor, ...]
    value: float


class Addends(NamedTuple):
    """The terms of a value.

    relation  of the factors of a term to its value: the terms add up, and are products (sum, product); the numbers
              stand in a formula (formula); one of several was taken (choice)
    letters   of the sum's index;  rest  how many terms are not told, and what they add up to
    """

    relation: Literal["sum", "product", "formula", "choice"]
    letters: str
    terms: tuple[Addend, ...]
    rest: tuple[int, float] = (0, 0.0)


def addends(recording: Recording, node: Node, element: Index) -> Addends | None:
    """The terms of node[element]; None where its definition is not in the notation, or they are too many. Raises
    NotRecorded where a number of it is absent."""
    reading = BoundDefinition(recording, node)
    return _Terms(reading, element).found() if reading.statements else None


class _Terms:
    def __init__(self, reading: BoundDefinition, element: Index) -> None:
        self.reading, self.element = reading, element
        self.names: Names = names_of(reading.recording.graph, reading, True)
        self.known, self.index = reading.numbers(element)

    def found(self) -> Addends | None:
        body = self.reading.statements[-1].value
        tree = self.reading.resolve(body, self.index, self.known)
        won = self._winner(tree)
        if won is not None:
            return won
        parts = list(_parts(tree, 1.0, ()))
        single = len(parts) == 1 and not _is_sum(parts[0].tree)
        if single and not isinstance(parts[0].tree, t.Mul) and not parts[0].over:
            return self._formula(parts[0].tree)
        terms: list[tuple[str, tuple[Factor, ...], float]] = []
        letters, rest = "", (0, 0.0)
        for part in parts:
            if _is_sum(part.tree):
                made = self._summed(part)
                if made is None:
                    return None
                several, more = made
                rest = rest[0] + more[0], rest[1] + more[1]
                letters = ",".join(self.names.symbol(i).text for i in _ranges(part.tree))
                terms += several
            else:
                factors = self._factors(part, {})
                terms.append(("", factors, part.sign * float(np.prod([f.value for f in factors]))))
        terms.sort(key=lambda term: -np.inf if np.isnan(term[2]) else -abs(term[2]))
        relation: Literal["sum", "product"] = "product" if single else "sum"
        return Addends(relation, letters, tuple(Addend(*term) for term in terms), rest)

    def _number(self, tree: Tree, index: Mapping[str, Any]) -> Any:
        return evaluate(tree, self.known, index, self.reading.size)

    def _factors(self, part: _Part, index: Mapping[str, int]) -> tuple[Factor, ...]:
        """The factors of a term; what it is divided by as one of them."""
        found, factors = [], _factors_of(part._replace(over=tuple(map(self._counted, part.over))))
        for factor in factors:
            resolved = self.reading.resolve(factor, index, self.known)
            shown = to_spans(resolved, self.names)
            if len(factors) > 1 and isinstance(resolved, t.Add | t.IfElse):
                shown = (Span("("), *shown, Span(")"))
            found.append(Factor(shown, float(self._number(resolved, {})), self._source(resolved)))
        return tuple(found)

    def _counted(self, tree: Tree) -> Tree:
        """What a sum is divided by, as a number where it is made of sizes: `4` for `I·J`."""
        value = t.constant(t.substitute(tree, self.reading.size))
        return tree if value is None or not value.is_integer() else t.integer(int(value))

    def _summed(self, part: _Part) -> tuple[list[tuple[str, tuple[Factor, ...], float]], tuple[int, float]] | None:
        """The largest terms of a sum, and how many are left over with what they add."""
        cells = self.reading.cells(part.tree, self.index, self.known)
        if not cells.fit:
            return None
        inner = part._replace(tree=cells.reduction.body)
        with np.errstate(all="ignore"):
            values: Array = np.full(cells.shape, part.sign)
            for factor in _factors_of(inner):
                values = values * cells.values(factor).astype(float)
        places = np.flatnonzero(cells.kept)
        flat = values.reshape(-1)[places]
        size = np.where(np.isnan(flat), np.inf, np.abs(flat))
        order = np.argsort(-size, kind="stable")
        several = []
        for n in order[:KEPT]:
            index = cells.at(int(places[n]))
            label = ",".join(str(i) for i in index.values())
            several.append((label, self._factors(inner, index), float(flat[n])))
        left = order[KEPT:]
        return several, (len(left), float(np.sum(flat[left])) if len(left) else 0.0)

    def _formula(self, tree: Tree) -> Addends:
        """Neither a sum nor a product: the numbers that stand in it."""
        leaves = self._leaves(tree)
        if not leaves and self.reading.bare:  # a constant was chosen: what it was chosen by
            leaves = self._leaves(self.reading.statements[-1].value)
        factors = tuple(
            Factor(to_spans(leaf, self.names), float(self._number(leaf, {})), self._source(leaf))
            for leaf in leaves[:_NUMBERS]
        )
        value = float(np.asarray(self.reading.arrays[self.reading.output])[self.element])
        return Addends("formula", "", (Addend("", factors, value),), (max(0, len(leaves) - _NUMBERS), 0.0))

    def _leaves(self, tree: Tree) -> list[Tree]:
        """The elements of inputs that stand in a formula, each once."""
        return list(dict.fromkeys(part for part in t.walk(tree) if self._source(part, alone=True) is not None))

    def _winner(self, tree: Tree) -> Addends | None:
        """What a maximum takes, the first among equals."""
        if not (isinstance(tree, t.Reduction) and tree.kind in ("max", "min") and isinstance(tree.body, t.Element)):
            return None
        cells = self.reading.cells(tree, self.index)
        best = cells.best()
        if best is None:
            return None
        leaf = self.reading.resolve(cells.reduction.body, cells.at(best), self.known)
        factor = Factor(to_spans(leaf, self.names), float(cells.chosen.flat[best]), self._source(leaf))
        return Addends("choice", "", (Addend("", (factor,), factor.value),), (cells.count - 1, 0.0))

    def _source(self, tree: Tree, alone: bool = False) -> Source | None:
        """The element that stands in a formula; of several the first that is computed, else the first."""
        inputs = dict(zip(self.reading.op.input_names, self.reading.inputs, strict=False))
        found: list[tuple[Node, Index]] = []
        for part in [tree] if alone else t.walk(tree):
            if isinstance(part, t.Name) and part.name in inputs:
                source = inputs[part.name]
                place = fit(self.element, source.shape) if self.reading.bare else () if not source.shape else None
            elif isinstance(part, t.Element) and part.base in inputs:
                source = inputs[part.base]
                place = _constant(part.index)
            else:
                continue
            if place is not None and not (source.role == "const" and source.shape == ()):
                found.append((source, place))
        found.sort(key=lambda pair: pair[0].op is None)
        return (found[0][0].id, found[0][1]) if found else None


class _Part(NamedTuple):
    """One part of a sum: a formula, its sign, and what it is divided by."""

    tree: Tree
    sign: float
    over: tuple[Tree, ...]


def _parts(tree: Tree, sign: float, over: tuple[Tree, ...]) -> Iterator[_Part]:
    """What is added up at the top of a formula."""
    if isinstance(tree, t.Add):
        for term, minus in zip(tree.terms, tree.minus, strict=True):
            yield from _parts(term, -sign if minus else sign, over)
    elif isinstance(tree, t.Neg):
        yield from _parts(tree.of, -sign, over)
    elif isinstance(tree, t.Div) and not tree.floor and any(_is_sum(part) for part in t.walk(tree.top)):
        yield from _parts(tree.top, sign, (*over, tree.bottom))
    else:
        yield _Part(tree, sign, over)


def _is_sum(tree: Tree) -> bool:
    return isinstance(tree, t.Reduction) and tree.kind == "sum"


def _ranges(tree: Tree) -> tuple[str, ...]:
    """The indices that a sum runs over."""
    return tuple(r.index for r in tree.ranges) if isinstance(tree, t.Reduction) else ()


def _factors_of(part: _Part) -> list[Tree]:
    """The factors of a term, divisors as `1/N`."""
    factors = list(part.tree.factors) if isinstance(part.tree, t.Mul) else [part.tree]
    return [*factors, *(t.Div(t.integer(1), divisor) for divisor in part.over)]


def _constant(index: tuple[Tree, ...]) -> Index | None:
    """An index of whole numbers; None where one is not counted out."""
    values = [t.constant(part) for part in index]
    return None if any(v is None for v in values) else tuple(int(v) for v in values if v is not None)
