"""What a front end has around it besides the network: what is wished for, and what outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bptui.screens.bindings import DEFAULT, Bindings

if TYPE_CHECKING:
    from bptui.keeper import Keeper, Typed
    from bptui.recorder import Recorder
    from bptui.screens.player import Player


@dataclass(frozen=True)
class Surroundings:
    """keeper   of the session of this target; None where none is kept or offered
    recorder writes down what is done;  player  plays what was written down
    bindings which key does what;  typed  what was typed in the `:` line in earlier sessions
    notices  what is to be said at the start, a line each
    """

    keeper: Keeper | None = None
    recorder: Recorder | None = None
    player: Player | None = None
    bindings: Bindings = DEFAULT
    typed: Typed | None = None
    notices: tuple[str, ...] = ()


ALONE = Surroundings()
"""Nothing is kept, nothing is read: a test, a batch."""
