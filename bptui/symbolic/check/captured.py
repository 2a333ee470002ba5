"""The check of a captured step: what another framework recorded, held against this engine event by event.

The rows are those of `bptui.model.source.captured.verdicts`, as every other row of a check: `value`, `gradient` and
`update`. The error and what is allowed are in ulps of the largest number of the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bptui.model.engine.graph import Node
from bptui.model.source.captured.distance import FINE
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.captured.update_verdicts import NEAR, check_update
from bptui.model.source.captured.verdicts import Row, check_event
from bptui.symbolic.types import CheckRow, RowName


def check_captured(
    recording: CapturedRecording, progress: Callable[[int, int], bool] | None = None
) -> tuple[CheckRow, ...]:
    """Every event, and every update, of a captured step. The last event first: what a gradient is made of is run once,
    and still there when the event before asks for it."""
    captured = recording.captured
    events = [event for event in captured.record.step.leading if captured.nodes_of.get(event.id)]
    params = recording.graph.params
    total, found = len(events) + len(params), {}
    for n, event in enumerate(reversed(events)):
        found[event.id] = check_event(recording, event)
        if progress is not None and not progress(n + 1, total):
            break
    rows = [row for event in events for row in found.get(event.id, ())]
    for n, node in enumerate(params if len(found) == len(events) else ()):
        rows += check_update(recording, node.id)
        if progress is not None and not progress(len(events) + n + 1, total):
            break
    return as_rows(recording, rows)


def rows_of(recording: CapturedRecording, node: Node) -> tuple[CheckRow, ...]:
    """The rows of the event that an operation belongs to, of this operation; those of a parameter's updates."""
    if node.op is None:
        return as_rows(recording, check_update(recording, node.id))
    event = recording.captured.event_of.get(node.id)
    rows = () if event is None else check_event(recording, event)
    return as_rows(recording, (row for row in rows if row.node == node.id))


def as_rows(recording: CapturedRecording, rows: Iterable[Row]) -> tuple[CheckRow, ...]:
    """As rows of a check."""
    return tuple(_as_row(recording, row) for row in rows)


def _as_row(recording: CapturedRecording, row: Row) -> CheckRow:
    node = recording.graph.nodes[row.node]
    update = recording.captured.record.step.updates
    op = node.op.name if node.op is not None else update[0].kind.rpartition(".")[2] if update else ""
    name: RowName = row.row
    if row.verdict in ("opaque", "skipped"):
        return CheckRow(node.name, op, row.input, name, row.verdict, note=row.note)
    allowed = float(FINE if node.op is not None else NEAR)
    return CheckRow(
        node.name,
        op,
        row.input,
        name,
        row.verdict,
        row.ulps,
        allowed,
        row.at,
        row.got,
        row.expected,
        row.note or "in ulps",
    )
