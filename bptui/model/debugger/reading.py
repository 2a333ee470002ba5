"""Numbers of a branch, training step by training step, as the search for stops reads them."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bptui.model.base.types import Array
from bptui.model.debugger import expressions
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.progress import Progress
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment

KEPT = 8
"""Values of one expression that are kept: those of the Moments around the one that is looked at."""


@dataclass
class Step:
    """One training step that is searched. Its recording is made when a stop asks for it."""

    branch: Branch
    number: int
    progress: Progress

    @cached_property
    def recording(self) -> Recording:
        """All its numbers; raises Cancelled on the way there."""
        self.branch.history.seek(self.number, lambda done, total: self.progress.tick())
        return self.branch.history.recording(self.number)

    def moment(self, index: int) -> Moment:
        """The Moment of that index."""
        return self.branch.timeline.at(self.number, index)

    @property
    def before(self) -> Step | None:
        """The training step before this one."""
        return Step(self.branch, self.number - 1, self.progress) if self.number else None


class Reading:
    """An expression in one branch: its numbers, and at which Moments of a training step they can change."""

    def __init__(self, expression: expressions.Expression, branch: Branch) -> None:
        self.expression, self.branch = expression, branch
        self._kept: OrderedDict[tuple[int, int], Array | None] = OrderedDict()

    @property
    def varies(self) -> bool:
        """Can its number ever be another one than before?"""
        trained = self.branch.walk.last is None and re.search(r"\bstep\b", self.expression.text) is not None
        return trained or self.branch.changes(self.expression.reads)

    @cached_property
    def changes(self) -> Sequence[int]:
        """The indexes, ascending, from each of which on its number stays as it is up to the next; the first is 0."""
        timeline, found = self.branch.timeline, {0}
        for what, name in self.expression.reads:
            if not name:
                return range(timeline.length)
            node = self.branch.graph.by_name[name].id
            if what == "value":
                found |= {timeline.written_at(node), *timeline.places("update", node)}
            elif what != "shape":
                found |= {timeline.seed_at, *(arrival.place for arrival in timeline.arrivals(node))}
        return sorted(place for place in found if place < timeline.length)

    def at(self, step: Step, index: int) -> Array | None:
        """Its number at a Moment, None where it needs one that is not there yet."""
        since = self.changes[bisect_right(self.changes, index) - 1]
        key = step.number, since
        if key not in self._kept:
            self._kept[key] = self._evaluate(step, step.moment(since))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _evaluate(self, step: Step, moment: Moment) -> Array | None:
        step.progress.tick()
        node = self.branch.timeline.node(moment)
        try:
            value = self.expression.evaluate(State(step.recording, moment), node, step.progress.tick)
        except expressions.NotYet:
            return None
        return np.array(value)

    def before(self, step: Step, index: int) -> Array | None:
        """The last number that it had before a Moment at which it may change, None where it had none."""
        here: Step | None = step
        for _ in range(2):  # what is not there in a whole training step is there in none
            if here is None:
                return None
            for since in reversed(self.changes[: bisect_left(self.changes, index)]):
                value = self.at(here, since)
                if value is not None:
                    return value
            here, index = here.before, self.branch.walk.length
        return None
