"""Panel 8, Predictions: each sample of the batch with what the network says of it, what it should say, and its loss.

Enter makes everything else follow the chosen sample (`sample N`); at the sample that is followed, all are seen again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.prose import counted, shorten
from bptui.model.base.spans import Line, Span, plain
from bptui.model.debugger.answers.prediction_lines import NUMBER, Widths, head, row_line, summary, widths
from bptui.model.debugger.answers.predictions import Predictions, Row, predictions
from bptui.screens.panels import heat
from bptui.screens.panels.figures import figure, window
from bptui.screens.panels.text import wrap
from bptui.screens.render import boxed, crop, fit, length, under

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

GUTTER, GAP = 2, 3
CLASSES = 12
"""Outputs of the chosen sample that are listed."""
WANTED = NUMBER + 8
"""Cells of one."""


def title(scene: Scene) -> tuple[Line, Line]:
    """How many are right; in which order."""
    found = predictions(scene.session)
    if isinstance(found, str):
        return (), ()
    right, of = found.right
    order: Line = (Span("largest loss first  ", "dim"),) if scene.session.view.worst else ()
    count: Line = (Span(str(right), "text bold"), Span(f" of {of} right", "dim")) if of else ()
    return (), (*order, *(count or (Span(counted(len(found.rows), "sample"), "dim"),)))


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
    found = predictions(session)
    if isinstance(found, str):
        told = [(Span(" "), *row) for row in wrap((Span(found, "dim"),), max(1, width - 2))]
        rows = [*[()] * (len(told) < height), *told]
    else:
        rows = _table(scene, found)
    return boxed(rows, width, height, look)


def _table(scene: Scene, found: Predictions) -> list[Line]:
    session, width, height = scene[:3]
    view = session.view
    room = _room(found, width - GUTTER)
    notes = [(Span("  "), *row) for each in summary(found) for row in wrap(each, max(1, width - 3))]
    ordered = found.ordered(view.worst)
    at = next((n for n, row in enumerate(ordered) if row.sample == view.predicted), 0)
    free = height - 1
    kept = notes if free - len(notes) - 1 >= min(len(ordered), 3) else []
    first, last = window(len(ordered), free - (len(kept) + 1 if kept else 0), at)
    seen = f"{first + 1}-{last} of {len(ordered)}" if last - first < len(ordered) else ""
    top = head(found, room)
    rows: list[Line] = [(Span(" " * GUTTER), *top)]
    if kept and length(kept[-1]) + len(seen) + 3 <= width:
        kept[-1] = (*kept[-1], Span(f"   {seen}", "dim"))
    elif length(rows[0]) + len(seen) + 2 <= width:
        rows = [(*fit(rows[0], width - len(seen) - 1), Span(seen, "dim"))]
    for n in range(first, last):
        row = ordered[n]
        mark = Span("▸ " if row.sample == view.sample else "  ", "text bold")
        number, *rest = row_line(found, row, room)
        if n == at:  # seen without colours, too
            text = number.text.strip()
            rest = [Span(f" {text}", "text bold reverse"), *rest]
            number = Span(" " * (len(number.text) - len(text) - 1), "text")
        line = fit((mark, number, *rest), width)
        rows.append(under(line, "on-cursor") if n == at else line)
    return _beside([*rows, *([(), *kept] if kept else [])], sum(room) + GUTTER + GAP, scene, found, ordered[at])


def _room(found: Predictions, width: int) -> Widths:
    """The columns of the table; without what says least in them, where that leaves room for a picture."""
    usual = widths(found, width)
    shape = _picture(found)
    if not shape:
        return usual
    less = widths(found, width - GAP - heat.CELL * shape[1])
    return less if less._replace(data=usual.data, share=usual.share) == usual else usual


def _picture(found: Predictions) -> tuple[int, ...]:
    """Rows and columns of the input, where it is a picture: all other axes have length 1."""
    nodes = found.compared.inputs
    shape = nodes[0].shape[1:] if len(nodes) == 1 and not nodes[0].whole else ()
    flat = len(shape) < 2 or min(shape[-2:]) < 2 or any(size != 1 for size in shape[:-2])
    return () if flat else shape[-2:]


def _beside(rows: list[Line], x: int, scene: Scene, found: Predictions, row: Row) -> list[Line]:
    """The table, and from column x on, where that has room, the chosen sample as a picture."""
    width, height = scene.width - x, scene.height
    image, outputs = _image(scene, found, row, width), _outputs(found, row, width)
    beside = next((each for each in ([*image, *outputs], image, outputs) if each and len(each) <= height), [])
    made = []
    for n in range(max(len(rows), len(beside))):
        left, right = (lines[n] if n < len(lines) else () for lines in (rows, beside))
        if not right:
            made.append(left)
        elif length(left) <= scene.width and not plain(left)[x - 1 :].strip():
            made.append((*fit(crop(left, 0, min(x, length(left))), x), *right))
        else:
            return rows
    return made


def _image(scene: Scene, found: Predictions, row: Row, width: int) -> list[Line]:
    """The input of a sample, where it is a picture."""
    shape = _picture(found)
    if not shape or not row.inputs or heat.CELL * shape[1] > width:
        return []
    name = f"{found.compared.inputs[0].name}  sample {row.sample}"
    cells = heat.cells(np.reshape(row.inputs[0], shape), "value", scene.options)
    return [(Span(name if len(name) <= width else name[:width], "dim"),), *cells, ()]


def _outputs(found: Predictions, row: Row, width: int) -> list[Line]:
    """The outputs of a sample, each of a class: the one that it says bold, the one that it should say with a sign."""
    decision = found.decision
    if decision is None or decision.axis is None or row.prediction is None or row.target is None or row.hidden:
        return []
    if row.prediction.ndim != 1 or not 2 < row.prediction.size <= CLASSES or width < WANTED:
        return []
    said, wanted = int(decision.said(row.prediction)), int(decision.wanted(row.target))
    rows: list[Line] = []
    room = max(2, width - NUMBER - len(found.compared.target.name) - 5)
    names = [found.named(n) for n in range(row.prediction.size)]
    most = max(2, *(min(len(name), room) for name in names))
    for n, x in enumerate(row.prediction.tolist()):
        name = shorten(names[n], most).rjust(most)
        mark = (Span(f"  {found.compared.target.name}", "ok" if n == said else "fail"),) if n == wanted else ()
        bold = " bold" if n == said else ""
        rows.append((Span(name, f"text{bold}"), *figure(x, NUMBER + 1, 4, f"value{bold}"), *mark))
    return rows
