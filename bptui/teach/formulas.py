"""Expressions of a lesson: the debugger's, and `new(NAME)`, `time(forward)`, `count(values)`, `products(backward)`,
and what `::let` keeps; asked of a whole training step."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Literal, NamedTuple

import numpy as np

from bptui.model.base import numbers, syntax
from bptui.model.base.errors import UserError
from bptui.model.base.types import Array
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.expressions import grammar
from bptui.model.debugger.expressions.functions import FUNCTIONS
from bptui.model.debugger.hidden import Hidden
from bptui.model.debugger.hidden import Target as Masked
from bptui.model.debugger.lines import kind as kind_of
from bptui.model.debugger.session import Session
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.masked import Kind
from bptui.model.engine.recording import Key, Recording
from bptui.model.engine.state import Gradient, State
from bptui.model.source.network import Network
from bptui.teach import costs

Of = Literal["value", "gradient", "new"]
MOST_HIDDEN = 10_000
"""Numbers that are hidden one by one; where it would be more, all of their tensor is."""


class Kept(NamedTuple):
    """A number that `::let` keeps, and its colour."""

    number: Array
    style: str


class Target(NamedTuple):
    """A number of the network that an expression is: of which node, what of it, and where.

    at     as long as the node has axes, None along an axis for all of it; () for the whole tensor
    """

    node: Node
    of: Of
    at: tuple[int | None, ...] = ()

    @property
    def element(self) -> tuple[int, ...] | None:
        """The index of the one element that it is; None where it is several."""
        if not self.at and math.prod(self.node.shape) == 1:
            return (0,) * len(self.node.shape)
        if len(self.at) != len(self.node.shape) or any(i is None for i in self.at):
            return None
        return tuple(i for i in self.at if i is not None)

    @property
    def hides(self) -> Hidden:
        """The numbers that are not to be seen, where it is hidden."""
        kind: Kind = "update" if self.of == "new" else self.of
        ranges = [range(n) if i is None else (i,) for i, n in zip(self.at, self.node.shape, strict=False)]
        if all(i is None for i in self.at) or math.prod(map(len, ranges)) > MOST_HIDDEN:
            return frozenset({Masked(self.node.name, kind)})
        return frozenset(Masked(self.node.name, kind, element) for element in product(*ranges))

    def meets(self, other: Target) -> bool:
        """Do the two have a number in common?"""
        pairs = zip(self.at, other.at, strict=False)
        return (self.node.id, self.of) == (other.node.id, other.of) and all(
            a is None or b is None or a == b for a, b in pairs
        )


class Ahead(State):
    """A training step as it stands at a Moment; what is not there yet as it will be, so that a page may ask for a
    number before the Moment that computes it. A parameter is what it was before this step's update, at all Moments:
    `new(NAME)` is what it becomes."""

    __slots__ = ()

    def value(self, node: Key) -> Array | None:
        if self.recording.graph.nodes[self.recording.id(node)].role == "param":
            return self.recording.value(node)
        found = super().value(node)
        return self.recording.value(node) if found is None else found

    def gradient(self, node: Key) -> Gradient:
        found = super().gradient(node)
        whole = self.recording.grad(node) if found.array is None else None
        return found if whole is None else Gradient(whole, found.total, found.total)


class More(Mapping[str, Array]):
    """The names that a lesson adds to the debugger's: `new(layer1.weight)`, `time(forward)` and what was kept."""

    def __init__(self, network: Network, recording: Recording, kept: Mapping[str, Kept]) -> None:
        self._network, self._recording, self._kept = network, recording, kept
        self._after = {f"new({node.name})": node for node in recording.graph.params}

    def __getitem__(self, name: str) -> Array:
        if name in self._kept:
            return self._kept[name].number
        if name in costs.NAMES:
            return self._times[name]
        found = self._recording.after(self._after[name])
        if found is None:
            raise expressions.NotYet(name)
        return np.asarray(found, dtype=np.float64)

    @cached_property
    def _times(self) -> Mapping[str, Array]:
        """Timed once, so that a page that is drawn again says the same."""
        return {name: np.asarray(float(number)) for name, number in costs.costs(self._network).items()}

    def __contains__(self, name: object) -> bool:
        return name in self._kept or name in self._after or name in costs.NAMES

    def __iter__(self) -> Iterator[str]:
        return iter((*self._kept, *self._after, *costs.NAMES))

    def __len__(self) -> int:
        return len(self._kept) + len(self._after) + len(costs.NAMES)


