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
    """A Moment of a Session, on so many cells.

    card    what the symbolic side says of this Moment; None while it says nothing yet
    defect  why it cannot say anything, "" where it can
    failed  how many checks of this training step do not agree
    rules   who has derivations, None while there is nobody
    lesson  what is read beside it
    badges  of a captured step, what its calls were found to be; None elsewhere, and before there is anybody to ask
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
