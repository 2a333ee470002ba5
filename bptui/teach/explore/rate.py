"""The learning rate: a network, the numbers that move, and the steps that were taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from bptui.model.base.errors import UserError
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.network import Network
from bptui.teach.explore.descent import Cut, Descent, Line, Number, Stand, Tick
from bptui.teach.explore.leaves import leaf_of, with_leaves


@dataclass
class Slice:
    """A network, the numbers that move (all parameters, or one), and the stands so far. The steps are those of plain
    gradient descent, whatever the network's own optimizer is."""

    network: Network
    rate: float = 0.0
    only: Number | None = None
    stands: list[Stand] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.network.graph.params:
            raise UserError("rate", "nothing is trained in it", "--train w, or a network file")
        self.rate = self.rate or self.network.optimizer.learning_rate or 0.1
        self.descent = Descent(replace(self.network, optimizer=Optimizer("sgd", self.rate)).program())
        self.stands = [Stand(self.descent.program.save(), 0)]
        self._lines: dict[tuple[int, str], Line] = {}

    @cached_property
    def small(self) -> bool:
        """Is a cut a matter of some milliseconds?"""
        return self.descent.program.nbytes < 40_000

    @property
    def plain(self) -> bool:
        """Does the network train by plain gradient descent, too?"""
        optimizer = self.network.optimizer
        return optimizer.kind == "sgd" and not (
            optimizer.momentum
            or optimizer.weight_decay
            or optimizer.l1
            or optimizer.maximize
            or optimizer.clips
            or optimizer.groups
            or optimizer.schedule
        )

    @property
    def choices(self) -> tuple[Number | None, ...]:
        """What can be cut along: all parameters, then each where they are few single numbers, else the first element of
        each."""
        return (None, *(Number(node, (0,) * len(node.shape)) for node in self.network.graph.params))

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers that are told one by one: the one that moves; all, where there are at most three."""
        if self.only is not None:
            return (self.only,)
        params = self.network.graph.params
        single = all(node.shape == () for node in params) and len(params) <= 3
        return tuple(Number(node, ()) for node in params) if single else ()

    def choose(self, name: str) -> None:
        """Cut along one number (`w`, `layer1.weight[0,1]`), or along the gradient ("")."""
        if not name or name == "gradient":
            self.only = None
            return
        node, at = leaf_of(self.network, name, "rate")
        if node.role != "param":
            raise UserError("rate", f"{node.name} is not trained", "a parameter, or gradient")
        self.only = Number(node, at)

    @property
    def here(self) -> Stand:
        """The last stand."""
        return self.stands[-1]

    @property
    def line(self) -> Line:
        """The line from here over the numbers that move."""
        key = id(self.here), self.only.name if self.only is not None else ""
        if key not in self._lines:
            self._lines[key] = Line(self.descent, self.here, self.only)
        return self._lines[key]

    @property
    def known(self) -> Cut | None:
        """The cut here at this rate, None while it is not computed."""
        return self.line.known(self.rate)

    def cut(self, tick: Tick = lambda: None) -> Cut:
        """The cut here at this rate. `tick` is called between any two runs, and may raise to end it."""
        return self.line.cut(self.rate, self.numbers, tick)

    def at(self, rate: float) -> float:
        """The loss after a step of a rate, on this training step's batch."""
        return self.line.at(rate)

    def take(self) -> None:
        """Take the step; its gradients are those of the cut, where that is there."""
        self.stands.append(self.line.after(self.rate))

    def back(self) -> bool:
        """Take the last step back, and its rate; False at the start."""
        if len(self.stands) == 1:
            return False
        left = self.stands.pop()
        self._lines = {key: line for key, line in self._lines.items() if line.stand is not left}
        self.rate = left.rate or self.rate
        return True

    def opened(self) -> Network:
        """The network at this stand, with this rate."""
        state = self.here.state
        arrays = {node.id: self.descent.program.within(state, node).copy() for node in self.network.graph.params}
        kind = self.network.optimizer.kind
        optimizer = (
            replace(self.network.optimizer, learning_rate=self.rate) if kind == "sgd" else Optimizer("sgd", self.rate)
        )
        return replace(with_leaves(self.network, arrays), optimizer=optimizer)
