"""What the commands that print have in common: progress on stderr, prose in the width of a terminal."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable

from bptui.model.base.errors import UserError
from bptui.model.debugger.progress import Progress
from bptui.model.engine.history import History
from bptui.model.engine.recording import Recording

Write = Callable[[str], None]
"""Prints one text and the end of its line."""


class Meter:
    """Progress on stderr, once something takes longer than half a second, where someone can see it."""

    def __init__(self, what: str) -> None:
        self.what, self.begun, self.shown = what, time.monotonic(), False
        self.visible = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        late = time.monotonic() - self.begun > 0.5
        if self.visible and (late or self.shown):
            self.shown = done < total
            text = f"{self.what} {done:,} of {total:,}" if self.shown else ""
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def ask(self, part: float, what: str) -> bool:
        """The same for a Progress, in percent; it goes on."""
        self.what = what or self.what
        self(round(100 * part), 100)
        return True


def progress() -> Progress:
    """Progress on stderr, for what takes long."""
    return Progress(Meter("").ask)


def reached(history: History, at: int, first: int = 0) -> Recording:
    """The recording of training step `at`: the steps before it are run. Of a captured step, which nothing comes before
    and after, `first` is the number that it had in its program."""
    if history.last is not None and at > history.last:
        if at != first:
            raise UserError(
                "--at",
                f"there is no training step {at}: {history.ends.partition(';')[0]}",
                f"--at {first}, or without it",
            )
        at = history.last
    if at:
        history.advance(at, progress=Meter("training step"))
    return history.recording(at)


def wrapped(text: str) -> str:
    """A line of prose in rows of the terminal, where there is one: further ones under its second column, or set in."""
    columns = shutil.get_terminal_size().columns
    if len(text) <= columns or sys.stdout is None or not sys.stdout.isatty():
        return text
    start = re.match(r"\s*(\S+\s{2,})?", text)
    inset = start.end() + (0 if start[1] else 2) if start else 2
    return textwrap.fill(text, columns, subsequent_indent=" " * min(inset, columns // 2), break_on_hyphens=False)
