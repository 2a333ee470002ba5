"""Panel 4 of a captured step, Timeline: a hairpin with a column for each module at the top, whatever is in them.

               embed    blocks.0   blocks.1    head     loss             update
    forward      ●━━━━━━━━ ▶ ────────○──────────○────────○──────╮          ○ adamw
    backward     ○─────────○─────────✗──────────○────────○──────╯ seed 1   ✗ 54 of 54

Its `✗` are where NaN or inf came up, known from the start: the step is over. 10,000 operations look the same. Where
there are more modules than columns, a window keeps that of this Moment in sight, with `<` and `>` at its ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.prose import shorten
from bptui.model.base.spans import CHIPS, COLOURS, Line, Span, line, merge
from bptui.model.debugger import folding
from bptui.screens.panels import select_node, timeline
from bptui.screens.panels.timeline import LABEL, ORDER, chip
from bptui.screens.render import clip, fit, scrolled

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph
    from bptui.model.engine.timeline import Phase
    from bptui.model.source.captured.graph import Captured
    from bptui.model.source.captured.modules import Modules, Row
    from bptui.screens.scene import Scene

LEAST, MOST = 4, 15
"""Cells from one column to the next."""
UPDATE = 16
"""Cells of the update, at the right."""
SEED = 100
"""Columns of a screen from which on the seed is told."""


class Stretch(NamedTuple):
    """A column: what it is called, its first operation, and the first and the last place of its forward and of its
    backward Moments (-1 where it has none)."""

    name: str
    node: int
    forward: tuple[int, int]
    backward: tuple[int, int]


class Stretches(NamedTuple):
    """The columns in the order of the forward pass, and in which one each event is."""

    columns: tuple[Stretch, ...]
    of_event: dict[int, int]


def stands(session: Session) -> bool:
    """Is it there: in a captured step that has modules?"""
    modules = session.network.modules
    return modules is not None and not session.branch.number and len(stretches(modules).columns) > 1


def stretches(modules: Modules) -> Stretches:
    """The columns of a step, found once. A module is one, but for one that holds most of the step: then those in it
    are; so is what lies between two of them, and the loss. Where no module has others in it, each call is one."""
    return modules.captured.graph.once(_stretches, modules)


def _stretches(graph: Graph, modules: Modules) -> Stretches:
    section = modules.sections[0]
    rows = list(modules.rows(section))
    while whole := next((row for row in rows if _holds(row) and 2 * len(row.events) > len(section.events)), None):
        at = rows.index(whole)  # a model in a module of its own: those in it are looked at
        rows[at : at + 1] = modules.rows(whole)
    if not any(row.kind == "module" for row in rows):
        return Stretches((), {})
    loss = modules.at("forward", graph.loss).chain
    deep = any(_holds(row) for row in rows)
    groups: list[list[Row]] = []
    for row in rows:
        joins = deep and groups and not any(_holds(each) or each in loss for each in (row, groups[-1][0]))
        groups[-1].append(row) if joins else groups.append([row])
    of_event = {event.id: n for n, group in enumerate(groups) for row in group for event in row.events}
    columns = tuple(_stretch(modules.captured, group, group[0] in loss) for group in groups)
    return Stretches(columns, of_event)


def _stretch(captured: Captured, group: list[Row], loss: bool) -> Stretch:
    events = sorted((event for row in group for event in row.events), key=lambda event: event.id)
    nodes_of, places = captured.nodes_of, captured.timeline.places
    first, last = nodes_of[events[0].id][0], nodes_of[events[-1].id][-1]
    back = [at for event in events for node in nodes_of[event.id] for at in places("backward", node)]
    forward = places("forward", first)[0], places("forward", last)[-1]
    return Stretch(_name(group, loss), first, forward, (min(back), max(back)) if back else (-1, -1))


def _holds(row: Row) -> bool:
    """Is it a module that holds more than one call?"""
    return row.kind == "module" and row.opens


def _name(group: list[Row], loss: bool) -> str:
    named = [row.label for row in group if row.kind == "module"]
    return ", ".join(named) if named else "loss" if loss else group[0].label


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: which Moment of how many."""
    session = scene.session
    place = session.timeline.index(session.cursor) + 1
    by = "by module   " if scene.width >= SEED else ""
    return (), line((f"{by}moment ", "dim"), (f"{place:,}", "text bold"), (f" of {session.timeline.length:,}", "dim"))


def move(scene: Scene, down: int, right: int) -> str:
    """Right and down to the next module, as the forward pass runs."""
    session = scene.session
    found = stretches(folding.tree(session))
    at = _column(session, found, session.node.id) + (right or down)
    return select_node(session, found.columns[max(0, min(len(found.columns) - 1, at))].node)


enter = timeline.enter


def lines(scene: Scene) -> list[Line]:
    """Three rows, and under them the Moments where there is room; one row where there is no more."""
    session, width, height = scene.session, scene.width, scene.height
    if height < 3:
        return timeline.lines(scene)
    found = stretches(folding.tree(session))
    plan = _plan(session, found, width)
    moment = session.cursor
    update = "update" if session.timeline.count("update") else ""
    head = (*fit(_names(session, plan), plan.update, "dim"), Span(update, _weight(session, "update")))
    rows: list[Line] = [head]
    for phase, told in zip(("forward", "backward"), _update(session), strict=True):
        track = _track(session, plan, phase)  # type: ignore[arg-type]
        if phase == "backward" and plan.seed:
            track = (*track, Span(f" seed {session.seed}", "gradient" if moment.phase != "forward" else "dim"))
        label = Span(f" {phase:{LABEL - 1}}", _weight(session, phase))
        rows.append((label, *fit(track, plan.update - LABEL - 1, "dim"), *told))
    if height >= 6:
        rows += [(), *timeline.moments(session, width, height - 4)]
    return [clip(row, width) for row in rows]


