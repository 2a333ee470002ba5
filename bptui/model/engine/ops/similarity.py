"""Lengths and angles along an axis, as graphs of primitives: normalize, cosine_similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bptui.model.base.types import Attributes
from bptui.model.engine.ops.base import Attribute, Composite, Signature
from bptui.model.engine.ops.common import at, integer, letters, one_axis, real, require_equal
from bptui.model.engine.ops.lengths import ORDER, length

Use = Callable[..., Any]


def _length(use: Use, x: Any, attributes: Attributes, name: str, keepdims: bool) -> Any:
    """The length along the axis, at least eps."""
    settings = {"axis": attributes["axis"], "keepdims": keepdims, "p": attributes.get("p", 2.0)}
    found = use("norm", x, name=f"{name}_length", **settings)
    return use("clip", found, name=f"{name}_safe", min=attributes["eps"])


def _normalize(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    (x,) = inputs
    one_axis(attributes["axis"], x.shape)
    return use("div", x, _length(use, x, attributes, "x", True), name="y")


def _cosine(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    a, b = inputs
    require_equal(("a", "b"), [a.shape, b.shape])
    one_axis(attributes["axis"], a.shape, "a")
    products = use("mul", a, b, name="products")
    dot = use("sum", products, name="dot", axis=attributes["axis"])
    lengths = (_length(use, tensor, attributes, name, False) for name, tensor in (("a", a), ("b", b)))
    below = use("mul", *lengths, name="lengths")
    return use("div", dot, below, name="y")


def _row(signature: Signature) -> tuple[list[str], list[str], str]:
    """The indices of an element, those of its row's other elements, the letter that runs along the row."""
    *out, bound = letters(signature.ranks[0] + 1, avoid="abm")
    axis = one_axis(signature["axis"], signature.ranks[0])
    return out, [bound if n == axis else i for n, i in enumerate(out)], bound


def _normalize_definition(signature: Signature) -> str:
    out, inside, bound = _row(signature)
    kept = [i for i in out if i in inside]
    size = at("m", kept)

    whole = f"{at('y', out)} = {at('x', out)}/({size} if {size} > eps else eps)"
    return f"{length(size, at('x', inside), signature['p'], [bound], at('m2', kept))}; {whole}"


def _cosine_definition(signature: Signature) -> str:
    out, inside, bound = _row(signature)
    kept = [i for i in out if i in inside]
    over = f"for {bound} in {bound.upper()}"
    a, b, m, n = at("a", inside), at("b", inside), at("m", kept), at("m2", kept)
    return (
        f"{m} = sqrt(sum({a}**2 {over})); {n} = sqrt(sum({b}**2 {over})); "
        f"{at('y', kept)} = sum({a}*{b} {over})/(({m} if {m} > eps else eps)*({n} if {n} > eps else eps))"
    )


COMPOSITES = (
    Composite(
        "normalize",
        ("x",),
        _normalize,
        _normalize_definition,
        "x divided by its length along an axis, the Euclidean one or that of order p.",
        {"axis": Attribute(1, integer()), "eps": Attribute(1e-12, real(0), static=False), "p": ORDER},
        convention="the length counts as eps at least",
    ),
    Composite(
        "cosine_similarity",
        ("a", "b"),
        _cosine,
        _cosine_definition,
        "The cosine of the angle between a and b along an axis.",
        {"axis": Attribute(1, integer()), "eps": Attribute(1e-8, real(0), static=False)},
        convention="each length counts as eps at least",
    ),
)
