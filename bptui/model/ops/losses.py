"""Losses that compare element by element: mse, mae, huber, bce, kl_div, hinge and their kin. One node each.

A row says its term for one element, as text and as NumPy, and what of it goes to each input; the reduction
(mean, sum, none) and the scale are written once, here. Losses over classes are in `classes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Emit, Op, Shape, Signature
from bptui.model.ops.common import (
    at,
    choice,
    contiguous,
    flat,
    letters,
    mask,
    product,
    real,
    require_equal,
    sigmoid_into,
    total,
)

REDUCTIONS = ("mean", "sum", "none")


def reduction(default: str = "mean") -> Attribute:
    """mean, sum or none (one number for each element)."""
    return Attribute(default, choice(*REDUCTIONS))


def scale_of(attributes: Attributes, count: int) -> float:
    """The factor of the reduction: 1/count for a mean, nan over nothing."""
    if attributes["reduction"] != "mean":
        return 1.0
    return 1 / count if count else float("nan")


Part = tuple[Array, float] | None
"""An array that is the local derivative up to a factor, and that factor."""


@dataclass(frozen=True)
class _Term:
    """One element of a loss.

    text    with `{p}` and `{t}` for the elements of the two inputs, `{h}` for the helper's
    fill    (emit, p, t, e, attributes) → saved: emit what fills the term e
    parts   (emit, p, t, saved, wanted, attributes) → for each wanted input its local derivative
    factor  a constant factor of the whole loss (½)
    total   (emit, p, t, out) → saved: emit what fills the 0-d sum of all terms, where there is a shorter way than terms
    helper  name and text of a part that the definition names, to be short
    hint    the derivative of one term by the first input, where there is a better form than SymPy's
    """

    text: str
    fill: Callable[..., Any]
    parts: Callable[..., tuple[Part, Part]]
    factor: float = 1.0
    total: Callable[..., Any] | None = None
    helper: tuple[str, str] | None = None
    hint: str = ""


def _row(name: str, inputs: tuple[str, str], term: _Term, doc: str, default: str = "mean", **more: Any) -> Op:
    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        require_equal(inputs, shapes)
        return shapes[0] if attributes["reduction"] == "none" else ()

    def definition(signature: Signature) -> str:
        indices = letters(signature.ranks[0])
        p, t = at(inputs[0], indices), at(inputs[1], indices)
        first, h = "", ""
        if term.helper is not None:
            h = at(term.helper[0], indices)
            first = f"{h} = {term.helper[1].format(p=p, t=t)}; "
        body = term.text.format(p=p, t=t, h=h)
        half = "/2" if term.factor == 0.5 else ""
        return first + reduced(body, half, indices, signature)

    def hint(signature: Signature) -> dict[str, str]:
        """The local derivative, at the element q0, q1, … of the reduced ones, or of the output's own."""
        rank = signature.ranks[0]
        indices, other = letters(rank), [f"q{axis}" for axis in range(rank)]
        if not term.hint:
            return {}
        if signature["reduction"] == "none":
            deltas = "".join(f"delta({i},{q})*" for i, q in zip(indices, other, strict=True))
            return {inputs[0]: f"{deltas}({term.hint.format(p=at(inputs[0], indices), t=at(inputs[1], indices))})"}
        body = term.hint.format(p=at(inputs[0], other), t=at(inputs[1], other))
        mean = f"/{product(indices)}" if signature["reduction"] == "mean" and indices else ""
        return {inputs[0]: f"({body}){mean}"}

    def reduced(body: str, half: str, indices: list[str], signature: Signature) -> str:
        if signature["reduction"] == "none":
            return f"{at('y', indices)} = {body}{half}"
        if not indices:
            return f"y = {body}{half}"
        if signature["reduction"] == "sum":
            return f"y = {total(body, indices)}{half}"
        size = product(indices)
        return f"y = {total(body, indices)}/" + (f"(2*{size.strip('()')})" if half else size)

    def forward(emit: Emit, arrays: Sequence[Array], out: Array, attributes: Attributes) -> Any:
        p, t = flat(*arrays)
        if attributes["reduction"] == "none":
            e = out.reshape(p.shape)
            saved = term.fill(emit, p, t, e, attributes)
            if term.factor != 1:
                emit(np.multiply, e, emit.const(term.factor), e)
            return saved
        if term.total is not None:
            saved = term.total(emit, p, t, out)
        else:
            e = emit.temp(p.shape)
            saved = term.fill(emit, p, t, e, attributes)
            emit(np.add.reduce, e, None, None, out)
        scale = scale_of(attributes, p.size) * term.factor
        if scale != 1:
            emit(np.multiply, out, emit.const(scale), out)
        return saved

    def vjp(
        emit: Emit,
        upstream: Array,
        arrays: Sequence[Array],
        out: Array,
        attributes: Attributes,
        into: Sequence[Array | None],
        saved: Any,
    ) -> None:
        p, t = flat(*arrays)
        parts = term.parts(emit, p, t, saved, [d is not None for d in into], attributes)
        scale = scale_of(attributes, p.size) * term.factor
        for d, part in zip(into, parts, strict=True):
            if d is None or part is None:
                continue
            source, factor = part
            d = d.reshape(p.shape)
            if attributes["reduction"] == "none":
                emit(np.multiply, source, contiguous(emit, upstream).reshape(p.shape), d)
                if factor * scale != 1:
                    emit(np.multiply, d, emit.const(factor * scale), d)
            elif factor * scale == 1:
                emit(np.multiply, source, upstream, d)
            else:
                weight = emit.temp(())
                emit(np.multiply, upstream, emit.const(factor * scale), weight)
                emit(np.multiply, source, weight, d)

    attributes = {"reduction": reduction(default), **more.pop("attributes", {})}
    return Op(name, inputs, definition, shape, forward, vjp, doc, attributes, hint, **more)