def _weight(session: Session, phase: str) -> str:
    return "text bold" if session.cursor.phase == phase else "dim"


class Plan(NamedTuple):
    """The columns that are shown, the number of the first, where each stands; the turn, the update; which is this
    Moment's, by its number among all; whether there are more on either side."""

    shown: tuple[Stretch, ...]
    first: int
    at: tuple[int, ...]
    turn: int
    update: int
    here: int
    more: bool
    seed: bool


def _plan(session: Session, found: Stretches, width: int) -> Plan:
    seed = width >= SEED
    tail = (UPDATE if session.timeline.count("update") else 0) + (8 if seed else 2)
    room = width - LABEL - tail - 3
    columns = found.columns
    spacing = max(LEAST, min(MOST, room // len(columns)))
    count = max(1, min(len(columns), room // spacing))
    here = _column(session, found, session.here.id)
    first = scrolled(len(columns), count, here)
    at = tuple(LABEL + 1 + (spacing - 1) // 2 + spacing * n for n in range(count))
    turn = at[-1] + max(2, spacing // 2)
    update = turn + (10 if seed else 4)
    return Plan(columns[first : first + count], first, at, turn, update, here, first + count < len(columns), seed)


def _column(session: Session, found: Stretches, node: int) -> int:
    """The number of the column of a node; that of the loss for what is in none, and for the seed."""
    event = folding.tree(session).captured.event_of.get(node)
    return len(found.columns) - 1 if event is None else found.of_event.get(event.id, len(found.columns) - 1)


def _names(session: Session, plan: Plan) -> Line:
    """The names over their columns, cut to their room; that of this Moment whole, the others where there is room."""
    spacing = plan.at[1] - plan.at[0] if len(plan.at) > 1 else MOST
    inside = session.cursor.phase != "update"
    wanted = []
    for n, (each, x) in enumerate(zip(plan.shown, plan.at, strict=True), plan.first):
        here = inside and n == plan.here
        name = each.name if here and len(each.name) < 2 * spacing else _short(each.name, spacing - 1)
        wanted.append((max(0, x - len(name) // 2), name, here))
    return timeline.named(timeline.placed(wanted, plan.update))


def _short(name: str, room: int) -> str:
    """`b.0` for `blocks.0`, where there is no room for it."""
    if len(name) <= room:
        return name
    name = name.partition(", ")[0]
    first, dot, rest = name.partition(".")
    if len(name) > room and dot and len(first[0] + dot + rest) <= room:
        return first[0] + dot + rest
    return shorten(name, room)


def _track(session: Session, plan: Plan, phase: Phase) -> Line:
    """One of the two lines, from column LABEL on."""
    moment, kind = session.cursor, COLOURS[phase]
    place = session.timeline.index(moment)
    forward, active = phase == "forward", moment.phase == phase
    done = ORDER.index(moment.phase) > ORDER.index(phase)
    seed = session.timeline.is_seed(moment)
    born = _born(session, phase)
    cells: dict[int, tuple[str, str]] = {}
    ends = (*plan.at[1:], plan.turn)
    for n, (each, x, end) in enumerate(zip(plan.shown, plan.at, ends, strict=True), plan.first):
        first, last = each.forward if forward else each.backward
        been = 0 <= first <= place if active else done
        left = (last <= place and n != plan.here) if active else done
        if not forward:  # it comes from the right: the line to the right of a column is behind it
            left = been
        for at in range(x, end):
            cells[at] = ("━", kind) if left and been else ("─", "rule")
        cells[x] = ("●", kind) if been else ("·", "dim") if first < 0 else ("○", "dim")
        if n in born:
            cells[x] = ("✗", "fail")
        if active and not seed and n == plan.here:
            cells |= chip(x, phase, session.is_finding(session.here.id, phase))
    turned = moment.phase != "forward"
    cells[plan.turn] = (("┓" if forward else "┛", kind)) if turned else ("╮" if forward else "╯", "rule")
    if plan.more:
        cells[plan.turn] = (">", "dim")
    if plan.first:
        cells[plan.at[0] - 2] = ("<", "dim")
    if active and seed:
        cells |= chip(plan.turn, phase, False)
    return merge(Span(*cells.get(x, (" ", "dim"))) for x in range(LABEL, max(cells) + 1))


def _born(session: Session, phase: Phase) -> set[int]:
    """The columns in which NaN or inf came up in a phase, as far as it is known."""
    found, events = stretches(folding.tree(session)), session.timeline.events
    known = (events[place] for place in session.nonfinite.known)
    return {_column(session, found, event.node) for event in known if event.phase == phase}


def _update(session: Session) -> tuple[Line, Line]:
    """Beside the two lines: the optimizer; how many parameters, and how many of them it made NaN."""
    modules, timeline_ = folding.tree(session), session.timeline
    count = timeline_.count("update")
    if not count:
        return (), ()
    section = modules.sections[-1]
    moment = session.cursor
    name = Span(f" {section.said}", "text bold" if moment.phase == "update" else "dim")
    if moment.phase == "update":
        mark = Span(f" {CHIPS['update']} ", "chip-update")
        return (Span(""), mark, name), (
            Span(f"  {moment.index + 1:,}", "parameter bold"),
            Span(f" of {count:,}", "dim"),
        )
    bad = modules.numbers(section).bad
    second = (Span(" ✗", "fail"), Span(f" {bad:,} of {count:,}", "fail")) if bad else (Span(f"   {count:,}", "dim"),)
    return (Span(" ○", "dim"), name), second
