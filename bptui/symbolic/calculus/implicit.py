"""Helpers of a definition that an equation defines, and their derivatives by differentiating the equation.

    w = inverse(a)        Σ_k a[i,k]·w[k,j] = δ(i,j)
    l = cholesky(a)       Σ_k l[i,k]·l[j,k] = a[i,j], l[i,j] = 0 above the diagonal, above 0 on it
    d = det(a)            Leibniz' sum over all permutations;  logabsdet(a): log|d|, signdet(a): its sign
    c = cofactor(a)       c[i,j] = (-1)^(i+j) times the determinant without row i and column j
    s = nuclear(a)        the sum of the singular values: a·v = s·u and aᵀ·u = s·v for some u and v of length 1
    s = first_singular(a), last_singular(a): the largest, the smallest
    q = orthogonal(a), first_pair(a), last_pair(a): Σ u[i]·v[j] over all of them, of the first, of the last

From d(a·w) = 0 follows dw = -w·da·w, and so on: `RULES` has what follows. That each of them solves its differentiated
equation is proved by SymPy, for matrices of up to 3 rows, before a derivation uses it (`proved`). That larger ones are
alike is not proved, but checked with numbers, as every rule is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import permutations

import sympy as sp

from bptui.symbolic.calculus.definition import Matrix
from bptui.symbolic.calculus.notation import Expr, Piecewise, bound, element

SIZES = (1, 2, 3)
"""Of the matrices for which a rule is proved."""


def _inverse(n: int) -> bool:
    """w = c/|a| by cofactors c; a·dw + da·w = 0 for dw = -w·da·w and any da, both times |a|²."""
    a, da = _matrix("a", n), _matrix("e", n)
    c, d = a.adjugate(), a.det()
    return _zero(a * c - d * sp.eye(n)) and _zero(d * da * c - a * c * da * c)


def _det(n: int) -> bool:
    """The derivative of Leibniz' sum by an element is its cofactor."""
    a = _matrix("a", n)
    d = sum(sign * sp.prod(a[i, p] for i, p in enumerate(places)) for places, sign in _permutations(n))
    return _zero(sp.Matrix(n, n, lambda i, j: sp.diff(d, a[i, j]) - a.cofactor(i, j)))


def _permutations(n: int) -> Iterator[tuple[tuple[int, ...], int]]:
    for places in permutations(range(n)):
        yield places, (-1) ** sum(a > b for k, b in enumerate(places) for a in places[:k])


def _logabsdet(n: int) -> bool:
    """a·(cofactors)ᵀ = d·1: so cofactors over d, the derivative of log|d|, are the inverse turned."""
    a = _matrix("a", n)
    return _det(n) and _zero(a * a.adjugate() - a.det() * sp.eye(n))


def _cholesky(n: int) -> bool:
    """For any lower triangle dl the rule finds it again in da = dl·lᵀ + l·dlᵀ."""
    factor, change = _lower(_matrix("l", n)), _lower(_matrix("e", n))
    w = factor.adjugate() / factor.det()
    inside = w * (change * factor.T + factor * change.T) * w.T
    half = _lower(inside - sp.diag(*(inside[i, i] / 2 for i in range(n))))
    return _zero(factor * half - change)


def _singular(n: int) -> bool:
    """ds = uᵀ·da·v: the derivative of uᵀ·a·v, less that, is what a·v - s·u and aᵀ·u - s·v and the derivative of both
    lengths are multiplied by, all of which are 0. So for n rows and any columns; here for n and n + 1."""
    columns = n + 1
    a, da = (sp.Matrix(n, columns, lambda i, j, x=x: sp.Symbol(f"{x}{i}_{j}", real=True)) for x in "ae")
    u, du = (sp.Matrix(n, 1, lambda i, _, x=x: sp.Symbol(f"{x}{i}", real=True)) for x in ("u", "du"))
    v, dv = (sp.Matrix(columns, 1, lambda i, _, x=x: sp.Symbol(f"{x}{i}", real=True)) for x in ("v", "dv"))
    s = sp.Symbol("s", real=True)
    whole = du.T * a * v + u.T * da * v + u.T * a * dv
    equations = (a * v - s * u).T * du + (a.T * u - s * v).T * dv
    lengths = s * (u.T * du + v.T * dv)  # half the derivatives of uᵀu and vᵀv
    return _zero(whole - u.T * da * v - equations - lengths)


