"""What stands in a formula without being computed: numbers, settings of operations, entries of an index."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any

from bptui.model.base import syntax
from bptui.model.base.printable import clipped
from bptui.model.source.mistakes import MAX_NAME, Mistakes
from bptui.model.source.operators import INFINITY

MAX_DIGITS = 15

SETTINGS = "a number, a text, True, False, None or a list of them"


class Literals(Mistakes):
    """The part of a formula's Reader that reads them."""

    if TYPE_CHECKING:
        known: dict[str, Any]

        def expression(self, node: ast.expr, depth: int, name: str | None = None) -> Any: ...

    def item(self, node: ast.expr) -> Any:
        """One entry of an index: a whole number, a slice, None or `...`."""
        if isinstance(node, ast.Slice):
            bounds = [None if bound is None else self.literal(bound) for bound in (node.lower, node.upper, node.step)]
            for bound in bounds:
                if bound is not None and type(bound) is not int:
                    self.fail(node, "a slice has whole numbers", "for example x[1:, ::2]")
            return slice(*bounds)
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return Ellipsis
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        value = self.literal(node)
        if type(value) is not int:
            self.fail(node, "an index has whole numbers, slices, lists, None and ...", "for example x[1:, ::2]")
        return value

    def literal(self, node: ast.expr, depth: int = 0, right: str = SETTINGS) -> Any:
        """A setting: number, text, True, False, None, or a list of them. `right`: what is said where it is none."""
        if depth > 4:
            self.fail(node, "nested deeper than 4 lists")
        if isinstance(node, ast.List | ast.Tuple):
            return tuple(self.literal(item, depth + 1) for item in node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            signed = self.literal(node.operand, depth + 1)
            if isinstance(signed, bool) or not isinstance(signed, int | float):
                self.fail(node, "only numbers have a sign")
            return -signed if isinstance(node.op, ast.USub) else signed
        if isinstance(node, ast.Constant):
            if node.value is None or isinstance(node.value, bool):
                return node.value
            if isinstance(node.value, str) and len(node.value) <= MAX_NAME:
                return node.value
            number = self.constant(node)
            return node.value if isinstance(node.value, int) else number
        value = self.expression(node, depth) if isinstance(node, ast.BinOp) else None
        if isinstance(node, ast.Name):
            value = self.known.get(node.id, math.inf if node.id == INFINITY else None)
        if isinstance(value, float):
            return int(value) if value.is_integer() else value
        self.fail(node, f"a setting cannot be {syntax.kind(node)}", right)

    def constant(self, node: ast.Constant) -> float:
        """A number."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(node, f"{'...' if value is Ellipsis else clipped(repr(value), 24)} is not a number")
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            self.fail(node, f"a whole number has more than {MAX_DIGITS} digits", "write it as 1e20")
        if isinstance(value, float) and value - value != 0:
            self.fail(node, "the number is too large for float64")
        return float(value)
