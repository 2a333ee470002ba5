"""What losses over classes share: which axis the classes are, labels that are left out, what a sample weighs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Bounds, Signature
from bptui.model.engine.ops.common import (
    at,
    choice,
    contiguous,
    integer,
    letters,
    one_axis,
    optional,
    over,
    product,
    total,
)

ATTRIBUTES = {
    "reduction": Attribute("mean", choice("mean", "sum", "none")),
    "axis": Attribute(None, optional(integer())),
}
IGNORE = {"ignore_index": Attribute(None, optional(integer()))}
CONVENTION = "the mean over samples; the classes are axis 1 (of a vector: axis 0) unless `axis` says otherwise"
WEIGHTED = CONVENTION.replace("over samples", "over samples, by the weights of their classes")


def class_axis(attributes: Attributes, shape: Sequence[int] | int, name: str = "logits") -> int:
    """The axis of the classes: axis 1, or the only one of a vector, as in PyTorch; or the attribute `axis`."""
    rank = shape if isinstance(shape, int) else len(shape)
    if attributes["axis"] is not None:
        return one_axis(attributes["axis"], shape, name)
    return one_axis(min(1, rank - 1), shape, name) if rank else one_axis(0, shape, name)


def labels_shape(name: str) -> Callable[[Sequence[Shape], Attributes], Shape]:
    """The shape of a loss of `name`, labels and perhaps a weight of each class."""

    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        x, labels = shapes[:2]
        axis = class_axis(attributes, x, name)
        samples = x[:axis] + x[axis + 1 :]
        if labels != samples:
            raise ValueError(f"{name} has shape {x} and labels has shape {labels}: labels must have shape {samples}")
        weight_shape(name, x, axis, shapes)
        if attributes.get("ignore_index") is not None and not samples:
            raise ValueError("labels has shape (): ignore_index needs more samples than one")
        return samples if attributes["reduction"] == "none" else ()

    return shape


def weight_shape(name: str, x: Shape, axis: int, shapes: Sequence[Shape]) -> None:
    """Raise where a weight is given and is not one number for each class."""
    if len(shapes) > 2 and shapes[2] != (x[axis],):
        raise ValueError(
            f"{name} has shape {x} and weight has shape {shapes[2]}: weight must have shape {(x[axis],)}, "
            "a number for each class"
        )


def label_bounds(name: str) -> Callable[[Sequence[Shape], Attributes], Bounds]:
    """Labels are classes of `name`, or ignore_index."""

    def bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
        ignored = attributes.get("ignore_index")
        classes = shapes[0][class_axis(attributes, shapes[0], name)]
        return {"labels": (0, classes) if ignored is None else (0, classes, ignored)}

    return bounds


class ClassIndices:
    """The indices of a definition: samples, x at class k, x at the label, the label's weight."""

    def __init__(self, signature: Signature, name: str) -> None:
        rank = signature.ranks[0]
        self.axis = class_axis({"axis": signature["axis"]}, rank, name)
        self.samples = letters(rank - 1, avoid="k")
        self.name = name
        self.label = at("labels", self.samples)
        self.signature = signature
        given = dict(signature.attributes)
        self.weight = f"weight[{self.label}]" if len(signature.ranks) > 2 else ""
        ignored = given.get("ignore_index")
        self.counted = "" if ignored is None else f"{self.label} != {ignored}"

    def at(self, index: str, name: str = "") -> str:
        """The element of a sample at a class: of x, or of `name`, which has its shape."""
        return at(name or self.name, [*self.samples[: self.axis], index, *self.samples[self.axis :]])

    def weighed(self, term: str) -> str:
        """The term times its label's weight."""
        return f"{self.weight}*({term})" if self.weight else term

    def reduced(self, term: str, weights: bool = True) -> str:
        """The definition: one term, their sum, or their mean: by the labels' weights unless `weights` is off."""
        reduction = self.signature["reduction"]
        weight = self.weight if weights else ""
        if reduction == "none":
            left_out = f" if {self.counted} else 0" if self.counted else ""
            return f"{at('y', self.samples)} = {term}{left_out}"
        if not self.samples:
            return f"y = ({term})/{weight}" if weight and reduction == "mean" else f"y = {term}"
        text = f"y = {total(term, self.samples, self.counted)}"
        if reduction != "mean":
            return text
        if weight or self.counted:
            return f"{text}/sum({weight or 1}{over(self.samples, self.counted)})"
        return f"{text}/{product(self.samples)}"


# --------------------------------------------------------------------------------------------------- moving the classes
def classes_last(emit: Emit, x: Array, axis: int) -> Array:
    """x as a matrix (samples, classes): a view where the classes are last, else a copy that is made here each step."""
    classes = x.shape[axis]
    samples = int(np.prod(x.shape[:axis] + x.shape[axis + 1 :], dtype=int))
    if axis == x.ndim - 1 and x.flags.c_contiguous:
        return x.reshape(samples, classes)
    moved = np.moveaxis(x, axis, -1)
    copy = emit.temp(moved.shape, x.dtype)
    emit(np.copyto, copy, moved)
    return copy.reshape(samples, classes)


