"""The cross-entropy of softmax(logits): with class numbers, or with probabilities of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Compares, Op, Signature
from bptui.model.engine.ops.common import largest_of, literal, over, real, require_equal
from bptui.model.engine.ops.labels import (
    ATTRIBUTES,
    CONVENTION,
    IGNORE,
    WEIGHTED,
    ClassIndices,
    Samples,
    class_axis,
    classes_last,
    column,
    label_bounds,
    labels_shape,
    leave_out,
    reduce_terms,
    reduction_scale,
    samples_of,
    subtract_at,
    target_last,
    term_weights,
    terms_for,
    upstream_weights,
    weight_shape,
)

_SMOOTHING = Attribute(0.0, real(0, 1))


def log_softmax(emit: Emit, z: Array, shifted: Array, p: Array) -> Array:
    """Emit shifted = z - max z and p = softmax(z); returns the (samples,) logarithms of Σ exp(shifted)."""
    top = emit.temp((len(z), 1))
    sums = emit.temp((len(z), 1))
    largest_of(emit, z, 1, top)
    emit(np.subtract, z, top, shifted)
    emit(np.exp, shifted.reshape(-1), p.reshape(-1))
    emit(np.add.reduce, p, 1, None, sums, True)
    emit(np.divide, p, sums, p)
    logs = emit.temp((len(z),))
    emit(np.log, sums.reshape(-1), logs)
    return logs


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


def _cross_entropy(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    logits, labels, *rest = inputs
    weight = rest[0] if rest else None
    z = classes_last(emit, logits, class_axis(attributes, logits.shape))
    samples, classes = z.shape
    if not classes or not samples:
        emit(np.copyto, out, emit.const(reduction_scale(attributes, samples) * 0.0))
        return None
    shifted, p, terms = emit.temp(z.shape), emit.temp(z.shape), terms_for(emit, out, attributes, samples)
    logs = log_softmax(emit, z, shifted, p)
    found = samples_of(emit, labels, weight, classes, attributes)
    smoothing = attributes["label_smoothing"]
    emit(shifted.reshape(-1).take, found.places, None, terms, "clip")
    both = smoothing and weight is not None
    if both:
        _smooth_by_class(emit, shifted, logs, weight, smoothing, terms, found)
    elif smoothing:
        emit(np.multiply, terms, emit.const(1 - smoothing), terms)
        means = emit.temp((samples,))
        emit(np.add.reduce, shifted, 1, None, means)
        emit(np.multiply, means, emit.const(smoothing / classes), means)
        emit(np.add, terms, means, terms)
    if not both:
        emit(np.subtract, logs, terms, terms)
    reduce_terms(emit, terms, out, attributes, found, weighed=bool(both))
    return p, found, weight


def _smooth_by_class(
    emit: Emit, shifted: Array, logs: Array, weight: Any, smoothing: float, terms: Array, found: Samples
) -> None:
    """terms = (1 - ε)·w[label]·(-log p[label]) + ε/K·Σ_k w[k]·(-log p[k]); `terms` come as the label's `shifted`."""
    surprise, others = emit.temp(shifted.shape), emit.temp(terms.shape)
    emit(np.subtract, logs[:, None], shifted, surprise)
    emit(np.matmul, surprise, weight, others)
    emit(np.multiply, others, emit.const(smoothing / shifted.shape[1]), others)
    if found.kept is not None:
        emit(np.multiply, others, found.kept, others)
    emit(np.subtract, logs, terms, terms)
    emit(np.multiply, terms, found.weights, terms)
    emit(np.multiply, terms, emit.const(1 - smoothing), terms)
    emit(np.add, terms, others, terms)


def _cross_entropy_vjp(emit: Emit, ctx: Backward) -> None:
    if ctx.saved is None:
        emit(np.copyto, ctx.d, emit.const(0.0))
        return
    p, found, class_weight = ctx.saved
    weight = term_weights(emit, ctx, len(p), found)
    smoothing = ctx.attributes["label_smoothing"]
    with target_last(emit, ctx.d, class_axis(ctx.attributes, ctx.d.shape)) as d:
        if smoothing:
            less = emit.temp(weight.shape)
            emit(np.multiply, weight, emit.const(1 - smoothing), less)
            if class_weight is None:
                emit(np.subtract, p, emit.const(smoothing / p.shape[1]), d)
                emit(np.multiply, d, column(weight), d)
            else:
                _smooth_by_class_vjp(emit, ctx, less, d)
            emit(subtract_at, d, found.places, less)
        else:
            line, flat_p = (d.reshape(-1), p.reshape(-1)) if not weight.ndim else (d, p)
            emit(np.multiply, flat_p, column(weight), line)
            emit(subtract_at, d, found.places, weight)
        leave_out(emit, d, found)


