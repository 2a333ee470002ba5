"""Images made larger or smaller: pixel_shuffle, pixel_unshuffle, interpolate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, choice, flag, integer, letters, wholes
from bptui.model.engine.ops.scatter import added
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


# -------------------------------------------------------------------------------------------------------- pixel_shuffle
def _planes(shape: Shape) -> None:
    if len(shape) < 3:
        raise ValueError(f"x has shape {shape}: it must have at least three axes (channels, rows, columns)")


def _shuffle_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), r = shapes, attributes["factor"]
    _planes(x)
    if x[-3] % (r * r):
        raise ValueError(f"x has shape {x}: its {x[-3]} channels (axis -3) do not divide by {r}·{r}")
    return (*x[:-3], x[-3] // (r * r), x[-2] * r, x[-1] * r)


def _unshuffle_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), r = shapes, attributes["factor"]
    _planes(x)
    if x[-2] % r or x[-1] % r:
        raise ValueError(f"x has shape {x}: its rows and columns (axes -2, -1) do not divide by {r}")
    return (*x[:-3], x[-3] * r * r, x[-2] // r, x[-1] // r)


def _shuffle_definition(signature: Signature) -> str:
    *lead, c, h, w = out = letters(signature.out_rank)
    r = signature["factor"]
    if r == 1:
        return f"{at('y', out)} = {at('x', out)}"
    return f"{at('y', out)} = {at('x', [*lead, f'({c}*{r} + {h} % {r})*{r} + {w} % {r}', f'{h}//{r}', f'{w}//{r}'])}"


def _unshuffle_definition(signature: Signature) -> str:
    *lead, c, h, w = out = letters(signature.out_rank)
    r = signature["factor"]
    if r == 1:
        return f"{at('y', out)} = {at('x', out)}"
    return f"{at('y', out)} = {at('x', [*lead, f'{c}//{r * r}', f'{h}*{r} + {c}//{r} % {r}', f'{w}*{r} + {c} % {r}'])}"


def _shuffled(x: Any, factor: int) -> Any:
    """Channels in groups of r·r, put between rows and columns."""
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    apart = np.reshape(x, (*lead, c // (r * r), r, r, h, w))
    turned = np.transpose(apart, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return np.reshape(turned, (*lead, c // (r * r), h * r, w * r))


def _unshuffled(x: Any, factor: int) -> Any:
    *lead, c, h, w = x.shape
    r, n = factor, len(lead)
    apart = np.reshape(x, (*lead, c, h // r, r, w // r, r))
    turned = np.transpose(apart, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return np.reshape(turned, (*lead, c * r * r, h // r, w // r))


_SHUFFLE = Rule(lambda x, factor: _shuffled(x, factor), lambda g, y, x, factor: _unshuffled(g, factor))
_UNSHUFFLE = Rule(lambda x, factor: _unshuffled(x, factor), lambda g, y, x, factor: _shuffled(g, factor))
_FACTOR = {"factor": Attribute(None, integer(1), required=True)}


# ---------------------------------------------------------------------------------------------------------- interpolate
def _resized_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), size = shapes, attributes["size"]
    count = len(x) - 2
    if count < 1:
        raise ValueError(f"x has shape {x}: it must have at least three axes (samples, channels, places)")
    size = size * count if len(size) == 1 else size
    if len(size) != count:
        raise ValueError(f"x has shape {x} and {count} axes of places, and size {size} names {len(size)}")
    if not all(x[2:]):
        raise ValueError(f"x has shape {x}: there is nothing to read")
    if attributes.get("mode") == "cubic" and count > 2:
        raise ValueError(f"x has shape {x}: cubic curves are over one or two axes of places")
    return (*x[:2], *size)


def _resized_definition(signature: Signature) -> str:
    """nearest: the element there. linear: those beside the place, each with the height of a hat over it; cubic: with
    that of Keys' kernel, where the first and the last stand for those beyond the border, too."""
    out = letters(signature.out_rank)
    lead, places = out[:2], out[2:]
    old = [f"x.shape[{axis}]" for axis in range(2, signature.out_rank)]
    if signature["mode"] == "nearest":
        read = [f"{i}*{n}//{i.upper()}" for i, n in zip(places, old, strict=True)]
        return f"{at('y', out)} = {at('x', [*lead, *read])}"
    taps = letters(len(places), avoid="".join(out), start="pqrstuvwxyzabc")
    helpers, weights, beside = [], [], []
    for i, tap, n, name in zip(places, taps, old, ("row", "column", "layer"), strict=False):
        above, below = _where(signature["align_corners"], i, n)
        away = f"abs({name}[{i}] - {tap})"
        parts = f"abs({above} - {below}*{tap})"  # whole numbers: no rounding decides who takes part
        if signature["mode"] == "cubic":
            other = f"{tap}2"
            here = f"({other} == {tap} or {tap} == 0 and {other} < 0 or {tap} == {n} - 1 and {other} > {tap})"
            kernel = _kernel(f"abs({name}[{i}] - {other})")
            helpers.append(f"{name}[{i}] = ({above})/({below})")
            helpers.append(f"{name}s[{i},{tap}] = sum({kernel} for {other} in range(0 - 2, {n} + 2) if {here})")
            beside += [f"{parts} < 2*{below}", f"{parts} != {below}"]
        else:
            place = f"({above})/({below})"
            inside = place if signature["align_corners"] else f"min(max(0, {place}), {n} - 1)"
            helpers.append(f"{name}[{i}] = {inside}")
            helpers.append(f"{name}s[{i},{tap}] = 1 - {away}")
            beside.append(f"{parts} < {below}")
        weights.append(f"{name}s[{i},{tap}]")
    term = "*".join([at("x", [*lead, *taps]), *weights])
    ranges = "".join(f" for {tap} in {tap.upper()}" for tap in taps)
    return f"{'; '.join(helpers)}; {at('y', out)} = sum({term}{ranges} if {' and '.join(beside)})"


