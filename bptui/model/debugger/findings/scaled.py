"""Of a captured step, what became of the gradients between the backward pass and the update: clipped to nothing,
clipped when it was too late, or not there yet when they were clipped."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from bptui.model.base.numbers import significant
from bptui.model.debugger.findings.captured import at, of, rows
from bptui.model.debugger.findings.finding import Finding, Measured
from bptui.model.debugger.findings.settings import ADAPTIVE, CLIPPED
from bptui.model.debugger.findings.subject import Subject
from bptui.model.source.captured.record import Event, Site, Step

SUITS, LITTLE = 0.5, 1e-4
"""ρ of a step by the whole gradient from which on nothing had to be taken from it: the lowest point of a parabola.
Part of the loss up to which a step promises too little."""
SCALES = ("_foreach_mul_", "_foreach_clamp_min_", "_foreach_clamp_max_", "mul_", "div_", "clamp_", "clip_")
"""Functions that clip in place."""
PLACE = ("optimizer.clip_norm", "optimizer")


def clipping(subject: Subject) -> Iterator[Finding]:
    """Gradients of which clipping leaves next to nothing, though the whole of them were no step too far; a clipping
    that no update sees, because there was no gradient yet, or the optimizer had stepped already."""
    yield from _little(subject)
    step = of(subject).record.step
    late = _late(step)
    if late is not None:
        yield _useless(f"gradients are clipped{at(late.site)} when the optimizer has stepped: the next ones are not")
    early = step.about.get("clipped")
    if isinstance(early, list) and len(early) == 3 and step.updates:
        name, file, line = early
        where = at(Site(str(file), line)) if isinstance(line, int) else ""
        yield _useless(f"{name}{where} found no gradient: it ran before backward()")


def _useless(text: str) -> Finding:
    return Finding(
        "clipping", "warning", PLACE, text, phase="update", measured=Measured(0.0, 0.0, "exact"),
        evidence=("what the optimizer used is what the backward pass gave",),
        advice=("clip between loss.backward() and optimizer.step()",),
    )  # fmt: skip


def _late(step: Step) -> Event | None:
    """What scales gradients of before in place, in vain: none of them is used, or carried on."""
    used = {row.grad for _, row in rows(step)} | {v for backward in step.backwards for v in backward.carried.values()}
    for event in step.events:
        if event.name.rpartition(".")[2] not in SCALES or not event.notes.get("no_grad") or not event.changed:
            continue
        old = all(step.values[value].source == "torch.Tensor.grad" for value in event.changed)
        if old and used.isdisjoint(event.changed.values()) and all(b.after > event.id for b in step.backwards):
            return event
    return None


def _little(subject: Subject) -> Iterator[Finding]:
    recording = of(subject)
    step = recording.record.step
    used = came = 0.0
    for update, row in rows(step):
        passes = [b for b in step.backwards if row.value in b.grads and b.after <= update.after]
        if update.skipped or row.grad is None or len(passes) != 1 or row.value in passes[0].carried:
            continue
        ours, theirs = recording.record.array(row.grad), recording.record.array(passes[0].grads[row.value])
        if ours is not None and theirs is not None:
            used += float(np.sum(np.square(ours.astype(np.float64))))
            came += float(np.sum(np.square(theirs.astype(np.float64))))
    scale = scale_of(subject)
    share = scale * sqrt(used / came) if came and np.isfinite(came) else 1.0
    taken = subject.taken
    if not 0 < share < CLIPPED or subject.network.optimizer.kind in ADAPTIVE or taken is None:
        return
    if not -LITTLE * abs(taken.loss) < taken.promised < 0 or not taken.rho(1 / share) >= SUITS:
        return
    size = significant(sqrt(came) / scale, 3)
    yield Finding(
        "clipping", "warning", PLACE,
        f"clipping leaves {significant(100 * share, 3)} % of the gradient, and a step by all of it were not too long",
        phase="update", measured=Measured(share, CLIPPED, "measured on healthy networks"),
        evidence=(
            f"the gradient's size is {size}, that of what the optimizer used {significant(sqrt(used), 3)}",
            *((f"the loss was multiplied by {significant(scale)}: unscale before clipping",) if scale != 1 else ()),
            f"ρ at {significant(1 / share, 3)} times the step: {significant(taken.rho(1 / share), 3)}",
        ),
        advice=(f"a limit of {significant(2 * sqrt(came) / scale, 2)}, or none",),
    )  # fmt: skip


def scale_of(subject: Subject) -> float:
    """What the loss was multiplied by before the backward pass, for a gradient scaler: 1 where that is not known."""
    loss = subject.structure.loss
    gradient = None if loss is None or loss.node.shape else of(subject).grad(loss.node)
    found = 1.0 if gradient is None else abs(float(gradient))
    return found if np.isfinite(found) and found >= 1 else 1.0
