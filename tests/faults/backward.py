"""Wrong backward rules, one a row: operation, mistake, whose gradient, numbers (data.py), what is passed on instead."""

# ruff: noqa: E501, E731

from __future__ import annotations

import numpy as np

from bptui.model.engine import matrices

from . import indexing, losses, options, wrong
from .plant import Backward as B

sig = wrong.sig
hot = wrong.one_hot
rows = lambda a: a.sum(-1, keepdims=True)
column = lambda a: np.asarray(a)[..., None]

ARITHMETIC = [
    B("add", "the sum over the batch is lost", "b", "pair", lambda d: wrong.first(d)),
    B("add", "doubled", "a", "pair", lambda g: 2 * g),
    B("add", "mean over the batch for its sum", "b", "pair", lambda d: d / 3),
    B("sub", "the sign of the second is lost", "b", "pair", lambda g: g),
    B("mul", "its own factor for the other", "a", "pair", lambda g, a: g * a),
    B("mul", "the sum over the batch is lost", "b", "pair", lambda d: wrong.first(d)),
    B("mul", "the sum over the batch is lost", "a", "left", lambda d: wrong.first(d)),
    B("div", "multiplies by the divisor", "a", "divided", lambda g, b: g * b),
    B("div", "sign of the divisor", "b", "divided", lambda d: -d),
    B("div", "b for b²", "b", "divided", lambda g, a, b: -g * a / b),
    B("pow", "the exponent is not lowered", "a", "powered", lambda g, y, b: g * b * y),
    B("pow", "log of the exponent for log of the base", "b", "powered", lambda g, y, b: g * y * np.log(np.abs(b))),
    B("maximum", "a tie goes to the first alone", "a", "tied pair", lambda g, a, b: g * (a >= b)),
    B("maximum", "to the smaller", "b", "tied pair", lambda g, a, b: g * (b < a)),
    B("minimum", "a tie goes to nobody", "b", "tied pair", lambda g, a, b: g * (b < a)),
    B("where", "the condition turned around", "a", "chosen", lambda g, c: g * (c == 0)),
    B("where", "the other's mask", "b", "chosen", lambda g, c: g * (c != 0)),
    B("power", "the exponent is not in front", "x", "cubed", lambda d: d / 3),
    B("power", "off by one: the exponent is not lowered", "x", "cubed", lambda g, y: 3 * g * y),
]  # fmt: skip

MAPS = [
    B("neg", "sign", "x", "x", lambda g: g),
    B("exp", "∂L/∂y as it is", "x", "x", lambda g: g),
    B("exp", "the input for the output", "x", "x", lambda g, x: g * x),
    B("log", "1/x²", "x", "positive", lambda g, x: g / x**2),
    B("log", "eps in the denominator", "x", "positive", lambda g, x: g / (x + 1e-6)),
    B("sqrt", "a factor 2", "x", "positive", lambda g, y: g / y),
    B("sqrt", "eps added to the root", "x", "positive", lambda g, y: g / (2 * (y + 1e-7))),
    B("rsqrt", "sign", "x", "positive", lambda d: -d),
    B("rsqrt", "y² for y³", "x", "positive", lambda g, y: -0.5 * g * y**2),
    B("reciprocal", "1/x for 1/x²", "x", "positive", lambda g, y: -g * y),
    B("square", "a factor 2 is missing", "x", "x", lambda g, x: g * x),
    B("abs", "1 at the kink", "x", "x", lambda g, x: g * np.where(x >= 0, 1, -1)),
    B("abs", "the value for its sign", "x", "x", lambda g, x: g * x),
    B("sin", "sign", "x", "x", lambda d: -d),
    B("cos", "sign", "x", "x", lambda g, x: g * np.sin(x)),
    B("clip", "passed on outside, too", "x", "bounded", lambda g: g),
    B("clip", "closed at its bounds", "x", "bounded", lambda g, x: g * ((x > -0.5) & (x < 0.8))),
    B("cast", "rounded on its way back, too", "x", "rounded", lambda g: wrong.put(g, (0, 1), g[0, 1] * 2.0**-9)),
    B("cast", "nothing passes: the derivative of the steps", "x", "rounded", lambda g: 0 * g),
    B("sign", "the derivative of abs", "x", "x", lambda g, y: g * y),
    B("floor", "straight through", "x", "x", lambda g: g),
    B("ceil", "straight through", "x", "x", lambda g: g),
    B("trunc", "passed on towards 0", "x", "x", lambda g, x: g * (x > 0)),
    B("round", "straight through", "x", "x", lambda g: g),
    B("dropout", "1/(1 - p) is missing", "x", "dropped", lambda g, mask: g * mask),
    B("dropout", "the mask is missing", "x", "dropped", lambda g: g / 0.7),
    B("dropout", "divided by p", "x", "dropped", lambda g, mask: g * mask / 0.3),
]  # fmt: skip

