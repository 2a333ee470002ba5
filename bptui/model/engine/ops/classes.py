"""Losses over classes: nll and multi_margin. See `cross_entropy.py` for the one that is used most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Compares, Op, Signature
from bptui.model.engine.ops.common import at, integer, over, real
from bptui.model.engine.ops.labels import (
    ATTRIBUTES,
    CONVENTION,
    IGNORE,
    WEIGHTED,
    ClassIndices,
    class_axis,
    classes_last,
    column,
    label_bounds,
    labels_shape,
    reduce_terms,
    samples_of,
    subtract_at,
    target_last,
    term_weights,
    terms_for,
)


def _one_or_two(value: Any) -> int:
    p = integer(1)(value)
    if p > 2:
        raise ValueError(f"must be 1 or 2, not {p}")
    return p


# ---------------------------------------------------------------------------------------------------- nll, multi_margin
def _nll_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "log_probs")
    return use.reduced(use.weighed(f"-{use.at(use.label)}"))


def _nll(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    x, labels, *weight = inputs
    z = classes_last(emit, x, class_axis(attributes, x.shape, "log_probs"))
    samples = samples_of(emit, labels, weight[0] if weight else None, z.shape[1], attributes)
    terms = terms_for(emit, out, attributes, len(z))
    if z.size:
        emit(z.reshape(-1).take, samples.places, None, terms, "clip")
        emit(np.negative, terms, terms)
    reduce_terms(emit, terms, out, attributes, samples)
    return samples


def _nll_vjp(emit: Emit, ctx: Backward) -> None:
    with target_last(emit, ctx.d, class_axis(ctx.attributes, ctx.d.shape, "log_probs")) as d:
        weight = term_weights(emit, ctx, len(d), ctx.saved)
        emit(np.copyto, d, emit.const(0.0))
        emit(subtract_at, d, ctx.saved.places, weight)


def _margin_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "scores")
    gap = at("gap", [*use.samples, "k"])
    power = "**2" if signature["p"] == 2 else ""
    term = f"sum({gap}{power} if {gap} > 0 else 0{over(['k'], f'k != {use.label}')})/K"
    first = f"{gap} = margin - {use.at(use.label)} + {use.at('k')}"
    return f"{first}; {use.reduced(use.weighed(term), weights=False)}"


def _margin(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    x, labels, *weight = inputs
    z = classes_last(emit, x, class_axis(attributes, x.shape, "scores"))
    places = samples_of(emit, labels, None, z.shape[1], attributes).places
    terms, gaps = terms_for(emit, out, attributes, len(z)), emit.temp(z.shape)
    emit(_fill_margin, z, places, attributes["margin"], attributes["p"], gaps, terms)
    each = None
    if weight:
        each = emit.temp((len(z),))
        emit(weight[0].take, labels.reshape(-1), None, each, "clip")
        emit(np.multiply, terms, each, terms)
    reduce_terms(emit, terms, out, attributes)
    return gaps, places, each


def _fill_margin(z: Array, places: Array, margin: float, p: int, gaps: Array, terms: Array) -> None:
    if not z.size:
        terms[...] = 0
        return
    np.subtract(z, z.reshape(-1)[places][:, None] - margin, gaps)
    gaps.reshape(-1)[places] = 0
    np.maximum(gaps, 0, out=gaps)
    terms[...] = (gaps**p).sum(1) / z.shape[1]


def _margin_vjp(emit: Emit, ctx: Backward) -> None:
    gaps, places, each = ctx.saved
    weight = term_weights(emit, ctx, len(gaps))
    if each is not None:
        emit(np.multiply, each, weight, each)
        weight = each
    with target_last(emit, ctx.d, class_axis(ctx.attributes, ctx.d.shape, "scores")) as d:
        emit(_give_margin, gaps, places, weight, ctx.attributes["p"], d)


def _give_margin(gaps: Array, places: Array, weight: Array, p: int, d: Array) -> None:
    if d.size:
        np.sign(gaps, d) if p == 1 else np.multiply(gaps, 2, d)
        d.reshape(-1)[places] = -d.sum(1)
        np.copyto(d, d * (column(weight) / d.shape[1]), where=d != 0)


OPS = (
    Op(
        "nll",
        ("log_probs", "labels", "weight?"),
        _nll_definition,
        labels_shape("log_probs"),
        _nll,
        _nll_vjp,
        "The negative log-likelihood of the labels; with or without a weight of each class; those that are "
        "ignore_index are left out.",
        {**ATTRIBUTES, **IGNORE},
        indices=("labels",),
        fixed=("weight",),
        convention=WEIGHTED,
        bounds=label_bounds("log_probs"),
        compares=Compares("logs", "class", bounded=False, entropy=True),
    ),
    Op(
        "multi_margin",
        ("scores", "labels", "weight?"),
        _margin_definition,
        labels_shape("scores"),
        _margin,
        _margin_vjp,
        "The margins by which other classes come too near to the label's score, or their squares (p = 2); with or "
        "without a weight of each class.",
        {**ATTRIBUTES, "margin": Attribute(1.0, real(), static=False), "p": Attribute(1, _one_or_two)},
        indices=("labels",),
        fixed=("weight",),
        analytic=False,
        convention=f"the sum over the other classes is divided by the number of classes; {CONVENTION}",
        bounds=label_bounds("scores"),
        compares=Compares("margins", "class"),
    ),
)
