"""Each event of a captured step held against this engine: its values, what it adds to gradients, and the updates.

value     what an event made, against its operations run alone in float64 from the recorded inputs
gradient  what the consumers of a value add to its gradient, against the gradient that arrived there: of this event by
          itself, where its own part was recorded or it is the only consumer, else of all of them together
The row `update` is that of `update_verdicts`.

An error is measured in ulps of the largest number of its tensor (`distance`). Up to FINE it is none. What is more is
rounding where the same operations in float32 lose as much, or where the true value is 0 and what is left is small
beside the event's other gradients (a bias before a batch norm), or where PyTorch computes another number on purpose,
and by how much is known (`Captured.apart`). NaN that the definition gives too is `ok`: the step is wrong, not whoever
ran it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.prose import counted
from bptui.model.base.types import Array
from bptui.model.engine.apart import largest
from bptui.model.source.captured.alone import Alone
from bptui.model.source.captured.custom import OUTSIDE, compared, derived
from bptui.model.source.captured.distance import FINE, ROUNDING, Distance, Verdict, distance
from bptui.model.source.captured.record import FLOATS, Event
from bptui.model.source.captured.recording import CapturedRecording

SINGLE = FLOATS["float32"]
NOT_ARRIVED = "no gradient arrived at its result"


class Row(NamedTuple):
    """One comparison. node: id of the operation (or parameter); input: name of the node whose gradient it is about, or
    of a state, else ""; at, got, expected: the element that is farthest away, as recorded and as computed."""

    node: int
    row: Literal["value", "gradient", "update"]
    input: str
    verdict: Verdict
    ulps: float = 0.0
    at: tuple[int, ...] = ()
    got: float = 0.0
    expected: float = 0.0
    note: str = ""


def check_event(recording: CapturedRecording, event: Event) -> tuple[Row, ...]:
    """All rows of one event; none where it is no operation. Nothing here raises for the sake of numbers."""
    captured = recording.captured
    ops = captured.nodes_of.get(event.id, ())
    if not ops:
        return ()
    if ops[-1] in captured.unknown:
        return tuple(_opaque(recording, event, ops))
    run = recording.run(event)
    if run is None:
        return (Row(ops[-1], "value", "", "skipped", note="numbers that it reads were not kept, or are too many"),)
    return tuple(_Check(recording, event, run).rows())


def _opaque(recording: CapturedRecording, event: Event, ops: Sequence[int]) -> Iterator[Row]:
    """The rows of an event that bptui does not know; of a custom function those of its own forward's derivative."""
    unknown = recording.captured.unknown
    made = derived(recording, event) if event.notes.get("custom") else ""
    if isinstance(made, str):
        yield from (Row(i, "value", "", "opaque", note=made or unknown[i]) for i in ops)
        return
    eps = max(FLOATS[v.dtype] for out in event.outs if (v := recording.record.step.values[out]).dtype in FLOATS)
    for number, (i, out) in enumerate(zip(ops, event.outs, strict=False)):
        own, recorded = made.value(number), recording.record.array(out)
        if own is not None and recorded is not None:
            found = distance(recorded, own, eps)
            yield Row(i, "value", "", "ok" if found.ulps <= FINE else "FAIL", *found)
    for value in event.inputs:
        source = recording.captured.node_of.get(value)
        own, recorded = made.gradient(value), None if source is None else recording.added(event, source)
        if own is None or recorded is None or source is None:
            continue
        found, name = distance(recorded, own, eps), recording.graph.nodes[source].name
        meant, note = compared(recorded, own, made.returned) if found.ulps > FINE else (False, "")
        verdict: Verdict = "ok" if found.ulps <= FINE else "opaque" if meant else "FAIL"
        yield Row(ops[0], "gradient", name, verdict, *found, note)


