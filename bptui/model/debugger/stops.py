"""Where `continue` stops: breakpoints, watches, numbers that are not finite; and the search for the next of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import Line, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger import expressions, locations
from bptui.model.debugger.reply import Reply, say
from bptui.model.engine.nonfinite import NonFinite, nonfinite
from bptui.model.engine.recording import Recording
from bptui.model.engine.state import State
from bptui.model.engine.timeline import PHASES, Moment

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MAX_BREAKPOINTS = 1_000
_IF = re.compile(r"(?:(.*?)\s+)?if(?:\s+(.*))?", re.DOTALL)


@dataclass
class Breakpoint:
    """A stop: at every Moment of the nodes that `target` names (all of them for a watch), where `condition` holds.

    kind   "break", or "watch": stops where the expression's number changes
    phase  only in this phase, "" for all
    """

    number: int
    target: str
    nodes: frozenset[int]
    condition: expressions.Expression | None = None
    phase: str = ""
    kind: str = "break"
    temporary: bool = False
    enabled: bool = True
    hits: int = 0

    @property
    def when(self) -> str:
        """Its condition, as it was written: ` if loss < 0.3`."""
        return f" if {self.condition.text}" if self.condition is not None and self.kind == "break" else ""

    def said(self) -> Line:
        """`breakpoint 1: loss if loss < 0.3`."""
        kind = {"break": "breakpoint"}.get(self.kind, self.kind)
        return line(f"{kind} {self.number}: ", (self.target, "bold"), self.when)

    def line(self) -> Line:
        """One row of `info breakpoints`."""
        kind = "tbreak" if self.temporary else self.kind
        off = "" if self.enabled else "  disabled"
        hits = f"  hit {self.hits} time{'s' if self.hits != 1 else ''}" if self.hits else ""
        return line(
            (f"{self.number:>3} ", "dim"), (f"{kind} ", "dim"), (self.target, "bold"), self.when, (hits + off, "dim")
        )


@dataclass
class Breakpoints:
    """All breakpoints and watches of a session, by number."""

    rows: dict[int, Breakpoint] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    def add(self, **parts: object) -> Breakpoint:
        """A new one, with the next number."""
        if len(self.rows) >= MAX_BREAKPOINTS:
            raise UserError("break", f"there are {MAX_BREAKPOINTS} breakpoints already", "delete some")
        row = Breakpoint(next(self._numbers), **parts)  # type: ignore[arg-type]  # the fields of Breakpoint
        self.rows[row.number] = row
        return row

    @property
    def marked(self) -> frozenset[int]:
        """Ids of the nodes with an enabled breakpoint: the `■` of the gutter."""
        rows = [row for row in self.rows.values() if row.enabled and row.kind == "break"]
        return frozenset().union(*(row.nodes for row in rows))


def parse_break(session: Session, text: str, temporary: bool = False) -> Breakpoint:
    """`layer1.z`, `layer*`, `relu` (an operation), `layer1`, `backward`, `backward layer1.z if max(abs(grad)) > 10`."""
    conditional = _IF.fullmatch(text.strip())
    target = (conditional[1] or "") if conditional else text
    expression = expressions.parse(conditional[2] or "", session.graph) if conditional else None
    words = target.split()
    phase = next((word for word in words if word in PHASES), "")
    named = [word for word in words if word != phase]
    if len(named) > 1:
        raise UserError("break", f"'{target.strip()[:40]}' is more than one place", "break NODE [if EXPR]")
    if not named and not phase and expression is None:
        named = [session.node.name]
    nodes = _matching(session, named[0]) if named else frozenset(node.id for node in session.graph.nodes)
    if named and not any(locations.stops_of(session.graph.nodes[i], session.walk, 0) for i in nodes):
        node = session.graph.nodes[min(nodes)]
        raise UserError(
            "break", f"no moment computes {node.name}: it is given", locations.first_use(session.graph, node)
        )
    shown = " ".join([*([phase] if phase else []), *named]) or "anywhere"
    return session.breakpoints.add(target=shown, nodes=nodes, condition=expression, phase=phase, temporary=temporary)


def _matching(session: Session, name: str) -> frozenset[int]:
    """Nodes by name or alias, layer, operation, or glob over names."""
    graph = session.graph
    if name in graph.by_name:
        return frozenset({graph.by_name[name].id})
    found = frozenset(
        node.id
        for node in graph.nodes
        if node.scope == name or (node.op is not None and node.op.name == name) or fnmatchcase(node.name, name)
    )
    if not found:
        known = (*locations.names(graph), *(node.op.name for node in graph.ops if node.op is not None), *PHASES)
        raise UserError(
            "break", f"'{name[:40]}' is no place", did_you_mean(name, known, "a node, layer, operation or phase")
        )
    return found


def search(session: Session, direction: int, *, stops: bool, findings: bool) -> Reply:
    """Go on (direction 1) or back (-1) to the next breakpoint (`stops`) or finding; else to the end, which is said.

    The end forward is that of the training steps that were planned; beyond them, that of the next training step.
    """
    walk, here = session.walk, session.stop
    end = _end(session) if direction > 0 else 0
    rows = [row for row in session.breakpoints.rows.values() if row.enabled] if stops else []
    watches = _Watches(session, [row for row in rows if row.kind == "watch"])
    first, last = here // walk.length, end // walk.length
    for step in range(first, last + direction, direction):
        if session.progress is not None and step != first:
            part = abs(step - first) / max(1, abs(last - first))
            if not session.progress(part, f"training step {step}"):
                return session.move(walk.length * step, note="interrupted")
        recording = session.history.recording(step)
        born = nonfinite(recording) if findings else {}
        places_here = range(walk.length) if direction > 0 else range(walk.length - 1, -1, -1)
        wanted = _wanted(session, rows)
        for place in places_here:
            stop = step * walk.length + place
            if (stop - here) * direction <= 0 or (stop - end) * direction > 0:
                watches.note(recording, stop) if stop == here else None
                continue
            if not (place in born or watches.rows or session.failed or place in wanted):
                continue
            moment = walk.moment(stop)
            if place in born:
                return _to_birth(session, stop, born[place])
            if findings and _failed(session, moment):
                name = session.timeline.node(moment).name
                what = "update" if moment.phase == "update" else "derivative"
                return session.move(stop, note=f"the {what} of {name} failed its check", style="fail")
            if changed := watches.changed(recording, stop):
                return session.move(stop, note=changed)
            for row in wanted.get(place, ()):
                node = session.timeline.node(moment)
                if row.condition is None or row.condition.true(State(recording, moment), node):
                    row.hits += 1
                    if row.temporary:
                        del session.breakpoints.rows[row.number]
                    return session.move(stop, note=plain(row.said()))
    if not stops:
        return _nothing_found(session, direction, last)
    reply = session.move(end)
    said = session.end(end) if direction < 0 or session.walk.last == 0 else _planned_end(session)
    return Reply((line(*session.where(), "  ", (said, "kink")),), ok=False, moved=reply.moved)


def _nothing_found(session: Session, direction: int, last: int) -> Reply:
    """What was looked for, how far, and where to look instead."""
    if direction < 0:
        return say("no earlier NaN, inf or failed check, back to training step 0", ok=False)
    back = "" if np.isfinite(session.recording.loss) else "; X goes back to where this one arose"
    return say(f"no further NaN, inf or failed check up to training step {last}{back}", ok=False)


def phases(session: Session, row: Breakpoint) -> list[str]:
    """The phases in which a breakpoint may stop."""
    reached = _wanted(session, [row])
    return list(dict.fromkeys(session.walk.moment(place).phase for place in sorted(reached)))


def _failed(session: Session, moment: Moment) -> bool:
    """Did a check fail of what this Moment derives?"""
    node = session.timeline.node(moment).id
    here = (moment.step, node) in session.failed and moment.phase == session.phase_of(node)
    return here and not session.timeline.is_seed(moment)


def _to_birth(session: Session, stop: int, birth: NonFinite) -> Reply:
    """Go where NaN or inf arises, to the very element where its place in the node is known."""
    reply = session.move(stop, note=birth.text, style="fail")
    node = session.here
    session.selection.pinned = None
    if birth.position is not None and birth.position in session.inputs:
        session.select_input(session.inputs.index(birth.position))
    source = node if birth.position is None else session.graph.nodes[node.inputs[birth.position]]
    if source.shape == node.shape:
        session.select_element(birth.at)
    return reply


def _end(session: Session) -> int:
    length = session.walk.length
    planned = session.planned * length - 1
    return planned if session.stop < planned else session.walk.within((session.stop // length + 2) * length - 1)


def _planned_end(session: Session) -> str:
    step = session.cursor.step
    return f"at the end of the {session.planned} training steps planned" if step == session.planned - 1 else "no stop"


def _wanted(session: Session, rows: list[Breakpoint]) -> dict[int, list[Breakpoint]]:
    """Places of a training step at which a breakpoint may stop."""
    found: dict[int, list[Breakpoint]] = {}
    for row in rows:
        if row.kind != "break":
            continue
        only_phase = row.phase and len(row.nodes) == len(session.graph.nodes)
        for phase in PHASES:
            if row.phase and row.phase != phase:
                continue
            for i, node in enumerate(session.timeline.nodes(phase)):
                moment = Moment(0, phase, i)
                seed = session.timeline.is_seed(moment) and not row.phase
                if node.id in row.nodes and not seed and not (only_phase and row.condition is None and i):
                    found.setdefault(session.timeline.index(moment), []).append(row)
    return found


class _Watches:
    """What the watched expressions were at the last stop that was passed."""

    def __init__(self, session: Session, rows: list[Breakpoint]) -> None:
        self.session, self.rows = session, rows
        self.before: dict[int, Array | None] = {}

    def note(self, recording: Recording, stop: int) -> None:
        """Remember the numbers at a stop."""
        for row in self.rows:
            self.before[row.number] = self._number(row, recording, stop)

    def changed(self, recording: Recording, stop: int) -> str:
        """What changed since the stop before, "" if nothing did."""
        said = ""
        for row in self.rows:
            now, before = self._number(row, recording, stop), self.before.get(row.number)
            if now is not None:
                if before is not None and (now.shape != before.shape or now.tobytes() != before.tobytes()):
                    said = said or f"{plain(row.said())} {_change(before, now)}"
                    row.hits += 1
                self.before[row.number] = now
        return said

    def _number(self, row: Breakpoint, recording: Recording, stop: int) -> Array | None:
        moment = self.session.walk.moment(stop)
        assert row.condition is not None
        try:
            value = row.condition.evaluate(State(recording, moment), self.session.timeline.node(moment))
        except expressions.NotYet:
            return None
        return np.array(value)


def _change(before: Array, now: Array) -> str:
    """`was 0.25, is 0.75`, where it is a number."""
    if before.size == now.size == 1:
        return f"was {numbers.significant(before.item())}, is {numbers.significant(now.item())}"
    return "changed"
