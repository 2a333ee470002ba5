"""The inverse Hessian that BFGS learns from pairs (s, y), as it is defined: a matrix, not the two-loop recursion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bptui.model.base.types import Array

DENSE = 128
"""Parameters up to which H is made as a matrix over all of them."""


def product(pairs: Sequence[tuple[Array, Array]], scale: float, g: Array) -> Array:
    """H·g, with H as it is defined: γ times the identity, and of each pair, the oldest first,
    H ← (I - ρ·s·yᵀ)·H·(I - ρ·y·sᵀ) + ρ·s·sᵀ, ρ = 1/(y·s) (Nocedal and Wright, 7.16), multiplied out."""
    if g.size > DENSE and pairs:
        return compact(pairs, scale, g)
    h = scale * np.eye(g.size)
    for s, y in reversed(pairs):
        ro, hy = 1 / float(y @ s), h @ y
        crossed = np.outer(s, hy)
        h = h - ro * (crossed + crossed.T) + (ro + ro * ro * float(y @ hy)) * np.outer(s, s)
    return np.asarray(h @ g)


def compact(pairs: Sequence[tuple[Array, Array]], scale: float, g: Array) -> Array:
    """The same without a matrix over all parameters: H as γI and a matrix over the pairs (Byrd, Nocedal and Schnabel
    1994, Representations of quasi-Newton matrices, theorem 2.2; R is the upper triangle of SᵀY, the oldest first)."""
    s, y = (np.array(rows[::-1]) for rows in zip(*pairs, strict=True))
    r = np.triu(s @ y.T)
    inner = np.linalg.solve(r, s @ g)
    outer = np.linalg.solve(r.T, np.diag(r) * inner + scale * (y @ (y.T @ inner)) - scale * (y @ g))
    return np.asarray(scale * g + s.T @ outer - scale * (y.T @ inner))
