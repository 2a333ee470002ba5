"""Scaled dot-product attention, as a graph of primitives, and the causal mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.ops.base import Array, Attribute, Attributes, Composite, Emit, Op, Shape, Signature
from bptui.model.ops.common import at, flag, letters, optional, real

MASKED = -1e9
"""The score of a place that must not be looked at. exp(-1e9) is exactly 0, so softmax gives it 0; and unlike -inf it is
a number like others to every check."""


def _causal_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    if len(shapes[0]) < 2:
        raise ValueError(f"x has shape {shapes[0]}: it must have at least two axes (queries, keys)")
    return shapes[0]


def _causal_definition(signature: Signature) -> str:
    out = letters(signature.ranks[0])
    return f"{at('y', out)} = {at('x', out)} if {out[-1]} <= {out[-2]} else value"


def _hidden(x: Array) -> Array:
    """True where key j comes after query i."""
    return np.broadcast_to(np.tri(*x.shape[-2:]) == 0, x.shape)


def _causal(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> None:
    emit(np.copyto, out, inputs[0])
    emit(np.copyto, out, emit.const(attributes["value"]), where=_hidden(out))


def _causal_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    saved: Any,
) -> None:
    if into[0] is not None:
        emit(np.copyto, into[0], upstream)
        emit(np.copyto, into[0], emit.const(0.0), where=_hidden(out))


def _attention(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    q, k, v, *mask = inputs
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        if len(tensor.shape) < 2:
            raise ValueError(f"{name} has shape {tensor.shape}: it must have at least two axes (places, features)")
    if q.shape[-1] != k.shape[-1] or not q.shape[-1]:
        raise ValueError(f"q has shape {q.shape} and k has shape {k.shape}: their last axes must be equal")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"k has shape {k.shape} and v has shape {v.shape}: as many keys as values")
    rank = len(k.shape)
    scale = 1 / float(np.sqrt(q.shape[-1])) if attributes["scale"] is None else attributes["scale"]
    turned = use("transpose", k, name="k_t", axes=(*range(rank - 2), rank - 1, rank - 2))
    scores = use("matmul", q, turned, name="scores")
    scores = use("mul", scores, scale, name="scaled")
    if attributes["causal"]:
        scores = use("causal_mask", scores, name="causal")
    if mask:
        scores = use("where", mask[0], scores, MASKED, name="masked")
    weights = use("softmax", scores, name="weights", axis=-1)
    return use("matmul", weights, v, name="y")


OPS = (
    Op(
        "causal_mask",
        ("x",),
        _causal_definition,
        _causal_shape,
        _causal,
        _causal_vjp,
        "Scores of queries and keys (the last two axes), with keys that come after the query masked.",
        {"value": Attribute(MASKED, real(), static=False)},
        convention="masked scores are -1e9, whose exponential is 0",
    ),
)

COMPOSITES = (
    Composite(
        "scaled_dot_product_attention",
        ("q", "k", "v", "mask?"),
        _attention,
        "softmax(q @ kᵀ/√d) @ v; the mask is 1 where a query may look at a key.",
        {"causal": Attribute(False, flag), "scale": Attribute(None, optional(real()))},
        fixed=("mask",),
        convention="causal: query i looks at keys 0 … i; masked scores are -1e9, whose exponential is 0",
    ),
)
