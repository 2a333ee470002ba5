"""What tells that something is wrong without telling what: the first loss, and a loss that does
not fall. (Rules 11 and 17.)"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import numpy as np

from bptui.model.base import numbers
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.structure import Loss
from bptui.model.debugger.findings.subject import LONG, Subject, tenths
from bptui.model.engine.graph import Node

GUESS, MORE = 4.0, 2.0
"""A first loss above 4 times that of guessing and 2 more is far from guessing."""
STILL, SOLVED = 0.98, 0.02
"""Last tenth over first tenth of the losses from which on it did not fall; over the loss of a constant answer."""


def guessing(subject: Subject) -> float | None:
    """The loss of guessing: ln C, ln 2."""
    loss = subject.structure.loss
    if loss is None or loss.prediction is None or loss.reduction != "mean" or loss.by_hand:
        return None
    if not loss.compares.entropy:
        return None
    if loss.compares.target == "bit":
        return log(2)
    return log(max(loss.prediction.shape[1], 2)) if len(loss.prediction.shape) > 1 else None


def first_loss(subject: Subject) -> Iterator[Finding]:
    """A first loss far from guessing, exactly 0, or below what its kind can be."""
    loss = subject.structure.loss
    if loss is None:
        return
    first, guess = _first(subject, loss.node), guessing(subject)
    place = tuple(dict.fromkeys(("loss", loss.node.name)))
    far = guess is not None and np.isfinite(first) and first > GUESS * guess + MORE
    if far and guess is not None and not _tempered(subject, loss):
        yield Finding(
            "initial-loss", "warning", place,
            f"the first loss is {numbers.significant(first, 3)}, guessing costs {numbers.significant(guess, 3)}",
            node=loss.node.name,
            measured=Measured(first, GUESS * guess + MORE, "TheDeepChecker; Karpathy's recipe"),
        )  # fmt: skip
    if first == 0:
        text = "the first loss is exactly 0: there is nothing to learn"
        yield Finding("initial-loss", "note", place, text, node=loss.node.name, measured=Measured(0.0, source="exact"))
    below = np.flatnonzero(subject.losses < 0)
    if loss.compares.bounded and not loss.by_hand and len(below):
        yield Finding(
            "unbounded-loss", "error", place,
            f"{loss.kind} is {numbers.significant(float(subject.losses[below[0]]), 3)}: it cannot be below 0",
            node=loss.node.name, training_step=int(below[0]),
            measured=Measured(float(subject.losses[below[0]]), 0.0, "exact"),
        )  # fmt: skip


def _tempered(subject: Subject, loss: Loss) -> bool:
    """Are the scores of a captured step times a number, as cosines are: is a guess meant to be sure of itself?"""
    node = loss.prediction
    if subject.captured is None or node is None or node.op is None or node.op.name not in ("mul", "div"):
        return False
    return any(side.role == "const" for side in subject.structure.inputs(node))


def _first(subject: Subject, loss: Node) -> float:
    """The first loss; of a captured step what its criterion gave, whatever it was multiplied by for a gradient scaler
    or an accumulation."""
    given = None if subject.captured is None or loss.shape else subject.recording(0).value(loss)
    return float(subject.losses[0]) if given is None else float(given)


def constant_answer(subject: Subject) -> float | None:
    """The loss of the best answer that is the same for every sample: the variance, the entropy of the targets."""
    loss, targets = subject.structure.loss, subject.targets
    if loss is None or targets is None or loss.reduction != "mean" or not targets.values.ndim:
        return None
    values = np.asarray(targets.values, np.float64)
    if loss.kind in ("mse", "half_mse"):
        return float(np.mean(np.var(values, axis=0))) * (1.0 if loss.kind == "mse" else 0.5)
    if loss.compares.entropy and loss.compares.target == "class":
        shares = np.unique(targets.values, return_counts=True)[1] / targets.values.size
        return float(-(shares * np.log(shares)).sum())
    if loss.compares.entropy and loss.compares.target == "bit" and (values.min() >= 0 and values.max() <= 1):
        mean = np.clip(values.mean(0), 1e-12, 1 - 1e-12)
        return float(np.mean(-mean * np.log(mean) - (1 - mean) * np.log(1 - mean)))
    if loss.kind == "mae":
        return float(np.mean(np.abs(values - np.median(values, axis=0))))
    return None


def solved(subject: Subject) -> bool:
    """Has nearly nothing remained of the loss of the best constant answer?"""
    constant = constant_answer(subject)
    return constant is not None and bool(tenths(subject.losses)[1] < SOLVED * constant)


def stands(subject: Subject) -> bool:
    """Has the loss come to stand at that of the best constant answer?"""
    constant, losses = constant_answer(subject), subject.losses
    if constant is None or len(losses) < LONG or not np.isfinite(losses).all():
        return False
    first, last = tenths(losses[len(losses) // 2 :])
    return abs(last - constant) < (1 - STILL) * constant and last > STILL * first


def not_falling(subject: Subject) -> Iterator[Finding]:
    """A loss that ends where it began, above that of a constant answer; or that stands at it."""
    loss = subject.structure.loss
    if loss is None or not np.isfinite(subject.losses).all():
        return
    first, last = tenths(subject.losses)
    constant = constant_answer(subject)
    if last < STILL * first:
        return
    above = constant is None or last > (2 - STILL) * constant
    if constant is not None and last < STILL * constant:
        return
    told = () if constant is None else (f"the best constant answer costs {numbers.significant(constant, 4)}",)
    yield Finding(
        "not-learning",
        "warning" if above else "note",
        tuple(dict.fromkeys(("loss", loss.node.name))),
        f"the loss does not fall: {numbers.significant(first, 4)} in the first tenth of {subject.steps} steps, "
        f"{numbers.significant(last, 4)} in the last",
        node=loss.node.name,
        training_step=subject.steps - 1,
        measured=Measured(last / first if first else None, STILL, "TheDeepChecker"),
        evidence=(*told, "can it learn one batch by heart? if not it is the network, else the data"),
    )
