"""The one way to make a Graph. Formulas, network files, Python operators and captured steps all come through here, so
that shapes, attributes, names and gradients are settled, and mistakes told, in one place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine import ops
from bptui.model.engine.arrays import MAX_ELEMENTS, array, room, shape_text
from bptui.model.engine.derivative import Derivatives
from bptui.model.engine.derivative_names import Called
from bptui.model.engine.graph import Column, CompositeCall, Graph, Layer, Node, Role, reaching
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import nearest
from bptui.model.engine.use import arity, dispatched, inside, kind_of, output_shape, settle, whole_where_needed

MAX_TOTAL = 2**27
"""Numbers in all values of a graph together: 1 GB of float64."""
MAX_NODES = 100_000


@dataclass(frozen=True)
class Label:
    """What a node is called, where its author wrote it, and what it stands in: a scope (a layer), a composite behind
    whose `prefix` its name comes. Without a name it gets t1, t2, …; its symbol is the last part of its name."""

    name: str | None
    scope: str = ""
    symbol: str = ""
    column: Column = None
    prefix: str = ""
    composite: str = ""


class Builder:
    """Makes nodes one after the other, in execution order.

    dtype     of all floats;  where  what messages start with ("formula", a file's name)
    reserved  names that unnamed parts must not take, because the user writes them later
    own       operations that the user defined, by name
    unbounded   its numbers lie in a file, not in memory: values may be of any size, and of the kinds that it says
    The nodes that `leaf` and `use` return are handles: `finish` settles which of them have gradients.
    """

    def __init__(
        self,
        dtype: str = "float64",
        *,
        where: str = "formula",
        reserved: Iterable[str] = (),
        own: Mapping[str, Op] | None = None,
        unbounded: bool = False,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.unbounded = unbounded
        self.most = sys.maxsize if unbounded else MAX_TOTAL
        self.largest = sys.maxsize if unbounded else MAX_ELEMENTS
        self.where = where
        self.own: dict[str, Op] = dict(own or {})
        self._nodes: list[Node] = []
        self._names: set[str] = set()
        self._reserved = frozenset(reserved)
        self._numbers: dict[float, Node] = {}
        self._arrays: dict[tuple[Shape, bool, bytes], Node] = {}
        self._unnamed: dict[str, int] = {}
        self._total = 0
        self._composite_calls: dict[str, CompositeCall] = {}
        self._handles: dict[int, int] = {}
        """Of the composite that is being built: which of its inputs an object is. One node may be several of them."""
        self.derivatives = Derivatives(self)
        """d(u, x), as operations: `derivatives.of(u, x, name=…)`."""

    def find(self, name: str, where: str) -> Op | Composite:
        """The operation of that name, or a UserError with the nearest one."""
        for rows in (self.own, ops.OPS, ops.COMPOSITES):
            if name in rows:
                return rows[name]
        known = [*self.own, *ops.OPS, *ops.COMPOSITES]
        raise UserError(where, f"unknown operation '{name}'", nearest(name, known, "docs/operations.md lists them"))

    def place(self, column: Column) -> str:
        """Where a message points to: `formula 1:5`, `net.toml: layers[2].weight`."""
        if isinstance(column, tuple):
            return f"{self.where} {column[0]}:{column[1]}"
        return f"{self.where}: {column}" if column else self.where

    def leaf(
        self,
        label: Label | str,
        role: Role,
        value: Any = None,
        *,
        shape: Shape | None = None,
        wants_grad: bool = True,
        whole: bool = False,
        attributes: Mapping[str, Any] | None = None,
    ) -> Node:
        """A value that is given, under a name of its own. `value` is anything that `arrays.array` takes, or None with
        a `shape` where each batch brings its own. Whole numbers and constants have no gradient. attributes: of a random
        leaf, its `p`."""
        label = label if isinstance(label, Label) else Label(label)
        name, column = str(label.name), label.column
        where = self.place(column) if column is not None else f"{self.where}: {name}"
        if value is not None:
            value = array(value, where, dtype=self.dtype, whole=whole, masks=role != "param")
            value.setflags(write=False)
            if shape is not None and tuple(shape) != value.shape:
                raise UserError(where, f"found shape {shape_text(value.shape)}", f"expected {shape_text(tuple(shape))}")
            shape = value.shape
        if shape is None:
            raise UserError(where, f"'{name}' has neither a value nor a shape")
        wants_grad = wants_grad and not whole and role not in ("const", "random", "state")
        return self._add(
            Node(
                len(self._nodes), name, role, tuple(shape), attributes=MappingProxyType(dict(attributes or {})),
                scope=label.scope, symbol=label.symbol or name.rpartition(".")[2], wants_grad=wants_grad, whole=whole,
                value=value, column=column,
            ),
            where,
        )  # fmt: skip

    def afford(self, shape: Shape, where: str) -> int:
        """How many numbers one more value of this shape has; a UserError where all would be too many. Ask before they
        are drawn."""
        count = room(shape, where, self.largest)
        if self._total + count > self.most:
            raise UserError(
                where, f"all values together take more than {self.most:,} numbers", "use a smaller batch or fewer units"
            )
        return count

    def carry(self, state: Node, following: Node) -> None:
        """After each training step, `state` (a leaf of that role) becomes what `following` was in it."""
        attributes = MappingProxyType({**state.attributes, "next": following.id})
        self._nodes[state.id] = replace(self._nodes[state.id], attributes=attributes)

    @property
    def count(self) -> int:
        """How many nodes there are: the id of the next one."""
        return len(self._nodes)

    def node(self, i: int) -> Node:
        """A node as it is now."""
        return self._nodes[i]

    def stopped(self, node: Node) -> Node:
        """The node, through which nothing flows back: whoever ran it kept no gradients there."""
        self._nodes[node.id] = found = replace(self._nodes[node.id], wants_grad=False)
        return found

    def raw(self, node: Node, value: Array) -> Node:
        """A leaf as `node` is one, of numbers that were recorded: finite or not, and nothing of it is checked."""
        value.setflags(write=False)
        role: Role = "const" if node.role == "const" else "input"
        return self._add(replace(node, id=self.count, role=role, value=value, op=None, inputs=()), self.where)

    def again(self, node: Node, inputs: Sequence[Node]) -> Node:
        """A use of an operation as another graph has it, of other inputs of the same shapes."""
        return self._add(replace(node, id=self.count, inputs=tuple(i.id for i in inputs), composite=""), self.where)

    def undo(self, count: int) -> None:
        """Forget all nodes but the first `count`: what was begun cannot be built."""
        for node in self._nodes[count:]:
            self._names.discard(node.name)
            self._composite_calls.pop(node.composite, None)
            self._total -= room(node.shape, self.where, self.largest)
        del self._nodes[count:]
        self.derivatives.forget(count)
        self._numbers = {value: node for value, node in self._numbers.items() if node.id < count}
        self._arrays = {key: node for key, node in self._arrays.items() if node.id < count}

    def number(self, value: float, column: Column = None) -> Node:
        """A number in a formula: one 0-d constant for all places where it stands, named as it is written."""
        value = float(value)
        if value not in self._numbers:
            text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
            self._numbers[value] = self.leaf(Label(text, symbol=text, column=column), "const", value)
        return self._numbers[value]

    def positions(self, places: Array, name: str, column: Column = None) -> Node:
        """A list of places in a formula: one constant of whole numbers for all places where it stands."""
        return self._array(places.astype(np.int64), name, column)

    def constant(self, array: Array) -> Node:
        """An array of numbers that a rule reads: one constant for all rules that read the same."""
        whole = array.dtype.kind in "iu"
        return self._array(array.astype(np.int64 if whole else np.float64), "places" if whole else "weights", None)

    def _array(self, array: Array, name: str, column: Column) -> Node:
        whole = array.dtype.kind == "i"
        key = array.shape, whole, array.tobytes()
        if key not in self._arrays:
            free, n = name, 1
            while self.taken(free):
                n += 1
                free = f"{name} ({n})"
            self._arrays[key] = self.leaf(Label(free, symbol=name, column=column), "const", array, whole=whole)
        return self._arrays[key]

    def use(
        self,
        op: str | Op | Composite,
        *inputs: Node | float,
        name: str | None = None,
        scope: str = "",
        symbol: str = "",
        column: Column = None,
        **attributes: Any,
    ) -> Node:
        """One use of an operation; a composite becomes its parts, which share name and scope. The result's name is
        `name`, or t1, t2, … in execution order."""
        return self._use(op, inputs, attributes, Label(name, scope, symbol, column))

    def finish(
        self, loss: Node, layers: Sequence[Layer] = (), aliases: Mapping[str, Node | int] | None = None
    ) -> Graph:
        """The Graph. What does not reach the loss is kept, since its author named it, but has no gradient."""
        where = self.place(loss.column)
        if loss.shape != ():
            found = f"the loss '{loss.name}' has shape {shape_text(loss.shape)}"
            raise UserError(where, found, "it must be a single number: end with sum(…), mean(…) or a loss such as mse")
        if loss.op is None:
            raise UserError(
                where, f"the loss '{loss.name}' is given, not computed", "end with a formula such as L = (y - w*x)**2"
            )
        if not loss.wants_grad:
            raise UserError(
                where,
                f"nothing that the loss '{loss.name}' depends on has a gradient",
                "a layer with weights, or a formula of a given number that is neither compared nor a label",
            )
        ids = {alias: node if isinstance(node, int) else node.id for alias, node in (aliases or {}).items()}
        calls = MappingProxyType(dict(self._composite_calls))
        made = self.derivatives
        results = MappingProxyType(dict(made.results))
        return Graph(
            reaching(self._nodes, loss), loss.id, (*layers, *made.layers), MappingProxyType(ids), calls, results
        )

    def unfinished(self, layers: Sequence[Layer] = ()) -> Graph:
        """The Graph of what came to no loss: a program that ended on the way. Nothing in it has a gradient, and in the
        place of the loss stands what was computed last."""
        nodes = tuple(replace(node, wants_grad=False) for node in self._nodes)
        last = max((node.id for node in nodes if node.op is not None), default=0)
        return Graph(nodes, last, tuple(layers), composite_calls=MappingProxyType(dict(self._composite_calls)))

    def _add(self, node: Node, where: str) -> Node:
        if node.name in self._names:
            raise UserError(where, f"the name '{node.name}' is taken", "give every value a name of its own")
        if len(self._nodes) >= MAX_NODES:
            raise UserError(where, f"more than {MAX_NODES:,} operations")
        self._total += self.afford(node.shape, where)
        self._names.add(node.name)
        self._nodes.append(node)
        return node

    def unnamed(self, prefix: str) -> str:
        """The next free t1, t2, …"""
        while True:
            self._unnamed[prefix] = self._unnamed.get(prefix, 0) + 1
            name = f"{prefix}t{self._unnamed[prefix]}"
            if not self.taken(name):
                return name

    def _use(
        self,
        op: str | Op | Composite,
        inputs: Sequence[Node | float],
        attributes: Mapping[str, Any],
        called: Label,
    ) -> Node:
        column, composite = called.column, called.composite
        where = self.place(column)
        if isinstance(op, str):
            op = self.find(op, where)
        arity(op, len(inputs), where)
        settled = settle(op, attributes, where)
        nodes = [item if isinstance(item, Node) else self.number(item, column) for item in inputs]
        if isinstance(op, Op):
            row = dispatched(op, [node.shape for node in nodes], settled)
            op, settled = (op, settled) if row is op else (row, settle(row, attributes, where))
        whole_where_needed(op, nodes, where)
        full = f"{called.prefix}{called.name}" if called.name else self.unnamed(called.prefix)
        if isinstance(op, Composite):
            return self._expand(op, nodes, settled, replace(called, name=full))
        labels = [node.name for node in nodes]
        shape = output_shape(op, labels, [node.shape for node in nodes], settled, where, self.largest)
        if op.bounds is not None:
            bounds = op.bounds([node.shape for node in nodes], settled)
            for role, node in zip(op.input_names, nodes, strict=False):
                if role in bounds and node.value is not None:
                    at = f"{where}: {node.name}" if column is None else where
                    inside(node.value, bounds[role], at, node.name, op)
        wants_grad = any(node.wants_grad and op.differentiable(i) for i, node in enumerate(nodes))
        if composite:
            reads = self._composite_calls[composite].reads
            assert isinstance(reads, dict)
            reads |= {
                (len(self._nodes), n): self._handles[id(x)] for n, x in enumerate(nodes) if id(x) in self._handles
            }
        return self._add(
            Node(
                len(self._nodes), full, "op", shape, op, tuple(node.id for node in nodes), settled, called.scope,
                called.symbol or full.rpartition(".")[2], wants_grad, column=column,
                kind="" if self.unbounded else kind_of(op, nodes, settled, self.dtype.name), composite=composite,
            ),
            where,
        )  # fmt: skip

    def _expand(self, op: Composite, inputs: Sequence[Node], attributes: Attributes, called: Label) -> Node:
        first, full, column, composite = len(self._nodes), str(called.name), called.column, called.composite
        inside = replace(called, scope=called.scope or full, prefix=f"{full}.")
        if not composite:
            composite, inputs = f"{op.name} as {full}", [replace(node) for node in inputs]
            inside = replace(inside, composite=composite)
            self._handles = {id(node): position for position, node in enumerate(inputs)}
            self._composite_calls[composite] = CompositeCall(op, tuple(node.id for node in inputs), attributes, {})

        def part(
            kind: str | Op | Composite, *given: Node | float, name: str | None = None, symbol: str = "", **settings: Any
        ) -> Node:
            return self._use(kind, given, settings, replace(inside, name=name, symbol=symbol))

        try:
            given = self._states(op, inputs) if called.composite == "" and op.states else {}
            result: Node = op.build(part, inputs, attributes)
            if given and op.following is not None:
                self._follow(op, inputs, attributes, given, called)
        except UserError as problem:
            raise UserError(problem.where, f"{op.name}: {problem.what}", problem.right) from None
        except ValueError as problem:
            use = f"{op.name}({', '.join(node.name for node in inputs)})"
            what, *right = problem.args
            raise UserError(self.place(column), f"{use}: {what}", " ".join(map(str, right))) from None
        return result if result.id < first else self.called(result, full, column, called.symbol)

    def _states(self, op: Composite, inputs: Sequence[Node]) -> dict[str, Node]:
        """Those of a composite's states that are given: leaves, which become running states here."""
        found = {}
        for name, node in zip(op.input_names, inputs, strict=False):
            if name not in op.states or node.op is not None or node.value is None:
                continue
            if node.role == "param":
                raise UserError(self.place(node.column), f"'{node.name}' is trained", f"{name} is carried, not trained")
            self._nodes[node.id] = replace(self._nodes[node.id], role="state", wants_grad=False)
            found[name] = self._nodes[node.id]
        return found

    def _follow(
        self, op: Composite, inputs: Sequence[Node], attributes: Attributes, given: Mapping[str, Node], called: Label
    ) -> None:
        """What a composite's states become after the step: `running_mean_next`. Two uses of one state are one after the
        other, as they run."""
        before = {node.id: self._nodes[self._nodes[node.id].attributes.get("next", node.id)] for node in given.values()}
        names = {before[node.id].id: node.name for node in given.values()}

        def part(kind: str, x: Node, state: Node, **settings: Any) -> Node:
            name = f"{names[state.id]}_next"
            while name in self._names:
                name += "_next"
            label = name.rpartition(".")[2]
            return self._use(kind, (x, state), settings, Label(name, called.scope, label, called.column))

        read = [before.get(node.id, node) for node in inputs]
        assert op.following is not None
        for name, node in op.following(part, read, attributes).items():
            if name in given:
                self.carry(given[name], node)

    def called(self, node: Node, name: str, column: Column, symbol: str = "") -> Node:
        """The node under another name: what several operations are named after is the last of them."""
        if name in self._names:
            raise UserError(self.place(column), f"the name '{name}' is taken", "give every value a name of its own")
        self._names.discard(node.name)
        self._names.add(name)
        named = replace(self._nodes[node.id], name=name, symbol=symbol or name.rpartition(".")[2])
        self._nodes[node.id] = named
        return named

    def taken(self, name: str) -> bool:
        """Does a node have this name, or will one?"""
        return name in self._names or name in self._reserved

    def inside(self, called: Called) -> Callable[..., Node]:
        """`use` for operations of a derivative, which have no names of their own."""
        own = Label(None, called.scope, "", called.column, prefix=f"{called.name}.")

        def part(kind: str | Op, *given: Node | float, **settings: Any) -> Node:
            return self._use(kind, given, settings, own)

        return part
