"""Activations in pieces (hardsigmoid, hardswish, hardshrink, softshrink, celu, prelu) and their kin; gates (glu)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import at, integer, letters, one_axis, real
from bptui.model.engine.ops.maps import binary, unary
from bptui.model.engine.ops.special import sigmoid
from bptui.model.engine.rule import Rule


def _part_of_six(x: Any) -> Any:
    """x/6 + 1/2, kept between 0 and 1."""
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


def _between(x: Any) -> Any:
    """Is x between -3 and 3?"""
    return np.logical_and(x > -3, x < 3)


def _prelu(use: Callable[..., Any], inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, weight = inputs
    channels = x.shape[1] if len(x.shape) > 1 else 1
    if weight.shape not in ((), (1,), (channels,)):
        raise ValueError(
            f"x has shape {x.shape} and weight has shape {weight.shape}: weight must be one number, or one for each of "
            f"the {channels} channels (axis 1)"
        )
    if weight.shape:
        trailing = len(x.shape) - 2 if weight.shape != (1,) else 0
        shape = (*weight.shape, *(1,) * trailing) if weight.shape != (1,) else ()
        weight = use("reshape", weight, name="slope", shape=shape)
    return use("leaky", x, weight, name="y")


def _prelu_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    one = signature.ranks[1] == 0 or signature.stretched[1]
    weight = at("weight", ["0"] * signature.ranks[1] if one else [out[1]])
    return f"{at('y', out)} = {at('x', out)} if {at('x', out)} > 0 else {weight}*{at('x', out)}"


# ------------------------------------------------------------------------------------------------------------------ glu
def halves_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    """One half of x along the axis."""
    (x,) = shapes
    axis = one_axis(attributes["axis"], x)
    if x[axis] % 2:
        raise ValueError(f"x has shape {x}: axis {attributes['axis']} has {x[axis]} elements, which are not two halves")
    return (*x[:axis], x[axis] // 2, *x[axis + 1 :])


def halves_text(signature: Signature) -> tuple[list[str], str, str]:
    """The output's indices, and the elements of the two halves there."""
    out = letters(signature.out_rank)
    axis = one_axis(signature["axis"], signature.out_rank)
    starts = ("0", out[axis].upper())  # `x[i,j]` would say that j runs over the whole axis: it is `0 + j`
    first, second = ([f"{start} + {i}" if n == axis else i for n, i in enumerate(out)] for start in starts)
    return out, at("x", first), at("x", second)


def _glu_definition(signature: Signature) -> str:
    out, first, second = halves_text(signature)
    return f"{at('y', out)} = {first}/(1 + exp(-{second}))"


def _halves(x: Any, axis: int) -> tuple[Any, Any]:
    """The two halves of x, as views."""
    at = one_axis(axis, x.shape)
    half, before = x.shape[at] // 2, (slice(None),) * at
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]


def _glu(x: Any, axis: int) -> Any:
    a, b = _halves(x, axis)
    return a * sigmoid(b)


def _glu_vjp(g: Any, y: Any, x: Any, axis: int) -> Any:
    gate = sigmoid(_halves(x, axis)[1])
    return np.concatenate((g * gate, (1 - gate) * y * g), one_axis(axis, x.shape))


_GLU = Rule(_glu, _glu_vjp)


def _not_zero(value: Any) -> float:
    number = real()(value)
    if number == 0:
        raise ValueError("must not be 0")
    return number


_LAMBD = {"lambd": Attribute(0.5, real(0), static=False)}
_ANY_LAMBD = {"lambd": Attribute(0.5, real(), static=False)}

