"""Attention."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    condition,
    finite,
    values,
)
from bptui.model.source.captured.known.registry import known
from bptui.model.source.captured.known.shapes import turned

F = "torch.nn.functional."


@known(F + "scaled_dot_product_attention")
def attention(
    u: Call, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Node:  # fmt: skip
    """Where numbers are added to the scores, by its parts."""
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        key, value = (_for_each_query(u, x, query.shape[-3]) for x in (key, value))
    drop = None
    if dropout_p:
        if not u.masks:
            u.lacks("attention: what its dropout kept was not recorded")
        drawn, weights = u.ref(u.masks[0]), (*u.results[0].shape[:-1], key.shape[-2])
        if prod(drawn.shape) != prod(weights):
            u.lacks("attention: its dropout draws in a shape of its own")
        drop = condition(u, weights, lambda: (values(u, drawn) != 0).reshape(weights))
    if is_causal or attn_mask is not None:
        finite(u, query, key, value)
    if attn_mask is not None and attn_mask.dtype != "bool":
        return _added(u, (query, key, value), attn_mask, drop, dropout_p, scale)
    mask = None if attn_mask is None else u.mask(attn_mask)
    if drop is not None and mask is None:
        mask = u.number(1.0)
    more = {"dropout": dropout_p} if drop is not None else {}
    return u.use("scaled_dot_product_attention", query, key, value, mask, drop, causal=is_causal, scale=scale, **more)


def _for_each_query(u: Call, x: Any, heads: int) -> Node:
    """Each head is read by several queries' heads."""
    axis, times = len(x.shape) - 3, heads // x.shape[-3]
    return u.use("take", x, u.whole((heads,), lambda: np.repeat(np.arange(heads // times), times)), axis=axis)


def _added(u: Call, given: Any, bias: Any, drop: Any, p: float, scale: float | None) -> Node:
    query, key, value = given
    rank = len(key.shape)
    turned_key = turned(u, key, (*range(rank - 2), rank - 1, rank - 2))
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = u.use("mul", u.use("matmul", query, turned_key), factor)
    weights = u.use("softmax", u.use("add", scores, bias), axis=-1)
    weights = weights if drop is None else u.use("dropout", weights, drop, p=p)
    return u.use("matmul", weights, value)
