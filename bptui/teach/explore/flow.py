"""Gradient flow: how large the gradient of each layer's weights is, judged; and the same seed with one switch turned.

Sizes are means of |∂L/∂weight| of a training step that the engine ran. Whether a switch helps is not advised but
tried: the network is trained, on the same seed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.findings.subject import Subject
from bptui.model.debugger.findings.symptoms import constant_answer
from bptui.model.debugger.findings.trial import trained
from bptui.model.engine.history import History
from bptui.model.source.network import Network, from_mapping

STEPS = 1_000
Mark = Literal["healthy", "warning", "critical"]


@dataclass(frozen=True)
class Preset:
    """What is healthy: from `low` to `high`, both included; critical is what lies outside of `least` to `most`, which
    are warnings still. `relative`: sizes are over that of the last layer's gradient."""

    name: str
    relative: bool
    least: float
    low: float
    high: float
    most: float

    def judge(self, size: float) -> Mark:
        """Of a size (NaN: critical)."""
        if self.low <= size <= self.high:
            return "healthy"
        return "warning" if self.least <= size <= self.most else "critical"


RELATIVE = Preset("relative", True, 0.01, 0.1, 10.0, 100.0)
"""Decades of the last layer's gradient: of what one layer makes smaller than the next, only the product matters."""
LESSON = Preset("lesson", False, 0.01, 0.1, 0.5, 1.0)
"""The legend of an interactive lesson on backpropagation: healthy 0.1 to 0.5, critical below 0.01 or above 1.0. Its
bounds are not said; with 0.1 and 0.5 healthy, 0.01 and 1.0 warnings, all ten bars of its figure come out as drawn."""
FIGURE: Mapping[str, Sequence[float]] = {
    "sigmoid": (0.124, 0.090, 0.007, 0.002, 0.001),
    "relu": (0.240, 0.176, 0.474, 0.442, 0.259),
}
"""The ten bars of that lesson's figure, from its page. Layer 1 has the largest of the sigmoids', so that its layers can
only be counted from the loss."""
EXPLODES = 0.25
"""Part of its weights by which one step changes a layer, on average over the layers, from which on that is exploding.
Ours: the examples that learn have 0.003 to 0.16, deep-relu with weights of standard deviation 2 has 0.36 to 0.43."""


class Layer(NamedTuple):
    """A layer's weights: its name, the mean size of their gradient, and that of their change over their own."""

    name: str
    size: float
    update: float


@dataclass(frozen=True)
class Flow:
    """All layers with weights of a training step, from the input on."""

    layers: tuple[Layer, ...]
    loss: float

    def sizes(self, preset: Preset) -> tuple[float, ...]:
        """The sizes as the preset takes them."""
        last = self.layers[-1].size
        with np.errstate(all="ignore"):
            return tuple(
                float(np.float64(layer.size) / last) if preset.relative else layer.size for layer in self.layers
            )

    @property
    def known(self) -> bool:
        """Has any of its numbers been computed? NaN is a number, too, where the update is there."""
        return any(not (math.isnan(layer.size) and math.isnan(layer.update)) for layer in self.layers)

    @property
    def explodes(self) -> bool:
        """Is it large in its layers alike? A relative rule does not see that: the update against the weights does, and
        a number that is not finite."""
        return not all(math.isfinite(layer.size) for layer in self.layers) or self.update > EXPLODES

    @property
    def update(self) -> float:
        """The part of its weights by which the step changes a layer, on average over the layers; 0 where none says."""
        updates = [layer.update for layer in self.layers if math.isfinite(layer.update)]
        return sum(updates) / len(updates) if updates else 0.0

    def verdict(self, preset: Preset) -> Literal["exploding", "vanishing", "weak", "large", "arrives"]:
        """What is to be said of all of it: the worst of its layers."""
        if self.explodes:
            return "exploding"
        sizes = self.sizes(preset)
        marks = [preset.judge(size) for size in sizes]
        for mark, words in (("critical", ("vanishing", "exploding")), ("warning", ("weak", "large"))):
            found = [size for size, each in zip(sizes, marks, strict=True) if each == mark]
            if found:
                return words[min(found) > preset.high]  # type: ignore[return-value]
        return "arrives"


