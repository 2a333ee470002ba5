"""The Recording of this engine's own training steps: an immutable copy of the arena with names on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import Slot
from bptui.model.engine.graph import Graph
from bptui.model.engine.lbfgs import Carried, Search
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.recording import Key, Recording
from bptui.model.engine.schedules import NOTHING, Schedule, Seen, When
from bptui.model.engine.timeline import Timeline


@dataclass(frozen=True)
class ArenaLayout:
    """Where everything lies: made once per Program, shared by all its Recordings.

    dtype          of every number but the whole ones
    values         per node: its slot; or the array itself where it never changes (constants, a fixed batch);
                   None where the batch gives whole numbers, which every Recording keeps by itself
    gradients      per node: its slot, None where there is no gradient
    contributions  (consumer id, position of the input there) → slot
    state          length of the state region in elements: parameters, optimizer state, running state; the next state
                   follows it
    moments        (parameter id, name of an optimizer state) → slot
    clipped        per parameter id: the gradient that the update uses, where it is clipped
    norm           the length of the whole gradient, where it is clipped by it
    rules          per parameter id: its rule, with its schedule
    seen           what a schedule had seen of the losses before the step, where it looks at them
    carried        what a rule of all parameters together carries beside the moments; search: what it did in the step
    """

    graph: Graph
    timeline: Timeline
    optimizer: Optimizer
    dtype: np.dtype[Any]
    values: tuple[Slot | Array | None, ...]
    gradients: tuple[Slot | None, ...]
    contributions: Mapping[tuple[int, int], Slot]
    state: int
    moments: Mapping[tuple[int, str], Slot]
    clipped: Mapping[int, Slot]
    norm: Slot | None
    rules: Mapping[int, Optimizer]
    seen: Slot | None
    carried: Slot | None = None
    search: Slot | None = None

    @cached_property
    def together(self) -> Optimizer | None:
        """The rule of all parameters together, where there is one."""
        return next((rule for rule in self.rules.values() if rule.rule.room is not None), None)

    @cached_property
    def trained(self) -> int:
        """How many numbers it moves."""
        nodes = self.graph.nodes
        return sum(prod(nodes[i].shape) for i, rule in self.rules.items() if rule.rule.room is not None)

    @cached_property
    def stretches(self) -> Mapping[str, tuple[tuple[int, int], ...] | None]:
        """Where all that is computed (the values, those after the update, too; the gradients) lies: as few stretches of
        the arena as cover it. None where some of it lies elsewhere."""
        computed = [place for place, node in zip(self.values, self.graph.nodes, strict=True) if node.op is not None]
        values = _stretches(computed, 2 * self.state) if all(isinstance(at, Slot) for at in computed) else None
        return {"value": values, "grad": _stretches(self.gradients, 0)}

    @cached_property
    def written(self) -> tuple[Array, Array, Array]:
        """Of everything that a Moment writes: the place of the Moment, where it begins in the arena, where it ends."""
        nodes, places = self.graph.nodes, self.timeline.places
        slots: list[tuple[int, Slot | Array | None]] = []
        for node in nodes:
            slots += [(place, self.values[node.id]) for place in places("forward", node.id)]
            for place in places("update", node.id):
                slot = self.values[node.id]
                slots.append((place, slot.moved(self.state) if isinstance(slot, Slot) else slot))
        for (consumer, _), slot in self.contributions.items():
            slots += [(place, slot) for place in places("backward", consumer)]
        for node in nodes:  # a sum may go beyond the largest number where no part of it does
            slots += [(arrival.place, self.gradients[node.id]) for arrival in self.timeline.arrivals(node.id)[-1:]]
        found = [(place, slot.offset, slot.offset + slot.size) for place, slot in slots if isinstance(slot, Slot)]
        where, starts, stops = np.array(found, np.int64).reshape(-1, 3).T
        return where, starts, stops


class ArenaRecording(Recording):
    """A training step that this engine ran: nothing of it is absent, each parameter is updated once.

    memory  every recorded float, as it lay in the arena: `bytes`, so that no array of it can ever be written to, not
            even by force; of a program that is not run again the arena itself, read-only
    """

    complete = True

    def __init__(self, layout: ArenaLayout, memory: bytes | memoryview, whole: Mapping[int, bytes], step: int) -> None:
        self._layout, self.memory, self._whole, self.step = layout, memory, whole, step

    graph = property(lambda self: self._layout.graph)  # not kept: a step is recorded in 10 µs
    timeline = property(lambda self: self._layout.timeline)
    optimizer = property(lambda self: self._layout.optimizer)

    @property
    def layout(self) -> ArenaLayout:
        """Where everything lies in `memory`."""
        return self._layout

    @property
    def nbytes(self) -> int:
        return len(self.memory) + sum(map(len, self._whole.values()))

    @cached_property
    def finite(self) -> bool | None:
        return bool(np.isfinite(np.frombuffer(self.memory, self._layout.dtype)).all())

    def extremes(self, what: Literal["value", "grad"]) -> tuple[float, float] | None:
        stretches = self._layout.stretches[what]
        if not stretches:
            return None
        memory = np.frombuffer(self.memory, self._layout.dtype)
        parts = [memory[start:stop] for start, stop in stretches]
        least, most = (np.array([of.reduce(part) for part in parts]) for of in (np.fmin, np.fmax))
        return None if np.isnan(least).all() else (float(np.fmin.reduce(least)), float(np.fmax.reduce(most)))

    @cached_property
    def suspects(self) -> Sequence[int] | None:
        bad = np.flatnonzero(~np.isfinite(np.frombuffer(self.memory, self._layout.dtype)))
        places, starts, stops = self._layout.written
        has = np.searchsorted(bad, starts) < np.searchsorted(bad, stops)
        found: list[int] = np.unique(places[has]).tolist()
        return found

    def value(self, node: Key) -> Array:
        i = self.id(node)
        slot = self._layout.values[i]
        if isinstance(slot, Slot):
            return self._view(slot)
        return np.ndarray(self.graph.nodes[i].shape, np.int64, self._whole[i]) if slot is None else slot

    def grad(self, node: Key) -> Array | None:
        slot = self._layout.gradients[self.id(node)]
        return None if slot is None else self._view(slot)

    def contribution(self, consumer: int, position: int) -> Array | None:
        slot = self._layout.contributions.get((consumer, position))
        return None if slot is None else self._view(slot)

    def before(self, node: Key, turn: int = 0) -> Array:
        return self.value(node)

    def after(self, node: Key, turn: int = 0) -> Array:
        return self._view(self._next(self._layout.values[self.id(node)]))

    def state(self, node: Key, name: str, after: bool = False, turn: int = 0) -> Array:
        slot = self._layout.moments[self.id(node), name]
        return self._view(self._next(slot) if after else slot)

    def update_grad(self, node: Key, turn: int = 0) -> Array:
        i = self.id(node)
        slot = self._layout.clipped.get(i, self._layout.gradients[i])
        assert slot is not None, "parameters have gradients"
        return self._view(slot)

    def update_rule(self, node: Key, turn: int = 0) -> Optimizer:
        rule: Optimizer = self._layout.rules.get(self.id(node), self._layout.optimizer)
        return rule.at(self.step, self.seen)

    def scheduled(self, node: Key) -> tuple[Schedule, When] | None:
        rule = self._layout.rules[self.id(node)]
        return None if rule.schedule is None else (rule.schedule, When(rule.learning_rate, self.step, self.seen))

    @property
    def rate(self) -> float:
        return float(self.optimizer.at(self.step, self.seen).learning_rate)

    @property
    def seen(self) -> Seen:
        """What the schedule had seen of the losses before this step."""
        slot = self._layout.seen
        return NOTHING if slot is None else Seen(*self._view(slot).tolist())

    @property
    def grad_norm(self) -> float | None:
        slot = self._layout.norm
        return None if slot is None else float(self._view(slot))

    @property
    def search(self) -> Search | None:
        slot, rule = self._layout.search, self._layout.together
        return None if slot is None or rule is None else Search(rule, self._view(slot), self._layout.trained)

    def carried(self, after: bool = False) -> Carried | None:
        slot = self._layout.carried
        if slot is None:
            return None
        return Carried(self._view(self._next(slot) if after else slot), self._layout.trained)

    def part(self, node: Key, whole: Array) -> Array:
        slot = self._layout.values[self.id(node)]
        assert isinstance(slot, Slot), "parameters lie in the arena, before all else"
        return slot.within(whole)

    def _view(self, slot: Slot) -> Array:
        dtype = self._layout.dtype
        if not slot.size:  # it may lie behind the last number
            return np.zeros(slot.shape, dtype)
        return np.ndarray(slot.shape, dtype, self.memory, slot.offset * dtype.itemsize)

    def _next(self, slot: Slot | Array | None) -> Slot:
        if not isinstance(slot, Slot) or slot.offset + slot.size > self._layout.state:
            raise KeyError("not a parameter or a state")
        return slot.moved(self._layout.state)


GAP = 64
"""Elements of the arena between two stretches, up to which they are looked at as one."""


def _stretches(places: Sequence[Slot | Array | None], state: int) -> tuple[tuple[int, int], ...]:
    """The first `state` elements, and what covers the places."""
    found: list[list[int]] = []
    slots = [(at.offset, at.offset + at.size) for at in places if isinstance(at, Slot)]
    for start, stop in sorted([(0, state), *slots]):
        if found and start <= found[-1][1] + GAP:
            found[-1][1] = max(found[-1][1], stop)
        else:
            found.append([start, stop])
    return tuple((start, stop) for start, stop in found if stop > start)
