"""Numbers that are hidden until a question about them is answered: wherever they would stand there is a `?`.

A target names them by node, kind and element, so that it holds in every training step and branch. What a session shows
is drawn from a recording without them (`engine.masked`), so that no panel, command or copy needs to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.debugger import locations
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.masked import Kind, Masked, unmasked
from bptui.model.engine.recording import Recording

Index = tuple[int, ...]
REASON = "hidden until the question is answered"
FORMS = "NAME, NAME[i,j], grad(NAME[i,j]), new(NAME[i,j]) or loss"
_CALL = re.compile(r"(?P<word>grad|new)\s*\(\s*(?P<inside>[^()]*?)\s*\)\s*(?P<at>\[[^\[\]]*\])?")
_PLAIN = re.compile(r"[\w.]+\s*(\[[^\[\]]*\])?")


class Target(NamedTuple):
    """Numbers of one node, by its name: its value (of a parameter before the update of the step), its gradient, or a
    parameter after its update; `element` is one of them, None all."""

    node: str
    kind: Kind
    element: Index | None = None

    def __str__(self) -> str:
        name = self.node + numbers.index(self.element or ())
        return {"value": name, "gradient": f"grad({name})", "update": f"new({name})"}[self.kind]


Hidden = frozenset[Target]
NONE: Hidden = frozenset()


def parse(text: str, graph: Graph, where: str = "hide") -> Hidden:
    """What an expression of one node's numbers means: `layer1.z`, `layer1.z[0,1]`, `grad(layer1.z[0,1])`,
    `new(layer2.weight[0,0])`, `loss`. A UserError of `where` for everything else, and for what is not there."""
    said = " ".join(text.split())
    call = _CALL.fullmatch(said)
    inside = said if call is None else f"{call['inside']}{call['at'] or ''}"
    if not _PLAIN.fullmatch(inside):
        raise UserError(where, f"'{said[:40]}' is not the numbers of one node", FORMS)
    if inside == "loss" and inside not in graph.by_name:
        node, element = graph.nodes[graph.loss], None
    else:
        node, element = locations.element(graph, inside, where)
    word = "value" if call is None else call["word"]
    if word == "grad" and not node.wants_grad:
        raise UserError(where, f"no gradient by {node.name} is computed", "a node that has one, such as a parameter")
    if word == "new" and node.role not in ("param", "state"):
        trained = next((each.name for each in graph.params), "")
        raise UserError(where, f"no update changes {node.name}", f"a parameter: new({trained})" if trained else "")
    kinds: dict[str, Kind] = {"value": "value", "grad": "gradient", "new": "update"}
    return frozenset({Target(node.name, kinds[word], element or None)})


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
