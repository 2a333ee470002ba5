"""The cross-entropy of softmax(logits): with class numbers, or with probabilities of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Compares, Op, Signature
from bptui.model.engine.ops.common import literal, over, real, require_equal
from bptui.model.engine.ops.labels import (
    ATTRIBUTES,
    CONVENTION,
    IGNORE,
    WEIGHTED,
    ClassIndices,
    Samples,
    class_axis,
    column,
    label_bounds,
    labels_shape,
    weight_shape,
)
from bptui.model.engine.ops.pointwise import scale_of
from bptui.model.engine.rule import Rule

_SMOOTHING = Attribute(0.0, real(0, 1))


def softmax_of(z: Any) -> tuple[Any, Any, Any]:
    """(z - max z, the logarithms of the sum of their exponentials, (samples,), softmax(z)) of each row."""
    shifted = z - np.max(z.real, 1, keepdims=True)
    powers = np.exp(shifted)
    sums = np.add.reduce(powers, 1, keepdims=True)
    return shifted, np.log(sums).reshape((len(z),)), powers / sums


# -------------------------------------------------------------------------------------------------------- cross entropy
def _cross_entropy_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "logits")
    smoothing = signature["label_smoothing"]
    log = f"log(sum(exp({use.at('k')}){over(['k'])}))"
    if not smoothing:
        return use.reduced(use.weighed(f"{log} - {use.at(use.label)}"))
    number = literal(smoothing)
    if use.weight:
        chosen = f"(1 - {number})*{use.weight}*({log} - {use.at(use.label)})"
        bound = next(letter for letter in "lmnop" if letter not in use.samples)
        inner = f"log(sum(exp({use.at(bound)}){over([bound])}))"
        return use.reduced(f"{chosen} + {number}*sum(weight[k]*({inner} - {use.at('k')}){over(['k'])})/K")
    spread = f"{number}*sum({use.at('k')}{over(['k'])})/K"
    return use.reduced(f"{log} - (1 - {number})*{use.at(use.label)} - {spread}")


def _cross_entropy_dispatch(shapes: Sequence[Shape], attributes: Attributes) -> str | None:
    """Probabilities in the place of labels are told by their shape, as in PyTorch."""
    return "soft_cross_entropy" if len(shapes) >= 2 and shapes[1] == shapes[0] else None


def _cross_entropy(logits: Any, labels: Any, *weight: Any, **given: Any) -> Any:
    found, smoothing = Samples(logits, labels, given, weight), given["label_smoothing"]
    if not found.z.size:
        return scale_of(given["reduction"], found.z.shape[:1]) * 0.0
    shifted, logs, _ = softmax_of(found.z)
    label = found.of_label(shifted)
    if not smoothing:
        return found.reduced(logs - label)
    share = smoothing / found.z.shape[1]
    if not weight:
        return found.reduced(logs - (label * (1 - smoothing) + np.add.reduce(shifted, 1) * share))
    others = np.dot(logs[:, None] - shifted, weight[0]) * share
    others = others if found.kept is None else others * found.kept
    return found.reduced((logs - label) * found.weights * (1 - smoothing) + others, weighed=True)


def _cross_entropy_vjp(g: Any, y: Any, logits: Any, labels: Any, *weight: Any, **given: Any) -> Any:
    """By class, smoothed: p·(label + c·Σw) - c·w, where `label` weighs the label's term and c the sum over classes."""
    found, smoothing = Samples(logits, labels, given, weight), given["label_smoothing"]
    if not found.z.size:
        return 0
    p, each = softmax_of(found.z)[2], found.weigh(g)
    if not smoothing:
        return found.slope(p, each, each)
    label, share = each * (1 - smoothing), smoothing / found.z.shape[1]
    if not weight:
        return found.slope(p - share, each, label)
    spread = found.upstream(g) * share
    spread = spread if found.kept is None else spread * found.kept
    whole = spread * np.add.reduce(weight[0], 0) + label
    return found.slope(p * column(whole) - column(spread) * weight[0], 1, label)


