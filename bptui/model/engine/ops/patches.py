"""Images as columns of patches, and back: unfold (im2col), fold (col2im). Each is the other's backward rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import at, each_axis, letters, shifted
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

_TWO = {
    "kernel_size": Attribute(None, each_axis(2, 1), required=True),
    "dilation": Attribute((1, 1), each_axis(2, 1)),
    "padding": Attribute((0, 0), each_axis(2, 0)),
    "stride": Attribute((1, 1), each_axis(2, 1)),
}
_SIZE = {"output_size": Attribute(None, each_axis(2, 1), required=True)}


class Window(NamedTuple):
    """How patches lie on an image, of rows and of columns each."""

    kernel: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    stride: tuple[int, int]

    @staticmethod
    def of(given: Mapping[str, Any]) -> Window:
        return Window(given["kernel_size"], given["dilation"], given["padding"], given["stride"])

    @property
    def area(self) -> int:
        """Numbers of a patch, of one channel."""
        return self.kernel[0] * self.kernel[1]

    def counts(self, image: Sequence[int]) -> tuple[int, int]:
        """How many patches there are down and across an image."""
        sides = zip(image, self.kernel, self.dilation, self.padding, self.stride, strict=True)
        found = [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, d, p, s in sides]
        if min(found) < 1:
            raise ValueError(
                f"x has images of {tuple(image)}: kernel_size {self.kernel} does not fit, with its dilation"
            )
        return found[0], found[1]

    def taps(self, image: Sequence[int]) -> Iterator[tuple[int, int, Any]]:
        """(row of a patch, column of it, where all patches have that in a padded image)."""
        counts = self.counts(image)
        for a, b in product(range(self.kernel[0]), range(self.kernel[1])):
            sides = zip((a, b), self.dilation, self.stride, counts, strict=True)
            yield a, b, (..., *(slice(t * d, t * d + s * (n - 1) + 1, s) for t, d, s, n in sides))


# --------------------------------------------------------------------------------------------------------------- shapes
def _unfold_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), window = shapes, Window.of(attributes)
    if len(x) not in (3, 4):
        raise ValueError(
            f"x has shape {x}: it must have the axes (samples, channels, rows, columns), or those but the first"
        )
    down, across = window.counts(x[-2:])
    return (*x[:-3], x[-3] * window.area, down * across)


def _fold_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,), window, size = shapes, Window.of(attributes), attributes["output_size"]
    if len(x) not in (2, 3):
        raise ValueError(
            f"x has shape {x}: it must have the axes (samples, numbers of a patch, patches), or the last two"
        )
    down, across = window.counts(size)
    if x[-2] % window.area or x[-1] != down * across:
        what = f"{down}·{across} patches of a multiple of {window.area} numbers"
        raise ValueError(f"x has shape {x}: an output_size of {size} is made of {what} (axes -2, -1)")
    return (*x[:-2], x[-2] // window.area, *size)


# ---------------------------------------------------------------------------------------------------------- definitions
def _times(place: str, by: int) -> str:
    return f"{place}*{by}" if by != 1 else place


def _unfold_definition(signature: Signature) -> str:
    window = Window.of(dict(signature.attributes))
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = window
    *lead, c, n = out = letters(signature.out_rank, avoid="x")
    rows, columns = (f"x.shape[{len(lead) + axis}]" for axis in (1, 2))
    across = (
        f"({shifted(columns, 2 * pw - dw * (kw - 1) - 1)})//{sw} + 1"
        if sw > 1
        else shifted(columns, 2 * pw - dw * (kw - 1))
    )
    row = shifted(f"{_times(f'({n}//({across}))', sh)} + {_times(f'({c}//{kw} % {kh})', dh)}", -ph)
    column = shifted(f"{_times(f'({n} % ({across}))', sw)} + {_times(f'({c} % {kw})', dw)}", -pw)
    text = at("x", [*lead, f"{c}//{window.area}", row, column])
    inside = [f"{place} >= 0 and {place} < {size}" for place, size, p in ((row, rows, ph), (column, columns, pw)) if p]
    return f"{at('y', out)} = {text}" + (f" if {' and '.join(inside)} else 0" if inside else "")


def _fold_definition(signature: Signature) -> str:
    given = dict(signature.attributes)
    window = Window.of(given)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = window
    down, across = window.counts(given["output_size"])
    *lead, c, h, w, a, b = letters(signature.out_rank + 2, avoid="x")
    inside, places = [], []
    for place, tap, d, p, s, count in ((h, a, dh, ph, sh, down), (w, b, dw, pw, sw, across)):
        start = f"{shifted(place, p)} - {_times(tap, d)}"
        inside += [f"{start} >= 0", f"{start} < {s * count}", *([f"({start}) % {s} == 0"] if s > 1 else [])]
        places.append(f"({start})//{s}" if s > 1 else f"({start})")
    patch = f"{c}*{window.area} + {_times(a, kw)} + {b}"
    read = at("x", [*lead, patch, f"{places[0]}*{across} + {places[1]}"])
    return f"{at('y', [*lead, c, h, w])} = sum({read} for {a} in {kh} for {b} in {kw} if {' and '.join(inside)})"


# ---------------------------------------------------------------------------------------------------------------- rules
def _columns(array: Array, window: Window, image: Sequence[int]) -> Array:
    """Columns of patches with axes of their own: (…, channels, rows of a patch, columns of it, down, across)."""
    *lead, numbers, _ = array.shape
    return array.reshape(*lead, numbers // window.area, *window.kernel, *window.counts(image))


def _inner(padded: Array, window: Window) -> Array:
    inside = [slice(p, size - p) for p, size in zip(window.padding, padded.shape[-2:], strict=True)]
    found: Array = padded[..., inside[0], inside[1]]
    return found


def _fill_columns(x: Array, window: Window, out: Array) -> None:
    """The patches of an image."""
    around = [(0, 0)] * (x.ndim - 2) + [(p, p) for p in window.padding]
    padded, columns = np.pad(x, around), _columns(out, window, x.shape[-2:])
    for a, b, where in window.taps(x.shape[-2:]):
        columns[..., a, b, :, :] = padded[where]


def _fill_image(x: Array, window: Window, out: Array) -> None:
    """The sum of patches where they lie upon each other."""
    image = out.shape[-2:]
    padded = np.zeros((*out.shape[:-2], *(n + 2 * p for n, p in zip(image, window.padding, strict=True))), out.dtype)
    columns = _columns(x, window, image)
    for a, b, where in window.taps(image):
        padded[where] += columns[..., a, b, :, :]
    out[...] = _inner(padded, window)


_UNFOLD = Rule(
    lambda x, **given: noted(_fill_columns, _unfold_shape([x.shape], given), x, options=(Window.of(given),)),
    lambda g, y, x, **given: noted(_fill_image, x.shape, g, options=(Window.of(given),)),
)
_FOLD = Rule(
    lambda x, **given: noted(_fill_image, _fold_shape([x.shape], given), x, options=(Window.of(given),)),
    lambda g, y, x, **given: noted(_fill_columns, x.shape, g, options=(Window.of(given),)),
)

OPS = (
    Op(
        "unfold",
        ("x",),
        _unfold_definition,
        _unfold_shape,
        *_UNFOLD.pair,
        "The patches of images, each as a column of its channels' numbers (im2col); padding is 0.",
        _TWO,
    ),
    Op(
        "fold",
        ("x",),
        _fold_definition,
        _fold_shape,
        *_FOLD.pair,
        "Images from columns of patches, which add up where they lie upon each other (col2im).",
        {**_SIZE, **_TWO},
    ),
)
