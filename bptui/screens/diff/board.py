"""`bptui diff` on a stage: the dots, the list, what is said of the chosen operation; its keys and what it computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.printable import clipped
from bptui.model.base.spans import Line, Span
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
    side  which of the runs enter opens next
    """

    name, place = "diff", DIFF

    def __init__(self, runs: Runs) -> None:
        self.runs, self.side = runs, 0
        self._chosen: int | None = None
        self._first_row = 0
        self._damaged = False
        self._why: dict[tuple[int, float], Why] = {}
        self._dots: tuple[tuple[object, ...], list[Line]] | None = None

    @property
    def chosen(self) -> int:
        """The row that is looked at."""
        if self._chosen is not None:
            return self._chosen
        return self.runs.first or 0

    # ---------------------------------------------------------------------------------------------------------- keys
    def press(self, word: str, by: tuple[int, int], key: str) -> str:
        """x and X go to the next and the previous row that is apart, arrows to any, + and - set the tolerance."""
        down, across = by
        if word == "choose":
            self._chosen = max(0, min(self.chosen + down, len(self.runs.rows) - 1))
        elif word == "next":
            return self._next(down)
        elif word == "tolerance":
            self.runs.tolerance = self.runs.tolerance.moved(across)
        elif word == "start":
            self._chosen = None
        return ""

    def _next(self, by: int) -> str:
        rows, at = range(len(self.runs.rows)), self.chosen
        found = (i for i in (rows[at + 1 :] if by > 0 else reversed(rows[:at])) if self.runs.apart(i))
        target = next(found, None)
        if target is None:
            more = "" if self.runs.finished or by < 0 else "; not all are compared yet"
            return f"nothing is apart {'after' if by > 0 else 'before'} this one{more}"
        self._chosen = target
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
                self._chosen = i
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
        return self.runs.gap(self.chosen) is not None and self._key not in self._why

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
        key = self._key
        progress.tick()
        try:
            self._why[key] = why(self.runs, self.runs.rows[key[0]])
        except UserError as problem:
            self._why[key] = Why((), 1, (), str(problem))

    # ------------------------------------------------------------------------------------------------------- drawing
    def status(self) -> tuple[Line, Line]:
        """`diff  a.bptui  b.bptui   tolerance 1e-6`, and how many are apart."""
        runs = self.runs
        names = "  ".join(_short(run.name) for run in (runs.a, runs.b))
        left = (
            Span("diff", "dim"),
            Span(f"  {names}   "),
            Span("tolerance ", "dim"),
            Span(runs.tolerance.text, "text bold"),
        )
        count, total = runs.count, len(runs.rows)
        glyph: Line = (Span("✓ ", "ok"), Span("equal", "ok"), Span(f" in {total:,} operations", "dim"))
        if count or not runs.finished:
            of = (
                f" of {total:,} operations"
                if runs.finished
                else f" of {runs.known:,}, {100 * runs.known // total} % compared"
            )
            glyph = (Span("≠ ", "kink"), Span(f"{count:,}", "kink bold"), Span(of, "dim"))
        return left, glyph

    def lines(self, width: int, height: int, look: RenderOptions) -> list[Line]:
        """Dots, list, and what is said of the chosen row."""
        tall = max(3, min(12, height // 4 + 1)) if height >= 13 else 0
        below = 8 if height >= 30 else 6 if height >= 20 else 5 if height >= 12 else 0
        runs, chosen = self.runs, self.chosen
        rows: list[Line] = []
        if tall:
            rows.append(
                layout.rule(1, "How far apart, by operation", (), (Span("relative, log", "dim"),), width, True, False)
            )
            rows += self._chart(width, tall, look)
        rows.append(layout.rule(2, "Operations", (), (Span("a against b", "dim"),), width, not tall, False))
        room = max(1, height - len(rows) - below)
        first = max(0, min(chosen - 1, len(runs.rows) - room)) if self._chosen is None else self._top(room)
        self._first_row = first
        rows += [
            page.listed(runs, i, i == chosen, min(width, WIDEST), width)
            for i in range(first, min(len(runs.rows), first + room))
        ]
        rows += [()] * (height - below - len(rows))
        if below:
            rows += self._below(width, below)
        return boxed(rows, width, height, look)

    def _top(self, room: int) -> int:
        """The first row of the list: as little moves as can be."""
        last = max(0, len(self.runs.rows) - room)
        return max(0, min(max(self.chosen - room + 2, min(self._first_row, self.chosen - 1)), last))

    def _chart(self, width: int, tall: int, look: RenderOptions) -> list[Line]:
        """The dots, drawn anew where they have changed, or a two-hundredth more of them is known; the phases."""
        runs = self.runs
        known = runs.known if runs.finished else runs.known * 200 // len(runs.rows)
        key = (width, tall, look, known, runs.tolerance.value, runs.first)
        if self._dots is None or self._dots[0] != key:
            self._dots = key, chart(runs, width, tall, look)
        return [*self._dots[1], phases(runs, self.chosen, width)]

    def _below(self, width: int, height: int) -> list[Line]:
        runs, i = self.runs, self.chosen
        found = self._why.get(self._key)
        which = "The first one" if runs.first == i else "This one"
        if runs.first is None and runs.finished:
            which = "Nothing is apart; this one"
        tail: Line = ()
        if found is not None and runs.gap(i) is not None:
            count = len(found.inputs)
            words = (
                "its inputs are equal"
                if found.equal
                else f"{count} of its inputs {'is' if count == 1 else 'are'} not equal"
            )
            tail = (Span("" if runs.rows[i].missing else words, "dim"),)
        title = layout.rule(3, which, (), tail if tail and tail[0].text else (), width, False, False)
        said = (
            page.said(runs, i, found, width, height - (1 if height < 6 else 2))
            if runs.gap(i) is not None
            else [(Span(" not compared yet", "dim"),)]
        )
        rows = [title, *said, *[()] * height][:height]
        if height >= 6:
            rows[-1] = (Span(f" enter opens {_short((runs.a, runs.b)[self.side].name)} here, then the other", "dim"),)
        return rows


def _short(name: str) -> str:
    """A run's name: of a path its last part."""
    return clipped(name.rstrip("/").rpartition("/")[2], NAME)
