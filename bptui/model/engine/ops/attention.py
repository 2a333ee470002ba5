"""Scaled dot-product attention, as a graph of primitives: its softmax leaves out what may not be looked at. The causal
mask, for those who write attention themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature, stretched
from bptui.model.engine.ops.common import at, flag, full, letters, literal, masking, optional, real
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

Use = Callable[..., Any]
BATCH = "bhlnortuw"
MASKED = -1e9
"""What `causal_mask` writes by default: exp(-1e9) is exactly 0, so softmax gives it 0 beside scores not as low."""


def _causal_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    if len(shapes[0]) < 2:
        raise ValueError(f"x has shape {shapes[0]}: it must have at least two axes (queries, keys)")
    return shapes[0]


def _causal_definition(signature: Signature) -> str:
    out = letters(signature.ranks[0])
    return f"{at('y', out)} = {at('x', out)} if {out[-1]} <= {out[-2]} else value"


def _hidden(x: Any) -> Array:
    """True where key j comes after query i."""
    return np.broadcast_to(np.tri(*x.shape[-2:]) == 0, x.shape)


_CAUSAL = Rule(
    lambda x, value: np.where(_hidden(x), value, x),
    lambda g, y, x, value: np.where(~_hidden(x), g, 0),
)


def read(signature: Signature, position: int, name: str, *own: str) -> str:
    """An input at the batch of the output and its own last indices; grouped, several heads of q read one of k and v."""
    rank, batch = signature.ranks[position], letters(max(0, signature.out_rank - 2), start=BATCH)
    if name in "kv" and dict(signature.attributes).get("grouped"):
        batch[-1] = f"{batch[-1]}*{name}.shape[{rank - 3}]//{batch[-1].upper()}"
    return at(name, [*batch, *own][-rank:] if rank else [])


def seen(causal: bool, mask: str, query: str = "i", key: str = "j") -> str:
    """` if …`: the condition under which a query looks at a key, "" where it looks at all."""
    tests = [*([f"{key} <= {query}"] if causal else []), *([f"{mask} != 0"] if mask else [])]
    return f" if {' and '.join(tests)}" if tests else ""


def _masked_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    out = np.broadcast_shapes(*shapes)
    if len(shapes[0]) < 1 or (attributes["causal"] and len(out) < 2):
        raise ValueError(f"x has shape {shapes[0]}: it must have an axis of keys, and where causal one of queries")
    return out


def _masked_definition(signature: Signature) -> str:
    row = _row(signature)
    x = at("x", [*row, "j"][-signature.ranks[0] :])
    mask = read(signature, 1, "mask", "i", "j") if len(signature.ranks) > 1 else ""
    total, share = shares(x, at("z", row), seen(signature["causal"], mask))
    return f"{total}; {at('y', [*row, 'j'])} = {share}"


def _row(signature: Signature) -> list[str]:
    """The indices of an output but for its last: batches and the query."""
    return [*letters(max(0, signature.out_rank - 2), start=BATCH), *(["i"] if signature.out_rank > 1 else [])]


def _masked_hint(signature: Signature) -> dict[str, str]:
    """As softmax's, by the weights; where x is not stretched."""
    row, last = _row(signature), signature.out_rank - 1
    if signature.ranks[0] <= last or signature.stretched[0]:
        return {}
    beside = "".join(f"delta({index},q{axis})*" for axis, index in enumerate(row))
    return {"x": f"{beside}{at('y', [*row, 'j'])}*(delta(j,q{last}) - {at('y', [*row, f'q{last}'])})"}


@lru_cache(8)
def _looked(queries: Shape) -> Array:
    """NaN where a query looks at a key: up to itself in (queries, keys), at all without."""
    return np.where(np.tri(queries[0], queries[1]) if queries else True, np.nan, 0)


def _nothing(x: Any, masks: Sequence[Any], causal: bool) -> Any:
    """0 where nobody looks and NaN where somebody does: fmin with it writes 0 in the one, nothing in the other place,
    whatever stands there."""
    queries = x.shape[-2:] if causal else ()
    if not masks:
        return _looked(queries).astype(x.dtype) if causal else np.nan
    return noted(_hide, np.broadcast_shapes(queries, masks[0].shape), masks[0], dtype=x.dtype, options=(queries,))


def _hide(mask: Array, queries: Shape, out: Array) -> None:
    np.copyto(out, _looked(queries))
    np.copyto(out, 0, where=mask == 0)


def _masked(x: Any, *masks: Any, causal: bool) -> Any:
    """Where a row is -inf throughout, exp of anything less is 0, and so is the sum; any other sum has a 1 in it."""
    nothing = _nothing(x, masks, causal)
    y = np.fmin(x, nothing - np.inf)
    if 0 in y.shape:
        return 0
    y = np.exp(y - np.maximum(np.max(y, -1, keepdims=True), float(np.finfo(x.dtype).min)))
    return np.fmin(y / np.maximum(np.sum(y, -1, keepdims=True), 1.0), nothing)  # beside a NaN that is seen, too


