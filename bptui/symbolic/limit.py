"""Work that ends when its time is over: for whatever SymPy is asked, since nothing tells beforehand how long it takes.

An exception is raised inside of the thread that works. It cannot break into one giant operation of C (a power of a
number with a million digits), which is why texts are bounded before (`bptui.symbolic.formula.parse`).
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from bptui.model.base.numbers import significant

TIME_LIMIT = 2.0
"""Seconds for one derivation: 20 times the slowest operation measured."""

T = TypeVar("T")


class TooLong(Exception):
    """The time was over before the work was done."""


class Overrun(BaseException):
    """The time is over. Raised inside of the work, and not for it to catch."""


class _Collector:
    """Python's search for garbage: off while an Overrun may come, for it swallows what is raised in its callbacks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._was_on = True

    @contextmanager
    def off(self) -> Iterator[None]:
        """Off until the last who asked is done; then as it was."""
        with self._lock:
            if not self._users:
                self._was_on = gc.isenabled()
                gc.disable()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users and self._was_on:
                    gc.enable()


_COLLECTOR = _Collector()


class Limit:
    """Runs one piece of work at a time, in the thread that calls; limits may be inside of each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: object | None = None
        self._sent = False
        self._thread = 0
        self._over: type[BaseException] = type("Overrun", (Overrun,), {})
        """Of its own: one that is meant for an outer limit goes on to that."""

    def run(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` returns or raises; TooLong after `seconds`, or when another thread says `stop`."""
        with _COLLECTOR.off():
            return self._run(work, seconds)

    def _run(self, work: Callable[[], T], seconds: float) -> T:
        timer = threading.Timer(seconds, self._expire, (token := object(),))
        timer.daemon = True
        try:
            timer.start()  # before anything may be raised here: CPython 3.11 would raise it in the thread that starts
            with self._lock:
                self._token, self._sent, self._thread = token, False, threading.get_ident()
            if timer.finished.is_set():
                self._expire(token)
            try:
                result = work()
            except self._over:
                raise
            except BaseException:
                self._settle()
                raise
            self._settle()
            return result
        except self._over:
            raise TooLong(f"took longer than {significant(seconds)} s") from None
        finally:
            timer.cancel()

    def _settle(self) -> None:
        """Meet an Overrun that is on its way: one taken back leaves CPython 3.11's eval breaker set, which slows every
        thread and hangs whatever traces or profiles."""
        with self._lock:
            self._token = None
            sent = self._sent
        end = time.monotonic() + 1.0
        while sent and time.monotonic() < end:
            time.sleep(0.001)

    def stop(self) -> None:
        """Have what is running end, from another thread; nothing where nothing runs."""
        with self._lock:
            self._interrupt()

    def _expire(self, token: object) -> None:
        with self._lock:
            if self._token is token:
                self._interrupt()

    def _interrupt(self) -> None:
        """Once. The lock is held."""
        if self._token is not None:
            self._token, self._sent = None, True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(self._over))
