"""Pages that turn by themselves, every so many seconds, until they are told to stop."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import significant

USUAL, LEAST, MOST = 5.0, 0.5, 3_600.0
"""Seconds of a page."""


class Timer(Protocol):
    """What calls again and again."""

    def stop(self) -> None:
        """Call no more."""


class Autoplay:
    """`every` starts a timer of so many seconds, `turn` turns the page. A test gives a timer of its own."""

    def __init__(self, every: Callable[[float, Callable[[], None]], Timer], turn: Callable[[], None]) -> None:
        self.every, self._turn = every, turn
        self._timer: Timer | None = None

    @property
    def running(self) -> bool:
        """Do pages turn?"""
        return self._timer is not None

    def start(self, seconds: float) -> None:
        """From now on, every so many seconds."""
        self.stop()
        self._timer = self.every(seconds, self._turn)

    def stop(self) -> None:
        """No further page."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = None


def seconds(text: str) -> float | None:
    """How long a page stands; None for `off`. UserError for what is no time of a page."""
    word = text.strip().removesuffix("s").strip()
    if text.strip() == "off":
        return None
    if word and not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", word):
        raise UserError("autoplay", f"'{text[:40]}' is not a number of seconds", "autoplay 5, or autoplay off")
    found = float(word or USUAL)
    if not LEAST <= found <= MOST:
        raise UserError(
            "autoplay",
            f"a page cannot stand for {significant(found)} seconds",
            f"{significant(LEAST)} to {significant(MOST)}",
        )
    return found
