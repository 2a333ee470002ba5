"""The badges of a captured step: what each of its calls, held against this engine, was found to be.

They are computed by the thread that derives and checks, what is on the screen first, and kept as long as the screen is
there. Of a step that is small enough all are computed, a few at a time, whenever nobody presses a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from bptui.model.source.captured.distance import WORST, Verdict
from bptui.screens.scene import Counts
from bptui.symbolic.service import LATER, SOON, Service
from bptui.symbolic.types import Failure

if TYPE_CHECKING:
    from bptui.model.engine.timeline import Phase
    from bptui.model.source.captured.modules import Modules, Row
    from bptui.model.source.captured.record import Step
    from bptui.model.source.captured.recording import CapturedRecording
    from bptui.model.source.captured.verdicts import Row as Compared

AT_ONCE = 64
"""Calls that are asked for while nobody presses a key: a tenth of a second or so."""
ALL = 256 * 2**20
"""Bytes of numbers up to which all of a step is checked unasked."""
PHASE: dict[str, Phase] = {"value": "forward", "gradient": "backward", "update": "update"}
"""In which phase a comparison is told."""

Key = tuple[str, int]
"""("event", its id), or ("update", the node of a parameter)."""


class Badges:
    """Those of one step."""

    def __init__(self, modules: Modules, recording: CapturedRecording, service: Service) -> None:
        self.modules, self.recording, self.service = modules, recording, service
        self._found: dict[tuple[Key, Phase], Verdict] = {}
        self._known: set[Key] = set()
        self._counted: Counter[Verdict] = Counter()
        self._wanted: dict[Key, None] = {}
        self._failing: set[int] = set()
        self._left = iter(self._keys()) if _bytes(modules.step) <= ALL else iter(())

    @property
    def failing(self) -> frozenset[int]:
        """The nodes of which a comparison does not agree."""
        return frozenset(self._failing)

    def _keys(self) -> Iterable[Key]:
        captured = self.modules.captured
        yield from (("event", event.id) for event in captured.record.step.leading if captured.nodes_of.get(event.id))
        yield from (("update", node) for node in dict.fromkeys(node.id for node in captured.timeline.update))

    def of(self, row: Row) -> Verdict | None:
        """The worst of a row that is known; what is not known of it is asked for next. None while nothing is."""
        keys: Iterable[Key] = (("update", node) for node in row.nodes) if row.phase == "update" else (
            ("event", event.id) for event in row.events)  # fmt: skip
        found = set()
        for key in keys:
            if key in self._known:
                found.add(self._found.get((key, row.phase)))
            elif len(self._wanted) < AT_ONCE:
                self._wanted[key] = None
        return min((verdict for verdict in found if verdict is not None), key=WORST.index, default=None)

    @property
    def counts(self) -> Counts | None:
        """Of all comparisons so far; None before the first."""
        known = self._counted
        return Counts(known["ok"], known["FAIL"], known["rounding"], known["opaque"]) if known else None

    def ask(self) -> None:
        """Nobody presses a key: have computed what is on the screen, and a few of the others."""
        wanted, self._wanted = self._wanted, {}
        for key in wanted:
            self._ask(key, SOON)
        count = len(wanted)
        while count < AT_ONCE and (key := next(self._left, None)) is not None:
            if key not in self._known:
                count += 1
                self._ask(key, LATER)

    def _ask(self, key: Key, priority: int) -> None:
        if key not in self._known:
            self.service.request_checks(key, partial(_compared, self.recording, key), priority)

    def heard(self, key: Hashable) -> set[int]:
        """In the worker's thread: rows are there. The nodes of which one does not agree."""
        kind, number = key  # type: ignore[misc]
        rows = self.service.peek_checks(key)
        if rows is None or (kind, number) in self._known:
            return set()
        self._known.add((kind, number))
        if isinstance(rows, Failure):
            return set()
        for row in rows:
            verdict: Verdict = row.verdict  # type: ignore[assignment]
            self._counted[verdict] += 1
            for phase in ("forward", "backward") if verdict == "opaque" and kind == "event" else (PHASE[row.row],):
                place = (kind, number), phase
                self._found[place] = min(self._found.get(place, verdict), verdict, key=WORST.index)
        failing = {row.node for row in rows if row.verdict == "FAIL"}  # type: ignore[attr-defined]
        self._failing |= failing
        return failing


def _compared(recording: CapturedRecording, key: Key) -> tuple[Compared, ...]:
    """In the worker."""
    from bptui.model.source.captured.verdicts import check_event, check_update

    kind, number = key
    if kind == "update":
        return check_update(recording, number)
    return check_event(recording, recording.record.step.events[number])


def _bytes(step: Step) -> int:
    """What the numbers of a step take up, roughly."""
    total = 0
    for value in step.values:
        size = 4
        for axis in value.shape:
            size *= axis
        total += size
    return total
