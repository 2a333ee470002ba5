"""Where two courses of training differ: every number that does, by how much, and the first place of divergence."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.places import unravel
from bptui.model.base.types import Array, Index
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.diff.tolerance import default
from bptui.model.debugger.progress import Progress
from bptui.model.engine.apart import change, changed_most, largest
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import Kind
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import Moment
from bptui.model.source.captured.recording import CapturedRecording

LISTED = 200
"""Differences of two training steps that can be listed, the largest."""


class Pair(NamedTuple):
    """A tensor of two recordings: `before` in the one (None where that has none of the shape), `after` in the other.
    rounding: of the largest number of either, what is no difference."""

    before: Array | None
    after: Array
    rounding: float = 0.0

    @property
    def change(self) -> Array:
        """after - before, in float64, element by element; 0 where both are the same NaN or infinity, or as good as."""
        if self.before is None:
            return np.full(self.after.shape, np.nan)
        made = change(self.before, self.after)
        return np.where(np.abs(made) <= self.least, 0.0, made) if self.rounding else made

    @property
    def least(self) -> float:
        """The largest change that is none."""
        if not self.rounding or self.before is None:
            return 0.0
        return self.rounding * max(largest(self.before), largest(self.after))

    @property
    def differs(self) -> int:
        """How many numbers do."""
        if self.before is self.after:
            return 0
        return int(np.count_nonzero(self.change))  # NaN is none


class Row(NamedTuple):
    """One number that differs: of which node, its gradient or its value, and what it is in either course; `updated`: of
    a parameter after its update."""

    node: Node
    at: Index
    gradient: bool
    before: float
    after: float
    updated: bool = False

    @property
    def kind(self) -> Kind:
        """Which of the node's numbers it is."""
        return "gradient" if self.gradient else "update" if self.updated else "value"

    @property
    def name(self) -> str:
        """`layer2.z[0,0]`, `∂L/∂layer2.z[0,0]`."""
        return f"{'∂L/∂' if self.gradient else ''}{self.node.name}{numbers.index(self.at)}"


class Part(NamedTuple):
    """A tensor of a training step: from which place on, and until which, it is there; how many of its numbers differ,
    of how many; those that differ most, each with how much, the largest first."""

    since: int
    until: int
    differs: int
    size: int
    rows: Sequence[tuple[float, Row]]


@dataclass(frozen=True)
class Differing:
    """What differs of all that is there at a Moment: `count` of `total` numbers, `rows` the largest of them in order,
    `alone` the names of what only one of the two courses has, or has in this shape; `rounding` as of a `Pair`."""

    count: int
    total: int
    rows: tuple[Row, ...]
    alone: tuple[str, ...]
    rounding: float = 0.0

    @property
    def beyond(self) -> str:
        """What is left out of the count, in a few words; "" for nothing."""
        return f" beyond rounding ({numbers.significant(self.rounding)})" if self.rounding else ""


class First(NamedTuple):
    """The first Moment that computes another number: an operation, its contributions, a parameter's new value."""

    moment: Moment
    node: Node

    @property
    def text(self) -> str:
        """`layer2.z, forward 3 of step 0`."""
        step, phase, index = self.moment
        return f"{self.node.name}, {phase} {index + 1} of step {step}"


