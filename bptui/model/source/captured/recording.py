"""A captured step as a Recording: recorded numbers from the file when somebody looks at them, what lies inside of an
event from running that event alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import Literal

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import TooLarge
from bptui.model.engine.nonfinite import FINITE, INFINITE, NAN
from bptui.model.engine.optimizers import Optimizer, grouped
from bptui.model.engine.recording import Key, NotRecorded, Recording
from bptui.model.source.captured.alone import Alone, alone
from bptui.model.source.captured.graph import Captured
from bptui.model.source.captured.known import DERIVATIVE
from bptui.model.source.captured.modules import Modules
from bptui.model.source.captured.record import Event, Group, Moved, Stats, Update
from bptui.model.source.captured.updates import known_kind, rule_of

KEPT = 64 * 2**20
"""Bytes of events that were run alone, and are kept for the next look."""

Turn = tuple[Update, Group, Moved]


class CapturedRecording(Recording):
    """What a Recording answers, of a captured step."""

    def __init__(self, captured: Captured) -> None:
        self.step = 0
        self.captured, self.record = captured, captured.record
        self.graph, self.timeline = captured.graph, captured.timeline
        self._runs: OrderedDict[int, Alone] = OrderedDict()
        self._kept = 0
        self._lock = Lock()

    @cached_property
    def modules(self) -> Modules:
        """Its operations by module and line."""
        return Modules(self.captured)

    # -------------------------------------------------------------------------------------------------------- numbers
    def value(self, node: Key) -> Array | None:
        i = self.id(node)
        if self.graph.nodes[i].op is None:
            return self.captured.read(i)
        values = self.captured.values_of.get(i)
        if values:
            return self.record.array(values[0])
        event = self.captured.event_of.get(i)
        if event is None:
            tail = self._tail
            return None if tail is None else tail.value(i)
        run = self.run(event)
        return None if run is None else run.value(i)

    @property
    def loss(self) -> float:
        """The loss; NaN where the program ended before it had one."""
        return super().loss if any(row.losses for row in self.record.step.backwards) else float("nan")

    def dtype(self, node: Key) -> str:
        values = self.captured.values_of.get(self.id(node))
        return self.record.step.values[values[0]].dtype if values else "float64"

    def grad(self, node: Key) -> Array | None:
        i = self.id(node)
        if not self.graph.nodes[i].wants_grad:
            return None
        recorded = self.recorded_grad(i)
        if recorded is not None:
            return recorded
        seeds = [seed for backward in self.record.step.backwards for loss, seed in backward.losses
                 if self.captured.node_of.get(loss) == i]  # fmt: skip
        if seeds or i == self.graph.loss:
            found = [np.ones(self.graph.nodes[i].shape) if s is None else self.record.array(s) for s in seeds or [None]]
            return _sum(found)
        if self._inside(i):
            run = self.run(self.captured.event_of[i])
            return None if run is None else run.grad(i)
        if self.is_overwritten(i):
            return None
        return _sum([part.array for part in self.contributions(i)])

    def is_overwritten(self, i: int) -> bool:
        """Was what it holds changed behind autograd's back? Then what autograd adds up there is not only for those who
        read these numbers."""
        return not self.record.step.overwritten.isdisjoint(self.captured.values_of.get(i, ()))

    def recorded_grad(self, i: int) -> Array | None:
        """The gradient that a hook saw: that of the first value which the node holds; those of others flow into it."""
        value = next(iter(self.captured.values_of.get(i, ())), -1)
        return _sum([self.record.array(b.grads[value]) for b in self.record.step.backwards if value in b.grads])

    def _inside(self, i: int) -> bool:
        """Is it a part of an event, and not one of its results?"""
        return i not in self.captured.values_of and i in self.captured.event_of

    def contribution(self, consumer: int, position: int) -> Array | None:
        event = self.captured.event_of.get(consumer)
        if event is None:
            tail = self._tail
            return None if tail is None else tail.contribution(consumer, position)
        if consumer in self.captured.unknown:
            return self._opaque(event, consumer, position)
        run = self.run(event)
        return None if run is None else run.contribution(consumer, position)

    def _opaque(self, event: Event, consumer: int, position: int) -> Array | None:
        """What an opaque event was seen to add: for all its results together, said at the first with a gradient."""
        ops = self.captured.nodes_of[event.id]
        first = next((i for i in ops if self.timeline.places("backward", i)), ops[0])
        source = self.graph.nodes[consumer].inputs[position]
        found = self.added(event, source)
        return found if consumer == first or found is None else np.zeros(self.graph.nodes[source].shape)

    @cached_property
    def _tail(self) -> Alone | None:
        """What makes one loss of what the backward passes started from: of no event."""
        ops = [node.id for node in self.graph.ops if node.id not in self.captured.event_of]
        return self._alone(ops, {self.graph.loss: np.ones(())}, "float64")

    def run(self, event: Event) -> Alone | None:
        """The event alone; None where it is opaque, and where numbers that it reads were not kept, or are too many."""
        with self._lock:
            if event.id in self._runs:
                self._runs.move_to_end(event.id)
                return self._runs[event.id]
            self._forget()
        found = self.run_in(event, "float64")
        if found is not None:
            with self._lock:
                other = self._runs.pop(event.id, None)  # of another thread, meanwhile
                self._runs[event.id] = found
                self._kept += found.nbytes - (other.nbytes if other is not None else 0)
                self._forget(but=1)
        return found

    def _forget(self, but: int = 0) -> None:
        """Let the oldest runs go until what is kept is no more than allowed, or one that is larger by itself."""
        while len(self._runs) > but and self._kept > KEPT:
            self._kept -= self._runs.popitem(last=False)[1].nbytes

    def run_in(self, event: Event, dtype: str) -> Alone | None:
        """The event alone in another kind of number, and not kept."""
        ops = self.captured.nodes_of[event.id]
        if any(i in self.captured.unknown for i in ops):
            return None
        return self._alone(ops, {i: g for i in ops if (g := self.upstream(event, i)) is not None}, dtype)

    def _alone(self, ops: Sequence[int], upstream: Mapping[int, Array], dtype: str) -> Alone | None:
        """Some operations by themselves; None where numbers that they read were not kept, or they would take more
        memory than there may be (`arena.LIMIT`)."""
        inside = set(ops)
        given: dict[int, Array] = {}
        for i in ops:
            for source in self.graph.nodes[i].inputs:
                if source not in inside and source not in given:
                    array = self.value(source)
                    if array is None:
                        return None
                    given[source] = array
        try:
            return alone(self.graph, ops, given, upstream, dtype)
        except TooLarge:
            return None

    def upstream(self, event: Event, i: int) -> Array | None:
        """The gradient that comes to a result of an event from outside. What the event adds to its own result (an LSTM
        cell's c for its h) is in what a hook saw, and is no part of it."""
        node = self.graph.nodes[i]
        if i not in self.captured.values_of or not node.wants_grad:
            return None
        return self._without_own(event, i, self.hooked_grad(i))

    def arrived(self, i: int) -> Array | None:
        """What the consumers of a node were seen to add to its gradient, all together."""
        event, found = self.captured.event_of.get(i), self.recorded_grad(i)
        return found if event is None else self._without_own(event, i, found)

    def _without_own(self, event: Event, i: int, grad: Array | None) -> Array | None:
        if grad is None or set(self.captured.values_of[i]) & set(event.inputs):
            return grad
        own = self.added(event, i)
        return grad if own is None else np.asarray(np.asarray(grad, np.float64) - own)

    def hooked_grad(self, node: int) -> Array | None:
        """The gradient that goes on from a node: what arrived there, or what the user's own hooks made of it."""
        for value in self.captured.values_of.get(node, ()):
            backwards = [b for b in self.record.step.backwards if value in b.grads]
            if any(value in b.hooked for b in backwards):
                return _sum([self.record.array(b.hooked.get(value, ("", b.grads[value]))[1]) for b in backwards])
        return self.grad(node)

    def added(self, event: Event, source: int) -> Array | None:
        """What an event was seen to add to the gradient of a node; None where that was not recorded by itself: where a
        derivative is derived again, both run through the same nodes of autograd, and what is seen there is of both."""
        backwards, values = self.record.step.backwards, self.captured.values_of.get(source, ())
        if event.name == DERIVATIVE:
            reading = [e for e in self.record.step.leading if e.name == DERIVATIVE and set(values) & set(e.inputs)]
            if len(reading) > 1 or not set(self.captured.nodes_of[event.id]) & self.captured.unknown.keys():
                return None
        parts = (part for value in values for b in backwards for part in b.parts.get((event.id, value), ()))
        return _sum([self.record.array(part) for part in parts])

    # ---------------------------------------------------------------------------------------------------- the update
    @cached_property
    def _turns(self) -> dict[int, list[Turn]]:
        """Node id of a parameter → its updates, in their order."""
        found: dict[int, list[Turn]] = {}
        for update in self.record.step.updates:
            for group in update.groups:
                for row in group.rows:
                    if row.value in self.captured.node_of and row.after is not None:
                        found.setdefault(self.captured.node_of[row.value], []).append((update, group, row))
        return found

    def turn(self, node: Key, turn: int) -> Turn | None:
        """An update of a parameter as it was recorded, with the optimizer's step and the group that it is of."""
        found = self._turns.get(self.id(node), [])
        return found[turn] if turn < len(found) else None

    @cached_property
    def optimizer(self) -> Optimizer:  # type: ignore[override]  # read when it is asked for
        """What its parameters were updated by, in their first updates, each by its own rule. Where one is not known,
        the first one that is takes its place; plain SGD with a rate of 0 where none is."""
        turns = {node.name: self._turns[node.id] for node in self.graph.params if node.id in self._turns}
        rules = {name: rule_of(*updates[0]) for name, updates in turns.items()}
        known = {name: rule for name, rule in rules.items() if isinstance(rule, Optimizer)}
        return grouped(known) if known else Optimizer("sgd", 0.0)

    @property
    def rate(self) -> float:
        """The learning rate of the first parameter, as its optimizer said, be its rule known or not."""
        first = next((turns[0][1].options.get("lr") for turns in self._turns.values()), None)
        return float(first) if isinstance(first, int | float) else float("nan")

    @property
    def no_rule(self) -> bool:
        """Is there no parameter whose rule bptui knows?"""
        return not any(isinstance(rule_of(*turn), Optimizer) for turns in self._turns.values() for turn in turns)

    @property
    def every_rule(self) -> bool:
        """Is the rule of each parameter known, and was none updated twice? Then more steps can be trained like it."""
        found = self._turns.values()
        return bool(found) and all(len(turns) == 1 and isinstance(rule_of(*turns[0]), Optimizer) for turns in found)

    def update_rule(self, node: Key, turn: int = 0) -> Optimizer:
        found = self.turn(node, turn)
        if found is None:
            raise NotRecorded(f"{self.graph.nodes[self.id(node)].name} was not updated")
        rule = rule_of(*found)
        if isinstance(rule, str):
            raise NotRecorded(rule)
        return rule

    def before(self, node: Key, turn: int = 0) -> Array | None:
        found = self.turn(node, turn)
        return self.value(node) if found is None else self.record.array(found[2].value)

    def after(self, node: Key, turn: int = 0) -> Array | None:
        found = self.turn(node, turn)
        return None if found is None or found[2].after is None else self.record.array(found[2].after)

    def state(self, node: Key, name: str, after: bool = False, turn: int = 0) -> Array | None:
        found = self.turn(node, turn)
        if found is None:
            return None
        update, _, row = found
        kind = known_kind(update)
        held = (row.states_after if after else row.states_before).get(
            name if kind is None else kind.states.get(name, name)
        )
        shape = self.graph.nodes[self.id(node)].shape
        if held is None:  # it is made at the first update
            rule = rule_of(*found)
            return np.full(shape, rule.starts.get(name, 0.0) if isinstance(rule, Optimizer) else 0.0)
        match held:
            case {"v": int(value)}:
                return self.record.array(value)
            case int() | float() if kind is not None and name in kind.states:  # one number for all elements
                return np.full(shape, held, np.float64)
            case int() | float():
                return np.asarray(held, np.float64)
        return None

    def update_grad(self, node: Key, turn: int = 0) -> Array | None:
        found = self.turn(node, turn)
        return None if found is None or found[2].grad is None else self.record.array(found[2].grad)

    @property
    def grad_norm(self) -> float | None:
        return None

    # ------------------------------------------------------------------------------------------- known without a look
    @cached_property
    def finite(self) -> bool | None:
        stats = [v.stats for v in self.record.step.values if v.stats is not None]
        return all(not s.nan and not s.inf for s in stats) if stats else None

    @cached_property
    def suspects(self) -> Sequence[int] | None:
        """From the counts that were recorded with each value: no tensor is read. The places of the calls that gave
        something worse than all that went in, and of the first that read a NaN which was given."""
        if not any(v.stats is not None for v in self.record.step.values):
            return None
        places: set[int] = set()
        read: set[int] = set()
        grads = {value: grad for backward in self.record.step.backwards for value, grad in backward.grads.items()}
        for event in self.record.step.leading:
            ops, given = self.captured.nodes_of.get(event.id, ()), self._worst(event.inputs)
            brought = [v for v in event.inputs if v not in read and v not in self.record.step.made_by]
            read.update(event.inputs)
            if self._worst(event.outs) > given or self._worst(v for v in brought if v not in self._gradients) == NAN:
                places.update(at for op in ops for at in self.timeline.places("forward", op))
            upstream = self._worst(grads[value] for value in event.outs if value in grads)
            if self._worst(grads[value] for value in event.inputs if value in grads) > max(given, upstream):
                places.update(at for op in ops for at in self.timeline.places("backward", op))
        for node, turns in self._turns.items():
            for turn, (_, _, row) in enumerate(turns):
                if self._worst([row.after]) > self._worst([row.value, row.grad]):
                    places.add(self.timeline.places("update", node)[turn])
        return sorted(places)

    def _worst(self, values: Iterable[int | None]) -> int:
        """FINITE, INFINITE or NAN: the worst of some values, as far as it was counted."""
        found = (self.record.step.values[value].stats for value in values if value is not None)
        return max((NAN if s.nan else INFINITE if s.inf else FINITE for s in found if s is not None), default=FINITE)

    def not_finite(self, what: Literal["value", "grad", "after"]) -> Sequence[int]:
        """Of the calls' results and of what is given: what lies inside of a call was not recorded."""
        found: list[int] = []
        for node in self.graph.nodes:
            if what == "after":
                turns = self._turns.get(node.id, ())
                bad = self._worst(row.after for _, _, row in turns) > FINITE
            else:
                stats = self.stats(node, what)
                bad = stats is not None and bool(stats.nan or stats.inf)
            if bad:
                found.append(node.id)
        return found

    def masking(self) -> Sequence[int]:
        """The results of the calls."""
        ended = (e for e in self.record.step.leading if self._worst(e.inputs) > FINITE == self._worst(e.outs))
        return [self.captured.nodes_of[event.id][-1] for event in ended if self.captured.nodes_of.get(event.id)]

    @cached_property
    def _gradients(self) -> frozenset[int]:
        """The values that are gradients of others."""
        return frozenset(grad for backward in self.record.step.backwards for grad in backward.grads.values())

    def is_given(self, node: int) -> bool:
        """Not, where it is the gradient of another value: an all-reduce reads those of all ranks."""
        return not self._gradients.intersection(self.captured.values_of.get(node, ()))

    def stats(self, node: Key, what: Literal["value", "grad"] = "value") -> Stats | None:
        """What was counted of a value, or of its gradient, when it was recorded; None where nothing was."""
        for value in self.captured.values_of.get(self.id(node), ()):
            if what == "value":
                return self.record.step.values[value].stats
            for backward in reversed(self.record.step.backwards):
                if value in backward.grads:
                    return self.record.step.values[backward.grads[value]].stats
        return None

    @property
    def nbytes(self) -> int:
        return self.record.nbytes + self._kept


def _sum(arrays: Sequence[Array | None]) -> Array | None:
    """The sum; one alone as it is. None where there is none, or one of them is absent."""
    known = [array for array in arrays if array is not None]
    if len(known) < len(arrays) or not known:
        return None
    return known[0] if len(known) == 1 else np.asarray(sum(np.asarray(a, np.float64) for a in known))
