"""Where a part of a formula stands, and what is said of one that is wrong."""

from __future__ import annotations

import ast
from typing import NoReturn

from bptui.model.base import hints, syntax
from bptui.model.base.errors import UserError
from bptui.model.engine import ops
from bptui.model.engine.build import Builder
from bptui.model.engine.ops.base import Composite, Op
from bptui.model.source.operators import defines

MAX_NAME = 64


class ReadAsIndex(Exception):
    """A given value that was read as numbers before names labels or positions: `argmax(z) == labels`, and then
    `cross_entropy(z, labels)`. The formula is read again, with whole numbers under this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Mistakes:
    """The part of a formula's Reader that tells them."""

    builder: Builder
    lines: list[str]

    def name(self, node: ast.Name) -> str:
        """A name that may be shown and kept."""
        if len(node.id) > MAX_NAME or node.id.startswith("__"):
            self.fail(node, f"the name '{node.id[:MAX_NAME]}' is not allowed")
        return node.id

    def at(self, node: ast.AST) -> tuple[int, int]:
        """Line and column of a part, from 1. Python counts the bytes of a line, people its characters."""
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        before = text.lstrip().encode()[:offset].decode(errors="ignore")
        return line, syntax.indent(text) + len(before) + 1

    def refuse(self, node: ast.AST, where: str, otherwise: str = "") -> NoReturn:
        """A UserError for a part of Python that formulas do not have."""
        right = "write = for ==" if defines(node) else hints.KINDS.get(type(node).__name__, otherwise)
        self.fail(node, f"{syntax.kind(node)} is not allowed{where}", right)

    def calls(self) -> dict[str, str]:
        """Every operation, and how it is called."""
        operations: dict[str, Op | Composite] = {**ops.COMPOSITES, **ops.OPS, **self.builder.own}
        return {n: f"{n}({', '.join(i for i in op.inputs if not i.endswith('?'))})" for n, op in operations.items()}

    def fail(self, node: ast.AST, what: str, right: str = "") -> NoReturn:
        """A UserError at this part."""
        raise UserError(self.builder.place(self.at(node)), what, right)