OPS = (
    unary(
        "hardsigmoid",
        "y = 0 if x <= -3 else (1 if x >= 3 else x/6 + 1/2)",
        _part_of_six,
        lambda g, y, x: np.where(_between(x), g / 6, 0),
        "A sigmoid of three straight lines.",
        analytic=False,
        convention="the derivative at -3 and at 3 is 0",
    ),
    unary(
        "hardswish",
        "y = 0 if x <= -3 else (x if x >= 3 else x*(x + 3)/6)",
        lambda x: _part_of_six(x) * x,
        lambda g, y, x: np.where(x <= -3, 0, np.where(x < 3, (x / 3 + 0.5) * g, g)),
        "x times its hardsigmoid.",
        analytic=False,
        convention="the derivative at -3 is 0, at 3 it is 1",
    ),
    unary(
        "hardshrink",
        "y = 0 if abs(x) <= lambd else x",
        lambda x, lambd: np.where(np.absolute(x) <= lambd, 0, x),
        lambda g, y, x, lambd: np.where(np.absolute(x) <= lambd, 0, g),
        "x, and 0 where it is at most lambd away from 0.",
        attributes=_ANY_LAMBD,
        analytic=False,
        convention="the derivative at the bounds themselves is 0",
    ),
    unary(
        "softshrink",
        "y = x - lambd if x > lambd else (0 if x >= -lambd else x + lambd)",
        lambda x, lambd: x - np.minimum(np.maximum(x, -lambd), lambd),
        lambda g, y, x, lambd: np.where(np.absolute(x) <= lambd, 0, g),
        "x moved towards 0 by lambd, and 0 where it is nearer.",
        attributes=_LAMBD,
        analytic=False,
        convention="the derivative at the bounds themselves is 0",
    ),
    unary(
        "rrelu",
        "y = x if x > 0 else (lower + upper)/2*x",
        lambda x, lower, upper: np.where(x > 0, x, x * ((lower + upper) / 2)),
        lambda g, y, x, lower, upper: np.where(x > 0, g, g * ((lower + upper) / 2)),
        "A leaky relu with the middle of two slopes: PyTorch's rrelu when it does not train.",
        attributes={"lower": Attribute(1 / 8, real(), static=False), "upper": Attribute(1 / 3, real(), static=False)},
        analytic=False,
        convention="the derivative at 0 is the middle slope",
    ),
    unary(
        "tanhshrink",
        "y = x - tanh(x)",
        lambda x: x - np.tanh(x),
        lambda g, y, x: np.tanh(x) * np.tanh(x) * g,
        "x minus its tanh.",
        hint="tanh(x)**2",
    ),
    unary(
        "celu",
        "y = x if x > 0 else alpha*(exp(x/alpha) - 1)",
        lambda x, alpha: np.fmax(x, 0) + np.expm1(np.minimum(x, 0) / alpha) * alpha,  # one of the two is 0
        lambda g, y, x, alpha: np.exp(np.minimum(x, 0) / alpha) * g,  # times 1 where x is positive
        "An elu whose slope at 0 is 1 for every alpha.",
        attributes={"alpha": Attribute(1.0, _not_zero, static=False)},
        analytic=False,
        convention="the derivative at 0 is 1",
    ),
    binary(
        "leaky",
        "y = a if a > 0 else b*a",
        lambda a, b: np.where(a > 0, a, a * b),
        (
            lambda g, y, a, b: np.where(a > 0, g, g * b),
            lambda g, y, a, b: np.where(a > 0, 0, g * a),
        ),
        "a where it is positive, else b times it: the core of prelu.",
        analytic=False,
        convention="at 0 the derivative by a is b",
    ),
    Op(
        "glu",
        ("x",),
        _glu_definition,
        halves_shape,
        *_GLU.pair,
        "The first half of x along an axis times the sigmoid of the second half.",
        {"axis": Attribute(-1, integer())},
    ),
)

COMPOSITES = (
    Composite(
        "prelu",
        ("x", "weight"),
        _prelu,
        _prelu_definition,
        "x where it is positive, else a trained multiple of it: one for all, or one for each channel (axis 1).",
        convention="the derivative at 0 is the weight",
        stretched=lambda shapes: ((), (0,) if shapes[1] == (1,) else ()),
    ),
)
