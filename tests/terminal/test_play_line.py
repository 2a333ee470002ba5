"""The playground over a slow line: keys are answered while it trains, frames are dropped, training goes on.

What is bounded is bytes, not seconds: those that a key has to wait for. The terminal here draws so many bytes a second,
and answers what it is asked when it has drawn what came before, as a real one does.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time

import pytest

from bptui.screens.arrivals import LEAST, PATIENCE
from tests.terminal.rig import ANSWERS, Terminal

ROW = 1_000
"""Bytes: the last row of a frame, which is begun within the budget; or the answer of a key."""


class SlowTerminal(Terminal):
    """Takes `rate` bytes a second."""

    rate = 9_600

    def read(self, seconds: float) -> bytes:
        """What a line of that speed brings in a fiftieth of a second."""
        time.sleep(0.02)
        if not select.select([self.fd], [], [], 0)[0]:
            return b""
        try:
            data = os.read(self.fd, max(1, self.rate // 50))
        except OSError:
            return b""
        before = bytes(self.sent[-8:])
        self.sent += data
        self._unread += data
        for query, answer in ANSWERS.items():
            if query in before + data and query not in before:
                os.write(self.fd, answer)
        return data

    def drained(self) -> None:
        """Read until nothing comes for a while."""
        silent = 0
        while silent < 12:
            silent = 0 if self.read(0) else silent + 1

    def bytes_until(self, keys: str, mark: str) -> int:
        """How many bytes come from the keys on until `mark` stands on the screen."""
        before = len(self.sent)
        self.write(keys)
        self.until(mark, 60)
        return len(self.sent) - before


def trained(terminal: Terminal) -> int:
    found = re.search(r"step ([\d,]+)", terminal.text())
    assert found is not None
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("rate", [9_600, 960])
def test_keys_are_answered_and_training_goes_on(rate: int, full: bool) -> None:
    if rate < 9_600 and not full:
        pytest.skip("9,600 baud: half a minute, with --full")
    most = 2 * (max(LEAST, rate * PATIENCE) + ROW)  # one frame on its way, one that was begun before the key came
    SlowTerminal.rate = rate
    with SlowTerminal([sys.executable, "-m", "bptui", "play"]) as terminal:
        terminal.until("paused", 60)
        terminal.drained()
        assert terminal.bytes_until(" ", "running") < most
        begun, end = len(terminal.sent), time.perf_counter() + 1
        while time.perf_counter() < end:
            terminal.read(0)
        assert len(terminal.sent) > begun, "frames are drawn"
        for mark in ("━ 1 Network", "━ 2 Output", "━ 3 Loss"):
            assert terminal.bytes_until("\t", mark) < most
        assert terminal.bytes_until(" ", "paused") < most
        terminal.drained()
        assert trained(terminal) > 100
        terminal.write("q")
        assert terminal.wait() == 0
