"""A claim about a gradient, read: `w = -2*x*(y - w*x)`, `W = x.T @ (p - y)`, `w[i,j] = sum(x[n,i]*d[n,j] for n in N)`.

The right side is a formula, read as those of networks are (`bptui.model.source.formula`), or, where it speaks of
indices, as a definition (docs/definitions.md). Nothing is executed: both readers walk a syntax tree over a whitelist.
It may name every value of the step, `grad(NAME)` for another gradient, and N for the number of samples.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptui.model.base import syntax
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.engine.arrays import shape_text
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.maps import binary
from bptui.model.engine.probe import Probe, wide
from bptui.model.engine.recording import Recording
from bptui.model.source import formula
from bptui.model.source.formula import read
from bptui.symbolic.formula import numeric
from bptui.symbolic.formula import parse as definitions
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.parse import INDEX, SIZE, Names

EXAMPLE = 'write w = -2*x*(y - w*x), or "w[i,j] = sum(x[n,i]*d[n,j] for n in N)"'
LIMITS = syntax.Limits(characters=2_000, parts=400, digits=300)
_LEFT = (
    re.compile(r"(?:grad|g)\s*\(\s*(?P<name>[^()]+?)\s*\)"),
    re.compile(r"(?:d|∂)\w*\s*/\s*(?:d|∂)\s*(?P<name>[\w.]+(?:\[.*\])?)"),
    re.compile(r"(?P<name>[\w.]+)\.grad(?P<at>\[.*\])?"),
    re.compile(r"(?P<name>[\w.]+(?:\s*\[.*\])?)"),
)
"""How the left side may be written: grad(w), dL/dw, w.grad, w."""
_EQUALS = re.compile(r"^[^()]*?(?:\([^()]*\))?[^()]*?(?<![=<>!])=(?!=)")
"""The = between both sides: none inside of brackets, where keywords stand."""
SAMPLES = ("N", "n", "m", "B", "batch", "batch_size")


def _step(name: str, sign: str, test: Callable[[Any, Any], Any]) -> Op:
    """A comparison inside of a formula, `z > 0`, as an operation of 1 and 0; it has no derivative."""
    zero = (lambda g, y, a, b: g * 0, lambda g, y, a, b: g * 0)
    return binary(name, f"y = 1 if a {sign} b else 0", lambda a, b: np.where(test(a, b), 1, 0), zero, "1 or 0.",
                  fixed=("a", "b"), analytic=False)  # fmt: skip


COMPARED: Mapping[type[ast.cmpop], Op] = {
    ast.Gt: _step("above", ">", operator.gt), ast.GtE: _step("at_least", ">=", operator.ge),
    ast.Lt: _step("below", "<", operator.lt), ast.LtE: _step("at_most", "<=", operator.le),
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What a name of the claim stands for: a value of the network, or its gradient; or a number of it."""

    node: int = -1
    grad: bool = False
    number: float | None = None


@dataclass(frozen=True)
class Claim:
    """A claim about the gradient of `node`: of one `element`, or of all (None). `text` as it was written; `turned`: a
    square one is (out, in)."""

    text: str
    node: Node
    element: tuple[int, ...] | None
    right: ByArrays | ByIndex
    said: str = ""
    turned: bool = False

    def numbers(self, recording: Recording) -> Array:
        """What it says the gradient is at a step, in the shape of the gradient; a UserError where that is another."""
        return fitted(self._numbers(recording), () if self.element is not None else self.node.shape, self)

    @property
    def square(self) -> bool:
        """Does its shape leave open whether it is (in, out) or (out, in)?"""
        shape = self.node.shape
        return self.element is None and len(shape) == 2 and shape[0] == shape[1] > 1

    def single(self, recording: Recording) -> bool:
        """Does its right side give one number?"""
        return np.ndim(self._numbers(recording)) == 0

    def _numbers(self, recording: Recording) -> Array:
        arrays = {name: number_of(recording, source) for name, source in self.right.names.items()}
        with np.errstate(all="ignore"):
            return np.asarray(self.right.numbers(arrays), np.float64)

    def of(self, gradient: Array) -> Array:
        """The part of the gradient that it speaks of."""
        return np.asarray(gradient if self.element is None else gradient[self.element])


