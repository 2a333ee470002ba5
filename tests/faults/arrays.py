"""Wrong backward rules of products, reductions and shapes (as in backward.py)."""

# ruff: noqa: E501, E731

from __future__ import annotations

import numpy as np

from bptui.model.engine import matrices

from . import wrong
from .plant import Backward as B

hot = wrong.one_hot
rows = lambda a: a.sum(-1, keepdims=True)
column = lambda a: np.asarray(a)[..., None]

PRODUCTS = [
    B("affine", "first row of the batch only", "bias", "affine", lambda d: wrong.first(d)),
    B("affine", "mean over the batch for its sum", "bias", "affine", lambda d: d / 3),
    B("affine", "transposed", "weight", "affine", lambda g, x: g.T @ x),
    B("affine", "the last row of the batch is dropped", "weight", "affine", lambda g, x: x[:-1].T @ g[:-1]),
    B("affine", "one entry + 1e-6", "weight", "affine", lambda d: wrong.put(d, (2, 3), 1e-6)),
    B("affine", "one entry is 0", "weight", "affine", lambda d: wrong.put(d, (1, 4), -d[1, 4])),
    B("affine", "ignores ∂L/∂y", "weight", "affine", lambda g, x: x.T @ np.ones_like(g)),
    B("affine", "weight for its transpose", "x", "affine", lambda g, weight: g @ weight.reshape(5, 4)),
    B("affine", "rounded to float32", "x", "affine", lambda d: d.astype(np.float32)),
    B("matmul", "the product the other way around", "a", "matmul", lambda g, b: b @ g.T),
    B("einsum", "queries and keys exchanged", "first", "attended", lambda g, second: np.einsum("bkq,bkd->bqd", g, second)),
    B("einsum", "the sum over the batch", "second", "attended", lambda d: np.broadcast_to(d.sum(0), d.shape)),
    B("einsum", "all of the matrix, not its diagonal", "first", "traced", lambda g, second: np.tile(g * second, (3, 1))),
    B("matmul", "doubled", "b", "matmul", lambda d: 2 * d),
    B("matmul", "the sum over stacked matrices is lost", "b", "stacked matmul", lambda d: wrong.first(d)),
    B("matmul", "a is read transposed", "b", "stacked matmul", lambda a, g, d: d[..., ::-1, :]),
]  # fmt: skip

REDUCTIONS = [
    B("sum", "mean for sum", "x", "rows", lambda d: d / 4),
    B("sum", "spread along the other axis", "x", "reduced square", lambda g, x: np.broadcast_to(g, x.shape)),
    B("mean", "1/N is missing", "x", "rows", lambda d: 4 * d),
    B("mean", "divides by all elements", "x", "rows", lambda d: d / 3),
    B("mean", "divides by the other axis", "x", "rows", lambda d: d * 4 / 3),
    B("var", "N for N - correction", "x", "corrected", lambda d: d * 3 / 4),
    B("var", "N - 1 for N", "x", "rows", lambda d: d * 4 / 3),
    B("var", "the mean is not subtracted", "x", "rows", lambda g, x: 2 * column(g) * x / 4),
    B("var", "a factor 2 is missing", "x", "rows", lambda d: d / 2),
    B("max", "ties share", "x", "tied rows", lambda g, x, y: column(g) * (x == column(y)) / rows(x == column(y))),
    B("max", "all that tie get all", "x", "tied rows", lambda g, x, y: column(g) * (x == column(y))),
    B("min", "the last of equals", "x", "tied rows", lambda g, x: column(g) * hot(3 - x[:, ::-1].argmin(1), 4)),
    B("min", "goes to the largest", "x", "tied rows", lambda g, x: column(g) * hot(x.argmax(1), 4)),
    B("prod", "the product for that of the others", "x", "nonzero", lambda g, x, y: column(g * y) * np.ones_like(x)),
    B("prod", "divided by x²", "x", "nonzero", lambda g, x, y: column(g * y) / x**2),
    B("norm", "not divided by the norm", "x", "rows", lambda g, x: column(g) * x),
    B("norm", "a factor 2", "x", "rows", lambda d: 2 * d),
    B("norm", "eps in the denominator", "x", "rows", lambda g, x, y: column(g) * x / (column(y) + 1e-7)),
    B("logsumexp", "the same for all", "x", "rows", lambda g, x: column(g) * np.ones_like(x) / 4),
    B("logsumexp", "exp without its sum", "x", "rows", lambda g, x: column(g) * np.exp(x)),
    B("softmax", "the diagonal only", "x", "softmax", lambda g, y: g * y * (1 - y)),
    B("softmax", "Σ G·y is missing", "x", "softmax", lambda g, y: g * y),
    B("softmax", "sum over the wrong axis", "x", "softmax", lambda g, y: y * (g - (g * y).sum(0, keepdims=True))),
    B("softmax", "Σ G for Σ G·y", "x", "softmax", lambda g, y: y * (g - rows(g))),
    B("softmax", "the rule of the other axis", "x", "columns", lambda g, y: y * (g - rows(g * y))),
    B("log_softmax", "Σ G is missing", "x", "softmax", lambda g, y: g - np.exp(y)),
    B("log_softmax", "mean for sum", "x", "softmax", lambda g, y: g - np.exp(y) * g.mean(-1, keepdims=True)),
    B("log_softmax", "y for exp(y)", "x", "softmax", lambda g, y: g - y * rows(g)),
]  # fmt: skip

