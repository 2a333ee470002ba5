"""What a panel is drawn from: all of it, and nothing is kept. A panel is a function of a Scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bptui.screens.render import RenderOptions

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.badges import Badges
    from bptui.screens.reading import Reading
    from bptui.symbolic.card.moment import Rules
    from bptui.symbolic.facts import Card


class Scene(NamedTuple):
    """A Moment of a Session, and the room in cells to draw it in.

    card    what the symbolic side says of this Moment; None while it says nothing yet
    defect  why there is no card, "" where there is one or will be
    failed  how many checks of this training step do not agree
    rules   where derivations are asked for; None while nothing derives
    lesson  what is read beside it
    badges  the verdicts of a captured step's calls; None for any other step, and before there are any
    """

    session: Session
    width: int
    height: int
    options: RenderOptions = RenderOptions()
    card: Card | None = None
    defect: str = ""
    failed: int = 0
    rules: Rules | None = None
    lesson: Reading | None = None
    badges: Badges | None = None
