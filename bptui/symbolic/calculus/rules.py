"""Derived (SymPy) → Rule (formula trees). Runs in the worker, so that no other thread touches SymPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bptui.model.engine.ops.base import Op
from bptui.symbolic.calculus.convert import from_sympy
from bptui.symbolic.calculus.define import hint
from bptui.symbolic.calculus.definition import ArgMax as Chosen
from bptui.symbolic.calculus.definition import Definition, Matrix
from bptui.symbolic.calculus.notation import UPSTREAM, index, rename
from bptui.symbolic.formula import tree as t
from bptui.symbolic.formula.read import from_hint
from bptui.symbolic.formula.tree import bare
from bptui.symbolic.types import ArgMax, Derived, Part, Rule

_LETTERS = "pqrsuvwxz"
"""How the indices of an input are shown, as far as the definition does not use them."""


def to_rule(derived: Derived, definition: Definition, op: Op) -> Rule:
    """The trees of a derivation.

    An elementwise operation's are bare: taken at the output element that an input element feeds, without indices.
    Where the form that the operation suggests was proved, it is shown as its author wrote it.
    """
    rank = (UPSTREAM, *(tensor.name for tensor in definition.inputs), definition.output)
    same: dict[Any, Any] = {}
    if op.elementwise:
        sizes_of_q = definition.tensor[derived.wrt].sizes
        lead = len(definition.out) - len(derived.q)
        for axis, (symbol, size) in enumerate(zip(derived.q, sizes_of_q, strict=True)):
            same[symbol] = sp.Integer(0) if size == 1 else definition.out[lead + axis]

    free = [c for c in _LETTERS if c not in definition.letters]
    letters = {str(s.name): free[n] if n < len(free) else f"p{n}" for n, s in enumerate(derived.q)}

    def tree(expression: Any) -> t.Tree:
        return from_sympy(expression, rank, letters)

    def local(expression: Any) -> t.Tree:
        return bare(tree(rename(expression, same))) if op.elementwise else tree(expression)

    text = op.hint_for(derived.signature, derived.wrt) if op.elementwise else None
    suggested = text and derived.shown == hint(definition, op, derived.wrt, derived.q)
    shown = from_hint(text) if text and suggested else local(derived.shown)
    sizes = [
        (str(s), tensor.name, a) for tensor in definition.inputs for a, s in enumerate(tensor.sizes) if not s.is_number
    ]
    sizes += [(str(s), definition.output, axis) for axis, s in enumerate(definition.out_sizes) if not s.is_number]
    return Rule(
        derived.signature,
        derived.wrt,
        tuple(letters.values()),
        tuple(str(i) for i in definition.out),
        shown,
        local(derived.raw),
        tree(derived.vjp_shown),
        tuple(
            Part(h.name, tuple(str(i) for i in h.indices), tuple(tree(s) for s in h.sizes), tree(h.value))
            for h in definition.helpers
        )
        + tuple(_matrix(matrix, tree) for matrix in definition.matrices),
        tuple(_argmax(argmax) for argmax in definition.argmaxes),
        tuple(dict.fromkeys(sizes)),
        derived.proof,
        derived.ms,
        derived.sympy_version,
    )


def _matrix(matrix: Matrix, tree: Callable[[Any], t.Tree]) -> Part:
    """What an equation defines, as its definition says it."""
    value, indices = tree(matrix.value), tuple(str(i) for i in matrix.indices)
    if matrix.row in matrix.indices:
        said: t.Tree = t.Call(matrix.kind, (value,))
    else:
        sizes = ((matrix.row, matrix.height), (matrix.column, matrix.side))
        ranges = tuple(t.Range(str(i), None, tree(size), True) for i, size in sizes)
        said = t.Reduction(matrix.kind, value, ranges)
    return Part(matrix.name, indices, tuple(tree(size) for size in matrix.sizes), said)


def _argmax(argmax: Chosen) -> ArgMax:
    """The term of an argmax with its bound indices under letters of their own."""
    letters = {k: index(f"k{n}") for n, (k, _, _) in enumerate(argmax.limits)}

    def tree(expression: Any) -> t.Tree:
        return from_sympy(rename(expression, letters))

    ranges = tuple(
        t.Range(str(letters[k].name), None if low == 0 else tree(low), tree(high + 1), low == 0)
        for k, low, high in argmax.limits
    )
    condition = None if argmax.condition is sp.true else tree(argmax.condition)
    indices = tuple(str(i) for i in argmax.indices)
    size = tuple(tree(s) for s in argmax.sizes)
    return ArgMax(argmax.name, indices, size, argmax.kind, tree(argmax.term), ranges, condition, argmax.position)
