"""An answer of several rows, or help, over a screen: what is in sight of it, and what moves in it and looks in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bptui.model.base.spans import Line, Span, plain
from bptui.screens.keys import PAGES, Place


@dataclass
class LongAnswer:
    """Rows under a title, in sight from row `top` on. Without rows there is none. `sought`: the word that was looked
    for last, and the row in which it was found; the word stays when other rows are shown."""

    rows: tuple[Line, ...] = ()
    title: str = ""
    top: int = 0
    sought: tuple[str, int] = ("", -1)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def show(self, rows: Iterable[Line], title: str) -> None:
        """Other rows, from the first on; none closes it."""
        self.rows, self.title, self.top = tuple(rows), title, 0

    def seen(self, room: int) -> tuple[tuple[Line, ...], str]:
        """(the rows that are in sight in so many, which of how many these are: "" where all are)."""
        rows, count = self.rows[self.top : self.top + room], len(self.rows)
        return rows, f"{self.top + 1}-{self.top + len(rows)} of {count}" if len(rows) < count else ""

    def press(self, key: str, room: int, place: Place = PAGES) -> str:
        """A key, with so many rows in sight: it moves in them, or closes them. What it does, "" for nothing here."""
        word, (down, _) = place.find(key)
        if word == "close":
            self.rows = ()
        elif word in ("move", "page"):
            self._to(self.top + down * (room if word == "page" else 1), room)
        return word

    def find(self, text: str, room: int) -> bool:
        """Underline the rows that have the text, in whatever case (with no text, the last one), and bring the next of
        them into sight, from the top again after the last; False where none has it."""
        word, at = self.sought
        start = at + 1 if text in ("", word) else self.top
        text = text or word
        bare = [tuple(Span(span.text, span.style.replace(" underline", "")) for span in row) for row in self.rows]
        hits = [n for n, row in enumerate(bare) if text and text.casefold() in plain(row).casefold()]
        for n in hits:
            bare[n] = tuple(Span(s.text, f"{s.style} underline" if s.text.strip() else s.style) for s in bare[n])
        self.rows = tuple(bare)
        if hits:
            self.sought = text, next((n for n in hits if n >= start), hits[0])
            self._to(self.sought[1], room)
        return bool(hits)

    def _to(self, row: int, room: int) -> None:
        self.top = max(0, min(row, len(self.rows) - room))
