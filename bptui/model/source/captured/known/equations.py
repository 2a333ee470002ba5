"""Inverses, linear equations, determinants, Cholesky factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import finite, overwritten, reshaped
from bptui.model.source.captured.known.matrices import product
from bptui.model.source.captured.known.registry import Entry, known, taking
from bptui.model.source.captured.known.shapes import flipped


def _of_finite(op: str) -> Entry:
    """One operation of a matrix without inf and NaN."""

    def make(u: Call, matrix: Any, **settings: Any) -> Node:
        finite(u, matrix)
        return u.use(op, matrix, **settings)

    return make


# what the matrix is called differs between names of one function, and it is always given by its place
known("inverse", "torch.linalg.inv", "torch.linalg.inv_ex")(taking(_of_finite("inv"), "input", check_errors=False))
known("det", "torch.linalg.det")(taking(_of_finite("det"), "A"))
known("logdet")(taking(_of_finite("logdet"), "input"))
# PyTorch reads one triangle, and gives both of them the gradient of a symmetric matrix: so it is one there
known("cholesky")(taking(_of_finite("cholesky"), "input", upper=False))
known("torch.linalg.cholesky", "torch.linalg.cholesky_ex")(
    taking(_of_finite("cholesky"), "A", upper=False, check_errors=False)
)


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


@known("slogdet", "torch.linalg.slogdet")
def slogdet(u: Call, A: Any) -> list[Node]:
    """The sign has a gradient of 0."""
    finite(u, A)
    return [u.use("sign", u.use("det", A)), u.use("slogdet", A)]


@known("matrix_power", "torch.linalg.matrix_power")
def matrix_power(u: Call, input: Any, n: int) -> Node:
    """The product with itself, of its inverse below 0."""
    finite(u, input)
    if n == 0:
        side, shape = input.shape[-1], tuple(input.shape)
        return overwritten(u, u.constant(shape, lambda: np.broadcast_to(np.eye(side), shape), "identity"), input)
    if abs(n) > 64:
        u.lacks(f"the power {n} of a matrix")
    return power_of(u, u.same(input) if n > 0 else u.use("inv", input), abs(n), product)


def power_of(u: Call, factor: Node, n: int, times: Callable[[Call, Node, Node], Node]) -> Node:
    """A matrix so many times with itself, at least once, by squares."""
    found: Node | None = None
    for place, digit in enumerate(reversed(bin(n)[2:])):
        factor = times(u, factor, factor) if place else factor
        if digit == "1":
            found = factor if found is None else times(u, found, factor)
    assert found is not None
    return found