def _smooth_by_class_vjp(emit: Emit, ctx: Backward, label: Array, d: Array) -> None:
    """d = p·(label + c·Σw) - c·w, where `label` weighs the label's term and c the sum over classes."""
    p, found, class_weight = ctx.saved
    spread, whole, sums = emit.temp(label.shape), emit.temp(label.shape), emit.temp(())
    base = upstream_weights(emit, ctx, len(p), found)
    emit(np.multiply, base, emit.const(ctx.attributes["label_smoothing"] / p.shape[1]), spread)
    if found.kept is not None:
        emit(np.multiply, spread, found.kept, spread)
    emit(np.add.reduce, class_weight, 0, None, sums)
    emit(np.multiply, spread, sums, whole)
    emit(np.add, whole, label, whole)
    emit(np.multiply, p, column(whole), d)
    by_class = emit.temp(p.shape)
    emit(np.multiply, column(spread), class_weight, by_class)
    emit(np.subtract, d, by_class, d)


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


def _soft(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    axis = class_axis(attributes, inputs[0].shape)
    z, t = (classes_last(emit, array, axis) for array in inputs[:2])
    samples, classes = z.shape
    if not classes or not samples:
        emit(np.copyto, out, emit.const(reduction_scale(attributes, samples) * 0.0))
        return None
    smoothing = attributes["label_smoothing"]
    if smoothing:
        smooth = emit.temp(t.shape)
        emit(np.multiply, t, emit.const(1 - smoothing), smooth)
        emit(np.add, smooth, emit.const(smoothing / classes), smooth)
        t = smooth
    if len(inputs) > 2:
        weighed = emit.temp(t.shape)
        emit(np.multiply, t, inputs[2], weighed)
        t = weighed
    shifted, p, terms = emit.temp(z.shape), emit.temp(z.shape), terms_for(emit, out, attributes, samples)
    logs = log_softmax(emit, z, shifted, p)
    emit(np.subtract, logs[:, None], shifted, shifted)  # -log p from here on
    products = emit.temp(z.shape)
    emit(np.multiply, t, shifted, products)
    emit(np.add.reduce, products, 1, None, terms)
    reduce_terms(emit, terms, out, attributes)
    return t, p, shifted


def _soft_vjp(emit: Emit, ctx: Backward) -> None:
    if ctx.saved is None:
        return
    t, p, surprise = ctx.saved
    axis = class_axis(ctx.attributes, ctx.inputs[0].shape)
    weight = term_weights(emit, ctx, len(p))
    if ctx.into[0] is not None:
        with target_last(emit, ctx.into[0], axis) as d:
            sums = emit.temp((len(p), 1))
            emit(np.add.reduce, t, 1, None, sums, True)  # 1 for probabilities, but nobody has to give those
            emit(np.multiply, p, sums, d)
            emit(np.subtract, d, t, d)
            emit(np.multiply, d, column(weight), d)
    if ctx.into[1] is not None:
        with target_last(emit, ctx.into[1], axis) as d:
            emit(np.multiply, surprise, column(weight), d)
            emit(np.multiply, d, emit.const(1 - ctx.attributes["label_smoothing"]), d)
            if len(ctx.inputs) > 2:
                emit(np.multiply, d, ctx.inputs[2], d)


OPS = (
    Op(
        "cross_entropy",
        ("logits", "labels", "weight?"),
        _cross_entropy_definition,
        labels_shape("logits"),
        _cross_entropy,
        _cross_entropy_vjp,
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
        _soft,
        _soft_vjp,
        "The cross-entropy of softmax(logits) with probabilities of the classes; a weight of each class is taken, too.",
        {**ATTRIBUTES, "label_smoothing": _SMOOTHING},
        fixed=("weight",),
        convention=CONVENTION,
        compares=Compares("scores", "distribution", entropy=True),
    ),
)
