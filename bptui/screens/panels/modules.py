"""Panel 1 of a captured step, Modules: its calls by module and line, folded, with their sizes and their badges.

A row: where it stands, how many Moments it has, the shape and the mean size of what leaves it (of the gradient that
arrives there, in the backward pass), what the comparison with this engine says, and which line called it. Nothing
of it reads a tensor. The badges: `✓` computed again and equal, `≈` but for rounding, `✗` apart, `opaque` not computed
again; a folded row shows its worst. The number of a row that made the first NaN or inf is reversed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.numbers import field
from bptui.model.base.printable import one_line, printable
from bptui.model.base.prose import shorten
from bptui.model.base.spans import CHIPS, COLOURS, Line, Span
from bptui.model.debugger import folding
from bptui.screens.render import clip, crop, fit, scrolled, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.captured.distance import Verdict
    from bptui.model.source.captured.modules import Modules, Numbers, Row
    from bptui.screens.scene import Scene

GUTTER = 2
"""Cells before the rows; the chip of this Moment takes one more where there is room for a blank before it."""
SIZE = 8
"""Cells of a mean size."""
WIDE = 66
"""Cells from which on there are all columns, under a row that names them."""
SIDE = 71, 116
"""Cells of the panel beside the others, and columns of the screen from which on it has them."""
BADGES: dict[Verdict, tuple[str, str]] = {
    "ok": ("✓", "ok"), "rounding": ("≈", "kink"), "FAIL": ("✗", "fail"), "opaque": ("opaque", "dim"),
    "skipped": ("·", "dim"),
}  # fmt: skip


class Columns(NamedTuple):
    """The indent of a level, after a gutter of two cells; then where each column ends or begins; 0: it is not shown."""

    indent: int
    ops: int
    shape: int
    size: int
    check: int
    source: int

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns of a panel of this width: the source at the right, the name has what is left."""
        if width >= WIDE:
            more = max(0, width - SIDE[0]) // 2 + min(0, width - SIDE[0])
            return cls(2, 30 + more, 32 + more, 51 + more, 53 + more, 60 + more)
        source = width - 5
        return cls(1, source - 12, 0, source - 3, source - 2, source)


def stands(session: Session) -> bool:
    """Is it there: in a captured step, where no picture of it is looked at? A branch of it is recomputed, and has the
    list of what differs."""
    original = not session.branch.number and session.network.modules is not None
    return original and session.view.mode in ("operations", "layers")


