"""Python's operators in a formula, and the operations that they are."""

from __future__ import annotations

import ast
from collections.abc import Mapping

OPERATORS: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "add"),
    ast.Sub: ("-", "sub"),
    ast.Mult: ("*", "mul"),
    ast.Div: ("/", "div"),
    ast.Pow: ("**", "pow"),
    ast.MatMult: ("@", "matmul"),
}
"""With the sign that messages name."""
COMPARISONS: Mapping[type[ast.cmpop], str] = {
    ast.Gt: "greater", ast.GtE: "greater_equal", ast.Lt: "less", ast.LtE: "less_equal", ast.Eq: "equal",
    ast.NotEq: "not_equal",
}  # fmt: skip

CONNECTIVES: Mapping[type[ast.boolop], str] = {ast.And: "logical_and", ast.Or: "logical_or"}
INFINITY = "inf"
"""A name that is a number, where nothing is given under it."""


def defines(node: ast.AST) -> bool:
    """`z == x + 1` at the start of a line, where `z = x + 1` is meant."""
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq) and node.col_offset == 0