class _Check:
    """One event that bptui knows."""

    def __init__(self, recording: CapturedRecording, event: Event, run: Alone) -> None:
        self.recording, self.event, self.run = recording, event, run
        self.captured, self.graph = recording.captured, recording.graph
        self.ops = self.captured.nodes_of[event.id]
        self.eps = self._eps(event)
        self._single: Alone | None = None

    def _eps(self, event: Event) -> float:
        """Of the shortest kind of number that an event reads or makes."""
        values = self.recording.record.step.values
        kinds = [values[v].dtype for v in (*event.outs, *event.inputs) if values[v].dtype in FLOATS]
        return max((FLOATS[kind] for kind in kinds), default=SINGLE)

    @property
    def single(self) -> Alone:
        """The same operations in float32: what rounding does to them."""
        if self._single is None:
            found = self.recording.run_in(self.event, "float32")
            assert found is not None
            self._single = found
        return self._single

    def rows(self) -> Iterator[Row]:
        for i in self.ops:
            for value in self.captured.values_of.get(i, ()):
                if value in self.event.outs:
                    yield self._value(i, value)
        for source in dict.fromkeys(s for i in self.ops for s in self.graph.nodes[i].inputs):
            if source not in self.ops and self.graph.nodes[source].wants_grad:
                yield from self._gradient(source)

    def _value(self, i: int, value: int) -> Row:
        recorded = self.recording.record.array(value)
        if recorded is None:
            return Row(i, "value", "", "skipped", note="its numbers were not kept")
        own = self.run.value(i)
        assert own is not None
        found = distance(recorded, own, self.eps)
        verdict: Verdict = "ok"
        if found.ulps > FINE:
            verdict = self._rounding(found, _lost(np.asarray(self.single.value(i)), recorded, own))
        return Row(i, "value", "", verdict, *found)

    def _rounding(self, found: Distance, single: float, wide: float = np.inf) -> Verdict:
        """single: what float32 loses, in ulps; wide: the error in ulps of the event's largest gradient."""
        return "rounding" if found.ulps <= ROUNDING * single + FINE or wide <= FINE else "FAIL"

    def _apart(self, error: float, consumers: list[tuple[int, int]]) -> str:
        """Why PyTorch's gradient is another one by as much, given what its parts are, of which the sum may be small; ""
        where it is not to be."""
        parts = [self._added(c, p, False) for c, p in consumers]
        size = sum(largest(part) for part in parts if part is not None)
        known = (self.captured.apart[c] for c, _ in consumers if c in self.captured.apart)
        return next((each.why for each in known if error <= each.relative * size), "")

    # ------------------------------------------------------------------------------------------------------ gradients
    def _gradient(self, source: int) -> Iterator[Row]:
        """The row for what this event adds to the gradient of one of the nodes that it reads."""
        consumers = [(c, p) for c, p in self.graph.consumers[source] if self.recording.timeline.places("backward", c)]
        mine = [(c, p) for c, p in consumers if c in self.ops]
        if not mine:
            return
        name, node = self.graph.nodes[source].name, mine[0][0]
        if not any(self.recording.upstream(self.event, i) is not None for i in self.ops):
            outside = any(self.recording.is_overwritten(i) for i in self.ops)
            yield Row(node, "gradient", name, "skipped", note=OUTSIDE if outside else NOT_ARRIVED)
            return
        recorded = self.recording.added(self.event, source)
        whole = recorded is None and len(mine) < len(consumers)
        if recorded is None:
            recorded = self.recording.arrived(source)
        if recorded is None:
            yield Row(node, "gradient", name, "skipped", note="its gradient was not recorded")
            return
        told = consumers if whole else mine
        own = self._total(told)
        if own is None:
            yield Row(node, "gradient", name, "skipped", note="what others add to it was not recorded")
            return
        others = (self.captured.event_of[c] for c, _ in told if c in self.captured.event_of)
        eps = max(self.eps, *map(self._eps, others))  # a sum is as exact as its least exact part,
        eps = max(eps, FLOATS.get(self.recording.dtype(source), 0.0))  # and has the kind of its value
        found = distance(recorded, own, eps)
        verdict: Verdict = "ok"
        if found.ulps > FINE:
            single = self._total(told, single=True)
            loss = 0.0 if single is None else _lost(single, recorded, own)
            verdict = self._rounding(found, loss, self._wide(found, recorded, own))
        note = f"with {counted(len(consumers) - len(mine), 'other consumer')}" if whole else ""
        error = found.ulps * eps * max(largest(recorded), largest(own))
        if verdict == "FAIL" and (why := self._apart(error, told)):
            verdict, note = "rounding", why
        yield Row(node, "gradient", name, verdict, *found, note)

    def _total(self, consumers: list[tuple[int, int]], single: bool = False) -> Array | None:
        """What some consumers add together. single: as they would in float32."""
        total: Array | None = None
        for consumer, position in consumers:
            part = self._added(consumer, position, single)
            if part is None:
                return None
            with np.errstate(all="ignore"):  # inf and -inf may be among them
                total = np.asarray(part, np.float64) if total is None else total + part
        return total

    def _added(self, consumer: int, position: int, single: bool) -> Array | None:
        if consumer in self.ops:
            return (self.single if single else self.run).contribution(consumer, position)
        event = self.captured.event_of.get(consumer)
        if not single or event is None or consumer in self.captured.unknown:
            return self.recording.contribution(consumer, position)
        run = self.recording.run_in(event, "float32")
        return None if run is None else run.contribution(consumer, position)

    def _wide(self, found: Distance, recorded: Array, own: Array) -> float:
        """The error in ulps of the largest gradient that the event passes on or was given: where this one is 0 but for
        rounding."""
        every = [largest(g) for i in self.ops if (g := self.recording.upstream(self.event, i)) is not None]
        every += [largest(g) for i in self.ops for p, s in enumerate(self.graph.nodes[i].inputs)
                  if s not in self.ops and (g := self.run.contribution(i, p)) is not None]  # fmt: skip
        size = max(every, default=0.0)
        return found.ulps * max(largest(recorded), largest(own)) / size if size else np.inf


def _lost(single: Array, recorded: Array, own: Array) -> float:
    """What float32 loses, in ulps of the largest number there; where that is larger than what was recorded, of this. So
    it is where the true value is 0: what rounding leaves in float32 is as large beside its eps as in float64."""
    lost, size, there = distance(single, own, SINGLE).ulps, largest(recorded), largest(single)
    return lost * max(1.0, there / size) if size else lost