def _where(align_corners: bool, i: str, old: str) -> tuple[str, str]:
    """Where the new place i lies among the old ones, as a fraction of whole numbers."""
    new = i.upper()
    if align_corners:
        return f"{i}*({old} - 1)", f"max(1, {new} - 1)"
    return f"(2*{i} + 1)*{old} - {new}", f"(2*{new})"


_KEYS = -0.75
"""The slope at 1 of the kernel (Keys 1981, Cubic Convolution Interpolation for Digital Image Processing): PyTorch's."""


def _kernel(t: str) -> str:
    """Its height at a distance, in a definition."""
    near = f"(({_KEYS + 2}*{t} - {_KEYS + 3})*{t})*{t} + 1"
    far = f"(({_KEYS}*{t} + {-5 * _KEYS})*{t} - {-8 * _KEYS})*{t} + {-4 * _KEYS}"
    return f"({near} if {t} <= 1 else ({far} if {t} < 2 else 0))"


def cubic_height(t: Array) -> Array:
    """The height of Keys' kernel at distances: 1 at 0, 0 from 2 on."""
    near = ((_KEYS + 2) * t - (_KEYS + 3)) * t * t + 1
    far = ((_KEYS * t - 5 * _KEYS) * t + 8 * _KEYS) * t - 4 * _KEYS
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


