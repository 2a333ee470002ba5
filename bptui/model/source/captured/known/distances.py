"""Distances between vectors, and vectors made of length one."""

from __future__ import annotations

from math import inf
from math import prod as elements
from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import alike, axes, finite, line, reshaped, values
from bptui.model.source.captured.known.registry import known
from bptui.model.source.captured.known.shapes import flipped

AT_ONCE = 2**24
"""So many numbers an event may have in between that PyTorch has not."""


@known("cdist")
def cdist(u: Call, x1: Any, x2: Any, p: float = 2.0, compute_mode: Any = "use_mm_for_euclid_dist_if_necessary") -> Node:
    """Each row of the one from each of the other. Above 25 rows PyTorch takes |x|² + |y|² - 2xy, with fewer digits."""
    rows, columns = x1.shape[-2], x2.shape[-2]
    by_product = compute_mode in ("use_mm_for_euclid_dist", 1) or (
        compute_mode in ("use_mm_for_euclid_dist_if_necessary", 0, None) and max(rows, columns) > 25
    )
    finite(u, x1, x2)
    if p == 2 and by_product:
        return _by_product(u, x1, x2)
    if rows * elements(x2.shape) > AT_ONCE:
        u.lacks("cdist of so many rows: all their differences would be held at once")
    if p == inf:
        away = np.abs(values(u, x1)[..., :, None, :] - values(u, x2)[..., None, :, :])
        if away.size and np.any(np.sum((away == np.max(away, -1, keepdims=True)) & (away > 0), -1) > 1):
            u.lacks("cdist of order inf: PyTorch gives all of the gradient to each of equally large differences")
    return u.use("cdist", x1, x2, p=p)


def _by_product(u: Call, a: Any, b: Any) -> Node:
    """The root of |a|² + |b|² - 2a·b, which is not below 0; its gradient is 0 where it is 0."""
    squares = [u.use("sum", u.use("square", x), axis=-1, keepdims=True) for x in (a, b)]
    both = u.use("add", squares[0], flipped(u, squares[1]))
    square = u.use("sub", both, u.use("mul", u.use("matmul", a, flipped(u, b)), 2.0))
    apart = u.use("greater", square, 0.0)
    return u.use("where", apart, u.use("sqrt", u.use("where", apart, square, 1.0)), 0.0)


@known("pairwise_distance")
def pairwise_distance(u: Call, x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> Node:
    return u.use("pairwise_distance", *alike(u, x1, x2), p=p, eps=eps, keepdims=keepdim)


@known("dist")
def dist(u: Call, input: Any, other: Any, p: float = 2) -> Node:
    return u.use("norm", u.use("sub", input, other), p=p)


@known("torch.nn.functional.normalize")
def normalize(u: Call, input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Node:
    """x divided by its norm, which is at least eps."""
    if isinstance(dim, int):
        return reshaped(u, u.use("normalize", line(u, input), axis=dim, eps=eps, p=p), tuple(input.shape))
    return u.use("div", input, u.use("clip", u.use("norm", input, axis=axes(input, dim), keepdims=True, p=p), min=eps))


@known("cosine_similarity")
def cosine_similarity(u: Call, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-08) -> Node:
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    given = [line(u, x if x.shape == shape else u.use("broadcast_to", x, shape=shape)) for x in (x1, x2)]
    return reshaped(u, u.use("cosine_similarity", *given, axis=dim, eps=eps), u.results[0].shape)
