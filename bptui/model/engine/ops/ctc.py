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
from bptui.model.engine.ops.pointwise import finished, reduction

Use = Callable[..., Any]
NEVER = -1e30
"""The logarithm of 0: whose exponential is 0, and with which one can go on computing."""
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
    shares[...] = NEVER
    shares[0] = alpha
    shares[1][:, 1:] = alpha[:, :-1]
    np.copyto(shares[2][:, 3::2], alpha[:, 1:-2:2], where=labels[:, 1:] != labels[:, :-1])
    top = shares.real.max(0)
    np.exp(shares - top, shares)
    whole = shares.sum(0)
    shares /= whole
    out[...] = np.log(whole) + top + np.take_along_axis(logs, places, 1)


def _step_vjp(emit: Emit, ctx: Backward) -> None:
    shares, places = ctx.saved
    g = rows(contiguous(emit, ctx.upstream))
    if ctx.into[0] is not None:
        emit(_pass_back, shares, g, rows(ctx.into[0]))
    if ctx.into[1] is not None:
        emit(_collect, places, g, rows(ctx.into[1]))


def _pass_back(shares: Array, g: Array, d: Array) -> None:
    d[...] = shares[0] * g
    d[:, :-1] += (shares[1] * g)[:, 1:]
    d[:, :-2] += (shares[2] * g)[:, 2:]


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
    return f"{at('y', lead)} = -log(exp({last}) + (exp({before}) if {length} >= 1 else 0))"


def _lengths_bounds(shapes: Sequence[Shape], attributes: Attributes) -> Bounds:
    return {"lengths": (0, (shapes[0][-1] + 1) // 2)}


def _end(emit: Emit, inputs: Sequence[Array], out: Array, attributes: Attributes) -> Any:
    alpha, lengths = rows(contiguous(emit, inputs[0])), inputs[1].reshape(-1)
    shares = emit.temp((2, len(alpha)))
    emit(_ended, alpha, lengths, shares, out.reshape(-1))
    return shares


def _ended(alpha: Array, lengths: Array, shares: Array, out: Array) -> None:
    samples, last = np.arange(len(alpha)), 2 * lengths
    shares[0] = alpha[samples, last]
    shares[1] = np.where(lengths > 0, alpha[samples, np.maximum(last - 1, 0)], NEVER)
    top = shares.real.max(0)
    np.exp(shares - top, shares)
    whole = shares.sum(0)
    shares /= whole
    out[...] = -(np.log(whole) + top)


def _end_vjp(emit: Emit, ctx: Backward) -> None:
    g = contiguous(emit, ctx.upstream).reshape(-1)
    emit(_give_ends, ctx.saved, g, ctx.inputs[1].reshape(-1), rows(ctx.d))


def _give_ends(shares: Array, g: Array, lengths: Array, d: Array) -> None:
    samples = np.arange(len(d))
    d[...] = 0
    d[samples, 2 * lengths] = -shares[0] * g
    d[samples, np.maximum(2 * lengths - 1, 0)] -= np.where(lengths > 0, shares[1] * g, 0)


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
        "The end of ctc: minus the logarithm of what ends at the last label or at the blank after it.",
        indices=("lengths",),
        bounds=_lengths_bounds,
    ),
)
