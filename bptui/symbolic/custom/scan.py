"""What a definition of one's own speaks of: its tensors, their ranks, which hold whole numbers, and its settings.

Operations that are built in say this in their row; here it is read off the text, and what does not fit is told with its
column.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from typing import NoReturn

from bptui.model.base.errors import UserError
from bptui.symbolic.formula.parse import FUNCTIONS, INDEX, REDUCTIONS, SIZE
from bptui.symbolic.formula.text import placed
from bptui.symbolic.formula.tree import MATRICES

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
MAX_INPUTS = 8
MAX_WEIGHT = 1_000
"""Parts of a statement when `max(a, b)` is written out as `a if a >= b else b`: terms double at each level."""


class Scan:
    """One walk over the syntax tree of a text whose notation has been checked.

    tensors  inputs in the order of the text, with their ranks (0 for bare names);  integers  those that hold integers
    integer_settings  settings that stand in an index or a range;  elementwise  no indices at all
    rank     of the output;  functions  that are called;  kinks  is there a choice, an abs, a max
    culprit  line and column of what has no derivative, for messages;  sizes  those of sizes, by name
    """

    def __init__(
        self, text: str, module: ast.Module, where: str, settings: Collection[str], whole: Collection[str] = ()
    ) -> None:
        """whole: inputs that hold whole numbers, where that is known and need not be read off the text."""
        self.text, self.where, self.settings, self.whole = text, where, settings, whole
        self.tensors: dict[str, int] = {}
        self.integers: list[str] = []
        self.integer_settings: list[str] = []
        self.functions: set[str] = set()
        self.kinks = False
        self.rank = 0
        self.culprit = (1, 1)
        self.sizes: dict[str, tuple[int, int]] = {}
        self._used: set[str] = set()
        self._helpers: set[str] = set()
        self._first: dict[str, tuple[int, int]] = {}
        parts = list(ast.walk(module))
        loops = [n.target for n in parts if isinstance(n, ast.comprehension)]
        self._bound = {target.id for target in loops if isinstance(target, ast.Name)}
        self.elementwise = not any(isinstance(n, ast.Subscript | ast.comprehension) for n in parts)
        for statement in module.body:
            assert isinstance(statement, ast.Assign)
            target = statement.targets[0]
            indices: list[str] = []
            self.rank = 0
            if isinstance(target, ast.Subscript):
                items = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
                indices = [i.id for i in items if isinstance(i, ast.Name)]
                self.rank = len(items)
                self._bound |= set(indices)
            base = target.value if isinstance(target, ast.Subscript) else target
            assert isinstance(base, ast.Name)
            self._walk(statement.value, frozenset(indices), False)
            self._helpers.add(base.id)
        for n in module.body:
            if _weight(n) > MAX_WEIGHT:
                self.fail(n, "max and min are nested too deep", "a helper: m = max(a, b); y = max(m, c)")
        self._culprit(parts)
        for name in settings:
            if name not in self._used:
                raise UserError(where, f"the setting '{name}' is not in the definition", "leave it out")
        if not self.tensors:
            self.fail(module.body[-1], "there is no input in it", "as x in y = x/(1 + exp(-x))")
        if len(self.tensors) > MAX_INPUTS:
            raise UserError(where, f"{len(self.tensors)} inputs", f"at most {MAX_INPUTS}")
        self.tensors = {name: self.tensors[name] for name in sorted(self.tensors, key=lambda name: self._first[name])}

    def fail(self, node: ast.AST, what: str, right: str = "") -> NoReturn:
        """A UserError at this part."""
        place = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        raise placed(self.where, self.text, place, what, right)

    def _walk(self, node: ast.AST, indices: frozenset[str], in_index: bool) -> None:
        match node:
            case ast.Name():
                self._name(node, indices, in_index)
            case ast.Subscript(value=ast.Name(id=base), slice=inner):
                items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                if base not in self._helpers:
                    self._tensor(node, base, len(items))
                if base in self.whole:
                    self._integer(node)
                for item in items:
                    self._index(item, indices)
            case ast.Subscript():
                pass  # x.shape[0]
            case ast.Call(func=ast.Name(id=function)) if function in MATRICES:
                what = f"{function} is of a whole matrix, which an operation of your own cannot be"
                self.fail(node, what, "inv, solve, det, logdet, cholesky in the formula around it")
            case ast.Call(func=ast.Name(id=function), args=[ast.GeneratorExp() as generator]):
                self.functions.add(function)
                for loop in generator.generators:
                    assert isinstance(loop.target, ast.Name)
                    spans = loop.iter.args if isinstance(loop.iter, ast.Call) else [loop.iter]
                    for part in spans:
                        self._walk(part, indices, True)
                    indices = indices | {loop.target.id}
                    for test in loop.ifs:
                        self._walk(test, indices, False)
                self._walk(generator.elt, indices, in_index)
            case ast.Call(func=ast.Name(id=function), args=arguments):
                self.functions.add(function)
                for part in arguments:
                    self._walk(part, indices, in_index)
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                whole = any(isinstance(other, ast.Name) and other.id in indices for other in sides)
                for part in sides:  # labels[i] == j: what is compared with an index is a whole number
                    if whole and isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
                        self._integer(part)
                    self._walk(part, indices, in_index)
            case ast.BinOp(op=ast.FloorDiv() | ast.Mod()) if not in_index and self._reads(node):
                self.fail(node, "// and % are for indices", "floor(x) of a value")
            case _:
                for child in ast.iter_child_nodes(node):
                    self._walk(child, indices, in_index)

    def _name(self, node: ast.Name, indices: frozenset[str], in_index: bool) -> None:
        name = node.id
        if SIZE.match(name):
            self.sizes.setdefault(name, (node.lineno, node.col_offset + 1))
            return
        if name in indices or name in self._helpers or name == "pi":
            return
        if name in self.settings:
            self._used.add(name)
            if in_index and name not in self.integer_settings:
                self.integer_settings.append(name)
            return
        if name in FUNCTIONS or name in REDUCTIONS or not NAME.match(name):
            return  # the parser says what is wrong with it
        if name in self.whole:
            if name not in self.integers:
                self.integers.append(name)
            self._tensor(node, name, 0)
            return
        if INDEX.match(name) and (in_index or name in self._bound):
            right = f"put it on the left, or sum(… for {name} in {name.upper()})"
            self.fail(node, f"the index '{name}' is not bound", right)
        if in_index:
            self.fail(node, f"'{name}' in an index is neither an index nor a setting", "a setting: name = 2")
        self._tensor(node, name, 0)

    def _index(self, item: ast.AST, indices: frozenset[str]) -> None:
        """One index of an element: `i`, `2*i + k`, or a tensor of whole numbers alone."""
        if isinstance(item, ast.Subscript) and isinstance(item.value, ast.Name):
            self._integer(item)
            self._walk(item, indices, False)
            return
        for part in ast.walk(item):
            if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
                self.fail(part, "a tensor in an index stands alone", "table[labels[i]]")
        self._walk(item, indices, True)

    def _tensor(self, node: ast.Name | ast.Subscript, name: str, rank: int) -> None:
        place = (node.lineno, node.col_offset)
        if name in self.settings:
            self.fail(node, f"'{name}' is a setting, a number", f"write {name} without indices")
        if self.tensors.setdefault(name, rank) != rank:
            self.fail(node, f"'{name}' has {rank} indices here and {self.tensors[name]} before")
        self._first[name] = min(self._first.get(name, place), place)

    def _integer(self, node: ast.Subscript) -> None:
        assert isinstance(node.value, ast.Name)
        if node.value.id in self._helpers:
            self.fail(node, f"'{node.value.id}' is computed and cannot be an index", "an input of whole numbers")
        if node.value.id not in self.integers:
            self.integers.append(node.value.id)

    def _reads(self, node: ast.AST) -> bool:
        """Does it take numbers from a tensor?"""
        known = {*self.settings, *self._bound}
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return any(isinstance(n, ast.Subscript) for n in ast.walk(node)) or any(
            NAME.match(name) and name not in known and name not in FUNCTIONS for name in names
        )

    def _culprit(self, parts: list[ast.AST]) -> None:
        """Where there is a kink or a step."""
        steps = ("floor", "sign", "round", "float32", "float16", "bfloat16", "detach")
        for n in parts:
            called = n.func.id if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) else ""
            self.kinks |= isinstance(n, ast.IfExp) or called in (*steps, "abs", "max", "min")
        for n in parts:
            called = n.func.id if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) else ""
            if called in steps or isinstance(n, ast.IfExp):
                self.culprit = (n.lineno, n.col_offset + 1)  # type: ignore[attr-defined]
                return


def _weight(node: ast.AST) -> int:
    """Parts of a formula with `max` and `min` written out."""
    parts = [_weight(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min"):
        *rest, best = parts[1:] or [1]
        for part in reversed(rest):
            best = 2 * (part + best)
        return best
    return 1 + sum(parts)
