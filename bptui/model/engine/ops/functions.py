"""More elementary functions: tan, sinh, cosh, log1p, expm1, erf."""

from __future__ import annotations

from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes
from bptui.model.engine.calls import Emit
from bptui.model.engine.ops.maps import unary
from bptui.model.engine.ops.special import erf_into


def _tan(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.tan, x, y)


def _tan_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, y, y, d)
    emit(np.add, d, emit.const(1.0), d)
    emit(np.multiply, d, g, d)


def _sinh(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.sinh, x, y)


def _sinh_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.cosh, x, d)
    emit(np.multiply, d, g, d)


def _cosh(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.cosh, x, y)


def _cosh_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.sinh, x, d)
    emit(np.multiply, d, g, d)


def _log1p(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.log1p, x, y)


def _log1p_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.add, x, emit.const(1.0), d)
    emit(np.divide, g, d, d)


def _expm1(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    emit(np.expm1, x, y)


def _expm1_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.add, y, emit.const(1.0), d)
    emit(np.multiply, d, g, d)


def _erf(emit: Emit, x: Array, y: Array, attributes: Attributes) -> None:
    erf_into(emit, x, y)


def _erf_vjp(emit: Emit, g: Array, x: Array, y: Array, d: Array, attributes: Attributes, saved: Any) -> None:
    emit(np.multiply, x, x, d)
    emit(np.negative, d, d)
    emit(np.exp, d, d)
    emit(np.multiply, d, emit.const(2 / np.sqrt(np.pi)), d)
    emit(np.multiply, d, g, d)


OPS = (
    unary("tan", "y = sin(x)/cos(x)", _tan, _tan_vjp, "The tangent.", hint="1 + y**2"),
    unary("sinh", "y = sinh(x)", _sinh, _sinh_vjp, "The hyperbolic sine."),
    unary("cosh", "y = cosh(x)", _cosh, _cosh_vjp, "The hyperbolic cosine."),
    unary("log1p", "y = log(1 + x)", _log1p, _log1p_vjp, "The logarithm of 1 + x, exact for small x."),
    unary("expm1", "y = exp(x) - 1", _expm1, _expm1_vjp, "exp(x) - 1, exact for small x.", hint="y + 1"),
    unary("erf", "y = erf(x)", _erf, _erf_vjp, "The error function."),
)
