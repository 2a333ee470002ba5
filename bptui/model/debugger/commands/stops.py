"""Where `continue` stops, findings, and what is known of all that was set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import Line, line
from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.debugger.stops import Breakpoint

family = Family("Stops")
TOPICS = "breakpoints|display|marks|network"


@family.text(
    "break", "Stop at a node, where a condition holds; alone: toggle one here", keys=("b",), short="break",
    usage="[NODE] [if EXPR]", complete="stop",
)  # fmt: skip
def break_(session: Session, text: str) -> Reply:
    """Add one; without a place, take away the plain one of the selected node or add it."""
    from bptui.model.debugger.stops import Breakpoint, parse_break

    rows = session.breakpoints.rows
    if not text:
        session.told = session.stop  # to go on from here is not to stop here
        for row in rows.values():
            if isinstance(row, Breakpoint) and row.plain and row.name == session.node.name:
                del rows[row.number]
                return say(f"breakpoint {row.number} at {row.target} deleted")
    return _set(session, parse_break(text, session.branch, session.node))


@family.text("tbreak", "A breakpoint that is gone once it has stopped", usage="[NODE] [if EXPR]", complete="stop")
def tbreak(session: Session, text: str) -> Reply:
    from bptui.model.debugger.stops import parse_break

    row = parse_break(text, session.branch, session.node)
    row.temporary = True
    return _set(session, row)


def _set(session: Session, row: Breakpoint) -> Reply:
    """What was set, and where it stops, so that nobody waits for the one and gets the other."""
    from bptui.model.debugger.stops import phases

    session.breakpoints.add(row)
    where = "" if row.phase else " and ".join(phases(row, session.branch))
    once = "  once" if row.temporary else ""
    return say(line(*row.title(), (f"  in {where}" if where else "", "dim"), (once, "dim")))


@family.text(
    "watch", "Stop when an expression changes", keys=("W",), line="watch ", usage="EXPR", complete="expression",
    needed=True,
)  # fmt: skip
def watch(session: Session, text: str) -> Reply:
    from bptui.model.debugger import expressions
    from bptui.model.debugger.stops import Watch

    row = Watch(text=expressions.parse(text, session.graph).text)
    session.breakpoints.add(row)
    return say(row.title())


@family.text("delete", "Delete a breakpoint or watch by number; alone: all of them", aliases=("d",), usage="[N]")
def delete(session: Session, text: str) -> Reply:
    rows = session.breakpoints.rows
    if not text:
        count = len(rows)
        rows.clear()
        return say(f"{count} deleted" if count else "there is no breakpoint", ok=bool(count))
    row = rows.pop(_number(text, rows, "delete"))
    return say(f"{row.kind} {row.number} at {row.target} deleted")


def _number(text: str, known: Iterable[int], where: str) -> int:
    numbers = list(known)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) not in numbers:
        right = f"there are {', '.join(map(str, numbers))}" if numbers else "there is none"
        raise UserError(where, f"there is no number {text[:40]}", right)
    return int(text)


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
        return _list(
            [row.line() for row in session.breakpoints.rows.values()], "there is no breakpoint; b sets one here"
        )
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


def _network(session: Session) -> list[Line]:
    from math import prod

    network, graph = session.network, session.graph
    count = sum(prod(node.shape) for node in graph.params)
    rows = [
        line((network.name, "bold"), f"  {network.about.partition(chr(10))[0]}"),
        *(line(text) for text in network.story),
        *(line((f"numbers: {text}", "dim")) for text in network.source.split("\n") if text),
        line(f"{len(graph.ops)} operations, {len(graph.params)} parameters with {count} numbers, {network.dtype}, "
             f"seed {network.seed}, {session.planned} training steps planned"),
    ]  # fmt: skip
    return [*rows, *(line((layer.name, "bold"), f"  {layer.summary}") for layer in graph.layers)]


def _list(rows: Sequence[Line], none: str) -> Reply:
    return say(*rows) if rows else say(none)


@family.nothing(
    "next-finding", "To the next NaN, inf or failed check", keys=("x",), short="finding", twin="previous-finding"
)
def next_finding_(session: Session) -> Reply:
    from bptui.model.debugger.run import next_finding

    return next_finding(session, 1)


@family.nothing(
    "previous-finding", "To the previous NaN, inf or failed check", keys=("X",), short="finding", twin="next-finding"
)
def previous_finding(session: Session) -> Reply:
    from bptui.model.debugger.run import next_finding

    return next_finding(session, -1)


@family.nothing("wanted", "This NaN or inf is meant (a mask's -inf): x and c pass over it; again: they do not")
def wanted(session: Session) -> Reply:
    """Kept in the branch, for all training steps."""
    from bptui.model.debugger.branch import known

    branch, index = session.branch, session.timeline.index(session.cursor)
    taken = {each for each in branch.wanted if each[0] == index}
    if taken:
        branch.wanted -= taken
        return say(f"{session.here.name}: x and c stop here again")
    found = session.nonfinite.get(index)
    if found is None:
        return say("no NaN or inf arises at this moment; x goes to the next one", ok=False)
    branch.wanted.add(known(index, found))
    return say(f"{found.text}: wanted, x and c pass over it from now on")
