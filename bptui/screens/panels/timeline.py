"""Panel 4, Timeline: a hairpin. Forward runs right, turns at the loss, and comes home backward under the same nodes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.spans import CHIPS, COLOURS, Line, Span, line, merge
from bptui.screens.panels import select_node
from bptui.screens.render import clip, fit, length, scrolled, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.engine.graph import Graph, Node  # brings NumPy, which must not come before the first frame
    from bptui.model.engine.timeline import Phase
    from bptui.screens.scene import Scene

ORDER = tuple(COLOURS)  # model.timeline.PHASES, without its NumPy
LABEL = 10  # columns for the words forward and backward
SEED, UPDATE = 13, 5  # from the turn to the update column, with and without room for "seed 1"


Label = tuple[int, str, bool]
"""A name over its column: where it begins, its text, whether it is that of this Moment."""


class Plan(NamedTuple):
    """Where the hairpin stands: columns of the nodes shown, of the turn, of the update marks."""

    nodes: tuple[Node, ...]
    columns: tuple[int, ...]
    labels: tuple[Label, ...]
    turn: int
    update: int
    spacing: int
    step: int  # from one update mark to the next
    before: bool
    after: bool
    every: bool  # each node is named


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: which Moment of how many."""
    session = scene.session
    timeline = session.timeline
    place = timeline.index(session.cursor) + 1
    return (), line(("moment ", "dim"), (f"{place}", "text"), (f" of {timeline.length}", "dim"))


def move(scene: Scene, down: int, right: int) -> str:
    """Right and down to the next node, as the forward pass runs."""
    session, timeline = scene.session, scene.session.timeline
    at = (timeline.computed_at(session.node.id) or 0) + (right or down)
    return select_node(session, timeline.forward[max(0, min(len(timeline.forward) - 1, at))].id)


def enter(scene: Scene) -> str:
    """To the selected node, whichever way it lies."""
    return f"until {scene.session.node.name}"


def lines(scene: Scene) -> list[Line]:
    """Three rows: names, forward, backward with the update marks at the right; one row where there is no more room; in
    a panel of its own, under them the Moments."""
    session, width, height, _ = scene[:4]
    if height < 3:
        return [strip(scene)][:height]
    moment, timeline = session.cursor, session.timeline
    plan = _plan(session, width)
    here = timeline.node(moment) if moment.phase == "update" else None
    now = [Span("update", "text bold" if moment.phase == "update" else "dim")]
    rows = [(*fit(named(plan.labels), plan.update, "dim"), *now)]
    params = timeline.update
    marks = _update_marks(session, plan, width)
    below: list[Span]
    if plan.step >= 3 and len(params) * plan.step <= width - plan.update + 1:
        below = [Span(" ", "dim")]
        below += [Span(f"{_short(p, params):{plan.step}}", "text bold" if p is here else "dim") for p in params]
    else:
        below = [Span(f" {len(params)} param{'s' if len(params) != 1 else ''}" if params else " no params", "dim")]
    for phase in ("forward", "backward"):
        label = Span(f" {phase:{LABEL - 1}}", "text bold" if phase == moment.phase else "dim")
        track = _track(session, plan, phase)
        seed = plan.update - plan.turn >= SEED - 1 and phase == "backward"
        if seed:
            reached = moment.phase != "forward"
            track = (*track, Span(f" seed {session.seed}", "gradient" if reached else "dim"))
        rows.append((label, *fit(track, plan.update - LABEL - 1), *(marks if phase == "forward" else below)))
    if height >= 6:
        rows += [(), *moments(session, width, height - 4)]
    return [clip(row, width) for row in rows]


