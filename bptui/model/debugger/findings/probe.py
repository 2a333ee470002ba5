"""ρ: what a step of the optimizer really changed the loss by, over what its gradient promised.

At the Moment after an update the loss is evaluated once more on the same batch, with the same masks, at w + c·Δw; no
parameter, no running statistic and no optimizer state is changed by that. ρ = 1: the loss is straight that far; ½: the
lowest point along the step of a parabola; below 0: past it, the loss rose though a fall was promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.arena import Slot
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.program import Program
from bptui.model.engine.recording import NotRecorded
from bptui.model.source.captured.recording import CapturedRecording
from bptui.model.source.captured.whole import beyond, whole


class Prober:
    """Evaluates the loss of one network at parameters that it does not have."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def step(self, recording: ArenaRecording) -> Step:
        """The step that a training step took."""
        return Step(self._program, recording)


@dataclass
class Step:
    """One step Δw of the optimizer, and the loss along it."""

    program: Program
    recording: ArenaRecording

    @cached_property
    def _states(self) -> tuple[Array, Array, int]:
        """(the state before, the state after, how many of its numbers are parameters)."""
        layout = self.recording.layout
        memory = np.frombuffer(self.recording.memory, layout.dtype)
        count = sum(int(np.prod(node.shape)) for node in layout.graph.params)
        return memory[: layout.state], memory[layout.state : 2 * layout.state], count

    @property
    def loss(self) -> float:
        """L(w)."""
        return self.recording.loss

    @cached_property
    def promised(self) -> float:
        """g·Δw, summed in float64: how much the loss would change if it were straight. Below 0: it would fall."""
        total = 0.0
        with np.errstate(all="ignore"):
            for node in self.recording.graph.params:
                gradient = self.recording.grad(node)
                if gradient is not None:
                    change = self.recording.after(node).astype(np.float64) - self.recording.before(node)
                    total += float(np.vdot(gradient, change))
        return total

    def at(self, factor: float) -> float:
        """L(w + factor·Δw)."""
        before, after, count = self._states
        state = before.copy()
        with np.errstate(all="ignore"):
            state[:count] += factor * (after[:count] - before[:count])
        return self.program.evaluate(state, self.recording.step)

    def actual(self, factor: float = 1.0) -> float:
        """L(w + factor·Δw) - L(w)."""
        return self.at(factor) - self.loss

    def rho(self, factor: float = 1.0) -> float:
        """The real over the promised change of the loss; NaN where nothing was promised."""
        promised = factor * self.promised
        return self.actual(factor) / promised if promised else float("nan")

    def largest(self, factors: tuple[float, ...], least: float = 0.5) -> float | None:
        """The first of some falling factors at which ρ is at least `least`."""
        return next((factor for factor in factors if self.rho(factor) >= least), None)


MOST = 2**24
"""Numbers of a captured step up to which its loss is evaluated again."""


class CapturedStep(Step):
    """The step that the optimizer of a captured step took, whatever its rule: parameters are as recorded, before and
    after; the loss between is this engine's, in float64."""

    recording: CapturedRecording  # type: ignore[assignment]

    @classmethod
    def of(cls, recording: CapturedRecording) -> CapturedStep | None:
        """None where it is too large, or an opaque operation lies between parameters and loss. UserError where numbers
        are absent."""
        graph = recording.graph
        if sum(int(np.prod(node.shape)) for node in graph.nodes) > MOST or not graph.params:
            return None
        if beyond(graph, [node.id for node in graph.params]) is not None:
            return None
        return cls(Program(whole(recording, graph), recording.optimizer), recording)  # type: ignore[arg-type]

    @cached_property
    def promised(self) -> float:
        total = 0.0
        for node in self.recording.graph.params:
            gradient, before, after = (
                f(node) for f in (self.recording.grad, self.recording.before, self.recording.after)
            )
            if gradient is not None and before is not None and after is not None:
                total += float(np.vdot(gradient.astype(np.float64), after.astype(np.float64) - before))
        return total

    @cached_property
    def _ends(self) -> tuple[Array, Array]:
        """The state with the parameters of before, and what the step adds to it."""
        before = self.program.save()
        change = np.zeros_like(before)
        for node in self.recording.graph.params:
            place = self.program.layout.values[node.id]
            old, new = self.recording.before(node), self.recording.after(node)
            if isinstance(place, Slot) and old is not None:
                place.within(before)[...] = old
                place.within(change)[...] = 0 if new is None else np.asarray(new, np.float64) - old
        return before, change

    def at(self, factor: float) -> float:
        before, change = self._ends
        with np.errstate(all="ignore"):
            return self.program.evaluate(before + factor * change, 0)


def probed(recording: CapturedRecording) -> CapturedStep | None:
    """The step of a captured training step, to be evaluated along its way; None where numbers are absent, or this
    engine's loss is not the one that was recorded."""
    try:
        step = CapturedStep.of(recording)
    except (UserError, NotRecorded):
        return None
    return step if step is not None and np.isclose(step.at(0.0), recording.loss, rtol=1e-2, atol=1e-6) else None
