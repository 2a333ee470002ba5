"""Rows of a table by their places: embedding, embedding_bag."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.lookup import divides_rightly
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import condition, finite, values
from bptui.model.source.captured.known.registry import known

F = "torch.nn.functional."


@known(F + "embedding")
def embedding(
    u: Call, input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Node:  # fmt: skip
    padding = None if padding_idx is None else padding_idx % weight.shape[0]
    table = _read(u, weight, input, max_norm, norm_type)
    settings = {"padding_idx": padding, "scale_grad_by_freq": scale_grad_by_freq}
    return u.use("embedding", table, u.index(input), **settings)


@known("torch.embedding")
def torch_embedding(
    u: Call, weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Node:
    """Here -1 stands for no padding."""
    padding = None if padding_idx < 0 else padding_idx
    return embedding(u, indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq)


@known("embedding_renorm")
def embedding_renorm(u: Call, weight: Any, indices: Any, max_norm: float, norm_type: float) -> Node:
    return held(u, weight, indices, max_norm, norm_type)


def held(u: Call, weight: Any, index: Any, max_norm: float, order: float) -> Node:
    """The table in which rows that are read are held to a norm. PyTorch writes them into it, and the gradient is that
    of the table that is read: what a row becomes is a number that was given."""
    finite(u, weight)
    shape = tuple(weight.shape)

    def read() -> Array:
        found = np.zeros((shape[0], 1), np.bool_)
        found[values(u, index).reshape(-1)] = True
        return found

    every = u.whole(shape[:1], lambda: np.arange(shape[0]), "rows")
    rows = u.use("embedding", weight, every, max_norm=max_norm, norm_type=order)
    return u.use("where", condition(u, (shape[0], 1), read), rows, weight)


def _read(u: Call, weight: Any, index: Any, max_norm: float | None, order: float) -> Any:
    """The table that is read: the one that is given, or the one that it becomes."""
    if max_norm is None:
        return weight
    table = held(u, weight, index, max_norm, order)
    if weight.id in u.event.changed:
        u.changed[weight.id] = table
    return table


@known(F + "embedding_bag")
def embedding_bag(
    u: Call, input: Any, weight: Any, offsets: Any = None, max_norm: Any = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: Any = None,
) -> Node:  # fmt: skip
    """Rows of a table, put together by sample: each has as many, or those from its offset on."""
    if mode == "max":
        finite(u, weight)
    if scale_grad_by_freq and not divides_rightly(values(u, input)):
        u.lacks("embedding_bag with scale_grad_by_freq: PyTorch divides by how often another row is read")
    table = _read(u, weight, input, max_norm, norm_type)
    given = [] if per_sample_weights is None else [per_sample_weights]
    if offsets is not None:
        begun = u.index(offsets)
        if include_last_offset:
            begun = u.whole((offsets.shape[0] - 1,), lambda: values(u, offsets)[:-1], "offsets")
        given = [*(given or [1.0]), begun]
    padding = None if padding_idx is None else padding_idx % weight.shape[0]
    settings = {"padding_idx": padding, "scale_grad_by_freq": scale_grad_by_freq, "mode": mode}
    return u.use("embedding_bag", table, u.index(input), *given, **settings)
