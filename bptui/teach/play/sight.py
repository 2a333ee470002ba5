"""What a network makes of the plane: every neuron over a lattice of points, the answers at the training and the test
points. The engine runs it: one forward pass over all points at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.schema import Table
from bptui.model.base.types import Array
from bptui.model.engine.program import Program
from bptui.model.source.network import Network, from_mapping
from bptui.model.source.plane import FEATURES
from bptui.model.source.tables import read
from bptui.teach.play.output import Answer, answer_of
from bptui.teach.play.setup import Setup

SIZES = (60, 30, 15)
"""Points of the lattice along each axis: the most that a network has room for. A map takes those it has pixels for."""
MOST_NUMBERS = 2**21
"""Numbers that all neurons together have over the lattice: their gradients, too, are 64 MB in the engine's arena."""
MOST_POINTS = 5_000
"""Training points that are looked at; of more, as many, evenly spaced."""
MARGIN = 0.05
"""Of the plane around the points, in parts of its width."""
DRAWN_EDGE = 6.0
"""How far the plane of the drawn data sets is shown, where no point lies further out."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network makes of the plane at one training step.

    layers  of each layer its neurons over the lattice, (size², units), row after row from the top
    output  the answer over the lattice, (size, size)
    wrong, test_wrong  which training points, which test points lie on the wrong side
    right   how many training points do not, and of how many; None in a regression
    test    the loss over the test points, None where there are none
    """

    layers: tuple[Array, ...]
    output: Array
    wrong: Array
    test_wrong: Array
    right: tuple[int, int] | None
    test: float | None


class _Over:
    """A network over points of its own: what its program computes there with any parameters."""

    def __init__(self, setup: Setup, points: Array, targets: Array) -> None:
        data: dict[str, Any] = {"inputs": points, "targets": targets}
        if (features := setup.value("data", "features")) is not None:
            data["features"] = features
        content = {**setup.document.content, "data": data}
        network = from_mapping(content, setup.document.where, setup.document.folder)
        self.graph = network.graph
        self.program: Program = network.program()

    def run(self, parameters: Mapping[str, Array]) -> float:
        """The loss over all of the points; `value` says the rest then. Those that are not trained it has by itself."""
        trained = {node.name: parameters[node.name] for node in self.graph.params}
        return self.program.evaluate(self.program.adopted(self.program, trained), 0)

    def value(self, name: str) -> Array:
        """A node by its name, after `run`."""
        return self.program.value(self.graph.by_name[name])


