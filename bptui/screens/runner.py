"""Commands run in one thread of their own, so that the screen stays awake and can cancel what takes long.

Almost every command is done before the screen would look elsewhere: it waits for it that long, and one frame shows the
key and its answer. History and Session are not for two threads at once: while a job runs, the screen leaves them alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from bptui.model.debugger.commands import registry
from bptui.model.debugger.reply import Reply
from bptui.model.debugger.script import ScriptLine

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

AT_ONCE = 0.05  # seconds that a command may take before the screen goes on without it; and lines of a script, together
SHOW_PROGRESS = 0.5  # from here on there is a bar


class Runner:
    """One command at a time.

    done   called in the screen's thread when a command has ended, with its line and its Future
    home   runs a function in the screen's thread, from any thread
    job    the command that is still running, None while there is none
    """

    def __init__(
        self, done: Callable[[ScriptLine, Future[Reply]], None], home: Callable[[Callable[[], None]], None]
    ) -> None:
        self._done, self._home = done, home
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="bptui-command")
        self._waiting: deque[tuple[Session, ScriptLine]] = deque()
        self._line = ScriptLine("")
        self._going = self._cancelled = False
        self._part: tuple[float, str] = (0.0, "")
        self._started = 0.0
        self.job: Future[Reply] | None = None
        self.closed = False

    @property
    def busy(self) -> bool:
        """Is a command running, or do some wait?"""
        return self.job is not None or bool(self._waiting)

    def run(self, session: Session, text: str) -> None:
        """Start a command line; returns when it is done, or when it takes longer than a blink. While one is running,
        the next ones wait in line. What is closed runs nothing: keys that were pressed after `q` come here still."""
        if not self.closed:
            self._waiting.append((session, ScriptLine(text)))
            self._go_on()

    def insert(self, session: Session, lines: Sequence[ScriptLine]) -> None:
        """Lines that are run before all that wait; none where what they stand for was ended meanwhile."""
        if self._cancelled:
            return
        self._waiting.extendleft((session, line) for line in reversed(lines))

    def drop_scripts(self) -> None:
        """Forget the lines that stand in a script: one of them could not be carried out."""
        self._waiting = deque(each for each in self._waiting if each[1].origin is None)

    def hold(self, session: Session, line: ScriptLine, work: Callable[[], Reply]) -> None:
        """Do something else in the thread of the commands, as if `line` were it: what waits goes on waiting."""
        self._start(session, line, work)

    def _go_on(self) -> None:
        """Run what waits, one after the other, for the time of a blink; then the screen looks elsewhere before the
        next, a turn of the loop later: from its own queue the App takes one message after the other without any."""
        if self._going:
            return
        self._going, begun = True, monotonic()
        try:
            while self._waiting and self.job is None and not self.closed:
                if monotonic() - begun > AT_ONCE:
                    asyncio.get_running_loop().call_soon(self._home, self._go_on)
                    break
                session, line = self._waiting.popleft()
                self._start(session, line, partial(registry.run, session, line))
        finally:
            self._going = False

    def _start(self, session: Session, line: ScriptLine, work: Callable[[], Reply]) -> None:
        self._cancelled, self._part, self._started = False, (0.0, ""), monotonic()
        session.progress.ask = self._progress
        job = self._worker.submit(work)
        self._line = line
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
            self._go_on()

    def _end(self, job: Future[Reply]) -> None:
        if not job.cancelled():
            self._done(self._line, job)

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
