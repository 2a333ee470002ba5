"""Back and forward among the places where one has been, as in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bptui.model.base.types import Index
    from bptui.model.debugger.branch import Branch
    from bptui.model.engine.timeline import Moment

MOST = 1_000


class Place(NamedTuple):
    """A Moment of a branch, and what was selected there."""

    branch: Branch
    moment: Moment
    pinned: int | None
    element: Index

    @property
    def stop(self) -> int:
        """Its number on the line of all stops of its branch."""
        return self.branch.walk.stop(self.moment)


class Trail:
    """The places that were left by a jump. A step or a step back leaves none: its way back is the other one."""

    def __init__(self) -> None:
        self.past: list[Place] = []
        self.future: list[Place] = []

    def moved(self, before: Place, after: Place) -> None:
        """A command led from one place to another."""
        if before.branch is not after.branch or abs(after.stop - before.stop) > 1 or after.pinned not in (
            None, before.pinned
        ):  # fmt: skip
            self.past.append(before)
            del self.past[:-MOST]
            self.future.clear()

    def back(self, here: Place, count: int) -> Place | None:
        """The place `count` jumps ago, as far as there are; None for none."""
        return _along(self.past, self.future, here, count)

    def forward(self, here: Place, count: int) -> Place | None:
        """The place from which `back` came."""
        return _along(self.future, self.past, here, count)


def _along(source: list[Place], other: list[Place], here: Place, count: int) -> Place | None:
    reached = None
    for _ in range(min(count, len(source))):
        other.append(here if reached is None else reached)
        reached = source.pop()
    return reached
