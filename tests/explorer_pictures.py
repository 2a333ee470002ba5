"""The pictures of docs/explorers.md, from the explorers' own boards: `python -m tests.explorer_pictures`."""

from __future__ import annotations

from bptui.model.base.spans import Line
from bptui.model.debugger.progress import Progress
from bptui.screens import explore, svg
from bptui.screens.panels import status
from bptui.screens.render import RenderOptions, fit
from bptui.screens.theme import THEMES
from tests.paths import DOCS

FOLDER = DOCS / "pictures"
SIZE = (80, 22)
SHOWN = {"chain": (), "rate": ("rate 0.25",), "flow": (), "activations": (), "race": ("step 28",)}
"""Each explorer, and the lines that lead to its picture."""


def rows(name: str) -> list[Line]:
    """Status and board, with everything computed."""
    board = explore.board(name)
    try:
        for line in SHOWN[name]:
            board.run(line)
        made = board.lines(*SIZE, RenderOptions())  # says in how many cells, before what stands in them is computed
        while (work := board.work()) is not None:
            work(Progress())
        made = board.lines(*SIZE, RenderOptions())
        return [status.of_board(*board.status(), SIZE[0]), *(fit(row, SIZE[0]) for row in made)]
    finally:
        board.close()


def picture(name: str) -> str:
    """The name of the picture of an explorer."""
    return f"explore-{name}"


def main() -> None:
    """All of them."""
    for name in SHOWN:
        text = svg.picture(rows(name), THEMES["dark"], f"bptui explore {name}", SIZE[0])
        (FOLDER / f"{picture(name)}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
