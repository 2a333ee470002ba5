"""Only the cells that changed go to the terminal.

Textual repaints every dirty region and sends full styles; over SSH that is two to three times what is needed
(measured: 3.3 kB against 1.7 kB per key at 80x24, 4.8 against 1.7 at 200x60). `CellDiff` remembers what stands on the
screen and writes the difference; `DiffMixin` puts it before Textual's driver. It hooks `App._display`, which is private
to Textual: pinned to 8.x in pyproject, tested by comparing the screens with the hook on and off, and switched off by
BPTUI_DIFF=0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import is_not
from typing import Any

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from bptui.model.base.spans import Line, Span
from bptui.screens.arrivals import Arrivals
from bptui.screens.theme import Theme

GAP = 4  # an unchanged gap up to so many cells is rewritten when it needs no other style: `ESC [ n C` is 4 bytes
RUNS = 4_000  # runs of text whose cells are kept
SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"


class Pen:
    """What SGR codes a cell needs: attributes as codes, foreground and background as SGR parameters.

    There is one object for each look (`CellDiff._pen` makes them), so that pens are compared by identity.
    shows  a blank in it is more than its background
    """

    __slots__ = ("attributes", "back", "fore", "shows")

    def __init__(self, attributes: tuple[str, ...], fore: str, back: str) -> None:
        self.attributes, self.fore, self.back = attributes, fore, back
        self.shows = not SHOWS_ON_BLANK.isdisjoint(attributes)


OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}
SHOWS_ON_BLANK = frozenset("479")  # underline, reverse and strike are seen on a blank too

Cell = tuple[str, Pen]


class Run:
    """A text in one pen, with the cells that it takes; one object for each (text, pen), as long as it is kept."""

    __slots__ = ("cells", "pen")

    def __init__(self, pen: Pen, cells: list[Cell]) -> None:
        self.pen, self.cells = pen, cells


class CellDiff:
    """The front buffer of a terminal of `width` x `height`, and the bytes that bring it up to date.

    Each cell that is possible exists once, so that cells are compared by identity. A wide glyph takes its cell and a
    second one with "" in it; a glyph without a width takes none.
    """

    def __init__(self, width: int, height: int, colours: ColorSystem | None) -> None:
        self.width, self.height, self.colours = width, height, colours
        self.front: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._stand: list[dict[int, Run]] = [{} for _ in range(height)]
        self._runs: dict[tuple[str, Pen], Run] = {}
        self._spans: dict[str, dict[Span, Run]] = {}
        self._cells: dict[Cell, Cell] = {}
        self._pens: dict[tuple[tuple[str, ...], str, str], Pen] = {}
        self._styles: dict[Style | None, Pen] = {}
        self._moves: dict[tuple[Pen, Pen], str] = {}
        self.plain = self._pen((), "", "")

    def pen(self, style: Style | None) -> Pen:
        """The pen of a rich style on this terminal's number of colours."""
        found = self._styles.get(style)
        if found is None:
            found = self._styles[style] = self._of(style) if style is not None else self.plain
        return found

    def _of(self, style: Style) -> Pen:
        on = (("1", style.bold), ("2", style.dim), ("3", style.italic), ("4", style.underline), ("5", style.blink),
              ("7", style.reverse), ("9", style.strike))  # fmt: skip
        fore = back = ""
        if self.colours is not None:
            if style.color and not style.color.is_default:
                fore = ";".join(style.color.downgrade(self.colours).get_ansi_codes())
            if style.bgcolor and not style.bgcolor.is_default:
                back = ";".join(style.bgcolor.downgrade(self.colours).get_ansi_codes(foreground=False))
        return self._pen(tuple(code for code, yes in on if yes), fore, back)

    def _pen(self, attributes: tuple[str, ...], fore: str, back: str) -> Pen:
        """The one pen of this look."""
        found = self._pens.get((attributes, fore, back))
        if found is None:
            found = self._pens[attributes, fore, back] = Pen(attributes, fore, back)
        return found

    def line(self, line: Line, theme: Theme) -> list[Run]:
        """A line of bptui's own as runs, filled up with blanks. Kept by span, for most spans stand in many frames."""
        made = self._spans.setdefault(theme.name, {})
        if len(made) > RUNS:
            made.clear()
        out, used = [], 0
        for span in line:
            run = made.get(span)
            if run is None:
                text, words = sanitize(span)
                run = made[span] = self.run(text, self.pen(theme.style(words)))
            out.append(run)
            used += len(run.cells)
        if used < self.width:
            out.append(self.run(" " * (self.width - used), self.pen(theme.style("text"))))
        return out

    def run(self, text: str, pen: Pen) -> Run:
        """A text in a pen; of a blank only what is seen."""
        found = self._runs.get((text, pen))
        if found is None:
            if len(self._runs) >= RUNS:
                self._runs.clear()
            blank = pen if pen.shows else self._pen((), "", pen.back)
            pairs = [(glyph, blank if glyph == " " else pen) for glyph in text]
            if not text.isascii() and cell_len(text) != len(text):
                pairs = [cell for pair in pairs for cell in (pair, ("", pen))[: cell_len(pair[0])]]
            found = self._runs[text, pen] = Run(pen, [self._cells.setdefault(cell, cell) for cell in pairs])
        return found

    def _change(self, old: Pen, new: Pen) -> str:
        """The shortest SGR sequence from one pen to another."""
        found = self._moves.get((old, new))
        if found is None:
            codes = []
            gone = {OFF[code] for code in old.attributes if code not in new.attributes}
            codes += sorted(gone)
            codes += [code for code in new.attributes if code not in old.attributes or OFF[code] in gone]
            if new.fore != old.fore:
                codes.append(new.fore or "39")
            if new.back != old.back:
                codes.append(new.back or "49")
            fresh = [*new.attributes, *filter(None, (new.fore, new.back))]
            reset = ";".join(["0", *fresh]) if fresh else ""
            text = ";".join(codes)
            found = self._moves[old, new] = "" if not codes else f"\x1b[{min(text, reset, key=len)}m"
        return found

    def update(self, parts: Iterable[tuple[int, int, Iterable[Segment]]]) -> str:
        """The bytes for (row, column, segments of rich) that are to stand on the screen now; ends with a plain pen."""
        run, pen = self.run, self.pen
        return self.write(
            (y, x, [run(text, pen(style)) for text, style, control in segments if not control])
            for y, x, segments in parts
        )

    def write(self, parts: Iterable[tuple[int, int, Sequence[Run]]]) -> str:
        """The bytes for (row, column, runs) that are to stand on the screen now; ends with a plain pen."""
        out: list[str] = []
        now, at = self.plain, (-1, -1)
        for y, x, runs in parts:
            if not 0 <= y < self.height:
                continue
            row, stood = self.front[y], self._stand[y]
            stand: dict[int, Run] = {}
            for run in runs:
                stand[x], end = run, x + len(run.cells)
                if stood.get(x) is not run and (stands := row[x:end]) != run.cells:
                    now, at = self._stretches(out, y, x, run, stands, now, at)
                x = end
            self._stand[y] = stand  # of a part of the row: less than stands there, never what does not
        if out and now is not self.plain:
            out.append("\x1b[m")
        return "".join(out)

    def _stretches(
        self, out: list[str], y: int, x: int, run: Run, stands: list[Cell | None], now: Pen, at: tuple[int, int]
    ) -> tuple[Pen, tuple[int, int]]:
        """Write those cells of a run that are not what `stands` there; the pen and the place of the terminal's cursor
        then."""
        pen, wanted, row = run.pen, run.cells, self.front[y]
        if len(stands) < len(wanted):  # the end of the screen
            wanted = wanted[: len(stands)]
        row[x : x + len(wanted)] = wanted
        changed = bytes(map(is_not, stands, wanted))
        end = 0
        while (start := changed.find(True, end)) >= 0:
            end = changed.find(False, start)
            if end < 0:
                end = len(wanted)
            if wanted[start][0] == "" and start:  # the second half of a wide glyph: all of it
                start -= 1
            if at != (y, x + start):
                out.append(self._go(row, *at, y, x + start, now))
            text = "".join([glyph for glyph, _ in wanted[start:end]])
            if not pen.shows and text[0] == " ":  # only its background is seen: keep the rest of the pen
                want = self._on(now, pen.back)
                if want is not now:
                    out.append(self._change(now, want))
                    now = want
                glyphs = text.lstrip(" ")
                out.append(" " * (len(text) - len(glyphs)))
                text = glyphs
            if text:
                if pen is not now:
                    out.append(self._change(now, pen))
                    now = pen
                out.append(text)
            at = (y, x + end)
        return now, at

    def _on(self, now: Pen, back: str) -> Pen:
        """The pen as it is, on another background, without what is seen on a blank."""
        if now.back == back and not now.shows:
            return now
        return self._pen(tuple(code for code in now.attributes if code not in SHOWS_ON_BLANK), now.fore, back)

    def _go(self, row: list[Cell | None], from_y: int, from_x: int, y: int, x: int, now: Pen) -> str:
        gap = x - from_x
        if from_y == y and gap > 0:
            if gap <= GAP:
                between = row[from_x:x]
                if all(c is not None and c[0] and (c[1] is now or _same_blank(c, now)) for c in between):
                    return "".join(c[0] for c in between if c is not None)
            return f"\x1b[{gap}C" if gap > 1 else "\x1b[C"
        return f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"


