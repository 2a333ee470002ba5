"""The list of operations and what is said of the chosen one, as rows. No Textual in here."""

from __future__ import annotations

from typing import NamedTuple

from bptui.model.base.numbers import index, just_apart
from bptui.model.base.spans import CHIPS, COLOURS, Line, Span
from bptui.model.debugger.diff.elements import Element
from bptui.model.debugger.diff.runs import Runs
from bptui.model.debugger.diff.text import losses, mark, ratio, site
from bptui.model.debugger.diff.why import Why
from bptui.model.engine.timeline import Phase
from bptui.screens.explore.page import at, right
from bptui.screens.render import clip, fit, under

NARROW = 76
"""Columns under which the line of the program is left out."""


class Columns(NamedTuple):
    """Where the columns of the list begin; site 0: it has none; end: where the differences end."""

    module: int
    function: int
    site: int
    end: int


def columns(width: int) -> Columns:
    """At 80: module 11, function 31, site 47, differences end at 75."""
    if width < NARROW:
        return Columns(11, 11 + (width - 30) // 2, 0, width - 3)
    more = width - 80
    module = 20 + min(24, more // 3)
    function = 16 + min(10, more // 6)
    return Columns(11, 11 + module, 11 + module + function, width - 5)


def listed(runs: Runs, i: int, chosen: bool, width: int, filled: int) -> Line:
    """One row of the list in `width` columns, tinted over `filled` where it is chosen; the first that is apart has the
    chip then."""
    row, gap, where = runs.rows[i], runs.gap(i), columns(width)
    glyph, style = mark(gap, runs.tolerance.value)
    first = runs.first == i
    arrow = CHIPS[row.phase]
    gutter: Line = ()
    if chosen:
        gutter = (Span(f"≠{arrow}", "kink reverse bold"),) if first else (Span(f" {arrow}", f"chip-{row.phase}"),)
    differs = glyph == "≠"
    name = Span(row.module or "", "text bold" if chosen else "text")
    function = Span(row.function, f"{COLOURS[row.phase]}{' bold' if chosen else ''}")
    amount = "·" if gap is None else row.missing or ("apart" if not gap.shown and gap.relative else ratio(gap.relative))
    kind = "kink bold" if differs and first else "text" if differs else "dim"
    number = Span(f"{row.number:>5}", "dim")
    phase: Line = () if chosen or row.phase == "forward" else (Span(arrow, COLOURS[row.phase]),)
    line = at(
        (0, gutter),
        (3, () if chosen and first else (Span(glyph, style),)),
        (4, phase),
        (5, number),
        (where.module, clip((name,), where.function - where.module - 1)),
        (where.function, clip((function,), (where.site or where.end - 9) - where.function - 1)),
        (where.site, (Span(site(row), "dim"),) if where.site else ()),
        right(where.end, (Span(amount, kind),)),
    )
    return under(fit(line, filled), "on-cursor") if chosen else line


def pair(element: Element, phase: Phase, width: int) -> Line:
    """One number in both runs: where it is, a's, b's, how far apart."""
    a, b = just_apart(element.a, element.b)
    end, kind = width - 5, COLOURS[phase]
    place = Span(f" {index(element.at)}".rstrip(), "text")
    name = clip((Span(element.name, "dim"),), max(4, end - 42 - len(place.text)))
    return at(
        (3, (*name, place)),
        right(end - 24, (Span(a, kind),)),
        right(end - 9, (Span(b, f"{kind} bold"),)),
        right(end, (Span(ratio(element.relative), "kink"),)),
    )


class Cells(NamedTuple):
    """A row of what is said: a name, what it is in either run; where the first of these is empty the name has its
    room."""

    name: Span
    a: Span
    b: Span


EMPTY = Span("")


def details(runs: Runs, i: int, found: Why | None, width: int, height: int) -> list[Line]:
    """What is said of a row: why in a line, then on a band its inputs that came in different or its settings that
    differ, the losses, and at the right the element that is farthest."""
    if found is None:
        return [(Span(" looking at its inputs", "dim"),)]
    one, other, same = losses(runs)
    head, *table = _inputs(found) if found.inputs else _settings(found)
    room = max(0, height - 3)
    if len(table) > room == 1:  # how many there are stands above
        table = table[:1]
    elif len(table) > room:
        more = Cells(Span(f"and {len(table) - room + 1} more", "dim"), EMPTY, EMPTY)
        table = [*table[: max(0, room - 1)], more][:room]
    table += [Cells(EMPTY, EMPTY, EMPTY)] if room and not table else []  # the farthest element stands beside it
    cells = [head, *table, Cells(Span("loss", "dim"), Span(one, "value"), Span(other, "value"))]
    asides: list[Line] = [*_farthest(runs, i), *[()] * len(cells)][: len(cells) - 1]
    asides.append((Span("the loss alone would not tell", "dim"),) if same and runs.first is not None else ())
    first = max(16, min(26, max(len(each.name.text) for each in cells if each.a.text) + 5))
    second, third = (first + 12, first + 28) if width >= NARROW else (first + 16, width)
    lines: list[Line] = [clip((Span(f" {found.text}", "dim"),), width)]
    for (name, a, b), aside in zip(cells, asides, strict=True):
        parts = (
            (3, clip((name,), (first if a.text else second) - 4)),
            (first, clip((a,), second - first - 1) if a.text else ()),
            (second, clip((b,), third - second - 1) if b.text else ()),
            (third, aside if third < width else ()),
        )
        lines.append(under(fit(at(*parts), width), "on-band"))
    return lines[:height]


def _inputs(found: Why) -> list[Cells]:
    made = [Cells(Span("input", "dim"), EMPTY, Span("apart", "dim"))]
    for name, gap, _ in found.inputs:
        made.append(
            Cells(Span(name, "text bold"), EMPTY, Span(ratio(gap.relative) if gap.shown else gap.note, "kink bold"))
        )
    return made


def _settings(found: Why) -> list[Cells]:
    made = [Cells(Span("setting", "dim"), Span("a", "dim"), Span("b", "dim"))]
    for name, a, b in found.settings:
        made.append(Cells(Span(name, "text bold"), Span(a, "text bold"), Span(b, "kink bold")))
    return made if found.settings else [Cells(EMPTY, Span("a", "dim"), Span("b", "dim"))]


def _farthest(runs: Runs, i: int) -> list[Line]:
    """Where the row is farthest, and the two numbers."""
    gap = runs.gap(i)
    if gap is None or gap.relative is None:
        return [(Span("not recorded" if gap is not None else "", "dim"),)]
    if not gap.shown:
        return [(Span(gap.note, "dim"),)]
    if not gap.relative:
        return [(Span("no number differs", "dim"),)]
    a, b = just_apart(gap.a, gap.b)
    kind = COLOURS[runs.rows[i].phase]
    numbers = (Span("a  ", "dim"), Span(a, kind), Span("    b  ", "dim"), Span(b, f"{kind} bold"))
    return [(Span(gap.note or f"farthest {index(gap.at)}".rstrip(), "dim"),), numbers]
