"""The stops that a user sets: breakpoints, watches. Their text is kept, and resolved in the branch that is searched."""

from __future__ import annotations

import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, line, plain
from bptui.model.debugger import locations
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.changes import Change, same
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.stops import conditions
from bptui.model.debugger.stops.reading import Reading, Step
from bptui.model.debugger.stops.stop import Hit, Stop, first_of
from bptui.model.engine.graph import Node
from bptui.model.engine.timeline import PHASES, Phase

MAX_STOPS = 1_000
ANYWHERE = "anywhere"
SAID = {"grad": "a gradient", "upstream": "a whole gradient", "value": "a value", "shape": "a shape"}
"""What a condition may need, as a message says it."""
FEW = 8
"""Moments of a training step up to which a condition is asked at each, without a look at all numbers first."""
_IF = re.compile(r"(?:(.*?)\s+)?if(?:\s+(.*))?", re.DOTALL)


@dataclass
class UserStop(Stop):
    """What both kinds have.

    number   by which `delete`, `disable` … name it · hits  how often it stopped, or would have
    enabled  False: it is kept, and never stops · ignored  how many of the next times it is passed over
    """

    number: int = 0
    hits: int = field(default=0, kw_only=True)
    enabled: bool = field(default=True, kw_only=True)
    ignored: int = field(default=0, kw_only=True)

    @property
    @abstractmethod
    def kind(self) -> str:
        """The command that sets one: break, tbreak, watch."""

    @property
    @abstractmethod
    def target(self) -> str:
        """Where it stops, as the user said it."""

    @property
    def when(self) -> str:
        """Its condition, as it was written: ` if loss < 0.3`."""
        return ""

    @property
    def command(self) -> str:
        """The command line that sets it."""
        target = "" if self.target == ANYWHERE else self.target
        return " ".join(f"{self.kind} {target}{self.when}".split())

    def title(self) -> Line:
        """`breakpoint 1: loss if loss < 0.3`."""
        kind = {"break": "breakpoint", "tbreak": "breakpoint"}.get(self.kind, self.kind)
        return line(f"{kind} {self.number}: ", (self.target, "bold"), self.when)

    @abstractmethod
    def idle(self, branch: Branch) -> str:
        """Why it can never stop in a branch, "" where it can: an edit took away what it is about."""

    def line(self, branch: Branch) -> Line:
        """One row of `info breakpoints`."""
        idle = self.idle(branch)
        notes = "" if self.enabled else "  disabled"
        notes += f"  hit {self.hits} time{'s' if self.hits != 1 else ''}" if self.hits else ""
        notes += f"  ignored the next {self.ignored} times" if self.ignored > 1 else ""
        notes += "  ignored the next time" if self.ignored == 1 else ""
        number, kind = (f"{self.number:>3} ", "dim"), (f"{self.kind} ", "dim")
        target = (self.target, "bold" if self.enabled and not idle else "dim")
        return line(number, kind, target, self.when, (notes, "dim"), (f"  {idle}" if idle else "", "kink"))


class Resolved(NamedTuple):
    """A breakpoint in one branch: its nodes, the indexes of their Moments, ascending, and its condition."""

    nodes: frozenset[int]
    indexes: Sequence[int]
    condition: Reading | None


NOWHERE = Resolved(frozenset(), (), None)


