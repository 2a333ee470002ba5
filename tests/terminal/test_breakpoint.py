"""`bptui.debug(loss)` in a program in a terminal: the debugger opens there, and the program goes on after it."""

from __future__ import annotations

import sys

from .rig import Terminal

PROGRAM = """
import bptui
w = bptui.param(0.5, name="w")
bptui.debug((2 - 2 * w) ** 2)
print("back in the program")
"""


def test_debug_opens_the_screen_and_gives_the_terminal_back() -> None:
    with Terminal([sys.executable, "-c", PROGRAM]) as terminal:
        terminal.until("t1 = 2 * w")
        terminal.press("s")
        terminal.until("forward 2/")
        terminal.write("q")
        terminal.until("back in the program")
        assert terminal.wait() == 0
