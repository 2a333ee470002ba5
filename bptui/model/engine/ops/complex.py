"""Complex numbers: a tensor whose last axis is of size 2, the real and the imaginary part of each number.

So every operation that moves or adds numbers takes them as they are, SymPy derives with real parts, and the gradient,
∂L/∂re and ∂L/∂im beside each other, is PyTorch's for a complex number: ∂L/∂re + i·∂L/∂im.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import at, element, letters, zeros
from bptui.model.engine.ops.einsum import equation_of, indices
from bptui.model.engine.ops.slices import put
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

GRADIENT = "the gradient is ∂L/∂re + i·∂L/∂im (PyTorch's)"


def pairs(name: str, shape: Shape) -> Shape:
    """The shape of complex numbers, without the axis of their parts; ValueError where there is none."""
    if not shape or shape[-1] != 2:
        raise ValueError(f"{name} has shape {shape}: its last axis must be of size 2, (real, imaginary)")
    return shape[:-1]


# ------------------------------------------------------------------------------------------------- complex, real, imag
def _joined(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    if len(shapes) > 1 and shapes[0] != shapes[1]:
        raise ValueError(f"re has shape {shapes[0]} and im has shape {shapes[1]}: they must be equal")
    return (*shapes[0], 2)


def _joined_definition(signature: Signature) -> str:
    *own, c = letters(signature.out_rank)
    im = at("im", own) if len(signature.ranks) > 1 else "0"
    return f"{at('y', [*own, c])} = {at('re', own)} if {c} == 0 else {im}"


def _part_definition(part: int) -> Callable[[Signature], str]:
    def definition(signature: Signature) -> str:
        own = letters(signature.out_rank)
        return f"{at('y', own)} = {at('x', [*own, part])}"

    return definition


def _fill_pair(re: Array, im: Array, out: Array) -> None:
    out[..., 0], out[..., 1] = re, im


def _pair(re: Any, im: Any) -> Any:
    return noted(_fill_pair, (*re.shape, 2), re, im)


def _beside_zeros(x: Any, part: int = 0) -> Any:
    return put(zeros(x, (*x.shape, 2)), x, index=f"[..., {part}]")


_COMPLEX = Rule(
    lambda re, im=None: _beside_zeros(re) if im is None else _pair(re, im),
    lambda g, y, *x: g[..., 0],
    lambda g, y, *x: g[..., 1],
)
_REAL = Rule(lambda x: x[..., 0], lambda g, y, x: _beside_zeros(g))
_IMAG = Rule(lambda x: x[..., 1], lambda g, y, x: _beside_zeros(g, 1))


# --------------------------------------------------------------------------------------------------------- conj, cmul
def _conj_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    x = at("x", out)
    return f"{at('y', out)} = {x} if {out[-1]} == 0 else -{x}"


def _conjugate(x: Any) -> Any:
    return np.concatenate((x[..., :1], -x[..., 1:]), -1)


_CONJ = Rule(_conjugate, lambda g, y, x: _conjugate(g))


def _product_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    a, b = (pairs(name, shape) for name, shape in zip("ab", shapes, strict=True))
    try:
        return (*np.broadcast_shapes(a, b), 2)
    except ValueError:
        raise ValueError(f"the shapes of a {shapes[0]} and b {shapes[1]} do not broadcast") from None


def _product_definition(signature: Signature) -> str:
    """(a₀ + i·a₁)·(b₀ + i·b₁), over the axes that each has."""
    *own, c = letters(signature.out_rank, avoid="ab")

    a0, a1, b0, b1 = (element(signature, n, name, own, which) for n, name in enumerate("ab") for which in "01")
    return f"{at('y', [*own, c])} = {a0}*{b0} - {a1}*{b1} if {c} == 0 else {a0}*{b1} + {a1}*{b0}"


def _product(a: Any, b: Any) -> Any:
    """Of stand-ins."""
    a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    return _pair(a0 * b0 - a1 * b1, a0 * b1 + a1 * b0)


_CMUL = Rule(
    _product,
    lambda g, y, a, b: _product(g, _conjugate(b)),
    lambda g, y, a, b: _product(g, _conjugate(a)),
)


# --------------------------------------------------------------------------------------------------- angle, ceinsum
def _parts(use: Callable[..., Any], x: Any, name: str) -> tuple[Any, Any]:
    pairs(name, x.shape)
    return use("real", x, name=f"{name}_re"), use("imag", x, name=f"{name}_im")


def _angle(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    re, im = _parts(use, inputs[0], "x")
    return use("atan2", im, re, name="y")


def _angle_definition(signature: Signature) -> str:
    own = letters(signature.out_rank)
    return f"{at('y', own)} = atan2({at('x', [*own, 1])}, {at('x', [*own, 0])})"


def _contracted(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    """Four sums of real products."""
    (a0, a1), (b0, b1) = (_parts(use, x, name) for x, name in zip(inputs, ("first", "second"), strict=True))
    given = {"equation": attributes["equation"]}
    terms = {
        name: use("einsum", x, z, name=name, **given)
        for name, x, z in (("re_re", a0, b0), ("im_im", a1, b1), ("re_im", a0, b1), ("im_re", a1, b0))
    }
    re = use("sub", terms["re_re"], terms["im_im"], name="re")
    im = use("add", terms["re_im"], terms["im_re"], name="im")
    return use("complex", re, im, name="y")


def _contracted_definition(signature: Signature) -> str:
    (first, second), out = indices(signature["equation"], [rank - 1 for rank in signature.ranks])
    c = next(letter for letter in "cfghtz" if letter not in {*first, *second, *out})
    summed = [i for i in dict.fromkeys((*first, *second)) if i not in out]
    over = "".join(f" for {i} in {i.upper()}" for i in summed)
    a0, a1, b0, b1 = (at(name, [*term, n]) for name, term in (("first", first), ("second", second)) for n in (0, 1))

    def total(term: str) -> str:
        return f"sum({term}{over})" if over else f"({term})"

    re, im = total(f"{a0}*{b0} - {a1}*{b1}"), total(f"{a0}*{b1} + {a1}*{b0}")
    return f"{at('y', [*out, c])} = {re} if {c} == 0 else {im}"


def _shape_of_pairs(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return pairs("x", shapes[0])


def _same_pairs(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    pairs("x", shapes[0])
    return shapes[0]


OPS = (
    Op(
        "complex",
        ("re", "im?"),
        _joined_definition,
        _joined,
        *_COMPLEX.pair,
        "Complex numbers of their real and imaginary parts (0 where there are none), on a new last axis.",
        complex=("y",),
        convention=GRADIENT,
    ),
    Op(
        "real",
        ("x",),
        _part_definition(0),
        _shape_of_pairs,
        *_REAL.pair,
        "The real part.",
        complex=("x",),
        convention=GRADIENT,
    ),
    Op(
        "imag",
        ("x",),
        _part_definition(1),
        _shape_of_pairs,
        *_IMAG.pair,
        "The imaginary part.",
        complex=("x",),
        convention=GRADIENT,
    ),
    Op(
        "conj",
        ("x",),
        _conj_definition,
        _same_pairs,
        *_CONJ.pair,
        "The conjugate: the imaginary part with the other sign.",
        complex=("x", "y"),
        convention=GRADIENT,
    ),
    Op(
        "cmul",
        ("a", "b"),
        _product_definition,
        _product_shape,
        *_CMUL.pair,
        "The product of complex numbers; a * b of them goes part by part.",
        broadcasts=True,
        inner=1,
        shape_before_unbroadcast=lambda position, shapes, out: out,
        complex=("a", "b", "y"),
        convention=GRADIENT,
    ),
)

COMPOSITES = (
    Composite(
        "angle",
        ("x",),
        _angle,
        _angle_definition,
        "The angle of complex numbers, from -pi to pi; their size is norm(x, axis=-1).",
        complex=("x",),
        convention=GRADIENT,
    ),
    Composite(
        "ceinsum",
        ("first", "second"),
        _contracted,
        _contracted_definition,
        "The sum of products of complex numbers that an equation says, as einsum: 'bix,iox->box'. The axis of their "
        "parts is not in the equation.",
        {"equation": Attribute(None, equation_of, required=True)},
        complex=("first", "second", "y"),
        convention=GRADIENT,
    ),
)
