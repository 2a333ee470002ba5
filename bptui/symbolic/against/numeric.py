"""Gradients that somebody took by differences: which step, one-sided or central, gives exactly their numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Index
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.rounding import rerun
from bptui.symbolic.against.compare import Compared, allowance, different

STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
MOST = 64
"""Elements that are moved one by one."""
NEAR = 0.1
"""Differences are near the gradient: what is further off, as a part of the largest number, is none."""
ROUNDING = 16 * float(np.finfo(float).eps)


def by_differences(recording: Recording, c: Compared) -> str:
    """How their numbers come about by differences of the loss, "" where they do not."""
    largest = float(np.max(np.abs(c.ours), initial=0.0))
    if not isinstance(recording, ArenaRecording) or c.node.op is not None or not 0 < c.ours.size <= MOST:
        return ""
    if not float(np.max(c.error)) <= NEAR * largest:
        return ""
    for step in STEPS:
        for word, back in (("one-sided", 0.0), ("central", step)):
            if _agrees(recording, c, step, back, [c.worst]) and _agrees(
                recording, c, step, back, np.ndindex(c.ours.shape)
            ):
                better = ": central ones are nearer" if not back else ""
                return f"those are {word} differences with a step of {significant(step)}{better}"
    return ""


def _agrees(recording: Recording, c: Compared, step: float, back: float, places: Iterable[Index]) -> bool:
    slack = np.broadcast_to(c.layout.slack, c.ours.shape)
    for at in places:
        up, down = _loss(recording, c.node, at, step), _loss(recording, c.node, at, -back)
        made = np.asarray((up - down) / (step + back))
        allowed = allowance(slack[at], made) + ROUNDING * max(abs(up), abs(down)) / step
        if bool(different(np.asarray(c.theirs[at]), made, allowed).any()):
            return False
    return True


def _loss(recording: Recording, node: Node, at: tuple[int, ...], by: float) -> float:
    """The loss with one given number moved."""

    def change(leaf: Node, array: Array) -> Array:
        if leaf.id != node.id or by == 0:
            return array
        moved = np.array(array, np.float64)
        moved[at] += by
        return moved

    return rerun(recording, "float64", change).loss
