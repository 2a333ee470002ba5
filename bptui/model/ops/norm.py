"""Normalisations, as graphs of primitives (center, divide by the spread, scale, shift), each with a card of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from bptui.model.ops.base import Attribute, Attributes, Composite, Shape
from bptui.model.ops.common import EPS, flag, integer, real

Use = Callable[..., Any]


def _normalise(use: Use, x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """(x - mean)/sqrt(variance + eps) over some axes."""
    mean = use("mean", x, name="mean", axis=axes, keepdims=True)
    centered = use("sub", x, mean, name="centered")
    squares = use("square", centered, name="squares")
    variance = use("mean", squares, name="variance", axis=axes, keepdims=True)
    return _divide(use, centered, variance, eps)


def _divide(use: Use, centered: Any, variance: Any, eps: float) -> Any:
    safe = use("add", variance, eps, name="variance_eps")
    scale = use("rsqrt", safe, name="inverse_std")
    return use("mul", centered, scale, name="normalized")


def _scale_shift(use: Use, x: Any, rest: Sequence[Any], trailing: int = 0) -> Any:
    """x·weight + bias, each where given; per channel where `trailing` axes follow the channels."""
    for name, parameter in zip(("scaled", "y"), rest, strict=False):
        if trailing:
            shape = (*parameter.shape, *(1,) * trailing)
            parameter = use(
                "reshape", parameter, name=f"{'weight' if name == 'scaled' else 'bias'}_column", shape=shape
            )
        x = use("mul" if name == "scaled" else "add", x, parameter, name=name)
    return x


def _require(x: Shape, names: Sequence[str], rest: Sequence[Any], wanted: Shape, why: str) -> None:
    for name, parameter in zip(names, rest, strict=False):
        if parameter.shape != wanted:
            raise ValueError(
                f"x has shape {x} and {name} has shape {parameter.shape}: {name} must have shape {wanted}, {why}"
            )


def _last_axes(x: Any, rest: Sequence[Any], names: Sequence[str]) -> tuple[int, ...]:
    """The axes of layer_norm: the last ones, as many as the weight has; without a weight the last."""
    count = len(rest[0].shape) if rest else 1
    if not x.shape or not 1 <= count <= len(x.shape):
        raise ValueError(
            f"x has shape {x.shape}"
            + (f" and weight has shape {rest[0].shape}" if rest else "")
            + ": no axis to normalise over"
        )
    _require(x.shape, names, rest, x.shape[len(x.shape) - count :], "as the last axes of x")
    return tuple(range(len(x.shape) - count, len(x.shape)))


def _layer_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, *rest = inputs
    axes = _last_axes(x, rest, ("weight", "bias"))
    return _scale_shift(use, _normalise(use, x, axes, attributes["eps"]), rest)


def _rms_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, *rest = inputs
    axes = _last_axes(x, rest, ("weight",))
    squares = use("square", x, name="squares")
    power = use("mean", squares, name="mean_square", axis=axes, keepdims=True)
    return _scale_shift(use, _divide(use, x, power, attributes["eps"]), rest)


def _batch_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, *rest = inputs
    if len(x.shape) < 2:
        raise ValueError(f"x has shape {x.shape}: it must have at least two axes (samples, channels)")
    trailing = len(x.shape) - 2
    _require(x.shape, ("weight", "bias", "running_mean", "running_var"), rest, x.shape[1:2], "one number per channel")
    if attributes["training"]:
        axes = tuple(axis for axis in range(len(x.shape)) if axis != 1)
        return _scale_shift(use, _normalise(use, x, axes, attributes["eps"]), rest[:2], trailing)
    if len(rest) != 4:
        raise ValueError("training = false needs running_mean and running_var")
    mean, variance = rest[2:]
    if trailing:
        shape = (*mean.shape, *(1,) * trailing)
        mean = use("reshape", mean, name="running_mean_column", shape=shape)
        variance = use("reshape", variance, name="running_var_column", shape=shape)
    centered = use("sub", x, mean, name="centered")
    return _scale_shift(use, _divide(use, centered, variance, attributes["eps"]), rest[:2], trailing)


def _group_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, *rest = inputs
    groups = attributes["groups"]
    if len(x.shape) < 2 or x.shape[1] % groups:
        raise ValueError(f"x has shape {x.shape}: its channels (axis 1) do not divide into {groups} groups")
    _require(x.shape, ("weight", "bias"), rest, x.shape[1:2], "one number per channel")
    parts = (x.shape[0], groups, prod(x.shape[1:]) // groups)
    grouped = use("reshape", x, name="grouped", shape=parts)
    normalized = _normalise(use, grouped, (2,), attributes["eps"])
    back = use("reshape", normalized, name="ungrouped", shape=x.shape)
    return _scale_shift(use, back, rest, len(x.shape) - 2)


COMPOSITES = (
    Composite(
        "layer_norm",
        ("x", "weight?", "bias?"),
        _layer_norm,
        "Each sample with mean 0 and variance 1 over its last axes, then scaled and shifted.",
        {"eps": EPS},
        convention="the variance is divided by N, eps is inside the root",
    ),
    Composite(
        "rms_norm",
        ("x", "weight?"),
        _rms_norm,
        "Each sample divided by its root mean square over the last axes, then scaled.",
        {"eps": Attribute(1e-6, real(0), static=False)},
        convention="eps is inside the root",
    ),
    Composite(
        "batch_norm",
        ("x", "weight?", "bias?", "running_mean?", "running_var?"),
        _batch_norm,
        "Each channel (axis 1) with mean 0 and variance 1 over the batch, then scaled and shifted.",
        {"eps": EPS, "training": Attribute(True, flag)},
        convention="in training the batch's own variance, divided by N, is used; eps is inside the root",
    ),
    Composite(
        "group_norm",
        ("x", "weight?", "bias?"),
        _group_norm,
        "Each group of channels of a sample with mean 0 and variance 1, then scaled and shifted.",
        {"groups": Attribute(1, integer(1), required=True), "eps": EPS},
        convention="the variance is divided by N, eps is inside the root",
    ),
)
