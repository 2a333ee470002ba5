"""Losses."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    alike,
    condition,
    finished,
    finite,
    line,
    reduced,
    reshaped,
    stretched,
    values,
    whole,
)
from bptui.model.source.captured.known.distances import pairwise_distance
from bptui.model.source.captured.known.registry import known

F = "torch.nn.functional."


@known(F + "mse_loss")
def mse(
    u: Call, input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Any = None,
) -> Node:  # fmt: skip
    return _of_pairs(u, "mse", input, target, weight, reduced(reduction, size_average, reduce))


@known(F + "l1_loss")
def l1(
    u: Call, input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    weight: Any = None,
) -> Node:  # fmt: skip
    return _of_pairs(u, "mae", input, target, weight, reduced(reduction, size_average, reduce))


@known(F + "smooth_l1_loss")
def smooth_l1(
    u: Call, input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    beta: float = 1.0,
) -> Node:  # fmt: skip
    reduction = reduced(reduction, size_average, reduce)
    if beta == 0:
        return _of_pairs(u, "mae", input, target, None, reduction)
    return _of_pairs(u, "smooth_l1", input, target, None, reduction, beta=beta)


@known(F + "huber_loss")
def huber(u: Call, input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Node:
    return _of_pairs(u, "huber", input, target, weight, reduction, delta=delta)


@known(F + "soft_margin_loss")
def soft_margin(
    u: Call, input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Node:
    return _of_pairs(u, "soft_margin", input, target, None, reduced(reduction, size_average, reduce))


def _of_pairs(u: Call, op: str, x: Any, target: Any, weight: Any, reduction: str, **settings: Any) -> Node:
    """Of pairs of elements, which broadcast against each other; a mean by weights is by their sum, huber's is not."""
    if op == "soft_margin":
        finite(u, x, target, nan=True)
    if weight is None:
        return u.use(op, *alike(u, x, target), reduction=reduction, **settings)
    each = u.use("mul", u.use(op, *alike(u, x, target), reduction="none", **settings), weight)
    if reduction != "mean" or op == "huber":
        return finished(u, each, reduction)
    return u.use("div", u.use("sum", each), u.use("sum", weight))


