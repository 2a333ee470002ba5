"""Losses over classes: cross_entropy, nll, multi_margin, with whole numbers or probabilities as the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Emit, Op, Shape, Signature
from bptui.model.ops.common import (
    at,
    choice,
    complex_step,
    integer,
    letters,
    literal,
    one_axis,
    optional,
    over,
    product,
    real,
    require_equal,
    total,
)

_ATTRIBUTES = {
    "reduction": Attribute("mean", choice("mean", "sum", "none")),
    "axis": Attribute(None, optional(integer())),
}
_SMOOTHING = Attribute(0.0, real(0, 1))


def class_axis(attributes: Attributes, shape: Sequence[int] | int, name: str = "logits") -> int:
    """The axis of the classes: axis 1, or the only one of a vector, as in PyTorch; or the attribute `axis`."""
    rank = shape if isinstance(shape, int) else len(shape)
    if attributes["axis"] is not None:
        return one_axis(attributes["axis"], shape, name)
    return one_axis(min(1, rank - 1), shape, name) if rank else one_axis(0, shape, name)


def _labels_shape(name: str) -> Any:
    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        x, labels = shapes
        axis = class_axis(attributes, x, name)
        samples = x[:axis] + x[axis + 1 :]
        if labels != samples:
            raise ValueError(f"{name} has shape {x} and labels has shape {labels}: labels must have shape {samples}")
        return samples if attributes["reduction"] == "none" else ()

    return shape


def _bounds(name: str) -> Any:
    def bounds(shapes: Sequence[Shape], attributes: Attributes) -> Mapping[str, tuple[int, int]]:
        return {"labels": (0, shapes[0][class_axis(attributes, shapes[0], name)])}

    return bounds


class _Names:
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


# ------------------------------------------------------------------------------------------------ moving the classes
def _last(emit: Emit, x: Array, axis: int) -> Array:
    """x as a matrix (samples, classes): a view where the classes are last, else a copy that is made here each step."""
    classes = x.shape[axis]
    samples = x.size // classes if classes else int(np.prod(x.shape[:axis] + x.shape[axis + 1 :], dtype=int))
    if axis == x.ndim - 1 and x.flags.c_contiguous:
        return x.reshape(samples, classes)
    moved = np.moveaxis(x, axis, -1)
    copy = emit.temp(moved.shape, x.dtype)
    emit(np.copyto, copy, moved)
    return copy.reshape(samples, classes)


def _target(emit: Emit, into: Array, axis: int) -> tuple[Array, Array | None]:
    """Where to write a contribution as (samples, classes), and the view it then has to be copied to, if any."""
    classes = into.shape[axis]
    if axis == into.ndim - 1 and into.flags.c_contiguous:
        return into.reshape(-1 if into.size else int(np.prod(into.shape[:-1])), classes), None
    moved = np.moveaxis(into, axis, -1)
    copy = emit.temp(moved.shape)
    return copy.reshape(-1 if into.size else int(np.prod(moved.shape[:-1])), classes), moved


def _places(emit: Emit, labels: Array, classes: int) -> Array:
    """The flat place of each sample's label in (samples, classes), computed each step: labels change with the batch."""
    first = np.arange(labels.size) * classes
    places = emit.temp((labels.size,), np.intp)
    emit(np.add, first, labels.reshape(-1), places)
    return places


def _reduce(emit: Emit, terms: Array, out: Array, attributes: Attributes) -> None:
    if attributes["reduction"] != "none":
        emit(np.add.reduce, terms, 0, None, out)
        if attributes["reduction"] == "mean":
            emit(np.multiply, out, emit.const(_scale(attributes, terms.size)), out)


def _scale(attributes: Attributes, samples: int) -> float:
    if attributes["reduction"] != "mean":
        return 1.0
    return 1 / samples if samples else float("nan")


def _weights(emit: Emit, upstream: Array, attributes: Attributes, samples: int) -> Array:
    """What each sample's term weighs in the loss, times upstream: 0-d, or (samples,) without reduction."""
    if attributes["reduction"] == "none":
        return upstream.reshape(-1)
    weight = emit.temp(())
    emit(np.multiply, upstream, emit.const(_scale(attributes, samples)), weight)
    return weight


def _column(weight: Array) -> Array:
    return weight[:, None] if weight.ndim else weight


def _terms(emit: Emit, out: Array, attributes: Attributes, samples: int) -> Array:
    """Where the samples' terms are written."""
    return out.reshape(-1) if attributes["reduction"] == "none" else emit.temp((samples,))


def _subtract_at(array: Array, places: Array, weight: Array) -> None:
    """array[places] -= weight; each row has one place, so none is met twice."""
    array.reshape(-1)[places] -= weight


def _log_softmax(emit: Emit, z: Array, shifted: Array, p: Array) -> Array:
    """Emit shifted = z - max z and p = softmax(z); returns the (samples,) logarithms of Σ exp(shifted)."""
    top = emit.temp((len(z), 1))
    sums = emit.temp((len(z), 1))
    if complex_step(emit):
        emit(_real_max, z, top)
    else:
        emit(np.maximum.reduce, z, 1, None, top, True)
    emit(np.subtract, z, top, shifted)
    emit(np.exp, shifted.reshape(-1), p.reshape(-1))
    emit(np.add.reduce, p, 1, None, sums, True)
    emit(np.divide, p, sums, p)
    logs = emit.temp((len(z),))
    emit(np.log, sums.reshape(-1), logs)
    return logs