def number_of(recording: Recording, source: Source) -> Array:
    """The numbers of a name."""
    if source.number is not None:
        return np.asarray(source.number)
    node = recording.graph.nodes[source.node]
    return wide(np.asarray(recording.grad(node) if source.grad else recording.required(node)))


def fitted(found: Array, shape: tuple[int, ...], claim: Claim) -> Array:
    """The array in a shape: a single number everywhere, (out, in) turned, axes of 1 left out."""
    if found.shape == shape or found.shape == ():
        return np.broadcast_to(found, shape).T if claim.turned else np.broadcast_to(found, shape)
    if found.ndim == 2 and found.shape[::-1] == shape:
        return found.T
    if [n for n in found.shape if n != 1] == [n for n in shape if n != 1]:
        return found.reshape(shape)
    what = f"it is {shape_text(found.shape)}, and the gradient of {claim.node.name} is {shape_text(shape)}"
    raise UserError(f"claim '{claim.text[:60]}'", what, "the shape of what it is the gradient of")


@dataclass(frozen=True)
class ByArrays:
    """A formula over whole arrays: `x.T @ (p - y)`."""

    names: Mapping[str, Source]
    text: str

    def numbers(self, arrays: Mapping[str, Array]) -> Array:
        """The engine's own rows, one after the other."""
        graph = self.graph(arrays)
        known: dict[int, Array] = {}
        for node in graph.nodes[: self.last(graph) + 1]:
            if node.op is None:
                known[node.id] = np.asarray(node.value)
            else:
                known[node.id] = Probe(node, [known[i] for i in node.inputs]).forward().copy()
        return known[self.last(graph)]

    def last(self, graph: Graph) -> int:
        """The node that is the claim's right side."""
        return graph.by_name[CLAIM].id

    def graph(self, arrays: Mapping[str, Array]) -> Graph:
        """The formula with its numbers. Those that are not finite stand for any: only shapes are read from them."""
        given = {name: np.where(np.isfinite(a), a, 0.0) if a.dtype.kind == "f" else a for name, a in arrays.items()}
        graph = formula.parse(self.text, given, where="claim", operations={op.name: op for op in COMPARED.values()})
        if all(np.isfinite(a).all() for a in arrays.values()):
            return graph
        nodes = tuple(replace(n, value=np.asarray(arrays[n.name])) if n.name in arrays else n for n in graph.nodes)
        return replace(graph, nodes=nodes)


CLAIM = "claimed"
_DUMMY = "claimed_unit"


@dataclass(frozen=True)
class ByIndex:
    """A definition of one element: `sum(x[n,i]*d[n,j] for n in N)`."""

    names: Mapping[str, Source]
    lines: tuple[t.Statement, ...]
    shape: tuple[int, ...]

    def numbers(self, arrays: Mapping[str, Array]) -> Array:
        """All elements at once."""
        target = self.lines[-1].target
        letters = [i.name for i in target.index if isinstance(i, t.Name)] if isinstance(target, t.Element) else []
        grid = np.meshgrid(*map(np.arange, self.shape), indexing="ij") if letters else []
        known = numeric.sizes((self.lines[-1].value,), arrays, dict(zip(letters, self.shape, strict=False)))
        found = numeric.evaluate(self.lines[-1].value, arrays, dict(zip(letters, grid, strict=False)), known)
        return np.broadcast_to(np.asarray(found, np.float64), self.shape)


def parse(text: str, graph: Graph, recording: Recording) -> Claim:
    """A claim; a UserError where it is none, or speaks of what is not there."""
    text = " ".join(text.split())
    where = f"claim '{text[:60]}'"
    left, right = _sides(text, where)
    node, letters, element = _target(left, graph, where)
    if recording.grad(node) is None:
        raise UserError(where, f"{node.name} has no gradient", "a value that leads to the loss")
    tree = read(f"{CLAIM} = {right}", where)
    if len(tree.body) != 1:
        raise UserError(where, "is more than one formula", EXAMPLE)
    indexed = bool(letters) or any(isinstance(part, ast.GeneratorExp) for part in ast.walk(tree))
    bound = {*letters, *_bound(tree)}
    renamed = _Names(graph, bound, recording, where)
    tree = renamed.visit(tree)
    said = "; ".join(renamed.said)
    try:
        if indexed:
            return Claim(text, node, element, _by_index(tree, renamed, letters, node, recording, where), said)
        claim = Claim(text, node, element, _by_arrays(tree, renamed), said)
        claim.numbers(recording)
        return claim
    except UserError as problem:
        raise renamed.as_written(problem) from None


