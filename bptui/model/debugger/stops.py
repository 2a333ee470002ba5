"""Where the search for the next stop may end: breakpoints, watches, findings, the end. One protocol for all.

What a user wrote is kept as text and resolved in the branch that is searched. A stop says where in ONE training step
it stops first, and evaluates nothing at Moments where its answer cannot have changed. Whether it stops at a Moment
depends on that Moment alone, not on where one comes from: going back visits the same Moments as going forward.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from typing import Protocol

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import Line, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger import expressions, locations
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.reading import Reading, Step
from bptui.model.engine.graph import Node
from bptui.model.engine.nonfinite import NonFinite
from bptui.model.engine.timeline import PHASES, Phase

MAX_STOPS = 1_000
_IF = re.compile(r"(?:(.*?)\s+)?if(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Hit:
    """A stop, found: the index of its Moment, what is said there, and the number that it is about where it is one."""

    index: int
    note: str
    style: str = "text"
    finding: NonFinite | None = None


class Stop(Protocol):
    """Anything that the search ends at."""

    def find(self, step: Step, span: range) -> Hit | None:
        """The first of the Moments `span`, ascending or descending, of a training step, at which it stops."""


# ------------------------------------------------------------------------------------------------ findings, the end


class NonFiniteNumbers:
    """NaN and inf, where they arise and nobody said that they are wanted."""

    def find(self, step: Step, span: range) -> Hit | None:
        if step.branch.finite(step.number):
            return None
        found = step.branch.nonfinite(step.recording)
        for place in span if step.recording.finite is not True else ():
            step.progress.tick()
            origin = found.get(place)
            if origin is not None:
                meant = "" if np.isnan(origin.number) else "; where that is meant: wanted"
                return Hit(place, origin.text + meant, "fail", origin)
        return None


class FailedChecks:
    """Derivatives and updates whose check failed, as whoever checks has said."""

    def find(self, step: Step, span: range) -> Hit | None:
        if not step.branch.failed:
            return None
        found = step.branch.failures(step.number)
        index = _first(sorted(found), span)
        if index is None:
            return None
        what = "update" if found[index].op is None else "derivative"
        return Hit(index, f"the {what} of {found[index].name} failed its check", "fail")


FINDINGS: tuple[Stop, ...] = (NonFiniteNumbers(), FailedChecks())


@dataclass(frozen=True)
class End:
    """Where the search ends in any case: the start, or the end of what is planned."""

    step: int
    index: int

    def find(self, step: Step, span: range) -> Hit | None:
        return Hit(self.index, "") if step.number == self.step else None


def _first(indexes: Sequence[int], span: range) -> int | None:
    """The first of some ascending indexes that lies in `span`, in its direction."""
    if not span:
        return None
    k = bisect_left(indexes, span.start) if span.step > 0 else bisect_right(indexes, span.start) - 1
    return indexes[k] if 0 <= k < len(indexes) and indexes[k] in span else None


# ---------------------------------------------------------------------------------------------- what the user sets


@dataclass
class UserStop:
    """What both kinds have: a number, what it is called, and how often it stopped."""

    number: int = 0
    hits: int = field(default=0, kw_only=True)

    @property
    def kind(self) -> str:
        """The command that sets one: break, tbreak, watch."""
        raise NotImplementedError

    @property
    def target(self) -> str:
        """Where it stops, as the user said it."""
        raise NotImplementedError

    @property
    def when(self) -> str:
        """Its condition, as it was written: ` if loss < 0.3`."""
        return ""

    def title(self) -> Line:
        """`breakpoint 1: loss if loss < 0.3`."""
        kind = {"break": "breakpoint", "tbreak": "breakpoint"}.get(self.kind, self.kind)
        return line(f"{kind} {self.number}: ", (self.target, "bold"), self.when)

    def line(self) -> Line:
        """One row of `info breakpoints`."""
        hits = f"  hit {self.hits} time{'s' if self.hits != 1 else ''}" if self.hits else ""
        number, kind = (f"{self.number:>3} ", "dim"), (f"{self.kind} ", "dim")
        return line(number, kind, (self.target, "bold"), self.when, (hits, "dim"))

    def find(self, step: Step, span: range) -> Hit | None:
        """The first Moment of `span` at which it stops."""
        raise NotImplementedError


@dataclass
class Resolved:
    """A breakpoint in one branch: its nodes, the indexes of their Moments, ascending, and its condition."""

    nodes: frozenset[int]
    indexes: Sequence[int]
    condition: Reading | None


@dataclass
class Breakpoint(UserStop):
    """Stops at the Moments of the nodes that `name` names ("" for all), in `phase` ("" for any), where `condition`
    holds ("" for always). A temporary one is gone once it has stopped."""

    name: str = ""
    phase: Phase | None = None
    condition: str = ""
    temporary: bool = False
    _resolved: dict[int, Resolved] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        return "tbreak" if self.temporary else "break"

    @property
    def target(self) -> str:
        return " ".join(filter(None, (self.phase, self.name))) or "anywhere"

    @property
    def when(self) -> str:
        return f" if {' '.join(self.condition.split())}" if self.condition else ""

    @property
    def plain(self) -> bool:
        """A node and nothing else: what `break` alone sets and takes away."""
        return bool(self.name) and not (self.phase or self.condition or self.temporary)

    def resolved(self, branch: Branch) -> Resolved:
        """Where it may stop in a branch; nowhere in one that does not have its names."""
        if branch.number not in self._resolved:
            try:
                self._resolved[branch.number] = self.resolve(branch)
            except UserError:
                self._resolved[branch.number] = Resolved(frozenset(), (), None)
        return self._resolved[branch.number]

    def resolve(self, branch: Branch) -> Resolved:
        """Where it may stop in a branch, or a UserError for what is not there."""
        graph = branch.graph
        nodes = _matching(branch, self.name) if self.name else frozenset(node.id for node in graph.nodes)
        indexes = [
            place
            for place, (phase, node, seed) in enumerate(branch.timeline.events)
            if node in nodes and self.phase in (None, phase) and (self.phase or not seed)
        ]
        if self.phase and not self.name and not self.condition:
            indexes = indexes[:1]  # a phase by itself is its start
        condition = Reading(expressions.parse(self.condition, graph), branch) if self.condition else None
        return Resolved(nodes, indexes, condition)

    def find(self, step: Step, span: range) -> Hit | None:
        resolved = self.resolved(step.branch)
        indexes, condition = resolved.indexes, resolved.condition
        while (index := _first(indexes, span)) is not None:
            value = None if condition is None else condition.at(step, index)
            if condition is None or (value is not None and np.any(value)):
                return Hit(index, plain(self.title()))
            changes = condition.changes  # nothing new before the next change
            k = bisect_right(changes, index)
            end = (changes[k] if k < len(changes) else span.stop) if span.step > 0 else changes[k - 1] - 1
            span = range(end, span.stop, span.step)
        return None


@dataclass
class Watch(UserStop):
    """Stops where the numbers of an expression are others than the last that it had before."""

    text: str = ""
    _readings: dict[int, Reading | None] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        return "watch"

    @property
    def target(self) -> str:
        return " ".join(self.text.split())

    def reading(self, branch: Branch) -> Reading | None:
        """Its expression in a branch; None in one that does not have its names."""
        if branch.number not in self._readings:
            try:
                self._readings[branch.number] = Reading(expressions.parse(self.text, branch.graph), branch)
            except UserError:
                self._readings[branch.number] = None
        return self._readings[branch.number]

    def find(self, step: Step, span: range) -> Hit | None:
        reading = self.reading(step.branch)
        while reading is not None and (index := _first(reading.changes, span)) is not None:
            now, before = reading.at(step, index), reading.before(step, index)
            if now is not None and before is not None and not _same(before, now):
                return Hit(index, f"{plain(self.title())} {_change(before, now)}")
            span = range(index + span.step, span.stop, span.step)
        return None


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _change(before: Array, now: Array) -> str:
    """`was 0.25, is 0.75`, where it is a number."""
    if before.size == now.size == 1:
        return "was {}, is {}".format(*numbers.apart(before.item(), now.item()))
    return "changed"


@dataclass
class UserStops:
    """All breakpoints and watches of a session, by number."""

    rows: dict[int, UserStop] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def add(self, stop: UserStop) -> None:
        """Keep one, under the next number; UserError where there are too many."""
        if len(self.rows) >= MAX_STOPS:
            raise UserError("break", f"there are {MAX_STOPS} breakpoints already", "delete some")
        stop.number = next(self._numbers)
        self.rows[stop.number] = stop

    def marked(self, branch: Branch) -> frozenset[int]:
        """Ids of the nodes with a breakpoint: the `■` of the gutter."""
        resolved = [row.resolved(branch) for row in self.rows.values() if isinstance(row, Breakpoint)]
        return frozenset().union(*(each.nodes for each in resolved))


def parse_break(text: str, branch: Branch, selected: Node) -> Breakpoint:
    """`layer1.z`, `layer*`, `relu` (an operation), `layer1`, `backward`, `backward layer1.z if max(abs(grad)) > 10`;
    "" for the selected node. A UserError for what the branch does not have."""
    conditional = _IF.fullmatch(text.strip())
    target = (conditional[1] or "") if conditional else text
    condition = (conditional[2] or "") if conditional else ""
    if conditional:
        expressions.parse(condition, branch.graph)
    words = target.split()
    phase = next((p for word in words for p in PHASES if p == word), None)
    named = [word for word in words if word != phase]
    if len(named) > 1:
        raise UserError("break", f"'{target.strip()[:40]}' is more than one place", "break NODE [if EXPR]")
    if not named and phase is None and not conditional:
        named = [selected.name]
    made = Breakpoint(name=named[0] if named else "", phase=phase, condition=condition)
    nodes = made.resolve(branch).nodes
    if named and not any(locations.stops_of(branch.graph.nodes[i], branch.walk, 0) for i in nodes):
        node = branch.graph.nodes[min(nodes)]
        raise UserError(
            "break", f"no moment computes {node.name}: it is given", locations.first_use(branch.graph, node)
        )
    return made


def phases(stop: Breakpoint, branch: Branch) -> list[Phase]:
    """The phases in which a breakpoint may stop."""
    return list(dict.fromkeys(branch.walk.moment(index).phase for index in stop.resolved(branch).indexes))


def _matching(branch: Branch, name: str) -> frozenset[int]:
    """Nodes by name or alias, layer, operation, or glob over names."""
    graph = branch.graph
    if name in graph.by_name:
        return frozenset({graph.by_name[name].id})
    found = frozenset(
        node.id
        for node in graph.nodes
        if node.scope == name or (node.op is not None and node.op.name == name) or fnmatchcase(node.name, name)
    )
    if not found:
        names = (*locations.names(graph), *(node.op.name for node in graph.ops if node.op is not None), *PHASES)
        raise UserError(
            "break", f"'{name[:40]}' is no place", did_you_mean(name, names, "a node, layer, operation or phase")
        )
    return found
