"""Running text in rows: broken between words. (A formula is broken where it may be: `bptui.screens.panels.text`.)"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from bptui.model.base.spans import Line, Span, length, merge


def counted(count: int, noun: str, ending: str = "s") -> str:
    """`1 sample`, `2,000 samples`."""
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def wrap(line: Line, width: int) -> list[Line]:
    """The rows of running text: broken at blanks, a word longer than a row in the middle. At least one row."""
    if length(line) <= width:
        return [merge(line)]
    rows: list[list[Span]] = [[]]
    used = 0
    for word in _words(line):
        wide = length(word)
        gap = 1 if used else 0
        if used and used + gap + wide > width:
            rows.append([])
            used = gap = 0
        if gap:
            rows[-1].append(Span(" ", word[0].style if word[0].style == rows[-1][-1].style else "text"))
        while wide > width:
            head, word = _cut(word, width)
            rows[-1] += head
            rows.append([])
            wide -= width
        rows[-1] += word
        used += gap + wide
    return [merge(row) for row in rows]


def _words(line: Iterable[Span]) -> Iterator[list[Span]]:
    """What stands between blanks, in its styles."""
    word: list[Span] = []
    for span in line:
        for n, part in enumerate(re.split(r" +", span.text)):
            if n and word:
                yield word
                word = []
            if part:
                word.append(Span(part, span.style))
    if word:
        yield word


def _cut(word: list[Span], width: int) -> tuple[list[Span], list[Span]]:
    head: list[Span] = []
    for n, span in enumerate(word):
        room = width - length(head)
        if len(span.text) >= room:
            return [*head, Span(span.text[:room], span.style)], [Span(span.text[room:], span.style), *word[n + 1 :]]
        head.append(span)
    return head, []


def shorten(text: str, room: int) -> str:
    """The text in at most `room` cells, with `…` where something is missing."""
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def some(names: Collection[str], most: int) -> str:
    """`a, b, …`: at most so many of some names."""
    return ", ".join(list(names)[:most]) + (", …" if len(names) > most else "")