def _real_max(z: Array, top: Array) -> None:
    top[...] = z.real.max(1, keepdims=True)


# ------------------------------------------------------------------------------------------------- cross entropy


def _cross_entropy_definition(signature: Signature) -> str:
    use = _Names(signature, "logits")
    smoothing = signature["label_smoothing"]
    log = f"log(sum(exp({use.at('k')}){over(['k'])}))"
    if not smoothing:
        return use.reduced(f"{log} - {use.at(use.label)}")
    number = literal(smoothing)
    spread = f"{number}*sum({use.at('k')}{over(['k'])})/K"
    return use.reduced(f"{log} - (1 - {number})*{use.at(use.label)} - {spread}")


def _cross_entropy_variant(shapes: Sequence[Shape], attributes: Attributes) -> str | None:
    """Probabilities in the place of labels are told by their shape, as in PyTorch."""
    return "soft_cross_entropy" if len(shapes) == 2 and shapes[1] == shapes[0] else None


def _cross_entropy(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    logits, labels = inputs
    z = _last(emit, logits, class_axis(attributes, logits.shape))
    samples, classes = z.shape
    if not classes or not samples:
        emit(np.copyto, out, emit.const(_scale(attributes, samples) * 0.0))
        return None
    shifted, p, terms = emit.temp(z.shape), emit.temp(z.shape), _terms(emit, out, attributes, samples)
    logs = _log_softmax(emit, z, shifted, p)
    places = _places(emit, labels, classes)
    smoothing = attributes["label_smoothing"]
    emit(shifted.reshape(-1).take, places, None, terms, "clip")
    if smoothing:
        emit(np.multiply, terms, emit.const(1 - smoothing), terms)
        means = emit.temp((samples,))
        emit(np.add.reduce, shifted, 1, None, means)
        emit(np.multiply, means, emit.const(smoothing / classes), means)
        emit(np.add, terms, means, terms)
    emit(np.subtract, logs, terms, terms)
    _reduce(emit, terms, out, attributes)
    return p, places


def _cross_entropy_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is None or saved is None:
        return
    p, places = saved
    axis = class_axis(attributes, into[0].shape)
    d, copy = _target(emit, into[0], axis)
    weight = _weights(emit, upstream, attributes, len(p))
    smoothing = attributes["label_smoothing"]
    if smoothing:
        emit(np.subtract, p, emit.const(smoothing / p.shape[1]), d)
        emit(np.multiply, d, _column(weight), d)
        less = emit.temp(weight.shape)
        emit(np.multiply, weight, emit.const(1 - smoothing), less)
        emit(_subtract_at, d, places, less)
    else:
        line, flat_p = (d.reshape(-1), p.reshape(-1)) if not weight.ndim else (d, p)
        emit(np.multiply, flat_p, _column(weight), line)
        emit(_subtract_at, d, places, weight)
    if copy is not None:
        emit(np.copyto, copy, d.reshape(copy.shape))


# -------------------------------------------------------------------------------------------- soft cross entropy


def _soft_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    require_equal(("logits", "target"), shapes)
    axis = class_axis(attributes, shapes[0])
    return shapes[0][:axis] + shapes[0][axis + 1 :] if attributes["reduction"] == "none" else ()


def _soft_definition(signature: Signature) -> str:
    use = _Names(signature, "logits")
    bound = next(letter for letter in "lmnop" if letter not in use.samples)
    log = f"log(sum(exp({use.at(bound)}){over([bound])}))"
    target, smoothing = use.at("k", "target"), signature["label_smoothing"]
    if smoothing:
        target = f"((1 - {literal(smoothing)})*{target} + {literal(smoothing)}/K)"
    return use.reduced(f"sum({target}*({log} - {use.at('k')}){over(['k'])})")


def _soft(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    axis = class_axis(attributes, inputs[0].shape)
    z, t = (_last(emit, array, axis) for array in inputs)
    samples, classes = z.shape
    if not classes or not samples:
        emit(np.copyto, out, emit.const(_scale(attributes, samples) * 0.0))
        return None
    smoothing = attributes["label_smoothing"]
    if smoothing:
        smooth = emit.temp(t.shape)
        emit(np.multiply, t, emit.const(1 - smoothing), smooth)
        emit(np.add, smooth, emit.const(smoothing / classes), smooth)
        t = smooth
    shifted, p, terms = emit.temp(z.shape), emit.temp(z.shape), _terms(emit, out, attributes, samples)
    logs = _log_softmax(emit, z, shifted, p)
    emit(np.subtract, logs[:, None], shifted, shifted)  # -log p from here on
    product_ = emit.temp(z.shape)
    emit(np.multiply, t, shifted, product_)
    emit(np.add.reduce, product_, 1, None, terms)
    _reduce(emit, terms, out, attributes)
    return t, p, shifted


def _soft_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if saved is None:
        return
    t, p, surprise = saved
    axis = class_axis(attributes, inputs[0].shape)
    weight = _weights(emit, upstream, attributes, len(p))
    if into[0] is not None:
        d, copy = _target(emit, into[0], axis)
        sums = emit.temp((len(p), 1))
        emit(np.add.reduce, t, 1, None, sums, True)  # 1 for probabilities, but nobody has to give those
        emit(np.multiply, p, sums, d)
        emit(np.subtract, d, t, d)
        emit(np.multiply, d, _column(weight), d)
        if copy is not None:
            emit(np.copyto, copy, d.reshape(copy.shape))
    if into[1] is not None:
        d, copy = _target(emit, into[1], axis)
        emit(np.multiply, surprise, _column(weight), d)
        emit(np.multiply, d, emit.const(1 - attributes["label_smoothing"]), d)
        if copy is not None:
            emit(np.copyto, copy, d.reshape(copy.shape))


# ------------------------------------------------------------------------------------------------ nll, multi_margin


def _nll_definition(signature: Signature) -> str:
    use = _Names(signature, "log_probs")
    return use.reduced(f"-{use.at(use.label)}")


def _nll(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    x, labels = inputs
    z = _last(emit, x, class_axis(attributes, x.shape, "log_probs"))
    places = _places(emit, labels, z.shape[1])
    terms = _terms(emit, out, attributes, len(z))
    if z.size:
        emit(z.reshape(-1).take, places, None, terms, "clip")
        emit(np.negative, terms, terms)
    _reduce(emit, terms, out, attributes)
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
    d, copy = _target(emit, into[0], class_axis(attributes, into[0].shape, "log_probs"))
    weight = _weights(emit, upstream, attributes, len(d))
    emit(np.copyto, d, emit.const(0.0))
    emit(_subtract_at, d, places, weight)
    if copy is not None:
        emit(np.copyto, copy, d.reshape(copy.shape))


def _margin_definition(signature: Signature) -> str:
    use = _Names(signature, "scores")
    gap = f"margin - {use.at(use.label)} + {use.at('k')}"
    return use.reduced(f"sum({gap} if {gap} > 0 else 0{over(['k'], f'k != {use.label}')})/K")


def _margin(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    x, labels = inputs
    z = _last(emit, x, class_axis(attributes, x.shape, "scores"))
    places = _places(emit, labels, z.shape[1])
    terms, gaps = _terms(emit, out, attributes, len(z)), emit.temp(z.shape)
    emit(_fill_margin, z, places, attributes["margin"], gaps, terms)
    _reduce(emit, terms, out, attributes)
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
    d, copy = _target(emit, into[0], class_axis(attributes, into[0].shape, "scores"))
    weight = _weights(emit, upstream, attributes, len(gaps))
    emit(_give_margin, gaps, places, weight, d)
    if copy is not None:
        emit(np.copyto, copy, d.reshape(copy.shape))


def _give_margin(gaps: Array, places: Array, weight: Array, d: Array) -> None:
    if d.size:
        np.sign(gaps, d)
        d.reshape(-1)[places] = -d.sum(1)
        np.multiply(d, _column(weight) / d.shape[1], d)


OPS = (
    Op(
        "cross_entropy",
        ("logits", "labels"),
        _cross_entropy_definition,
        _labels_shape("logits"),
        _cross_entropy,
        _cross_entropy_vjp,
        "The cross-entropy of softmax(logits) with class numbers; probabilities in their place are taken, too.",
        {**_ATTRIBUTES, "label_smoothing": _SMOOTHING},
        indices=("labels",),
        convention="the mean over samples; the classes are axis 1 (of a vector: axis 0) unless `axis` says otherwise",
        variant=_cross_entropy_variant,
        bounds=_bounds("logits"),
    ),
    Op(
        "soft_cross_entropy",
        ("logits", "target"),
        _soft_definition,
        _soft_shape,
        _soft,
        _soft_vjp,
        "The cross-entropy of softmax(logits) with probabilities of the classes.",
        {**_ATTRIBUTES, "label_smoothing": _SMOOTHING},
        convention="the mean over samples; the classes are axis 1 (of a vector: axis 0) unless `axis` says otherwise",
    ),
    Op(
        "nll",
        ("log_probs", "labels"),
        _nll_definition,
        _labels_shape("log_probs"),
        _nll,
        _nll_vjp,
        "The negative log-likelihood of the labels.",
        _ATTRIBUTES,
        indices=("labels",),
        convention="the mean over samples; the classes are axis 1 (of a vector: axis 0) unless `axis` says otherwise",
        bounds=_bounds("log_probs"),
    ),
    Op(
        "multi_margin",
        ("scores", "labels"),
        _margin_definition,
        _labels_shape("scores"),
        _margin,
        _margin_vjp,
        "The margins by which other classes come too near to the label's score.",
        {**_ATTRIBUTES, "margin": Attribute(1.0, real(), static=False)},
        indices=("labels",),
        analytic=False,
        convention="the sum over the other classes is divided by the number of classes; the mean over samples",
        bounds=_bounds("scores"),
    ),
)
