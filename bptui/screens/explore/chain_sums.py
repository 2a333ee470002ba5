"""The equation of a chain: its slopes multiplied, the products of its ways added; how things are called."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bptui.model.base import arithmetic
from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, Span
from bptui.screens.explore.page import Row, at, centred, figure, mark, short
from bptui.screens.render import fit, length, under
from bptui.teach.explore.chain import Chain, Link, Reading, Station, through

SHOWN, LONG = 3, 8
"""Ways that stand in the equation one by one, at the most; cells of a name in a derivative."""


@dataclass(frozen=True)
class Shown:
    """A chain as it is read at one number, and how its parts are called.

    backward  it is read from its end;  hide  the names of what is asked for;  derived  SymPy's formula of a slope,
    nothing while it is being derived
    """

    chain: Chain
    reading: Reading
    backward: bool
    hide: frozenset[str]
    derived: Callable[[Link], Line]

    def hidden(self, *names: str) -> bool:
        """Is a number of any of these names asked for?"""
        return any(name in self.hide for name in names)

    def slope_name(self, link: Link | None = None) -> str:
        """`dy/du`; of the whole `dy/dx`; partial derivatives where there are several ways."""
        stations = self.reading.stations
        first, last = (stations[0], stations[-1]) if link is None else (stations[link.source], stations[link.target])
        partial = link is not None and len(self.reading.ways) > 1 and link.target == len(stations) - 1
        d = "∂" if partial else "d"
        return f"{d}{self.brief(last)}/{d}{self.brief(first)}"

    def brief(self, station: Station) -> str:
        """A station's symbol, as formulas write it: `W` for `layer1.weight[0,0]`."""
        node = self.chain.network.graph.nodes[station.vertex[0]]
        return shorten(node.symbol or node.label, LONG)

    def accident(self) -> Line:
        """A warning where the value of the end and the slope are equal here, and not at the number less 1."""
        reading, last = self.reading, self.reading.stations[-1]
        if not reading.slope or not math.isclose(last.value, reading.slope, rel_tol=1e-9):
            return ()
        other = reading.at - 1
        value, slope = self.chain.value_and_slope(other)
        if math.isclose(value, slope, rel_tol=1e-9):
            return ()
        name, start = last.name, reading.stations[0].name
        both = f"{name} and {self.slope_name()} are both {short(last.value)} only by accident."
        there = f" At {start} = {short(other)} they are {short(value)} and {short(slope)}."
        return (Span("   ! ", "kink"), Span(both), Span(there, "dim"))


@dataclass(frozen=True)
class Arrow:
    """What stands between two boxes: one link, or several whose stations have no room: their slopes are multiplied."""

    links: tuple[Link, ...]

    @property
    def slope(self) -> float:
        """All of its slopes multiplied."""
        return through(self.links)


