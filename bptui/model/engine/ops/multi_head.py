"""Multi-head attention with its projections, and the weights of an attention, as graphs of primitives.

Weights are (out, in), as PyTorch has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.attention import (
    BATCH,
    Use,
    check_places,
    scored,
    seen,
    shares,
    softmax,
    stretched_batches,
    weighed,
)
from bptui.model.engine.ops.base import Attribute, Composite, Signature
from bptui.model.engine.ops.common import affine_map, at, element, flag, integer, letters, optional, real

WEIGHTS = ("w_q", "w_k", "w_v", "w_o")
BIASES = ("b_q", "b_k", "b_v", "b_o")


# ------------------------------------------------------------------------------------------------ weights alone
def _weights(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    q, k, *_ = inputs
    check_places(q=q, k=k)
    scale = float(q.shape[-1]) ** -0.5 if attributes["scale"] is None else attributes["scale"]
    return weighed(use, inputs, scale, attributes["causal"], "y")


def _weights_definition(signature: Signature) -> str:
    made, share = scored(signature, 2)
    return f"{made}; {at('y', [*letters(signature.out_rank - 2, start=BATCH), 'i', 'j'])} = {share}"


# ----------------------------------------------------------------------------------------------------- multi-head
def _heads(attributes: Attributes) -> tuple[int, int]:
    """How many heads queries have, and how many keys and values."""
    return attributes["heads"], attributes["kv_heads"] or attributes["heads"]


def _check(inputs: Sequence[Any], heads: int, shared: int) -> None:
    """Raises where a shape does not fit."""
    q, k, v, *weights = inputs
    if heads % shared:
        raise ValueError(f"kv_heads {shared} do not divide heads {heads}")
    for name, x in zip("qkv", (q, k, v), strict=True):
        if len(x.shape) not in (2, 3) or x.shape[:-2] != q.shape[:-2]:
            right = "(positions, features) or (samples, positions, features), samples as of q"
            raise ValueError(f"{name} has shape {x.shape} and q has shape {q.shape}: it must be {right}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"k has shape {k.shape} and v has shape {v.shape}: as many keys as values")
    if len(weights[0].shape) != 2 or not weights[0].shape[0] or weights[0].shape[0] % heads:
        raise ValueError(
            f"w_q has shape {weights[0].shape}: it must have (features of all {heads} heads, features of q)"
        )
    size, end = weights[0].shape[0], weights[3].shape[:1]
    narrow = size // heads * shared
    wanted = [(size, q.shape[-1]), (narrow, k.shape[-1]), (narrow, v.shape[-1]), (*end, size)]
    for name, given, shape in zip(WEIGHTS, weights, wanted, strict=False):
        if given.shape != shape:
            raise ValueError(f"{name} has shape {given.shape}: it must have shape {shape}")
    if 4 < len(weights) < 8:
        raise ValueError(f"{BIASES[len(weights) - 4]} is missing: give all four biases, or 0 for one that is none")
    for name, given, (rows, _) in zip(BIASES, weights[4:], wanted, strict=False):
        if given.shape not in ((), (rows,)):
            raise ValueError(f"{name} has shape {given.shape}: it must have shape {(rows,)}")
    for name, given in zip(("mask", "bias"), weights[8:], strict=False):
        if len(given.shape) not in (0, 2, len(q.shape) + 1):
            right = "axes (queries, keys), or (samples, heads, queries, keys)"
            raise ValueError(f"{name} has shape {given.shape}: it must have {right}")


def _multi_head(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    heads, shared = _heads(attributes)
    _check(inputs, heads, shared)
    sources, weights, biases, masks = inputs[:3], inputs[3:7], inputs[7:11], list(inputs[11:])
    lead = len(sources[0].shape) - 2
    apart = (*range(lead), lead + 1, lead, lead + 2)
    split = []
    for n, (name, source, count) in enumerate(zip("qkv", sources, (heads, shared, shared), strict=True)):
        made = affine_map(use, source, weights[n], biases[n : n + 1], f"{name}_all")
        shape = (*made.shape[:-1], count, made.shape[-1] // count)
        split.append(use("transpose", use("reshape", made, name=f"{name}_parts", shape=shape), name=name, axes=apart))
    if len(masks) > 1:
        masks = [masks[0], 1.0, masks[1]]
    more = {"causal": attributes["causal"], "grouped": shared != heads}
    mixed = use("scaled_dot_product_attention", *split, *masks, name="attention", **more)
    joined = use(
        "reshape", use("transpose", mixed, name="mixed", axes=apart), name="joined", shape=(*sources[0].shape[:-1], -1)
    )
    return affine_map(use, joined, weights[3], biases[3:], "y")


def _multi_head_definition(signature: Signature) -> str:
    """pq, pk, pv: the projections; s: the scores of the head that a feature e is in, z: the sum of their exponentials,
    p: its weights, m: the values mixed by them."""
    batch = letters(signature.out_rank - 2, start=BATCH)
    heads, shared = _heads(dict(signature.attributes))
    size = f"(w_q.shape[0]//{heads})"
    head = f"e//{size}"
    group, feature = head, "e"
    if heads != shared:
        group = f"{head}*{shared}//{heads}"
        feature = f"{group}*{size} + e%{size}"

    def bias(name: str, index: str) -> str:
        position = 7 + BIASES.index(name)
        return f" + {at(name, [index] * signature.ranks[position])}" if len(signature.ranks) > position else ""

    def projected(letter: str, place: str, bound: str, row: str) -> str:
        made = f"sum({at(letter, [*batch, place, bound])}*w_{letter}[{row},{bound}] for {bound} in {bound.upper()})"
        return f"{at(f'p{letter}', [*batch, place, row])} = {made}{bias(f'b_{letter}', row)}"

    scores = [*batch, head, "i", "j"]
    s, z, p = (at(name, [*batch, "e", "i", *("j" if name != "z" else "")]) for name in "szp")
    m = at("m", [*batch, "i", "e"])
    q = at("pq", [*batch, "i", f"{head}*{size} + d"])
    k, v = at("pk", [*batch, "j", f"{group}*{size} + d"]), at("pv", [*batch, "j", feature])
    score = f"sum({q}*{k} for d in {size})/sqrt({size})"
    score += f" + {element(signature, 12, 'bias', scores)}" if len(signature.ranks) > 12 else ""
    mask = element(signature, 11, "mask", scores) if len(signature.ranks) > 11 and signature.ranks[11] else ""
    only = seen(signature["causal"], mask)
    total, share = shares(s, z, only) if only or len(signature.ranks) > 12 else softmax(s, z)
    return "; ".join(
        [
            projected("q", "i", "c", "e"),
            projected("k", "j", "g", "e" if heads == shared else "f"),
            projected("v", "j", "t", "e" if heads == shared else "f"),
            f"{s} = {score}",
            total,
            f"{p} = {share}",
            f"{m} = sum({p}*{v} for j in J)",
            f"{at('y', [*batch, 'i', 'a'])} = sum({m}*w_o[a,e] for e in E){bias('b_o', 'a')}",
        ]
    )


def _multi_head_stretched(shapes: Sequence[Shape]) -> tuple[tuple[int, ...], ...]:
    """Of masks, the axes of size 1: they are read at 0."""
    return tuple(
        tuple(axis for axis, size in enumerate(shape) if size == 1) if n > 10 else () for n, shape in enumerate(shapes)
    )


COMPOSITES = (
    Composite(
        "attention_weights",
        ("q", "k", "mask?", "bias?"),
        _weights,
        _weights_definition,
        "softmax(q @ kᵀ/√d + bias): how much each query looks at each key; the mask is 1 where it may, a 1 alone "
        "is all.",
        {"causal": Attribute(False, flag), "scale": Attribute(None, optional(real()))},
        fixed=("mask",),
        convention="causal: query i looks at keys 0 … i; a query that looks at nothing has only weights of 0",
        stretched=partial(stretched_batches, 2),
        axes=dict.fromkeys(("scores", "scaled", "biased", "y"), ("queries", "keys")),
    ),
    Composite(
        "multi_head_attention",
        ("q", "k", "v", *WEIGHTS, *(f"{name}?" for name in BIASES), "mask?", "bias?"),
        _multi_head,
        _multi_head_definition,
        "Attention of several heads: q, k, v are projected and cut into heads, each looks for itself, and what they "
        "find is projected again. The mask is 1 where a query may look at a key, bias is added to the scores. "
        "kv_heads: as many heads of keys and values, each read by several of queries.",
        {
            "heads": Attribute(1, integer(1), required=True),
            "kv_heads": Attribute(None, optional(integer(1))),
            "causal": Attribute(False, flag),
        },
        fixed=("mask",),
        convention=(
            "weights are (out, in); a bias may be one number for all, 0 is none; causal: query i looks at keys 0 … i"
        ),
        stretched=_multi_head_stretched,
    ),
)