class Difference:
    """Two recordings of a training step, `after` minus `before`. Nodes are the same where their names are. Where one is
    captured and the other recomputed in float64, what rounding makes of such a step is no difference."""

    def __init__(self, before: Recording, after: Recording) -> None:
        self.before, self.after = before, after
        recomputed = isinstance(before, CapturedRecording) != isinstance(after, CapturedRecording)
        self.rounding = default(before, after).value if recomputed else 0.0
        self._pairs: dict[tuple[int, str], Pair | None] = {}
        self._found: list[Part] | None = None

    @cached_property
    def _others(self) -> dict[int, Node]:
        """Nodes of `after` by id → those of `before`."""
        known = {node.name: node for node in self.before.graph.nodes}
        pairs = ((node, known.get(node.name)) for node in self.after.graph.nodes)
        return {node.id: other for node, other in pairs if other is not None and other.shape == node.shape}

    def value(self, node: Node, updated: bool = False) -> Pair | None:
        """The value of a node, of a parameter before or after its update."""
        return self._pair(node, "after" if updated else "value")

    def gradient(self, node: Node) -> Pair | None:
        """The gradient of a node, with all of its contributions."""
        return self._pair(node, "grad")

    def _pair(self, node: Node, what: str) -> Pair | None:
        key = node.id, what
        if key not in self._pairs:
            after = getattr(self.after, what)(node.id)
            other = self._others.get(node.id)
            before = None if other is None else after if self._one else getattr(self.before, what)(other.id)
            self._pairs[key] = self._held(before, after)
        return self._pairs[key]

    def _held(self, before: Array | None, after: Array | None) -> Pair | None:
        """None where one is not there: of a captured step not everything is recorded."""
        return None if after is None or (before is None and self.rounding) else Pair(before, after, self.rounding)

    @property
    def _one(self) -> bool:
        return self.before is self.after

    def seen(self, node: Node, state: State) -> Pair | None:
        """A node's value as far as it is there at a Moment of `after`."""
        seen, pair = state.value(node), self.value(node, state.updated(node))
        if seen is None or pair is None:
            return None
        return pair if state.recording is self.after else pair._replace(after=seen)  # of which some is hidden

    def at(self, state: State, most: int) -> Differing:
        """What differs at a Moment of `after`, `most` numbers of it (LISTED at most)."""
        place, most = state.timeline.index(state.moment), min(most, LISTED)
        parts, since, until, count, total = self._parts
        there = (since <= place) & (place < until)
        top: list[tuple[float, Row]] = []
        for part in (parts[i] for i in self._order.tolist() if there[i]):
            if len(top) >= most and part.rows[0][0] <= top[most - 1][0]:
                break  # the largest of each part come first
            top = list(islice(heapq.merge(top, part.rows, key=lambda item: -item[0]), most))
        rows = tuple(row for _, row in top)
        return Differing(int(count[there].sum()), int(total[there].sum()), rows, self._alone, self.rounding)

    def prepare(self, progress: Progress) -> None:
        """Find out what differs in every tensor, so that `at` is quick."""
        if self._found is None:
            self._found = [part for node in self.after.graph.nodes for part in self._of(node, progress)]

    def _of(self, node: Node, progress: Progress) -> Iterator[Part]:
        """The value of a node, what a parameter is after its update, its gradient: from where on each is there."""
        progress.tick()
        timeline, never = self.after.timeline, self.after.timeline.length
        if node.role == "const":
            return
        updates = timeline.places("update", node.id)
        update = updates[-1] if updates else never
        pairs = [(self.value(node), timeline.written_at(node.id), update, False)]
        pairs += [(self.value(node, True), update, never, False)] if updates else []
        if node.wants_grad:
            arrivals = timeline.arrivals(node.id) if node.id != self.after.graph.loss else ()
            complete = arrivals[-1].place if arrivals else timeline.seed_at
            pairs.append((self.gradient(node), complete, never, True))
        for pair, since, until, gradient in pairs:
            if pair is not None:
                differs = 0 if self._one else pair.differs
                rows = (
                    tuple(_largest(node, gradient, pair, since == update))
                    if differs and pair.before is not None
                    else ()
                )
                yield Part(since, until, differs, pair.after.size, rows)

    @cached_property
    def _parts(self) -> tuple[Sequence[Part], Array, Array, Array, Array]:
        """All parts, and of each since when and until when it is there, how many numbers differ, and of how many."""
        if self._found is None:
            self.prepare(Progress())
        found = self._found or []
        columns = np.array([part[:4] for part in found], np.int64).reshape(-1, 4).T
        return found, columns[0], columns[1], columns[2], columns[3]

    @cached_property
    def _order(self) -> Array:
        """The parts in which something differs that can be told, the largest change first."""
        largest = np.array([part.rows[0][0] if part.rows else -1.0 for part in self._parts[0]])
        order = np.argsort(-largest, kind="stable")
        return order[: int(np.count_nonzero(largest >= 0))]

    @cached_property
    def _alone(self) -> tuple[str, ...]:
        graphs = self.after.graph, self.before.graph
        mine, other = ({node.name: node.shape for node in each.nodes if node.role != "const"} for each in graphs)
        return tuple(name for name in {**other, **mine} if mine.get(name) != other.get(name))

    def first(self, progress: Progress) -> int | None:
        """The place of the first Moment of `after` that computes another number; None where all are the same."""
        if self._one:
            return None
        known = {(event.phase, self.before.graph.nodes[event.node].name) for event in self.before.timeline.events}
        for place, event in enumerate(self.after.timeline.events):
            progress.tick()
            node = self.after.graph.nodes[event.node]
            alone = (event.phase, node.name) not in known and not self.rounding
            if alone or any(pair.differs for pair in self._computed(node, event.phase)):
                return place
        return None

    def _computed(self, node: Node, phase: str) -> Iterator[Pair]:
        """The numbers that the Moment of a node computes."""
        if phase == "update":
            found = [self.value(node, updated=True)]
        elif phase == "forward":
            found = [self.value(node)]
        else:
            other = self._others.get(node.id)
            found = []
            for position in range(len(node.inputs)):
                after = self.after.contribution(node.id, position)
                before = None if other is None else self.before.contribution(other.id, position)
                fits = before is not None and after is not None and before.shape == after.shape
                found.append(self._held(before if fits else None, after))
        yield from (pair for pair in found if pair is not None)


