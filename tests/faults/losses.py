"""Wrong backward rules of losses: margins, counts and amounts, distances, what is right already."""

# ruff: noqa: E501

from __future__ import annotations

import numpy as np

from .plant import Backward as B
from .wrong import one_hot as hot
from .wrong import sig, softmax

FAULTS = [
    B("hinge_embedding", "the margin is ignored", "distance", "signed distances", lambda g, target: g * target / 12),
    B("hinge_embedding", "open at the kink", "distance", "signed distances", lambda g, distance, target: g * np.where(target == 1, 1, np.where(distance < 0.7, -1, 0)) / 12),
    B("margin_ranking", "the sign of the second", "x2", "ranked", lambda d: -d),
    B("margin_ranking", "the margin is ignored", "x1", "ranked", lambda g, target: -g * target / 12),
    B("log_cosh", "the square's derivative", "prediction", "loss", lambda g, prediction, target: g * (prediction - target) / 12),
    B("log_cosh", "sign of the target", "target", "loss", lambda d: -d),
    B("mape", "not divided by the target", "prediction", "shares", lambda g, prediction, target: g * np.sign(prediction - target) / 12),
    B("mape", "eps is added, not the least", "prediction", "shares", lambda g, prediction, target: g * np.sign(prediction - target) / (np.abs(target) + 0.3) / 12),
    B("poisson_nll", "the target is left out", "rate", "counted", lambda g, rate: g * np.exp(rate) / 12),
    B("poisson_nll", "Stirling's term below 1, too", "target", "counted", lambda g, rate, target: g * (np.log(target + 0.5) - rate) / 12),
    B("tweedie", "the power is not lowered", "rate", "amounts", lambda g, rate, target: g * (rate - target) * rate**-0.3 / 12),
    B("sigmoid_focal", "the factor is taken as a number", "logits", "logits", lambda g, logits, target: g * np.where(target == 1, 0.25 * sig(-logits) ** 2, 0.75 * sig(logits) ** 2) * (sig(logits) - target) / 12),
    B("sigmoid_focal", "alpha turned around", "logits", "logits", lambda d, target: d * np.where(target == 1, 3, 1 / 3)),
    B("focal", "the factor is taken as a number", "logits", "classes", lambda g, logits, labels: g * ((1 - (softmax(logits) * hot(labels, 4)).sum(1)) ** 2)[:, None] * (softmax(logits) - hot(labels, 4)) / 3),
    B("focal", "the cross-entropy's own", "logits", "classes", lambda g, logits, labels: g * (softmax(logits) - hot(labels, 4)) / 3),
    B("multilabel_margin", "labels are not left out of the others", "scores", "several labels", lambda d, g: d + g * hot(np.array([1, 0, 3]), 4) / 12),
    B("multilabel_margin", "the label's own share counts once", "scores", "several labels", lambda g, d: np.maximum(d, -g / 12)),
    B("ctc_step", "equal labels without a blank between", "alpha", "one moment", lambda d, g: d + np.eye(3)[1][:, None] * np.array([0, 0.1, 0, -0.1, 0]) * g),
    B("ctc_step", "one place for each class: = for +=", "log_probs", "one moment", lambda g, labels: np.stack([np.bincount([0, a, b], [g[n, 4], g[n, 1], g[n, 3]], 4) for n, (a, b) in enumerate(labels)])),
    B("ctc_end", "not divided by the labels", "alpha", "ends", lambda d, lengths: d * np.maximum(lengths, 1)[:, None]),
    B("ctc_end", "only where a label ends", "alpha", "ends", lambda d: d * np.array([0, 1, 0, 1, 0])),
    B("multi_margin", "the square's derivative is not doubled", "scores", "weighted squares", lambda d: d / 2),
    B("multi_margin", "the weight of the other class", "scores", "weighted squares", lambda d, labels, weight: d * weight / weight[labels][:, None]),
]  # fmt: skip