class Sight:
    """points, targets  the training points in the plane, and what is wanted there; `test_points` and `test_targets`
    all_points  how many there are, also where fewer are looked at · size  points of the lattice along each axis
    edge    the plane that is shown reaches from -edge to edge around `centre`, in both directions
    names   of each layer the node that leaves it · answer  how the predictions are read
    """

    def __init__(self, setup: Setup, network: Network) -> None:
        self.setup = setup
        data = {key: value for key, value in (setup.value("data") or {}).items() if key != "features"}
        labels = network.graph.by_name["y"].whole
        self.size = _size(network, setup)
        self.points, self.targets = self._read(data, network.seed, labels)
        self.all_points = len(self.points)
        self.answer: Answer = answer_of(setup.loss, labels, self.targets, setup.dataset)
        self.centre, self.edge = _frame(self.points, setup.dataset is not None)
        self.names = tuple(_leaving(network, name) for name in names_of(setup))
        self.lattice = _lattice(self.centre, self.edge, self.size)
        if self.all_points > MOST_POINTS:
            kept = np.linspace(0, self.all_points - 1, MOST_POINTS).astype(int)
            self.points, self.targets = self.points[kept], self.targets[kept]
        any_target = np.repeat(self.targets[:1], len(self.lattice), axis=0)
        self._plane = _Over(setup, self.lattice, any_target)
        self._train = _Over(setup, self.points, self.targets)
        self.test_points, self.test_targets = self.points[:0], self.targets[:0]
        self._test: _Over | None = None
        if count := setup.test_points:
            seed = int(data.get("seed", network.seed)) + 1
            drawn = {**data, "samples": count, "seed": seed, "batch_size": None}
            drawn = {key: value for key, value in drawn.items() if value is not None}
            self.test_points, self.test_targets = self._read(drawn, seed, labels)
            self._test = _Over(setup, self.test_points, self.test_targets)

    def _read(self, data: Mapping[str, Any], seed: int, labels: bool) -> tuple[Array, Array]:
        setup = self.setup
        table = Table(data, setup.document.where, "data")
        inputs, targets, *_ = read(table, seed, setup.document.folder, drawn_for=setup.loss, labels=labels)
        return np.asarray(inputs, np.float64), np.asarray(targets, np.int64 if labels else np.float64)

    def look(self, parameters: Mapping[str, Array]) -> Seen:
        """What a network with these parameters makes of the plane."""
        with np.errstate(all="ignore"):
            self._plane.run(parameters)
            layers = tuple(self._plane.value(name) for name in self.names)
            output = self.answer.scores(self._plane.value("prediction")).reshape(self.size, self.size)
            self._train.run(parameters)
            wrong = self.answer.wrong(self._train.value("prediction"), self.targets)
            count = len(self.points)
            right = None if self.answer.kind == "number" else (count - int(np.count_nonzero(wrong)), count)
            test, test_wrong = None, wrong[:0]
            if self._test is not None:
                test = self._test.run(parameters)
                test_wrong = self.answer.wrong(self._test.value("prediction"), self.test_targets)
        return Seen(layers, output, wrong, test_wrong, right, test)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the network is shown of a point, by name."""
        return tuple(self.setup.value("data", "features") or ("x1", "x2"))

    def shown(self, name: str) -> Array:
        """One of the inputs over the lattice."""
        return FEATURES[name](self.lattice[:, 0], self.lattice[:, 1])

    def predict(self, parameters: Mapping[str, Array], point: tuple[float, float]) -> float:
        """The answer at one point of the plane."""
        over = _Over(self.setup, np.array([point]), self.targets[:1])
        over.run(parameters)
        return float(self.answer.scores(over.value("prediction"))[0])


def names_of(setup: Setup) -> list[str]:
    """Of the layers."""
    return [str(table.get("name", f"layer{number}")) for number, table in enumerate(setup.layers, 1)]


def _leaving(network: Network, layer: str) -> str:
    """The node that leaves a layer: its activation, or the sum itself where it is linear."""
    return f"{layer}.a" if f"{layer}.a" in network.graph.by_name else f"{layer}.z"


def _frame(points: Array, drawn: bool) -> tuple[tuple[float, float], float]:
    """(centre, half the width) of the plane that is shown: all points lie in it."""
    low, high = points.min(axis=0), points.max(axis=0)
    if drawn and np.abs(points).max() > 3:
        return (0.0, 0.0), max(DRAWN_EDGE, float(np.abs(points).max()) * (1 + MARGIN))
    middle = low / 2 + high / 2
    half = float((high - low).max()) / 2 * (1 + 2 * MARGIN)
    return (float(middle[0]), float(middle[1])), half if half > 0 else 1.0


def _size(network: Network, setup: Setup) -> int:
    """How fine the lattice is; a UserError where the network is too wide for any."""
    units = sum(network.graph.by_name[_leaving(network, name)].shape[-1] for name in names_of(setup))
    fitting = [size for size in SIZES if size * size * units <= MOST_NUMBERS]
    if not fitting:
        where = setup.document.where
        raise UserError(where, f"{units:,} neurons are too many for maps", f"bptui run {where[:60]} shows any network")
    return fitting[0]


def _lattice(centre: tuple[float, float], edge: float, size: int) -> Array:
    """The middles of size x size pixels, row after row from the top: (size², 2)."""
    along = (2 * (np.arange(size) + 0.5) / size - 1) * edge
    across, up = np.meshgrid(centre[0] + along, centre[1] - along)
    return np.stack((across.ravel(), up.ravel()), axis=1)
