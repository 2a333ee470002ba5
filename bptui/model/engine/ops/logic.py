"""What is true of numbers, as 1 or 0, and what is chosen by it: and, or, not, xor, isnan, isinf, isfinite, one_hot,
masked_fill; argmax and argmin, the place of a number. No gradient passes but through masked_fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.as_operation import operation
from bptui.model.engine.ops.base import Attribute, Op, Signature
from bptui.model.engine.ops.common import (
    KEEPDIMS,
    at,
    broadcast,
    full,
    integer,
    letters,
    numbered,
    one_axis,
    optional,
    over,
)
from bptui.model.engine.ops.maps import binary, unary
from bptui.model.engine.rule import Rule
from bptui.model.engine.trace import noted

NOTHING = "no gradient passes"


def _truth(test: Any) -> Any:
    return np.where(test, 1, 0)


def _connective(name: str, test: str, function: Any, doc: str, **more: Any) -> Op:
    return binary(
        name, f"y = 1 if {test} else 0", lambda a, b: _truth(function(a != 0, b != 0)), (None, None), doc,
        fixed=("a", "b"), convention=f"what is not 0 is true, nan, too; {NOTHING}", **more,
    )  # fmt: skip


# NumPy's own isnan, isinf and isfinite (2.4) write wrong truth values into what does not lie in one piece.
def _isnan(x: Any) -> Any:
    return x != x


def _isinf(x: Any) -> Any:
    return np.absolute(x) == np.inf


def _isfinite(x: Any) -> Any:
    return np.absolute(x) < np.inf


def _kind(name: str, test: str, function: Any, doc: str) -> Op:
    return unary(
        name, f"y = 1 if {test} else 0", lambda x: _truth(function(x)), None, doc, fixed=("x",), convention=NOTHING
    )


# ------------------------------------------------------------------------------------------------------ argmax, argmin
def _place_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    (x,) = shapes
    axis, keepdims = attributes["axis"], attributes["keepdims"]
    one = None if axis is None else one_axis(axis, x)
    if 0 in (x if one is None else (x[one],)):
        raise ValueError(f"x has shape {x}: there is no element to choose along axis {axis}")
    if keepdims:
        return tuple(1 if one in (None, n) else size for n, size in enumerate(x))
    return () if one is None else tuple(size for n, size in enumerate(x) if n != one)


def _place_definition(better: str) -> Any:
    """The place that no better one has and no equal one before it; over all axes, the number of it in x."""

    def definition(signature: Signature) -> str:
        rank, axis = signature.ranks[0], signature["axis"]
        chosen = tuple(range(rank)) if axis is None else (one_axis(axis, rank),)
        names = letters(rank + len(chosen), avoid="x")
        places, others = names[:rank], list(names[:rank])
        for n, other in zip(chosen, names[rank:], strict=True):
            others[n] = other
        own, rival = ([index[n] for n in chosen] for index in (places, others))
        first = f"{at('x', others)} {better} {at('x', places)}"
        if chosen:
            first += f" or {at('x', others)} == {at('x', places)} and {numbered(rival, own)} < {numbered(own, own)}"
        before = f"sum(1{over(rival)} if {first})" if chosen else "0"
        out = [
            "0" if n in chosen else index for n, index in enumerate(places) if signature["keepdims"] or n not in chosen
        ]
        value = f"sum({numbered(own, own)}{over(own)} if {before} == 0)" if chosen else "0 if x > 0 else 0"
        return f"{at('y', out)} = {value}"

    return definition


def _placed(name: str, function: Any, better: str, doc: str) -> Op:
    def forward(x: Any, axis: int | None, keepdims: bool) -> Any:
        shape = _place_shape([x.shape], {"axis": axis, "keepdims": keepdims})
        one = None if axis is None else one_axis(axis, x.shape)
        return noted(_filled, shape, x, options=(function, one))

    rule = Rule(forward, None)
    return Op(
        name, ("x",), _place_definition(better), _place_shape, *rule.pair, doc,
        {"axis": Attribute(None, optional(integer())), "keepdims": KEEPDIMS}, fixed=("x",), analytic=False,
        convention=f"the first of equals; nan comes before all others; {NOTHING}",
    )  # fmt: skip


def _filled(x: Array, function: Any, axis: int | None, out: Array) -> None:
    out[...] = function(x, axis).reshape(out.shape)


# ------------------------------------------------------------------------------------------------------------- one_hot
def _hot_definition(signature: Signature) -> str:
    *where, c = letters(signature.out_rank, avoid="x")
    return f"{at('y', [*where, c])} = 1 if {at('labels', where)} == {c} else 0"


@operation
def hot(labels: Any, classes: int) -> Any:
    """1 at the class of each label, 0 beside it."""
    return noted(_fill_hot, (*labels.shape, classes), labels, dtype=labels.trace.emit.dtype)


def _fill_hot(labels: Array, out: Array) -> None:
    out[...] = labels[..., None] == np.arange(out.shape[-1])


# --------------------------------------------------------------------------------------------------------- masked_fill
def _masked_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    if shapes[2]:
        raise ValueError(f"value has shape {shapes[2]}: it must be a single number, () (where takes any)")
    return broadcast(("x", "mask", "value"))(shapes, attributes)


_MASKED = Rule(
    lambda x, mask, value: np.where(mask != 0, value, x),
    lambda g, y, x, mask, value: np.where(mask != 0, 0, g),
    None,
    lambda g, y, x, mask, value: np.where(mask != 0, g, 0),
)

OPS = (
    _connective("logical_and", "a != 0 and b != 0", np.logical_and, "1 where a and b are true, else 0.",
                symbol="{0} and {1}"),
    _connective("logical_or", "a != 0 or b != 0", np.logical_or, "1 where a is true, or b, else 0.",
                symbol="{0} or {1}"),
    _connective("logical_xor", "a != 0 and b == 0 or a == 0 and b != 0", np.not_equal,
                "1 where one of a and b is true, else 0."),
    unary(
        "logical_not",
        "y = 1 if x == 0 else 0",
        lambda x: _truth(x == 0),
        None,
        "1 where x is 0, else 0.",
        fixed=("x",),
        symbol="not {0}",
        convention=NOTHING,
    ),
    _kind("isnan", "x != x", _isnan, "1 where x is nan, which is not equal to itself, else 0."),
    _kind("isinf", "x == x and x - x != 0", _isinf, "1 where x is inf or -inf, which minus itself is not 0, else 0."),
    _kind("isfinite", "x - x == 0", _isfinite, "1 where x is neither nan nor infinite, else 0."),
    _placed("argmax", np.argmax, ">", "The place of the largest element along an axis, or in all of x."),
    _placed("argmin", np.argmin, "<", "The place of the smallest element along an axis, or in all of x."),
    Op(
        "one_hot",
        ("labels",),
        _hot_definition,
        lambda shapes, attributes: (*shapes[0], attributes["classes"]),
        *Rule(hot, None).pair,
        "For each label a row of `classes` numbers: 1 at its place, else 0.",
        {"classes": Attribute(None, integer(1), required=True)},
        fixed=("labels",),
        analytic=False,
        convention=f"a label that is none of the classes has zeros; {NOTHING}",
    ),
    Op(
        "masked_fill",
        ("x", "mask", "value"),
        "y = value if mask != 0 else x",
        _masked_shape,
        *_MASKED.pair,
        "A number where the mask is not 0, else x.",
        elementwise=True,
        broadcasts=True,
        shape_before_unbroadcast=full,
        fixed=("mask",),
        convention="what is behind the mask, nan and inf, too, has a gradient of 0",
    ),
)  # fmt: skip
