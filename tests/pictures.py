"""The pictures of the README, from the real app in a real terminal: `python -m tests.pictures` writes docs/pictures."""

from __future__ import annotations

import itertools
import sys
from xml.sax.saxutils import escape

from pyte.screens import Char

from tests.paths import DOCS

from .terminal.rig import Grid, Terminal

FOLDER = DOCS / "pictures"
WIDTH, HEIGHT, EDGE = 9, 19, 12
TEXT, GROUND = "d3d9df", "12161b"  # of the dark theme, for cells that name no colour
FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
PICTURES = {
    # name: target, columns, rows, keys, what must stand on the screen before the picture
    "debugger": ("lesson-2-2-1", 120, 36, "sssssss", "✓ difference"),
    "sum": ("xor", 120, 36, ["3", "\x1b[B", *["\x1b[C"] * 3], "✓ forward"),
    "neurons": ("lesson-2-2-1", 80, 24, "sssssssvv", "neurons"),
    "attention": ("transformer", 120, 36, [*":goto block.attend.layer2.attention", "\r"], "✓ forward"),
    "present": ("lesson-2-2-1", 120, 36, ["s"] * 7 + ["P", "s"], "What arrives at"),
}


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


def main() -> None:
    """All of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, (target, columns, rows, keys, mark) in PICTURES.items():
        with Terminal([sys.executable, "-m", "bptui", "run", target], columns, rows) as terminal:
            terminal.until("forward 1/")
            for key in keys:
                terminal.press(key)
            terminal.until(mark)
            terminal.quiet(1.0)
            (FOLDER / f"{name}.svg").write_text(svg(terminal.grid()), encoding="utf-8")


if __name__ == "__main__":
    main()
