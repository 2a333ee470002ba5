"""Arithmetic and the elementary functions: + - * / **, exp, log, sqrt, abs, sin, cos, maximum, minimum, where, clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import broadcast, full, literal, mask, optional, real
from bptui.model.engine.ops.maps import binary, unary

# --------------------------------------------------------------------------------------------------- two inputs


def _add(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.add, a, b, y)


def _add_vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> Any:
    return (g if da is not None else None, g if db is not None else None)


def _sub(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.subtract, a, b, y)


def _sub_vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> Any:
    if db is not None:
        emit(np.negative, g, db)
    return (g if da is not None else None, None)


def _mul(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.multiply, a, b, y)


def _mul_vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> None:
    if da is not None:
        emit(np.multiply, g, b, da)
    if db is not None:
        emit(np.multiply, g, a, db)


def _div(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.divide, a, b, y)


def _div_vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> None:
    if da is not None:
        emit(np.divide, g, b, da)
    if db is not None:
        emit(np.multiply, g, y, db)
        emit(np.divide, db, b, db)
        emit(np.negative, db, db)


def _pow(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.power, a, b, y)


def _pow_vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> None:
    if da is not None:
        emit(_pow_base, g, a, b, da)
    if db is not None:
        emit(_pow_exponent, g, a, b, y, db)


def _pow_base(g: Array, a: Array, b: Array, d: Array) -> None:
    """d = g·b·a^(b-1), and 0 where b is 0 (a^0 is 1 for every a, 0 included: PyTorch's rule)."""
    d[...] = np.where(b == 0, 0, g * b * np.power(a, b - 1))


def _pow_exponent(g: Array, a: Array, b: Array, y: Array, d: Array) -> None:
    """d = g·y·log(a), and 0 where a is 0 and b is not negative (PyTorch's rule)."""
    d[...] = np.where((a == 0) & (b.real >= 0), 0, g * y * np.log(a))


def _maximum(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.maximum, a, b, out=y)


def _minimum(emit: Emit, a: Array, b: Array, y: Array) -> None:
    emit(np.minimum, a, b, out=y)


def _winner(above: Any) -> Any:
    """The vjp of maximum (above = greater) and minimum (less): the winner gets all, a tie is split in halves."""

    def vjp(emit: Emit, g: Array, a: Array, b: Array, y: Array, da: Array | None, db: Array | None) -> None:
        half = emit.const(0.5)
        for mine, other, d in ((a, b, da), (b, a, db)):
            if d is not None:
                # share = (mine wins + mine does not lose)/2 is 1, ½ or 0
                share, wins = emit.temp(y.shape), emit.temp(y.shape, np.bool_)
                emit(above, mine, other, wins)
                emit(np.copyto, share, wins)
                emit(np.equal, mine, other, wins)
                emit(np.copyto, share, half, where=wins)
                emit(np.multiply, g, share, d)

    return vjp


# ------------------------------------------------------------------------------------------------------- where


def _where_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    return broadcast(("c", "a", "b"))(shapes, attributes)


def _where(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Array:
    c, a, b = inputs
    chosen = mask(emit, np.not_equal, c, emit.const(0.0))
    emit(np.copyto, out, b)
    emit(np.copyto, out, a, where=chosen)
    return chosen


def _where_vjp(
    emit: Emit,
    upstream: Array,
    inputs: Sequence[Array],
    out: Array,
    attributes: Attributes,
    into: Sequence[Array | None],
    chosen: Any,
) -> None:
    zero = emit.const(0.0)
    if into[1] is not None:
        emit(np.copyto, into[1], zero)
        emit(np.copyto, into[1], upstream, where=chosen)
    if into[2] is not None:
        emit(np.copyto, into[2], upstream)
        emit(np.copyto, into[2], zero, where=chosen)


# --------------------------------------------------------------------------------------------------- one input


def _call(function: Any) -> Any:
    """The forward that is one ufunc."""

    def forward(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
        emit(function, x, y)

    return forward


def _neg_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.negative, g, d)


def _exp_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, g, y, d)


def _log_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.divide, g, x, d)


def _sqrt_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.divide, g, y, d)
    emit(np.multiply, d, emit.const(0.5), d)


def _rsqrt(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.sqrt, x, y)
    emit(np.reciprocal, y, y)


def _rsqrt_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, g, y, d)
    emit(np.divide, d, x, d)
    emit(np.multiply, d, emit.const(-0.5), d)


def _reciprocal_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, g, y, d)  # not y·y first: it may overflow, and 0·∞ is NaN
    emit(np.multiply, d, y, d)
    emit(np.negative, d, d)


def _square(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.multiply, x, x, y)


def _square_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, g, x, d)
    emit(np.multiply, d, emit.const(2.0), d)


def _abs_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.sign, x, d)
    emit(np.multiply, d, g, d)


def _sin_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.cos, x, d)
    emit(np.multiply, d, g, d)


def _cos_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.sin, x, d)
    emit(np.multiply, d, g, d)
    emit(np.negative, d, d)


def _power_definition(signature: Signature) -> str:
    return f"y = x**{literal(signature['exponent'])}"


