"""The learning rate: the loss along minus the gradient, what a step promises and does, what comes of going on.

Every number is the engine's: the loss at other parameters is another forward pass on the same batch, with the same
masks. Where the loss is a parabola along the line, which is tried, the rates that divide its regimes follow from its
curvature; else they are searched for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import index
from bptui.model.base.types import Array
from bptui.model.debugger.view import Index
from bptui.model.engine.arena import Slot
from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.network import Network
from bptui.teach.explore.leaves import leaf_of, with_leaves

AHEAD = 12
"""How many more steps are tried at most."""
SAMPLES = 160
NOTHING = 1e-28
"""A loss that small beside the first one is rounding: the square of a residue of a few units in the last place."""
Tick = Callable[[], None]
Regime = Literal["falls", "hits", "overshoots", "swings", "flies away", "least", "falls less", "rises"]


class Regimes(NamedTuple):
    """Two rates: where the loss is least along the line, and where it is back at where it is now (inf: nowhere).

    how  "curvature": derived, the loss is a parabola along the line; "search": found by trying
    line  the next gradients lie on the same line, so that going on stays on it: then the regimes are those of training
    """

    least: float
    back: float
    how: Literal["curvature", "search"]
    line: bool

    def of(self, rate: float) -> Regime:
        """The regime of a rate."""
        if math.isclose(rate, self.least, rel_tol=1e-9):
            return "hits" if self.line else "least"
        if rate < self.least:
            return "falls"
        if math.isclose(rate, self.back, rel_tol=1e-9):
            return "swings" if self.line else "rises"
        if rate < self.back:
            return "overshoots" if self.line else "falls less"
        return "flies away" if self.line else "rises"


@dataclass(frozen=True)
class Stand:
    """Where one stands: the state of the program, the training step, and the rate that led here (None at first)."""

    state: Array
    step: int
    rate: float | None = None


@dataclass(frozen=True)
class Cut:
    """The loss along the line, seen from one stand at one rate.

    loss, slope  here, and how fast it falls by the rate: minus the sum of the squared gradients
    after     the loss after the step
    losses    here, and after each of some more steps of the same rate
    gradients, before, new   of each shown number: its gradient, its value, its value after the step
    curve     rates from a little back to a little beyond the step and what divides the regimes, and the loss at each
    """

    rate: float
    loss: float
    slope: float
    after: float
    losses: tuple[float, ...]
    regimes: Regimes
    gradients: tuple[float, ...]
    before: tuple[float, ...]
    new: tuple[float, ...]
    curve: tuple[Array, Array] = field(repr=False, compare=False)

    @property
    def promised(self) -> float:
        """What the gradient promises of the step."""
        return self.slope * self.rate

    @property
    def really(self) -> float:
        """What the loss really changes by; 0 where that is nothing but the rounding of both."""
        return 0.0 if math.isclose(self.after, self.loss, rel_tol=1e-13) else self.after - self.loss

    @property
    def ratio(self) -> float:
        """Really over promised; NaN where nothing is promised."""
        return self.really / self.promised if self.promised else math.nan


class Number(NamedTuple):
    """A parameter's element that is shown by name."""

    node: Node
    at: Index

    @property
    def name(self) -> str:
        """`w`, `layer1.weight[0,0]`."""
        return self.node.name + index(self.at)


