"""The rows above the footer: every displayed expression as it is at this Moment, side by side. Their number and their
places depend on how many there are and on the terminal, never on what they are: nothing moves while stepping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.spans import Line, Span
from bptui.screens.render import fit, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

CELL = 38
"""Columns of a display, where there are several in a row."""


def count(session: Session, width: int, height: int) -> int:
    """How many rows they take; few enough to leave the panels their room."""
    return min(-(-len(session.displays) // _across(session, width)), 1 if height < 16 else height // 10)


def lines(session: Session, width: int, height: int) -> list[Line]:
    """The rows, as `count` says. What has no room is counted at the end."""
    from bptui.model.debugger.lines import compact  # NumPy, after the first frame

    across = _across(session, width)
    room = count(session, width, height) * across
    shown = session.displays[: room if len(session.displays) <= room else room - 1]
    wide = width // across
    cells = []
    for number, text in enumerate(shown, 1):
        head = (Span(f" {number} ", "dim"),)
        cells.append(fit((*head, *compact(session, text, wide - len(head[0].text) - 1)), wide))
    if len(shown) < len(session.displays):
        cells.append(fit((Span(f" {len(session.displays) - len(shown)} more: display", "dim"),), wide))
    rows = [tuple(span for cell in cells[i : i + across] for span in cell) for i in range(0, len(cells), across)]
    return [under(fit(row, width), "on-band") for row in rows]


def _across(session: Session, width: int) -> int:
    return max(1, min(len(session.displays), width // CELL))
