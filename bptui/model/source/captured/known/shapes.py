"""The same numbers under another shape, in another order, beside others."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    Tensor,
    axis,
    rearranged,
    reshaped,
    several,
    spread,
    stretched,
    values,
)
from bptui.model.source.captured.known.registry import known, taking, uses


# ------------------------------------------------------------------------------------------------------- its shape
def _shaped(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """The shape is that of the result, whatever it was called."""
    return reshaped(u, input, u.results[0].shape)


known(
    "reshape", "reshape_as", "view_as", "flatten", "unflatten", "ravel",
    "squeeze", "unsqueeze",
)(_shaped)  # fmt: skip


@known("view")
def view(u: Call, input: Any, *shape: Any, **given: Any) -> Node:
    if any(isinstance(item, dict) for item in (*shape, *given.values())):
        u.lacks("a view of the same bits as another kind of number")
    return _shaped(u, input)


# ------------------------------------------------------------------------------------------------- its axes' order
def turned(u: Call, x: Tensor, order: Sequence[int] | None = None) -> Node:
    """Axes in another order, or the other way round; x itself where they are as they were."""
    ranks = list(range(len(x.shape)))
    order = ranks[::-1] if order is None else [n % len(ranks) for n in order]
    return u.use("transpose", x, axes=tuple(order)) if order != ranks else u.same(x)


def flipped(u: Call, x: Tensor) -> Node:
    """Rows and columns of matrices exchanged."""
    return turned(u, x, (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2))


@known("transpose", "swapdims")
def transpose(u: Call, input: Any, dim0: int, dim1: int) -> Node:
    order = list(range(len(input.shape)))
    if order:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return turned(u, input, order)


known("swapaxes")(taking(transpose, "input", "axis0", "axis1"))


known("t", "T", "H")(taking(turned, "input"))  # of a matrix; `T` turns all axes round
known("mT", "mH", "adjoint")(taking(lambda u, x: transpose(u, x, -2, -1), "input"))


@known("permute")
def permute(u: Call, input: Any, *order: Any, dims: Any = None) -> Node:
    return turned(u, input, spread(order) if dims is None else dims)


@known("movedim", "moveaxis")
def movedim(u: Call, input: Any, source: Any, destination: Any) -> Node:
    seen = np.empty([n + 2 for n in range(len(input.shape))], np.bool_)
    return turned(u, input, [size - 2 for size in np.moveaxis(seen, source, destination).shape])


# ------------------------------------------------------------------------------------------------------ repeated
@known("expand", "expand_as", "broadcast_to")
def expand(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    return stretched(u, input, u.results[0].shape)


@known("broadcast_tensors")
def broadcast_tensors(u: Call, *tensors: Any) -> list[Node]:
    given = spread(tensors)
    shape = np.broadcast_shapes(*(x.shape for x in given))
    return [stretched(u, x, shape) for x in given]


def _repeated(u: Call, x: Any, times: Sequence[int]) -> Node:
    """x so many times along each axis; a new axis where there are more numbers than axes, and 1 where fewer."""
    rank = max(len(times), len(x.shape))
    sizes = (*(1,) * (rank - len(x.shape)), *x.shape)
    times = (*(1,) * (rank - len(times)), *times)
    pairs = reshaped(u, x, tuple(n for size in sizes for n in (1, size)))
    wide = stretched(u, pairs, tuple(n for t, size in zip(times, sizes, strict=True) for n in (t, size)))
    return reshaped(u, wide, tuple(t * size for t, size in zip(times, sizes, strict=True)))


@known("repeat")
def repeat(u: Call, input: Any, *times: Any, repeats: Any = None) -> Node:
    return _repeated(u, input, spread(times) if repeats is None else repeats)


@known("tile")
def tile(u: Call, input: Any, *times: Any, dims: Any = None) -> Node:
    return _repeated(u, input, spread(times) if dims is None else dims)


@known("repeat_interleave")
def repeat_interleave(u: Call, input: Any, repeats: Any, dim: Any = None, *, output_size: Any = None) -> Node:
    """Each element so many times, or each as many times as a tensor says."""
    x = reshaped(u, input, (prod(input.shape),)) if dim is None else u.same(input)
    along, result = axis(x, dim or 0), u.results[0]
    if isinstance(repeats, int):
        return u.use("repeat_interleave", x, repeats=repeats, axis=along)
    size = x.shape[along]
    positions = u.whole((result.shape[along],), lambda: np.repeat(np.arange(size), values(u, repeats)))
    return u.use("take", x, positions, axis=along)


@known("meshgrid")
def meshgrid(u: Call, *tensors: Any, indexing: Any = None) -> list[Node]:
    given = spread(tensors)
    sizes = tuple(prod(x.shape) for x in given)
    found = []
    for n, x in enumerate(given):
        own = reshaped(u, x, tuple(sizes[n] if m == n else 1 for m in range(len(given))))
        found.append(stretched(u, own, sizes))
    if indexing == "xy" and len(given) > 1:
        found = [turned(u, x, (1, 0, *range(2, len(given)))) for x in found]
    return found


# ----------------------------------------------------------------------------------------------- in another order
@known("roll")
def roll(u: Call, input: Any, shifts: Any, dims: Any = None) -> Node:
    """Without an axis, all elements in their order."""
    if dims in (None, []):
        flat = u.use("roll", reshaped(u, input, (prod(input.shape),)), shift=several(shifts), axis=0)
        return reshaped(u, flat, tuple(input.shape))
    return u.use("roll", input, shift=several(shifts), axis=several(dims))


@known("flip")
def flip(u: Call, input: Any, *order: Any, dims: Any = None) -> Node:
    return u.use("flip", input, axis=several(spread(order) if dims is None else dims))


known("fliplr")(taking(lambda u, x: u.use("flip", x, axis=1), "input"))
known("flipud")(taking(lambda u, x: u.use("flip", x, axis=0), "input"))


@known("rot90")
def rot90(u: Call, input: Any, k: int = 1, dims: Any = (0, 1)) -> Node:
    return rearranged(u, input, lambda p: np.rot90(p, k, tuple(dims)))


# ------------------------------------------------------------------------------------------------------- diagonals
known("diagonal")(uses("diagonal", offset=0, dim1=0, dim2=1))
known("torch.linalg.diagonal")(uses("diagonal", "A", offset=0, dim1=-2, dim2=-1))
known("diag_embed")(uses("diag_embed", offset=0, dim1=-2, dim2=-1))


@known("diag")
def diag(u: Call, input: Any, diagonal: int = 0) -> Node:
    if len(input.shape) == 1:
        return u.use("diag_embed", input, offset=diagonal, axis1=-2, axis2=-1)
    return u.use("diagonal", input, offset=diagonal)


@known("tril", "triu")
def triangle(u: Call, input: Any, diagonal: int = 0) -> Node:
    return u.use(u.name, input, k=diagonal)
