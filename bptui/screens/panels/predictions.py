"""Panel 8, Predictions: each sample of the batch with what the network says of it, what it should say, and its loss.

Enter makes everything else follow the chosen sample (`sample N`); at the sample that is followed, all are seen again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.spans import Line, Span, plain
from bptui.model.debugger.prediction_lines import head, row_line, summary, widths
from bptui.model.debugger.predictions import Predictions, predictions
from bptui.screens.panels.figures import window
from bptui.screens.panels.text import wrap
from bptui.screens.render import clip, fit, to_ascii, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

GUTTER = 2


def title(scene: Scene) -> tuple[Line, Line]:
    """How many are right; in which order."""
    found = predictions(scene.session)
    if isinstance(found, str):
        return (), ()
    right, of = found.right
    order: Line = (Span("largest loss first  ", "dim"),) if scene.session.view.worst else ()
    count: Line = (Span(str(right), "text bold"), Span(f" of {of} right", "dim")) if of else ()
    return (), (*order, *(count or (Span(f"{len(found.rows)} samples", "dim"),)))


def footer(session: Session) -> tuple[tuple[str, str], ...]:
    """What is special here."""
    if isinstance(predictions(session), str):
        return ()
    followed = session.view.sample == session.view.predicted
    return (("enter", "all samples" if followed else "follow"), ("o", "by number" if session.view.worst else "worst"))


def move(scene: Scene, down: int, right: int) -> str:
    """Choose another sample."""
    view, found = scene.session.view, predictions(scene.session)
    if isinstance(found, str):
        return found
    if right:
        return "up and down choose a sample"
    order = [row.sample for row in found.ordered(view.worst)]
    at = order.index(view.predicted) if view.predicted in order else 0
    to = max(0, min(len(order) - 1, at + down))
    view.predicted = order[to]
    return "" if to != at else "the end"


def enter(scene: Scene) -> str:
    """Everything follows the chosen sample; again: all samples are seen."""
    view = scene.session.view
    if isinstance(predictions(scene.session), str):
        return ""
    return "sample all" if view.sample == view.predicted else f"sample {view.predicted}"


def lines(scene: Scene) -> list[Line]:
    """The table around the chosen sample, and what its columns mean."""
    session, width, height, look = scene[:4]
    if width < 1 or height < 1:
        return []
    found = predictions(session)
    if isinstance(found, str):
        told = [(Span(" "), *row) for row in wrap((Span(found, "dim"),), max(1, width - 2))]
        rows = [*[()] * (len(told) < height), *told]
    else:
        rows = _table(scene, found)
    rows = [clip(row, width) for row in rows[:height]]
    return rows if look.unicode else [to_ascii(row) for row in rows]


def _table(scene: Scene, found: Predictions) -> list[Line]:
    session, width, height = scene[:3]
    view = session.view
    room = widths(found, width - GUTTER)
    notes = [(Span("  "), *row) for each in summary(found) for row in wrap(each, max(1, width - 3))]
    ordered = found.ordered(view.worst)
    at = next((n for n, row in enumerate(ordered) if row.sample == view.predicted), 0)
    free = height - 1
    kept = notes if free - len(notes) - 1 >= min(len(ordered), 3) else []
    first, last = window(len(ordered), free - (len(kept) + 1 if kept else 0), at)
    seen = f"{first + 1}-{last} of {len(ordered)}" if last - first < len(ordered) else ""
    top = head(found, room)
    rows: list[Line] = [(Span(" " * GUTTER), *top)]
    if seen and len(plain(top)) + GUTTER + len(seen) + 2 <= width:
        rows = [(*fit(rows[0], width - len(seen) - 1), Span(seen, "dim"))]
    for n in range(first, last):
        row = ordered[n]
        mark = Span("▸ " if row.sample == view.sample else "  ", "text bold")
        line = fit((mark, *row_line(found, row, room)), width)
        rows.append(under(line, "on-cursor") if n == at else line)
    return [*rows, *([(), *kept] if kept else [])]
