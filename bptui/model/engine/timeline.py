"""Moments: the stops of one training step, in the order in which whoever ran the step says that they happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple

from bptui.model.engine.graph import Graph, Node

Phase = Literal["forward", "backward", "update"]
PHASES: tuple[Phase, ...] = ("forward", "backward", "update")


class Moment(NamedTuple):
    """One stop: training step (0-based), phase, index in the phase (0-based; shown 1-based)."""

    step: int
    phase: Phase
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


class Event(NamedTuple):
    """What happens at one stop, to the node with this id.

    forward   its value is computed
    backward  its contributions to the gradients of its inputs are computed; where `seed`, ∂L/∂L is set to 1
    update    this parameter gets its new value
    """

    phase: Phase
    node: int
    seed: bool = False


class Arrival(NamedTuple):
    """When a contribution reaches a gradient: whose it is, of which of its inputs, at which place of the step."""

    consumer: int
    position: int
    place: int


@dataclass(frozen=True)
class Timeline:
    """The Moments of a training step of `graph`: one for each event, in the order of the events.

    Any order is possible in which a phase of an operation comes after what it needs. An operation may have no backward
    event (nothing flows back through it), a parameter no update event, or several. At a Moment, what it computes has
    just been written. A `place` is the number of a Moment in its training step, from 0.
    """

    graph: Graph
    events: tuple[Event, ...]

    @classmethod
    def of(cls, graph: Graph) -> Timeline:
        """The order of this engine: the operations as the graph has them, the seed, the operations in reverse order,
        the parameters in order of their creation."""
        return cls(
            graph,
            (
                *(Event("forward", node.id) for node in graph.ops),
                Event("backward", graph.loss, True),
                *(Event("backward", node.id) for node in reversed(graph.ops) if node.wants_grad),
                *(Event("update", node.id) for node in graph.params),
            ),
        )

    @cached_property
    def _places(self) -> Mapping[Phase, tuple[int, ...]]:
        """Per phase: the place of each of its Moments."""
        found: dict[Phase, list[int]] = {phase: [] for phase in PHASES}
        for place, event in enumerate(self.events):
            found[event.phase].append(place)
        return {phase: tuple(places) for phase, places in found.items()}

    @cached_property
    def _indices(self) -> tuple[int, ...]:
        """Per place: the index of its Moment in its phase."""
        found = [0] * len(self.events)
        for places in self._places.values():
            for index, place in enumerate(places):
                found[place] = index
        return tuple(found)

    @cached_property
    def _nodes(self) -> Mapping[Phase, tuple[Node, ...]]:
        nodes, events = self.graph.nodes, self.events
        return {phase: tuple(nodes[events[at].node] for at in places) for phase, places in self._places.items()}

    @cached_property
    def _happens(self) -> tuple[Mapping[Phase, dict[int, int]], Mapping[tuple[Phase, int], tuple[int, ...]]]:
        """Per phase: node id → the place of its Moment; and the places of those that have several. The seed is of none.
        Numbers only: 20,000 small tuples would wake the garbage collector before the first frame."""
        first: dict[Phase, dict[int, int]] = {phase: {} for phase in PHASES}
        several: dict[tuple[Phase, int], tuple[int, ...]] = {}
        for place, (phase, node, seed) in enumerate(self.events):
            if seed:
                continue
            known = first[phase]
            if node in known:
                several[phase, node] = (*several.get((phase, node), (known[node],)), place)
            else:
                known[node] = place
        return first, several

    @property
    def forward(self) -> tuple[Node, ...]:
        """The node of each forward Moment."""
        return self._nodes["forward"]

    @property
    def backward(self) -> tuple[Node, ...]:
        """The node of each backward Moment; at the seed, the loss."""
        return self._nodes["backward"]

    @property
    def update(self) -> tuple[Node, ...]:
        """The parameter of each update Moment."""
        return self._nodes["update"]

    @cached_property
    def computed_at(self) -> Mapping[int, int]:
        """Node id → the index of its forward Moment."""
        return MappingProxyType({node.id: index for index, node in enumerate(self.forward)})

    def places(self, phase: Phase, node: int) -> tuple[int, ...]:
        """Where a node has its Moments in a phase: usually one place, () for none; the seed is no node's."""
        first, several = self._happens
        if node not in first[phase]:
            return ()
        return several.get((phase, node)) or (first[phase][node],)

    def all_places(self, node: int) -> tuple[int, ...]:
        """Where a node has Moments at all, ascending; the seed is one of the loss's."""
        found = [place for phase in PHASES for place in self.places(phase, node)]
        return tuple(sorted((*found, *self._seeds) if node == self.graph.loss else found))

    @cached_property
    def _seeds(self) -> tuple[int, ...]:
        return tuple(place for place, event in enumerate(self.events) if event.seed)

    def written_at(self, node: int) -> int:
        """The place from which a node's value is there: 0 for what is given."""
        return self._happens[0]["forward"].get(node, 0)

    @cached_property
    def seed_at(self) -> int:
        """The place of the first seed; past the end where nothing is sent back."""
        return self._seeds[0] if self._seeds else self.length

    def arrivals(self, node: int) -> tuple[Arrival, ...]:
        """The contributions to a node's gradient, in the order of their arrival. What passes back through a consumer
        more than once is complete at the last time."""
        found = self._arrived.get(node)
        if found is None:
            consumers = self.graph.consumers[node]
            made = [
                Arrival(consumer, position, places[-1])
                for consumer, position in consumers
                if (places := self.places("backward", consumer))
            ]
            found = self._arrived[node] = tuple(sorted(made, key=lambda arrival: arrival.place))
        return found

    @cached_property
    def _arrived(self) -> dict[int, tuple[Arrival, ...]]:
        return {}

    def count(self, phase: Phase) -> int:
        """How many Moments a phase has (k/n in the status line)."""
        return len(self._places[phase])

    def nodes(self, phase: Phase) -> tuple[Node, ...]:
        """The nodes of a phase, Moment by Moment."""
        return self._nodes[phase]

    @property
    def length(self) -> int:
        """Moments in a training step."""
        return len(self.events)

    def index(self, moment: Moment) -> int:
        """Its place in the training step (shown as `moment 8 of 13` from 1)."""
        return self._places[moment.phase][moment.index]

    def at(self, step: int, place: int) -> Moment:
        """The Moment at that place of that training step (IndexError beyond its end)."""
        if not 0 <= place < len(self.events):
            raise IndexError(place)
        return Moment(step, self.events[place].phase, self._indices[place])

    def node(self, moment: Moment) -> Node:
        """The node that this Moment computes (at an update, the parameter)."""
        return self._nodes[moment.phase][moment.index]

    def is_seed(self, moment: Moment) -> bool:
        """Is it a seed of the backward pass, ∂L/∂L = 1?"""
        return moment.phase == "backward" and self.events[self.index(moment)].seed
