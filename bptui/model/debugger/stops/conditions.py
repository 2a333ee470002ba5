"""What is certain of an expression before any number is there: of what type it is, and from which Moment on it can have
a number. So that a stop which could never stop is refused where it is set, and none is asked where it cannot answer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.expressions.expression import Expression, quoted
from bptui.model.engine.graph import Node
from bptui.model.engine.state import Gradient
from bptui.model.engine.timeline import Timeline


class Named(NamedTuple):
    """What the names `step` and `lr` are."""

    step: int
    rate: float


class Outline:
    """Numbers that are all there, and all 0. An expression that is evaluated over it says
    whether its shapes fit, and what it is; it takes no memory for the numbers that it reads."""

    def __init__(self, branch: Branch) -> None:
        self.recording = Named(0, branch.network.optimizer.learning_rate)

    def value(self, node: Node) -> Array:
        """Zeros in the shape of the node."""
        return np.broadcast_to(np.float64(0), node.shape)

    def gradient(self, node: Node) -> Gradient:
        """The same, all of it in."""
        return Gradient(self.value(node), 1, 1)


def tried(expression: Expression, branch: Branch, node: Node) -> Array:
    """What the expression is at a node, where all numbers are 0: its shape and dtype are those that it will have.
    A UserError where the shapes do not fit, be it in what `and` or `or` would leave out."""
    outline = Outline(branch)
    for part in ast.walk(expression.tree):
        for operand in part.values if isinstance(part, ast.BoolOp) else ():
            Expression(expression.text, operand, expression.graph).evaluate(outline, node)
    return np.asarray(expression.evaluate(outline, node))


def fitting(expression: Expression, branch: Branch, nodes: Iterable[Node]) -> frozenset[int]:
    """Ids of the nodes at which a condition can be asked: its shapes fit there. A UserError where it is none at all: it
    fits nowhere, or is a number and not true or false."""
    by_shape: dict[tuple[int, ...], list[Node]] = {}
    for node in nodes:
        by_shape.setdefault(node.shape if _of_the_node(expression) else (), []).append(node)
    found: set[int] = set()
    wrong: UserError | None = None
    for same in by_shape.values():
        try:
            result = tried(expression, branch, same[0])
        except UserError as error:
            wrong = wrong or error
            continue
        if result.dtype != bool:
            raise UserError(quoted(expression.text), "it is a number, not true or false", "compare it: … > 0")
        if not _reads_anything(expression) and not result.any():
            raise UserError(quoted(expression.text), "it is never true", "a condition on value, grad, loss, step, …")
        found.update(node.id for node in same)
    if wrong is not None and not found:
        raise wrong
    return frozenset(found)


def needs(expression: Expression) -> frozenset[tuple[str, str]]:
    """What it cannot be evaluated without, as `Expression.reads`: not what `and` and `or` may leave out."""
    tree = _Certain().visit(deepcopy(expression.tree))
    return Expression(expression.text, tree, expression.graph).reads


def there_from(needed: Iterable[tuple[str, str]], timeline: Timeline, node: int = -1) -> int:
    """The first place of a training step at which all that is needed is there, for an expression that is asked about
    `node`, by its id; the length of the training step where something of it never is."""
    named = timeline.graph.called
    return max((_first(what, named[name].id if name else node, timeline) for what, name in needed), default=0)


def _first(what: str, node: int, timeline: Timeline) -> int:
    if what in ("value", "shape"):
        return timeline.written_at(node) if what == "value" else 0
    if not timeline.graph.nodes[node].wants_grad:
        return timeline.length
    arrivals = timeline.arrivals(node)
    if node == timeline.graph.loss or not arrivals:
        return timeline.seed_at
    return arrivals[0 if what == "grad" else -1].place


def _of_the_node(expression: Expression) -> bool:
    return any(not name for _, name in expression.reads)


def _reads_anything(expression: Expression) -> bool:
    names = {part.id for part in ast.walk(expression.tree) if isinstance(part, ast.Name)}
    return bool(expression.reads) or bool({"step", "lr"} & names)


class _Certain(ast.NodeTransformer):
    """Of `and` and `or` only what is evaluated in any case."""

    def visit_BoolOp(self, tree: ast.BoolOp) -> ast.AST:
        found: ast.AST = self.visit(tree.values[0])
        return found
