"""The curve of this Moment's activation and its slope, with the selected element on both: beside a page of a lesson."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.spans import Line, Span, line
from bptui.model.debugger.hidden import covers
from bptui.screens.explore.curve import AXIS, curve_at
from bptui.screens.explore.page import short
from bptui.screens.panels.figures import kind_of, scalar, symbol_of
from bptui.screens.plot import Axes, Plot
from bptui.screens.render import boxed, length
from bptui.teach.explore.activations import HIGH, LOW, Activation, usual

if TYPE_CHECKING:
    from bptui.model.engine.graph import Node
    from bptui.screens.scene import Scene


def _shown(scene: Scene) -> Node | None:
    """The node whose curve it is: this Moment's, where that is an activation."""
    node = scene.session.node
    known = {each.op.name for each in usual()}
    return node if node.op is not None and node.op.name in known and len(node.inputs) == 1 else None


def name(scene: Scene) -> str:
    """Of which operation."""
    node = _shown(scene)
    return "Activation" if node is None or node.op is None else f"{node.op.name} and its slope"


def lines(scene: Scene) -> list[Line]:
    """The two curves over one another, z under them."""
    width, height = scene.width, scene.height
    node = _shown(scene)
    if node is None or node.op is None or height < 5 or width < 20:
        return [line((" no activation at this moment", "dim"))][:height]
    session = scene.session
    source = session.graph.nodes[node.inputs[0]]
    z = scalar(session.state.shown(source), session.element)
    made = Activation(node.op, node.attributes)
    curve = made.curve()
    wide, tall = width - AXIS - 1, (height - 1) // 2
    symbol = symbol_of(source)
    rows: list[Line] = []
    at = made.at(z) if z is not None else None
    hides = covers(session.hidden, node, "value", session.element)
    for title, numbers, y, style, hidden in (
        (line((f" {symbol_of(node)}", kind_of(node))), curve.value, at and at.value, "value", hides),
        (line((f" ∂{symbol_of(node)}/∂{symbol}", "text bold")), curve.slope, at and at.slope, "text", False),
    ):
        point = None if z is None or y is None or hidden else (z, y)
        drawn = curve_at(curve.z, numbers, point, style, (wide, tall), scene.options)
        rows += [_headed(title, drawn[0]), *drawn[1:]]
    rows.append(_ticks(z, symbol, wide))
    return boxed(rows, width, height, scene.options)


def _headed(title: Line, row: Line) -> Line:
    """A row with a title over its first cells. A label that the title would touch has one digit, or none where that is
    too long as well."""
    cells = length(title)
    label, *rest = row
    texts = (label.text, short(float(label.text), 1).rjust(len(label.text)), " " * len(label.text))
    text = next(each for each in texts if not each[: cells + 1].strip())
    return (*title, Span(text[cells:], label.style), *rest)


def _ticks(z: float | None, symbol: str, wide: int) -> Line:
    """The ends of the axis, and z under its point."""
    row = [" "] * wide
    axes = Axes(Plot(wide, 1), (LOW, HIGH), (0, 1))
    for at in (LOW, HIGH):
        text = short(at)
        x = min(axes.cell(at, 0)[0], wide - len(text))
        row[x : x + len(text)] = text
    out = "".join(row)
    if z is None or not LOW <= z <= HIGH:
        return line(" " * AXIS, (out, "dim"))
    text = f"{symbol} = {short(z, 3)}"
    x = max(len(short(LOW)) + 1, min(axes.cell(z, 0)[0] - len(text) // 2, wide - len(text) - 3))
    return line(" " * AXIS, (out[:x], "dim"), (text, "value"), (out[x + len(text) :], "dim"))
