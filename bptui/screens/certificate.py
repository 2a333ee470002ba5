"""A certificate as rows: what a reader worked out. Kept on this machine only."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from bptui.model.base import files
from bptui.model.base.errors import UserError
from bptui.model.base.prose import wrap
from bptui.model.base.spans import Line, Span, bold, line, plain
from bptui.screens.panels import status
from bptui.screens.render import clip, fit, length, middle
from bptui.screens.svg import picture
from bptui.screens.theme import Theme

if TYPE_CHECKING:
    from bptui.teach.certificate import Certificate, Worked

WIDTH = 67
"""Columns of its frame."""
NEAR, APART, TURN = 4, 9, 5
"""Columns from dot to dot of the way there and back, at least and at most; from the last one to the turn."""
MARK = 4
"""Columns that the mark of a number takes, and what keeps it apart."""
PRINTED = (80, 22)
"""Columns and rows of one that is written or copied."""
MARKS = {"once": ("✓", "ok"), "later": ("✓", "dim"), "shown": ("·", "dim")}


def lines(found: Certificate, name: str, width: int, height: int) -> list[Line]:
    """The certificate in the middle of its room; where that is low, the first numbers are left out with a word."""
    from bptui.teach.filling import number as number_of

    wide = max(10, min(WIDTH, width - 2))
    inner = wide - 4
    front = found.lesson
    number = f"lesson {front.number}, " if front.number else ""
    head = [
        middle(line((front.title, "text bold")), inner),
        middle(line((f"{number}done", "dim"), *((" by ", "dim"), (name, "text bold")) if name else ()), inner),
        (),
    ]
    said: list[Line] = []
    if found.losses is not None:
        before, after = map(number_of, found.losses)
        said = [line(("and one step brought the loss  ", "dim"), (before, "value"), " → ", (after, "value bold"))]
    said.append(line(("kept on this machine only", "dim")))
    summary, drawn = wrap(found.summary, inner), hairpin(found.way, inner)
    airy: list[Line] = [(), *summary, *(row for each in said for row in ((), each))]
    rows = _worked(found.worked, inner, height)
    for there, below in ((drawn, airy), (drawn, [(), *summary, *said]), ([], airy)):
        room = max(0, height - 2 - len(head) - len(there) - len(below) - 1)
        if len(rows) <= room:  # the numbers come before the picture
            break
    head += there
    rows = _worked(found.worked, inner, room)
    body = [*head, *([line(("you worked out", "dim")), *rows] if rows else []), *below]
    body = body[: max(0, height - 2)]
    frame = [
        line((f"╭{'─' * (wide - 2)}╮", "rule")),
        *(line(("│ ", "rule"), *fit(row, inner), (" │", "rule")) for row in body),
        line((f"╰{'─' * (wide - 2)}╯", "rule")),
    ]
    left, top = " " * max(0, (width - wide) // 2), max(0, (height - len(frame)) // 2)
    return [*[()] * top, *(line(left, *row) for row in frame)][:height]


def hairpin(way: tuple[str, ...], width: int) -> list[Line]:
    """There and back: names that have room, a dot for each on the way to the loss, and on the way home; a blank row. Of
    a longer way its beginning and its end."""
    most = (width - TURN) // NEAR
    if len(way) < 2 or most < 3:
        return []
    names = way if len(way) <= most else (*way[: (most - 1) // 2], "⋯", *way[len(way) - most // 2 :])
    apart = min(APART, (width - TURN) // len(names))
    above = "".join(f"{name if len(name) < apart else '':<{apart}}" for name in names)
    there = "".join(f"{'⋯' if name == '⋯' else '●':━<{apart}}" for name in names[:-1]) + "●" + "━" * TURN
    rows = (line((above, "dim")), line((f"{there}┓", "value")), line((f"{there}┛", "gradient")))
    wide = length(rows[1])
    return [*(middle(fit(row, wide), width) for row in rows), ()]


def page(found: Certificate, name: str, title: str, width: int, height: int) -> list[Line]:
    """The screen without its last row: `title` and today's date, the certificate."""
    day = date.today()
    head = status.of_board(line((title, "dim")), line((f"{day.day} {day:%B %Y}", "dim")), width)
    rows = [head, *lines(found, name, width, height - 2)]
    return [fit(row, width) for row in [*rows, *[()] * height][: height - 1]]


def text(found: Certificate, name: str) -> str:
    """The same as text."""
    rows = [plain(row).rstrip() for row in lines(found, name, *PRINTED)]
    return "\n".join(rows).strip("\n") + "\n"


def write(found: Certificate, name: str, file: str, theme: Theme) -> Path:
    """Keep it in a new file, as its name says as a picture or as text. UserError for another name, and where it cannot
    be written."""
    if file.endswith(".svg"):
        content = picture(lines(found, name, *PRINTED), theme, found.lesson.title)
    elif file.endswith(".txt"):
        content = text(found, name)
    else:
        raise UserError("write", f"'{file[:40]}' is neither .svg nor .txt", "write certificate.svg")
    return files.write_new(file, lambda out: out.write(content.encode()), "write")


def _worked(found: tuple[Worked, ...], width: int, room: int) -> list[Line]:
    """Two columns of numbers where they have room, else one."""
    cell = width // 2
    whole = all(length(one.label) + length(one.number) + MARK <= cell - 2 for one in found)
    columns = 2 if width >= 56 and (whole or len(found) > room) else 1
    cell = width // columns
    rows = -(-len(found) // columns)
    more = 0
    if rows > room:
        rows = max(0, room - 1)
        more = len(found) - rows * columns
    kept = found[len(found) - rows * columns :] if more else found
    out = [
        tuple(span for at in range(n, len(kept), max(1, rows)) for span in fit(_cell(kept[at], cell - 2), cell))
        for n in range(rows)
    ]
    return [*([line((f"{more} more, and", "dim"))] if more else []), *out]


def _cell(one: Worked, width: int) -> Line:
    mark = MARKS[one.how]
    number = bold(one.number)
    return (
        *fit(clip(one.label, width - length(number) - MARK), width - length(number) - MARK + 1),
        *number,
        Span("  "),
        Span(*mark),
    )