def named(text: str) -> bool:
    """Does the text say what it is a claim about?"""
    return _EQUALS.search(text) is not None


def _sides(text: str, where: str) -> tuple[str, str]:
    found = _EQUALS.search(text)
    if found is None or not found[0][:-1].strip() or not text[found.end() :].strip():
        raise UserError(where, "is not NAME = FORMULA", EXAMPLE)
    if len(text) > LIMITS.characters:
        raise UserError("claim", f"{len(text):,} characters", f"at most {LIMITS.characters:,}")
    return found[0][:-1].strip(), text[found.end() :].strip()


def _target(left: str, graph: Graph, where: str) -> tuple[Node, tuple[str, ...], tuple[int, ...] | None]:
    """The node of a left side, its index letters, or the one element that it speaks of."""
    name = left
    for pattern in _LEFT:
        if found := pattern.fullmatch(left):
            name = found["name"] + (found.groupdict().get("at") or "")
            break
    base, _, rest = name.partition("[")
    node = graph.by_name.get(base.strip())
    if node is None and re.fullmatch(r"d\w+", base) and base[1:] in graph.by_name:
        node = graph.by_name[base[1:]]
    if node is None:
        known = [n.name for n in graph.nodes if n.wants_grad]
        raise UserError(
            where, f"nothing is called '{base.strip()[:40]}'", did_you_mean(base, known, ", ".join(known[:8]))
        )
    parts = [part.strip() for part in rest.rstrip("] ").split(",")] if rest else []
    if all(INDEX.match(part) for part in parts):
        if parts and (len(parts) != len(node.shape) or len(set(parts)) < len(parts)):
            raise UserError(where, f"{node.name} has {len(node.shape)} axes", "an index letter for each, all different")
        return node, tuple(parts), None
    if len(parts) != len(node.shape) or not all(re.fullmatch(r"-?\d{1,9}", part) for part in parts):
        raise UserError(where, f"'[{rest[:40]}' is no element of {node.name}", f"{len(node.shape)} numbers or letters")
    at = tuple(int(part) + (size if part.startswith("-") else 0) for part, size in zip(parts, node.shape, strict=True))
    if not all(0 <= i < size for i, size in zip(at, node.shape, strict=True)):
        raise UserError(where, f"{node.name} has no element [{rest[:40]}", f"its shape is {shape_text(node.shape)}")
    return node, (), at


def _bound(tree: ast.AST) -> set[str]:
    return {
        loop.target.id
        for part in ast.walk(tree)
        if isinstance(part, ast.GeneratorExp)
        for loop in part.generators
        if isinstance(loop.target, ast.Name)
    }


