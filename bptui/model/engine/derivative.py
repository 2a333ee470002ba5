"""`d(u, x)` inside of a graph: the backward pass of u as operations of the graph.

    ux = d(u, x)          of every element of x: ∂ sum(u)/∂x, in the shape of x

The nodes between x and u are gone through from u back, as the engine does it (`bptui.model.engine.plan`), but what a
rule computes becomes nodes (`bptui.model.engine.lifted`) in the place of calls. Those are operations like any other:
they are stepped, derived, checked, and the backward pass of the loss runs through them, which is what makes second
derivatives. An operation's rule becomes nodes in one of two ways:

    mathematics   it is NumPy on stand-ins: its calls are operations
    derived       it fills its arrays in another way (a convolution): SymPy derives the rule from the definition, and
                  what it derives defines an operation (`bptui.symbolic.custom.backward`, asked for by name, so that
                  SymPy is imported only here)

Where neither does, there is no second derivative of it here, and a UserError names it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.engine.derivative_names import Builder as NamesBuilder
from bptui.model.engine.derivative_names import Called, Names
from bptui.model.engine.graph import Column, DerivativeCall, Layer, Node
from bptui.model.engine.lifted import Lifted, Making, NoOperation, rule_of
from bptui.model.engine.ops import OPS
from bptui.model.engine.ops.base import Op

MAKER = "bptui.symbolic.custom"
Alone = Callable[[Node, bool], bool]
"""May a node be read by a rule? True: by its own."""


class Builder(NamesBuilder, Protocol):
    """What makes the nodes (`bptui.model.engine.build`), as far as it is needed here."""

    dtype: np.dtype[Any]
    """Of all numbers that no cast says otherwise of."""

    def place(self, column: Column) -> str:
        """Where a message points to."""

    def constant(self, array: Array) -> Node:
        """The leaf of an array of numbers."""

    def inside(self, called: Called) -> Callable[..., Node]:
        """`use` for the operations of a derivative."""

    def unnamed(self, prefix: str) -> str:
        """The next free name for what has none."""

    def undo(self, count: int) -> None:
        """Forget all nodes but the first `count`."""


class Derivatives:
    """Those of one graph that is being built."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.layers: list[Layer] = []
        """A heading for each: what its operations are together."""
        self.known: dict[Any, Node] = {}
        """What was made, by operation and inputs: the second derivative reads what the first one made."""
        self.rules: dict[Any, Any] = {}
        """Backward rules that are operations, by the use of an operation."""
        self.results: dict[int, DerivativeCall] = {}
        """By the result of one, what it is the derivative of."""

    def of(
        self,
        u: Node,
        x: Node,
        *,
        name: str | None = None,
        column: Column = None,
        scope: str | None = None,
        seed: Node | None = None,
        alone: Alone | None = None,
    ) -> Node:
        """∂ sum(u)/∂x, in the shape of x; all elements of u count, as in PyTorch's `autograd.grad(u.sum(), x,
        create_graph=True)`. The last of its operations has its name.

        scope  what its operations stand in, where that is not a scope of their own, with a heading
        seed   what each element of u counts, in the shape of u, where that is not 1
        alone  says which nodes may be read, where not all may: what else it needs is computed again
        A UserError where u does not depend on x, and for an operation whose rule is not made of operations.
        """
        builder, where = self.builder, self.builder.place(column)
        name = name or builder.unnamed("")
        called = Called(name, name if scope is None else scope, column)
        if x.whole:
            raise UserError(where, f"d({u.name}, {x.name}): '{x.name}' holds whole numbers: nothing is derived by them")
        if not self.depends(u, x):
            raise UserError(where, f"d({u.name}, {x.name}): '{u.name}' does not depend on '{x.name}'")
        first = builder.count
        passed = _Pass(self, u, x, called, alone)
        found = passed.run(seed)
        passed.names.give(found)
        if found.id >= first:
            found = builder.called(found, called.name, called.column)
            if scope is None:
                about = f"d({u.name}, {x.name}): the backward pass of {u.name}, as operations"
                self.layers.append(Layer(called.name, about))
        between = tuple(node.id for node in passed.between)
        self.results[found.id] = DerivativeCall(u.id, x.id, between, None if seed is None else seed.id)
        return found

    def forget(self, count: int) -> None:
        """All nodes but the first `count` are undone."""
        _forget(self.known, count)
        self.results = {result: call for result, call in self.results.items() if result < count}

    def depends(self, u: Node, x: Node) -> bool:
        """Is u computed from x, or the derivative of what is? That may be 0, as the second one of relu is."""
        waiting, seen = [u.id], set[int]()
        while waiting:
            at = waiting.pop()
            if at == x.id:
                return True
            if at not in seen:
                seen.add(at)
                waiting += self.builder.node(at).inputs
                if at in self.results:
                    waiting.append(self.results[at].u)
        return False


