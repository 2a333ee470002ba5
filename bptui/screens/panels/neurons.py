"""The neurons view of panel 1: columns of neurons, the weights (and their gradients) in front of what they feed.

Small networks of dense layers only; `fits` says why another is not shown. One sample of the batch is seen: that of the
selected element. Lines are bright for the selected neuron alone; of more than four sources only its weights are shown.
Where a branch is held against another one, its changes stand in the place of the gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.spans import Line, Span
from bptui.model.debugger.dense_chain import Column, columns
from bptui.model.engine.graph import Node
from bptui.screens.panels import select_node
from bptui.screens.panels.equation import equation
from bptui.screens.panels.figures import no_view
from bptui.screens.panels.neuron_picture import Picture, Standing
from bptui.screens.render import boxed, length

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

SMALLEST = (42, 11)
"""Columns and rows that one layer with its sources takes."""
RULE = len("─ 1 Network  neurons ") + 5
"""Cells of the rule beside what stands at its right."""


def fits(session: Session, width: int, height: int) -> str:
    """Why the network is not shown as neurons; "" where it is."""
    found = columns(session.graph)
    if isinstance(found, str):
        return found
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return f"it needs {SMALLEST[0]}x{SMALLEST[1]}, here is {width}x{height}"
    return ""


def title(scene: Scene) -> tuple[Line, Line]:
    """At the right the selected neuron, and which sample is seen."""
    session = scene.session
    found = columns(session.graph)
    if isinstance(found, str):
        return (Span("neurons", "dim"),), ()
    at, neuron = selected(session, found)
    name = f"{found[at].name} [{neuron}]" if at < len(found) else "loss"
    size = found[0].out.shape[0] if len(found[0].out.shape) == 2 else 1
    sample = (Span(f"sample {sample_of(session)} of {size}  ", "dim"),) if size > 1 else ()
    chosen = (Span("selected ", "dim"), Span(name, "text bold"))
    rights = [(*sample, *chosen), (*sample, chosen[1]), chosen[1:]]
    return (Span("neurons", "dim"),), next((line for line in rights if RULE + length(line) <= scene.width), ())


def sample_of(session: Session) -> int:
    """Which sample of the batch is seen: the chosen one, else that of the selected element."""
    if isinstance(session.view.sample, int):
        return max(0, min(session.view.sample, session.network.samples - 1))
    node = session.node
    return int(session.element[0]) if node.role != "param" and len(session.element) == 2 else 0


def selected(session: Session, found: tuple[Column, ...]) -> tuple[int, int]:
    """(column, neuron) of the selected element; the column after the last is the loss."""
    node = session.node
    for at, column in enumerate(found):
        if column.holds(node):
            return at, min(column.count - 1, session.element[-1] if session.element else 0)
    return len(found), 0


def lines(scene: Scene) -> list[Line]:
    """Names, the columns, and the equation of this Moment below."""
    session, width, height, look, card = scene[:5]
    why = fits(session, width, height)
    if why:
        rows = no_view("neurons", why, width)
    else:
        found = columns(session.graph)
        assert not isinstance(found, str)
        standing = Standing(*selected(session, found), sample_of(session))
        picture = Picture(session, found, standing, width, height - 2, look)
        rows = [*picture.lines(), equation(session, card, width), ()]
    return boxed(rows, width, height, look)


def move(scene: Scene, down: int, right: int) -> str:
    """Right to the neuron in the next column, down to the one below."""
    session = scene.session
    found = columns(session.graph)
    if isinstance(found, str):
        return found
    at, neuron = selected(session, found)
    if right:
        return _across(session, found, at, neuron, right)
    column = found[at] if at < len(found) else None
    if column is None or column.count == 1:
        return f"{session.node.name} is one number" if column is None else f"{column.name} is one neuron"
    to = max(0, min(neuron + down, column.count - 1))
    _select(session, session.node if session.node.shape else column.out, to)
    return "" if to != neuron else "the end"


def _across(session: Session, found: tuple[Column, ...], at: int, neuron: int, right: int) -> str:
    """To another column: to that of its numbers that is like the selected one, at the same height."""
    to = max(0, min(at + right, len(found)))
    if to == at:
        return "the end"
    if to == len(found):
        return select_node(session, session.graph.loss)
    column = found[to]
    before = found[at].count if at < len(found) else 1
    same = found[at] if at < len(found) else None
    first = same is not None and same.weight is not None and session.node.id == same.rows[0].node.id
    middle = (2 * neuron + 1) * column.count // (2 * max(1, before))
    _select(session, column.rows[0].node if first else column.out, middle)
    return ""


def _select(session: Session, node: Node, neuron: int) -> None:
    """A neuron's number of the sample that is seen; of a parameter, of what it is held in, the neuron's own."""
    lead = session.element[:-1] if node.id == session.node.id else (sample_of(session),) * (len(node.shape) - 1)
    session.select(node, (*lead, neuron)[-max(1, len(node.shape)) :])
