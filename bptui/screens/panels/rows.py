"""The rows of panel 1: a tensor with its gradient in its columns, a layer's heading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bptui.model.base.numbers import decimals_for, field
from bptui.model.base.prose import shorten
from bptui.model.base.spans import CHIPS, Line, Span
from bptui.model.debugger.view import WHAT_IF
from bptui.model.engine.graph import Graph, Node
from bptui.model.engine.state import State
from bptui.screens.panels import cells
from bptui.screens.panels.cells import CELL, Room, as_table, signed, table_width
from bptui.screens.panels.entries import Entry
from bptui.screens.panels.figures import figure, kind_of, wholes
from bptui.screens.panels.listing import Closed, closed_in, said_in, shown_as
from bptui.screens.panels.text import wrap
from bptui.screens.render import RenderOptions, clip, fit, length, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

PAIR = 2  # numbers side by side in the value and in the gradient column
LETTERS = 4  # of a word, below which it is not begun
GRADIENT = "∂L/∂value"
DRAWN = 4_000  # entries of which the rows are kept, of one recording


class Columns(NamedTuple):
    """Where the columns stand: gutter, name, shape or operation (0: not shown), value, gradient."""

    gutter: int
    name: int
    what: int
    value: int
    gradient: int
    pair: int = PAIR

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns of a panel of this width: where two numbers have no room, there is one."""
        if width >= 50:
            return WIDE
        return NARROW if width >= 41 else cls(2, 2, 0, 8, 24) if width == 40 else cls(2, 2, 0, 8, 16, 1)

    @property
    def room(self) -> int:
        """Cells of a name."""
        return self.value - self.name

    def folded(self, width: int) -> Columns:
        """Those of a tensor among layers in one row each: its numbers stand under theirs, point under point."""
        value, gradient = sizes_at(width)
        return self._replace(value=value - 1, gradient=gradient - 1, pair=1)


class Page(NamedTuple):
    """Where the columns of the list stand, its width, how it may be drawn."""

    columns: Columns
    width: int
    look: RenderOptions

    def room(self, rows: int) -> Room:
        """What a tensor of so many rows may take up."""
        return Room(rows, self.columns.pair, self.look)


WIDE = Columns(3, 3, 10, 17, 34)
NARROW = Columns(2, 2, 0, 8, 25)


@lru_cache(2)
def _drawn(recording: Any) -> dict[Any, tuple[Line, ...]]:
    """The rows that were made of a recording: its numbers never change, so that a step makes few."""
    return {}


class Now(NamedTuple):
    """What is the same for all rows of one frame.

    here, selected  ids of the Moment's node, and of the one that is selected;  waits  of the one that is computed next
    marked  of those with a breakpoint;  parts  the name of the one that differs first (`diverged`)
    base    as of `Seen`;  open_  as `open_at` says
    """

    session: Session
    state: State
    graph: Graph
    here: int
    selected: int
    waits: int | None
    marked: frozenset[int]
    parts: str
    base: int | None
    open_: int

    @classmethod
    def of(cls, session: Session, open_: int) -> Now:
        """That of this Moment."""
        here, selected, marked, parts = session.here.id, session.node.id, session.marked, diverged(session)
        waits, base = _next(session), held_against(session)
        return cls(session, session.state, session.graph, here, selected, waits, marked, parts, base, open_)


def rows_of(now: Now, entry: Entry, page: Page, folded: bool) -> Sequence[Line]:
    """The rows of one entry of the list."""
    node, session, state, (columns, width, look) = entry.node, now.session, now.state, page
    if node is None:
        return [clip(_heading(now, entry.scope, columns, width, folded), width)] if entry.scope else [()]
    here = node.id == now.here
    seen = Seen(
        here,
        _gutter(now, node, columns, here),
        state.stage(node),
        state.written(node),
        state.moment.phase == "forward",
        bool(columns.what) and now.waits == node.id,
        closed_in(now.graph, node, now.open_),
        session.element if now.selected == node.id and _pointed(session, node, look) else None,
        session.followed(node),
        now.base,
    )
    kept, key = _drawn(state.recording), (node.id, entry.rows, columns, width, look.unicode, look.ansi, seen)
    found = kept.get(key)
    if found is None:
        if len(kept) > DRAWN:
            kept.clear()
        found = kept[key] = tuple(_rows(session, node, entry.rows, page, seen))
    return found


