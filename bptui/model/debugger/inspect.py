"""Commands that show numbers as text: print, display, why, write. Each is (session[, argument]) → Reply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import Line, line
from bptui.model.base.types import Array
from bptui.model.debugger import expressions, locations
from bptui.model.debugger.reply import Reply, say
from bptui.model.engine.graph import Node

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MAX_SHOWN = 8
"""Rows and columns of a tensor that are printed before it is elided."""
MAX_DISPLAYS = 50
GIVEN = {
    "param": "a parameter: the update changes it",
    "const": "a constant of the formula",
    "random": "drawn anew at each training step",
    "state": "carried from training step to training step, not trained",
}
MAX_WRITTEN = 10_000_000


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
    decimals = numbers.decimals_for(values)
    if values.ndim == 1:
        return [_row(values, decimals, style, most)]
    if values.ndim == 2:
        return [
            line(("  …", "dim")) if i is None else line((f"[{i}]", "dim"), *_row(values[i], decimals, style, most))
            for i in _places(len(values), most)
        ]
    rows: list[Line] = []
    for i in _places(len(values), most):
        rows += [line(("  …", "dim"))] if i is None else [line((f"[{i}]", "bold")), *tensor(values[i], style, most)]
    return rows


def _places(count: int, most: int) -> list[int | None]:
    if count <= most:
        return list(range(count))
    return [*range(most // 2), None, *range(count - most // 2, count)]


def _row(values: Array, decimals: int, style: str, most: int) -> Line:
    return line(
        *(
            (" …", "dim") if i is None else (numbers.field(float(values[i]), decimals=decimals), style)
            for i in _places(len(values), most)
        )
    )


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
        value = expression.evaluate(session.state, session.node)
    except expressions.NotYet as missing:
        return [line(*title, f" = {numbers.NOT_YET}  ", (f"{missing} is not computed yet", "dim"))]
    if value.dtype == bool and not value.ndim:
        return [line(*title, f" = {'true' if value else 'false'}")]
    style = "gradient" if "grad" in expression.text else "value"
    return _titled(title, tensor(value, style))


def print_(session: Session, text: str) -> Reply:
    """print"""
    return say(*evaluated(session, expressions.parse(text, session.graph)))


def display(session: Session, text: str) -> Reply:
    """display: add an expression that is shown at every stop"""
    if text:
        expression = expressions.parse(text, session.graph)
        if len(session.displays) >= MAX_DISPLAYS:
            raise UserError("display", f"{MAX_DISPLAYS} expressions are displayed already", "undisplay some")
        if expression.text not in session.displays:
            session.displays.append(expression.text)
        return say(*evaluated(session, expression))
    return say(*displayed(session)) if session.displays else say("nothing is displayed; display EXPR does", ok=False)


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


def undisplay(session: Session, text: str) -> Reply:
    """undisplay"""
    if not text:
        session.displays.clear()
        return say("nothing is displayed any more")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= len(session.displays):
        raise UserError("undisplay", f"nothing is displayed as number {text[:40]}", "info display lists them")
    return say(f"{session.displays.pop(int(text) - 1)} is not displayed any more")


def why(session: Session, text: str) -> Reply:
    """why: what computes a number, and what its gradient is the sum of"""
    node, at = session.node, session.element
    if text:
        node, found = locations.element(session.graph, text, "why")
        at = session.element_of(node) if found is None else found
    rows = [_value(session, node, at), *_origin(session, node), *_gradient(session, node, at)]
    return say(*rows)


def _value(session: Session, node: Node, at: tuple[int, ...]) -> Line:
    value = session.state.value(node)
    shown = numbers.significant(None if value is None or not value.size else float(value[at]))
    note = "  not computed yet" if value is None else ""
    return line((f"{node.name}{numbers.index(at)}", "bold"), " = ", (shown, kind(node)), (note, "dim"))


def _origin(session: Session, node: Node) -> list[Line]:
    if node.op is None:
        return [line("  ", GIVEN.get(node.role, "given with the data"))]
    names = ", ".join(session.graph.nodes[i].name for i in node.inputs)
    moment = locations.stops_of(node, session.walk, 0, "forward")[0] + 1
    rows = [line("  computed by ", (node.op.name, "bold"), f" from {names}  ", (f"moment {moment}", "dim"))]
    for i in dict.fromkeys(node.inputs):
        source = session.graph.nodes[i]
        value = session.state.value(source)
        if value is not None:
            rows.append(line(f"    {source.name} {numbers.shape(source.shape)}  ", *extent(value, kind(source))))
    return rows


def extent(value: Array, style: str) -> Line:
    """`-3.397 to 1.809`, and how many are not finite; a single number as itself."""
    if not value.size:
        return line(("empty", "dim"))
    if value.size == 1:
        return line((numbers.significant(float(value.reshape(-1)[0])), style))
    bad = int(np.size(value) - np.isfinite(value).sum())
    low, high = numbers.significant(float(np.min(value)), 4), numbers.significant(float(np.max(value)), 4)
    return line((f"{low} to {high}", style), (f"  {bad} not finite", "fail") if bad else "")


def _gradient(session: Session, node: Node, at: tuple[int, ...]) -> list[Line]:
    gradient = session.state.gradient(node)
    if not gradient.total:
        return [line("  ", ("it has no gradient", "dim"))] if not node.wants_grad else []
    total = None if gradient.array is None or not gradient.array.size else float(gradient.array[at])
    partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
    shown = numbers.significant(total) + ("…" if gradient.arrived and not gradient.final else "")
    rows = [line(f"  ∂L/∂{node.name}{numbers.index(at)} = ", (shown, "gradient"), (partial, "kink"))]
    if node.id == session.graph.loss:
        return [*rows, line("    the seed: ∂L/∂L = 1")] if gradient.arrived else rows
    for part in session.state.arrived(node) if gradient.arrived else ():
        consumer = session.graph.nodes[part.consumer]
        rows.append(line("    ", (numbers.significant(float(part.array[at])), "gradient"), f"  from {consumer.name}"))
    if not gradient.final:
        seen = {(part.consumer, part.position) for part in session.state.arrived(node)}
        for consumer_id, position in session.graph.consumers[node.id]:
            if (consumer_id, position) not in seen:
                rows.append(line(f"    {numbers.NOT_YET}  from {session.graph.nodes[consumer_id].name}, not yet"))
    return rows


def copied(session: Session, form: str = "text") -> str:
    """The selected tensor as it is copied: its element as `text`, all of it as `numpy`, `json` or `latex`.

    Raises UserError where it is not computed yet or is too large to be text.
    """
    node = session.node
    value = session.state.value(node)
    if value is None:
        raise UserError("copy", f"{node.name} is not computed yet", "step to it first")
    if value.size > MAX_WRITTEN:
        raise UserError("copy", f"{node.name} has {value.size:,} numbers", f"at most {MAX_WRITTEN:,}")
    if form == "numpy":
        with np.printoptions(threshold=value.size + 1, floatmode="unique"):
            return f"{node.name.replace('.', '_')} = np.{value!r}" if value.ndim else numbers.exact(value[()])
    if form == "json":
        return json.dumps(jsonable(value))
    if form == "latex":
        return _latex(value)
    if form != "text":
        forms = ("text", "latex", "numpy", "json")
        raise UserError("copy", f"'{form[:40]}' is not a form", did_you_mean(form, forms, ", ".join(forms)))
    return numbers.exact(value[session.element]) if value.size else "[]"


def _latex(value: Array) -> str:
    """A number, or a matrix of rows (a vector is one row; of more axes, one matrix after the other)."""
    if value.ndim > 2:
        return "\n".join(_latex(part) for part in value)
    rows = np.atleast_2d(value)
    cells = [[_latex_number(numbers.significant(float(x))) for x in row] for row in rows]
    if not value.ndim:
        return cells[0][0]
    return r"\begin{bmatrix} " + r" \\ ".join(" & ".join(row) for row in cells) + r" \end{bmatrix}"


def _latex_number(text: str) -> str:
    special = {"NaN": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}
    mantissa, e, power = text.partition("e")
    return special.get(text) or (rf"{mantissa} \cdot 10^{{{power}}}" if e else text)


def jsonable(array: Any) -> Any:
    """Nested lists of floats, with "nan", "inf", "-inf" for what JSON has no number for; whole numbers stay whole."""
    values = np.asarray(array)
    if values.dtype.kind not in "fc" or bool(np.isfinite(values).all()):
        return values.tolist()
    if values.ndim:
        return [jsonable(part) for part in values]
    return numbers.special(float(values)).lower()


def write(session: Session, text: str) -> Reply:
    """write: the selected tensor into a new file; the name says the form"""
    node, path = session.node, Path(text).expanduser()
    value = session.state.value(node)
    if value is None:
        raise UserError("write", f"{node.name} is not computed yet", "step to it first")
    if path.suffix not in (".json", ".npy", ".txt"):
        raise UserError("write", f"'{path.suffix}' is not a form", "a name that ends in .json, .npy or .txt")
    try:
        with path.open("xb") as file:
            if path.suffix == ".npy":
                np.save(file, value, allow_pickle=False)
            elif path.suffix == ".json":
                file.write((copied(session, "json") + "\n").encode())
            else:
                np.savetxt(file, np.atleast_1d(value).reshape(-1, value.shape[-1] if value.ndim else 1), fmt="%.17g")
    except FileExistsError:
        raise UserError("write", f"{text} is there already", "another name; nothing is ever overwritten") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError("write", f"{text}: {why}", "a place one can write to") from None
    return say(f"{node.name} {numbers.shape(node.shape)} written to {text}")
