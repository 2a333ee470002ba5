"""Normalisations, as graphs of primitives (center, divide by the spread, scale, shift), each with a card of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from bptui.model.base.types import Attributes, Shape
from bptui.model.engine.ops.base import Attribute, Composite, Signature
from bptui.model.engine.ops.common import EPS, at, flag, integer, letters, product, real, total
from bptui.model.engine.ops.running import MOMENTUM

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
        if trailing and parameter.shape:
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
    names = ("weight", "bias", "running_mean", "running_var")
    own = [(name, given) for name, given in zip(names, rest, strict=False) if given.shape or name not in names[:2]]
    _require(x.shape, [name for name, _ in own], [given for _, given in own], x.shape[1:2], "one number per channel")
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


def _following(use: Use, inputs: Sequence[Any], attributes: Attributes) -> dict[str, Any]:
    """The running statistics after a training step."""
    x, *rest = inputs
    if not attributes["training"]:
        return {}
    given = zip(("running_mean", "running_var"), rest[2:], strict=False)
    return {name: use(name, x, state, momentum=attributes["momentum"]) for name, state in given}


def _instance_norm(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, *rest = inputs
    if len(x.shape) < 3:
        raise ValueError(f"x has shape {x.shape}: it must have at least three axes (samples, channels, length)")
    _require(x.shape, ("weight", "bias"), rest, x.shape[1:2], "one number per channel")
    normalized = _normalise(use, x, tuple(range(2, len(x.shape))), attributes["eps"])
    return _scale_shift(use, normalized, rest, len(x.shape) - 2)


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


# ---------------------------------------------------------------------------------------- definitions of the whole
def _scaled(ranks: Sequence[int], own: Sequence[str]) -> str:
    """`*weight[j] + bias[j]`, each where given; one of no axes is one number for all."""
    weight, bias = (at(name, own if len(ranks) > n and ranks[n] else []) for n, name in ((1, "weight"), (2, "bias")))
    return (f"*{weight}" if len(ranks) > 1 else "") + (f" + {bias}" if len(ranks) > 2 else "")


def _normal(signature: Signature, lead: Sequence[str], x: str, bound: Sequence[str], own: Sequence[str]) -> str:
    """The statements of a normalisation: over the indices `bound` of the element `x`, by sample or channel `lead`; m is
    the mean, v the variance, `own` the indices of weight and bias."""
    return _divided(signature, at("m", lead), at("v", lead), own, (x, bound, "", product(bound)))


def _divided(
    signature: Signature, m: str, v: str, own: Sequence[str], moments: tuple[str, Sequence[str], str, str]
) -> str:
    """`y = (x - m)/sqrt(v + eps)`, after what m and v are: (element, indices, condition, how many they are)."""
    (x, bound, same, size), out = moments, letters(signature.out_rank, avoid="mv")
    made = f"{m} = {total(x, bound, same)}/{size}; {v} = {total(f'({x} - {m})**2', bound, same)}/{size}; "
    return f"{made}{at('y', out)} = ({at('x', out)} - {m})/sqrt({v} + eps){_scaled(signature.ranks, own)}"


def _samples(signature: Signature) -> tuple[list[str], list[str], list[str]]:
    """Of a norm over the last axes: the indices of a sample, those of weight and bias, and others for the sums."""
    ranks, out = signature.ranks, letters(signature.out_rank, avoid="mv")
    count = ranks[1] if len(ranks) > 1 else 1
    return out[: len(out) - count], out[len(out) - count :], letters(len(out) + count, avoid="mv")[len(out) :]


def _layer_definition(signature: Signature) -> str:
    """m: the mean, v: the variance of a sample."""
    lead, own, bound = _samples(signature)
    return _normal(signature, lead, at("x", [*lead, *bound]), bound, own)


def _rms_definition(signature: Signature) -> str:
    """v: the mean square of a sample."""
    lead, own, bound = _samples(signature)
    out, v = [*lead, *own], at("v", lead)
    return (
        f"{v} = {total(at('x', [*lead, *bound]) + '**2', bound)}/{product(bound)}; "
        f"{at('y', out)} = {at('x', out)}/sqrt({v} + eps){_scaled(signature.ranks, own)}"
    )


def _batch_definition(signature: Signature) -> str:
    """m: the mean, v: the variance of a channel over the batch; not in training, the running ones."""
    out = letters(signature.out_rank, avoid="mv")
    channel = out[1]
    if not signature["training"]:
        above = f"{at('y', out)} = ({at('x', out)} - running_mean[{channel}])"
        return f"{above}/sqrt(running_var[{channel}] + eps){_scaled(signature.ranks, [channel])}"
    first, _, *rest = letters(2 * len(out), avoid="mv")[len(out) :]
    return _normal(signature, [channel], at("x", [first, channel, *rest]), [first, *rest], [channel])


def _instance_definition(signature: Signature) -> str:
    """m: the mean, v: the variance of a channel of a sample."""
    out = letters(signature.out_rank, avoid="mv")
    bound = letters(2 * len(out), avoid="mv")[len(out) + 2 :]
    return _normal(signature, out[:2], at("x", [*out[:2], *bound]), bound, [out[1]])


def _group_definition(signature: Signature) -> str:
    """m: the mean, v: the variance of the group of channels that a channel is in."""
    out = letters(signature.out_rank, avoid="mv")
    sample, channel = out[:2]
    other, *bound = letters(2 * len(out), avoid="mv")[len(out) + 1 :]
    size = f"({other.upper()}//groups)"
    same = f"{other}//{size} == {channel}//{size}" if signature["groups"] > 1 else ""
    count = "*".join([size if same else other.upper(), *(i.upper() for i in bound)])
    moments = at("x", [sample, other, *bound]), [other, *bound], same, f"({count})"
    return _divided(signature, at("m", out[:2]), at("v", out[:2]), [channel], moments)


COMPOSITES = (
    Composite(
        "layer_norm",
        ("x", "weight?", "bias?"),
        _layer_norm,
        _layer_definition,
        "Each sample with mean 0 and variance 1 over its last axes, then scaled and shifted.",
        {"eps": EPS},
        convention="the variance is divided by N, eps is inside the root",
    ),
    Composite(
        "rms_norm",
        ("x", "weight?"),
        _rms_norm,
        _rms_definition,
        "Each sample divided by its root mean square over the last axes, then scaled.",
        {"eps": Attribute(1e-6, real(), static=False)},
        convention="eps is inside the root",
    ),
    Composite(
        "batch_norm",
        ("x", "weight?", "bias?", "running_mean?", "running_var?"),
        _batch_norm,
        _batch_definition,
        "Each channel (axis 1) with mean 0 and variance 1 over the batch, then scaled and shifted. In training running "
        "statistics that are given are moved by the batch's and carried to the next training step, else they are used.",
        {"eps": EPS, "training": Attribute(True, flag), "momentum": MOMENTUM},
        fixed=("running_mean", "running_var"),
        convention="in training the batch's own variance, divided by N, is used, and N - 1 for the running one; eps is "
        "inside the root",
        states=("running_mean", "running_var"),
        following=_following,
    ),
    Composite(
        "instance_norm",
        ("x", "weight?", "bias?"),
        _instance_norm,
        _instance_definition,
        "Each channel of each sample with mean 0 and variance 1, then scaled and shifted.",
        {"eps": EPS},
        convention="the variance is divided by N, eps is inside the root",
    ),
    Composite(
        "group_norm",
        ("x", "weight?", "bias?"),
        _group_norm,
        _group_definition,
        "Each group of channels of a sample with mean 0 and variance 1, then scaled and shifted.",
        {"groups": Attribute(1, integer(1), required=True), "eps": EPS},
        convention="the variance is divided by N, eps is inside the root",
    ),
)
