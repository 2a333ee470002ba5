"""Connectionist temporal classification (Graves et al. 2006): ctc, a graph of ctc_step and ctc_end.

A label in time is any row of classes that becomes the labels when equal neighbours are made one and blanks are left
out. `alpha[s]` is the logarithm of the probability of all rows up to now that end at place s of: blank, first label,
blank, second label, …, blank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptui.model.base.types import Array, Attributes, Shape
from bptui.model.engine.calls import Backward, Emit
from bptui.model.engine.ops.base import Attribute, Bounds, Composite, Op, Signature
from bptui.model.engine.ops.common import at, contiguous, flag, integer, rows
from bptui.model.engine.ops.logic import hot
from bptui.model.engine.ops.pointwise import finished, reduction

Use = Callable[..., Any]
NEVER = -1e30
"""The logarithm of 0: whose exponential is 0, and with which one can go on computing."""
BEYOND = 1e20
"""From here on a loss is that of what is impossible."""
BLANK = Attribute(0, integer(0))


# ------------------------------------------------------------------------------------------------------------ ctc_step
def _step_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    alpha, logs, labels = shapes
    if len(labels) not in (1, 2) or alpha != (*labels[:-1], 2 * labels[-1] + 1) or logs[:-1] != labels[:-1]:
        raise ValueError(
            f"alpha has shape {alpha}, log_probs {logs} and labels {labels}: alpha must be (samples, 2·labels + 1), "
            "log_probs (samples, classes), labels (samples, labels), or all of them without samples"
        )
    if attributes["blank"] >= logs[-1]:
        raise ValueError(f"blank is {attributes['blank']}, log_probs has shape {logs}: it must be one of the classes")
    return alpha


def _step_definition(signature: Signature) -> str:
    lead = ["n"][: signature.ranks[0] - 1]
    here, before, skipped = (at("alpha", [*lead, s]) for s in ("s", "s - 1", "s - 2"))
    count = f"labels.shape[{len(lead)}]"  # the rest of a division by it: of places that are not looked at another one
    label = at("labels", [*lead, f"(s//2) % {count}"])
    last = at("labels", [*lead, f"(s//2 + {count} - 1) % {count}"])
    whole = at("whole", [*lead, "s"])
    own, blank = at("log_probs", [*lead, label]), at("log_probs", [*lead, signature["blank"]])
    return (
        f"{whole} = exp({here}) + (exp({before}) if s >= 1 else 0) + "
        f"(exp({skipped}) if s % 2 == 1 and s >= 3 and {label} != {last} else 0); "
        f"{at('y', [*lead, 's'])} = log({whole}) + ({own} if s % 2 == 1 else {blank})"
    )


def _labels_bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
    return {"labels": (0, shapes[1][-1])}


def _step(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    alpha, logs, labels = (rows(contiguous(emit, array)) for array in inputs)
    shares = emit.temp((3, *alpha.shape))
    places = emit.temp(alpha.shape, np.intp)
    emit(_advance, alpha, logs, labels, attributes["blank"], shares, places, rows(out))
    return shares, places


def _advance(alpha: Array, logs: Array, labels: Array, blank: int, shares: Array, places: Array, out: Array) -> None:
    places[...] = blank
    places[:, 1::2] = labels
    shares[...] = -np.inf
    shares[0] = alpha
    shares[1][:, 1:] = alpha[:, :-1]
    np.copyto(shares[2][:, 3::2], alpha[:, 1:-2:2], where=labels[:, 1:] != labels[:, :-1])
    out[...] = _shared(shares) + np.take_along_axis(logs, places, 1)


def _shared(logs: Array) -> Array:
    """The logarithm of the sum of exponentials along axis 0; in their place what each has of it (of a sum of 0: 0)."""
    top = logs.real.max(0)
    top = np.where(np.isfinite(top), top, 0)
    np.exp(logs - top, logs)
    whole = logs.sum(0)
    np.divide(logs, whole, logs, where=whole != 0)
    return np.asarray(np.log(whole) + top)


def _step_vjp(emit: Emit, ctx: Backward) -> None:
    shares, places = ctx.saved
    g = rows(contiguous(emit, ctx.upstream))
    if ctx.into[0] is not None:
        emit(_pass_back, shares, g, rows(ctx.into[0]))
    if ctx.into[1] is not None:
        emit(_collect, places, g, rows(ctx.into[1]))


def _pass_back(shares: Array, g: Array, d: Array) -> None:
    """What has no share, as a path that may not skip a blank, gets none of ∞ either."""
    passed = np.where(shares != 0, shares * g, 0)
    d[...] = passed[0]
    d[:, :-1] += passed[1][:, 1:]
    d[:, :-2] += passed[2][:, 2:]


def _collect(places: Array, g: Array, d: Array) -> None:
    d[...] = 0
    np.add.at(d, (np.arange(len(d))[:, None], places), g)


# ------------------------------------------------------------------------------------------------------------- ctc_end
def _end_shape(shapes: Sequence[Shape], attributes: Attributes) -> Shape:
    alpha, lengths = shapes
    if not alpha or lengths != alpha[:-1]:
        raise ValueError(f"alpha has shape {alpha} and lengths has shape {lengths}: it must have shape {alpha[:-1]}")
    return lengths


def _end_definition(signature: Signature) -> str:
    lead = ["n"][: signature.ranks[0] - 1]
    length = at("lengths", lead)
    last, before = at("alpha", [*lead, f"2*{length}"]), at("alpha", [*lead, f"2*{length} - 1"])
    text = f"-log(exp({last}) + (exp({before}) if {length} >= 1 else 0))"
    return f"{at('y', lead)} = {text}" + (f"/({length} if {length} >= 1 else 1)" if signature["by_length"] else "")


def _lengths_bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
    return {"lengths": (0, (shapes[0][-1] + 1) // 2)}


def _end(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    alpha, lengths = rows(contiguous(emit, inputs[0])), inputs[1].reshape(-1)
    shares = emit.temp((2, len(alpha)))
    emit(_ended, alpha, lengths, attributes["by_length"], shares, out.reshape(-1))
    return shares


def _ended(alpha: Array, lengths: Array, by_length: bool, shares: Array, out: Array) -> None:
    samples, last = np.arange(len(alpha)), 2 * lengths
    shares[0] = alpha[samples, last]
    shares[1] = np.where(lengths > 0, alpha[samples, np.maximum(last - 1, 0)], -np.inf)
    out[...] = -_shared(shares)
    if by_length:
        out /= np.maximum(lengths, 1)


def _end_over_nodes(g: Any, y: Any, alpha: Any, lengths: Any, by_length: bool) -> Any:
    """Of each of both ends the share that it has of what is likely."""
    places = alpha.shape[-1]
    said = hot(lengths, classes=(places + 1) // 2)
    ends = np.take(said, (np.arange(places) + 1) // 2, len(lengths.shape)) > 0
    if by_length:
        count = (said * np.maximum(np.arange(said.shape[-1]), 1.0)).sum(-1)
        g, y = g / count, y * count
    return np.where(ends, -(g[..., None] * np.exp(alpha + y[..., None])), 0)


def _end_vjp(emit: Emit, ctx: Backward) -> None:
    g = contiguous(emit, ctx.upstream).reshape(-1)
    emit(_give_ends, ctx.saved, g, ctx.inputs[1].reshape(-1), ctx.attributes["by_length"], rows(ctx.d))


def _give_ends(shares: Array, g: Array, lengths: Array, by_length: bool, d: Array) -> None:
    samples = np.arange(len(d))
    if by_length:
        g = g / np.maximum(lengths, 1)
    d[...] = 0
    d[samples, 2 * lengths] = -shares[0] * g
    d[samples, np.maximum(2 * lengths - 1, 0)] -= np.where(lengths > 0, shares[1] * g, 0)


# ----------------------------------------------------------------------------------------------------------------- ctc
def _ctc(use: Use, inputs: Sequence[Any], attributes: Attributes) -> Any:
    x, labels, *lengths = inputs
    if len(x.shape) not in (2, 3) or not x.shape[0] or not labels.shape or x.shape[1:-1] != labels.shape[:-1]:
        raise ValueError(
            f"log_probs has shape {x.shape} and labels has shape {labels.shape}: log_probs must be (moments, samples, "
            "classes) and labels (samples, labels), or both without samples"
        )
    alpha = _before(use, x, labels)
    for moment in range(x.shape[0]):
        now = use("slice", x, name=f"logs{moment}", index=f"[{moment}]")
        after = use("ctc_step", alpha, now, labels, name=f"alpha{moment}", blank=attributes["blank"])
        if lengths:
            lasts = use("greater", lengths[0], float(moment), name=f"lasts{moment}")
            lasts = use("reshape", lasts, name=f"lasts_row{moment}", shape=(*x.shape[1:-1], 1))
            after = use("where", lasts, after, alpha, name=f"kept{moment}")
        alpha = after
    each = _ended_in(use, alpha, labels, lengths[1:], attributes["reduction"] == "mean")
    never = use("greater", each, BEYOND, name="never")
    instead = 0.0 if attributes["zero_infinity"] else use("log", use("sub", 1.0, never, name="ever"), name="logs_never")
    if not attributes["zero_infinity"]:
        instead = use("neg", instead, name="infinite")
    each = use("where", never, instead, each, name="each")
    return finished(use, each, attributes["reduction"])


def _before(use: Use, x: Any, labels: Any) -> Any:
    """Before the first moment: at the first blank, whatever comes; nowhere else."""
    first = use("slice", x, name="first", index="[0, ..., :1]")
    start = use("greater", first, -NEVER, name="start")  # 0, without a gradient
    width = (*((0, 0),) * (len(x.shape) - 2), (0, 2 * labels.shape[-1]))
    return use("pad", start, name="before", pad_width=width, value=NEVER)


def _ended_in(use: Use, alpha: Any, labels: Any, lengths: Sequence[Any], by_length: bool) -> Any:
    """Minus the logarithm of what ends at the last label or the blank after it; divided by the number of labels."""
    if not lengths:
        each = use("neg", use("logsumexp", use("slice", alpha, name="ends", index="[..., -2:]"), name="log", axis=-1),
                   name="unlikely")  # fmt: skip
        return use("div", each, float(max(labels.shape[-1], 1)), name="of_labels") if by_length else each
    return use("ctc_end", alpha, lengths[0], name="unlikely", by_length=by_length)


OPS = (
    Op(
        "ctc_step",
        ("alpha", "log_probs", "labels"),
        _step_definition,
        _step_shape,
        _step,
        _step_vjp,
        "One moment of ctc: of each place of blank, label, blank, …, the logarithm of what comes there: from the place "
        "itself, the one before, or the label before where it is another one.",
        {"blank": BLANK},
        indices=("labels",),
        bounds=_labels_bounds,
    ),
    Op(
        "ctc_end",
        ("alpha", "lengths"),
        _end_definition,
        _end_shape,
        _end,
        _end_vjp,
        "The end of ctc: minus the logarithm of what ends at the last label or at the blank after it; by_length: "
        "divided by the number of labels, at least 1.",
        {"by_length": Attribute(False, flag)},
        indices=("lengths",),
        bounds=_lengths_bounds,
        over_nodes=(_end_over_nodes,),
    ),
)

COMPOSITES = (
    Composite(
        "ctc",
        ("log_probs", "labels", "input_lengths?", "target_lengths?"),
        _ctc,
        "",
        "How unlikely the labels (samples, labels) are, where log_probs (moments, samples, classes) say what comes at "
        "each moment: over all rows of classes that become the labels when equal neighbours are made one and blanks "
        "left out. With or without the lengths of each. It has no definition in one go, each of its steps has.",
        {"blank": BLANK, "zero_infinity": Attribute(False, flag), "reduction": reduction()},
        indices=("labels", "target_lengths"),
        fixed=("input_lengths",),
        convention="the mean over samples, each divided by the number of its labels; inf, with a gradient of 0, where "
        "the moments are too few for the labels, or 0 with zero_infinity; the gradient is the derivative by log_probs, "
        "to which PyTorch adds exp(log_probs), which a log_softmax before it takes off again",
    ),
)