@contextmanager
def target_last(emit: Emit, into: Array, axis: int) -> Iterator[Array]:
    """Where to write a contribution as (samples, classes); it is copied from there where the classes are not last."""
    classes, samples = into.shape[axis], int(np.prod(into.shape[:axis] + into.shape[axis + 1 :], dtype=int))
    if axis == into.ndim - 1 and into.flags.c_contiguous:
        yield into.reshape(samples, classes)
        return
    moved = np.moveaxis(into, axis, -1)
    copy = emit.temp(moved.shape)
    yield copy.reshape(samples, classes)
    emit(np.copyto, moved, copy)


# ------------------------------------------------------------------------------------------------------------- samples
@dataclass(frozen=True)
class Samples:
    """The samples of a loss, as each step finds them: labels change with the batch.

    places   the flat place of each label in (samples, classes); of one that is left out, that of class 0
    weights  (samples,) what each weighs: its class's weight, 0 where it is left out; None where all weigh 1
    kept     (samples,) 0 where it is left out, else 1; None where all are kept
    left     (samples,) is it left out? None where all are kept
    share    0-d, one over the weights' sum, for a mean over weights; else None
    """

    places: Array
    weights: Array | None = None
    kept: Array | None = None
    left: Array | None = None
    share: Array | None = None


def samples_of(emit: Emit, labels: Array, weight: Array | None, classes: int, attributes: Attributes) -> Samples:
    """Emit what finds the places and the weights of the samples."""
    ignored = attributes.get("ignore_index")
    line, kept, left = labels.reshape(-1), None, None
    if ignored is not None:
        there, safe = emit.temp(line.shape, np.bool_), emit.temp(line.shape, np.intp)
        kept, left = emit.temp(line.shape), emit.temp(line.shape, np.bool_)
        emit(np.equal, line, np.array(ignored), left)
        emit(np.not_equal, line, np.array(ignored), there)
        emit(np.multiply, line, there, safe)
        emit(np.copyto, kept, there)
        line = safe
    places = emit.temp(line.shape, np.intp)
    emit(np.add, np.arange(line.size) * classes, line, places)
    weights = kept
    if weight is not None:
        weights = emit.temp(line.shape)
        emit(weight.take, line, None, weights, "clip")
        if kept is not None:
            emit(np.multiply, weights, kept, weights)
    share = None
    if weights is not None and attributes["reduction"] == "mean":
        share = emit.temp(())
        emit(np.add.reduce, weights, 0, None, share)
        emit(np.reciprocal, share, share)
    return Samples(places, weights, kept, left, share)


def leave_out(emit: Emit, array: Array, samples: Samples | None) -> None:
    """0 for what is left out, be it NaN: (samples,) or (samples, classes)."""
    if samples is not None and samples.left is not None:
        emit(np.copyto, array, emit.const(0.0), where=samples.left if array.ndim == 1 else samples.left[:, None])


def terms_for(emit: Emit, out: Array, attributes: Attributes, samples: int) -> Array:
    """Where the samples' terms are written."""
    return out.reshape(-1) if attributes["reduction"] == "none" else emit.temp((samples,))


def reduce_terms(
    emit: Emit, terms: Array, out: Array, attributes: Attributes, samples: Samples | None = None, weighed: bool = False
) -> None:
    """Emit the loss from its terms, times the weights unless they are `weighed` already."""
    leave_out(emit, terms, samples)
    if samples is not None and samples.weights is not None and not weighed:
        emit(np.multiply, terms, samples.weights, terms)
    if attributes["reduction"] != "none":
        emit(np.add.reduce, terms, 0, None, out)
        if attributes["reduction"] == "mean":
            emit(np.multiply, out, _scale(emit, attributes, terms.size, samples), out)


def _scale(emit: Emit, attributes: Attributes, count: int, samples: Samples | None) -> Array:
    share = None if samples is None else samples.share
    return emit.const(reduction_scale(attributes, count)) if share is None else share


def reduction_scale(attributes: Attributes, samples: int) -> float:
    """The factor of the reduction, where all samples weigh the same."""
    if attributes["reduction"] != "mean":
        return 1.0
    return 1 / samples if samples else float("nan")


def upstream_weights(emit: Emit, ctx: Backward, count: int, samples: Samples | None = None) -> Array:
    """Upstream times the reduction's factor: 0-d, or (samples,) without reduction."""
    if ctx.attributes["reduction"] == "none":
        return contiguous(emit, ctx.upstream).reshape(-1)
    weight = emit.temp(())
    emit(np.multiply, ctx.upstream, _scale(emit, ctx.attributes, count, samples), weight)
    return weight


def term_weights(emit: Emit, ctx: Backward, count: int, samples: Samples | None = None) -> Array:
    """What each sample's term weighs in the loss, times upstream: 0-d where all weigh the same, else (samples,)."""
    weight = upstream_weights(emit, ctx, count, samples)
    if samples is None or samples.weights is None:
        return weight
    each = emit.temp((count,))
    emit(np.multiply, samples.weights, weight, each)
    leave_out(emit, each, samples)
    return each


def column(weight: Array) -> Array:
    """It broadcasts against (samples, classes)."""
    return weight[:, None] if weight.ndim else weight


def subtract_at(array: Array, places: Array, weight: Array) -> None:
    """array[places] -= weight; each row has one place, so none is met twice."""
    array.reshape(-1)[places] -= weight