def _same_blank(cell: Cell, now: Pen) -> bool:
    return cell[0] == " " and cell[1].back == now.back and not cell[1].shows and not now.shows


def sanitize(span: Span) -> Span:
    """The span with one glyph of one cell per character: names come from users, and a control or wide character would
    break the grid (or the terminal)."""
    text, style = span
    if text.isascii() and text.isprintable():
        return span
    return Span("".join(glyph if glyph.isprintable() and cell_len(glyph) == 1 else "?" for glyph in text), style)


class DiffMixin:
    """For a Textual App: sends what `CellDiff` leaves over. `diff = False` gives Textual's own way back."""

    diff = True
    _cells: CellDiff | None = None

    @cached_property
    def arrivals(self) -> Arrivals:
        """Whether what was drawn has reached the terminal."""
        return Arrivals()

    def forget_screen(self) -> None:
        """What stands on the terminal is not known any more: the next update sends all of it."""
        self._cells = None

    def _display(self, screen: Any, renderable: Any) -> None:
        from textual._compositor import ChopsUpdate, LayoutUpdate

        app: Any = self
        if not self.diff or app.is_headless or not isinstance(renderable, ChopsUpdate | LayoutUpdate):
            self._cells = None
            super()._display(screen, renderable)  # type: ignore[misc]
            return
        if app._batch_count or not app._running or app._closed or app._driver is None:
            return
        try:
            width, height = app.size
            if self._cells is None or (self._cells.width, self._cells.height) != (width, height):
                self._cells = CellDiff(width, height, app.console._color_system)
            data = self._cells.update(_parts(renderable))
        except Exception as error:
            app._handle_exception(error)
            return
        self._send(data)

    def _send(self, data: str) -> None:
        """In one piece, as one synchronized update: the thread that writes is woken once."""
        app: Any = self
        if data:
            data = f"{SYNC_START}{data}{SYNC_END}" if app._sync_available else data
            app._driver.write(data + self.arrivals.ends(data))
            app._driver.flush()

    @property
    def direct(self) -> bool:
        """May rows be sent at once? Not where the terminal is new, of another size, or in the midst of an update."""
        app: Any = self
        if not self.diff or app.is_headless or self._cells is None or app._driver is None:
            return False
        if app._batch_count or not app._running or app._closed:
            return False
        return (self._cells.width, self._cells.height) == tuple(app.size)

    def send_rows(self, rows: Iterable[tuple[int, Line]], theme: Theme, budget: int | None = None) -> int:
        """(row, line) to the terminal, where `direct` allows it: without Textual's way from message to message to its
        timer, at each of which the screen's thread may have to wait for the one that derives; and without its
        segments and strips, which take longer than all of the panels. With a `budget`, no further row is begun once so
        many bytes are there; how many rows were sent."""
        cells = self._cells
        assert cells is not None
        if budget is None:
            made = [(y, 0, cells.line(line, theme)) for y, line in rows]
            self._send(cells.write(made))
            return len(made)
        data, count = "", 0
        for y, line in rows:
            if len(data) >= budget:
                break
            data += cells.write([(y, 0, cells.line(line, theme))])
            count += 1
        self._send(data)
        return count


def _parts(update: Any) -> Iterable[tuple[int, int, Sequence[Segment]]]:
    """(row, column, segments) of one of Textual's two kinds of update."""
    if hasattr(update, "chops"):
        for y, x1, x2 in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x <= x2 and end > x1:
                    yield y, x, strip if end <= x2 else strip.crop(0, x2 - x)
    else:
        for y, line in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in line:
                yield y, x, strip
                x += strip.cell_length
