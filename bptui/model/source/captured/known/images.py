"""Images: enlarged, their pixels in another order, their patches."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call
from bptui.model.source.captured.known.common import (
    rearranged,
)
from bptui.model.source.captured.known.layers import many
from bptui.model.source.captured.known.registry import known
from bptui.model.source.captured.known.shapes import turned

F = "torch.nn.functional."


@known(F + "interpolate")
def interpolate(
    u: Call, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> Node:  # fmt: skip
    """Along each axis a product with a matrix of weights; the nearest element is a choice, not a sum."""
    n = len(input.shape) - 2
    if mode == "area":
        return u.use(f"adaptive_avg_pool{n}d", input, output_size=u.results[0].shape[2:])
    kinds = {"nearest": _nearest, "nearest-exact": _nearest_exact, "linear": _linear, "bilinear": _linear,
             "trilinear": _linear, "bicubic": _cubic}  # fmt: skip
    if mode not in kinds or antialias:
        u.lacks(f"interpolate {mode}{' with antialias' if antialias else ''}")
    factors = many(scale_factor, n) if scale_factor is not None and not recompute_scale_factor else (None,) * n
    x = input
    for axis in range(2, len(input.shape)):
        old, new = input.shape[axis], u.results[0].shape[axis]
        factor = factors[axis - 2]
        step = old / new if factor is None else 1 / factor
        x = kinds[mode](u, x, axis, (old, new, step), bool(align_corners))
    return u.node(x)


def _nearest(u: Call, x: Any, axis: int, sizes: tuple[int, int, float], corners: bool, shift: float = 0.0) -> Node:
    old, new, step = sizes
    at = u.whole((new,), lambda: np.minimum(((np.arange(new) + shift) * np.float32(step)).astype(np.int64), old - 1))
    return u.use("take", x, at, axis=axis)


def _nearest_exact(u: Call, x: Any, axis: int, sizes: tuple[int, int, float], corners: bool) -> Node:
    return _nearest(u, x, axis, sizes, corners, 0.5)


def _linear(u: Call, x: Any, axis: int, sizes: tuple[int, int, float], corners: bool) -> Node:
    old, new, step = sizes

    def weights() -> Array:
        at = _corners(old, new) if corners else np.maximum((np.arange(new) + 0.5) * step - 0.5, 0)
        low = np.minimum(at.astype(np.int64), old - 1)
        part = np.clip(at - low, 0, 1)
        return _weights(old, [(low, 1 - part), (low + 1, part)])

    return _weighed(u, x, axis, (old, new), weights)


def _cubic(u: Call, x: Any, axis: int, sizes: tuple[int, int, float], corners: bool) -> Node:
    """Keys' kernel with a = -0.75 (PyTorch's): four elements each, those beyond the border as the last one."""
    old, new, step = sizes
    a = -0.75

    def near(t: Array) -> Array:
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def far(t: Array) -> Array:
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    def weights() -> Array:
        at = _corners(old, new) if corners else (np.arange(new) + 0.5) * step - 0.5
        low = np.floor(at).astype(np.int64)
        t = at - low
        return _weights(old, [(low - 1, far(t + 1)), (low, near(t)), (low + 1, near(1 - t)), (low + 2, far(2 - t))])

    return _weighed(u, x, axis, (old, new), weights)


def _corners(old: int, new: int) -> Array:
    """Where the new elements lie among the old ones, first upon first and last upon last."""
    return np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)


def _weights(old: int, terms: list[tuple[Array, Array]]) -> Array:
    """(old, new): what each old element weighs in each new one; places beyond the border are at it."""
    new = len(terms[0][0])
    found = np.zeros((old, new))
    for places, weight in terms:
        np.add.at(found, (np.clip(places, 0, old - 1), np.arange(new)), weight)
    return found


def _weighed(u: Call, x: Any, axis: int, sizes: tuple[int, int], weights: Any) -> Node:
    """x times that matrix along one axis."""
    rank = len(x.shape)
    order = [*(n for n in range(rank) if n != axis), axis]
    y = u.use("matmul", turned(u, x, order), u.constant(sizes, weights))
    return turned(u, y, [order.index(n) for n in range(rank)])


# ------------------------------------------------------------------------------------------------- pixels and patches
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
