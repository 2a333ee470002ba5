"""The badges of a captured step: what each of its calls, held against this engine, was found to be.

They are computed by the thread that derives and checks, what is on the screen first, and kept as long as the screen is
there. Of a step that is small enough all are computed, a few at a time, whenever nobody presses a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from bptui.model.source.captured.distance import WORST, Verdict
from bptui.model.source.captured.recording import CapturedRecording
from bptui.screens.counts import Counts
from bptui.symbolic.service import LATER, SOON, Service

if TYPE_CHECKING:
    from bptui.model.engine.timeline import Phase
    from bptui.model.source.captured.modules import Modules, Row
    from bptui.model.source.captured.record import Step
    from bptui.model.source.captured.verdicts import Row as Compared
    from bptui.symbolic.types import CheckRow

AT_ONCE = 64
"""Calls that are asked for while nobody presses a key: a tenth of a second or so."""
ALL = 256 * 2**20
"""Bytes of numbers up to which all of a step is checked unasked."""
PHASE: Mapping[str, Phase] = {"value": "forward", "gradient": "backward", "update": "update"}
"""In which phase a comparison is shown."""
BOTH: tuple[Phase, ...] = ("forward", "backward")

Key = tuple[str, int]
"""("event", its id), or ("update", the node of a parameter)."""


class Badges:
    """Those of one step. `apart`: where what was recorded is not what is computed is noted there."""

    def __init__(self, modules: Modules, service: Service, apart: set[tuple[Phase, int]]) -> None:
        self.modules, self.service, self.apart = modules, service, apart
        self.recording = CapturedRecording(modules.captured)  # its own: what it runs is for the worker alone
        self._rows: dict[Key, tuple[Compared, ...]] = {}
        self._worst: dict[tuple[Key, Phase], Verdict] = {}
        self._counted: Counter[Verdict] = Counter()
        self._wanted: dict[Key, None] = {}
        self._of: dict[str, tuple[int, Verdict | None]] = {}
        self._left = iter(self._keys() if _bytes(modules.step) <= ALL else ())

    def _keys(self) -> Iterable[Key]:
        captured = self.modules.captured
        yield from (("event", event.id) for event in captured.record.step.leading if captured.nodes_of.get(event.id))
        yield from (("update", node) for node in dict.fromkeys(node.id for node in captured.timeline.update))

    def of(self, row: Row) -> Verdict | None:
        """The worst of a row that is known; what is not known of it is asked for next. None while nothing is."""
        known, verdict = self._of.get(row.key, (-1, None))
        if known != len(self._rows):
            known = len(self._rows)
            self._of[row.key] = known, (verdict := self._found(row))
        return verdict

    def _found(self, row: Row) -> Verdict | None:
        updates = row.phase == "update"
        keys: Iterable[Key] = (
            (("update", node) for node in row.nodes) if updates else (("event", event.id) for event in row.events)
        )
        found = set()
        for key in keys:
            if key in self._rows:
                found.add(self._worst.get((key, row.phase)))
            elif len(self._wanted) < AT_ONCE:
                self._wanted[key] = None
        return min((verdict for verdict in found if verdict is not None), key=WORST.index, default=None)

    def rows(self, key: Key) -> tuple[Compared, ...]:
        """The comparisons of an event, or of the updates of a parameter, as far as there are any."""
        return self._rows.get(key, ())

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
        for key in islice((key for key in self._left if key not in self._rows), AT_ONCE - len(wanted)):
            self._ask(key, LATER)

    def _ask(self, key: Key, priority: int) -> None:
        if key not in self._rows:
            self.service.request_checks(key, partial(self._compare, key), priority)

    def _compare(self, key: Key) -> tuple[CheckRow, ...]:
        """In the worker. What is found is kept here, for it is no check of a derivation."""
        from bptui.model.source.captured.update_verdicts import check_update
        from bptui.model.source.captured.verdicts import check_event

        kind, number = key
        if kind == "update":
            rows = check_update(self.recording, number)
        else:
            rows = check_event(self.recording, self.modules.step.events[number])
        for row in rows:
            self._counted[row.verdict] += 1
            both = row.verdict == "opaque" and kind == "event"
            for phase in BOTH if both else (PHASE[row.row],):
                place = key, phase
                self._worst[place] = min(self._worst.get(place, row.verdict), row.verdict, key=WORST.index)
            if row.verdict == "FAIL":
                self.apart.add((PHASE[row.row], row.node))
        self._rows[key] = rows
        return ()


def _bytes(step: Step) -> int:
    """What the numbers of a step take up, roughly."""
    return sum(4 * prod(value.shape) for value in step.values)
