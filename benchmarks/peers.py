"""One training step of a network by bptui and by its peers: hand-written NumPy, PyTorch eager, autograd and JAX.

All take turns in random order, a block of steps each; a ratio is the median over the rounds of (its time)/(plain
NumPy's time in the same round). Before anything is timed, every peer must arrive at the same losses.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program

Array = np.ndarray
Params = dict[str, Array]
Data = tuple[Params, Array, Array]
Step = Callable[[], float]


@dataclass(frozen=True)
class Model:
    """What is trained: the same network, written once for each peer.

    data    (dtype) → parameters, inputs, targets; the same numbers at each call
    ours    (builder, inputs, parameters) → the last node before the loss
    plain   (parameters, inputs, targets) → loss and gradients, derived on paper
    traced  (parameters, inputs, a NumPy) → logits, for peers that trace it: one row per label
    torch   (parameters, inputs, torch.nn.functional) → logits, one row per label
    block   so many steps are timed at once
    """

    name: str
    loss: Literal["mse", "cross_entropy"]
    optimizer: Optimizer
    data: Callable[[str], Data]
    ours: Callable[[Builder, Any, dict[str, Any]], Any]
    plain: Callable[[Params, Array, Array], tuple[float, Params]]
    traced: Callable[[Any, Any, Any], Any]
    torch: Callable[[Any, Any, Any], Any]
    block: int


@dataclass(frozen=True)
class Task:
    """A model in one dtype."""

    model: Model
    dtype: str

    @property
    def name(self) -> str:
        """How its rows begin."""
        return f"{self.model.name} {self.dtype}"

    def data(self) -> Data:
        """Parameters, inputs and targets; the same for all."""
        return self.model.data(self.dtype)


Peer = tuple[str, str, Callable[[Task], Step]]
"""A name, the module that it needs, and what makes its step of a task."""


# --------------------------------------------------------------------------------------------------------- ours
def plan(task: Task) -> Program:
    """The program that bptui makes of a task."""
    params, x, y = task.data()
    b = Builder(task.dtype)
    leaves = {k: b.leaf(k, "param", v) for k, v in params.items()}
    z = task.model.ours(b, b.leaf("x", "input", x, wants_grad=False), leaves)
    labels = task.model.loss == "cross_entropy"
    target = b.leaf("y", "target", y, wants_grad=False, whole=labels)
    loss = b.use(task.model.loss, z, target, **({"axis": -1} if labels else {}))
    return Program(b.finish(loss), task.model.optimizer, dtype=task.dtype)


def recording(task: Task) -> Step:
    """Ours, every step kept."""
    program = plan(task)
    return lambda: program.record().loss


def forwarding(task: Task) -> Step:
    """Ours, without looking."""
    program = plan(task)

    def step() -> float:
        program.run()
        return program.loss

    return step


# -------------------------------------------------------------------------------------------------------- peers
def softmax_loss(z: Array, y: Array) -> tuple[float, Array]:
    """The mean cross-entropy of rows of logits, and its gradient."""
    z = z - z.max(1, keepdims=True)
    e = np.exp(z)
    s = e.sum(1, keepdims=True)
    rows = np.arange(len(z))
    loss = (np.log(s[:, 0]) - z[rows, y]).mean()
    g = e / s
    g[rows, y] -= 1
    return float(loss), g / len(z)


def _descend(task: Task, both: Callable[[Params, Array, Array], tuple[float, Params]]) -> Step:
    """Loss and gradients from `both`, then SGD or Adam in NumPy."""
    params, x, y = task.data()
    first = {k: np.zeros_like(v) for k, v in params.items()}
    second = {k: np.zeros_like(v) for k, v in params.items()}
    lr, sgd, t = task.model.optimizer.learning_rate, task.model.optimizer.kind == "sgd", 0

    def step() -> float:
        nonlocal t
        loss, grads = both(params, x, y)
        t += 1
        for k, g in grads.items():
            if sgd:
                params[k] -= lr * g
                continue
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g * g
            params[k] -= lr / (1 - 0.9**t) * first[k] / (np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8)
        return float(loss)

    return step


def plain(task: Task) -> Step:
    """As one writes it by hand, gradients derived on paper."""
    return _descend(task, task.model.plain)


def _objective(task: Task, xp: Any) -> Callable[[Any, Any, Any], Any]:
    """The loss as a function of the parameters, in a NumPy that traces."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        z = task.model.traced(params, x, xp)
        if task.model.loss == "mse":
            return xp.mean((z - y) ** 2)
        z = z - xp.max(z, axis=1, keepdims=True)
        return xp.mean(xp.log(xp.sum(xp.exp(z), axis=1)) - z[xp.arange(len(z)), y.ravel()])

    return loss


