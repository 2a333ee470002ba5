"""Which parameters follow one rule: they lie one after the other, and are updated at once."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from bptui.model.engine.graph import Node
from bptui.model.engine.optimizers import Optimizer


class Block(NamedTuple):
    """Parameters that follow one rule: they lie one after the other."""

    rule: Optimizer
    nodes: list[Node]

    @property
    def size(self) -> int:
        """How many numbers they are."""
        return sum(prod(node.shape) for node in self.nodes)


def blocks(optimizer: Optimizer, params: Sequence[Node]) -> list[Block]:
    """The parameters by rule, in the order of the graph within each; what is frozen comes last."""
    rules = optimizer.assigned([node.name for node in params])
    found: dict[Optimizer, Block] = {}
    for node in params:
        rule = rules[node.name]
        found.setdefault(rule, Block(rule, [])).nodes.append(node)
    return sorted(found.values(), key=lambda block: block.rule.kind == "frozen")
