"""Attention."""

from __future__ import annotations

from math import prod
from typing import Any

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    condition,
    finite,
    values,
)
from bptui.model.source.captured.known.registry import known

F = "torch.nn.functional."


@known(F + "scaled_dot_product_attention")
def attention(
    u: Call, query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Node:  # fmt: skip
    """A mask of True and False says what is looked at, one of numbers is added to the scores."""
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
    bias = attn_mask if attn_mask is not None and attn_mask.dtype != "bool" else None
    mask = u.mask(attn_mask) if attn_mask is not None and bias is None else None
    if bias is not None or drop is not None:  # 1 stands for all where what comes after it is given
        mask = u.number(1.0) if mask is None else mask
        drop = u.number(1.0) if drop is None else drop
    more = {"dropout": dropout_p} if dropout_p else {}
    grouped = enable_gqa and any(x.shape[-3] != query.shape[-3] for x in (key, value))
    return u.use(
        "scaled_dot_product_attention", query, key, value, mask, drop, bias, causal=is_causal, scale=scale,
        grouped=grouped, **more,
    )  # fmt: skip
