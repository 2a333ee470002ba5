"""Inverses, linear equations, factors and determinants of complex matrices, in real ones.

A complex matrix is a real one of twice the size, each element c + di as [[c, -d], [d, c]]: products, inverses and
lower triangles of these are again such matrices. So an inverse, a solution and a Cholesky factor are those of the real
matrix, of which every other column has all that there is. A determinant is not: the real matrix has |det|². It is the
product of the pivots, row by row, in the order of rows that keeps them large.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import condition, finite, part, reshaped, values
from bptui.model.source.captured.known.complex_numbers import is_complex, matmul, pairs, quotient
from bptui.model.source.captured.known.equations import power_of
from bptui.model.source.captured.known.registry import complex_known, taking
from bptui.model.source.captured.known.shapes import turned

MOST_PIVOTS = 12
"""Rows of a matrix whose determinant is written out."""


# ------------------------------------------------------------------------------------------------- the real matrix
def _block(u: Call, a: Node) -> Node:
    """The real matrix of a complex one."""
    re, im = u.use("real", a), u.use("imag", a)
    upper, lower = u.use("stack", re, u.use("neg", im), axis=-1), u.use("stack", im, re, axis=-1)
    *lead, rows, columns, _ = a.shape
    both = u.use("stack", upper, lower, axis=len(lead) + 1)
    return reshaped(u, both, (*lead, 2 * rows, 2 * columns))


def _columns(u: Call, b: Node) -> Node:
    """The columns of a complex matrix, one real column each."""
    *lead, rows, columns, _ = b.shape
    order = (*range(len(lead) + 1), len(lead) + 2, len(lead) + 1)
    return reshaped(u, turned(u, b, order), (*lead, 2 * rows, columns))


def _of_columns(u: Call, y: Node) -> Node:
    """The other way round."""
    *lead, rows, columns = y.shape
    halves = reshaped(u, y, (*lead, rows // 2, 2, columns))
    return turned(u, halves, (*range(len(lead) + 1), len(lead) + 2, len(lead) + 1))


def _of_block(u: Call, y: Node) -> Node:
    """The complex matrix of a real one that has the form of `_block`."""
    return _of_columns(u, part(u, y, -1, slice(0, None, 2)))


def _turned(u: Call, a: Node) -> Node:
    """Rows and columns exchanged."""
    rank = len(a.shape)
    return turned(u, a, (*range(rank - 3), rank - 2, rank - 3, rank - 1))


# ------------------------------------------------------------------------------------------------------ what it solves
@complex_known("inverse", "torch.linalg.inv", "torch.linalg.inv_ex")
def inv(u: Call, input: Any, *, check_errors: bool = False) -> Node:
    finite(u, input)
    return _of_block(u, u.use("inv", _block(u, pairs(u, input))))


def _solved(u: Call, a: Node, b: Node) -> Node:
    return _of_columns(u, u.use("solve", _block(u, a), _columns(u, b)))


@complex_known("torch.linalg.solve", "torch.linalg.solve_ex")
def solve(u: Call, A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Node:
    """With as many right sides as there are matrices, one axis less is a batch of vectors."""
    finite(u, A, B)
    a, b = pairs(u, A), pairs(u, B)
    if not left:
        return _turned(u, _solved(u, _turned(u, a), _turned(u, b)))
    vector = len(b.shape) == 2 or b.shape[:-1] == a.shape[:-2]
    y = _solved(u, a, reshaped(u, b, (*b.shape[:-1], 1, 2)) if vector else b)
    return reshaped(u, y, u.results[0].shape)


@complex_known("torch.linalg.solve_triangular")
def solve_triangular(u: Call, A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Node:
    """Of one triangle, with the rest as 0: the real matrix is none."""
    finite(u, A, B)
    a, b, side = pairs(u, A), pairs(u, B), A.shape[-2 if is_complex(A) else -1]
    less = (1 if upper else -1) * unitriangular
    kept = condition(
        u, (side, side, 1), lambda: (np.triu if upper else np.tril)(np.ones((side, side)), less)[..., None]
    )
    a = u.use("where", kept, a, 0.0)
    if unitriangular:
        a = u.use("add", a, u.constant((side, side, 2), lambda: np.eye(side)[..., None] * [1.0, 0.0], "identity"))
    return _solved(u, a, b) if left else _turned(u, _solved(u, _turned(u, a), _turned(u, b)))


def _cholesky(u: Call, a: Any, upper: bool) -> Node:
    """Where a gradient is asked for, PyTorch's is another: it has an anti-Hermitian part besides, on which nothing
    depends that is computed of Hermitian matrices."""
    finite(u, a)
    x = pairs(u, a)
    if x.wants_grad:
        u.lacks("cholesky of complex numbers: PyTorch's gradient has an anti-Hermitian part besides")
    low = _of_block(u, u.use("cholesky", _block(u, x)))
    return u.use("conj", _turned(u, low)) if upper else low


complex_known("cholesky")(taking(_cholesky, "input", upper=False))
complex_known("torch.linalg.cholesky", "torch.linalg.cholesky_ex")(
    taking(_cholesky, "A", upper=False, check_errors=False)
)


@complex_known("matrix_power", "torch.linalg.matrix_power")
def matrix_power(u: Call, input: Any, n: int) -> Node:
    finite(u, input)
    if n == 0 or abs(n) > 64:
        u.lacks(f"the power {n} of a complex matrix")
    return power_of(u, pairs(u, input) if n > 0 else inv(u, input), abs(n), matmul)


# -------------------------------------------------------------------------------------------------------- determinants
@complex_known("det", "torch.linalg.det")
def det(u: Call, A: Any) -> Node:
    finite(u, A)
    return _det(u, A)


def _det(u: Call, matrix: Any) -> Node:
    a, side = pairs(u, matrix), matrix.shape[-2]
    if side == 0:
        shape = (*a.shape[:-3], 2)
        return u.constant(shape, lambda: np.broadcast_to([1.0, 0.0], shape), "one")
    if side > MOST_PIVOTS:
        u.lacks(f"the determinant of a complex matrix of {side} rows")
    numbers = np.asarray(values(u, matrix)) @ np.array([1, 1j])
    order, sign, smallest = _pivots(numbers)
    if not smallest > 0:
        u.lacks("the determinant of a complex matrix that is singular")
    lead = a.shape[:-3]
    swapped = u.constant((*lead, side, side), lambda: order, "order_of_rows")
    re, im = (u.use("matmul", swapped, u.use(name, a)) for name in ("real", "imag"))
    rest = u.use("complex", re, im)
    found: Node | None = None
    for _ in range(side):
        pivot = _at(u, rest, slice(0, 1), slice(0, 1))
        found = pivot if found is None else u.use("cmul", found, pivot)
        if rest.shape[-2] > 1:
            row, column = _at(u, rest, slice(0, 1), slice(1, None)), _at(u, rest, slice(1, None), slice(0, 1))
            rest = u.use("sub", _at(u, rest, slice(1, None), slice(1, None)),
                         u.use("cmul", quotient(u, column, pivot), row))  # fmt: skip
    assert found is not None
    return u.use("mul", reshaped(u, found, (*lead, 2)), u.constant((*lead, 1), lambda: sign[..., None], "sign"))


def _at(u: Call, x: Node, rows: slice, columns: slice) -> Node:
    return part(u, part(u, x, -3, rows), -2, columns)


def _pivots(a: Array) -> tuple[Array, Array, float]:
    """Of each matrix the rows in the order in which the largest pivot comes first, as a matrix of 0 and 1; its sign;
    and the smallest pivot of all."""
    side, smallest = a.shape[-1], float("inf")
    order, sign = np.zeros(a.shape), np.ones(a.shape[:-2])
    for place in np.ndindex(*a.shape[:-2]):
        rest, rows = np.array(a[place]), np.arange(side)
        for k in range(side):
            best = k + int(np.argmax(np.abs(rest[k:, k])))
            if best != k:
                rest[[k, best]], rows[[k, best]] = rest[[best, k]], rows[[best, k]]
                sign[place] *= -1
            smallest = min(smallest, float(np.abs(rest[k, k])))
            if smallest > 0:
                rest[k + 1 :] -= np.outer(rest[k + 1 :, k] / rest[k, k], rest[k])
        order[(*place, np.arange(side), rows)] = 1
    return order, sign, smallest


@complex_known("slogdet", "torch.linalg.slogdet")
def slogdet(u: Call, A: Any) -> list[Node]:
    finite(u, A)
    d = _det(u, A)
    size = u.use("norm", d, axis=-1, keepdims=True)
    return [u.use("div", d, size), u.use("log", reshaped(u, size, size.shape[:-1]))]


@complex_known("logdet")
def logdet(u: Call, input: Any) -> Node:
    finite(u, input)
    d = _det(u, input)
    return u.use("complex", u.use("log", u.use("norm", d, axis=-1)), u.use("angle", d))
