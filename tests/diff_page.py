"""The picture of docs/diff.md, from the two captures that the page makes: `python -m tests.diff_page`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from bptui import arguments, cli, differing
from bptui.model.base.spans import Line
from bptui.model.debugger.progress import Progress
from bptui.screens import svg
from bptui.screens.diff.board import DiffBoard
from bptui.screens.panels import status
from bptui.screens.render import RenderOptions, fit
from bptui.screens.theme import THEMES
from tests.paths import DOCS

FOLDER = DOCS / "diff"
PICTURE = FOLDER / "screen.svg"
SIZE = (80, 22)
CAPTURES = ("capture step.py --step 0 --to a.bptui", "capture step.py --step 0 --to b.bptui -- --eps 1e-3")


def rows() -> list[Line]:
    """Status and board of the captures of this folder, with everything computed."""
    board = DiffBoard(differing.runs(arguments.parser("diff").parse_args(["a.bptui", "b.bptui"])))
    while (work := board.work()) is not None:
        work(Progress())
    made = board.lines(*SIZE, RenderOptions())
    return [status.of_board(*board.status(), SIZE[0]), *(fit(row, SIZE[0]) for row in made)]


def main() -> None:
    """Capture twice, compare, draw."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(FOLDER / "step.py", Path(folder) / "step.py")
        os.chdir(folder)
        for line in CAPTURES:
            cli.main(line.split())
        text = svg.picture(rows(), THEMES["dark"], "bptui diff a.bptui b.bptui", SIZE[0])
    PICTURE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
