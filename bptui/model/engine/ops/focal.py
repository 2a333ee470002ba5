"""Cross-entropies in which what is right already counts less: sigmoid_focal, focal (Lin et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.ops.base import Attribute, Compares, Op, Signature
from bptui.model.engine.ops.common import at, literal, optional, over, product, real
from bptui.model.engine.ops.cross_entropy import softmax_of
from bptui.model.engine.ops.labels import (
    ATTRIBUTES,
    IGNORE,
    WEIGHTED,
    ClassIndices,
    Samples,
    label_bounds,
    labels_shape,
)
from bptui.model.engine.ops.likelihood import bce_of_logits
from bptui.model.engine.ops.pointwise import Term, Texts, loss, scale_of
from bptui.model.engine.ops.special import sigmoid
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

GAMMA = Attribute(2.0, real(0), static=False)


# ------------------------------------------------------------------------------------------------------- sigmoid_focal
def _focal_text(signature: Signature, words: Texts) -> str:
    alpha, t = signature["alpha"], words["t"]
    share = "" if alpha is None else f"({literal(alpha)}*{t} + {literal(1 - alpha)}*(1 - {t}))*"
    return share + "{wrong}**gamma*{ce}".format(**words)


def _share(t: Any, alpha: float | None) -> Any:
    return 1 if alpha is None else t * (2 * alpha - 1) + (1 - alpha)


def _wrong(p: Any, t: Any) -> Any:
    """The probability of what is wrong, without 1 less something."""
    return sigmoid(-p) * t + sigmoid(p) * (1 - t)


def _focal(p: Any, t: Any, alpha: float | None, gamma: float) -> Any:
    return bce_of_logits(p, t) * np.power(_wrong(p, t), gamma) * _share(t, alpha)


def _focal_slope(p: Any, t: Any, alpha: float | None, gamma: float) -> Any:
    """The slope of the cross-entropy, and that of the factor before it: w' = (1 - 2t)·σ(x)·σ(-x)."""
    wrong, right = _wrong(p, t), sigmoid(p) - t
    if gamma == 0:
        return right * _share(t, alpha)
    turn = sigmoid(p) * sigmoid(-p) * (1 - t * 2)
    more = np.power(wrong, gamma - 1) * turn * bce_of_logits(p, t) * gamma
    return (np.power(wrong, gamma) * right + more) * _share(t, alpha)


# --------------------------------------------------------------------------------------------------------------- focal
def _classes_definition(signature: Signature) -> str:
    use = ClassIndices(signature, "logits")
    every, ce, u = (at(name, use.samples) for name in ("every", "ce", "u"))
    left_out = f" if {use.counted} else 0" if use.counted else ""
    term = use.reduced(use.weighed(f"{u}**gamma*{ce}"))
    every_text = f"{every} = log(sum(exp({use.at('k')}){over(['k'])}))"
    return f"{every_text}; {ce} = {every} - {use.at(use.label)}{left_out}; {u} = 1 - exp(-{ce}); {term}"


def _classes_hint(signature: Signature) -> dict[str, str]:
    """The slope by the cross-entropy, times softmax(logits) less 1 at the label."""
    use = ClassIndices(signature, "logits")
    other = [f"q{axis}" for axis in range(signature.ranks[0])]
    samples = [q for axis, q in enumerate(other) if axis != use.axis]
    if signature["reduction"] == "none" or (signature["reduction"] == "mean" and (use.weight or use.counted)):
        return {}
    every, ce, u, label = (at(name, samples) for name in ("every", "ce", "u", "labels"))
    slope = f"({u}**gamma + gamma*{ce}*exp(-{ce})*{u}**(gamma - 1))"
    weight = f"weight[{label}]*" if use.weight else ""
    away = f"(exp({at('logits', other)} - {every}) - delta({other[use.axis]},{label}))"
    count = f"/{product(use.samples)}" if signature["reduction"] == "mean" and use.samples else ""
    counted = f" if {label} != {signature['ignore_index']} else 0" if use.counted else ""
    return {"logits": f"({weight}{slope}*{away}){count}{counted}"}


def _focal_terms(logits: Any, labels: Any, weight: Sequence[Any], given: Attributes) -> tuple[Samples, Any, Any]:
    """(the samples, softmax(logits), -log p of each label)."""
    found = Samples(logits, labels, given, weight)
    shifted, logs, p = softmax_of(found.z)
    return found, p, logs - found.of_label(shifted)


def _classes(logits: Any, labels: Any, *weight: Any, gamma: float, **given: Any) -> Any:
    if not logits.size:
        return scale_of(given["reduction"], (0,)) * 0.0
    found, _, surprise = _focal_terms(logits, labels, weight, given)
    return found.reduced(noted(_terms, surprise.shape, surprise, options=(gamma,)))


def _terms(surprise: Array, gamma: float, out: Array) -> None:
    """(1 - p)^γ·(-log p)."""
    np.multiply((-np.expm1(-surprise)) ** gamma, surprise, out)


def _steepness(surprise: Array, p: Array, gamma: float, out: Array) -> None:
    """The slope of a term by -log p: (1 - p)^γ + γ·(1 - p)^(γ - 1)·p·(-log p)."""
    rest = -np.expm1(-surprise)
    out[...] = rest**gamma
    if gamma:
        out += gamma * np.where(surprise == 0, 0, rest ** (gamma - 1) * surprise) * p


def _classes_vjp(g: Any, y: Any, logits: Any, labels: Any, *weight: Any, gamma: float, **given: Any) -> Any:
    if not logits.size:
        return 0
    found, p, surprise = _focal_terms(logits, labels, weight, given)
    steep = noted(_steepness, surprise.shape, surprise, found.of_label(p), options=(gamma,))
    each = found.without(steep * found.weigh(g))
    return found.slope(p, each, each)


_CLASSES = Rule(_classes, _classes_vjp)


OPS = (
    loss(
        "sigmoid_focal",
        ("logits", "target"),
        Term(
            _focal_text,
            _focal,
            (_focal_slope,),
            helpers={
                "prob": "1/(1 + exp(-{p}))",
                "wrong": "{t}*(1 - {prob}) + (1 - {t})*{prob}",
                "ce": "log(1 + exp({p})) - {t}*{p}",
            },
        ),
        "The binary cross-entropy of sigmoid(logits), each term times the probability of the wrong answer to the power "
        "gamma, and times alpha for targets of 1, 1 - alpha for those of 0.",
        attributes={"alpha": Attribute(0.25, optional(real(0, 1))), "gamma": GAMMA},
        analytic=False,
        convention="alpha = None weighs both alike; the mean over all elements",
        compares=Compares("logit", "bit"),
    ),
    Op(
        "focal",
        ("logits", "labels", "weight?"),
        _classes_definition,
        labels_shape("logits"),
        *_CLASSES.pair,
        "The cross-entropy of softmax(logits) with class numbers, each term times the probability of all other classes "
        "to the power gamma; with or without a weight of each class; samples labelled ignore_index are left out.",
        {**ATTRIBUTES, **IGNORE, "gamma": GAMMA},
        _classes_hint,
        indices=("labels",),
        fixed=("weight",),
        convention=WEIGHTED,
        bounds=label_bounds("logits"),
        compares=Compares("scores", "class"),
    ),
)
