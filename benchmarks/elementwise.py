"""Elementwise operations on 1,000,000 float64 numbers, forward and backward, beside PyTorch on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.calls import Backward, Calls, aligned

NAMES = (
    "tanh", "relu", "silu", "sigmoid", "gelu", "softplus", "hardshrink", "leaky_relu", "hardtanh", "elu", "exp", "abs",
)  # fmt: skip
SIZE = 1_000_000


def _ours(name: str, x: np.ndarray, g: np.ndarray) -> Callable[[], None]:
    row, emit = ops.OPS[name], Calls(np.dtype(np.float64))
    out, d = (aligned((SIZE,), x.dtype) for _ in range(2))
    attributes = {key: attribute.default for key, attribute in row.attributes.items()}
    row.vjp(emit, Backward(g, [x], out, attributes, [d], row.forward(emit, [x], out, attributes)))

    def run() -> None:
        for call in emit.calls:
            call()

    return run


def _theirs(name: str, x: np.ndarray, g: np.ndarray) -> Callable[[], None]:
    import torch

    torch.set_num_threads(1)
    function = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    leaf, upstream = torch.tensor(x, requires_grad=True), torch.tensor(g)

    def run() -> None:
        leaf.grad = None
        function(leaf).backward(upstream)

    return run


def _times(runs: tuple[Callable[[], None], ...], rounds: int) -> list[float]:
    """The least seconds of this thread for each, in turns."""
    spent: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for at, run in enumerate(runs):
            begun = time.thread_time()
            run()
            spent[at].append(time.thread_time() - begun)
    return [min(times) for times in spent]


def table(quick: bool) -> Iterator[tuple[str, str]]:
    """The rows of the page, as they are measured."""
    random = np.random.default_rng(0)
    x, g = (aligned((SIZE,), np.dtype(np.float64)) for _ in range(2))  # as in the memory of a program
    for array in (x, g):
        array[:] = random.normal(size=SIZE)
    for name in NAMES:
        ours = _ours(name, x, g)
        try:
            theirs = _theirs(name, x, g)
        except ImportError:
            yield name, f"{_times((ours,), 5 if quick else 20)[0] * 1e3:8.2f} ms   PyTorch is not installed"
            continue
        with np.errstate(all="ignore"):
            mine, other = _times((ours, theirs), 5 if quick else 20)
        yield name, f"{mine * 1e3:8.2f} ms   PyTorch {other * 1e3:6.2f} ms   ratio {mine / other:.2f}"
