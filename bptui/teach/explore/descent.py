"""The loss along minus the gradient, from one place: what a step of a rate promises and does, what comes of going on.

Every number is the engine's: the loss at other parameters is another forward pass on the same batch, with the same
masks. Where the loss is a parabola along the line, which is tried, the rates that divide its regimes follow from its
curvature; else they are searched for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base.numbers import index
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Node
from bptui.model.engine.program import Program

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


class Gradients(NamedTuple):
    """At one stand: the loss, and the gradient of each parameter that moves, by its id; 0 for what of it does not."""

    loss: float
    of: dict[int, Array]

    @property
    def squares(self) -> float:
        """The sum of all their squares."""
        with np.errstate(all="ignore"):
            return float(sum(np.vdot(g, g) for g in self.of.values()))


class Descent:
    """Runs one program from any stand. Not for two threads at once."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def stepped(self, stand: Stand, gradients: Gradients, rate: float) -> Stand:
        """Where a step of a rate leads."""
        made = stand.state.copy()
        with np.errstate(all="ignore"):
            for node in self.program.graph.params:
                if node.id in gradients.of:
                    self.program.within(made, node)[...] -= rate * gradients.of[node.id]
        return Stand(made, stand.step + 1, rate)

    def gradients(self, stand: Stand, only: Number | None) -> Gradients:
        """Loss and gradients of a stand."""
        self.program.load(stand.state, stand.step)
        recording = self.program.record()
        found: dict[int, Array] = {}
        for node in self.program.graph.params:
            gradient = recording.grad(node)
            if gradient is None or (only is not None and node.id != only.node.id):
                continue
            found[node.id] = np.asarray(gradient)
            if only is not None:
                found[node.id] = np.zeros_like(gradient)
                found[node.id][only.at] = gradient[only.at]
        return Gradients(recording.loss, found)

    def loss(self, stand: Stand, step: int) -> float:
        """The loss of a stand on the batch of a training step."""
        return self.program.evaluate(stand.state, step)


class Line:
    """The line from one stand along minus its gradient, over all parameters or one number. What was computed of it is
    kept with it."""

    def __init__(self, descent: Descent, stand: Stand, only: Number | None) -> None:
        self.descent, self.stand, self.only = descent, stand, only
        self._cuts: dict[float, Cut] = {}
        self._sampled: tuple[float, tuple[Array, Array]] | None = None
        self._regimes: Regimes | None = None

    @cached_property
    def gradients(self) -> Gradients:
        """At the stand."""
        return self.descent.gradients(self.stand, self.only)

    def known(self, rate: float) -> Cut | None:
        """The cut at a rate, None while it is not computed."""
        return self._cuts.get(rate)

    def after(self, rate: float) -> Stand:
        """Where a step leads."""
        return self.descent.stepped(self.stand, self.gradients, rate)

    def at(self, rate: float) -> float:
        """The loss after a step of a rate, on this training step's batch."""
        return self.descent.loss(self.after(rate), self.stand.step)

    def cut(self, rate: float, shown: Sequence[Number], tick: Tick) -> Cut:
        """What is to be told at a rate, of the numbers `shown`. `tick` is called between any two runs, and may raise to
        end it."""
        if rate not in self._cuts:
            self._cuts[rate] = self._cut(rate, shown, tick)
        return self._cuts[rate]

    def _cut(self, rate: float, shown: Sequence[Number], tick: Tick) -> Cut:
        loss, gradients = self.gradients
        tick()
        losses, stand, here = [loss], self.stand, self.gradients
        for _ in range(AHEAD):
            stand = self.descent.stepped(stand, here, rate)
            here = self.descent.gradients(stand, self.only)
            losses.append(here.loss)
            tick()
        before = tuple(float(self.descent.program.within(self.stand.state, n.node)[n.at]) for n in shown)
        slopes = tuple(float(gradients[n.node.id][n.at]) for n in shown)
        new = tuple(p - rate * g for p, g in zip(before, slopes, strict=True))
        if self._regimes is None:
            self._regimes = self._divided(rate, tick)
        settled = [0.0 if abs(x) <= NOTHING * abs(loss) else x for x in (self.at(rate), *losses)]
        curve = self._curve(rate, self._regimes, tick)
        squares = self.gradients.squares
        return Cut(rate, loss, -squares, settled[0], tuple(settled[1:]), self._regimes, slopes, before, new, curve)

    def _curve(self, rate: float, regimes: Regimes, tick: Tick) -> tuple[Array, Array]:
        """Rates, and the loss after a step of each; kept as long as they are the same ones."""
        back = regimes.back if math.isfinite(regimes.back) else 0.0
        far = max(rate, back if back < 20 * rate else 2 * rate)
        if self._sampled is None or self._sampled[0] != far:
            rates, losses = np.linspace(-0.13 * far, 1.08 * far, SAMPLES), []
            for each in rates.tolist():
                losses.append(self.at(each))
                tick()
            self._sampled = far, (rates, np.array(losses))
        return self._sampled[1]

    def _divided(self, rate: float, tick: Tick) -> Regimes:
        """The regimes. `rate` says where to begin where neither loss nor gradient does."""
        loss, squares = self.gradients.loss, self.gradients.squares
        if not squares or not math.isfinite(squares) or not math.isfinite(loss):
            return Regimes(math.inf, math.inf, "search", False)
        first = abs(loss) / squares if loss else rate
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
        allowed = 1e-9 if self.descent.program.dtype == np.float64 else 1e-3
        same = size and max(abs(bend - bends[0]) for bend in bends) <= allowed * max(size, squares / first)
        return bends[0] if same else None

    def _straight(self, rate: float) -> bool:
        """Does the gradient after a step lie on the same line?"""
        old, new = self.gradients, self.descent.gradients(self.after(rate), self.only)
        dot = sum(float(np.vdot(old.of[i], new.of[i])) for i in old.of)
        length = math.sqrt(old.squares * new.squares)
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
