"""The chain rule on one number: what it makes of each value on its way to the end, each slope, and what a nudge does.

The slopes are local derivatives of the engine's own rules (`debugger/answers/paths.py`), their formulas are derived by
SymPy, what a nudge really does is another run of the network.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.numbers import index
from bptui.model.base.places import unravel
from bptui.model.base.spans import Line, Span, length
from bptui.model.base.syntax import Unreadable
from bptui.model.base.types import Array
from bptui.model.debugger.answers.paths import Edge, Path, Paths, Tick, Vertex, paths
from bptui.model.engine.program import Program
from bptui.model.engine.recording import Recording
from bptui.model.source import formula
from bptui.model.source.network import Network, from_formula
from bptui.symbolic.card.factor import of_edge, product
from bptui.symbolic.card.moment import Rules
from bptui.symbolic.card.names import kind, title
from bptui.symbolic.formula.printing import Names, to_spans
from bptui.symbolic.formula.read import from_text
from bptui.teach.explore.leaves import leaf_of, leaves, with_number

PAIRS = (
    "u = 3*x; y = u**2",
    "u = x**2; y = 3*u",
    "u = x**2 - 1; y = sigmoid(u)",
    "u = x**2; z = x*u",
)
"""The explorer's own: an inner and an outer function, both ways round; a bend; two ways that meet."""
START = {"x": 2.0}


def pair(number: int) -> Network:
    """One of PAIRS at x = 2."""
    return from_formula(PAIRS[number], dict(START), name=f"pair {number + 1}")


@dataclass(frozen=True)
class Link:
    """From one station to the next: the places of both, the slope, and the edges of each way between them."""

    source: int
    target: int
    slope: float
    ways: tuple[tuple[Edge, ...], ...]


@dataclass(frozen=True)
class Station:
    """A number on the way: its name, its value, how much it really grows when the start is nudged, and the slope of the
    end by it."""

    vertex: Vertex
    name: str
    kind: str
    value: float
    grown: float
    gradient: float


@dataclass(frozen=True)
class Reading:
    """The chain at one value of its start.

    stations  in the order of execution: the first is the start, the last the end
    ways      the ways that are shown, the largest first, each as its links
    count     how many paths there are, of which the ways show all or the largest
    slope     of the end by the start, all paths together: the engine's gradient
    recording the run that all of it is from
    """

    at: float
    nudge: float
    stations: tuple[Station, ...]
    ways: tuple[tuple[Link, ...], ...]
    count: int
    slope: float
    recording: Recording = field(repr=False, compare=False)

    @property
    def whole(self) -> bool:
        """Do the ways show every path?"""
        return math.isclose(sum(map(through, self.ways)), self.slope, rel_tol=1e-9, abs_tol=1e-300)

    @property
    def promised(self) -> float:
        """Slope × nudge."""
        return self.slope * self.nudge


def through(way: Sequence[Link]) -> float:
    """The product of the slopes of a way."""
    return math.prod(link.slope for link in way)


