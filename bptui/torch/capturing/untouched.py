"""What a program prints and returns at its end stays what it was without us around it."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from types import TracebackType

OURS = str(Path(__file__).parent.parent) + os.sep
"""Where frames of ours come from."""


def code_of(end: SystemExit) -> int:
    """The exit code that Python would give, and what it would print."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def without_us(problem: BaseException) -> None:
    """Take our own frames and runpy's out of its traceback, and out of those that led to it: what a program prints
    stays what it was."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [problem]
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        found.__traceback__ = _frames(found.__traceback__)
        waiting += [found.__cause__, found.__context__]


def _frames(traceback: TracebackType | None) -> TracebackType | None:
    kept = []
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith((OURS, "<frozen runpy")) and name != runpy.__file__:
            kept.append(traceback)
        traceback = traceback.tb_next
    made: TracebackType | None = None
    for each in reversed(kept):
        made = TracebackType(made, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return made
