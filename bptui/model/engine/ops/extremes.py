"""The largest, the smallest, and the product over axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.ops.base import Op
from bptui.model.engine.ops.common import many_axes, total
from bptui.model.engine.ops.reduce import filled_shape, reduced_shape, reduction
from bptui.model.engine.trace import noted


def _blocked(x: Any, axes: Sequence[int]) -> tuple[Any, list[int]]:
    """x with the axes that are reduced as one, which is the last; and the order in which its axes are for that."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    order = [*kept, *axes]
    size = prod(x.shape[axis] for axis in axes)
    return np.reshape(np.transpose(x, order), (*(x.shape[axis] for axis in kept), size)), order


def _extreme(pick: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """forward and vjp of max (pick: np.argmax) and min: the first extreme (or nan) of each block has it all."""

    def forward(x: Any, axis: Any, keepdims: bool) -> Any:
        blocks, _ = _blocked(x, many_axes(axis, x.shape))
        found = np.take_along_axis(blocks, pick(blocks, -1, keepdims=True), -1)
        return np.reshape(found, reduced_shape([x.shape], {"axis": axis, "keepdims": keepdims}))

    def by_x(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        blocks, order = _blocked(x, many_axes(axis, x.shape))
        chosen = pick(blocks, -1, keepdims=True) == np.arange(blocks.shape[-1])
        given = np.where(chosen, np.reshape(g, (*blocks.shape[:-1], 1)), 0)
        turned = np.reshape(given, tuple(x.shape[axis] for axis in order))
        return np.transpose(turned, [order.index(axis) for axis in range(len(order))])

    return forward, by_x


def _give_prod(upstream: Array, x: Array, axes: tuple[int, ...], into: Array) -> None:
    """The product of all the others, from the left times from the right: right where an element is 0, too."""
    blocks, order = _blocked(x, axes)
    left, right = np.ones_like(blocks), np.ones_like(blocks)
    np.multiply.accumulate(blocks[..., :-1], -1, out=left[..., 1:])
    right[..., :-1] = np.multiply.accumulate(blocks[..., :0:-1], -1)[..., ::-1]
    moved = into.transpose(order)
    moved[...] = (left * right * upstream.reshape((*blocks.shape[:-1], 1))).reshape(moved.shape)


def _row(kind: str, pick: Any, which: str) -> Op:
    return reduction(
        kind, lambda use: f"{use.y} = {total(use.element, use.reduced, function=kind)}", *_extreme(pick),
        f"The {which} element over axes, or of all.", shape=filled_shape, analytic=False,
        convention="among equals the first gets all of the gradient",
    )  # fmt: skip


OPS = (
    _row("max", np.argmax, "largest"),
    _row("min", np.argmin, "smallest"),
    reduction("prod", lambda use: f"{use.y} = {total(use.element, use.reduced, function='prod')}",
              lambda x, axis, keepdims: np.prod(x, axis, keepdims=keepdims),
              lambda g, y, x, axis, keepdims: noted(_give_prod, x.shape, g, x, options=(many_axes(axis, x.shape),)),
              "The product over axes, or of all elements."),
)  # fmt: skip