def _pointed(session: Session, node: Node, look: RenderOptions) -> bool:
    """Is the number marked that is selected of it? In the panel that has the focus, and where it can be nudged."""
    answer = session.view.answer
    return look.focused or (node.op is None and answer is not None and answer.panel == WHAT_IF)


class Seen(NamedTuple):
    """All that the rows of a tensor depend on, besides the recording and the room.

    stage   how much of it is there at this Moment (`State.stage`);  written  what this very Moment wrote
    waits   the next step computes it
    closed  what it stands for, with all of its parts
    sample  which one is seen, None for all
    base    the number of the branch whose numbers are taken away in the right column; None: that has gradients
    """

    here: bool
    gutter: Line
    stage: tuple[bool, int, int]
    written: frozenset[str]
    forward: bool
    waits: bool
    closed: Closed | None
    selected: tuple[int, ...] | None
    sample: int | None = None
    base: int | None = None


def _rows(session: Session, node: Node, rows: int, page: Page, seen: Seen) -> list[Line]:
    """The rows of a tensor."""
    columns, width = page.columns, page.width
    here, state, kind = seen.here, session.state, kind_of(node)
    style, end = f"{kind} bold" if here else kind, columns.what or columns.value
    room = columns.room
    label = shorten(seen.closed.label, room) if seen.closed is not None and seen.closed.label else ""
    label = label or shown_as(session.graph, node, room)
    closed = seen.closed.kind if seen.closed is not None else ""
    said = said_in(session.graph, node, closed, room - len(label) - 1) if columns.what else ""
    start = max(len(label) + 1, min(end - columns.name, room - len(said)))
    name = (*fit((Span(label, style),), start), Span(said, "dim")) if said else (Span(label, style),)
    value = _cut(state.shown(node), seen.sample)
    selected = seen.selected if seen.sample is None or seen.selected is None else (0, *seen.selected[1:])
    given = node.role in ("input", "target") and len(node.shape) > 1 and session.batch_of(node) > 1
    left: list[Line]
    if state.missing(node):
        left = [(Span(" not recorded", "dim"),)]
    elif value is None:
        left = (
            [(Span(field(None).rstrip(), kind), Span("  not yet", "dim"))]
            if seen.waits
            else [(Span(field(None), kind),)]
        )
    elif given and seen.sample is None:
        left = [(Span(f" {node.shape[0]} samples", "text"),)]
    elif node.whole and not node.wants_grad:
        left = [wholes(value, width - columns.value)]
    else:
        bold = "value" in seen.written and not given
        left = cells.lines(value, f"{kind} bold" if bold else kind, page.room(rows), selected)
    if seen.base is not None:
        right = _change(session, node, rows, page)
    else:
        right = [] if seen.forward else _gradient(state, node, seen, rows, page)
    out: list[Line] = []
    for i in range(rows):
        value_row = left[i] if i < len(left) else ()
        row: Line = (
            *(seen.gutter if i == 0 else (Span(" " * columns.gutter),)),
            *fit(name if i == 0 else (), columns.value - columns.gutter),
            *(fit(value_row, columns.gradient - columns.value) if right else value_row),
            *(right[i] if i < len(right) else ()),
        )
        out.append(under(fit(row, width), "on-cursor") if here else clip(row, width))
    return out