def _lower(x: sp.Matrix) -> sp.Matrix:
    return sp.Matrix(*x.shape, lambda i, j: x[i, j] if j <= i else 0)


def _matrix(name: str, n: int) -> sp.Matrix:
    return sp.Matrix(n, n, lambda i, j: sp.Symbol(f"{name}{i}{j}", real=True))


def _zero(matrix: sp.Matrix) -> bool:
    return all(sp.expand(entry) == 0 or sp.cancel(entry) == 0 for entry in matrix)


_PROOFS: Mapping[str, Callable[[int], bool]] = {
    "inverse": _inverse, "det": _det, "logabsdet": _logabsdet, "cholesky": _cholesky,
    **dict.fromkeys(("nuclear", "first_singular", "last_singular"), _singular),
}  # fmt: skip


@cache
def proved(kind: str) -> bool:
    """Does the rule of this kind solve its differentiated equation? Asked once in a process."""
    return all(_PROOFS[kind](n) for n in SIZES)


Part = tuple[Expr, tuple[tuple[Expr, Expr, Expr], ...]]
"""A factor, and the sums that it stands in besides that over k and l."""
Element = Callable[[str, Expr, Expr], Expr]


def _by_inverse(w: Element, matrix: Matrix, at: Sequence[Expr], k: Expr, l: Expr) -> list[Part]:  # noqa: E741
    i, j = at[-2:]
    return [(-w(matrix.name, i, k) * w(matrix.name, l, j), ())]


def _by_det(w: Element, matrix: Matrix, at: Sequence[Expr], k: Expr, l: Expr) -> list[Part]:  # noqa: E741
    return [(w(matrix.beside, k, l), ())]


def _by_logabsdet(w: Element, matrix: Matrix, at: Sequence[Expr], k: Expr, l: Expr) -> list[Part]:  # noqa: E741
    return [(w(matrix.beside, l, k), ())]


def _by_cholesky(w: Element, matrix: Matrix, at: Sequence[Expr], k: Expr, l: Expr) -> list[Part]:  # noqa: E741
    """l times the lower triangle of w·da·wᵀ, of whose diagonal one half counts."""
    (i, j), m = at[-2:], bound("m")
    counts = element(matrix.triangle, (m, j))
    whole = w(matrix.name, i, m) * counts * w(matrix.beside, m, k) * w(matrix.beside, j, l)
    return [(whole, ((m, sp.Integer(0), matrix.side - 1),))]


def triangle(i: Expr, j: Expr) -> Expr:
    """How much of a triangle's element counts in a factor: of the diagonal one half."""
    return Piecewise((1, i > j), (Piecewise((sp.Rational(1, 2), i >= j), (0, True)), True))


RULES: Mapping[str, Callable[[Element, Matrix, Sequence[Expr], Expr, Expr], list[Part]]] = {
    "inverse": _by_inverse, "det": _by_det, "logabsdet": _by_logabsdet, "cholesky": _by_cholesky,
    **dict.fromkeys(("nuclear", "first_singular", "last_singular"), _by_det),
}  # fmt: skip
"""What d(value) at (k, l) is multiplied by, summed over k and l, in the derivative of an element."""

BESIDE: Mapping[str, str] = {
    "cholesky": "inverse", "det": "cofactor", "logabsdet": "inverse",
    "nuclear": "orthogonal", "first_singular": "first_pair", "last_singular": "last_pair",
}  # fmt: skip
"""What else of the matrix (of the factor) a derivative reads."""
