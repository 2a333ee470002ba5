"""How far something long has come, and whether it is to go on: asked from wherever the time is spent."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

ASK_SECONDS = 0.02
"""How long anything runs without asking: one frame of the screen or so."""

Ask = Callable[[float, str], bool]
"""`ask(part done, what is done)`; False ends it."""


class Cancelled(Exception):
    """It was told to end. What was done until then is kept."""


class Progress:
    """`ask` is the front end's, None where nobody watches. What is reported is one part of something longer: `width` of
    it, from `begin` on. `cancelled`: the command that is carried out was told to end."""

    def __init__(self, ask: Ask | None = None) -> None:
        self.ask = ask
        self.cancelled = False
        self._last = (0.0, "")
        self.begin, self.width = 0.0, 1.0
        self._asked = 0.0

    def report(self, part: float, what: str) -> None:
        """Say how far it has come; raises Cancelled where it is to end."""
        self._last, self._asked = (part, what), monotonic()
        if self.ask is not None and not self.ask(self.begin + self.width * part, what):
            self.cancelled = True
            raise Cancelled

    def tick(self) -> None:
        """To be called in every loop: repeats the last report where that was ASK_SECONDS ago."""
        if self.ask is not None and monotonic() - self._asked >= ASK_SECONDS:
            self.report(*self._last)


@contextmanager
def interruptible(progress: Progress) -> Iterator[None]:
    """While it is entered, ctrl+c ends what runs at its next report, and in the midst of nothing: a training step that
    was half run would be no step of the history. A second ctrl+c, before that, leaves the program.

    For the main thread, which has the signals; in another one it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise SystemExit(128 + number)
        asked = True

    before, ask = signal.signal(signal.SIGINT, note), progress.ask
    progress.ask = lambda part, what: not asked and (ask is None or ask(part, what))
    try:
        yield
    finally:
        progress.ask = ask
        signal.signal(signal.SIGINT, before)
