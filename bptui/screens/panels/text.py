"""Lines that are too long: wrapped where a formula may be broken, never cut without a word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bptui.model.spans import Line, Span, plain
from bptui.screens.look import crop, length

BEFORE = (" + ", " - ", " = ", " × ", " if ", " else ", " for ", " where ", " and ", " or ", "·", "*", "/")
AFTER = (", ", "; ", " ")


def wrap(spans: Sequence[Span], width: int, indent: int = 0) -> list[Line]:
    """The line in rows of at most `width`: broken before ` + `, `·` or the like, after a comma, at a blank; only a word
    that is longer than the row is broken inside. Rows after the first begin with `indent` blanks."""
    return list(_wrapped(tuple(spans), max(1, width), indent))


@lru_cache(2_000)
def _wrapped(rest: Line, width: int, indent: int) -> tuple[Line, ...]:
    """What `wrap` returns. Kept: the same formulas stand in most frames, and a panel tries them at several widths."""
    rows: list[Line] = []
    while True:
        inset = min(indent, width - 1) if rows else 0
        room = width - inset
        lead: Line = (Span(" " * inset),) if inset else ()
        if length(rest) <= room:
            return (*rows, (*lead, *rest))
        cut = _place(plain(rest), room)
        rows.append((*lead, *strip(crop(rest, 0, cut), right=True)))
        rest = strip(crop(rest, cut, length(rest)), right=False)


def _place(text: str, room: int) -> int:
    """Where to break: in the second half of the row, inside as few brackets as possible, as far right as it goes;
    before an operator if there is one, else after a comma or a blank, else anywhere."""
    depths, depth = [], 0
    for glyph in text[: room + 1]:
        depth -= glyph in ")]"
        depths.append(depth)
        depth += glyph in "(["
    for least in (max(1, room // 2), max(1, room // 4)):
        for marks, after in ((BEFORE, False), (AFTER, True)):
            found = []
            for mark in marks:
                end = min(len(text), room + 1 - len(mark) * after)
                at = text.find(mark, least)
                while 0 <= at < end:
                    found.append((-depths[at], at + len(mark) * after))
                    at = text.find(mark, at + 1)
            if found:
                return max(found)[1]
    return room


def strip(spans: Sequence[Span], *, right: bool) -> Line:
    """The line without blanks at its right (or left) end."""
    text = plain(spans)
    kept = text.rstrip() if right else text.lstrip()
    return crop(spans, 0, len(kept)) if right else crop(spans, len(text) - len(kept), len(text))
