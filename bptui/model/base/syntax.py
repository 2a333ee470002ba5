"""Text to a syntax tree, with limits before anything is parsed. Nothing is executed: a tree is data."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping

from bptui.model.base.errors import UserError
from bptui.model.base.hints import EXAMPLE, misspelt

MAX_CHARACTERS = 20_000
MAX_DEPTH = 60
"""Brackets in brackets, and parts in parts."""
MAX_PARTS = 20_000


def tree(text: str, where: str) -> ast.Module:
    """The syntax tree, after the limits that keep Python's own parser safe."""
    if len(text) > MAX_CHARACTERS:
        raise UserError(where, f"{len(text):,} characters", f"at most {MAX_CHARACTERS:,}")
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_DEPTH:
            raise UserError(where, f"brackets are nested deeper than {MAX_DEPTH}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ast.parse("\n".join(line.lstrip() for line in lines(text)))
    except SyntaxError as problem:
        line = min(problem.lineno or 1, len(lines(text)))
        column = (problem.offset or 1) + indent(lines(text)[line - 1])
        what, right = misspelt(lines(text)[line - 1], column, problem.msg)
        raise UserError(f"{where} {line}:{column}", what, right) from None
    except (ValueError, MemoryError, RecursionError):
        raise UserError(where, "this is not a formula", EXAMPLE) from None
    if not found.body:
        raise UserError(where, "there is no formula", EXAMPLE)
    if sum(1 for _ in ast.walk(found)) > MAX_PARTS:
        raise UserError(where, f"more than {MAX_PARTS:,} parts")
    return found


def lines(text: str) -> list[str]:
    """The lines as Python counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def indent(line: str) -> int:
    """How far a line is indented: a formula has no blocks, so it may stand anywhere."""
    return len(line) - len(line.lstrip())


WORDS: Mapping[str, str] = {
    "ListComp": "a comprehension", "SetComp": "a comprehension", "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension", "Lambda": "a lambda", "JoinedStr": "an f-string", "IfExp": "a condition",
    "BoolOp": "and/or", "Compare": "a comparison", "NamedExpr": "':='", "Dict": "a table", "Set": "a set",
    "List": "a list", "Tuple": "a tuple", "Call": "a function", "Starred": "'*'", "Import": "import",
    "ImportFrom": "import", "FunctionDef": "def", "ClassDef": "class", "AugAssign": "changing a value in place",
    "AnnAssign": "a type", "FloorDiv": "//", "Mod": "%", "BitXor": "^", "BitAnd": "&", "BitOr": "|", "LShift": "<<",
    "RShift": ">>", "Name": "a value", "BinOp": "an expression", "UnaryOp": "an expression",
    "Subscript": "a part of a value",    "Attribute": "an attribute",
}  # fmt: skip
"""The parts of Python that formulas do not have (everywhere), as messages call them."""


def kind(node: ast.AST) -> str:
    """A part of Python in words."""
    return WORDS.get(type(node).__name__, f"'{type(node).__name__.lower()}'")
