"""The editor of one line, with history and completion, as a plain object: the `:` line all else that is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bptui.model.base.spans import Line, Span
from bptui.screens.keys import LINE
from bptui.screens.render import crop, fit

GOES_ON = re.compile(r"[-+*/@=,(\[{]\s*$")
"""The end of a line that is not the end of what it says."""
MOST = 1_000  # characters: what is pasted is cut here
HISTORY = 200
Complete = Callable[[str], Sequence[str]]
"""Whole lines that a beginning can become."""


@dataclass
class CommandLine:
    """Text, cursor, and what was typed before.

    prefix   `:`, `/` or `> `
    matches  the completions that tab goes through, shown above the line
    """

    prefix: str = ":"
    text: str = ""
    at: int = 0
    matches: tuple[str, ...] = ()
    history: list[str] = field(default_factory=list)
    _place: int = 0
    _typed: str = ""
    _chosen: int = -1

    def open(self, prefix: str = ":", text: str = "") -> None:
        """Begin a line."""
        self.prefix, self.text, self.at = prefix, text, len(text)
        self.matches, self._chosen = (), -1
        self._place, self._typed = len(self.history), ""

    def insert(self, text: str) -> None:
        """Type or paste; several lines become one, control characters and what is too long are dropped."""
        lines = joined(text) if self.prefix == ":" else " ".join(text.splitlines()) if text.strip() else text
        clean = "".join(c for c in lines.replace("\t", " ") if c.isprintable())
        clean = clean[: max(0, MOST - len(self.text))]
        self.text = self.text[: self.at] + clean + self.text[self.at :]
        self.at += len(clean)
        self._edited()

    def press(self, key: str, character: str | None, complete: Complete) -> str:
        """One key, with its character where it has one. Returns "done", "close" or ""."""
        if character and len(character) == 1 and character.isprintable():
            self.insert(character)
            return ""
        word, (down, right) = LINE.find(key)
        to = max(0, min(len(self.text), self.at + right))
        if word == "done":
            text = self.text.strip()
            if text and (not self.history or self.history[-1] != text) and self.prefix == ":":
                self.history.append(text)
                del self.history[:-HISTORY]
        elif word == "close" or (word == "cut" and right == -1 and not self.text):
            return "close"
        elif word == "complete":
            self._complete(complete, down)
        elif word == "recall":
            self._recall(down)
        elif word == "find":
            self._find()
        elif word == "move":
            self.at = to
        elif word == "cut":
            self._cut(min(to, self.at), max(to, self.at))
        elif word == "cut word":
            kept = self.text[: self.at].rstrip()
            self._cut(kept.rfind(" ") + 1, self.at)
        return "done" if word == "done" else ""

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.at = start
        self._edited()

    def _edited(self) -> None:
        self.matches, self._chosen = (), -1

    def _recall(self, by: int) -> None:
        if self._place == len(self.history):
            self._typed = self.text
        self._place = max(0, min(len(self.history), self._place + by))
        self.text = self._typed if self._place == len(self.history) else self.history[self._place]
        self.at = len(self.text)
        self._edited()

    def _find(self) -> None:
        """The line before that has what was typed, and from there further back."""
        wanted = self.text if self._place == len(self.history) else self._typed
        found = [i for i, text in enumerate(self.history[: self._place]) if wanted in text]
        if found:
            self._recall(found[-1] - self._place)
        self.at = len(self.text)

    def _complete(self, complete: Complete, by: int) -> None:
        """As in a shell: first what all have in common, then one after the other."""
        if not self.matches:
            self.matches, self._chosen = tuple(complete(self.text[: self.at])), -1
            if not self.matches:
                return
            common = shared(self.matches)
            if len(self.matches) == 1 or len(common) > len(self.text[: self.at]):
                if len(self.matches) == 1:
                    common += "" if " " in common or self.prefix != ":" else " "
                    self.matches = ()
                self.text, self.at = common + self.text[self.at :], len(common)
                return
        self._chosen = (self._chosen + by) % len(self.matches) if self._chosen >= 0 or by > 0 else len(self.matches) - 1
        self.text = self.matches[self._chosen]
        self.at = len(self.text)

    def line(self, width: int) -> Line:
        """The line with its cursor, scrolled so that the cursor is seen."""
        whole: Line = (
            Span(f" {self.prefix}", "text bold on-band"),
            Span(self.text[: self.at], "text on-band"),
            Span(self.text[self.at : self.at + 1] or " ", "text reverse"),
            Span(self.text[self.at + 1 :], "text on-band"),
        )
        start = max(0, self.at + 3 + len(self.prefix) - width)
        return fit(crop(whole, start, start + width), width, "text on-band")

    def choices(self, width: int, height: int) -> list[Line]:
        """The completions, in columns, the chosen one reversed; only the last word of each, which is what differs."""
        if not self.matches:
            return []
        words = [match.rpartition(" ")[2] or match for match in self.matches]
        cell = min(max(map(len, words)) + 2, max(4, width - 1))
        across = max(1, (width - 1) // cell)
        rows = [words[i : i + across] for i in range(0, len(words), across)]
        row = max(0, self._chosen) // across
        top = max(0, min(row - height + 1, len(rows) - height)) if len(rows) > height else 0
        out = []
        for y, part in enumerate(rows[top : top + height], top):
            spans = [Span(" ", "text on-band")]
            for x, word in enumerate(part):
                chosen = y * across + x == self._chosen
                style = "text reverse bold" if chosen else "text on-band"
                spans += [*fit((Span(word, style),), cell - 1, style), Span(" ", "text on-band")]
            out.append(fit(spans, width, "text on-band"))
        return out


def shared(words: Sequence[str]) -> str:
    """The beginning that all words have in common."""
    first, last = min(words), max(words)
    return next((first[:i] for i, c in enumerate(first) if i >= len(last) or last[i] != c), first)


def joined(text: str) -> str:
    """Several lines as one: `; ` between statements, a blank where a bracket is open or a line does not end. A terminal
    sends \\r for a line's end."""
    whole = ""
    for line in filter(str.strip, text[: 4 * MOST].splitlines()):
        is_open = sum(whole.count(c) for c in "([{") > sum(whole.count(c) for c in ")]}")
        between = "" if not whole else " " if is_open or GOES_ON.search(whole) or whole.endswith(";") else "; "
        whole = f"{whole.rstrip()}{between}{line.strip()}" if between else line
    return whole if whole.strip() else text.replace("\r", " ").replace("\n", " ")
