"""The engine beside hand-written NumPy, PyTorch eager, autograd and JAX: the same networks and numbers, one process.

All take turns in random order, a block of steps each; a ratio is the median over the rounds of (its time)/(plain
NumPy's time in the same round). Before anything is timed, every peer must arrive at the same losses.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from operator import is_
from typing import Any, Protocol

import numpy as np

from bptui.model.build import Builder
from bptui.model.history import History
from bptui.model.optimizers import Optimizer
from bptui.model.program import Program

Step = Callable[[], float]
Peer = tuple[str, str, Callable[[Any], Step]]
"""A name, the module that it needs, and what makes its step of a task."""


class Timed(Protocol):
    """What peers are compared on: losses must agree as its dtype allows, `block` steps are timed at once."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def block(self) -> int: ...


@dataclass(frozen=True)
class Task:
    """A network to train: layer sizes, batch, loss, optimizer, dtype; `block` steps are timed at once."""

    name: str
    sizes: tuple[int, int, int]
    batch: int
    loss: str
    optimizer: Optimizer
    dtype: str
    block: int

    def data(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Parameters, inputs and targets; the same for all."""
        rng = np.random.default_rng(0)
        n, h, o = self.sizes
        shapes = {"w1": (n, h), "b1": (h,), "w2": (h, o), "b2": (o,)}
        scale = {"w1": (2 / n) ** 0.5, "b1": 0.1, "w2": (2 / h) ** 0.5, "b2": 0.1}
        params = {k: (rng.standard_normal(s) * scale[k]).astype(self.dtype) for k, s in shapes.items()}
        if self.loss == "mse":
            x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], self.dtype)
            return params, x, np.array([[0], [1], [1], [0]], self.dtype)
        return params, rng.random((self.batch, n)).astype(self.dtype), rng.integers(0, o, self.batch)


XOR = Task("xor 2-8-1, batch 4, mse, Adam, float64", (2, 8, 1), 4, "mse", Optimizer("adam", 0.01), "float64", 40)
DIGITS = Task(
    "784-128-10, batch 64, cross entropy, SGD, float32",
    (784, 128, 10),
    64,
    "cross_entropy",
    Optimizer("sgd", 0.1),
    "float32",
    6,
)


# ---------------------------------------------------------------------------------------------------------- peers
def plan(task: Task) -> Program:
    """Our own."""
    params, x, y = task.data()
    b = Builder(task.dtype)
    leaf = {k: b.leaf(k, "param", v) for k, v in params.items()}
    inputs = b.leaf("x", "input", x, wants_grad=False)
    target = b.leaf("y", "target", y, wants_grad=False, whole=task.loss != "mse")
    hidden = b.use("relu", b.use("affine", inputs, leaf["w1"], leaf["b1"]))
    out = b.use("affine", hidden, leaf["w2"], leaf["b2"])
    return Program(b.finish(b.use(task.loss, out, target)), task.optimizer, dtype=task.dtype)


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


def plain(task: Task) -> Step:
    """As one writes it by hand, gradients derived on paper."""
    params, x, y = task.data()
    first = {k: np.zeros_like(v) for k, v in params.items()}
    second = {k: np.zeros_like(v) for k, v in params.items()}
    n, lr, t = len(x), task.optimizer.learning_rate, 0

    def step() -> float:
        nonlocal t
        z = x @ params["w1"] + params["b1"]
        h = np.maximum(z, 0)
        o = h @ params["w2"] + params["b2"]
        if task.loss == "mse":
            d = o - y
            loss = (d * d).mean()
            go = d * (2 / d.size)
        else:
            o = o - o.max(1, keepdims=True)
            e = np.exp(o)
            s = e.sum(1, keepdims=True)
            loss = (np.log(s[:, 0]) - o[np.arange(n), y]).mean()
            go = e / s
            go[np.arange(n), y] -= 1
            go /= n
        gz = go @ params["w2"].T * (z > 0)
        grads = {"w1": x.T @ gz, "b1": gz.sum(0), "w2": h.T @ go, "b2": go.sum(0)}
        t += 1
        for k, g in grads.items():
            if task.optimizer.kind == "sgd":
                params[k] -= lr * g
                continue
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g * g
            params[k] -= lr / (1 - 0.9**t) * first[k] / (np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8)
        return float(loss)

    return step


def torch_eager(task: Task) -> Step:
    """PyTorch's usual loop, one thread."""
    import torch

    torch.set_num_threads(1)
    params, x, y = task.data()
    a, b = torch.nn.Linear(*task.sizes[:2]), torch.nn.Linear(*task.sizes[1:])
    model = torch.nn.Sequential(a, torch.nn.ReLU(), b).to(getattr(torch, task.dtype))
    with torch.no_grad():
        for layer, w, c in ((a, "w1", "b1"), (b, "w2", "b2")):
            layer.weight.copy_(torch.from_numpy(params[w].T))
            layer.bias.copy_(torch.from_numpy(params[c]))
    lr = task.optimizer.learning_rate
    kind = torch.optim.Adam if task.optimizer.kind == "adam" else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=lr)
    criterion = torch.nn.MSELoss() if task.loss == "mse" else torch.nn.CrossEntropyLoss()
    inputs, target = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(model(inputs), target)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def functional(task: Task, np_like: object) -> Callable[..., object]:
    """The loss as a function of the parameters, for peers that trace NumPy."""
    n = task.batch

    def loss(params: dict, x: object, y: object) -> object:
        xp = np_like
        o = xp.maximum(x @ params["w1"] + params["b1"], 0) @ params["w2"] + params["b2"]  # type: ignore[attr-defined]
        if task.loss == "mse":
            return xp.mean((o - y) ** 2)  # type: ignore[attr-defined]
        o = o - xp.max(o, axis=1, keepdims=True)  # type: ignore[attr-defined]
        return xp.mean(xp.log(xp.sum(xp.exp(o), axis=1)) - o[xp.arange(n), y])  # type: ignore[attr-defined]

    return loss