def flow(history: History, step: int) -> Flow:
    """The flow of a training step. UserError where the network has no weights."""
    recording = history.recording(step)
    layers = []
    for node in recording.graph.params:
        gradient = recording.grad(node)
        if len(node.shape) < 2 or gradient is None or not gradient.size:
            continue
        before, after = recording.before(node), recording.after(node)
        update = math.nan
        with np.errstate(all="ignore"):
            if before is not None and after is not None:
                size = float(np.mean(np.abs(before)))
                change = float(np.mean(np.abs(np.subtract(after, before))))
                update = change / size if size else math.nan
            layers.append(Layer(node.scope or node.name, float(np.mean(np.abs(gradient))), update))
    short = [layer.name.partition(".")[0] for layer in layers]
    if len(set(short)) == len(short):
        layers = [layer._replace(name=name) for layer, name in zip(layers, short, strict=True)]
    if not layers:
        raise UserError("flow", "there are no layers with weights in it", "bptui explore flow deep-sigmoid")
    return Flow(tuple(layers), recording.loss)


# ----------------------------------------------------------------------------------------------------------- switches
@dataclass(frozen=True)
class Switch:
    """One change of a network's file: what it is called, and the change; None where it does not apply. `hope`: what is
    said where it did not help, with the kind of trouble that it is meant for."""

    name: str
    change: Callable[[dict[str, Any]], dict[str, Any] | None]
    fails: str = ""
    learns: str = ""