@known(F + "kl_div")
def kl_div(
    u: Call, input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Node:  # fmt: skip
    """Its mean over the batch is the sum, divided by the samples."""
    finite(u, input, target, nan=True)
    pair = alike(u, input, target)
    if reduction == "batchmean" and size_average is None and reduce is None:
        samples = float(input.shape[0]) if input.shape else 1.0
        return u.use("div", u.use("kl_div", *pair, reduction="sum", log_target=log_target), samples)
    return u.use("kl_div", *pair, reduction=reduced(reduction, size_average, reduce), log_target=log_target)


@known(F + "binary_cross_entropy")
def bce(
    u: Call, input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Node:  # fmt: skip
    stats = u.shop.record.step.values[input.id].stats
    if (
        input.dtype == "float64"
        and stats is not None
        and 0 not in input.shape
        and not 1e-11 < stats.least <= stats.largest < 1 - 1e-11
    ):
        u.lacks("binary_cross_entropy in float64: at 0 and 1 PyTorch's slope has only the digits of float32")
    weight = None if weight is None else stretched(u, weight, input.shape)
    return u.use("bce", input, target, weight, reduction=reduced(reduction, size_average, reduce))


@known(F + "binary_cross_entropy_with_logits")
def bce_with_logits(
    u: Call, input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Any = None,
) -> Node:  # fmt: skip
    finite(u, input, target, weight, pos_weight, nan=True)
    weight, pos_weight = (
        x if x is None or x.shape == input.shape[len(input.shape) - len(x.shape) :] else stretched(u, x, input.shape)
        for x in (weight, pos_weight)
    )
    if weight is not None and pos_weight is None:
        pos_weight = u.number(1.0)
    return u.use(
        "bce_with_logits", input, target, pos_weight, weight, reduction=reduced(reduction, size_average, reduce)
    )


# --------------------------------------------------------------------------------------------------------- classes
def _classes(u: Call, op: str, x: Any, target: Any, weight: Any, ignore: int | None, settings: dict[str, Any]) -> Node:
    """Class numbers are looked at at once: whether one is to be left out."""
    axis = 1 if len(x.shape) > 1 else 0
    finite(u, weight, nan=True)
    if not whole(target):
        if weight is not None and u.node(weight).wants_grad:
            return _of_probabilities(u, x, target, weight, **settings)
        return u.use(op, x, target, weight, axis=axis, **settings)
    if ignore is not None and np.any(values(u, target) == ignore):
        settings["ignore_index"] = ignore
    labels = u.index(target)
    if len(x.shape) == 1 and (target.shape or "ignore_index" in settings):  # one sample, as a batch of one
        x, labels, axis = reshaped(u, x, (1, *x.shape)), u.whole((1,), lambda: values(u, target).reshape(1)), 1
    return reshaped(u, u.use(op, x, labels, weight, axis=axis, **settings), u.results[0].shape)


def _of_probabilities(u: Call, x: Any, target: Any, weight: Any, reduction: str, label_smoothing: float = 0.0) -> Node:
    """-Σ w·t·log softmax(x) over the classes, with a gradient for the weights, too."""
    axis = 1 if len(x.shape) > 1 else 0
    classes = x.shape[axis]
    if label_smoothing:
        target = u.use("add", u.use("mul", target, 1 - label_smoothing), label_smoothing / classes)
    beside = reshaped(u, weight, (classes, *(1,) * (len(x.shape) - axis - 1)))
    terms = u.use("mul", u.use("mul", u.use("log_softmax", x, axis=axis), target), beside)
    return finished(u, u.use("neg", u.use("sum", terms, axis=axis)), reduction)


def _below(u: Call, x: Any) -> bool:
    """Is all that is infinite in it -inf: classes that are ruled out? Read where something is infinite only."""
    return not np.any(values(u, x) == np.inf)


@known(F + "cross_entropy")
def cross_entropy(
    u: Call, input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Node:  # fmt: skip
    """Where NaN is among the numbers, its two parts: PyTorch's log_softmax gives 0 × NaN to a sample that is left out,
    and bptui's cross_entropy, which is one operation, 0."""
    stats = u.shop.record.step.values[input.id].stats
    if stats is not None and stats.inf and not _below(u, input):
        u.lacks("cross_entropy of inf")
    settings: dict[str, Any] = {"reduction": reduced(reduction, size_average, reduce)}
    if u.counted_nan(input) and whole(target) and not label_smoothing:
        scores = u.use("log_softmax", input, axis=1 if len(input.shape) > 1 else 0)
        return _classes(u, "nll", scores, target, weight, ignore_index, settings)
    settings["label_smoothing"] = label_smoothing
    return _classes(u, "cross_entropy", input, target, weight, ignore_index, settings)


@known(F + "nll_loss")
def nll(
    u: Call, input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Node:  # fmt: skip
    settings = {"reduction": reduced(reduction, size_average, reduce)}
    return _classes(u, "nll", input, target, weight, ignore_index, settings)


@known(F + "multi_margin_loss")
def multi_margin(
    u: Call, input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Node:  # fmt: skip
    finite(u, input)
    settings = {"reduction": reduced(reduction, size_average, reduce), "margin": margin, "p": p}
    return _classes(u, "multi_margin", line(u, input), target, weight, None, settings)


# -------------------------------------------------------------------------------------------- margins and distances
@known(F + "margin_ranking_loss")
def margin_ranking(
    u: Call, input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Node:  # fmt: skip
    finite(u, target, *((input1, input2) if u.node(target).wants_grad else ()))
    reduction = reduced(reduction, size_average, reduce)
    return u.use("margin_ranking", *alike(u, input1, input2, target), margin=margin, reduction=reduction)


@known(F + "triplet_margin_loss")
def triplet_margin(
    u: Call, anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Node:  # fmt: skip
    """With swap the nearer of the two is the negative's distance."""
    reduction = reduced(reduction, size_average, reduce)
    if 1 <= p < inf:
        settings = {"margin": margin, "p": p, "eps": eps, "swap": swap, "reduction": reduction}
        return u.use("triplet_margin", *alike(u, anchor, positive, negative), **settings)
    near, far = (pairwise_distance(u, anchor, other, p, eps) for other in (positive, negative))
    if swap:
        far = u.use("minimum", far, pairwise_distance(u, positive, negative, p, eps))
    less = u.use("add", u.use("sub", near, far), margin)
    return finished(u, u.use("clip", less, min=0.0), reduction)


@known(F + "cosine_embedding_loss")
def cosine_embedding(
    u: Call, input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Node:  # fmt: skip
    pair = alike(u, input1, input2)
    reduction = reduced(reduction, size_average, reduce)
    return u.use(
        "cosine_embedding", *pair, stretched(u, target, pair[0].shape[:-1]), margin=margin, reduction=reduction
    )


@known(F + "hinge_embedding_loss")
def hinge_embedding(
    u: Call, input: Any, target: Any, margin: float = 1.0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Node:  # fmt: skip
    reduction = reduced(reduction, size_average, reduce)
    return u.use("hinge_embedding", *alike(u, input, target), margin=margin, reduction=reduction)


@known(F + "poisson_nll_loss")
def poisson_nll(
    u: Call, input: Any, target: Any, log_input: bool = True, full: bool = False, size_average: Any = None,
    eps: float = 1e-8, reduce: Any = None, reduction: str = "mean",
) -> Node:  # fmt: skip
    if full and u.node(target).wants_grad:
        finite(u, target)
    reduction, pair = reduced(reduction, size_average, reduce), alike(u, input, target)
    return u.use("poisson_nll", *pair, reduction=reduction, log_input=log_input, full=full, eps=eps)


@known(F + "gaussian_nll_loss")
def gaussian_nll(
    u: Call, input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Node:
    pair = alike(u, input, target)
    return u.use("gaussian_nll", *pair, var, full=full, eps=eps, reduction=reduction)


@known(F + "multilabel_soft_margin_loss")
def multilabel_soft_margin(
    u: Call, input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Node:  # fmt: skip
    finite(u, input, target, weight)
    pair = alike(u, input, target)
    reduction = reduced(reduction, size_average, reduce)
    return u.use("multilabel_soft_margin", *pair, weight, reduction=reduction)


@known(F + "multilabel_margin_loss")
def multilabel_margin(
    u: Call, input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Node:
    scores = line(u, input)
    labels = u.whole(scores.shape, lambda: values(u, target).reshape(scores.shape))
    y = u.use("multilabel_margin", scores, labels, reduction=reduced(reduction, size_average, reduce))
    return reshaped(u, y, u.results[0].shape)


def _counts(u: Call, x: Any) -> list[int]:
    """Lengths, as a tensor or a list of numbers."""
    given = x if isinstance(x, list) else [x]
    return [int(n) for part in given for n in np.asarray(values(u, part)).reshape(-1)]


@known(F + "ctc_loss")
def ctc(
    u: Call, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Node:  # fmt: skip
    """PyTorch's gradient has exp(log_probs) in it, too, which the log_softmax before it takes off: a sum of them, less
    itself, is 0 and has that gradient."""
    finite(u, log_probs)
    if len(log_probs.shape) < 3:
        u.lacks("ctc_loss without an axis of samples")
    (moments, samples, _), lasting, counts = log_probs.shape, _counts(u, input_lengths), _counts(u, target_lengths)
    given, most = values(u, targets), max(counts, default=0)
    starts = np.cumsum([0, *counts])
    rows = [given[n, :c] if given.ndim == 2 else given[starts[n] : starts[n + 1]] for n, c in enumerate(counts)]
    needed = [len(row) + int(np.count_nonzero(row[1:] == row[:-1])) for row in rows]
    if not most or any(n > m for n, m in zip(needed, lasting, strict=True)):
        u.lacks("ctc_loss of labels for which the moments are too few, or of none")
    labels = np.array([[*row, *[0] * (most - len(row))] for row in rows], np.int64)
    there = np.arange(moments)[:, None, None] < np.array(lasting)[:, None]
    each = u.use(
        "ctc",
        log_probs,
        u.whole((samples, most), lambda: labels, "labels"),
        u.constant((samples,), lambda: np.array(lasting, np.float64), "input_lengths"),
        u.whole((samples,), lambda: np.array(counts, np.int64), "target_lengths"),
        blank=blank,
        reduction="none",
    )
    likely = u.use("where", condition(u, (moments, samples, 1), lambda: there), u.use("exp", log_probs), 0.0)
    more = u.use("sum", likely, axis=(0, 2))
    each = u.use("add", each, u.use("sub", more, u.use("detach", more)))
    if reduction == "mean":
        lengths = u.constant((samples,), lambda: np.maximum(np.array(counts, np.float64), 1), "lengths")
        each = u.use("div", each, lengths)
    return finished(u, each, reduction)
