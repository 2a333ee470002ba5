"""What one training step computed, wherever it is kept: the numbers that everything else asks a Recording for.

Two forms of it: `ArenaRecording`, the immutable copy of this engine's arena; and whatever reads a step that somebody
else ran, from a file, when a number is looked at. When things happened is told by the `timeline`, not by the numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.lbfgs import Carried, Search
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.schedules import Schedule, When
from bptui.model.engine.timeline import Timeline

Key = Node | int | str
"""A node: itself, its id, or its name."""


class NotRecorded(LookupError):
    """A number is needed that was not recorded; the text says which."""


class Contribution(NamedTuple):
    """What one consumer adds to a gradient: its node id, the position of the input there, the numbers (None where they
    were not recorded)."""

    consumer: int
    position: int
    array: Array | None


class Recording(ABC):
    """All values, gradients and updates of ONE training step.

    Arrays are read-only, in the shape of their node, and never change. Any of them may be absent: then it is None. Each
    may have a dtype of its own; one that NumPy does not know (bfloat16) is given widened to float32, and `dtype` names
    what it was recorded in. A parameter may be updated several times in a step, or never: `turn` counts its updates
    from 0.

    complete  it claims to have all there is: an array that is absent all the same is a fault of whoever ran the step
    step     the training step, from 0
    graph    what was run · timeline  in which order · optimizer  the rule of the update
    """

    complete: bool = False
    step: int
    graph: Graph
    timeline: Timeline
    optimizer: Optimizer

    @abstractmethod
    def value(self, node: Key) -> Array | None:
        """What the node was in the forward pass; a parameter before its first update."""

    @abstractmethod
    def grad(self, node: Key) -> Array | None:
        """∂L/∂node, complete; None also where no gradient is wanted."""

    @abstractmethod
    def contribution(self, consumer: int, position: int) -> Array | None:
        """What a consumer adds to the gradient of its input at `position`."""

    @abstractmethod
    def before(self, node: Key, turn: int = 0) -> Array | None:
        """A parameter (or a running state) before an update of it."""

    @abstractmethod
    def after(self, node: Key, turn: int = 0) -> Array | None:
        """A parameter (or a running state) after an update of it."""

    @abstractmethod
    def state(self, node: Key, name: str, after: bool = False, turn: int = 0) -> Array | None:
        """A parameter's optimizer state (`m`, `v`), before or after an update."""

    @abstractmethod
    def update_grad(self, node: Key, turn: int = 0) -> Array | None:
        """The gradient that an update of a parameter used: clipped where the optimizer clips."""

    def update_rule(self, node: Key, turn: int = 0) -> Optimizer:
        """The rule that an update of a parameter followed, with its settings: parameters may have their own.
        NotRecorded where nobody knows it: an optimizer of somebody's own."""
        return self.optimizer

    def scheduled(self, node: Key) -> tuple[Schedule, When] | None:
        """How the rate of a parameter's update came about; None where it is always the same, or nobody knows."""
        return None

    @property
    def search(self) -> Search | None:
        """What an update of all parameters together did in this step: where it looked at the loss, and how it went on;
        None of any other, and where it was not recorded."""
        return None

    def carried(self, after: bool = False) -> Carried | None:
        """What such an update knew before this step, or after it."""
        return None

    def part(self, node: Key, whole: Array) -> Array:
        """A parameter's own of a vector over all parameters that such an update moves, in its shape."""
        raise NotRecorded("no update of all parameters together was recorded")

    @property
    def rate(self) -> float:
        """The learning rate of its update; NaN where nobody knows it."""
        return float(self.optimizer.learning_rate)

    def is_given(self, node: int) -> bool:
        """Does a leaf come from outside of the step? (The gradient of another rank is a leaf that does not.)"""
        return True

    @property
    @abstractmethod
    def grad_norm(self) -> float | None:
        """The length of the gradient over all parameters, where the optimizer clips by it."""

    @property
    @abstractmethod
    def finite(self) -> bool | None:
        """Are all its numbers finite? None where only a look at each array would tell."""

    def extremes(self, what: Literal["value", "grad"]) -> tuple[float, float] | None:
        """A number that is not above the least, and one that is not below the largest, of all values that are
        computed or trained, or of all complete gradients of this step, NaN left out; None where only a look at each
        array would tell."""
        return None

    @property
    def suspects(self) -> Sequence[int] | None:
        """The places, ascending, of the Moments that may have made a number that is not finite of such as are; None
        where only a look at each array would tell."""
        return None

    def not_finite(self, what: Literal["value", "grad", "after"]) -> Sequence[int]:
        """Ids of the nodes of whose value, gradient, or value after the (first) update any number is not finite."""
        arrays = {"value": self.value, "grad": self.grad, "after": self.after}
        nodes = self.graph.params if what == "after" else self.graph.nodes
        return [node.id for node in nodes if (what != "grad" or node.wants_grad) and not_finite(arrays[what](node))]

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of memory that this recording keeps."""

    def required(self, node: Key) -> Array:
        """`value`, where nothing can be said without it (NotRecorded where it is absent)."""
        return required(self.value(node), f"the value of {self.graph.nodes[self.id(node)].name}")

    def dtype(self, node: Key) -> str:
        """The kind of number that the node's value was recorded in: `float32`, `bfloat16`, `int64`, `bool`."""
        kind = self.graph.nodes[self.id(node)].kind
        if kind:
            return kind
        value = self.value(node)
        return "float64" if value is None else value.dtype.name

    @property
    def loss(self) -> float:
        """The loss of this step, before its update; NaN where it was not recorded."""
        value = self.value(self.graph.loss)
        return float("nan") if value is None else float(np.asarray(value).reshape(()))

    def id(self, node: Key) -> int:
        """The id of a node given by itself, its id or its name (KeyError for an unknown name)."""
        if isinstance(node, int):
            return node
        return (self.graph.by_name[node] if isinstance(node, str) else node).id

    def contributions(self, node: Key, count: int | None = None) -> tuple[Contribution, ...]:
        """What each consumer adds to the gradient, in the order of arrival, all or the first `count`; those that were
        not recorded, too. None to the loss, whose gradient is the seed."""
        arrivals = self.timeline.arrivals(self.id(node))[:count]
        return tuple(Contribution(a.consumer, a.position, self.contribution(a.consumer, a.position)) for a in arrivals)

    def masking(self) -> Sequence[int]:
        """Ids of the operations that read what is not finite, and give only finite numbers."""
        bad = set(self.not_finite("value"))
        return [node.id for node in self.graph.ops if node.id not in bad and not bad.isdisjoint(node.inputs)]


def not_finite(array: Array | None) -> bool:
    """Is any of its numbers nan or inf? Whole ones are none, and what is absent has none."""
    return array is not None and array.dtype.kind == "f" and not bool(np.isfinite(array).all())


def required(array: Array | None, what: str) -> Array:
    """The array, where nothing can be said without it (NotRecorded where it is absent)."""
    if array is None:
        raise NotRecorded(f"{what} was not recorded")
    return array
