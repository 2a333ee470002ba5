"""A training step of a plain NumPy program as a captured step: `python numpy_capture.py step.bptui`, then `bptui run`.

The program is `train`: a layer of tanh units, a linear layer, the mean squared error, its gradients as derived on
paper, and SGD. `Notebook` is what a writer for another framework needs: it gives each array a number, notes which
function made which from which, and writes all of it down. docs/captured-file.md says what each row holds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from bptui.model.source.captured.file import Writer
from bptui.model.source.captured.record import Backward, Event, Group, Module, Moved, Site, Step, Update, Value

Array = np.ndarray


class Notebook:
    """Notes one training step, and writes it."""

    def __init__(self, path: str) -> None:
        self.writer, self.step = Writer(Path(path)), Step()
        self.numbers: dict[int, int] = {}
        self.arrays: list[Array] = []  # kept, so that no other array gets the id of one that is gone

    def value(self, array: Array, name: str = "", gradient: bool = True) -> int:
        """The number of an array; a new one for an array that was not met before."""
        if id(array) not in self.numbers:
            self.numbers[id(array)] = number = len(self.step.values)
            self.arrays.append(array)
            kept = np.array(array, order="C")  # a copy: what the program does later is not seen in it
            blob = self.writer.blob(kept, kept.dtype.name)
            strides = tuple(stride // kept.itemsize for stride in kept.strides)
            place = (0, strides)
            self.step.values.append(Value(number, kept.dtype.name, kept.shape, blob, 0, strides, place, gradient, name))
        return self.numbers[id(array)]

    def call(self, name: str, result: Array, *inputs: Array, module: str = "") -> Array:
        """Note that a function of PyTorch's documentation, by its full name, would make this result of these inputs."""
        read = [self.value(array) for array in inputs]
        caller = sys._getframe(1)
        site = Site(Path(caller.f_code.co_filename).name, caller.f_lineno, caller.f_code.co_name)
        arguments: list[Any] = [{"v": number} for number in read]
        made = [self.value(result)]
        self.step.events.append(
            Event(len(self.step.events), "forward", name, arguments, {}, made, read, module=module, site=site)
        )
        return result

    def backward(self, loss: Array, gradients: list[tuple[Array, Array]]) -> None:
        """Note a backward pass from a loss: arrays and their gradients, in the order in which they were computed."""
        grads = {self.value(array): self.value(gradient, gradient=False) for array, gradient in gradients}
        self.step.backwards.append(Backward([(self.value(loss), None)], grads, after=len(self.step.events)))

    def update(self, kind: str, options: dict[str, Any], moved: list[tuple[Array, Array, Array]]) -> None:
        """Note a step of an optimizer of PyTorch's: each parameter, the gradient that it used, what it became."""
        rows = [Moved(self.value(old), self.value(used), self.value(new)) for old, used, new in moved]
        self.step.updates.append(Update(kind, [Group(options, rows)], after=len(self.step.events)))

    def close(self, parameters: dict[str, Array], modules: dict[str, str]) -> None:
        """Write the step."""
        self.step.parameters = {name: self.value(array) for name, array in parameters.items()}
        self.step.modules = {path: Module(kind, True) for path, kind in modules.items()}
        own = Path(__file__).read_text(encoding="utf-8").splitlines()
        self.step.sources = {Path(__file__).name: dict(enumerate(own, 1))}
        self.step.about = {"framework": "NumPy", "version": np.__version__, "reason": "asked for", "step": 0}
        self.writer.close(self.step)


def train(path: str) -> None:
    """One training step, written down."""
    draw, note = np.random.default_rng(0), Notebook(path)
    x, y = draw.normal(size=(5, 3)), draw.normal(size=(5, 2))
    w1, b1 = draw.normal(size=(3, 4)), np.zeros(4)
    w2, b2 = draw.normal(size=(4, 2)), np.zeros(2)
    parameters = {"hidden.weight": w1, "hidden.bias": b1, "out.weight": w2, "out.bias": b2}
    for name, array in parameters.items():
        note.value(array, name)
    for name, array in {"x": x, "y": y}.items():
        note.value(array, name, gradient=False)

    p = note.call("torch.matmul", x @ w1, x, w1, module="hidden")
    a = note.call("torch.add", p + b1, p, b1, module="hidden")
    h = note.call("torch.tanh", np.tanh(a), a, module="hidden")
    q = note.call("torch.matmul", h @ w2, h, w2, module="out")
    z = note.call("torch.add", q + b2, q, b2, module="out")
    loss = note.call("torch.nn.functional.mse_loss", np.array(np.mean((z - y) ** 2)), z, y)

    gz = 2 * (z - y) / z.size
    gh = gz @ w2.T
    ga = gh * (1 - h**2)
    gradients = [(b2, gz.sum(0)), (w2, h.T @ gz), (b1, ga.sum(0)), (w1, x.T @ ga)]
    note.backward(loss, [(loss, np.ones(())), (z, gz), (q, gz), (h, gh), (a, ga), (p, ga), *gradients])

    options = {"lr": 0.1, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False}
    note.update("torch.optim.sgd.SGD", options, [(w, g, w - 0.1 * g) for w, g in gradients])
    note.close(parameters, {"hidden": "Tanh layer", "out": "Linear"})


if __name__ == "__main__":
    train(sys.argv[1])
