"""Another forward and backward pass within an update: an optimizer that looks at the loss from other parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.arena import Clock
from bptui.model.engine.calls import Call


class Again:
    """`again(x)` is the loss from the parameters x, and leaves its gradient where the plan has it: the same batch, the
    same masks, the same running states as the pass that the training step begins with. Whatever was written is as
    before when its `with` ends, so that the step that is recorded is the one that it began with.

    calls  forward and backward pass · p  the parameters that they read · rest  all that they write · loss  its place
    """

    def __init__(self, calls: Sequence[Call], p: Array, rest: Array, loss: Array, clock: Clock) -> None:
        self._calls, self._p, self._rest, self._loss, self._clock = tuple(calls), p, rest, loss, clock
        self._kept = np.empty_like(rest), np.empty_like(p)

    @property
    def loss(self) -> float:
        """The loss of the last pass; at first of the one that the step begins with."""
        return float(self._loss[0])

    def __enter__(self) -> None:
        rest, p = self._kept
        np.copyto(rest, self._rest)
        np.copyto(p, self._p)

    def __exit__(self, *error: object) -> None:
        rest, p = self._kept
        np.copyto(self._rest, rest)
        np.copyto(self._p, p)

    def __call__(self, x: Array) -> float:
        np.copyto(self._p, x)
        ask = self._clock.ask
        for call in self._calls:
            if ask is not None:
                ask()
            call()
        return self.loss
