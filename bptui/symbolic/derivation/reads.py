"""Which numbers of a training step stand in an equation: the elements of tensors and gradients that its formula names,
and those that decide which of its branches is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any, Literal, NamedTuple

import numpy as np

from bptui.model.base.types import Index
from bptui.model.debugger.locations import fit
from bptui.symbolic.card.bound_definition import BoundDefinition
from bptui.symbolic.card.names import UPSTREAM
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.tree import Tree
from bptui.symbolic.types import Rule

MOST = 1_000
"""Numbers of one equation that are looked at."""


class Number(NamedTuple):
    """One number of a training step: a value, a gradient, or what a parameter becomes."""

    of: Literal["value", "gradient", "update"]
    node: int
    element: Index


def reads(reading: BoundDefinition, formula: Tree, output: Index | None, rule: Rule | None = None) -> list[Number]:
    """The numbers that a formula of a node reads, each once; `output` is the element of the node's output that it is
    about, where it names tensors without indices."""
    found: dict[Number, None] = {}
    for number in _Reader(reading, output, rule).visit(formula, {}):
        found[number] = None
        if len(found) >= MOST:
            break
    return list(found)


class _Reader:
    def __init__(self, reading: BoundDefinition, output: Index | None, rule: Rule | None) -> None:
        self.reading, self.output, node = reading, output, reading.node
        self.arrays, self.size = (reading.helped, reading.size) if rule is None else reading.rule_numbers(rule)
        self.bases: dict[str, tuple[Literal["value", "gradient"], int]] = {
            name: ("value", source) for name, source in zip(reading.op.input_names, node.inputs, strict=False)
        }
        self.bases |= {reading.output: ("value", node.id), UPSTREAM: ("gradient", node.id)}
        self.parts: dict[str, tuple[tuple[str, ...], Tree]] = {}
        for helper in reading.statements[:-1]:
            target = helper.target
            letters = target.index if isinstance(target, t.Element) else ()
            name = target.base if isinstance(target, t.Element) else target.name
            self.parts[name] = tuple(i.name for i in letters if isinstance(i, t.Name)), helper.value
        if rule is not None:
            self.parts |= {part.name: (part.indices, part.value) for part in rule.parts}
            self.parts |= {
                each.name: (each.indices, t.Reduction(each.kind, each.term, each.ranges)) for each in rule.winners
            }

    def visit(self, tree: Tree, at: Mapping[str, int]) -> Iterator[Number]:
        """The numbers of a formula with its free indices at `at`."""
        match tree:
            case t.Reduction():
                yield from self.each(tree, at)
            case t.Element(base, ()) if base in self.bases and self.output is not None:
                yield from self.visit(t.Name(base), at)
            case t.Element(base, index):
                places = [self.count(i, at) for i in index]
                if base in self.parts:
                    letters, value = self.parts[base]
                    if isinstance(value, t.Call) and t.matrix_kind(value):
                        ranges = tuple(t.Range(i) for i in letters[-2:])
                        letters, value = letters[:-2], t.Reduction(value.function, value.arguments[0], ranges)
                        places = places[:-2]
                    yield from self.visit(value, dict(zip(letters, places, strict=True)))
                elif base in self.bases:
                    yield from self.number(base, tuple(places))
                for i in index:
                    yield from self.visit(i, at)
            case t.Name(name) if name in self.parts and not self.parts[name][0]:
                yield from self.visit(self.parts[name][1], at)
            case t.Name(name) if name in self.bases and name not in at:
                shape = np.shape(self.arrays.get(name, 0.0))
                yield from self.number(name, fit(self.output or (), shape))
            case t.IfElse(condition, yes, no):
                yield from self.visit(condition, at)
                taken = self.value(condition, at)
                for branch, wanted in ((yes, True), (no, False)):
                    if taken is None or bool(taken) is wanted:
                        yield from self.visit(branch, at)
            case t.Size() | t.Partial():
                return
            case _:
                for part in t.parts(tree):
                    yield from self.visit(part, at)

    def each(self, tree: t.Reduction, at: Mapping[str, int]) -> Iterator[Number]:
        spans = []
        for r in tree.ranges:
            low = 0 if r.low is None else self.count(r.low, at)
            high = self.size.get(r.index.upper(), 0) if r.high is None else self.count(r.high, at)
            spans.append(range(low, high))
        for place in islice(product(*spans), MOST):
            inner = {**at, **{r.index: i for r, i in zip(tree.ranges, place, strict=True)}}
            if all(self.value(condition, inner) in (None, True) for condition in tree.conditions):
                yield from self.visit(tree.body, inner)

    def number(self, base: str, place: Index) -> Iterator[Number]:
        of, node = self.bases[base]
        shape = np.shape(self.arrays.get(base, 0.0))
        if len(place) == len(shape) and all(0 <= i < n for i, n in zip(place, shape, strict=True)):
            yield Number(of, node, place)

    def value(self, tree: Tree, at: Mapping[str, int]) -> Any:
        """What a formula comes to here, None where that is not known."""
        known: dict[str, Any] = dict(self.arrays)
        try:
            if self.output is not None:
                for name in self.bases:
                    if name in known:
                        known[name] = np.asarray(known[name])[fit(self.output, np.shape(known[name]))]
            found = evaluate(tree, known, at, self.size)
            return bool(found) if np.asarray(found).dtype == bool else found
        except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
            return None

    def count(self, tree: Tree, at: Mapping[str, int]) -> int:
        """A whole number: an index, an end of a range; -1 where there is none."""
        try:
            return int(evaluate(tree, self.arrays, at, self.size))
        except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
            return -1
