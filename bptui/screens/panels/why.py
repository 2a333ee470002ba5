"""The answer to why: where one number comes from. What it is made of stands down, largest
first, with its share; of a gradient consumers stand across, and the sums on both sides. Enter goes to the producer of
the chosen number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, Span, joined, line
from bptui.model.debugger.answers import why
from bptui.model.debugger.answers.explained import Explained, name_of
from bptui.model.debugger.answers.kept import Later
from bptui.model.debugger.answers.no_gradient import UNUSED, absent, given
from bptui.model.engine.recording import NotRecorded
from bptui.screens.panels import why_table
from bptui.screens.panels.figures import kind_of, shown
from bptui.screens.panels.text import wrap
from bptui.screens.render import boxed
from bptui.symbolic.card.names import brief

if TYPE_CHECKING:
    from bptui.model.debugger.answers.why import Asked
    from bptui.model.debugger.session import Session
    from bptui.screens.scene import Scene

RULE = len("━ 2 Why    ━ ")
"""Cells of the panel's rule beside its title."""
_TIMES = {1: "once", 2: "twice"}


def footer(session: Session) -> tuple[tuple[str, str], ...]:
    """What its keys do; enter and the arrows where there is something to choose."""
    found = _current(session)
    chosen = (("enter", "go there"), ("arrows", "cell")) if isinstance(found, Explained) and found.rows else ()
    return (*chosen, ("p", "paths"), ("s/S", "step"), ("esc", "close"))


def title(scene: Scene) -> tuple[Line, Line]:
    """Which number, and what it is."""
    try:
        about = why.chosen(scene.session, _text(scene.session))
    except UserError:
        return (), ()
    style = "gradient bold" if about.of == "gradient" else f"{kind_of(about.node)} bold"
    found = _answer(scene.session, about)
    number: Line = ()
    if isinstance(found, Explained) and found.number is not None:
        texts = why_table.of(found, scene.width)
        text = numbers.significant(found.number, 5) if texts.power else texts.total
        number = (shown(text + ("…" if found.waiting else ""), found.number, style),)
    name = name_of(*about)
    if len(name) + RULE > scene.width:  # without its layer
        name = name.replace(about.node.name, about.node.label, 1)
    return (Span(name, style),), number


def lines(scene: Scene) -> list[Line]:
    """The table, what is said above it, and why something in it is 0."""
    session, width, height = scene[:3]
    try:
        about = why.chosen(session, _text(session))
    except UserError as error:
        return wrap((Span(str(error), "fail"),), width)[:height]
    found = _answer(scene.session, about)
    if isinstance(found, Explained):
        said = [row for text in _about(session, found) for row in wrap((Span(" "), *text), width, 1)]
        rows = why_table.rows(found, said, scene, _chosen(scene, found))
    else:
        said = _absent(session, about, found)
        rows = [(), *(row for text in said for row in wrap((Span(" "), *text), width, 1))]
    if height < 8:
        rows = [row for row in rows if row]
    return boxed(rows, width, height, scene.options)


def move(scene: Scene, down: int, right: int) -> str:
    """Choose another row or column."""
    found, answer = _current(scene.session), scene.session.view.answer
    if not isinstance(found, Explained) or answer is None or not found.rows:
        return "there is nothing to choose"
    rows, columns = why_table.extent(found)
    row, column = _chosen(scene, found)
    to = max(0, min(rows - 1, row + down)), max(0, min(columns - 1, column + right))
    if to == (row, column):
        return "the end" if rows > 1 or columns > 1 else "there is one number"
    answer.row, answer.column = to
    return ""


def enter(scene: Scene) -> str:
    """To the producer of the chosen number."""
    found = _current(scene.session)
    return "producer" if isinstance(found, Explained) and found.rows else ""


def _text(session: Session) -> str:
    answer = session.view.answer
    return answer.text if answer is not None else ""


def _current(session: Session) -> Explained | str | None:
    try:
        return _answer(session, why.chosen(session, _text(session)))
    except UserError:
        return None


def _answer(session: Session, about: Asked) -> Explained | str | None:
    """The table; a sentence where it cannot be made, None where there is nothing to make it of."""
    try:
        return why.explained(session, about, now=False)
    except NotRecorded as missing:
        return str(missing)
    except Later:
        return "i works it out: it takes a moment"


def _chosen(scene: Scene, found: Explained) -> tuple[int, int]:
    """The row and the column that are chosen."""
    answer = scene.session.view.answer
    rows, columns = why_table.extent(found)
    if answer is None:
        return 0, 0
    return max(0, min(answer.row, rows - 1)), max(0, min(answer.column, columns - 1))


def _about(session: Session, found: Explained) -> list[Line]:
    """What is said of a number before its table."""
    if found.of == "value":
        written = brief(session.graph, found.node)
        return [written] if written else [line((given(session.graph, found.node), "dim"))]
    if not found.rows:
        return [line(UNUSED)]
    name = Span(found.node.name, kind_of(found.node))
    used, samples = len(found.heads), len(found.rows)
    if found.index == "sample":
        each = " each" if used > 1 else ""
        return [line(name, f" is used {_TIMES.get(used, f'{used} times')}, by {samples} samples{each}.")]
    if samples > 1:
        where = ", ".join(dict.fromkeys(head.consumer.name for head in found.heads))
        return [line(name, f" goes into {samples} numbers of {where}.")]
    return [line(name, " goes into ", *_listed(found), ".")]


def _listed(found: Explained) -> list[Span]:
    spans = joined(Span(", "), ((Span(each.consumer.name, kind_of(each.consumer)),) for each in found.heads[:3]))
    return [*spans, *([Span(f" and {len(found.heads) - 3} more")] if len(found.heads) > 3 else [])]


def _absent(session: Session, about: Asked, said: str | None) -> list[Line]:
    """Why there is no table."""
    node = about.node
    if said is not None:
        return [line(said)]
    if about.of == "value":
        state = "it is not computed yet" if session.state.value(node) is None else ""
        return [line(state or ("it has no elements" if 0 in node.shape else given(session.graph, node)))]
    if node.id == session.graph.loss:
        return [line(f"the seed: ∂L/∂L = {session.seed}, where the backward pass starts")]
    gone = absent(session, node)
    if gone:
        return [line(gone)]
    rows: list[Line] = [line("not computed yet: it comes from")]
    for i, _ in session.graph.consumers[node.id]:
        rows.append(line("  ", (session.graph.nodes[i].name, kind_of(session.graph.nodes[i]))))
    return rows
