"""The real program in a real pseudo-terminal: what it sends, and that the terminal is put back, whatever ends it."""

from __future__ import annotations

import os
import re
import select
import signal
import statistics
import sys

import pytest

from tests.terminal.rig import Terminal, changed_cells, needed_bytes

RUN = [sys.executable, "-c", "import sys; from bptui.cli import main; sys.exit(main(sys.argv[1:]))"]
CRASH = """
import sys
from bptui.screens import frame
calls = []
def paint(*arguments):
    calls.append(1)
    if len(calls) > 3:
        raise RuntimeError("on purpose")
    return original(*arguments)
original = frame.paint
import bptui.screens.debugger as debugger
debugger.paint = paint
from bptui.cli import main
sys.exit(main(["run", "xor"]))
"""
# entered -> left: alternate screen, cursor, wrapped lines, reports of the focus, bracketed paste, kitty's keyboard
MODES = {b"\x1b[?1049h": b"\x1b[?1049l", b"\x1b[?25l": b"\x1b[?25h", b"\x1b[?7l": b"\x1b[?7h",
         b"\x1b[?1004h": b"\x1b[?1004l", b"\x1b[?2004h": b"\x1b[?2004l", b"\x1b[>25u": b"\x1b[<u"}  # fmt: skip
MOUSE = re.compile(rb"\x1b\[\?(?:9|100[0-3]|1005|1006|1015|1016)h")
COLOUR = re.compile(rb"\x1b\[[0-9;]*?(?<![0-9])(?:[34][0-7]|[34]8;[25]|9[0-7]|10[0-7])(?:;|m)")

SIZES = ((1, 1), (10, 3), (200, 60), (24, 6), (40, 12), (75, 21), (120, 36), (3, 50), (80, 24))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX")


def start(*arguments: str, columns: int = 80, rows: int = 24, **env: str) -> Terminal:
    """The debugger on xor, ready."""
    terminal = Terminal([*RUN, *(arguments or ("run", "xor"))], columns, rows, env)
    terminal.until("moment 1 of 13")
    terminal.quiet()
    return terminal


def restored(terminal: Terminal) -> bool:
    """Is the terminal as it was: every mode that was entered is left, and the mouse was never taken?"""
    sent = bytes(terminal.sent)
    entered = [(on, off) for on, off in MODES.items() if on in sent]
    assert len(entered) >= 4, sent[:200]
    return all(sent.rfind(off) > sent.rfind(on) for on, off in entered) and not MOUSE.search(sent)


@pytest.mark.corpus(every=2)
@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_a_step_costs_no_more_than_its_cells(size: tuple[int, int]) -> None:
    """At most 1.3 of what the changed cells alone would take, median over a training step."""
    with start(columns=size[0], rows=size[1]) as terminal:
        terminal.until("✗")  # what is derived and checked in the background is drawn, too
        terminal.quiet()
        ratios = []
        for moment in (*range(2, 14), 1):
            before, already = terminal.grid(), len(terminal.sent)
            terminal.write("s")
            terminal.until(f"moment {moment} of 13")
            terminal.frame()
            sent = terminal.sent[already:]
            after = terminal.grid()
            assert changed_cells(before, after)
            ratios.append(len(sent) / needed_bytes(before, after))
        assert statistics.median(ratios) <= 1.3


@pytest.mark.parametrize(("keys", "name"), [("q", "vt100"), (":q\r", "tmux-256color"), ("\x11", "unheard-of")])
def test_leaving_puts_any_terminal_back(keys: str, name: str) -> None:
    """And xterm-256color, with q, in what follows."""
    with start(TERM=name, COLORTERM="") as terminal:
        terminal.write("s")
        terminal.until("forward 2/4")
        terminal.write(keys)
        assert terminal.wait() == 0
        assert restored(terminal)


@pytest.mark.parametrize(
    ("number", "line", "mark"),
    [(signal.SIGTERM, ":train 9000000\r", "cancels"), (signal.SIGHUP, "", ""), (signal.SIGQUIT, "", "")],
)
def test_a_signal_puts_the_terminal_back(number: signal.Signals, line: str, mark: str) -> None:
    """While a long command runs, and while nothing does."""
    with start() as terminal:
        terminal.write(line)
        terminal.until(mark)
        os.kill(terminal.pid, number)
        assert terminal.wait() == 128 + number
        assert restored(terminal)
        assert b"Traceback" not in terminal.sent


def test_ctrl_c_ends_a_long_command_and_not_the_debugger() -> None:
    with start() as terminal:
        terminal.write(":train 9000000\r")
        terminal.until("cancels")
        terminal.write("\x03")
        terminal.until("interrupted at training step")
        terminal.write("q")
        assert terminal.wait() == 0


def test_a_crash_puts_the_terminal_back() -> None:
    with Terminal([sys.executable, "-c", CRASH]) as terminal:
        terminal.quiet(1.0)
        terminal.write("ssss")
        assert terminal.wait() not in (0, 2)
        assert restored(terminal)
        assert b"on purpose" in terminal.sent


def test_no_color_sends_no_colour() -> None:
    with start(NO_COLOR="1") as terminal:
        terminal.write("sssssss")
        terminal.until("backward 4/5")
        terminal.until("◀")
        assert not COLOUR.search(bytes(terminal.sent)), COLOUR.search(bytes(terminal.sent))


