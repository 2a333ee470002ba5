"""Whatever a terminal sends and whichever signal comes: the program ends when it is asked to, with the exit code that
says why, the terminal as it was, and no traceback.

Each session is drawn from a seed, which is its test's id: a session that fails is run again by that id.
"""

from __future__ import annotations

import os
import random
import signal
import termios
from collections.abc import Callable

import pytest

from tests.terminal.rig import Terminal
from tests.terminal.test_pty import RUN, restored

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal is POSIX")

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)
SIZES = ((80, 24), (120, 36), (60, 20), (24, 6), (10, 3), (200, 50), (1, 1))
KEYS = "sSnNfFcC<>tgbBwWeuUxXmMipP/.,L=%ovrzyhjkl12345679 +-:?\t\r\x7f\x03\x10\x12"
"""All keys but those that leave, and ctrl+z."""
PIECES = (
    "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1bOP", "\x1b[5~", "\x1b[1;5C", "\x1b[115;1:3u", "\x1b[97;;97:98u",
    "\x1b[1114112u", "\x1b[97:1114112u", "\x1b[97;1114112u", "\x1b[97;1;1114112u", "\x1b[55296;1;55296u",
    "\x1b[48;24;80;0;0t", "\x1b[48;99999;99999;9;9t", "\x1b[<0;10;10M", "\x1b[<64;-1;0m", "\x1b[M   ",
    "\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c", "\x1b[?2048;1$y", "\x1b[?2026;1$y", "\x1b[24;80R", "\x1b[I", "\x1b[O",
    "\x1b]11;rgb:1212/1616/1b1b\x1b\\", "\x1b]52;c;cQ==\x07", "\x1bP>|xterm(370)\x1b\\", "\x1b_Gi=1;OK\x1b\\",
    "\x1b[200~q\r:q\r\x1b[201~", "\x1b[200~unfinished", "\x1b[99999999999999999999u", "\x1b", "\x1b[", "\x1bO",
    ":train 3000\r", ":step 5\r", ":theme light\r", ":present\r", ":nonsense \u0416\r", "/layer\r", "\x10st\r",
)  # fmt: skip
"""Keys as terminals send them, answers that come late, lines that are typed."""


def session(draw: random.Random) -> list[bytes]:
    """What is sent, piece by piece."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: "".join(draw.choices(KEYS, k=draw.randint(1, 40))).encode(),
        lambda: draw.choice(PIECES).encode(),
        lambda: draw.choice(PIECES).encode()[: draw.randint(1, 6)],
        lambda: draw.choice(PIECES).encode() * draw.randint(2, 30),
        lambda: draw.choice("sSn>j").encode() * draw.choice((1, 100, 1000)),
        lambda: _controls(draw),
        lambda: bytes(draw.choice(range(0x80, 0x100)) for _ in range(draw.randint(1, 8))),
    )
    return [draw.choices(kinds, weights=(4, 8, 2, 1, 1, 4, 2))[0]() for _ in range(draw.randint(3, 25))]


def _controls(draw: random.Random) -> bytes:
    """A control sequence of any parameters and any end, or a number of any size as a key."""
    numbers = ";".join(
        ":".join(str(draw.choice((0, 1, 2, 13, 97, 55_296, 10**7, 10**20))) for _ in range(draw.randint(1, 3)))
        for _ in range(draw.randint(0, 4))
    )
    return f"\x1b[{draw.choice(('', '?', '>', '<', '='))}{numbers}{chr(draw.randint(0x40, 0x7E))}".encode()


@pytest.mark.corpus(every=15)
@pytest.mark.parametrize("seed", range(45))
def test_any_input(seed: int) -> None:
    """The program of a session is the debugger or home; it ends by `q`, by a signal, or by a window that is closed."""
    draw = random.Random(seed)
    columns, rows = SIZES[0] if seed % 3 else draw.choice(SIZES[:4])
    arguments, ready = (("run", "xor"), "1") if seed % 5 else ((), "bptui")
    with Terminal([*RUN, *arguments], columns, rows) as terminal:
        before = termios.tcgetattr(terminal.fd)
        if seed % 4:  # else while Python is still starting
            terminal.until(ready)
        for piece in session(draw):
            terminal.write(piece if seed % 4 else piece.replace(b"\x03", b""))  # to a shell's terminal it is a signal
            if draw.random() < 0.1:
                terminal.resize(*draw.choice(SIZES))
            terminal.read(draw.choice((0.0, 0.0, 0.0, 0.02, 0.2)))
        wanted = draw.choice((0, *SIGNALS) if seed % 4 else SIGNALS[:3])  # SIGINT is Python's own at first
        if wanted:
            os.kill(terminal.pid, wanted)
            code = terminal.wait(20.0)
            early = b"\x1b[?1049h" not in terminal.sent  # Python was still starting: nobody to catch it
            assert code == 128 + wanted or (early and code == -wanted)
        else:
            assert _left(terminal) == 0
        sent = bytes(terminal.sent)
        assert b"Traceback" not in sent, sent[sent.rfind(b"Traceback") :][:3000].decode(errors="replace")
        if b"\x1b[?1049h" in sent:
            assert restored(terminal)
        assert termios.tcgetattr(terminal.fd) == before


def _left(terminal: Terminal) -> int:
    """Leave as a user would who does not know where he is: end the paste, escape from the line, `q` (which closes an
    answer first) until it is over."""
    for keys in ("\x1b[201~", "\x1b\\", *("\x1b", "q", "q") * 15):
        terminal.quiet(0.3, 5.0)
        if terminal.exited():
            break
        try:
            terminal.write(keys)
        except OSError:
            break
    return terminal.wait(20.0)
