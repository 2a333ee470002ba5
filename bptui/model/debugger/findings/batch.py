"""What the batch of a captured step tells by itself: whether its targets depend on its inputs, and how far its loss
went, or did not go, in the step that was taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod, sqrt

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.base.types import Array
from bptui.model.debugger.findings.captured import of
from bptui.model.debugger.findings.change import Change, remedy
from bptui.model.debugger.findings.finding import Finding, Measured, Remedy
from bptui.model.debugger.findings.scaled import scale_of
from bptui.model.debugger.findings.subject import Subject, rms
from bptui.model.debugger.findings.symptoms import GUESS, MORE, SOLVED, constant_answer

LONGER_LOSS, RISE = 2.0, "the loss of the same batch with the parameters of before and after"
"""So many times the loss of before is a step too long."""
THROWN, TIMES = 0.1, 8.0
"""Part of their own size by which a step moves the weights, in the midst of a training; so many times the loss."""
SHORTER = tuple(2.0**-n for n in range(1, 31))
SHORT, LONGER, STRAIGHT, BEGUN, COUNTS = 1e-5, 1000.0, 0.85, 20, 0.01
"""Part of the loss up to which a step promises too little; so many times as long it is still straight: ρ of that; from
which training step on a rate that a schedule makes is looked at, so that no warm-up is meant; part of the loss that
|gradient|·|parameters| is at least."""
WAIT, HARDLY, UNLIKELY, DEPEND, MOST_SAMPLES, SHUFFLES = 100, 0.9, 0.05, 20, 128, 199
"""Training steps after which a loss that is still so much of a constant answer's says something; the share of shuffled
targets beyond which these are as if shuffled; samples that it takes, and that are looked at; how often it is tried."""


def independent(subject: Subject) -> Iterator[Finding]:
    """Late in a training, a loss that is hardly below that of a constant answer, and a batch in which targets depend on
    inputs no more than when they are shuffled."""
    number, constant = of(subject).record.step.about.get("step"), constant_answer(subject)
    targets, loss = subject.targets, float(subject.losses[0])
    if not isinstance(number, int) or number < WAIT or constant is None or targets is None or loss < HARDLY * constant:
        return
    x = next((data for data in subject.inputs if len(data.values) == len(targets.values)), None)
    if x is None or len(x.values) < DEPEND:
        return
    y = targets.values
    classes = (y.reshape(-1, 1) == np.unique(y)).astype(np.float64) if targets.node.whole and y.ndim == 1 else y
    share = chance(x.values, classes)
    if share <= UNLIKELY:
        return
    yield Finding(
        "data-dependence", "warning", ("data.targets", "loss", *subject.structure.places(targets.node)),
        f"after {number} training steps the loss is {significant(loss, 3)}, that of a constant answer "
        f"{significant(constant, 3)}; in this batch nothing in the inputs tells the targets",
        node=targets.node.name,
        measured=Measured(share, UNLIKELY, "distance correlation (Szekely 2007), against shuffled targets"),
        evidence=(f"{significant(100 * share, 3)} % of shuffled targets depend on the inputs as much as these",),
        advice=("are inputs and targets in the same order? shuffle both by one permutation",),
    )  # fmt: skip


def chance(x: Array, y: Array) -> float:
    """The share of shuffled targets whose distance covariance with the inputs is as large as that of the given ones.
    Distances are Euclidean, between samples; of at most MOST_SAMPLES, columns of inputs by their standard deviation."""
    a, b = (np.asarray(each, np.float64).reshape(len(each), -1)[:MOST_SAMPLES] for each in (x, y))
    spread = a.std(0)
    a, b = _centred((a - a.mean(0)) / np.where(spread > 0, spread, 1)), _centred(b)
    random = np.random.default_rng(0)
    orders = (random.permutation(len(b)) for _ in range(SHUFFLES))
    given = float((a * b).sum())
    return float(np.mean([(a * b[np.ix_(order, order)]).sum() >= given for order in orders]))


def _centred(points: Array) -> Array:
    squares = np.square(points).sum(1)
    distances = np.sqrt(np.maximum(squares + squares[:, None] - 2 * points @ points.T, 0))
    rows = distances.mean(0)
    return np.asarray(distances - rows - rows[:, None] + rows.mean())


# ------------------------------------------------------------------------------------------- how far the loss went
def overshot(subject: Subject) -> Iterator[Finding]:
    """A step after which the loss of its own batch is twice what it was, recomputed in float64."""
    step = subject.taken
    if step is None or not step.promised < 0:
        return
    before, after = step.at(0.0), step.at(1.0)
    constant, rates = constant_answer(subject), _rates(subject)
    if not before > 0 or after <= LONGER_LOSS * before or (constant is not None and after < SOLVED * constant):
        yield from _thrown(subject, before, constant, rates)
        return
    suits = step.largest(SHORTER)
    remedies: tuple[Remedy, ...] = ()
    if suits is not None and len(rates) == 1:
        made = remedy("the same step, shorter", Change("optimizer.learning_rate", float(f"{suits * rates[0]:.2g}")))
        remedies = (replace(made, loss_before=after, loss_after=step.at(suits)),)
    times = scale_of(subject)
    told = f"the loss was multiplied by {significant(times)} before backward(), and nothing divided the gradients"
    yield Finding(
        "learning-rate-high", "warning", ("optimizer.learning_rate", "optimizer"),
        f"the step overshot: the loss of this batch goes from {significant(before, 4)} to "
        f"{significant(after, 4)}",
        node=subject.graph.params[0].name, phase="update", measured=Measured(after / before, LONGER_LOSS, RISE),
        evidence=(f"ΔL = {significant(step.promised, 3)} promised by g·Δw",
                  *(f"learning rate {significant(rate)}" for rate in rates), *((told,) if times >= TIMES else ())),
        remedies=remedies, rule="rate high",
    )  # fmt: skip


def _rates(subject: Subject) -> list[float]:
    """The learning rates of the step."""
    options = [group.options for update in of(subject).record.step.updates for group in update.groups]
    return sorted({float(each["lr"]) for each in options if isinstance(each.get("lr"), int | float)})


def _thrown(subject: Subject, loss: float, constant: float | None, rates: list[float]) -> Iterator[Finding]:
    """In the midst of a training, a loss that is far above that of a constant answer, and a step that moves the weights
    by a good part of their size: steps before it, as long, have brought it there."""
    if subject.first or constant is None or not loss > GUESS * constant + MORE:
        return
    recording = subject.recording(0)
    moved = [
        rms(after - before) / rms(before)
        for node in subject.graph.params
        if len(node.shape) > 1
        and rms(before := recording.before(node))
        and (after := recording.after(node)) is not None
    ]
    share = float(np.median(moved)) if moved else 0.0
    if share < THROWN:
        return
    yield Finding(
        "learning-rate-high", "warning", ("optimizer.learning_rate", "optimizer"),
        f"the loss is {significant(loss, 3)}, that of a constant answer {significant(constant, 3)}, and each step "
        f"moves the weights by {significant(100 * share, 2)} % of their size", rule="rate high",
        node=subject.graph.params[0].name, phase="update",
        measured=Measured(share, THROWN,
                          "‖Δw‖/‖w‖ is about a thousandth (Karpathy); a tenth is no healthy network's here"),

        evidence=tuple(f"learning rate {significant(rate)}" for rate in rates),
        advice=("a rate that is a tenth, or a hundredth",),
    )  # fmt: skip


def pace(subject: Subject) -> Iterator[Finding]:
    """Before anything is learnt, a step that promises next to nothing of the loss, and could be a thousand times as
    long."""
    step, constant = subject.taken, constant_answer(subject)
    if step is None or constant is None or not step.promised < 0:
        return
    before = step.at(0.0)
    promise = abs(step.promised) / before if before > 0 else 1.0
    if (
        promise > SHORT
        or not _counts(subject, before)
        or before < HARDLY * constant
        or not step.rho(LONGER) >= STRAIGHT
    ):
        return
    options = [group.options for update in of(subject).record.step.updates for group in update.groups]
    number = of(subject).record.step.about.get("step")
    if any("initial_lr" in each for each in options) and not (isinstance(number, int) and number >= BEGUN):
        return
    rates = _rates(subject)
    begun = [f"it began at {significant(float(each['initial_lr']))}" for each in options[:1]
             if isinstance(each.get("initial_lr"), int | float)]  # fmt: skip
    yield Finding(
        "learning-rate-low", "warning", ("optimizer.learning_rate", "optimizer"),
        f"the loss is that of a constant answer, a step promises {significant(promise, 2)} of it, and one that is a "
        "thousand times as long would still be right",
        node=subject.graph.params[0].name, phase="update", measured=Measured(promise, SHORT, RISE),
        evidence=(*(f"learning rate {significant(rate)}" for rate in rates), *begun,
                  f"ρ at {significant(LONGER)} times the step: {significant(step.rho(LONGER), 3)}"),
        advice=("a larger rate" if not begun else "a schedule that goes down more slowly",),
    )  # fmt: skip


def _counts(subject: Subject, loss: float) -> bool:
    """Would the loss be another if the parameters were: is it not the gradient that is too small?"""
    recording = subject.recording(0)
    sizes = [
        (rms(recording.grad(node)), rms(recording.before(node)), prod(node.shape)) for node in subject.graph.params
    ]
    gradient, weight = (sqrt(sum(size[i] ** 2 * size[2] for size in sizes)) for i in (0, 1))
    return gradient * weight >= COUNTS * loss
