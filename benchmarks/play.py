"""What drawing costs the playground: training steps a second on the screen, against the same training without one.

Both run in turn; the figure is the median of the pairwise ratios. The screen is a real pseudo-terminal that takes all
that comes.
"""

from __future__ import annotations

import re
import statistics
import sys
import time

from bptui.teach.play.setup import opened
from tests.terminal.rig import Terminal

SIZES = ((80, 24), (120, 36), (200, 50))


def headless(seconds: float) -> float:
    """Training steps a second of the network that the playground opens with."""
    history = opened(None).network().history()
    begun = time.perf_counter()
    while time.perf_counter() - begun < seconds:
        history.advance(history.steps + 200)
    return history.steps / (time.perf_counter() - begun)


def shown(seconds: float, columns: int, rows: int) -> tuple[float, float]:
    """(training steps, bytes) a second of the same on the screen."""
    with Terminal([sys.executable, "-m", "bptui", "play"], columns, rows) as terminal:
        terminal.until("paused")
        terminal.quiet(0.5)
        terminal.write(" ")
        terminal.until("running")
        sent, begun = len(terminal.sent), time.perf_counter()
        while time.perf_counter() - begun < seconds:
            terminal.read(0.01)
        spent = time.perf_counter() - begun
        sent = len(terminal.sent) - sent
        terminal.write(" ")
        terminal.until("paused")
        terminal.quiet(0.3)
        found = re.search(r"step ([\d,]+)", terminal.text())
        assert found is not None
        return int(found[1].replace(",", "")) / spent, sent / spent


def table(quick: bool = False) -> list[tuple[str, str]]:
    """A row for each size."""
    rows = []
    for columns, height in SIZES:
        ratios, sizes, steps = [], [], []
        for _ in range(2 if quick else 5):
            alone = headless(1.0)
            seen, sent = shown(2.0, columns, height)
            ratios.append(seen / alone)
            sizes.append(sent)
            steps.append(seen)
        label = f"play {columns}x{height}: training steps on the screen / without one"
        rows.append((label, f"{statistics.median(ratios):.2f}x   (goal >= 0.5)"))
        told = f"{statistics.median(steps):,.0f} steps/s, {statistics.median(sizes) / 1e3:.1f} kB/s sent"
        rows.append(("    medians", told))
    return rows
