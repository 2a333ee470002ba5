"""The signals that end the program: the screen is left as `q` leaves it, and where that cannot be, it is left anyway.

asyncio's own handlers are not enough: they learn of a signal by a byte in the pipe that wakes the loop, which each key
that waits writes to as well. When it is full, the byte is dropped, and the signal with it. Python's handlers are called
whatever a pipe holds, as soon as the main thread runs; that it does, where another thread was interrupted and the loop
is idle, a pipe of their own sees to.
"""

from __future__ import annotations

import os
import signal
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable
from threading import Timer
from types import FrameType, TracebackType
from typing import Any

ENDING = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT") if hasattr(signal, name)
)  # fmt: skip
GRACE = 3.0
"""Seconds that the program has for a clean end; then the terminal is put back by hand. A command that does not look
whether it is cancelled, or a terminal that takes no more text, would keep it for ever."""


class Signals:
    """While it is entered, an ending signal calls `leave` with the exit code, in the midst of whatever the main thread
    does; GRACE seconds later, from another thread, `abandon` is called and the process is ended."""

    def __init__(self, leave: Callable[[int], None], abandon: Callable[[], None]) -> None:
        self._leave, self._abandon = leave, abandon
        self._before: dict[int, Any] = {}
        self._pipe: tuple[socket.socket, socket.socket] | None = None
        self._woken = -1

    def __enter__(self) -> Signals:
        try:
            for number in ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                    self._before[number] = signal.signal(number, self._handle)
        except ValueError:  # not the main thread: whoever has that one answers for signals
            self._before.clear()
        return self

    def wake(self, loop: AbstractEventLoop) -> None:
        """From now on each signal wakes this loop, that of a new size of the terminal, too."""
        if not self._before:
            return
        self._pipe = socket.socketpair()
        for end in self._pipe:
            end.setblocking(False)
        try:
            loop.add_reader(self._pipe[0], self._pipe[0].recv, 4096)
            self._woken = signal.set_wakeup_fd(self._pipe[1].fileno(), warn_on_full_buffer=False)
        except (NotImplementedError, ValueError):  # a loop or a system without them: handlers wait for the next key
            self._close()

    def _handle(self, number: int, _: FrameType | None) -> None:
        code = 128 + number
        last = Timer(GRACE, self._end, (code,))
        last.daemon = True
        last.start()
        self._leave(code)

    def _end(self, code: int) -> None:
        self._abandon()
        os._exit(code)

    def _close(self) -> None:
        if self._pipe is not None:
            for end in self._pipe:
                end.close()
            self._pipe = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pipe is not None:
            signal.set_wakeup_fd(self._woken)
            self._close()
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
