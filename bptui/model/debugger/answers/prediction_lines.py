"""The predictions of a network as a table, in as many cells as there are, and as JSON: the same facts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, Span, line
from bptui.model.base.types import Array, Shape
from bptui.model.debugger.answers.export import jsonable
from bptui.model.debugger.answers.predictions import NOT_YET, Predictions, Row, predictions

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

NUMBER, LOSS, SHARE, VERDICT, DATA = numbers.WIDTH, 9, 6, 8, 7
"""Cells of a number, of the loss of a sample, of its share, of `6 of 8`, of its number in the data."""
NAME = 16
"""Characters of a class's name, at most."""
FEW = 4
"""Numbers of a sample that are written out; of an image its shape."""
PRINTED = 100
"""Columns of the table where it is printed."""


class Widths(NamedTuple):
    """Cells of each column, 0 for one that is left out."""

    sample: int
    data: int
    inputs: int
    prediction: int
    target: int
    loss: int
    share: int
    verdict: int


def widths(found: Predictions, width: int) -> Widths:
    """The columns of a table: what has no room is cut, then left out, what says least first."""
    one = found.compared
    classes = found.decision is not None and found.decision.axis is not None
    inputs = sum(_wanted(node.shape[1:], node.whole) for node in one.inputs)
    single = math.prod(one.target.shape[1:]) == 1
    name = max([NUMBER, *(min(len(each), NAME) + 1 for each in found.classes)])
    said = (name if single else _wanted(one.target.shape[1:], True)) + NUMBER * single + bool(found.classes)
    prediction = said if classes else _wanted(one.prediction.shape[1:], False)
    target = name if found.classes and single else _wanted(one.target.shape[1:], one.target.whole or classes)
    sample = max(3, len(str(len(found.rows) - 1)) + 1)
    verdict = VERDICT if found.decision is not None else 0
    data = DATA if any(row.data is not None for row in found.rows) else 0
    made = Widths(sample, data, inputs, prediction, target, LOSS, SHARE, verdict)
    least = NUMBER + 1
    while sum(made) > width:
        over = sum(made) - width
        if made.data:
            made = made._replace(data=0)
        elif made.share:
            made = made._replace(share=0)
        elif made.inputs > least:
            made = made._replace(inputs=max(least, made.inputs - over))
        elif max(made.prediction, made.target) > 2 * NUMBER:
            wide = "prediction" if made.prediction >= made.target else "target"
            made = made._replace(**{wide: max(2 * NUMBER, getattr(made, wide) - over)})
        elif made.inputs:
            made = made._replace(inputs=0)
        elif max(made.prediction, made.target) > least:
            made = made._replace(prediction=min(made.prediction, least), target=min(made.target, least))
        elif made.loss:
            made = made._replace(loss=0)
        else:
            break
    return made


def _wanted(shape: Shape, whole: bool) -> int:
    """Cells that one sample of a tensor would like to have."""
    size = math.prod(shape)
    if whole:
        return max(NUMBER, 3 * size + 1)
    return NUMBER * size + 1 if size <= FEW else max(NUMBER + 1, len(_word(shape)) + 1)


def head(found: Predictions, room: Widths) -> Line:
    """What the columns are."""
    one = found.compared
    names = ", ".join(node.name for node in one.inputs)
    cells = [
        "#".rjust(room.sample),
        _right("data", room.data),
        _right(names, room.inputs),
        _right(one.prediction.name, room.prediction),
        _right(one.target.name, room.target),
        _right("loss", room.loss),
        _right("share", room.share),
    ]
    return line(("".join(cells), "dim"))


def row_line(found: Predictions, row: Row, room: Widths) -> Line:
    """One sample."""
    known = row.loss is not None or found.why == NOT_YET  # else there is a reason
    loss = numbers.field(row.loss, NUMBER) if known else "-"
    share = "" if row.share is None else f"{row.share:.0%}"
    spans = [
        Span(str(row.sample).rjust(room.sample), "text"),
        Span(_right("" if row.data is None else str(row.data), room.data), "dim"),
        Span(_right(_inputs(found, row, room.inputs), room.inputs), "text"),
        Span(_right(_prediction(found, row, room.prediction), room.prediction), "value"),
        Span(_right(_target(found, row, room.target), room.target), "text"),
        Span(_right(loss, room.loss), "value"),
        Span(_right(share, room.share), "dim"),
        *_verdict(row, room.verdict),
    ]
    return tuple(span for span in spans if span.text)


def _verdict(row: Row, wide: int) -> Line:
    if not wide or row.is_right is None:
        return ()
    text = ("right" if row.is_right else "wrong") if row.of == 1 else f"{row.right} of {row.of}"
    return (Span("  ", "text"), Span(text, "ok" if row.is_right else "fail"))


def _prediction(found: Predictions, row: Row, room: int) -> str:
    """The numbers; or the class that they say, with its own where that has room."""
    if row.prediction is None:
        return numbers.NOT_YET
    decision = found.decision
    if decision is None or decision.axis is None:
        return _of(row.prediction, False, room)
    if row.hidden:
        return numbers.HIDDEN
    classes = decision.said(row.prediction)
    if classes.size == 1 and room > NUMBER + 4:
        largest = float(row.prediction.reshape(-1).max())
        name = shorten(found.named(int(classes.reshape(-1)[0])), min(room - NUMBER - 2, NAME))
        return f"{name} {numbers.field(largest, NUMBER)}"
    return found.named(int(classes.reshape(-1)[0])) if found.classes and classes.size == 1 else _of(classes, True, room)


