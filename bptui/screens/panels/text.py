"""Lines that are too long: wrapped where a formula may be broken, never cut without a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from bptui.model.base.spans import Line, Span, plain
from bptui.screens.render import crop, length

STRONG = ("  where ", "  since ", " else ")
MIDDLE = (" + ", " - ", " = ", " × ", " if ", " for ", " and ", " or ")
WEAK = ("·", "*", "/")
COMMAS = (", ", "; ", ",")
THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
"""A comma that stands in a number."""
GIVEN = re.compile(r"\w+(\[[^\]]*\])? = ")
"""What begins one more of several equations: `d = det(…)`, `w[i,j] = inverse(…)`."""
JOINING = ("for", "if", "and", "or", "else", "not", "in", "where")
BETWEEN = re.compile(f"[a-z:,]{''.join(f'(?<! {word})' for word in JOINING)} (?=[a-z]{{2}})(?!({'|'.join(JOINING)}) )")
"""A blank between two words that are no formula."""
WHOLE = ("**", "//", "/∂", "/d")
"""Glyphs that stay together: powers, whole quotients, `∂L/∂x`."""


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
    """Where to break: inside as few brackets as possible, before a word that begins a part of the formula (`where`,
    `else`), else before an operator, a product last, as far right as it goes; else after a comma or a blank; else
    before a `/∂`, after a comma of an index, anywhere. In the second half of the row if there is a place."""
    depths, depth, inside = [], 0, [False]
    for glyph in text[: room + 1]:
        depth -= glyph in ")]"
        depths.append(depth)
        depth += glyph in "(["
        inside.append(glyph == "[" or (inside[-1] and glyph != "]"))
    for least, whole in ((max(1, room // 2), True), (max(1, room // 4), True), (max(1, room // 4), False)):
        found = []
        for rank, marks in enumerate((WEAK, MIDDLE, STRONG)):
            start = 3 if marks is STRONG else least
            found += [(-depths[at], rank, at) for mark in marks for at in _marks(text, mark, start, room)]
        for mark in COMMAS:
            ends = [at + len(mark) for at in _marks(text, mark, least, room - len(mark))]
            found += [
                (-depths[at - 1], 3 if inside[at] else 2 if GIVEN.match(text, at) else -1, at)
                for at in ends
                if mark != "," or _long(text[:at])
            ]
        found = [place for place in found if not (whole and inside[place[-1]])]  # an index is broken last of all
        if found:
            depth, rank, at = max(found)
            between = [n for n in range(least, room + 1) if n < len(text) and BETWEEN.match(text, n - 1)]
            words = [n for n in between if depths[n] == depth == 0] if rank == 0 else []
            return words[-1] + 1 if words else at
        blank = text.rfind(" ", least, room)
        if blank > 0 and not (whole and inside[blank]):
            return blank + 1
    quotients = [at for mark in WHOLE[2:] for at in _found(text, mark, room) if not inside[at]]
    comma = max(_marks(text, ",", 1, room - 1), default=-1) + 1
    return max(quotients, default=0) or comma or text.rfind(" ", 1, room) + 1 or room


def _marks(text: str, mark: str, least: int, most: int) -> list[int]:
    """Where a mark stands, and may be broken at."""
    found, at = [], text.find(mark, least)
    while 0 <= at <= min(most, len(text) - 1):
        whole = mark == "/" and text[at - 1].isdigit() and text[at + 1 : at + 2].isdigit()  # forward 4/4, 1/2
        whole = whole or (mark == "," and THOUSANDS.match(text, at - 1) is not None)
        if not whole and text[at : at + 2] not in WHOLE[2:] and text[at - 1 : at + 1] not in WHOLE:
            found.append(at)
        at = text.find(mark, at + 1)
    return found


def _found(text: str, mark: str, room: int) -> list[int]:
    """Where a mark stands up to the end of the row, but for its beginning."""
    return [at for at in range(1, min(room, len(text) - 1) + 1) if text.startswith(mark, at)]


def _long(before: str) -> bool:
    """Does more than a letter stand before this comma: `x[(i·J + j)//4,`, and not `x[i,` nor `Σ_i,`?"""
    return not re.search(r"((^|[\[(,])\w{0,3}|[ΣΠ_]_?\w),$", before)


def strip(spans: Sequence[Span], *, right: bool) -> Line:
    """The line without blanks at its right (or left) end."""
    text = plain(spans)
    kept = text.rstrip() if right else text.lstrip()
    return crop(spans, 0, len(kept)) if right else crop(spans, len(text) - len(kept), len(text))
