"""What can be changed in a course of training. An edit is a value: a branch is its network and its edits, replayed.

An edit holds from a training step on, the one in which it was made: its update is the first that follows it. All
earlier steps are as they were.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import isfinite
from typing import Protocol

from bptui.model.base.errors import UserError
from bptui.model.source.network import Network


class Edit(Protocol):
    """step  the first training step that it changes"""

    @property
    def step(self) -> int: ...

    @property
    def text(self) -> str:
        """As it is said: `lr = 0.5 from training step 3 on`."""

    def applied(self, network: Network) -> Network:
        """The network that trains from `step` on, with the state that was reached until then."""


@dataclass(frozen=True)
class LearningRate:
    """Another learning rate of the optimizer."""

    step: int
    value: float

    @property
    def text(self) -> str:
        return f"lr = {self.value:g} from training step {self.step} on"

    def applied(self, network: Network) -> Network:
        return replace(network, optimizer=replace(network.optimizer, learning_rate=self.value))


def parse(text: str, network: Network, step: int) -> Edit:
    """`lr = 0.5`, made in a training step."""
    matched = re.fullmatch(r"(?P<name>[^=]+?)\s*=\s*(?P<value>[^=]+)", text)
    if matched is None:
        raise UserError("set", f"'{text[:40]}' is not NAME = VALUE", "set lr = 0.05")
    if matched["name"] not in ("lr", "learning_rate"):
        raise UserError(
            "set", f"{matched['name'][:40]} cannot be changed in this version",
            "set lr = 0.05; other numbers in the network file, or where the formula is opened",
        )  # fmt: skip
    if not network.graph.params:
        raise UserError("set", "nothing is trained, so that there is no learning rate", "bptui eval … --train NAMES")
    try:
        value = float(matched["value"])
    except ValueError:
        value = -1.0
    if not isfinite(value) or value < 0:
        raise UserError(
            "set", f"'{matched['value'][:40]}' is not a learning rate", "a number, 0 or more: set lr = 0.05"
        )
    return LearningRate(step, value)
