"""Operations whose value moves in steps, or which no gradient passes: detach, cast, sign, floor, ceil, trunc, round,
comparisons."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bptui.model.base.kinds import KINDS
from bptui.model.base.types import Array
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import choice
from bptui.model.engine.ops.maps import binary, unary
from bptui.model.engine.trace import Standin, each


# ----------------------------------------------------------------------------------------------------------------- cast
def cast_to(x: Any, dtype: str) -> Any:
    """x rounded to the numbers of a kind, in the numbers of the program."""
    if dtype in (x.dtype.name, "float64"):
        return x
    if isinstance(x, Standin):
        return each(partial(fill_cast, dtype), x)
    out = np.empty_like(x)
    fill_cast(dtype, x, out)
    return out


def fill_cast(dtype: str, x: Array, out: Array) -> None:
    """The same into an array, which may be x itself."""
    out[...] = _brain(np.asarray(x, np.float64)) if dtype == "bfloat16" else np.asarray(x).astype(dtype)


_CUT = 53 - KINDS["bfloat16"].digits
"""Binary digits that bfloat16 has not, of the 53 of a float64."""
_SMALLEST = 2.0**-126
"""From here down bfloat16 has the multiples of 2**-133, as float32 those of 2**-149."""
_TO_MULTIPLES = 1.5 * 2.0 ** (52 - 133)
"""Beside it a float64 has no digit below 2**-133: what is added to it and taken off again is rounded to that."""


def _brain(x: Array) -> Array:
    """To bfloat16 by the bits of float64: half a unit of the last digit that stays is added, less a bit where that
    digit is even, and what lies below it is cut off."""
    bits = x.view(np.int64)
    odd = (bits >> _CUT) & 1
    near = ((bits + ((1 << (_CUT - 1)) - 1 + odd)) & np.int64(-(1 << _CUT))).view(np.float64)
    near = np.where(np.abs(near) < 2.0**128, near, np.copysign(np.inf, x))
    small = np.copysign((x + _TO_MULTIPLES) - _TO_MULTIPLES, x)
    return np.where(np.isfinite(x), np.where(np.abs(x) < _SMALLEST, small, near), x)


def _cast_definition(signature: Signature) -> str:
    return "y = x" if signature["dtype"] == "float64" else f"y = {signature['dtype']}(x)"


def _sign(x: Any) -> Any:
    return np.where(x > 0, 1, np.where(x < 0, -1, 0))


def _comparison(name: str, sign: str, compare: Any, doc: str) -> Op:
    return binary(
        name, f"y = 1 if a {sign} b else 0", lambda a, b: np.where(compare(a, b), 1, 0), (None, None), doc,
        symbol=f"{{0}} {sign} {{1}}", fixed=("a", "b"), convention="no gradient passes",
    )  # fmt: skip


OPS = (
    unary(
        "detach",
        "y = x",
        lambda x: x,
        None,
        "x as it is, a number that was given: no gradient passes (stop_gradient).",
        fixed=("x",),
        convention="no gradient passes",
    ),
    unary(
        "cast",
        _cast_definition,
        cast_to,
        lambda g, y, x, dtype: g,
        "x rounded to float32, float16 or bfloat16: to the nearest number, of two as near the one with an even last "
        "digit; beyond the largest inf. What is computed of such numbers alone is rounded to them, too, and so are "
        "their gradients.",
        attributes={"dtype": Attribute(None, choice(*KINDS), required=True)},
        analytic=False,
        straight_through=True,
        convention="the gradient passes as if nothing were rounded",
    ),
    *(
        unary(
            name,
            text,
            function,
            lambda g, y, x: 0,
            doc,
            analytic=False,
            convention="the derivative is 0, at the steps, too",
        )
        for name, text, function, doc in (
            ("sign", "y = 1 if x > 0 else (-1 if x < 0 else 0)", _sign, "-1, 0 or 1; 0 of nan, as in PyTorch."),
            ("floor", "y = floor(x)", np.floor, "The largest whole number that is not above x."),
            ("ceil", "y = -floor(-x)", np.ceil, "The smallest whole number that is not below x."),
            ("trunc", "y = sign(x)*floor(abs(x))", np.trunc, "The whole part of x, towards 0."),
            ("round", "y = round(x)", np.rint, "The nearest whole number, of two as near the even one."),
        )
    ),
    _comparison("greater", ">", np.greater, "1 where a is above b, else 0."),
    _comparison("greater_equal", ">=", np.greater_equal, "1 where a is not below b, else 0."),
    _comparison("less", "<", np.less, "1 where a is below b, else 0."),
    _comparison("less_equal", "<=", np.less_equal, "1 where a is not above b, else 0."),
    _comparison("equal", "==", np.equal, "1 where a and b are equal, else 0."),
    _comparison("not_equal", "!=", np.not_equal, "1 where a and b differ (or one is nan), else 0."),
)