@dataclass
class Slice:
    """A network, the numbers that move (all parameters, or one), and the stands so far."""

    network: Network
    rate: float = 0.0
    only: Number | None = None
    stands: list[Stand] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.network.graph.params:
            raise UserError("rate", "nothing is trained in it", "--train w, or a network file")
        optimizer = self.network.optimizer
        self.rate = self.rate or optimizer.learning_rate or 0.1
        network = replace(self.network, optimizer=Optimizer("sgd", self.rate))
        self.program: Program = network.program()
        self.stands = [Stand(self.program.save(), 0)]
        self._cuts: dict[tuple[int, str, float], Cut] = {}
        self._lines: dict[tuple[int, str], tuple[float, dict[int, Array], float]] = {}
        self._regimes: dict[tuple[int, str], Regimes] = {}
        self._sampled: tuple[tuple[int, str, float], tuple[Array, Array]] | None = None

    @cached_property
    def small(self) -> bool:
        """Is a cut a matter of some milliseconds?"""
        return self.program.nbytes < 40_000

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
    def _which(self) -> str:
        return self.only.name if self.only is not None else ""

    @property
    def known(self) -> Cut | None:
        """The cut here at this rate, None while it is not computed."""
        return self._cuts.get((len(self.stands), self._which, self.rate))

    def cut(self, tick: Tick = lambda: None) -> Cut:
        """The cut here at this rate. `tick` is called between any two runs, and may raise to end it."""
        found = self.known
        if found is None:
            found = self._cut(tick)
            self._cuts[len(self.stands), self._which, self.rate] = found
        return found

    def take(self) -> None:
        """Take the step."""
        here = self.here
        _, gradients, _ = self._line(here)
        self.stands.append(Stand(self._stepped(here.state, gradients, self.rate), here.step + 1, self.rate))

    def back(self) -> bool:
        """Take the last step back, and its rate; False at the start."""
        if len(self.stands) == 1:
            return False
        left = self.stands.pop()
        for known in (self._cuts, self._lines, self._regimes):
            known.clear()  # what was known of a place that is now free for another
        self._sampled = None
        self.rate = left.rate or self.rate
        return True

    def _curve(self, regimes: Regimes, tick: Tick) -> tuple[Array, Array]:
        """Rates, and the loss after a step of each; kept as long as nothing of it changes."""
        back = regimes.back if math.isfinite(regimes.back) else 0.0
        far = max(self.rate, back if back < 20 * self.rate else 2 * self.rate)
        key = len(self.stands), self._which, far
        if self._sampled is None or self._sampled[0] != key:
            rates, losses = np.linspace(-0.13 * far, 1.08 * far, SAMPLES), []
            for rate in rates.tolist():
                losses.append(self.at(rate))
                tick()
            self._sampled = key, (rates, np.array(losses))
        return self._sampled[1]

    def at(self, rate: float) -> float:
        """The loss after a step of a rate, on this training step's batch."""
        here = self.here
        _, gradients, _ = self._line(here)
        return self.program.evaluate(self._stepped(here.state, gradients, rate), here.step)

    def opened(self) -> Network:
        """The network at this stand, with this rate."""
        arrays = {node.id: self._value(self.here.state, node).copy() for node in self.network.graph.params}
        plain = self.network.optimizer.kind == "sgd"
        optimizer = replace(self.network.optimizer, learning_rate=self.rate) if plain else Optimizer("sgd", self.rate)
        return replace(with_leaves(self.network, arrays), optimizer=optimizer)

    # -------------------------------------------------------------------------------------------------- the engine

    def _value(self, state: Array, node: Node) -> Array:
        place = self.program.layout.values[node.id]
        assert isinstance(place, Slot), "parameters lie in the arena"
        return place.within(state)

    def _stepped(self, state: Array, gradients: dict[int, Array], rate: float) -> Array:
        made = state.copy()
        with np.errstate(all="ignore"):
            for node in self.network.graph.params:
                if node.id in gradients:
                    self._value(made, node)[...] -= rate * gradients[node.id]
        return made

    def _gradients(self, stand: Stand) -> tuple[float, dict[int, Array]]:
        """The loss of a stand, and the gradients of what moves, 0 elsewhere."""
        self.program.load(stand.state, stand.step)
        recording = self.program.record()
        found: dict[int, Array] = {}
        for node in self.network.graph.params:
            gradient = recording.grad(node)
            if gradient is None or (self.only is not None and node.id != self.only.node.id):
                continue
            found[node.id] = np.asarray(gradient)
            if self.only is not None:
                found[node.id] = np.zeros_like(gradient)
                found[node.id][self.only.at] = gradient[self.only.at]
        return recording.loss, found

    def _line(self, stand: Stand) -> tuple[float, dict[int, Array], float]:
        """Loss, gradients, and the sum of their squares."""
        key = len(self.stands), self._which
        if stand is not self.here or key not in self._lines:
            loss, gradients = self._gradients(stand)
            with np.errstate(all="ignore"):
                squares = float(sum(np.vdot(g, g) for g in gradients.values()))
            if stand is not self.here:
                return loss, gradients, squares
            self._lines[key] = loss, gradients, squares
        return self._lines[key]

    def _cut(self, tick: Tick) -> Cut:
        here, rate = self.here, self.rate
        loss, gradients, squares = self._line(here)
        tick()
        losses, stand = [loss], here
        for _ in range(AHEAD):
            _, now, _ = self._line(stand)
            stand = Stand(self._stepped(stand.state, now, rate), stand.step + 1, rate)
            losses.append(self._gradients(stand)[0])
            tick()
        after = self.at(rate)
        shown = self.numbers
        before = tuple(float(self._value(here.state, n.node)[n.at]) for n in shown)
        slopes = tuple(float(gradients[n.node.id][n.at]) for n in shown)
        new = tuple(p - rate * g for p, g in zip(before, slopes, strict=True))
        regimes = self._regimes.get((len(self.stands), self._which))
        if regimes is None:
            regimes = self._regimes[len(self.stands), self._which] = self._divided(loss, squares, tick)
        settled = [0.0 if abs(x) <= NOTHING * abs(loss) else x for x in (after, *losses)]
        curve = self._curve(regimes, tick)
        return Cut(rate, loss, -squares, settled[0], tuple(settled[1:]), regimes, slopes, before, new, curve)

    def _divided(self, loss: float, squares: float, tick: Tick) -> Regimes:
        """The regimes of a stand."""
        if not squares or not math.isfinite(squares) or not math.isfinite(loss):
            return Regimes(math.inf, math.inf, "search", False)
        first = abs(loss) / squares if loss else self.rate
        bend = self._parabola(loss, squares, first)
        if bend is not None and bend > 0:
            least = squares / bend
            return Regimes(_round(least), _round(2 * least), "curvature", self._straight(_round(1.5 * least)))
        return Regimes(*_search(self.at, loss, first, tick), "search", False)

    def _parabola(self, loss: float, squares: float, first: float) -> float | None:
        """The second derivative by the rate, where the loss is a parabola along the line; None where it is not."""
        bends = []
        for rate in (first, -0.7 * first, 2.9 * first):
            bends.append(2 * (self.at(rate) - loss + rate * squares) / (rate * rate))
        size = max(map(abs, bends))
        allowed = 1e-9 if self.program.dtype == np.float64 else 1e-3
        same = size and max(abs(bend - bends[0]) for bend in bends) <= allowed * max(size, squares / first)
        return bends[0] if same else None

    def _straight(self, rate: float) -> bool:
        """Does the gradient after a step lie on the same line?"""
        here = self.here
        _, old, squares = self._line(here)
        _, new = self._gradients(Stand(self._stepped(here.state, old, rate), here.step + 1))
        dot = sum(float(np.vdot(old[i], new[i])) for i in old)
        length = math.sqrt(squares * sum(float(np.vdot(g, g)) for g in new.values()))
        return bool(length) and abs(abs(dot) / length - 1) < 1e-9