def _gutter(now: Now, node: Node, columns: Columns, here: bool) -> Line:
    """The chip of this Moment; else the mark of a breakpoint."""
    if here:
        session = now.session
        phase = session.cursor.phase
        bad = session.is_finding(node.id, phase) and not session.timeline.is_seed(session.cursor)
        chip = f" {CHIPS[phase]} " if columns.gutter == 3 else f"{CHIPS[phase]} "
        return (Span(chip, "chip-fail" if bad else f"chip-{phase}"),)
    if now.parts == node.name:
        return (Span(" ≠ " if columns.gutter == 3 else "≠ ", "kink"),)
    if node.id in now.marked:
        return (Span(" ■ " if columns.gutter == 3 else "■ ", "fail"),)
    return (Span(" " * columns.gutter),)


def _next(session: Session) -> int | None:
    """The node that the next step of the forward pass computes."""
    moment, forward = session.cursor, session.timeline.forward
    if moment.phase != "forward" or moment.index + 1 >= len(forward):
        return None
    return int(forward[moment.index + 1].id)


def _gradient(state: State, node: Node, seen: Seen, rows: int, page: Page) -> list[Line]:
    """∂L/∂value: `·` while it is awaited, `…` while not all contributions are in."""
    if not node.wants_grad:
        return []
    gradient, columns = state.shown_gradient(node), page.columns
    style = "gradient bold" if "gradient" in seen.written else "gradient"
    if gradient.array is None:
        if not gradient.total:
            return []
        if gradient.arrived == gradient.total:
            return [(Span(" not recorded", "dim"),)]
        across = table_width(node)
        return [(Span(field(None) * min(columns.pair, across), "dim"),)] * (rows if across <= columns.pair else 1)
    made = cells.lines(_cut(gradient.array, seen.sample), style, page.room(rows))
    if gradient.final:
        return made
    note = f"{gradient.arrived} of {gradient.total} in"
    if table_width(node) == 1:
        first = (*made[0], Span("…", style))
        left = page.width - columns.gradient - length(first) - 1
        return [(*first, Span(f" {note if len(note) <= left else note[:-3]}", "kink bold")), *made[1:]]
    return [(*row, Span("…", style)) for row in made]


def held_against(session: Session) -> int | None:
    """The number of the branch whose numbers are taken away in the right column; None where that has gradients."""
    comparison = session.comparison if session.view.change else None
    if comparison is None or comparison.difference(session.cursor.step) is None:
        return None
    return comparison.base.number


def diverged(session: Session) -> str:
    """The name of the node at which the first number is computed that differs, once that has been; "" for none."""
    comparison = session.comparison
    first = comparison.first if comparison is not None else None
    if first is None or session.cursor.step < first.moment.step:
        return ""
    later = session.cursor.step > first.moment.step
    been = later or session.timeline.index(session.cursor) >= session.timeline.index(first.moment)
    return first.node.name if been else ""


def _change(session: Session, node: Node, rows: int, page: Page) -> list[Line]:
    """What a value differs by: `·` where it does not, bold where it does."""
    comparison, state, columns = session.comparison, session.state, page.columns
    pair = comparison.seen(node, state) if comparison is not None else None
    if pair is None:
        return []
    across, kind = table_width(node), kind_of(node)
    if pair.before is None:
        return [(Span("  new", "kink"),)]
    if not pair.differs:
        same = Span(field(None) * min(columns.pair, across), "dim")
        return [(same,)] * (rows if across <= columns.pair else 1)
    sample = session.followed(node)
    if node.role in ("input", "target") and len(node.shape) > 1 and session.batch_of(node) > 1 and sample is None:
        return [(Span(f" {pair.differs} of {pair.after.size}", f"{kind} bold"),)]
    change = _cut(pair.change, sample)
    table = as_table(change)
    if table.shape[1] > columns.pair or table.shape[0] > rows:
        return cells.lines(change, f"{kind} bold", page.room(rows))
    decimals = decimals_for(table)
    made = [tuple(signed(x, decimals, kind) for x in row) for row in table.tolist()]
    if table.shape[1] == 1 and columns.pair > 1 and diverged(session) == node.name:
        made[0] = (*made[0], Span(" first", "kink"))
    return made


