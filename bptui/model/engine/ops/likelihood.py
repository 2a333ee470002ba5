"""Losses of probabilities, element by element: bce, bce_with_logits, kl_div."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Signature
from bptui.model.engine.ops.common import flag, sigmoid_into
from bptui.model.engine.ops.pointwise import Term, Texts, loss


# ----------------------------------------------------------------------------------------------------------------- bce
def _bce(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> tuple[Array, Array]:
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


def _bce_parts(
    emit: Emit, p: Array, t: Array, saved: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
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


def _logits(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Any:
    """max(x, 0) - t·x + log(1 + exp(-|x|)): no overflow, and exact where it is small."""
    if "pos_weight" in others:
        return _weighted_logits(emit, p, t, e, others["pos_weight"])
    other = emit.temp(p.shape)
    _log_sum(emit, p, e)
    emit(np.multiply, t, p, other)
    low = emit.temp(p.shape)
    emit(np.maximum, p, emit.const(0.0), out=low)
    emit(np.subtract, low, other, other)
    emit(np.add, e, other, e)
    return None


def _log_sum(emit: Emit, x: Array, e: Array) -> None:
    """e = log(1 + exp(-|x|))."""
    emit(np.absolute, x, e)
    emit(np.negative, e, e)
    emit(np.exp, e, e)
    emit(np.log1p, e, e)


def _weighted_logits(emit: Emit, p: Array, t: Array, e: Array, weight: Array) -> tuple[Array, Array]:
    """q·t·softplus(-x) + (1 - t)·softplus(x), where softplus(±x) = max(±x, 0) + log(1 + exp(-|x|)).
    Saves q·softplus(-x) and softplus(x)."""
    miss, alarm = emit.temp(p.shape), emit.temp(p.shape)
    _log_sum(emit, p, e)
    emit(np.maximum, p, emit.const(0.0), out=alarm)
    emit(np.subtract, alarm, p, miss)
    emit(np.add, alarm, e, alarm)
    emit(np.add, miss, e, miss)
    emit(np.multiply, miss, weight, miss)
    emit(np.subtract, miss, alarm, e)
    emit(np.multiply, e, t, e)
    emit(np.add, e, alarm, e)
    return miss, alarm


def _logits_parts(
    emit: Emit, p: Array, t: Array, saved: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    first = second = None
    weight = others.get("pos_weight")
    if wanted[0]:
        first = emit.temp(p.shape)
        sigmoid_into(emit, p, first)
        if weight is None:
            emit(np.subtract, first, t, first)
        else:  # (1 - t + q·t)·σ - q·t
            share, whole = emit.temp(p.shape), emit.temp(p.shape)
            emit(np.multiply, t, weight, share)
            emit(np.subtract, share, t, whole)
            emit(np.add, whole, emit.const(1.0), whole)
            emit(np.multiply, first, whole, first)
            emit(np.subtract, first, share, first)
    if wanted[1] and weight is not None:
        second = emit.temp(p.shape)
        emit(np.subtract, *saved, second)
    return (None if first is None else (first, 1.0)), ((p, -1.0) if second is None else (second, 1.0))


# -------------------------------------------------------------------------------------------------------------- kl_div
def _kl_text(signature: Signature, words: Texts) -> str:
    p, t = words["p"], words["t"]
    return f"exp({t})*({t} - {p})" if signature["log_target"] else f"{t}*(log({t}) - {p})"


def _kl(emit: Emit, p: Array, t: Array, e: Array, attributes: Attributes, others: Any) -> Array:
    """t·(log(t) - p), and 0 where t is 0; of a logarithm exp(t)·(t - p). Saves log(t), or exp(t)."""
    saved = emit.temp(p.shape)
    if attributes["log_target"]:
        emit(np.exp, t, saved)
        emit(np.subtract, t, p, e)
        emit(np.multiply, e, saved, e)
    else:
        emit(_log_or_zero, t, saved)
        emit(np.subtract, saved, p, e)
        emit(np.multiply, e, t, e)
    return saved


def _log_or_zero(t: Array, log: Array) -> None:
    log[...] = 0
    np.log(t, out=log, where=t != 0)


def _kl_parts(
    emit: Emit, p: Array, t: Array, saved: Any, wanted: Sequence[bool], attributes: Attributes, others: Any
) -> Any:
    second = None
    logs = attributes["log_target"]
    if wanted[1]:
        second = emit.temp(p.shape)
        emit(np.subtract, t if logs else saved, p, second)
        emit(np.add, second, emit.const(1.0), second)
        if logs:
            emit(np.multiply, second, saved, second)
    return (saved if logs else t, -1.0), (None if second is None else (second, 1.0))


OPS = (
    loss(
        "bce",
        ("probs", "target", "weight?"),
        Term("-({t}*log({p}) + (1 - {t})*log(1 - {p}))", _bce, _bce_parts, hint="({p} - {t})/({p}*(1 - {p}))"),
        "The binary cross-entropy of probabilities; a weight multiplies each term.",
        analytic=False,
        convention="logarithms below -100 count as -100; the mean over all elements",
    ),
    loss(
        "bce_with_logits",
        ("logits", "target", "pos_weight?", "weight?"),
        Term(_logits_text, _logits, _logits_parts, hint=_logits_hint),
        "The binary cross-entropy of sigmoid(logits); pos_weight multiplies what targets of 1 add, weight all.",
        analytic=False,
        convention="the mean over all elements",
    ),
    loss(
        "kl_div",
        ("log_probs", "target"),
        Term(_kl_text, _kl, _kl_parts),
        "The Kullback-Leibler divergence of the target (its logarithm where log_target) from exp(log_probs).",
        reductions=("batchmean",),
        attributes={"log_target": Attribute(False, flag)},
        convention="'mean' is over all elements, 'batchmean' over samples (axis 0) alone; a target of 0 adds 0",
    ),
)
