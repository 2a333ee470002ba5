"""Losses by distance, element by element: mse, mae, huber, smooth_l1, hinge and their kin. One node each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Attribute
from bptui.model.engine.ops.common import positive, real
from bptui.model.engine.ops.pointwise import Term, loss
from bptui.model.engine.ops.special import sigmoid, softplus


def _square_total(p: Any, t: Any) -> Any:
    away = (p - t).reshape(-1)
    return np.dot(away, away)


def _sign(p: Any, t: Any) -> Any:
    away = p - t
    return np.where(away == away, np.sign(away), 0)


def _kept(p: Any, t: Any, bound: float) -> Any:
    """p - t, kept between -bound and bound."""
    return np.minimum(np.maximum(p - t, -bound), bound)


def _huber(p: Any, t: Any, delta: float) -> Any:
    """c·(d - c/2), where c is d kept between -delta and delta: both branches in one, and c is the derivative."""
    kept = _kept(p, t, delta)
    return (kept * -0.5 + (p - t)) * kept


def _gap(p: Any, t: Any) -> Any:
    return np.maximum(1 - p * t, 0)


def _against(p: Any, t: Any) -> Any:
    return sigmoid(-(p * t))


_SLOPES = (lambda p, t: (p - t, 2.0), lambda p, t: (p - t, -2.0))
_SQUARE = Term("({p} - {t})**2", lambda p, t: (p - t) * (p - t), _SLOPES, total=_square_total)
_HALF_SQUARE = replace(_SQUARE, factor=0.5)
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
        Term("abs({p} - {t})", lambda p, t: np.absolute(p - t), (_sign, lambda p, t: (_sign(p, t), -1.0))),
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
            (lambda p, t, delta: _kept(p, t, delta), lambda p, t, delta: (_kept(p, t, delta), -1.0)),
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
            lambda p, t, beta: _huber(p, t, beta) / beta,
            (lambda p, t, beta: (_kept(p, t, beta), 1 / beta), lambda p, t, beta: (_kept(p, t, beta), -1 / beta)),
            helper=("d", "{p} - {t}"),
        ),
        "The absolute error, with a square of width beta in the place of its kink: huber over beta.",
        analytic=False,
        attributes={"beta": Attribute(1.0, positive, static=False)},
        convention="the mean over all elements",
    ),
    loss(
        "hinge",
        ("scores", "target"),
        Term(
            "{h} if {h} > 0 else 0",
            _gap,
            (
                lambda p, t: (t, -1.0),
                lambda p, t: (p, -1.0),
            ),
            helper=("gap", "1 - {t}*{p}"),
            counts=lambda p, t: _gap(p, t) != 0,
        ),
        "max(0, 1 - target*score), the target is -1 or +1.",
        analytic=False,
        convention="the derivative at the margin is 0; the mean over all elements",
    ),
    loss(
        "soft_margin",
        ("scores", "target"),
        Term(
            "log(1 + exp(-{t}*{p}))",
            lambda p, t: softplus(-(p * t)),
            (lambda p, t: (t * _against(p, t), -1.0), lambda p, t: (p * _against(p, t), -1.0)),
            hint="-{t}/(1 + exp({t}*{p}))",
        ),
        "A smooth hinge: log(1 + exp(-target*score)), the target is -1 or +1.",
        convention="the mean over all elements",
    ),
)
