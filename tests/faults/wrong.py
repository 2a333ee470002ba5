"""Backward rules of windows and lookups as one writes them with loops, each with a switch for its classic mistake."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from bptui.model.engine import matrices

Array = Any


def _taps(x: Array, weight: Array, g: Array, stride: Any, dilation: Any) -> Any:
    """(tap of the kernel, what it reads of x for all places) of a correlation without padding."""
    for tap in product(*(range(n) for n in weight.shape[2:])):
        sizes = zip(tap, stride, dilation, g.shape[2:], strict=True)
        yield tap, (..., *(slice(d * t, d * t + s * (n - 1) + 1, s) for t, s, d, n in sizes))


def conv_x(g: Array, x: Array, weight: Array, stride: Any, dilation: Any, flip: bool = False, put: bool = False) -> Any:
    """∂L/∂x. `flip` turns the kernel around, `put` writes = for +=."""
    d = np.zeros(x.shape)
    axes = tuple(range(2, weight.ndim))
    kernel = np.flip(weight, axes) if flip else weight
    for tap, read in _taps(x, weight, g, stride, dilation):
        part = np.einsum("no...,oc->nc...", g, kernel[(..., *tap)])
        d[read] = part if put else d[read] + part
    return d


def conv_weight(
    g: Array, x: Array, weight: Array, stride: Any, dilation: Any, shift: int = 0, last: bool = False
) -> Any:
    """∂L/∂weight. `shift` reads x that many places further, `last` sees the last sample only."""
    d = np.zeros(weight.shape)
    moved = np.roll(x, -shift, axis=2)
    for tap, read in _taps(x, weight, g, stride, dilation):
        seen = moved[read].reshape(*x.shape[:2], -1)
        parts = g.reshape(*g.shape[:2], -1) @ seen.swapaxes(1, 2)
        d[(..., *tap)] = parts[-1] if last else parts.sum(0)
    return d


def spread_x(g: Array, weight: Array, x: Array, stride: Any, padding: Any, flip: bool = False) -> Any:
    """∂L/∂x of a transposed convolution: a correlation with the kernel, with `flip` a convolution."""
    kernel = np.flip(weight, (2, 3)) if flip else weight
    room = np.pad(g, ((0, 0), (0, 0), *((p, p) for p in padding)))
    d = np.zeros(x.shape)
    for a, b in np.ndindex(*weight.shape[2:]):
        seen = room[..., a :: stride[0], b :: stride[1]][..., : x.shape[2], : x.shape[3]]
        d[..., : seen.shape[2], : seen.shape[3]] += np.einsum("nohw,co->nchw", seen, kernel[..., a, b])
    return d


def pool(x: Array, y: Array, g: Array, kernel: Any, stride: Any, ties: str = "first", put: bool = False) -> Any:
    """∂L/∂x of max pooling. `ties` goes to the first, last or all of them; `put` writes = for +=."""
    d = np.zeros(x.shape)
    for place in np.ndindex(*y.shape):
        *lead, h, w = place
        top, left = h * stride[0], w * stride[1]
        window = (*lead, slice(top, top + kernel[0]), slice(left, left + kernel[1]))
        best = np.argwhere(x[window] == y[place])
        for at in best if ties == "all" else best[-1:] if ties == "last" else best[:1]:
            part = d[window]
            part[tuple(at)] = g[place] if put else part[tuple(at)] + g[place]
    return d


def rows(table: Array, i: Array, g: Array, shift: int = 0, put: bool = False, mean: bool = False) -> Any:
    """∂L/∂table of a lookup of rows. `put` writes = for +=, `mean` divides by the repeats."""
    d, n = np.zeros(table.shape), np.zeros(len(table))
    for row, part in zip(np.asarray(i).reshape(-1), g.reshape(-1, table.shape[1]), strict=True):
        row = (row + shift) % len(table)
        d[row] = part if put else d[row] + part
        n[row] += 1
    return d / np.maximum(n, 1)[:, None] if mean else d


def times(a: Array, b: Array) -> Any:
    """The product of complex numbers as pairs."""
    return np.stack([a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1], a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]], -1)


def fourier(g: Array, sign: int) -> Any:
    """Σ g·e^(sign·iθ) along axis 1, of pairs."""
    n = g.shape[1]
    turn = np.exp(sign * 2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    found = np.einsum("nk,bk->bn", turn, g[..., 0] + 1j * g[..., 1])
    return np.stack([found.real, found.imag], -1)


def factored(g: Array, y: Array, diagonal: float, symmetric: bool = True) -> Any:
    """∂L/∂a of a Cholesky factor y: so much of the diagonal counts."""
    inside = y.T @ g
    inside = np.tril(inside, -1) + diagonal * np.diag(np.diag(inside))
    w = matrices.inverse(y)
    d = w.T @ inside @ w
    return (d + d.T) / 2 if symmetric else d


def gathered(x: Array, i: Array, g: Array, axis: int = 0, put: bool = False, base: Array = 0.0) -> Any:
    """∂L/∂x of what was gathered along axis 0. `put` writes = for +=, `axis` is another one, `base` what was there."""
    d = np.zeros(x.shape) + base
    for place in np.ndindex(*i.shape):
        at = list(place)
        at[axis] = i[place] % x.shape[axis]
        d[tuple(at)] = g[place] if put else d[tuple(at)] + g[place]
    return d


def sig(x: Array) -> Array:
    """The sigmoid."""
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    """Over the classes of (samples, classes)."""
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def one_hot(labels: Array, classes: int) -> Any:
    """1 at each label."""
    return np.eye(classes)[labels]


def first(d: Array, axis: int = 0) -> Any:
    """Only the first slice of what should be summed over an axis."""
    kept = np.zeros(d.shape)
    at = (slice(None),) * axis + (0,)
    kept[at] = d[at]
    return kept


def put(d: Array, at: Any, value: float) -> Any:
    """One element changed by `value`."""
    d = np.array(d)
    d[at] += value
    return d
