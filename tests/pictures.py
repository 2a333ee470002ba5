"""The pictures of the docs, from the real app in a real terminal: `python -m tests.pictures` plays docs/demos, and
types what leads to the pictures of home, a lesson and the playground, and makes docs/pictures."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple
from xml.sax.saxutils import unescape

from pyte.screens import Char

from bptui import replay
from bptui.screens.svg import EDGE, HEIGHT, WIDTH, Cells, drawn
from tests.paths import DOCS

from .terminal.rig import Grid, Terminal

FOLDER = DOCS / "pictures"
TEXT, GROUND = "#d3d9df", "#12161b"  # of the dark theme, for cells that name no colour
DEMOS = {path.stem: path for path in sorted((DOCS / "demos").glob("*.replay"))}
"""What leads to each picture; `tests/unit/test_demos.py` holds the screens to what these files expect, and the
pictures to the screens."""


class Typed(NamedTuple):
    """What leads to a picture: words of the shell, the size, what is typed, what stands there then, and at first."""

    words: tuple[str, ...]
    size: tuple[int, int]
    keys: str
    mark: str
    first: str = "paused"


BOARDS = {
    "play": Typed(("play",), (120, 36), ":step 240\r1j", "h1[1] = tanh("),
    "play-branch": Typed(("play",), (80, 24), ":data gauss\r:noise 1\r:step 40\r:rate 0.3\r:step 60\r2k", "branch 1"),
}
DOWN, PAGE_DOWN = "\x1b[B", "\x1b[6~"
LEARNING = {
    "home": Typed((), (80, 24), DOWN * 2, "▶  3 The forward pass", "1 Lessons"),
    "lesson": Typed(("learn", "4"), (80, 24), PAGE_DOWN * 6, "7 Your turn: second weight", "7 A miss"),
    "lesson-told": Typed(("learn", "4"), (80, 24), PAGE_DOWN * 6 + "-0.0978\r", "You multiplied", "7 A miss"),
}
"""Home, and a lesson that asks, and tells what was computed instead."""
TYPED = {**BOARDS, **LEARNING}


def svg(grid: Grid) -> str:
    """The screen of a terminal as an SVG."""
    rows = [[_cells(cell) for cell in row] for row in grid]
    return drawn(rows, (len(grid[0]), len(grid)), GROUND)


def _cells(cell: Char) -> Cells:
    text = TEXT if cell.fg == "default" else f"#{cell.fg}"
    ground = GROUND if cell.bg == "default" else f"#{cell.bg}"
    return Cells(cell.data, *((ground, text) if cell.reverse else (text, ground)), cell.bold)


def text_of(picture: str) -> list[str]:
    """The rows of text that a picture shows."""
    rows: dict[int, list[str]] = {}
    for x, y, word in re.findall(r'<text x="(\d+)" y="(\d+)"[^>]*>([^<]*)</text>', picture):
        row = rows.setdefault((int(y) - 14 - EDGE) // HEIGHT, [])
        start = (int(x) - EDGE) // WIDTH
        row += [" "] * (start + len(unescape(word)) - len(row))
        row[start : start + len(unescape(word))] = unescape(word)
    return ["".join(rows.get(y, [])).rstrip() for y in range(max(rows) + 1)]


def _typed(wanted: Typed) -> Grid:
    with Terminal([sys.executable, "-m", "bptui", *wanted.words], *wanted.size) as terminal:
        terminal.until(wanted.first)
        for line in re.split(r"(?<=\r)", wanted.keys):
            terminal.press(line, quiet=0.5)
        terminal.until(wanted.mark)
        terminal.quiet(1.0)
        return terminal.grid()


def drawn_of(wanted: Typed) -> str:
    """The SVG of what is typed."""
    return svg(_typed(wanted))


def main() -> None:
    """All of them, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or (*DEMOS, *TYPED):
        if name in TYPED:
            (FOLDER / f"{name}.svg").write_text(drawn_of(TYPED[name]), encoding="utf-8")
            continue
        made = replay.read(str(DEMOS[name]))
        last = next(entry.do for entry in reversed(made.entries) if entry.do.startswith("expect "))
        words = [sys.executable, "-m", "bptui", "replay", str(DEMOS[name]), "--pace", "0"]
        with Terminal(words, *made.size) as terminal:
            terminal.until("" if " print " in last else last.removeprefix("expect "))
            terminal.quiet(2.0)
            (FOLDER / f"{name}.svg").write_text(svg(terminal.grid()), encoding="utf-8")


if __name__ == "__main__":
    main()
