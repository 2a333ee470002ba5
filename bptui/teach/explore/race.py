"""Optimizers from one start: each trains the same network on the same batches; the loss over two of its weights.

Of a network with two parameters the plane is all there is. Of any other it is a cut: over two chosen weights, the
others as at the start, or over two directions that the paths themselves take; the paths are projected on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import index
from bptui.model.base.places import ravel, unravel
from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.source.network import Network, from_formula
from bptui.teach.explore.leaves import leaf_of

STEPS = 40
EDGE = 0.35
"""How far around the paths of a network the plane goes, of their extent."""
Tick = Callable[[], None]


class Problem(NamedTuple):
    """name, what it is in a line, formula, values, what is trained, the plane that is shown, and a rate for each."""

    name: str
    about: str
    formula: str
    values: Mapping[str, Any]
    train: tuple[str, str]
    plane: tuple[tuple[float, float], tuple[float, float]]
    rates: tuple[float, float, float, float]


LINE = ((0.5, 1.0, 1.5, 2.0, 2.5), (0.1, 0.8, 2.3, 2.9, 4.1))
"""Five points near y = 2x - 1: chosen by us, on one side of 0, so that w and b can stand in for each other."""
PROBLEMS = (
    Problem(
        "line", "y = w·x + b, mse, 5 points", "p = w*x + b; L = mse(p, y)",
        {"x": LINE[0], "y": LINE[1], "w": -1.2, "b": 2.2}, ("w", "b"), ((-2, 4), (-4, 4)), (0.05, 0.05, 0.05, 0.1),
    ),
    Problem(
        "valley", "u² + 25·v², a narrow valley", "L = u**2 + 25*v**2",
        {"u": -3.0, "v": 1.0}, ("u", "v"), ((-4, 4), (-2, 2)), (0.03, 0.01, 0.1, 0.3),
    ),
    Problem(
        "two minima", "a local minimum beside a lower one", "L = (u**2 - 1)**2 + 0.3*u + v**2 + 0.4",
        {"u": 1.6, "v": 1.5}, ("u", "v"), ((-2, 2), (-2, 2)), (0.02, 0.02, 0.03, 0.1),
    ),
    Problem(
        "banana", "Rosenbrock 1960: a bent valley", "L = (1 - u)**2 + 20*(v - u**2)**2",
        {"u": -1.2, "v": 1.6}, ("u", "v"), ((-2, 2), (-1, 3)), (0.004, 0.001, 0.03, 0.1),
    ),
)  # fmt: skip
LETTERS = "SMRA"
NAMES = ("sgd", "momentum", "rmsprop", "adam")
SAID = (
    "its steps shrink as the slope does",
    "adds up past gradients: it overshoots",
    "divides by the size of past gradients",
    "does both; its first step is ±rate",
)
"""What each does, whatever the problem."""
USUAL = (0.1, 0.05, 0.01, 0.01)
"""Rates for a network of which nothing is known."""


def problem_of(network: Network) -> int | None:
    """Which of PROBLEMS a network is, where it is one, as it begins."""
    for number, problem in enumerate(PROBLEMS):
        if network.name == problem.name:
            own = network_of(problem).graph
            same = [(node.name, node.op) for node in own.nodes] == [
                (node.name, node.op) for node in network.graph.nodes
            ]
            return number if same else None
    return None


def optimizer(number: int, rate: float) -> Optimizer:
    """One of the four."""
    kind = ("sgd", "sgd", "rmsprop", "adam")[number]
    return Optimizer(kind, rate, momentum=0.9) if number == 1 else Optimizer(kind, rate)


def network_of(problem: Problem) -> Network:
    """The network of a problem."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in problem.values.items()}
    return from_formula(problem.formula, values, problem.train, name=problem.name)


class Track(NamedTuple):
    """What a racer did: (steps + 1, 2) places on the plane, the loss at each (before its step)."""

    places: Array
    losses: Array


@dataclass(frozen=True)
class Plane:
    """The loss over two directions from an origin, all in flat parameters.

    names   what the directions are called;  exact  there is nothing else that moves
    """

    origin: Array
    first: Array
    second: Array
    names: tuple[str, str]
    exact: bool
    across: tuple[float, float]
    up: tuple[float, float]
    base: tuple[float, float] = (0.0, 0.0)

    def place(self, flat: Array) -> tuple[float, float]:
        """Where parameters lie on it, projected."""
        away = flat - self.origin
        return float(away @ self.first) + self.base[0], float(away @ self.second) + self.base[1]

    def at(self, a: float, b: float) -> Array:
        """The parameters of a place."""
        return self.origin + (a - self.base[0]) * self.first + (b - self.base[1]) * self.second


