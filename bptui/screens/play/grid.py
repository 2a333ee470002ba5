"""Where the four panels of the playground stand, for any size."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.screens import layout
from bptui.screens.render import fit

NAMES: Mapping[int, str] = {1: "Network", 2: "Output", 3: "Loss", 4: "Settings"}
WIDE, TALL = 76, 22
"""Columns and rows (of the whole screen) from which on all four are shown."""
SHORT = 12
"""Rows of a board from which on the network and one other panel stand side by side: beside a lesson's page."""
OTHERS = 2
"""Rows of the screen that are not the board's: status and footer."""


class Room(NamedTuple):
    """Cells of a panel."""

    width: int
    height: int


class Grid(NamedTuple):
    """The room of each panel that is shown; `single`: one of them."""

    rooms: Mapping[int, Room]
    single: bool


@lru_cache(64)
def grid(width: int, height: int, focus: int) -> Grid:
    """The panels of a board of `height` rows."""
    if width < WIDE or height < SHORT:
        return Grid({focus: Room(width, max(0, height - 1))}, True)
    if height + OTHERS < TALL:
        side = min(2 * (height - 1), 30) if focus in (1, 2) else width - 27 if focus == 4 else 30
        return Grid({1: Room(width - side - 2, height - 1), max(2, focus): Room(side + 1, height - 1)}, False)
    below = min(9, max(5, 5 + (height + OTHERS - 24) // 3))
    top = height - 2 - below
    side = min(2 * top, int(width * 0.45) if width > 80 else 30)
    settings = 72 if width >= 112 else 53
    return Grid({
        1: Room(width - side - 2, top), 2: Room(side + 1, top),
        3: Room(width - settings - 1, below), 4: Room(settings, below),
    }, False)  # fmt: skip


def assemble(found: Grid, contents: Mapping[int, list[Line]], rules: Mapping[int, Line], width: int) -> list[Line]:
    """All rows: titles, panels side by side, a divider between them."""
    rooms = found.rooms
    if found.single:
        (number,) = rooms
        head = layout.tabs(list(NAMES.items()), number, width)
        return [head, *_filled(contents[number], rooms[number])]
    rows: list[Line] = []
    (first, second), *rest = zip(*[iter(rooms)] * 2, strict=True)
    for left, right, upper in ((first, second, True), *((*pair, False) for pair in rest)):
        joint = "┬" if upper else "┴" if rooms[1].width == rooms[3].width else "┬"
        rows.append((*rules[left], Span(joint, "rule"), *rules[right]))
        pairs = zip(_filled(contents[left], rooms[left]), _filled(contents[right], rooms[right]), strict=True)
        rows += [(*a, Span("│", "rule"), *b) for a, b in pairs]
    return rows


def _filled(lines: list[Line], room: Room) -> list[Line]:
    return [fit(line, room.width) for line in [*lines, *[()] * room.height][: room.height]]
