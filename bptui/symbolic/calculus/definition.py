"""The records of a definition in SymPy's terms. What fills them: `bptui.symbolic.calculus.define`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import sympy as sp

from bptui.model.engine.ops.base import Signature
from bptui.symbolic.calculus.notation import Expr, indices_of, name_of, rename
from bptui.symbolic.formula.tree import Statement


@dataclass(frozen=True)
class Tensor:
    """An input: its name, the size of each axis (1 where it is stretched), and whether it holds integers."""

    name: str
    sizes: tuple[Expr, ...]
    integer: bool = False


@dataclass(frozen=True)
class Helper:
    """A named part of a definition: `m[i] = sum(x[i,k] for k in K)/K`.

    It stays a name in the derivation (`m[i]`), and is looked into where something depends on it. `indices` are its own
    free indices, `sizes` their ranges.
    """

    name: str
    indices: tuple[Expr, ...]
    sizes: tuple[Expr, ...]
    value: Expr


@dataclass(frozen=True)
class ArgMax:
    """The active index of `max(term for k in K)`: a whole number that the numbers decide, the first among equals.

    `term` over `limits` ((k, low, high), the first the slowest) where `condition` holds; this is the place of the
    winner in limit `position`. In the derivation it is a constant: the derivative goes to the active term alone.
    """

    name: str
    indices: tuple[Expr, ...]
    sizes: tuple[Expr, ...]
    kind: Literal["max", "min"]
    term: Expr
    limits: tuple[tuple[Expr, Expr, Expr], ...]
    condition: Expr
    position: int


@dataclass(frozen=True)
class Matrix:
    """A helper that an equation with a whole matrix defines, `w[i,j] = inverse(a[i,j])`: `calculus/implicit.py`.
    kind: one of `formula.tree.MATRICES`; the matrix has `height` rows and `side` columns.

    Its element at `indices` (ranges `sizes`) is of the matrix whose element (row, column) is `value`; of an inverse and
    of a Cholesky factor those are the last two of `indices`. `beside` names the Matrix that its derivative reads,
    `triangle` a helper.
    """

    name: str
    kind: str
    indices: tuple[Expr, ...]
    sizes: tuple[Expr, ...]
    row: Expr
    column: Expr
    height: Expr
    side: Expr
    value: Expr
    beside: str = ""
    triangle: str = ""

    @property
    def lead(self) -> tuple[Expr, ...]:
        """The indices beside those of the matrix."""
        return tuple(i for i in self.indices if i not in (self.row, self.column))


@dataclass(frozen=True)
class Definition:
    """What an operation computes, for ONE element of its output.

    text        the definition as written;  statements  the same as formula trees, for display
    output, out its name and its indices (symbols; 0 for an axis of size 1);  out_sizes  their ranges
    inputs      the tensors, in the operation's order
    body        the element's value: tensors, helpers and argmaxes by name
    parameters  attributes that stay symbols
    letters     names that the text uses, for those who need a fresh one
    matrices    helpers that an equation defines
    """

    signature: Signature
    text: str
    statements: tuple[Statement, ...]
    output: str
    out: tuple[Expr, ...]
    out_sizes: tuple[Expr, ...]
    inputs: tuple[Tensor, ...]
    body: Expr
    helpers: tuple[Helper, ...]
    argmaxes: tuple[ArgMax, ...]
    parameters: tuple[Expr, ...]
    letters: frozenset[str]
    matrices: tuple[Matrix, ...] = ()

    @cached_property
    def helper(self) -> Mapping[str, Helper]:
        """Helpers by name."""
        return {helper.name: helper for helper in self.helpers}

    @cached_property
    def argmax(self) -> Mapping[str, ArgMax]:
        """ArgMaxes by name."""
        return {argmax.name: argmax for argmax in self.argmaxes}

    @cached_property
    def matrix(self) -> Mapping[str, Matrix]:
        """Matrices by name."""
        return {matrix.name: matrix for matrix in self.matrices}

    @cached_property
    def tensor(self) -> Mapping[str, Tensor]:
        """Inputs by name."""
        return {tensor.name: tensor for tensor in self.inputs}

    def inline(self, expression: Expr, output: bool = False) -> Expr:
        """The expression with helpers (and the output's own name where `output`) put in by what they stand for."""
        known = set(self.helper) | ({self.output} if output else set())
        while True:
            found = {leaf: self.expand(leaf) for leaf in leaves(expression) if name_of(leaf) in known}
            if not found:
                return expression
            expression = rename(expression, found)

    def expand(self, leaf: Expr) -> Expr:
        """What one helper's (or output's) element stands for."""
        name = name_of(leaf)
        formal, value = (
            (self.out, self.body) if name == self.output else (self.helper[name].indices, self.helper[name].value)
        )
        given = zip(formal, indices_of(leaf), strict=True)
        return rename(value, {own: i for own, i in given if own.is_Symbol})


def leaves(expression: Expr) -> list[Expr]:
    """Elements and 0-d names of an expression, each once, in a fixed order."""
    bases = {leaf.base.label for leaf in expression.atoms(sp.Indexed)}
    found = [s for s in expression.atoms(sp.Symbol, sp.Indexed) if s not in bases]
    return sorted(found, key=sp.default_sort_key)
