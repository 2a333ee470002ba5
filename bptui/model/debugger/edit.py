"""An edit is a value: a branch is its network and its edits, replayed; the room `edits` says which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from bptui.model.base.errors import UserError
from bptui.model.base.printable import one_line
from bptui.model.base.prose import some
from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Graph, Node
from bptui.model.source.network import Network

MOST = 100
"""Characters of what was said, where it is told."""
Kind = Literal["numbers", "optimizer", "network"]


@dataclass(frozen=True)
class Edit:
    """step     the first training step that it changes
    said     what was changed, as `set` takes it: `layer1.weight[0,1] = 0.3`
    network  what trains from that step on; two edits are the same where the same was said
    values   the numbers of parameters and running states with which that step starts, where they are given
    kind     what it changed: numbers that are given, the optimizer, or the network itself
    name     the node whose numbers it changed, "" for none;  at  the element, () for several
    was      what the number or the setting was, "" where it is not one
    made     the training step whose network was changed: edits that hold from later on are not in it; None: all are
    anew     the network is trained anew from step 0: from the initial values that it had ("kept"), or others ("drawn")
    note     what else there is to say;  brief  `said` with fewer digits, where those are many
    """

    step: int
    said: str
    network: Network = field(compare=False)
    values: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    kind: Kind = "network"
    name: str = ""
    was: str = ""
    anew: str = ""
    note: str = ""
    brief: str = ""
    at: Index = ()
    made: int | None = None

    @property
    def shown(self) -> str:
        """What was changed, in one line."""
        return one_line(self.brief or self.said, MOST)

    @property
    def since(self) -> str:
        """From when it holds."""
        note = f", {self.note}" if self.note else ""
        if self.anew:
            return f"trained anew from step 0{', all drawn anew' * (self.anew == 'drawn')}{note}"
        return f"from training step {self.step} on{note}"

    @property
    def text(self) -> str:
        """What was changed, and from when it holds."""
        return f"{self.shown}{',' if self.anew else ''} {self.since}"


def same(name: str) -> UserError:
    """What is set is so already."""
    return UserError("set", f"{name} is so already", "another value")


def computed(node: Node, graph: Graph, where: str = "set") -> UserError:
    """What is computed cannot be set."""
    assert node.op is not None
    return UserError(where, f"{node.name} is computed", f"{where} what it is computed from: {_given(node, graph)}")


def _given(node: Node, graph: Graph, most: int = 4) -> str:
    """The names of the given numbers that a node is computed from, the nearest first."""
    names, seen, row = [], {node.id}, [node]
    while row:
        sources = [graph.nodes[i] for i in dict.fromkeys(i for each in row for i in each.inputs) if i not in seen]
        names += [source.name for source in sources if source.op is None]
        seen.update(source.id for source in sources)
        row = sources
    return some(names, most)
