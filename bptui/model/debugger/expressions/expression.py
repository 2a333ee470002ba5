"""Expressions over what is visible at a Moment: `max(abs(grad)) > 10`, `layer1.weight[0,1] * x`, `grad(layer1.z)`.

For conditions of breakpoints, `print`, `display` and `watch`. The text is parsed through `ast`, walked over a whitelist
and never executed; everything is float64 arithmetic on arrays, so nothing can grow without bound.

What may stand in one: `functions.py` beside this, and docs/expressions.md, which is made from it. `x.grad`, `x.T` and
`x.sum()` are read as grad(x), transpose(x) and sum(x): after that there are calls, and no attributes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from bptui.model.base import numbers, syntax
from bptui.model.base.errors import UserError
from bptui.model.base.prose import shorten
from bptui.model.base.types import Array
from bptui.model.debugger.expressions.functions import FUNCTIONS
from bptui.model.debugger.expressions.grammar import BINARY, COMPARE, TRUTH, UNARY, Plain, check, dotted, spelled
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.masked import Masked, kept_back
from bptui.model.engine.state import Gradient

REFUSED: Mapping[type[Exception], str] = {
    IndexError: "there is no such element",
    OverflowError: "a number is too large",
    ZeroDivisionError: "it divides by zero",
    ValueError: "the shapes do not fit",
    TypeError: "it is not for such numbers",
}
"""What is wrong, by what NumPy or Python raises: their own words name what nobody wrote."""


class Numbered(Protocol):
    """A training step, as far as `step` and `lr` say."""

    @property
    def step(self) -> int:
        """Its number, from 0."""

    @property
    def rate(self) -> float:
        """Its learning rate."""


class Numbers(Protocol):
    """What an expression is evaluated over: the numbers that are there at a Moment. A State is one."""

    @property
    def recording(self) -> Numbered:
        """The training step."""

    def value(self, node: Node) -> Array | None:
        """The value of a node, None where it is not there yet."""

    def gradient(self, node: Node) -> Gradient:
        """The gradient as far as it has arrived."""


class NotYet(Exception):
    """The expression needs a number that no Moment up to here has computed."""


@dataclass(frozen=True)
class Expression:
    """A checked expression; `text` as the user wrote it. `more`: names beside those of the graph, and their numbers."""

    text: str
    tree: ast.expr
    graph: Graph
    more: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def reads(self) -> frozenset[tuple[str, str]]:
        """What it reads: ("value", node), ("grad", node), with "" for the node that it is asked about; of that one
        ("upstream", ""), ("shape", "") as well."""
        found: set[tuple[str, str]] = set()
        calls = [part for part in ast.walk(self.tree) if isinstance(part, ast.Call)]
        named = {id(call.func) for call in calls}  # of a function, and of what `grad` is of: no value is read there
        named |= {id(part) for call in calls if dotted(call.func) == "grad" for part in ast.walk(call.args[0])}
        for part in ast.walk(self.tree):
            if id(part) in named:
                continue
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "grad":
                found.add(("grad", dotted(part.args[0]) or ""))
            elif isinstance(part, ast.Name | ast.Attribute) and (name := dotted(part)) is not None:
                if name in self.graph.called:
                    found.add(("value", name))
                elif name == "loss":
                    found.add(("value", self.graph.nodes[self.graph.loss].name))
                elif name in ("value", "grad", "upstream", "shape"):
                    found.add((name, ""))
        return frozenset(found)

    def evaluate(self, state: Numbers, node: Node, tick: Callable[[], None] = lambda: None) -> Any:
        """Its number(s) at a Moment, `value` and `grad` being those of `node`; `tick` is called between its parts.

        Raises NotYet where a number is not there yet, UserError where shapes do not fit. What is computed from a number
        that is kept back is kept back: a comparison, too, would give it away.
        """
        with np.errstate(all="ignore"):
            try:
                evaluator = _Evaluator(self, state, node, tick)
                made = np.asarray(evaluator.visit(self.tree))
                read = _read(self.tree) if isinstance(state.recording, Masked) else ()
                if any(kept_back(evaluator.visit(part)).any() for part in read):
                    return made if _is_read(self.tree) else np.asarray(numbers.CONCEALED)
                return made
            except tuple(REFUSED) as error:
                what = next(words for kind, words in REFUSED.items() if isinstance(error, kind))
                shapes = re.findall(r"\(\d+,[\d,]*\)", str(error))  # NumPy's: … together with shapes (1,8) (1,2)
                what += f": {' and '.join(shapes)}" if isinstance(error, ValueError) and shapes else ""
                raise UserError(quoted(self.text), what, _inside(str(error)) or "print its parts, one by one") from None


def _inside(said: str) -> str:
    """Which elements there are, by what NumPy says of an index that is none; "" where it says nothing of that."""
    if found := re.search(r"for axis (\d+) with size (\d+)", said):
        return f"axis {found[1]} has 0 to {int(found[2]) - 1}" if int(found[2]) else f"axis {found[1]} is empty"
    if found := re.search(r"array is (\d+)-dimensional", said):
        return f"it has {found[1]} {'axis' if found[1] == '1' else 'axes'}"
    return ""


def parse(text: str, graph: Graph, more: Mapping[str, Array] | None = None) -> Expression:
    """Check an expression against the whitelist and the names of a graph; UserError says what is wrong and where.

    `more`: what else may be named, with its numbers. A call in it is such a name, too: `new(layer1.weight)`.
    """
    more = {} if more is None else more
    text = " ".join(text.split())
    where = quoted(text)
    if not text:
        raise UserError("expression", "it is empty", syntax.EXPRESSION.example)
    try:
        statements = syntax.parse(spelled(text, graph), syntax.EXPRESSION).body
    except syntax.Unreadable as problem:
        if not problem.line:
            raise UserError(where, problem.what, problem.right) from None
        raise UserError(where, f"cannot be read at column {problem.column}: {problem.what}", problem.right) from None
    if len(statements) != 1 or not isinstance(statements[0], ast.Expr):
        raise UserError(where, "it is no expression", f"one formula without =, {syntax.EXPRESSION.example}")
    tree = Plain(graph, more).visit(statements[0].value)
    check(tree, graph, where, more)
    return Expression(text, tree, graph, more)


def _is_read(tree: ast.AST) -> bool:
    """Is it numbers of one node as they are: `z`, `grad(z)`, `z[0,1]`, `z.T`?"""
    if isinstance(tree, ast.Subscript):
        return _is_read(tree.value)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        return tree.func.id == "grad" or (tree.func.id == "transpose" and _is_read(tree.args[0]))
    return dotted(tree) is not None


def _read(tree: ast.AST) -> Iterator[ast.expr]:
    """What an expression reads of nodes, as they are; of their shapes alone it reads no number."""
    if isinstance(tree, ast.expr) and _is_read(tree):
        yield tree
    elif not (isinstance(tree, ast.Call) and dotted(tree.func) in ("shape", "len")):
        parts = tree.args if isinstance(tree, ast.Call) else ast.iter_child_nodes(tree)
        yield from (found for part in parts for found in _read(part))


def of_element(graph: Graph, node: Node, element: tuple[int, ...]) -> Expression:
    """The expression of one number of a node: `layer1.weight[0,1]`, whatever the node is called."""
    tree: ast.expr = ast.Name(node.name)
    if element:
        tree = ast.Subscript(tree, ast.Tuple([ast.Constant(i) for i in element]))
    return Expression(node.name + numbers.index(element), tree, graph)


class _Evaluator:
    """Walks a checked tree; only ever sees what `grammar.check` let through."""

    def __init__(self, expression: Expression, state: Numbers, node: Node, tick: Callable[[], None]) -> None:
        self.graph, self.more = expression.graph, expression.more
        self.state, self.node, self.tick = state, node, tick

    def visit(self, tree: ast.AST) -> Any:
        self.tick()
        return _VISIT[type(tree)](self, tree)

    def value_of(self, node: Node) -> Any:
        return _there(self.state.value(node), node.name)

    def grad_of(self, node: Node) -> Any:
        return _there(self.state.gradient(node).array, f"grad({node.name})")

    def upstream_of(self, node: Node) -> Any:
        if not self.state.gradient(node).final:
            raise NotYet(f"all of grad({node.name})")
        return self.grad_of(node)

    def visit_Constant(self, tree: ast.Constant) -> Any:
        return np.float64(tree.value)  # type: ignore[arg-type]  # `check`: a number

    def visit_List(self, tree: ast.List | ast.Tuple) -> Any:
        return np.array([self.visit(item) for item in tree.elts], dtype=np.float64)

    visit_Tuple = visit_List

    def visit_Name(self, tree: ast.Name | ast.Attribute) -> Any:
        name = dotted(tree) or ""  # `check`: one that there is
        if name in self.graph.called:
            return self.value_of(self.graph.called[name])
        if name in self.more:
            return self.more[name]
        if name in TRUTH:
            return np.bool_(TRUTH[name])
        match name:
            case "value":
                return self.value_of(self.node)
            case "grad":
                return self.grad_of(self.node)
            case "upstream":
                return self.upstream_of(self.node)
            case "shape":
                return np.array(self.node.shape, dtype=np.int64)
            case "loss":
                return self.value_of(self.graph.nodes[self.graph.loss])
        recording = self.state.recording
        return np.float64(recording.step if name == "step" else recording.rate)

    visit_Attribute = visit_Name

    def visit_BinOp(self, tree: ast.BinOp) -> Any:
        return BINARY[type(tree.op)](self.visit(tree.left), self.visit(tree.right))

    def visit_UnaryOp(self, tree: ast.UnaryOp) -> Any:
        return UNARY[type(tree.op)](self.visit(tree.operand))

    def visit_BoolOp(self, tree: ast.BoolOp) -> Any:
        stop = isinstance(tree.op, ast.Or)
        for value in tree.values:
            held = bool(np.any(self.visit(value)))
            if held is stop:
                return held
        return not stop

    def visit_Compare(self, tree: ast.Compare) -> Any:
        values = [self.visit(value) for value in (tree.left, *tree.comparators)]
        result: Any = True
        for op, a, b in zip(tree.ops, values, values[1:], strict=False):
            result = np.logical_and(result, COMPARE[type(op)](a, b))
        return result

    def visit_Subscript(self, tree: ast.Subscript) -> Any:
        at = tree.slice
        parts = [self._index(part) for part in (at.elts if isinstance(at, ast.Tuple) else [at])]
        return self.visit(tree.value)[tuple(parts)]

    def _index(self, part: ast.expr) -> int | slice:
        if isinstance(part, ast.Slice):
            bounds = (part.lower, part.upper, part.step)
            return slice(*(None if bound is None else int(self.visit(bound)) for bound in bounds))
        return int(self.visit(part))

    def visit_Call(self, tree: ast.Call) -> Any:
        assert isinstance(tree.func, ast.Name)
        if tree.func.id == "grad":
            return self.grad_of(self.graph.called[dotted(tree.args[0]) or ""])
        if tree.keywords:
            return FUNCTIONS[tree.func.id].call(self.visit(tree.args[0]), axis=int(self.visit(tree.keywords[0].value)))
        return FUNCTIONS[tree.func.id].call(*(self.visit(value) for value in tree.args))


def _there(found: Array | None, name: str) -> Any:
    """In float64; NotYet where there is none."""
    if found is None:
        raise NotYet(name)
    return np.asarray(found, dtype=np.float64)


_VISIT: Mapping[type[ast.AST], Callable[[_Evaluator, Any], Any]] = {
    getattr(ast, name.removeprefix("visit_")): visit for name, visit in vars(_Evaluator).items() if "visit_" in name
}
"""The method of each kind of part: found once, for a search evaluates the same few parts 100,000 times."""


def quoted(text: str) -> str:
    """An expression as a message says it."""
    return f"'{shorten(text, 60)}'"
