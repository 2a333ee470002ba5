"""Small networks for the tests of the engine, made with the Builder alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Batches, Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import Part, State
from bptui.model.engine.timeline import Moment
from tests.paths import REFERENCE

CASES: list[dict[str, Any]] = json.loads((REFERENCE / "networks.json").read_text())["cases"]


def case_graph(case: dict[str, Any], dtype: str = "float64") -> Graph:
    """The graph of a network of reference/networks.json: dense layers, then a loss."""
    network = case["network"]
    whole = network["loss"]["kind"] == "cross_entropy"
    b = Builder(dtype)
    a = b.leaf("x", "input", network["data"]["inputs"], wants_grad=False)
    for i, layer in enumerate(network["layers"], 1):
        weight = b.leaf(f"layer{i}.weight", "param", layer["weight"])
        bias = b.leaf(f"layer{i}.bias", "param", layer["bias"])
        a = b.use("affine", a, weight, bias, name=f"layer{i}.z", scope=f"layer{i}")
        kind = layer.get("activation", "linear")
        if kind != "linear":
            attributes = {"axis": -1} if kind == "softmax" else {}
            a = b.use(kind, a, name=f"layer{i}.a", scope=f"layer{i}", **attributes)
    y = b.leaf("y", "target", network["data"]["targets"], wants_grad=False, whole=whole)
    return b.finish(b.use(network["loss"]["kind"], a, y, name="loss"))


def case_program(name: str, dtype: str = "float64") -> Program:
    """The program of the case with that name."""
    case = next(case for case in CASES if case["network"]["name"] == name)
    return Program(case_graph(case, dtype), Optimizer(**case["network"]["optimizer"]), dtype=dtype)


def xor(optimizer: Optimizer | None = None, dtype: str = "float64") -> Program:
    """2-8-1, relu, mse, Adam."""
    case = next(case for case in CASES if case["network"]["name"] == "xor-adam")
    return Program(case_graph(case, dtype), optimizer or Optimizer("adam", 0.01), dtype=dtype)


def branching(scale: float = 1.0) -> Graph:
    """Values with one, two and three consumers, a parameter that is used twice, shapes that are stretched."""
    rng = np.random.default_rng(7)
    b = Builder()
    x = b.leaf("x", "input", rng.standard_normal((4, 3)) * scale)
    w = b.leaf("w", "param", rng.standard_normal((4, 3)))
    row = b.leaf("row", "param", rng.standard_normal((1, 3)))
    column = b.leaf("column", "param", rng.standard_normal((4, 1)))
    vector = b.leaf("vector", "param", rng.standard_normal(3))
    number = b.leaf("number", "param", 0.3)
    h = b.use("add", b.use("mul", x, w), row, name="h")  # three consumers
    k = b.use("mul", b.use("sigmoid", h), column)
    m = b.use("add", b.use("mul", h, vector), k)
    n = b.use("mul", b.use("add", m, number), b.use("tanh", h), name="n")
    squared = b.use("mul", n, n)  # twice in one consumer
    return b.finish(b.use("add", b.use("mean", squared), b.use("sum", b.use("mul", row, row)), name="loss"))


def minibatches(shuffle: bool = True) -> Program:
    """A classifier on batches of 4 of 10 samples, with labels, a dropout mask and a running mean that follows."""
    rng = np.random.default_rng(3)
    b = Builder()
    x = b.leaf("x", "input", shape=(4, 3), wants_grad=False)
    y = b.leaf("y", "target", shape=(4,), whole=True)
    w = b.leaf("w", "param", rng.standard_normal((3, 3)))
    c = b.leaf("c", "param", np.zeros(3))
    mask = b.leaf("mask", "random", shape=(4, 3))
    running = b.leaf("running", "state", np.zeros(3))
    z = b.use("mul", b.use("affine", x, w, c), mask, name="z")
    tracked = b.use("add", b.use("mul", running, 0.9), b.use("mul", b.use("mean", z, axis=0), 0.1), name="tracked")
    graph = b.finish(b.use("cross_entropy", z, y, name="loss"))
    extra: dict[str, dict[str, Any]] = {"mask": {"p": 0.5}, "running": {"next": tracked.id}}
    nodes = tuple(replace(node, attributes=extra[node.name]) if node.name in extra else node for node in graph.nodes)
    arrays = {"x": rng.standard_normal((10, 3)), "y": rng.integers(0, 3, 10)}
    batches = Batches(arrays, 4, shuffle)
    return Program(Graph(nodes, graph.loss), Optimizer("adam", 0.1), seed=5, batches=batches)


def poisonings(recording: Recording) -> Iterator[tuple[Moment, Node, Part]]:
    """Every (moment, node, part) at which NaN or inf is written, in the order of time: the first is where it began."""
    timeline = recording.timeline
    for place in range(timeline.length):
        state = State(recording, timeline.at(recording.step, place))
        for i in state.touched():
            shown = {"value": state.value(i), "gradient": state.gradient(i).array}
            for part in sorted(state.written(i)):
                array = shown[part]
                if array is not None and not np.isfinite(array).all():
                    yield state.moment, recording.graph.nodes[i], part
