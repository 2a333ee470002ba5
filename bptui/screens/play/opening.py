"""The playground is opened: what is imported here is little, for it is done before the first frame."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bptui.screens.board import Board

FAST, LEAST = 20.0, 1.0
"""Frames a second over a fast line, and over the slowest."""
FRAME = 1_200
"""Bytes of a frame while it trains, about: only the cells that changed."""


def playground(target: str | None, fps: float | None = None) -> Callable[[], Board]:
    """What makes the board, in a thread, after the first frame: of a file or an example, or of its own."""

    def make() -> Board:
        from bptui.screens.play.board import Playground
        from bptui.teach.play.setup import opened

        return Playground(opened(target), fps or frames_of_line())

    return make


def frames_of_line() -> float:
    """Frames a second that the line to the terminal takes, as far as it says how fast it is: a serial one does."""
    try:
        import termios

        speed = termios.tcgetattr(sys.stdin.fileno())[5]
        names = {getattr(termios, f"B{baud}"): baud for baud in SLOW if hasattr(termios, f"B{baud}")}
    except (ImportError, OSError, ValueError, AttributeError, termios.error):
        return FAST
    baud = names.get(speed)
    return FAST if baud is None else max(LEAST, min(FAST, baud / 10 / FRAME))


SLOW = (300, 600, 1200, 1800, 2400, 4800, 9600, 19200)
"""Bits a second of lines that are slow; a pseudo terminal says 38400 and is fast."""
