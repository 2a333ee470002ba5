"""Numbers as lines of text: tensors, ranges, and the expressions that are displayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger import expressions, hidden
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import kept_back
from bptui.model.engine.pairs import complex_nodes

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MAX_SHOWN = 8
"""Rows and columns of a tensor that are printed before it is elided."""


def kind(node: Node) -> str:
    """The colour of a node's value: a parameter's, a computed value's, or that of the text."""
    return "parameter" if node.role == "param" else "value" if node.op is not None else "text"


def tensor(array: Array, style: str = "value", most: int = MAX_SHOWN) -> list[Line]:
    """A tensor as rows of numbers, its middle elided: scalars and vectors are one row, more axes are titled slices."""
    values = np.asarray(array)
    if values.ndim == 0:
        return [line((numbers.significant(float(values)), style))]
    if values.size == 0:
        return [line(("(empty)", "dim"))]
    if values.ndim <= 2:
        table = np.atleast_2d(values)
        decimals, across, down = numbers.decimals_for(values), _shown(table.shape[1], most), _shown(len(table), most)
        seen = [[None if x is None else float(table[y, x]) for x in across] for y in down if y is not None]
        apart = numbers.touching([[x for x in row if x is not None] for row in seen], decimals)
        made = iter([_row(row, numbers.WIDTH + apart, decimals, style) for row in seen])
        if values.ndim == 1:
            return list(made)
        return [line(("  …", "dim")) if y is None else line((f"[{y}]", "dim"), *next(made)) for y in down]
    rows: list[Line] = []
    for i in _shown(len(values), most):
        rows += [line(("  …", "dim"))] if i is None else [line((f"[{i}]", "bold")), *tensor(values[i], style, most)]
    return rows


def complex_tensor(array: Array, style: str = "value", most: int = MAX_SHOWN) -> list[Line]:
    """The same of complex numbers, whose parts lie on the last axis: 1.2-0.5i."""
    values = np.asarray(array)
    if values.size == 0:
        return [line(("(empty)", "dim"))]
    if values.ndim > 3:
        rows: list[Line] = []
        for i in _shown(len(values), most):
            part = [] if i is None else complex_tensor(values[i], style, most)
            rows += [line(("  …", "dim"))] if i is None else [line((f"[{i}]", "bold")), *part]
        return rows
    table = values.reshape((1,) * (3 - values.ndim) + values.shape)
    decimals, across, down = numbers.decimals_for(values), _shown(table.shape[1], most), _shown(len(table), most)
    cells = {(y, x): _pair(table[y, x], decimals) for y in down if y is not None for x in across if x is not None}
    width = max(map(len, cells.values())) + 1
    made = []
    for y in down:
        row = [(" …", "dim") if x is None or y is None else (cells[y, x].rjust(width), style) for x in across]
        made.append(
            line(("  …", "dim")) if y is None else line(*([(f"[{y}]", "dim")] if values.ndim > 2 else []), *row)
        )
    return made


def _pair(parts: Array, decimals: int) -> str:
    re, im = (numbers.field(float(x), numbers.WIDTH, decimals).strip() for x in parts)
    return f"{re}{im}i" if im.startswith(("-", "−")) else f"{re}+{im}i"


