"""The playground is opened: what is imported here is little, for it is done before the first frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