def _heading(now: Now, scope: str, columns: Columns, width: int, folded: bool) -> Line:
    """`layer1  dense 8, relu`; in the folded view with the sizes of what leaves it and of that gradient."""
    session = now.session
    summary = next((layer.summary for layer in now.graph.layers if layer.name == scope), "")
    here = session.here.scope == scope
    if not folded:
        return (Span(f" {scope}", "text bold"), Span(f"  {summarized(summary, width - 3 - len(scope))}", "dim"))
    last = session.graph.once(_last)[scope]
    chip = _gutter(now, session.here if here else last, columns, here)
    sample = session.followed(last)
    value, gradient = _cut(session.state.value(last), sample), _cut(session.state.gradient(last).array, sample)
    start, across = sizes_at(width)
    said, _ = _beside(summary, scope, columns, width)
    left: Line = (*chip, Span(scope, "text bold"), Span(f"  {said}", "dim"))
    left = fit((*fit(left, start), *_rms(value, "value", CELL - 1, 4)), across)  # never a minus: no column for it
    row = left
    if now.base is not None and session.comparison is not None:
        pair = session.comparison.seen(last, session.state)
        change = None if pair is None else _cut(pair.change, sample) if pair.differs else np.zeros(1)
        row = (*left, *_rms(change, "value", len(GRADIENT), 6))
    elif session.cursor.phase != "forward":  # gradients may fade from layer to layer: two more digits tell them apart
        row = (*left, *_rms(gradient, "gradient", len(GRADIENT), 6))
    return under(fit(row, width), "on-cursor") if here else row


def _beside(summary: str, scope: str, columns: Columns, width: int) -> tuple[str, str]:
    """What of a layer's summary stands beside its name in the folded view, a sign where it is not all; and the rest."""
    room = sizes_at(width)[0] - columns.gutter - len(scope) - 2
    if len(summary) <= room:
        return summary, ""
    said = summarized(summary, room - 1)
    if said.endswith("…"):  # not even one word has room
        return said, summary
    return f"{said}…", summary.removeprefix(said).lstrip(":, ")


def further(graph: Graph, columns: Columns, width: int) -> dict[str, list[Line]]:
    """By the layer's name, rows with what its row of the folded view has no room to say."""
    inset = columns.gutter + 2
    rests = {each.name: _beside(each.summary, each.name, columns, width)[1] for each in graph.layers}
    return {
        name: [(Span(" " * inset), *row) for row in wrap((Span(rest, "dim"),), width - inset - 1)]
        for name, rest in rests.items()
        if rest
    }


def summarized(summary: str, room: int) -> str:
    """A layer's summary; without the last of its parts, down to its kind alone, where all have no room. A few letters
    of that say nothing."""
    parts = summary.split(", ")
    head, colon, _ = summary.partition(": ")
    kind = head if colon else re.split(r"[ (]", summary, maxsplit=1)[0]
    forms = [*(", ".join(parts[:n]) for n in range(len(parts), 0, -1)), kind]
    said = [form for form in forms if len(form) <= room and form.count("(") == form.count(")")]
    return said[0] if said else shorten(kind, room) if room > LETTERS else ""


def _last(graph: Graph) -> dict[str, Node]:
    """The last operation of each layer."""
    return {node.scope: node for node in graph.ops}


def sizes_at(width: int) -> tuple[int, int]:
    """Where the two columns of the folded view stand: at the right, the second as wide as its head."""
    second = max(width - len(GRADIENT) - 1, 3 * CELL)
    return second - CELL, second


def _rms(array: Any, kind: str, wide: int, decimals: int) -> Line:
    """The root mean square of a tensor."""
    if array is None:
        return (Span(field(None, wide, decimals), "dim"),)
    table = np.asarray(array, dtype=np.float64)
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.mean(table * table))) if table.size else 0.0
    return figure(size, wide, decimals_for(size, wide, decimals), kind)


def _cut(array: Any, sample: int | None) -> Any:
    """One sample, as a batch of one; all of them where none is followed."""
    return array if array is None or sample is None else array[sample : sample + 1]
