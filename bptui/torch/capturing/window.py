"""Which part of a record is a training step of a script: what lies between two marks."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from bptui.model.source.captured.record import Step


class Mark(NamedTuple):
    """How much of a record there was at some time."""

    events: int = 0
    backwards: int = 0
    updates: int = 0


def mark(step: Step) -> Mark:
    """All of a record, so far."""
    return Mark(len(step.events), len(step.backwards), len(step.updates))


def window(step: Step, front: Mark, back: Mark) -> Step:
    """The part of a record between two marks; events from before it stay: they may be what it is computed from."""
    return replace(
        step,
        events=step.events[: back.events],
        backwards=step.backwards[front.backwards : back.backwards],
        updates=step.updates[front.updates : back.updates],
    )


def is_bad(step: Step) -> bool:
    """Is a loss not finite?"""
    losses = (step.values[loss].stats for backward in step.backwards for loss, _ in backward.losses)
    return any(stats is not None and (stats.nan or stats.inf) for stats in losses)