class _Pass:
    """One backward pass that becomes nodes."""

    def __init__(self, of: Derivatives, u: Node, x: Node, called: Called, alone: Alone | None) -> None:
        self.builder, self.rules = of.builder, of.rules
        self.known = of.known if alone is None else {}
        self.u, self.x, self.called = u, x, called
        self.alone = _not_inside if alone is None else alone
        self.first = self.builder.count
        self.make = self.builder.inside(called)
        self.making = Making(self.use, of.builder.constant, self.known)
        self.names = Names(of.builder, called, u)
        self._again: dict[Any, Node] = {}
        """What was computed again: ("again", id) → the node, and ("of", its id) → that which it is."""

    def run(self, seed: Node | None) -> Node:
        """From u, with the seed, or 1 for each of its elements, back to x."""
        nodes, reached = self.between, {self.x.id}
        start = Lifted(self.making, 1.0, self.u.shape) if seed is None else self.lifted(seed)
        arrived: dict[int, list[Lifted]] = {self.u.id: [start]}
        reached |= {node.id for node in nodes}
        for node in reversed(nodes):
            if node.id not in arrived:
                continue
            g = self._gradient(arrived.pop(node.id), node)
            for position, source in enumerate(node.inputs):
                assert node.op is not None
                if source in reached and node.op.differentiable(position):
                    since = self.builder.count
                    part = self._contribution(node, position, g)
                    if part.node or part.what != 0:
                        arrived.setdefault(source, []).append(part.summed_to(self.builder.node(source).shape))
                    self.names.rule(since, node, None if isinstance(g.what, Node) else g.what)
        nothing = Lifted(self.making, 0.0, self.x.shape)
        return self._readable(self._gradient(arrived.get(self.x.id, [nothing]), self.x).settled())

    def _gradient(self, parts: Sequence[Lifted], node: Node) -> Lifted:
        """∂u/∂node, of all that came to it."""
        since = self.builder.count
        g = self._rounded(_sum(parts), node)
        self.names.rule(since, node)
        if isinstance(g.what, Node):
            self.names.gradient(g.what, node)
        return g

    def _rounded(self, g: Lifted, node: Node) -> Lifted:
        """A gradient is of the kind of numbers that its value is, the program's own or another."""
        if not isinstance(g.what, Node) or g.what.kind == node.kind:
            return g
        return g.made("cast", g, dtype=node.kind or self.builder.dtype.name)

    @cached_property
    def between(self) -> list[Node]:
        """The nodes through which a gradient may come from u to x, in execution order."""
        found, reached = [], {self.x.id}
        for i in range(self.x.id + 1, self.u.id + 1):
            node = self.builder.node(i)
            if node.op is not None and any(
                source in reached and node.op.differentiable(n) for n, source in enumerate(node.inputs)
            ):
                reached.add(i)
                found.append(node)
        return found

    def _contribution(self, node: Node, position: int, g: Lifted) -> Lifted:
        """What a node adds to the gradient of one of its inputs, given the gradient of its own."""
        count, why = self.builder.count, ""
        for way in (_by_mathematics, _by_derivation):
            try:
                return way(self, node, position, g)
            except (NoOperation, UserError) as problem:
                cause = problem if isinstance(problem, UserError) else problem.__cause__
                why = f": {cause.what}" if isinstance(cause, UserError) else ""
                self.builder.undo(count)
                for made in (self.known, self._again):
                    _forget(made, count)
        assert node.op is not None
        which = f"'{node.op.name}' ({node.name}) has no backward rule made of operations{why}"
        what = f"d({self.u.name}, {self.x.name}): {which}"
        raise UserError(self.builder.place(self.called.column), what, "write what it does by smooth operations")

    def lifted(self, node: int | Node, own: bool = False) -> Lifted:
        """A node as a rule sees it; a number of the formula as that number. own: it is what the rule is of."""
        found = node if isinstance(node, Node) else self.builder.node(node)
        if found.role == "const" and found.value is not None and not found.shape:
            return Lifted(self.making, float(found.value))
        again = own and found.id < self.first and not self.alone(found, True)
        return Lifted(self.making, self._computed(found) if again else found)

    def use(self, kind: str | Op, *given: Node | float, **settings: Any) -> Node:
        """One use of an operation. What a gradient passes is what may be read; what is only looked at (in a comparison)
        is what was there."""
        op = OPS[kind] if isinstance(kind, str) else kind
        inputs = [
            item if not isinstance(item, Node) else self._readable(item) if op.differentiable(n) else self._first(item)
            for n, item in enumerate(given)
        ]
        return self.make(kind, *inputs, **settings)

    def _first(self, node: Node) -> Node:
        """The node; that which it was computed again of."""
        return self._again.get(("of", node.id), node)

    def _readable(self, node: Node) -> Node:
        """The node, or what it is computed again."""
        return node if node.id >= self.first or self.alone(node, False) else self._computed(node)

    def _computed(self, node: Node) -> Node:
        """The node computed again, of what may be read."""
        waiting = [node.id]
        while waiting:
            i = waiting[-1]
            at = self.builder.node(i)
            assert at.op is not None
            needed = [n for p, n in enumerate(at.inputs) if at.op.differentiable(p) and not self._there(n)]
            if needed:
                waiting += needed
                continue
            waiting.pop()
            if ("again", i) not in self._again:
                nodes = map(self.builder.node, at.inputs)
                inputs = [self._readable(n) if at.op.differentiable(p) else n for p, n in enumerate(nodes)]
                made = self._again["again", i] = self.make(at.op, *inputs, **at.attributes)
                self._again["of", made.id] = at
        return self._again["again", node.id]

    def _there(self, i: int) -> bool:
        """May it be read, or is it computed again already?"""
        return ("again", i) in self._again or self.alone(self.builder.node(i), False)


