"""The pictures of the docs, from the real app in a real terminal: `python -m tests.pictures` plays docs/demos and makes
docs/pictures."""

from __future__ import annotations

import itertools
import re
import sys
from xml.sax.saxutils import escape, unescape

from pyte.screens import Char

from bptui import replay
from tests.paths import DOCS

from .terminal.rig import Grid, Terminal

FOLDER = DOCS / "pictures"
WIDTH, HEIGHT, EDGE = 9, 19, 12
TEXT, GROUND = "d3d9df", "12161b"  # of the dark theme, for cells that name no colour
FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
DEMOS = {path.stem: path for path in sorted((DOCS / "demos").glob("*.replay"))}
"""What leads to each picture; `tests/unit/test_demos.py` holds the screens to what these files expect, and the
pictures to the screens."""


def colours(cell: Char) -> tuple[str, str]:
    """(text, ground) of a cell as it is seen."""
    text = TEXT if cell.fg == "default" else cell.fg
    ground = GROUND if cell.bg == "default" else cell.bg
    return (ground, text) if cell.reverse else (text, ground)


def svg(grid: Grid) -> str:
    """The screen as an SVG: a rectangle per run of one ground, a text per run of one style, stretched to its cells."""
    columns, rows = len(grid[0]), len(grid)
    size = f"{columns * WIDTH + 2 * EDGE} {rows * HEIGHT + 2 * EDGE}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="{FONT}" font-size="15">',
        f'<rect width="100%" height="100%" rx="6" fill="#{GROUND}"/>',
        '<g shape-rendering="crispEdges">',  # else a seam shows between two cells of a heat map at most sizes
    ]
    for y, row in enumerate(grid):
        top = EDGE + y * HEIGHT
        for ground, run in itertools.groupby(enumerate(row), key=lambda cell: colours(cell[1])[1]):
            cells = list(run)
            if ground != GROUND:
                place = f'x="{EDGE + cells[0][0] * WIDTH}" y="{top}" width="{len(cells) * WIDTH}" height="{HEIGHT}"'
                out.append(f'<rect {place} fill="#{ground}"/>')
        for (text, bold, blank), run in itertools.groupby(
            enumerate(row), key=lambda cell: (colours(cell[1])[0], cell[1].bold, cell[1].data == " ")
        ):
            cells = list(run)
            if blank:
                continue
            word = escape("".join(cell.data for _, cell in cells))
            place = f'x="{EDGE + cells[0][0] * WIDTH}" y="{top + 14}" textLength="{len(cells) * WIDTH}"'
            weight = ' font-weight="bold"' if bold else ""
            out.append(f'<text {place} lengthAdjust="spacingAndGlyphs" fill="#{text}"{weight}>{word}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


def text_of(picture: str) -> list[str]:
    """The rows of text that a picture shows."""
    rows: dict[int, list[str]] = {}
    for x, y, word in re.findall(r'<text x="(\d+)" y="(\d+)"[^>]*>([^<]*)</text>', picture):
        row = rows.setdefault((int(y) - 14 - EDGE) // HEIGHT, [])
        start = (int(x) - EDGE) // WIDTH
        row += [" "] * (start + len(unescape(word)) - len(row))
        row[start : start + len(unescape(word))] = unescape(word)
    return ["".join(rows.get(y, [])).rstrip() for y in range(max(rows) + 1)]


def main() -> None:
    """All of them, or those that are named."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or DEMOS:
        made = replay.read(str(DEMOS[name]))
        last = next(entry.do for entry in reversed(made.entries) if entry.do.startswith("expect "))
        words = [sys.executable, "-m", "bptui", "replay", str(DEMOS[name]), "--pace", "0"]
        with Terminal(words, *made.size) as terminal:
            terminal.until("" if " print " in last else last.removeprefix("expect "))
            terminal.quiet(2.0)
            (FOLDER / f"{name}.svg").write_text(svg(terminal.grid()), encoding="utf-8")


if __name__ == "__main__":
    main()