def _power(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    exponent = attributes["exponent"]
    if exponent == 2:  # exact and ten times as fast as np.power
        emit(np.multiply, x, x, y)
    else:
        emit(np.power, x, emit.const(exponent), y)


def _power_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    exponent = attributes["exponent"]
    if exponent == 0:
        emit(np.copyto, d, emit.const(0.0))
        return
    if exponent == 2:
        emit(np.multiply, g, x, d)
    else:
        emit(np.power, x, emit.const(exponent - 1), d)
        emit(np.multiply, d, g, d)
    emit(np.multiply, d, emit.const(exponent), d)


def _clip_definition(signature: Signature) -> str:
    low, high = signature["min"], signature["max"]
    inner = "x" if high is None else f"({literal(high)} if x > {literal(high)} else x)"
    return f"y = {inner}" if low is None else f"y = {literal(low)} if x < {literal(low)} else {inner}"


def _clip(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    low, high = attributes["min"], attributes["max"]
    if low is not None:
        emit(np.maximum, x, emit.const(low), out=y)
        x = y
    if high is not None:
        emit(np.minimum, x, emit.const(high), out=y)
    elif low is None:
        emit(np.copyto, y, x)


def _clip_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    inside = mask(emit, np.equal, x, y)  # y is x where, and only where, min <= x <= max
    emit(np.multiply, g, inside, d)


OPS = (
    binary("add", "y = a + b", _add, _add_vjp, "The sum of two tensors, element by element.", symbol="{0} + {1}"),
    binary("sub", "y = a - b", _sub, _sub_vjp, "The difference, element by element.", symbol="{0} - {1}"),
    binary("mul", "y = a*b", _mul, _mul_vjp, "The product, element by element.", symbol="{0} * {1}"),
    binary(
        "div", "y = a/b", _div, _div_vjp, "The quotient, element by element.", symbol="{0} / {1}", hint={"b": "-y/b"}
    ),
    binary(
        "pow",
        "y = a**b",
        _pow,
        _pow_vjp,
        "a to the power b, both tensors; see `power` for a fixed exponent.",
        symbol="{0} ** {1}",
        hint={"a": "b*a**(b - 1)", "b": "y*log(a)"},
        convention=(
            "the base has no gradient where the exponent is 0, "
            "the exponent none where the base is 0 and it is not negative"
        ),
    ),
    binary(
        "maximum",
        "y = a if a > b else (b if b > a else (a + b)/2)",
        _maximum,
        _winner(np.greater),
        "The larger of two, element by element.",
        analytic=False,
        convention="at a tie each input gets half of the gradient",
    ),
    binary(
        "minimum",
        "y = a if a < b else (b if b < a else (a + b)/2)",
        _minimum,
        _winner(np.less),
        "The smaller of two, element by element.",
        analytic=False,
        convention="at a tie each input gets half of the gradient",
    ),
    Op(
        "where",
        ("c", "a", "b"),
        "y = a if c != 0 else b",
        _where_shape,
        _where,
        _where_vjp,
        "a where the condition c is not 0, else b, element by element.",
        elementwise=True,
        broadcasts=True,
        spread=full,
        fixed=("c",),
        convention="the condition has no gradient",
    ),
    unary("neg", "y = -x", _call(np.negative), _neg_vjp, "The negative.", symbol="-{0}"),
    unary("exp", "y = exp(x)", _call(np.exp), _exp_vjp, "The exponential function.", hint="y"),
    unary("log", "y = log(x)", _call(np.log), _log_vjp, "The natural logarithm; nan below 0, -inf at 0."),
    unary(
        "sqrt",
        "y = sqrt(x)",
        _call(np.sqrt),
        _sqrt_vjp,
        "The square root; nan below 0.",
        hint="1/(2*y)",
        convention="the derivative at 0 is inf",
    ),
    unary("rsqrt", "y = 1/sqrt(x)", _rsqrt, _rsqrt_vjp, "One over the square root.", hint="-y/(2*x)"),
    unary("reciprocal", "y = 1/x", _call(np.reciprocal), _reciprocal_vjp, "One over x.", hint="-y**2"),
    unary("square", "y = x**2", _square, _square_vjp, "The square.", symbol="{0}**2"),
    unary(
        "abs",
        "y = abs(x)",
        _call(np.absolute),
        _abs_vjp,
        "The absolute value.",
        hint="sign(x)",
        analytic=False,
        convention="the derivative at 0 is 0",
    ),
    unary("sin", "y = sin(x)", _call(np.sin), _sin_vjp, "The sine."),
    unary("cos", "y = cos(x)", _call(np.cos), _cos_vjp, "The cosine."),
    unary(
        "power",
        _power_definition,
        _power,
        _power_vjp,
        "x to a fixed power: `x ** 2` in a formula.",
        attributes={"exponent": Attribute(None, real(), required=True)},
        symbol="{0} ** {exponent}",
        convention="x**0 is 1 with derivative 0, also at x = 0",
    ),
    unary(
        "clip",
        _clip_definition,
        _clip,
        _clip_vjp,
        "x kept between min and max.",
        attributes={"min": Attribute(None, optional(real())), "max": Attribute(None, optional(real()))},
        analytic=False,
        convention="the derivative is 1 at the bounds themselves, 0 beyond them",
    ),
)
