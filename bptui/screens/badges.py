"""The badges of a captured step: what each of its calls, held against this engine, was found to be.

They are computed by the thread that derives and checks, what is on the screen first, and kept as long as the screen is
there. Of a step that is small enough all are computed, a few at a time, whenever nobody presses a key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

from bptui.model.source.captured.distance import WORST, Verdict
from bptui.model.source.captured.recording import CapturedRecording
from bptui.screens.panels.status import Counts
from bptui.symbolic.service import LATER, SOON, Service

if TYPE_CHECKING:
    from bptui.model.engine.timeline import Phase
    from bptui.model.source.captured.modules import Modules, Row
    from bptui.model.source.captured.record import Step
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


class _Told:
    """What is known of a row, so that a frame looks at nothing but what is new: how many of all comparisons, in the
    order of their arrival, it has heard of; the worst of its own; and how many of its first ones are known."""

    def __init__(self, keys: tuple[Key, ...], heard: int) -> None:
        self.keys, self.inside = keys, frozenset(keys)
        self.heard, self.known = heard, 0
        self.worst: Verdict | None = None


def _keys_of(row: Row) -> tuple[Key, ...]:
    if row.phase == "update":
        return tuple(("update", node) for node in row.nodes)
    return tuple(("event", event.id) for event in row.events)


class Badges:
    """Those of one step. `apart`: where what was recorded is not what is computed is noted there."""

    def __init__(self, modules: Modules, service: Service, apart: set[tuple[Phase, int]]) -> None:
        self.modules, self.service, self.apart = modules, service, apart
        self.recording = CapturedRecording(modules.captured)  # its own: what it runs is for the worker alone
        self._known: set[Key] = set()
        self._worst: dict[tuple[Key, Phase], Verdict] = {}
        self._counted: Counter[Verdict] = Counter()
        self._wanted: dict[Key, None] = {}
        self._arrived: list[Key] = []
        self._of: dict[str, _Told] = {}
        self._left = self._keys()

    def _keys(self) -> Iterator[Key]:
        """All of them, where that is not too much."""
        captured = self.modules.captured
        if _bytes(self.modules.step) > ALL:
            return
        yield from (("event", event.id) for event in captured.record.step.leading if captured.nodes_of.get(event.id))
        yield from (("update", node) for node in dict.fromkeys(node.id for node in captured.timeline.update))

    def of(self, row: Row) -> Verdict | None:
        """The worst of a row that is known; what is not known of it is asked for next. None while nothing is."""
        told = self._of.get(row.key)
        if told is None:
            told = self._of[row.key] = _Told(_keys_of(row), len(self._arrived))
            self._hear(told, (key for key in told.keys if key in self._known), row.phase)
        news = self._arrived[told.heard :]
        told.heard += len(news)
        self._hear(told, (key for key in news if key in told.inside), row.phase)
        while told.known < len(told.keys) and told.keys[told.known] in self._known:
            told.known += 1
        for key in told.keys[told.known : told.known + AT_ONCE - len(self._wanted)]:
            if key not in self._known:
                self._wanted[key] = None
        return told.worst

    def _hear(self, told: _Told, keys: Iterable[Key], phase: Phase) -> None:
        found = {self._worst.get((key, phase)) for key in keys} | {told.worst}
        told.worst = min((verdict for verdict in found if verdict is not None), key=WORST.index, default=None)

    @property
    def counts(self) -> Counts | None:
        """Of all comparisons so far; None before the first."""
        known = self._counted
        return Counts(known["ok"], known["FAIL"], known["rounding"], known["opaque"]) if known else None

    def ask(self) -> None:
        """Have the calls on the screen compared, then a few of the others: called while no key is pressed."""
        wanted, self._wanted = [key for key in self._wanted if key not in self._known], {}
        for key in wanted:
            self._ask(key, SOON)
        for key in islice((key for key in self._left if key not in self._known), AT_ONCE - len(wanted)):
            self._ask(key, LATER)

    def _ask(self, key: Key, priority: int) -> None:
        if key not in self._known:
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
        self._known.add(key)
        self._arrived.append(key)
        return ()


def _bytes(step: Step) -> int:
    """What the numbers of a step take up, roughly."""
    return sum(4 * prod(value.shape) for value in step.values)
