"""Records of captured steps for the tests, made with NumPy as a recorder would make them: no framework is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.source.captured.record import (
    FLOATS,
    Backward,
    Event,
    Group,
    Module,
    Moved,
    Record,
    Site,
    Stats,
    Step,
    Update,
    Value,
)

SGD = "torch.optim.sgd.SGD"


class MadeRecord(Record):
    """A record in memory. `given`, `call`, `backward` and `update` are what a recorder does, in the order of the
    program; each value is kept as it is given, in its own kind of number."""

    def __init__(self) -> None:
        self.step = Step(about={"framework": "PyTorch", "version": "2.13.0"})
        self.arrays: list[Array | None] = []

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self.arrays if array is not None)

    def array(self, value: int) -> Array | None:
        """The numbers of a value."""
        return self.arrays[value]

    def keep(self, array: Any, *, wants_grad: bool = False, name: str = "") -> int:
        """A value."""
        array = np.array(array)
        array.setflags(write=False)
        made = Value(
            len(self.arrays), array.dtype.name, array.shape, len(self.arrays), wants_grad=wants_grad, name=name
        )
        made.stats = stats(array) if made.dtype in FLOATS else None
        self.step.values.append(made)
        self.arrays.append(array)
        return made.id

    def given(self, array: Any, name: str = "", *, wants_grad: bool = False) -> int:
        """What the program was given: data, or (where `name` is one of a model's) a parameter."""
        value = self.keep(array, wants_grad=wants_grad, name=name)
        if wants_grad and name:
            self.step.parameters[name] = value
        return value

    def call(
        self,
        name: str,
        arguments: Sequence[Any],
        result: Any,
        *,
        settings: Mapping[str, Any] | None = None,
        module: str = "",
        line: int = 0,
        notes: Mapping[str, Any] | None = None,
    ) -> int:
        """A call that made one value. Values among the arguments are `V(id)`."""
        inputs = [int(item) for item in arguments if isinstance(item, V)]
        wants = any(self.step.values[i].wants_grad for i in inputs) and np.asarray(result).dtype.kind == "f"
        out = self.keep(result, wants_grad=wants)
        written = [{"v": int(item)} if isinstance(item, V) else item for item in arguments]
        site = Site("model.py", line, "Model.forward") if line else None
        number, said = len(self.step.events), dict(settings or {})
        event = Event(number, "forward", name, written, said, [out], inputs, {}, module, site, dict(notes or {}))
        self.step.events.append(event)
        if module:
            self.step.modules.setdefault(module, Module("Linear", True))
        return out

    def backward(self, loss: int, grads: Mapping[int, Any]) -> None:
        """A backward pass that gave these gradients."""
        kept = {value: self.keep(grad) for value, grad in grads.items()}
        self.step.backwards.append(Backward([(loss, None)], kept, after=len(self.step.events)))

    def update(self, kind: str, options: Mapping[str, Any], rows: Mapping[int, tuple[Any, Any]]) -> None:
        """An optimizer's step: parameter → (the gradient that it used, its new value)."""
        moved = [Moved(value, self.keep(grad), self.keep(after)) for value, (grad, after) in rows.items()]
        self.step.updates.append(Update(kind, [Group(dict(options), moved)], len(self.step.events)))


class V(int):
    """The number of a value, among the arguments of a call."""


def stats(array: Array) -> Stats:
    """What a recorder counts."""
    finite = array[np.isfinite(array)].astype(np.float64)
    least, largest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    size = float(np.abs(finite).mean()) if finite.size else 0.0
    return Stats(int(np.isnan(array).sum()), int(np.isinf(array).sum()), size, least, largest)


def two_layers(dtype: Any = np.float32, rate: float = 0.1, seed: int = 0) -> MadeRecord:
    """A step of two linear layers with a tanh between them, mean squared error, plain gradient descent."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(5, 3)).astype(dtype), random.normal(size=(5, 1)).astype(dtype)
    w1, b1 = random.normal(size=(4, 3)).astype(dtype), random.normal(size=4).astype(dtype)
    w2, b2 = random.normal(size=(1, 4)).astype(dtype), random.normal(size=1).astype(dtype)
    z = x @ w1.T + b1
    h = np.tanh(z)
    p = h @ w2.T + b2
    loss = np.mean((p - y) ** 2, dtype=dtype)
    dp = (2 * (p - y) / y.size).astype(dtype)
    dh = dp @ w2
    dz = (dh * (1 - h * h)).astype(dtype)
    made = MadeRecord()
    linear = "torch.nn.functional.linear"
    data, target = made.given(x), made.given(y)
    names = {"hidden.weight": w1, "hidden.bias": b1, "out.weight": w2, "out.bias": b2}
    weights = [made.given(array, name, wants_grad=True) for name, array in names.items()]
    first = made.call(linear, [V(data), V(weights[0]), V(weights[1])], z, module="hidden", line=10)
    second = made.call("torch.tanh", [V(first)], h, line=10)
    third = made.call(linear, [V(second), V(weights[2]), V(weights[3])], p, module="out", line=11)
    last = made.call("torch.nn.functional.mse_loss", [V(third), V(target)], loss, line=20)
    grads = {third: dp, second: dh, first: dz}
    flows = dict(zip(weights, (dz.T @ x, dz.sum(0), dp.T @ h, dp.sum(0)), strict=True))
    made.backward(last, {**grads, **flows})
    step = dtype(rate)
    made.update(SGD, {"lr": rate}, {
        value: (grad, array - step * grad) for (value, grad), array in zip(flows.items(), names.values(), strict=True)
    })  # fmt: skip
    return made
