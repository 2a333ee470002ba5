"""A program in a real pseudo-terminal: what it sends, what stands on the screen, and what that should have cost.

Used by the terminal tests and by `benchmarks/`. The screen is read back with pyte; the terminal's answers to Textual's
queries (cursor, synchronized output, colours) are given here, as a real terminal would.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

import pyte
from pyte.screens import Char

ANSWERS = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[c": b"\x1b[?62;22c",
}
UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p")
Grid = list[list[Char]]


class Terminal:
    """`with Terminal(["bptui", "run", "xor"], 80, 24) as t: t.until("Network"); t.press("s")`."""

    def __init__(self, command: Sequence[str], columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None):
        self.columns, self.rows = columns, rows
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = bytearray()
        self._unread = bytearray()
        self.status: int | None = None
        environment = {
            k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME")
        }
        alone = {"BPTUI_CONFIG": "", "BPTUI_STATE": ""}  # nothing is read or kept
        environment |= (
            {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"} | alone | dict(env or {})
        )
        self.started = self.last_byte = time.perf_counter()
        begun, beginning = os.pipe()  # closed when the program begins: a signal before that is not its own
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)  # whoever runs the tests in the background ignores some of them
            os.execvpe(command[0], list(command), environment)
        os.close(beginning)
        os.read(begun, 1)
        os.close(begun)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self.fd, False)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds`: one chunk, or nothing."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:  # the program has closed its end
            return b""
        if data:
            self.last_byte = time.perf_counter()
            self.sent += data
            self._unread += data
            for query, answer in ANSWERS.items():
                if query in data:
                    os.write(self.fd, answer)
        return data

    def quiet(self, seconds: float = 0.15, at_most: float = 20.0) -> bytes:
        """Everything until nothing has come for `seconds`."""
        out, end = bytearray(), time.perf_counter() + at_most
        while time.perf_counter() < end and (data := self.read(seconds)):
            out += data
        return bytes(out)

    def _drawn(self) -> pyte.Screen:
        """The screen with all that has come."""
        if self._unread:
            data, self._unread = bytes(self._unread), bytearray()
            self._stream.feed(UNKNOWN_TO_PYTE.sub(b"", data))
        return self.screen

    def grid(self) -> Grid:
        """The cells of the screen as they stand."""
        self._drawn()
        return [[self.screen.buffer[y][x] for x in range(self.columns)] for y in range(self.rows)]

    def text(self) -> str:
        """The text of the screen as it stands."""
        return "\n".join(self._drawn().display)

    def until(self, mark: str, seconds: float = 20.0) -> float:
        """Wait until `mark` stands on the screen; the seconds since the start. AssertionError if it never does."""
        end = time.perf_counter() + seconds
        come: bytes | bool = True
        while time.perf_counter() < end:
            if come and mark in self.text():  # to read the screen takes longer than to draw it
                return self.last_byte - self.started
            come = self.read(0.02)
            if not come and self.exited():
                break
        raise AssertionError(f"{mark!r} never stood on the screen:\n{self.text()}")

    def frame(self, at_most: float = 20.0) -> None:
        """Read on until the frame that is being sent is whole: synchronized output says where one ends."""
        end = time.perf_counter() + at_most
        while not self.sent.endswith(b"\x1b[?2026l"):
            assert time.perf_counter() < end, "a frame without an end"
            self.read(0.02)

    def write(self, keys: str | bytes) -> None:
        """Press all of these keys, wait for nothing; a pseudo-terminal takes 4 kB: what comes is read meanwhile."""
        left, end = keys.encode() if isinstance(keys, str) else keys, time.perf_counter() + 20.0
        while left:
            try:
                left = left[os.write(self.fd, left) :]
            except BlockingIOError:
                assert time.perf_counter() < end, "nobody reads what is typed"
                self.read(0.05)

    def press(self, keys: str | bytes, quiet: float = 0.15) -> bytes:
        """Press keys, wait until the program is quiet; what it sent."""
        self.write(keys)
        return self.quiet(quiet)

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size (the kernel sends SIGWINCH)."""
        self.columns, self.rows = columns, rows
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def exited(self) -> bool:
        """Has the program ended? Its exit code is in `status` then."""
        if self.status is None:
            pid, raw = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(raw)
        return self.status is not None

    def wait(self, seconds: float = 10.0) -> int:
        """Wait for the end, reading on; the exit code (negative: the signal)."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            data = self.read(0.05)
            if not data and self.exited():
                assert self.status is not None
                return self.status
        raise AssertionError(f"still running:\n{self.text()}")

    def stopped(self, seconds: float = 10.0) -> bool:
        """Has the program stopped itself (Ctrl-Z)? Waits for it, reading on."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pid, raw = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid:
                return os.WIFSTOPPED(raw)
            self.read(0.1)
        return False

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if not self.exited():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def close(self) -> None:
        """End the program, whatever it is doing."""
        if not self.exited():
            os.kill(self.pid, signal.SIGTERM)
            try:
                self.wait(3.0)
            except AssertionError:
                self.kill()
        os.close(self.fd)


def changed_cells(before: Grid, after: Grid) -> int:
    """How many cells differ in character or style."""
    return sum(a != b for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True))


def needed_bytes(before: Grid, after: Grid) -> int:
    """What a careful writer sends for the changed cells alone: cursor moves, colours where they change, characters.

    A gap of up to 4 unchanged cells in the current style is written again where that is shorter than a move.
    """
    total = 0
    style: Char | None = None
    place: tuple[int, int] | None = None
    for y, (old, new) in enumerate(zip(before, after, strict=True)):
        for x, cell in enumerate(new):
            if old[x] == cell:
                continue
            if place != (y, x):
                gap = new[place[1] : x] if place is not None and place[0] == y else None
                if gap and len(gap) <= 4 and all(style is not None and not _style_bytes(style, c) for c in gap):
                    total += len(gap)
                else:
                    total += len(f"\x1b[{len(gap)}C") if gap else len(f"\x1b[{y + 1};{x + 1}H")
            total += _style_bytes(style, cell)
            total += len(cell.data.encode())
            style, place = cell, (y, x + 1)
    return total


NAMED = ("default", "black", "red", "green", "brown", "blue", "magenta", "cyan", "white")


def _style_bytes(old: Char | None, new: Char) -> int:
    """Bytes of the shortest SGR sequence from one style to another, 0 where they are the same."""
    codes: list[str] = []
    weights = ("bold", "italics", "underscore", "strikethrough", "reverse")
    if old is not None and any(getattr(old, weight) and not getattr(new, weight) for weight in weights):
        codes, old = ["0"], None
    for weight, code in zip(weights, "13497", strict=True):
        if getattr(new, weight) and not (old and getattr(old, weight)):
            codes.append(code)
    for ground, base in (("fg", 30), ("bg", 40)):
        colour = getattr(new, ground)
        if colour != (getattr(old, ground) if old else "default"):
            named = colour in NAMED or colour.startswith("bright")
            rgb = "" if named else ";".join(str(int(colour[i : i + 2], 16)) for i in (0, 2, 4))
            codes.append(f"{base + 8};2;{rgb}" if rgb else f"{base}")
    return len(";".join(codes)) + 3 if codes else 0