_CROSS_ENTROPY = Rule(_cross_entropy, _cross_entropy_vjp)


# --------------------------------------------------------------------------------------------------- soft cross entropy
def _soft_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    require_equal(("logits", "target"), shapes[:2])
    axis = class_axis(attributes, shapes[0])
    weight_shape("logits", shapes[0], axis, shapes)
    return shapes[0][:axis] + shapes[0][axis + 1 :] if attributes["reduction"] == "none" else ()


def _soft_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "logits")
    bound = next(letter for letter in "lmnop" if letter not in use.samples)
    log = f"log(sum(exp({use.at(bound)}){over([bound])}))"
    target, smoothing = use.at("k", "target"), signature["label_smoothing"]
    if smoothing:
        target = f"((1 - {literal(smoothing)})*{target} + {literal(smoothing)}/K)"
    if use.weight:
        target = f"weight[k]*{target}"
    return use.reduced(f"sum({target}*({log} - {use.at('k')}){over(['k'])})", weights=False)


def _soft_terms(logits: Any, target: Any, weight: Sequence[Any], given: Attributes) -> tuple[Samples, Any, Any, Any]:
    """(the samples, what the classes count, -log p, p)."""
    found, smoothing = Samples(logits, None, given), given["label_smoothing"]
    t = found.classes_last(target)
    if smoothing:
        t = t * (1 - smoothing) + smoothing / found.z.shape[1]
    for each in weight:
        t = t * each
    shifted, logs, p = softmax_of(found.z)
    return found, t, logs[:, None] - shifted, p


def _soft(logits: Any, target: Any, *weight: Any, **given: Any) -> Any:
    if not logits.size:
        return Samples(logits, None, given).share * 0.0
    found, t, surprise, _ = _soft_terms(logits, target, weight, given)
    return found.reduced(np.add.reduce(t * surprise, 1))


def _soft_by_logits(g: Any, y: Any, logits: Any, target: Any, *weight: Any, **given: Any) -> Any:
    if not logits.size:
        return 0
    found, t, _, p = _soft_terms(logits, target, weight, given)
    # Σt is 1 for probabilities, but nobody has to give those
    return found.back((p * np.add.reduce(t, 1, keepdims=True) - t) * column(found.upstream(g)))


def _soft_by_target(g: Any, y: Any, logits: Any, target: Any, *weight: Any, **given: Any) -> Any:
    if not logits.size:
        return 0
    found, _, surprise, _ = _soft_terms(logits, target, weight, given)
    d = surprise * column(found.upstream(g)) * (1 - given["label_smoothing"])
    return found.back(d * weight[0] if weight else d)


_SOFT = Rule(_soft, _soft_by_logits, _soft_by_target)


OPS = (
    Op(
        "cross_entropy",
        ("logits", "labels", "weight?"),
        _cross_entropy_definition,
        labels_shape("logits"),
        *_CROSS_ENTROPY.pair,
        "The cross-entropy of softmax(logits) with class numbers or, in their place, probabilities; with or without a "
        "weight of each class; samples labelled ignore_index are left out.",
        {**ATTRIBUTES, **IGNORE, "label_smoothing": _SMOOTHING},
        indices=("labels",),
        fixed=("weight",),
        convention=WEIGHTED,
        dispatch=_cross_entropy_dispatch,
        bounds=label_bounds("logits"),
        compares=Compares("scores", "class", entropy=True),
    ),
    Op(
        "soft_cross_entropy",
        ("logits", "target", "weight?"),
        _soft_definition,
        _soft_shape,
        *_SOFT.pair,
        "The cross-entropy of softmax(logits) with probabilities of the classes; a weight of each class is taken, too.",
        {**ATTRIBUTES, "label_smoothing": _SMOOTHING},
        fixed=("weight",),
        convention=CONVENTION,
        compares=Compares("scores", "distribution", entropy=True),
    ),
)
