"""What the terminal sends, before Textual reads it: bytes that are no text, and answers that nobody asked for.

A sequence that Textual does not know it gives on as single keys, and a colour report that comes late then types
`]11;rgb:…` into the debugger, where letters are commands. Here such sequences are dropped whole. Bytes that are not
UTF-8 end Textual's input thread; here they become `�`, which is no key of bptui.
"""

from __future__ import annotations

import os
import re
import selectors
from codecs import getincrementaldecoder
from functools import lru_cache

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key

WAIT = 0.1
"""Seconds after which the rest of a sequence does not come any more: then it was typed."""
MOST = 4096
"""Characters of a string that the terminal sends, at most."""
MARKERS = ("\x1b[200~", "\x1b[201~")
WHOLE = re.compile(
    r"\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\|(?=\x1b))"  # OSC, DCS, APC, PM, SOS: to BEL, ST, or what comes in between
    r"|\x1b\[M[^\x1b]{3}"  # a mouse in the old way
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1bO[ -~]"  # SS3
)
PART = re.compile(r"\x1b(?:[\]P_^X][^\x07\x1b]*\x1b?|\[[0-?]*[ -/]*|\[M[^\x1b]{0,2}|O)\Z")


@lru_cache(256)
def known(sequence: str) -> bool:
    """Does Textual know this sequence? A string it does not, and it takes the number before a `~` for a letter."""
    if sequence in MARKERS:
        return True
    if sequence[1] not in "[O":
        return False
    made = list(XTermParser().feed(sequence))
    letter = sequence.endswith("~") and any(isinstance(event, Key) and event.is_printable for event in made)
    return bool(made) and not letter


class Filter:
    """Text from the terminal without the sequences that Textual does not know."""

    def __init__(self) -> None:
        self._held = ""

    def __call__(self, text: str) -> str:
        """What there is to read now; the beginning of a sequence is held back until it is whole."""
        text = self._held + text
        part = PART.search(text)
        self._held = part.group() if part is not None else ""
        text = text[: len(text) - len(self._held)]
        if len(self._held) > MOST:
            self._held = self._held[:2]  # go on to drop it
        return WHOLE.sub(lambda found: found.group() if known(found.group()) else "", text)

    def rest(self) -> str:
        """What was held back, where nothing came after it."""
        held, self._held = self._held, ""
        return held if len(held) <= len("\x1b[") else ""


class KeyboardDriver(LinuxDriver):
    """Textual's driver with the filter in front of its parser."""

    def run_input_thread(self) -> None:
        """Read and give on what was pressed, until the driver is closed."""
        parser, only_known = XTermParser(self._debug), Filter()
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:  # the others do not take a terminal on every system
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(WAIT):
                    data = os.read(self.fileno, MOST)
                    if not data:  # the terminal is gone: SIGHUP says so
                        break
                    text = only_known(decode(data))
                else:
                    text = only_known.rest()
                if text:
                    for event in parser.feed(text):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
