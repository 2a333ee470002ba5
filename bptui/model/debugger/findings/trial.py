"""Trials: a changed network is trained for the same steps on the same seed, and the loss that it reaches is held
against the loss that was reached without the change, in terms of the same loss where that can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.debugger.findings.finding import Diagnosis, Remedy
from bptui.model.debugger.findings.structure import REGRESSION, Structure
from bptui.model.debugger.progress import Progress
from bptui.model.engine import ops
from bptui.model.engine.history import History
from bptui.model.engine.recording import Recording
from bptui.model.source.network import Network, from_formula

LAST = 5
"""The loss that a training reached is the mean of so many last ones, or of the last tenth where that is fewer."""
SECONDS = 20.0
"""How long one trial may take."""
PROBABLE = {"scores": "softmax(z, axis=1)", "logit": "sigmoid(z)"}
"""What makes probabilities of what a loss takes."""


def tried(remedy: Remedy, diagnosis: Diagnosis, progress: Progress) -> Remedy:
    """The remedy with the losses that were reached without it and with it."""
    steps = diagnosis.steps
    try:
        network = remedy.make(diagnosis.network)
        history = network.history()
    except UserError as problem:
        return replace(remedy, note=f"not tried: {problem}")

    def report(done: int, total: int) -> None:
        progress.report(done / total, f"trying: {remedy.text}")

    done = trained(history, steps, report)
    if done < steps:
        return replace(
            remedy, note=f"not tried to the end: {done} of {steps} training steps in {significant(SECONDS)} s"
        )
    before, after = reached(diagnosis.losses), reached(history.losses[:steps])
    asked, given = Asked.of(diagnosis.network), Asked.of(network)
    if asked is None or given is None or asked.same(given):
        return replace(remedy, loss_before=before, loss_after=after)
    restated = _restated(asked, given, history, steps)
    if restated is None:
        other = f"{given.kind} in the place of {asked.kind}" if given.kind != asked.kind else "of other targets"
        note = f"another loss, {other}: the two numbers cannot be compared"
        return replace(remedy, loss_before=before, loss_after=after, note=note)
    text = remedy.text if given.kind == asked.kind else f"{remedy.text} (the loss as {asked.kind})"
    return replace(remedy, text=text, loss_before=before, loss_after=restated)


def trained(history: History, steps: int, report: Callable[[int, int], None], seconds: float = SECONDS) -> int:
    """Train, for `seconds` at most: how many training steps there are then."""
    end = monotonic() + seconds
    return history.advance(steps, report, lambda: monotonic() > end)


def reached(losses: Array | tuple[float, ...]) -> float:
    """The loss that a training reached: the mean of its last few; what is not finite as it is."""
    last = np.asarray(losses[-last_steps(len(losses)) :], np.float64)
    with np.errstate(all="ignore"):
        return float(last.mean()) if len(last) else float("nan")


def last_steps(steps: int) -> int:
    """Of how many training steps the mean is that stands for the end."""
    return max(1, min(LAST, steps // 10))


@dataclass(frozen=True)
class Asked:
    """What a network is asked for: the kind of its loss, what it compares, and all targets."""

    kind: str
    prediction: int
    target: int
    targets: Array

    @classmethod
    def of(cls, network: Network) -> Asked | None:
        """None where the loss does not compare a prediction with given targets."""
        loss = Structure(network.graph).loss
        if loss is None or loss.prediction is None or loss.target is None or loss.target.op is not None:
            return None
        arrays = {} if network.batches is None else network.batches.arrays
        values = arrays.get(loss.target.name, loss.target.value)
        return None if values is None else cls(loss.kind, loss.prediction.id, loss.target.id, np.asarray(values))

    @property
    def takes(self) -> str:
        """What its loss takes a prediction to be."""
        compares = ops.get(self.kind).compares
        return "" if compares is None else compares.prediction

    def same(self, other: Asked) -> bool:
        """Are the losses of both in the same terms?"""
        return self.kind == other.kind and np.array_equal(self.targets, other.targets)


def _restated(asked: Asked, given: Asked, history: History, steps: int) -> float | None:
    """The loss that the changed network reached, in terms of the first network's loss and targets; None where its
    predictions are of another kind."""
    if asked.targets.shape != given.targets.shape:
        return None
    losses = []
    for step in range(steps - last_steps(steps), steps):
        pair = _compared(asked, given, history.recording(step))
        if pair is None:
            return None
        z, y = pair
        if not np.isfinite(z).all():
            return float("nan")
        prediction = PROBABLE.get(given.takes, "z") if given.kind != asked.kind else "z"
        losses.append(from_formula(f"L = {asked.kind}({prediction}, y)", {"z": z, "y": y}, []).program().record().loss)
    return reached(tuple(losses))


def _compared(asked: Asked, given: Asked, recording: Recording) -> tuple[Array, Array] | None:
    """(what the changed network predicts, the targets of the first one), of a training step of the changed one."""
    z, y = recording.value(given.prediction), recording.value(given.target)
    regression = asked.kind in REGRESSION and given.kind in REGRESSION
    if z is None or y is None or z.shape != y.shape or not (regression or given.takes in (*PROBABLE, "probability")):
        return None
    if np.array_equal(asked.targets, given.targets):
        return z, y
    if not regression:
        return None
    mean, spread = (f(asked.targets, axis=0) for f in (np.mean, np.std))
    now, wide = (f(given.targets, axis=0) for f in (np.mean, np.std))
    scale = spread / np.where(wide > 0, wide, 1)
    return (z - now) * scale + mean, (y - now) * scale + mean
