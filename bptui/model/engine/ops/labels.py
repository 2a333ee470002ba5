"""What losses over classes share: which axis the classes are, labels that are left out, what a sample weighs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Bounds, Signature
from bptui.model.engine.ops.common import (
    at,
    choice,
    integer,
    letters,
    one_axis,
    optional,
    over,
    product,
    total,
)
from bptui.model.engine.ops.pointwise import scale_of
from bptui.model.engine.trace import planned

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


# ------------------------------------------------------------------------------------------------------ in their rules
class Samples:
    """The samples of a loss over classes, as the rules of its row have them.

    z        its first input as a matrix (samples, classes)
    places   the flat place of each label in it: labels change with the batch; of one that is left out, that of class 0
    weights  (samples,) what each weighs: its class's weight, 0 where it is left out; None where all weigh 1
    kept     (samples,) 0 where it is left out, else 1; None where all are kept
    left     (samples,) is it left out? None where all are kept
    share    the factor of the reduction: one over the weights' sum, for a mean over weights
    """

    places: Any = None
    weights: Any = None
    kept: Any = None
    left: Any = None

    def __init__(
        self, x: Any, labels: Any, attributes: Attributes, weight: Sequence[Any] = (), name: str = "logits"
    ) -> None:
        self.shape, self.axis = x.shape, class_axis(attributes, x.shape, name)
        self.beside: Shape = x.shape[: self.axis] + x.shape[self.axis + 1 :]
        self.z, self.reduction = self.classes_last(x), attributes["reduction"]
        self.share: Any = scale_of(self.reduction, self.z.shape[:1])
        if labels is None:
            return
        line, ignored = flat(labels), attributes.get("ignore_index")
        self.places = planned(_places, line.shape, line, dtype=np.intp, options=(self.z.shape[1], ignored))
        if ignored is not None:
            self.left = line == ignored
            self.weights = self.kept = np.where(self.left, 0, 1)
            line = line * np.logical_not(self.left)
        for each in weight:
            self.weights = each[line] if self.kept is None else each[line] * self.kept
        if self.weights is not None and self.reduction == "mean":
            self.share = np.reciprocal(np.add.reduce(self.weights, 0))

    def classes_last(self, x: Any) -> Any:
        """x as a matrix (samples, classes): a view where the classes are last."""
        if self.axis == len(self.shape) - 1:
            return x if x.ndim == 2 else x.reshape((prod(self.shape[:-1]), self.shape[-1]))
        shape = prod(self.beside), self.shape[self.axis]
        return planned(_moved, shape, x, options=(self.axis,))

    def back(self, d: Any) -> Any:
        """A contribution to z as one to the input."""
        moved = (*self.beside, self.shape[self.axis])
        return d if d.shape == self.shape else np.moveaxis(d.reshape(moved), -1, self.axis)

    def of_label(self, x: Any) -> Any:
        """Of a matrix like z, the element at each label."""
        return planned(_pick, self.places.shape, x, self.places)

    def without(self, terms: Any) -> Any:
        """0 for what is left out, be it NaN."""
        return terms if self.left is None else np.where(self.left, 0, terms)

    def reduced(self, terms: Any, weighed: bool = False) -> Any:
        """The loss of its terms, times the weights unless they are `weighed` already."""
        terms = self.without(terms)
        if self.weights is not None and not weighed:
            terms = terms * self.weights
        if self.reduction == "none":
            return terms if self.beside == terms.shape else terms.reshape(self.beside)
        whole = np.add.reduce(terms, 0)
        return whole * self.share if self.reduction == "mean" else whole

    def upstream(self, g: Any) -> Any:
        """Upstream times the reduction's factor: one number, or (samples,) without reduction."""
        return flat(g) if self.reduction == "none" else g * self.share if self.reduction == "mean" else g

    def weigh(self, g: Any) -> Any:
        """What each sample's term weighs in the loss, times upstream: one number where all weigh the same."""
        return self.upstream(g) if self.weights is None else self.without(self.weights * self.upstream(g))

    def slope(self, base: Any, factor: Any, label: Any) -> Any:
        """base·factor, less `label` at the label of each sample, and 0 for those that are left out."""
        shape = self.shape if self.axis == len(self.shape) - 1 else self.z.shape
        left = 0 if self.left is None else column(self.left)
        factor = factor if isinstance(factor, int) else column(factor)
        return self.back(planned(_slope, shape, self.places, base, factor, label, left, dtype=self.z.dtype))


def flat(x: Any) -> Any:
    """As a vector."""
    return x if x.ndim == 1 else x.reshape((x.size,))


def _moved(emit: Emit, arrays: Sequence[Array], out: Array, axis: int) -> None:
    moved = np.moveaxis(arrays[0], axis, -1)
    emit(np.copyto, out.reshape(moved.shape), moved)


def _places(emit: Emit, arrays: Sequence[Array], out: Array, classes: int, ignored: int | None) -> None:
    (labels,) = arrays
    if ignored is not None:
        kept, counted = emit.temp(labels.shape, np.bool_), emit.temp(labels.shape, labels.dtype)
        emit(np.not_equal, labels, ignored, kept)
        emit(np.multiply, labels, kept, counted)
        labels = counted
    emit(np.add, np.arange(labels.size) * classes, labels, out)


def _pick(emit: Emit, arrays: Sequence[Array], out: Array) -> None:
    x, places = arrays
    emit(x.take, places, None, out, "clip")


def _slope(emit: Emit, arrays: Sequence[Array], out: Array) -> None:
    places, base, factor, label, left = arrays
    whole = out if out.flags.c_contiguous else emit.temp(out.shape, out.dtype)
    d = whole.reshape(places.size, -1)
    if base.ndim:
        emit(np.multiply, base, factor, d)
    else:
        emit(np.copyto, d, base)
    emit(_subtract_at, d.reshape(-1), places, label)
    if left.ndim:
        emit(np.copyto, d, emit.const(0.0), where=left)
    if whole is not out:
        emit(np.copyto, out, whole)


def _subtract_at(line: Array, places: Array, label: Array) -> None:
    line[places] -= label  # each row has one place, so none is met twice


def column(weight: Any) -> Any:
    """It broadcasts against (samples, classes)."""
    return weight[:, None] if weight.ndim else weight
