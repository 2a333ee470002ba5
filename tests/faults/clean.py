"""No false alarm: each use of each operation, over seeds and kinds of numbers. `python -m tests.faults.clean`

Kinds of numbers:
    plain        both signs, away from 0
    tied         rounded to a half: zeros, bounds, kinks, equal neighbours
    wide         from 1e-6 to 1e6 in one tensor
    tiny         1e-9 around 0, as after a long training
    odd          NaN, inf, -inf and 0 among the others
    still, faint nothing reaches the operation, or next to nothing (1e-14)
and networks whose gradients vanish or cancel: `networks`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.symbolic.check import check_step
from bptui.symbolic.types import CheckRow
from tests.unit.model.engine.ops.samples import uses
from tests.unit.model.engine.ops.use import Use

from ..unit.symbolic import composites
from ..unit.symbolic.steps import graph_of

KINDS = ("plain", "tied", "wide", "tiny", "still", "faint")
UPSTREAM = {"still": 0.0, "faint": 1e-14}


def inputs(use: Use | composites.Use, kind: str, seed: int) -> list[Any]:
    """Numbers of a kind for a use: whole numbers and masks as they are, what has to be above 0 stays there."""
    random = np.random.default_rng([seed, [*KINDS, "odd"].index(kind)])
    row = use.row
    found = []
    for name, given in zip(row.input_names, use.inputs(), strict=False):
        if name in row.indices:
            attributes = {n: use.attributes.get(n, a.default) for n, a in row.attributes.items()}
            low, high, *ignored = row.bounds(use.shapes, attributes)[name]
            labels = random.integers(low, max(high, 1), given.shape)
            found.append(np.where(given == ignored[0], given, labels) if ignored else labels)
            continue
        probability = bool(given.size) and name not in row.fixed and row.name in ("bce", "soft_cross_entropy")
        if name in row.fixed or probability:
            found.append(given)
            continue
        x = random.uniform(0.2, 1.8, given.shape)
        if kind == "wide":
            x = 10 ** random.uniform(-6, 6, given.shape) if use.op not in STEEP else x * 3
        elif kind == "tiny":
            x = x * 1e-9 if not use.positive else x
        if not use.positive and name != "running_var":
            x = x * random.choice([-1, 1], given.shape)
        found.append(np.round(2 * x + 0.5 * use.positive) / 2 + 0.5 * use.positive if kind == "tied" else x)
    return found


ODD = (np.nan, np.inf, -np.inf, 0.0)
STEEP = ("pow", "prod", "power", "exp", "mish")
"""What has no finite numbers at 1e6, or none that float64 can tell apart."""


def recording(use: Use | composites.Use, kind: str, seed: int) -> Recording:
    """A training step around the use."""
    given = {k: v for k, v in use.attributes.items() if k in use.row.attributes}
    graph = graph_of(use.row, inputs(use, kind, seed), given, seed)
    changed: dict[int, Any] = {}
    if kind in UPSTREAM:
        scale = graph.by_name["scale"]
        changed[scale.id] = np.asarray(scale.value) * UPSTREAM[kind]
    if kind == "odd":  # no network is given such numbers: it makes them
        random = np.random.default_rng(seed)
        for node in graph.nodes:
            if node.name.startswith("in") and node.wants_grad:
                x = np.asarray(node.value)
                changed[node.id] = np.where(random.random(x.shape) < 0.15, random.choice(ODD, x.shape), x)
    nodes = tuple(dataclasses.replace(n, value=changed[n.id]) if n.id in changed else n for n in graph.nodes)
    graph = dataclasses.replace(graph, nodes=nodes)
    return Program(graph, Optimizer("sgd", 0.1)).record()


def networks(seed: int, dtype: str = "float64") -> Iterator[tuple[str, Recording]]:
    """Gradients that cancel exactly in mathematics and to rounding in numbers, and some that are nearly all zero."""
    random = np.random.default_rng(seed)

    def start() -> tuple[Builder, Any]:
        build = Builder(dtype)
        return build, lambda name, *shape: build.leaf(name, "param", random.normal(size=shape))

    def step(build: Builder, loss: Any, steps: int = 0, rate: float = 0.1) -> Recording:
        program = Program(build.finish(loss), Optimizer("adam", rate), dtype=dtype)
        if steps:
            program.run(steps)
        return program.record()

    build, param = start()  # softmax is the same for a constant more in all scores: the key's bias has no gradient
    x = param("x", 2, 6, 4)
    q, k, v = (build.use("affine", x, param(f"w{n}", 4, 4), param(f"b{n}", 4), name=n) for n in "qkv")
    y = build.use("scaled_dot_product_attention", q, k, v, causal=bool(seed % 2))
    yield "attention: the key's bias", step(build, build.use("mse", y, param("t", 2, 6, 4)))

    build, param = start()  # the mean is taken off again: a bias before it has no gradient
    z = build.use("affine", param("x", 7, 4), param("w", 4, 3), param("b", 3))
    y = build.use("batch_norm", z, param("gamma", 3), param("beta", 3))
    yield "batch_norm: the bias before it", step(build, build.use("mse", build.use("relu", y), param("t", 7, 3)))

    build, param = start()
    z = build.use("layer_norm", build.use("add", param("x", 5, 4), param("b", 1)), param("gamma", 4), param("beta", 4))
    loss = build.use("cross_entropy", z, build.leaf("labels", "input", random.integers(0, 4, 5), whole=True))
    yield "layer_norm: what is added to all", step(build, loss)

    build, param = start()  # converged: the residuals are rounding
    z = build.use("affine", param("x", 3, 4), param("w", 4, 2), param("b", 2))
    target = build.leaf("t", "input", random.normal(size=(3, 2)), wants_grad=False)
    yield "a loss of nothing", step(build, build.use("mse", z, target), 400, 0.05)

    build, param = start()  # certain of the right class: p - 1 cancels
    z = build.use("mul", param("x", 4, 3), build.leaf("by", "const", np.array(40.0), wants_grad=False))
    labels = build.leaf("labels", "input", random.integers(0, 3, 4), whole=True)
    yield "certain", step(build, build.use("cross_entropy", z, labels), 60)

    build, param = start()  # dead, saturated and ordinary units side by side
    z = build.use("affine", param("x", 5, 4), param("w", 4, 6), param("b", 6))
    z = build.use("mul", z, build.leaf("by", "const", 10.0 ** np.arange(-3, 3), wants_grad=False))
    y = build.use("mul", build.use("relu", z), build.use("sigmoid", build.use("tanh", z)))
    yield "dead and saturated", step(build, build.use("sum", y))


def alarms(recording: Recording) -> list[CheckRow]:
    """What the check rejects, though nothing is wrong."""
    return [row for row in check_step(recording).rows if row.verdict == "FAIL"]


def steps(seed: int, kinds: Iterable[str]) -> Iterator[tuple[str, Recording]]:
    """What one seed runs: all uses with numbers of each kind, and the networks."""
    for kind in kinds:
        for use in (*uses(), *composites.uses()):
            yield f"{use} {kind}", recording(use, kind, seed)
    for dtype in ("float64", "float32"):
        for name, net in networks(seed, dtype):
            yield f"{name} {dtype}", net


def main(seeds: Iterable[int], every: bool) -> int:
    """Run them, one kind of numbers for each seed in turn or all of them; print what is rejected; how many that is."""
    begun, count, wrong = time.perf_counter(), 0, 0
    for seed in seeds:
        for name, step in steps(seed, KINDS if every else [KINDS[seed % len(KINDS)]]):
            count += 1
            for row in alarms(step):
                wrong += 1
                print(f"seed {seed}: {name}: {row}")
        spent = time.perf_counter() - begun
        print(f"seed {seed}: {count:,} steps checked so far, {wrong} false alarms, {spent:.0f} s", flush=True)
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults.clean", description=__doc__.splitlines()[0])
    parser.add_argument("seeds", nargs="?", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--every", action="store_true", help="all kinds of numbers with each seed: six times as long")
    asked = parser.parse_args()
    sys.exit(bool(main(range(asked.first, asked.first + asked.seeds), asked.every)))
