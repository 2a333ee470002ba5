"""What is kept when the program ends, however it ends, and offered when it begins: in a real terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal.rig import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX")
RUN = [sys.executable, "-m", "bptui", "run", "xor"]


def start(folder: Path, *options: str, columns: int = 100) -> Terminal:
    """The debugger on xor, ready."""
    terminal = Terminal([*RUN, *options], columns, 24, {"BPTUI_STATE": str(folder)})
    terminal.until("moment 1 of 13")
    return terminal


def last_row(terminal: Terminal) -> str:
    terminal.quiet(0.3)
    return terminal.text().splitlines()[-1].strip()


def test_a_session_is_offered_again_however_it_ended(tmp_path: Path) -> None:
    """By its key, by signals, by a line that drops (the other end of the terminal is closed, as where SSH loses it)."""
    with start(tmp_path) as terminal:
        assert "restore" not in terminal.text()
        terminal.press(":break layer2.z\r")
        terminal.press("s")
        terminal.write("q")
        assert terminal.wait() == 0
    for moment, end in ((2, signal.SIGHUP), (3, signal.SIGTERM), (4, None)):
        terminal = start(tmp_path)
        place = ("layer1.a", "layer2.z", "loss")[moment - 2]
        assert last_row(terminal) == (f":restore goes on at training step 0 forward {moment}/4 {place}, 1 breakpoint")
        terminal.press(":restore\r")
        terminal.until(f"moment {moment} of 13")
        terminal.press("s")
        if end is None:
            os.close(terminal.fd)
            os.waitpid(terminal.pid, 0)
            break
        with terminal:
            os.kill(terminal.pid, end)
            assert terminal.wait() == 128 + end
    with start(tmp_path) as terminal:
        assert ":restore goes on at training step 0 backward" in last_row(terminal)


def test_nothing_is_kept_where_nobody_wants_it(tmp_path: Path) -> None:
    with start(tmp_path, "--no-save") as terminal:
        terminal.press("f")
        terminal.write("q")
        assert terminal.wait() == 0
    environment = {**os.environ, "BPTUI_STATE": str(tmp_path)}
    done = subprocess.run([*RUN, "--batch", "-ex", "step"], env=environment, check=True, capture_output=True)
    assert done.stderr == b""
    assert not list(tmp_path.iterdir())


def test_plain_mode_in_a_terminal_keeps_and_offers_it_too(tmp_path: Path) -> None:
    for said in ("(bptui)", ":restore goes on at training step 0 forward 3/4 layer2.z"):
        with Terminal([*RUN, "--plain"], 120, 40, {"BPTUI_STATE": str(tmp_path)}) as terminal:
            terminal.until(said)
            terminal.until("(bptui)")
            terminal.press("step 2\r")
            os.kill(terminal.pid, signal.SIGHUP)
            assert terminal.wait() == 128 + signal.SIGHUP
