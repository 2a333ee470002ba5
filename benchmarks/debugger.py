"""A large network: what a frame and a step cost with 10,000 operations against 100; the search for the next stop in
1,000 training steps of it, all of them trained before.

"replay" is what a search took that knew nothing of the steps: to run each again and look at all of its numbers once.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bptui.app import COLLECT
from bptui.model.debugger.commands.registry import run
from bptui.model.debugger.session import Session
from bptui.model.engine.build import Builder
from bptui.model.engine.optimizers import Optimizer
from bptui.model.source.network import Network, load
from bptui.screens.frame import Ui, paint
from bptui.screens.opening import ready

XOR = 10_000
"""Training steps of xor that are searched back."""


def chain(operations: int, steps: int) -> Network:
    """tanh and addition in turn, `operations` of them, on two numbers."""
    build = Builder()
    x, b = build.leaf("x", "input", [0.5, -1.0]), build.leaf("b", "param", 0.1)
    out = build.use("mul", x, build.leaf("w", "param", 0.3))
    for i in range(operations - 2):
        out = build.use("add", out, b) if i % 2 else build.use("tanh", out)
    loss = build.use("mean", out, name="L")
    return Network("chain", build.finish(loss), Optimizer("sgd", 1e-3), steps=steps)


def frames(operations: int) -> tuple[float, ...]:
    """Milliseconds of the processor, the least of three: of the first frame; of `s` with its frame (median of 60); of
    what comes before, in the thread that loads: planning, the first step, what card and frame ask once of a graph."""
    return tuple(min(times) for times in zip(*(_opened(chain(operations, 1)) for _ in range(3)), strict=True))


def _opened(network: Network) -> tuple[float, float, float]:
    gc.set_threshold(*COLLECT)  # as the app runs
    gc.collect()  # what the rows before have left
    begun = time.process_time()
    session, ui = Session(network), Ui()
    ready(session, 120, 36)
    loaded = 1e3 * (time.process_time() - begun)
    gc.collect()
    spent = []
    for _ in range(61):
        begun = time.process_time()
        paint(session, ui, 120, 36)
        spent.append(1e3 * (time.process_time() - begun))
        session.step()
    return spent[0], statistics.median(spent[1:]), loaded


def table(quick: bool) -> Iterator[tuple[str, str]]:
    """The rows of the page, as they are measured."""
    frames(100)  # imports
    small, large = frames(100), frames(10_000)
    for n, label in enumerate(("first frame", "s with its frame", "what the thread that loads does")):
        yield f"{label}: 10,000 operations against 100", f"{large[n]:8.2f} ms  {large[n] / small[n]:8.2f} x"
    operations, steps = (1_000, 100) if quick else (10_000, 1_000)
    session = Session(chain(operations, steps))
    session.history.advance(steps)
    program = session.network.program()
    begun = time.perf_counter()
    for _ in range(steps):
        assert np.isfinite(np.frombuffer(program.record().memory)).all()
    replay = time.perf_counter() - begun
    yield f"replay: {operations:,} operations, {steps:,} training steps", f"{replay:8.2f} s"
    for line in (
        "",
        "break t5 if L > 9",
        "break tanh if max(abs(grad)) > 1e9",
        "break if value[0] > 1e9",
        "watch x[0]",
        "watch w > 9",
        "watch t5[0] > 9",
    ):
        session.goto("step 0 start")
        run(session, "delete")
        spent = searched(session, line, "c")
        yield f"c: {line or 'all numbers are finite'}", f"{spent:8.2f} s   {spent / replay:8.2f} of the replay"
    for line in (
        "watch any(layer1.a[:,3] > 99)",
        "watch layer1.weight[0,0] > 99",
        "watch max(abs(grad(layer1.weight))) > 99",
        "break relu if max(abs(grad)) > 99",
        "watch loss > 99",
    ):
        count = XOR // 10 if quick else XOR
        trained = Session(replace(load("xor"), steps=count))
        trained.goto(f"step {count - 1} end")
        yield f"C: xor, {count:,} steps, {line}", f"{searched(trained, line, 'C'):8.2f} s"


def searched(session: Session, line: str, command: str) -> float:
    """Seconds until a stop is set, and a search has found nothing."""
    begun = time.perf_counter()
    run(session, line)
    found = run(session, command).ok
    assert found is False
    return time.perf_counter() - begun