def test_16_colours_send_no_others() -> None:
    with start(TERM="xterm", COLORTERM="") as terminal:
        terminal.write("sssssss")
        terminal.until("backward 4/5")
        assert b"38;2;" not in terminal.sent
        assert b"38;5;" not in terminal.sent
        assert COLOUR.search(bytes(terminal.sent))


def test_a_file_that_is_wrong_is_told_in_one_line_after_the_screen_has_gone(tmp_path: object) -> None:
    wrong = f"{tmp_path}/wrong.toml"
    with open(wrong, "w") as file:
        file.write("name = 3\n[nonsense]\n")
    with Terminal([*RUN, "run", wrong]) as terminal:
        assert terminal.wait() == 2
        last = bytes(terminal.sent).rpartition(b"\x1b[?1049l")[2].decode()
        assert "bptui: error: " in last
        assert "wrong.toml" in last.replace("\r\n", "")
        assert "Traceback" not in last


def test_leaving_for_the_shell_and_coming_back() -> None:
    """ctrl+z gives the terminal to the shell, fg takes it again; after kill -TSTP, what was on the screen is not known
    any more."""
    with start() as terminal:
        terminal.write("\x1a")
        while not restored(terminal):
            assert terminal.read(5.0), "the terminal is kept"
        assert terminal.stopped()
        terminal.screen.reset()
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.until("s/S step")
        terminal.write("s")
        terminal.until("forward 2/4")
        os.kill(terminal.pid, signal.SIGTSTP)
        assert terminal.stopped()
        terminal.screen.reset()
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.until("moment 2 of 13")
        terminal.until("s/S step")
        terminal.write("q")
        assert terminal.wait() == 0
        assert restored(terminal)


@pytest.mark.parametrize("command", [["run", "lesson-2-2-1"], [], ["explore", "chain"]], ids=["run", "home", "explore"])
def test_ctrl_l_draws_all_of_a_screen_on_which_something_else_has_written(command: list[str]) -> None:
    known = {"run": "moment 1 of 13", "explore": "1 Chain"}.get(command[0] if command else "", "1 Lessons")
    with Terminal([*RUN, *command]) as terminal:
        terminal.until(known)
        terminal.write("\x1b[C")  # what comes after it is drawn as changes
        terminal.quiet(0.3)
        before = terminal.text()
        terminal.screen.reset()
        assert known not in terminal.text()
        terminal.write("\x0c")
        terminal.until(known)
        assert [row[:20] for row in terminal.text().splitlines()[2:6]] == [row[:20] for row in before.splitlines()[2:6]]


def test_whatever_a_terminal_sends() -> None:
    """One session: answers that come late, bytes that are no text, a paste without a line to go to, one into the line,
    sizes down to one cell and up again with keys between; and what it is asked to copy arrives."""
    with start() as terminal:
        terminal.write("\x1b]11;rgb:1212/1616/1b1b\x1b\\\x1bP>|xterm(370)\x1b\\\x1b[99~\x1b[?1;2c\x1b[I\x1b[O")
        terminal.write(b"\xff\xfe\xe2\x82")
        terminal.write("\x1b[200~" + "q\rs" * 3000 + "\x1b[201~")
        terminal.write("s")
        terminal.until("forward 2/4")
        assert "s/S step" in terminal.text()
        terminal.write(":")
        terminal.until(":")
        terminal.write("\x1b[200~step " + "x" * 10_000 + "\n\x1b[201~")
        terminal.until("xxxxx")
        terminal.write("\r")
        terminal.until("forward 2/4")
        terminal.write("\x1bs")
        terminal.until("forward 3/4")
        terminal.write("y")
        terminal.until("copied")
        assert b"\x1b]52;c;" in terminal.sent
        terminal.resize(120, 36)
        terminal.until("training step")
        terminal.until("┬")
        for columns, rows in (*SIZES, *SIZES, *SIZES):  # what is drawn last fits the last
            terminal.resize(columns, rows)
            terminal.write("s")
            terminal.read(0.01)
        terminal.until("─ 4 Timeline")
        terminal.until("of 13 ─")
        terminal.write("q")
        assert terminal.wait() == 0
        assert restored(terminal)
        assert b"Traceback" not in terminal.sent


@pytest.mark.parametrize("size", [(10, 3), (23, 24)])
def test_a_terminal_that_is_too_small_is_told_so(size: tuple[int, int]) -> None:
    with Terminal([*RUN, "run", "xor"], *size) as terminal:
        assert terminal.wait() == 2
        assert b"Traceback" not in terminal.sent
        assert b"--plain" in bytes(terminal.sent).replace(b"\r\n", b"")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for a program without its terminal")
def test_a_terminal_that_is_gone_ends_it() -> None:
    """The window is closed: SIGHUP, and nobody reads what is still written."""
    terminal = start()
    os.close(terminal.fd)
    try:
        assert select.select([os.pidfd_open(terminal.pid)], [], [], 10.0)[0], "still running"
        assert terminal.exited()
        assert terminal.status in (128 + signal.SIGHUP, -signal.SIGHUP)
    finally:
        terminal.kill()


def test_ctrl_c_in_plain_mode_ends_what_runs_and_no_more() -> None:
    with Terminal([*RUN, "run", "xor", "--plain"]) as terminal:
        terminal.until("(bptui)")
        terminal.write("train 9000000\n")
        terminal.until("ctrl+c ends it")
        terminal.write("\x03")
        terminal.until("interrupted at training step")
        terminal.write("q\n")
        assert terminal.wait() == 0
