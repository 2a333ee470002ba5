"""Has what was drawn reached the terminal? Then the next frame may follow: no slow line holds a queue of frames.

What is written goes into buffers that nobody can look into (a pseudo terminal takes 64 KB, which is a minute at 9,600
baud). So a frame ends with a question that every terminal answers, since the VT100: what are you? Its answer comes when
all before it has been drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Event
from time import monotonic

QUESTION = "\x1b[c"
"""Primary device attributes (ECMA-48 DA)."""
ANSWER = re.compile(r"\x1b\[\?[0-9;]*c")
SLOWEST = 800.0
"""Bytes a second that a terminal which does not answer is taken for: 9,600 baud, and something left over for keys."""
PATIENCE, LEAST = 0.25, 200
"""Seconds that a key may wait for what was sent before it; bytes that are sent at once all the same: a row."""
LOST = 10.0
"""Seconds after which an answer does not come any more."""


class Arrivals:
    """wanted  the next thing that is sent ends with the question"""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.wanted = False
        self._clock = clock
        self._asked: float | None = None
        self._sent = 0
        self._answers = False
        self._rate = SLOWEST
        self._quiet = Event()
        self._quiet.set()

    @property
    def budget(self) -> int:
        """Bytes that a key would wait for no longer than PATIENCE, as fast as the line was last."""
        return max(LEAST, int(self._rate * PATIENCE))

    def ends(self, data: str) -> str:
        """What `data` ends with, as it is sent: the question, where it is wanted and none is open; else nothing."""
        if self._asked is not None:
            self._sent += len(data)
        elif self.wanted:
            self.wanted = False
            self._asked, self._sent = self._clock(), len(data)
            self._quiet.clear()
            return QUESTION
        return ""

    def answered(self) -> None:
        """The terminal has drawn all that was sent before the question. From any thread."""
        asked = self._asked
        if asked is not None:
            self._rate = self._sent / max(1e-4, self._clock() - asked)
        self._asked, self._answers = None, True
        self._quiet.set()

    def free(self) -> bool:
        """May another frame be sent?"""
        asked = self._asked
        if asked is None:
            return True
        least = self._sent / SLOWEST
        if self._clock() - asked < (max(LOST, least) if self._answers else least):
            return False
        self._asked = None
        return True

    def settle(self, seconds: float) -> None:
        """Wait for an answer that is on its way: after the program has gone, it would be typed into the shell."""
        if self._answers:
            self._quiet.wait(seconds)
