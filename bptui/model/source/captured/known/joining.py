"""Parts of a tensor, tensors beside each other, what is put around one, windows over one."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    Tensor,
    axis,
    part,
    rearranged,
    reshaped,
    several,
    spread,
    tensor,
    values,
)
from bptui.model.source.captured.known.registry import known, taking

AT_ONCE = 8
"""So many tensors `concat` and `stack` take."""


# ---------------------------------------------------------------------------------------------------------- parts
def _parts(u: Call, x: Any, dim: int) -> list[Node]:
    """One slice after the other, as long as the results are."""
    found, start, along = [], 0, axis(x, dim)
    for result in u.results:
        stop = start + result.shape[along]
        found.append(part(u, x, along, slice(start, stop)))
        start = stop
    if start > x.shape[along]:
        u.lacks(f"{u.name}: its parts were not recorded")
    return found


def _each(u: Call, op: str, x: Any, **attributes: Any) -> list[Node]:
    """All parts of an operation that has several."""
    return [u.use(op, x, **attributes, part=n) for n in range(len(u.results))]


@known("split")
def split(u: Call, tensor: Any, split_size_or_sections: Any, dim: int = 0) -> list[Node]:
    if split_size_or_sections == 0:
        return [u.same(tensor)]
    return _each(u, "split", tensor, size=several(split_size_or_sections), axis=dim)


known("torch.Tensor.split", "unsafe_split")(taking(split, "input", "split_size", dim=0))
known("split_with_sizes", "unsafe_split_with_sizes")(taking(split, "input", "split_sizes", dim=0))


@known("chunk", "unsafe_chunk")
def chunk(u: Call, input: Any, chunks: int, dim: int = 0) -> list[Node]:
    return _each(u, "chunk", input, chunks=chunks, axis=dim)


@known("tensor_split")
def tensor_split(
    u: Call, input: Any, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> list[Node]:
    """Indices may lie in any order, so that parts overlap."""
    along = axis(input, dim)
    cuts: Any = next((given for given in (indices_or_sections, indices, sections) if given is not None), None)
    if tensor(cuts):
        cuts = values(u, cuts).tolist()
    if isinstance(cuts, int):
        return _parts(u, input, dim)
    ends = zip([None, *cuts], [*cuts, None], strict=True)
    places = [slice(*pair).indices(input.shape[along])[:2] for pair in ends]
    return [part(u, input, along, slice(start, max(start, stop))) for start, stop in places]


@known("hsplit", "vsplit", "dsplit")
def named_split(
    u: Call, input: Any, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> list[Node]:
    dim = {"hsplit": 1 if len(input.shape) > 1 else 0, "vsplit": 0, "dsplit": 2}[u.name]
    return tensor_split(u, input, indices_or_sections, dim, indices=indices, sections=sections)


@known("unbind")
def unbind(u: Call, input: Any, dim: int = 0) -> list[Node]:
    return _each(u, "unbind", input, axis=dim)


@known("narrow", "narrow_copy")
def narrow(u: Call, input: Any, dim: int, start: Any, length: int) -> Node:
    start = int(values(u, start))
    start += input.shape[axis(input, dim)] if start < 0 else 0
    return part(u, input, dim, slice(start, start + length))


# ------------------------------------------------------------------------------------------------- beside others
def joined(u: Call, given: Sequence[Tensor], dim: int) -> Node:
    """Tensors one after the other along an axis, by as many at once as the operation takes."""
    while len(given) > 1:
        groups = [given[n : n + AT_ONCE] for n in range(0, len(given), AT_ONCE)]
        given = [u.use("concat", *group, axis=dim) if len(group) > 1 else group[0] for group in groups]
    return u.same(given[0])


def stacked(u: Call, given: Sequence[Tensor], dim: int) -> Node:
    """Tensors of one shape along a new axis."""
    if 1 < len(given) <= AT_ONCE:
        return u.use("stack", *given, axis=dim)
    dim %= len(given[0].shape) + 1
    return joined(u, [reshaped(u, x, (*x.shape[:dim], 1, *x.shape[dim:])) for x in given], dim)


@known("cat", "concat", "concatenate")
def cat(u: Call, tensors: Any, dim: int = 0) -> Node:
    """(An empty tensor of one axis fits beside everything, as it did before there were empty ones of more.)"""
    return joined(u, [x for x in tensors if x.shape != (0,)] or tensors[:1], dim)


known("stack")(taking(stacked, "tensors", dim=0))


def _ranked(u: Call, x: Any, rank: int) -> Node:
    """x with at least so many axes, as `atleast_2d` and `atleast_3d` add them."""
    shape: Shape = tuple(x.shape)
    if rank > 1 and len(shape) < 2:
        shape = (1, *shape) if shape else (1, 1)
    if rank > 2 and len(shape) < 3:
        shape = (*shape, 1)
    return reshaped(u, x, shape or (1,))


@known("atleast_1d", "atleast_2d", "atleast_3d")
def atleast(u: Call, *tensors: Any) -> list[Node]:
    return [_ranked(u, x, int(u.name[-2])) for x in spread(tensors)]


_DIMENSION = {"hstack": 1, "vstack": 2, "row_stack": 2, "dstack": 3}


@known(*_DIMENSION)
def ranked_stack(u: Call, tensors: Any) -> Node:
    """Along the axis that its name has: `hstack` of vectors along their only one."""
    rank = _DIMENSION[u.name]
    along = {1: int(len(tensors[0].shape) > 1), 2: 0, 3: 2}[rank]
    return joined(u, [_ranked(u, x, rank) for x in tensors], along)


@known("column_stack")
def column_stack(u: Call, tensors: Any) -> Node:
    columns = [reshaped(u, x, (prod(x.shape), 1)) if len(x.shape) < 2 else x for x in tensors]
    return joined(u, columns, 1)


@known("block_diag")
def block_diag(u: Call, *tensors: Any) -> Node:
    """Matrices along the diagonal of a large one, zeros beside them."""
    given = [_ranked(u, x, 2) for x in spread(tensors)]
    width, before, rows = sum(x.shape[1] for x in given), 0, []
    for x in given:
        after = width - before - x.shape[1]
        rows.append(u.use("pad", x, pad_width=((0, 0), (before, after))))
        before += x.shape[1]
    return joined(u, rows, 0)


# --------------------------------------------------------------------------------------------- around it, over it
@known("torch.nn.functional.pad")
def padded(u: Call, input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Node:
    """Pairs (before, after), the last axis first; what is less than 0 is cut off."""
    pairs = [tuple(pad[n : n + 2]) for n in range(len(pad) - 2, -1, -2)]
    pairs = [(0, 0)] * (len(input.shape) - len(pairs)) + pairs
    cut, grown = _cut(pairs, input.shape)
    if mode != "constant":
        inside = tuple(slice(max(0, -a), min(0, b) or None) for a, b in pairs)  # a circle goes round what is left
        whole = all(part == slice(0, None) for part in inside)
        x = u.use("slice", input, index=cut) if mode == "circular" and not whole else u.same(input)
        y = u.use("pad", x, pad_width=tuple(grown), mode=mode)
        return y if whole or mode == "circular" else u.use("slice", y, index=inside)
    x = u.use("slice", input, index=cut) if any(n < 0 for pair in pairs for n in pair) else u.same(input)
    return u.use("pad", x, pad_width=tuple(grown), value=value or 0.0) if any(map(any, grown)) else x


def _cut(pairs: Sequence[tuple[int, int]], shape: Shape) -> tuple[tuple[slice, ...], list[tuple[int, int]]]:
    """What stays of each axis, and what is put around that."""
    cut = tuple(slice(max(0, -a), size - max(0, -b)) for (a, b), size in zip(pairs, shape, strict=True))
    return cut, [(max(0, a), max(0, b)) for a, b in pairs]


known("constant_pad_nd")(taking(padded, "input", "pad", value=0))


@known("torch.Tensor.unfold")
def windows(u: Call, input: Any, dimension: int, size: int, step: int) -> Node:
    """Windows along an axis, as a last axis."""

    def find(p: Array) -> Array:
        if not p.ndim:
            return p.reshape(1)[:size]
        along = dimension % p.ndim
        seen = np.lib.stride_tricks.sliding_window_view(p, size, axis=along)
        return seen[(*(slice(None),) * along, slice(None, None, step))]

    return rearranged(u, input, find)
