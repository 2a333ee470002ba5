"""What a board computes runs in one thread; while it runs, the screen is drawn now and then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from textual.timer import Timer

from bptui.model.base.errors import UserError, as_user_error
from bptui.model.debugger.progress import Cancelled, Progress
from bptui.screens.board import Board
from bptui.screens.canvas import Canvas

FRAMES = 20
"""Frames a second at most while something is computed; a slow line draws fewer, for only what changed is sent."""


class Worker:
    """Runs a board's work in one thread, one piece after the other, and draws how far it is. `home` runs something in
    the screen's own thread; there `ended` is called with why a work failed, None where it did not.

    job  what runs;  board  whose work runs, or ran last
    """

    def __init__(
        self, canvas: Canvas, home: Callable[[Callable[[], None]], None], ended: Callable[[UserError | None], None]
    ) -> None:
        self._canvas, self._home, self._ended = canvas, home, ended
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bptui-board")
        self._go_on = True
        self._timer: Timer | None = None
        self.closed = False
        self.job: Future[None] | None = None
        self.board: Board | None = None

    def ask(self, board: Board) -> None:
        """Start what there is to compute, if anything; end what runs where something else cannot wait for it."""
        if self.closed:
            return
        if self.job is not None:
            self._go_on = self._go_on and not board.urgent()
        elif (work := board.work()) is not None:
            self._go_on, self.board = True, board
            self.job = self._pool.submit(work, Progress(lambda part, what: self._go_on))
            self.job.add_done_callback(lambda _: self._home(self._end))
        self.watch()

    def _end(self) -> None:
        """The work has ended: another may begin."""
        job, self.job = self.job, None
        problem = None if job is None or job.cancelled() else job.exception()
        self._ended(None if problem is None or isinstance(problem, Cancelled) else as_user_error(problem))
        self.watch()

    def watch(self) -> None:
        """While something is computed, or a slow line has not been given all of it, look at it now and then."""
        wanted = not self.closed and (self.job is not None or self._canvas.late)
        if wanted and self._timer is None:
            self._timer = self._canvas.set_interval(1 / FRAMES, self._frame)
        elif not wanted and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _frame(self) -> None:
        """Draw how far it is, where what was drawn before has reached the terminal: first what of it is late."""
        app: Any = self._canvas.app
        arrivals = app.arrivals
        if arrivals.free():
            arrivals.wanted = True
            if self._canvas.late:
                self._canvas.flush(arrivals.budget)
            else:
                self._canvas.repaint(arrivals.budget)
        self.watch()

    def close(self) -> None:
        """For ever."""
        self._go_on, self.closed = False, True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.watch()
