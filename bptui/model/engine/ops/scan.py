"""Running sums, products and logarithms of sums of exponentials along an axis: cumsum, cumprod, logcumsumexp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bptui.model.base.types import Array
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import along_axis, at, integer, letters, one_axis
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted


def _definition(make: Callable[[str, str], str]) -> Callable[[Signature], str]:
    """A definition by the element that is read at k, and the range of k: ` for k in K if k <= i`."""

    def definition(signature: Signature) -> str:
        out = letters(signature.out_rank, avoid="k")
        axis = one_axis(signature["axis"], signature.out_rank)
        read = ["k" if n == axis else i for n, i in enumerate(out)]
        return f"{at('y', out)} = {make(at('x', read), f' for k in K if k <= {out[axis]}')}"

    return definition


def _line(fill: Callable[..., None], like: Any, *inputs: Any, axis: int) -> Any:
    """What `fill(*inputs, out)` writes, each array with the axis in front."""
    return noted(_moved, like.shape, *inputs, options=(fill, one_axis(axis, like.shape)))


def _moved(*arrays: Any) -> None:
    *inputs, fill, axis, out = arrays
    fill(*(np.moveaxis(array, axis, 0) for array in inputs), np.moveaxis(out, axis, 0))


# --------------------------------------------------------------------------------------------------------------- cumsum
def _sums(x: Array, out: Array) -> None:
    np.add.accumulate(x, 0, out=out)


def _sums_behind(g: Array, out: Array) -> None:
    np.add.accumulate(g[::-1], 0, out=out[::-1])


_CUMSUM = Rule(
    lambda x, axis: _line(_sums, x, x, axis=axis),
    lambda g, y, x, axis: _line(_sums_behind, x, g, axis=axis),
)


# -------------------------------------------------------------------------------------------------------------- cumprod
def _products(x: Array, out: Array) -> None:
    np.multiply.accumulate(x, 0, out=out)


def _products_vjp(g: Array, y: Array, x: Array, out: Array) -> None:
    """The product before an element times Σ g·(product of what lies between): from behind, without a division."""
    behind = np.zeros(x.shape[1:], x.dtype)
    for n in reversed(range(len(x))):
        behind = g[n] + (behind * x[n + 1] if n + 1 < len(x) else 0)
        out[n] = behind * y[n - 1] if n else behind


_CUMPROD = Rule(
    lambda x, axis: _line(_products, x, x, axis=axis),
    lambda g, y, x, axis: _line(_products_vjp, x, g, y, x, axis=axis),
)


# --------------------------------------------------------------------------------------------------------- logcumsumexp
def _log_sums(x: Array, out: Array) -> None:
    """By log(e^a + e^b) = max + log(1 + e^-|a - b|), of complex numbers by their real parts; equal infinities stay."""
    for n in range(len(x)):
        if not n:
            out[0] = x[0]
            continue
        before = out[n - 1]
        larger = before.real >= x[n].real
        top, low = np.where(larger, before, x[n]), np.where(larger, x[n], before)
        more = np.log1p(np.exp(low - top))
        out[n] = np.where(np.isinf(top.real) & (low.real == top.real), top + np.log(2), top + more)
        out[n] = np.where(np.isnan(before) | np.isnan(x[n]), np.nan, out[n])


def _log_sums_vjp(g: Array, y: Array, x: Array, out: Array) -> None:
    """Σ g[j]·exp(x - y[j]) over the j behind, from behind: no exponential is above 1."""
    behind = np.zeros(x.shape[1:], x.dtype)
    for n in reversed(range(len(x))):
        if n + 1 < len(x):
            share = np.where(y[n] == y[n + 1], 1, np.exp(y[n] - y[n + 1]))
            behind = behind * share
        behind = behind + g[n]
        out[n] = behind * np.exp(x[n] - y[n])


_LOGCUMSUMEXP = Rule(
    lambda x, axis: _line(_log_sums, x, x, axis=axis),
    lambda g, y, x, axis: _line(_log_sums_vjp, x, g, y, x, axis=axis),
)


def _row(name: str, make: Callable[[str, str], str], rule: Rule, doc: str) -> Op:
    return Op(name, ("x",), _definition(make), along_axis, *rule.pair, doc, {"axis": Attribute(0, integer())})


OPS = (
    _row(
        "cumsum", lambda x, over: f"sum({x}{over})", _CUMSUM, "The sum of each element and all before it along an axis."
    ),
    _row(
        "cumprod",
        lambda x, over: f"prod({x}{over})",
        _CUMPROD,
        "The product of each element and all before it along an axis.",
    ),
    _row(
        "logcumsumexp",
        lambda x, over: f"log(sum(exp({x}){over}))",
        _LOGCUMSUMEXP,
        "The logarithm of the sum of the exponentials of each element and all before it along an axis.",
    ),
)