class Formulas:
    """Evaluates in a session, at the Moment where that stands when it is made; each expression once, however often the
    page is drawn."""

    def __init__(self, session: Session, kept: Mapping[str, Kept]) -> None:
        self.kept = kept
        self.recording = session.recorded
        self._node, self._tick = session.node, session.progress.tick
        self.graph: Graph = session.graph
        self.more = More(session.network, self.recording, kept)
        self.state = Ahead(self.recording, session.cursor)
        self._parsed: dict[str, expressions.Expression] = {}
        self._values: dict[str, Array] = {}

    def parse(self, text: str) -> expressions.Expression:
        """The expression of a text, as `check` has it."""
        if text not in self._parsed:
            self._parsed[text] = check(text, self.graph, self.more)
        return self._parsed[text]

    def value(self, text: str) -> Array:
        """Its number or numbers. UserError where there are none."""
        if text not in self._values:
            self._values[text] = self._evaluated(self.parse(text))
        return self._values[text]

    def _evaluated(self, expression: expressions.Expression) -> Array:
        try:
            found = expression.evaluate(self.state, self._node, self._tick)
        except expressions.NotYet as missing:
            raise UserError("", f"{missing} is not recorded", "a number of this training step") from None
        except UserError as error:
            raise UserError("", error.what, error.right) from None
        return np.asarray(found)

    def number(self, text: str) -> float:
        """Its one number; UserError where it is several."""
        found = self.value(text)
        if found.size != 1:
            raise UserError("", f"it is {found.size} numbers, {numbers.shape(found.shape)}", f"one, as {text}[0,0]")
        return float(found.reshape(-1)[0])

    def style(self, text: str) -> str:
        """The colour of its number: that of its kind."""
        expression = self.parse(text)
        if (target := target_of(expression)) is not None:
            return {"gradient": "gradient", "new": "parameter"}.get(target.of) or kind_of(target.node)
        if isinstance(expression.tree, ast.Name) and expression.tree.id in self.kept:
            return self.kept[expression.tree.id].style
        reads = {what for what, _ in expression.reads}
        if reads & {"grad", "upstream"}:
            return "gradient"
        return "value" if "value" in reads or "new(" in text else "text"

    def keep(self, text: str) -> Kept:
        """What `::let` keeps of an expression."""
        return Kept(np.asarray(self.number(text)), self.style(text))

    def target(self, text: str) -> Target | None:
        """The number of the network that an expression is, None for one that is computed from others."""
        return target_of(self.parse(text))

    def all_numbers(self, most: int = 200) -> Iterator[tuple[str, float]]:
        """The numbers of small tensors of this step by their expressions: values, gradients, new parameters."""
        for name, node in self.graph.by_name.items():
            kinds = [(name, self.state.value(node)), (f"grad({name})", self.state.gradient(node).array)]
            if node.role == "param":
                kinds.append((f"new({name})", self.recording.after(node)))
            for text, array in kinds:
                if array is not None and array.size <= most:
                    for at in np.ndindex(array.shape):
                        shown = f"{text.removesuffix(')')}{numbers.index(at)}{')' if text.endswith(')') else ''}"
                        yield shown, float(array[at])

    def names(self, expression: expressions.Expression, asked: Target) -> bool:
        """Does an expression name (some of) a number of the network?"""
        stack: list[ast.AST] = [expression.tree]
        while stack:
            part = stack.pop()
            found = target_of(replace(expression, tree=part)) if isinstance(part, ast.expr) else None
            if found is None:
                stack += ast.iter_child_nodes(part)
            elif found.meets(asked):
                return True
        return False


def known_names(graph: Graph) -> frozenset[str]:
    """Every name that an expression over a graph may hold, without what a lesson keeps."""
    ours = ("new", *costs.FUNCTIONS, *costs.PASSES, *costs.THINGS)
    return frozenset((*graph.by_name, *grammar.SPECIAL, *grammar.TRUTH, *FUNCTIONS, *ours))


def check(text: str, graph: Graph, more: Mapping[str, Array]) -> expressions.Expression:
    """The expression of a text. UserError (without a place) for a name that is nothing here, an index that is outside,
    and whatever else is no expression."""
    expression = _named(text, graph, more)
    for part in ast.walk(expression.tree):
        if isinstance(part, ast.Subscript):
            _check_index(part, graph)
    return expression


