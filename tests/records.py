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


RELU, ADD, LINEAR, LOG = "torch.Tensor.relu", "torch.Tensor.add", "torch.nn.functional.linear", "torch.Tensor.log"


def blocks(count: int = 2, born: bool = False) -> MadeRecord:
    """A step of a model with residual blocks, each in a module of its own: embed, blocks.0, …, head. `born`: before the
    head there is a log of numbers that are not positive, whose NaN reaches the loss and each parameter before it.

        x = self.embed(x)                      model.py:20     h = self.up(x).relu()    model.py:10, in each block
        x = blocks(x)                          model.py:21     h = self.down(h)         model.py:11
        return self.head(x.log()) or head(x)   model.py:22     return x + h             model.py:12
    """
    random = np.random.default_rng(3)
    made, weights = MadeRecord(), {}

    def weight(name: str, *shape: int) -> V:
        array = (random.normal(size=shape) / (1 + count)).astype(np.float32)
        weights[name] = V(made.given(array, name, wants_grad=True))
        return weights[name]

    def linear(x: V, path: str, out: int, line: int) -> V:
        w, b = weight(f"{path}.weight", out, made.arrays[x].shape[-1]), weight(f"{path}.bias", out)
        tape.append(("linear", x, w, b))
        y = product(made.arrays[x], made.arrays[w].T) + made.arrays[b]
        return _done(V(made.call(LINEAR, [x, w, b], y, module=path, line=line)))

    def _done(y: V) -> V:
        tape[-1] = (*tape[-1], y)
        return y

    tape: list[tuple[Any, ...]] = []
    data, target = (
        V(made.given(random.normal(size=(4, 3)).astype(np.float32))),
        V(made.given(random.normal(size=(4, 1)).astype(np.float32))),
    )
    x = linear(data, "embed", 5, 20)
    for n in range(count):
        path = f"blocks.{n}"
        h = linear(x, f"{path}.up", 6, 10)
        tape.append(("relu", h))
        h = _done(V(made.call(RELU, [h], np.maximum(made.arrays[h], 0), module=path, line=10)))
        h = linear(h, f"{path}.down", 5, 11)
        tape.append(("add", x, h))
        x = _done(V(made.call(ADD, [x, h], made.arrays[x] + made.arrays[h], module=path, line=12)))
    if born:
        tape.append(("log", x))
        with np.errstate(all="ignore"):
            x = _done(V(made.call(LOG, [x], np.log(made.arrays[x]), line=22)))
    y = linear(x, "head", 1, 22)
    difference = made.arrays[y] - made.arrays[target]
    loss = made.call(
        "torch.nn.functional.mse_loss", [y, target], np.float32(np.mean(difference**2, dtype=np.float64)), line=30
    )
    made.backward(loss, _flows(made, tape, {y: (2 * difference / difference.size).astype(np.float32)}))
    grads = made.step.backwards[0].grads
    made.update(SGD, {"lr": 0.1}, {
        value: (made.arrays[grads[value]], made.arrays[value] - np.float32(0.1) * made.arrays[grads[value]])
        for value in weights.values()
    })  # fmt: skip
    kinds = {"embed": "Linear", "blocks": "ModuleList", "head": "Linear"}
    made.step.modules.update({path: Module(kind, True) for path, kind in kinds.items()})
    made.step.modules.update({f"blocks.{n}": Module("Block", True) for n in range(count)})
    made.step.sources["model.py"] = {
        8: "class Block:", 9: "    def forward(self, x):", 10: "        h = self.up(x).relu()",
        11: "        h = self.down(h)", 12: "        return x + h", 13: "",
    }  # fmt: skip
    return made


def product(a: Array, b: Array) -> Array:
    """A matrix product in float32, added up in float64: the same on every kernel of the BLAS."""
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)


def _flows(made: MadeRecord, tape: Sequence[tuple[Any, ...]], grads: dict[int, Any]) -> dict[int, Any]:
    """The gradients of all that a tape of calls read: what PyTorch's rules give."""

    def add(value: int, grad: Any) -> None:
        if made.step.values[value].wants_grad:
            grads[value] = grads[value] + grad if value in grads else grad

    with np.errstate(all="ignore"):
        for kind, *values, out in reversed(tape):
            g, arrays = grads[out], [made.arrays[value] for value in values]
            if kind == "linear":
                add(values[0], product(g, arrays[1]))
                add(values[1], product(g.T, arrays[0]))
                add(values[2], product(np.ones((1, len(g)), np.float32), g)[0])
            elif kind == "relu":
                add(values[0], np.where(arrays[0] > 0, g, np.float32(0)))
            elif kind == "log":
                add(values[0], g / arrays[0])
            else:
                add(values[0], g)
                add(values[1], g)
    return grads
