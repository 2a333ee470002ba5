"""Images: enlarged, their pixels in another order, their patches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.source.captured.call import Call, Read
from bptui.model.source.captured.known.common import (
    rearranged,
    several,
)
from bptui.model.source.captured.known.layers import many
from bptui.model.source.captured.known.registry import known

F = "torch.nn.functional."
Sizes = tuple[int, int, float]
"""Of an axis: before, after, and how far apart the new elements are among the old ones."""


@known(F + "interpolate")
def interpolate(
    u: Call, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> Node:  # fmt: skip
    """Along one axis after the other: the nearest element, or a sum of near ones."""
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


def _nearest(u: Call, x: Any, axis: int, sizes: Sizes, corners: bool, shift: float = 0.0) -> Node:
    old, new, step = sizes
    at = u.whole((new,), lambda: np.minimum(((np.arange(new) + shift) * np.float32(step)).astype(np.int64), old - 1))
    return u.use("take", x, at, axis=axis)


def _nearest_exact(u: Call, x: Any, axis: int, sizes: Sizes, corners: bool) -> Node:
    return _nearest(u, x, axis, sizes, corners, 0.5)


def _linear(u: Call, x: Any, axis: int, sizes: Sizes, corners: bool) -> Node:
    """Between two neighbours, by how near they are."""
    old, new, step = sizes

    def places() -> Array:
        return _corners(old, new) if corners else np.maximum((np.arange(new) + 0.5) * step - 0.5, 0)

    def low() -> Array:
        return np.minimum(places().astype(np.int64), old - 1)

    def near(n: int) -> Array:
        return low() + n

    def share(n: int) -> Array:
        far: Array = np.clip(places() - low(), 0, 1)
        return far if n else 1 - far

    return _weighed(u, x, axis, (old, new), [(partial(near, n), partial(share, n)) for n in (0, 1)])


def _cubic(u: Call, x: Any, axis: int, sizes: Sizes, corners: bool) -> Node:
    """Keys' kernel with a = -0.75 (PyTorch's): four elements each, those beyond the border as the last one."""
    old, new, step = sizes

    def places() -> Array:
        return _corners(old, new) if corners else (np.arange(new) + 0.5) * step - 0.5

    def low() -> Array:
        return np.floor(places()).astype(np.int64)

    def near(n: int) -> Array:
        return low() + n

    def share(n: int) -> Array:
        return _keys(np.abs(places() - low() - n))

    return _weighed(u, x, axis, (old, new), [(partial(near, n), partial(share, n)) for n in (-1, 0, 1, 2)])


def _keys(t: Array, a: float = -0.75) -> Array:
    """The weight of an element at a distance: 1 at 0, 0 from 2 on."""
    near, far = ((a + 2) * t - (a + 3)) * t * t + 1, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, far)


def _corners(old: int, new: int) -> Array:
    """Where the new elements lie among the old ones, first upon first and last upon last."""
    return np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)


def _inside(place: Read, size: int) -> Array:
    """Places, those beyond the border at it."""
    return np.clip(place(), 0, size - 1)


def _along(weight: Read, shape: Shape) -> Array:
    return weight().reshape(shape)


def _weighed(u: Call, x: Any, axis: int, sizes: tuple[int, int], terms: Sequence[tuple[Read, Read]]) -> Node:
    """The sum of elements along an axis, each times its weight. terms: for each new element a place (at the border
    where it lies beyond) and a weight."""
    old, new = sizes
    beside = (new, *(1,) * (len(x.shape) - axis - 1))
    found: Node | None = None
    for place, weight in terms:
        taken = u.use("take", x, u.whole((new,), partial(_inside, place, old)), axis=axis)
        term = u.use("mul", taken, u.constant(beside, partial(_along, weight, beside)))
        found = term if found is None else u.use("add", found, term)
    assert found is not None
    return found


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


@known(F + "unfold")
def unfold(u: Call, input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Node:
    """The patches of an image, each as a column."""
    settings = {"dilation": dilation, "padding": padding, "stride": stride}
    return u.use("unfold", input, kernel_size=several(kernel_size), **{k: several(v) for k, v in settings.items()})


@known(F + "fold")
def fold(
    u: Call, input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Node:
    """An image from its patches, which add up where they lie upon each other."""
    settings = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    return u.use("fold", input, output_size=several(output_size), **{k: several(v) for k, v in settings.items()})
