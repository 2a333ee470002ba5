"""The playground is opened: what is imported here is little, for it is done before the first frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.board import Board

FPS = 20.0
"""Frames a second at most, as many as a stage draws. Over a slow line there are fewer: the next is made when the one
before has arrived (`bptui.screens.arrivals`)."""


def playground(target: str | None, fps: float | None = None) -> Callable[[], Board]:
    """What makes the board, in a thread, after the first frame: of a file or an example, or of its own."""

    def make() -> Board:
        from bptui.screens.play.board import Playground
        from bptui.teach.play.setup import opened

        return Playground(opened(target), fps or FPS)

    return make


def again(fps: float | None = None) -> Callable[[], Board]:
    """The same of the network that was played last, on its way to the step where it was left. UserError where none is
    kept."""
    from bptui.teach.play import kept

    found = kept.last()
    if found is None:
        raise UserError("--again", "no network that was played is kept", "bptui play")

    def make() -> Board:
        from bptui.screens.play.board import Playground

        made = Playground(found.setup(), fps or FPS)
        made.course.to(found.step)
        return made

    return make


def on_session(session: Session) -> Board:
    """The playground with the network that is debugged, trained anew to the same step: what was changed on the way is
    not in it. UserError where the playground cannot show it."""
    from bptui.screens.play.board import OUTPUT, Playground
    from bptui.teach.play.setup import shown

    made = Playground(shown(session.network), FPS)
    made.course.to(session.cursor.step)
    made.focus = OUTPUT
    return made
