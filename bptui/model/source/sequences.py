"""`y, h, c = lstm(x, w_ih, w_hh, b_ih, b_hh)` in a formula: a recurrent cell over the positions of x, with the state in
the end."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import numpy as np

from bptui.model.engine import ops
from bptui.model.engine.build import Label
from bptui.model.engine.graph import Node
from bptui.model.engine.unrolled import Cells, State, over
from bptui.model.source.parts import Parts

if TYPE_CHECKING:
    from bptui.model.engine.build import Builder

RECURRENT = {"rnn": ("h0",), "gru": ("h0",), "lstm": ("h0", "c0")}
"""By the name of the function: what it starts from."""


def is_recurrent(node: ast.expr) -> bool:
    """Is it a call of one of them?"""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RECURRENT


class Sequences(Parts):
    """The part of a formula's Reader that unrolls cells."""

    if TYPE_CHECKING:
        builder: Builder

        def at(self, node: ast.AST) -> tuple[int, int]: ...

    def unrolled(self, targets: list[ast.expr], node: ast.Call) -> Node:
        """A name for all positions, one for the last h, of lstm one for the last c; `_` for one that is not wanted."""
        assert isinstance(node.func, ast.Name)
        word = node.func.id
        starts, op = RECURRENT[word], ops.COMPOSITES[f"{word}_cell"]
        example = f"write {', '.join(['y', *(start[0] for start in starts)])} = {word}(x, w_ih, w_hh, b_ih, b_hh)"
        if len(targets) != 1 + len(starts) or any(not isinstance(target, ast.Name) for target in targets):
            self.fail(node, f"{word} gives {1 + len(starts)} values", example)
        if not 3 <= len(node.args) <= 1 + len(op.inputs) - 1 - len(starts):
            self.fail(node, f"{word} has {len(node.args)} values", example)
        given: dict[str, Any] = {}
        for keyword in node.keywords:
            key = keyword.arg or "**"
            if key not in (*starts, "there", "reverse", *op.attributes) or key in given:
                self.fail(node, f"{word} has no setting '{key[:30]}'", f"{', '.join(starts)}, there, reverse")
            literal = key == "reverse" or key in op.attributes
            given[key] = self.literal(keyword.value) if literal else self.tensor(keyword.value, 1)
        x, *weights = (self.tensor(argument, 1) for argument in node.args)
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        prefix = next((name for name in names if name != "_"), word)

        def use(kind: str, *inputs: Any, name: str, symbol: str = "", **attributes: Any) -> Node:
            return self.use(node, kind, list(inputs), f"{prefix}.{name}", attributes)

        def start(key: str, size: int) -> Node:
            zeros = np.zeros((x.shape[0] if x.shape else 0, size))
            return given.get(key) or self.builder.leaf(Label(f"{prefix}.{key}", column=self.at(node)), "const", zeros)

        try:
            units, hidden = (*weights[1].shape, 0, 0)[:2]
            state = State(*(start(key, size) for key, size in zip(starts, (hidden, units // 4), strict=False)))
            settings = {key: given[key] for key in op.attributes if key in given}
            cells = Cells(use, op.name, weights, settings, bool(given.get("reverse")))
            out, end = over(cells, x, state, given.get("there"))
        except ValueError as problem:
            self.fail(node, f"{word}: {problem}", example)
        last: Node = out
        for target, value in zip(targets, (out, end.h, end.cell(use, "c_n")), strict=False):
            if isinstance(target, ast.Name) and target.id != "_":
                self.defines(self.new_name(target), value)
                last = value
        return last
