"""What the operations of a derivative are called.

    d_h      ∂u/∂h, where h is a node between u and x; `dut_dh` where another derivative has a d_h already: ∂ut/∂h
    W2_T     another tensor, turned; `layer2_weight_T` where it is the `2.weight` of a captured step
    h_sub    the sub in the rule of h: 1 - h*h, say

They stand under a heading, and are told from all other rows by the last part of their name alone, so that this is what
is shown, and what is typed (`Graph.called`).
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from bptui.model.engine.graph import Column, Node

UNNAMED = re.compile(r"t\d+")
"""What a node without a name is called."""
DUNDER = re.compile(r"(?<![^.])__([a-z]+)__")
"""What a captured step calls a use of an operator."""


class Called(NamedTuple):
    """What the operations of one derivative are called: its `name`, the scope that they stand in, and where it is
    written."""

    name: str
    scope: str
    column: Column = None


class Builder(Protocol):
    """What gives nodes their names (`bptui.model.engine.build`)."""

    @property
    def count(self) -> int:
        """How many nodes there are."""

    def node(self, i: int) -> Node:
        """A node as it is now."""

    def called(self, node: Node, name: str, column: Column) -> Node:
        """The node under another name."""

    def taken(self, name: str) -> bool:
        """Does a node have this name, or will one?"""


class Names:
    """Those of one derivative: noted as its operations are made, given when all of them are there."""

    def __init__(self, builder: Builder, called: Called, u: Node) -> None:
        self.builder, self.called, self.u = builder, called, builder.node(u.id)
        self.first = builder.count
        self.gradients: dict[int, Node] = {}
        """By an operation, of which node it is the gradient: of one that its author named, where it is of several."""
        self.rules: dict[int, tuple[Node, float | None]] = {}
        """By an operation, in whose rule it was made, and the number that each element of that gradient was there."""

    def gradient(self, made: Node, of: Node) -> None:
        """`made` is ∂u/∂of."""
        known = self.gradients.get(made.id)
        if made.id >= self.first and (known is None or (not _said(known) and _said(of))):
            self.gradients[made.id] = of

    def rule(self, since: int, of: Node, number: float | None = None) -> None:
        """All nodes from `since` on were made for the rule of `of`; `number`: its gradient, where that is a number."""
        self.rules |= dict.fromkeys(range(since, self.builder.count), (of, number))

    def give(self, result: Node) -> None:
        """Name all but the result, which has the name of the derivative."""
        builder = self.builder
        used = [builder.node(i) for i in range(builder.count)]
        self.last = {own for node in used if not UNNAMED.fullmatch(own := _last(node))} | {self.called.name}
        for node in used[self.first :]:
            if node.id != result.id and node.op is not None and node.name.startswith(f"{self.called.name}."):
                chosen = self._free(self._forms(node))
                self.last.add(chosen)
                builder.called(node, f"{self.called.name}.{chosen}", self.called.column)

    def _forms(self, node: Node) -> list[str]:
        """What it may be called, the best form first."""
        of, number = self.rules.get(node.id, (self.u, None))
        source = self.builder.node(node.inputs[0])
        if node.id in self.gradients:
            return self._by(self.gradients[node.id])
        single = source.role == "const" and source.value is not None and not source.shape
        if number is not None and single and source.value == number:
            return self._by(of)
        if node.op is not None and node.op.name == "transpose":
            return [f"{_short(source)}_T", f"{_word(source)}_T"]
        kind = node.op.name if node.op is not None else ""
        return [f"{_short(of)}_{kind}", f"{_word(of)}_{kind}"]

    def _by(self, node: Node) -> list[str]:
        """The derivative of u by a node."""
        return [f"d_{_short(node)}", f"d{_short(self.u)}_d{_short(node)}", f"d{_word(self.u)}_d{_word(node)}"]

    def _free(self, forms: list[str]) -> str:
        forms += [f"{forms[-1]}_{n}" for n in range(2, self.builder.count + 3)]
        return next(form for form in forms if form not in self.last and not self.builder.taken(form))


def _said(node: Node) -> bool:
    """Did its author name it?"""
    return not node.composite and not UNNAMED.fullmatch(_last(node))


def _last(node: Node) -> str:
    return node.name.rpartition(".")[2]


def _short(node: Node) -> str:
    """The last part of a name, in which it may stand for others; all of it where that says nothing: what has no name,
    and a number (`weights.0`)."""
    last = _last(node)
    if "." in node.name and (UNNAMED.fullmatch(last) or last[:1].isdigit()):
        return _word(node)
    return _typed(last)


def _word(node: Node) -> str:
    return _typed(node.name)


def _typed(name: str) -> str:
    """As one word that begins with a letter, and does not read as a product: `layer2_weight` of `2.weight`, which a
    Sequential has; `getitem_2` of `__getitem__#2`."""
    word = re.sub(r"\W+", "_", DUNDER.sub(r"\1", name))
    return word if word.isidentifier() else f"layer{word}"
