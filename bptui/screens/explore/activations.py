"""Explorer activations: a curve and its slope with the point, all of them in numbers at this z."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, bold
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens import layout
from bptui.screens.board import Ask, Board, Work
from bptui.screens.explore.curve import AXIS, curve_at
from bptui.screens.explore.page import at, centred, derived, figure, mark, right, short, typed
from bptui.screens.keys import EXPLORE_ACTIVATIONS
from bptui.screens.panels.choices import Mistake, choices
from bptui.screens.plot import Axes, Plot
from bptui.screens.render import RenderOptions, beside, boxed, clip, fit, length, under
from bptui.symbolic.service import Service
from bptui.teach.explore.activations import HIGH, IN_A_ROW, LOW, Activation, Curve, Formulas, Point, of_network, usual

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.model.source.network import Network

START, STEP = 1.5, 0.1
SIDE = 37
"""Cells of the right column; of the labels before a curve."""
CURVES = 24
"""Cells that the curves keep where there is little room: the names of the table are whole then."""
FADES, GROWS = 1e-3, 1e3
"""What ten slopes in a row leave below and above this is drawn as a fault."""


class ActivationBoard(Board):
    """network  of the user's: its activations come first, and z is what its first unit gets; None for the usual ones"""

    name, place = "activations", EXPLORE_ACTIVATIONS

    def __init__(self, network: Network | None = None, chosen: str = "") -> None:
        own, z = of_network(network) if network is not None else ([], None)
        if network is not None and not own:
            raise UserError("activations", f"{network.name} has no activation", "bptui explore activations")
        self.listed = [*own, *(a for a in usual() if a.name not in {each.name for each in own})]
        self._start, self._chosen = START if z is None else z, chosen
        self._network = network
        self._service = Service()
        self._formulas: dict[tuple[str, bool], Formulas] = {}
        self._curves: dict[str, Curve] = {}
        self._points: tuple[float, list[Point]] | None = None
        self._begin()

    def _begin(self) -> None:
        self.z, self.chosen, self.raw = self._start, 0, False
        if self._chosen:
            self._choose(self._chosen)

    def _choose(self, name: str) -> None:
        names = [each.op.name for each in self.listed]
        if name not in names:
            raise UserError("activation", f"'{name[:40]}' is not one of these", ", ".join(names))
        self.chosen = names.index(name)

    @property
    def here(self) -> Activation:
        """The chosen one."""
        return self.listed[self.chosen]

    @property
    def asks(self) -> Ask:
        """What a class is asked."""
        point = self.points()[self.chosen]
        wrong = Mistake(point.value, "its value, not its slope"), Mistake(self.z, "z itself")
        answers = choices(point.slope, figure(point.slope), wrong)
        return Ask("How steep is it here?", frozenset(("slope",)), "right", answers)

    def status(self) -> tuple[Line, Line]:
        """`explorer  activations`, and z."""
        left: Line = (Span("explorer", "dim"), Span("  activations"))
        if self._network is not None:
            left = (*left, Span(f"   {self._network.name}"))
        return left, (Span("z", "value"), Span(f" {figure(self.z)}", "text bold"))

    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """left and right move z, up and down choose, r shows the raw derivative."""
        down, across = by
        if word == "z":
            self.z = float(f"{max(-20.0, min(20.0, self.z + across * STEP)):.10g}")
        elif word == "choose":
            self.chosen = max(0, min(self.chosen + down, len(self.listed) - 1))
        elif word == "raw":
            self.raw = not self.raw
        elif word == "start":
            self._begin()
        return ""

    def run(self, text: str) -> Reply:
        """`z 0`, `choose relu`."""
        word, _, rest = text.partition(" ")
        if word == "choose":
            self._choose(rest.strip())
        elif word == "z":
            self.z = typed("z", rest, "z 1.5", lambda value: abs(value) <= 20, "-20 to 20")
        else:
            raise self.unknown(word, "z 1.5, choose relu")
        return Reply()

    def opening(self) -> Session:
        """The debugger on `a = f(z)` at this z."""
        from bptui.model.debugger.session import Session

        return Session(self.here.network(self.z))

    def work(self) -> Work | None:
        """SymPy's derivation of the slope."""
        return None if (self.here.name, self.raw) in self._formulas else self._derive

    def _derive(self, progress: Progress) -> None:
        here, raw = self.here, self.raw
        here.formulas(self._service, raw)
        derived(self._service, progress)
        self._formulas[here.name, raw] = here.formulas(self._service, raw)

    def close(self) -> None:
        """Nothing is derived any more."""
        self._service.close()

    # ------------------------------------------------------------------------------------------------------ drawing

    def points(self) -> list[Point]:
        """All of them at this z."""
        if self._points is None or self._points[0] != self.z:
            self._points = self.z, [each.at(self.z) for each in self.listed]
        return self._points[1]

    def curve(self) -> Curve:
        """The chosen one over the range."""
        name = self.here.name
        if name not in self._curves:
            self._curves[name] = self.here.curve()
        return self._curves[name]

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Two curves one above the other, and the table."""
        side = min(SIDE if width < 120 else 47, max(width // 2, width - CURVES))
        wide = width - side - 1
        found = self._formulas.get((self.here.name, self.raw))
        definition = found.definition if found is not None else ()
        if length(definition) > wide - len(self.here.name) - 10:
            definition = ()
        title = layout.rule(layout.Title(1, self.here.name, right=definition), wide, focused=True)
        top: Line = (*title, Span("┬", "rule"), *layout.rule(layout.Title(2, "At this z"), side, edge=True))
        tall = max(0, height - 1)
        rows = beside(self._curves_of(wide, tall, look, found), self._table(side, tall), wide, tall)
        return boxed([top, *rows], width, height, look)

    def _curves_of(self, wide: int, tall: int, look: RenderOptions, found: Formulas | None) -> list[Line]:
        curve, point = self.curve(), self.points()[self.chosen]
        first = max(2, (tall - 5) // 2)
        second = max(2, tall - 5 - first)
        width = max(8, wide - AXIS - 2)
        if tall < 9:
            return curve_at(curve.z, curve.value, self._at("a", point.value), "value", (width, max(1, tall - 1)), look)[
                :tall
            ]
        rows: list[Line] = [(Span(" a", "value"),)]
        rows += curve_at(curve.z, curve.value, self._at("a", point.value), "value", (width, first), look)
        rows.append((Span(" " * (AXIS - 1)), Span("└" + self._ticks(width), "rule")))
        rows.append(self._slope(found, wide))
        rows += curve_at(curve.z, curve.slope, self._at("slope", point.slope), "text", (width, second), look)
        rows.append((Span(" " * (AXIS - 1)), Span("└" + self._ticks(width), "rule")))
        rows.append(self._labels(width))
        return rows

    def _at(self, name: str, number: float) -> tuple[float, float] | None:
        """The point of a curve; None for one that is hidden."""
        return None if name in self.hide else (self.z, number)

    def _slope(self, found: Formulas | None, wide: int) -> Line:
        """`∂a/∂z = a·(1 - a)   ✓ proved`."""
        if "slope" in self.hide:
            return (Span(" ∂a/∂z = "), *mark("text"))
        if found is None:
            return (Span(" ∂a/∂z = "), Span("deriving…", "dim"))
        left = bold(found.left)
        line: Line = (Span(" "), *left, Span(" = "), *found.slope)
        for words in found.how:
            if length(line) + 3 + length(words) <= wide:
                return (*line, Span("   "), *words)
        return clip(line, wide)

    def _column(self, width: int, z: float) -> int:
        return Axes(Plot(width, 1), (LOW, HIGH), (0, 1)).cell(z, 0)[0]

    def _ticks(self, width: int) -> str:
        here = self._column(width, self.z)
        return "".join("┴" if x == here and LOW <= self.z <= HIGH else "─" for x in range(width))

    def _labels(self, width: int) -> Line:
        """-6, 0, 6, and z under its point."""
        here = self._column(width, self.z)
        marks = [(here, (Span(short(self.z, 3), "value bold"),))] if LOW <= self.z <= HIGH else []
        for z in (LOW, 0.0, HIGH):
            x = self._column(width, z)
            if all(abs(x - other) > 2 for other, _ in marks):
                marks.append((x, (Span(short(z), "dim"),)))
        return at(*(centred(AXIS + x + 0.5, line) for x, line in sorted(marks)))

    def _table(self, side: int, tall: int) -> list[Line]:
        """Value, slope and slope^10 of all of them."""
        ends = side - 17, side - 10, side - 1
        head = at(right(ends[0], (Span("a", "value"),)), right(ends[1], (Span("slope", "text bold"),)),
                  right(ends[2], (Span(f"slope^{IN_A_ROW}", "dim"),)))  # fmt: skip
        rows: list[Line] = [(), head] if tall > len(self.listed) + 2 else [head]
        if tall > len(self.listed) + 12:
            rows = [(), head, ()]
        shown = self.points()
        room = max(1, tall - len(rows))
        first = max(0, min(self.chosen - room // 2, len(shown) - room))
        for n, point in enumerate(shown[first : first + room], first):
            chosen = n == self.chosen
            many = point.in_a_row
            kind = "fail bold" if not FADES <= abs(many) <= GROWS else "dim"
            hidden = "slope" in self.hide
            slope = mark("text") if hidden else (Span(figure(point.slope), "text bold"),)
            left = mark("dim") if hidden else (Span(figure(many), kind),)
            line = at(
                (0, (Span("▶" if chosen else " ", "value reverse bold" if chosen else "text"),)),
                (2, (Span(point.activation.name[: max(4, ends[0] - 9)], "text bold" if chosen else "text"),)),
                right(ends[0], mark("value") if "a" in self.hide else (Span(figure(point.value), "value"),)),
                right(ends[1], slope),
                right(ends[2], left),
            )  # fmt: skip
            rows.append(under(fit(line, side), "on-cursor") if chosen else line)
        return [*rows, *self._remarks(side, tall - len(rows))]

    def _remarks(self, side: int, room: int) -> list[Line]:
        """What slope^10 means, and how steep the chosen one gets."""
        if self.hide:
            return []
        told: list[Line] = [()]
        text = f"slope^{IN_A_ROW}: what ten of them in a row leave of a gradient, all at this z."
        told += _prose(text, side - 2)
        curve, name = self.curve(), self.here.name
        low, high = (float(x) for x in (curve.slope.min(), curve.slope.max()))
        where = float(curve.z[np.argmax(curve.slope)])
        flat = np.count_nonzero(curve.slope >= high * (1 - 1e-9)) > 3
        most = f"{short(high, 3)} at most" if flat else f"{short(high, 3)} at most, at z = {short(where, 3)}"
        said = f"The slope of {name} is {most}, and {short(low, 3)} at least, for z "
        said += f"from {short(LOW)} to {short(HIGH)}."
        if self.here.op.convention:
            said += f" {self.here.op.convention[0].upper()}{self.here.op.convention[1:]}, as in PyTorch."
        told += [(), *_prose(said, side - 2)]
        return told if len(told) <= room else told[-(len(told) // 2) :][:room] if room > 4 else []


def _prose(text: str, width: int) -> list[Line]:
    """Sentences in rows, with a blank before each."""
    return [(Span(f" {row}", "dim"),) for row in textwrap.wrap(text, max(1, width))]
