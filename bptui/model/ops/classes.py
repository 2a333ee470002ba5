"""Losses over classes: nll and multi_margin, and what they share with cross_entropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Emit, Op, Shape, Signature
from bptui.model.ops.common import (
    at,
    choice,
    contiguous,
    integer,
    letters,
    one_axis,
    optional,
    over,
    product,
    real,
    total,
)

ATTRIBUTES = {
    "reduction": Attribute("mean", choice("mean", "sum", "none")),
    "axis": Attribute(None, optional(integer())),
}


def class_axis(attributes: Attributes, shape: Sequence[int] | int, name: str = "logits") -> int:
    """The axis of the classes: axis 1, or the only one of a vector, as in PyTorch; or the attribute `axis`."""
    rank = shape if isinstance(shape, int) else len(shape)
    if attributes["axis"] is not None:
        return one_axis(attributes["axis"], shape, name)
    return one_axis(min(1, rank - 1), shape, name) if rank else one_axis(0, shape, name)


def labels_shape(name: str) -> Any:
    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        x, labels = shapes
        axis = class_axis(attributes, x, name)
        samples = x[:axis] + x[axis + 1 :]
        if labels != samples:
            raise ValueError(f"{name} has shape {x} and labels has shape {labels}: labels must have shape {samples}")
        return samples if attributes["reduction"] == "none" else ()

    return shape


def label_bounds(name: str) -> Any:
    def bounds(shapes: Sequence[Shape], attributes: Attributes) -> Mapping[str, tuple[int, int]]:
        return {"labels": (0, shapes[0][class_axis(attributes, shapes[0], name)])}

    return bounds


class ClassIndices:
    """The indices of a definition: samples, x at class k, x at the label."""

    def __init__(self, signature: Signature, name: str) -> None:
        rank = signature.ranks[0]
        self.axis = class_axis({"axis": signature["axis"]}, rank, name)
        self.samples = letters(rank - 1, avoid="k")
        self.name = name
        self.label = at("labels", self.samples)
        self.signature = signature

    def at(self, index: str, name: str = "") -> str:
        return at(name or self.name, [*self.samples[: self.axis], index, *self.samples[self.axis :]])

    def reduced(self, term: str) -> str:
        reduction = self.signature["reduction"]
        if reduction == "none" or not self.samples:
            return f"{at('y', self.samples if reduction == 'none' else [])} = {term}"
        return f"y = {total(term, self.samples)}" + (f"/{product(self.samples)}" if reduction == "mean" else "")


# --------------------------------------------------------------------------------------------------- moving the classes
def classes_last(emit: Emit, x: Array, axis: int) -> Array:
    """x as a matrix (samples, classes): a view where the classes are last, else a copy that is made here each step."""
    classes = x.shape[axis]
    samples = x.size // classes if classes else int(np.prod(x.shape[:axis] + x.shape[axis + 1 :], dtype=int))
    if axis == x.ndim - 1 and x.flags.c_contiguous:
        return x.reshape(samples, classes)
    moved = np.moveaxis(x, axis, -1)
    copy = emit.temp(moved.shape, x.dtype)
    emit(np.copyto, copy, moved)
    return copy.reshape(samples, classes)


def target_last(emit: Emit, into: Array, axis: int) -> tuple[Array, Array | None]:
    """Where to write a contribution as (samples, classes), and the view it then has to be copied to, if any."""
    classes = into.shape[axis]
    if axis == into.ndim - 1 and into.flags.c_contiguous:
        return into.reshape(-1 if into.size else int(np.prod(into.shape[:-1])), classes), None
    moved = np.moveaxis(into, axis, -1)
    copy = emit.temp(moved.shape)
    return copy.reshape(-1 if into.size else int(np.prod(moved.shape[:-1])), classes), moved


def label_places(emit: Emit, labels: Array, classes: int) -> Array:
    """The flat place of each sample's label in (samples, classes), computed each step: labels change with the batch."""
    first = np.arange(labels.size) * classes
    places = emit.temp((labels.size,), np.intp)
    emit(np.add, first, labels.reshape(-1), places)
    return places


def reduce_terms(emit: Emit, terms: Array, out: Array, attributes: Attributes) -> None:
    if attributes["reduction"] != "none":
        emit(np.add.reduce, terms, 0, None, out)
        if attributes["reduction"] == "mean":
            emit(np.multiply, out, emit.const(reduction_scale(attributes, terms.size)), out)


def reduction_scale(attributes: Attributes, samples: int) -> float:
    if attributes["reduction"] != "mean":
        return 1.0
    return 1 / samples if samples else float("nan")


