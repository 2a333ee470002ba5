"""A Program: a Graph planned for execution. Running it is calling its calls, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.arena import Clock, Slot
from bptui.model.engine.arena_recording import ArenaLayout, ArenaRecording
from bptui.model.engine.batches import Batches
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.lbfgs import Carried
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.plan import Plan
from bptui.model.engine.recording import Contribution, Recording

__all__ = ["Batches", "Contribution", "Program", "Recording"]

_NOTHING: Mapping[int, bytes] = MappingProxyType({})


class Program:
    """Trains `graph` with `optimizer`, step by step, in one arena.

    dtype    "float64" or "float32" · seed  of shuffling and masks · batches  samples for input and target leaves
    Not for two threads at once. NaN and inf are numbers like any other here: no warning, no error.
    """

    def __init__(
        self,
        graph: Graph,
        optimizer: Optimizer | None = None,
        *,
        dtype: str = "float64",
        seed: int = 0,
        batches: Batches | None = None,
    ) -> None:
        if dtype not in ("float64", "float32"):
            raise UserError("dtype", f"unknown '{dtype}'", "float64 or float32")
        self.graph, self.optimizer = graph, optimizer or Optimizer()
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.seed, self.batches = seed, batches
        self._clock = Clock()
        # NumPy's error state is a context variable: set once in a context of our own, it costs nothing per step
        self._quiet = copy_context()
        self._quiet.run(np.seterr, all="ignore")
        plan = Plan(graph, self.optimizer, self.dtype, seed, batches, self._clock)
        self.layout: ArenaLayout = plan.layout
        self.calls, self.parts = plan.calls, plan.parts
        self._memory, self._whole = plan.memory, plan.whole
        length = self.layout.state
        self._now, self._next = self._memory[:length], self._memory[length : 2 * length]
        self._next[:] = self._now
        loss = self.layout.values[graph.loss]
        self._loss: Array = (loss.within(self._memory) if isinstance(loss, Slot) else np.asarray(loss)).reshape(-1)

    @property
    def step(self) -> int:
        """The training step that `run` or `record` will execute next, from 0."""
        return self._clock.step

    @property
    def loss(self) -> float:
        """The loss of the step that was run last (before its update)."""
        return float(self._loss[0])

    @property
    def nbytes(self) -> int:
        """Bytes of one recording."""
        return self._memory.nbytes + sum(buffer.nbytes for buffer in self._whole.values())

    @property
    def state_nbytes(self) -> int:
        """Bytes of a saved state."""
        return self._next.nbytes

    def run(self, count: int = 1, losses: Array | None = None, ask: Callable[[], None] | None = None) -> None:
        """Execute `count` training steps, the last of which stays in the arena; `losses` receives one number each.

        `ask` is called between any two calls of a step. What it raises ends the step there; the program stands where
        that step begins, then.
        """
        if ask is None:
            self._quiet.run(self._loop, count, losses)
        else:
            self._clock.ask = ask
            try:
                self._quiet.run(self._patient, count, losses, ask)
            finally:
                self._clock.ask = None

    def _loop(self, count: int, losses: Array | None) -> None:
        calls, clock, loss = self.calls, self._clock, self._loss
        for i in range(count):
            for call in calls:
                call()
            clock.step += 1
            if losses is not None:
                losses[i] = loss[0]

    def _patient(self, count: int, losses: Array | None, ask: Callable[[], None]) -> None:
        for i in range(count):
            for n, call in enumerate(self.calls):
                try:
                    ask()
                    call()  # one that takes long asks, too
                except BaseException:
                    if n:  # the first call keeps the state that the step begins with, the last ones write the next
                        self._next[:] = self._now
                    raise
            self._clock.step += 1
            if losses is not None:
                losses[i] = self._loss[0]

    def _once(self) -> None:
        for call in self.calls:
            call()
        self._clock.step += 1

    def record(self) -> ArenaRecording:
        """Execute one training step and keep all of it: the same bits as `run`, and one copy."""
        self._quiet.run(self._once)
        return self.recording()

    def last(self) -> ArenaRecording:
        """The same, where the program is not run again: the recording is its memory itself, and nothing is copied."""
        self._quiet.run(self._once)
        memory = self._memory.data.cast("B").toreadonly()
        return ArenaRecording(self.layout, memory, {}, self._clock.step - 1)

    def evaluate(self, state: Array, step: int) -> float:
        """The loss that training step `step` would have, on its batch and with its masks, from `state`: a forward pass,
        nothing is updated. `load` before the next `run` or `record`."""
        self.load(state, step)
        self._quiet.run(self._ahead)
        return self.loss

    def value(self, node: Node) -> Array:
        """What a node is in the arena now, as a copy: after `evaluate`, of that forward pass."""
        place = self.layout.values[node.id]
        return (place.within(self._memory) if isinstance(place, Slot) else np.asarray(place)).copy()

    def within(self, state: Array, node: Node) -> Array:
        """A parameter or running state in a state that `save` returned: a view."""
        place = self.layout.values[node.id]
        assert isinstance(place, Slot), "parameters and running states lie in the arena"
        return place.within(state)

    def _ahead(self) -> None:
        for call in self.calls[: self.parts["begin"] + self.parts["forward"]]:
            call()

    def recording(self) -> ArenaRecording:
        """The step that was run last, as it lies in the arena; meaningless after `load` until the next `run`."""
        whole = {i: buffer.tobytes() for i, buffer in self._whole.items()} if self._whole else _NOTHING
        return ArenaRecording(self.layout, self._memory.tobytes(), whole, self._clock.step - 1)

    def save(self) -> Array:
        """The state from which step `self.step` starts (parameters, optimizer state, running state), as a copy."""
        return self._next.copy()

    def save_into(self, row: Array) -> None:
        """The same into an array of the caller."""
        row[:] = self._next

    def adopted(self, other: Program, changed: Mapping[str, Array]) -> Array:
        """The state from which `other` would start its next step, as one of this program, for `load`.

        A parameter or running state is what it is there under its name, or in `changed` (in its shape); what `other`
        does not have in that shape is as at first. What an optimizer carries is kept within a kind of optimizer:
        another kind begins anew.
        """
        mine, theirs = self.save(), other.save()
        kept, rules = {node.name: node for node in other.graph.kept}, (self.layout.rules, other.layout.rules)
        same = self.optimizer.schedule == other.optimizer.schedule
        together = self._together(other)
        places: list[tuple[Slot | Array | None, Slot | Array | None]] = (
            [(self.layout.seen, other.layout.seen)] if same else []
        )
        for node in self.graph.kept:
            source = kept.get(node.name)
            if source is None or source.shape != node.shape:
                continue
            places.append((self.layout.values[node.id], other.layout.values[source.id]))
            rule, before = (found.get(at.id) for found, at in zip(rules, (node, source), strict=True))
            if rule is None or before is None or rule.kind != before.kind or not (rule.rule.room is None or together):
                continue
            for name in rule.states:
                moments = self.layout.moments.get((node.id, name)), other.layout.moments.get((source.id, name))
                places.append(moments)
        if together and self.layout.carried is not None and other.layout.carried is not None:
            size = self.layout.trained
            old = Carried(other.layout.carried.within(theirs), size)
            Carried(self.layout.carried.within(mine), size).adopt(old)
        for place, found in places:
            if isinstance(place, Slot) and isinstance(found, Slot):
                place.within(mine)[...] = found.within(theirs)
        for name, array in changed.items():
            self.within(mine, self.graph.by_name[name])[...] = array
        return mine

    def _together(self, other: Program) -> bool:
        """Do both train the same parameters at once? What such a rule knows is of all of them."""
        rules = self.layout.rules, other.layout.rules
        mine, theirs = (
            [(node.name, node.shape) for node in program.graph.params if found[node.id].rule.room is not None]
            for program, found in zip((self, other), rules, strict=True)
        )
        return mine == theirs

    def load(self, state: Array, step: int) -> None:
        """Go to the start of a training step, given the state that `save` returned there."""
        self._next[:] = state
        self._clock.step = step
