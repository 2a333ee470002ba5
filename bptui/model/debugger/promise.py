"""What a change was promised to do to the loss, and what it did.

To first order the loss changes by gradient times change: Σ ∂L/∂p·Δp over all numbers that were changed by hand, or
that a step of the optimizer changes. The ratio of what really happened to that is 1 where the loss is straight that
far, ½ at the lowest point of a parabola, and below 0 where the loss rose though a fall was promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan, prod

import numpy as np

from bptui.model.base.numbers import CONCEALED
from bptui.model.base.types import Array
from bptui.model.debugger.edit import Edit
from bptui.model.debugger.findings.probe import Prober
from bptui.model.engine.arena_recording import ArenaRecording
from bptui.model.engine.history import History
from bptui.model.engine.recording import Recording
from bptui.model.source.network import Network


@dataclass(frozen=True)
class Promise:
    """factors   what is multiplied: (gradient, change) of one number, (-lr, Σ g²) of a step of plain gradient descent;
              None for a sum over several numbers
    promised  the change of the loss to first order
    before    the loss as it was, on the batch of the training step;  after  with the change, on the same batch
    count     how many numbers were changed
    step      they were changed by a step of the optimizer
    other     the ratio of the step that the branch takes which was edited
    """

    factors: tuple[float, float] | None
    promised: float
    before: float
    after: float
    count: int
    step: bool = False
    other: float = nan

    @property
    def really(self) -> float:
        """What the loss changed by."""
        return self.after - self.before

    @property
    def ratio(self) -> float:
        """The real over the promised change; NaN where nothing was promised."""
        return self.really / self.promised if self.promised else nan

    @property
    def broken(self) -> bool:
        """Was a fall promised, and the loss rose?"""
        return self.promised < 0 and (self.really > 0 or not isfinite(self.after))

    def seen(self, gradient: bool, loss: bool) -> Promise:
        """The same as it may be seen where the gradient, or the loss, is hidden."""
        made = self
        if gradient:
            factors = None if made.factors is None else (CONCEALED, made.factors[1])
            made = replace(made, factors=factors, promised=CONCEALED)
        return replace(made, before=CONCEALED, after=CONCEALED) if loss else made


def of_edit(edit: Edit, network: Network, old: History, new: History) -> Promise | None:
    """The promise of an edit to the course `old` of a network, which makes the course `new` of it; None where it makes
    none: another network, a number that the loss has no gradient by, or a step that only the new course has."""
    if edit.kind == "network" or (old.last is not None and edit.step > old.last):
        return None
    before, after = old.recording(edit.step), new.recording(edit.step)
    if edit.kind == "optimizer":
        if not isinstance(before, ArenaRecording) or not isinstance(after, ArenaRecording):
            return None
        other = Prober(network.program()).step(before).rho()
        step = Prober(edit.network.program()).step(after)
        count = sum(prod(node.shape) for node in after.graph.params)
        return Promise(_descent(after), step.promised, step.loss, step.at(1.0), count, True, other)
    return _of_numbers((edit.name,) if edit.name else tuple(edit.values), before, after)


def _of_numbers(names: Sequence[str], before: Recording, after: Recording) -> Promise | None:
    """The promise of other numbers in some leaves."""
    gradients, changes = [], []
    for name in names:
        slope, old, new = before.grad(name), before.value(name), after.value(name)
        if slope is None or old is None or new is None:
            return None
        changes.append(np.subtract(new, old, dtype=np.float64).reshape(-1))
        gradients.append(np.asarray(slope, np.float64).reshape(-1))
    change, gradient = np.concatenate(changes), np.concatenate(gradients)
    changed = np.flatnonzero(change)
    with np.errstate(all="ignore"):
        promised = float(np.vdot(gradient, change))
    one = (float(gradient[changed[0]]), float(change[changed[0]])) if len(changed) == 1 else None
    return Promise(one, promised, before.loss, after.loss, len(changed))


def _descent(recording: Recording) -> tuple[float, float] | None:
    """(-lr, Σ g²) where the step is the gradient times that."""
    o = recording.optimizer
    if o.kind != "sgd" or o.momentum or o.weight_decay or o.l1 or o.maximize or o.clips or o.groups:
        return None
    with np.errstate(all="ignore"):
        squares = sum(_square(recording.grad(node)) for node in recording.graph.params)
    return -recording.rate, squares


def _square(gradient: Array | None) -> float:
    return 0.0 if gradient is None else float(np.vdot(np.asarray(gradient, np.float64), gradient))
