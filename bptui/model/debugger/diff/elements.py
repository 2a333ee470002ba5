"""The numbers of a row beside each other: those that are farthest apart first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bptui.model.base.places import unravel
from bptui.model.base.printable import one_line
from bptui.model.base.types import Array
from bptui.model.debugger.diff.rows import Row
from bptui.model.debugger.diff.runs import Runs
from bptui.model.engine.apart import changed_most, largest
from bptui.model.engine.recording import Recording

LISTED = 200
"""Numbers of a row that are listed, at most."""


class Element(NamedTuple):
    """One number in both runs: of which tensor, where, what it is in either, and |a - b| over the tensor's largest."""

    name: str
    at: tuple[int, ...]
    a: float
    b: float
    relative: float


def elements(runs: Runs, row: Row) -> tuple[Element, ...]:
    """The numbers of a row that differ most; none where its tensors are not there, or have not one shape."""
    found = [each for i, j in row.nodes for each in _of(runs, row, i, j)]
    return tuple(sorted(found, key=lambda each: -each.relative)[:LISTED])


def _of(runs: Runs, row: Row, i: int, j: int) -> Iterator[Element]:
    a, b = _tensor(runs.a.recording, row, i), _tensor(runs.b.recording, row, j)
    if a is None or b is None:
        return
    ways = runs.gaps.fitted(a, b)
    if not ways:
        return
    other = min(ways, key=lambda way: sum(size for _, size in changed_most(a, way, 1)))
    size = max(largest(a), largest(other)) or 1.0
    name = one_line(runs.a.recording.graph.nodes[i].name)
    name = {"forward": name, "backward": f"∂L/∂{name}", "update": f"change of {name}"}[row.phase]
    for place, error in changed_most(a, other, LISTED):
        at = unravel(place, a.shape)
        yield Element(name, at, float(a[at]), float(other[at]), error / size)


def _tensor(run: Recording, row: Row, node: int) -> Array | None:
    """What is compared of a node at a row."""
    if row.phase == "forward":
        found = run.value(node)
    elif row.phase == "backward":
        found = run.grad(node)
    else:
        before, after = run.before(node, row.turn), run.after(node, row.turn)
        if before is None or after is None:
            return None
        with np.errstate(all="ignore"):
            found = np.subtract(after, before, dtype=np.float64)
    return None if found is None else np.asarray(found)