def _round(x: float) -> float:
    """A number without the rounding of the sums and quotients that it came from."""
    return float(f"{x:.9g}")


def _search(loss_at: Callable[[float], float], now: float, first: float, tick: Tick) -> tuple[float, float]:
    """(the rate at which the loss first is least along the line, the first one beyond at which it is back), both to
    about five digits; inf for what lies beyond a million times `first`."""
    rate = first * 1e-3
    best, value = 0.0, now
    while rate < first * 1e6:
        tick()
        found = loss_at(rate)
        if not found <= value:  # it rises, or is no number any more
            break
        best, value, rate = rate, found, rate * 1.3
    else:
        return math.inf, math.inf
    low, high = best / 1.3, rate
    for _ in range(40):
        tick()
        a, b = low + (high - low) * 0.382, low + (high - low) * 0.618
        low, high = (low, b) if not loss_at(b) < loss_at(a) else (a, high)
    least = (low + high) / 2
    below, above = least, max(rate, least)
    while above < first * 1e6 and loss_at(above) <= now:
        tick()
        below, above = above, above * 1.3
    if above >= first * 1e6:
        return least, math.inf
    for _ in range(40):
        tick()
        middle = (below + above) / 2
        below, above = (middle, above) if loss_at(middle) <= now else (below, middle)
    return least, above


__all__ = ["Cut", "Number", "Regime", "Regimes", "Slice"]
