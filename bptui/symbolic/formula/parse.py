"""Definition text → a checked formula tree. The text is looked at, never run: `ast`, a whitelist, limits beforehand.

Everything that is wrong is one UserError that says the place (line and column), what is wrong, and what would be right.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.engine.ops.spelling import nearest
from bptui.symbolic.formula.read import from_text
from bptui.symbolic.formula.text import INSTEAD, MAX_BITS, bits, placed, read
from bptui.symbolic.formula.tree import MATRICES, Statement

MAX_NODES = 400
MAX_NESTING = 100
"""Deepest tree that is walked: a sum of 100 terms is one, since `a + b + c` nests to the left."""
MAX_WHOLE = 10**15
ORDERS = 64
"""So many derivatives of digamma are known."""
MAX_EXPONENT = 64
"""Largest written exponent, so that no constant can become enormous."""

FUNCTIONS: Mapping[str, tuple[int, int]] = {
    "exp": (1, 1), "log": (1, 1), "sqrt": (1, 1), "abs": (1, 1), "sin": (1, 1), "cos": (1, 1), "tanh": (1, 1),
    "sinh": (1, 1), "cosh": (1, 1), "erf": (1, 1), "sign": (1, 1), "floor": (1, 1), "round": (1, 1),
    "asin": (1, 1), "acos": (1, 1), "atan": (1, 1), "atan2": (2, 2),
    "asinh": (1, 1), "acosh": (1, 1), "atanh": (1, 1), "lgamma": (1, 1), "digamma": (1, 1),
    "polygamma": (2, 2),
    "detach": (1, 1),
    "float32": (1, 1), "float16": (1, 1), "bfloat16": (1, 1), "max": (2, 8), "min": (2, 8), "delta": (2, 2),
    "inverse": (1, 1), "cholesky": (1, 1), "cofactor": (1, 1),
    "orthogonal": (1, 1), "first_pair": (1, 1), "last_pair": (1, 1),
}  # fmt: skip
"""Name → least and most arguments."""
REDUCTIONS = (
    "sum", "prod", "max", "min", "det", "logabsdet", "signdet", "nuclear", "first_singular", "last_singular"
)  # fmt: skip
"""What `f(term for k in K)` may be."""
WRITTEN = "write sum(x[i] for i in I)"
INDEX = re.compile(r"[a-z][0-9]*\Z")
SIZE = re.compile(r"[A-Z][0-9]*\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]*\Z")
_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARE = (ast.Gt, ast.Lt, ast.GtE, ast.LtE, ast.Eq, ast.NotEq)


@dataclass(frozen=True)
class Names:
    """What a definition may speak of.

    tensors     the inputs: name → rank
    integers    those that hold integers, and may stand in an index
    parameters  attributes of the operation
    elementwise tensors may stand without indices although they have axes
    broadcasts  an element may have more indices than its tensor has axes: the leading ones are dropped
    """

    tensors: Mapping[str, int]
    integers: Collection[str] = ()
    parameters: Collection[str] = ()
    elementwise: bool = False
    broadcasts: bool = False


def parse(text: str, names: Names | None = None, where: str = "definition") -> tuple[Statement, ...]:
    """The statements of a definition, helpers first, the output last. `names`: also check every name in it.

    Raises UserError for anything that is not in the notation of docs/definitions.md.
    """
    text, module = read(text, where)
    _Checker(text, where, names).module(module)
    return from_text(text)


def parse_hint(text: str, where: str = "hint") -> tuple[Statement, ...]:
    """A display form (`y*(1 - y)`): one formula without a left side, as one statement named `hint`."""
    return parse(f"hint = {text}", None, where)


@dataclass
class _Checker:
    """One walk over the syntax tree: whitelist, arities, limits, and every name in its scope."""

    text: str
    where: str
    names: Names | None
    count: int = 0
    helpers: dict[str, int] = field(default_factory=dict)
    indices: set[str] = field(default_factory=set)
    """The indices that are bound where the walk is."""
    last: bool = False
    """Is it the last statement, the output?"""
    tests: set[int] = field(default_factory=set)
    """What stands where a condition belongs."""

    def fail(self, node: ast.AST, what: str, right: str = "") -> NoReturn:
        place = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        raise placed(self.where, self.text, place, what, right)

    def module(self, module: ast.Module) -> None:
        if not module.body:
            raise UserError(self.where, "is empty", "write y = and a formula")
        for statement in module.body:
            if not isinstance(statement, ast.Assign):
                self.fail(statement, "not a definition", "write y = formula or y[i,j] = formula")
            if len(statement.targets) != 1:
                self.fail(statement, "two targets", "one name on the left")
            self.last = statement is module.body[-1]
            self.statement(statement.targets[0], statement.value)

    def statement(self, target: ast.expr, value: ast.expr) -> None:
        name, indices, rank = self.target(target)
        self.indices = set(indices)
        for part in ast.walk(value):
            if isinstance(part, ast.Name) and part.id == name:
                self.fail(part, f"'{name}' is defined by itself", "inputs, and helpers that come before")
        self.of_matrix(value, len(indices))
        self.walk(value, 0)
        if bits(value) > MAX_BITS:
            self.fail(value, "its constants make an enormous number", "powers and products below 1e300")
        self.helpers[name] = rank

    def of_matrix(self, value: ast.expr, axes: int) -> None:
        """`w[i,j] = inverse(…)` and `d = det(… for i in I for j in J)` stand alone."""
        whole = value if isinstance(value, ast.Call) else None
        for part in ast.walk(value):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in MATRICES:
                kind = part.func.id
                over = [arg for arg in part.args if isinstance(arg, ast.GeneratorExp)]
                if part is not whole or self.last:
                    self.fail(
                        part, f"{kind} stands alone on the right of a helper", f"w[i,j] = {kind}(…); y[i,j] = w[i,j]"
                    )
                if kind in FUNCTIONS and (axes < 2 or over):
                    self.fail(part, f"{kind} is over the last two indices of its helper", f"w[i,j] = {kind}(a[i,j])")
                plain = [g for arg in over for g in arg.generators if isinstance(g.iter, ast.Name) and not g.ifs]
                if kind in REDUCTIONS and len(plain) != 2:
                    self.fail(part, f"{kind} goes over two indices", f"d = {kind}(a[i,j] for i in I for j in J)")

    def target(self, target: ast.expr) -> tuple[str, list[str], int]:
        """A left side: name, index letters, number of axes (a literal 0 is an axis of size 1)."""
        base = target.value if isinstance(target, ast.Subscript) else target
        if not isinstance(base, ast.Name):
            self.fail(target, "the left side is a name", "write y = … or y[i,j] = …")
        if not _WORD.match(base.id) or len(base.id) > 32:
            self.fail(target, f"'{base.id}' cannot be a name", "lowercase letters, digits and _")
        if base.id in FUNCTIONS or base.id in REDUCTIONS or base.id == "pi":
            self.fail(target, f"'{base.id}' is a function", "another name")
        if base.id in self.helpers or (
            self.names and (base.id in self.names.tensors or base.id in self.names.parameters)
        ):
            self.fail(target, f"'{base.id}' is defined already", "another name")
        indices: list[str] = []
        count = 0
        if isinstance(target, ast.Subscript):
            for part in target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]:
                self.walk(part, 1, True) if isinstance(part, ast.Constant) else None
                if isinstance(part, ast.Constant) and part.value == 0:
                    count += 1
                    continue
                if not isinstance(part, ast.Name) or not INDEX.match(part.id):
                    self.fail(part, "on the left an index is one lowercase letter", "y[i,j]")
                if part.id in indices:
                    self.fail(part, f"index '{part.id}' twice", "one letter for each axis")
                self.new_index(part, part.id)
                indices.append(part.id)
        return base.id, indices, count + len(indices)

    def new_index(self, node: ast.AST, name: str) -> None:
        if self.names and (name in self.names.tensors or name in self.names.parameters):
            self.fail(node, f"'{name}' is a tensor here and cannot be an index", "another letter")

    def walk(self, node: ast.expr, depth: int, in_index: bool = False) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            self.fail(node, "the definition is too long", f"at most {MAX_NODES} parts")
        if depth > MAX_NESTING:
            self.fail(node, "nested too deep", f"at most {MAX_NESTING}")
        match node:
            case ast.Constant():
                self.constant(node)
            case ast.Name():
                self.name(node, in_index)
            case ast.Subscript():
                self.subscript(node, depth)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()) if id(node) not in self.tests:
                self.fail(node, "a condition is not a number", "1 if x > 0 else 0")
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
                self.walk(node.operand, depth + 1, in_index)
            case ast.BinOp() if isinstance(node.op, _BINARY):
                self.walk(node.left, depth + 1, in_index)
                self.walk(node.right, depth + 1, in_index)
                self.binary(node, in_index)
            case ast.Compare() if all(isinstance(op, _COMPARE) for op in node.ops):
                for part in (node.left, *node.comparators):
                    self.walk(part, depth + 1, in_index)
            case ast.BoolOp():
                for part in node.values:
                    self.walk(part, depth + 1, in_index)
            case ast.IfExp():
                self.condition(node.test)
                for part in (node.test, node.body, node.orelse):
                    self.walk(part, depth + 1, in_index)
            case ast.Call():
                self.call(node, depth, in_index)
            case _:
                word = type(node).__name__.lower()
                self.fail(node, f"'{ast.get_source_segment(self.text, node) or word}' is not part of the notation", "")

    def constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(node, f"{value!r} is not a number")
        if isinstance(value, int) and abs(value) >= MAX_WHOLE:
            self.fail(node, "a whole number of more than 15 digits", "write it as 1e20")
        if isinstance(value, float) and not abs(value) < float("inf"):
            self.fail(node, "a number that is too large")

    def binary(self, node: ast.BinOp, in_index: bool) -> None:
        right = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
        if (
            isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
            and isinstance(right, ast.Constant)
            and right.value == 0
        ):
            self.fail(node.right, "division by zero")
        if isinstance(node.op, ast.Pow | ast.Div) and in_index:
            self.fail(node, "an index is made of + - * // %", "write // for a whole quotient")
        if isinstance(node.op, ast.Pow):
            if (
                isinstance(right, ast.Constant)
                and isinstance(right.value, int | float)
                and abs(right.value) > MAX_EXPONENT
            ):
                self.fail(node.right, f"exponent {right.value}", f"at most {MAX_EXPONENT}")
            if not any(isinstance(part, ast.Name | ast.Subscript) for part in ast.walk(node)) and not isinstance(
                right, ast.Constant
            ):
                self.fail(node.right, "a tower of constants", "a plain number as the exponent")

    def condition(self, node: ast.expr) -> None:
        self.tests.add(id(node))
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self.condition(part)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.condition(node.operand)
        elif not isinstance(node, ast.Compare):
            self.fail(node, "a condition compares", "as in x > 0")

    def name(self, node: ast.Name, in_index: bool) -> None:
        name = node.id
        if name in self.indices or name == "pi":
            return
        if self.names is not None and name in self.names.parameters:
            return
        if name in FUNCTIONS or name in REDUCTIONS:
            self.fail(node, f"'{name}' is a function", f"write {name}(…)")
        if self.names is None:
            return
        if name in self.helpers:
            if self.helpers[name]:
                self.fail(node, f"'{name}' has {self.helpers[name]} indices", f"write {name}[…]")
            return
        if name in self.names.tensors:
            if self.names.tensors[name] and not self.names.elementwise:
                self.fail(node, f"'{name}' has {self.names.tensors[name]} axes", f"write {name}[i,…]")
            return
        if SIZE.match(name):
            return
        known = [*self.names.tensors, *self.names.parameters, *self.helpers, *sorted(self.indices), "pi"]
        self.fail(node, f"unknown name '{name}'", did_you_mean(name, known, "known: " + ", ".join(known[:12])))

    def subscript(self, node: ast.Subscript, depth: int) -> None:
        if isinstance(node.value, ast.Attribute):
            self.shape(node, node.value)
            return
        if not isinstance(node.value, ast.Name):
            self.fail(node, "only a tensor has elements", "x[i,j]")
        name = node.value.id
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            self.walk(part, depth + 1, True)
        if self.names is None:
            return
        rank = self.names.tensors.get(name, self.helpers.get(name))
        if rank is None:
            known = [*self.names.tensors, *self.helpers]
            self.fail(node, f"unknown tensor '{name}'", did_you_mean(name, known, "known: " + ", ".join(known)))
        if len(parts) != rank and not (self.names.broadcasts and name in self.names.tensors and len(parts) > rank):
            self.fail(node, f"'{name}' has {rank} axes, here {len(parts)} indices")

    def shape(self, node: ast.Subscript, base: ast.Attribute) -> None:
        axis = node.slice
        if base.attr != "shape" or not isinstance(base.value, ast.Name):
            self.fail(node, f"'.{base.attr}' is not part of the notation", "only x.shape[0]")
        if not isinstance(axis, ast.Constant) or not isinstance(axis.value, int) or isinstance(axis.value, bool):
            self.fail(node, "an axis is a whole number", f"{base.value.id}.shape[0]")
        if self.names is not None:
            rank = self.names.tensors.get(base.value.id)
            if rank is None:
                self.fail(node, f"unknown tensor '{base.value.id}'", did_you_mean(base.value.id, self.names.tensors))
            if axis.value >= rank:
                self.fail(node, f"'{base.value.id}' has {rank} axes, so no axis {axis.value}")

    def call(self, node: ast.Call, depth: int, in_index: bool) -> None:
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            name = node.func.attr  # np.exp(x), x.sum()
            right = INSTEAD.get(name) or (
                f"write {name}(x)" if name in FUNCTIONS else WRITTEN if name in REDUCTIONS else ""
            )
            self.fail(node, f"'{node.func.value.id}.{name[:32]}' is not part of the notation", right)
        if not isinstance(node.func, ast.Name):
            self.fail(node, "only a function by its name can be called", "known: " + ", ".join(FUNCTIONS))
        name = node.func.id
        if name not in FUNCTIONS and name not in REDUCTIONS:
            known = [*FUNCTIONS, "sum", "prod"]
            right = INSTEAD.get(name) or nearest(name, known, "known: " + ", ".join(known))
            self.fail(node, f"unknown function '{name}'", right)
        if node.keywords:
            self.fail(node, f"{name} takes no keywords")
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            if name not in REDUCTIONS:
                self.fail(node, f"{name} does not go over a range", "sum, prod, max or min")
            self.reduction(node.args[0], depth, in_index)
            return
        least, most = FUNCTIONS.get(name, (0, -1))
        if not least <= len(node.args) <= most:
            right = WRITTEN.replace("sum", name) if name in REDUCTIONS else f"{least} argument{'s' * (least > 1)}"
            self.fail(node, f"{name} with {len(node.args)} arguments", right)
        if name == "polygamma" and not (isinstance(node.args[0], ast.Constant) and node.args[0].value in range(ORDERS)):
            self.fail(node, "the order of polygamma is a whole number", "polygamma(1, x), the slope of digamma")
        for part in node.args:
            self.walk(part, depth + 1, in_index)

    def reduction(self, generator: ast.GeneratorExp, depth: int, in_index: bool) -> None:
        outer = set(self.indices)
        for loop in generator.generators:
            if loop.is_async or not isinstance(loop.target, ast.Name) or not INDEX.match(loop.target.id):
                self.fail(loop.target, "an index is one lowercase letter", "for k in K")
            if loop.target.id in self.indices:
                self.fail(loop.target, f"index '{loop.target.id}' is in use here", "another letter")
            self.new_index(loop.target, loop.target.id)
            self.span(loop.iter, depth)
            self.indices = self.indices | {loop.target.id}
            for test in loop.ifs:
                self.condition(test)
                self.walk(test, depth + 1, in_index)
        self.walk(generator.elt, depth + 1, in_index)
        self.indices = outer

    def span(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            if len(node.args) not in (1, 2) or node.keywords:
                self.fail(node, "a range has a start and an end", "range(0, K)")
            for part in node.args:
                self.walk(part, depth + 1, True)
        else:
            self.walk(node, depth + 1, True)
