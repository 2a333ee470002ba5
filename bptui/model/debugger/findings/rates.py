"""The learning rate, by what a step of the optimizer did against what its gradient promised. (Rules 4 and 9.)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.debugger.findings.change import Change, remedy
from bptui.model.debugger.findings.finding import Finding, Measured, Remedy
from bptui.model.debugger.findings.probe import Step
from bptui.model.debugger.findings.settings import ADAPTIVE
from bptui.model.debugger.findings.subject import LONG, Subject, tenths
from bptui.model.debugger.findings.symptoms import STILL, constant_answer, solved
from bptui.model.debugger.findings.trial import trained

FAR, STEPS = -10.0, 3
"""ρ below which one step is enough to say that it overshot; else two of so many that follow each other."""
PROMISE = 1e-6
"""Least part of the loss that a step has to promise for ρ to be a number about the rate, and not about rounding."""
STRAIGHT, TENFOLD = 0.85, 10.0
"""ρ of a step that many times as long, from which on it could have been longer."""
HALF = 0.5
"""ρ at the lowest point along the step of a parabola: of a step that suits."""
SHORTER = tuple(2.0**-n for n in range(1, 31))
LONGER = (1000.0, 100.0, 10.0)
EARLIER, LATER, SETTLING = (0, 10), (10, 20), ("rmsprop", "adagrad")
"""Training steps whose pace is looked at; of optimizers whose first steps are many times as long as those to come."""
SOON = 4.0
"""So many times the loss promised in the steps planned: more than healthy trainings need."""
GREW = 2.0
"""A loss so many times the first is looked at for an overshoot, too."""
SOURCE = "real over promised change of the loss (the ratio of trust regions); limits from healthy networks"


def overshot(step: Step) -> float | None:
    """ρ of a step where it says something about its length; -inf where the loss ended there; None where it does not."""
    promised, loss = step.promised, step.loss
    if not np.isfinite(loss):
        return None
    if not np.isfinite(promised) or promised >= 0 or abs(promised) <= PROMISE * abs(loss):
        return None
    rho = step.rho()
    return rho if np.isfinite(rho) else -np.inf


def high(subject: Subject) -> Iterator[Finding]:
    """Steps past the lowest point along them, so far that the loss rose; or nothing learnt, and half of it at a tenth
    of the rate, as a trial says (momentum overshoots later)."""
    for first in _starts(subject):
        ratios: dict[int, float] = {}
        for k in range(first, min(first + STEPS, subject.steps)):
            step = subject.step(k)
            rho = None if step is None else overshot(step)
            if rho is not None:
                ratios[k] = rho
        past = [k for k, rho in ratios.items() if rho < 0]
        far = [k for k in past if ratios[k] < FAR]
        if (far and not solved(subject)) or (past and harmed(subject, len(past))):
            yield _high(subject, ratios, (far or past)[0])
            return
    yield from _slower(subject)


def _slower(subject: Subject) -> Iterator[Finding]:
    """Where nothing is learnt: would it be at a tenth of the rate?"""
    if not subject.graph.params or subject.steps < LONG or not np.isfinite(subject.losses).all() or subject.explained:
        return
    last, first, constant = tenths(subject.losses)[1], float(subject.losses[0]), constant_answer(subject)
    if last < STILL * min(first, first if constant is None else constant):
        return
    reached = with_rate(subject, 1 / TENFOLD)
    if not reached < HALF * last:
        return
    rate = subject.network.optimizer.learning_rate / TENFOLD
    yield _of_rate(
        subject,
        "high",
        f"at a tenth of the rate the same steps reach {significant(reached, 3)}, not {significant(last, 3)}",
        measured=Measured(reached / last, HALF, "a trial on the same seed"),
        evidence=(f"the first loss is {significant(first, 3)}",),
        remedies=(remedy("a tenth of the rate", Change("optimizer.learning_rate", float(f"{rate:.2g}"))),),
    )


def _of_rate(subject: Subject, kind: str, said: str, **rest: Any) -> Finding:
    """A warning that the rate is `kind`; `rest` is what it was seen by, and what helps."""
    place, first = ("optimizer.learning_rate", "optimizer"), subject.graph.params[0].name
    return Finding(f"learning-rate-{kind}", "warning", place, said, node=first, phase="update", **rest)


def harmed(subject: Subject, times: int) -> bool:
    """Did the training suffer from steps that went too far at its beginning? (First steps of Adam often do.) The loss
    is that of a constant answer; or no lower than it was after one of them, or not half of it after several; or
    shorter steps would have reached less than half of it, as a trial says."""
    losses = subject.losses
    if len(losses) < LONG:
        return times > 1 and subject.network.optimizer.kind not in ADAPTIVE
    if not np.isfinite(losses).all():
        return True
    last, first = tenths(losses)[1], float(losses[0])
    constant = constant_answer(subject)
    if last > (HALF if times > 1 else STILL) * first or (constant is not None and last >= STILL * constant):
        return True
    return not solved(subject) and _shorter(subject) < HALF * last


def _shorter(subject: Subject) -> float:
    """The loss that is reached with the largest of the shorter rates at which the first step does not overshoot."""
    step = subject.step(0)
    factor = None if step is None else step.largest(SHORTER, HALF)
    if factor is None:
        return np.inf
    return with_rate(subject, factor)


def with_rate(subject: Subject, factor: float) -> float:
    """The loss that the same steps reach with so many times the rate; inf where that takes too long to be tried."""
    optimizer = subject.network.optimizer
    other = replace(optimizer, learning_rate=factor * optimizer.learning_rate)
    history = replace(subject.network, optimizer=other).history()
    if trained(history, subject.steps, lambda done, total: subject.progress.tick()) < subject.steps:
        return np.inf
    return tenths(np.asarray(history.losses[: subject.steps]))[1]


def _starts(subject: Subject) -> list[int]:
    """Where three steps are looked at: at the first, and where the loss has grown."""
    losses = subject.losses
    with np.errstate(all="ignore"):
        grown = np.flatnonzero(losses[1:] > GREW * np.abs(losses[0]))
    return [0, *([max(1, int(grown[0]) - 1)] if len(grown) else [])]


def _high(subject: Subject, ratios: dict[int, float], at: int) -> Finding:
    step = subject.step(at)
    assert step is not None
    rate = subject.network.optimizer.learning_rate
    suits = step.largest(SHORTER, HALF)
    promised, actual = step.promised, step.actual()
    remedies: list[Remedy] = []
    if suits is not None:
        better = float(f"{suits * rate:.2g}")
        change = Change("optimizer.learning_rate", better)
        remedies.append(remedy(f"{significant(suits, 2)} × the rate: there ρ is ½ or more", change))
    optimizer = subject.network.optimizer
    if optimizer.rule.room is not None:
        if optimizer.line_search_fn == "none":
            remedies.append(remedy("a line search", Change("optimizer.line_search_fn", "strong_wolfe")))
    elif optimizer.clip_norm is None:
        remedies.append(remedy("no step longer than its gradient of length 1", Change("optimizer.clip_norm", 1.0)))
    rho = ratios[at]
    seen = ["ρ at training step " + ", ".join(f"{k}: {significant(ratio, 3)}" for k, ratio in ratios.items())]
    if suits is not None:
        seen.append(f"at {significant(suits, 2)} × the step ρ would be {significant(step.rho(suits), 3)}")
    return _of_rate(
        subject,
        "high",
        f"the step overshot: ΔL = {significant(promised, 3)} promised, {significant(actual, 3)} came",
        training_step=at,
        measured=Measured(rho, FAR if rho < FAR else 0.0, SOURCE),
        evidence=tuple(seen),
        remedies=tuple(remedies),
    )


def low(subject: Subject) -> Iterator[Finding]:
    """Steps that could be ten times as long and still follow their gradient, and do not get there in the steps
    planned; where that is less clear, a trial of ten times the rate has to reach less than half of the loss."""
    if subject.steps >= LONG and halved(subject):
        return
    planned = max(subject.branch.planned, subject.steps)
    looked = LATER if subject.network.optimizer.kind in SETTLING else EARLIER
    promises, ratios = [], []
    for k in sorted({min(step, subject.steps - 1) for step in looked}):
        step = subject.step(k)
        if step is None or not np.isfinite(step.loss) or not step.loss > 0 or not step.promised < 0:
            return
        promises.append(planned * abs(step.promised) / step.loss)
        ratios.append(step.rho(TENFOLD))
    told: tuple[str, ...] = ()
    if not (max(promises) < 1 and min(ratios) >= STRAIGHT):
        near = max(promises) < SOON and min(ratios) >= (STRAIGHT if max(promises) >= 1 else HALF)
        if not near or subject.steps < LONG:
            return
        last, reached = tenths(subject.losses)[1], with_rate(subject, TENFOLD)
        if not reached < HALF * last:
            return
        told = (f"at ten times the rate {significant(reached, 3)}, not {significant(last, 3)}",)
    yield _low(subject, promises[0], min(ratios), told)


def halved(subject: Subject) -> bool:
    """Was half of what there was to learn learnt: of the first loss, or of that of a constant answer?"""
    first, constant = float(subject.losses[0]), constant_answer(subject)
    return bool(tenths(subject.losses)[1] <= HALF * min(first, first if constant is None else constant))


def _low(subject: Subject, promise: float, rho: float, told: tuple[str, ...]) -> Finding:
    step = subject.step(0)
    assert step is not None
    planned = max(subject.branch.planned, subject.steps)
    longer = step.largest(LONGER, HALF) or TENFOLD
    rate = longer * subject.network.optimizer.learning_rate
    return _of_rate(
        subject,
        "low",
        f"at this pace {planned} steps gain {significant(100 * promise, 3)} % of the loss, and "
        f"a tenfold step would still be right",
        measured=Measured(rho, HALF if told else STRAIGHT, SOURCE),
        evidence=(
            f"ΔL = {significant(step.promised, 3)} promised, {significant(step.actual(), 3)} came",
            f"ρ at {significant(longer)} times the step: {significant(step.rho(longer), 3)}",
            *told,
        ),
        remedies=(
            remedy(
                f"{significant(longer)} × the rate: there ρ is ½ or more",
                Change("optimizer.learning_rate", rate),
            ),
        ),
    )