def moments(session: Session, width: int, room: int) -> list[Line]:
    """The Moments around this one, a row for each: `◀  60  backward 6/55  norm.a.normalized  mul`. They move by half of
    the room, so that most steps move nothing."""
    timeline, cursor = session.timeline, session.cursor
    at, wide = timeline.index(cursor), len(str(timeline.length))
    first = scrolled(timeline.length, room, at)
    rows: list[Line] = []
    longest = session.graph.once(_longest)
    for place in range(first, min(first + room, timeline.length)):
        moment = timeline.at(cursor.step, place)
        node, phase, kind = timeline.node(moment), moment.phase, COLOURS[moment.phase]
        here, bad = place == at, place <= at and session.is_finding(node.id, moment.phase)
        mark = Span("   ")
        if here:
            mark = Span(f" {CHIPS[phase]} ", "chip-fail" if bad else f"chip-{phase}")
        elif bad:
            mark = Span(" ✗ ", "fail")
        elif divergence(session) == (phase, node.name) and not timeline.is_seed(moment):
            mark = Span(" ≠ ", "kink")
        elif node.id in session.marked and phase != "update":
            mark = Span(" ■ ", "fail")
        what = "seed" if timeline.is_seed(moment) else _operation(session, node)
        row: Line = (
            mark,
            Span(f" {place + 1:{wide}}  ", "dim"),
            Span(f"{phase:8} {moment.index + 1:{wide}}", f"{kind} bold" if here else kind),
            Span(f"/{timeline.count(phase)}".ljust(wide + 3), "dim"),
        )
        left = width - length(row)
        name = node.name if len(node.name) <= left else f"…{node.name[len(node.name) - left + 1 :]}"
        row = (*row, Span(name, "text bold" if here else "text"))
        if what and max(longest, len(name)) + 2 + len(what) <= left:
            row = (*fit(row, width - left + max(longest, len(name))), Span(f"  {what}", "dim"))
        rows.append(under(fit(row, width), "on-cursor") if here else row)
    return rows


def divergence(session: Session) -> tuple[Phase, str] | None:
    """Phase and node of the first Moment that computes another number than in the course that the branch is held
    against, where it lies in this training step."""
    comparison = session.comparison
    first = comparison.first if comparison is not None else None
    return (first.moment.phase, first.node.name) if first and first.moment.step == session.cursor.step else None


def _longest(graph: Graph) -> int:
    """Cells of the longest name of an operation."""
    return max((len(node.name) for node in graph.ops), default=0)


def _operation(session: Session, node: Node) -> str:
    """What a node does, as panel 1 says it; the loss by its kind; nothing for a parameter."""
    from bptui.screens.panels.listing import what  # brings NumPy

    if node.op is None:
        return ""
    return node.op.name if node.id == session.graph.loss else what(session.graph, node)


