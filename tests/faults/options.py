"""Wrong backward rules of options and of what came with them: class weights, labels left out, ceil_mode, dilation, …"""

# ruff: noqa: E501

from __future__ import annotations

import numpy as np

from . import wrong
from .plant import Backward as B
from .wrong import one_hot as hot
from .wrong import sig, softmax

Array = np.ndarray


def _shares(g: Array, n: int) -> Array:
    """An adaptive mean of three windows that tile, as where the sizes divide."""
    d = np.zeros((*g.shape[:-1], n))
    for place in range(3):
        low, high = place * n // 3, (place + 1) * n // 3
        d[..., low:high] = g[..., place, None] / (high - low)
    return d


def _largest(x: Array, y: Array, g: Array, last: bool = False) -> Array:
    """An adaptive maximum of 3 by 2 windows in which all that tie, or the last of them, get all."""
    d = np.zeros(x.shape)
    for n, a, b in np.ndindex(2, 3, 2):
        rows, columns = slice(a * 5 // 3, -((a + 1) * -5 // 3)), slice(b * 3, b * 3 + 3)
        best = np.argwhere(x[n, rows, columns] == y[n, a, b])
        for row, column in best[-1:] if last else best:
            d[n, rows.start + row, columns.start + column] += g[n, a, b]
    return d


LOSSES = [
    B("cross_entropy", "the weights of classes are forgotten", "logits", "weighted", lambda g, logits, labels: g * (softmax(logits) - hot(labels, 4)) / 3),
    B("cross_entropy", "a mean over samples, not over weights", "logits", "weighted", lambda d, labels, weight: d * weight[labels].sum() / 3),
    B("cross_entropy", "smoothing by the label's weight alone", "logits", "weighted smooth", lambda g, logits, labels, weight: g * (weight[labels] / weight[labels].sum())[:, None] * (softmax(logits) - 0.9 * hot(labels, 4) - 0.025)),
    B("nll", "labels that are left out count in the mean", "log_probs", "left out", lambda d: d * 2 / 3),
    B("nll", "a label that is left out is the last class", "log_probs", "left out", lambda d, g, labels: d - g * hot(labels, 4) * (labels < 0)[:, None] / 2),
    B("bce_with_logits", "pos_weight for both sides", "logits", "weighted bits", lambda g, logits, target, pos_weight: g * pos_weight * (sig(logits) - target) / 12),
    B("bce_with_logits", "pos_weight is forgotten", "target", "weighted bits", lambda g, logits: -g * logits / 12),
    B("kl_div", "the mean over all for the one over samples", "log_probs", "kl by sample", lambda d: d / 4),
    B("kl_div", "the logarithm of the target for the target", "log_probs", "kl of logs", lambda g, target: -g * target / 12),
    B("smooth_l1", "not divided by beta", "prediction", "smooth l1", lambda d: d * 0.7),
    B("soft_margin", "the sign of the target", "scores", "margins", lambda d, target: d * target),
]  # fmt: skip

MAPS = [
    B("hardshrink", "closed at the bound", "x", "shrunk", lambda g, x: g * (np.abs(x) >= 0.5)),
    B("softshrink", "passed on inside, too", "x", "shrunk", lambda g: g),
    B("hardswish", "the middle's slope everywhere", "x", "six", lambda g, x: g * (x / 3 + 0.5)),
    B("hardsigmoid", "not divided by 6", "x", "six", lambda d: 6 * d),
    B("tanhshrink", "the slope of tanh", "x", "x", lambda g, x: g * (1 - np.tanh(x) ** 2)),
    B("celu", "alpha in front, as of elu", "x", "elu", lambda d, x: np.where(x > 0, d, 0.7 * d)),
    B("leaky", "1 at the kink", "a", "pair", lambda g, a, b: g * np.where(a >= 0, 1, b)),
    B("leaky", "the slope's share of positive numbers", "b", "pair", lambda g, a: g * a),
    B("glu", "the gate has no gradient", "x", "halves", lambda d: np.concatenate([d[:, :2], 0 * d[:, 2:]], 1)),
    B("glu", "the halves exchanged", "x", "halves", lambda d: np.concatenate([d[:, 2:], d[:, :2]], 1)),
    B("tan", "1 - y²", "x", "x", lambda g, y: g * (1 - y * y)),
    B("log1p", "1/x", "x", "positive", lambda g, x: g / x),
    B("expm1", "the output, as of exp", "x", "x", lambda g, y: g * y),
    B("erf", "√π without its 2", "x", "x", lambda d: d / 2),
    B("asin", "the root is missing", "x", "angles", lambda g, x: g / (1 - x * x)),
    B("acos", "sign", "x", "angles", lambda d: -d),
    B("atan", "the root of it", "x", "x", lambda g, x: g / np.sqrt(1 + x * x)),
    B("asinh", "of acosh", "x", "positive", lambda g, x: g / np.sqrt(np.abs(x * x - 1))),
    B("acosh", "of asinh", "x", "beyond 1", lambda g, x: g / np.sqrt(x * x + 1)),
    B("atanh", "of atan", "x", "angles", lambda g, x: g / (1 + x * x)),
    B("atan2", "sign", "b", "point", lambda d: -d),
    B("atan2", "not squared", "a", "point", lambda g, a, b: g * b / np.sqrt(a * a + b * b)),
    B("erfc", "of erf", "x", "x", lambda d: -d),
    B("lgamma", "log for digamma", "x", "positive", lambda g, x: g * np.log(x)),
    B("digamma", "1/x for trigamma", "x", "positive", lambda g, x: g / x),
    B("polygamma", "itself for the next one", "x", "positive", lambda g, y: g * y),
    B("xlogy", "1 more, as of x·log x", "a", "entropies", lambda d, g: d + g),
    B("logaddexp", "the other's share", "a", "pair", lambda d, g: g - d),
    B("sinh", "sign", "x", "x", lambda d: -d),
    B("cosh", "cosh for sinh", "x", "x", lambda g, y: g * y),
]  # fmt: skip

SHAPES = [
    B("std", "the variance's factor 2", "x", "rows", lambda d: 2 * d),
    B("std", "N for N - 1", "x", "corrected", lambda d: d * 3 / 4),
    B("p_norm", "not divided by the norm", "x", "ordered rows", lambda g, x: g[:, None] * np.abs(x) ** 2 * np.sign(x)),
    B("p_norm", "the sign is lost", "x", "ordered rows", lambda d: np.abs(d)),
    B("p_norm", "the first of equally large ones gets all", "x", "largest of rows", lambda g, x: g[:, None] * np.sign(x) * hot(np.abs(x).argmax(1), 4)),
    B("p_norm", "each of equally large ones gets all", "x", "largest of rows", lambda g, x, y: g[:, None] * np.sign(x) * (np.abs(x) == y[:, None])),
    B("rrelu", "the lower slope for the middle one", "x", "slopes", lambda g, x: g * np.where(x > 0, 1, 0.2)),
    B("rrelu", "1 at the kink", "x", "slopes", lambda g, x: g * np.where(x >= 0, 1, 0.3)),
    B("alpha_dropout", "the scale is forgotten", "x", "dropped", lambda g, mask: g * mask),
    B("alpha_dropout", "scaled as a dropout", "x", "dropped", lambda g, mask: g * mask / 0.7),
    B("interpolate", "the kernel of straight lines", "x", "curved", lambda d: d * 0.9 + d.mean((2, 3), keepdims=True) * 0.1),
    B("embedding_bag", "the weights of positions are forgotten", "table", "bags", lambda table, i, g: wrong.rows(table, i, g[[0, 0, 1, 1, 1]])),
    B("embedding_bag", "the other bag's gradient", "weight", "bags", lambda table, i, g: (table[i] * g[[1, 1, 0, 0, 0]]).sum(1)),
    B("embedding_bag", "a sum for a mean", "table", "mean bags", lambda d: d * 3),
    B("embedding_bag", "all rows of a bag get it, not the largest", "table", "largest bags", lambda table, i, g: wrong.rows(table, i, np.repeat(g[:, None], 3, 1))),
    B("adaptive_max_pool2d", "all that tie get all", "x", "adapted tiles", lambda x, y, g: _largest(x, y, g)),
    B("adaptive_max_pool2d", "the last of equals", "x", "adapted tiles", lambda x, y, g: _largest(x, y, g, last=True)),
    B("adaptive_max_pool1d", "shared by the window", "x", "adapted", lambda g: _shares(g, 7)),
    B("padded_embedding", "not divided by how often it is read", "table", "shared table", lambda table, i, g: wrong.rows(table, i, g)),
    B("held_embedding_bag", "not divided by how often it is read", "table", "held bags", lambda table, i, g: wrong.rows(table, i, np.repeat(g[:, None] / 3, 3, 1))),
    B("held_embedding_bag", "through the norm, as if the table were scaled", "table", "held bags", lambda d: d * 0.5),
    B("padded_embedding", "the padding's row is trained", "table", "padded table", lambda d, g: d + g[1] * (np.arange(6) == 1)[:, None]),
    B("max_pool1d", "the dilation is ignored", "x", "dilated windows", lambda x, y, g: _spread(x, y, g)),
    B("avg_pool1d", "the last window divided by all of the kernel", "x", "ceiled windows", lambda d: np.where(np.arange(7) >= 6, d / 2, d)),
    B("adaptive_avg_pool1d", "windows that share nothing", "x", "adapted", lambda g: _shares(g, 7)),
    B("correlate3d", "two axes of the kernel exchanged", "weight", "volume", lambda d: d.swapaxes(3, 4)),
    B("correlate_transpose1d", "the kernel is flipped", "weight", "spread series", lambda d: d[..., ::-1]),
]  # fmt: skip


def _spread(x: Array, y: Array, g: Array) -> Array:
    """∂L/∂x of a maximum over two neighbours in the place of two that are three apart."""
    d = np.zeros(x.shape)
    for place in range(g.shape[-1]):
        d[..., place] += g[..., place] * (x[..., place] == y[..., place])
        d[..., place + 1] += g[..., place] * (x[..., place] != y[..., place])
    return d


FAULTS = [*LOSSES, *MAPS, *SHAPES]
