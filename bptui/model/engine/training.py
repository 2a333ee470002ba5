"""The training steps of a program, many of them in bounded memory: checkpoints of the state, and exact replay from the
nearest one.

A checkpoint is the state region alone (parameters, optimizer state, running state); everything else of a step is
computed again, bit for bit, by running it again. Where checkpoints would take more than their budget, every second one
is given up. A second, finer row of states around the last place that was looked at makes stepping back cheap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from time import perf_counter

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.checkpoints import Rows
from bptui.model.engine.history import NOTHING, Cancelled, Programmed, Progress
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.engine.summary import MANY, Summaries, Summary
from bptui.model.engine.timeline import Timeline

MAX_STEPS = 10_000_000
"""Training steps that one history keeps: their losses alone are 80 MB."""

FIRST_INTERVAL = 4
"""Training steps from one checkpoint to the next, until the budget is reached: seeking costs at most as many steps."""

CHUNK_SECONDS = 0.02
"""How long training runs between two looks at `cancelled`: one frame of the screen or so."""

LARGE = 2 * 2**20
"""Bytes of a recording from which on a training step may take longer than CHUNK_SECONDS: it is ended within, too."""


class Pace:
    """How many training steps to run at once so that they take CHUNK_SECONDS: measured, from 1 up."""

    def __init__(self) -> None:
        self.chunk = 1
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = perf_counter()

    def __exit__(self, *error: object) -> None:
        spent = perf_counter() - self._begun
        self.chunk = max(1, min(2 * self.chunk, int(self.chunk * CHUNK_SECONDS / max(spent, 1e-9))))


class Training:
    """All training steps of a program, of which any can be looked at: `recording(step)`.

    `checkpoint_bytes` bounds the checkpoints, by default 16 MB, or 600 states where those are larger (at most 256 MB);
    `window_bytes` bounds the states kept around the last place that was looked at.
    Not for two threads at once.
    """

    def __init__(
        self, source: Program | Programmed, *, checkpoint_bytes: int | None = None, window_bytes: int = 4 * 2**20
    ) -> None:
        self._program = source if isinstance(source, Program) else source.program()
        program = self._program
        size = max(program.state_nbytes, 1)
        if checkpoint_bytes is None:
            checkpoint_bytes = min(max(16 * 2**20, 600 * size), 256 * 2**20)
        length = size // program.dtype.itemsize
        self._checkpoints = Rows(min(checkpoint_bytes // size, MAX_STEPS), length, program.dtype)
        self._checkpoints.clear(0, FIRST_INTERVAL)
        self._window = Rows(min(max(window_bytes // size, 16), 4096), length, program.dtype)
        self._losses = np.empty(1024, program.dtype)
        self._summaries = Summaries() if len(program.calls) >= MANY else None
        self._steps = 0
        self._head: Array | None = None  # the state after the last step, while the program is elsewhere
        self._cache: OrderedDict[int, Recording] = OrderedDict()
        self._cached = max(2, min(16, 32 * 2**20 // max(program.nbytes, 1)))
        self._first = 0
        self._before: Training | None = None  # whose steps those before `_first` are

    def fork(self, source: Programmed, step: int, changed: Mapping[str, Array] = NOTHING) -> Training:
        """Another history, which has all training steps before `step` in common with this one and goes on from there
        with a program of its own."""
        if self._before is not None and step < self._first:
            return self._before.fork(source, step, changed)
        made = Training(source)
        self._go(step)
        made._grow(step)
        if step:
            made._before = self if step > self._first or self._before is None else self._before
        made._first = made._steps = step
        made._program.load(made._program.adopted(self._program, changed), step)
        made._checkpoints.clear(step, FIRST_INTERVAL)
        made._losses[:step] = self._losses[:step]
        return made

    @property
    def timeline(self) -> Timeline:
        """The Moments of a training step."""
        return self._program.layout.timeline

    @property
    def last(self) -> int | None:
        """None, or 0 where no step changes anything for the next: there are no parameters and no batches."""
        return None if self._program.graph.params or self._program.batches is not None else 0

    @property
    def ends(self) -> str:
        """Why there is no training step after the last."""
        return "nothing is trained (bptui eval … --train NAMES trains)" if self.last == 0 else ""

    @property
    def program(self) -> Program:
        """The program; where its arena stands is the history's own business."""
        return self._program

    @property
    def steps(self) -> int:
        """How many training steps have been run."""
        return self._steps

    @property
    def losses(self) -> Array:
        """The loss of every step so far, each before its update; read-only."""
        losses = self._losses[: self._steps]
        losses.setflags(write=False)
        return losses

    @property
    def nbytes(self) -> int:
        """Bytes kept: the program's arena, checkpoints, window, losses, recordings."""
        recordings = sum(recording.nbytes for recording in self._cache.values())
        head = 0 if self._head is None else self._head.nbytes
        kept = self._checkpoints.nbytes + self._window.nbytes + self._losses.nbytes
        return self._program.nbytes + kept + recordings + head

    def rest(self) -> None:
        """Keep no more than it takes to go on; what was forgotten is computed again, bit for bit, when it is asked
        for."""
        self._cache.clear()
        self._window.clear(self._program.step, 1)

    # ---------------------------------------------------------------------------------------------- forward
    def advance(self, to: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> int:
        """Train until `to` steps have been run, if they have not been already; returns how many have.

        `progress` is told from time to time, `cancelled` asked as often; what was trained until then is kept.
        """
        if to > MAX_STEPS:
            raise UserError("train", f"{to:,} training steps", f"at most {MAX_STEPS:,}")
        if to <= self._steps:
            return self._steps
        self._to_head()
        start, pace = self._steps, Pace()
        while self._steps < to:
            stop = min(to, self._steps + pace.chunk)
            ask = self._asking(progress, self._steps - start, to - start)
            with pace:
                while self._steps < stop:
                    self._run_head(stop, ask)
            if progress is not None:
                progress(self._steps - start, to - start)
            if self._steps < to and cancelled is not None and cancelled():
                break
        return self._steps

    def _asking(self, progress: Progress | None, done: int, total: int) -> Callable[[], None] | None:
        """What is asked within a training step: nothing, where a step takes less than one would wait for it."""
        if progress is None or self._program.nbytes < LARGE:
            return None
        asked = perf_counter()

        def ask() -> None:
            nonlocal asked
            now = perf_counter()
            if now - asked >= CHUNK_SECONDS:
                asked = now
                progress(done, total)

        return ask

    def _run_head(self, to: int, ask: Callable[[], None] | None = None) -> None:
        """Run to the next checkpoint, at most to `to`."""
        program = self._program
        self._checkpoints.keep(program)
        count = min(to, program.step + self._checkpoints.until(program.step)) - program.step
        self._grow(self._steps + count)
        each = 1 if self._summaries is not None else count
        for _ in range(0, count, each):
            try:
                program.run(each, self._losses[self._steps : self._steps + each], ask)
            finally:
                self._steps = program.step
            if self._summaries is not None:
                self._summaries.keep(program.recording())

    def _grow(self, count: int) -> None:
        if count > len(self._losses):
            longer = np.empty(max(count, 2 * len(self._losses)), self._losses.dtype)
            longer[: self._steps] = self._losses[: self._steps]
            self._losses = longer

    def _to_head(self) -> None:
        """Bring the program back to the end of what has been trained."""
        if self._program.step != self._steps:
            assert self._head is not None, "leaving the head keeps its state"
            self._program.load(self._head, self._steps)
        self._head = None

    # ------------------------------------------------------------------------------------------------- back
    def summary(self, step: int) -> Summary | None:
        """What was kept of a training step when it was run; None for a small program: to run it again is as quick."""
        if self._before is not None and step < self._first:
            return self._before.summary(step)
        return None if self._summaries is None else self._summaries.of(step)

    def recording(self, step: int, progress: Progress | None = None) -> Recording:
        """Everything of one training step, trained up to it first where it has not been run yet. Where `progress`
        raises, nothing has happened but what was trained until then."""
        if self._before is not None and step < self._first:
            return self._before.recording(step, progress)
        found = self._cache.get(step)
        if found is not None:
            self._cache.move_to_end(step)
            return found
        self.seek(step, progress)
        ask = self._asking(progress, 0, 1)
        if step == self._steps:
            self._run_head(step + 1, ask)
        else:
            self._program.run(ask=ask)
        return self._keep()

    def seek(self, step: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> bool:
        """Go to the start of a training step: `recording(step)` is then one step away. False where it was cancelled."""
        if step < 0:
            raise IndexError(step)
        if self._before is not None and step < self._first:
            return self._before.seek(step, progress, cancelled)
        return step in self._cache or self._go(step, progress, cancelled)

    def _go(self, step: int, progress: Progress | None = None, cancelled: Cancelled | None = None) -> bool:
        """Bring the program to the start of a training step."""
        if step >= self._steps:
            reached = self.advance(step, progress, cancelled)
            self._to_head()
            return reached == step
        program, window = self._program, self._window
        if program.step == step and window.nearest(step) is not None:
            window.keep(program)
            return True
        if program.step == self._steps and self._head is None:
            self._head = program.save()
        starts = [(at, rows) for rows in (self._checkpoints, window) if (at := rows.nearest(step)) is not None]
        start, rows = max(starts, key=lambda pair: pair[0])
        if not start <= program.step <= step:
            program.load(rows[start], start)
        distance = step - program.step
        if distance > 1 or window.nearest(step) is None:
            window.clear(program.step, every=-(-(distance + 1) // window.limit))
        return self._replay(step, progress, cancelled)

    def _keep(self) -> Recording:
        """The recording of the step that was run last; as many are kept as have room."""
        found = self._program.recording()
        self._cache[found.step] = found
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)
        return found

    def _replay(self, step: int, progress: Progress | None, cancelled: Cancelled | None) -> bool:
        """Run up to `step`, keeping states in the window on the way, or where it is a short way the steps themselves:
        who goes back goes on back. False where it was cancelled."""
        program, window = self._program, self._window
        start, pace = program.step, Pace()
        short = step - start < self._cached
        while program.step < step:
            stop = min(step, program.step + pace.chunk)
            ask = self._asking(progress, program.step - start, step - start)
            with pace:
                while program.step < stop:
                    window.keep(program)
                    program.run(1 if short else min(max(window.until(program.step), 1), stop - program.step), ask=ask)
                    if short:
                        self._keep()
            if progress is not None:
                progress(program.step - start, step - start)
            if program.step < step and cancelled is not None and cancelled():
                return False
        window.keep(program)
        return True
