"""Wrong backward rules, one a row: operation, mistake, whose gradient, numbers (data.py), what is passed on instead."""

# ruff: noqa: E501

from __future__ import annotations

import numpy as np

from . import arrays, elementwise, indexing, losses, options, wrong
from .plant import Backward as B

sig = wrong.sig
hot = wrong.one_hot

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
    B("avg_pool2d", "by the window's size for the divisor", "x", "divided windows", lambda d: d * 4 / 9),
    B("avg_pool2d", "padding is counted", "x", "bordered", lambda d: np.where((np.indices(d.shape)[1] < 1), d * 2 / 3, d)),
]  # fmt: skip

FAULTS = [
    *elementwise.FAULTS,
    *arrays.FAULTS,
    *LOSSES,
    *WINDOWS,
    *options.FAULTS,
    *indexing.FAULTS,
    *losses.FAULTS,
]
