"""Functions that NumPy does not have."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.engine.as_operation import operation
from bptui.model.engine.trace import Standin, minus_size


@operation
def sigmoid(x: Any) -> Any:
    """1/(1 + exp(-x)): exact to the last digits for both signs; exp overflows to inf only where this is 0."""
    return 1 / (np.exp(-x) + 1)  # NumPy's reciprocal takes twice as long


def gated(a: Any, x: Any) -> Any:
    """a·sigmoid(x), on stand-ins by one division."""
    return a / (np.exp(-x) + 1) if isinstance(x, Standin) else a * sigmoid(x)


_FAR = 40
"""From here on log(1 + exp(x)) is x to the last digit."""


@operation
def softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    if x.dtype.kind != "c":
        return np.fmax(np.log1p(_exp(x)), x)  # which is larger only far out; NaN is in both
    sign = np.where(x.real > 0, -1, 1)  # the same, by the sign of the real part
    return np.where(x.real > 0, x, 0) + np.log1p(np.exp(x * sign))


def times_sigmoid(g: Any, x: Any) -> Any:
    """g·sigmoid(x), on stand-ins by the exponential that softplus(x) has computed."""
    return g / (1 / _exp(x) + 1) if isinstance(x, Standin) else g * sigmoid(x)


def _exp(x: Any) -> Any:
    """exp(x), where it is not so large that adding 1 is nothing to it."""
    return np.exp(np.minimum(x, _FAR))


@operation
def log_sigmoid(x: Any) -> Any:
    """-log(1 + exp(-x)) without overflow."""
    return -softplus(-x) if x.dtype.kind == "c" else np.minimum(x, 0) - log_sum(x)


def log_sum(x: Any) -> Any:
    """log(1 + exp(-|x|)) of real numbers."""
    return np.log1p(np.exp(minus_size(x)))