class _Weights(NamedTuple):
    """One axis made larger or smaller, from `old` to `new` places."""

    old: int
    new: int
    mode: str
    align_corners: bool

    @property
    def matrix(self) -> Array:
        """(old, new): what each old element weighs in each new one; 0 where it takes no part, and only there."""
        found, places = np.zeros((self.old, self.new)), np.arange(self.new)
        if self.mode == "nearest":
            found[places * self.old // self.new, places] = 1
            return found
        if self.align_corners:
            above, below = places * (self.old - 1), max(1, self.new - 1)
        else:
            above, below = (2 * places + 1) * self.old - self.new, 2 * self.new
        if self.mode == "linear":
            above = np.clip(above, 0, (self.old - 1) * below)
        beside = above[:, None] // below + np.arange(-1, 3)
        away = np.abs(above[:, None] - beside * below) / below
        height = cubic_height(away) if self.mode == "cubic" else np.maximum(1 - away, 0)
        np.add.at(found, (np.clip(beside, 0, self.old - 1), places[:, None]), height)
        return found

    def turned(self, back: bool) -> Array:
        """The same; `back`: (new, old)."""
        return self.matrix.T if back else self.matrix


def _weighed(x: Any, weights: tuple[_Weights, ...], back: bool) -> Any:
    """Axis by axis, by a product with a matrix; `back`: with its transpose."""
    product = x
    for axis, weight in enumerate(weights, 2):
        matrix = weight.turned(back).astype(x.dtype)
        product = np.moveaxis(np.moveaxis(product, axis, -1) @ matrix, -1, axis)
    return noted(_fill_weighed, product.shape, x, product, options=(weights, back))


def _fill_weighed(x: Array, product: Array, weights: tuple[_Weights, ...], back: bool, out: Array) -> None:
    """The product; where not all of it is finite, without what has no weight: 0 times ∞ would count."""
    if not np.isfinite(x if x.size < product.size else product).all():
        product = x
        for axis, weight in enumerate(weights, 2):
            product = np.moveaxis(_of_taps(np.moveaxis(product, axis, -1), weight.turned(back)), -1, axis)
    out[...] = product


def _of_taps(x: Array, matrix: Array) -> Array:
    """x @ matrix, each column of it without its zeros."""
    taps = [np.flatnonzero(column) for column in matrix.T]
    return np.stack([x[..., read] @ column[read] for read, column in zip(taps, matrix.T, strict=True)], -1)


def _over_nodes(g: Any, y: Any, x: Any, size: tuple[int, ...], mode: str, align_corners: bool) -> Any:
    """The rule over nodes: what each new element passes on to the old ones that have a weight in it."""
    for axis, weight in enumerate(_each(x, g.shape, mode, align_corners), 2):
        matrix = weight.matrix
        old, new = np.nonzero(matrix)
        shares = np.take(g, new, axis) * matrix[old, new].reshape(-1, *(1,) * (g.ndim - axis - 1))
        g = added(np.zeros((*g.shape[:axis], weight.old, *g.shape[axis + 1 :])), old, shares, axis=axis)
    return g


def _fill_nearest(x: Array, places: tuple[tuple[int, ...], ...], out: Array) -> None:
    """What is read is no sum: 0 times NaN beside it does not count."""
    index: Any = (slice(None), slice(None), *np.ix_(*map(np.asarray, places)))
    out[...] = x[index]


def _resized(x: Any, size: tuple[int, ...], mode: str, align_corners: bool) -> Any:
    shape = _resized_shape([x.shape], {"size": size})
    if mode == "nearest":
        places = tuple(tuple((np.arange(m) * n // m).tolist()) for n, m in zip(x.shape[2:], shape[2:], strict=True))
        return noted(_fill_nearest, shape, x, options=(places,))
    return _weighed(x, _each(x, shape, mode, align_corners), False)


def _each(x: Any, shape: Shape, mode: str, corners: bool) -> tuple[_Weights, ...]:
    return tuple(_Weights(old, new, mode, corners) for old, new in zip(x.shape[2:], shape[2:], strict=True))


def _resized_vjp(g: Any, y: Any, x: Any, size: tuple[int, ...], mode: str, align_corners: bool) -> Any:
    return _weighed(g, _each(x, g.shape, mode, align_corners), True)


_RESIZED = Rule(_resized, _resized_vjp)


OPS = (
    Op(
        "pixel_shuffle",
        ("x",),
        _shuffle_definition,
        _shuffle_shape,
        *_SHUFFLE.pair,
        "Channels (axis -3) in groups of factor², put between rows and columns: an image factor times as large.",
        _FACTOR,
    ),
    Op(
        "pixel_unshuffle",
        ("x",),
        _unshuffle_definition,
        _unshuffle_shape,
        *_UNSHUFFLE.pair,
        "The reverse of pixel_shuffle: blocks of factor·factor elements become channels.",
        _FACTOR,
    ),
    Op(
        "interpolate",
        ("x",),
        _resized_definition,
        _resized_shape,
        *_RESIZED.pair,
        "x (samples, channels, then one to three axes) at another size of its places: the nearest element, straight "
        "lines between them (bilinear, trilinear), or cubic curves (bicubic, over at most two axes).",
        {
            "size": Attribute(None, lambda value: wholes(value, 1), static=False, required=True),
            "mode": Attribute("nearest", choice("nearest", "linear", "cubic")),
            "align_corners": Attribute(False, flag),
        },
        over_nodes=(_over_nodes,),
        convention="linear and cubic by the centres of elements; align_corners: first lies upon first and last upon "
        "last; the cubic kernel's slope is -0.75; what has no weight takes no part, be it inf or NaN",
    ),
)