def _hidden(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The dense layers with an activation."""
    layers = content.get("layers")
    found = layers if isinstance(layers, list) else []
    return [each for each in found if each.get("kind") == "dense" and _word(each) != "linear"]


def _word(layer: Mapping[str, Any]) -> str:
    given = layer.get("activation", "linear")
    return str(given.get("kind", "linear")) if isinstance(given, Mapping) else str(given)


def _activation(name: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """Another activation in all hidden layers, with the initial weights that go with it by default."""

    def change(content: dict[str, Any]) -> dict[str, Any] | None:
        hidden = _hidden(content)
        if all(_word(layer) == name for layer in hidden):
            return None
        for layer in hidden:
            layer["activation"] = name
            layer.pop("init", None)
        return content if hidden else None

    return change


def _he(content: dict[str, Any]) -> dict[str, Any] | None:
    for layer in _hidden(content):
        layer["init"] = "he_uniform"
    return content


def _normalised(content: dict[str, Any]) -> dict[str, Any] | None:
    """batch_norm before each activation."""
    hidden = _hidden(content)
    made = []
    for number, layer in enumerate(content["layers"], 1):
        layer.setdefault("name", f"layer{number}")
        if layer not in hidden:
            made.append(layer)
            continue
        word = layer.pop("activation")
        made += [layer, {"kind": "batch_norm", "name": f"{layer['name']}_norm"},
                 {"kind": "activation", "activation": word, "name": f"{layer['name']}_act"}]  # fmt: skip
    return {**content, "layers": made}


def _residual(content: dict[str, Any]) -> dict[str, Any] | None:
    """Each hidden layer that keeps its width inside of a residual: layer1 changes it, and stands before the first."""
    made, width, changed = [], None, False
    for number, layer in enumerate(content["layers"], 1):
        name = layer.get("name", f"layer{number}")
        if layer in _hidden(content) and layer.get("units") == width:
            made.append({"kind": "residual", "name": name, "layers": [layer]})
            changed = True
        else:
            made.append({**layer, "name": name})
        width = layer.get("units")
    return {**content, "layers": made} if changed else None


def _clipped(content: dict[str, Any]) -> dict[str, Any] | None:
    return {**content, "optimizer": {**content.get("optimizer", {}), "clip_norm": 1.0}}


def _adam(content: dict[str, Any]) -> dict[str, Any] | None:
    """Adam at its usual rate: that of plain descent means something else to it."""
    if content.get("optimizer", {}).get("kind") == "adam":
        return None
    return {**content, "optimizer": {"kind": "adam"}}


SWITCHES = (
    Switch("relu, he init", _activation("relu")),
    Switch("leaky_relu, he init", _activation("leaky_relu"), learns="learns, and cannot die"),
    Switch("tanh", _activation("tanh")),
    Switch("batch_norm", _normalised),
    Switch("residual from layer2 on", _residual, "layer1 stands before the skip"),
    Switch("he init alone", _he, "not enough for {activation}s"),
    Switch("clip the norm at 1.0", _clipped, "is for exploding ones"),
    Switch("adam in the place of {optimizer}", _adam, learns="learns: it rescales each step"),
)


@dataclass
class Course:
    """A network that is trained: its history, and what became of it after STEPS (None: not yet), or after so many as
    were `trained` in the time that it has. `losses` are those of all steps until there, (trained + 1,)."""

    name: str
    network: Network
    switch: Switch | None = None
    history: History = field(init=False, repr=False)
    reached: float | None = None
    trained: int = 0
    losses: Array = field(default_factory=lambda: np.empty(0), repr=False)
    _flows: dict[int, Flow] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.history = self.network.history()

    def flow(self, step: int) -> Flow | None:
        """The flow of a training step, None while that is not computed."""
        return self._flows.get(step)

    def see(self, step: int, tick: Callable[[int, int], None]) -> None:
        """Compute the flow of a training step."""
        if step not in self._flows:
            self.history.seek(step, tick)
            self._flows[step] = flow(self.history, step)

    def train(self, tick: Callable[[int, int], None]) -> None:
        """Train STEPS steps, as long as it takes at most; what was reached is the loss after the last of them."""
        done = trained(self.history, STEPS + 1, tick)
        self.trained = done - 1
        _ = self.guess  # here, where the history is nobody else's
        self.losses = np.array(self.history.losses[:done], np.float64)
        self.reached = float(self.history.losses[done - 1])

    @property
    def learned(self) -> bool | None:
        """Did the loss fall to less than half of what it was, and of what the best answer costs that is the same for
        every sample? None while it is not trained."""
        if self.reached is None:
            return None
        first = float(self.history.losses[0])
        return self.reached < 0.5 * (first if self.guess is None else min(first, self.guess))

    @cached_property
    def guess(self) -> float | None:
        """What the best answer costs that is the same for every sample: ln 2 for as many of one class as of the other;
        None where the loss is no such thing."""
        return constant_answer(Subject(Branch(self.network, self.history), 1))

    @property
    def outcome(self) -> str:
        """What became of it, in words; "" while it is not trained."""
        if self.reached is None:
            return ""
        first, last = float(self.history.losses[0]), self.reached
        if not math.isfinite(last):
            return "flies away"
        if self.learned:
            return (self.switch.learns if self.switch is not None else "") or "learns"
        if self.guess is not None and math.isclose(last, self.guess, rel_tol=2e-3):
            two = math.isclose(self.guess, math.log(2), rel_tol=1e-6)
            guess = f"guesses: {'ln 2 = ' if two else ''}{self.guess:.4f}"
            return guess if self.switch is None else self._fails or guess
        return self._fails or ("learns a little" if last < 0.95 * first else "does not learn")

    @property
    def _fails(self) -> str:
        """What is said of a switch that is meant for something else, where the gradient vanishes all the same."""
        flow = self.flow(0)
        if self.switch is None or flow is None or flow.verdict(RELATIVE) != "vanishing":
            return ""
        hidden = _hidden(dict(self.network.document.content)) if self.network.document is not None else []
        return self.switch.fails.format(activation=_word(hidden[0]) if hidden else "")


def courses(network: Network) -> list[Course]:
    """The network as it is, and with each switch that applies to it, on the same seed."""
    document = network.document
    content = dict(document.content) if document is not None else {}
    hidden = _hidden(content)
    name = f"{_word(hidden[0])}, as it is" if hidden else "as it is"
    found = [Course(name, network)]
    if document is None or not hidden:
        return found
    for switch in SWITCHES:
        try:
            changed = switch.change(copy.deepcopy(content))
            if changed is None:
                continue
            made = from_mapping(changed, document.where, document.folder)
        except UserError:
            continue  # the file says something that does not go with it
        told = switch.name.format(optimizer=content.get("optimizer", {}).get("kind", "sgd"))
        found.append(Course(told, replace(made, name=network.name), switch))
    return found
