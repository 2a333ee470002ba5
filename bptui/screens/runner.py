"""Commands run in one thread of their own, so that the screen stays awake and can cancel what takes long.

Almost every command is done before the screen would look elsewhere: it waits for it that long, and one frame shows the
key and its answer. History and Session are not for two threads at once: while a job runs, the screen leaves them alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

from bptui.model.debugger.commands import registry
from bptui.model.debugger.reply import Reply

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

AT_ONCE = 0.05  # seconds that a command may take before the screen goes on without it
SHOW_PROGRESS = 0.5  # from here on there is a bar


class Runner:
    """One command at a time.

    done   called in the screen's thread when a command has ended, with its Future
    home   runs a function in the screen's thread, from any thread
    job    the command that is still running, None while there is none
    """

    def __init__(self, done: Callable[[Future[Reply]], None], home: Callable[[Callable[[], None]], None]) -> None:
        self._done, self._home = done, home
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bptui-command")
        self._waiting: deque[tuple[Session, str]] = deque()
        self._cancelled = False
        self._part: tuple[float, str] = (0.0, "")
        self._started = 0.0
        self.job: Future[Reply] | None = None
        self.closed = False

    def run(self, session: Session, text: str) -> None:
        """Start a command line; returns when it is done, or when it takes longer than a blink. While one is running,
        the next ones wait in line. What is closed runs nothing: keys that were pressed after `q` come here still."""
        if self.closed:
            return
        if self.job is not None:
            self._waiting.append((session, text))
            return
        self._cancelled, self._part, self._started = False, (0.0, ""), monotonic()
        session.progress.ask = self._progress
        job = self._worker.submit(registry.run, session, text)
        try:
            job.exception(AT_ONCE)
        except TimeoutError:
            self.job = job
            job.add_done_callback(lambda _: self._home(self._ended))
            return
        self._end(job)

    def _ended(self) -> None:
        if self.job is not None and self.job.done():
            job, self.job = self.job, None
            self._end(job)

    def _end(self, job: Future[Reply]) -> None:
        if job.cancelled():
            return
        self._done(job)
        if self._waiting and self.job is None:
            self.run(*self._waiting.popleft())

    def _progress(self, part: float, what: str) -> bool:
        """Called from the command's thread, now and then; False ends it."""
        self._part = (part, what)
        return not self._cancelled

    @property
    def progress(self) -> tuple[float, str] | None:
        """(part done, what is done) of a command that has run for half a second, else None."""
        if self.job is None or monotonic() - self._started < SHOW_PROGRESS:
            return None
        part, what = self._part
        return part, what or "working"

    def cancel(self) -> None:
        """End what is running at its next look around, and forget what waits."""
        self._cancelled = True
        self._waiting.clear()

    def close(self) -> None:
        """For ever."""
        self.closed = True
        self.cancel()
        self._worker.shutdown(wait=False, cancel_futures=True)
