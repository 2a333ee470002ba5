"""The one entrance to Python's parser: text to a syntax tree, with limits before and after. Nothing is executed: a
tree is data, of which each reader takes the parts that it knows.

    syntax = parse(text)          # formulas, definitions of operations, expressions of the debugger
    tree = program(text)          # a program that defines a model
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from bptui.model.base.hints import EXAMPLE, misspelt


@dataclass(frozen=True)
class Limits:
    """What a text may have: characters, brackets in brackets, nodes of the syntax tree, digits of one number. `example`
    is a right one, for messages."""

    characters: int = 20_000
    brackets: int = 60
    parts: int = 20_000
    digits: int = 1_000
    example: str = EXAMPLE


LIMITS = Limits()
EXPRESSION = Limits(characters=2_000, parts=400, digits=300, example="for example max(abs(grad)) > 10")
"""Of an expression of the debugger, or of a lesson."""
PROGRAM = Limits(characters=2**22, brackets=200, parts=200_000, digits=300)
"""Of somebody's program, of which a model is read."""
MAX_DEPTH = LIMITS.brackets
"""Parts in parts, for readers that walk a tree by recursion."""


_ALONE = threading.Lock()
"""One text at a time: Python 3.11 counts the depth of a tree for all threads together, and raises SystemError where
another thread makes one, too; warnings are switched off for all of them."""


class Unreadable(ValueError):
    """The text is none of Python's, or beyond a limit. `line` and `column` from 1; 0 where the whole text is meant."""

    def __init__(self, what: str, right: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(f"{what} ({right})" if right else what)
        self.what, self.right, self.line, self.column = what, right, line, column


def parse(text: str, limits: Limits = LIMITS) -> ast.Module:
    """The statements of a text, which may be indented as it likes; Unreadable where there are none to be had.

    Columns of the tree count the bytes of a line without its indent.
    """
    return _parsed(text, lines(text), limits, [row.lstrip() for row in lines(text)])


def program(text: str, limits: Limits = PROGRAM) -> ast.Module:
    """The statements of a program, whose indents count; Unreadable where there are none to be had."""
    return _parsed(text, lines(text), limits, lines(text))


def _parsed(text: str, rows: list[str], limits: Limits, read: list[str]) -> ast.Module:
    """The tree of the lines `read`, which are `rows` with or without their indents."""
    if len(text) > limits.characters:
        raise Unreadable(f"{len(text):,} characters", f"at most {limits.characters:,}")
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > limits.brackets:
            raise Unreadable(f"brackets are nested deeper than {limits.brackets}")
    for number, row in enumerate(rows, 1):
        if found := _long_number(row, limits.digits):
            raise Unreadable(f"a number of more than {limits.digits:,} digits", "", number, found)
    try:
        with _ALONE, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse("\n".join(read))
    except SyntaxError as problem:
        line = min(problem.lineno or 1, len(rows))
        column = max(problem.offset or 1, 1) + len(rows[line - 1]) - len(read[line - 1])
        raise Unreadable(*misspelt(rows[line - 1], column, problem.msg, limits.example), line, column) from None
    except (ValueError, MemoryError, RecursionError):
        raise Unreadable("too deep, or signs that no text has", "", 1, 1) from None
    if sum(1 for _ in ast.walk(tree)) > limits.parts:
        raise Unreadable(f"more than {limits.parts:,} parts")
    return tree


def _long_number(line: str, digits: int) -> int:
    """The column, from 1, of a number with more digits than that; 0 where there is none."""
    if len(line) <= digits:
        return 0
    found = re.search(rf"(?<![A-Za-z_])[0-9][0-9A-Fa-f_xob]{{{digits},}}", line)
    return found.start() + 1 if found else 0


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
