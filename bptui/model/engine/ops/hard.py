"""Activations in pieces (hardsigmoid, hardswish, hardshrink, softshrink, celu, prelu) and their kin; gates (glu)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Composite, Op, Signature
from bptui.model.engine.ops.common import at, integer, letters, mask, of_one, one_axis, real, sigmoid_into
from bptui.model.engine.ops.maps import binary, unary


# ----------------------------------------------------------------------------------------------- hardsigmoid, hardswish
def _part_of_six(emit: Emit, x: Array, y: Array) -> None:
    """y = x/6 + 1/2, kept between 0 and 1."""
    emit(np.add, x, emit.const(3.0), y)
    emit(np.maximum, y, emit.const(0.0), out=y)
    emit(np.minimum, y, emit.const(6.0), out=y)
    emit(np.divide, y, emit.const(6.0), y)


def _between(emit: Emit, x: Array) -> Array:
    """Is x between -3 and 3?"""
    inside = mask(emit, np.greater, x, emit.const(-3.0))
    emit(np.logical_and, inside, mask(emit, np.less, x, emit.const(3.0)), inside)
    return inside


def _hardsigmoid(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    _part_of_six(emit, x, y)


def _hardsigmoid_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.divide, g, emit.const(6.0), d)
    emit(np.multiply, d, _between(emit, x), d)


def _hardswish(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    _part_of_six(emit, x, y)
    emit(np.multiply, y, x, y)


def _hardswish_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    slope = emit.temp(x.shape)
    emit(np.divide, x, emit.const(3.0), slope)
    emit(np.add, slope, emit.const(0.5), slope)
    emit(np.greater_equal, x, emit.const(3.0), d)
    emit(np.copyto, d, slope, where=_between(emit, x))
    emit(np.multiply, d, g, d)


# ------------------------------------------------------------------------------------------------------------ shrinking
def _hardshrink(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    beyond = _beyond(emit, x, attributes)
    emit(np.multiply, x, beyond, y)
    return beyond


def _beyond(emit: Emit, x: Array, attributes: Attributes) -> Array:
    """Is x further from 0 than lambd?"""
    size = emit.temp(x.shape)
    emit(np.absolute, x, size)
    return mask(emit, np.greater, size, emit.const(attributes["lambd"]))


def _softshrink(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    beyond, kept = _beyond(emit, x, attributes), emit.temp(x.shape)
    emit(np.maximum, x, emit.const(-attributes["lambd"]), out=kept)
    emit(np.minimum, kept, emit.const(attributes["lambd"]), out=kept)
    emit(np.subtract, x, kept, y)
    return beyond


def _shrink_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, beyond: Any) -> None:
    emit(np.multiply, g, beyond, d)


def _tanhshrink(emit: Emit, x: Array, y: Array, attributes: Attributes) -> Array:
    t = emit.temp(x.shape)
    emit(np.tanh, x, t)
    emit(np.subtract, x, t, y)
    return t


def _tanhshrink_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, t: Any) -> None:
    emit(np.multiply, t, t, d)
    emit(np.multiply, d, g, d)


# ---------------------------------------------------------------------------------------------------------- celu, prelu
def _celu(emit: Emit, x: Array, y: Array, attributes: Attributes) -> tuple[Array, Array]:
    positive, low = mask(emit, np.greater, x, emit.const(0.0)), emit.temp(x.shape)
    emit(np.minimum, x, emit.const(0.0), out=low)
    emit(np.divide, low, emit.const(attributes["alpha"]), low)
    emit(np.expm1, low, y)
    emit(np.multiply, y, emit.const(attributes["alpha"]), y)
    emit(np.copyto, y, x, where=positive)
    return positive, low


def _celu_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    positive, low = saved
    emit(np.exp, low, d)
    emit(np.copyto, d, emit.const(1.0), where=positive)
    emit(np.multiply, d, g, d)


def _leaky(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.multiply, a, b, y)
    emit(np.copyto, y, a, where=mask(emit, np.greater, a, emit.const(0.0)))


def _leaky_vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> None:
    positive = mask(emit, np.greater, a, emit.const(0.0))
    if da is not None:
        emit(np.multiply, g, b, da)
        emit(np.copyto, da, g, where=positive)
    if db is not None:
        emit(np.multiply, g, a, db)
        emit(np.copyto, db, emit.const(0.0), where=positive)


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


def _prelu_stretched(shapes: Sequence[Shape]) -> tuple[tuple[int, ...], ...]:
    return ((), (0,) if shapes[1] == (1,) else ())


def _prelu_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    one = signature.ranks[1] == 0 or signature.stretched[1]
    weight = at("weight", ["0"] * signature.ranks[1] if one else [out[1]])
    return f"{at('y', out)} = {at('x', out)} if {at('x', out)} > 0 else {weight}*{at('x', out)}"


# ------------------------------------------------------------------------------------------------------------------ glu
def _glu_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    axis = one_axis(attributes["axis"], x)
    if x[axis] % 2:
        raise ValueError(f"x has shape {x}: axis {attributes['axis']} has {x[axis]} elements, which are not two halves")
    return (*x[:axis], x[axis] // 2, *x[axis + 1 :])


def _glu_definition(signature: Signature) -> str:
    out = letters(signature.out_rank)
    axis = one_axis(signature["axis"], signature.out_rank)
    starts = ("0", out[axis].upper())  # `x[i,j]` would say that j runs over the whole axis: it is `0 + j`
    first, second = ([f"{start} + {i}" if n == axis else i for n, i in enumerate(out)] for start in starts)
    return f"{at('y', out)} = {at('x', first)}/(1 + exp(-{at('x', second)}))"


def _halves(x: Array, axis: int) -> tuple[Array, Array]:
    """The two halves of x, as views."""
    half, before = x.shape[axis] // 2, (slice(None),) * axis
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]


def _glu(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    a, b = _halves(inputs[0], one_axis(attributes["axis"], inputs[0].shape))
    gate = emit.temp(out.shape)
    sigmoid_into(emit, b, gate)
    emit(np.multiply, a, gate, out)
    return gate


@of_one
def _glu_vjp(emit: Emit, upstream: Array, x: Array, out: Array, attributes: Attributes, d: Array, gate: Any) -> None:
    first, second = _halves(d, one_axis(attributes["axis"], d.shape))
    emit(np.multiply, upstream, gate, first)
    emit(np.subtract, emit.const(1.0), gate, second)
    emit(np.multiply, second, out, second)
    emit(np.multiply, second, upstream, second)


def _not_zero(value: Any) -> float:
    number = real()(value)
    if number == 0:
        raise ValueError("must not be 0")
    return number


_LAMBD = {"lambd": Attribute(0.5, real(0), static=False)}

OPS = (
    unary(
        "hardsigmoid",
        "y = 0 if x <= -3 else (1 if x >= 3 else x/6 + 1/2)",
        _hardsigmoid,
        _hardsigmoid_vjp,
        "A sigmoid of three straight lines.",
        analytic=False,
        convention="the derivative at -3 and at 3 is 0",
    ),
    unary(
        "hardswish",
        "y = 0 if x <= -3 else (x if x >= 3 else x*(x + 3)/6)",
        _hardswish,
        _hardswish_vjp,
        "x times its hardsigmoid.",
        analytic=False,
        convention="the derivative at -3 is 0, at 3 it is 1",
    ),
    unary(
        "hardshrink",
        "y = x if abs(x) > lambd else 0",
        _hardshrink,
        _shrink_vjp,
        "x, and 0 where it is at most lambd away from 0.",
        attributes=_LAMBD,
        analytic=False,
        convention="the derivative at the bounds themselves is 0",
    ),
    unary(
        "softshrink",
        "y = x - lambd if x > lambd else (x + lambd if x < -lambd else 0)",
        _softshrink,
        _shrink_vjp,
        "x moved towards 0 by lambd, and 0 where it is nearer.",
        attributes=_LAMBD,
        analytic=False,
        convention="the derivative at the bounds themselves is 0",
    ),
    unary("tanhshrink", "y = x - tanh(x)", _tanhshrink, _tanhshrink_vjp, "x minus its tanh.", hint="tanh(x)**2"),
    unary(
        "celu",
        "y = x if x > 0 else alpha*(exp(x/alpha) - 1)",
        _celu,
        _celu_vjp,
        "An elu whose slope at 0 is 1 for every alpha.",
        attributes={"alpha": Attribute(1.0, _not_zero, static=False)},
        analytic=False,
        convention="the derivative at 0 is 1",
    ),
    binary(
        "leaky",
        "y = a if a > 0 else b*a",
        _leaky,
        _leaky_vjp,
        "a where it is positive, else b times it: the core of prelu.",
        analytic=False,
        convention="at 0 the derivative by a is b",
    ),
    Op(
        "glu",
        ("x",),
        _glu_definition,
        _glu_shape,
        _glu,
        _glu_vjp,
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
        stretched=_prelu_stretched,
    ),
)