@dataclass
class Map:
    """The loss at (rows, columns) places, row 0 at the top; the thresholds of its levels, the place of the least."""

    losses: Array
    bounds: tuple[float, ...]
    above: float
    least: tuple[float, float]

    @property
    def levels(self) -> Array:
        """5 where the loss is below the lowest bound, then 4 … 1, 0 above all of them."""
        with np.errstate(all="ignore"):
            over = self.losses - self.above
        under = [np.isfinite(over) & (over < bound) for bound in self.bounds]
        return np.asarray(np.sum(under, axis=0), dtype=int)


@dataclass
class Race:
    """Four optimizers on one network. `by`: two weights, whose plane is shown, "" for two directions of the paths."""

    network: Network
    by: str = ""
    problem: Problem | None = None
    steps: int = STEPS
    rates: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        params = self.network.graph.params
        if not params:
            raise UserError("race", "nothing is trained in it", "--train w,b, or a network file")
        if not self.rates:
            self.rates = list(self.problem.rates if self.problem is not None else USUAL)
        self.size = sum(math.prod(node.shape) for node in params)
        if self.size < 2:
            raise UserError("race", "only one number is trained in it", "two or more; rate shows one")
        self._tracks: dict[tuple[int, float, int], Track] = {}
        self._maps: dict[tuple[int, int], Map] = {}
        self._program: Program | None = None
        self.chosen = self._weights()
        self.plane: Plane | None = None

    @property
    def params(self) -> tuple[Node, ...]:
        """What is trained."""
        return self.network.graph.params

    def _weights(self) -> tuple[int, int] | None:
        """The flat places of the two weights that were chosen; of a network with two numbers those."""
        if self.size == 2 and not self.by:
            return 0, 1
        if not self.by:
            return None
        names = _pair(self.by)
        found = []
        for name in names:
            node, at = leaf_of(self.network, name, "race")
            if node.role != "param":
                raise UserError("race", f"{node.name} is not trained", "two parameters: --by NAME,NAME")
            start = sum(math.prod(n.shape) for n in self.params[: self.params.index(node)])
            found.append(start + ravel(at, node.shape))
        if found[0] == found[1]:
            raise UserError("race", f"{names[0]} twice", "two different weights")
        return found[0], found[1]

    # -------------------------------------------------------------------------------------------------- the engine

    def _flat(self, program: Program, state: Array) -> Array:
        """All parameters of a state in one row, in float64."""
        return np.concatenate([np.asarray(program.within(state, n), np.float64).reshape(-1) for n in self.params])

    def _trained(self, key: tuple[int, float, int], visit: Callable[[Program, Array, float], None], tick: Tick) -> None:
        """Train a racer at a rate for so many steps; `visit(program, parameters, loss)` at each of them, before its
        update, and after the last."""
        number, rate, steps = key
        program = replace(self.network, optimizer=optimizer(number, rate)).program()
        for _ in range(steps + 1):
            tick()
            before = self._flat(program, program.save())
            program.run(1)
            visit(program, before, program.loss)

    def prepare(self, tick: Tick) -> Plane:
        """The plane: known at once where two weights are shown, else from where the racers end."""
        if self.plane is not None:
            return self.plane
        program = self.network.program()
        origin = self._flat(program, program.save())
        self._program = program
        if self.chosen is not None:
            first, second = (np.eye(1, self.size, place)[0] for place in self.chosen)
            base = (float(origin[self.chosen[0]]), float(origin[self.chosen[1]]))
            names = (self._name(self.chosen[0]), self._name(self.chosen[1]))
        else:
            first, second = self._directions(origin, tick)
            base, names = (0.0, 0.0), ("d1", "d2")
        made = Plane(origin, first, second, names, self.size == 2, (-1, 1), (-1, 1), base)
        if self.problem is not None:
            across, up = self.problem.plane
        else:
            across, up = self._around(made, tick)
        self.plane = replace(made, across=(float(across[0]), float(across[1])), up=(float(up[0]), float(up[1])))
        return self.plane

    def _name(self, place: int) -> str:
        for node in self.params:
            count = math.prod(node.shape)
            if place < count:
                at = unravel(place, node.shape)
                return node.name + index(at)
            place -= count
        raise IndexError(place)

    def _directions(self, origin: Array, tick: Tick) -> tuple[Array, Array]:
        """From the start to where the first racer ends, and what the others add to that most."""
        ends: list[Array] = []
        for number in range(len(LETTERS)):
            last: list[Array] = [origin]

            def visit(program: Program, flat: Array, loss: float, last: list[Array] = last) -> None:
                if np.isfinite(flat).all():
                    last[0] = flat

            self._trained((number, self.rates[number], self.steps), visit, tick)
            ends.append(last[0] - origin)
        first = _unit(ends[0])
        rests = [end - (end @ first) * first for end in ends[1:]]
        second = max(rests, key=lambda rest: float(rest @ rest))
        if not float(second @ second) > 0:
            second = np.eye(1, self.size, int(np.argmin(np.abs(first))))[0]
            second = second - (second @ first) * first
        return first, _unit(second)

    def _around(self, plane: Plane, tick: Tick) -> tuple[tuple[float, float], tuple[float, float]]:
        """What the paths take up of a plane, and EDGE of it on each side."""
        places = np.concatenate(
            [self._tracked((n, self.rates[n], self.steps), plane, tick).places for n in range(len(LETTERS))]
        )
        places = places[np.isfinite(places).all(axis=1)]
        found = []
        for low, high in zip(places.min(0).tolist(), places.max(0).tolist(), strict=True):
            room = EDGE * (high - low) or 1.0
            found.append((low - room, high + room))
        return found[0], found[1]

    def known(self, number: int) -> Track | None:
        """What a racer did at its rate, None while that is not computed."""
        return self._tracks.get((number, self.rates[number], self.steps))

    def track(self, number: int, tick: Tick) -> Track:
        """What a racer did at its rate."""
        key = number, self.rates[number], self.steps  # a key may change them while it is computed
        if key not in self._tracks:
            self._tracks[key] = self._tracked(key, self.prepare(tick), tick)
        return self._tracks[key]

    def _tracked(self, key: tuple[int, float, int], plane: Plane, tick: Tick) -> Track:
        places: list[tuple[float, float]] = []
        losses: list[float] = []

        def visit(program: Program, flat: Array, loss: float) -> None:
            with np.errstate(all="ignore"):
                places.append(plane.place(flat))
            losses.append(loss)

        self._trained(key, visit, tick)
        return Track(np.array(places), np.array(losses))

    def known_map(self, columns: int, rows: int) -> Map | None:
        """The map in so many pixels, None while it is not computed."""
        return self._maps.get((columns, rows))

    def map(self, columns: int, rows: int, tick: Tick) -> Map:
        """The loss at the middle of each of so many pixels, on the batch of the first training step."""
        found = self.known_map(columns, rows)
        if found is not None:
            return found
        plane = self.prepare(tick)
        assert self._program is not None
        program = self._program
        state = self.network.program().save()
        losses = np.empty((rows, columns))
        across, up = middles(plane.across, columns), middles(plane.up, rows)[::-1]
        for y, b in enumerate(up):
            tick()
            for x, a in enumerate(across):
                losses[y, x] = self._loss(program, state, plane.at(float(a), float(b)))
        start = self._loss(program, state, plane.origin)
        finite = np.where(np.isfinite(losses), losses, np.inf)
        low = divmod(int(np.argmin(finite)), columns)
        bounds, above = thresholds(start, float(finite.min()))
        made = Map(losses, bounds, above, (float(across[low[1]]), float(up[low[0]])))
        self._maps = {(columns, rows): made}
        return made

    def _loss(self, program: Program, state: Array, flat: Array) -> float:
        place = 0
        for node in self.params:
            count = math.prod(node.shape)
            program.within(state, node)[...] = flat[place : place + count].reshape(node.shape)
            place += count
        return program.evaluate(state, 0)

    def opened(self, number: int) -> Network:
        """The network with the optimizer of a racer."""
        return replace(self.network, optimizer=optimizer(number, self.rates[number]))


