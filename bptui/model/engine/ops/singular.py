"""Norms of a matrix by its singular values: the largest, the smallest, the sum of all. See docs/definitions.md,
"Matrices"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine import matrices
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, choice, flag, letters
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

SINGULAR_VALUES = {
    "2": ("first_singular", "first_pair"), "-2": ("last_singular", "last_pair"), "nuc": ("nuclear", "orthogonal")
}  # fmt: skip
"""A norm by its order → what of singular values it is, and Σ u·vᵀ of their vectors."""


def singular_definition(signature: Signature) -> str:
    lead, (value, pair) = letters(signature.ranks[0] - 2, avoid="ijqsxy"), SINGULAR_VALUES[signature["ord"]]
    x, s = at("x", [*lead, "i", "j"]), at("s", lead)
    y = at("y", [*lead, *((0, 0) if signature["keepdims"] else ())])
    return f"{at('q', [*lead, 'i', 'j'])} = {pair}({x}); {s} = {value}({x} for i in I for j in J); {y} = {s}"


def _singular_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    if len(x) < 2 or 0 in x[-2:]:
        raise ValueError(f"x has shape {x}: its last two axes must be those of a matrix that has elements")
    return (*x[:-2], 1, 1) if attributes["keepdims"] else x[:-2]


def _fill_singular(x: Array, order: str, place: int, keepdims: bool, out: Array) -> None:
    found = matrices.OF[SINGULAR_VALUES[order][place]](x)
    out[...] = found[..., None, None] if keepdims else found


def _singular_norm(x: Any, **given: Any) -> Any:
    options = (given["ord"], 0, given["keepdims"])
    return noted(_fill_singular, _singular_shape([x.shape], given), x, options=options)


def _singular_vjp(g: Any, y: Any, x: Any, **given: Any) -> Any:
    pair = noted(_fill_singular, x.shape, x, options=(given["ord"], 1, False))
    return pair * (g if given["keepdims"] else g[..., None, None])


_SINGULAR = Rule(_singular_norm, _singular_vjp)

OPS = (
    Op(
        "singular_norm",
        ("x",),
        singular_definition,
        _singular_shape,
        *_SINGULAR.pair,
        "The largest singular value of a matrix (ord = 2), the smallest (-2), or the sum of all (nuc).",
        {"ord": Attribute("2", choice(*SINGULAR_VALUES)), "keepdims": Attribute(False, flag)},
        analytic=False,
        convention="the gradient is u·vᵀ of their vectors, shared by those of equal singular values; where some are 0 "
        "it is one of many; nan where a matrix is not finite",
    ),
)
