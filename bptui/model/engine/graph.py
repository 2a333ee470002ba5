"""The Graph: every value of a training step and how it is computed, in execution order. Immutable."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Composite, Op, Signature

T = TypeVar("T")
KEPT = 64
"""Answers that a graph keeps (`Graph.once`): a list of its rows for each size of a panel, say."""

Column = tuple[int, int] | str | None
"""(line, column) of a formula, the key of a file, or nothing that one could point to."""
Role = Literal["op", "param", "input", "target", "const", "state", "random"]
"""op: computed · param: trained · input, target: given (may change with the batch) · const: a number in a formula ·
state: carried from step to step, not trained (running mean) · random: drawn anew at each step (a dropout mask)"""


@dataclass(frozen=True)
class Node:
    """One value of the step: a leaf (no op), or one use of an Op.

    id      its place in `Graph.nodes`; inputs come before their consumers
    name    unique: what the user wrote, `layer1.z`, or `t1` for an unnamed part of a formula
    scope   the layer or block that it belongs to (`layer1`, `loss`), "" for none
    symbol  how formulas on the screen write it: `z`, `W`, `b`, `a`, `x`, `y`, `L`
    wants_grad  False for labels, masks, constants, and for inputs whose gradient nobody asked for
    value   a leaf's number(s): constant, or the initial value of a parameter or state; None where the batch gives it
    column  (line, column) of a formula, or the key of a file, for messages and highlighting
    kind    the kind of numbers that its value and gradient are rounded to (`float16`), "" for that of the program
    composite    the composite that this node is a part of ("layer_norm" as `t3`), for folding to one card; else ""
    """

    id: int
    name: str
    role: Role
    shape: Shape
    op: Op | None = None
    inputs: tuple[int, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    scope: str = ""
    symbol: str = ""
    wants_grad: bool = True
    whole: bool = False
    value: Array | None = None
    column: Column = None
    kind: str = ""
    composite: str = ""

    @property
    def label(self) -> str:
        """The name inside its scope: `z` for `layer1.z`. A composite is no scope that has a heading: a part of it is
        called by its whole name there, which no other node has."""
        if self.composite and self.composite.endswith(f" as {self.scope}"):
            return self.name
        prefix = self.scope + "."
        return self.name[len(prefix) :] if self.scope and self.name.startswith(prefix) else self.name


@dataclass(frozen=True)
class CompositeCall:
    """One use of a composite, as it was asked for: its row, its inputs in their order (ids), all of its attributes.

    reads   (id of a part, position there) → position of the composite's input that stands there
    """

    row: Composite
    inputs: tuple[int, ...]
    attributes: Attributes
    reads: Mapping[tuple[int, int], int]


class DerivativeCall(NamedTuple):
    """One d(u, x): ids of u and x, of the nodes on the ways from one to the other, and of what each element of u counts
    (None: 1)."""

    u: int
    x: int
    between: tuple[int, ...]
    seed: int | None = None


@dataclass(frozen=True)
class Layer:
    """A scope with what to say about it: `layer1  dense 8, relu`."""

    name: str
    summary: str


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order; `loss` is the id of the scalar that the backward pass starts from.
    `composite_calls`: the uses of composites as they were asked for, by the `composite` of their parts.
    `derivatives`: by the id of its result, each d(u, x) that is operations of it."""

    nodes: tuple[Node, ...]
    loss: int
    layers: tuple[Layer, ...] = ()
    aliases: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    composite_calls: Mapping[str, CompositeCall] = field(default_factory=lambda: MappingProxyType({}))
    derivatives: Mapping[int, DerivativeCall] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def _answers(self) -> dict[Hashable, tuple[Any]]:
        return {}

    def once(self, find: Callable[..., T], *arguments: Hashable) -> T:
        """`find(graph, *arguments)`, found out once: for what is asked of a graph at every step. (Its nodes hold
        arrays, so that no `lru_cache` takes a graph for a key.)"""
        key = find, *arguments
        found: tuple[T] | None = self._answers.get(key)
        if found is None:
            if len(self._answers) >= KEPT:
                self._answers.clear()
            found = self._answers[key] = (find(self, *arguments),)
        return found[0]

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name, aliases (`prediction`, `loss`) included."""
        names = {node.name: node for node in self.nodes}
        names.update({alias: self.nodes[i] for alias, i in self.aliases.items() if alias not in names})
        return MappingProxyType(names)

    @cached_property
    def labelled(self) -> Mapping[str, tuple[Node, ...]]:
        """Nodes by what they are called inside of their scopes: `z` may be several."""
        found: dict[str, tuple[Node, ...]] = {}
        for node in self.nodes:
            found[node.label] = (*found.get(node.label, ()), node)
        return MappingProxyType(found)

    @cached_property
    def called(self) -> Mapping[str, Node]:
        """Nodes by what a user may call them: names and aliases, and the operations of a derivative by what is shown,
        which no other row is called (`bptui.model.engine.derivative_names`)."""
        made = {self.nodes[i].name for i in self.derivatives}
        parts = ((node, *node.name.rpartition(".")) for node in self.nodes)
        shown = {last: node for node, before, _, last in parts if before in made}
        return MappingProxyType({**shown, **self.by_name})

    @cached_property
    def ops(self) -> tuple[Node, ...]:
        """The nodes that compute, in execution order: one forward Moment each."""
        return tuple(node for node in self.nodes if node.op is not None)

    @cached_property
    def leaves(self) -> tuple[Node, ...]:
        """The nodes that are given."""
        return tuple(node for node in self.nodes if node.op is None)

    @cached_property
    def params(self) -> tuple[Node, ...]:
        """The trained leaves, in order of creation: one update Moment each."""
        return tuple(node for node in self.nodes if node.role == "param")

    @cached_property
    def kept(self) -> tuple[Node, ...]:
        """The leaves that a training step changes: parameters, then running states."""
        return (*self.params, *(node for node in self.nodes if node.role == "state"))

    @cached_property
    def consumers(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Per node: the (consumer id, input position) pairs that contribute to its gradient, in the order in which the
        backward pass reaches them (last consumer first, and position by position in one consumer)."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.nodes]
        wanted = [node.wants_grad for node in self.nodes]
        differentiable: dict[int, tuple[bool, ...]] = {}
        for node in reversed(self.ops):
            op = node.op
            assert op is not None
            if not node.wants_grad:
                continue
            known = differentiable.get(id(op))
            if known is None:
                known = differentiable[id(op)] = tuple(op.differentiable(i) for i in range(len(op.inputs)))
            for position, source in enumerate(node.inputs):
                if wanted[source] and known[position]:
                    found[source].append((node.id, position))
        return tuple(tuple(pairs) for pairs in found)

    def before(self, node: int) -> frozenset[int]:
        """A node and all that it is computed from."""
        found = {node}
        for each in reversed(self.nodes[: node + 1]):
            if each.id in found:
                found.update(each.inputs)
        return frozenset(found)

    def after(self, some: Iterable[int]) -> frozenset[int]:
        """Some nodes and all that is computed from them."""
        found = set(some)
        for node in self.ops:
            if not found.isdisjoint(node.inputs):
                found.add(node.id)
        return frozenset(found)

    def passed_to(self, node: Node) -> tuple[int, ...]:
        """The input positions of a node that a gradient is passed to."""
        wanted = ((p, self.nodes[i].wants_grad) for p, i in enumerate(node.inputs))
        return () if node.op is None else tuple(p for p, wants in wanted if wants and node.op.differentiable(p))

    def signature(self, node: Node) -> Signature:
        """What the derivations of an operation are filed under."""
        assert node.op is not None
        return node.op.signature([self.nodes[i].shape for i in node.inputs], node.attributes)


def reaching(nodes: Sequence[Node], loss: Node) -> tuple[Node, ...]:
    """The nodes of a graph, with `wants_grad` settled: an operation that does not lead to the loss has no gradient, nor
    has a leaf that is only read where nothing is derived (as a mask, as bounds)."""
    live, used, moved = {loss.id}, set(), set()
    for node in reversed(nodes):
        if node.op is None:
            continue
        for position, source in enumerate(node.inputs):
            used.add(source)
            if node.op.differentiable(position):
                moved.add(source)
                if node.id in live:
                    live.add(source)
    return tuple(
        n
        if not n.wants_grad or (n.id in live if n.op else n.id in moved or n.id not in used)
        else replace(n, wants_grad=False)
        for n in nodes
    )
