"""What is played with, as a value: the document of a network over the plane, and what is the playground's own.

A setting is a view of the document (`bptui.teach.play.settings`): what is trained is what a network file would say, and
`write` writes that file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bptui.model.base.errors import UserError
from bptui.model.source.datasets import DATASETS
from bptui.model.source.document import Document, Place
from bptui.model.source.network import Network, from_mapping, load
from bptui.teach.play.output import last_layer

NAME = "play"
MAX_LAYERS, MAX_UNITS, MAX_SAMPLES = 12, 64, 2_000
STRIDES = (1, 10, 100, 1_000)
POINTS = ("training", "test")
SHARES = (10, 20, 30, 50, 70, 90)
FIRST: Mapping[str, Any] = {
    "name": NAME,
    "seed": 1,
    "data": {"dataset": "circle", "samples": 120, "noise": 0.2, "features": ["x1", "x2"], "batch_size": 10},
    "layers": [
        {"kind": "dense", "units": 4, "activation": "tanh", "init": "xavier_uniform"},
        {"kind": "dense", "units": 2, "activation": "tanh", "init": "xavier_uniform"},
        {"kind": "dense", "units": 1, "activation": "sigmoid", "init": "xavier_uniform"},
    ],
    "loss": {"kind": "bce"},
    "optimizer": {"kind": "adam", "learning_rate": 0.03},
}
"""What the playground opens with."""


@dataclass(frozen=True)
class Setup:
    """document  of the network · stride  training steps of one key · share  test points, in percent of all points
    points  which points are drawn: training or test · discretize  the output's map says only on which side a place lies
    """

    document: Document
    stride: int = 10
    share: int = 30
    points: str = "training"
    discretize: bool = False

    def value(self, *path: str | int) -> Any:
        """What stands in the document, None for nothing."""
        return self.document.value(path)

    def changed(self, path: Place, value: Any) -> Setup:
        """With another value in the document, whose table is made where there is none."""
        document = self.document
        if len(path) > 1 and document.value(path[:1]) is None:
            document = document.changed(path[:1], {})
        return replace(self, document=document.changed(path, value))

    @property
    def layers(self) -> Sequence[Mapping[str, Any]]:
        """The tables of the layers."""
        return tuple(self.document.content["layers"])

    @property
    def dataset(self) -> str | None:
        """The data set that is drawn, None where the file gives its points."""
        found = self.value("data", "dataset")
        return found if isinstance(found, str) else None

    @property
    def loss(self) -> str:
        """The kind of loss."""
        return str(self.value("loss", "kind"))

    @property
    def title(self) -> str:
        """What is played with, in a word: the data set, or the network of a file."""
        own = self.document.where == NAME
        return self.dataset or "file" if own else str(self.value("name") or Path(self.document.where).stem)

    @property
    def samples(self) -> int | None:
        """How many points are drawn to train with; None where the file gives them."""
        return None if self.dataset is None else self.value("data", "samples") or DATASETS[self.dataset][1]

    @property
    def noise(self) -> float | None:
        """The standard deviation of what is added to each; None where the file gives them."""
        found = self.value("data", "noise")
        return None if self.dataset is None else DATASETS[self.dataset][2] if found is None else float(found)

    @property
    def test_points(self) -> int:
        """How many points are drawn to test with; 0 where none can be drawn."""
        samples = self.samples
        return max(1, round(samples * self.share / (100 - self.share))) if samples else 0

    def network(self) -> Network:
        """What is trained; a UserError where the document is none."""
        return from_mapping(self.document.content, self.document.where, self.document.folder)

    def fitted(self) -> Setup:
        """With the last layer that its loss asks for."""
        units, activation = last_layer(self.loss, self.dataset)
        *rest, last = self.layers
        if (last.get("units"), last.get("activation", "linear")) == (units, activation):
            return self
        kept = {key: value for key, value in last.items() if key not in ("weight", "bias", "activation")}
        word = {} if activation == "linear" else {"activation": activation}
        return self.changed(("layers",), [*rest, {**kept, "units": units, **word}])


def opened(target: str | None) -> Setup:
    """What is played with: a network file or an example, or, without one, what the playground opens with. UserError
    where it is no network of dense layers over two inputs with one answer."""
    if target is None:
        return Setup(Document(FIRST, NAME))
    return shown(load(target))


def shown(network: Network) -> Setup:
    """What is played with of a network that is there already; UserError as above, or where a program made it."""
    document = network.document
    if document is None:
        raise UserError(network.name, "was made by a program, and the playground changes what a network file says")
    _refuse(network, document)
    return Setup(document)


def _refuse(network: Network, document: Document) -> None:
    """A UserError where the playground cannot show a network; it says what can."""
    instead = f"bptui run {document.where[:60]} shows any network"
    if "layers" not in document.content:
        raise UserError(document.where, "is a formula, and the playground draws layers", instead)
    other = [str(table.get("kind")) for table in document.content["layers"] if table.get("kind") != "dense"]
    if other:
        raise UserError(document.where, f"has a layer {other[0]}, and the playground draws dense ones", instead)
    inputs = network.graph.by_name["x"].shape
    features = document.value(("data", "features"))
    if features is None and (len(inputs) != 2 or inputs[1] != 2):
        told = "x".join(map(str, inputs[1:])) or "no"
        raise UserError(document.where, f"has {told} inputs, and the playground draws a plane of two", instead)
    prediction = network.graph.by_name["prediction"].shape
    if prediction[1:] != (1,) and not network.graph.by_name["y"].whole:
        told = "x".join(map(str, prediction[1:]))
        raise UserError(document.where, f"has {told} outputs, and the playground draws one, or classes", instead)
