"""Inverses, determinants and factors of stacks of matrices, as numbers: where NumPy raises an error, NaN.

An error in the middle of a training step would end it, with nothing to look at; NaN is a number of the step, and what
finds where NaN begins finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bptui.model.base.types import Array


def _each(function: Callable[..., Any], *arrays: Array) -> Array:
    """`function` of matrices; of a stack one by one where one of them has no result, NaN in its place."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays))
    except np.linalg.LinAlgError:
        *_, last = arrays
        if last.ndim == 2:
            return np.full(last.shape, np.nan, last.dtype)
        batch = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
        stacks = [np.broadcast_to(a, batch + a.shape[-2:]) for a in arrays]
        out = np.empty(batch + last.shape[-2:], last.dtype)
        for place in np.ndindex(*batch):
            out[place] = _each(function, *(a[place] for a in stacks))
        return out


def inverse(a: Array) -> Array:
    """A⁻¹; NaN where A is singular or not finite."""
    return _of_finite(a, _each(np.linalg.inv, a))


def solve(a: Array, b: Array) -> Array:
    """A⁻¹B of matrices B, by LU decomposition; NaN where A is singular or not finite."""
    return _of_finite(a, _each(np.linalg.solve, a, b))


def _of_finite(a: Array, found: Array) -> Array:
    """What was found, all NaN where a matrix is not finite: LAPACK passes a NaN by when it looks for a pivot, and what
    it then leaves are numbers that mean nothing."""
    fine = np.isfinite(a).all((-1, -2), keepdims=True)
    return found if fine.all() else np.where(fine, found, np.nan)


def cholesky(a: Array) -> Array:
    """The lower factor of the symmetric matrix whose lower triangle A has; NaN where it is not positive definite."""
    return _each(np.linalg.cholesky, a)


def det(a: Array) -> Array:
    """The determinant."""
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.det(a))


def cofactor(a: Array) -> Array:
    """The cofactors, det A·A⁻ᵀ; of a singular matrix from its singular values, of which no more than one is missing; of
    one that is not finite those that are."""
    with np.errstate(all="ignore"):
        found = np.asarray(det(a)[..., None, None] * np.swapaxes(inverse(a), -1, -2))
    for place in np.argwhere(~np.isfinite(found).all((-1, -2))):
        at = tuple(place)
        found[at] = _by_singular_values(a[at]) if np.isfinite(a[at]).all() else _of_finite_minors(a[at])
    return found


def _of_finite_minors(a: Array) -> Array:
    """The cofactors whose row and column have all that is not finite; NaN for the others."""
    found, wrong = np.full(a.shape, np.nan, a.dtype), ~np.isfinite(a)
    left = wrong.sum() - wrong.sum(1, keepdims=True) - wrong.sum(0, keepdims=True) + wrong
    for i, j in np.argwhere(left == 0):
        found[i, j] = (-1.0) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1))
    return found


def _by_singular_values(a: Array) -> Array:
    u, s, vt = np.linalg.svd(a)
    others = [np.prod(np.delete(s, n)) for n in range(len(s))]
    return np.asarray(np.linalg.det(u) * np.linalg.det(vt) * (u * others) @ vt)


def logabsdet(a: Array) -> Array:
    """log|det A|; -inf where A is singular."""
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.slogdet(a)[1])


def sign_of_det(a: Array) -> Array:
    """-1, 0 or 1; NaN where A holds one."""
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.slogdet(a)[0])


def _svd(a: Array) -> tuple[Array, Array, Array]:
    """(u, s, vᵀ) of each matrix, the largest first; NaN where a matrix is not finite."""
    fine = np.asarray(np.isfinite(a).all((-1, -2)))
    u, s, vt = np.linalg.svd(np.where(fine[..., None, None], a, 0.0), full_matrices=False)
    s = np.where(fine[..., None], s, np.nan)
    return u * np.where(fine, 1.0, np.nan)[..., None, None], s, vt


def _every(s: Array) -> Array:
    """How much of each singular value counts: all of it."""
    return np.ones_like(s)


def _first(s: Array) -> Array:
    """The largest, of which equal ones have a part each."""
    return _equal(s, s[..., :1])


def _last(s: Array) -> Array:
    """The smallest."""
    return _equal(s, s[..., -1:])


def _equal(s: Array, best: Array) -> Array:
    hit = (s == best) | np.isnan(s)
    return np.asarray(hit / hit.sum(-1, keepdims=True))


def singular(share: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The sum of singular values, each by its share."""

    def found(a: Array) -> Array:
        s = _svd(a)[1]
        return np.asarray((s * share(s)).sum(-1))

    return found


def pairs(share: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Σ u·vᵀ of their vectors, by the same shares."""

    def found(a: Array) -> Array:
        u, s, vt = _svd(a)
        return np.asarray((u * share(s)[..., None, :]) @ vt)

    return found


OF: Mapping[str, Callable[[Array], Array]] = {
    "inverse": inverse, "cholesky": cholesky, "cofactor": cofactor, "det": det, "logabsdet": logabsdet,
    "signdet": sign_of_det, "nuclear": singular(_every), "first_singular": singular(_first),
    "last_singular": singular(_last), "orthogonal": pairs(_every), "first_pair": pairs(_first),
    "last_pair": pairs(_last),
}  # fmt: skip
"""What a definition may say of a matrix."""