def strip(scene: Scene) -> Line:
    """The timeline in one row, for one panel at a time: `backward  ○──── ◀ ────● seed   moment 8 of 13`."""
    session, width = scene.session, scene.width
    moment, timeline = session.cursor, session.timeline
    right: Line = (*title(scene)[1], Span(" ", "dim"))
    label = Span(f" {moment.phase:{LABEL - 1}}", "dim")
    if width < 50:
        right = (Span(f" {timeline.index(moment) + 1}", "text"), Span(f"/{timeline.length} ", "dim"))
    if moment.phase == "update":
        params = session.timeline.update
        head = (
            label,
            Span(" " * 1, "dim"),
            *_update_marks(session, _plan(session, width, 2), width - LABEL - length(right) - 4),
        )
        name = Span(f" {params[moment.index].name}", "parameter bold")
        left: Line = (*head, name)
    else:
        room = width - LABEL - length(right) - 7
        nodes = session.timeline.forward
        spacing = max(1, min(5, room // max(1, len(nodes))))
        plan = _window(session, nodes, spacing, max(1, room // spacing))
        track = list(_track(session, plan, moment.phase, turn=False))
        seed = [Span(" seed", "gradient")] if moment.phase == "backward" and not plan.after else []
        left = (label, *track, *seed)
    return (*fit(left, width - length(right), "dim"), *right)


def _names(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    """A node's name here: the loss is `loss`."""
    return tuple("loss" if node.name in ("loss", "L") and node.scope == "loss" else node.name for node in nodes)


def _plan(session: Session, width: int, least: int = 0) -> Plan:
    """Every node named, where the names fit; else the layers' names over one cell per node; else a window of that."""
    timeline, nodes = session.timeline, session.timeline.forward
    params = len(timeline.update)
    seed = width >= 100
    step = 4 if width >= 116 else 3 if width >= 100 else 2
    marks = min(max(params * step, 8), max(10, width // 4))
    tail = (SEED if seed else UPDATE) + marks
    count = len(nodes)
    names = _names(nodes) if count * 3 < width else ()
    usual = 15 if width >= 116 else 12 if width >= 100 else 11
    for spacing in range(usual if names else 0, max(map(len, names), default=0) + 1, -1):
        turn = LABEL + (spacing - 1) // 2 + spacing * (count - 1) + _bend(spacing)
        if turn + tail <= width and turn < width - 8:
            columns = tuple(LABEL + (spacing - 1) // 2 + spacing * i for i in range(count))
            here = timeline.node(session.cursor).id
            labels = tuple(
                (max(0, column - len(name) // 2), name, node.id == here)
                for column, name, node in zip(columns, names, nodes, strict=True)
            )
            update = turn + (SEED if seed else UPDATE)
            return Plan(nodes, columns, labels, turn, update, spacing, step, False, False, True)
    room = max(1, width - LABEL - 3 - tail)
    spacing = max(1, min(usual, room // max(1, count)))
    return _window(session, nodes, spacing, room // spacing, seed, step)


def _bend(spacing: int) -> int:
    return -(-spacing * 3 // 5)


def _window(
    session: Session, nodes: tuple[Node, ...], spacing: int, room: int, seed: bool = False, step: int = 2
) -> Plan:
    """As many nodes as there is room for, so chosen that the cursor's is among them; it moves by half a window."""
    count = len(nodes)
    here = _node_index(session)
    first = scrolled(count, room, here)
    shown = nodes[first : first + room]
    columns = tuple(LABEL + 1 + spacing * i for i in range(len(shown)))
    turn = columns[-1] + max(2, _bend(spacing)) if columns else LABEL + 1
    current, place = nodes[here].scope or nodes[here].name, 0
    wanted: list[Label] = []
    for scope, group in groupby(shown, key=lambda n: n.scope or n.name):
        wanted.append((columns[place], scope, scope == current))
        place += len(tuple(group))
    labels = placed(wanted, turn + 4)
    update = turn + (SEED if seed else UPDATE)
    return Plan(shown, columns, labels, turn, update, spacing, step, first > 0, first + room < count, False)


def placed(wanted: list[Label], end: int) -> tuple[Label, ...]:
    """Of labels those that have room before a column, without touching: that of this Moment first."""
    kept: list[Label] = []
    for label in sorted(wanted, key=lambda label: not label[2]):
        start, after = label[0], label[0] + len(label[1])
        if after < end and all(after < other or start > other + len(name) for other, name, _ in kept):
            kept.append(label)
    return tuple(sorted(kept))


def named(labels: Sequence[Label]) -> Line:
    """Labels in their columns; what would begin in another is left out."""
    out: list[Span] = []
    x = 0
    for column, text, current in labels:
        if column > x or (column == x == 0):
            out += [Span(" " * (column - x), "dim"), Span(text, "text bold" if current else "dim")]
            x = column + len(text)
    return tuple(out)


def _node_index(session: Session) -> int:
    """Under which node of the forward pass the cursor stands."""
    moment, timeline = session.cursor, session.timeline
    last = len(timeline.forward) - 1
    if moment.phase == "forward":
        return int(moment.index)
    if moment.phase == "update" or moment.index == 0:
        return last
    place = timeline.computed_at(timeline.node(moment).id)
    return last if place is None else place


def _track(session: Session, plan: Plan, phase: Phase, turn: bool = True) -> Line:
    """One of the two lines, from column LABEL on."""
    moment, timeline = session.cursor, session.timeline
    here, seed = _node_index(session), timeline.is_seed(moment)
    forward, kind = phase == "forward", COLOURS[phase]
    active, done = moment.phase == phase, ORDER.index(moment.phase) > ORDER.index(phase)
    parts = divergence(session)
    cells: dict[int, tuple[str, str]] = {}
    ends = (*plan.columns[1:], plan.turn if turn else plan.columns[-1])
    for node, column, end in zip(plan.nodes, plan.columns, ends, strict=True):
        place = timeline.computed_at(node.id)
        assert place is not None
        been = done or (active and not seed and (place <= here if forward else place >= here))
        left = done or (active and not seed and (place < here if forward else place >= here))
        cells |= dict.fromkeys(range(column, end), ("━", kind) if left else ("─", "rule"))
        bad = been and session.is_finding(node.id, phase)
        if bad:
            cells[column] = ("✗", "fail")
        elif not forward and not node.wants_grad:
            cells[column] = ("·", "dim")
        else:
            cells[column] = ("●", kind) if been else ("○", "dim")
        if parts == (phase, node.name):
            cells[column] = ("≠", "kink")
        if active and not seed and place == here:
            cells |= chip(column, phase, bad)
    if turn and plan.after:
        cells[plan.turn] = (">", "dim")
    elif turn:
        turned = moment.phase != "forward"
        cells[plan.turn] = (("┓" if forward else "┛", kind)) if turned else ("╮" if forward else "╯", "rule")
    if plan.before:
        cells[plan.columns[0] - 1] = ("<", "dim")
    if active and seed:
        cells |= chip(plan.turn if turn else plan.columns[-1], phase, False)
    return merge(cells.get(x, (" ", "dim")) for x in range(LABEL, max(cells, default=LABEL) + 1))


def chip(column: int, phase: str, bad: bool) -> dict[int, tuple[str, str]]:
    """The cells of the mark of this Moment, by their columns."""
    style = "chip-fail" if bad else f"chip-{phase}"
    return {column - 1: (" ", style), column: (CHIPS[phase], style), column + 1: (" ", style)}


def _update_marks(session: Session, plan: Plan, width: int) -> list[Span]:
    """`○   ○   ◆   ○`: one mark per parameter; the cursor's is a chip. As many as there is room for. The first cell
    lies before the first mark."""
    moment, params, parts = session.cursor, session.timeline.update, divergence(session)
    room = max(1, (width - plan.update) // plan.step)
    here = moment.index if moment.phase == "update" else -1
    first = 0
    if len(params) > room:
        first = min(max(0, here - room // 2), len(params) - room)
    cells: dict[int, tuple[str, str]] = {-1: (" ", "dim")}
    for i in range(first, min(first + room, len(params))):
        x = (i - first) * plan.step
        found = i < here and session.is_finding(params[i].id, "update")
        cells[x] = ("○", "dim") if i >= here else ("✗", "fail") if found else ("●", "parameter")
        if parts == ("update", params[i].name):
            cells[x] = ("≠", "kink")
        for gap in range(1, plan.step):
            cells[x + gap] = (" ", "dim")
    if here >= 0:
        cells |= chip((here - first) * plan.step, "update", session.is_finding(params[here].id, "update"))
    return [Span(glyph, style) for _, (glyph, style) in sorted(cells.items())]


def _short(param: Node, params: tuple[Node, ...]) -> str:
    """`W1`, `b1`: the symbol, numbered where several share it."""
    symbol = param.symbol or param.label
    same = [p for p in params if (p.symbol or p.label) == symbol]
    if len(same) == 1:
        return symbol[:3]
    return f"{symbol}{same.index(param) + 1}"[:3]