def autograd(task: Task) -> Step:
    """HIPS autograd for the gradient, NumPy for the update."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    return _descend(task, value_and_grad(_objective(task, anp)))


def torch_eager(task: Task) -> Step:
    """PyTorch's usual loop, one thread."""
    import torch

    torch.set_num_threads(1)
    given, x, y = task.data()
    params = {k: torch.nn.Parameter(torch.from_numpy(v)) for k, v in given.items()}
    kind = torch.optim.Adam if task.model.optimizer.kind == "adam" else torch.optim.SGD
    optimizer = kind(params.values(), lr=task.model.optimizer.learning_rate)
    f = torch.nn.functional
    labels = task.model.loss == "cross_entropy"
    criterion = f.cross_entropy if labels else f.mse_loss
    inputs, target = torch.from_numpy(x), torch.from_numpy(y.ravel() if labels else y)

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(task.model.torch(params, inputs, f), target)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def jax_jit(task: Task) -> Step:
    """JAX, the whole step in one jit."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    given, x, y = task.data()
    both = jax.value_and_grad(_objective(task, jnp))
    lr, sgd = task.model.optimizer.learning_rate, task.model.optimizer.kind == "sgd"
    tree = jax.tree_util.tree_map

    @jax.jit
    def train(params: Any, m: Any, v: Any, t: float, x: Any, y: Any) -> tuple:
        loss, g = both(params, x, y)
        if sgd:
            return loss, tree(lambda p, g: p - lr * g, params, g), m, v
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, late = lr / (1 - 0.9**t), 1 - 0.999**t
        new = tree(lambda p, m, v: (p - rate * m / (jnp.sqrt(v / late) + 1e-8)).astype(p.dtype), params, m, v)
        return loss, new, m, v

    params = tree(jnp.asarray, given)
    m, v, t = tree(jnp.zeros_like, params), tree(jnp.zeros_like, params), 0.0
    x, y = jnp.asarray(x), jnp.asarray(y)

    def step() -> float:
        nonlocal params, m, v, t
        t += 1.0
        loss, params, m, v = train(params, m, v, t, x, y)
        return float(loss)

    return step


HAND: Peer = ("plain NumPy, written by hand", "numpy", plain)
OURS: tuple[Peer, ...] = (
    ("bptui, every step recorded", "numpy", recording),
    ("bptui, fast-forward", "numpy", forwarding),
)
TORCH: Peer = ("PyTorch eager, 1 thread", "torch", torch_eager)
AUTOGRAD: Peer = ("autograd", "autograd", autograd)
JAX: Peer = ("JAX, jit", "jax", jax_jit)


# ----------------------------------------------------------------------------------------------------- measuring
def compare(task: Task, peers: Sequence[Peer], rounds: int) -> Iterator[tuple[str, str]]:
    """One row per peer: time per step and ratio to the first, which is plain NumPy."""
    steps: dict[str, Step] = {}
    for name, module, make in peers:
        if find_spec(module) is None:
            yield name, f"skipped: {module} is not installed"
        else:
            steps[name] = make(task)
    reference, *_ = steps
    curves = {name: np.array([step() for _ in range(5)]) for name, step in steps.items()}
    near = 1e-9 if task.dtype == "float64" else 1e-3
    for name, curve in curves.items():
        if not np.allclose(curve, curves[reference], rtol=near, atol=0):
            raise AssertionError(f"{name} trains another network: {curve} for {curves[reference]}")
    times: dict[str, list[float]] = {name: [] for name in steps}
    order = list(steps)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            step = steps[name]
            begun = time.perf_counter()
            for _ in range(task.model.block):
                step()
            times[name].append((time.perf_counter() - begun) / task.model.block)
    for name, spent in times.items():
        ratio = statistics.median(a / b for a, b in zip(spent, times[reference], strict=True))
        yield f"{task.name}: {name}", f"{ratio:8.2f} x plain NumPy   {statistics.median(spent) * 1e6:9.1f} us"