@dataclass
class Chain:
    """A network, and the number in it whose way to the end is followed. UserError where there is none to follow.

    asked  the number's name;  named  the stations are what the formula's statements define
    """

    network: Network
    asked: str = ""
    nudge: float = 0.1
    named: bool = False
    _known: dict[tuple[float, float], Reading] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.asked:
            found = leaves(self.network)
            if not found:
                raise UserError("chain", "there is no number in it that could be nudged", "a formula with x=2")
            self.asked = found[0].name
        self.leaf, self.element = leaf_of(self.network, self.asked, "chain")
        self.asked = self.leaf.name + index(self.element)
        assert self.leaf.value is not None
        self.at = float(np.asarray(self.leaf.value)[self.element])

    @cached_property
    def small(self) -> bool:
        """Is a reading of it a matter of a few milliseconds?"""
        return sum(math.prod(node.shape) for node in self.network.graph.nodes) < 400

    @property
    def known(self) -> Reading | None:
        """The reading here, None while it is not computed."""
        return self._known.get((self.at, self.nudge))

    def read(self, tick: Tick = lambda part: None) -> Reading:
        """The reading here; computed where it is not known. `tick` is told now and then, and may raise to end it."""
        found, key = self.known, (self.at, self.nudge)  # a key may change them while it is computed
        if found is None:
            found = self._known[key] = self._read(*key, tick)
            while len(self._known) > 64:
                del self._known[next(iter(self._known))]
        return found

    def moved(self, at: float) -> Network:
        """The network with the start at another value."""
        return with_number(self.network, self.leaf, self.element, at)

    def recorded(self, at: float) -> Recording:
        """One run with the start at a value."""
        if self.leaf.role != "param":
            return self.moved(at).program().record()
        program, first = self._program
        state = first.copy()
        program.within(state, self.leaf)[self.element] = at
        program.load(state, 0)
        return program.record()

    @cached_property
    def _program(self) -> tuple[Program, Array]:
        """Planned once, where the start is a number that lies in its memory; with the state that it begins with."""
        program = self.network.program()
        return program, program.save()

    def value_and_slope(self, at: float) -> tuple[float, float]:
        """The end and its slope by the start, somewhere else."""
        recording = self.recorded(at)
        gradient = recording.grad(self.leaf.id)
        return recording.loss, math.nan if gradient is None else float(gradient[self.element])

    def _read(self, at: float, nudge: float, tick: Tick) -> Reading:
        before, after = self.recorded(at), self.recorded(at + nudge)
        made = paths(before, before.graph.nodes[self.leaf.id], self.element, tick)
        if not made.best:
            raise UserError("chain", f"no way leads from {self.asked} to the end")
        # paths that are zero everywhere are ways too, where they are few; else the largest one is followed
        shown = made.best if made.count <= len(made.best) else made.best[:1]
        start = _start(made)
        stops = self._stops(shown, start)
        ways: dict[tuple[Vertex, ...], list[Path]] = {}
        for path in shown:
            ways.setdefault(tuple(v for v in _way(path, start) if v in stops), []).append(path)
        places = {v: n for n, v in enumerate(sorted({v for way in ways for v in way}))}
        places = {v: n for n, v in enumerate(sorted(places, key=lambda v: (v != start, v)))}
        stations = tuple(self._station(before, after, v, start) for v in places)
        linked = [tuple(_link(a, b, found, start, places) for a, b in pairwise(way)) for way, found in ways.items()]
        linked.sort(key=lambda way: (-len(way), -abs(through(way))))
        slope = made.sum if made.gradient is None else made.gradient
        return Reading(at, nudge, stations, tuple(linked), made.count, slope, before)

    def _stops(self, shown: Sequence[Path], start: Vertex) -> set[Vertex]:
        """The vertices that are stations: what the formula gives a name, where that is something between the ends;
        else everything on the way."""
        every = {v for path in shown for v in _way(path, start)}
        ends = {start, (self.network.graph.loss, 0)}
        named = {v for v in every if self.network.graph.nodes[v[0]].name in self.statements}
        self.named = bool(named - ends)
        return named | ends if self.named else every

    @cached_property
    def statements(self) -> Mapping[str, str]:
        """What the formula's statements define, as text: `u` → `3*x`."""
        content = self.network.document.content if self.network.document is not None else {}
        text = content.get("formula")
        if not isinstance(text, str):
            return {}
        found = {}
        for line in formula.read(text, "formula").body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                found[line.targets[0].id] = ast.unparse(line.value)
        return found

    def _station(self, before: Recording, after: Recording, vertex: Vertex, start: Vertex) -> Station:
        node = before.graph.nodes[vertex[0]]
        at = unravel(vertex[1], node.shape)
        value, then = (float(np.asarray(each.required(node.id))[at]) for each in (before, after))
        gradient = before.grad(node.id)
        slope = math.nan if gradient is None else float(gradient[at])
        return Station(vertex, node.name + index(at), kind(node), value, then - value, slope)

    def made(self, station: Station, unicode: bool = True) -> Line:
        """What a station is computed by: `3·x`; nothing for the start."""
        node = self.network.graph.nodes[station.vertex[0]]
        if node.op is None:
            return ()
        symbols = {n.name: Span(n.name, kind(n)) for n in self.network.graph.nodes}
        text = self.statements.get(node.name) if self.named else None
        if text is not None:
            try:
                tree = from_text(f"{node.name} = {text}")[-1].value
                return to_spans(tree, Names(symbols, bare=frozenset(symbols)), unicode)
            except Unreadable:
                pass
        spans = list(title(self.network.graph, node))
        at = next(n for n, span in enumerate(spans) if " = " in span.text)
        return tuple(
            Span(s.text.partition(" = ")[2] if n == at else s.text, s.style) for n, s in enumerate(spans[at:], at)
        )

    def formula(self, link: Link, rules: Rules, room: int = 30, unicode: bool = True) -> Line:
        """The slope of a link as SymPy derives it, `2·u`; nothing while it is derived, or without a short form."""
        reading = self.known
        if reading is None:
            return ()
        recording = reading.recording
        parts: list[Span] = []
        for way in link.ways:
            factors = [of_edge(recording, rules, edge, room, unicode, bare=True) for edge in reversed(way)]
            if not all(factors):
                return ()
            told = [line for line in factors if "".join(s.text for s in line) != "1"] or [(Span("1"),)]
            parts += [*([Span(" + ")] if parts else []), *product(told, unicode)]
        return tuple(parts) if length(parts) <= room else ()


def _start(made: Paths) -> Vertex:
    return made.best[0].edges[0].source


def _way(path: Path, start: Vertex) -> list[Vertex]:
    return [start, *(edge.target for edge in path.edges)]


def _link(a: Vertex, b: Vertex, found: Sequence[Path], start: Vertex, places: Mapping[Vertex, int]) -> Link:
    """The link from one station to the next, over all ways between them that the paths go."""
    ways: dict[tuple[Edge, ...], Any] = {}
    for path in found:
        way = _way(path, start)
        ways[path.edges[way.index(a) : way.index(b)]] = None
    slope = math.fsum(math.prod(edge.local for edge in each) for each in ways)
    return Link(places[a], places[b], slope, tuple(ways))
