"""What opening a session takes that its screen need not wait for: in the thread that loads."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from bptui.screens import explain as _explain  # noqa: F401  # what the screen imports when it shows the session
from bptui.screens.frame import Ui, paint
from bptui.symbolic.card import card_for

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


def ready(session: Session, width: int, height: int) -> None:
    """Run the first training step, and find what card and frame ask once of a graph or a step: of 10,000 operations the
    first frame then looks at no more than of 100."""
    session.recording  # noqa: B018
    session.walk.next_places  # noqa: B018
    ui = Ui()
    with suppress(Exception):  # it is told where the card is shown
        ui.card = card_for(session)
    paint(session, ui, width, height)
    if session.network.modules is not None:
        session.network.modules.warm()