def columns(width: int) -> int:
    """How many columns of a screen it has beside the others; 0 for the usual."""
    return SIDE[0] if width >= SIDE[1] else 0


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right: how many operations, who ran them, in which kind of number."""
    session = scene.session
    modules = folding.tree(session)
    about, kind = modules.step.about, modules.kind
    said = f"{session.timeline.length:,} operations"
    version = str(about.get("version", "")).partition("+")[0]
    framework = one_line(" ".join(part for part in (str(about.get("framework", "PyTorch")), version) if part), 40)
    forms = (f"{said}, {framework}, {kind}", f"{said}, {framework}", said)
    room = scene.width - len("─ 1 Modules  ") - 4
    return (), (Span(next((form for form in forms if len(form) <= room), ""), "dim"),)


def move(scene: Scene, down: int, right: int) -> str:
    """Up and down choose a row, right opens it, left closes it or goes to the one that it stands in."""
    session = scene.session
    seen = folding.listing(session)
    row = seen.seen(folding.chosen(session))
    if right:
        return _sideways(session, seen, row, right)
    at = seen.number(row)
    to = max(0, min(seen.total - 1, at + down))
    if to == at:
        return "the end"
    folding.choose(session, seen.row(to))
    return ""


def _sideways(session: Session, seen: folding.Listing, row: Row, right: int) -> str:
    if row.opens and seen.is_open(row) is (right < 0):
        folding.fold(session, row, right > 0)
        return ""
    if right < 0 and row.above is not None:
        folding.choose(session, row.above)
        return ""
    return "it is open: down goes into it" if row.opens else "it is one call"


def enter(scene: Scene) -> str:
    """Open or close the chosen row."""
    return "fold"


def footer(session: Session) -> tuple[tuple[str, str], ...]:
    """What is special here: first of all that there is an answer to what went wrong."""
    asked = session.branch.diagnosis is not None
    find = ("x/X", "finding") if asked else ("x", "what is wrong")
    return (("s/S", "step"), ("n/N", "module"), find, ("enter", "fold"))


def lines(scene: Scene) -> list[Line]:
    """The rows in sight; that of this Moment, or the one that is chosen, is always among them."""
    session, width, height = scene.session, scene.width, scene.height
    at = Columns.of(width)
    heads: list[Line] = [] if height <= 12 else [(), _header(at, width)] if at.shape else [_header(at, width)]
    room = height - len(heads)
    if room < 1:
        return []
    seen = folding.listing(session)
    here = seen.seen(folding.here(session))
    chosen = seen.seen(folding.chosen(session))
    first = scrolled(seen.total, room, seen.number(chosen if scene.options.focused else here))
    rows = [seen.row(n) for n in range(first, min(first + room, seen.total))]
    born, marked, drawn = _born(session), session.marked, []
    for row in rows:
        now = Now(
            row is here,
            row is here or (row is chosen and scene.options.focused),
            seen.is_open(row),
            bool(marked) and _marked(session, row, marked),
            row.key in born,
            scene.badges.of(row) if scene.badges is not None else None,
        )
        drawn.append(_row(folding.tree(session), row, now, width, scene.options.unicode))
    return [*heads, *drawn]


def _header(at: Columns, width: int) -> Line:
    """What the columns are; without `check` where that is one mark, and with `mean` and `line` in few cells."""
    row: Line = (*fit((), at.ops - 3, "dim"), Span("ops", "dim"))
    if not at.shape:
        return fit((*fit(row, at.size - len("mean")), Span("mean", "dim"), Span("   line", "dim")), width)
    row = (*fit(row, at.shape), Span("shape", "dim"))
    row = (*fit(row, at.size - len("mean size") + 1), Span("mean size", "dim"))
    row = (*fit(row, at.check), Span("check", "dim"))
    return fit((*fit(row, at.source), Span("source", "dim")), width)


class Now(NamedTuple):
    """What a row is at this Moment: the one that it is in; pointed at; open; with a breakpoint in it; one in which NaN
    or inf came up; and the worst that its comparisons say, None while there are none."""

    here: bool
    pointed: bool
    opened: bool
    marked: bool
    born: bool
    verdict: Verdict | None


@lru_cache(2_000)
def _row(modules: Modules, row: Row, now: Now, width: int, unicode: bool) -> Line:
    """One row, drawn once for each state that it may be in."""
    at, phase, numbers = Columns.of(width), row.phase, modules.numbers(row)
    ops = str(modules.count(row)) if row.kind != "parameter" else ""
    name = _name(row, at, now.opened, at.ops - len(ops) - bool(ops), "▾▸" if unicode else "-+")
    out: Line = (*fit((Span(" " * GUTTER), *name), at.ops - len(ops)), Span(ops, "dim"))
    if at.shape:
        shape = ",".join(map(str, numbers.shape)) if numbers.shape else ""
        if row.phase == "update" and row.kind in ("section", "optimizer"):
            shape = f"{len(set(row.nodes)):,} weights"
        out = (*fit(out, at.shape), Span(shorten(shape, at.size - SIZE - at.shape + 1), "dim"))
    out = (*fit(out, at.size - SIZE), *_size(numbers, row, now.born and not now.opened))
    out = (*fit(out, at.check), *_badge(now.verdict, bool(at.shape)))
    if row.site is not None:
        out = (*fit(out, at.source), _source(row, at, now.here, width))
    chip, style = (CHIPS[phase], "chip-fail" if now.born else f"chip-{phase}") if now.here else ("■", "fail")
    if now.here or now.marked:
        text = f" {chip} " if at.shape else f"{chip} "
        out = (Span(text, style), *crop(out, len(text), width))
    return under(fit(out, width), "on-cursor") if now.pointed else clip(out, width)


def _name(row: Row, at: Columns, open_: bool, end: int, marks: str) -> Line:
    """`▾ blocks.0`, or `norm1 layer_norm`: indented, and what it is beside it where there is room."""
    fold = (marks[0] if open_ else marks[1]) if row.opens else " "
    before = " " * (at.indent * row.depth) + fold + " " * (at.indent - 1)
    room = end - GUTTER - len(before)
    label = printable(row.label)
    name = _tail(label, room) if row.kind == "parameter" else shorten(label, room)
    style = "text bold" if row.opens and row.kind in ("section", "module", "optimizer") else COLOURS[row.phase]
    said = f" {printable(row.said)}" if row.said else ""
    said = said if len(name) + len(said) <= room else ""
    return Span(before, "dim"), Span(name, style), Span(said, "dim")


def _tail(path: str, room: int) -> str:
    """The end of a path, which tells parameters apart."""
    return path if len(path) <= room else f"…{path[len(path) - room + 1 :]}"


def _size(numbers: Numbers, row: Row, born: bool) -> Line:
    """The mean size; NaN and inf where any of its numbers is that, reversed where they came up. Of a section, how many
    of its calls have any."""
    stats = numbers.stats
    if numbers.bad:
        text = f"NaN {numbers.bad}"
        return (Span(text.rjust(SIZE), "fail"),)
    if numbers.shape is None:
        return (Span(" " * SIZE),)
    if stats is None:
        return (Span("·".rjust(SIZE), "dim"),)
    if stats.nan or stats.inf:
        word = "NaN" if stats.nan else "inf"
        if born:
            return (Span(" " * (SIZE - len(word) - 1)), Span(f" {word}", "fail reverse"))
        return (Span(word.rjust(SIZE), "fail" if stats.nan else COLOURS[row.phase]),)
    return (Span(field(stats.size, SIZE), COLOURS[row.phase]),)


def _badge(verdict: Verdict | None, wide: bool) -> Line:
    if verdict is None:
        return ()
    text, style = BADGES[verdict]
    if verdict == "FAIL" and wide:
        return (Span(f" {text} ", "fail reverse"),)
    return (Span(text if wide else text[0], style),)


def _source(row: Row, at: Columns, here: bool, width: int) -> Span:
    """`model.py:21`, at a narrow panel `:21`."""
    assert row.site is not None
    room = width - at.source
    name = printable(row.site.file).rpartition("/")[2]
    line = f":{row.site.line}"
    text = shorten(name, room - len(line)) + line if at.shape else line
    return Span(text, "text bold" if here else "dim")


def _born(session: Session) -> frozenset[str]:
    """The keys of the rows in which NaN or inf came up, as far as it is known by now, with the rows that hold them."""
    timeline, modules = session.timeline, folding.tree(session)
    found: set[str] = set()
    for place in session.nonfinite.known:
        phase, node, _ = timeline.events[place]
        found.update(row.key for row in modules.at(phase, node).chain)
    return frozenset(found)


def _marked(session: Session, row: Row, marked: frozenset[int]) -> bool:
    """Is there a breakpoint in it?"""
    nodes = folding.tree(session).captured.nodes_of
    return any(node in marked for event in row.events for node in nodes.get(event.id, ()))
