"""The explorers on the screen: boards over what bptui.teach.explore computes. Listed here without NumPy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from bptui.model.base.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network
    from bptui.screens.board import Board


class Explorer(NamedTuple):
    """about   what it shows, in a line;  maker  the class of its board, in the module of its name
    target  the example that it shows where nothing else is wanted, "" for examples of its own
    by      how many names of numbers it takes
    """

    about: str
    maker: str
    target: str = ""
    by: int = 0


EXPLORERS = {
    "chain": Explorer("the chain rule: slopes multiply along a way, and ways add", "ChainBoard", by=1),
    "rate": Explorer("the learning rate: what a step promises, and what it does", "RateBoard", "darts", by=1),
    "flow": Explorer("gradient flow: how much of a gradient arrives, and what helps", "FlowBoard", "deep-sigmoid"),
    "activations": Explorer("activation functions and their slopes", "ActivationBoard"),
    "race": Explorer("optimizers from one start, over two weights", "RaceBoard", by=2),
}


def known(name: str) -> Explorer:
    """The explorer of a name; UserError where there is none."""
    if name not in EXPLORERS:
        raise UserError(
            "explore", f"there is no explorer '{name[:40]}'", did_you_mean(name, EXPLORERS, ", ".join(EXPLORERS))
        )
    return EXPLORERS[name]


def board(name: str, network: Network | None = None, by: str = "") -> Board:
    """The board of an explorer, on a network, or on its own example where there is none; `by`: the number that moves.
    UserError where the network is none for it. Imports NumPy."""
    row = known(name)
    if by and not row.by:
        raise UserError("--by", f"{name} takes no number", ", ".join(n for n, each in EXPLORERS.items() if each.by))
    if network is None and row.target:
        from bptui.model.source.network import load

        network = load(row.target)
    network = None if network is None else network.by_engine()
    make: Any = getattr(import_module(f"bptui.screens.explore.{name}"), row.maker)
    made: Board = make(network, by) if by else make(network)
    return made


def on_session(name: str, session: Session) -> Board:
    """The board of an explorer on what is debugged: the network with its numbers at this training step, and of an
    explorer that takes a number the selected one, where that is one. In a backward pass the chain's flow is turned."""
    from bptui.teach.explore.leaves import at_step, leaves

    network = at_step(session)
    given = {leaf.name for leaf in leaves(network)}
    by = session.selected_name if known(name).by == 1 and session.node.name in given else ""
    if name == "rate" and session.node.role != "param":
        by = ""
    made = board(name, network, by)
    if name == "chain" and session.cursor.phase == "backward":
        made.press("flow", (0, 0), "f")
    return made
