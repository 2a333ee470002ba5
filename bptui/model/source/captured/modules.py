"""A captured step as a tree: its modules by their paths, in them the lines that called, and under a line its calls.

    forward                    a section for each phase of the step
      blocks.0                 a module
        norm1  layer_norm      a module that makes one call is that call
        attn
          chunk, transpose     a line of the module's own code: all that it called, however often
            chunk              a call: one event
          softmax              a line that makes one call is that call
    update                     a row for each parameter; for each optimizer, where there are several

Rows are made when somebody opens the row that they stand in, so that 10,000 events cost as much as are looked at. No
tensor is read: what a row says of its numbers was counted when they were recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from bptui.model.base.prose import some
from bptui.model.engine.timeline import PHASES, Phase
from bptui.model.source.captured.calls import kind_of, name_of
from bptui.model.source.captured.graph import Captured
from bptui.model.source.captured.known import short
from bptui.model.source.captured.record import FLOATS, Event, Site, Stats, Update, Value

Kind = Literal["section", "module", "line", "call", "optimizer", "parameter"]
CONTAINER = "ModuleList"
"""A class of modules that is never called: its path is written with the number of the module that is."""
NAMED = 3
"""Functions of a line that are named."""


@dataclass(eq=False, slots=True)
class Row:
    """One row.

    key     what it is known by as long as the step is open: phase, path, line
    label   what it is called inside of its module;  said  what kind of thing that is, "" where the label says it
    events  of a module, a line, a call: its events, in the order in which this phase reached them
    nodes   of a parameter: its node; of an optimizer: those that it updates
    place   which of the rows of `above` it is
    """

    key: str
    kind: Kind
    phase: Phase
    label: str
    said: str = ""
    path: str = ""
    above: Row | None = None
    place: int = 0
    depth: int = 0
    events: Sequence[Event] = ()
    nodes: Sequence[int] = ()
    site: Site | None = None
    rows: list[Row] | None = field(default=None, repr=False)

    @property
    def opens(self) -> bool:
        """Has it rows of its own?"""
        if self.kind == "section":
            return bool(self.events or self.nodes)
        return self.kind == "optimizer" or (self.kind in ("module", "line") and len(self.events) > 1)

    @property
    def chain(self) -> tuple[Row, ...]:
        """The rows in which it stands, the outermost first, and it."""
        return (self,) if self.above is None else (*self.above.chain, self)


class Numbers(NamedTuple):
    """What is said of the numbers of a row without reading them: the shape and the stats of what leaves it, and how
    many of its calls (parameters) have NaN."""

    shape: tuple[int, ...] | None
    stats: Stats | None
    bad: int = 0


class Called(NamedTuple):
    """Where an operation comes from. name: the call; part, parts: which of its operations this is, from 1, and of how
    many; of a parameter (`updates`), the optimizer that updated it, and which of its parameters it is."""

    site: Site | None
    module: str
    name: str
    part: int
    parts: int
    updates: bool = False


class Modules:
    """The tree of one step. A section is there at once, everything below it once it is asked for."""

    def __init__(self, captured: Captured) -> None:
        self.captured, self.step = captured, captured.record.step
        self._rows: dict[str, Row] = {}
        self._calls: dict[Phase, tuple[list[Event], dict[int, int]]] = {}

    @cached_property
    def sections(self) -> tuple[Row, ...]:
        """Those of the phases that the step has."""
        found: list[Row] = []
        for phase in PHASES:
            if self.captured.timeline.count(phase):
                row = Row(phase, "section", phase, phase, place=len(found))
                if phase == "update":
                    self._updated(row)
                else:
                    row.events = self.calls(phase)
                found.append(self._kept(row))
        return tuple(found)

    def _updated(self, row: Row) -> None:
        row.nodes = [node.id for node in self.captured.timeline.update]
        updates = self._updates
        row.said = ", ".join(dict.fromkeys(kind_of(update) for update in updates))
        row.site = updates[0].site if len(updates) == 1 else None

    @cached_property
    def kind(self) -> str:
        """The kind of number that most of its parameters have."""
        kinds = Counter(self.step.values[value].dtype for value in self.step.parameters.values())
        return max(kinds, key=kinds.__getitem__, default="float32")

    @property
    def _updates(self) -> list[Update]:
        return [update for update in self.step.updates if not update.skipped]

    def calls(self, phase: Phase) -> list[Event]:
        """The events that have Moments in a phase, in the order of their first."""
        return self._counted(phase)[0]

    def _counted(self, phase: Phase) -> tuple[list[Event], dict[int, int]]:
        """The events of a phase, and how many Moments each of them has."""
        if phase not in self._calls:
            event_of = self.captured.event_of
            count: dict[int, int] = {}
            found: list[Event] = []
            for at, node, seed in self.captured.timeline.events:
                event = event_of.get(node) if at == phase and not seed else None
                if event is None:
                    continue
                if event.id not in count:
                    found.append(event)
                    count[event.id] = 0
                count[event.id] += 1
            self._calls[phase] = found, count
        return self._calls[phase]

    def _kept(self, row: Row) -> Row:
        self._rows[row.key] = row
        return row

    def find(self, key: str) -> Row | None:
        """The row of a key, where it was made."""
        return self._rows.get(key)

    def warm(self) -> None:
        """Find out now what would be found out at the first step into a phase: of 10,000 calls it takes 50 ms."""
        for section in self.sections:
            self.rows(section)
            self._index(section)
            self._bad(section)

    # ---------------------------------------------------------------------------------------------------------- rows
    def rows(self, row: Row) -> Sequence[Row]:
        """The rows that stand in it."""
        if row.rows is None:
            row.rows = []
            for made in self._made(row):
                made.place, made.depth, made.above = len(row.rows), row.depth + 1, row
                row.rows.append(self._kept(made))
        return row.rows

    def _made(self, row: Row) -> Iterator[Row]:
        if not row.opens:
            return
        if row.kind == "section" and row.phase == "update" and len(self._updates) > 1:
            yield from self._optimizers(row)
        elif row.kind in ("section", "optimizer") and row.phase == "update":
            yield from self._parameters(row)
        elif row.kind == "line":
            yield from self._each(row)
        else:
            found = self._within(row)
            if row.kind == "module" and len(found) == 1 and found[0].kind == "line":
                yield from self._each(row)
            else:
                yield from found

    def _within(self, row: Row) -> list[Row]:
        """The modules and lines of a module, in the order in which they are reached."""
        groups: dict[str, tuple[str, Site | None, list[Event]]] = {}
        parts: dict[str, str] = {}
        for event in row.events:
            rest = event.module[len(row.path) :].lstrip(".") if row.path else event.module
            if rest:
                if rest not in parts:
                    parts[rest] = self._first(row.path, rest)
                path = f"{row.path}.{parts[rest]}" if row.path else parts[rest]
                groups.setdefault(f"{row.phase} {path}", (path, None, []))[2].append(event)
            else:
                site = event.site
                at = f"{site.file}:{site.line}" if site is not None else short(event.name)
                groups.setdefault(f"{row.phase} {row.path} {at}", ("", site, []))[2].append(event)
        return [self._group(row, key, *group) for key, group in groups.items()]

    def _group(self, row: Row, key: str, path: str, site: Site | None, events: list[Event]) -> Row:
        first = events[0]
        if path:
            label = path[len(row.path) :].lstrip(".") if row.path else path
            said = name_of(first) if len(events) == 1 else ""
            return Row(key, "module", row.phase, label, said, path, events=events, site=first.site)
        if len(events) == 1:
            return Row(key, "call", row.phase, name_of(first), self._about(first), row.path, events=events, site=site)
        names = list(dict.fromkeys(map(name_of, events)))
        label = some(names, NAMED)
        said = f"{len(events)} times" if len(names) == 1 else ""
        return Row(key, "line", row.phase, label, said, row.path, events=events, site=site)

    def _each(self, row: Row) -> Iterator[Row]:
        for n, event in enumerate(row.events):
            key, about = f"{row.key} {n}", self._about(event)
            yield Row(key, "call", row.phase, name_of(event), about, event.module, events=(event,), site=event.site)

    def _first(self, above: str, rest: str) -> str:
        """The first part of a path inside of a module that is a module of its own: `blocks.0` of `blocks.0.attn`, for
        nobody calls `blocks`."""
        parts = rest.split(".")
        for n in range(1, len(parts)):
            path = ".".join([above, *parts[:n]] if above else parts[:n])
            module = self.step.modules.get(path)
            if module is None and parts[n].isdigit():
                continue
            if module is None or module.kind != CONTAINER:
                return ".".join(parts[:n])
        return rest

    def _about(self, event: Event) -> str:
        """What a call is, where its name does not say it."""
        if "custom" in event.notes:
            return "function"
        return "loss" if self._losses & set(event.outs) else ""

    @cached_property
    def _losses(self) -> set[int]:
        return {loss for backward in self.step.backwards for loss, _ in backward.losses}

    def _optimizers(self, row: Row) -> Iterator[Row]:
        for n, update in enumerate(self._updates):
            nodes = [self.captured.node_of[moved.value] for group in update.groups for moved in group.rows
                     if moved.after is not None and moved.value in self.captured.node_of]  # fmt: skip
            yield Row(f"{row.key} {n}", "optimizer", "update", kind_of(update), nodes=nodes, site=update.site)

    def _parameters(self, row: Row) -> Iterator[Row]:
        for n, i in enumerate(row.nodes):
            name = self.captured.graph.nodes[i].name
            yield Row(f"{row.key} {n} {name}", "parameter", "update", name, path=name, nodes=(i,))

    # -------------------------------------------------------------------------------------------------- of a Moment
    def at(self, phase: Phase, node: int, turn: int = 0) -> Row:
        """The innermost row of a Moment: that of its call, of its parameter; `turn` counts the parameter's updates."""
        row = next(section for section in self.sections if section.phase == phase)
        if phase == "update":
            holders = self._holders.get(node, ())
            return holders[min(turn, len(holders) - 1)] if holders else row
        event = self.captured.event_of.get(node)
        while event is not None and row.opens:
            inside = self._index(row).get(event.id)
            if inside is None:
                break
            row = self.rows(row)[inside]
        return row

    @cached_property
    def _holders(self) -> Mapping[int, list[Row]]:
        """Node of a parameter → its rows, one for each of its updates."""
        found: dict[int, list[Row]] = {}
        for each in self.rows(self.sections[-1]):
            for row in self.rows(each) if each.kind == "optimizer" else (each,):
                found.setdefault(row.nodes[0], []).append(row)
        return found

    def called(self, phase: Phase, node: int) -> Called | None:
        """Where a node comes from; None where nobody called it: what is given."""
        if phase == "update" and (rows := self._holders.get(node)):
            row = rows[-1]
            around = row.above
            assert around is not None
            name = around.said if around.kind == "section" else around.label
            return Called(around.site, row.path.rpartition(".")[0], name, row.place + 1, len(around.nodes), True)
        event = self.captured.event_of.get(node)
        if event is None:
            return None
        ops = self.captured.nodes_of[event.id]
        return Called(event.site, event.module, name_of(event), ops.index(node) + 1, len(ops))

    def _index(self, row: Row) -> Mapping[int, int]:
        """Event → which of the rows of `row` it stands in."""
        found = self._indices.get(row.key)
        if found is None:
            found = {event.id: n for n, each in enumerate(self.rows(row)) for event in each.events}
            self._indices[row.key] = found
        return found

    @cached_property
    def _indices(self) -> dict[str, dict[int, int]]:
        return {}

    def node(self, row: Row) -> int | None:
        """What leaves it: the last operation of its last call; a parameter. None of a section."""
        if row.kind == "parameter":
            return row.nodes[0]
        if row.kind in ("section", "optimizer") or not row.events:
            return None
        ops = self.captured.nodes_of[row.events[-1].id]
        return ops[-1] if row.phase == "forward" else ops[0]

    def count(self, row: Row) -> int:
        """Its Moments."""
        if row.kind == "section":
            return self.captured.timeline.count(row.phase)
        if row.phase == "update":
            return len(row.nodes)
        count = self._counted(row.phase)[1]
        return sum(count[event.id] for event in row.events)

    # ------------------------------------------------------------------------------------------------------- numbers
    def numbers(self, row: Row) -> Numbers:
        """What is known of its numbers: forward of what leaves it, backward of the gradient that arrives at it, of a
        parameter after its update."""
        if row.kind in ("section", "optimizer"):
            return Numbers(None, None, self._bad(row))
        value = self._after(row.nodes[0]) if row.kind == "parameter" else self._of(row.events[-1], row.phase)
        return Numbers(None, None) if value is None else Numbers(tuple(value.shape), value.stats)

    def _of(self, event: Event, phase: Phase) -> Value | None:
        """The value that an event made, of several one that is not finite; or the gradient that it was given."""
        found = []
        for out in event.outs:
            if self.step.values[out].dtype not in FLOATS:
                continue
            at = out if phase == "forward" else self.gradients.get(out)
            if at is not None:
                found.append(self.step.values[at])
        return next((value for value in found if is_bad(value.stats)), found[0] if found else None)

    @cached_property
    def gradients(self) -> Mapping[int, int]:
        """Value → its gradient, of the last backward pass that gave it one."""
        return {value: grad for backward in self.step.backwards for value, grad in backward.grads.items()}

    def _after(self, node: int) -> Value | None:
        return self._afters.get(node)

    @cached_property
    def _afters(self) -> Mapping[int, Value]:
        """Node of a parameter → its value after the last update."""
        node_of, values = self.captured.node_of, self.step.values
        return {node_of[row.value]: values[row.after] for update in self.step.updates for group in update.groups
                for row in group.rows if row.after is not None and row.value in node_of}  # fmt: skip

    def _bad(self, row: Row) -> int:
        found = self._counts.get(row.key)
        if found is None:
            values = map(self._after, row.nodes) if row.phase == "update" else (
                self._of(event, row.phase) for event in row.events)  # fmt: skip
            found = self._counts[row.key] = sum(
                value is not None and value.stats is not None and value.stats.nan > 0 for value in values
            )
        return found

    @cached_property
    def _counts(self) -> dict[str, int]:
        return {}

    def words(self, node: int) -> Iterator[str]:
        """What a search finds the result of a call by, beside its name: its function, file and line."""
        event = self.captured.event_of.get(node)
        if event is not None and self.captured.nodes_of[event.id][-1] == node:
            yield event.name
            if event.site is not None:
                yield f"{event.site.file}:{event.site.line}"


def is_bad(stats: Stats | None) -> bool:
    """Was any of the numbers not finite?"""
    return stats is not None and bool(stats.nan or stats.inf)
