"""Panel 3, Tensor: the numbers of the selected node, its gradient under them, and where the selected element lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base import numbers
from bptui.model.base.printable import few
from bptui.model.base.spans import Line, Span
from bptui.model.engine.graph import Node
from bptui.model.engine.pairs import complex_nodes
from bptui.screens.panels import standing
from bptui.screens.panels.figures import kind_of, symbol_of
from bptui.screens.panels.sheet import Quantity, draw, page_of
from bptui.screens.render import boxed, clip, length

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

RULE = len("─ 3 Tensor  ") + 3
"""Cells of the rule beside the title."""
SIDES = 3
"""Further ones where something stands at its right end."""


def title(scene: Scene) -> tuple[Line, Line]:
    """The node and its shape, which slice of it; at the right how it is shown."""
    session, width = scene.session, scene.width
    node, element = session.node, session.element
    page = page_of(node.shape, element)
    shape, part = numbers.shape(node.shape), ""
    if page.lead and not averaged(session, node):
        part = f"[{','.join(map(str, page.lead))},:,:]"
    label = node.name.rpartition(".")[2]
    forms = [
        f"{name}  {shape}{piece}"
        for name in (node.name, label)
        for piece in ((f"  slice {part}", f"  {part}") if part else ("",))
    ]
    forms += [f"{label}  {shape}", label]
    left = [Span(next((form for form in forms if len(form) + RULE <= width), forms[-1]), "dim")]
    how: Line = (Span(_how(session, node, width), "dim"),)
    rights = [how]
    gradient = session.state.gradient(node)
    if gradient.array is not None and not gradient.final:
        note = f"{gradient.arrived} of {gradient.total} in"
        rights = [(Span(f"gradient {note}  ", "kink bold"), *how), (Span(f"gradient {note}", "kink bold"),)]
    room = width - RULE - SIDES - length(left)
    return tuple(left), next((right for right in rights if length(right) <= room), ())


def _how(session: Session, node: Node, width: int) -> str:
    size = session.batch_of(node)
    if size > 1 or (size == 1 and session.view.sample != "all"):
        sample = session.view.sample
        if sample == "mean":
            return f"mean of {size} samples"
        return f"sample {min(sample, size - 1)} of {size}" if isinstance(sample, int) else "all samples"
    count = int(np.prod(node.shape, dtype=np.int64))
    if node.id in complex_nodes(session.graph):
        return f"{count // 2:,} complex (re, im)"
    return "numbers" if count <= 64 else f"{count:,} numbers"


def averaged(session: Session, node: Node) -> bool:
    """Is the mean over the batch shown in the place of the samples?"""
    return session.view.sample == "mean" and session.batch_of(node) > 0


def quantities(session: Session) -> tuple[list[Quantity], tuple[int, ...]]:
    """The node's value, and from the backward pass on its gradient; and the element in them that is selected."""
    node, state, element = session.node, session.state, tuple(session.element)
    symbol = symbol_of(node)
    made = [Quantity(symbol, state.shown(node), kind_of(node))]
    gradient = state.shown_gradient(node)
    if session.cursor.phase != "forward" and gradient.total:
        note = "" if gradient.final or gradient.array is None else f"{gradient.arrived} of {gradient.total} in"
        made.append(Quantity(f"∂L/∂{symbol}", gradient.array, "gradient", note))
    if session.cursor.phase == "update" and node.role == "param" and "value" in state.written(node):
        made.append(Quantity(f"{symbol} before", session.recording.before(node), kind_of(node)))
    size = session.batch_of(node)
    sample = session.view.sample
    if size and sample == "mean":
        with np.errstate(all="ignore"):
            made = [q._replace(array=None if q.array is None else np.mean(q.array, axis=0)) for q in made]
        element = element[1:]
    elif (at := session.followed(node)) is not None:
        made = [q._replace(array=None if q.array is None else q.array[at]) for q in made]
        element = element[1:]
    return made, element


def enter(scene: Scene) -> str:
    """What computes it."""
    return f"focus {standing('main').number}"


def lines(scene: Scene) -> list[Line]:
    """The selected node in at most `height` rows of at most `width` cells."""
    session, width, height, look = scene[:4]
    made, element = quantities(session)
    if session.state.missing(session.node):
        return [clip((Span("  not recorded", "dim"),), width)]
    rows = draw(made, element, width, height, look, dead(session))
    return boxed(rows, width, height, look)


def dead(session: Session) -> Sequence[Line]:
    """`! column [3] is never above 0`: units whose relu lets no sample of the batch through; in ever fewer words."""
    node, value = session.node, session.state.value(session.node)
    after = [session.graph.nodes[i].op for i, _ in session.graph.consumers[node.id]]
    if value is None or value.ndim != 2 or not value.size or session.batch_of(node) < 2 or session.view.sample != "all":
        return ()
    if not any(op is not None and op.name == "relu" for op in after):
        return ()
    with np.errstate(all="ignore"):
        columns = np.flatnonzero((value <= 0).all(axis=0)).tolist()
    if not columns:
        return ()
    some = few([f"[{c}]" for c in columns])
    count = len(columns)
    if count == 1:
        forms = [f"column {some} is never above 0", f"column {some} is dead"]
    else:
        forms = [f"columns {some} are never above 0", f"{count} columns are never above 0", f"{count} dead columns"]
    return [(Span("!", "kink"), Span(f" {words}", "text")) for words in forms]
