"""A definition's text as trees, in its author's order and grouping: what cards print, and `formula.parse` checks."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache

from bptui.model.base.syntax import Unreadable, parse
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.text import LIMITS
from bptui.symbolic.formula.tree import Statement, Tree


@lru_cache(maxsize=512)
def from_text(text: str) -> tuple[Statement, ...]:
    """The statements of a definition, helpers first, in the author's own form; raises Unreadable."""
    found = []
    for line in parse(text, LIMITS).body:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1:
            raise _unreadable(line, "not `name = formula`")
        target = _read(line.targets[0])
        if not isinstance(target, t.Name | t.Element):
            raise _unreadable(line, "not a name")
        found.append(Statement(target, _read(line.value)))
    if not found:
        raise Unreadable("no formula")
    return tuple(found)


def _unreadable(node: ast.expr | ast.stmt, what: str) -> Unreadable:
    return Unreadable(f"column {node.col_offset + 1}: {what}", "", node.lineno, node.col_offset + 1)


@lru_cache(maxsize=512)
def from_hint(text: str) -> Tree:
    """A formula without a left side (an op's display hint); raises Unreadable."""
    return from_text(f"hint = {text}")[-1].value


_COMPARE: Mapping[type[ast.cmpop], str] = {
    ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="
}  # fmt: skip


def _read(node: ast.expr) -> Tree:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return t.Number(node.value, repr(node.value))
    if isinstance(node, ast.Name):
        return t.Name(node.id)
    if isinstance(node, ast.Subscript):
        of = node.value
        if isinstance(of, ast.Attribute) and of.attr == "shape" and isinstance(of.value, ast.Name):
            axis = _read(node.slice)
            if isinstance(axis, t.Number):
                return t.Size(of.value.id, int(axis.value))
        if isinstance(of, ast.Name):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return t.Element(of.id, tuple(_read(part) for part in parts))
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            return t.Logic("not", (_read(node.operand),))
        if isinstance(node.op, ast.USub):
            return t.Neg(_read(node.operand))
        if isinstance(node.op, ast.UAdd):
            return _read(node.operand)
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.Compare):
        sides = [_read(node.left), *(_read(c) for c in node.comparators)]
        signs = [_COMPARE.get(type(op)) for op in node.ops]
        pairs = tuple(t.Compare(s, a, b) for s, a, b in zip(signs, sides, sides[1:], strict=False) if s)
        if len(pairs) == len(signs):
            return pairs[0] if len(pairs) == 1 else t.Logic("and", pairs)
    if isinstance(node, ast.BoolOp):
        return t.Logic("and" if isinstance(node.op, ast.And) else "or", tuple(_read(v) for v in node.values))
    if isinstance(node, ast.IfExp):
        return t.IfElse(_read(node.test), _read(node.body), _read(node.orelse))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            return _reduction(node.func.id, node.args[0])
        if node.func.id == "delta" and len(node.args) == 2:
            return t.Delta(_read(node.args[0]), _read(node.args[1]))
        return t.Call(node.func.id, tuple(_read(a) for a in node.args))
    raise _unreadable(node, "not part of the notation")


def _binary(node: ast.BinOp) -> Tree:
    left, right = _read(node.left), _read(node.right)
    match node.op:
        case ast.Add() | ast.Sub():
            minus = isinstance(node.op, ast.Sub)
            grouped = isinstance(node.left, ast.BinOp) and isinstance(left, t.Add)
            first = left if grouped and isinstance(left, t.Add) else t.Add((left,), (False,))
            return t.Add((*first.terms, right), (*first.minus, minus))
        case ast.Mult():
            return _signed(
                left, lambda of: t.Mul((*of.factors, right)) if isinstance(of, t.Mul) else t.Mul((of, right))
            )
        case ast.Div():
            return _signed(left, lambda of: t.Div(of, right))
        case ast.FloorDiv():
            return t.Div(left, right, floor=True)
        case ast.Mod():
            return t.Mod(left, right)
        case ast.Pow():
            return t.Power(left, right)
    raise _unreadable(node, "an operator that is not part of the notation")


def _signed(left: Tree, made: Callable[[Tree], Tree]) -> Tree:
    """Python reads -a*b as (-a)*b; it is shown as it is written, with the sign in front of all."""
    return t.Neg(made(left.of)) if isinstance(left, t.Neg) else made(left)


def _reduction(kind: str, generator: ast.GeneratorExp) -> t.Reduction:
    ranges, conditions = [], []
    for part in generator.generators:
        if not isinstance(part.target, ast.Name):
            raise _unreadable(generator, "`for` needs a plain index")
        ranges.append(_range(part.target.id, part.iter))
        conditions += [_read(test) for test in part.ifs]
    return t.Reduction(kind, _read(generator.elt), tuple(ranges), tuple(conditions))


def _range(index: str, over: ast.expr) -> t.Range:
    if isinstance(over, ast.Name) and over.id == index.upper():
        return t.Range(index)
    if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range":
        ends = [_read(a) for a in over.args]
        if len(ends) in (1, 2):
            return t.Range(index, ends[0] if len(ends) == 2 else None, ends[-1])
    return t.Range(index, None, _read(over))
