"""Why two runs are apart at a row: an input that came in different, or what else they were told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bptui.model.base.numbers import shape
from bptui.model.base.printable import few, one_line
from bptui.model.debugger.diff.calls import Call, captured
from bptui.model.debugger.diff.gaps import Gap
from bptui.model.debugger.diff.rows import Row
from bptui.model.debugger.diff.runs import Runs
from bptui.model.debugger.diff.settings import Setting, different
from bptui.model.engine.recording import NotRecorded


class Input(NamedTuple):
    """Something that a row reads, and how far apart the runs are in it. trained: a parameter as it was before the step,
    or a state of its optimizer."""

    name: str
    gap: Gap
    trained: bool = False


class Why(NamedTuple):
    """inputs    those that came in different, in their order · unread: how many were not recorded
    settings  those that are not the same in both
    text      one sentence
    """

    inputs: tuple[Input, ...]
    unread: int
    settings: tuple[Setting, ...]
    text: str

    @property
    def equal(self) -> bool:
        """Are its inputs equal?"""
        return not self.inputs and not self.unread


def why(runs: Runs, row: Row) -> Why:
    """Why the runs are apart at a row. Reads its inputs."""
    settings = different(row, runs.a.recording, runs.b.recording)
    if row.missing:
        return Why((), 0, settings, _alone(runs, row))
    read = [each._replace(name=one_line(each.name)) for each in _inputs(runs, row)]
    apart = tuple(each for each in read if each.gap.beyond(runs.tolerance.value))
    unread = sum(each.gap.relative is None for each in read)
    if apart:
        text = _came_in(apart)
    elif unread:
        text = f"{unread} of its inputs were not recorded: they may have come in different"
    elif settings:
        text = "same inputs, other result: so the operation itself differs"
    else:
        text = _same(runs, row, read)
    return Why(apart, unread, settings, text)


def _alone(runs: Runs, row: Row) -> str:
    """Of a call or an update that only one run has."""
    mine, other = ("a", "b") if row.missing == "only in a" else ("b", "a")
    if row.phase == "update":
        return (
            f"{row.module} is not updated in {other}" if not row.turn else f"{other} has no update {row.turn + 1} of it"
        )
    at = runs.rows.index(row)
    near = [each for each in (*runs.rows[max(0, at - 1) : at], *runs.rows[at + 1 : at + 2]) if each.phase == "forward"]
    instead = next((each for each in near if each.missing not in ("", row.missing)), None)
    if instead is None and _step(runs, mine) == 0 and _step(runs, other):
        return f"{mine} is the first training step of its program: it has what ran before the loop, too"
    if instead is None:
        return f"the programs differ here: {other} has no such call at this place"
    where = f" in {instead.module}" if instead.module != row.module else ""
    return f"the programs differ here: {mine} calls {row.function}, {other} {instead.function}{where}"


def _step(runs: Runs, which: str) -> int | None:
    """The number of a captured step in its program; None where that is not known."""
    step = captured((runs.a if which == "a" else runs.b).recording)
    number = None if step is None else step.record.step.about.get("step")
    return number if isinstance(number, int) else None


def _came_in(inputs: tuple[Input, ...]) -> str:
    """Which inputs came in different."""
    names = [each.name for each in inputs]
    listed = few(names, 2)
    trained = all(each.trained for each in inputs)
    before = ": the runs parted in an earlier training step" if trained else ""
    return f"{'' if len(names) > 1 else 'its input '}{listed} came in different{before}"


def _same(runs: Runs, row: Row, read: Sequence[Input]) -> str:
    """Where inputs and settings are the same."""
    blamed = _first_to_add(runs, row) if row.phase == "backward" else ""
    if blamed:
        return blamed
    farthest = max(read, key=lambda each: each.gap.relative or 0.0, default=None)
    if farthest is not None and farthest.gap.relative:
        return f"its inputs are equal within the tolerance, and it makes more of the difference in {farthest.name}"
    return "same inputs, same settings, other result: what computes it differs"


def _first_to_add(runs: Runs, row: Row) -> str:
    """Which of several calls that add to a gradient is the first to add something else."""
    a, b = runs.a.recording, runs.b.recording
    for i, j in row.nodes:
        first, second = a.timeline.arrivals(i), b.timeline.arrivals(j)
        if not first or not second:
            return f"no gradient goes on to {a.graph.nodes[i].name} in {'b' if first else 'a'}"
        if len(first) != len(second):
            return f"{len(first)} calls add to ∂L/∂{a.graph.nodes[i].name} in a, {len(second)} in b"
        if len(first) > 1 and runs.gaps.gradient(i, j).beyond(runs.tolerance.value):
            for one, other in zip(first, second, strict=True):
                gap = runs.gaps.contribution(one[:2], other[:2])
                if gap.beyond(runs.tolerance.value):
                    return f"same inputs: {a.graph.nodes[one.consumer].name} is the first to add something else"
    return ""


def _inputs(runs: Runs, row: Row) -> Iterator[Input]:
    nodes, gaps = runs.a.recording.graph.nodes, runs.gaps
    if row.phase == "update":
        yield from _of_update(runs, row)
    elif row.pair.a is not None and row.pair.b is not None:
        one, other = row.pair.a, row.pair.b
        if row.phase == "backward":
            for i, j in zip(one.results, other.results, strict=False):
                if nodes[i].wants_grad:
                    yield Input(f"∂L/∂{nodes[i].name}", gaps.gradient(i, j))
                yield Input(nodes[i].name, gaps.value(i, j))
        for i, j in zip(one.inputs, other.inputs, strict=False):
            yield Input(_name(runs, one, i), gaps.value(i, j), nodes[i].role == "param")


def _name(runs: Runs, call: Call, i: int) -> str:
    """What an input is called: what was given, and what a dropout kept, have no names of their own."""
    node, step = runs.a.recording.graph.nodes[i], captured(runs.a.recording)
    if step is None or node.role != "input":
        return node.name
    mask = i in step.captured.reads and call.event is not None and "masks" in call.event.notes
    return f"{'mask' if mask else node.name} {shape(node.shape)}"


def _of_update(runs: Runs, row: Row) -> Iterator[Input]:
    for i, j in row.nodes:
        name = runs.a.recording.graph.nodes[i].name
        yield Input(name, runs.gaps.before(i, j, row.turn), not row.turn)
        yield Input(f"∂L/∂{name} as used", runs.gaps.used(i, j, row.turn))
        try:
            states = [
                run.update_rule(node, row.turn).states for run, node in ((runs.a.recording, i), (runs.b.recording, j))
            ]
        except NotRecorded:
            continue
        for state in states[0]:
            if state in states[1]:
                yield Input(f"{state} of {name}", runs.gaps.state(i, j, state, row.turn), not row.turn)
