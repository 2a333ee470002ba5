"""What a card is made of on a screen: blocks of rows, which claim room in the order of what they are worth.

`fitted` grants the claims of all blocks, the most important first; what a block is granted it fills as well as it can,
and says whether anything of it is missing. What is missing stands on the card's other pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.screens.render import crop, length


class Worth(IntEnum):
    """What a claim is for, the most important first: what the operation is, then its numbers, then whether they agree;
    then all of that, and at last what only makes it easier to read."""

    HEAD = 0
    DEFINITION = 1
    NUMBERS = 2
    CHECKS = 3
    PARTS = 4
    SUM = 5
    WHOLE_DEFINITION = 6
    RULE = 7
    SYMBOLS = 8
    RULES = 9
    TERMS = 10
    FACTS = 11
    NOTES = 12
    ALL = 13
    PADDING = 14
    GAPS = 15
    DETAILS = 16
    STORY = 17


TOGETHER = (Worth.GAPS,)
"""Granted to all blocks or to none."""


class Shown(NamedTuple):
    """Rows of something. whole: nothing of it is missing; brief: nothing but what may be said in fewer words."""

    rows: Sequence[Line]
    whole: bool = True
    brief: bool = True


class Full(NamedTuple):
    """Rows with nothing left out; the first `lead` of them are heads, which stand again where it goes on."""

    rows: Sequence[Line]
    lead: int = 0


@dataclass(frozen=True)
class Block:
    """A part of a card.

    claims  how many rows it would have, and what they are worth, the most important first
    within  the rows in a granted number of rows;  full  with nothing left out, made when it is looked at
    """

    claims: tuple[tuple[Worth, int], ...]
    within: Callable[[int], Shown]
    full: Callable[[], Full]


NOTHING = Shown((), False, False)


def gap() -> Block:
    """An empty row, where there is room for one."""
    return Block(((Worth.GAPS, 1),), lambda room: Shown([()] * min(1, room)), lambda: Full(()))


def fixed(worth: Worth, shown: Shown, full: Callable[[], Full]) -> Block:
    """All rows or none."""
    size = len(shown.rows)
    return Block(((worth, size),), lambda room: shown if room >= size else NOTHING, full)


def cut(rows: Sequence[Line], room: int, width: int) -> list[Line]:
    """The beginning, with a sign that it is not all of it."""
    if len(rows) <= room:
        return list(rows)
    kept = list(rows[: max(0, room)])
    if kept:
        kept[-1] = (*crop(kept[-1], 0, width - 3), Span(" …" if length(kept[-1]) else "…", "text"))
    return kept


def fitted(blocks: Sequence[Block], height: int) -> list[Shown]:
    """What of each block is shown in `height` rows."""
    granted = [0] * len(blocks)
    claims: dict[Worth, list[tuple[int, int]]] = {}
    for n, block in enumerate(blocks):
        for worth, size in block.claims:
            claims.setdefault(worth, []).append((n, size))
    left = height
    for worth in sorted(claims):
        asked = claims[worth]
        if worth in TOGETHER and sum(size for _, size in asked) > left:
            continue
        for n, size in asked:
            more = max(0, size - granted[n])
            if more <= left:
                granted[n] += more
                left -= more
    return [block.within(room) for block, room in zip(blocks, granted, strict=True)]