@dataclass
class Breakpoint(UserStop):
    """Stops at the Moments of the nodes that `name` names ("" for all), in `phase` ("" for any) of the training step
    `step` (None for each), where `condition` holds ("" for always). A temporary one is gone once it has stopped."""

    name: str = ""
    phase: Phase | None = None
    condition: str = ""
    step: int | None = None
    temporary: bool = False
    _resolved: dict[int, Resolved] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        return "tbreak" if self.temporary else "break"

    @property
    def target(self) -> str:
        step = "" if self.step is None else f"step {self.step}"
        return " ".join(filter(None, (step, self.phase, self.name))) or ANYWHERE

    @property
    def when(self) -> str:
        return f" if {' '.join(self.condition.split())}" if self.condition else ""

    @property
    def plain(self) -> bool:
        """A node and nothing else: what `break` alone sets and takes away."""
        return bool(self.name) and not (self.phase or self.condition or self.temporary) and self.step is None

    def resolved(self, branch: Branch) -> Resolved:
        """Where it may stop in a branch; nowhere in one that does not have its names."""
        if branch.number not in self._resolved:
            try:
                self._resolved[branch.number] = self.resolve(branch)
            except UserError:
                self._resolved[branch.number] = NOWHERE
        return self._resolved[branch.number]

    def idle(self, branch: Branch) -> str:
        return "" if self.resolved(branch).indexes else "nowhere in this branch"

    def marks(self, branch: Branch) -> frozenset[int]:
        """Ids of the nodes that it is about: those that it names; where it names none, those that its condition reads,
        or the one at which it stops."""
        nodes, indexes, condition = self.resolved(branch)
        if self.name:
            return nodes
        if condition is not None:
            return frozenset(branch.graph.called[name].id for _, name in condition.expression.reads if name)
        return frozenset(branch.timeline.events[place].node for place in indexes[:1])

    def resolve(self, branch: Branch) -> Resolved:
        """Where it may stop in a branch, or a UserError for what is not there, or can never be."""
        graph, timeline = branch.graph, branch.timeline
        indexes: Sequence[int] = range(timeline.length)
        nodes = frozenset(range(len(graph.nodes)))
        if self.name:
            nodes = locations.matching(graph, self.name)
            indexes = sorted(place for node in nodes for place in timeline.all_places(node))
        if self.phase:
            indexes = [place for place in indexes if timeline.events[place].phase == self.phase]
        else:  # the seed is of no operation: who asks for the backward pass gets it
            indexes = [place for place in indexes if not timeline.events[place].seed]
        if self.condition:
            return self._where(branch, nodes, indexes)
        if not self.name and (self.phase or self.step is not None):
            indexes = indexes[:1]  # a phase or a training step by itself is its start
        return Resolved(nodes, indexes, None)

    def _where(self, branch: Branch, nodes: frozenset[int], indexes: Sequence[int]) -> Resolved:
        """Of some Moments those at which the condition can be asked: it fits there, and its numbers are there."""
        graph, timeline = branch.graph, branch.timeline
        condition = Reading(expressions.parse(self.condition, graph), branch)
        at = {place: timeline.events[place].node for place in indexes}
        known = conditions.fitting(condition.expression, branch, [graph.nodes[i] for i in dict.fromkeys(at.values())])
        needed = conditions.needs(condition.expression)
        begins = {i: conditions.there_from(needed, timeline, i) for i in known}
        found = [place for place, i in at.items() if i in known and place >= begins[i]]
        if at and not found:
            missing = " and ".join(sorted(f"{SAID[what]}{f' of {name}' if name else ''}" for what, name in needed))
            where = f"'{self.target}{self.when}'"
            raise UserError(where[:80], f"at none of these moments there is {missing} yet", "another phase or node")
        return Resolved(nodes, found, condition)

    def find(self, step: Step, span: range) -> Hit | None:
        if self.step is not None and step.number != self.step:
            return None
        _, indexes, condition = self.resolved(step.branch)
        few = len(indexes) <= FEW and step.summary is None
        if condition is not None and not few and not condition.possible(step):
            return None
        while (index := first_of(indexes, span)) is not None:
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

    @classmethod
    def of(cls, reading: Reading) -> Watch:
        """A watch of what is read already, in one branch."""
        return cls(text=reading.expression.text, _readings={reading.branch.number: reading})

    @property
    def kind(self) -> str:
        return "watch"

    @property
    def target(self) -> str:
        return " ".join(self.text.split())

    def reading(self, branch: Branch) -> Reading | None:
        """Its expression in a branch; None in one that does not have its names, or in which it never changes."""
        if branch.number not in self._readings:
            try:
                made = Reading(expressions.parse(self.text, branch.graph), branch)
            except UserError:
                made = None
            self._readings[branch.number] = made if made is not None and made.varies else None
        return self._readings[branch.number]

    def idle(self, branch: Branch) -> str:
        return "" if self.reading(branch) else "it never changes here"

    def find(self, step: Step, span: range) -> Hit | None:
        reading = self.reading(step.branch)
        if reading is not None and _settled(reading, step):
            return None
        while reading is not None and (index := first_of(reading.changes, span)) is not None:
            now = reading.at(step, index)
            before = None if now is None else reading.before(step, index)
            if now is not None and before is not None and not same(before, now):
                change = Change(before, now)
                return Hit(index, f"{self.said} {change.text}", element=self._element(step.branch, change.at))
            span = range(index + span.step, span.stop, span.step)
        return None

    def _element(self, branch: Branch, changed: tuple[int, ...]) -> tuple[int, tuple[int, ...]] | None:
        """Which number it is about, where it is of one node: the one that was said, else the one that changed most."""
        try:
            node, at = locations.element(branch.graph, self.text, "watch")
        except UserError:
            return None
        return node.id, changed if at is None else at

    @property
    def said(self) -> str:
        """What its note begins with: `watch 2: layer1.bias`."""
        return plain(self.title()) if self.number else self.target


