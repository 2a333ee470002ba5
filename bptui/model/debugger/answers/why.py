"""why: where a number comes from, what computes it, and what its gradient is the sum of; why that is zero or absent."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base import numbers
from bptui.model.base.spans import Line, line
from bptui.model.base.types import Index
from bptui.model.debugger import locations
from bptui.model.debugger.answers.explained import (
    Explained,
    Of,
    gradient_of,
    value_of,
)
from bptui.model.debugger.answers.kept import Later, kept
from bptui.model.debugger.answers.no_gradient import UNUSED, absent, given, unreached
from bptui.model.debugger.answers.why_lines import reasons, skips, table_lines, table_texts, term_lines
from bptui.model.debugger.hidden import covers
from bptui.model.debugger.lines import extent, kind
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import Answer
from bptui.model.engine.graph import Node
from bptui.model.engine.masked import Kind
from bptui.model.engine.recording import NotRecorded
from bptui.model.engine.timeline import Phase

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

VJPS = 64
"""Terms that a consumer which is not elementwise is guessed to have, each a vjp over all of its output."""
ROWS = 8
"""Terms that are told one by one in text."""
_GRADIENT = re.compile(
    r"(?P<of>grad|value)\s*\(\s*(?P<inside>[^()]+?)\s*\)\s*(?P<after>\[[^\]]*\])?"
    r"|∂L/∂(?P<by>[^()]+)"
    r"|(?P<name>[^\[\]()]+)(?P<at>\[[^\]]*\])?\.grad(?P<then>\[[^\]]*\])?"
)


class Asked(NamedTuple):
    """An element, and which of its numbers is asked about; both where neither was said."""

    node: Node
    element: Index
    of: Of | None


def asked(session: Session, text: str, where: str = "why") -> Asked:
    """What `why` is asked about: `a[0,1]`, `grad(a[0,1])`, `value(a[0,1])`; of no name the number that stopped being
    finite at this Moment, where there is one and nothing else was selected, else the selected one. UserError, of the
    command `where`, for what is not there."""
    if text:
        matched = _GRADIENT.fullmatch(text.strip())
        if matched is not None:
            name, at = (
                matched["inside"] or matched["by"] or matched["name"],
                matched["after"] or matched["at"] or matched["then"],
            )
            text = name + (at or "")
        node, found = locations.element(session.graph, text, where)
        at = session.element_of(node) if found is None else found
        return Asked(node, at, None if matched is None else "value" if matched["of"] == "value" else "gradient")
    finding = found_here(session)
    return Asked(session.node, session.element, None) if finding is None else finding[1]


def found_here(session: Session) -> tuple[str, Asked] | None:
    """What is wrong at this Moment, as long as nothing else was selected at it, and the number that it is about: NaN or
    inf that arises here, or the chosen finding of the diagnosis, where one has gone to it."""
    finding, chosen = session.finding, session.chosen_finding
    if finding is not None:
        of: Of = "value" if finding.position is None else "gradient"
        return finding.text, Asked(session.source(finding), finding.at, of)
    if chosen is None or not session.selection.at_finding or session.selection.pinned is not None:
        return None
    node = session.graph.by_name.get(chosen.node)
    place = chosen.training_step * session.walk.length + session.branch.place_of(chosen)
    if node is None or session.stop != place:
        return None
    at = chosen.element if chosen.element is not None else session.element_of(node)
    return chosen.text, Asked(
        node, locations.fit(at, node.shape), "gradient" if chosen.phase == "backward" else "value"
    )


def chosen(session: Session, text: str) -> Asked:
    """The same with one of the two numbers: the gradient from the backward pass on, where any of it is there."""
    about = asked(session, text)
    if about.of is not None:
        return about
    arrived = session.state.gradient(about.node).arrived > 0 or session.cursor.phase != "forward"
    reaches = about.node.wants_grad and not unreached(session.graph, about.node)
    return about._replace(of="gradient" if arrived and reaches else "value")


def explained(session: Session, about: Asked, now: bool = True) -> Explained | None:
    """The table of one number; None where there is none (not computed yet, absent, the seed). Raises NotRecorded, and
    Later where it takes long and is not wanted `now`."""
    node, element, of = about
    recording, graph, work = session.recording, session.graph, math.prod(node.shape)
    if 0 in node.shape:
        return None
    if of == "value":
        if session.state.value(node) is None:
            return None
        work += sum(math.prod(graph.nodes[i].shape) for i in node.inputs)
        key: Hashable = ("value", node.id, element)
        made = kept(recording, key, lambda: value_of(recording, node.id, element), now, work)
        return made.without_number() if hides(session, about) else made
    gradient = session.state.gradient(node)
    if not gradient.arrived or node.id == graph.loss:
        return None
    waiting = frozenset((a.consumer, a.position) for a in session.timeline.arrivals(node.id)[gradient.arrived :])
    for i, _ in graph.consumers[node.id]:
        consumer = graph.nodes[i]
        size, by = math.prod(consumer.shape), consumer.op is not None and consumer.op.elementwise
        work += size * (1 if by else min(size, VJPS)) + sum(math.prod(graph.nodes[k].shape) for k in consumer.inputs)
    key, samples = ("gradient", node.id, element, waiting), session.network.samples
    made = kept(recording, key, lambda: gradient_of(recording, node.id, element, waiting, samples), now, work)
    return made.without_number() if hides(session, about) else made


def hides(session: Session, about: Asked) -> bool:
    """Is the number hidden that is asked about? Of a parameter that has been updated, its new value."""
    kind: Kind = "gradient" if about.of == "gradient" else "update" if session.state.updated(about.node) else "value"
    return bool(session.hidden) and covers(session.hidden, about.node, kind, about.element)


def producer(session: Session, answer: Answer) -> Reply:
    """Go to where the chosen number of the answer was made: the Moment, and the element there; the answer stays open
    and explains that one."""
    found = explained(session, chosen(session, answer.text))
    maker = found.producer(answer.row, answer.column) if found is not None else None
    if found is None or maker is None:
        return say("nothing made it: it is given", ok=False)
    node = session.graph.nodes[maker.node]
    phase: Phase = "forward" if maker.of == "value" else "backward"
    stops = locations.stops_of(node, session.walk, session.cursor.step, phase)
    reply = session.move(stops[-1]) if stops else Reply()
    selected = session.select(node, maker.element)
    word = "value" if maker.of == "value" else "grad"
    session.view.show(Answer("why", f"{word}({node.name}{numbers.index(maker.element)})"))
    return reply if stops else selected


def why(session: Session, text: str) -> Reply:
    """What computes a number, and what its gradient is the sum of."""
    node, at, of = about = asked(session, text)
    finding = None if text else found_here(session)
    value = [_value(session, node, at), *_origin(session, node), *_terms(session, about._replace(of="value"))]
    gradient = _gradient(session, about._replace(of="gradient"))
    session.view.show(Answer("why", text or _other(session)))
    follow(session)
    if finding is not None:
        title = line((finding[0], "fail"))
        both = (*gradient, *value) if of == "gradient" else (*value, *gradient)
        return _reply(title, *both)
    return _reply(*gradient) if of == "gradient" else _reply(*value, *gradient)


def follow(session: Session) -> None:
    """In the table that is open choose the row of the sample that is followed."""
    answer, sample = session.view.answer, session.view.sample
    if answer is None or answer.panel != "why" or not isinstance(sample, int):
        return
    try:
        found = explained(session, chosen(session, answer.text), now=False)
    except (NotRecorded, Later):
        return
    rows = found.rows if found is not None and found.index == "sample" else ()
    answer.row = next((n for n, row in enumerate(rows) if row.label == str(sample)), answer.row)


def _other(session: Session) -> str:
    """Asked once more about the selected number: its other number, the value for the gradient."""
    answer = session.view.answer
    if answer is None or answer.panel != "why" or answer.text:
        return ""
    node, at, of = chosen(session, "")
    return f"{'value' if of == 'gradient' else 'grad'}({node.name}{numbers.index(at)})"


def _reply(*lines: Line) -> Reply:
    return Reply(tuple(lines), seen=True)


# ------------------------------------------------------------------------------------------------------------- values
def _value(session: Session, node: Node, at: Index) -> Line:
    value = session.state.value(node)
    shown = numbers.significant(None if value is None or not value.size else float(value[at]))
    note = "  not computed yet" if value is None else ""
    return line((f"{node.name}{numbers.index(at)}", "bold"), " = ", (shown, kind(node)), (note, "dim"))


def _origin(session: Session, node: Node) -> list[Line]:
    if node.op is None:
        return [line("  ", given(session.graph, node))]
    names = ", ".join(session.graph.nodes[i].name for i in node.inputs)
    moment = locations.stops_of(node, session.walk, 0, "forward")[0] + 1
    rows = [line("  computed by ", (node.op.name, "bold"), f" from {names}  ", (f"moment {moment}", "dim"))]
    for i in dict.fromkeys(node.inputs):
        source = session.graph.nodes[i]
        value = session.state.value(source)
        if value is not None:
            rows.append(line(f"    {source.name} {numbers.shape(source.shape)}  ", *extent(value, kind(source))))
    return rows


def _terms(session: Session, about: Asked) -> list[Line]:
    """The terms of a value, largest first, as equations that add up."""
    try:
        found = explained(session, about)
    except NotRecorded as missing:
        return [line("  ", (str(missing), "dim"))]
    if found is None or found.relation == "none" or not found.rows:
        return []
    return [*(line("  ", *row) for row in term_lines(found, ROWS)), *skips(found)]


# ---------------------------------------------------------------------------------------------------------- gradients
def _gradient(session: Session, about: Asked) -> list[Line]:
    node, at, _ = about
    gone = absent(session, node)
    if gone:
        return [line("  ", (gone, "dim"))] if node.role != "param" or not unreached(session.graph, node) else []
    gradient = session.state.gradient(node)
    title = f"  ∂L/∂{node.name}{numbers.index(at)} "
    waiting = [
        line(f"    {numbers.NOT_YET}  from {session.graph.nodes[i].name}, not yet")
        for i, position in session.graph.consumers[node.id]
        if (i, position) not in {(part.consumer, part.position) for part in session.state.arrived(node)}
    ]
    if not gradient.arrived or node.id == session.graph.loss:
        shown = "" if gradient.array is None else numbers.significant(float(gradient.array[at]))
        rows = [line(title, "= ", (shown or numbers.NOT_YET, "gradient"))]
        if node.id == session.graph.loss:
            return [*rows, line(f"    the seed: ∂L/∂L = {session.seed}" if gradient.arrived else "    not yet")]
        return [*rows, *waiting]
    try:
        found = explained(session, about)
    except NotRecorded as missing:
        return [*_recorded(session, node, at, title), line("    ", (str(missing), "dim"))]
    assert found is not None
    if not found.rows:
        return [line(title, "= ", ("0", "gradient")), line("    ", (UNUSED, "dim"))]
    partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
    texts = table_texts(found, found.rows[:ROWS])
    alone = len(found.rows) == len(found.heads) == 1
    shown = numbers.significant(found.number, 5) if texts.power else texts.total
    unit = f"  below in units of 1e{texts.power}" if texts.power and not alone else ""
    rows = [
        line(title, f"{texts.sign} ", (shown + ("" if gradient.final else "…"), "gradient"), (unit, "dim"),
             (partial, "kink"))
    ]  # fmt: skip
    return [*rows, *(line("    ", *row) for row in table_lines(found, texts)), *waiting, *reasons(found), *skips(found)]


def _recorded(session: Session, node: Node, at: Index, title: str) -> list[Line]:
    """A gradient and its contributions as they were recorded, of what cannot be taken apart."""
    gradient = session.state.gradient(node)
    total = None if gradient.array is None else float(gradient.array[at])
    partial = "" if gradient.final else f"  {gradient.arrived} of {gradient.total} in"
    shown = numbers.significant(total) + ("" if gradient.final else "…")
    rows = [line(title, "= ", (shown, "gradient"), (partial, "kink"))]
    for part in session.state.arrived(node):
        text = "not recorded" if part.array is None else numbers.significant(float(part.array[at]))
        rows.append(line("    ", (text, "gradient"), f"  from {session.graph.nodes[part.consumer].name}"))
    return rows
