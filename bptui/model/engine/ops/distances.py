"""Sizes of matrices and distances between rows, as graphs of primitives: matrix_norm, cdist; and bilinear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Composite, Signature, stretched
from bptui.model.engine.ops.common import at, batches, choice, element, flag, letters, real
from bptui.model.engine.ops.lengths import length
from bptui.model.engine.ops.singular import SINGULAR_VALUES, singular_definition

Use = Callable[..., Any]


def _matrices(name: str, shape: Shape) -> None:
    if len(shape) < 2:
        raise ValueError(f"{name} has shape {shape}: it must have at least two axes (rows, columns)")


# ---------------------------------------------------------------------------------------------------------- matrix_norm
def _matrix_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    (x,), order, keepdims = inputs, attributes["ord"], attributes["keepdims"]
    _matrices("x", x.shape)
    if order == "fro":
        return use("norm", x, name="y", axis=(-2, -1), keepdims=keepdims)
    if order in SINGULAR_VALUES:
        return use("singular_norm", x, name="y", ord=order, keepdims=keepdims)
    summed, other = (-2, -1) if order in ("1", "-1") else (-1, -2)
    sums = use("sum", use("abs", x, name="sizes"), name="sums", axis=summed, keepdims=True)
    y = use("min" if order.startswith("-") else "max", sums, name="largest", axis=other, keepdims=True)
    return y if keepdims else use("reshape", y, name="y", shape=x.shape[:-2])


def _matrix_norm_definition(signature: Signature) -> str:
    lead, order = letters(signature.ranks[0] - 2, avoid="ij"), signature["ord"]
    x = at("x", [*lead, "i", "j"])
    y = at("y", [*lead, *((0, 0) if signature["keepdims"] else ())])
    if order in SINGULAR_VALUES:
        return singular_definition(signature)
    if order == "fro":
        return f"{y} = sqrt(sum({x}**2 for i in I for j in J))"
    inner, outer = ("i", "j") if order in ("1", "-1") else ("j", "i")
    sums = f"sum(abs({x}) for {inner} in {inner.upper()})"
    return f"{y} = {'min' if order.startswith('-') else 'max'}({sums} for {outer} in {outer.upper()})"


def _order(value: Any) -> str:
    """A norm of a matrix by its name: as NumPy and PyTorch have it, 1 and inf as numbers or as text."""
    word = (
        value
        if isinstance(value, str)
        else {1: "1", -1: "-1", 2: "2", -2: "-2", inf: "inf", -inf: "-inf"}.get(value, repr(value))
    )
    return choice("fro", "1", "-1", "inf", "-inf", *SINGULAR_VALUES)(word)


# ---------------------------------------------------------------------------------------------------------------- cdist
def _cdist(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    a, b = inputs
    for name, x in (("a", a), ("b", b)):
        _matrices(name, x.shape)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"a has shape {a.shape} and b has shape {b.shape}: the last axes must be equal")
    batches(a.shape, b.shape)
    left = use("reshape", a, name="rows", shape=(*a.shape[:-1], 1, a.shape[-1]))
    right = use("reshape", b, name="columns", shape=(*b.shape[:-2], 1, *b.shape[-2:]))
    return use("norm", use("sub", left, right, name="away"), name="y", axis=-1, p=attributes["p"])


def _cdist_definition(signature: Signature) -> str:
    """With the batch axes of each, 0 where they are stretched."""
    batch = letters(signature.out_rank - 2, start="lmnopqrstuvw")
    away = f"{element(signature, 0, 'a', batch, 'i', 'k')} - {element(signature, 1, 'b', batch, 'j', 'k')}"
    y, most = at("y", [*batch, "i", "j"]), at("most", [*batch, "i", "j"])
    return length(y, away, signature["p"], ["k"], most)


def _distance_order(value: Any) -> float:
    """Above 0, or inf; 0 for how many differ."""
    return inf if value in (inf, "inf") else real(0)(value)


# ------------------------------------------------------------------------------------------------------------- bilinear
def _bilinear(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    a, b, weight, *bias = inputs
    sizes = (*a.shape[-1:], *b.shape[-1:])
    if len(weight.shape) != 3 or weight.shape[1:] != sizes:
        raise ValueError(
            f"a has shape {a.shape}, b has shape {b.shape} and weight has shape {weight.shape}: weight must be "
            "(out, last axis of a, last axis of b)"
        )
    if a.shape[:-1] != b.shape[:-1]:
        raise ValueError(f"a has shape {a.shape} and b has shape {b.shape}: all axes but the last must be equal")
    if bias and bias[0].shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {bias[0].shape} and weight has shape {weight.shape}: bias must be (out,)")
    y = use("einsum", a, weight, b, name="products", equation="...i,oij,...j->...o")
    return use("add", y, bias[0], name="y") if bias else y


def _bilinear_definition(signature: Signature) -> str:
    lead = letters(signature.out_rank - 1, avoid="abijo")
    term = f"{at('a', [*lead, 'i'])}*weight[o,i,j]*{at('b', [*lead, 'j'])}"
    bias = " + bias[o]" if len(signature.ranks) > 3 else ""
    return f"{at('y', [*lead, 'o'])} = sum({term} for i in I for j in J){bias}"


COMPOSITES = (
    Composite(
        "matrix_norm",
        ("x",),
        _matrix_norm,
        _matrix_norm_definition,
        "The norm of matrices (the last two axes): fro, the root of the sum of squares; 1, the largest sum of a "
        "column's |x|; inf, that of a row's; -1 and -inf, the smallest; 2 and -2, the largest "
        "and smallest singular value; nuc, their sum.",
        {"ord": Attribute("fro", _order), "keepdims": Attribute(False, flag)},
        convention="the gradient is 0 where all of a matrix is 0 (fro), that of the first among equal sums, and shared "
        "by equal singular values",
    ),
    Composite(
        "cdist",
        ("a", "b"),
        _cdist,
        _cdist_definition,
        "The distance of each row of a from each row of b, (Σ|a - b|^p)^(1/p); inf: the largest |a - b|; 0: in how "
        "many places they differ.",
        {"p": Attribute(2.0, _distance_order)},
        convention="where two rows are equal the gradient is 0, and below p = 1 where they are equal in one place",
        stretched=lambda shapes: stretched(shapes, (*batches(*shapes), 0, 0), (2, 2)),
    ),
    Composite(
        "bilinear",
        ("a", "b", "weight", "bias?"),
        _bilinear,
        _bilinear_definition,
        "A layer of two inputs: Σ a·weight·b, one matrix of the weight (out, in of a, in of b) for each output.",
    ),
)
