"""Images: enlarged, their pixels in another order, their patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Shape
from bptui.model.engine.graph import Node
from bptui.model.engine.ops.images import cubic_height
from bptui.model.source.captured.call import Call, Read
from bptui.model.source.captured.known.common import rearranged, several
from bptui.model.source.captured.known.layers import many
from bptui.model.source.captured.known.registry import known, taking

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
    if mode not in _KINDS or antialias:
        u.lacks(f"interpolate {mode}{' with antialias' if antialias else ''}")
    factors = many(scale_factor, n) if scale_factor is not None and not recompute_scale_factor else (None,) * n
    x = input
    for axis in range(2, len(input.shape)):
        old, new = input.shape[axis], u.results[0].shape[axis]
        factor = factors[axis - 2]
        step = old / new if factor is None else 1 / factor
        x = _KINDS[mode](u, x, axis, (old, new, step), bool(align_corners))
    return u.node(x)


Resize = Callable[[Call, Any, int, Sizes, bool], Node]


def _nearest(shift: float) -> Resize:
    def resize(u: Call, x: Any, axis: int, sizes: Sizes, corners: bool) -> Node:
        old, new, step = sizes

        def read() -> Array:
            return np.minimum(((np.arange(new) + shift) * np.float32(step)).astype(np.int64), old - 1)

        return u.use("take", x, u.whole((new,), read), axis=axis)

    return resize


def _curve(taps: Sequence[int], height: Callable[[Array], Array], least: float = -np.inf) -> Resize:
    """A sum of elements beside a place, which is at least `least`, each by the height of a kernel at its distance;
    those beyond the border are as the last one."""

    def resize(u: Call, x: Any, axis: int, sizes: Sizes, corners: bool) -> Node:
        old, new, step = sizes

        def places() -> Array:
            if corners:  # first upon first and last upon last
                return np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0.0)
            return np.asarray(np.maximum((np.arange(new) + 0.5) * step - 0.5, least))

        def near(n: int) -> Array:
            return np.floor(places()).astype(np.int64) + n

        def share(n: int) -> Array:
            return height(np.abs(places() - near(n)))

        return _weighed(u, x, axis, (old, new), [(partial(near, n), partial(share, n)) for n in taps])

    return resize


_LINEAR = _curve((0, 1), lambda away: 1 - away, least=0)
_KINDS: dict[str, Resize] = {
    "nearest": _nearest(0.0), "nearest-exact": _nearest(0.5), "linear": _LINEAR, "bilinear": _LINEAR,
    "trilinear": _LINEAR, "bicubic": _curve((-1, 0, 1, 2), cubic_height),
}  # fmt: skip


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
known("pixel_shuffle")(taking(lambda u, x, r: u.use("pixel_shuffle", x, factor=r), "input", "upscale_factor"))
known("pixel_unshuffle")(taking(lambda u, x, r: u.use("pixel_unshuffle", x, factor=r), "input", "downscale_factor"))


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
