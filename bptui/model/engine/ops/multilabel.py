"""The loss of several labels of a sample by the margins of their scores: multilabel_margin."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Bounds, Compares, Op, Signature
from bptui.model.engine.ops.common import at, require_equal
from bptui.model.engine.ops.labels import column
from bptui.model.engine.ops.pointwise import reduced, reduction, scale_of
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    require_equal(("scores", "labels"), shapes)
    if len(shapes[0]) not in (1, 2):
        raise ValueError(f"scores has shape {shapes[0]}: it must have one axis (classes) or two (samples, classes)")
    if not shapes[0][-1]:
        raise ValueError(f"scores has shape {shapes[0]}: there must be a class")
    return shapes[0][:-1] if attributes["reduction"] == "none" else ()


def _bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
    return {"labels": (-1, shapes[0][-1])}


def _definition(signature: Signature) -> str:
    """`is_label`: of the place j, that no -1 came yet; `is_other`: of the class k, that it is none of the labels."""
    lead = ["i"][: signature.ranks[0] - 1]
    place, other = at("is_label", [*lead, "j"]), at("is_other", [*lead, "k"])
    label, before = at("labels", [*lead, "j"]), at("labels", [*lead, "l"])
    gap = at("gap", [*lead, "j", "k"])
    own = at("scores", [*lead, f"({label} + K) % K"])  # of -1 the last, which is not looked at
    named = f"max({at('is_label', [*lead, 'l'])} if {before} == k else 0 for l in L)"
    term = f"{gap} if {gap} > 0 and {place} > 0 and {other} > 0 else 0"
    return (
        f"{place} = prod(1 if {before} >= 0 else 0 for l in L if l <= j); {other} = 1 - {named}; "
        f"{gap} = 1 - {own} + {at('scores', [*lead, 'k'])}; "
        f"{reduced(f'sum({term} for j in J for k in K)/K', lead, signature)}"
    )


def _counted(x: Any, labels: Any) -> tuple[Any, Any]:
    """(the terms of the samples, how often each score is counted)."""
    both = noted(_fill, (prod(x.shape[:-1]), 1 + x.shape[-1]), x, labels)
    return both[:, 0], both[:, 1:]


def _value(x: Any, labels: Any, reduction: str) -> Any:
    terms = _counted(x, labels)[0]
    if reduction == "none":
        return terms.reshape(x.shape[:-1])
    return np.add.reduce(terms, 0) * scale_of(reduction, terms.shape)


def _fill(x: Array, labels: Array, out: Array) -> None:
    """Label after label, until no sample has one more: the gaps above 0 of its score to those of all other classes."""
    x, labels = (array.reshape(-1, array.shape[-1]) for array in (x, labels))
    samples, classes = np.arange(len(x)), x.shape[1]
    out[...] = 0
    terms, slopes = out[:, 0], out[:, 1:]
    is_label = np.logical_and.accumulate(labels >= 0, 1)
    is_other = np.ones(x.shape, bool)
    np.logical_and.at(is_other, (samples[:, None], np.where(is_label, labels, 0)), ~is_label)
    for place in range(classes):
        live = is_label[:, place]
        if not live.any():
            break
        label = np.where(live, labels[:, place], 0)
        gaps = 1 - x[samples, label][:, None] + x
        counts = (gaps > 0) & is_other & live[:, None]
        terms += np.where(counts, gaps, 0).sum(1) / classes
        slopes += counts
        slopes[samples, label] -= counts.sum(1)


def _vjp(g: Any, y: Any, x: Any, labels: Any, reduction: str) -> Any:
    slopes = _counted(x, labels)[1]
    scale = scale_of(reduction, slopes.shape[:1])
    return noted(_give, x.shape, slopes, g if scale == 1 else g * scale)


def _give(slopes: Array, weight: Array, d: Array) -> None:
    """What is not chosen passes nothing, whatever is upstream."""
    with np.errstate(all="ignore"):
        given = slopes * column(weight.reshape(-1) if weight.ndim else weight) / max(slopes.shape[1], 1)
        d[...] = np.where(slopes != 0, given, 0).reshape(d.shape)


_RULE = Rule(_value, _vjp)


OPS = (
    Op(
        "multilabel_margin",
        ("scores", "labels"),
        _definition,
        _shape,
        *_RULE.pair,
        "The margins by which the scores of all other classes come too near to those of a sample's labels: class "
        "numbers in a row as long as the classes, which ends at the first -1.",
        {"reduction": reduction()},
        indices=("labels",),
        analytic=False,
        convention="the sum over labels and other classes is divided by the number of classes; the mean over samples",
        bounds=_bounds,
        compares=Compares("margins", "classes"),
    ),
)
