"""Losses by distance, element by element: mse, mae, huber, smooth_l1, hinge and their kin. One node each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.ops.common import mask, real, sigmoid_into, softplus_into
from bptui.model.engine.ops.pointwise import Part, Term, loss


def _square(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
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


def _square_parts(
    emit: Emit, p: Array, t: Array, away: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    return (away, 2.0), (away, -2.0)


def _absolute(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
    away = emit.temp(p.shape)
    emit(np.subtract, p, t, away)
    emit(np.absolute, away, e)
    return away


def _absolute_parts(
    emit: Emit, p: Array, t: Array, away: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    sign = emit.temp(p.shape)
    emit(np.sign, away, sign)
    return (sign, 1.0), (sign, -1.0)


def _huber(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
    """c·(d - c/2), where c is d kept between -delta and delta: both branches in one, and c is the derivative."""
    away, kept = emit.temp(p.shape), emit.temp(p.shape)
    bound = attributes["delta"] if "delta" in attributes else attributes["beta"]
    emit(np.subtract, p, t, away)
    emit(np.maximum, away, emit.const(-bound), out=kept)
    emit(np.minimum, kept, emit.const(bound), out=kept)
    emit(np.multiply, kept, emit.const(-0.5), e)
    emit(np.add, e, away, e)
    emit(np.multiply, e, kept, e)
    return kept


def _huber_parts(
    emit: Emit, p: Array, t: Array, kept: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    return (kept, 1.0), (kept, -1.0)


def _smooth(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
    """huber over beta."""
    kept = _huber(emit, p, t, e, attributes, others)
    emit(np.divide, e, emit.const(attributes["beta"]), e)
    return kept


def _smooth_parts(
    emit: Emit, p: Array, t: Array, kept: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    return (kept, 1 / attributes["beta"]), (kept, -1 / attributes["beta"])


def _hinge(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
    emit(np.multiply, p, t, e)
    emit(np.subtract, emit.const(1.0), e, e)
    short = mask(emit, np.greater, e, emit.const(0.0))
    emit(np.maximum, e, emit.const(0.0), out=e)
    return short


def _times_other(
    emit: Emit, p: Array, t: Array, slope: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    """The parts of a function of p·t with the derivative -slope."""
    found: list[Part] = [None, None]
    for n, other in enumerate((t, p)):
        if wanted[n]:
            part = emit.temp(p.shape)
            emit(np.multiply, other, slope, part)
            found[n] = (part, -1.0)
    return tuple(found)


def _soft_margin(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
    below, slope = emit.temp(p.shape), emit.temp(p.shape)
    emit(np.multiply, p, t, below)
    emit(np.negative, below, below)
    softplus_into(emit, below, e)
    sigmoid_into(emit, below, slope)
    return slope


def _positive(value: Any) -> float:
    number = real(0)(value)
    if number == 0:
        raise ValueError("must be above 0, not 0")
    return number


_SQUARE = Term("({p} - {t})**2", _square, _square_parts, total=_square_total)
_HALF_SQUARE = Term("({p} - {t})**2", _square, _square_parts, 0.5, _square_total)
_PAIR = ("prediction", "target")

OPS = (
    loss(
        "mse",
        _PAIR,
        _SQUARE,
        "The mean squared error.",
        convention="the square, not half of it; the mean over all elements",
    ),
    loss(
        "half_mse", _PAIR, _HALF_SQUARE, "Half the mean squared error.", convention="half of the mean over all elements"
    ),
    loss(
        "half_sse",
        _PAIR,
        _HALF_SQUARE,
        "Half the sum of squared errors.",
        default="sum",
        convention="half of the sum over all elements, samples included: no mean",
    ),
    loss(
        "mae",
        _PAIR,
        Term("abs({p} - {t})", _absolute, _absolute_parts),
        "The mean absolute error.",
        analytic=False,
        convention="the derivative at 0 is 0; the mean over all elements",
    ),
    loss(
        "huber",
        _PAIR,
        Term(
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
    loss(
        "smooth_l1",
        _PAIR,
        Term(
            "{h}**2/(2*beta) if abs({h}) <= beta else abs({h}) - beta/2",
            _smooth,
            _smooth_parts,
            helper=("d", "{p} - {t}"),
        ),
        "The absolute error, with a square of width beta in the place of its kink: huber over beta.",
        analytic=False,
        attributes={"beta": Attribute(1.0, _positive, static=False)},
        convention="the mean over all elements",
    ),
    loss(
        "hinge",
        ("scores", "target"),
        Term("{h} if {h} > 0 else 0", _hinge, _times_other, helper=("gap", "1 - {t}*{p}")),
        "max(0, 1 - target*score), the target is -1 or +1.",
        analytic=False,
        convention="the derivative at the margin is 0; the mean over all elements",
    ),
    loss(
        "soft_margin",
        ("scores", "target"),
        Term("log(1 + exp(-{t}*{p}))", _soft_margin, _times_other, hint="-{t}/(1 + exp({t}*{p}))"),
        "A smooth hinge: log(1 + exp(-target*score)), the target is -1 or +1.",
        convention="the mean over all elements",
    ),
)
