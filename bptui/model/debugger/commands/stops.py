"""Where `continue` stops, findings, and what is known of all that was set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.numbers import significant
from bptui.model.base.spans import Line, line
from bptui.model.base.typed import whole
from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.debugger.stops.breakpoints import Breakpoint, UserStop

family = Family("Stops")
TOPICS = "breakpoints|watchpoints|display|marks|network"


@family.text(
    "break", "Stop at a node, layer, operation, phase or training step, where EXPR holds; alone: toggle one here",
    keys=("b",), short="break", usage="[step N] [PHASE] [NODE] [if EXPR]", complete="stop",
)  # fmt: skip
def break_(session: Session, text: str) -> Reply:
    """Add one; without a place, take away the plain one of the selected node or add it."""
    from bptui.model.debugger.stops.breakpoints import Breakpoint, parse_break

    rows = session.breakpoints.rows
    if not text:
        session.told = session.stop  # to go on from here is not to stop here
        for row in rows.values():
            if isinstance(row, Breakpoint) and row.plain and row.name == session.node.name:
                del rows[row.number]
                return say(f"breakpoint {row.number} at {row.target} deleted")
    return _set(session, parse_break(text, session.branch, session.node))


@family.text(
    "tbreak", "A breakpoint that is gone once it has stopped", usage="[step N] [PHASE] [NODE] [if EXPR]",
    complete="stop",
)  # fmt: skip
def tbreak(session: Session, text: str) -> Reply:
    from bptui.model.debugger.stops.breakpoints import parse_break

    row = parse_break(text, session.branch, session.node)
    row.temporary = True
    return _set(session, row)


def _set(session: Session, row: Breakpoint) -> Reply:
    """Set it, and say in which phases it stops."""
    from bptui.model.debugger.stops.breakpoints import phases

    session.breakpoints.add(row)
    where = "" if row.phase else " and ".join(phases(row, session.branch))
    once = "  once" if row.temporary else ""
    beyond = f"  beyond the {session.planned} planned" if (row.step or 0) >= session.planned else ""
    return say(line(*row.title(), (f"  in {where}" if where else "", "dim"), (once, "dim"), (beyond, "kink")))


@family.text(
    "watch", "Stop when an expression changes", keys=("W",), line="watch ", usage="EXPR", complete="expression",
    needed=True,
)  # fmt: skip
def watch(session: Session, text: str) -> Reply:
    from bptui.model.debugger.stops.breakpoints import parse_watch

    row = parse_watch(text, session.branch, session.node)
    session.breakpoints.add(row)
    idle = row.idle(session.branch)
    return say(line(*row.title(), (f"  {idle}" if idle else "", "kink")))


@family.text(
    "last", "Back to where the selected number, or an expression, last changed; again: further back", keys=("L",),
    usage="[EXPR]", complete="expression",
)  # fmt: skip
def last(session: Session, text: str) -> Reply:
    from bptui.model.debugger.run import last as go

    return go(session, text)


@family.text("delete", "Delete breakpoints or watches by number; alone: all of them", aliases=("d",), usage="[N …]")
def delete(session: Session, text: str) -> Reply:
    rows = session.breakpoints.rows
    if not text:
        count = len(rows)
        rows.clear()
        return say(f"{count} deleted" if count else "there is no breakpoint", ok=bool(count))
    gone = _rows(session, text, "delete")
    for row in gone:
        rows.pop(row.number)
    return say(*(f"{row.kind} {row.number} at {row.target} deleted" for row in gone))


@family.text("disable", "Keep breakpoints or watches by number, but do not stop; alone: all of them", usage="[N …]")
def disable(session: Session, text: str) -> Reply:
    return _enable(session, text, False)


@family.text("enable", "Stop again at what was disabled; alone: all of them", usage="[N …]")
def enable(session: Session, text: str) -> Reply:
    return _enable(session, text, True)


def _enable(session: Session, text: str, on: bool) -> Reply:
    rows = _rows(session, text, "enable" if on else "disable")
    for row in rows:
        row.enabled = on
    return say(*(row.line(session.branch) for row in rows)) if rows else say("there is no breakpoint", ok=False)


@family.text("ignore", "Pass over a breakpoint or watch the next COUNT times", usage="N COUNT", needed=True)
def ignore(session: Session, text: str) -> Reply:
    number, _, times = text.partition(" ")
    (row,) = _rows(session, number, "ignore")
    count = whole(times.strip())
    if count is None:
        raise UserError("ignore", f"'{times[:40]}' is not a count", "ignore N COUNT, with COUNT from 0")
    row.ignored = count
    return say(row.line(session.branch))


@family.text(
    "condition", "Give breakpoint N another condition; without one, none", usage="N [EXPR]", needed=True,
    complete="expression",
)  # fmt: skip
def condition(session: Session, text: str) -> Reply:
    from bptui.model.debugger.stops.breakpoints import recondition

    number, _, expression = text.partition(" ")
    (row,) = _rows(session, number, "condition")
    recondition(row, expression, session.branch)
    return say(row.line(session.branch))


def _rows(session: Session, text: str, where: str) -> list[UserStop]:
    """The breakpoints and watches of some numbers; all where none is said."""
    rows = session.breakpoints.rows
    wrong = next((word for word in text.split() if whole(word) not in rows), None)
    if wrong is not None:
        right = f"there are {', '.join(map(str, rows))}" if rows else "there is none"
        raise UserError(where, f"there is no number {wrong[:40]}", right)
    return [rows[int(word)] for word in dict.fromkeys(text.split())] if text else list(rows.values())


@family.text(
    "info", "List breakpoints, displays, marks; or say where we are", keys=("B",), line="info breakpoints",
    aliases=("where",), usage=f"[{TOPICS}]", complete=TOPICS,
)  # fmt: skip
def info(session: Session, text: str) -> Reply:
    """Where we are, and what was set."""
    topics = TOPICS.split("|")
    topic = next((t for t in topics if text and t.startswith(text.lower())), "")
    if text and not topic:
        raise UserError("info", f"nothing is known of '{text[:40]}'", did_you_mean(text, topics, ", ".join(topics)))
    if topic == "breakpoints":
        return _list(_stops(session), "there is no breakpoint; b sets one here")
    if topic == "watchpoints":
        return _list(_stops(session, "watch"), "there is no watch; W sets one")
    if topic == "display":
        return _list(
            [line((f"{i:>3} ", "dim"), text) for i, text in enumerate(session.displays, 1)], "nothing is displayed"
        )
    if topic == "marks":
        rows = [line((name, "bold"), f"  training step {at.step}  {at.phase}  {branch.timeline.node(at).name}")
                for name, (branch, at) in session.marks.items()]  # fmt: skip
        return _list(rows, "there is no mark; m sets one here")
    here = line(*session.where(), f"  moment {session.timeline.index(session.cursor) + 1} of {session.timeline.length}")
    changed = [line("  ", edit.text) for edit in session.branch.edits]
    return say(*_network(session)) if topic else say(here, *changed)


def _stops(session: Session, kind: str = "") -> list[Line]:
    """A row for each breakpoint and watch, or for those of one kind."""
    return [row.line(session.branch) for row in session.breakpoints.rows.values() if kind in ("", row.kind)]


USUAL = (1e-4, 1.0)
"""Learning rates that nobody asks about, ours: lessons call 0.001 to 0.01 typical, demonstrations take up to 1."""


def _network(session: Session) -> list[Line]:
    from math import prod

    from bptui.model.source.optimizer_table import lines

    network, graph = session.network, session.graph
    count = sum(prod(node.shape) for node in graph.params)
    rate, optimized = session.recorded.rate, lines(network.optimizer, [node.name for node in graph.params])
    unusual = [] if USUAL[0] <= rate <= USUAL[1] or not graph.params or rate != rate else [
        f"the learning rate {significant(rate)} is outside of the usual "
        f"{significant(USUAL[0])} to {significant(USUAL[1])}: is it meant?"
    ]  # fmt: skip
    rows = [
        line((network.name, "bold"), f"  {network.about.partition(chr(10))[0]}"),
        *(line(text) for text in network.story),
        *(line((f"numbers: {text}", "dim")) for text in network.source.split("\n") if text),
        *(line((f"taken: {text}", "kink")) for text in network.notes),
        *(line((text, "kink")) for text in unusual),
        line(f"{len(graph.ops)} operations, {len(graph.params)} parameters with {count} numbers, {network.dtype}, "
             f"seed {network.seed}, {session.planned} training steps planned"),
        *(line(text) for text in optimized if graph.params),
    ]  # fmt: skip
    return [*rows, *(line((layer.name, "bold"), f"  {layer.summary}") for layer in graph.layers)]


def _list(rows: Sequence[Line], none: str) -> Reply:
    return say(*rows) if rows else say(none)