def _not_inside(node: Node, own: bool) -> bool:
    """Not of a part of a composite, but for its result: a gradient that came to it from elsewhere would be none that
    the rule of the whole knows."""
    return not node.composite or node.composite.endswith(f" as {node.name}")


def _forget(made: dict[Any, Node], count: int) -> None:
    for key in [key for key, node in made.items() if node.id >= count or (key[0] == "turned" and key[1] >= count)]:
        del made[key]


def _sum(parts: Sequence[Lifted]) -> Lifted:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


# ------------------------------------------------------------------------------------------------------------ the ways
def _by_mathematics(passed: _Pass, node: Node, position: int, g: Lifted) -> Lifted:
    """The rule as it is written, on nodes."""
    assert node.op is not None
    rule = rule_of(node.op)
    if rule is None:
        raise NoOperation(node.op.name)
    inputs = [passed.lifted(i) for i in node.inputs]
    try:
        part = rule.contribution(position, g, passed.lifted(node, own=True), inputs, node.attributes)
    except TypeError as problem:
        raise NoOperation(node.op.name) from problem
    return g.lifted(part)


def _by_derivation(passed: _Pass, node: Node, position: int, g: Lifted) -> Lifted:
    """The rule that SymPy derives, as one operation."""
    op = node.op
    assert op is not None
    if op.opaque:
        raise NoOperation(op.name)
    inputs = [passed.builder.node(i) for i in node.inputs]
    shapes = tuple(i.shape for i in inputs)
    key = op.name, op.define(op.signature(shapes, node.attributes)), shapes, position, *node.attributes.items()
    if key not in passed.rules:
        try:
            maker = import_module(MAKER)
            passed.rules[key] = maker.backward_rule(op, shapes, node.shape, node.attributes, position)
        except (ModuleNotFoundError, UserError) as problem:
            raise NoOperation(op.name) from problem
    row, reads = passed.rules[key]
    return g.made(row, *(g if n is None else passed.lifted(inputs[n]) for n in reads))
