"""What a wrong gradient looks like: a guess at the mistake, tested on the numbers, never a bare assertion."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array, Shape


def likely(got: Array, expected: Array, upstream: Array | None = None, shapes: Iterable[Shape] = ()) -> str:
    """One phrase, or nothing where no known mistake fits the numbers."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    if not np.all(np.isfinite(got) | ~np.isfinite(expected)):
        return "not finite where the definition is"
    if not np.all(np.isfinite(expected)):
        return ""
    if not got.any() and expected.any():
        return "nothing is passed on"
    ratio = _constant(got, expected)
    if ratio is not None:
        return _factor(ratio, shapes) if abs(ratio - 1) > 1e-4 else _nearly(got, expected)
    if got.ndim == 2 and got.shape[0] > 1 and got.shape[1] > 1:
        turned = expected.T
        if _same(got.reshape(turned.shape), turned):
            return "transposed"
    if upstream is not None:
        lost = _lost_sum(got, np.asarray(upstream, float))
        if lost:
            return lost
    wrong = ~np.isclose(got, expected, rtol=1e-6, atol=1e-9 * (np.max(np.abs(expected), initial=0.0) or 1.0))
    count = int(wrong.sum())
    if 0 < count < got.size:
        part = _constant(got[wrong], expected[wrong])
        said = f"wrong at {count} of {got.size} elements only"
        if part is not None and part != 1:
            said += ": there " + _factor(part, shapes)
        return said
    return ""


def _constant(got: Array, expected: Array) -> float | None:
    """got/expected where it is one number everywhere."""
    known = np.abs(expected) > 1e-9 * (np.max(np.abs(expected), initial=0.0) or 1.0)
    if not known.any() or np.any(np.abs(got[~known]) > 1e-6 * np.max(np.abs(got))):
        return None
    ratios = got[known] / expected[known]
    middle = float(np.median(ratios))
    return middle if np.allclose(ratios, middle, rtol=1e-4, atol=0) and middle else None


def _nearly(got: Array, expected: Array) -> str:
    """What is nearly right: everywhere (fewer digits than float64 has, or an eps), or but for a few elements."""
    error = np.abs(got - expected)
    size = np.maximum(np.abs(expected), 1e-300)
    count = int(np.sum(error > 1e-12 * size))
    if 2 * count < got.size:
        return f"wrong at {count} of {got.size} elements only"
    digits = float(np.max(error / size))
    return f"right to {significant(digits, 2)} of itself only" + (
        ": single precision, or an eps" if digits < 2e-7 else ""
    )


def _factor(ratio: float, shapes: Iterable[Shape]) -> str:
    def near(x: float) -> bool:
        return abs(ratio - x) <= 1e-4 * abs(x)

    if near(-1):
        return "the sign is wrong"
    counts = {int(np.prod(s)): "all elements" for s in shapes if len(s) > 1}
    counts |= {n: f"an axis of {n}" for s in shapes for n in s}
    for n, what in counts.items():
        if n > 2 and near(n):
            return f"1/{n} is missing: the mean over {what}"
        if n > 2 and near(1 / n):
            return f"divided by {n} once too often ({what})"
    if near(2):
        return "a factor 2 too many"
    if near(0.5):
        return "a factor 2 is missing"
    if near(-2) or near(-0.5):
        return "the sign and a factor 2"
    return (
        f"too large by a factor of {significant(ratio)}"
        if abs(ratio) > 1
        else f"too small by a factor of {significant(ratio)}"
    )


def _lost_sum(got: Array, upstream: Array) -> str:
    """Is it one slice of the upstream gradient in the place of its sum?"""
    for axis in range(upstream.ndim):
        for at in (0, -1):
            part = np.take(upstream, at, axis) if upstream.shape[axis] > 1 else None
            if part is not None and part.size == got.size and _same(got.reshape(-1), part.reshape(-1)):
                return f"the sum over axis {axis} of the output is lost"
    if got.shape == upstream.shape and _same(got, upstream):
        return "the local derivative is left out"
    return ""


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-6, atol=1e-12)) and bool(np.any(a))
