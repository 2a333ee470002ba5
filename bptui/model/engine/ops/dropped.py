"""Dropouts of whole channels, and those that keep mean and variance. Their masks are given, as dropout's is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import at, letters, real, same
from bptui.model.engine.ops.pool import POOLED
from bptui.model.engine.rule import Rule

Use = Callable[..., Any]

LOW = -1.7580993408473766
"""What selu ends at, -scale·alpha: what is dropped becomes this (Klambauer et al. 2017, section 3.4)."""
P = {"p": Attribute(0.5, real(0, 1, open_high=True), static=False)}
GIVEN = "the mask is given, and has no gradient"


SPATIAL_OF: Mapping[str, tuple[int, ...]] = {
    **{f"dropout{count}d": (count,) for count in POOLED},
    "feature_alpha_dropout": tuple(POOLED),
}
"""How many axes of space may follow the channels, of those that drop channels."""


def _factor(p: float) -> float:
    """By which variance 1 is kept."""
    return float(((1 - p) * (1 + p * LOW * LOW)) ** -0.5)


_ALPHA = Rule(
    lambda x, mask, p: ((x - LOW) * mask + (1 - p) * LOW) * _factor(p),
    lambda g, y, x, mask, p: g * mask * _factor(p),
)


def channel_mask(x: Shape, mask: Shape, spatial: Sequence[int]) -> Shape:
    """The mask's shape with an axis of 1 for each axis of space; ValueError where the two do not fit."""
    count = len(x) - len(mask)
    if not mask or mask != x[: len(mask)] or count not in spatial:
        axes = " or ".join(POOLED[n] for n in spatial)
        raise ValueError(
            f"x has shape {x} and mask has shape {mask}: mask is one number per channel, x has {axes}, too"
        )
    return (*mask, *(1,) * count)


def _channels(op: str, *spatial: int) -> Callable[[Use, Sequence[Any], Attributes], Any]:
    def build(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
        x, mask = inputs
        column = use("reshape", mask, name="mask_column", shape=channel_mask(x.shape, mask.shape, spatial))
        spread = use("broadcast_to", column, name="mask_spread", shape=x.shape)
        return use(op, x, spread, name="y", p=attributes["p"])

    return build


def _indices(signature: Signature) -> tuple[list[str], str, str]:
    """The output's indices, the element of x there, and that of the mask."""
    out = letters(signature.out_rank, avoid="p")
    return out, at("x", out), at("mask", out[: signature.ranks[1]])


def _dropped_definition(signature: Signature) -> str:
    out, x, mask = _indices(signature)
    return f"{at('y', out)} = {x}*{mask}/(1 - p)"


def _alpha(x: str, mask: str) -> str:
    low = f"({LOW})"
    return f"({x}*{mask} + {low}*(1 - {mask}) - {low}*p)/sqrt((1 - p)*(1 + p*{low}**2))"


def _alpha_definition(signature: Signature) -> str:
    out, x, mask = _indices(signature)
    return f"{at('y', out)} = {_alpha(x, mask)}"


OPS = (
    Op(
        "alpha_dropout",
        ("x", "mask"),
        f"y = {_alpha('x', 'mask')}",
        same(("x", "mask")),
        *_ALPHA.pair,
        "x where the mask is 1, else what selu ends at, scaled and shifted back to mean 0 and variance 1.",
        P,
        elementwise=True,
        fixed=("mask",),
        convention=GIVEN,
    ),
)

COMPOSITES = (
    *(
        Composite(
            f"dropout{count}d",
            ("x", "mask"),
            _channels("dropout", count),
            _dropped_definition,
            f"Channels of x where the mask is 1, else 0, over {POOLED[count]}; kept ones are divided by 1 - p.",
            P,
            fixed=("mask",),
            convention=f"{GIVEN}; kept values are divided by 1 - p",
        )
        for count in POOLED
    ),
    Composite(
        "feature_alpha_dropout",
        ("x", "mask"),
        _channels("alpha_dropout", *POOLED),
        _alpha_definition,
        "An alpha_dropout of whole channels.",
        P,
        fixed=("mask",),
        convention=GIVEN,
    ),
)
