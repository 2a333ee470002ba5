"""From which difference on two runs are apart, and where that comes from."""

from __future__ import annotations

import math
from typing import NamedTuple

from bptui.model.base.numbers import significant
from bptui.model.debugger.diff.calls import captured
from bptui.model.engine.recording import Recording
from bptui.model.source.captured.record import FLOATS

LEAST, MOST = 1e-16, 1.0
ROUNDED = {"float64": 1e-13, "float32": 1e-5, "float16": 1e-2, "bfloat16": 1e-1}
"""How far rounding alone takes two runs of a step apart, rounded up. Measured in float32: 46 PyTorch programs on one
and on two threads, with other kernels of convolution and matrix product, are at most 7e-6 apart; the examples in
float32 and in float64, after 20 training steps, 9e-6 where the two trainings stay together. In bfloat16: 6e-3."""


class Tolerance(NamedTuple):
    """value: of a relative difference; up to it two runs are equal · source: a few words on where it comes from."""

    value: float
    source: str

    @property
    def text(self) -> str:
        """`1e-6`."""
        return significant(self.value)

    def moved(self, by: int) -> Tolerance:
        """So many powers of ten up or down, from the next power on; 0 is below the least."""
        power = round(math.log10(self.value)) if self.value else round(math.log10(LEAST)) - 1
        value = 10.0 ** (power + by)
        value = 0.0 if value < LEAST * 0.99 else min(value, MOST)
        return Tolerance(float(f"{value:.0e}"), "as set")


def default(a: Recording, b: Recording) -> Tolerance:
    """That of the coarser kind of number of both."""
    kinds = coarsest(a), coarsest(b)
    kind = max(kinds, key=FLOATS.__getitem__)
    which = "" if kinds[0] == kinds[1] else f", the coarser of {kinds[0]} and {kinds[1]}"
    return Tolerance(ROUNDED[kind], f"what rounding makes of a step in {kind}{which}")


def coarsest(run: Recording) -> str:
    """The coarsest kind of number that a run computed with."""
    step = captured(run)
    if step is None:
        found = {run.dtype(node.id) for node in run.graph.ops[-1:]}
    else:
        values = step.record.step.values
        found = {values[out].dtype for event in step.record.step.leading for out in event.outs}
    return max((kind for kind in found if kind in FLOATS), key=FLOATS.__getitem__, default="float64")
