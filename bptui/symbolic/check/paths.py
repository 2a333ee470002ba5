"""The gradient of a parameter against the sum over all its paths to the loss: what backward accumulates layer by layer,
added up element by element.

The local derivatives are the same rules' on both sides; what is checked is everything between them: that every
contribution arrives, once, at the element that it belongs to, and that broadcasts are undone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bptui.model.base.errors import UserError
from bptui.model.debugger.answers.paths import between, paths
from bptui.model.debugger.default_element import default_element
from bptui.model.engine.recording import NotRecorded, Recording
from bptui.symbolic.check.node import FAULTS
from bptui.symbolic.types import CheckRow, Verdict

MOST = 1_000
"""Numbers between a parameter and the loss up to which its paths are added up."""


def check_paths(recording: Recording) -> Iterator[CheckRow]:
    """A row for each parameter that has few enough numbers before it, of one element."""
    graph = recording.graph
    for node in graph.params:
        after = between(graph, node.id)
        if not after or 0 in node.shape or sum(math.prod(each.shape) for each in after) > MOST:
            continue
        at = default_element(recording, node)
        try:
            made = paths(recording, node, at)
        except (NotRecorded, UserError, *FAULTS):  # a rule that raises has a row of its own
            continue
        if made.gradient is None or made.equal is None:
            continue
        error = 0.0 if made.equal and not math.isfinite(made.sum) else abs(made.sum - made.gradient)
        note = f"the sum over {made.count:,} {'path' if made.count == 1 else 'paths'} to the loss"
        verdict: Verdict = "ok" if made.equal else "FAIL"
        yield CheckRow(node.name, "", "", "paths", verdict, error, made.allowed, at, made.gradient, made.sum, note)
