"""Distances of pairs, and the losses of embeddings that are made of them, as graphs of primitives: pairwise_distance,
triplet_margin, cosine_embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bptui.model.base.types import Attributes
from bptui.model.engine.ops.base import Attribute, Composite, Signature
from bptui.model.engine.ops.common import at, flag, letters, real, require_equal
from bptui.model.engine.ops.lengths import ORDER, length
from bptui.model.engine.ops.pointwise import finished, reduced, reduction

Use = Callable[..., Any]

_ORDER = {"p": ORDER, "eps": Attribute(1e-6, real(0), static=False)}
_ROW = "k"
"""The index along the last axis, which is that of the numbers of one embedding."""


def _embedded(names: Sequence[str], inputs: Sequence[Any]) -> None:
    """Raise where the inputs are not of one shape, with an axis of embeddings."""
    require_equal(names, [x.shape for x in inputs])
    if not inputs[0].shape:
        raise ValueError(f"{names[0]} has shape (): it must have an axis, the last, of the numbers of an embedding")


# --------------------------------------------------------------------------------------------------- pairwise_distance
def _pairwise(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    _embedded(("a", "b"), inputs)
    a, b = inputs
    return _distance(use, a, b, attributes, "y", attributes["keepdims"])


def _distance(use: Use, a: Any, b: Any, attributes: Attributes, name: str, keepdims: bool = False) -> Any:
    away = use("sub", a, b, name=f"{name}_away")
    safe = use("add", away, attributes["eps"], name=f"{name}_safe")
    return use("norm", safe, name=name, axis=-1, keepdims=keepdims, p=attributes["p"])


def _pairwise_definition(signature: Signature) -> str:
    lead = letters(signature.ranks[0] - 1, avoid="abk")
    row = [*lead, _ROW]
    y = at("y", [*lead, 0] if signature["keepdims"] else lead)
    return length(y, f"{at('a', row)} - {at('b', row)} + eps", signature["p"], [_ROW], at("most", lead))


# ------------------------------------------------------------------------------------------------------ triplet_margin
def _triplet(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    _embedded(("anchor", "positive", "negative"), inputs)
    anchor, positive, negative = inputs
    near = _distance(use, anchor, positive, attributes, "near")
    far = _distance(use, anchor, negative, attributes, "far")
    if attributes["swap"]:
        between = _distance(use, positive, negative, attributes, "between")
        far = use("minimum", far, between, name="nearer")
    gap = use("add", use("sub", near, far, name="closer"), attributes["margin"], name="gap")
    return finished(use, use("clip", gap, name="each", min=0.0), attributes["reduction"])


def _triplet_definition(signature: Signature) -> str:
    lead = letters(signature.ranks[0] - 1, avoid="k")

    def distance(name: str, a: str, b: str) -> tuple[str, str]:
        term = f"{at(a, [*lead, _ROW])} - {at(b, [*lead, _ROW])} + eps"
        found = at(name, lead)
        return found, f"{length(found, term, signature['p'], [_ROW], at(f'most_{name}', lead))}; "

    near, text = distance("near", "anchor", "positive")
    far, more = distance("far", "anchor", "negative")
    text += more
    if signature["swap"]:
        between, more = distance("between", "positive", "negative")
        text += more
        far = f"({far} if {far} < {between} else ({between} if {between} < {far} else ({far} + {between})/2))"
    gap = at("gap", lead)
    return f"{text}{gap} = margin + {near} - {far}; {reduced(f'{gap} if {gap} >= 0 else 0', lead, signature)}"


# ---------------------------------------------------------------------------------------------------- cosine_embedding
_NOT_0 = 1e-12
"""What PyTorch adds to both squares."""


def _cosine(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    a, b, target = inputs
    _embedded(("x1", "x2"), [a, b])
    if target.shape != a.shape[:-1]:
        raise ValueError(f"x1 has shape {a.shape} and target has shape {target.shape}: it must be {a.shape[:-1]}")
    dot = use("sum", use("mul", a, b, name="products"), name="dot", axis=-1)
    squares = [
        use("add", use("sum", use("square", x, name=f"{name}_squares"), name=f"{name}_square", axis=-1), _NOT_0,
            name=f"{name}_safe")
        for name, x in (("x1", a), ("x2", b))
    ]  # fmt: skip
    lengths = use("sqrt", use("mul", *squares, name="square"), name="lengths")
    cosine = use("div", dot, lengths, name="cosine")
    same = use("where", use("equal", target, 1.0, name="is_alike"), use("sub", 1.0, cosine, name="away"), 0.0,
               name="alike")  # fmt: skip
    over = use("clip", use("sub", cosine, attributes["margin"], name="gap"), name="near", min=0.0)
    other = use("where", use("equal", target, -1.0, name="is_unlike"), over, 0.0, name="unlike")
    return finished(use, use("add", same, other, name="each"), attributes["reduction"])


def _cosine_definition(signature: Signature) -> str:
    lead = letters(signature.ranks[0] - 1, avoid="k")
    a, b, t, cosine = at("x1", [*lead, _ROW]), at("x2", [*lead, _ROW]), at("target", lead), at("cosine", lead)
    below = f"sqrt((sum({a}**2 for k in K) + {_NOT_0})*(sum({b}**2 for k in K) + {_NOT_0}))"
    term = f"(1 - {cosine} if {t} == 1 else 0) + ({cosine} - margin if {t} == -1 and {cosine} - margin >= 0 else 0)"
    return f"{cosine} = sum({a}*{b} for k in K)/{below}; {reduced(term, lead, signature)}"


_AT_THE_MARGIN = "at the margin the derivative is that inside of it; the mean over samples"
_REDUCTION = {"reduction": reduction()}

COMPOSITES = (
    Composite(
        "pairwise_distance",
        ("a", "b"),
        _pairwise,
        _pairwise_definition,
        "The distance of each embedding (the last axis) of a from that of b, (Σ|a - b + eps|^p)^(1/p); inf: the "
        "largest; 0: how many differ.",
        {**_ORDER, "keepdims": Attribute(False, flag)},
        convention="eps is added to each difference, so that the gradient of equal ones is not that at 0",
    ),
    Composite(
        "triplet_margin",
        ("anchor", "positive", "negative"),
        _triplet,
        _triplet_definition,
        "max(0, margin + distance to the positive - distance to the negative), of embeddings (the last axis); with "
        "swap the negative's is its distance to the positive where that is less. With a distance of your own: "
        "margin_ranking(far, near, 1, margin=1).",
        {"margin": Attribute(1.0, real(), static=False), **_ORDER, "swap": Attribute(False, flag), **_REDUCTION},
        convention=_AT_THE_MARGIN,
    ),
    Composite(
        "cosine_embedding",
        ("x1", "x2", "target"),
        _cosine,
        _cosine_definition,
        "1 - cosine of the angle between embeddings (the last axis) where the target is 1, max(0, cosine - margin) "
        "where it is -1.",
        {"margin": Attribute(0.0, real(), static=False), **_REDUCTION},
        fixed=("target",),
        convention=f"1e-12 is added to each squared length; {_AT_THE_MARGIN}",
    ),
)  # fmt: skip
