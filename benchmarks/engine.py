"""The engine on two small networks beside its peers; what a recorded operation costs; going back in a long training."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from functools import partial
from operator import is_
from typing import Any

import numpy as np

from benchmarks.peers import (
    AUTOGRAD,
    HAND,
    JAX,
    OURS,
    TORCH,
    Array,
    Data,
    Model,
    Params,
    Task,
    compare,
    plan,
    softmax_loss,
)
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.training import Training


def parameters(sizes: tuple[int, int, int], dtype: str) -> tuple[Params, np.random.Generator]:
    """Two dense layers, and the generator for the data after them."""
    rng = np.random.default_rng(0)
    n, h, o = sizes
    shapes = {"w1": (n, h), "b1": (h,), "w2": (h, o), "b2": (o,)}
    scale = {"w1": (2 / n) ** 0.5, "b1": 0.1, "w2": (2 / h) ** 0.5, "b2": 0.1}
    return {k: (rng.standard_normal(s) * scale[k]).astype(dtype) for k, s in shapes.items()}, rng


def xor_data(dtype: str) -> Data:
    """2-8-1 and the four lines of the table."""
    params, _ = parameters((2, 8, 1), dtype)
    return params, np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype), np.array([[0], [1], [1], [0]], dtype)


def digits_data(dtype: str) -> Data:
    """784-128-10 and a batch of 64."""
    params, rng = parameters((784, 128, 10), dtype)
    return params, rng.random((64, 784)).astype(dtype), rng.integers(0, 10, 64)


def ours(b: Builder, x: Any, p: dict[str, Any]) -> Any:
    """What stands before the loss."""
    return b.use("affine", b.use("relu", b.use("affine", x, p["w1"], p["b1"])), p["w2"], p["b2"])


def _back(p: Params, x: Array, z: Array, h: Array, go: Array) -> Params:
    gz = go @ p["w2"].T * (z > 0)
    return {"w1": x.T @ gz, "b1": gz.sum(0), "w2": h.T @ go, "b2": go.sum(0)}


def plain_mse(p: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Loss and gradients by hand."""
    z = x @ p["w1"] + p["b1"]
    h = np.maximum(z, 0)
    d = h @ p["w2"] + p["b2"] - y
    return (d * d).mean(), _back(p, x, z, h, d * (2 / d.size))


def plain_classes(p: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Loss and gradients by hand."""
    z = x @ p["w1"] + p["b1"]
    h = np.maximum(z, 0)
    loss, go = softmax_loss(h @ p["w2"] + p["b2"], y)
    return loss, _back(p, x, z, h, go)


def traced(p: Any, x: Any, xp: Any) -> Any:
    """For peers that trace NumPy."""
    return xp.maximum(x @ p["w1"] + p["b1"], 0) @ p["w2"] + p["b2"]


def torch_dense(p: Any, x: Any, f: Any) -> Any:
    """The same with torch.nn.functional."""
    return f.linear(f.relu(f.linear(x, p["w1"].T, p["b1"])), p["w2"].T, p["b2"])


XOR = Task(
    Model("xor 2-8-1", "mse", Optimizer("adam", 0.01), xor_data, ours, plain_mse, traced, torch_dense, 40), "float64"
)
DIGITS = Task(
    Model(
        "784-128-10", "cross_entropy", Optimizer("sgd", 0.1), digits_data, ours, plain_classes, traced, torch_dense, 6
    ),
    "float32",
)
PEERS = (HAND, *OURS, TORCH, AUTOGRAD, JAX)


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
    history = Training(plan(XOR))
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