@dataclass(frozen=True)
class Sums:
    """For one reading, of which the first way is drawn as so many arrows, in so many cells."""

    of: Shown
    arrows: tuple[Arrow, ...]
    width: int

    @property
    def reading(self) -> Reading:
        """What is read."""
        return self.of.reading

    def asked(self, arrow: Arrow) -> bool:
        """Is a slope of it hidden?"""
        return any(self.of.hidden(self.of.slope_name(link)) for link in arrow.links)

    @property
    def whole(self) -> str:
        """`dy/dx`."""
        return self.of.slope_name()

    def through(self, way: Sequence[Link]) -> Line:
        """`through u`, `straight`."""
        names = [self.reading.stations[link.target] for link in way[:-1]]
        if not names:
            return (Span("straight", "dim"),)
        return (Span("through ", "dim"), Span(names[0].name, names[0].kind))

    def band(self) -> list[Row]:
        """The equation of the slopes: how they multiply, and, of several ways, add."""
        items, signs = self._sums() if len(self.reading.ways) > 1 else self._product()
        edge = 12.5 if self.width >= 76 else 9.5
        step = (self.width - 3 - 2 * edge) / max(1, len(items) - 1)
        rows = []
        for n in range(3):
            parts = []
            for k, item in enumerate(items):
                middle = edge + k * step
                parts.append(centred(middle - 2, item[n]))
                if k < len(signs) and n:
                    parts.append(centred(middle - 2 + step / 2, (Span(signs[k], "text"),)))
            rows.append(Row(self._on_band(at(*parts)), 3 if n == 0 else 0))
        return [Row(self._on_band(()), 3), *rows, Row(self._on_band(()), 3)]

    def _on_band(self, line: Line) -> Line:
        return (Span("  "), *under(fit(line, self.width - 4), "on-band"))

    def _product(self) -> tuple[list[tuple[Line, Line, Line]], str]:
        reading = self.reading
        arrows = list(self.arrows)
        usual = [figure(x) for x in (*(arrow.slope for arrow in arrows), reading.slope)]
        shown = arithmetic.equation([a.slope for a in arrows], reading.slope, math.prod, (usual[:-1], usual[-1]), 10)
        items: list[tuple[Line, Line, Line]] = []
        room = (self.width - 28) // len(arrows) - 4
        for n, (arrow, text) in enumerate(zip(arrows, shown.operands, strict=True)):
            head = (
                ("inner slope", "outer slope")[n]
                if len(arrows) == 2
                else f"slope {n + 1}"
                if len(arrow.links) == 1
                else f"{len(arrow.links)} slopes"
            )
            a, b = reading.stations[arrow.links[0].source], reading.stations[arrow.links[-1].target]
            made = self.of.derived(arrow.links[0]) if len(arrow.links) == 1 and not self.asked(arrow) else ()
            name: Line = (Span(f"d{self.of.brief(b)}/d{self.of.brief(a)}", "text bold"),)
            if made and length(name) + length(made) + 3 <= room:
                name = (*name, Span(" = ", "dim"), *made)
            told = mark("text") if self.asked(arrow) else (Span(text, "text bold"),)
            items.append(((Span(head, "dim"),), name, told))
        if self.of.backward:
            items.reverse()
        end = mark("gradient") if self.of.hidden(self.whole) else (Span(shown.result, "gradient bold"),)
        items.append(((Span("slope of the whole", "dim"),), (Span(self.whole, "gradient bold"),), end))
        return items, "×" * (len(arrows) - 1) + shown.sign

    def _sums(self) -> tuple[list[tuple[Line, Line, Line]], str]:
        """Of at most SHOWN ways each, of more the first two and all others together."""
        reading = self.reading
        ways = sorted(reading.ways, key=len)
        ways = ways if len(ways) <= SHOWN and reading.whole else ways[: SHOWN - 1]
        factors = [[link.slope for link in reversed(way)] if len(way) < 3 else [through(way)] for way in ways]
        others = reading.count - len(ways) if len(ways) < len(reading.ways) or not reading.whole else 0
        if others:
            factors.append([reading.slope - math.fsum(math.prod(each) for each in factors)])
        flat = [x for each in factors for x in each]

        def work(xs: Sequence[float]) -> float:
            found, k = 0.0, 0
            for each in factors:
                found += math.prod(xs[k : k + len(each)])
                k += len(each)
            return found

        usual = [figure(x) for x in (*flat, reading.slope)]
        shown = arithmetic.equation(flat, reading.slope, work, (usual[:-1], usual[-1]), 10)
        texts = iter(shown.operands)
        items = [self._way(way, [next(texts) for _ in each]) for way, each in zip(ways, factors, strict=False)]
        if others:
            rest = (Span(f"{others:,} more", "dim"),), (Span("together", "dim"),), (Span(next(texts), "text bold"),)
            items.append(rest)
        end = mark("gradient") if self.of.hidden(self.whole) else (Span(shown.result, "gradient bold"),)
        both = "both ways add" if len(reading.ways) == 2 else "all ways add"
        signs = "+" * (len(items) - 1) + shown.sign
        return [*items, ((Span(both, "dim"),), (Span(self.whole, "gradient bold"),), end)], signs

    def _way(self, way: Sequence[Link], texts: Sequence[str]) -> tuple[Line, Line, Line]:
        """What one way adds: its slopes and their numbers; of a long one only their product."""
        if len(texts) < len(way):
            told = mark("text") if self.asked(Arrow(tuple(way))) else (Span(texts[0], "text bold"),)
            return self.through(way), (Span(f"{len(way)} slopes", "text bold"),), told
        names: list[Span] = []
        figures: list[Span] = []
        for link, text in zip(reversed(way), texts, strict=True):
            dot = [Span(" · ")] if names else []
            names += [*dot, Span(self.of.slope_name(link), "text bold")]
            figures += [*dot, *(mark("text") if self.asked(Arrow((link,))) else (Span(text, "text bold"),))]
        return self.through(way), tuple(names), tuple(figures)
