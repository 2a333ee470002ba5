"""Numbers that are hidden until a question about them is answered: wherever they would stand there is a `?`.

A target names them by node, kind and element, so that it holds in every training step and branch. What a session shows
is drawn from a recording without them (`engine.masked`), so that no panel, command or copy needs to ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.base.types import Index
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import Kind, Masked, unmasked
from bptui.model.engine.recording import Recording

REASON = "hidden until the question is answered"


class Target(NamedTuple):
    """Numbers of one node, by its name: its value (of a parameter before the update of the step), its gradient, or a
    parameter after its update; `element` is one of them, None all."""

    node: str
    kind: Kind
    element: Index | None = None

    def __str__(self) -> str:
        """As an expression of the debugger, or of a lesson."""
        name = self.node + numbers.index(self.element or ())
        return {"value": name, "gradient": f"grad({name})", "update": f"new({name})"}[self.kind]


Hidden = frozenset[Target]
NONE: Hidden = frozenset()


def covers(hidden: Hidden, node: Node, kind: Kind, element: Index | None = None) -> bool:
    """Is an element of a node hidden (None: is any of its numbers)?"""
    return any(
        target.node == node.name and target.kind == kind
        and (element is None or target.element in (None, element))
        for target in hidden
    )  # fmt: skip


def without(recording: Recording, hidden: Iterable[Target]) -> Recording:
    """The recording as it may be seen: without what is hidden of it."""
    masks: dict[tuple[int, Kind], set[Index | None]] = {}
    for target in hidden:
        node = recording.graph.by_name.get(target.node)
        if node is not None and (target.element is None or _fits(target.element, node)):
            masks.setdefault((node.id, target.kind), set()).add(target.element)
    return Masked(recording, masks) if masks else recording


def is_of(seen: Recording, recorded: Recording) -> bool:
    """Is it that recording, with or without some of its numbers?"""
    return unmasked(seen) is recorded


def _fits(element: Index, node: Node) -> bool:
    """Is it an element of the node, which another branch may have in another shape?"""
    return len(element) == len(node.shape) and all(i < n for i, n in zip(element, node.shape, strict=True))