SHAPES = [
    B("reshape", "column by column", "x", "reshaped", lambda g: g.reshape(3, 4, order="F")),
    B("transpose", "the same permutation for its inverse", "x", "turned", lambda g: g.transpose(1, 2, 0)),
    B("broadcast_to", "mean for sum", "x", "stretched", lambda d: d / 15),
    B("broadcast_to", "the first copy only", "x", "stretched", lambda d: wrong.first(wrong.first(d), 2)),
    B("slice", "off by one", "x", "sliced", lambda d: np.roll(d, 1, 0)),
    B("slice", "the step is ignored", "x", "sliced", lambda d, g: _block(d, g)),
    B("concat", "the second's share for the first", "a", "joined", lambda g: g[:, 5:]),
    B("concat", "off by one", "b", "joined", lambda g: g[:, 3:8]),
    B("stack", "the other's share", "a", "stacked", lambda g: g[:, 1]),
    B("pad", "off by one", "x", "padded", lambda g: g[:3, 2:6]),
    B("take", "repeated ids: = for +=", "x", "taken", lambda x, i, g: wrong.rows(x, i, g, put=True)),
    B("take", "off by one row", "x", "taken", lambda x, i, g: wrong.rows(x, i, g, shift=1)),
    B("pixel_shuffle", "block by block, as it lies", "x", "shuffled", lambda g: g.reshape(1, 8, 3, 2)),
    B("pixel_unshuffle", "channel by channel, as it lies", "x", "blocks", lambda g: g.reshape(1, 2, 6, 4)),
    B("interpolate", "the mean of all for each", "x", "enlarged", lambda d: d * 0 + d.mean((2, 3), keepdims=True)),
    B("interpolate", "divided by how much larger it is", "x", "enlarged", lambda d: d * 12 / 35),
    B("flip", "as it came", "x", "flipped", lambda g: g),
    B("roll", "onwards, not back", "x", "rolled", lambda g: np.roll(g, 1, 1)),
    B("tril", "the diagonal for what is up to k above it", "x", "triangle", lambda g: np.tril(g)),
    B("triu", "passed on below, too", "x", "triangle", lambda g: g),
    B("diagonal", "on the main diagonal", "x", "beside the diagonal", lambda g: np.pad(np.diag(g), ((0, 0), (0, 1)))),
    B("inv", "not turned", "a", "invertible", lambda g, y: -y @ g @ y),
    B("inv", "sign", "a", "invertible", lambda d: -d),
    B("inv", "only from the left", "a", "invertible", lambda g, y: -y.T @ g),
    B("solve", "by a, not by a turned", "b", "equations", lambda g, a: matrices.solve(a, g)),
    B("solve", "b for the solution", "a", "equations", lambda g, a, b: -matrices.solve(a.T, g) @ b.T),
    B("solve", "sign", "a", "equations", lambda d: -d),
    B("solve_triangular", "to what is not read of a, too", "a", "triangle solved", lambda g, y, a: -matrices.solve(np.triu(a).T, g) @ y.T),
    B("solve_triangular", "the other triangle", "b", "triangle solved", lambda g, a: matrices.solve(np.tril(a).T, g)),
    B("det", "the inverse alone", "a", "invertible", lambda g, a: g * matrices.inverse(a).T),
    B("det", "not turned", "a", "invertible", lambda d: d.T),
    B("logdet", "the cofactors, not divided", "a", "invertible", lambda d, a: d * np.linalg.det(a)),
    B("logdet", "not turned", "a", "invertible", lambda d: d.T),
    B("singular_norm", "that of all singular values", "x", "largest singular", lambda g, x: g * matrices.OF["orthogonal"](x)),
    B("singular_norm", "of the smallest", "x", "largest singular", lambda g, x: g * matrices.OF["last_pair"](x)),
    B("singular_norm", "times the singular values", "x", "nuclear", lambda g, x: g * x),
    B("slogdet", "not turned", "a", "invertible", lambda d: d.T),
    B("cholesky", "the diagonal counts twice", "a", "definite", lambda g, y: wrong.factored(g, y, 1.0)),
    B("cholesky", "not made symmetric", "a", "definite", lambda g, y: wrong.factored(g, y, 0.5, False)),
    B("complex", "the imaginary part for the real one", "re", "two parts", lambda g: g[..., 1]),
    B("complex", "sign", "im", "two parts", lambda d: -d),
    B("real", "to the imaginary part, too", "x", "parts", lambda g: np.stack([g, g], -1)),
    B("imag", "to the real part", "x", "parts", lambda d: d[..., ::-1]),
    B("conj", "as it came", "x", "parts", lambda g: g),
    B("cmul", "the other one not conjugated", "a", "complex pair", lambda g, b: wrong.times(g, b)),
    B("cmul", "the sum over the batch is lost", "b", "complex pair", lambda g, a: wrong.first(wrong.times(g, a * [1, -1]))),
    B("cmul", "the real part's alone", "a", "complex pair", lambda g, b: g * b[..., :1]),
    B("fft", "forwards, not back", "x", "spectrum", lambda g: wrong.fourier(g, -1)),
    B("fft", "divided by N, as the inverse is", "x", "spectrum", lambda d: d / 5),
    B("ifft", "back, not forwards", "x", "spectrum", lambda g: wrong.fourier(g, 1) / 5),
    B("ifft", "not divided", "x", "spectrum", lambda d: 5 * d),
    B("rfft", "as if all of the spectrum were there", "x", "signal", lambda g: 5 * np.fft.irfft(g[..., 0] + 1j * g[..., 1], 5, 1)),
    B("irfft", "each half counts once", "x", "half spectrum", lambda d: d / np.array([1, 2, 2, 1.0])[:, None]),
    B("irfft", "the ends count twice, too", "x", "half spectrum", lambda d: d * np.array([2, 1, 1, 2.0])[:, None]),
    B("diag_embed", "read from the first row", "x", "embedded", lambda g: g[:, 0, :3]),
    B("diag_embed", "of the main diagonal", "x", "embedded", lambda g: np.diagonal(g, 0, 1, 2)[:, :3]),
    B("trace", "to all of the matrix", "x", "matrix", lambda g, x: g * np.ones(x.shape)),
    B("outer", "its own for the other", "a", "vectors", lambda g, a: a * g.sum(1)),
    B("repeat", "the first copy only", "x", "tiled", lambda g: g[:3, :4]),
    B("repeat", "mean for sum", "x", "tiled", lambda d: d / 6),
    B("repeat_interleave", "as copies one after the other", "x", "interleaved", lambda g: g[:, :4] + g[:, 4:]),
    B("sort", "not brought back", "x", "tied rows", lambda g: g),
    B("topk", "what was not taken has a share, too", "x", "first two", lambda d, g: d + (d == 0) * g.mean()),
    B("gather", "repeated ids: = for +=", "x", "gathered", lambda x, i, g: wrong.gathered(x, i, g, put=True)),
    B("gather", "along the other axis", "x", "gathered", lambda x, i, g: wrong.gathered(x, i, g, axis=1)),
    B("scatter_add", "nothing where something is added", "x", "scattered", lambda g, i: wrong.gathered(g, i, 0 * i, put=True, base=g)),
    B("scatter_add", "read where it lay, not where it went", "src", "scattered", lambda g: g[:2]),
    B("index_add", "read where it lay, not where it went", "src", "added", lambda g: np.concatenate([g, g], 1)[:, :5]),
    B("index_add", "divided by how many came", "src", "added", lambda d: d / np.array([3, 1, 3, 1, 3])),
    B("put", "what was written over keeps its gradient", "x", "written", lambda g: g),
    B("put", "the step is ignored", "src", "written", lambda g: g[1:3, :3]),
    B("cumsum", "summed from the front", "x", "running", lambda g: np.cumsum(g, 1)),
    B("cumsum", "only its own", "x", "running", lambda g: g),
    B("cumprod", "divided by the element", "x", "running", lambda g, x, y: np.cumsum((g * y)[:, ::-1], 1)[:, ::-1] / np.where(x == 0, 1, x)),
    B("logcumsumexp", "the softmax of the whole row", "x", "running", lambda g, x: rows(g) * np.exp(x) / rows(np.exp(x))),
    B("embedding", "repeated ids: = for +=", "table", "table", lambda table, i, g: wrong.rows(table, i, g, put=True)),
    B("embedding", "mean over repeated ids", "table", "table", lambda table, i, g: wrong.rows(table, i, g, mean=True)),
    B("embedding", "off by one row", "table", "table", lambda table, i, g: wrong.rows(table, i, g, shift=1)),
    B("masked_fill", "passed on behind the mask, too", "x", "masked", lambda g: g),
    B("masked_fill", "its share of what is not masked", "value", "masked", lambda g, mask: g * (mask == 0)),
    B("causal_mask", "passed on into the future", "x", "scores", lambda g: g),
    B("causal_mask", "off by one: the diagonal is lost", "x", "scores", lambda g: np.tril(g, -1)),
    B("masked_softmax", "Σ G·y is missing", "x", "looked", lambda g, y: g * y),
    B("masked_softmax", "passed on to what is not looked at", "x", "looked", lambda g, y: y * g - rows(g * y) * (y + (y == 0))),
]  # fmt: skip


def _block(d: np.ndarray, g: np.ndarray) -> np.ndarray:
    found = np.zeros(d.shape)
    found[1:4, :3] = g
    return found


FAULTS = [*PRODUCTS, *REDUCTIONS, *SHAPES]
