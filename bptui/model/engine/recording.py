"""What one training step computed: a Recording, the immutable copy of the arena with names on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import Slot
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.timeline import Timeline

Key = Node | int | str
"""A node: itself, its id, or its name."""


class Contribution(NamedTuple):
    """What one consumer adds to a gradient: its node id, the position of the input there, the numbers."""

    consumer: int
    position: int
    array: Array


class Arrival(NamedTuple):
    """A Contribution's place in the arena, and the backward Moment that writes it."""

    consumer: int
    position: int
    place: Slot
    moment: int


@dataclass(frozen=True)
class ArenaLayout:
    """Where everything lies: made once per Program, shared by all its Recordings.

    values         per node: its place; or the array itself where it never changes (constants, a fixed batch);
                   None where the batch gives whole numbers, which every Recording keeps by itself
    gradients      per node: its place, None where there is no gradient
    arrivals       per node: the contributions to its gradient in the order of their arrival
    state          length of the state region: parameters, optimizer state, running state; the next state follows it
    moments        (parameter id, name of an optimizer state) → place
    clipped        per parameter id: the gradient that the update uses, where it is clipped
    norm           the length of the whole gradient, where it is clipped by it
    """

    graph: Graph
    timeline: Timeline
    optimizer: Optimizer
    dtype: np.dtype[Any]
    values: tuple[Slot | Array | None, ...]
    gradients: tuple[Slot | None, ...]
    arrivals: tuple[tuple[Arrival, ...], ...]
    state: int
    moments: Mapping[tuple[int, str], Slot]
    clipped: Mapping[int, Slot]
    norm: Slot | None

    @cached_property
    def written_at(self) -> tuple[int, ...]:
        """Per node: the number of the Moment from which its value is there; 0 for what is given."""
        places = [0] * len(self.graph.nodes)
        for place, node in enumerate(self.timeline.forward):
            places[node.id] = place
        return tuple(places)

    @cached_property
    def seed_at(self) -> int:
        """The number of the Moment of the seed."""
        return self.timeline.count("forward")

    @cached_property
    def updated_at(self) -> Mapping[int, int]:
        """Per parameter: the number of its update Moment."""
        first = self.seed_at + self.timeline.count("backward")
        return MappingProxyType({node.id: first + index for index, node in enumerate(self.timeline.update)})


class Recording:
    """All values, gradients and updates of ONE training step.

    The copy of the arena is `bytes`, so that no array of it can ever be written to, not even by force.
    step   the training step, from 0
    graph, optimizer, timeline   what it is a recording of
    """

    __slots__ = ("_layout", "_memory", "_whole", "step")

    def __init__(self, layout: ArenaLayout, memory: bytes, whole: Mapping[int, bytes], step: int) -> None:
        self._layout, self._memory = layout, memory
        self._whole, self.step = whole, step

    @property
    def layout(self) -> ArenaLayout:
        """Where everything lies."""
        return self._layout

    @property
    def graph(self) -> Graph:
        """The graph that was run."""
        return self._layout.graph

    @property
    def timeline(self) -> Timeline:
        """The Moments of this step."""
        return self._layout.timeline

    @property
    def optimizer(self) -> Optimizer:
        """The rule of the update."""
        return self._layout.optimizer

    @property
    def memory(self) -> bytes:
        """Every recorded float, as it lay in the arena."""
        return self._memory

    @property
    def nbytes(self) -> int:
        """Bytes that this recording keeps."""
        return len(self._memory) + sum(map(len, self._whole.values()))

    @property
    def loss(self) -> float:
        """The loss of this step, before its update."""
        return float(self.value(self.graph.loss).reshape(()))

    def id(self, node: Key) -> int:
        """The id of a node given by itself, its id or its name (KeyError for an unknown name)."""
        if isinstance(node, int):
            return node
        return (self.graph.by_name[node] if isinstance(node, str) else node).id

    def value(self, node: Key) -> Array:
        """What the node was in the forward pass, in its own shape; a parameter before the update."""
        i = self.id(node)
        place = self._layout.values[i]
        if isinstance(place, Slot):
            return self._view(place)
        return np.ndarray(self.graph.nodes[i].shape, np.int64, self._whole[i]) if place is None else place

    def grad(self, node: Key) -> Array | None:
        """∂L/∂node, complete, in the shape of its value; None where no gradient is wanted."""
        place = self._layout.gradients[self.id(node)]
        return None if place is None else self._view(place)

    def contributions(self, node: Key, count: int | None = None) -> tuple[Contribution, ...]:
        """What each consumer adds to the gradient, in the order of arrival, all or the first `count`.

        None to the loss, whose gradient is the seed.
        """
        arrivals = self._layout.arrivals[self.id(node)][:count]
        return tuple(Contribution(a.consumer, a.position, self._view(a.place)) for a in arrivals)

    def before(self, node: Key) -> Array:
        """A parameter (or a running state) before the update: the same as its value."""
        return self.value(node)

    def after(self, node: Key) -> Array:
        """A parameter (or a running state) after this training step."""
        return self._view(self._next(self._layout.values[self.id(node)]))

    def state(self, node: Key, name: str, after: bool = False) -> Array:
        """A parameter's optimizer state (`m`, `v`), before or after the update."""
        place = self._layout.moments[self.id(node), name]
        return self._view(self._next(place) if after else place)

    def update_grad(self, node: Key) -> Array:
        """The gradient that the update of a parameter used: clipped where the optimizer clips."""
        i = self.id(node)
        place = self._layout.clipped.get(i, self._layout.gradients[i])
        assert place is not None, "parameters have gradients"
        return self._view(place)

    @property
    def grad_norm(self) -> float | None:
        """The length of the gradient over all parameters, where the optimizer clips by it."""
        place = self._layout.norm
        return None if place is None else float(self._view(place))

    def _view(self, place: Slot) -> Array:
        dtype = self._layout.dtype
        return np.ndarray(place.shape, dtype, self._memory, place.offset * dtype.itemsize)

    def _next(self, place: Slot | Array | None) -> Slot:
        if not isinstance(place, Slot) or place.offset + place.size > self._layout.state:
            raise KeyError("not a parameter or a state")
        return place.moved(self._layout.state)
