"""Fourier transforms of complex numbers (`ops/complex.py`): fft, ifft, rfft, irfft, and over two axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import operation
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import LAST_AXIS, at, choice, integer, letters, one_axis, optional, wholes
from bptui.model.engine.ops.complex import GRADIENT, pairs
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

NORM = Attribute("backward", choice("backward", "ortho", "forward"))
SETTINGS = {"n": Attribute(None, optional(integer(1))), "axis": LAST_AXIS, "norm": NORM}
_INVERSE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _two(value: Any) -> tuple[int, ...]:
    found = wholes(value)
    if len(found) != 2 or found[0] == found[1]:
        raise ValueError(f"must be two different whole numbers, not {value!r}")
    return found


def _sizes(value: Any) -> tuple[int, ...]:
    found = wholes(value, 1)
    if len(found) != 2:
        raise ValueError(f"must be two sizes, not {value!r}")
    return found


# --------------------------------------------------------------------------------------------------------------- shapes
def _lead(op: str, shape: Shape) -> Shape:
    """The axes that a transform may run over: those of the numbers."""
    return shape if op.startswith("rfft") else pairs("x", shape)


def _transformed(op: str) -> Callable[[Sequence[Shape], Attributes], Shape]:
    def shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
        lead = list(_lead(op, shapes[0]))
        axis = one_axis(attributes["axis"], tuple(lead))
        size = attributes["n"] or (2 * (lead[axis] - 1) if op == "irfft" else lead[axis])
        if size < 1:
            raise ValueError(f"x has shape {shapes[0]}: axis {attributes['axis']} gives a result of size {size}")
        lead[axis] = size // 2 + 1 if op == "rfft" else size
        return tuple(lead) if op == "irfft" else (*lead, 2)

    return shape


# ---------------------------------------------------------------------------------------------------------- definitions
def _definition(op: str, signature: Signature, axes: Sequence[int], sizes: Sequence[int | None]) -> str:
    """Σ x·e^(∓iθ), θ = 2π·Σ k·m/N over the axes, as real and imaginary part.

    Of `rfft` x is real. Of `irfft` the real part is what there is: its last axis has half of a spectrum, of which all
    but those at both ends count twice; of these the imaginary part is not read (along with another axis it is)."""
    real_in, real_out = op.startswith("rfft"), op.startswith("irfft")
    rank = signature.out_rank - (0 if real_out else 1)
    *out, c = letters(rank + 1, avoid="xy", start="ijhkoqtuv")
    bound, read, angle, over, scale = "mnp", list(out), [], [], []
    for place, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        m, half = bound[place], real_out and place == len(axes) - 1
        total = str(size) if size else f"(2*(x.shape[{axis}] - 1))" if half else f"x.shape[{axis}]"
        read[axis] = m
        angle.append(f"{out[axis]}*{m}/{total}")
        many = f"{size // 2 + 1 if half else size} if {m} < x.shape[{axis}]" if size else m.upper()
        over.append(f"for {m} in {many}")
        scale.append(total)
        if half:
            end = f"2*{m} >= {size}" if size else f"{m} >= {m.upper()} - 1"
            ends = f"{m} < 1 or {end}"
    theta, sums = f"2*pi*({' + '.join(angle)})", " ".join(_ordered(over))
    x0, x1 = (at("x", read), "0") if real_in else (at("x", [*read, 0]), at("x", [*read, 1]))
    plus, minus = ("-", "+") if op.startswith("i") else ("+", "-")
    re, im = f"{x0}*cos({theta}) {plus} {x1}*sin({theta})", f"{x1}*cos({theta}) {minus} {x0}*sin({theta})"
    if real_in:
        re, im = f"{x0}*cos({theta})", f"-{x0}*sin({theta})"
    product = "*".join(scale)
    norm = signature["norm"] if not op.startswith("i") else _INVERSE[signature["norm"]]
    by = {"backward": "", "forward": f"/({product})", "ortho": f"/sqrt({product})"}[norm]
    if real_out:
        once = f"{x0}*cos({theta})" if len(axes) == 1 else re
        return f"{at('y', out)} = sum(({once} if {ends} else 2*({re})) {sums}){by}"
    return f"{at('y', [*out, c])} = sum({re} {sums}){by} if {c} == 0 else sum({im} {sums}){by}"


def _ordered(over: Sequence[str]) -> list[str]:
    """The ranges first, their conditions together at the end."""
    heads, tests = zip(*(part.partition(" if ")[::2] for part in over), strict=True)
    kept = [test for test in tests if test]
    return [*heads, *([f"if {' and '.join(kept)}"] if kept else [])]


def _one(op: str) -> Callable[[Signature], str]:
    def definition(signature: Signature) -> str:
        rank = signature.ranks[0] - (0 if op == "rfft" else 1)
        return _definition(op, signature, [one_axis(signature["axis"], rank)], [signature["n"]])

    return definition


# -------------------------------------------------------------------------------------------------------------- numbers
def _complex(x: Array) -> Array:
    """Put together, not added: times 1j an infinite imaginary part has a real part of NaN."""
    found = np.empty(x.shape[:-1], np.result_type(x.dtype, np.complex64))
    found.real, found.imag = x[..., 0], x[..., 1]
    return found


def _put(found: Array, scale: float, out: Array) -> None:
    """The parts times a real number, each by itself."""
    np.multiply(found.real, scale, out[..., 0])
    np.multiply(found.imag, scale, out[..., 1])


def _scaled(norm: str, sign: int, n: int) -> float:
    """What the sum is multiplied by."""
    kind = norm if sign < 0 else _INVERSE[norm]
    return {"backward": 1.0, "forward": 1 / n, "ortho": 1 / sqrt(n)}[kind]


def _summed(x: Array, n: int, axis: int, sign: int) -> Array:
    """Σ x·e^(sign·iθ) over n numbers: what is missing of them is 0, what is too much is left out."""
    return np.asarray(np.fft.fft(x, n, axis) if sign < 0 else np.fft.ifft(x, n, axis, norm="forward"))


def _fill_fft(x: Array, n: int, axis: int, norm: str, sign: int, out: Array) -> None:
    _put(_summed(_complex(x), n, axis, sign), _scaled(norm, sign, n), out)


def _fill_rfft(x: Array, n: int, axis: int, norm: str, sign: int, out: Array) -> None:
    _put(np.fft.rfft(x, n, axis), _scaled(norm, -1, n), out)


def _fill_irfft(x: Array, n: int, axis: int, norm: str, sign: int, out: Array) -> None:
    out[...] = np.fft.irfft(_complex(x), n, axis) * (n * _scaled(norm, 1, n))


def _resized(x: Any, size: int, axis: int) -> Any:
    """The first numbers along the axis, and 0 for what is missing."""
    first = x[(*(slice(None),) * axis, slice(size))]
    missing = size - first.shape[axis]
    if not missing:
        return first
    return np.concatenate((first, np.zeros((*x.shape[:axis], missing, *x.shape[axis + 1 :]))), axis)


def _of(op: str, fill: Callable[..., None]) -> Callable[..., Any]:
    """The transform as mathematics."""
    shape, sign = _transformed(op), 1 if op.startswith("i") else -1

    @operation
    def transform(x: Any, **given: Any) -> Any:
        y = shape([x.shape], given)
        axis = one_axis(given["axis"], _lead(op, x.shape))
        size = given["n"] or (x.shape[axis] if op == "rfft" else y[axis])
        return noted(fill, y, x, options=(size, axis, given["norm"], sign))

    return transform


_TRANSFORMS = {
    "fft": _of("fft", _fill_fft), "ifft": _of("ifft", _fill_fft),
    "rfft": _of("rfft", _fill_rfft), "irfft": _of("irfft", _fill_irfft),
}  # fmt: skip
_BACK = {"fft": "ifft", "ifft": "fft", "rfft": "ifft", "irfft": "rfft"}


def _rule(op: str) -> Rule:
    """Back it is the transform the other way, of the same scale. rfft gives half of a spectrum: the rest of it passes
    nothing back, and x is real. irfft reads half of one, all but its ends twice."""

    def by_x(g: Any, y: Any, x: Any, n: int | None, axis: int, norm: str) -> Any:
        axis = one_axis(axis, _lead(op, x.shape))
        size = n or (x if op == "rfft" else y).shape[axis]
        found = _TRANSFORMS[_BACK[op]](g, n=size, axis=axis, norm=_INVERSE[norm])
        if op == "irfft":
            twice = np.full(size // 2 + 1, 2.0)
            twice[[0] if size % 2 else [0, -1]] = 1
            found = found * twice.reshape([-1 if m == axis else 1 for m in range(found.ndim)])
        return _resized(found[..., 0] if op == "rfft" else found, x.shape[axis], axis)

    return Rule(_TRANSFORMS[op], by_x)


_RULES = {op: _rule(op) for op in _TRANSFORMS}
_DOC = {
    "fft": "The discrete Fourier transform of complex numbers along an axis; n: of so many, 0 for what is missing.",
    "ifft": "The inverse discrete Fourier transform along an axis.",
    "rfft": "The Fourier transform of real numbers along an axis: n//2 + 1 complex ones, from which the others follow.",
    "irfft": "The inverse of rfft: real numbers, 2·(size - 1) or n of them.",
}
_COMPLEX = {"fft": ("x", "y"), "ifft": ("x", "y"), "rfft": ("y",), "irfft": ("x",)}
_HOW = f"norm: the sum is divided by N (backward: of the inverse; forward: of fft) or by √N (ortho); {GRADIENT}"


# ------------------------------------------------------------------------------------------------------ over two axes
def _axes(op: str, attributes: Any, rank: int) -> list[int]:
    lead = rank - (0 if op.startswith("rfft") else 1)
    found = [one_axis(axis, lead) for axis in attributes["axes"]]
    if found[0] == found[1]:
        raise ValueError(f"axes {attributes['axes']} are the same axis of x")
    return found


def _over_two(op: str) -> Callable[..., Any]:
    """Along the last axis first; of irfft2 last."""

    def build(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
        (x,) = inputs
        _lead(op, x.shape)
        axes, sizes = _axes(op, attributes, len(x.shape)), attributes["s"] or (None, None)
        kinds = {"rfft2": ("fft", "rfft"), "irfft2": ("ifft", "irfft")}.get(op, (op[:-1],) * 2)
        steps = [(kind, axis, n) for kind, axis, n in zip(kinds, axes, sizes, strict=True)]
        for place, (kind, axis, n) in enumerate(steps if op == "irfft2" else reversed(steps)):
            name = "y" if place else "first"
            x = use(kind, x, name=name, n=n, axis=axis, norm=attributes["norm"])
        return x

    return build


def _two_definition(op: str) -> Callable[[Signature], str]:
    def definition(signature: Signature) -> str:
        axes = _axes(op, dict(signature.attributes), signature.ranks[0])
        return _definition(op, signature, axes, signature["s"] or (None, None))

    return definition


OPS = tuple(
    Op(
        name,
        ("x",),
        _one(name),
        _transformed(name),
        *_RULES[name].pair,
        _DOC[name],
        SETTINGS,
        analytic=False,
        complex=_COMPLEX[name],
        convention=_HOW,
    )
    for name in _RULES
)

COMPOSITES = tuple(
    Composite(
        f"{name}2",
        ("x",),
        _over_two(f"{name}2"),
        _two_definition(f"{name}2"),
        f"{name} over two axes: along the last, then along the other." if name != "irfft" else
        "The inverse of rfft2: ifft along the first of two axes, irfft along the last.",
        {"s": Attribute(None, optional(_sizes)), "axes": Attribute((-2, -1), _two), "norm": NORM},
        complex=_COMPLEX[name],
        convention=_HOW,
    )
    for name in _RULES
)  # fmt: skip
