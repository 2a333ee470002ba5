"""Parts of a value in a formula: what an index reads, and the several results of `a, b = split(x, 2)`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine import ops
from bptui.model.engine.arrays import array
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.use import settle
from bptui.model.source import lists
from bptui.model.source.literals import Literals

Value = Node | float


class Data(NamedTuple):
    """Samples in the place of a given value: all of them at once, or `size` in each step. They have no gradient."""

    array: Array
    size: int

    @property
    def shape(self) -> Shape:
        """What one step sees."""
        return (self.size, *self.array.shape[1:])

    def labels(self) -> Data:
        """One column of class numbers as a list of them."""
        return Data(self.array[:, 0], self.size) if self.array.ndim == 2 and self.array.shape[1] == 1 else self


def cuts(node: ast.Call) -> bool:
    """Is it a call that gives several parts, of which none is said?"""
    row = ops.OPS.get(node.func.id) if isinstance(node.func, ast.Name) else None
    return row is not None and row.results is not None and all(keyword.arg != "part" for keyword in node.keywords)


class Parts(Literals):
    """The part of a formula's Reader that reads them."""

    if TYPE_CHECKING:
        given: Mapping[str, Any]

        def called(self, node: ast.Call, depth: int) -> tuple[Op | Composite, list[Value], dict[str, Any]]: ...
        def defines(self, name: str, value: Value) -> Value: ...
        def new_name(self, target: ast.Name) -> str: ...
        def shape(self, item: Value | ast.expr) -> Shape: ...
        def tensor(self, node: ast.expr, depth: int) -> Node: ...
        def use(self, node: ast.AST, op: Any, inputs: list[Value], name: str | None, attributes: Any) -> Node: ...
        def value(self, node: ast.Name, whole: bool = False) -> Value: ...

    def several(self, targets: ast.Tuple | ast.List, value: ast.expr) -> Value | None:
        """`a, b = split(x, 2)`: a name for each part, `_` for one that is not wanted."""
        if not isinstance(value, ast.Call):
            self.fail(targets, "several names stand for the parts of one value", "write a, b = split(x, 2)")
        op, inputs, attributes = self.called(value, 0)
        count = self.results(value, op, inputs, attributes)
        if count != len(targets.elts):
            what = f"{op.name} gives {count} parts, and {len(targets.elts)} names stand before ="
            self.fail(targets, what, "a name for each, _ for one that is not wanted")
        made: Value | None = None
        for part, target in enumerate(targets.elts):
            if not isinstance(target, ast.Name):
                self.fail(target, "a name stands before =", "write a, b = split(x, 2)")
            if target.id != "_":
                name = self.new_name(target)
                made = self.defines(name, self.use(value, op, inputs, name, {**attributes, "part": part}))
        return made

    def results(self, node: ast.Call, op: Op | Composite, inputs: list[Value], attributes: Mapping[str, Any]) -> int:
        """How many parts a call has."""
        if not isinstance(op, Op) or op.results is None or "part" in attributes:
            self.fail(node, f"{op.name} gives one value", "one name before =")
        where = self.builder.place(self.at(node))
        try:
            return op.results([self.shape(item) for item in inputs], settle(op, attributes, where))
        except ValueError:
            self.use(node, op, inputs, None, {**attributes, "part": 0})  # says what is wrong
            raise

    def part(self, node: ast.Subscript, depth: int, name: str | None) -> Node:
        """`x[1:, ::2]`, `x[labels]` with given whole numbers, `x[[0, 2], :, None]`; `split(x, 2)[1]`."""
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(node.value, ast.Call) and len(items) == 1 and cuts(node.value):
            op, inputs, attributes = self.called(node.value, depth + 1)
            return self.use(node.value, op, inputs, name, {**attributes, "part": self.literal(items[0])})
        tensor = self.tensor(node.value, depth)
        entries = [entry for item in items for entry in self.entries(item)]
        try:
            kind, found, settings = lists.kind(entries, tensor.shape)
        except ValueError as problem:
            self.fail(node, str(problem))
        places = [
            each.value or self.builder.positions(np.asarray(each.array), each.name, self.at(node)) for each in found
        ]
        return self.use(node, kind, [tensor, *places], name, settings)

    def entries(self, node: ast.expr) -> list[Any]:
        """What an entry of an index is: a number, a slice, None, `...`, a list of places, or those of a mask."""
        if isinstance(node, ast.List):
            given = self.literal(node)
            return list(lists.of_mask(np.asarray(given), "…")) if lists.truths(given) else [self.placed(node)]
        if isinstance(node, ast.Name) and not isinstance(self.known.get(node.id), float):
            given = self.given.get(node.id)
            if node.id not in self.known and not isinstance(given, Data) and lists.truths(given):
                return list(lists.of_mask(np.asarray(given), node.id))
            leaf = self.value(node, whole=True)
            return [lists.Places(leaf.value, node.id, leaf) if isinstance(leaf, Node) else leaf]
        return [self.item(node)]

    def placed(self, node: ast.List | ast.Tuple) -> lists.Places:
        """A list of places that is written out."""
        found = array(self.literal(node), self.builder.place(self.at(node)), whole=True)
        return lists.Places(found, lists.written(found))

    def listed(self, node: ast.List | ast.Tuple) -> Node:
        """The same as an input of an operation."""
        found = self.placed(node)
        assert found.array is not None
        return self.builder.positions(found.array, found.name, self.at(node))
