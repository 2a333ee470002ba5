"""A step as SymPy expressions, element by element: every value by its definition, every gradient by the chain rule.

A symbol stands for each element of each value (`layer1.a[0,1]`), also of those that are computed: the gradient is made
of local derivatives, which SymPy takes of the definitions, and what a symbol stands for is put in only where it has to
be. Sums are written out, so this is for small steps; the shapes are those of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from bptui.model.base.types import Array, Index
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.base import Op
from bptui.model.engine.recording import Recording
from bptui.symbolic.calculus.derive import derive
from bptui.symbolic.calculus.notation import FUNCTIONS, RELATIONS
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.numeric import sizes
from bptui.symbolic.formula.read import from_hint, from_text

Expr = Any
MOST = 4_000
"""Elements of all values of a step that are written out."""


class Beyond(Exception):
    """There is no expression for it: too large, or an operation that is not written out."""


class Place(NamedTuple):
    """What a symbol stands for: an element of a value or (`grad`) of ∂L/∂ it."""

    grad: bool
    node: int
    at: Index


class Elements:
    """The values and gradients of a recorded step as expressions. `fixed`: leaves that are numbers here, by id (labels,
    masks); `rows`: leaves whose last axis sums to 1, so that its last element is 1 less the others."""

    def __init__(self, recording: Recording, fixed: Sequence[int] = (), rows: Sequence[int] = ()) -> None:
        self.recording, self.graph = recording, recording.graph
        self.fixed, self.rows = frozenset(fixed), frozenset(rows)
        self.count = sum(int(np.prod(node.shape)) for node in self.graph.nodes)
        if self.count > MOST:
            raise Beyond("the step is too large to be written out")
        self.place: dict[Expr, Place] = {}
        self._made: dict[tuple[str, int], Array] = {}

    def _once(self, what: str, node: Node, make: Callable[[Node], Array]) -> Array:
        if (what, node.id) not in self._made:
            self._made[what, node.id] = make(node)
        return self._made[what, node.id]

    def symbols(self, node: Node) -> Array:
        """What stands for the elements of a value: symbols, of a constant the numbers."""
        return self._once("symbols", node, self._symbols)

    def _symbols(self, node: Node) -> Array:
        if node.op is None and (node.role in ("const", "random") or node.whole or node.id in self.fixed):
            value = self.recording.required(node)
            return _array(node.shape, lambda at: sp.Integer(int(value[at])) if node.whole else number(float(value[at])))
        found = self._named(node, False)
        if node.id in self.rows:
            found[..., -1] = 1 - found[..., :-1].sum(axis=-1)
        return found

    def _named(self, node: Node, grad: bool) -> Array:
        """A symbol for each element, and what it is the symbol of."""

        def name(at: Index) -> Expr:
            text = f"{node.name}[{','.join(map(str, at))}]" if at else node.name
            symbol = sp.Symbol(f"∂L/∂{text}" if grad else text, real=True)
            self.place[symbol] = Place(grad, node.id, at)
            return symbol

        return _array(node.shape, name)

    def upstream(self, node: Node) -> Array:
        """What stands for the elements of ∂L/∂node: symbols, 1 for the loss itself."""
        one = node.id == self.graph.loss
        return self._once(
            "upstream", node, lambda n: _array((), lambda _: sp.Integer(1)) if one else self._named(n, True)
        )

    def value(self, node: Node) -> Array:
        """What the elements of a computed value are, in symbols of its inputs."""
        return self._once("value", node, lambda n: outputs(n, [self.symbols(self.graph.nodes[i]) for i in n.inputs]))

    def gradient(self, node: Node) -> Array:
        """∂L/∂node: the sum of what each consumer adds, in symbols of ∂L/∂ the consumers and of values."""
        return self._once("gradient", node, self._gradient)

    def _gradient(self, node: Node) -> Array:
        if node.id == self.graph.loss:
            return self.upstream(node)
        found = _array(node.shape, lambda _: sp.Integer(0))
        own = {symbol: at for at, symbol in np.ndenumerate(self.symbols(node))}
        for consumer in dict.fromkeys(i for i, _ in self.graph.consumers[node.id]):
            user = self.graph.nodes[consumer]
            slope = self._slope(user)
            for (at, g), e in zip(np.ndenumerate(self.upstream(user)), self.value(user).flat, strict=True):
                for symbol in e.free_symbols & own.keys():
                    found[own[symbol]] += g * (_derivative(e, symbol) if slope is None else slope[at])
        return found

    def _slope(self, node: Node) -> Array | None:
        """The local derivative of an activation in its short form, a·(1 - a), where that was proved; None elsewhere."""
        op = node.op
        if not isinstance(op, Op) or not op.elementwise or len(op.inputs) > 1 or not isinstance(op.hint, str):
            return None
        signature = op.signature([node.shape], node.attributes)
        if not derive(signature, op.input_names[0], op).proof.proved:
            return None
        tensors = {op.input_names[0]: self.symbols(self.graph.nodes[node.inputs[0]]), "y": self.symbols(node)}
        helpers = from_text(op.define(signature))[:-1]
        line = t.Statement(t.Name("slope"), from_hint(op.hint))
        return by_definition((*helpers, line), tensors, node.shape, _plain(node), True)

    def inline(self, e: Expr, keep: Callable[[Place], bool]) -> Expr:
        """The expression with what its symbols stand for put in, but for those that are kept: gradients first, from
        the inputs on towards the loss, then values, from the loss on towards the inputs."""
        while True:
            waiting = {
                place
                for s in e.free_symbols
                if (place := self.place.get(s)) and not keep(place) and self._computed(place)
            }
            if not waiting:
                return e
            first = min(waiting, key=lambda p: (not p.grad, p.node if p.grad else -p.node))
            node = self.graph.nodes[first.node]
            array = self.gradient(node) if first.grad else self.value(node)
            same = [
                s for s in e.free_symbols if (p := self.place.get(s)) and (p.grad, p.node) == (first.grad, first.node)
            ]
            e = e.xreplace({s: array[self.place[s].at] for s in same})

    def _computed(self, place: Place) -> bool:
        return place.grad or self.graph.nodes[place.node].op is not None


def _array(shape: tuple[int, ...], make: Callable[[Index], Expr]) -> Array:
    """An array of expressions, of axes none too."""
    found = np.empty(shape, object)
    for at in np.ndindex(shape):
        found[at] = make(at)
    return found


def _derivative(e: Expr, symbol: Expr) -> Expr:
    found = sp.diff(e, symbol)
    if found.has(sp.DiracDelta, sp.Derivative, sp.Subs):
        raise Beyond("a derivative that is not a plain expression")
    return found


def _plain(node: Node) -> dict[str, Any]:
    """The attributes that are numbers."""
    return {k: v for k, v in node.attributes.items() if isinstance(v, int | float) and not isinstance(v, bool)}


def number(x: float) -> Expr:
    """A number as it is written: in decimals, or as a quotient of small whole numbers."""
    if not np.isfinite(x):
        raise Beyond("a number that is not finite")
    short = Fraction(x).limit_denominator(MOST)  # 2/3, which was worked out before it came here
    return sp.Rational(short.numerator, short.denominator) if float(short) == x else sp.Rational(repr(x))


def outputs(node: Node, inputs: Sequence[Array]) -> Array:
    """The elements of what a node computes, from those of its inputs, by its definition."""
    op = node.op
    assert op is not None
    if op.opaque:
        raise Beyond(f"{op.name} has no definition")
    signature = op.signature([a.shape for a in inputs], node.attributes)
    statements = from_text(op.define(signature))
    tensors = dict(zip(op.input_names, inputs, strict=False))
    return by_definition(statements, tensors, node.shape, _plain(node), op.elementwise)


def by_definition(
    statements: Sequence[t.Statement],
    tensors: Mapping[str, Array],
    shape: tuple[int, ...],
    attributes: Mapping[str, Any] | None = None,
    elementwise: bool = False,
) -> Array:
    """All elements of what a definition says, from those of its tensors."""
    letters = _letters(statements[-1], len(shape), elementwise)
    known = sizes(tuple(s.value for s in statements), tensors, dict(zip(letters, shape, strict=False)))
    walk = _Walk(tensors, known, attributes or {}, statements[:-1], elementwise)
    found = np.empty(shape, object)
    for at in np.ndindex(shape):
        found[at] = walk(statements[-1].value, dict(zip(letters, at, strict=True)), at)
    return found


def _letters(statement: t.Statement, rank: int, elementwise: bool) -> list[str]:
    if isinstance(statement.target, t.Element):
        return [i.name if isinstance(i, t.Name) else f"_{n}" for n, i in enumerate(statement.target.index)]
    return [f"_{n}" for n in range(rank)]


_FUNCTIONS: Mapping[str, Any] = {**FUNCTIONS, "abs": sp.Abs, "sign": sp.sign}


class _Walk:
    """A formula tree at one element, as an expression."""

    def __init__(
        self,
        tensors: Mapping[str, Array],
        size: Mapping[str, int],
        attributes: Mapping[str, Any],
        helpers: Sequence[t.Statement],
        elementwise: bool,
    ) -> None:
        self.tensors, self.size, self.attributes, self.elementwise = tensors, size, attributes, elementwise
        self.helpers = {s.target.base if isinstance(s.target, t.Element) else s.target.name: s for s in helpers}
        self.made: dict[tuple[str, tuple[Any, ...]], Expr] = {}

    def __call__(self, tree: t.Tree, env: Mapping[str, int], at: tuple[int, ...]) -> Expr:
        def walk(part: t.Tree) -> Expr:
            return self(part, env, at)

        match tree:
            case t.Number(value, text):
                return sp.Integer(value) if isinstance(value, int) else sp.Rational(text)
            case t.Name(name):
                return self.name(name, env, at)
            case t.Element(base, index):
                return self.element(base, [walk(i) for i in index], at)
            case t.Size(base, axis):
                return sp.Integer(np.shape(self.tensors[base])[axis])
            case t.Add(terms, minus):
                return sp.Add(*(-walk(x) if m else walk(x) for x, m in zip(terms, minus, strict=True)))
            case t.Mul(factors):
                return sp.Mul(*map(walk, factors))
            case t.Div(top, bottom, floor):
                return walk(top) // walk(bottom) if floor else walk(top) / walk(bottom)
            case t.Mod(top, bottom):
                return walk(top) % walk(bottom)
            case t.Power(base_, exponent):
                return walk(base_) ** walk(exponent)
            case t.Neg(of):
                return -walk(of)
            case t.Call("pi", ()):
                return sp.pi
            case t.Call("max" | "min" as which, arguments):
                return self.chosen(which, [walk(a) for a in arguments])
            case t.Call(function, arguments) if function in _FUNCTIONS:
                return _FUNCTIONS[function](*map(walk, arguments))
            case t.Reduction():
                return self.reduction(tree, env, at)
            case t.IfElse(condition, yes, no):
                test = walk(condition)
                if test in (sp.true, sp.false):
                    return walk(yes if test == sp.true else no)
                return sp.Piecewise((walk(yes), test), (walk(no), True))
            case t.Compare(sign, left, right):
                return RELATIONS[sign](walk(left), walk(right))
            case t.Logic("not", (part,)):
                return sp.Not(walk(part))
            case t.Logic(word, logic):
                return (sp.And if word == "and" else sp.Or)(*map(walk, logic))
            case t.Delta(left, right):
                return sp.Integer(1 if walk(left) == walk(right) else 0)
        raise Beyond(f"{type(tree).__name__} is not written out")

    def chosen(self, which: str, parts: list[Expr]) -> Expr:
        """The largest or smallest, ties to the first."""
        found = parts[0]
        for part in parts[1:]:
            found = sp.Piecewise((found, found >= part if which == "max" else found <= part), (part, True))
        return found

    def name(self, name: str, env: Mapping[str, int], at: tuple[int, ...]) -> Expr:
        if name in env:
            return sp.Integer(env[name])
        if name in self.helpers or name in self.tensors:
            return self.element(name, list(map(sp.Integer, at)) if self.elementwise else [], at)
        if name in self.size:
            return sp.Integer(self.size[name])
        if name in self.attributes:
            value = self.attributes[name]
            return sp.Integer(value) if isinstance(value, int) else number(value)
        if name == "pi":
            return sp.pi
        raise Beyond(f"'{name}' is not written out")

    def element(self, base: str, index: list[Expr], at: tuple[int, ...]) -> Expr:
        if not all(i.is_Integer for i in index):
            raise Beyond("an index that depends on numbers")
        if base in self.helpers:
            return self.helper(base, tuple(int(i) for i in index), at)
        array = self.tensors[base]
        place = [int(i) for i in index][len(index) - array.ndim :] if array.ndim else []
        where = tuple(min(max(i, 0), n - 1) for i, n in zip(place, array.shape, strict=True))
        return array[where]

    def helper(self, name: str, index: tuple[int, ...], at: tuple[int, ...]) -> Expr:
        if (name, index) not in self.made:
            statement = self.helpers[name]
            target = statement.target
            letters = (
                [i.name if isinstance(i, t.Name) else "_" for i in target.index]
                if isinstance(target, t.Element)
                else []
            )
            env = dict(zip(letters, index, strict=False))
            self.made[name, index] = self(statement.value, env, index if self.elementwise else at)
        return self.made[name, index]

    def reduction(self, tree: t.Reduction, env: Mapping[str, int], at: tuple[int, ...]) -> Expr:
        spans = []
        for r in tree.ranges:
            low = 0 if r.low is None else int(self(r.low, env, at))
            high = self.size[r.index.upper()] if r.high is None else int(self(r.high, env, at))
            spans.append(range(low, high))
        parts: list[Expr] = []
        for chosen in product(*spans):
            inner = {**env, **dict(zip((r.index for r in tree.ranges), chosen, strict=True))}
            tests = [self(c, inner, at) for c in tree.conditions]
            if any(test == sp.false for test in tests):
                continue
            if any(test != sp.true for test in tests):
                raise Beyond("a sum over a condition on numbers")
            parts.append(self(tree.body, inner, at))
        if tree.kind == "sum":
            return sp.Add(*parts)
        if tree.kind == "prod":
            return sp.Mul(*parts)
        if not parts:
            raise Beyond("the largest of nothing")
        return self.chosen(tree.kind, parts)
