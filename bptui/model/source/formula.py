"""Formulas: text in Python's own syntax to a Graph. The text is read through `ast` with a whitelist and never executed.

    z = x @ W + b; a = sigmoid(z)
    L = mse(a, y)

Every operation of `bptui.model.engine.ops` is a function under its name, with its attributes as keywords;
`+ - * / ** @`, unary minus, `x[1:, None]`, `x[labels]`, `x > 0 and y < 1`, `a, b = split(x, 2)`, `x.T` and `d(u, x)`, a
derivative, work. The last statement is the loss.
"""

from __future__ import annotations

import ast
import math
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from bptui.model.base import hints, syntax
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.engine import ops
from bptui.model.engine.arrays import array
from bptui.model.engine.build import Builder
from bptui.model.engine.graph import Graph, Node, Role
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.ops.spelling import spelled
from bptui.model.engine.use import dispatched, fold_numbers, settle, signature
from bptui.model.source import custom_ops
from bptui.model.source.mistakes import MAX_NAME, ReadAsIndex
from bptui.model.source.operators import COMPARISONS, CONNECTIVES, INFINITY, OPERATORS, defines
from bptui.model.source.parts import Data
from bptui.model.source.sequences import Sequences, is_recurrent

Value = Node | float


def parse(
    text: str,
    values: Mapping[str, Any],
    train: Iterable[str] | None = None,
    dtype: str = "float64",
    *,
    where: str = "formula",
    operations: Mapping[str, Op] | None = None,
) -> Graph:
    """The Graph of a formula with its given values.

    values  numbers, nested lists or arrays by name; whole numbers where an operation takes labels or indices
    train   the names that are parameters; all other given names are inputs. Every given float has a gradient
    operations  that the user defined elsewhere, by name; `swoosh = op("y = x/(1 + exp(-x))")` defines one here
    A UserError with line and column for anything that is not a formula, does not fit, or is not given.
    """
    given = {unicodedata.normalize("NFKC", name): value for name, value in values.items()}
    tree = read(text, where)
    written = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    whole: frozenset[str] = frozenset()
    while True:
        builder = Builder(dtype, where=where, reserved={*given, *written}, own=operations)
        try:
            return Reader(builder, text, given, frozenset(train or ()), whole).graph(tree)
        except ReadAsIndex as found:
            whole |= {found.name}


def read(text: str, where: str) -> ast.Module:
    """The syntax tree of a formula; a UserError where it is none."""
    try:
        tree = syntax.parse(text)
    except syntax.Unreadable as problem:
        if not problem.line:
            raise UserError(where, problem.what, problem.right) from None
        place = f"{where} {problem.line}:{problem.column}"
        raise UserError(place, f"this is not a formula: {problem.what}", problem.right) from None
    if not tree.body:
        raise UserError(where, "there is no formula", hints.EXAMPLE)
    return tree


