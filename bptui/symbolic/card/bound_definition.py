"""A node's numbers under the names of its definition, and formulas taken at one element of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bptui.model.base import kinds
from bptui.model.base.syntax import Unreadable
from bptui.model.base.types import Array, Index
from bptui.model.debugger.locations import fit
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Signature
from bptui.model.engine.recording import Recording
from bptui.model.engine.rounding import settled
from bptui.symbolic.card.names import UPSTREAM
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import counted, evaluate, sizes
from bptui.symbolic.formula.printing import Setting, number
from bptui.symbolic.formula.read import from_text
from bptui.symbolic.formula.tree import Statement, Tree, rebuild, substitute
from bptui.symbolic.types import ArgMax, Part, Rule

MAX_CELLS = 5_000_000
"""Elements that a card evaluates for one table; beyond, it says so and shows the numbers of the engine."""


class BoundDefinition:
    """One node of one recording. Everything is computed when it is asked for, and once."""

    def __init__(self, recording: Recording, node: Node) -> None:
        assert node.op is not None
        self.recording, self.node, self.op = recording, node, node.op
        self.inputs = [recording.graph.nodes[i] for i in node.inputs]

    @cached_property
    def signature(self) -> Signature:
        """What its derivation is filed under."""
        return self.recording.graph.signature(self.node)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its definition; empty where the text is not in the notation (the parser says why)."""
        try:
            return from_text("\n".join(line.strip() for line in self.op.define(self.signature).strip().splitlines()))
        except Unreadable:
            return ()

    @property
    def output(self) -> str:
        """What the definition calls its output."""
        if not self.statements:
            return "y"
        target = self.statements[-1].target
        return target.base if isinstance(target, t.Element) else target.name

    @property
    def bare(self) -> bool:
        """Is its definition one of numbers alone, the same for every element?"""
        return self.op.elementwise and not self.letters

    @property
    def letters(self) -> tuple[str, ...]:
        """The output's indices as the definition writes them."""
        target = self.statements[-1].target if self.statements else None
        return tuple(i.name for i in target.index if isinstance(i, t.Name)) if isinstance(target, t.Element) else ()

    def index(self, element: Sequence[int]) -> dict[str, int]:
        """The output's index letters at one element; an axis of a kept dimension has none."""
        target = self.statements[-1].target if self.statements else None
        if not isinstance(target, t.Element):
            return {}
        return {i.name: n for i, n in zip(target.index, element, strict=True) if isinstance(i, t.Name)}

    @cached_property
    def arrays(self) -> dict[str, Any]:
        """Values by the definition's names: inputs, output, attributes; ∂L/∂y as `G` where there is one."""
        found: dict[str, Any] = {k: v for k, v in self.node.attributes.items() if isinstance(v, int | float)}
        found |= {n: self._value(i) for n, i in zip(self.op.input_names, self.node.inputs, strict=False)}
        found[self.output] = self._value(self.node.id)
        upstream = settled(self.recording, self.recording.grad(self.node), lambda other: other.grad(self.node.id))
        if upstream is not None:
            found[UPSTREAM] = upstream
        return found

    def _value(self, i: int) -> Array | None:
        return settled(self.recording, self.recording.required(i), lambda other: other.value(i))

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the output's kind; 0 of whole numbers."""
        kind = self.node.kind or np.asarray(self.arrays[self.output]).dtype.name
        return kinds.eps(kind) if kind in kinds.KINDS else 0.0

    @cached_property
    def size(self) -> dict[str, int]:
        """Sizes by their letters, for the definition's own text."""
        out = self.index(self.node.shape)
        return sizes(tuple(s.value for s in self.statements), self.arrays, out)

    # ------------------------------------------------------------------------------------------------- numbers
    def at(self, element: Index) -> dict[str, Any]:
        """Scalars of an elementwise node at one element of its output; what broadcasts is taken from where it comes."""
        out = {}
        for name, array in self.arrays.items():
            out[name] = np.asarray(array)[fit(element, np.shape(array))]
        return self.with_helpers(out)

    def numbers(self, element: Index) -> tuple[Mapping[str, Any], Mapping[str, int]]:
        """(the numbers, the index) that its definition is evaluated with at one element of its output."""
        return (self.at(element), {}) if self.bare else (self.helped, self.index(element))

    def cells(self, tree: Tree, index: Mapping[str, int], known: Mapping[str, Any] | None = None) -> Cells:
        """Those of a reduction of the definition at one element."""
        reduction = substitute(tree, index)
        assert isinstance(reduction, t.Reduction)
        return Cells(reduction, self.helped if known is None else known, self.size)

    def with_helpers(self, known: dict[str, Any]) -> dict[str, Any]:
        """The numbers that are given, and those of the helpers that are made of them."""
        for helper in self.statements[:-1]:
            if isinstance(helper.target, t.Name):
                known[helper.target.name] = evaluate(helper.value, known, {}, self.size)
        return known

    @cached_property
    def helped(self) -> dict[str, Any]:
        """`arrays`, and the definition's helpers."""
        known = dict(self.arrays)
        for helper in self.statements[:-1]:
            known |= self._part(_as_part(helper), known, self.size)
        return known

    def _part(self, part: Part, known: Mapping[str, Any], size: Mapping[str, int]) -> dict[str, Any]:
        shape = tuple(int(evaluate(counted(s, known, size), known, {}, size)) for s in part.sizes)
        grid = dict(zip(part.indices, np.ogrid[tuple(slice(0, n) for n in shape)], strict=True)) if shape else {}
        value = evaluate(part.value, known, grid, size)
        return {part.name: np.broadcast_to(value, shape) if shape else value}

    def rule_numbers(self, rule: Rule) -> tuple[dict[str, Any], dict[str, int]]:
        """(arrays, sizes) for the trees of a rule: its helpers and winners too."""
        known = dict(self.arrays)
        size = {name: int(np.shape(known[base])[axis]) for name, base, axis in rule.sizes}
        size = {**self.size, **size}
        todo: list[Part | ArgMax] = [*rule.parts, *rule.winners]
        for _ in range(len(todo) + 1):
            left = []
            for part in todo:
                try:
                    known |= self._part(part, known, size) if isinstance(part, Part) else _win(part, known, size)
                except KeyError:  # it names one that comes later
                    left.append(part)
            if not left:
                break
            todo = left
        return known, size

    # ------------------------------------------------------------------------------------------------- formulas
    def resolve(self, tree: Tree, index: Mapping[str, int], known: Mapping[str, Any] | None = None) -> Tree:
        """The formula at one element: indices counted out, and of a choice the branch that the numbers take."""
        arrays = self.helped if known is None else known

        def change(part: Tree) -> Tree | None:
            if isinstance(part, t.Reduction):
                return part
            if isinstance(part, t.IfElse):
                try:
                    test = evaluate(part.condition, arrays, index, self.size)
                except KeyError:  # it is decided inside of a sum
                    return None
                return self.resolve(part.yes if test else part.no, index, known)
            if isinstance(part, t.Element):
                return t.Element(part.base, tuple(self._count(i, arrays) for i in part.index))
            if isinstance(part, t.Delta):
                return t.integer(int(evaluate(part, arrays, {}, self.size)))
            if isinstance(part, t.Size):
                return t.integer(int(evaluate(part, arrays, {}, self.size)))
            return None

        return rebuild(substitute(tree, index), change)

    def _count(self, tree: Tree, arrays: Mapping[str, Any]) -> Tree:
        try:
            return t.integer(int(evaluate(tree, arrays, {}, self.size)))
        except KeyError:  # an index that is bound by a sum
            return tree

    def folded(self, tree: Tree, index: Mapping[str, int], known: Mapping[str, Any] | None = None) -> Tree:
        """The formula at one element with every sum as its number."""
        arrays = self.helped if known is None else known

        def change(part: Tree) -> Tree | None:
            if isinstance(part, t.Reduction):
                value = float(evaluate(part, arrays, index, self.size))
                return t.Number(value, number(value))
            return None

        return self.resolve(rebuild(substitute(tree, index), change), index, known)

    def number(self, base: str, place: Index | None) -> float | str | None:
        """The number of an element, for printing; sizes, labels and settings as they are written."""
        array = self.helped.get(base)
        if array is None:
            return str(self.size[base]) if place is None and base in self.size else None
        if base in self.node.attributes:
            return Setting(array)
        try:
            value = np.asarray(array)[place if place is not None else ()]
            return str(int(value)) if np.asarray(array).dtype.kind in "iub" else float(value)
        except (IndexError, TypeError, ValueError):
            return None