# --------------------------------------------------------------------------------------------------------- terms
def _square(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> Array:
    away = emit.temp(p.shape)
    emit(np.subtract, p, t, away)
    emit(np.multiply, away, away, e)
    return away


def _square_total(emit: Emit, p: Array, t: Array, out: Array) -> Array:
    away = emit.temp(p.shape)
    emit(np.subtract, p, t, away)
    line = away.reshape(-1)
    emit(line.dot, line, out)
    return away


def _square_parts(emit: Emit, p: Array, t: Array, away: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    return (away, 2.0), (away, -2.0)


def _absolute(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> Array:
    away = emit.temp(p.shape)
    emit(np.subtract, p, t, away)
    emit(np.absolute, away, e)
    return away


def _absolute_parts(emit: Emit, p: Array, t: Array, away: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    sign = emit.temp(p.shape)
    emit(np.sign, away, sign)
    return (sign, 1.0), (sign, -1.0)


def _huber(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> Array:
    """c·(d - c/2), where c is d kept between -delta and delta: both branches in one, and c is the derivative."""
    away, kept = emit.temp(p.shape), emit.temp(p.shape)
    emit(np.subtract, p, t, away)
    emit(np.maximum, away, emit.const(-attributes["delta"]), out=kept)
    emit(np.minimum, kept, emit.const(attributes["delta"]), out=kept)
    emit(np.multiply, kept, emit.const(-0.5), e)
    emit(np.add, e, away, e)
    emit(np.multiply, e, kept, e)
    return kept


def _huber_parts(emit: Emit, p: Array, t: Array, kept: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    return (kept, 1.0), (kept, -1.0)


def _bce(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> tuple[Array, Array]:
    """Logarithms below -100 are -100, as in PyTorch: 0·log(0) is then 0."""
    yes, no = emit.temp(p.shape), emit.temp(p.shape)
    low = emit.const(-100.0)
    emit(np.log, p, yes)
    emit(np.maximum, yes, low, out=yes)
    emit(np.negative, p, no)
    emit(np.log1p, no, no)
    emit(np.maximum, no, low, out=no)
    emit(np.subtract, no, yes, e)  # t·(no - yes) - no
    emit(np.multiply, e, t, e)
    emit(np.subtract, e, no, e)
    return yes, no


def _bce_parts(emit: Emit, p: Array, t: Array, saved: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    yes, no = saved
    first = second = None
    if wanted[0]:
        below, first = emit.temp(p.shape), emit.temp(p.shape)
        emit(np.subtract, emit.const(1.0), p, below)
        emit(np.multiply, below, p, below)
        emit(np.maximum, below, emit.const(1e-12), out=below)  # PyTorch's floor
        emit(np.subtract, p, t, first)
        emit(np.divide, first, below, first)
    if wanted[1]:
        second = emit.temp(p.shape)
        emit(np.subtract, no, yes, second)
    return (None if first is None else (first, 1.0)), (None if second is None else (second, 1.0))


def _logits(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> None:
    """max(x, 0) - t·x + log(1 + exp(-|x|)): no overflow, and exact where it is small."""
    other = emit.temp(p.shape)
    emit(np.absolute, p, e)
    emit(np.negative, e, e)
    emit(np.exp, e, e)
    emit(np.log1p, e, e)
    emit(np.multiply, t, p, other)
    low = emit.temp(p.shape)
    emit(np.maximum, p, emit.const(0.0), out=low)
    emit(np.subtract, low, other, other)
    emit(np.add, e, other, e)


def _logits_parts(emit: Emit, p: Array, t: Array, saved: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    first = None
    if wanted[0]:
        first = emit.temp(p.shape)
        sigmoid_into(emit, p, first)
        emit(np.subtract, first, t, first)
    return (None if first is None else (first, 1.0)), (p, -1.0)


def _kl(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> Array:
    """t·(log(t) - p), and 0 where t is 0."""
    log = emit.temp(p.shape)
    emit(_log_or_zero, t, log)
    emit(np.subtract, log, p, e)
    emit(np.multiply, e, t, e)
    return log


def _log_or_zero(t: Array, log: Array) -> None:
    log[...] = 0
    np.log(t, out=log, where=t != 0)


def _kl_parts(emit: Emit, p: Array, t: Array, log: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    second = None
    if wanted[1]:
        second = emit.temp(p.shape)
        emit(np.subtract, log, p, second)
        emit(np.add, second, emit.const(1.0), second)
    return (t, -1.0), (None if second is None else (second, 1.0))


def _hinge(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes) -> Array:
    emit(np.multiply, p, t, e)
    emit(np.subtract, emit.const(1.0), e, e)
    short = mask(emit, np.greater, e, emit.const(0.0))
    emit(np.maximum, e, emit.const(0.0), out=e)
    return short


def _hinge_parts(emit: Emit, p: Array, t: Array, short: Any, wanted: Sequence[bool], attributes: Attributes) -> Any:
    found: list[Part] = [None, None]
    for n, other in enumerate((t, p)):
        if wanted[n]:
            part = emit.temp(p.shape)
            emit(np.multiply, other, short, part)
            found[n] = (part, -1.0)
    return tuple(found)


_SQUARE = _Term("({p} - {t})**2", _square, _square_parts, total=_square_total)
_HALF_SQUARE = _Term("({p} - {t})**2", _square, _square_parts, 0.5, _square_total)
_PAIR = ("prediction", "target")

OPS = (
    _row(
        "mse",
        _PAIR,
        _SQUARE,
        "The mean squared error.",
        convention="the square, not half of it; the mean over all elements",
    ),
    _row(
        "half_mse", _PAIR, _HALF_SQUARE, "Half the mean squared error.", convention="half of the mean over all elements"
    ),
    _row(
        "half_sse",
        _PAIR,
        _HALF_SQUARE,
        "Half the sum of squared errors.",
        default="sum",
        convention="half of the sum over all elements, samples included: no mean",
    ),
    _row(
        "mae",
        _PAIR,
        _Term("abs({p} - {t})", _absolute, _absolute_parts),
        "The mean absolute error.",
        analytic=False,
        convention="the derivative at 0 is 0; the mean over all elements",
    ),
    _row(
        "huber",
        _PAIR,
        _Term(
            "{h}**2/2 if abs({h}) <= delta else delta*(abs({h}) - delta/2)",
            _huber,
            _huber_parts,
            helper=("d", "{p} - {t}"),
        ),
        "Half the square up to delta, then a straight line.",
        analytic=False,
        attributes={"delta": Attribute(1.0, real(0), static=False)},
        convention="the mean over all elements",
    ),
    _row(
        "bce",
        ("probs", "target"),
        _Term("-({t}*log({p}) + (1 - {t})*log(1 - {p}))", _bce, _bce_parts, hint="({p} - {t})/({p}*(1 - {p}))"),
        "The binary cross-entropy of probabilities.",
        analytic=False,
        convention="logarithms below -100 count as -100; the mean over all elements",
    ),
    _row(
        "bce_with_logits",
        ("logits", "target"),
        _Term("log(1 + exp({p})) - {t}*{p}", _logits, _logits_parts, hint="1/(1 + exp(-{p})) - {t}"),
        "The binary cross-entropy of sigmoid(logits).",
        analytic=False,
        convention="the mean over all elements",
    ),
    _row(
        "kl_div",
        ("log_probs", "target"),
        _Term("{t}*(log({t}) - {p})", _kl, _kl_parts),
        "The Kullback-Leibler divergence of the target from exp(log_probs).",
        convention="the mean over all elements, not over samples; a target of 0 adds 0",
    ),
    _row(
        "hinge",
        ("scores", "target"),
        _Term("{h} if {h} > 0 else 0", _hinge, _hinge_parts, helper=("gap", "1 - {t}*{p}")),
        "max(0, 1 - target*score), the target is -1 or +1.",
        analytic=False,
        convention="the derivative at the margin is 0; the mean over all elements",
    ),
)
