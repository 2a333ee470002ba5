"""Numbers of a branch, training step by training step, as the search for stops reads them."""

from __future__ import annotations

import ast
import math
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from bptui.model.base.types import Array
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.stops import conditions, intervals
from bptui.model.engine.graph import Node
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import NOTHING, Gradient, State
from bptui.model.engine.summary import Summary
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
        return self.branch.history.recording(self.number, lambda done, total: self.progress.tick())

    @cached_property
    def summary(self) -> Summary | None:
        """What is known of it without running it again."""
        return self.branch.history.summary(self.number)

    @property
    def finite(self) -> bool:
        """Are all its numbers finite, for certain?"""
        if self.branch.finite(self.number):
            return True
        if self.summary is not None:
            return self.summary.finite
        self.branch.nonfinite(self.recording)  # which keeps that it is
        return self.recording.finite is True

    def extremes(self, what: Literal["value", "grad"]) -> tuple[float, float] | None:
        """As `Recording.extremes`."""
        if self.summary is None:
            return self.recording.extremes(what)
        return self.summary.value if what == "value" else self.summary.grad

    @property
    def loss(self) -> float:
        """Its loss, which is kept where it was trained: nothing of it has to be run again. Raises Cancelled."""
        history = self.branch.history
        if history.steps <= self.number:
            history.advance(self.number + 1, lambda done, total: self.progress.tick())
        return float(history.losses[self.number])

    def moment(self, index: int) -> Moment:
        """The Moment of that index."""
        return self.branch.timeline.at(self.number, index)

    @property
    def before(self) -> Step | None:
        """The training step before this one."""
        return Step(self.branch, self.number - 1, self.progress) if self.number else None


class LossAlone:
    """The numbers for an expression that reads none but the loss (nor the learning rate)."""

    def __init__(self, step: Step, moment: Moment) -> None:
        self._step, self._place = step, step.branch.timeline.index(moment)
        self.recording = conditions.Named(step.number, math.nan)

    def value(self, node: Node) -> Array | None:
        """The loss, from its Moment on."""
        written = self._step.branch.timeline.written_at(node.id)
        return np.asarray(self._step.loss) if self._place >= written else None

    def gradient(self, node: Node) -> Gradient:
        """None: nothing that is read has one."""
        return NOTHING


class Reading:
    """An expression in one branch: its numbers, and at which Moments of a training step they can change."""

    def __init__(self, expression: expressions.Expression, branch: Branch) -> None:
        self.expression, self.branch = expression, branch
        self._kept: OrderedDict[tuple[int, int], Array | None] = OrderedDict()
        names = {
            part.id for part in ast.walk(expression.tree) if isinstance(part, ast.Name)
        } - branch.graph.called.keys()
        self._settings = names & {"step", "lr"}
        loss = ("value", branch.graph.nodes[branch.graph.loss].name)
        aliases = {("value", name) for name, node in branch.graph.called.items() if node.id == branch.graph.loss}
        self._loss_alone = "lr" not in names and expression.reads <= {loss, *aliases, ("shape", "")}
        self._loss_names = {name for _, name in aliases} | ({"loss"} - branch.graph.called.keys())

    @property
    def varies(self) -> bool:
        """Can its number ever be another one than before?"""
        trained = self.branch.walk.last is None and "step" in self._settings
        scheduled = self.branch.network.optimizer.schedule is not None
        edited = (bool(self.branch.edits) or scheduled) and "lr" in self._settings
        return trained or edited or self.branch.changes(self.expression.reads)

    @cached_property
    def changes(self) -> Sequence[int]:
        """The indexes, ascending, from each of which on its number stays as it is up to the next; the first is 0."""
        timeline, found = self.branch.timeline, {0}
        for what, name in self.expression.reads:
            if not name:
                return range(timeline.length)
            node = self.branch.graph.called[name].id
            if what == "value":
                found |= {timeline.written_at(node), *timeline.places("update", node)}
            elif what != "shape":
                found |= {timeline.seed_at, *(arrival.place for arrival in timeline.arrivals(node))}
        return sorted(place for place in found if place < timeline.length)

    def possible(self, step: Step) -> bool:
        """Can it be true at any Moment of a training step? No means no; yes, that it has to be asked at each."""
        known = self._known(step)
        return known is None or intervals.possible(self.expression.tree, known)

    def settled(self, step: Step) -> float | None:
        """The one number that it has at all Moments of a training step at which it has any; None where that is not
        certain, or would be as much work as to ask."""
        known = self._known(step) if step.summary is not None else None
        return None if known is None else intervals.settled(self.expression.tree, known)

    @cached_property
    def _bounded(self) -> bool:
        """Are there intervals for it? Not where a tensor is empty; for the loss alone its number is as near."""
        return not self._loss_alone and all(0 not in node.shape for node in self.branch.graph.nodes)

    def _known(self, step: Step) -> dict[str, intervals.Interval] | None:
        """Where what it reads lies in a training step; None where that is not known."""
        if not self._bounded:
            return None
        known = {"step": intervals.exactly(step.number)} if "step" in self._settings else {}
        if "lr" in self._settings:
            known["lr"] = intervals.exactly(step.recording.rate)
        for what, names in self._ranges.items():
            found = step.extremes(what)
            if found is None:
                return None
            known |= dict.fromkeys(names, intervals.Interval(*found, not step.finite))
        return known | dict.fromkeys(self._loss_names, intervals.exactly(step.loss))

    @cached_property
    def _ranges(self) -> dict[Literal["value", "grad"], list[str]]:
        """The names that it reads, by where their numbers lie: among all values, among all gradients. Of what is given
        nothing is known, nor of a gradient before all of it is in."""
        graph, timeline = self.branch.graph, self.branch.timeline
        found: dict[Literal["value", "grad"], list[str]] = {}
        for what, name in self.expression.reads:
            node = graph.called[name] if name else None
            if what == "value" and (node is None or node.op is not None or node.role == "param"):
                found.setdefault("value", []).append(name or what)
            elif what in ("grad", "upstream") and (node is None or len(timeline.arrivals(node.id)) == 1):
                found.setdefault("grad", []).append(f"grad({name})" if name else what)
        return found

    @cached_property
    def _begins(self) -> int:
        """Before this index it has no number."""
        needed = [each for each in conditions.needs(self.expression) if each[1]]
        return conditions.there_from(needed, self.branch.timeline)

    def at(self, step: Step, index: int) -> Array | None:
        """Its number at a Moment, None where it needs one that is not there yet."""
        since = self.changes[bisect_right(self.changes, index) - 1]
        key = step.number, since
        if since < self._begins:
            return None
        if key not in self._kept:
            self._kept[key] = self._evaluate(step, step.moment(since))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _evaluate(self, step: Step, moment: Moment) -> Array | None:
        step.progress.tick()
        node = self.branch.timeline.node(moment)
        state = LossAlone(step, moment) if self._loss_alone else State(step.recording, moment)
        try:
            value = self.expression.evaluate(state, node, step.progress.tick)
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