class Reader(Sequences):
    """Walks a syntax tree and tells the Builder what it finds."""

    def __init__(
        self, builder: Builder, text: str, given: Mapping[str, Any], train: frozenset[str], whole: frozenset[str]
    ) -> None:
        self.builder = builder
        self.whole = whole
        self.lines = syntax.lines(text)
        self.given = given
        self.train = train
        self.known: dict[str, Value] = {}
        self.defined: dict[str, tuple[int, int]] = {}
        self.aliases: dict[str, Node] = {}

    def graph(self, tree: ast.Module) -> Graph:
        """All statements; the last one is the loss."""
        *before, last = tree.body
        for name in self.train:
            if name not in self.given:
                raise UserError(
                    f"{self.builder.where}: train",
                    f"'{name}' is not given",
                    did_you_mean(name, self.given, f"give it a value: {name}=…"),
                )
        for statement in before:
            if isinstance(statement, ast.Expr):
                self.fail(statement, "only the last statement may be without a name", "write name = …, or leave it out")
            self.statement(statement)
        loss = self.statement(last)
        if not isinstance(loss, Node):
            self.fail(
                last, "the loss is a fixed number", "end with a formula of given values, such as L = (y - w*x)**2"
            )
        for name in sorted(self.train - set(self.known)):
            raise UserError(f"{self.builder.where}: train", f"'{name}' does not occur in the formula")
        taken = {"loss", *self.aliases} & ({*self.known} - {*self.aliases})
        if "loss" not in taken:
            self.aliases.setdefault("loss", loss)
        return self.builder.finish(loss, aliases=self.aliases)

    def statement(self, statement: ast.stmt) -> Value | None:
        """`name = expression`, an expression, or the definition of an operation (which has no value)."""
        if isinstance(statement, ast.Expr):
            free = "loss" not in self.known and "loss" not in self.given
            return self.expression(statement.value, 0, "loss" if free else None)
        if isinstance(statement, ast.AugAssign | ast.AnnAssign) or not isinstance(statement, ast.Assign):
            self.refuse(statement, "", "write name = expression")
        target = statement.targets[0]
        if len(statement.targets) == 1 and isinstance(target, ast.Tuple | ast.List):
            if is_recurrent(statement.value) and isinstance(statement.value, ast.Call):
                return self.unrolled(target.elts, statement.value)
            return self.several(target, statement.value)
        if len(statement.targets) != 1 or not isinstance(target, ast.Name):
            self.fail(statement, "a statement defines one name", "write name = expression")
        name = self.new_name(target)
        match statement.value:
            case ast.Call(func=ast.Name(id="op"), args=[ast.Constant(value=str(definition))]):
                self.operation(statement.value, name, definition)
                return None
        return self.defines(name, self.expression(statement.value, 0, name))

    def new_name(self, target: ast.Name) -> str:
        """A name that a statement defines."""
        name = self.name(target)
        if name in self.given:
            self.fail(target, f"'{name}' is given and defined", "leave one of the two out")
        if name in self.defined:
            line, column = self.defined[name]
            self.fail(target, f"'{name}' is already defined at {line}:{column}", "give every value a name of its own")
        self.defined[name] = self.at(target)
        return name

    def defines(self, name: str, value: Value) -> Value:
        """A name is a value from here on."""
        if isinstance(value, Node) and value.name != name:
            self.aliases[name] = value
        self.known[name] = value
        return value

    def operation(self, node: ast.Call, name: str, definition: str) -> None:
        """`swoosh = op("y = x/(1 + exp(-beta*x))", beta=1.0)`: an operation of one's own, its settings as keywords."""
        settings: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg in settings:
                self.fail(node, "every setting has a name of its own", 'write op("y = …", beta=1.0)')
            settings[keyword.arg] = self.literal(keyword.value)
        order = settings.pop("inputs", ())
        if not isinstance(order, tuple) or not all(isinstance(item, str) for item in order):
            self.fail(node, "'inputs' is a list of names", 'write inputs=["a", "b"]')
        where = f"{self.builder.place(self.at(node))}: definition"
        try:
            custom_ops.define(self.builder.own, name, definition, where, settings, order)
        except UserError as problem:
            raise self.inside(problem, where) from None

    def inside(self, problem: UserError, where: str) -> UserError:
        """An error in a definition, at its place in the formula that the definition stands in."""
        place = problem.part and custom_ops.found_in("\n".join(self.lines), problem.part)
        if place is None:
            return problem
        shown = problem.where.removeprefix(where)
        return UserError(f"{self.builder.place(place)}: definition{shown}", problem.what, problem.right)

    def expression(self, node: ast.expr, depth: int, name: str | None = None) -> Value:
        """One expression; its outermost operation is called `name`."""
        if depth > syntax.MAX_DEPTH:
            self.fail(node, f"nested deeper than {syntax.MAX_DEPTH}")
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.Name):
            return self.value(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.expression(node.operand, depth + 1, name if isinstance(node.op, ast.UAdd) else None)
            if isinstance(node.op, ast.UAdd):
                return inner
            return self.use(node, "neg", [inner], name, {}) if isinstance(inner, Node) else -inner
        if isinstance(node, ast.BinOp):
            return self.operators(node, depth, name)
        if isinstance(node, ast.Call):
            return self.call(node, depth, name)
        if isinstance(node, ast.Attribute):
            if node.attr != "T":
                word = node.attr[:MAX_NAME]
                self.fail(node, f"'.{word}' is not allowed", hints.attribute(word, {}))
            return self.use(node, "transpose", [self.tensor(node.value, depth)], name, {})
        if isinstance(node, ast.Subscript):
            return self.part(node, depth, name)
        if isinstance(node, ast.Compare) and not defines(node) and all(type(op) in COMPARISONS for op in node.ops):
            return self.compared(node, depth, name)
        if isinstance(node, ast.BoolOp):
            return self.connected(node, depth, name)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.use(node, "logical_not", [self.expression(node.operand, depth + 1)], name, {})
        self.refuse(node, " in a formula")

    def compared(self, node: ast.Compare, depth: int, name: str | None) -> Value:
        """`a < b < c` is `a < b and b < c`, as everywhere, and b is computed once."""
        sides = [self.expression(side, depth + 1) for side in (node.left, *node.comparators)]
        last = len(node.ops) - 1
        found = self.use(node, COMPARISONS[type(node.ops[0])], sides[:2], None if last else name, {})
        for n, op in enumerate(node.ops[1:], 1):
            held = self.use(node, COMPARISONS[type(op)], sides[n : n + 2], None, {})
            found = self.use(node, "logical_and", [found, held], name if n == last else None, {})
        return found

    def connected(self, node: ast.BoolOp, depth: int, name: str | None) -> Value:
        """`a and b and c`, from the left."""
        first, *rest = node.values
        found = self.expression(first, depth + 1)
        for part in rest:
            sides = [found, self.expression(part, depth + 1)]
            found = self.use(node, CONNECTIVES[type(node.op)], sides, name if part is rest[-1] else None, {})
        return found

    def operators(self, node: ast.BinOp, depth: int, name: str | None) -> Value:
        """A chain of binary operators, walked along its left side: a sum of 100 terms is not deep."""
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        left = self.expression(chain[-1].left, depth + 1)
        for item in reversed(chain):
            if type(item.op) not in OPERATORS:
                hint = "write ** for a power" if isinstance(item.op, ast.BitXor) else "there are + - * / ** @"
                self.fail(item, f"the operator {syntax.kind(item.op)} is not allowed", hint)
            sign, op = OPERATORS[type(item.op)]
            right = self.expression(item.right, depth + 1)
            mine = name if item is node else None
            if not isinstance(left, Node) and not isinstance(right, Node):
                if sign == "@":
                    self.fail(item, "@ multiplies matrices, not numbers", "write *")
                left = fold_numbers(sign, left, right, self.builder.place(self.at(item)))
            elif sign == "**" and not isinstance(right, Node):
                left = self.use(item, "power", [left], mine, {"exponent": right})
            else:
                left = self.use(item, op, [left, right], mine, {})
        return left

    def call(self, node: ast.Call, depth: int, name: str | None) -> Value:
        """A function: an operation by name."""
        if isinstance(node.func, ast.Name) and node.func.id == "d" and "d" not in self.builder.own:
            return self.derivative(node, depth, name)
        op, inputs, attributes = self.called(node, depth)
        return self.use(node, op, inputs, name, attributes)

    def called(self, node: ast.Call, depth: int) -> tuple[Op | Composite, list[Value], dict[str, Any]]:
        """(the operation, its inputs, its attributes): inputs first, attributes as keywords (or after all inputs)."""
        if not isinstance(node.func, ast.Name):
            if isinstance(node.func, ast.Attribute):
                word = node.func.attr[:MAX_NAME]
                self.fail(node, f"'.{word}(…)' is not allowed", hints.attribute(word, self.calls()))
            made = hints.module(node.func)
            self.fail(
                node, "only functions by name can be called", hints.layer(made) if made else "write * for a product"
            )
        if hints.module(node) and node.func.id not in self.builder.own:
            self.fail(node, f"'{node.func.id}' is a module", hints.layer(node.func.id))
        word = self.name(node.func)
        if word in hints.CALLS and word not in self.builder.own:
            self.fail(node, f"unknown operation '{word}'", hints.CALLS[word])
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
        places: dict[str, ast.expr] = {}
        for position, argument in enumerate(arguments):
            if isinstance(argument, ast.Starred):
                self.fail(argument, "'*' is not allowed in a call")
            if position < len(op.inputs):
                places[op.input_names[position]] = argument
            elif position - len(op.inputs) < len(op.attributes):
                attributes[list(op.attributes)[position - len(op.inputs)]] = self.literal(argument)
            else:
                self.fail(node, f"{op.name} has {len(arguments)} arguments", f"write {signature(op)}")
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
        wanted = op.input_names[: len(places)]
        for missing in (n for n in wanted if n not in places):
            self.fail(node, f"{op.name}: '{missing}' is missing", f"write {signature(op)}")
        return op, self.inputs(op, [places[n] for n in wanted], attributes, depth), attributes

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

    def use(
        self,
        node: ast.AST,
        op: str | Op | Composite,
        inputs: list[Value],
        name: str | None,
        attributes: Mapping[str, Any],
    ) -> Node:
        """Tell the Builder."""
        return self.builder.use(op, *inputs, name=name, column=self.at(node), **attributes)

    def tensor(self, node: ast.expr, depth: int) -> Node:
        """An expression that is not a mere number."""
        value = self.expression(node, depth + 1)
        return value if isinstance(value, Node) else self.builder.number(value, self.at(node))

    def value(self, node: ast.Name, whole: bool = False) -> Value:
        """What a name stands for. A given value becomes a leaf at its first use."""
        name = self.name(node)
        whole = whole or name in self.whole
        if name in self.known:
            found = self.known[name]
            if whole and isinstance(found, Node) and found.name in self.given and not found.whole:
                raise ReadAsIndex(name)
            return found
        if name == INFINITY and name not in self.given:
            return math.inf
        if name not in self.given:
            operations: dict[str, Op | Composite] = {**ops.COMPOSITES, **ops.OPS, **self.builder.own}
            if name in operations:
                self.fail(node, f"'{name}' is a function", f"write {signature(operations[name])}")
            signs = [sign for sign in name if sign in hints.CHARACTERS]
            right = f"write {hints.CHARACTERS[signs[0]]}" if signs else f"give it a value: {name}=…"
            self.fail(node, f"unknown name '{name}'", did_you_mean(name, [*self.known, *self.given], right))
        if name in self.train and whole:
            self.fail(node, f"'{name}' holds whole numbers and cannot be trained")
        role: Role = "param" if name in self.train else "input"
        given = self.given[name]
        if isinstance(given, Data):
            given = given.labels() if whole else given
            fixed = given.array if given.size == len(given.array) else None
            target: Role = "target" if name == "y" else "input"
            leaf = self.builder.leaf(
                name, target, fixed, shape=given.shape, wants_grad=False, whole=whole, column=self.at(node)
            )
        else:
            masks = role != "param"
            numbers = array(given, f"{self.builder.where}: {name}", dtype=self.builder.dtype, whole=whole, masks=masks)
            leaf = self.builder.leaf(name, role, numbers, whole=whole, column=self.at(node))
        self.known[name] = leaf
        return leaf
