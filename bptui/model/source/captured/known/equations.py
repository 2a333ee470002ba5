"""Inverses, linear equations, determinants, Cholesky factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import finite, overwritten, reshaped
from bptui.model.source.captured.known.matrices import product
from bptui.model.source.captured.known.registry import known
from bptui.model.source.captured.known.shapes import flipped


@known("inverse", "torch.linalg.inv", "torch.linalg.inv_ex")
def inv(u: Call, input: Any, *, check_errors: bool = False) -> Node:
    """What the matrix is called differs between its names, and it is always given by its place."""
    finite(u, input)
    return u.use("inv", input)


@known("torch.linalg.solve", "torch.linalg.solve_ex")
def solve(u: Call, A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Node:
    """With as many right sides as there are matrices, one axis less is a batch of vectors."""
    finite(u, A, B)
    if not left:
        return flipped(u, u.use("solve", flipped(u, A), flipped(u, B)))
    if len(B.shape) > 1 and tuple(B.shape) == tuple(A.shape[:-1]):
        return reshaped(u, u.use("solve", A, reshaped(u, B, (*B.shape, 1))), B.shape)
    return u.use("solve", A, B)


@known("torch.linalg.solve_triangular")
def solve_triangular(u: Call, A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Node:
    finite(u, A, B)
    if left:
        return u.use("solve_triangular", A, B, upper=upper, unitriangular=unitriangular)
    y = u.use("solve_triangular", A, flipped(u, B), transposed=True, upper=upper, unitriangular=unitriangular)
    return flipped(u, y)


@known("cholesky")
def cholesky(u: Call, input: Any, upper: bool = False) -> Node:
    return _cholesky(u, input, upper)


@known("torch.linalg.cholesky", "torch.linalg.cholesky_ex")
def linalg_cholesky(u: Call, A: Any, *, upper: bool = False, check_errors: bool = False) -> Node:
    return _cholesky(u, A, upper)


def _cholesky(u: Call, a: Any, upper: bool) -> Node:
    """PyTorch reads one triangle, and gives both of them the gradient of a symmetric matrix: so it is one there."""
    finite(u, a)
    return u.use("cholesky", a, upper=upper)


@known("det", "torch.linalg.det")
def det(u: Call, A: Any) -> Node:
    finite(u, A)
    return u.use("det", A)


@known("logdet")
def logdet(u: Call, input: Any) -> Node:
    finite(u, input)
    return u.use("logdet", input)


@known("slogdet", "torch.linalg.slogdet")
def slogdet(u: Call, A: Any) -> list[Node]:
    """The sign has a gradient of 0."""
    finite(u, A)
    return [u.use("sign", u.use("det", A)), u.use("slogdet", A)]


@known("matrix_power", "torch.linalg.matrix_power")
def matrix_power(u: Call, input: Any, n: int) -> Node:
    """The product with itself, of its inverse below 0, by squares."""
    finite(u, input)
    if n == 0:
        side, shape = input.shape[-1], tuple(input.shape)
        return overwritten(u, u.constant(shape, lambda: np.broadcast_to(np.eye(side), shape), "identity"), input)
    if abs(n) > 64:
        u.lacks(f"the power {n} of a matrix")
    factor, found = u.same(input) if n > 0 else u.use("inv", input), None
    for place, digit in enumerate(reversed(bin(abs(n))[2:])):
        factor = product(u, factor, factor) if place else factor
        if digit == "1":
            found = factor if found is None else product(u, found, factor)
    assert found is not None
    return found
