"""The sum row of the check: what no operation does but the engine between them.

The backward pass starts from ∂L/∂L = 1, and a gradient with several consumers is the sum of what they contribute. The
row belongs to the consumer whose contribution is the last to arrive, because its Moment completes the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.probe import wide
from bptui.model.engine.recording import Recording
from bptui.symbolic.check.causes import likely
from bptui.symbolic.check.tolerance import apart, coarsest
from bptui.symbolic.types import CheckRow


def check_flow(recording: Recording, node: Node, wrt: int | None = None) -> Iterator[CheckRow]:
    """The seed, where `node` is the loss, and the gradients that `node` completes; of input `wrt` only where given."""
    assert node.op is not None
    graph = recording.graph
    seed = recording.grad(node)
    if node.id == graph.loss and seed is not None and wrt is None:
        yield _row(node, "", wide(seed), np.ones(node.shape), np.zeros(node.shape), "∂L/∂L = 1, where backward starts")
    done: set[int] = set()
    for position, source in enumerate(node.inputs):
        arrived = [part for part in recording.contributions(source) if part.array is not None or not recording.complete]
        gradient = recording.grad(source)
        if not arrived or gradient is None or source in done or wrt not in (None, position):
            continue
        if arrived[-1].consumer == node.id:
            done.add(source)
            if any(part.array is None for part in arrived):
                note = "not all of its contributions were recorded"
                yield CheckRow(node.name, node.op.name, node.op.input_names[position], "sum", "n/a", note=note)
                continue
            parts = np.stack([wide(part.array) for part in arrived if part.array is not None])
            rounding = coarsest((gradient.dtype.name, recording.dtype(source))).rounding
            with np.errstate(all="ignore"):
                terms = len(parts) * np.abs(parts).sum(0) * rounding
                terms = terms if len(parts) > 1 else np.zeros_like(terms)
                note = f"the sum of its {len(parts)} contributions"
                row = _row(node, node.op.input_names[position], wide(gradient), parts.sum(0), terms, note)
                if len(parts) > 1 or row.verdict == "FAIL":  # a single one is the gradient: told where it is not
                    yield row


def _row(node: Node, wrt: str, got: Array, expected: Array, allowed: Array, note: str) -> CheckRow:
    assert node.op is not None
    if not got.size:
        return CheckRow(node.name, node.op.name, wrt, "sum", "n/a", note="empty")
    error = apart(got, expected)
    with np.errstate(all="ignore"):
        over = error - np.where(np.isfinite(allowed), allowed, 0.0)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(over)), got.shape))
    found = float(error[at]), float(allowed[at]), at, float(got[at]), float(expected[at])
    if over[at] <= 0:
        return CheckRow(node.name, node.op.name, wrt, "sum", "ok", *found, note)
    return CheckRow(node.name, node.op.name, wrt, "sum", "FAIL", *found, likely(got, expected))
