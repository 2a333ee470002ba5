"""Losses by distance or by a margin, element by element: mse, mae, huber, hinge and their kin. One node each."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Attribute, Compares
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


# ------------------------------------------------------------------------------------------------------ log_cosh, mape
def _log_cosh(p: Any, t: Any) -> Any:
    """log(1 + 2·sinh(d/2)²) near 0, and |d| + log(1 + e^(-2|d|)) - log 2 far out, where cosh overflows."""
    away = p - t
    size = np.where(away.real < 0, -away, away)
    half = np.sinh(size / 2)
    far = np.log1p(np.exp(size * -2)) + (size - log(2))
    return np.where(size.real < 1, np.log1p(half * half * 2), far)


def _below(t: Any, eps: float) -> Any:
    """|t|, at least eps."""
    return np.maximum(np.absolute(t), eps)


def _mape_target(p: Any, t: Any, eps: float) -> Any:
    """-sign(p - t)/|t| - |p - t|·sign(t)/t², and the first alone where eps stands for |t|."""
    below = _below(t, eps)
    more = np.absolute(p - t) * np.sign(t) / (below * below)
    return _sign(p, t) / -below - np.where(np.absolute(t) > eps, more, 0)


# ------------------------------------------------------------------------------------------------------------- margins
def _embedded(x: Any, t: Any, margin: float) -> Any:
    """x where the target is not -1, and what x is below the margin where it is not 1."""
    return np.where(t != -1, x, 0) + np.where(t != 1, np.maximum(margin - x, 0), 0)


def _embedded_slope(x: Any, t: Any, margin: float) -> Any:
    return np.where(t != -1, 1, 0) - np.where(t != 1, np.where(margin - x >= 0, 1, 0), 0)


def _short_by(a: Any, b: Any, target: Any, margin: float) -> Any:
    """By how much the first is not yet above the second (below it, where the target is -1) by the margin."""
    return (a - b) * -target + margin


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
        compares=Compares("number", "number"),
    ),
    loss(
        "half_mse",
        _PAIR,
        _HALF_SQUARE,
        "Half the mean squared error.",
        convention="half of the mean over all elements",
        compares=Compares("number", "number"),
    ),
    loss(
        "half_sse",
        _PAIR,
        _HALF_SQUARE,
        "Half the sum of squared errors.",
        default="sum",
        convention="half of the sum over all elements, samples included: no mean",
        compares=Compares("number", "number"),
    ),
    loss(
        "mae",
        _PAIR,
        Term("abs({p} - {t})", lambda p, t: np.absolute(p - t), (_sign, lambda p, t: (_sign(p, t), -1.0))),
        "The mean absolute error.",
        analytic=False,
        convention="the derivative at 0 is 0; the mean over all elements",
        compares=Compares("number", "number"),
    ),
    loss(
        "huber",
        _PAIR,
        Term(
            "{d}**2/2 if abs({d}) <= delta else delta*(abs({d}) - delta/2)",
            _huber,
            (lambda p, t, delta: _kept(p, t, delta), lambda p, t, delta: (_kept(p, t, delta), -1.0)),
            helpers={"d": "{p} - {t}"},
        ),
        "Half the square up to delta, then a straight line.",
        analytic=False,
        attributes={"delta": Attribute(1.0, real(0), static=False)},
        convention="the mean over all elements",
        compares=Compares("number", "number"),
    ),
    loss(
        "smooth_l1",
        _PAIR,
        Term(
            "{d}**2/(2*beta) if abs({d}) <= beta else abs({d}) - beta/2",
            lambda p, t, beta: _huber(p, t, beta) / beta,
            (lambda p, t, beta: (_kept(p, t, beta), 1 / beta), lambda p, t, beta: (_kept(p, t, beta), -1 / beta)),
            helpers={"d": "{p} - {t}"},
        ),
        "The absolute error, with a square of width beta in the place of its kink: huber over beta.",
        analytic=False,
        attributes={"beta": Attribute(1.0, positive, static=False)},
        convention="the mean over all elements",
        compares=Compares("number", "number"),
    ),
    loss(
        "hinge",
        ("scores", "target"),
        Term(
            "{gap} if {gap} > 0 else 0",
            _gap,
            (
                lambda p, t: (t, -1.0),
                lambda p, t: (p, -1.0),
            ),
            helpers={"gap": "1 - {t}*{p}"},
            counts=lambda p, t: _gap(p, t) != 0,
        ),
        "max(0, 1 - target*score), the target is -1 or +1.",
        analytic=False,
        convention="the derivative at the margin is 0; the mean over all elements",
        compares=Compares("score", "sign"),
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
        compares=Compares("score", "sign"),
    ),
    loss(
        "log_cosh",
        _PAIR,
        Term(
            "log(cosh({p} - {t}))",
            _log_cosh,
            (lambda p, t: np.tanh(p - t), lambda p, t: (np.tanh(p - t), -1.0)),
        ),
        "The logarithm of the error's cosh: half its square near 0, its size less log(2) far out.",
        convention="the mean over all elements",
        compares=Compares("number", "number"),
    ),
    loss(
        "mape",
        _PAIR,
        Term(
            "abs({p} - {t})/(abs({t}) if abs({t}) > eps else eps)",
            lambda p, t, eps: np.absolute(p - t) / _below(t, eps),
            (lambda p, t, eps: _sign(p, t) / _below(t, eps), _mape_target),
        ),
        "The mean absolute error, each in parts of its target's size.",
        analytic=False,
        attributes={"eps": Attribute(1e-8, positive, static=False)},
        convention="a share, not per cent; a target's size counts as eps at least; the derivative at 0 is 0",
        compares=Compares("number", "amount"),
    ),
    loss(
        "hinge_embedding",
        ("distance", "target"),
        Term(
            "({p} if {t} != -1 else 0) + ({gap} if {t} != 1 and {gap} >= 0 else 0)",
            _embedded,
            (_embedded_slope,),
            helpers={"gap": "margin - {p}"},
            counts=lambda x, t, margin: np.logical_or(t != -1, margin - x >= 0),
        ),
        "The distance where the target is 1, max(0, margin - distance) where it is -1.",
        analytic=False,
        attributes={"margin": Attribute(1.0, real(), static=False)},
        convention="at the margin the derivative is that inside of it; the mean over all elements",
        compares=Compares("distance", "sign", bounded=False),
    ),
    loss(
        "margin_ranking",
        ("x1", "x2", "target"),
        Term(
            "{gap} if {gap} >= 0 else 0",
            lambda a, b, target, margin: np.maximum(_short_by(a, b, target, margin), 0),
            (
                lambda a, b, target, margin: (target, -1.0),
                lambda a, b, target, margin: target,
                lambda a, b, target, margin: (a - b, -1.0),
            ),
            helpers={"gap": "margin - {target}*({p} - {t})"},
            counts=lambda a, b, target, margin: _short_by(a, b, target, margin) >= 0,
        ),
        "max(0, margin - target*(x1 - x2)): the target is 1 where x1 has to be the larger one, -1 where x2 has to. Of "
        "distances to what is unlike and what is alike it is the triplet loss with any distance.",
        analytic=False,
        attributes={"margin": Attribute(0.0, real(), static=False)},
        convention="at the margin the derivative is that inside of it; the mean over all elements",
    ),
)
