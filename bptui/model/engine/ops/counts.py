"""Losses of counts and amounts, element by element: poisson_nll, tweedie."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from bptui.model.engine.ops.base import Attribute, Compares, Signature
from bptui.model.engine.ops.common import flag, real
from bptui.model.engine.ops.pointwise import Term, Texts, loss


# --------------------------------------------------------------------------------------------------------- poisson_nll
def _poisson_text(signature: Signature, words: Texts) -> str:
    p, t = words["p"], words["t"]
    text = f"exp({p}) - {t}*{p}" if signature["log_input"] else f"{p} - {t}*log({p} + eps)"
    return f"{text} + ({t}*log({t}) - {t} + log(2*pi*{t})/2 if {t} > 1 else 0)" if signature["full"] else text


def _poisson(p: Any, t: Any, log_input: bool, full: bool, eps: float) -> Any:
    terms = np.exp(p) - t * p if log_input else p - np.log(p + eps) * t
    if not full:
        return terms
    logs = np.log(t)
    return terms + np.where(t > 1, t * logs - t + logs * 0.5 + 0.5 * log(2 * pi), 0)


def _poisson_slope(p: Any, t: Any, log_input: bool, full: bool, eps: float) -> Any:
    return np.exp(p) - t if log_input else 1 - t / (p + eps)


def _poisson_target(p: Any, t: Any, log_input: bool, full: bool, eps: float) -> Any:
    less = p if log_input else np.log(p + eps)
    return np.where(t > 1, np.log(t) + 0.5 / t, 0) - less if full else (less, -1.0)


# ------------------------------------------------------------------------------------------------------------- tweedie
def _power(value: Any) -> float:
    """Between 1, a count, and 2, an amount that is never 0; neither of them."""
    power = real(1, 2, open_high=True)(value)
    if power == 1:
        raise ValueError("must be above 1, not 1: that is poisson_nll")
    return power


OPS = (
    loss(
        "poisson_nll",
        ("rate", "target"),
        Term(_poisson_text, _poisson, (_poisson_slope, _poisson_target)),
        "How unlikely a count (the target) is, where the rate, or its logarithm (log_input), is predicted; `full` adds "
        "Stirling's estimate of log(target!) where the target is above 1.",
        attributes={
            "log_input": Attribute(True, flag),
            "full": Attribute(False, flag),
            "eps": Attribute(1e-8, real(0), static=False),
        },
        analytic=False,
        convention="eps is added to a rate before its logarithm is taken; the mean over all elements",
        compares=Compares("rate", "count", bounded=False),
    ),
    loss(
        "tweedie",
        ("rate", "target"),
        Term(
            "{p}**(2 - power)/(2 - power) - {t}*{p}**(1 - power)/(1 - power)",
            lambda p, t, power: np.power(p, 2 - power) / (2 - power) - np.power(p, 1 - power) * t / (1 - power),
            (
                lambda p, t, power: (p - t) * np.power(p, -power),
                lambda p, t, power: (np.power(p, 1 - power), 1 / (power - 1)),
            ),
        ),
        "How unlikely an amount that may be 0 (the target) is, where its expectation is predicted: Tweedie's deviance "
        "between a count's (power 1) and that of what is never 0 (power 2).",
        attributes={"power": Attribute(1.5, _power, static=False)},
        convention="half of the deviance, without the terms of the target alone; the mean over all elements",
        compares=Compares("rate", "count", bounded=False),
    ),
)
