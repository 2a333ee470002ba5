"""The check at scale: how long each node's rows take, on one thread, as in the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording

Make = Callable[[Builder, Callable[..., Node]], Node]


def dense(build: Builder, leaf: Callable[..., Node]) -> Node:
    """784x128 at batch 32."""
    return build.use("affine", leaf("x", 32, 784), leaf("w", 784, 128), leaf("b", 128), name="y")


def conv(build: Builder, leaf: Callable[..., Node]) -> Node:
    """8x3x32x32 by 16 kernels of 3x3, padded."""
    return build.use("conv2d", leaf("x", 8, 3, 32, 32), leaf("w", 16, 3, 3, 3), leaf("b", 16), padding=1, name="y")


def attention(build: Builder, leaf: Callable[..., Node]) -> Node:
    """Batch 4, 4 heads, 64 places, 16 channels each, causal."""
    q, k, v = (leaf(name, 4, 4, 64, 16) for name in "qkv")
    return build.use("scaled_dot_product_attention", q, k, v, causal=True, name="y")


def wide(build: Builder, leaf: Callable[..., Node]) -> Node:
    """1024x4096 at batch 64: beyond what is compared whole."""
    return build.use("affine", leaf("x", 64, 1024), leaf("w", 1024, 4096), leaf("b", 4096), name="y")


CASES: tuple[tuple[str, Make], ...] = (
    ("dense 784-128, batch 32", dense),
    ("conv2d 16 of 3x3 on 8x3x32x32", conv),
    ("attention, batch 4, 4 heads, T=64", attention),
    ("dense 1024-4096, batch 64", wide),
)


def recorded(make: Make) -> Recording:
    """One training step of relu of it, against a random target."""
    random, build = np.random.default_rng(0), Builder()

    def leaf(name: str, *shape: int) -> Node:
        return build.leaf(name, "param", random.normal(size=shape) / 8)

    y = build.use("relu", make(build, leaf))
    target = build.leaf("target", "input", random.normal(size=y.shape), wants_grad=False)
    return Program(build.finish(build.use("mse", y, target)), Optimizer("adam", 0.01)).record()


def table(quick: bool) -> Iterator[tuple[str, str]]:
    """The slowest node of each case: when it is checked first (derivations included), and from then on."""
    from bptui.symbolic.check import check_node

    for label, make in CASES[: 3 if quick else 4]:
        recording = recorded(make)
        spent: dict[str, list[float]] = {}
        rows: dict[str, Any] = {}
        for _ in range(2 if quick else 4):
            for node in recording.graph.ops:
                begun = time.perf_counter()
                rows[node.name] = check_node(recording, node)
                spent.setdefault(node.name, []).append(time.perf_counter() - begun)
        slow = max(spent, key=lambda name: min(spent[name][1:]))
        bad = sum(row.verdict == "FAIL" for found in rows.values() for row in found)
        told = f"{recording.graph.by_name[slow].op.name}"  # type: ignore[union-attr]
        yield (
            f"{label}: slowest of {len(spent)} nodes",
            f"{min(spent[slow][1:]):8.2f} s   {told}, {spent[slow][0]:.2f} s at first, {bad} failed",
        )