def thresholds(start: float, least: float) -> tuple[tuple[float, ...], float]:
    """Five bounds, 1 and 3 times powers of ten, of which the highest is the first above the start's loss; and what they
    are above: 0, or the least loss of the map, where that is no less than the second of them."""

    def bounds(top: float) -> tuple[float, ...]:
        if not math.isfinite(top) or top <= 0:
            top = 1.0
        k = 2 * math.floor(math.log10(top)) - 1
        while _nice(k) < top:
            k += 1
        return tuple(_nice(n) for n in range(k - 4, k + 1))

    found = bounds(start)
    if least < found[1]:
        return found, 0.0
    return bounds(start - least), least


def _nice(k: int) -> float:
    """… 0.1 0.3 1 3 10 …"""
    return float(f"{3 if k % 2 else 1}e{k // 2}")


def middles(ends: tuple[float, float], count: int) -> Array:
    """The middles of `count` pixels between two ends."""
    low, high = ends
    return low + (np.arange(count) + 0.5) * (high - low) / count


def _unit(vector: Array) -> Array:
    size = float(np.sqrt(vector @ vector))
    return vector / size if size > 0 else np.eye(1, len(vector))[0]


def _pair(text: str) -> Sequence[str]:
    """`w,b`, `layer1.weight[0,1],layer1.bias[0]`: split at the commas outside of brackets."""
    parts, depth = [""], 0
    for glyph in text:
        depth += (glyph == "[") - (glyph == "]")
        if glyph == "," and not depth:
            parts.append("")
        else:
            parts[-1] += glyph
    names = [part.strip() for part in parts]
    if len(names) != 2 or not all(names):
        raise UserError("race", f"'{text[:40]}' is not two weights", "--by w,b")
    return names
