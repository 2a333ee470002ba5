"""The driver for a browser: textual-serve runs bptui without a terminal and packs keys into its stdin, unpacks what is
drawn from its stdout, and Textual's own WebDriver speaks that.

What bptui asks of a terminal it asks of the browser's (xterm.js), whose answers come in among the keys: the filter of
`keyboard` stands before the parser here, too. The WebDriver takes the ending signals away, turns the mouse on, leaves
the program running when the server is gone, and believes any size that it is told; each is put right here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from textual._xterm_parser import XTermParser
from textual.drivers._byte_stream import ByteStream
from textual.drivers.web_driver import WebDriver
from textual.events import Resize
from textual.geometry import Size

from bptui.screens.keyboard import Filter

LARGEST = (500, 200)
"""Columns and rows that a browser may ask for: a number from the net is bounded before memory is taken for it."""
RELEASED = "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"
"""The mouse is the browser's own: it marks text, which is then copied as everywhere."""
TAKEN = (signal.SIGINT, signal.SIGTERM)
"""The signals that the WebDriver takes."""


class BrowserDriver(WebDriver):
    """Textual's driver of textual-serve with bptui's manners."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self._size is not None:
            self._size = _bounded(*self._size)

    def start_application_mode(self) -> None:
        """As the WebDriver does it; the ending signals stay with `signals`, and the mouse with the browser."""
        loop = asyncio.get_running_loop()
        handlers, woken = {number: signal.getsignal(number) for number in TAKEN}, signal.set_wakeup_fd(-1)
        super().start_application_mode()
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        self.write(RELEASED)

    def write(self, data: str) -> None:
        """To the browser; what cannot be written is dropped: the page has been closed."""
        self._packet(b"D", data.encode("utf-8", "replace"))

    def write_meta(self, data: dict[str, object]) -> None:
        """To the server."""
        self._packet(b"M", json.dumps(data).encode())

    def _packet(self, kind: bytes, data: bytes) -> None:
        rest = memoryview(kind + len(data).to_bytes(4, "big") + data)
        try:
            while rest:
                rest = rest[os.write(self.fileno, rest) :]
        except OSError:
            return

    def run_input_thread(self) -> None:
        """Read and give on what was pressed, until the driver is closed; leave where the server is gone."""
        app: Any = self._app
        parser, only_known = XTermParser(self._debug), Filter(app.arrivals.answered)
        decode, packets = getincrementaldecoder("utf-8")(errors="replace").decode, ByteStream()
        for text in self._texts(packets, decode, only_known):
            for event in parser.feed(text) if text else ():
                self.process_message(event)
            for event in parser.tick():
                self.process_message(event)
        if not self.exit_event.is_set():
            self._leave()

    def _texts(self, packets: ByteStream, decode: Any, only_known: Filter) -> Iterator[str]:
        """What of the input is keys; the server's own packets are carried out on the way."""
        for data in self._input_reader:
            if not data:
                yield only_known.rest()
            for kind, payload in packets.feed(data) if data else ():
                if kind == "D":
                    yield only_known(decode(payload))
                else:
                    with suppress(ValueError, TypeError, KeyError, AttributeError):  # what is no packet is dropped
                        self._on_meta(kind, payload)

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """A page that is closed is a terminal that is gone; a size is bounded."""
        if packet_type == "quit":
            self._leave()
        elif packet_type == "resize":
            self._size = _bounded(payload["width"], payload["height"])
            self._app.post_message(Resize(Size(*self._size), Size(*self._size)))
        else:
            super().on_meta(packet_type, payload)

    def _leave(self) -> None:
        """End the app, where it has not ended by itself: its loop is closed then."""
        loop: Any = self._loop
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._app.exit, None, 128 + signal.SIGHUP)


def _bounded(width: Any, height: Any) -> tuple[int, int]:
    return max(1, min(int(width), LARGEST[0])), max(1, min(int(height), LARGEST[1]))
