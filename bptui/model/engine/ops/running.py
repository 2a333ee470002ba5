"""Running statistics: what a mean and a variance per channel (axis 1) become with one more batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, letters, product, real, total
from bptui.model.engine.rule import Rule

MOMENTUM = Attribute(0.1, real(), static=False)
"""How much of a running statistic is new at each step: PyTorch's momentum."""


def _shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    x, running = shapes
    if len(x) < 2 or running != x[1:2] or 0 in x:
        raise ValueError(
            f"x has shape {x} and running has shape {running}: x must have samples and channels (axis 1), running one "
            "number per channel"
        )
    return running


def _mean(x: Any) -> Any:
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    return np.sum(x, axes, keepdims=True) * (x.shape[1] / prod(x.shape))


def _spread(x: Any) -> Any:
    """The squares of the distances from the mean over N - 1, of one number 0."""
    away, count = x - _mean(x), prod(x.shape) // x.shape[1]
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    return np.sum(away * away, axes, keepdims=True) * (1 / max(count - 1, 1))


def _row(name: str, now: Callable[[Any], Any], definition: Callable[[Signature], str], doc: str, said: str) -> Op:
    def forward(x: Any, running: Any, momentum: float) -> Any:
        return running * (1 - momentum) + now(x).reshape(running.shape) * momentum

    return Op(
        name,
        ("x", "running"),
        definition,
        _shape,
        *Rule(forward).pair,
        doc,
        {"momentum": MOMENTUM},
        fixed=("x", "running"),
        convention=said,
    )


def _statistics(signature: Signature) -> tuple[str, str, str, str]:
    """The channel's index, Σ over a channel of `{}`, the element of x, how many there are."""
    channel, first, *rest = letters(signature.ranks[0], avoid="m")
    bound = [first, *rest]
    return channel, total("{}", bound), at("x", [first, channel, *rest]), product(bound)


def _mean_definition(signature: Signature) -> str:
    c, over, x, count = _statistics(signature)
    return f"y[{c}] = (1 - momentum)*running[{c}] + momentum*{over.format(x)}/{count}"


def _var_definition(signature: Signature) -> str:
    c, over, x, count = _statistics(signature)
    count = count.strip("()")
    now = f"{over.format(f'({x} - m[{c}])**2')}/({count} - 1 if {count} > 1 else 1)"
    return f"m[{c}] = {over.format(x)}/({count}); y[{c}] = (1 - momentum)*running[{c}] + momentum*{now}"


OPS = (
    _row(
        "running_mean",
        _mean,
        _mean_definition,
        "What a running mean per channel (axis 1) becomes: momentum of the batch's mean, the rest as it was.",
        "no gradient passes",
    ),
    _row(
        "running_var",
        _spread,
        _var_definition,
        "What a running variance per channel (axis 1) becomes: momentum of the batch's variance, the rest as it was.",
        "the batch's variance is divided by N - 1; no gradient passes",
    ),
)
