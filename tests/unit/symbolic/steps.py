"""One training step around one operation: its inputs as parameters, then Σ of its output times random numbers."""

from __future__ import annotations

import numpy as np

from bptui.model.engine.build import Builder, Label
from bptui.model.engine.optimizers import Optimizer
from bptui.model.engine.program import Program


def graph_of(row, inputs, attributes=None, seed=0):
    """The graph; the node under test is called `made`."""
    builder = Builder()
    leaves = []
    for n, (name, value) in enumerate(zip(row.input_names, inputs, strict=False)):
        whole = name in row.indices
        trained = row.differentiable(n)
        array = np.asarray(value, np.int64 if whole else float)
        leaves.append(builder.leaf(Label(f"in{n}", symbol=name), "param" if trained else "input", array, whole=whole))
    made = builder.use(row, *leaves, name="made", symbol="y", **(attributes or {}))
    role = "const" if made.wants_grad else "param"  # something has to have a gradient
    scale = builder.leaf("scale", role, np.random.default_rng(seed).normal(size=made.shape))
    product = builder.use("mul", made, scale, name="product")
    return builder.finish(builder.use("sum", product, name="loss", symbol="L"))


def record(graph, optimizer=None, dtype="float64", step=0):
    """One recorded training step."""
    program = Program(graph, optimizer or Optimizer("sgd", 0.1), dtype=dtype)
    for _ in range(step):
        program.run()
    return program.record()


def step_of(row, inputs, attributes=None, seed=0):
    """(recording, the node under test)."""
    recording = record(graph_of(row, inputs, attributes, seed))
    return recording, recording.graph.by_name["made"]
