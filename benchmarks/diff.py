"""`bptui diff` of two captured steps of many operations: pairing, comparing, a key on its screen.

Comparing is held against a plain loop over the same tensors, `abs(a - b).max()` and the largest number of either.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bptui.model.base.types import Array
from bptui.model.debugger.diff.runs import Run, Runs
from bptui.model.debugger.progress import Progress
from bptui.model.source.captured.network import network_of
from bptui.model.source.captured.record import Backward, Event, Group, Moved, Record, Site, Step, Update, Value
from bptui.screens.diff.board import DiffBoard
from bptui.screens.render import RenderOptions

EVENTS = 10_000
SHAPE = (8, 64)


class Remembered(Record):
    """A record whose numbers are in memory."""

    def __init__(self) -> None:
        self.step = Step()
        self.arrays: list[Array] = []

    def add(self, array: Array, name: str = "") -> int:
        """A new value."""
        number = len(self.arrays)
        self.step.values.append(Value(number, "float32", array.shape, number, wants_grad=True, name=name))
        self.arrays.append(array.astype(np.float32))
        return number

    def array(self, value: int) -> Array:
        return self.arrays[value]

    @property
    def nbytes(self) -> int:
        return 0


def record(events: int, apart: int) -> Remembered:
    """A chain of calls with a parameter in each tenth; from one on its numbers are others."""
    made, rng = Remembered(), np.random.default_rng(0)
    step, last, parameters = made.step, made.add(rng.normal(size=SHAPE)), []
    for k in range(events):
        read = [last]
        if k % 10 == 0:
            parameters.append(made.add(rng.normal(size=SHAPE[-1:]), f"p{k}"))
            step.parameters[f"p{k}"] = parameters[-1]
            read.append(parameters[-1])
        last = made.add(rng.normal(size=SHAPE if k < events - 1 else ()) * (1.001 if k >= apart else 1.0))
        args = [{"v": value} for value in read]
        module, site = f"blocks.{k // 50}.{k % 50}", Site("model.py", k % 90)
        step.events.append(Event(k, "forward", f"custom.f{k % 7}", args, {}, [last], read, module=module, site=site))
    grads = {value.id: made.add(rng.normal(size=value.shape)) for value in list(step.values)}
    step.backwards.append(Backward([(last, None)], grads, after=events))
    rows = [Moved(value, grads[value], made.add(made.arrays[value] * 0.99)) for value in parameters]
    step.updates.append(Update("torch.optim.sgd.SGD", [Group({"lr": 0.1}, rows)], events))
    return made


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def table(quick: bool = False) -> list[tuple[str, str]]:
    """Its rows."""
    events = EVENTS // 10 if quick else EVENTS
    made = [record(events, apart) for apart in (events, events // 2)]
    networks = [network_of(each, name) for each, name in zip(made, "ab", strict=True)]
    runs = Runs(*(Run(each.name, each.recording) for each in networks))
    paired = seconds(lambda: runs.rows)
    compared = seconds(lambda: runs.advance(Progress()))

    def bare() -> None:
        for a, b in zip(made[0].arrays, made[1].arrays, strict=True):
            max(float(np.abs(a - b).max()), float(np.abs(a).max()), float(np.abs(b).max()))

    board = DiffBoard(runs)
    board.lines(80, 22, RenderOptions())

    def key() -> None:
        board.press("next", (1, 0), "x")
        board.lines(80, 22, RenderOptions())
        board.status()

    pressed = min(seconds(key) for _ in range(20))
    count = f"{len(runs.rows):,} rows of {events:,} calls"
    return [
        (f"pair {count}", f"        {paired * 1e3:.0f} ms"),
        (
            f"compare {count} / a plain loop over their tensors",
            f"{compared / seconds(bare):5.2f}   {compared * 1e3:.0f} ms",
        ),
        ("a key on the screen of diff", f"        {pressed * 1e3:.2f} ms"),
    ]
