"""Only the cells that changed go to the terminal.

Textual repaints every dirty region and sends full styles; over SSH that is two to three times what is needed
(research: 3.3 kB against 1.7 kB per key at 80x24, 4.8 against 1.7 at 200x60). `CellDiff` remembers what stands on the
screen and writes the difference; `DiffMixin` puts it before Textual's driver. It hooks `App._display`, which is private
to Textual: pinned to 8.x in pyproject, tested by comparing the screens with the hook on and off, and switched off by
BPTUI_DIFF=0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

GAP = 4  # an unchanged gap up to so many cells is rewritten when it needs no other style: `ESC [ n C` is 4 bytes
RUNS = 4_000  # runs of text whose cells are kept
SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"


class Pen(NamedTuple):
    """What SGR codes a cell needs: attributes as codes, foreground and background as SGR parameters."""

    attributes: tuple[str, ...] = ()
    fore: str = ""
    back: str = ""


OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}
SHOWS_ON_BLANK = frozenset("479")  # underline, reverse and strike are seen on a blank too

Cell = tuple[str, Pen]


class CellDiff:
    """The front buffer of a terminal of `width` x `height`, and the bytes that bring it up to date.

    A wide glyph is written whole, and its second cell is remembered as "".
    """

    def __init__(self, width: int, height: int, colours: ColorSystem | None) -> None:
        self.width, self.height, self.colours = width, height, colours
        self.front: list[list[Cell | None]] = [[None] * width for _ in range(height)]
        self._runs: list[set[tuple[int, str, Style | None]]] = [set() for _ in range(height)]
        self._runs_made: dict[tuple[str, Style | None], list[Cell]] = {}
        self._pens: dict[Style | None, Pen] = {}
        self._moves: dict[tuple[Pen, Pen], str] = {}

    def pen(self, style: Style | None) -> Pen:
        """The pen of a rich style on this terminal's number of colours."""
        found = self._pens.get(style)
        if found is None:
            found = self._pens[style] = self._pen(style)
        return found

    def _pen(self, style: Style | None) -> Pen:
        if style is None:
            return Pen()
        on = (("1", style.bold), ("2", style.dim), ("3", style.italic), ("4", style.underline), ("5", style.blink),
              ("7", style.reverse), ("9", style.strike))  # fmt: skip
        fore = back = ""
        if self.colours is not None:
            if style.color and not style.color.is_default:
                fore = ";".join(style.color.downgrade(self.colours).get_ansi_codes())
            if style.bgcolor and not style.bgcolor.is_default:
                back = ";".join(style.bgcolor.downgrade(self.colours).get_ansi_codes(foreground=False))
        return Pen(tuple(code for code, yes in on if yes), fore, back)

    def _wanted(self, text: str, style: Style | None) -> list[Cell]:
        """A cell for each glyph of a run. Kept, for most runs stand in many frames; of a blank only what is seen."""
        found = self._runs_made.get((text, style))
        if found is None:
            if len(self._runs_made) >= RUNS:
                self._runs_made.clear()
            pen = self.pen(style)
            blank = (" ", pen if SHOWS_ON_BLANK.intersection(pen.attributes) else Pen((), "", pen.back))
            found = [blank if glyph == " " else (glyph, pen) for glyph in text]
            self._runs_made[text, style] = found
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

    def update(self, parts: Iterable[tuple[int, int, Sequence[Segment]]]) -> str:
        """The bytes for (row, column, segments) that are to stand on the screen now; ends with a plain pen."""
        out: list[str] = []
        now = Pen()
        at_x = at_y = -1
        width = self.width
        for y, x, segments in parts:
            if not 0 <= y < self.height:
                continue
            row = self.front[y]
            stood, runs = self._runs[y], set()
            for text, style, control in segments:
                if control:
                    continue
                run = (x, text, style)
                runs.add(run)
                if run in stood:
                    x += cell_len(text)
                    continue
                wide = not text.isascii() and cell_len(text) != len(text)
                wanted = self._wanted(text, style)
                if not wide and row[x : x + len(wanted)] == wanted:
                    x += len(wanted)
                    continue
                pen = self.pen(style)
                for glyph, cell in zip(text, wanted, strict=True):
                    cells = cell_len(glyph) if wide else 1
                    if x >= width or cells == 0:
                        x += cells
                        continue
                    if row[x] == cell:
                        x += cells
                        continue
                    row[x] = cell
                    if cells == 2 and x + 1 < width:
                        row[x + 1] = ("", pen)
                    if at_y != y or at_x != x:
                        out.append(self._go(row, at_x, at_y, x, y, now))
                    want = cell[1]
                    if glyph == " " and not want.attributes:  # only its background is seen: keep the rest of the pen
                        kept = tuple(code for code in now.attributes if code not in SHOWS_ON_BLANK)
                        want = Pen(kept, now.fore, want.back)
                    if want != now:
                        out.append(self._change(now, want))
                        now = want
                    out.append(glyph)
                    x += cells
                    at_x, at_y = x, y
            self._runs[y] = runs  # of a part of the row: less than stands there, never what does not
        if out and now != Pen():
            out.append("\x1b[m")
        return "".join(out)

    def _go(self, row: list[Cell | None], from_x: int, from_y: int, x: int, y: int, now: Pen) -> str:
        gap = x - from_x
        if from_y == y and gap > 0:
            if gap <= GAP:
                between = row[from_x:x]
                if all(c is not None and c[0] and (c[1] == now or _same_blank(c, now)) for c in between):
                    return "".join(c[0] for c in between if c is not None)
            return f"\x1b[{gap}C" if gap > 1 else "\x1b[C"
        return f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"


def _same_blank(cell: Cell, now: Pen) -> bool:
    return cell[0] == " " and cell[1].back == now.back and not SHOWS_ON_BLANK.intersection(
        (*cell[1].attributes, *now.attributes)
    )  # fmt: skip


class DiffMixin:
    """For a Textual App: sends what `CellDiff` leaves over. `diff = False` gives Textual's own way back."""

    diff = True
    _cells: CellDiff | None = None

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
            app._driver.write(f"{SYNC_START}{data}{SYNC_END}" if app._sync_available else data)
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

    def send_rows(self, parts: Iterable[tuple[int, int, Sequence[Segment]]]) -> None:
        """(row, column, segments) to the terminal, where `direct` allows it: without Textual's way from message to
        message to its timer, at each of which the screen's thread may have to wait for the one that derives."""
        assert self._cells is not None
        self._send(self._cells.update(parts))


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
