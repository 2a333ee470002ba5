"""A definition's text before anybody looks at its tree: limits first, then Python's own parser, places in messages."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from functools import lru_cache

from bptui.model.base import syntax
from bptui.model.base.errors import Part, UserError

LIMITS = syntax.Limits(
    characters=2_000, brackets=40, parts=4_000, digits=400, example="for example y = x/(1 + exp(-x))"
)
MAX_BITS = 1000
"""Of a number that powers and products of constants make: SymPy works them out exactly, which nothing can break into.
float64 ends at 2**1024."""
_ALLOWED = re.compile(r"[A-Za-z0-9_\s+\-*/%()\[\],;:.<>=!#]*\Z")
_SIGNS = {
    "^": "write ** for a power",
    "@": "write sum(a[i,k]*b[k,j] for k in K)",
    "{": "write ( )",
    "'": "no text in a formula",
}
INSTEAD: Mapping[str, str] = {
    "relu": "write max(x, 0)", "sigmoid": "write 1/(1 + exp(-x))", "softplus": "write log(1 + exp(x))",
    "silu": "write x/(1 + exp(-x))", "swish": "write x/(1 + exp(-x))", "mean": "write sum(x[i] for i in I)/I",
    "average": "write sum(x[i] for i in I)/I", "pow": "write x**2", "square": "write x**2", "power": "write x**2",
    "log2": "write log(x)/log(2)", "log10": "write log(x)/log(10)", "ln": "write log(x)", "log1p": "write log(1 + x)",
    "expm1": "write exp(x) - 1", "tan": "write sin(x)/cos(x)", "matmul": "write sum(a[i,k]*b[k,j] for k in K)",
    "dot": "write sum(a[k]*b[k] for k in K)", "where": "write a if x > 0 else b", "clip": "write max(lo, min(x, hi))",
    "clamp": "write max(lo, min(x, hi))", "maximum": "write max(a, b)", "minimum": "write min(a, b)",
    "softmax": "write exp(x[i,j])/sum(exp(x[i,k]) for k in K)", "norm": "write sqrt(sum(x[i]**2 for i in I))",
    "round": "write floor(x + 1/2)", "reciprocal": "write 1/x", "product": "write prod(x[i] for i in I)",
}  # fmt: skip
"""What is written here for functions that other notations have."""


def read(text: str, where: str = "definition") -> tuple[str, ast.Module]:
    """The text as columns count it, and Python's syntax tree of it, which nobody has looked at yet."""
    text = "\n".join(line.strip() for line in text.strip().splitlines())
    if not text:
        raise UserError(where, "is empty", "write y = and a formula, as in y = x/(1 + exp(-x))")
    if len(text) <= LIMITS.characters and not _ALLOWED.match(text):
        at = next(n for n, c in enumerate(text) if not _ALLOWED.match(c))
        told = f"{text[at]!r} is not part of the notation"
        raise placed(where, text, _place(text, at), told, _SIGNS.get(text[at], ""))
    return text, _tree(text, where)


def placed(where: str, text: str, place: tuple[int, int], what: str, right: str = "") -> UserError:
    """A UserError at (line, column) of a text, from 1."""
    line, column = place
    return UserError(f"{where}, line {line}, column {column}", what, right, Part(text, line, column))


def _place(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


@lru_cache(maxsize=256)
def _tree(text: str, where: str) -> ast.Module:
    try:
        return syntax.parse(text, LIMITS)
    except syntax.Unreadable as problem:
        if not problem.line:
            raise UserError(where, problem.what, problem.right) from None
        place = problem.line, problem.column
        raise placed(where, text, place, f"not a formula: {problem.what}", problem.right) from None


def bits(node: ast.AST) -> int:
    """Binary digits, at most, of the numbers in an expression once powers and products of them are worked out."""
    match node:
        case ast.Constant(value=int() as value):
            return value.bit_length()
        case ast.Constant(value=float()):
            return 4 * (getattr(node, "end_col_offset", 0) - node.col_offset)  # 0.1 is 1/10: as many as are written
        case ast.BinOp(op=ast.Pow(), left=base, right=exponent):
            sign = exponent.operand if isinstance(exponent, ast.UnaryOp) else exponent
            times = sign.value if isinstance(sign, ast.Constant) and isinstance(sign.value, int | float) else 1
            return bits(base) * max(1, math.ceil(abs(times)))
        case ast.Call(args=arguments):
            return max((bits(part) for part in arguments), default=0)
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return 1 + max(bits(node.left), bits(node.right))
        case ast.IfExp() | ast.Compare() | ast.BoolOp() | ast.Subscript():
            return max(bits(part) for part in ast.iter_child_nodes(node))
    return sum(bits(part) for part in ast.iter_child_nodes(node))
