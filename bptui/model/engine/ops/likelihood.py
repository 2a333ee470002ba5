"""Losses of probabilities, element by element: bce, bce_with_logits, kl_div."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Attribute, Compares, Signature
from bptui.model.engine.ops.common import flag
from bptui.model.engine.ops.pointwise import Term, Texts, loss
from bptui.model.engine.ops.special import log_sum, sigmoid, softplus


# ----------------------------------------------------------------------------------------------------------------- bce
def _floored(log: Any) -> Any:
    """Logarithms below -100 are -100, as in PyTorch: 0·log(0) is then 0."""
    return np.maximum(log, -100)


def _bce(p: Any, t: Any) -> Any:
    """Each part by itself: where one is 0, the other has all its digits."""
    return (t - 1) * _floored(np.log1p(-p)) - t * _floored(np.log(p))


# ------------------------------------------------------------------------------------------------------ bce_with_logits
def _logits_text(signature: Signature, words: Texts) -> str:
    p, t = words["p"], words["t"]
    if "pos_weight" in words:
        return f"{words['pos_weight']}*{t}*log(1 + exp(-{p})) + (1 - {t})*log(1 + exp({p}))"
    return f"log(1 + exp({p})) - {t}*{p}"


def _logits_hint(signature: Signature, words: Texts) -> str:
    p, t = words["p"], words["t"]
    if "pos_weight" in words:
        return f"(1 - {t})/(1 + exp(-{p})) - {words['pos_weight']}*{t}/(1 + exp({p}))"
    return f"1/(1 + exp(-{p})) - {t}"


def _miss(p: Any, pos_weight: Any) -> Any:
    """q·softplus(-x)."""
    return (np.maximum(p, 0) - p + log_sum(p)) * pos_weight


def bce_of_logits(p: Any, t: Any, pos_weight: Any = None) -> Any:
    """max(x, 0) - t·x + log(1 + exp(-|x|)), or q·t·softplus(-x) + (1 - t)·softplus(x): no overflow, all digits."""
    if pos_weight is None:
        return log_sum(p) + (np.maximum(p, 0) - t * p)
    return _miss(p, pos_weight) * t + softplus(p) * (1 - t)


def _logits_slope(p: Any, t: Any, pos_weight: Any = None) -> Any:
    if pos_weight is None:
        return sigmoid(p) - t
    share = t * pos_weight  # (1 - t + q·t)·σ - q·t
    return sigmoid(p) * (share - t + 1) - share


def _logits_target(p: Any, t: Any, pos_weight: Any = None) -> Any:
    return (p, -1.0) if pos_weight is None else _miss(p, pos_weight) - softplus(p)


# -------------------------------------------------------------------------------------------------------------- kl_div
def _kl_text(signature: Signature, words: Texts) -> str:
    p, t = words["p"], words["t"]
    return f"exp({t})*({t} - {p})" if signature["log_target"] else f"{t}*(log({t}) - {p}) if {t} != 0 else 0"


def _log_of(t: Any) -> Any:
    return np.where(t != 0, np.log(t), 0)


def _kl(p: Any, t: Any, log_target: bool) -> Any:
    return (t - p) * np.exp(t) if log_target else np.where(t != 0, (_log_of(t) - p) * t, 0)


def _kl_slope(p: Any, t: Any, log_target: bool) -> Any:
    return np.exp(t) if log_target else t, -1.0


def _kl_target(p: Any, t: Any, log_target: bool) -> Any:
    if log_target:
        return (t - p + 1) * np.exp(t)
    return _log_of(t) - p + 1


OPS = (
    loss(
        "bce",
        ("probs", "target", "weight?"),
        Term(
            "-({t}*log({p}) + (1 - {t})*log(1 - {p}))",
            _bce,
            (
                lambda p, t: (p - t) / np.maximum((1 - p) * p, 1e-12),  # PyTorch's floor
                lambda p, t: np.log1p(-p) - np.log(p),
            ),
            hint="({p} - {t})/({p}*(1 - {p}))",
        ),
        "The binary cross-entropy of probabilities; a weight multiplies each term.",
        analytic=False,
        convention="logarithms below -100 count as -100; the mean over all elements",
        compares=Compares("probability", "bit", entropy=True),
    ),
    loss(
        "bce_with_logits",
        ("logits", "target", "pos_weight?", "weight?"),
        Term(_logits_text, bce_of_logits, (_logits_slope, _logits_target), hint=_logits_hint),
        "The binary cross-entropy of sigmoid(logits); pos_weight multiplies what targets of 1 add, weight all.",
        analytic=False,
        convention="the mean over all elements",
        compares=Compares("logit", "bit", entropy=True),
    ),
    loss(
        "kl_div",
        ("log_probs", "target"),
        Term(_kl_text, _kl, (_kl_slope, _kl_target), counts=lambda p, t, log_target: None if log_target else t != 0),
        "The Kullback-Leibler divergence of the target (its logarithm where log_target) from exp(log_probs).",
        reductions=("batchmean",),
        attributes={"log_target": Attribute(False, flag)},
        convention=(
            "'mean' is over all elements, 'batchmean' over samples (axis 0) alone; "
            "a target of 0 adds 0 and has no gradient"
        ),
        compares=Compares("logs", "distribution", bounded=False),
    ),
)
