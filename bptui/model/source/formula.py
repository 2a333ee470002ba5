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
from bptui.model.engine.build import Builder, Label
from bptui.model.engine.graph import Graph, Node, Role
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.engine.use import fold_numbers, signature
from bptui.model.source import custom_ops
from bptui.model.source.calls import Calls
from bptui.model.source.mistakes import MAX_NAME, ReadAsIndex
from bptui.model.source.operators import COMPARISONS, CONNECTIVES, INFINITY, OPERATORS, defines
from bptui.model.source.parts import Data, Value
from bptui.model.source.sequences import is_recurrent


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


class Reader(Calls):
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
        given, label = self.given[name], Label(name, column=self.at(node))
        if isinstance(given, Data):
            given = given.labels() if whole else given
            fixed = given.array if given.size == len(given.array) else None
            target: Role = "target" if name == "y" else "input"
            leaf = self.builder.leaf(label, target, fixed, shape=given.shape, wants_grad=False, whole=whole)
        else:
            masks = role != "param"
            numbers = array(given, f"{self.builder.where}: {name}", dtype=self.builder.dtype, whole=whole, masks=masks)
            leaf = self.builder.leaf(label, role, numbers, whole=whole)
        self.known[name] = leaf
        return leaf
