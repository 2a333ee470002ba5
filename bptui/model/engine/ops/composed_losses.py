"""Losses that are graphs of primitives: gaussian_nll, multilabel_soft_margin, dice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, pi
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Compares, Composite, Signature
from bptui.model.engine.ops.common import at, flag, letters, real, require_equal, total
from bptui.model.engine.ops.pointwise import finished, reduced, reduction, trailing

Use = Callable[..., Any]
_REDUCTION = {"reduction": reduction()}


# -------------------------------------------------------------------------------------------------------- gaussian_nll
def _gaussian(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    p, t, *given = inputs
    require_equal(("prediction", "target"), [p.shape, t.shape])
    square = use("square", use("sub", p, t, name="away"), name="square")
    parts = _by_variance(use, square, p, given[0], attributes) if given else square
    each = use("mul", parts, 0.5, name="each")
    if attributes["full"]:
        each = use("add", each, 0.5 * log(2 * pi), name="each_in_full")
    return finished(use, each, attributes["reduction"])


def _by_variance(use: Use, square: Any, p: Any, var: Any, attributes: Attributes) -> Any:
    """log(var) + square/var."""
    if var.shape and var.shape == p.shape[:-1]:
        var = use("reshape", var, name="spread", shape=(*var.shape, 1))
    fits = len(var.shape) == len(p.shape) and all(n in (1, m) for n, m in zip(var.shape, p.shape, strict=True))
    if var.shape and not fits:
        raise ValueError(
            f"prediction has shape {p.shape} and var has shape {var.shape}: var is a number, has that shape (an axis "
            "may have size 1), or all of its axes but the last"
        )
    missing = use("detach", use("sub", attributes["eps"], var, name="below_eps"), name="missing")
    raised = use("add", var, missing, name="raised")
    safe = use("where", use("greater_equal", var, attributes["eps"], name="enough"), var, raised, name="var_safe")
    return use("add", use("log", safe, name="log_var"), use("div", square, safe, name="in_var"), name="parts")


def _var_axes(shapes: Sequence[Shape]) -> tuple[tuple[int, ...], ...]:
    """Where the variance has size 1 and the prediction has more."""
    p, _, *given = shapes
    return (
        (),
        (),
        *(tuple(axis for axis, size in enumerate(var) if len(var) == len(p) and size == 1 != p[axis]) for var in given),
    )


def _gaussian_definition(signature: Signature) -> str:
    indices = letters(signature.ranks[0])
    away = f"{at('prediction', indices)} - {at('target', indices)}"
    constant = "/2 + log(2*pi)/2" if signature["full"] else "/2"
    if len(signature.ranks) < 3:
        return reduced(f"({away})**2{constant}", indices, signature)
    stretched = signature.stretched[2]
    own = indices[: signature.ranks[2]]  # all, all but the last, or none
    read = at("var", ["0" if axis in stretched else i for axis, i in enumerate(own)])
    kept = at("v", own)
    helper = f"{kept} = {read} if {read} >= eps else {read} + detach(eps - {read})"
    return f"{helper}; {reduced(f'(log({kept}) + ({away})**2/{kept}){constant}', indices, signature)}"


# ---------------------------------------------------------------------------------------------- multilabel_soft_margin
def _soft(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, t, *weight = inputs
    require_equal(("logits", "target"), [x.shape, t.shape])
    if not x.shape:
        raise ValueError("logits has shape (): it must have an axis, the last, of classes")
    for w in weight:
        trailing("logits", x.shape, "weight", w.shape)
    each = use("bce_with_logits", x, t, name="each", reduction="none")
    for w in weight:
        each = use("mul", each, w, name="weighed")
    return finished(use, use("mean", each, name="of_classes", axis=-1), attributes["reduction"])


def _soft_definition(signature: Signature) -> str:
    lead = letters(signature.ranks[0] - 1, avoid="k")
    row = [*lead, "k"]
    x = at("logits", row)
    weight = ""
    if len(signature.ranks) > 2:
        weight = f"{at('weight', row[len(row) - signature.ranks[2] :])}*"
    term = f"sum({weight}(log(1 + exp({x})) - {at('target', row)}*{x}) for k in K)/K"
    return reduced(term, lead, signature)


# ---------------------------------------------------------------------------------------------------------------- dice
def _dice(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    p, t = inputs
    require_equal(("probs", "target"), [p.shape, t.shape])
    axes = tuple(range(min(1, len(p.shape) - 1), len(p.shape)))
    if not axes:
        raise ValueError("probs has shape (): it must have an axis to sum over")
    shared = use("sum", use("mul", p, t, name="products"), name="shared", axis=axes)
    both = use("add", *(use("sum", x, name=f"{n}_size", axis=axes) for n, x in (("probs", p), ("target", t))),
               name="both")  # fmt: skip
    top = use("add", use("mul", shared, 2.0, name="twice"), attributes["smooth"], name="top")
    share = use("div", top, use("add", both, attributes["smooth"], name="below"), name="share")
    return finished(use, use("sub", 1.0, share, name="each"), attributes["reduction"])


def _dice_definition(signature: Signature) -> str:
    indices = letters(signature.ranks[0])
    lead, inner = (indices[:1], indices[1:]) if len(indices) > 1 else ([], indices)
    p, t = at("probs", indices), at("target", indices)
    top = f"2*{total(f'{p}*{t}', inner)} + smooth"
    return reduced(f"1 - ({top})/({total(p, inner)} + {total(t, inner)} + smooth)", lead, signature)


COMPOSITES = (
    Composite(
        "gaussian_nll",
        ("prediction", "target", "var?"),
        _gaussian,
        _gaussian_definition,
        "How unlikely the target is of a normal distribution, whose mean and variance are predicted: a variance for "
        "each number, one for all, or one for each row (left out: 1); `full` adds log(2π)/2.",
        {"full": Attribute(False, flag), "eps": Attribute(1e-6, real(0), static=False), **_REDUCTION},
        convention="a variance counts as eps at least, and its gradient passes there as if it did not; the mean over "
        "all elements",
        stretched=_var_axes,
        compares=Compares("number", "number", bounded=False),
    ),
    Composite(
        "multilabel_soft_margin",
        ("logits", "target", "weight?"),
        _soft,
        _soft_definition,
        "The binary cross-entropy of sigmoid(logits), the mean over the classes (the last axis); with or without a "
        "weight of each class.",
        _REDUCTION,
        fixed=("weight",),
        convention="the mean over the classes counts them, not their weights; the mean over samples",
        compares=Compares("logit", "bit", entropy=True),
    ),
    Composite(
        "dice",
        ("probs", "target"),
        _dice,
        _dice_definition,
        "1 less the share of what two regions have in common, 2·Σ p·t/(Σ p + Σ t), for each sample (axis 0; a vector "
        "is one).",
        {"smooth": Attribute(1.0, real(0), static=False), **_REDUCTION},
        convention="smooth is added above and below the line; the mean over samples",
        compares=Compares("probability", "bit"),
    ),
)  # fmt: skip
