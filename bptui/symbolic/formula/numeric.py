"""Numbers of a formula tree: vectorised NumPy over its indices.

This is what the tables and equations of a card are filled from, at once and without SymPy. The check does not use it:
there SymPy's own expressions are evaluated (`bptui.symbolic.calculus.evaluate`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from bptui.model.base.kinds import KINDS, rounded
from bptui.model.base.types import Array
from bptui.model.engine import matrices
from bptui.model.engine.ops.gamma import digamma, lgamma, of_order
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.tree import Tree, walk

Arrays = Mapping[str, Any]
Index = Mapping[str, Any]

_erf = np.frompyfunc(math.erf, 1, 1)
FUNCTIONS: Mapping[str, Any] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs, "sin": np.sin, "cos": np.cos, "tanh": np.tanh,
    "cosh": np.cosh, "sinh": np.sinh, "sign": np.sign, "floor": np.floor, "max": np.maximum, "min": np.minimum,
    "erf": lambda x: np.asarray(_erf(x), np.float64), "round": np.rint, "detach": np.positive,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "lgamma": lgamma, "digamma": digamma,
    "polygamma": of_order,
    **{name: partial(rounded, kind=kind) for name, kind in KINDS.items()},
}  # fmt: skip
COMPARE: Mapping[str, Any] = {
    ">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal, "==": np.equal, "!=": np.not_equal
}  # fmt: skip

_REDUCTIONS: Mapping[str, tuple[float, Any]] = {
    "sum": (0.0, np.sum), "prod": (1.0, np.prod), "max": (-np.inf, np.max), "min": (np.inf, np.min)
}  # fmt: skip


def sizes(trees: tuple[Tree, ...], arrays: Arrays, out: Mapping[str, int] | None = None) -> dict[str, int]:
    """Sizes by their letters (`K` for the index `k`), read off the axes where it stands alone; `out`: known ones."""
    found = {name.upper(): size for name, size in (out or {}).items()}
    for tree in trees:
        for part in walk(tree):
            if isinstance(part, t.Element) and part.base in arrays:
                for index, size in zip(part.index, np.shape(arrays[part.base]), strict=False):
                    if isinstance(index, t.Name):
                        found.setdefault(index.name.upper(), size)
    return found


def evaluate(tree: Tree, arrays: Arrays, index: Index, size: Mapping[str, int] | None = None) -> Any:
    """The formula's number, or an array of them where `index` holds arrays (they broadcast together).

    `arrays`: tensors by name, and attributes; a name without indices is taken as it is. Out-of-range elements of a
    branch that is not taken are clipped. Numbers that are not finite are ordinary results.
    """
    if isinstance(tree, t.Number):  # as most indices are
        return tree.value
    with np.errstate(all="ignore"):
        return _Walk(tree, arrays, size or {}, max((np.ndim(v) for v in index.values()), default=0))(tree, index)


def counted(tree: Tree, arrays: Arrays, size: Mapping[str, int]) -> Tree:
    """The end of a range with its sizes as numbers, where a tensor has the letter of one: G is the gradient, and how
    many an index g counts."""

    def number(part: Tree) -> Tree | None:
        name = part.name if isinstance(part, t.Name) else ""
        return t.integer(size[name]) if name in size and np.ndim(arrays.get(name, 0)) else None

    return t.rebuild(tree, number)


class _Walk:
    def __init__(self, whole: Tree, arrays: Arrays, given: Mapping[str, int], base: int) -> None:
        self._whole, self.arrays, self._given, self.base = whole, arrays, given, base

    @cached_property
    def size(self) -> Mapping[str, int]:
        """Sizes by their letters: those that are given, and what the whole formula says. Few formulas ask."""
        return {**sizes((self._whole,), self.arrays), **self._given}

    def __call__(self, tree: Tree, env: Index) -> Any:
        match tree:
            case t.Number(value):
                return value
            case t.Name(name):
                return self.name(name, env)
            case t.Element(base, index):
                return self.element(base, [self(i, env) for i in index])
            case t.Size(base, axis):
                return np.shape(self.arrays[base])[axis]
            case t.Add(terms, minus):
                total = self(terms[0], env) * (-1 if minus[0] else 1)
                for term, taken in zip(terms[1:], minus[1:], strict=True):
                    total = total - self(term, env) if taken else total + self(term, env)
                return total
            case t.Mul(factors):
                product = self(factors[0], env)
                for factor in factors[1:]:
                    product = product * self(factor, env)
                return product
            case t.Div(top, bottom, floor):
                a, b = self(top, env), self(bottom, env)
                return np.floor_divide(a, b) if floor else np.true_divide(a, b)
            case t.Mod(top, bottom):
                return np.mod(self(top, env), self(bottom, env))
            case t.Power(base_, exponent):
                power = self(exponent, env)
                return np.power(np.asarray(self(base_, env), float), power)
            case t.Neg(of):
                return -self(of, env)
            case t.Call("pi", ()):
                return math.pi
            case t.Call(function, arguments) if function in t.MATRICES:
                elements: Array = np.asarray(self(arguments[0], env), float)
                shape = np.broadcast_shapes(elements.shape, *(np.shape(i) for i in env.values()))
                return matrices.OF[function](np.broadcast_to(elements, shape))
            case t.Call(function, arguments):
                values = [self(a, env) for a in arguments]
                result = FUNCTIONS[function](*values[:2]) if len(values) > 1 else FUNCTIONS[function](values[0])
                for value in values[2:]:
                    result = FUNCTIONS[function](result, value)
                return result
            case t.Reduction():
                return self.reduction(tree, env)
            case t.IfElse(condition, yes, no):
                test = self(condition, env)
                if np.ndim(test) == 0:
                    return self(yes if test else no, env)
                return np.where(test, self(yes, env), self(no, env))
            case t.Compare(sign, left, right):
                return COMPARE[sign](self(left, env), self(right, env))
            case t.Logic(word, parts):
                tests = [self(part, env) for part in parts]
                if word == "not":
                    return np.logical_not(tests[0])
                combine = np.logical_and if word == "and" else np.logical_or
                result = tests[0]
                for other in tests[1:]:
                    result = combine(result, other)
                return result
            case t.Delta(left, right):
                return np.equal(self(left, env), self(right, env)).astype(float)
        raise TypeError(type(tree).__name__)

    def name(self, name: str, env: Index) -> Any:
        if name in env:
            return env[name]
        if name in self.arrays:
            return self.arrays[name]
        if name in self.size:
            return self.size[name]
        if name == "pi":
            return math.pi
        raise KeyError(name)

    def element(self, base: str, index: list[Any]) -> Any:
        array: Array = np.asarray(self.arrays[base])
        place = tuple(
            np.clip(np.asarray(i).astype(np.intp), 0, max(n - 1, 0)) for i, n in zip(index, array.shape, strict=True)
        )
        return array[place]

    def bounds(self, r: t.Range, env: Index) -> tuple[int, int]:
        low = 0 if r.low is None else int(self(counted(r.low, self.arrays, self.size), env))
        if r.high is None:
            return low, self.size[r.index.upper()]
        return low, int(self(counted(r.high, self.arrays, self.size), env))

    def reduction(self, tree: t.Reduction, env: Index) -> Any:
        """Every bound index gets a leading axis of its own; these axes are then folded away."""
        inner, depth = dict(env), self.base
        for r in tree.ranges:
            low, high = self.bounds(r, env)
            inner[r.index] = np.arange(low, high).reshape((-1,) + (1,) * depth)
            depth += 1
        outer, self.base = self.base, depth
        body = self(tree.body, inner)
        tests = [self(c, inner) for c in tree.conditions]
        self.base = outer
        axes = [inner[r.index] for r in tree.ranges]
        shape = np.broadcast_shapes(np.shape(body), *(a.shape for a in axes), *map(np.shape, tests))
        shape = (1,) * (depth - len(shape)) + tuple(shape)
        values = np.broadcast_to(body, shape)
        lead = tuple(range(depth - outer))
        if tree.kind in t.MATRICES:
            return matrices.OF[tree.kind](np.moveaxis(values, (1, 0), (-2, -1)))
        empty, reduce = _REDUCTIONS[tree.kind]
        for test in tests:
            values = np.where(test, values, empty)
        result = reduce(values, axis=lead, initial=empty)
        return result.item() if not outer and np.size(result) == 1 else result
