"""Kinks, ties and poles: the convention of an operation, said where an element sits exactly on its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bptui.model.base.kinds import KINDS
from bptui.model.base.types import Array
from bptui.model.engine.pairs import complex_nodes
from bptui.symbolic.card.bound_definition import MAX_CELLS, BoundDefinition, Index
from bptui.symbolic.facts import Fact, sentence
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import evaluate
from bptui.symbolic.formula.tree import Tree

BY_PARTS = "part by part, real by real and imaginary by imaginary; the product of complex numbers is cmul"


def convention(reading: BoundDefinition, element: Index) -> list[Fact]:
    """The convention of the operation, where this element of its output sits exactly on the place that it is about."""
    if reading.op.name in ("mul", "div") and complex_nodes(reading.recording.graph).issuperset(reading.node.inputs):
        return [sentence("convention", "convention", BY_PARTS)]
    if not reading.op.convention:
        return []
    bare = reading.op.elementwise and not reading.letters
    known = reading.at(element) if bare else reading.helped
    index: Mapping[str, int] = {} if bare else reading.index(element)
    if not any(_special(reading, part, known, index) for s in reading.statements for part in t.walk(s.value)):
        return []
    return [sentence("convention", "convention", _shortened(reading))]


def _shortened(reading: BoundDefinition) -> str:
    """The convention without what it says of a setting that is not used: `padding never wins`."""
    said = reading.op.convention.split("; ")
    used = reading.node.attributes
    return "; ".join(part for n, part in enumerate(said) if not n or np.any(used.get(part.partition(" ")[0], True)))


def _special(reading: BoundDefinition, part: Tree, known: Mapping[str, Any], index: Mapping[str, int]) -> bool:
    """Is this part of the definition at a kink, a tie or a pole here?"""

    def number(tree: Tree) -> float:
        return float(evaluate(tree, known, index, reading.size))

    try:
        if isinstance(part, t.Compare):
            given = {*reading.op.fixed, *reading.op.indices}
            names = {
                p.name if isinstance(p, t.Name) else p.base for p in t.walk(part) if isinstance(p, t.Name | t.Element)
            }
            return not names & given and number(part.left) == number(part.right)
        if isinstance(part, t.Power):
            open_ = not isinstance(part.exponent, t.Number | t.Neg)
            return number(part.exponent) == 0 or (open_ and number(part.base) == 0)
        if isinstance(part, t.Call) and part.function in ("abs", "sign", "sqrt"):
            return number(part.arguments[0]) == 0
        if isinstance(part, t.Call) and part.function in KINDS:
            return number(part) != number(part.arguments[0])
        if isinstance(part, t.Call) and part.function in ("max", "min"):
            sides = [number(a) for a in part.arguments]
            return len(set(sides)) < len(sides)
        if isinstance(part, t.Reduction) and part.kind in ("max", "min") and isinstance(part.body, t.Element):
            values = choices(reading, part, index)
            return (
                values is not None and int((values == (values.max() if part.kind == "max" else values.min())).sum()) > 1
            )
    except (KeyError, TypeError, ValueError):  # it has an index of its own, of a sum: not one number
        return False
    return False


def choices(reading: BoundDefinition, body: t.Reduction, index: Mapping[str, int]) -> Array | None:
    """What a `max(x[…] for …)` chooses from, in the shape of its ranges; None where that is nothing, or too much."""
    reduction = t.substitute(body, index)
    assert isinstance(reduction, t.Reduction)
    spans = spans_of(reading, reduction)
    grid = dict(zip((r.index for r in reduction.ranges), np.ix_(*(np.arange(lo, hi) for lo, hi in spans)), strict=True))
    shape = tuple(hi - lo for lo, hi in spans)
    if not shape or int(np.prod(shape)) > MAX_CELLS or not all(shape):
        return None
    values = np.broadcast_to(evaluate(reduction.body, reading.helped, grid, reading.size), shape)
    for condition in reduction.conditions:
        worst = -np.inf if reduction.kind == "max" else np.inf
        values = np.where(evaluate(condition, reading.helped, grid, reading.size), values, worst)
    return values


def spans_of(reading: BoundDefinition, reduction: t.Reduction) -> list[tuple[int, int]]:
    """(first, one past the last) of each range of a reduction whose free indices have been put in."""
    found = []
    for r in reduction.ranges:
        low = 0 if r.low is None else int(evaluate(r.low, reading.helped, {}, reading.size))
        high = (
            reading.size[r.index.upper()] if r.high is None else int(evaluate(r.high, reading.helped, {}, reading.size))
        )
        found.append((low, max(low, high)))
    return found
