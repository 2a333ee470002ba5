"""What calls and optimizers of a captured step are called on the screen: as their author wrote them."""

from __future__ import annotations

from collections.abc import Mapping

from bptui.model.source.captured.known import short
from bptui.model.source.captured.record import Event, Update

SIGNS: Mapping[str, str] = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "truediv": "/", "matmul": "@", "pow": "**", "neg": "-",
    "getitem": "[…]",
}  # fmt: skip
"""Operators by the names of the methods that they call."""


def name_of(event: Event) -> str:
    """A call as its author wrote it: `softmax`, `+`, the class of a custom function."""
    if "custom" in event.notes:
        return str(event.notes["custom"]).rpartition(".")[2]
    name = short(event.name).strip("_")
    return SIGNS.get(name, name)


def kind_of(update: Update) -> str:
    """The optimizer of an update: the name of its class, in small letters."""
    return update.kind.rpartition(".")[2].lower()
