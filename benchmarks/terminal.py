"""What a key press and a start cost in a real pseudo-terminal.

Bytes are exact. Times are of this machine and this moment, so the start is a ratio against a bare Textual app (Header,
Static, Footer) started in turn with it, and the bytes are a ratio against what the changed cells alone would take.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.terminal.rig import Terminal, changed_cells, needed_bytes

BARE = """
from textual.app import App
from textual.widgets import Footer, Header, Static


class Bare(App):
    def compose(self):
        yield Header()
        yield Static("ready")
        yield Footer()


Bare().run()
"""
DEBUGGER = [sys.executable, "-m", "bptui", "run", "xor"]
MARK = "Network"


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def start(times: int) -> list[tuple[str, str]]:
    """First frame against the bare app, in turn, as the median of the pairwise ratios."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        ours, theirs = [], []
        for _ in range(times + 1):
            for command, mark, found in (([sys.executable, str(bare)], "ready", theirs), (DEBUGGER, MARK, ours)):
                with Terminal(command) as terminal:
                    found.append(terminal.until(mark))
    ours, theirs = ours[1:], theirs[1:]  # the first pair warms the disk cache
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return [
        ("first frame of bptui run xor / bare Textual app", f"{ratio:.2f}x   (goal <= 1.2)"),
        (
            "    medians",
            f"{1e3 * statistics.median(ours):.0f} ms / {1e3 * statistics.median(theirs):.0f} ms, {times} pairs",
        ),
    ]


def step(columns: int, rows: int, count: int) -> list[tuple[str, str]]:
    """One `s` over two training steps of xor: bytes against the changed cells, and key to last byte."""
    ratios, sizes, cells, delays = [], [], [], []
    with Terminal(DEBUGGER, columns, rows) as terminal:
        terminal.until(MARK)
        terminal.quiet(3.0)
        for _ in range(count):
            before = terminal.grid()
            pressed = time.perf_counter()
            sent = terminal.press("s", quiet=0.3)
            if not sent:
                continue
            delays.append((terminal.last_byte - pressed) * 1e3)
            after = terminal.grid()
            sizes.append(len(sent))
            cells.append(changed_cells(before, after))
            ratios.append(len(sent) / max(1, needed_bytes(before, after)))
        lag = hold(terminal)
    size = f"{columns}x{rows}"
    return [
        (f"bytes per s / what the changed cells take, {size}", f"{statistics.median(ratios):.2f}x   (goal <= 1.3)"),
        ("    medians", f"{statistics.median(sizes):.0f} bytes for {statistics.median(cells):.0f} cells"),
        (
            f"key to last byte, {size}",
            f"p50 {quantile(delays, 0.5):.1f} ms, p95 {quantile(delays, 0.95):.1f} ms   (goal p95 <= 15)",
        ),
        (f"lag after holding s at 30 Hz for 3 s, {size}", f"{lag:.0f} ms   (goal <= 60)"),
    ]


def hold(terminal: Terminal, hertz: int = 30, seconds: float = 3.0) -> float:
    """Milliseconds from the last key of a held `s` to the last byte."""
    pressed = time.perf_counter()
    for _ in range(int(hertz * seconds)):
        pressed = time.perf_counter()
        terminal.write("s")
        while (left := pressed + 1 / hertz - time.perf_counter()) > 0:
            terminal.read(left)
    terminal.quiet(0.3)
    return max(0.0, (terminal.last_byte - pressed) * 1e3)


def table(quick: bool) -> list[tuple[str, str]]:
    """All rows of this page."""
    rows = start(5 if quick else 15)
    for columns, lines in ((80, 24), (200, 60)):
        rows += step(columns, lines, 13 if quick else 39)
    return rows