def _target(found: Predictions, row: Row, room: int) -> str:
    """The class that is wanted, by its name; or the numbers."""
    wanted, decision = _wanted_of(found, row), found.decision
    if found.classes and wanted is not None and wanted.size == 1 and not row.hidden:
        return shorten(found.named(float(np.asarray(wanted).reshape(-1)[0])), min(room - 1, NAME))
    classes = decision is not None and decision.axis is not None
    return _of(wanted, found.compared.target.whole or classes, room)


def _wanted_of(found: Predictions, row: Row) -> Array | None:
    decision = found.decision
    if row.target is None or decision is None or decision.axis is None:
        return row.target
    return row.target if row.hidden else decision.wanted(row.target)


def _inputs(found: Predictions, row: Row, room: int) -> str:
    nodes = found.compared.inputs
    parts = [_of(array, node.whole, room) for array, node in zip(row.inputs, nodes, strict=False)]
    return " ".join(parts)


def _fields(values: list[float]) -> list[str]:
    """Numbers in fields of one width, with fewer decimals where a sign would touch the number before it."""
    if not numbers.touching([values], numbers.DECIMALS):
        return [numbers.field(x, NUMBER) for x in values]
    decimals = numbers.decimals_for(values, NUMBER - 1)
    return [numbers.field(x, NUMBER - 1, decimals).rjust(NUMBER) for x in values]


def _of(array: Array | None, whole: bool, room: int) -> str:
    """Numbers side by side, as many as have room; of what has more axes and more numbers, its shape."""
    if array is None:
        return numbers.NOT_YET
    values = np.asarray(array).reshape(-1)
    wide = 2 if whole else NUMBER
    shown = values[:64].tolist()
    texts = [_whole(x).rjust(wide) for x in shown] if whole else _fields(shown)
    if (whole or values.size <= FEW) and sum(map(len, texts)) + whole * len(texts) <= room - 1:
        return (" " if whole else "").join(texts)
    if array.ndim > 1 or (not whole and values.size > FEW):
        return _word(array.shape) if len(_word(array.shape)) < room else "…"
    kept = max(1, (room - 3) // (3 if whole else NUMBER))
    return f"{(' ' if whole else '').join(texts[:kept]).strip()}{' ' * whole}…"


def _whole(x: float) -> str:
    return str(int(x)) if math.isfinite(x) else numbers.special(x)


def _word(shape: Shape) -> str:
    """`1x8x8`; `30 numbers`."""
    return "x".join(map(str, shape)) if len(shape) > 1 else f"{shape[0] if shape else 1} numbers"


def _right(text: str, room: int) -> str:
    """At the right of so many cells, cut with a sign."""
    if len(text) < room or not room:
        return text.rjust(room) if room else ""
    return " " + (text if len(text) == room - 1 else text[: max(0, room - 2)] + "…")


def summary(found: Predictions) -> list[Line]:
    """How many are right, and what the losses of the samples have to do with the loss."""
    right, of = found.right
    rows = []
    if found.decision is not None:
        count = f"{right} of {of} right" if of else "right"
        rows.append(line(count, (f": {found.decision.text}", "dim")))
    if found.why == NOT_YET:
        rows.append(line((NOT_YET, "dim")))
    elif found.why:
        rows.append(line(("no loss of single samples: ", "dim"), (found.why, "dim")))
    else:
        rows.append(line((f"the loss is the {'mean' if found.mean else 'sum'} of the samples' losses", "dim")))
    return rows


def report(session: Session, worst: bool) -> list[Line]:
    """What plain mode prints."""
    found = predictions(session)
    if isinstance(found, str):
        return [line(found)]
    room = widths(found, PRINTED)
    return [head(found, room), *(row_line(found, row, room) for row in found.ordered(worst)), *summary(found)]


def as_json(session: Session, worst: bool) -> dict[str, Any]:
    """The same as JSON. What is not there is null."""
    found = predictions(session)
    if isinstance(found, str):
        return {"format": 1, "why": found, "samples": []}
    one, decision = found.compared, found.decision
    right, of = found.right
    return {
        "format": 1,
        "nodes": {
            "prediction": one.prediction.name,
            "target": one.target.name,
            "inputs": [node.name for node in one.inputs],
        },
        "decision": None if decision is None else decision.text,
        "right": right if of else None,
        "of": of if of else None,
        "loss": None if found.why else "mean" if found.mean else "sum",
        "why": found.why,
        "classes": list(found.classes) or None,
        "samples": [_json(found, row) for row in found.ordered(worst)],
    }


def _json(found: Predictions, row: Row) -> dict[str, Any]:
    decision = found.decision
    judged = decision if not row.hidden else None
    said = None if judged is None or row.prediction is None else judged.said(row.prediction)
    wanted = None if judged is None or row.target is None else judged.wanted(row.target)
    return {
        "sample": row.sample,
        "data": row.data,
        "inputs": [jsonable(array) for array in row.inputs],
        "prediction": None if row.prediction is None else jsonable(row.prediction),
        "target": None if row.target is None else jsonable(row.target),
        "class": None if said is None else jsonable(said),
        "wanted": None if wanted is None else jsonable(wanted),
        "loss": None if row.loss is None else jsonable(row.loss),
        "share": row.share,
        "right": row.is_right,
    }
