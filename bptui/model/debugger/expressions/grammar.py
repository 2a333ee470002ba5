"""What may stand in an expression: its names, its operators, its calls; and what PyTorch and NumPy write with a dot."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.types import Array
from bptui.model.debugger.expressions.functions import FUNCTIONS, NAMES
from bptui.model.debugger.locations import meant
from bptui.model.engine.graph import Graph, Node

BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
    ast.MatMult: operator.matmul,
}
COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: lambda x: x, ast.Not: np.logical_not
}  # fmt: skip
SPECIAL = tuple(NAMES)
DOTTED: Mapping[str, str] = {"grad": "grad", "T": "transpose", "mT": "transpose", "shape": "shape"}
"""Attributes, and the functions that they are."""
TRUTH = {"true": True, "false": False}


def dotted(tree: ast.AST) -> str | None:
    """`layer1.weight` of an Attribute or Name, else None."""
    if isinstance(tree, ast.Name):
        return tree.id
    if isinstance(tree, ast.Attribute):
        before = dotted(tree.value)
        return None if before is None else f"{before}.{tree.attr}"
    return None


_PATH = re.compile(r"[^\W\d]\w*(?:\.\w+|#\d+)+")
_SPELLED = {ord("."): 0xB7, ord("#"): 0x2BC}
"""Letters, as far as Python is concerned, that stand for what a name of Python may not have."""
_MEANT = {letter: sign for sign, letter in _SPELLED.items()}


def spelled(text: str, graph: Graph) -> str:
    """The text with names that Python would not take for one (`blocks.0.attn`, `add#2`) as words of the same length.
    After such a name there may be attributes: the longest known beginning is the name, where nothing else follows."""

    def word(found: re.Match[str]) -> str:
        path = found[0]
        parts = re.split(r"(?=[.#])", path)
        if all(part.lstrip(".").isidentifier() and not iskeyword(part.lstrip(".")) for part in parts):
            return path
        known = path
        for n in range(len(parts), 0, -1):
            beginning = "".join(parts[:n])
            if beginning in graph.called or beginning in outputs(graph):
                known = beginning
                break
            if parts[n - 1].lstrip(".") not in (*DOTTED, *FUNCTIONS):
                break
        return known.translate(_SPELLED) + path[len(known) :]

    return _PATH.sub(word, text)


def outputs(graph: Graph) -> Mapping[str, Node]:
    """What leaves each layer, by its path: the last operation of it and of all that lies inside."""
    return graph.once(_outputs)


def _outputs(graph: Graph) -> Mapping[str, Node]:
    found: dict[str, Node] = {}
    for node in graph.ops:
        path = node.scope
        while path:
            found[path] = node
            path = path.rpartition(".")[0]
    return found


class Plain(ast.NodeTransformer):
    """What PyTorch and NumPy write with a dot, as calls of functions: `w.grad`, `x.T`, `x.shape`, `x.abs().max()`."""

    def __init__(self, graph: Graph, more: Mapping[str, Array]) -> None:
        self.graph, self.more = graph, more

    def visit_Name(self, tree: ast.Name) -> ast.expr:
        name = tree.id.translate(_MEANT)
        known = name in self.graph.called or name in SPECIAL or name in TRUTH or name in self.more
        leaves = None if known else outputs(self.graph).get(name)
        return ast.Name(name if leaves is None else leaves.name)

    def visit_Attribute(self, tree: ast.Attribute) -> ast.expr:
        name = (dotted(tree) or "").translate(_MEANT)
        if name not in self.graph.called and (leaves := outputs(self.graph).get(name)) is not None:
            return ast.Name(leaves.name)
        if name in self.graph.called or tree.attr not in DOTTED:
            return tree
        if tree.attr == "grad" and dotted(tree.value) == "value":
            return ast.Name("grad")
        return ast.Call(ast.Name(DOTTED[tree.attr]), [self.visit(tree.value)], [])

    def visit_Call(self, tree: ast.Call) -> ast.expr:
        if len(tree.args) == 1 and not tree.keywords and isinstance(tree.func, ast.Name):
            of = tree.args[0]
            if isinstance(of, ast.Subscript) and tree.func.id in ("grad", "new"):  # grad(w[0,1]) is grad(w)[0,1]
                inner = ast.Call(tree.func, [of.value], [])
                return ast.Subscript(self.visit(inner), of.slice)
            if (name := f"{tree.func.id}({dotted(of)})") in self.more:
                return ast.Name(name)
        args = [self.visit(part) for part in tree.args]
        if isinstance(tree.func, ast.Attribute) and tree.func.attr in FUNCTIONS and not args:
            return ast.Call(ast.Name(tree.func.attr), [self.visit(tree.func.value)], tree.keywords)
        return ast.Call(tree.func, args, tree.keywords)


def check(tree: ast.expr, graph: Graph, where: str, more: Mapping[str, Array]) -> None:
    """A UserError at the first part that may not stand in an expression over a graph; `where` names the expression."""
    match tree:
        case ast.Constant(value=bool() | int() | float()):
            return
        case ast.Name() | ast.Attribute():
            name = dotted(tree)
            if name is None or not any(name in names for names in (graph.called, SPECIAL, TRUTH, more)):
                known = (*graph.called, *more, *SPECIAL, *FUNCTIONS)
                wrong = "nothing is" if name is None else f"nothing is called '{name[:40]}'"
                raise UserError(where, wrong, meant(graph, name or "", known, "a node, value, grad, step or lr"))
        case ast.BinOp(op=op) if type(op) in BINARY:
            check(tree.left, graph, where, more)
            check(tree.right, graph, where, more)
        case ast.UnaryOp(op=op) if type(op) in UNARY:
            check(tree.operand, graph, where, more)
        case ast.BoolOp(values=values):
            for value in values:
                check(value, graph, where, more)
        case ast.Compare(ops=ops) if all(type(op) in COMPARE for op in ops):
            for value in (tree.left, *tree.comparators):
                check(value, graph, where, more)
        case ast.Subscript(slice=at):
            check(tree.value, graph, where, more)
            _check_slice(at, graph, where)
        case ast.List(elts=items) | ast.Tuple(elts=items) if items:
            for item in items:
                _check_literal(item, where)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            if name == "grad" and len(args) == 1 and dotted(args[0]) in graph.called:
                return
            if name not in FUNCTIONS:
                right = "grad takes the name of a node" if name == "grad" else did_you_mean(name, FUNCTIONS)
                raise UserError(where, f"there is no function '{name[:40]}' for it", right or ", ".join(FUNCTIONS))
            row = FUNCTIONS[name]
            if not row.least <= len(args) <= row.most:
                takes = "one argument" if row.most == 1 else f"{row.least} to {row.most} arguments"
                raise UserError(where, f"{name} takes {takes}, not {len(args)}", row.about)
            for value in args:
                check(value, graph, where, more)
            _check_axis(name, keywords, len(args), where)
        case _:
            raise UserError(where, f"'{ast.unparse(tree)[:40]}' is not allowed", "numbers, nodes, operators, functions")


def _check_literal(tree: ast.expr, where: str) -> None:
    """Numbers in lists of equal length, as they are written."""
    if isinstance(tree, ast.List | ast.Tuple) and tree.elts:
        for item in tree.elts:
            _check_literal(item, where)
        return
    inner = tree.operand if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else tree
    if not (isinstance(inner, ast.Constant) and isinstance(inner.value, int | float)):
        raise UserError(
            where, f"'{ast.unparse(tree)[:40]}' stands in a list", "numbers, as in [[0.1, 0.2], [0.3, 0.4]]"
        )


def _check_axis(name: str, keywords: list[ast.keyword], given: int, where: str) -> None:
    for keyword in keywords:
        if keyword.arg != "axis" or not FUNCTIONS[name].axis or given > 1 or not _is_integer(keyword.value):
            right = f"{name}(x, axis=0)" if FUNCTIONS[name].axis else f"{name}(x)"
            raise UserError(where, f"{name} has no setting '{keyword.arg or '**'}' of that kind", right)
    if len(keywords) > 1:
        raise UserError(where, "axis is given twice")


def _check_slice(at: ast.expr, graph: Graph, where: str) -> None:
    for part in at.elts if isinstance(at, ast.Tuple) else [at]:
        for bound in (part.lower, part.upper, part.step) if isinstance(part, ast.Slice) else (part,):
            if bound is not None and not _is_integer(bound):
                raise UserError(where, f"'{ast.unparse(bound)[:40]}' is not an index", "a whole number")


def _is_integer(tree: ast.expr) -> bool:
    inner = tree.operand if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else tree
    return isinstance(inner, ast.Constant) and type(inner.value) is int and inner.value < 10**9