def _shown(count: int, most: int) -> list[int | None]:
    if count <= most:
        return list(range(count))
    return [*range(most // 2), None, *range(count - most // 2, count)]


def _row(row: Sequence[float | None], width: int, decimals: int, style: str) -> Line:
    """Numbers of the usual width in cells of this one, so that a wider cell has a gap and no longer number."""
    texts = (None if x is None else numbers.field(x, decimals=decimals).rjust(width) for x in row)
    return line(*((" …", "dim") if text is None else (text, style) for text in texts))


def _titled(title: Line, rows: list[Line]) -> list[Line]:
    """One line where there is one row, else the title above the rows."""
    if len(rows) == 1:
        first, *rest = rows[0]
        return [line(*title, " = ", (first.text.lstrip(), first.style), *rest)]
    return [title, *rows]


def evaluated(session: Session, expression: expressions.Expression) -> list[Line]:
    """An expression and what it is now; `·` where it needs a number that is not there yet."""
    title = line((expression.text, "bold"))
    try:
        value = expression.evaluate(session.state, session.node, session.progress.tick)
    except expressions.NotYet as missing:
        return [line(*title, f" = {numbers.NOT_YET}  ", (f"{missing} is not computed yet", "dim"))]
    if value.dtype == bool and not value.ndim:
        return [line(*title, f" = {'true' if value else 'false'}")]
    if value.dtype.kind == "i":
        return [line(*title, f" = {numbers.index(value.tolist()) or '[]'}")]
    shown = complex_tensor if _is_complex(session, expression.text, value) else tensor
    rows = _titled(title, shown(value, _style(expression.text)))
    if session.hidden and kept_back(value).any():
        rows[-1] = line(*rows[-1], (f"  {hidden.REASON}", "dim"))
    return rows


def _is_complex(session: Session, text: str, value: Array) -> bool:
    """Is it a node of complex numbers, or its gradient, as a whole?"""
    node = session.graph.called.get(text.removesuffix(".grad"))
    return node is not None and node.id in complex_nodes(session.graph) and value.shape == node.shape


def _style(text: str) -> str:
    """The colour of an expression's numbers: that of gradients, where it speaks of one."""
    return "gradient" if "grad" in text or "upstream" in text else "value"


def compact(session: Session, text: str, room: int) -> Line:
    """A displayed expression in one row of at most `room` cells, its value whole: numbers, where they have room, else
    their range."""
    try:
        value = session.evaluated(text)
    except UserError as error:
        return _named(text, line((error.what, "kink")), ": ", room)
    if value is None:
        return _named(text, line((numbers.NOT_YET, "dim")), " = ", room)
    style = _style(text)
    if value.dtype == bool and not value.ndim:
        return _named(text, line("true" if value else "false"), " = ", room)
    if value.dtype.kind == "i":
        return _named(text, line(numbers.index(value.tolist()) or "[]"), " = ", room)
    if value.ndim < 2 and value.size <= room // 3:
        digits = line((" ".join(numbers.significant(float(x), 6) for x in value.reshape(-1)), style))
        if len(plain(digits)) + len(text) + len(" = ") <= room or not value.ndim:
            return _named(text, digits, " = ", room)
    return _named(text, line(*extent(value, style), (f"  {numbers.shape(value.shape)}", "dim")), " = ", room)


def _named(text: str, value: Line, between: str, room: int) -> Line:
    """The expression before its value, shortened where both have no room."""
    left = room - len(plain(value)) - len(between)
    return line((shorten(text, max(2, left)), "bold"), between, *value)


def extent(value: Array, style: str) -> Line:
    """`-3.397 to 1.809`, and how many are not finite, or hidden; a single number as itself."""
    if not value.size:
        return line(("empty", "dim"))
    if value.size == 1:
        return line((numbers.significant(float(value.reshape(-1)[0])), style))
    bad = int(np.size(value) - np.isfinite(value).sum())
    if bad and (unseen := kept_back(value)).any():
        count = int(unseen.sum())
        rest = extent(value[~unseen], style) if count < value.size else line((numbers.HIDDEN, style))
        return line(*rest, (f"  {count} hidden", "dim"))
    low, high = numbers.significant(float(np.min(value)), 4), numbers.significant(float(np.max(value)), 4)
    return line((f"{low} to {high}", style), (f"  {bad} not finite", "fail") if bad else "")


def displayed(session: Session) -> list[Line]:
    """All displayed expressions, as they are at this Moment."""
    rows: list[Line] = []
    for number, text in enumerate(session.displays, 1):
        try:
            first, *more = evaluated(session, expressions.parse(text, session.graph))
        except UserError as error:
            first, more = line((f"{text}: {error.what}", "kink")), []
        rows += [line((f"{number}: ", "dim"), *first), *more]
    return rows