ACTIVATIONS = [
    B("sigmoid", "sign", "x", "x", lambda d: -d),
    B("sigmoid", "y(1 + y)", "x", "x", lambda g, y: g * y * (1 + y)),
    B("sigmoid", "the input for the output", "x", "x", lambda g, x: g * x * (1 - x)),
    B("sigmoid", "ignores ∂L/∂y", "x", "x", lambda y: y * (1 - y)),
    B("sigmoid", "rounded to float32", "x", "x", lambda d: d.astype(np.float32)),
    B("tanh", "1 - y", "x", "x", lambda g, y: g * (1 - y)),
    B("tanh", "1 + y²", "x", "x", lambda g, y: g * (1 + y * y)),
    B("relu", "leaks below 0", "x", "x", lambda g, x: g * np.where(x > 0, 1, 0.01)),
    B("relu", "open at the kink: >= for >", "x", "x", lambda g, x: g * (x >= 0)),
    B("relu", "the mask from ∂L/∂y", "x", "x", lambda g: g * (g > 0)),
    B("leaky_relu", "the slope is forgotten", "x", "x", lambda g, x: g * (x > 0)),
    B("leaky_relu", "1 at the kink", "x", "x", lambda g, x: g * np.where(x >= 0, 1, 0.01)),
    B("elu", "alpha is missing", "x", "elu", lambda g, x: g * np.where(x > 0, 1, np.exp(x))),
    B("elu", "y for y + alpha", "x", "elu", lambda g, x, y: g * np.where(x > 0, 1, y)),
    B("selu", "the scale is missing below 0", "x", "x", lambda d, x: np.where(x > 0, d, d / 1.0507009873554805)),
    B("gelu", "x·φ is missing", "x", "x", lambda d, g, x: d - g * x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    B("gelu", "the derivative of the form with tanh", "x", "x", lambda g, x: g * _gelu_tanh(x)),
    B("gelu", "x³ differentiated as x²", "x", "gelu tanh", lambda g, x: g * _gelu_tanh(x, 2)),
    B("silu", "x·s' is missing", "x", "x", lambda g, x: g * sig(x)),
    B("softplus", "tanh for sigmoid", "x", "x", lambda g, x: g * np.tanh(x)),
    B("log_sigmoid", "s(x) for s(-x)", "x", "x", lambda g, x: g * sig(x)),
    B("mish", "the inner derivative is missing", "x", "x", lambda g, x: g * np.tanh(np.log1p(np.exp(x)))),
    B("softsign", "1 + |x| is not squared", "x", "x", lambda g, x: g / (1 + abs(x))),
    B("softsign", "x for |x|", "x", "x", lambda g, x: g / (1 + x) ** 2),
    B("hardtanh", "open at its bounds", "x", "hard", lambda g, x: g * ((x >= -0.5) & (x <= 0.8))),
    B("relu6", "the upper bound is forgotten", "x", "six", lambda g, x: g * (x > 0)),
]  # fmt: skip


def _gelu_tanh(x: np.ndarray, power: int = 3) -> np.ndarray:
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + power * 0.044715 * x**2)


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
    B("slogdet", "not turned", "a", "invertible", lambda d: d.T),
    B("cholesky", "the diagonal counts twice", "a", "definite", lambda g, y: wrong.factored(g, y, 1.0)),
    B("cholesky", "not made symmetric", "a", "definite", lambda g, y: wrong.factored(g, y, 0.5, False)),
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


LOSSES = [
    B("mse", "a factor 2 is missing", "prediction", "loss", lambda d: d / 2),
    B("mse", "1/N is missing", "prediction", "loss", lambda d: 12 * d),
    B("mse", "mean over the batch only", "prediction", "loss", lambda d: 4 * d),
    B("mse", "sign of the target", "target", "loss", lambda d: -d),
    B("half_mse", "the factor 2 is back", "prediction", "loss", lambda d: 2 * d),
    B("half_sse", "divided by N", "prediction", "loss", lambda d: d / 12),
    B("mae", "the error for its sign", "prediction", "mae", lambda g, prediction, target: g * (prediction - target) / 12),
    B("mae", "1 at the kink", "prediction", "mae", lambda g, prediction, target: g * np.where(prediction >= target, 1, -1) / 12),
    B("huber", "delta is missing outside", "prediction", "huber", lambda g, prediction, target: g * _huber(prediction - target, 1)),
    B("huber", "squared everywhere", "prediction", "huber", lambda g, prediction, target: g * (prediction - target) / 12),
    B("bce", "the target is left out", "probs", "probabilities", lambda g, probs: -g / probs / 12),
    B("bce", "1 - p is missing", "probs", "probabilities", lambda g, probs, target: g * (probs - target) / probs / 12),
    B("bce_with_logits", "sigmoid's own derivative once more", "logits", "logits", lambda d, logits: d * sig(logits) * (1 - sig(logits))),
    B("bce_with_logits", "sign of the target", "logits", "logits", lambda g, logits, target: g * (sig(logits) + target) / 12),
    B("kl_div", "sign", "log_probs", "kl", lambda d: -d),
    B("kl_div", "divided by classes for the batch", "log_probs", "kl", lambda g, target: -g * target / 4),
    B("hinge", "the margin is ignored", "scores", "margins", lambda g, scores, target: -g * target / 12),
    B("hinge", "closed at the kink", "scores", "margins", lambda g, scores, target: -g * target * (scores * target <= 1) / 12),
    B("cross_entropy", "1/N is missing", "logits", "classes", lambda d: 3 * d),
    B("cross_entropy", "sign", "logits", "classes", lambda d: -d),
    B("cross_entropy", "divided by classes for the batch", "logits", "classes", lambda d: d * 3 / 4),
    B("cross_entropy", "the label is not subtracted", "logits", "classes", lambda d, g, labels: d + g * hot(labels, 4) / 3),
    B("cross_entropy", "off by one label", "logits", "classes", lambda d, g, labels: d + g * (hot(labels, 4) - hot((labels + 1) % 4, 4)) / 3),
    B("cross_entropy", "label smoothing is forgotten", "logits", "smooth", lambda d, g, labels: d - 0.1 * g * (hot(labels, 4) - 0.25) / 3),
    B("cross_entropy", "divides by samples, not by pixels", "logits", "pixels", lambda d: d * 3),
    B("soft_cross_entropy", "Σ target is taken as N", "logits", "soft", lambda d: d * 3),
    B("nll", "sign", "log_probs", "classes", lambda d: -d),
    B("nll", "spread over all classes", "log_probs", "classes", lambda g, d: -g * np.ones_like(d) / 12),
    B("multi_margin", "the label's own share is missing", "scores", "classes", lambda d, labels: d * (1 - hot(labels, 4))),
    B("multi_margin", "the label's own share counts once", "scores", "classes", lambda d, g, labels: np.where(hot(labels, 4) > 0, -g / 12, d)),
]  # fmt: skip


