"""Operations of one's own beside rows written by hand: one use forward and backward, the same definition and arrays."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.calls import Backward, Calls
from bptui.model.engine.ops.base import Op
from bptui.symbolic.custom import make

PAIRS = (
    ("sigmoid", "y = 1/(1 + exp(-x))", ((256, 256),)),
    ("silu", "y = x/(1 + exp(-x))", ((256, 256),)),
    ("relu", "y = x if x > 0 else 0", ((256, 256),)),
    ("softmax", "y[i,j] = exp(x[i,j])/sum(exp(x[i,k]) for k in K)", ((256, 256),)),
    (
        "softmax",
        "m[i] = max(x[i,k] for k in K); e[i,j] = exp(x[i,j] - m[i]); y[i,j] = e[i,j]/sum(e[i,k] for k in K)",
        ((256, 256),),
    ),
    ("max", "y[i] = max(x[i,k] for k in K)", ((256, 256),)),
    ("mse", "y = sum((p[i,j] - t[i,j])**2 for i in I for j in J)/(I*J)", ((256, 256), (256, 256))),
    ("affine", "y[i,j] = sum(x[i,k]*w[k,j] for k in K) + b[j]", ((64, 256), (256, 128), (128,))),
)
"""(operation, its definition, shapes of its inputs)."""
SETTINGS = {"max": {"axis": 1}}
"""Of the rows, where the defaults are something else."""


def _planned(op: Op, inputs: list[np.ndarray]) -> Callable[[], None]:
    """Forward and backward of one use as one call."""
    emit = Calls(np.dtype(np.float64))
    attributes = {name: attribute.default for name, attribute in op.attributes.items()} | SETTINGS.get(op.name, {})
    shapes = [array.shape for array in inputs]
    out = np.zeros(op.shape(shapes, attributes))
    saved = op.forward(emit, inputs, out, attributes)
    into = [np.zeros(op.contribution(at, shapes, out.shape)) for at, shape in enumerate(shapes)]
    op.vjp(emit, Backward(np.ones(out.shape), inputs, out, attributes, into, saved))
    calls = emit.calls

    def run() -> None:
        for call in calls:
            call()

    return run


def _time(run: Callable[[], None], block: int) -> float:
    start = time.perf_counter()
    for _ in range(block):
        run()
    return time.perf_counter() - start


def table(quick: bool = False) -> Iterator[tuple[str, str]]:
    """(what, ratio to the row) of each pair: the median over rounds in which both take turns."""
    numbers = np.random.default_rng(0)
    for name, text, shapes in PAIRS:
        inputs = [numbers.normal(size=shape) for shape in shapes]
        row = ops.get(name)
        assert isinstance(row, Op)
        both = {"own": _planned(make("own", text), inputs), "row": _planned(row, inputs)}
        ratios = []
        for _ in range(10 if quick else 60):
            order = list(both)
            random.shuffle(order)
            took = {peer: _time(both[peer], 5) for peer in order}
            ratios.append(took["own"] / took["row"])
        yield f"{name} by its definition, forward and backward", f"{statistics.median(ratios):.2f}× the row"