def _named(text: str, graph: Graph, more: Mapping[str, Array]) -> expressions.Expression:
    try:
        tree = syntax.parse(text, syntax.EXPRESSION)
    except syntax.Unreadable as problem:
        raise UserError("", problem.what, problem.right) from None
    known = known_names(graph)
    for name in _names(tree):
        rest, _, last = name.rpartition(".")
        if name in known or name in more or (rest in known and last in (*FUNCTIONS, *grammar.DOTTED)):
            continue
        near = difflib.get_close_matches(name[:64], [*graph.by_name, *more], n=1, cutoff=0.5)
        raise UserError("", f"no node is called '{name[:40]}'", "".join(near))
    for part in ast.walk(tree):
        if isinstance(part, ast.Call) and grammar.dotted(part.func) == "new" and len(part.args) == 1:
            of = part.args[0].value if isinstance(part.args[0], ast.Subscript) else part.args[0]
            name = grammar.dotted(of) or ""
            if f"new({name})" not in more:
                params = ", ".join(node.name for node in graph.params[:4])
                raise UserError("", f"new({name[:40]}) is of no parameter", params or "nothing is trained")
    try:
        return expressions.parse(text, graph, more)
    except UserError as error:
        raise UserError("", error.what, error.right) from None


def _names(tree: ast.AST) -> Iterator[str]:
    """The dotted names of an expression, whole."""
    stack = [tree]
    while stack:
        part = stack.pop()
        name = grammar.dotted(part)
        if name is not None:
            yield name
        else:
            stack += reversed(list(ast.iter_child_nodes(part)))


def _indexed(part: ast.Subscript, graph: Graph) -> Node | None:
    """The node that an index is of: that of `w[0,1]`, `grad(w)[0,1]`, `new(w)[0,1]`."""
    inner = part.value
    if isinstance(inner, ast.Call) and grammar.dotted(inner.func) == "grad" and len(inner.args) == 1:
        inner = inner.args[0]
    name = grammar.dotted(inner) or ""
    return graph.by_name.get(name[4:-1] if name.startswith("new(") else name)


def _parts(part: ast.Subscript) -> list[ast.expr]:
    return list(part.slice.elts) if isinstance(part.slice, ast.Tuple) else [part.slice]


def _check_index(part: ast.Subscript, graph: Graph) -> None:
    """Is the index of a node inside of it?"""
    node, at = _indexed(part, graph), _parts(part)
    if node is None:
        return
    if len(at) > len(node.shape):
        what = f"{node.name} has {len(node.shape)} axes, the index has {len(at)}"
        raise UserError("", what, numbers.shape(node.shape))
    for axis, (each, size) in enumerate(zip(at, node.shape, strict=False)):
        i = _whole(each)
        if i is not None and not -size <= i < size:
            raise UserError("", f"index {i} is outside axis {axis}", f"0 to {size - 1}")


def _whole(tree: ast.expr) -> int | None:
    """The whole number that stands there, None for anything else."""
    sign = -1 if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) else 1
    inner = tree.operand if isinstance(tree, ast.UnaryOp) else tree
    return sign * inner.value if isinstance(inner, ast.Constant) and type(inner.value) is int else None


def target_of(expression: expressions.Expression) -> Target | None:
    """`layer1.z[0,1]`, `grad(layer1.z)`, `new(layer1.weight[0,0])` as a number of the network; None for others."""
    tree, graph = expression.tree, expression.graph
    index: tuple[int | None, ...] = ()
    if isinstance(tree, ast.Subscript):
        index = tuple(None if isinstance(part, ast.Slice) else _whole(part) for part in _parts(tree))
        tree = tree.value
    if isinstance(tree, ast.Call) and grammar.dotted(tree.func) == "grad" and len(tree.args) == 1:
        name, of = grammar.dotted(tree.args[0]), "gradient"
    else:
        name, of = grammar.dotted(tree), "value"
        if name and name.startswith("new(") and name in expression.more:
            name, of = name[4:-1], "new"
    node = graph.by_name.get(name or "") or (graph.nodes[graph.loss] if name == "loss" else None)
    if node is None or len(index) > len(node.shape):
        return None
    index = tuple(i if i is None or i >= 0 else i + size for i, size in zip(index, node.shape, strict=False))
    return Target(node, of, (*index, *(None,) * (len(node.shape) - len(index))) if index else ())  # type: ignore[arg-type]


def hidden(text: str, graph: Graph, more: Mapping[str, Array]) -> Target:
    """What `::hide EXPR` hides. An index of fewer parts than the node has axes is one of its last axes: `layer1.z[1]`
    is unit 1 of every sample. UserError for what is no number of the network."""
    expression = _named(text, graph, more)
    tree = expression.tree
    if isinstance(tree, ast.Subscript) and (node := _indexed(tree, graph)) is not None:
        missing = [ast.Slice() for _ in range(len(node.shape) - len(_parts(tree)))]
        tree = ast.Subscript(tree.value, ast.Tuple([*missing, *_parts(tree)]))
        _check_index(tree, graph)
    found = target_of(replace(expression, tree=tree))
    if found is None:
        raise UserError("", "it is no number of the network", "NAME[i,j], grad(NAME[i,j]) or new(NAME[i,j])")
    return found
