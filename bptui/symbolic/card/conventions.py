"""Kinks, ties and poles: the convention of an operation, said where an element sits exactly on its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bptui.model.base.kinds import KINDS
from bptui.model.base.types import Index
from bptui.model.engine.pairs import complex_nodes
from bptui.symbolic.card.bound_definition import BoundDefinition
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
    known, index = reading.numbers(element)
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
            cells = reading.cells(part, index)
            best = cells.best()
            return best is not None and int((cells.chosen == cells.chosen.flat[best]).sum()) > 1
    except (KeyError, TypeError, ValueError):  # it has an index of its own, of a sum: not one number
        return False
    return False
