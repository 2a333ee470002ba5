"""The finite row of the check: NaN and inf where they arise, and whether they reach anything that counts.

A derivative may be right where its number is not: 1/(2·sqrt(0)) is inf, as the definition says. So the row has a
verdict of its own: NONFINITE where the loss, a gradient that was asked for or an update is not finite in this training
step, n/a where nothing of the kind came of it (-inf of a score that softmax makes 0).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bptui.model.base.printable import few
from bptui.model.base.types import Array
from bptui.model.engine.nonfinite import nonfinite
from bptui.model.engine.recording import Recording
from bptui.symbolic.types import CheckRow, Verdict


def check_finite(recording: Recording) -> Iterator[CheckRow]:
    """A row for each place of a training step where NaN or inf arises."""
    origins = nonfinite(recording)
    if not origins:
        return
    reached = _reached(recording)
    verdict: Verdict = "NONFINITE" if reached else "n/a"
    for place, origin in origins.items():
        node = recording.timeline.node(recording.timeline.at(recording.step, place))
        op = recording.optimizer.kind if node.op is None else node.op.name
        wrt = "" if node.op is None or origin.position is None else node.op.input_names[origin.position]
        then = f"not finite: {reached}" if reached else "the loss and all gradients and updates are finite"
        note = f"{origin.text}; {then}"
        yield CheckRow(node.name, op, wrt, "finite", verdict, at=origin.at, got=origin.number, note=note)


def _reached(recording: Recording) -> str:
    """What counts and is not finite: `the loss, gradients of w and b, the update of w`; "" for nothing."""
    graph = recording.graph
    given = [node for node in graph.nodes if node.op is None and node.wants_grad]
    gradients = [node.name for node in given if _bad(recording.grad(node))]
    updates = [node.name for node in graph.kept if _bad(recording.after(node))]
    found = ["the loss"] if not np.isfinite(recording.loss) else []
    found += [f"the gradient of {few(gradients)}"] if gradients else []
    found += [f"the update of {few(updates)}"] if updates else []
    return ", ".join(found)


def _bad(array: Array | None) -> bool:
    return array is not None and array.dtype.kind == "f" and not np.isfinite(array).all()