def _masked_vjp(g: Any, y: Any, x: Any, *masks: Any, causal: bool) -> Any:
    """(g - Σ g·y)·y, over what is seen."""
    nothing = _nothing(x, masks, causal)
    return np.fmin((g - np.sum(np.fmin(g * y, nothing), -1, keepdims=True)) * y, nothing) if g.size else 0


_MASKED = Rule(_masked, _masked_vjp)


def weighed(use: Use, inputs: Sequence[Any], scale: float, causal: bool, name: str) -> Any:
    """How much each query looks at each key; `inputs`: q, k, a mask, and what is added to the scores, as far as there
    are."""
    q, k, *more = inputs
    rank = len(k.shape)
    scores = use(
        "matmul", q, use("transpose", k, name="k_t", axes=(*range(rank - 2), rank - 1, rank - 2)), name="scores"
    )
    scores = use("mul", scores, scale, name="scaled")
    for added in more[1:]:
        scores = use("add", scores, added, name="biased")
    shown = [mask for mask in more[:1] if mask.shape]  # a single number hides nothing
    if shown or causal or len(more) > 1:  # a bias of -inf hides, too
        return use("masked_softmax", scores, *shown, name=name, causal=causal)
    return use("softmax", scores, name=name, axis=-1)


def check_places(**given: Any) -> None:
    """Raises where q or k (or v) has no axes of places and features, or those of q and k are not as many."""
    for name, tensor in given.items():
        if len(tensor.shape) < 2:
            raise ValueError(f"{name} has shape {tensor.shape}: it must have at least two axes (places, features)")
    q, k = given["q"], given["k"]
    if q.shape[-1] != k.shape[-1] or not q.shape[-1]:
        raise ValueError(f"q has shape {q.shape} and k has shape {k.shape}: their last axes must be equal")


def _attention(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    q, k, v, *masks = inputs
    kept = [drop for drop in masks[1:2] if drop.shape]
    check_places(q=q, k=k, v=v)
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"k has shape {k.shape} and v has shape {v.shape}: as many keys as values")
    if attributes["dropout"] and not kept:
        raise ValueError("dropout needs drop, which is 1 for the weights that are kept; the layer `attention` draws it")
    if attributes["grouped"]:
        k, v = (_for_each_query(use, name, x, q) for name, x in (("k", k), ("v", v)))
    scale = 1 / float(np.sqrt(q.shape[-1])) if attributes["scale"] is None else attributes["scale"]
    weights = weighed(use, [q, k, *masks[:1], *masks[2:]], scale, attributes["causal"], "weights")
    for drop in kept:
        weights = use("dropout", weights, drop, name="dropped", p=attributes["dropout"])
    return use("matmul", weights, v, name="y")


def _for_each_query(use: Use, name: str, x: Any, q: Any) -> Any:
    """Keys or values, each head as often as heads of queries read it."""
    if len(x.shape) < 3 or len(q.shape) < 3 or not x.shape[-3] or q.shape[-3] % x.shape[-3]:
        raise ValueError(
            f"q has shape {q.shape} and {name} has shape {x.shape}: grouped, the heads of q (axis -3) must be a "
            f"multiple of those of {name}"
        )
    times = q.shape[-3] // x.shape[-3]
    return use("repeat_interleave", x, name=f"{name}_heads", repeats=times, axis=-3) if times > 1 else x


def stretched_batches(count: int, shapes: Sequence[Shape]) -> tuple[tuple[int, ...], ...]:
    """Batch axes broadcast against each other; the last two of a mask (after the first `count` inputs) against queries
    and keys, too. Grouped, heads of keys are fewer: they are not stretched."""
    leads = [shape[:-2] for shape in shapes]
    most = max(map(len, leads))
    batch = map(max, zip(*((1,) * (most - len(lead)) + lead for lead in leads), strict=True))
    return stretched(shapes, (*batch, shapes[0][-2], shapes[1][-2]), (2,) * count)


def scored(signature: Signature, mask: int) -> tuple[str, str]:
    """(the scores s and the sum z of their exponentials, the share of each); i: queries, j: keys, d: features of both.
    `mask`: the position of the mask, `bias` is the last input."""
    batch, given = letters(signature.out_rank - 2, start=BATCH), len(signature.ranks)
    bias = 3 if mask == 2 else 5
    scale = signature["scale"]
    score = f"sum({read(signature, 0, 'q', 'i', 'd')}*{read(signature, 1, 'k', 'j', 'd')} for d in D)"
    score += "/sqrt(D)" if scale is None else f"*{literal(scale)}"
    score += f" + {read(signature, bias, 'bias', 'i', 'j')}" if given > bias else ""
    shown = read(signature, mask, "mask", "i", "j") if given > mask and signature.ranks[mask] else ""
    s, z, only = at("s", [*batch, "i", "j"]), at("z", [*batch, "i"]), seen(signature["causal"], shown)
    total, share = shares(s, z, only) if only or given > bias else softmax(s, z)
    return f"{s} = {score}; {total}", share


