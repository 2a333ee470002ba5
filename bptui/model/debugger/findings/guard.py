"""A remedy for NaN and inf in a formula: the operation that makes them is kept away from where it is not defined."""

from __future__ import annotations

import ast

from bptui.model.debugger.findings.change import Redefined, remedy
from bptui.model.debugger.findings.finding import Remedy
from bptui.model.engine.graph import Node
from bptui.model.source import formula
from bptui.model.source.network import Network

EPS, LARGEST = 1e-7, 50.0
"""What is added where 0 is the end, and the largest exponent."""


class Guard(ast.NodeTransformer):
    """Adds EPS inside of logarithms and roots and to denominators, and keeps exponents below LARGEST."""

    def __init__(self, operation: str) -> None:
        self.operation, self.done = operation, False

    def visit_Call(self, call: ast.Call) -> ast.AST:
        """log(x) → log(x + EPS)."""
        self.generic_visit(call)
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name != self.operation or len(call.args) != 1:
            return call
        self.done = True
        if name in ("exp", "expm1"):
            limited = ast.Call(ast.Name("clip"), [*call.args, ast.Constant(-LARGEST), ast.Constant(LARGEST)], [])
            return ast.Call(call.func, [limited], [])
        return ast.Call(call.func, [ast.BinOp(call.args[0], ast.Add(), ast.Constant(EPS))], [])

    def visit_BinOp(self, binary: ast.BinOp) -> ast.AST:
        """a / b → a / (b + EPS)."""
        self.generic_visit(binary)
        if self.operation != "div" or not isinstance(binary.op, ast.Div) or isinstance(binary.right, ast.Constant):
            return binary
        self.done = True
        return ast.BinOp(binary.left, ast.Div(), ast.BinOp(binary.right, ast.Add(), ast.Constant(EPS)))


TOLD = {
    "log": "the logarithm kept away from 0",
    "sqrt": "the root kept away from 0, where its slope has no end",
    "rsqrt": "the root kept away from 0",
    "reciprocal": "the denominator kept away from 0",
    "div": "the denominator kept away from 0",
    "exp": "the exponent kept in range",
    "expm1": "the exponent kept in range",
}


def guarded(network: Network, node: Node) -> tuple[Remedy, ...]:
    """The line of the formula in which an operation stands, with it guarded; nothing where there is no such line."""
    text = network.document.content.get("formula") if network.document is not None else None
    if not isinstance(text, str) or not isinstance(node.column, tuple) or node.op is None or node.op.name not in TOLD:
        return ()
    row = node.column[0]
    for statement in formula.read(text, "formula").body:
        if not isinstance(statement, ast.Assign) or not statement.lineno <= row <= (statement.end_lineno or row):
            continue
        guard = Guard(node.op.name)
        made = ast.unparse(ast.fix_missing_locations(guard.visit(statement.value)))
        if guard.done:
            return (remedy(TOLD[node.op.name], Redefined(ast.unparse(statement.targets[0]), made)),)
    return ()