def _largest(node: Node, gradient: bool, pair: Pair, updated: bool) -> Iterator[tuple[float, Row]]:
    """The numbers of a tensor that differ most, each with how much it does; NaN and infinity most of all."""
    before, after, least = pair.before, pair.after, pair.least
    assert before is not None
    for i, size in changed_most(before, after, LISTED):
        if size <= least:
            return
        at = unravel(i, after.shape)
        yield size, Row(node, at, gradient, float(before[at]), float(after[at]), updated)


class Comparison:
    """A branch held against another one, training step by training step."""

    def __init__(self, branch: Branch, base: Branch) -> None:
        self.branch, self.base = branch, base
        self.parted = _parted(branch, base)
        self.first: First | None = None
        self._scanned = self.parted
        self._last: tuple[int, Difference] | None = None

    def reach(self, step: int, progress: Progress) -> None:
        """Train the other up to a training step, and look for the first place of divergence up to there."""
        if not self._has(step):
            return
        if self._last is not None and self._last[0] == step and (self.first is not None or self._scanned > step):
            return
        for branch in (self.base, self.branch):
            branch.history.seek(step, lambda done, total: progress.tick())
            branch.history.recording(step, lambda done, total: progress.tick())
        while self.first is None and self._scanned <= step and self.branch is not self.base:
            progress.tick()
            place = self._at(self._scanned).first(progress)
            if place is not None:
                moment = self.branch.timeline.at(self._scanned, place)
                self.first = First(moment, self.branch.timeline.node(moment))
            self._scanned += 1
        self._at(step).prepare(progress)

    def rest(self) -> None:
        """Forget the numbers; what was found of the first place of divergence stays."""
        self._last = None

    def difference(self, step: int) -> Difference | None:
        """The two recordings of a training step; None where the other has none, or has not been trained so far."""
        if not self._has(step) or step > self.base.history.steps or step > self.branch.history.steps:
            return None
        return self._at(step)

    def seen(self, node: Node, state: State) -> Pair | None:
        """A node's value as far as it is there at a Moment of the branch; None where the other has no such step."""
        difference = self.difference(state.moment.step)
        return None if difference is None else difference.seen(node, state)

    def _at(self, step: int) -> Difference:
        after = self.branch.history.recording(step)
        before = self.base.history.recording(step)
        if self._last is None or self._last[0] != step or self._last[1].after is not after:
            self._last = step, Difference(before, after)
        return self._last[1]

    def _has(self, step: int) -> bool:
        return self.base.walk.last is None or step <= self.base.walk.last


def _parted(a: Branch, b: Branch) -> int:
    """The first training step that two branches do not share."""
    line, other = list(_line(a)), list(_line(b))
    common = sum(1 for x, y in zip(line, other, strict=False) if x is y)
    return min((each.first for each in (*line[common:], *other[common:])), default=0)


def _line(branch: Branch) -> Iterator[Branch]:
    """What was opened, and from there the branches that lead to one."""
    if branch.parent is not None:
        yield from _line(branch.parent)
    yield branch