def autograd(task: Task) -> Step:
    """HIPS autograd for the gradient, NumPy for the update."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    params, x, y = task.data()
    both = value_and_grad(functional(task, anp))
    first = {k: np.zeros_like(v) for k, v in params.items()}
    second = {k: np.zeros_like(v) for k, v in params.items()}
    lr, t = task.optimizer.learning_rate, 0

    def step() -> float:
        nonlocal t
        loss, grads = both(params, x, y)
        t += 1
        for k, g in grads.items():
            if task.optimizer.kind == "sgd":
                params[k] -= lr * g
                continue
            first[k] = 0.9 * first[k] + 0.1 * g
            second[k] = 0.999 * second[k] + 0.001 * g * g
            params[k] -= lr / (1 - 0.9**t) * first[k] / (np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8)
        return float(loss)

    return step


def jax_jit(task: Task) -> Step:
    """JAX, the whole step in one jit."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    given, x, y = task.data()
    both = jax.value_and_grad(functional(task, jnp))
    lr, sgd = task.optimizer.learning_rate, task.optimizer.kind == "sgd"
    tree = jax.tree_util.tree_map

    @jax.jit
    def train(params: dict, m: dict, v: dict, t: float, x: object, y: object) -> tuple:
        loss, g = both(params, x, y)
        if sgd:
            return loss, tree(lambda p, g: p - lr * g, params, g), m, v
        m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, late = lr / (1 - 0.9**t), 1 - 0.999**t
        return loss, tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v / late) + 1e-8), params, m, v), m, v

    params = tree(jnp.asarray, given)
    m, v, t = tree(jnp.zeros_like, params), tree(jnp.zeros_like, params), 0.0
    x, y = jnp.asarray(x), jnp.asarray(y)

    def step() -> float:
        nonlocal params, m, v, t
        t += 1.0
        loss, params, m, v = train(params, m, v, t, x, y)
        return float(loss)

    return step


PEERS: tuple[Peer, ...] = (
    ("plain NumPy, written by hand", "numpy", plain),
    ("bptui, every step recorded", "numpy", recording),
    ("bptui, fast-forward", "numpy", forwarding),
    ("PyTorch eager, 1 thread", "torch", torch_eager),
    ("autograd", "autograd", autograd),
    ("JAX, jit", "jax", jax_jit),
)


# ----------------------------------------------------------------------------------------------------- measuring
def compare(task: Timed, peers: Sequence[Peer], rounds: int) -> Iterator[tuple[str, str]]:
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
            for _ in range(task.block):
                step()
            times[name].append((time.perf_counter() - begun) / task.block)
    for name, spent in times.items():
        ratio = statistics.median(a / b for a, b in zip(spent, times[reference], strict=True))
        label = f"{task.name.split(',')[0]}: {name}"
        yield label, f"{ratio:8.2f} x plain NumPy   {statistics.median(spent) * 1e6:9.1f} us"


def overhead(rounds: int) -> Iterator[tuple[str, str]]:
    """What is ours in a recorded step of xor: the same number of bound calls of a C function that does nothing, and the
    copy, less what bare calls of that function take."""
    program = plan(XOR)
    program.run(10)
    count, moments = len(program.calls), program.layout.timeline.length
    program.calls = tuple(partial(is_, None, None) for _ in range(count))
    bare, block = [is_] * count, 100
    extra = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(block):
            program.record()
        middle = time.perf_counter()
        for _ in range(block):
            for call in bare:
                call(None, None)
        extra.append((2 * middle - begun - time.perf_counter()) / block)
    each = (
        f"{statistics.median(extra) / moments * 1e9:8.0f} ns   {moments} of them in a step of xor, {count} NumPy calls"
    )
    yield "our own time per recorded operation (copy included)", each


def seeking(steps: int, looks: int) -> Iterator[tuple[str, str]]:
    """Going back in a long training of xor: any step, complete, from checkpoints and replay."""
    history = History(plan(XOR))
    begun = time.perf_counter()
    history.advance(steps)
    trained = time.perf_counter() - begun
    spent, back = [], []
    for _ in range(looks):
        at = random.randrange(1, steps)
        begun = time.perf_counter()
        history.recording(at)
        middle = time.perf_counter()
        history.recording(at - 1)
        spent.append(middle - begun)
        back.append(time.perf_counter() - middle)
    spent.sort()
    p50, p95 = (spent[int(q * (looks - 1))] * 1e3 for q in (0.5, 0.95))
    yield (
        f"training {steps:,} steps of xor, with checkpoints",
        f"{trained:8.2f} s   {trained / steps * 1e6:9.1f} us each",
    )
    yield "any of them, complete: p50 / p95 / worst", f"{p50:8.2f} / {p95:.2f} / {spent[-1] * 1e3:.2f} ms"
    yield "then one training step back: p50", f"{statistics.median(back) * 1e3:8.3f} ms"
    yield "memory of the whole history", f"{history.nbytes / 2**20:8.1f} MB"


def table(quick: bool) -> Iterator[tuple[str, str]]:
    """The rows of the page, as they are measured."""
    random.seed(0)
    yield from compare(XOR, PEERS, 20 if quick else 100)
    yield from compare(DIGITS, PEERS, 20 if quick else 100)
    yield from overhead(50 if quick else 200)
    yield from seeking(10_000 if quick else 100_000, 200)
