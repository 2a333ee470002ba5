"""Moments: the stops of one training step, in the order in which whoever ran the step says that they happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
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


class Index(NamedTuple):
    """The events of a training step, looked up.

    places   per phase: the place of each of its Moments;  indices  per place: the index of its Moment in its phase
    first    per phase: node id → the place of its Moment, the first of several;  several  the places of those
    seeds    the places of the seeds, which are no node's
    """

    places: dict[Phase, list[int]]
    indices: list[int]
    first: dict[Phase, dict[int, int]]
    several: dict[tuple[Phase, int], tuple[int, ...]]
    seeds: list[int]


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
    def _index(self) -> Index:
        """Numbers only: 20,000 small tuples would wake the garbage collector before the first frame."""
        found = Index({phase: [] for phase in PHASES}, [], {phase: {} for phase in PHASES}, {}, [])
        for place, (phase, node, seed) in enumerate(self.events):
            places, known = found.places[phase], found.first[phase]
            found.indices.append(len(places))
            places.append(place)
            if seed:
                found.seeds.append(place)
            elif node in known:
                found.several[phase, node] = (*found.several.get((phase, node), (known[node],)), place)
            else:
                known[node] = place
        return found

    @cached_property
    def _nodes(self) -> Mapping[Phase, tuple[Node, ...]]:
        nodes, events = self.graph.nodes, self.events
        return {phase: tuple(nodes[events[at].node] for at in places) for phase, places in self._index.places.items()}

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

    def computed_at(self, node: int) -> int | None:
        """The index of a node's (last) forward Moment; None where it is given."""
        places = self.places("forward", node)
        return self._index.indices[places[-1]] if places else None

    def places(self, phase: Phase, node: int) -> tuple[int, ...]:
        """Where a node has its Moments in a phase: usually one place, () for none; the seed is no node's."""
        found = self._index.first[phase].get(node)
        if found is None:
            return ()
        return self._index.several.get((phase, node)) or (found,)

    def all_places(self, node: int) -> tuple[int, ...]:
        """Where a node has Moments at all, ascending; the seed is one of the loss's."""
        found = [place for phase in PHASES for place in self.places(phase, node)]
        return tuple(sorted((*found, *self._index.seeds) if node == self.graph.loss else found))

    def written_at(self, node: int) -> int:
        """The place from which a node's value is there: 0 for what is given."""
        return self._index.first["forward"].get(node, 0)

    @cached_property
    def seed_at(self) -> int:
        """The place of the first seed; past the end where nothing is sent back."""
        return self._index.seeds[0] if self._index.seeds else self.length

    def arrivals(self, node: int) -> tuple[Arrival, ...]:
        """The contributions to a node's gradient, in the order of their arrival. What passes back through a consumer
        more than once is complete at the last time."""
        found = self._arrived.get(node)
        if found is None:
            first, several = self._index.first["backward"], self._index.several
            made = [
                Arrival(consumer, position, several.get(("backward", consumer), (first[consumer],))[-1])
                for consumer, position in self.graph.consumers[node]
                if consumer in first
            ]
            found = self._arrived[node] = tuple(sorted(made, key=attrgetter("place")))
        return found

    @cached_property
    def _arrived(self) -> dict[int, tuple[Arrival, ...]]:
        return {}

    def count(self, phase: Phase) -> int:
        """How many Moments a phase has (k/n in the status line)."""
        return len(self._index.places[phase])

    def nodes(self, phase: Phase) -> tuple[Node, ...]:
        """The nodes of a phase, Moment by Moment."""
        return self._nodes[phase]

    @property
    def length(self) -> int:
        """Moments in a training step."""
        return len(self.events)

    def index(self, moment: Moment) -> int:
        """Its place in the training step (shown as `moment 8 of 13` from 1)."""
        return self._index.places[moment.phase][moment.index]

    def at(self, step: int, place: int) -> Moment:
        """The Moment at that place of that training step (IndexError beyond its end)."""
        if not 0 <= place < len(self.events):
            raise IndexError(place)
        return Moment(step, self.events[place].phase, self._index.indices[place])

    def node(self, moment: Moment) -> Node:
        """The node that this Moment computes (at an update, the parameter)."""
        return self._nodes[moment.phase][moment.index]

    def is_seed(self, moment: Moment) -> bool:
        """Is it a seed of the backward pass, ∂L/∂L = 1?"""
        return moment.phase == "backward" and self.events[self.index(moment)].seed
