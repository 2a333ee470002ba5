"""An answer of several rows, or help, over a screen: what is in sight of it, and the keys that move in it."""

from __future__ import annotations

from dataclasses import dataclass

from bptui.model.base.spans import Line
from bptui.screens.keys import PAGES


@dataclass
class LongAnswer:
    """Rows under a title, in sight from row `top` on. Without rows there is none."""

    rows: tuple[Line, ...] = ()
    title: str = ""
    top: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows)

    def seen(self, room: int) -> tuple[tuple[Line, ...], str]:
        """(the rows that are in sight in so many, which of how many these are: "" where all are)."""
        rows, count = self.rows[self.top : self.top + room], len(self.rows)
        return rows, f"{self.top + 1}-{self.top + len(rows)} of {count}" if len(rows) < count else ""

    def press(self, key: str, room: int) -> bool:
        """A key, with so many rows in sight: it moves in them, or closes them; False where it is none of these keys."""
        word, (down, _) = PAGES.find(key)
        if word == "close":
            self.rows = ()
        elif word:
            self.top = max(0, min(self.top + down * (room if word == "page" else 1), len(self.rows) - room))
        return bool(word)
