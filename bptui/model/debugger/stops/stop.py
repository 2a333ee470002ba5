"""Where the search for the next stop may end: breakpoints, watches, findings. One protocol for all.

A stop says where in ONE training step it stops first, and evaluates nothing at Moments where its answer cannot have
changed. Whether it stops at a Moment depends on that Moment alone, not on where one comes from: going back visits the
same Moments as going forward. What a user sets is in `breakpoints`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bptui.model.debugger.stops.reading import Step
from bptui.model.engine.nonfinite import NonFinite

NUMERIC = ("numeric", "numeric given")
"""Rules whose findings are stopped at without a diagnosis: where NaN and inf arise, or are first read."""


@dataclass(frozen=True)
class Hit:
    """A stop, found: the index of its Moment, what is said there, the number that it is about where it is one, which
    finding of the diagnosis it is; (node, element) of the number that changed."""

    index: int
    note: str
    style: str = "text"
    finding: NonFinite | None = None
    chosen: int | None = None
    element: tuple[int, tuple[int, ...]] | None = None


class Stop(ABC):
    """Anything that the search ends at."""

    @abstractmethod
    def find(self, step: Step, span: range) -> Hit | None:
        """The first of the Moments `span`, ascending or descending, of a training step, at which it stops."""


class NonFiniteNumbers(Stop):
    """NaN and inf where they arise, but for those that the user said are meant (`wanted`)."""

    def find(self, step: Step, span: range) -> Hit | None:
        if step.finite:
            return None
        found = step.branch.nonfinite(step.recording)
        while (place := first_of(found.suspects, span)) is not None:
            step.progress.tick()
            origin = found.get(place)
            if origin is not None:
                meant = "" if np.isnan(origin.number) else "; if it is meant, :wanted passes over it"
                return Hit(place, origin.text + meant, "fail", origin)
            span = range(place + span.step, span.stop, span.step)
        return None


class Diagnosed(Stop):
    """Warnings and errors of the branch's diagnosis, once it was made, at the Moments that they are about. NaN and inf
    are left to NonFiniteNumbers."""

    def find(self, step: Step, span: range) -> Hit | None:
        diagnosis = step.branch.diagnosis
        if diagnosis is None:
            return None
        found: dict[int, list[int]] = {}
        for number, finding in enumerate(diagnosis.findings):
            if finding.training_step == step.number and finding.severity != "note" and finding.rule not in NUMERIC:
                found.setdefault(step.branch.place_of(finding), []).append(number)
        index = first_of(sorted(found), span)
        if index is None:
            return None
        note = "; ".join(diagnosis.findings[number].text for number in found[index])
        if any(diagnosis.findings[number].remedies for number in found[index]):
            note += "; findings says what helps"
        return Hit(index, note, "kink", chosen=found[index][0])


class FailedChecks(Stop):
    """Derivatives and updates whose check failed, as far as checks were made (`Branch.checked`)."""

    def find(self, step: Step, span: range) -> Hit | None:
        if not step.branch.failed and not step.branch.apart:
            return None
        found = step.branch.failures(step.number)
        index = first_of(sorted(found), span)
        if index is None:
            return None
        phase = step.branch.timeline.events[index].phase
        what = {"forward": "value", "backward": "derivative", "update": "update"}[phase]
        return Hit(index, f"the {what} of {found[index].name} failed its check", "fail")


FINDINGS: tuple[Stop, ...] = (NonFiniteNumbers(), FailedChecks())
"""Where `continue` stops by itself."""


def first_of(indexes: Sequence[int], span: range) -> int | None:
    """The first of some ascending indexes that lies in `span`, in its direction."""
    if not span:
        return None
    k = bisect_left(indexes, span.start) if span.step > 0 else bisect_right(indexes, span.start) - 1
    return indexes[k] if 0 <= k < len(indexes) and indexes[k] in span else None
