"""Numbers as lines of text: tensors, ranges, and the expressions that are displayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.prose import shorten
from bptui.model.base.spans import Line, line, plain
from bptui.model.base.types import Array
from bptui.model.debugger import hidden
from bptui.model.debugger.expressions import expression as expressions
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


def tensor(array: Array, style: str = "value", most: int = MAX_SHOWN, pairs: bool = False) -> list[Line]:
    """A tensor as rows of numbers, its middle elided: scalars and vectors are one row, more axes are titled slices.
    `pairs`: of complex numbers, whose parts lie on the last axis: 1.2-0.5i."""
    values = np.asarray(array)
    if values.ndim == 0:
        return [line((numbers.significant(float(values)), style))]
    if values.size == 0:
        return [line(("(empty)", "dim"))]
    axes, gone = values.ndim - pairs, line(("  …", "dim"))
    if axes > 2:
        rows: list[Line] = []
        for i in _shown(len(values), most):
            rows += [gone] if i is None else [line((f"[{i}]", "bold")), *tensor(values[i], style, most, pairs)]
        return rows
    table = values.reshape((1,) * (2 - axes) + values.shape)
    decimals, across, down = numbers.decimals_for(values), _shown(table.shape[1], most), _shown(len(table), most)
    seen = [[table[y, x] for x in across if x is not None] for y in down if y is not None]
    if pairs:
        texts = [[_pair(parts, decimals) for parts in row] for row in seen]
        width = max(len(text) for row in texts for text in row) + 1
    else:
        texts = [[numbers.field(float(x), decimals=decimals) for x in row] for row in seen]
        width = numbers.WIDTH + numbers.touching([[float(x) for x in row] for row in seen], decimals)
    made = []
    for y, cells in zip((y for y in down if y is not None), map(iter, texts), strict=True):
        row = [(" …", "dim") if x is None else (next(cells).rjust(width), style) for x in across]
        made.append(line(*([(f"[{y}]", "dim")] if axes == 2 else []), *row))
    return made if None not in down else [*made[: most // 2], gone, *made[most // 2 :]]


def _pair(parts: Array, decimals: int) -> str:
    re, im = (numbers.field(float(x), numbers.WIDTH, decimals).strip() for x in parts)
    return f"{re}{im}i" if im.startswith(("-", "−")) else f"{re}+{im}i"


def _shown(count: int, most: int) -> list[int | None]:
    if count <= most:
        return list(range(count))
    return [*range(most // 2), None, *range(count - most // 2, count)]


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
    pairs = _is_complex(session, expression.text, value)
    rows = _titled(title, tensor(value, _style(expression.text), pairs=pairs))
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
