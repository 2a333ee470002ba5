"""Does the engine do what the definition says, and pass on what its derivative says? Row by row, worst element first.

forward       the definition's value against the engine's
symbolic      the derived VJP against the engine's contribution: the recorded one and one for a random ∂L/∂output;
              the worst element (or the selected one) again at 50 digits
difference    the engine's contribution at one element against differences of the engine's own forward
direction     the same along a random direction through the whole input
complex step  the same by a step into the imaginary, where the operation is analytic: exact to rounding
sum           a gradient against the sum of its contributions, where the last of them arrives; ∂L/∂L = 1
value, gradient   of a captured step: what was recorded against this engine (`bptui.symbolic.check.captured`)
derivative    d(u, x), which is operations, against the engine's own backward pass of u
paths         the gradient of one element of each parameter against the sum over all its paths, where they are few
finite        where NaN or inf arises, and what it reaches
update        the optimizer's definition against what the engine made of a parameter
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bptui.model.base.types import Index
from bptui.model.engine.composites import made_by
from bptui.model.engine.graph import Node
from bptui.model.engine.opaque import SAID
from bptui.model.engine.program import Program
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.network import Network
from bptui.symbolic.check.captured import check_captured, rows_of
from bptui.symbolic.check.composite import check_whole
from bptui.symbolic.check.derivative import check_derivative
from bptui.symbolic.check.finite import check_finite
from bptui.symbolic.check.flow import check_flow
from bptui.symbolic.check.node import NodeCheck
from bptui.symbolic.check.paths import check_paths
from bptui.symbolic.check.update import check_update
from bptui.symbolic.types import CheckRow, Report

MANY = 2**23
"""Numbers that an operation of a captured step may read and make, up to which its own rule is checked with them, too:
that takes several times their memory."""

__all__ = ["Report", "check_node", "check_step", "check_update", "report_json", "row_json"]


@np.errstate(all="ignore")
def check_step(of: Recording | Program | Network, progress: Callable[[int, int], bool] | None = None) -> Report:
    """Every operation and every update of one training step: of a recording, or the next one of a program or a network.

    `progress(done, of)` returning False ends it early.
    """
    program = of.program() if isinstance(of, Network) else of
    recording = program.record() if isinstance(program, Program) else program
    if isinstance(recording, CapturedRecording):
        return Report(check_captured(recording, progress))
    graph = recording.graph
    todo: list[Node] = [*graph.ops, *graph.kept]
    rows: list[CheckRow] = []
    for n, node in enumerate(todo):
        rows += check_node(recording, node)
        if progress is not None and not progress(n + 1, len(todo)):
            break
    return Report((*rows, *check_paths(recording), *check_finite(recording)))


@np.errstate(all="ignore")
def check_node(
    recording: Recording, node: Node, wrt: int | None = None, element: Index | None = None
) -> tuple[CheckRow, ...]:
    """All rows of one operation, or of the update of a parameter; of one of its inputs only where `wrt` is its
    position. `element`: of that input, to look at more closely. Of the result of a composite, the rows of the whole,
    too. Nothing here raises for the sake of numbers; what cannot be checked is a row that says why."""
    if node.op is None:
        return check_update(recording, node)
    if node.op.opaque and isinstance(recording, CapturedRecording):
        return rows_of(recording, node)
    if node.op.opaque:
        return (CheckRow(node.name, node.op.name, "", "opaque", "n/a", note=SAID),)
    try:
        return tuple(_rows(recording, node, wrt, element))
    except NotRecorded as why:
        return (CheckRow(node.name, node.op.name, "", "forward", "n/a", note=str(why)),)


def _rows(recording: Recording, node: Node, wrt: int | None, element: Index | None) -> Iterable[CheckRow]:
    assert node.op is not None
    if isinstance(recording, CapturedRecording):
        name = None if wrt is None else recording.graph.nodes[node.inputs[wrt]].name
        kept: Iterable[CheckRow] = (row for row in rows_of(recording, node) if name in (None, row.input))
        count = sum(math.prod(recording.graph.nodes[i].shape) for i in (*node.inputs, node.id))
        if count > MANY:
            note = f"{count:,} numbers: only held against what was recorded"
            return (CheckRow(node.name, node.op.name, "", "forward", "n/a", note=note), *kept)
    else:
        kept = check_flow(recording, node, wrt)
    if wrt is None and not isinstance(recording, CapturedRecording):
        kept = (*kept, *check_derivative(recording, node))
    rows = (*NodeCheck(recording, node).rows(wrt, element), *kept)
    composite = made_by(recording.graph, node) if wrt is None else None
    return rows if composite is None else (*rows, *check_whole(recording, composite))


def row_json(row: CheckRow) -> dict[str, Any]:
    """A row of `check --json`: non-finite numbers as the strings nan, inf, -inf."""

    def plain(x: Any) -> Any:
        if isinstance(x, float) and not math.isfinite(x):
            return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
        return list(x) if isinstance(x, tuple) else x

    names = ("node", "op", "input", "row", "verdict", "error", "tolerance", "at", "got", "expected", "note")
    return {name: plain(getattr(row, name)) for name in names}


def report_json(report: Report) -> dict[str, Any]:
    """What `bptui check --json` prints."""
    return {"format": 1, "ok": report.ok, "counts": report.counts, "checks": [row_json(row) for row in report.rows]}