def term_weights(emit: Emit, upstream: Array, attributes: Attributes, samples: int) -> Array:
    """What each sample's term weighs in the loss, times upstream: 0-d, or (samples,) without reduction."""
    if attributes["reduction"] == "none":
        return contiguous(emit, upstream).reshape(-1)
    weight = emit.temp(())
    emit(np.multiply, upstream, emit.const(reduction_scale(attributes, samples)), weight)
    return weight


def column(weight: Array) -> Array:
    return weight[:, None] if weight.ndim else weight


def terms_for(emit: Emit, out: Array, attributes: Attributes, samples: int) -> Array:
    """Where the samples' terms are written."""
    return out.reshape(-1) if attributes["reduction"] == "none" else emit.temp((samples,))


def subtract_at(array: Array, places: Array, weight: Array) -> None:
    """array[places] -= weight; each row has one place, so none is met twice."""
    array.reshape(-1)[places] -= weight


# ---------------------------------------------------------------------------------------------------- nll, multi_margin
def _nll_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "log_probs")
    return use.reduced(f"-{use.at(use.label)}")


def _nll(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    x, labels = inputs
    z = classes_last(emit, x, class_axis(attributes, x.shape, "log_probs"))
    places = label_places(emit, labels, z.shape[1])
    terms = terms_for(emit, out, attributes, len(z))
    if z.size:
        emit(z.reshape(-1).take, places, None, terms, "clip")
        emit(np.negative, terms, terms)
    reduce_terms(emit, terms, out, attributes)
    return places


def _nll_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    places: Any,
) -> None:
    if into[0] is None:
        return
    d, copy = target_last(emit, into[0], class_axis(attributes, into[0].shape, "log_probs"))
    weight = term_weights(emit, upstream, attributes, len(d))
    emit(np.copyto, d, emit.const(0.0))
    emit(subtract_at, d, places, weight)
    if copy is not None:
        emit(np.copyto, copy, d.reshape(copy.shape))


def _margin_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "scores")
    gap = at("gap", [*use.samples, "k"])
    term = f"sum({gap} if {gap} > 0 else 0{over(['k'], f'k != {use.label}')})/K"
    return f"{gap} = margin - {use.at(use.label)} + {use.at('k')}; {use.reduced(term)}"


def _margin(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    x, labels = inputs
    z = classes_last(emit, x, class_axis(attributes, x.shape, "scores"))
    places = label_places(emit, labels, z.shape[1])
    terms, gaps = terms_for(emit, out, attributes, len(z)), emit.temp(z.shape)
    emit(_fill_margin, z, places, attributes["margin"], gaps, terms)
    reduce_terms(emit, terms, out, attributes)
    return gaps, places


def _fill_margin(z: Array, places: Array, margin: float, gaps: Array, terms: Array) -> None:
    if not z.size:
        terms[...] = 0
        return
    np.subtract(z, z.reshape(-1)[places][:, None] - margin, gaps)
    gaps.reshape(-1)[places] = 0
    np.maximum(gaps, 0, out=gaps)
    terms[...] = gaps.sum(1) / z.shape[1]


def _margin_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is None:
        return
    gaps, places = saved
    d, copy = target_last(emit, into[0], class_axis(attributes, into[0].shape, "scores"))
    weight = term_weights(emit, upstream, attributes, len(gaps))
    emit(_give_margin, gaps, places, weight, d)
    if copy is not None:
        emit(np.copyto, copy, d.reshape(copy.shape))


def _give_margin(gaps: Array, places: Array, weight: Array, d: Array) -> None:
    if d.size:
        np.sign(gaps, d)
        d.reshape(-1)[places] = -d.sum(1)
        np.multiply(d, column(weight) / d.shape[1], d)


OPS = (
    Op(
        "nll",
        ("log_probs", "labels"),
        _nll_definition,
        labels_shape("log_probs"),
        _nll,
        _nll_vjp,
        "The negative log-likelihood of the labels.",
        ATTRIBUTES,
        indices=("labels",),
        convention="the mean over samples; the classes are axis 1 (of a vector: axis 0) unless `axis` says otherwise",
        bounds=label_bounds("log_probs"),
    ),
    Op(
        "multi_margin",
        ("scores", "labels"),
        _margin_definition,
        labels_shape("scores"),
        _margin,
        _margin_vjp,
        "The margins by which other classes come too near to the label's score.",
        {**ATTRIBUTES, "margin": Attribute(1.0, real(), static=False)},
        indices=("labels",),
        analytic=False,
        convention="the sum over the other classes is divided by the number of classes; the mean over samples",
        bounds=label_bounds("scores"),
    ),
)
