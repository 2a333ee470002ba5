"""What a page of a lesson has in the rows around the panels: the status of the board that is there, and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.spans import Line, Span
from bptui.screens import layout
from bptui.screens.bindings import Bindings
from bptui.screens.keys import LESSON, footer_keys
from bptui.screens.panels import LESSON as PANEL
from bptui.screens.panels import footer, status

if TYPE_CHECKING:
    from bptui.screens.board import Board
    from bptui.screens.reading import Reading

Pairs = tuple[tuple[str, str], ...]
"""Keys, each with a word."""
KINDS = ("explorer", "play")
"""What a board says first of itself where it is alone on the screen; a lesson says its own name."""


def first(board: Board, name: str, width: int) -> Line:
    """The first row: `name` of the lesson, then what the board says."""
    board.width = width
    left, right = board.status()
    if left and left[0].text in KINDS:
        left = left[1:]
    elif left:
        left = (Span("  "), *left)
    return status.of_board((Span(name, "dim"), *left), right, width)


def last(reading: Reading, board: Board | None, others: Pairs, width: int, bindings: Bindings) -> Line:
    """The last row: what enter does on the page, then the board's keys, else `others`, those of the panel that has the
    focus, and the debugger's."""
    own = keys(reading, width)
    if reading.typing:  # every other key is typed
        return footer.hints((own[0], ("esc", "leave the line")), width)
    if board is None:
        return footer.usual(width, (*own, *others), bindings)
    taken = {pressed for pressed, _ in own}  # with these one answers: of the board they are only once it has the focus
    its = [pair for pair in board.place.footer() if pair[0] not in taken]
    lead = 2 if width >= layout.LESSON[0] else len(own)
    return footer.hints((*own[:lead], *its[:1], *own[lead:], *its[1:]), width, footer_keys(width, bindings)[1])


def keys(reading: Reading, width: int) -> Pairs:
    """The keys of a lesson: what enter does now, then the others; where another panel has the focus, how to come back.
    Where one panel is alone on the screen, the key to the other comes first."""
    (enter, _), turn, *_, leave = LESSON.footer()
    choose = (("up/down", "choose"),) if reading.options else ()
    here = focused(reading)
    moved = (("esc", "to the page"),) if reading.course.away or not here else ()
    panel = (("tab", "panel"),)
    leave = reading.leaving(leave)
    rest = (*panel, turn, leave) if width < layout.LESSON[0] else (turn, leave, *panel)
    return ((enter, reading.enters), *choose, *moved, *rest) if here else (*moved, *rest)


def focused(reading: Reading) -> bool:
    """Has the page the focus?"""
    session = reading.course.session
    return session is None or session.view.focus == PANEL.number
