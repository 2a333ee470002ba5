"""A captured step without PyTorch: a step of this engine, written down as a recorder would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.debugger.diff.calls import calls
from bptui.model.debugger.diff.gaps import count
from bptui.model.engine.recording import Recording
from bptui.model.engine.training import Training
from bptui.model.source.captured.network import network_of
from bptui.model.source.captured.record import (
    Backward,
    Event,
    Group,
    Module,
    Moved,
    Record,
    Site,
    Step,
    Update,
    Value,
)
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.network import from_formula

FORMULA = """
h = layer_norm(x, g, c, eps={eps})
z = linear(h, W, k)
a = {activation}(z)
u = linear(a, V)
L = mse(u, y)
"""


class Remembered(Record):
    """A record whose numbers are in memory; it counts how often each is read."""

    def __init__(self) -> None:
        self.step = Step()
        self.arrays: list[Array] = []
        self.reads: dict[int, int] = {}

    def add(self, array: Array, **about: Any) -> int:
        """A new value."""
        number = len(self.step.values)
        self.step.values.append(Value(number, array.dtype.name, array.shape, number, **about))
        self.arrays.append(array)
        return number

    def array(self, value: int) -> Array:
        self.reads[value] = self.reads.get(value, 0) + 1
        return self.arrays[value]

    def counted(self) -> Remembered:
        """The same, of which only was kept what is counted of its numbers."""
        for value, array in zip(self.step.values, self.arrays, strict=True):
            value.stats = count(array)
        self.array = lambda value: None  # type: ignore[method-assign]
        return self

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays)


def engine(
    eps: float = 1e-5, activation: str = "relu", seed: int = 0, rate: float = 0.1, width: int = 5, hidden: int = 4
) -> Recording:
    """Training step 0 of a small network, in float64."""
    rng = np.random.default_rng(seed)
    given = {
        "x": rng.normal(size=(3, width)), "g": np.ones(width), "c": np.zeros(width),
        "W": rng.normal(size=(hidden, width)), "k": rng.normal(size=hidden), "V": rng.normal(size=(2, hidden)),
        "y": rng.normal(size=(3, 2)),
    }  # fmt: skip
    network = from_formula(FORMULA.format(eps=eps, activation=activation), given, ["g", "c", "W", "k", "V"],
                           learning_rate=rate)  # fmt: skip
    return Training(network).recording(0)


TORCH = {"affine": "linear", "mse": "mse_loss"}
"""What PyTorch calls what bptui calls otherwise."""
Changed = Callable[[str, Array], Array]
"""What becomes of the numbers of a record, by their names: `h`, `grad h`, `new W`."""


def unchanged(name: str, array: Array) -> Array:
    """Nothing."""
    return array


def record(
    run: Recording, dtype: str = "float32", change: Changed = unchanged, names: Mapping[str, str] = TORCH
) -> Remembered:
    """What a recorder would write of a run."""
    made, graph = Remembered(), run.graph
    values: dict[int, int] = {}

    def value(i: int) -> int:
        if i not in values:
            node = graph.nodes[i]
            array = change(node.name, np.asarray(run.value(i)).astype(dtype))
            values[i] = made.add(array, wants_grad=node.wants_grad, name=node.name if node.role == "param" else "")
        return values[i]

    for call in calls(run):
        inputs = [value(i) for i in call.inputs]
        outs = [value(i) for i in call.results]
        name = graph.nodes[call.results[0]].name
        args: list[Any] = [{"v": v} for v in inputs]
        kwargs: dict[str, Any] = {}
        if call.kind == "layer_norm":
            eps = next(graph.nodes[k].value for i in call.nodes for k in graph.nodes[i].inputs
                       if graph.nodes[k].role == "const")  # fmt: skip
            kwargs = {"weight": args[1], "bias": args[2], "eps": float(np.asarray(eps))}
            args = [args[0], [graph.nodes[call.results[0]].shape[-1]]]
        function = names.get(call.kind, call.kind)
        site = Site("model.py", 10 + call.number, "forward")
        made.step.events.append(Event(len(made.step.events), "forward", f"torch.nn.functional.{function}", args, kwargs,
                                      outs, inputs, module=f"net.{name}", site=site))  # fmt: skip
        made.step.modules[f"net.{name}"] = Module("Layer", True)
    losses = [(values[graph.loss], None)]
    grads = {}
    for i, v in values.items():
        grad = run.grad(i)
        if grad is not None:
            grads[v] = made.add(change(f"grad {graph.nodes[i].name}", grad.astype(dtype)))
    made.step.backwards.append(Backward(losses, grads, after=len(made.step.events)))
    rows = []
    for node in graph.params:
        after = made.add(change(f"new {node.name}", np.asarray(run.after(node)).astype(dtype)), name=node.name)
        rows.append(Moved(values[node.id], grads[values[node.id]], after))
        made.step.parameters[node.name] = values[node.id]
    options = {"lr": run.optimizer.learning_rate, "momentum": 0, "weight_decay": 0, "nesterov": False}
    made.step.updates.append(Update("torch.optim.sgd.SGD", [Group(options, rows)], len(made.step.events)))
    return made


def captured(*, dtype: str = "float32", change: Changed = unchanged, **how: Any) -> CapturedRecording:
    """A captured step, as a Recording."""
    return network_of(record(engine(**how), dtype, change), "step.bptui").recording
