"""The update row of the check: an optimizer's definition against what the engine made of a parameter.

An error counts against the change that the update makes: next to it, the rounding of the parameter itself is allowed.
"""

from __future__ import annotations

import numpy as np

from bptui.model.graph import Node
from bptui.model.values import Recording
from bptui.symbolic.causes import likely
from bptui.symbolic.probe import wide
from bptui.symbolic.types import CheckRow, Verdict
from bptui.symbolic.update import follow, inputs, results, statements


def check_update(recording: Recording, node: Node) -> tuple[CheckRow, ...]:
    """The optimizer's definition against the new value of a parameter and of each of its states."""
    optimizer = recording.optimizer
    before, after = inputs(recording, node), results(recording, node)
    expected = follow(statements(optimizer), {k: wide(np.asarray(v)) for k, v in before.items()})
    single = np.asarray(before["p"]).dtype == np.float32
    rows = []
    for name, got in after.items():
        old = wide(np.asarray(before[name.removesuffix("_new")]))
        want, have = np.asarray(expected[name], float), wide(got)
        if not have.size:
            continue
        with np.errstate(all="ignore"):
            change = np.abs(want - old)
            rounding = float(np.finfo(np.asarray(got).dtype).eps)
            allowed = (
                (1e-3 if single else 1e-9) * change + 8 * rounding * np.maximum(np.abs(want), np.abs(old)) + 1e-300
            )
            error = np.where((have == want) | (np.isnan(have) & np.isnan(want)), 0.0, np.abs(have - want))
            badness = np.where(np.isnan(error), np.inf, error) / allowed
        worst = np.unravel_index(int(np.argmax(badness)), have.shape)
        verdict: Verdict = "ok" if badness[worst] <= 1 else "FAIL"
        cause = likely(have - old, want - old) if verdict == "FAIL" else ""
        at = tuple(int(i) for i in worst)
        found = float(error[worst]), float(allowed[worst]), at, float(have[worst]), float(want[worst]), cause
        rows.append(CheckRow(node.name, optimizer.kind, name, "update", verdict, *found))
    return tuple(rows)