def _as_part(helper: Statement) -> Part:
    if isinstance(helper.target, t.Name):
        return Part(helper.target.name, (), (), helper.value)
    letters = tuple(i.name for i in helper.target.index if isinstance(i, t.Name))
    return Part(helper.target.base, letters, tuple(t.Name(letter.upper()) for letter in letters), helper.value)


def _win(winner: ArgMax, known: Mapping[str, Any], size: Mapping[str, int]) -> dict[str, Any]:
    """The active index of every element, the first among equals."""
    own = tuple(t.Range(i, None, n) for i, n in zip(winner.indices, winner.sizes, strict=True))
    conditions = () if winner.condition is None else (winner.condition,)
    cells = Cells(t.Reduction(winner.kind, winner.term, (*own, *winner.ranges), conditions), known, size)
    flat = cells.chosen.reshape(*cells.shape[: len(own)], -1)
    best = flat.argmax(-1) if winner.kind == "max" else flat.argmin(-1)
    low = cells.lows[len(own) :][winner.position]
    return {winner.name: np.unravel_index(best, cells.shape[len(own) :])[winner.position] + low}


class Cells:
    """The cells of a reduction whose free indices have been put in: the places of its own, and the terms there."""

    def __init__(self, reduction: t.Reduction, known: Mapping[str, Any], size: Mapping[str, int]) -> None:
        self.reduction, self.known, self.size = reduction, known, size
        self.lows = [0 if r.low is None else self._counted(r.low) for r in reduction.ranges]
        highs = [size[r.index.upper()] if r.high is None else self._counted(r.high) for r in reduction.ranges]
        self.shape = tuple(max(0, high - low) for low, high in zip(self.lows, highs, strict=True))
        self.count = int(np.prod(self.shape, dtype=np.int64))
        self.fit = self.count <= MAX_CELLS

    def _counted(self, tree: Tree) -> int:
        return int(evaluate(tree, self.known, {}, self.size))

    @cached_property
    def _grid(self) -> dict[str, Any]:
        axes = np.ix_(*(np.arange(low, low + n) for low, n in zip(self.lows, self.shape, strict=True)))
        return dict(zip((r.index for r in self.reduction.ranges), axes, strict=True))

    def values(self, tree: Tree) -> Array:
        """A formula with the reduction's indices, at every cell."""
        return np.broadcast_to(np.asarray(evaluate(tree, self.known, self._grid, self.size)), self.shape)

    @cached_property
    def kept(self) -> Array:
        """Where the conditions of the reduction hold."""
        keep = np.ones(self.shape, bool)
        for condition in self.reduction.conditions:
            keep &= self.values(condition)
        return keep

    def at(self, cell: int) -> dict[str, int]:
        """The indices of a cell, counted row by row."""
        place = np.unravel_index(cell, self.shape)
        return {r.index: int(i) + low for r, i, low in zip(self.reduction.ranges, place, self.lows, strict=True)}

    @cached_property
    def chosen(self) -> Array:
        """What a max or min chooses from, infinitely bad where a condition fails."""
        worst = -np.inf if self.reduction.kind == "max" else np.inf
        return np.where(self.kept, self.values(self.reduction.body), worst)

    def best(self) -> int | None:
        """The cell that a max or min takes, the first among equals; None where there is none, or too many to look."""
        if not self.shape or not self.count or not self.fit:
            return None
        return int(self.chosen.argmax() if self.reduction.kind == "max" else self.chosen.argmin())
