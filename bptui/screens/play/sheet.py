"""Panel 4 of the playground: the settings in columns, the formula of the chosen neuron, and what the chosen one is."""

from __future__ import annotations

from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, Span
from bptui.screens.play.chosen import Choice, formula, moves
from bptui.screens.render import clip, fit
from bptui.teach.play.course import Frame
from bptui.teach.play.settings import BY_NAME, OWN, Setting
from bptui.teach.play.setup import Setup

COLUMNS = (
    ("data", "noise", "batch", "seed", "samples", "test", "problem"),
    ("layers", "activation", "init", "loss", "depth", "features", "points", "discretize"),
    ("optimizer", "rate", "decay", "stride", "l1", "clip", "momentum"),
)
"""What stands where; the first four of each are seen at 80 columns."""
NARROW = 66
"""Columns under which names are short."""
PARTS = ((16, 22, 15), (19, 29, 24))
"""How wide the columns are beside each other, where names are short and where they are not."""
LABELS = ((8, 7, 7), (9, 12, 12))
"""How wide the names are in them."""
ABOUT = 8
"""Rows from which on one says what the chosen setting is."""


def row_of(at: tuple[int, int]) -> Setting:
    """The setting at (column, row)."""
    return BY_NAME[COLUMNS[at[0]][at[1]]]


def moved(at: tuple[int, int], down: int) -> tuple[int, int]:
    """The one before or after, column by column."""
    places = [(x, y) for x, column in enumerate(COLUMNS) for y in range(len(column))]
    return places[max(0, min(places.index(at) + down, len(places) - 1))]


def lines(setup: Setup, frame: Frame, choice: Choice, at: tuple[int, int], width: int, height: int) -> list[Line]:
    """Rows of settings, as many as there is room for, around the chosen one; below them the formula."""
    if height < 1:
        return []
    about = height >= ABOUT
    most = max(map(len, COLUMNS))
    room = max(1, height - 1 - about)
    first = max(0, at[1] - room + 1)
    narrow = width < NARROW
    short = width < 44
    columns = (at[0],) if short else range(len(COLUMNS))
    wides = (width,) * 3 if short else tuple(part * width // sum(PARTS[not narrow]) for part in PARTS[not narrow])
    rows: list[Line] = []
    for y in range(first, min(first + room, most)):
        row: list[Span] = []
        for x in columns:
            row += _cell(setup, (x, y), at, wides[x], narrow) if y < len(COLUMNS[x]) else (Span(" " * wides[x]),)
        rows.append(tuple(row))
    rows += [()] * (room - len(rows))
    rows.append((Span(" "), *formula(frame, choice, width - 2)))
    if about and choice.source >= 0:
        rows.append(clip((Span(" "), *moves(frame, choice)), width))
    elif about:
        setting = row_of(at)
        after = "Training starts again" if setting.anew else "A change goes on from here, in a branch"
        said = f" {setting.name}: {setting.about}"
        whole = said if setting.name in OWN else f"{said}. {after}"
        rows.append((Span(whole if len(whole) <= width else said, "dim"),))
    return [clip(row, width) for row in rows[:height]]


def _cell(setup: Setup, place: tuple[int, int], at: tuple[int, int], wide: int, narrow: bool) -> Line:
    setting = BY_NAME[COLUMNS[place[0]][place[1]]]
    label = setting.short if narrow and setting.short else setting.name
    room = LABELS[not narrow][place[0]]
    label = label[: room - 1]
    value = shorten(setting.text(setup), max(2, wide - room - 1))
    chosen = place == at
    shown = Span(f" {value} ", "text bold reverse") if chosen else Span(f" {value} ", "text")
    return fit((Span(f" {label:<{room - 1}}", "dim"), shown), wide)