def softmax(s: str, z: str) -> tuple[str, str]:
    """(the sum of the exponentials of a row of scores, the share of each)"""
    return f"{z} = sum(exp({s}) for j in J)", f"exp({s})/{z}"


def shares(s: str, z: str, only: str) -> tuple[str, str]:
    """The same of those that are seen: nothing is divided by the sum of none, or of scores that are all -inf, which
    is 0."""
    total = z.replace("z", "total", 1)
    made = f"{total} = sum(exp({s}) for j in J{only}); {z} = {total} + (1 if {total} == 0 else 0)"
    return made, f"exp({s})/{z}{f'{only} else 0' if only else ''}"


def _attention_definition(signature: Signature) -> str:
    """With weights p, and features e of values."""
    batch = letters(signature.out_rank - 2, start=BATCH)
    made, share = scored(signature, 3)
    p, dropped = at("p", [*batch, "i", "j"]), len(signature.ranks) > 4 and signature.ranks[4]
    kept = f"*{read(signature, 4, 'drop', 'i', 'j')}/(1 - dropout)" if dropped else ""
    y = at("y", [*batch, "i", "e"])
    return f"{made}; {p} = {share}; {y} = sum({p}{kept}*{read(signature, 2, 'v', 'j', 'e')} for j in J)"


def _attention_hint(signature: Signature) -> dict[str, str]:
    """By the weights p and the output y, as softmax's; where each query sees all keys."""
    rank = signature.out_rank
    if (
        signature["causal"]
        or signature["grouped"]
        or set(signature.ranks) != {rank}
        or len(signature.ranks) > 3
        or any(signature.stretched)
    ):
        return {}
    batch = letters(rank - 2, start=BATCH)
    same = "".join(f"delta({index},q{axis})*" for axis, index in enumerate(batch))
    place, feature = f"q{rank - 2}", f"q{rank - 1}"

    def element(name: str, *own: str) -> str:
        return at(name, [*batch, *own])

    def beyond(key: str) -> str:
        return f"({element('v', key, 'e')} - {element('y', 'i', 'e')})"

    scale = "/sqrt(D)" if signature["scale"] is None else f"*{literal(signature['scale'])}"
    by_query = f"sum({element('p', 'i', 'j')}*{beyond('j')}*{element('k', 'j', feature)} for j in J)"
    return {
        "q": f"{same}delta(i,{place})*{by_query}{scale}",
        "k": f"{same}{element('p', 'i', place)}*{element('q', 'i', feature)}*{beyond(place)}{scale}",
    }


OPS = (
    Op(
        "causal_mask",
        ("x",),
        _causal_definition,
        _causal_shape,
        *_CAUSAL.pair,
        "Scores of queries and keys (the last two axes), with keys that come after the query masked.",
        {"value": Attribute(MASKED, masking, static=False)},
        convention="masked scores are -1e9, whose exponential is 0",
    ),
    Op(
        "masked_softmax",
        ("x", "mask?"),
        _masked_definition,
        _masked_shape,
        *_MASKED.pair,
        "softmax over the keys (the last axis) that a query looks at: where the mask is not 0, if causal up to itself.",
        {"causal": Attribute(False, flag)},
        _masked_hint,
        broadcasts=True,
        shape_before_unbroadcast=full,
        fixed=("mask",),
        convention="what is not looked at has weight 0; a query that looks at nothing, or at -inf alone, has only such",
    ),
)

COMPOSITES = (
    Composite(
        "scaled_dot_product_attention",
        ("q", "k", "v", "mask?", "drop?", "bias?"),
        _attention,
        _attention_definition,
        "softmax(q @ kᵀ/√d + bias) @ v; the mask is 1 where a query may look at a key, drop where a weight is kept, "
        "a 1 alone is all. grouped: as many heads of q (axis -3) as fit read one head of k and v, in their order.",
        {
            "causal": Attribute(False, flag),
            "scale": Attribute(None, optional(real())),
            "dropout": Attribute(0.0, real(0, 1, open_high=True), static=False),
            "grouped": Attribute(False, flag),
        },
        fixed=("mask", "drop"),
        convention=(
            "causal: query i looks at keys 0 … i; a query that looks at nothing gives 0; "
            "kept weights are divided by 1 - dropout"
        ),
        stretched=partial(stretched_batches, 3),
        hint=_attention_hint,
        axes=dict.fromkeys(("scores", "scaled", "biased", "weights", "dropped"), ("queries", "keys")),
    ),
)
