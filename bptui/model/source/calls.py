"""Calls in a formula: `softmax(x, axis=0)`, `einsum("ij,jk->ik", a, b)`, `d(u, x)`."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bptui.model.base import hints
from bptui.model.base.errors import did_you_mean
from bptui.model.engine.arrays import array
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import spelled
from bptui.model.engine.use import dispatched, settle, signature
from bptui.model.source.mistakes import MAX_NAME
from bptui.model.source.parts import Data, Value
from bptui.model.source.sequences import Sequences


class Calls(Sequences):
    """The part of a formula's Reader that reads them."""

    if TYPE_CHECKING:
        known: dict[str, Value]

        def expression(self, node: ast.expr, depth: int, name: str | None = None) -> Value: ...

    def call(self, node: ast.Call, depth: int, name: str | None) -> Value:
        """A function: an operation by name."""
        if isinstance(node.func, ast.Name) and node.func.id == "d" and "d" not in self.builder.own:
            return self.derivative(node, depth, name)
        op, inputs, attributes = self.called(node, depth)
        return self.use(node, op, inputs, name, attributes)

    def called(self, node: ast.Call, depth: int) -> tuple[Op | Composite, list[Value], dict[str, Any]]:
        """(the operation, its inputs, its attributes): inputs first, attributes as keywords (or after all inputs)."""
        word = self.function(node)
        op = self.builder.find(word, self.builder.place(self.at(node)))
        arguments, attributes = node.args, dict[str, Any]()
        needed = [key for key, attribute in op.attributes.items() if attribute.required]
        if needed and arguments and isinstance(arguments[0], ast.Constant) and isinstance(arguments[0].value, str):
            attributes[needed[0]] = self.literal(arguments[0])  # einsum("ij,jk->ik", a, b)
            arguments = arguments[1:]
        if len(arguments) == 1 and len(op.inputs) > 1 and isinstance(arguments[0], ast.List | ast.Tuple):
            arguments = arguments[0].elts
        if word in ("max", "min") and len(arguments) > 1 and isinstance(arguments[1], ast.Name | ast.Call | ast.BinOp):
            self.fail(node, f"{word} is over the elements of one value", f"write {word}imum(a, b) for the one of two")
        places = self.positional(node, op, arguments, attributes)
        self.keywords(node, op, places, attributes)
        wanted = op.input_names[: len(places)]
        for missing in (n for n in wanted if n not in places):
            self.fail(node, f"{op.name}: '{missing}' is missing", f"write {signature(op)}")
        return op, self.inputs(op, [places[n] for n in wanted], attributes, depth), attributes

    def function(self, node: ast.Call) -> str:
        """The name of what is called."""
        if isinstance(node.func, ast.Attribute):
            word = node.func.attr[:MAX_NAME]
            self.fail(node, f"'.{word}(…)' is not allowed", hints.attribute(word, self.calls()))
        if not isinstance(node.func, ast.Name):
            made = hints.module(node.func)
            right = hints.layer(made) if made else "write * for a product"
            self.fail(node, "only functions by name can be called", right)
        if hints.module(node) and node.func.id not in self.builder.own:
            self.fail(node, f"'{node.func.id}' is a module", hints.layer(node.func.id))
        word = self.name(node.func)
        if word in hints.CALLS and word not in self.builder.own:
            self.fail(node, f"unknown operation '{word}'", hints.CALLS[word])
        return word

    def positional(
        self, node: ast.Call, op: Op | Composite, arguments: Sequence[ast.expr], attributes: dict[str, Any]
    ) -> dict[str, ast.expr]:
        """What stands for each input, by its name; what comes after all inputs is an attribute."""
        places: dict[str, ast.expr] = {}
        for position, argument in enumerate(arguments):
            if isinstance(argument, ast.Starred):
                self.fail(argument, "'*' is not allowed in a call")
            if position < len(op.inputs):
                places[op.input_names[position]] = argument
            elif position - len(op.inputs) < len(op.attributes):
                setting = list(op.attributes)[position - len(op.inputs)]  # of PyTorch's polygamma(1, x) it is x
                attributes[setting] = self.literal(argument, right=f"write {signature(op)}")
            else:
                self.fail(node, f"{op.name} has {len(arguments)} arguments", f"write {signature(op)}")
        return places

    def keywords(
        self, node: ast.Call, op: Op | Composite, places: dict[str, ast.expr], attributes: dict[str, Any]
    ) -> None:
        """Inputs and attributes that are given by name, to those that are there."""
        known = [*op.attributes, *op.input_names]
        for keyword in node.keywords:
            if keyword.arg is None:
                self.fail(node, "'**' is not allowed in a call")
            word = spelled(keyword.arg, known)
            if word in places or word in attributes:
                self.fail(node, f"{op.name} has '{word}' twice", f"write {signature(op)}")
            if word not in known:
                near = did_you_mean(word, known, f"write {signature(op)}")
                self.fail(node, f"{op.name} has no setting '{word[:MAX_NAME]}'", near)
            if word in op.input_names:
                places[word] = keyword.value
            else:
                attributes[word] = self.literal(keyword.value)

    def derivative(self, node: ast.Call, depth: int, name: str | None) -> Node:
        """`d(u, x)`: the derivative of the sum of u by x, as operations."""
        if len(node.args) != 2 or node.keywords:
            self.fail(node, "d takes two values", "write d(u, x): the derivative of u by x")
        u, x = (self.tensor(argument, depth) for argument in node.args)
        return self.builder.derivatives.of(u, x, name=name, column=self.at(node))

    def inputs(
        self, op: Op | Composite, arguments: list[ast.expr], attributes: Mapping[str, Any], depth: int
    ) -> list[Value]:
        """The inputs of a call. A given name becomes whole numbers where it stands for labels or positions."""
        found: dict[int, Value] = {}
        later = [i for i, role in enumerate(op.input_names[: len(arguments)]) if role in op.indices]
        for i, argument in enumerate(arguments):
            if i in later and isinstance(argument, ast.List | ast.Tuple):
                found[i] = self.listed(argument)
            elif i not in later or not isinstance(argument, ast.Name):
                found[i] = self.expression(argument, depth + 1)
        if isinstance(op, Op) and op.dispatch is not None and len(arguments) > 1:
            where = self.builder.place(self.at(arguments[0]))
            shapes = [self.shape(found.get(i, argument)) for i, argument in enumerate(arguments)]
            op = dispatched(op, shapes, settle(op, attributes, where))
        for i, argument in enumerate(arguments):
            if i not in found:
                assert isinstance(argument, ast.Name)
                found[i] = self.value(argument, whole=op.input_names[i] in op.indices)
        return [found[i] for i in range(len(arguments))]

    def shape(self, item: Value | ast.expr) -> tuple[int, ...]:
        """The shape of a value, or of what is given under a name that was not used yet."""
        if isinstance(item, ast.Name):
            if item.id not in self.known and item.id in self.given:
                given = self.given[item.id]
                if isinstance(given, Data):
                    return given.labels().shape
                return array(given, f"{self.builder.where}: {item.id}", masks=True).shape
            item = self.value(item)
        return item.shape if isinstance(item, Node) else ()
