"""Between the terminal and Textual: bytes that are no text, answers that nobody asked for, a terminal that is gone.

A sequence that Textual does not know it gives on as single keys, and a colour report that comes late then types
`]11;rgb:…` into the debugger, where letters are commands; some that it knows it cannot read (a number that is no
character, a key that is let go), and one that tells a size of 0 pixels breaks it at the next report of the mouse. Here
only keys and the few answers that are used are let through; all others are dropped whole. Bytes that are not UTF-8
end Textual's input thread; here they become `�`, which is no key of bptui.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import termios
from codecs import getincrementaldecoder
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import AppBlur, AppFocus, Key
from textual.messages import TerminalSupportsSynchronizedOutput

from bptui.screens.arrivals import ANSWER, Arrivals

WAIT = 0.1
"""Seconds after which the rest of a sequence does not come any more: then it was typed."""
LEFT = "\x1b[m\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
"""Every mode that Textual enters, left."""
ANSWERED = 1.0
"""Seconds that the end of the program waits for an answer of the terminal that is on its way."""
MOST = 4096
"""Characters of a string that the terminal sends, at most."""
LONGEST = 32
"""Characters of a sequence that is a key; a longer one Textual gives up."""
MARKERS = ("\x1b[200~", "\x1b[201~")
USED = (Key, AppFocus, AppBlur, TerminalSupportsSynchronizedOutput)
"""What a sequence may mean. Sizes come by SIGWINCH, the mouse is the terminal's own."""
WHOLE = re.compile(
    r"\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\|(?=\x1b))"  # OSC, DCS, APC, PM, SOS: to BEL, ST, or what comes in between
    r"|\x1b\[M[^\x1b]{3}"  # a mouse in the old way
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1bO[ -~]"  # SS3
)
PART = re.compile(r"\x1b(?:[\]P_^X][^\x07\x1b]*\x1b?|\[[0-?]*[ -/]*|\[M[^\x1b]{0,2}|O)\Z")


@lru_cache(256)
def known(sequence: str) -> bool:
    """Is this a key, or one of the answers that are used? The number before a `~` Textual takes for a letter."""
    if sequence in MARKERS:
        return True
    if sequence[1] not in "[O" or len(sequence) > LONGEST:
        return False
    try:
        made = list(XTermParser().feed(sequence))
    except (ValueError, OverflowError, ArithmeticError):
        return False
    letter = sequence.endswith("~") and any(isinstance(event, Key) and event.is_printable for event in made)
    return bool(made) and not letter and all(isinstance(event, USED) for event in made)


class Filter:
    """Text from the terminal without the sequences that Textual does not know. `arrived` is called for each answer that
    what was drawn has arrived."""

    def __init__(self, arrived: Callable[[], None] = lambda: None) -> None:
        self._held, self._arrived = "", arrived

    def __call__(self, text: str) -> str:
        """What there is to read now; the beginning of a sequence is held back until it is whole."""
        text = self._held + text
        part = PART.search(text)
        self._held = part.group() if part is not None else ""
        text = text[: len(text) - len(self._held)]
        if len(self._held) > MOST:
            self._held = self._held[:2]  # go on to drop it
        return WHOLE.sub(self._kept, text)

    def _kept(self, found: re.Match[str]) -> str:
        sequence = found.group()
        if ANSWER.fullmatch(sequence):
            self._arrived()
        return sequence if known(sequence) else ""

    def rest(self) -> str:
        """What was held back, where nothing came after it."""
        held, self._held = self._held, ""
        return held if len(held) <= len("\x1b[") else ""


class Output:
    """The terminal as a file of text: what cannot be written is dropped: the terminal is gone."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str) -> None:
        """All of it, or as much as the terminal takes before it is gone."""
        data = memoryview(text.encode("utf-8", "replace"))
        try:
            while data:
                data = data[os.write(self._number, data) :]
        except OSError:
            return

    def flush(self) -> None:
        """Nothing is held back."""

    def fileno(self) -> int:
        """Its number."""
        return self._number


class KeyboardDriver(LinuxDriver):
    """Textual's driver with the filter in front of its parser, and a file that cannot fail behind its writer."""

    _file: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = Output(self._file.fileno())

    def run_input_thread(self) -> None:
        """Read and give on what was pressed, until the driver is closed."""
        parser, only_known = XTermParser(self._debug), Filter(self._arrivals.answered)
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:  # the others do not take a terminal on every system
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(WAIT):
                    data = self._read()
                    if not data:
                        self._loop.call_soon_threadsafe(self._app.exit, None, 128 + signal.SIGHUP)
                        break
                    text = only_known(decode(data))
                else:
                    text = only_known.rest()
                if text:
                    for event in parser.feed(text):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    @property
    def _arrivals(self) -> Arrivals:
        app: Any = self._app
        found: Arrivals = app.arrivals
        return found

    def disable_input(self) -> None:
        """Wait for the terminal's answer to what it was asked last, so that it is not typed into the shell."""
        self._arrivals.settle(ANSWERED)
        super().disable_input()

    def _read(self) -> bytes:
        """What there is to read; nothing where the terminal is gone."""
        try:
            return os.read(self.fileno, MOST)
        except OSError:
            return b""

    def abandon(self) -> None:
        """Put the terminal back at once, past everything that waits to be written."""
        if self.attrs_before is None:
            return
        try:
            os.set_blocking(self._file.fileno(), False)
            termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
        except (OSError, termios.error):
            return
        self._file.write(LEFT)
        os.set_blocking(self._file.fileno(), True)
