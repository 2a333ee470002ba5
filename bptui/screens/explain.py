"""What the symbolic side has to say, without the screen ever waiting for it.

Derivations and checks are made in the Service's own thread (SymPy is imported there, and nowhere else); what is there
already is shown at once, the rest when it is ready.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bptui.symbolic.card import card_for
from bptui.symbolic.service import Service

if TYPE_CHECKING:
    from bptui.model.session import Session
    from bptui.symbolic.types import Card


class Explainer:
    """Cards for a Session. `ready` is called, from another thread, when there is more to show than before."""

    def __init__(self, session: Session, ready: Callable[[], None]) -> None:
        self.session, self.service = session, Service()
        self.service.listen(lambda _key: ready())
        self.service.warm(session.graph)

    def card(self, unicode: bool) -> Card:
        """The card of what is selected at this Moment, with what is derived of it by now."""
        return card_for(self.session, self.service, unicode)

    def counts(self) -> tuple[int, int] | None:
        """How many checks of this training step agree, how many do not; None before there are any."""
        return None

    def close(self) -> None:
        """End the worker."""
        self.service.close()
