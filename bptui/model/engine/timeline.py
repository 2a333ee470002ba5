"""Moments: the stops of one training step, and the way between them. A pure function of the Graph."""

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


@dataclass(frozen=True)
class Timeline:
    """The Moments of a training step of `graph`.

    forward   one per computed node, in execution order
    backward  the seed ∂L/∂L = 1, then one per computed node in reverse order: its contributions to all of its inputs
    update    one per parameter
    At a Moment, what it computes has just been written.
    """

    graph: Graph

    @cached_property
    def forward(self) -> tuple[Node, ...]:
        """The node of each forward Moment."""
        return self.graph.ops

    @cached_property
    def computed_at(self) -> Mapping[int, int]:
        """Node id → the index of its forward Moment."""
        return MappingProxyType({node.id: index for index, node in enumerate(self.forward)})

    @cached_property
    def backward(self) -> tuple[Node, ...]:
        """The node of each backward Moment; the first, the seed, is the loss itself."""
        return (self.graph.nodes[self.graph.loss], *(n for n in reversed(self.graph.ops) if n.wants_grad))

    @cached_property
    def update(self) -> tuple[Node, ...]:
        """The parameter of each update Moment."""
        return self.graph.params

    def count(self, phase: Phase) -> int:
        """How many Moments a phase has (k/n in the status line)."""
        return len(self.nodes(phase))

    def nodes(self, phase: Phase) -> tuple[Node, ...]:
        """The nodes of a phase, Moment by Moment."""
        return self.forward if phase == "forward" else self.backward if phase == "backward" else self.update

    @cached_property
    def length(self) -> int:
        """Moments in a training step."""
        return sum(self.count(phase) for phase in PHASES)

    def index(self, moment: Moment) -> int:
        """Its number in the training step, from 0 (shown as `moment 8 of 13` from 1)."""
        return sum(self.count(p) for p in PHASES[: PHASES.index(moment.phase)]) + moment.index

    def at(self, step: int, place: int) -> Moment:
        """The Moment with that number in that training step."""
        for phase in PHASES:
            if place < self.count(phase):
                return Moment(step, phase, place)
            place -= self.count(phase)
        raise IndexError(place)

    def node(self, moment: Moment) -> Node:
        """The node that this Moment computes (at an update, the parameter)."""
        return self.nodes(moment.phase)[moment.index]

    def is_seed(self, moment: Moment) -> bool:
        """Is it the seed of the backward pass, ∂L/∂L = 1?"""
        return moment.phase == "backward" and moment.index == 0