def _huber(e: np.ndarray, slope: float) -> np.ndarray:
    return np.where(np.abs(e) <= 0.7, e, slope * np.sign(e)) / 12


WINDOWS = [
    B("correlate1d", "the kernel is flipped", "x", "series", lambda g, x, weight, stride, dilation: wrong.conv_x(g, x, weight, stride, dilation, flip=True)),
    B("correlate1d", "the dilation is ignored", "weight", "series", lambda g, x, weight, stride: wrong.conv_weight(g, x, weight, stride, (1,))),
    B("correlate1d", "mean over places for their sum", "bias", "series", lambda d, g: d / g.shape[-1]),
    B("correlate2d", "the kernel is flipped", "x", "image", lambda g, x, weight, stride, dilation: wrong.conv_x(g, x, weight, stride, dilation, flip=True)),
    B("correlate2d", "overlaps: = for +=", "x", "image", lambda g, x, weight, stride, dilation: wrong.conv_x(g, x, weight, stride, dilation, put=True)),
    B("correlate2d", "the stride is ignored", "weight", "strided image", lambda g, x, weight, dilation: wrong.conv_weight(g, x, weight, (1, 1), dilation)),
    B("correlate2d", "off by one place", "weight", "image", lambda g, x, weight, stride, dilation: wrong.conv_weight(g, x, weight, stride, dilation, shift=1)),
    B("correlate2d", "samples: = for +=", "weight", "image", lambda g, x, weight, stride, dilation: wrong.conv_weight(g, x, weight, stride, dilation, last=True)),
    B("correlate2d", "the kernel's axes exchanged", "weight", "image", lambda d: d.swapaxes(2, 3)),
    B("correlate2d", "first sample only", "bias", "image", lambda g: g[0].sum((1, 2))),
    B("correlate_transpose2d", "the kernel is flipped", "x", "spread", lambda g, x, weight, stride, padding: wrong.spread_x(g, weight, x, stride, padding, flip=True)),
    B("correlate_transpose2d", "the padding is ignored", "x", "spread", lambda g, x, weight, stride: wrong.spread_x(g, weight, x, stride, (0, 0))),
    B("correlate_transpose2d", "mean for sum", "bias", "spread", lambda g: g.mean((0, 2, 3))),
    B("max_pool2d", "all that tie get all", "x", "tiles", lambda x, y, g: wrong.pool(x, y, g, (3, 2), (1, 2), "all")),
    B("max_pool2d", "the last of equals", "x", "tiles", lambda x, y, g: wrong.pool(x, y, g, (3, 2), (1, 2), "last")),
    B("max_pool2d", "overlaps: = for +=", "x", "tiles", lambda x, y, g: wrong.pool(x, y, g, (3, 2), (1, 2), put=True)),
    B("avg_pool2d", "not divided", "x", "averaged", lambda d: 9 * d),
    B("avg_pool2d", "divided by elements inside", "x", "averaged", lambda d: d * np.where(np.indices(d.shape)[1] == 0, 1.5, 1)),
    B("avg_pool2d", "padding is counted", "x", "bordered", lambda d: np.where((np.indices(d.shape)[1] < 1), d * 2 / 3, d)),
]  # fmt: skip

FAULTS = [
    *ARITHMETIC,
    *MAPS,
    *ACTIVATIONS,
    *PRODUCTS,
    *REDUCTIONS,
    *SHAPES,
    *LOSSES,
    *WINDOWS,
    *options.FAULTS,
    *indexing.FAULTS,
    *losses.FAULTS,
]
