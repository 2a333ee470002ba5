"""`bptui diff` on a stage: the dots, the list, what is said of the chosen operation; its keys, what it computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.printable import clipped
from bptui.model.base.spans import Line, Span
from bptui.model.debugger.diff.elements import Element, elements
from bptui.model.debugger.diff.runs import Runs
from bptui.model.debugger.diff.text import site
from bptui.model.debugger.diff.tolerance import Tolerance
from bptui.model.debugger.diff.why import Why, why
from bptui.model.debugger.progress import Progress
from bptui.model.debugger.reply import Reply
from bptui.screens import layout
from bptui.screens.board import Board, Work
from bptui.screens.diff import page
from bptui.screens.diff.chart import chart, phases
from bptui.screens.keys import DIFF
from bptui.screens.render import RenderOptions, boxed

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

NAME = 20
"""Characters of a run's name in the status."""
WIDEST = 120
"""Columns that the list and what is said take, at most: further apart nobody reads them as one row."""


class DiffBoard(Board):
    """runs  what is compared;  chosen  the row that is looked at, None: the first that is apart
    beside  the numbers of the chosen row stand in the place of the list, those of both runs beside each other
    side    which of the runs enter opens next
    """

    name, place = "diff", DIFF

    def __init__(self, runs: Runs) -> None:
        self.runs, self.side, self.beside = runs, 0, False
        self._chosen: int | None = None
        self._top = self._scrolled = 0
        self._damaged = False
        self._why: dict[tuple[int, float], Why] = {}
        self._elements: dict[int, tuple[Element, ...]] = {}
        self._dots: tuple[tuple[object, ...], list[Line]] | None = None

    @property
    def chosen(self) -> int:
        """The row that is looked at."""
        return self._chosen if self._chosen is not None else self.runs.first or 0

    # ---------------------------------------------------------------------------------------------------------- keys
    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """x and X go to the next and the previous row that is apart, arrows to any, + and - set the tolerance."""
        down, across = by
        if word == "choose" and self.beside:
            count = len(self._elements.get(self.chosen, ()))
            self._scrolled = max(0, min(self._scrolled + down, count - 1))
        elif word == "choose":
            self._choose(max(0, min(self.chosen + down, len(self.runs.rows) - 1)))
        elif word == "next":
            return self._next(down)
        elif word == "tolerance":
            self.runs.tolerance = self.runs.tolerance.moved(across)
        elif word == "beside":
            self.beside, self._scrolled = not self.beside, 0
        elif word == "list":
            self.beside = False
        elif word == "start":
            self._choose(None)
        return ""

    def _choose(self, row: int | None) -> None:
        self._chosen, self._scrolled = row, 0

    def _next(self, by: int) -> str:
        rows, at = range(len(self.runs.rows)), self.chosen
        found = (i for i in (rows[at + 1 :] if by > 0 else reversed(rows[:at])) if self.runs.apart(i))
        target = next(found, None)
        if target is None:
            more = "" if self.runs.finished or by < 0 else "; not all are compared yet"
            return f"nothing is apart {'after' if by > 0 else 'before'} this one{more}"
        self._choose(target)
        return ""

    def run(self, text: str) -> Reply:
        """`tolerance 1e-4`, `find norm2`: the next row whose module, function or line has the word."""
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        if word == "tolerance":
            try:
                value = float(rest)
            except ValueError:
                value = math.nan
            if not (math.isfinite(value) and value >= 0):
                raise UserError("tolerance", f"found '{clipped(rest, 40)}'", "0 or more: tolerance 1e-6")
            self.runs.tolerance = Tolerance(value, "as set")
        elif word == "find":
            self._find(rest)
        else:
            raise UserError(clipped(word, 40) or ":", "is no line of diff", "tolerance 1e-4, find norm2")
        return Reply()

    def _find(self, wanted: str) -> None:
        count = len(self.runs.rows)
        for k in range(1, count + 1):
            i = (self.chosen + k) % count
            row = self.runs.rows[i]
            if wanted and any(wanted in part for part in (row.module, row.function, site(row))):
                self._choose(i)
                return
        raise UserError("find", f"nothing here has '{clipped(wanted, 40)}'", "part of a module, a function, a line")

    def complete(self, text: str) -> Sequence[str]:
        """The two lines, and the modules that `find` finds."""
        modules = dict.fromkeys(row.module for row in self.runs.rows if row.module)
        lines = ("tolerance ", "find ", *(f"find {module}" for module in modules))
        return [line for line in lines if line.startswith(text) and line != text][:50]

    def opening(self) -> Session:
        """The debugger at this very operation: of a, and after that, by the same key, of b."""
        from bptui.model.debugger.session import Session

        run, row = (self.runs.a, self.runs.b)[self.side], self.runs.rows[self.chosen]
        place = self.runs.place(row, self.side)
        if run.network is None or run.history is None or place is None:
            self.side = 1 - self.side
            raise UserError("enter", f"{run.name[:60]} has no such operation", "enter again opens the other one")
        session = Session(run.network, run.history)
        session.move(run.recording.step * session.walk.length + place)
        gap = self.runs.gap(self.chosen)
        if row.phase == "forward" and gap is not None and len(gap.at) == len(session.here.shape):
            session.select_element(gap.at)
        return session

    def returned(self) -> None:
        """The debugger was left: the next one is that of the other run."""
        self.side = 1 - self.side

    # ---------------------------------------------------------------------------------------------------------- work
    def work(self) -> Work | None:
        """Why the chosen row is apart comes before the rows that are not compared yet."""
        if self._asked():
            return self._explain
        return None if self.runs.finished or self._damaged else self._advance

    def urgent(self) -> bool:
        """What is asked comes before what is compared."""
        return self._asked()

    def _asked(self) -> bool:
        if self.runs.gap(self.chosen) is None:
            return False
        return self._key not in self._why or (self.beside and self.chosen not in self._elements)

    @property
    def _key(self) -> tuple[int, float]:
        return self.chosen, self.runs.tolerance.value

    def _advance(self, progress: Progress) -> None:
        try:
            self.runs.advance(progress)
        except UserError:
            self._damaged = True  # a tensor cannot be read: no use in trying again
            raise

    def _explain(self, progress: Progress) -> None:
        key, beside = self._key, self.beside
        row = self.runs.rows[key[0]]
        progress.tick()
        try:
            if key not in self._why:
                self._why[key] = why(self.runs, row)
            if beside and key[0] not in self._elements:
                self._elements[key[0]] = elements(self.runs, row)
        except UserError as problem:
            self._why[key] = Why((), 1, (), str(problem))
            self._elements[key[0]] = ()

    # ------------------------------------------------------------------------------------------------------- drawing
    def status(self) -> tuple[Line, Line]:
        """`diff  a.bptui  b.bptui   tolerance 1e-6`, and how many are apart."""
        runs, names = self.runs, "  ".join(_short(run.name) for run in (self.runs.a, self.runs.b))
        tolerance = Span(runs.tolerance.text, "text bold")
        left = (Span("diff", "dim"), Span(f"  {names}   "), Span("tolerance ", "dim"), tolerance)
        count, total = runs.count, len(runs.rows)
        if runs.finished and not count:
            return left, (Span("✓ ", "ok"), Span("equal", "ok"), Span(f" in {total:,} operations", "dim"))
        of = f" of {total:,} operations"
        if not runs.finished:
            of = f" of {runs.known:,}, {100 * runs.known // total} % compared"
        return left, (Span("≠ ", "kink"), Span(f"{count:,}", "kink bold"), Span(of, "dim"))

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Dots, list, and what is said of the chosen row."""
        tall = max(3, min(12, height // 4 + 1)) if height >= 13 else 0
        below = 8 if height >= 30 else 6 if height >= 20 else 5 if height >= 12 else 0
        rows: list[Line] = []
        if tall:
            scale = (Span("relative, log", "dim"),)
            rows.append(layout.rule(layout.Title(1, "How far apart, by operation", right=scale), width, focused=True))
            rows += self._chart(width, tall, look)
        room = max(1, height - len(rows) - 1 - below)
        listed = self._beside(width, room) if self.beside else self._list(width, room)
        name, tail = ("Side by side", "a, b, apart") if self.beside else ("Operations", "a against b")
        rows.append(layout.rule(layout.Title(2, name, right=(Span(tail, "dim"),)), width, focused=not tall))
        rows += [*listed, *[()] * room][:room]
        if below:
            rows += self._below(width, below)
        return boxed(rows, width, height, look)

    def _chart(self, width: int, tall: int, look: RenderOptions) -> list[Line]:
        """The dots, drawn anew where they have changed, or a two-hundredth more of them is known; the phases."""
        runs = self.runs
        known = runs.known if runs.finished else runs.known * 200 // len(runs.rows)
        key = (width, tall, look, known, runs.tolerance.value, runs.first)
        if self._dots is None or self._dots[0] != key:
            self._dots = key, chart(runs, width, tall, look)
        return [*self._dots[1], phases(runs, self.chosen, width, look.unicode)]

    def _list(self, width: int, room: int) -> list[Line]:
        """From the row before the chosen one on, where that was not chosen by hand; else as little moves as can be."""
        runs, chosen = self.runs, self.chosen
        last = max(0, len(runs.rows) - room)
        top = chosen - 1 if self._chosen is None else max(chosen - room + 2, min(self._top, chosen - 1))
        self._top = max(0, min(top, last))
        shown = range(self._top, min(len(runs.rows), self._top + room))
        return [page.listed(runs, i, i == chosen, min(width, WIDEST), width) for i in shown]

    def _beside(self, width: int, room: int) -> list[Line]:
        """The numbers of the chosen row that differ most, a's and b's."""
        found = self._elements.get(self.chosen)
        if found is None:
            return [(Span(" looking at its numbers", "dim"),)]
        if not found:
            return [(Span(" it has no numbers in both runs that differ", "dim"),)]
        top = max(0, min(self._scrolled, len(found) - room))
        phase = self.runs.rows[self.chosen].phase
        return [page.pair(each, phase, min(width, WIDEST)) for each in found[top : top + room]]

    def _below(self, width: int, height: int) -> list[Line]:
        """Why the chosen row is apart, under its title; in the last row what enter does, where there is room."""
        runs, i = self.runs, self.chosen
        found = self._why.get(self._key)
        tail = () if found is None or runs.rows[i].missing else (Span(_inputs(found), "dim"),)
        hint = height >= 6
        if runs.gap(i) is None:
            rows: list[Line] = [(Span(" not compared yet", "dim"),)]
        else:
            rows = page.details(runs, i, found, width, height - 1 - hint)
        rows = [layout.rule(layout.Title(3, self._which(), right=tail), width), *rows, *[()] * height][:height]
        if hint:
            name = _short((runs.a, runs.b)[self.side].name)
            rows[-1] = (Span(f" enter opens {name} here, then the other; v shows both side by side", "dim"),)
        return rows

    def _which(self) -> str:
        if self.runs.first == self.chosen:
            return "The first one"
        return "This one" if self.runs.first is not None or not self.runs.finished else "Nothing is apart; this one"


def _inputs(found: Why) -> str:
    count = len(found.inputs)
    return "its inputs are equal" if found.equal else f"{count} of its inputs {'is' if count == 1 else 'are'} not equal"


def _short(name: str) -> str:
    """A run's name: of a path its last part."""
    return clipped(name.rstrip("/").rpartition("/")[2], NAME)
