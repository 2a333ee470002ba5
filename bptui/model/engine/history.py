"""The training steps that can be looked at: a History. Those of a program that is trained are `training.Training`; here
is that of one step that somebody recorded, `RecordedStep`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.summary import Summary
from bptui.model.engine.timeline import Timeline

NOTHING: Mapping[str, Array] = MappingProxyType({})

Progress = Callable[[int, int], None]
"""`progress(done, total)` in training steps."""
Cancelled = Callable[[], bool]


class Programmed(Protocol):
    """Anything that makes a Program: a Network."""

    def program(self) -> Program:
        """A new one, at step 0."""


class History(Protocol):
    """Training steps 0, 1, …, of which any can be looked at.

    timeline  the Moments of each of them
    last      the last training step there can be; None where training may go on for ever
    ends      why there is no more after `last`, "" where `last` is None
    steps     how many training steps are there now · losses  the loss of each, read-only
    """

    @property
    def timeline(self) -> Timeline: ...

    @property
    def last(self) -> int | None: ...

    @property
    def ends(self) -> str: ...

    @property
    def steps(self) -> int: ...

    @property
    def losses(self) -> Array: ...

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps."""

    def rest(self) -> None:
        """Nobody looks at it for now: keep no more than it takes to give any step again."""

    def recording(self, step: int, progress: Progress | None = None) -> Recording:
        """Everything of one training step (IndexError where there can be none)."""

    def summary(self, step: int) -> Summary | None:
        """What is known of a training step without running it again; None where nothing is."""

    def seek(self, step: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> bool:
        """Make `recording(step)` quick to give. False where it was cancelled."""

    def advance(self, to: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> int:
        """Train until `to` steps are there; returns how many are (UserError where they cannot be trained)."""

    def fork(self, source: Programmed, step: int, changed: Mapping[str, Array] = NOTHING) -> History:
        """A history with all training steps before `step` in common, which goes on with another program: from the
        numbers that were reached (`Program.adopted`), but for those in `changed`, by the names of parameters. UserError
        where none can be trained."""


class RecordedStep:
    """The history of one training step that was recorded elsewhere: it can be looked at, not trained on."""

    last = 0
    ends = "one recorded training step, which cannot be trained on"
    steps = 1

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.timeline = recording.timeline

    @property
    def losses(self) -> Array:
        """The loss of the step."""
        losses = np.array([self._recording.loss])
        losses.setflags(write=False)
        return losses

    @property
    def nbytes(self) -> int:
        """Bytes of the recording."""
        return self._recording.nbytes

    def rest(self) -> None:
        """There is nothing to forget."""

    def recording(self, step: int, progress: Progress | None = None) -> Recording:
        """The step itself; IndexError for any other."""
        if step:
            raise IndexError(step)
        return self._recording

    def summary(self, step: int) -> Summary | None:
        """Nothing: it need not be run."""
        return None

    def seek(self, step: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> bool:
        """The step is there; IndexError for any other."""
        self.recording(step)
        return True

    def advance(self, to: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> int:
        """There is nothing to train: UserError where more than the one step is asked for."""
        if to > 1:
            raise UserError("train", f"{to:,} training steps", self.ends)
        return 1

    def fork(self, source: Programmed, step: int, changed: Mapping[str, Array] = NOTHING) -> History:
        """There is nothing to train: UserError."""
        raise UserError("set", "there is nothing to change", self.ends)