def _settled(reading: Reading, step: Step) -> bool:
    """Is it certain that an expression has the same number all through a training step as in the one before?"""
    number = reading.settled(step)
    before = step.before
    return number is not None and (before is None or reading.settled(before) == number)


@dataclass
class UserStops:
    """All breakpoints and watches of a session, by number."""

    rows: dict[int, UserStop] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)
    _marked: tuple[tuple[Any, ...], frozenset[int]] = field(default=((), frozenset()), repr=False)

    def add(self, stop: UserStop) -> None:
        """Keep one, under the next number; UserError where there are too many."""
        if len(self.rows) >= MAX_STOPS:
            raise UserError("break", f"there are {MAX_STOPS} breakpoints already", "delete some")
        stop.number = next(self._numbers)
        self.rows[stop.number] = stop

    @property
    def enabled(self) -> tuple[UserStop, ...]:
        """Those that may stop."""
        return tuple(row for row in self.rows.values() if row.enabled)

    def marked(self, branch: Branch) -> frozenset[int]:
        """Ids of the nodes with a breakpoint: the `■` of the gutter. Found once, until other ones are set."""
        rows = [row for row in self.enabled if isinstance(row, Breakpoint)]
        key = branch.number, *((row.number, row.condition) for row in rows)
        if self._marked[0] != key:
            self._marked = key, frozenset().union(*(row.marks(branch) for row in rows))
        return self._marked[1]


# ------------------------------------------------------------------------------------------------------ what is typed


def parse_break(text: str, branch: Branch, selected: Node) -> Breakpoint:
    """`layer1.z`, `layer*`, `relu` (an operation), `layer1`, `backward`, `backward layer1.z if max(abs(grad)) > 10`,
    `step 120`, `step 120 update`; "" for the selected node. A UserError for what can never stop in the branch."""
    conditional = _IF.fullmatch(text.strip())
    target = ((conditional[1] or "") if conditional else text).strip()
    condition = (conditional[2] or "") if conditional else ""
    if conditional:
        expressions.parse(condition, branch.graph)
    words, step = target.split(), None
    if len(words) > 1 and words[0] == "step":
        step, words = locations.training_step(words[1], branch.walk, branch.planned, "break step"), words[2:]
    phase = next((p for word in words for p in PHASES if p == word), None)
    named = [word for word in words if word != phase]
    if len(named) > 1:
        raise UserError("break", f"'{target[:40]}' is more than one place", "break NODE [if EXPR]")
    if not target and not conditional:
        named = [selected.name]
    made = Breakpoint(name=named[0] if named else "", phase=phase, condition=condition, step=step)
    found = made.resolve(branch)
    if not found.indexes:
        raise _nowhere(made, found.nodes, branch)
    made._resolved[branch.number] = found
    return made


def _nowhere(made: Breakpoint, nodes: frozenset[int], branch: Branch) -> UserError:
    """Why there is no Moment at which it could stop."""
    graph, node = branch.graph, branch.graph.nodes[min(nodes)]
    if not made.name:
        return UserError("break", f"there is no {made.phase}", "nothing is trained" if made.phase == "update" else "")
    if not any(branch.timeline.all_places(i) for i in nodes):
        return UserError("break", f"no moment computes {node.name}: it is given", locations.first_use(graph, node))
    has = " and ".join(dict.fromkeys(branch.timeline.events[i].phase for i in branch.timeline.all_places(node.id)))
    return UserError("break", f"{made.name} has no {made.phase} moment", f"{node.name} has {has}" if has else "")


def parse_watch(text: str, branch: Branch, selected: Node) -> Watch:
    """`layer1.weight[0,1]`, `loss < 0.3`. A UserError for what is no expression, or whose shapes do not fit."""
    expression = expressions.parse(text, branch.graph)
    conditions.tried(expression, branch, selected)
    return Watch(text=expression.text)


def recondition(row: UserStop, text: str, branch: Branch) -> None:
    """Give a breakpoint another condition, "" for none; a UserError for one that can never hold there."""
    if not isinstance(row, Breakpoint):
        raise UserError("condition", f"{row.number} is a watch", "watch a condition: watch loss < 0.3")
    made = replace(row, condition=text.strip(), _resolved={})
    if not made.resolve(branch).indexes:
        raise UserError("condition", f"{row.target} has no moment here", "undo goes back to where it has")
    row.condition, row._resolved = made.condition, {}


def phases(stop: Breakpoint, branch: Branch) -> list[Phase]:
    """The phases in which a breakpoint may stop."""
    return list(dict.fromkeys(branch.timeline.events[place].phase for place in stop.resolved(branch).indexes))
