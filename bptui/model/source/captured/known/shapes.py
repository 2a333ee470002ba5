"""The same numbers under another shape, in another order, beside others."""

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
    condition,
    part,
    rearranged,
    reshaped,
    spread,
    stretched,
    tensor,
    values,
)
from bptui.model.source.captured.known.registry import Entry, known

AT_ONCE = 8
"""So many tensors `concat` and `stack` take."""


# ------------------------------------------------------------------------------------------------------- its shape
def _shaped(u: Call, input: Any, *_: Any, **__: Any) -> Node:
    """The shape is that of the result, whatever it was called."""
    return reshaped(u, input, u.results[0].shape)


known(
    "reshape", "reshape_as", "view_as", "flatten", "unflatten", "ravel",
    "squeeze", "unsqueeze", "atleast_1d", "atleast_2d",
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


@known("transpose", "swapdims")
def transpose(u: Call, input: Any, dim0: int, dim1: int) -> Node:
    order = list(range(len(input.shape)))
    if order:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return turned(u, input, order)


@known("swapaxes")
def swapaxes(u: Call, input: Any, axis0: int, axis1: int) -> Node:
    return transpose(u, input, axis0, axis1)


@known("t", "T", "adjoint", "H")
def reverse(u: Call, input: Any) -> Node:
    """Of a matrix; `T` turns all axes round."""
    return turned(u, input) if u.name != "adjoint" else transpose(u, input, -2, -1)


@known("mT", "mH")
def matrix_transpose(u: Call, input: Any) -> Node:
    return transpose(u, input, -2, -1)


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
    along = tuple(dims) if isinstance(dims, list) else dims
    if along in (None, ()):
        return rearranged(u, input, lambda p: np.roll(p, shifts))
    return rearranged(u, input, lambda p: np.roll(p, shifts, along))


@known("flip")
def flip(u: Call, input: Any, *order: Any, dims: Any = None) -> Node:
    along = tuple(spread(order) if dims is None else dims)
    return rearranged(u, input, lambda p: np.flip(p, along))


@known("fliplr")
def fliplr(u: Call, input: Any) -> Node:
    return rearranged(u, input, np.fliplr)


@known("flipud")
def flipud(u: Call, input: Any) -> Node:
    return rearranged(u, input, np.flipud)


@known("rot90")
def rot90(u: Call, input: Any, k: int = 1, dims: Any = (0, 1)) -> Node:
    return rearranged(u, input, lambda p: np.rot90(p, k, tuple(dims)))


def _blocks(p: Array, n: int, r: int) -> Array:
    """Channels in r x r (x r …) groups, over n axes of space, between them: pixel_shuffle, done to the places."""
    front, channels, space = p.shape[: -n - 1], p.shape[-n - 1], p.shape[-n:]
    split = p.reshape(*front, channels // r**n, *(r,) * n, *space)
    base = len(front)
    inner = [axis for m in range(n) for axis in (base + 1 + n + m, base + 1 + m)]
    return split.transpose(*range(base + 1), *inner)


@known("pixel_shuffle")
def pixel_shuffle(u: Call, input: Any, upscale_factor: int) -> Node:
    return rearranged(u, input, lambda p: _blocks(p, 2, upscale_factor))


@known("pixel_unshuffle")
def pixel_unshuffle(u: Call, input: Any, downscale_factor: int) -> Node:
    r = downscale_factor

    def find(p: Array) -> Array:
        *front, channels, height, width = p.shape
        split = p.reshape(*front, channels, height // r, r, width // r, r)
        base = len(front) + 1
        return split.transpose(*range(base), base + 1, base + 3, base, base + 2)

    return rearranged(u, input, find)


@known("channel_shuffle")
def channel_shuffle(u: Call, input: Any, groups: int) -> Node:
    return rearranged(
        u, input, lambda p: p.reshape(p.shape[0], groups, p.shape[1] // groups, *p.shape[2:]).swapaxes(1, 2)
    )


# ------------------------------------------------------------------------------------------------------- diagonals
@known("diagonal")
def diagonal(u: Call, input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    return rearranged(u, input, lambda p: np.diagonal(p, offset, dim1, dim2))


@known("torch.linalg.diagonal")
def linalg_diagonal(u: Call, A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Node:
    return diagonal(u, A, offset, dim1, dim2)


@known("diag_embed")
def diag_embed(u: Call, input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Node:
    """The last axis as a diagonal of two, with zeros around it."""
    shape = u.results[0].shape
    count = prod(input.shape)

    def places() -> Array:
        found = np.full(shape, -1)
        rows, columns = dim1 % len(shape), dim2 % len(shape)
        square = np.moveaxis(found, (rows, columns), (-2, -1))
        line = np.arange(input.shape[-1])
        square[..., line + max(0, -offset), line + max(0, offset)] = np.arange(count).reshape(input.shape)
        return found

    flat = reshaped(u, input, (count,))
    y = u.use("take", flat, u.whole(shape, lambda: np.maximum(places(), 0)), axis=0)
    return u.use("where", condition(u, shape, lambda: places() >= 0), y, 0.0)


@known("diag")
def diag(u: Call, input: Any, diagonal: int = 0) -> Node:
    if len(input.shape) == 1:
        return diag_embed(u, input, diagonal)
    return rearranged(u, input, lambda p: np.diagonal(p, diagonal))


def _triangle(keep: Any) -> Entry:
    def entry(u: Call, input: Any, diagonal: int = 0) -> Node:
        rows = tuple(input.shape[-2:])
        return u.use("where", condition(u, rows, lambda: keep(np.ones(rows), diagonal)), input, 0.0)

    return entry


known("tril")(_triangle(np.tril))
known("triu")(_triangle(np.triu))


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


@known("split")
def split(u: Call, tensor: Any, split_size_or_sections: Any, dim: int = 0) -> list[Node]:
    return _parts(u, tensor, dim)


@known("torch.Tensor.split", "unsafe_split")
def split_method(u: Call, input: Any, split_size: Any, dim: int = 0) -> list[Node]:
    return _parts(u, input, dim)


@known("split_with_sizes", "unsafe_split_with_sizes")
def split_with_sizes(u: Call, input: Any, split_sizes: Any, dim: int = 0) -> list[Node]:
    return _parts(u, input, dim)


@known("chunk", "unsafe_chunk")
def chunk(u: Call, input: Any, chunks: int, dim: int = 0) -> list[Node]:
    return _parts(u, input, dim)


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
    return [part(u, input, dim, n) for n in range(input.shape[axis(input, dim)])]


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


@known("stack")
def stack(u: Call, tensors: Any, dim: int = 0) -> Node:
    return stacked(u, tensors, dim)


def _ranked(u: Call, x: Any, rank: int) -> Node:
    """x with at least so many axes, as `atleast_2d` and `atleast_3d` add them."""
    shape: Shape = tuple(x.shape)
    if rank > 1 and len(shape) < 2:
        shape = (1, *shape) if shape else (1, 1)
    if rank > 2 and len(shape) < 3:
        shape = (*shape, 1)
    return reshaped(u, x, shape or (1,))


@known("atleast_3d")
def atleast_3d(u: Call, input: Any) -> Node:
    return _ranked(u, input, 3)


@known("hstack")
def hstack(u: Call, tensors: Any) -> Node:
    return joined(u, [_ranked(u, x, 1) for x in tensors], 0 if len(tensors[0].shape) < 2 else 1)


@known("vstack", "row_stack")
def vstack(u: Call, tensors: Any) -> Node:
    return joined(u, [_ranked(u, x, 2) for x in tensors], 0)


@known("dstack")
def dstack(u: Call, tensors: Any) -> Node:
    return joined(u, [_ranked(u, x, 3) for x in tensors], 2)


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
    if mode != "constant":
        kind = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
        cut, grown = _cut(pairs, input.shape)

        def find(p: Array) -> Array:
            return np.pad(p[cut], grown, mode=kind)  # type: ignore[call-overload,no-any-return]

        return rearranged(u, input, find)
    cut, grown = _cut(pairs, input.shape)
    x = u.use("slice", input, index=cut) if any(n < 0 for pair in pairs for n in pair) else u.same(input)
    return u.use("pad", x, pad_width=tuple(grown), value=value or 0.0) if any(map(any, grown)) else x


def _cut(pairs: Sequence[tuple[int, int]], shape: Shape) -> tuple[tuple[slice, ...], list[tuple[int, int]]]:
    """What stays of each axis, and what is put around that."""
    cut = tuple(slice(max(0, -a), size - max(0, -b)) for (a, b), size in zip(pairs, shape, strict=True))
    return cut, [(max(0, a), max(0, b)) for a, b in pairs]


@known("constant_pad_nd")
def constant_pad(u: Call, input: Any, pad: Any, value: float = 0) -> Node:
    return padded(u, input, pad, "constant", value)


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


@known("torch.nn.functional.unfold")
def unfold(u: Call, input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Node:
    """The patches of an image, each as a column."""
    kernel, dilated, pads, strides = (
        (item, item) if isinstance(item, int) else tuple(item) * (3 - len(item))
        for item in (kernel_size, dilation, padding, stride)
    )
    around = [(0, 0)] * (len(input.shape) - 2) + [(n, n) for n in pads]
    x = u.use("pad", input, pad_width=tuple(around)) if any(pads) else u.same(input)

    def find(p: Array) -> Array:
        image = p.reshape((1, *p.shape) if p.ndim == 3 else p.shape)
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilated, strict=True))
        seen = np.lib.stride_tricks.sliding_window_view(image, reach, axis=(2, 3))
        seen = seen[:, :, :: strides[0], :: strides[1], :: dilated[0], :: dilated[1]]
        return seen.transpose(0, 1, 4, 5, 2, 3)

    return rearranged(u, x, find)
