"""Losses."""

from __future__ import annotations

from collections.abc import Callable
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
from bptui.model.source.captured.known.registry import Entry, known, taking

F = "torch.nn.functional."


REDUCED: dict[str, Any] = {"size_average": None, "reduce": None, "reduction": "mean"}
"""How a loss is reduced, and the two settings that PyTorch had before."""


def loss(name: str, *required: str, **settings: Any) -> Callable[[Entry], Entry]:
    """Registers an entry with that signature: it is given the reduction by name."""

    def keep(make: Entry) -> Entry:
        def by_name(u: Call, *given: Any, reduction: str, **more: Any) -> Any:
            before = more.pop("size_average", None), more.pop("reduce", None)
            return make(u, *given, reduction=reduced(reduction, *before), **more)

        known(F + name)(taking(by_name, *required, **settings))
        return make

    return keep


def of_pairs(op: str) -> Entry:
    """Of pairs of elements, which broadcast against each other; a mean by weights is by their sum, huber's is not."""

    def make(u: Call, x: Any, target: Any, *, reduction: str, weight: Any = None, **settings: Any) -> Node:
        if weight is None:
            return u.use(op, *alike(u, x, target), reduction=reduction, **settings)
        each = u.use("mul", u.use(op, *alike(u, x, target), reduction="none", **settings), weight)
        if reduction != "mean" or op == "huber":
            return finished(u, each, reduction)
        return u.use("div", u.use("sum", each), u.use("sum", weight))

    return make


loss("mse_loss", "input", "target", **REDUCED, weight=None)(of_pairs("mse"))
loss("l1_loss", "input", "target", **REDUCED, weight=None)(of_pairs("mae"))
loss("huber_loss", "input", "target", reduction="mean", delta=1.0, weight=None)(of_pairs("huber"))
loss("hinge_embedding_loss", "input", "target", margin=1.0, **REDUCED)(of_pairs("hinge_embedding"))


@loss("smooth_l1_loss", "input", "target", **REDUCED, beta=1.0)
def smooth_l1(u: Call, input: Any, target: Any, reduction: str, beta: float) -> Any:
    if beta == 0:
        return of_pairs("mae")(u, input, target, reduction=reduction)
    return of_pairs("smooth_l1")(u, input, target, reduction=reduction, beta=beta)


@loss("soft_margin_loss", "input", "target", **REDUCED)
def soft_margin(u: Call, input: Any, target: Any, reduction: str) -> Any:
    finite(u, input, target, nan=True)
    return of_pairs("soft_margin")(u, input, target, reduction=reduction)


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


@loss("binary_cross_entropy", "input", "target", weight=None, **REDUCED)
def bce(u: Call, input: Any, target: Any, weight: Any, reduction: str) -> Node:
    stats = u.shop.record.step.values[input.id].stats
    if (
        input.dtype == "float64"
        and stats is not None
        and 0 not in input.shape
        and not 1e-11 < stats.least <= stats.largest < 1 - 1e-11
    ):
        u.lacks("binary_cross_entropy in float64: at 0 and 1 PyTorch's slope has only the digits of float32")
    weight = None if weight is None else stretched(u, weight, input.shape)
    return u.use("bce", input, target, weight, reduction=reduction)


@loss("binary_cross_entropy_with_logits", "input", "target", weight=None, **REDUCED, pos_weight=None)
def bce_with_logits(u: Call, input: Any, target: Any, weight: Any, reduction: str, pos_weight: Any) -> Node:
    finite(u, input, target, weight, pos_weight, nan=True)
    weight, pos_weight = (
        x if x is None or x.shape == input.shape[len(input.shape) - len(x.shape) :] else stretched(u, x, input.shape)
        for x in (weight, pos_weight)
    )
    if weight is not None and pos_weight is None:
        pos_weight = u.number(1.0)
    return u.use("bce_with_logits", input, target, pos_weight, weight, reduction=reduction)


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


_CLASSES: dict[str, Any] = {
    "weight": None, "size_average": None, "ignore_index": -100, "reduce": None, "reduction": "mean",
}  # fmt: skip


