"""Numbers of index expressions: whole tensors in float64, vectorised; single elements at 50 digits (`exact`).

Values are taken from the raw derivation. Bound indices get axes of their own, so that a sum is one NumPy sum; sums that
are too large are taken in blocks. Reading outside a tensor is an error, except in a branch that is not taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from bptui.model.base.types import Array, Shape
from bptui.model.engine import matrices
from bptui.model.engine.ops.base import Op
from bptui.symbolic.calculus.define import define
from bptui.symbolic.calculus.definition import ArgMax, Definition, Matrix
from bptui.symbolic.calculus.exact import Digits
from bptui.symbolic.calculus.notation import CALLED, RELATIONS, UPSTREAM, Expr, FloorDiv, Remainder, index, name_of
from bptui.symbolic.formula import numeric

BLOCK = 5_000_000
"""Cells of one intermediate array (40 MB)."""
REPAIRS = 64
"""Non-finite elements of a whole tensor that are looked at again at 50 digits."""

FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    **{function: numeric.FUNCTIONS[name] for function, name in CALLED.items()},
    **{relation: numeric.COMPARE[sign] for sign, relation in RELATIONS.items()},
    sp.Not: np.logical_not, FloorDiv: np.floor_divide, Remainder: np.mod,
}  # fmt: skip
_REDUCED: Mapping[Any, Callable[..., Any]] = {
    sp.Add: np.add, sp.Mul: np.multiply, sp.Max: np.maximum, sp.Min: np.minimum,
    sp.And: np.logical_and, sp.Or: np.logical_or,
}  # fmt: skip


@dataclass(frozen=True)
class Binding:
    """The numbers of one node at one moment, under the names of its definition.

    tensors  inputs, the output where it is known, and `G` for ∂L/∂output
    sizes    size symbol → int;  parameters  attribute → number;  shape  of the output
    """

    definition: Definition
    tensors: Mapping[str, Array]
    sizes: Mapping[Expr, int]
    parameters: Mapping[str, float]
    shape: Shape
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def upstream(self, gradient: Any) -> Binding:
        """The same binding with ∂L/∂output."""
        return replace(self, tensors={**self.tensors, UPSTREAM: _wide(gradient)})

    def tensor(self, name: str) -> Any:
        """A tensor or a parameter by name."""
        return self.tensors[name] if name in self.tensors else self.parameters[name]

    def knows(self, name: str) -> bool:
        """Is there a number under this name?"""
        return name in self.tensors or name in self.parameters


def bind_arrays(op: Op, inputs: Sequence[Array], attributes: Mapping[str, Any], out: Array | None = None) -> Binding:
    """The numbers of one use of an operation, without a graph."""
    shapes = [np.shape(array) for array in inputs]
    definition = define(op.signature(shapes, attributes), op)
    named = zip(definition.inputs, inputs, strict=True)
    tensors = {tensor.name: np.asarray(array) if tensor.integer else _wide(array) for tensor, array in named}
    shape = tuple(op.shape(shapes, attributes))
    if out is not None:
        tensors[definition.output] = _wide(out)
    numbers = {p.name: attributes.get(p.name) for p in definition.parameters}
    parameters = {name: float(number) for name, number in numbers.items() if isinstance(number, int | float)}
    return Binding(definition, tensors, _sizes(definition, shapes, shape), parameters, shape)


def _wide(array: Any) -> Array:
    """As float64: a float32 network is checked in float64, on exactly its numbers."""
    return np.asarray(array, dtype=np.float64)


def _sizes(definition: Definition, shapes: Sequence[Shape], shape: Shape) -> dict[Expr, int]:
    """Size symbols → numbers. What the text says of sizes must be true of these shapes."""
    known: dict[Expr, int] = {}
    claims = list(zip(definition.out_sizes, shape, strict=True))
    for tensor, own in zip(definition.inputs, shapes, strict=True):
        claims += list(zip(tensor.sizes, own, strict=True))
    for size, number in claims:
        found = known.setdefault(size, number) if size.is_Symbol else int(size)
        if found != number:
            raise ValueError(
                f"{definition.signature.op}: {definition.text!r} says {size} is {found}, the tensors say {number}"
            )
    return known


def value(expression: Expr, binding: Binding, indices: Mapping[Expr, Any]) -> Any:
    """The expression in float64, for each of the index values (ints, or whole-number arrays that broadcast together).

    Numbers that are not finite are ordinary results; see `exact` for what they are at 50 digits.
    Raises IndexError where an element outside its tensor is read and no condition of the expression says otherwise.
    """
    base = max((np.ndim(v) for v in indices.values()), default=0)
    with np.errstate(all="ignore"):
        found = _Walk(binding, base).of(expression, dict(indices), 0, False)
    return np.asarray(found, dtype=np.float64)


def exact(expression: Expr, binding: Binding, indices: Mapping[Expr, int], digits: int = 50) -> Any:
    """The expression as an mpmath number, inputs exactly as they are; nan where it has no real value."""
    return Digits(binding.definition, {**binding.parameters, **binding.tensors}, binding.sizes, digits)(
        expression, indices
    )


def estimate_cells(expression: Expr, binding: Binding, shape: Shape) -> int:
    """The scalar terms of the largest intermediate result when the expression is taken for a whole tensor of `shape`.

    A sum counts the ranges of the indices that it moves with, its own included; helpers count as whole tensors.
    """
    definition = binding.definition
    ranges = dict(zip(definition.out, binding.shape, strict=True))
    ranges.update({index(f"q{axis}"): size for axis, size in enumerate(shape)})
    seen: set[str] = set()

    def largest(e: Expr, ranges: Mapping[Expr, int]) -> int:
        if isinstance(e, sp.Sum | sp.Product):
            inner = dict(ranges)
            for k, low, high in e.limits:
                inner[k] = _longest(low, high, binding)
            here = math.prod(inner[s] for s in e.free_symbols | e.function.free_symbols if s in inner)
            return max(here, largest(e.function, inner))
        if isinstance(e, sp.Symbol | sp.Indexed):
            helper = definition.helper.get(name_of(e))
            if helper is None or helper.name in seen:
                return 1
            seen.add(helper.name)
            sizes = [int(_Walk(binding, 0).of(size, {}, 0, False)) for size in helper.sizes]
            return max(math.prod(sizes), largest(helper.value, dict(zip(helper.indices, sizes, strict=True))))
        return max((largest(a, ranges) for a in e.args), default=1)

    return max(1, math.prod(shape), largest(expression, ranges))


def _longest(low: Expr, high: Expr, binding: Binding) -> int:
    """The number of values of a bound index; where its range depends on others, the largest axis there is."""
    span = high - low + 1
    if all(symbol in binding.sizes for symbol in span.free_symbols):
        return max(0, int(_Walk(binding, 0).of(span, {}, 0, False)))
    return max((*binding.sizes.values(), 1))


def grid(symbols: Sequence[Expr], shape: Shape) -> dict[Expr, Any]:
    """Index values for a whole tensor: one open axis for each symbol (an index that is the number 0 has none)."""
    axes = np.ogrid[tuple(slice(0, n) for n in shape)] if shape else ()
    return {symbol: axis for symbol, axis in zip(symbols, axes, strict=True) if symbol.is_Symbol}


def full_tensor(expression: Expr, binding: Binding, symbols: Sequence[Expr], shape: Shape) -> Array:
    """The expression for every element of a tensor of `shape`; up to REPAIRS non-finite ones at 50 digits."""
    result = np.array(np.broadcast_to(value(expression, binding, grid(symbols, shape)), shape))
    wrong = np.argwhere(~np.isfinite(result))
    if 0 < len(wrong) <= REPAIRS:
        for at in wrong:
            indices = {s: int(i) for s, i in zip(symbols, at, strict=True) if s.is_Symbol}
            result[tuple(at)] = float(exact(expression, binding, indices))
    return result


class _Walk:
    """One vectorised evaluation. `base` axes belong to the index arrays, each enclosing sum has one more in front."""

    def __init__(self, binding: Binding, base: int) -> None:
        self.binding, self.base = binding, base

    def of(self, e: Expr, env: dict[Expr, Any], depth: int, guarded: bool) -> Any:
        if isinstance(e, sp.Indexed):
            return self.element(e, [self.of(i, env, depth, guarded) for i in e.indices], guarded)
        if isinstance(e, sp.Symbol):
            if e in env:
                return env[e]
            return self.binding.sizes[e] if e in self.binding.sizes else self.element(e, [], guarded)
        if isinstance(e, sp.Integer):
            return int(e)
        if e.is_number and not e.args:  # a logarithm of -1 or of 0 that SymPy worked out has no real value
            return float(e) if e.is_extended_real else math.nan
        if isinstance(e, sp.Sum | sp.Product):
            return self.reduction(e, env, depth, guarded)
        if isinstance(e, sp.KroneckerDelta):
            return np.equal(self.of(e.args[0], env, depth, guarded), self.of(e.args[1], env, depth, guarded)).astype(
                np.float64
            )
        if isinstance(e, sp.Piecewise):
            return self.pieces(e, env, depth, guarded)
        if isinstance(e, sp.Mul) and any(isinstance(a, sp.KroneckerDelta) for a in e.args):
            return self.selected(e, env, depth, guarded)
        if isinstance(e, sp.Pow):
            return _power(self.of(e.base, env, depth, guarded), self.of(e.exp, env, depth, guarded))
        if e in (sp.true, sp.false):
            return e == sp.true
        values = [self.of(a, env, depth, guarded) for a in e.args]
        if e.func in _REDUCED:
            result = values[0]
            for other in values[1:]:
                result = _REDUCED[e.func](result, other)
            return result
        return FUNCTIONS[e.func](*values)

    def element(self, leaf: Expr, at: list[Any], guarded: bool) -> Any:
        name = name_of(leaf)
        array = np.asarray(self.binding.tensor(name)) if self.binding.knows(name) else self.part(name)
        if not at:
            return array
        places = []
        for i, size in zip(at, array.shape, strict=True):
            place = np.asarray(i)
            if place.dtype.kind not in "iu":
                place = place.astype(np.intp)
            if place.size and not (place.min() >= 0 and place.max() < size):
                if not guarded:
                    raise IndexError(f"{name}: index {int(place.min())} … {int(place.max())} of an axis of {size}")
                place = np.clip(place, 0, max(size - 1, 0))
            places.append(place)
        if array.size == 0:
            return np.zeros(np.broadcast_shapes(*(p.shape for p in places)))
        return array[tuple(places)]

    def part(self, name: str) -> Array:
        """A helper, a matrix or an argmax as a whole tensor, computed once for a binding."""
        kept = self.binding.kept
        if name not in kept:
            definition = self.binding.definition
            made = definition.helper.get(name) or definition.matrix.get(name) or definition.argmax[name]
            shape = tuple(int(self.of(size, {}, 0, False)) for size in made.sizes)
            if isinstance(made, ArgMax):
                kept[name] = self.argmax(made, shape)
            elif isinstance(made, Matrix):
                kept[name] = self.matrix(made, shape)
            else:
                kept[name] = np.broadcast_to(
                    _Walk(self.binding, len(shape)).of(made.value, grid(made.indices, shape), 0, False), shape
                )
        return kept[name]  # type: ignore[no-any-return]

    def matrix(self, matrix: Matrix, shape: Shape) -> Array:
        """What an equation defines, of all matrices at once."""
        height, side = (int(self.of(size, {}, 0, False)) for size in (matrix.height, matrix.side))
        full = (*shape[: len(matrix.lead)], height, side)
        env = grid((*matrix.lead, matrix.row, matrix.column), full)
        values = _Walk(self.binding, len(full)).of(matrix.value, env, 0, False)
        return matrices.OF[matrix.kind](np.broadcast_to(np.asarray(values, np.float64), full))

    def argmax(self, argmax: ArgMax, shape: Shape) -> Array:
        """The place of the first largest (smallest) term, for each element."""
        walk, env = _Walk(self.binding, len(shape)), grid(argmax.indices, shape)
        lows: list[int] = []
        counts: list[int] = []
        tests = [argmax.condition]
        for at, (k, low, high) in enumerate(reversed(argmax.limits)):
            ends = walk.of(low, env, at, False), walk.of(high, env, at, False)
            first, last = (int(end(of)) if np.size(of) else -1 for end, of in zip((np.min, np.max), ends, strict=True))
            if any(np.ndim(end) for end in ends):  # a range that another index says: where it does not reach is no term
                tests += [sp.Ge(k, low), sp.Le(k, high)]
            env[k] = np.arange(first, last + 1).reshape((-1,) + (1,) * (len(shape) + at))
            lows.insert(0, first)
            counts.insert(0, last + 1 - first)
        test = sp.And(*tests)
        term = walk.of(argmax.term, env, len(counts), test != sp.true)
        sign = 1 if argmax.kind == "max" else -1
        term = sign * np.broadcast_to(np.asarray(term, dtype=np.float64), (*counts, *shape))
        inside = np.broadcast_to(walk.of(test, env, len(counts), False), term.shape)
        term = np.where(inside, term, -np.inf).reshape((math.prod(counts), *shape))
        flat, inside = np.argmax(term, axis=0), inside.reshape(term.shape)
        taken = np.take_along_axis(inside, flat[None], 0)[0]
        flat = np.where(taken, flat, np.argmax(inside, axis=0))  # of those that are all -inf
        return np.asarray(np.unravel_index(flat, counts)[argmax.position] + lows[argmax.position])

    def pieces(self, e: Expr, env: dict[Expr, Any], depth: int, guarded: bool) -> Any:
        taken: list[tuple[Any, Any]] = []
        for piece, condition in e.args:
            test = self.of(condition, env, depth, guarded)
            if np.ndim(test) > 0 or test:
                taken.append((piece, test))
            if np.ndim(test) == 0 and test:
                break
        guarded = guarded or len(taken) > 1 or any(np.ndim(test) > 0 for _, test in taken)
        result: Any = np.nan
        for piece, test in reversed(taken):
            found = self.of(piece, env, depth, guarded)
            result = found if np.ndim(test) == 0 else np.where(test, found, result)
        return result

    def selected(self, e: Expr, env: dict[Expr, Any], depth: int, guarded: bool) -> Any:
        """A product with deltas: 0 where one is 0, whatever the rest would be there."""
        test: Any = True
        rest = []
        for factor in e.args:
            if isinstance(factor, sp.KroneckerDelta):
                same = np.equal(
                    self.of(factor.args[0], env, depth, guarded), self.of(factor.args[1], env, depth, guarded)
                )
                test = np.logical_and(test, same)
            else:
                rest.append(factor)
        if not np.any(test):
            return np.zeros(np.shape(test))
        return np.where(test, self.of(sp.Mul(*rest), env, depth, True) if rest else 1.0, 0.0)

    # ------------------------------------------------------------------------------------------------------ sums
    def reduction(self, e: Expr, env: dict[Expr, Any], depth: int, guarded: bool) -> Any:
        """Σ or Π over the limits, one at a time from the outermost, each with an axis of its own in front."""
        limits = list(e.limits)
        product = isinstance(e, sp.Product)
        k, low, high = limits[-1]
        inner = e.func(e.function, *limits[:-1]) if len(limits) > 1 else e.function
        first, last = self.of(low, env, depth, guarded), self.of(high, env, depth, guarded)
        start, stop = int(np.min(first)), int(np.max(last)) + 1
        if stop <= start:
            return 1.0 if product else 0.0
        partial = np.ndim(first) > 0 or np.ndim(last) > 0
        moving = [np.shape(env[s]) for s in e.free_symbols if s in env]
        around = math.prod(np.broadcast_shapes(*moving))
        step = max(1, min(stop - start, BLOCK // max(1, around)))
        total: Any = None
        for block in range(start, stop, step):
            values = np.arange(block, min(block + step, stop)).reshape((-1,) + (1,) * (self.base + depth))
            part = self.of(inner, {**env, k: values}, depth + 1, guarded or partial)
            if partial:
                part = np.where((values >= first) & (values <= last), part, 1.0 if product else 0.0)
            part = self.reduced(np.asarray(part), depth, len(values), product)
            total = part if total is None else total * part if product else total + part
        return total

    def reduced(self, part: Array, depth: int, count: int, product: bool) -> Any:
        """The array with the front axis folded away; a term that does not depend on it counts `count` times."""
        if part.ndim == self.base + depth + 1:
            if part.shape[0] == count:
                return part.prod(axis=0) if product else part.sum(axis=0)
            part = part[0]
        return part**count if product else part * count


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, int):
        if exponent == -1:
            return 1.0 / np.asarray(base, dtype=np.float64)
        if exponent == 2:
            return np.multiply(base, base)
        if exponent >= 0 and isinstance(base, int):
            return base**exponent
    if isinstance(exponent, float) and exponent == 0.5:
        return np.sqrt(base)
    return np.power(np.asarray(base, dtype=np.float64), exponent)
