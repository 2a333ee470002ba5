"""Where a captured step loses its digits: the error that each event makes by itself, and what that does to the loss.

An event's own error is what was recorded less what its operations give in float64 from the same recorded inputs. By the
chain rule the loss is off by the sum of gradient times error over all events, to first order: an event loses much where
its rounding is large and where the loss listens. (Error analysis of straight-line programs: Linnainmaa 1976.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bptui.model.source.captured.distance import distance
from bptui.model.source.captured.record import FLOATS
from bptui.model.source.captured.recording import CapturedRecording


class Loss(NamedTuple):
    """What one event loses. node: id of its result; ulps: its error in units of the last place of the largest number;
    effect: what that does to the loss, gradient × error, added over all elements."""

    node: int
    ulps: float
    effect: float


@dataclass(frozen=True)
class Budget:
    """losses: of each event that could be run, the largest effect first. unknown: how many events could not be run;
    stopped: how many have no gradient (behind a detach), although the loss depends on them: what they lose is not told.
    """

    losses: tuple[Loss, ...]
    unknown: int
    stopped: int

    @property
    def total(self) -> float:
        """What the recorded loss is off by: recorded less exact, to first order."""
        return sum(loss.effect for loss in self.losses)


def budget(recording: CapturedRecording, progress: Callable[[int, int], None] | None = None) -> Budget:
    """The error budget of a captured step; each event is run alone once."""
    captured = recording.captured
    events = [event for event in recording.record.step.leading if captured.nodes_of.get(event.id)]
    found: list[Loss] = []
    unknown = stopped = 0
    for n, event in enumerate(reversed(events)):
        if progress is not None:
            progress(n, len(events))
        ops = captured.nodes_of[event.id]
        run = None if ops[-1] in captured.unknown else recording.run(event)
        if run is None:
            unknown += 1
            continue
        if not any(recording.graph.nodes[i].wants_grad for i in ops):
            stopped += 1
            continue
        for i in ops:
            for value in captured.values_of.get(i, ()):
                recorded, own, grad = recording.record.array(value), run.value(i), recording.grad(i)
                if value not in event.outs or recorded is None or own is None:
                    continue
                eps = FLOATS[recording.record.step.values[value].dtype]
                with np.errstate(all="ignore"):
                    error = np.asarray(recorded, np.float64) - own
                    effect = 0.0 if grad is None else float(np.vdot(np.asarray(grad, np.float64), error))
                if np.isfinite(effect):
                    found.append(Loss(i, distance(recorded, own, eps).ulps, effect))
    found.sort(key=lambda loss: -abs(loss.effect))
    return Budget(tuple(found), unknown, stopped)