@loss("cross_entropy", "input", "target", **_CLASSES, label_smoothing=0.0)
def cross_entropy(
    u: Call, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Node:
    """Where NaN is among the numbers, its two parts: PyTorch's log_softmax gives 0 × NaN to a sample that is left out,
    and bptui's cross_entropy, which is one operation, 0."""
    stats = u.shop.record.step.values[input.id].stats
    if stats is not None and stats.inf and not _below(u, input):
        u.lacks("cross_entropy of inf")
    settings: dict[str, Any] = {"reduction": reduction}
    if u.counted_nan(input) and whole(target) and not label_smoothing:
        scores = u.use("log_softmax", input, axis=1 if len(input.shape) > 1 else 0)
        return _classes(u, "nll", scores, target, weight, ignore_index, settings)
    settings["label_smoothing"] = label_smoothing
    return _classes(u, "cross_entropy", input, target, weight, ignore_index, settings)


@loss("nll_loss", "input", "target", **_CLASSES)
def nll(u: Call, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Node:
    return _classes(u, "nll", input, target, weight, ignore_index, {"reduction": reduction})


@loss("multi_margin_loss", "input", "target", p=1, margin=1.0, weight=None, **REDUCED)
def multi_margin(u: Call, input: Any, target: Any, weight: Any, **settings: Any) -> Node:
    finite(u, input)
    return _classes(u, "multi_margin", line(u, input), target, weight, None, settings)


# -------------------------------------------------------------------------------------------- margins and distances
@loss("margin_ranking_loss", "input1", "input2", "target", margin=0, **REDUCED)
def margin_ranking(u: Call, input1: Any, input2: Any, target: Any, **settings: Any) -> Node:
    finite(u, target, *((input1, input2) if u.node(target).wants_grad else ()))
    return u.use("margin_ranking", *alike(u, input1, input2, target), **settings)


@loss("triplet_margin_loss", "anchor", "positive", "negative", margin=1.0, p=2, eps=1e-6, swap=False, **REDUCED)
def triplet_margin(u: Call, anchor: Any, positive: Any, negative: Any, **settings: Any) -> Node:
    return u.use("triplet_margin", *alike(u, anchor, positive, negative), **settings)


@loss("cosine_embedding_loss", "input1", "input2", "target", margin=0, **REDUCED)
def cosine_embedding(u: Call, input1: Any, input2: Any, target: Any, **settings: Any) -> Node:
    pair = alike(u, input1, input2)
    return u.use("cosine_embedding", *pair, stretched(u, target, pair[0].shape[:-1]), **settings)


@loss("poisson_nll_loss", "input", "target", log_input=True, full=False, size_average=None, eps=1e-8, reduce=None,
      reduction="mean")  # fmt: skip
def poisson_nll(u: Call, input: Any, target: Any, **settings: Any) -> Node:
    if settings["full"] and u.node(target).wants_grad:
        finite(u, target)
    return u.use("poisson_nll", *alike(u, input, target), **settings)


@loss("gaussian_nll_loss", "input", "target", "var", full=False, eps=1e-6, reduction="mean")
def gaussian_nll(u: Call, input: Any, target: Any, var: Any, **settings: Any) -> Node:
    return u.use("gaussian_nll", *alike(u, input, target), var, **settings)


@loss("multilabel_soft_margin_loss", "input", "target", weight=None, **REDUCED)
def multilabel_soft_margin(u: Call, input: Any, target: Any, weight: Any, reduction: str) -> Node:
    finite(u, input, target, weight)
    return u.use("multilabel_soft_margin", *alike(u, input, target), weight, reduction=reduction)


@loss("multilabel_margin_loss", "input", "target", **REDUCED)
def multilabel_margin(u: Call, input: Any, target: Any, reduction: str) -> Node:
    scores = line(u, input)
    labels = u.whole(scores.shape, lambda: values(u, target).reshape(scores.shape))
    y = u.use("multilabel_margin", scores, labels, reduction=reduction)
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