class _Names(ast.NodeTransformer):
    """Puts a plain name in the place of each that the network has, and of each gradient; notes which is which."""

    def __init__(self, graph: Graph, bound: set[str], recording: Recording, where: str) -> None:
        self.graph, self.bound, self.recording, self.where = graph, bound, recording, where
        self.found: dict[str, Source] = {}
        self.said: list[str] = []
        self.plain: dict[Source, str] = {}

    def as_written(self, problem: UserError) -> UserError:
        """An error with the names as they were written."""
        back = {plain: self.called(source) for source, plain in self.plain.items()}

        def put(text: str) -> str:
            return re.sub(r"q\d+_", lambda found: back.get(found[0], found[0]), text)

        return UserError(put(problem.where), put(problem.what), put(problem.right))

    def called(self, source: Source) -> str:
        """How a source is written."""
        if source.number is not None:
            return significant(source.number)
        name = self.graph.nodes[source.node].name
        return f"grad({name})" if source.grad else name

    def name(self, source: Source) -> ast.Name:
        if source not in self.plain:
            self.plain[source] = f"q{len(self.plain)}_"
            self.found[self.plain[source]] = source
        return ast.Name(self.plain[source], ast.Load())

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.bound or node.id == CLAIM:
            return node
        if node.id in self.graph.by_name:
            return self.name(Source(self.graph.by_name[node.id].id))
        if node.id in ("lr", "eta"):
            return self.name(Source(number=float(self.recording.rate)))
        if node.id == "pi" or (SIZE.match(node.id) and node.id.lower() in self.bound):
            return node
        if node.id in SAMPLES and (count := self._samples()):
            self.said.append(f"{node.id} read as the {count} samples")
            return self.name(Source(number=float(count)))
        known = [each.name for each in self.graph.nodes if each.role != "const"]
        there = f"a value of the step: {', '.join(known[:8])}"
        right = did_you_mean(node.id, self.graph.by_name, there)
        raise UserError(self.where, f"nothing is called '{node.id[:40]}'", right)

    def _samples(self) -> int:
        """The length of axis 0 of what the loss compares."""
        shapes = [n.shape for n in self.graph.nodes if self.graph.loss in (c for c, _ in self.graph.consumers[n.id])]
        return next((shape[0] for shape in shapes if shape), 0)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        name = _dotted(node)
        if name is not None and name in self.graph.by_name:
            return self.name(Source(self.graph.by_name[name].id))
        if node.attr == "grad" and (inner := _dotted(node.value)) in self.graph.by_name:
            return self.name(self._gradient(str(inner)))
        if name is not None and node.attr != "T":
            known = [n.name for n in self.graph.nodes]
            raise UserError(self.where, f"nothing is called '{name[:40]}'", did_you_mean(name, known))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "grad" and len(node.args) == 1:
            name = _dotted(node.args[0])
            if name not in self.graph.by_name:
                raise UserError(self.where, "grad takes the name of a value", "grad(z)")
            return self.name(self._gradient(str(name)))
        node.args = [self.visit(part) for part in node.args]
        node.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        return node

    def _gradient(self, name: str) -> Source:
        node = self.graph.by_name[name]
        if self.recording.grad(node) is None:
            raise UserError(self.where, f"{name} has no gradient")
        return Source(node.id, grad=True)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        node.elt = self.visit(node.elt)
        for loop in node.generators:
            loop.ifs = [self._plainly(test) for test in loop.ifs]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if not self.bound:
            return ast.Call(
                ast.Name("where", ast.Load()), [self.visit(x) for x in (node.test, node.body, node.orelse)], []
            )
        return ast.IfExp(self._plainly(node.test), self.visit(node.body), self.visit(node.orelse))

    def _plainly(self, test: ast.expr) -> Any:
        """A condition where one belongs: only its names are replaced."""
        return ast.NodeTransformer.generic_visit(self, test)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """`z > 0` as a number, 1 or 0."""
        if self.bound or len(node.ops) != 1 or type(node.ops[0]) not in COMPARED:
            return self.generic_visit(node)
        sides = [self.visit(node.left), self.visit(node.comparators[0])]
        return ast.Call(ast.Name(COMPARED[type(node.ops[0])].name, ast.Load()), sides, [])


def _dotted(tree: ast.AST) -> str | None:
    if isinstance(tree, ast.Name):
        return tree.id
    before = _dotted(tree.value) if isinstance(tree, ast.Attribute) else None
    return None if before is None else f"{before}.{tree.attr}"  # type: ignore[attr-defined]


def _by_arrays(tree: ast.Module, names: _Names) -> ByArrays:
    """The formula, made a scalar at its end: the reader of formulas wants a loss."""
    text = f"{ast.unparse(ast.fix_missing_locations(tree))} + 0*{_DUMMY}\nsum({CLAIM})"
    found = dict(names.found)
    found[_DUMMY] = Source(number=0.0)
    return ByArrays(found, text)


def _by_index(
    tree: ast.Module, names: _Names, letters: Sequence[str], node: Node, recording: Recording, where: str
) -> ByIndex:
    statement = tree.body[0]
    assert isinstance(statement, ast.Assign)
    left = f"{CLAIM}[{', '.join(letters)}]" if letters else CLAIM
    text = f"{left} = {ast.unparse(ast.fix_missing_locations(statement.value))}"
    ranks = {name: np.ndim(number_of(recording, source)) for name, source in names.found.items()}
    whole = [n for n, s in names.found.items() if s.node >= 0 and recording.graph.nodes[s.node].whole]
    lines = definitions.parse(text, Names(ranks, whole), where)
    return ByIndex(names.found, lines, node.shape if letters else ())
