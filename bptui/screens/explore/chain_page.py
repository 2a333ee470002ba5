"""How a chain is drawn: its boxes and arrows, the bars of a nudge, the product of its slopes, what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bptui.model.base.spans import Line, Span
from bptui.screens import layout
from bptui.screens.bars import bar, scale
from bptui.screens.explore.chain_sums import Arrow, Shown, Sums
from bptui.screens.explore.page import Row, at, blank, number, short
from bptui.screens.plot import Plot
from bptui.screens.render import RenderOptions, clip, crop, length
from bptui.teach.explore.chain import Reading, Station, through

BOX, LEAST, GAP = 16, 12, 8
"""Cells of a box, at most and at least; of an arrow between two, at least."""
INSET = 3
"""Cells before the first box and after the last."""
LABELS, NOTES = 21, 20
"""Cells before the bars, for name and number; cells after them, for what is said. With several ways 3 and 7 more."""
ENOUGH = 0.3
"""Part of the room that bars take up at least where a cell is the nudge, and could be less."""
WAYS = 4
"""Ways that have a row of their own."""


@dataclass
class ChainPage:
    """The parts of a page for one reading."""

    of: Shown
    width: int
    look: RenderOptions

    @property
    def reading(self) -> Reading:
        """What is read."""
        return self.of.reading

    @cached_property
    def arrows(self) -> tuple[Arrow, ...]:
        """The first way in as many arrows as there is room for: what has none is drawn together at its beginning."""
        way = self.reading.ways[0]
        room = max(2, (self.width - 2 * INSET + GAP) // (LEAST + GAP))
        if len(self.reading.ways) > 1:
            room = min(room, max(3, room - 1))
        extra = max(0, len(way) - (room - 1))
        return (Arrow(way[: extra + 1]), *(Arrow((link,)) for link in way[extra + 1 :]))

    @cached_property
    def sums(self) -> Sums:
        """The equation of the slopes."""
        return Sums(self.of, self.arrows, self.width)

    @cached_property
    def shown(self) -> tuple[Station, ...]:
        """The stations that have a box."""
        stations = self.reading.stations
        return (stations[0], *(stations[arrow.links[-1].target] for arrow in self.arrows))

    @cached_property
    def _places(self) -> tuple[int, list[int]]:
        """Cells of a box, and where each begins."""
        count = len(self.shown)
        box = max(LEAST, min(BOX, (self.width - 2 * INSET - GAP * (count - 1)) // count))
        step = (self.width - 2 * INSET - box) / max(1, count - 1)
        return box, [INSET + int(n * step) for n in range(count)]

    def slope(self, arrow: Arrow, room: int = 99) -> Span:
        """`× 12`, or `× ?` where that is asked for; with fewer digits where there is no room for four."""
        if self.sums.asked(arrow):
            return Span("× ? ", "text bold reverse")
        texts = [f"× {short(arrow.slope, digits)}" for digits in (4, 3, 2, 1)]
        return Span(next((text for text in texts if len(text) <= room), texts[-1]), "text bold")

    # ------------------------------------------------------------------------------------------------ boxes

    def boxes(self) -> list[Row]:
        """One way: a row of boxes, an arrow with its slope between any two."""
        page = Plot(self.width, 3)
        box, places = self._places
        for x, station in zip(places, self.shown, strict=True):
            self._box(page, x, 0, box, station)
        for n, arrow in enumerate(self.arrows):
            start, end = places[n] + box + 1, places[n + 1] - 2
            self._arrow(page, start, end, 1)
            label = self.slope(arrow, end - start + 1)
            page.put((start + end + 1 - len(label.text)) // 2, 0, label.text, label.style)
            if len(arrow.links) > 1:
                told = f"{len(arrow.links)} slopes"
                page.put((start + end + 1 - len(told)) // 2, 2, told, "dim")
        return [blank(6), *map(Row, page.lines()), blank(5)]

    def _box(self, page: Plot, x: int, y: int, box: int, station: Station) -> None:
        """A box of three rows: its name and what computes it, its value; backward, the slope of the end by it."""
        first = station is self.reading.stations[0]
        page.across(x, x + box - 1, y)
        page.across(x, x + box - 1, y + 2)
        for edge in (x, x + box - 1):
            page.upright(edge, y, y + 2)
        made = self.of.chain.made(station, self.look.unicode)
        style = f"{station.kind} bold".replace("text bold", "text")
        head: Line = (
            Span(" "),
            Span(station.name, station.kind),
            *((Span(" = ", "dim"), *made) if made else ()),
            Span(" "),
        )
        if length(head) > box - 4:
            name = station.name if len(station.name) <= box - 6 else station.name.rpartition(".")[2][: box - 6]
            head = (Span(" "), Span(name, station.kind), Span(" "))
        page.erase(x + 2, y, length(head))
        page.spans(x + 2, y, head)
        name = f"d{self.of.brief(self.reading.stations[-1])}/d{self.of.brief(station)}"
        if self.of.backward:
            shown = number(station.gradient, "gradient", self.of.hidden(name, self.sums.whole if first else name))
        else:
            kind = "text reverse" if first else style.replace(" bold", "")
            shown = number(station.value, kind, self.of.hidden(station.name))
        page.spans(x + box - 2 - 8, y + 1, shown)

    def _arrow(self, page: Plot, start: int, end: int, y: int) -> None:
        style = "gradient" if self.of.backward else "value"
        page.put(start, y, "─" * (end - start), style)
        page.put(*((start - 1, y, "◀") if self.of.backward else (end, y, "▶")), style)

    def ways(self) -> list[Row]:
        """Several ways: the first through its boxes above, all others as one line below, and where they meet."""
        page = Plot(self.width, 6)
        box, places = self._places
        back, style = self.of.backward, "gradient" if self.of.backward else "value"
        first, last = places[0], places[-1]
        for n, station in enumerate(self.shown):
            self._box(page, places[n], 0 if 0 < n < len(self.shown) - 1 else 2, box, station)
        out, into = first + box + 4, last - 7
        page.across(first + box + 1, out, 3, style)
        page.upright(out, 1, 5, style)
        page.across(out, into, 5, style)
        page.upright(into, 1, 5, style)
        page.across(into, last - 2, 3, style)
        page.put(*((first + box + 1, 3, "◀") if back else (last - 2, 3, "▶")), style)
        middle = [out, *places[1:-1], into]
        for n, arrow in enumerate(self.arrows):
            start = middle[n] if n == 0 else middle[n] + box + 1
            end = middle[n + 1] - (2 if n < len(self.arrows) - 1 else 0)
            page.across(start, end, 1, style)
            if n < len(self.arrows) - 1 and not back:
                page.put(end, 1, "▶", style)
            elif n > 0 and back:
                page.put(start, 1, "◀", style)
            label = self.slope(arrow)
            at = (start + end + 1 - len(label.text)) // 2 if n else min(start + 2, end + 1 - len(label.text))
            page.put(max(start + (n == 0), at), 0, label.text, label.style)
        page.spans(*self._below(out, into))
        return [*map(Row, page.lines())]

    def _below(self, out: int, into: int) -> tuple[int, int, Line]:
        """What stands over the lower line: the other way's slope, or how many others there are."""
        others = self.reading.ways[1:]
        if len(others) == 1:
            way = others[0]
            name = [self.reading.stations[link.target].name for link in way[:-1]]
            label = self.slope(Arrow(way))
            line: Line = (label, *((Span(f"  through {', '.join(name)}", "dim"),) if name else ()))
        else:
            line = (Span(f"{len(others)} more ways", "text bold"),)
        return max(out + 2, (out + into + 1 - length(line)) // 2 - 2), 4, line

    # ------------------------------------------------------------------------------------------------ bars

    @cached_property
    def measure(self) -> Measure:
        """The bars, and how long a cell of them is."""
        several = len(self.reading.ways) > 1
        bars = tuple(self._of_ways() if several else self._of_stations())
        before, after = (LABELS + 3, NOTES + 7) if several else (LABELS, NOTES)
        before = max(before, min(max(length(each.name) for each in bars) + 14, self.width // 3))
        room = max(1, self.width - before - after - 2)
        ends = [0.0, *(x for each in bars for x in each.ends if math.isfinite(x))]
        span = max(ends) - min(ends)
        cell, nudge = scale([span], room - (min(ends) < 0)), abs(self.reading.nudge)
        if not several and cell < nudge and span > ENOUGH * room * nudge:
            cell = nudge  # so that cells can be counted: 3, and 12 for each of them
        return Measure(bars, before, room, cell, math.ceil(-min(ends) / cell - 1e-9))

    def bars(self) -> list[Row]:
        """The rule, then a bar for what each grows by, and for what the slope promises."""
        several, found = len(self.reading.ways) > 1, self.measure
        title = f"Nudge {self.reading.stations[0].name} by {short(self.reading.nudge)}"
        told = (Span(f"one cell is {short(found.cell)}", "dim"),)
        rows = [Row(layout.rule(layout.Title(2, title, right=told), self.width)), blank(4)]
        before, room = found.before, found.room
        for n, each in enumerate(found.bars):
            start, end = (found.zero + x / found.cell for x in each.ends)
            # the notes of the last rows, which are compared, stand below each other
            alike = found.bars[n:] if not several and n >= 2 else (each,)
            here = max(
                found.zero, *(found.zero + x / found.cell for one in alike for x in one.ends if math.isfinite(x))
            )
            far = several or here > room / 3
            beside = before + room + 2 if far else before + math.ceil(here) + 2
            drawn = crop(bar(start, end, room, each.style, self.look), 0, beside - before - 1)
            name, figure = (3, clip(each.name, before - 13)), (before - 10 - several, each.number)
            rows.append(Row(at(name, figure, (before, drawn), (beside, each.note))))
        return [*rows, blank(2)]

    def _of_stations(self) -> list[_Bar]:
        rows = []
        for n, station in enumerate(self.shown):
            hidden = self.of.hidden(f"d{station.name}", station.name)
            note = ""
            before = self.shown[n - 1].grown if n else math.nan
            if before and math.isfinite(station.grown / before) and not self.sums.asked(self.arrows[n - 1]):
                slope, real = self.arrows[n - 1].slope, station.grown / before
                note = f"{'' if math.isclose(real, slope, rel_tol=1e-6) else '≈ '}{short(slope)} times that"
            name: Line = (Span(station.name, station.kind), Span(" grows", "dim"))
            rows.append(_bar(name, (0.0, station.grown), station.kind, note, hidden))
        if not self.of.hidden(self.sums.whole):
            note = f"{short(self.reading.slope)} × {short(self.reading.nudge)}"
            rows.append(_bar((Span("promise", "gradient"),), (0.0, self.reading.promised), "gradient", note))
        return rows

    def _of_ways(self) -> list[_Bar]:
        reading, first, last = self.reading, self.reading.stations[0], self.reading.stations[-1]
        rows = [_bar((Span(first.name, first.kind), Span(" grows", "dim")), (0.0, first.grown), "text")]
        sofar = 0.0
        listed = [*reading.ways] if len(reading.ways) <= WAYS else [*reading.ways[: WAYS - 1]]
        for way in listed:
            after = sofar + through(way) * reading.nudge
            factors = f"{' × '.join(short(link.slope) for link in way)} = " if len(way) == 2 else ""
            hidden = any(self.sums.asked(Arrow((link,))) for link in way)
            note = "" if hidden else f"{factors}{short(through(way))} times"
            rows.append(_bar(self.sums.through(way), (sofar, after), "gradient", note, hidden))
            sofar = after
        if not math.isclose(sofar, reading.promised, rel_tol=1e-9):
            count = reading.count - len(listed)
            rows.append(_bar((Span(f"{count:,} others", "dim"),), (sofar, reading.promised), "gradient"))
        if not self.of.hidden(self.sums.whole):
            note = f"{short(reading.slope)} times"
            rows.append(_bar((Span("together", "dim"),), (0.0, reading.promised), "gradient", note))
        rows.append(_bar((Span(last.name, last.kind), Span(" really", "dim")), (0.0, last.grown), "value"))
        return rows

    # ------------------------------------------------------------------------------------------------ notes

    def notes(self) -> list[Row]:
        """What is to be learnt from the chain, and a warning where value and slope are equal by accident."""
        reading = self.reading
        if self.of.hide or not math.isfinite(reading.slope):
            return []
        if len(reading.ways) > 1 or not reading.whole:
            if not reading.whole:
                said = (
                    f"The largest of {reading.count:,} paths. Along one way slopes multiply; all ways together add up."
                )
            else:
                said = "Along one way slopes multiply. Where two ways meet, they add."
            return [blank(8), Row((Span(f"   {said}", "dim"),), 7)]
        factors = [short(arrow.slope) for arrow in (self.arrows[::-1] if self.of.backward else self.arrows)]
        told = f"{' × '.join(factors)} = {short(reading.slope)}. Slopes of a chain multiply."
        whole = all(arrow.slope.is_integer() and arrow.slope > 0 for arrow in self.arrows)
        cells = whole and math.isclose(self.measure.cell, reading.nudge)
        if len(factors) == 2 and cells and not self.of.backward:
            told = f"{factors[0]} cells, then {factors[1]} for each of them: {told}"
        if len(factors) == 1:
            told = "One operation: its slope is that of the whole."
        exact = math.isclose(math.prod(map(float, factors)), float(short(reading.slope)), rel_tol=1e-4)
        rows = [blank(8), Row((Span(f"   {told if exact else 'Slopes of a chain multiply.'}", "dim"),), 7)]
        accident = self.of.accident()
        return [*rows, Row(accident, 6)] if accident else [*rows]


@dataclass(frozen=True)
class _Bar:
    """One bar: what it is of, its number, from where to where, its colour, what is said of it."""

    name: Line
    number: Line
    ends: tuple[float, float]
    style: str
    note: Line


class Measure(NamedTuple):
    """The bars; cells before them, and for them; what a cell is; the cell in which 0 is."""

    bars: tuple[_Bar, ...]
    before: int
    room: int
    cell: float
    zero: int


def _bar(name: Line, ends: tuple[float, float], style: str, note: str = "", hidden: bool = False) -> _Bar:
    """A bar with its length as its number; nothing of it where that is asked for."""
    figure = number(ends[1] - ends[0], style, hidden)
    return _Bar(name, figure, (0.0, 0.0) if hidden else ends, style, (Span(note, "dim"),) if note else ())
