"""What commands do beside moving: stops, marks, search, view. Each is (session[, argument]) → Reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import Line, line
from bptui.model.debugger import expressions, locations, stops
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.session import VIEWS
from bptui.model.engine.graph import Node
from bptui.model.engine.timeline import PHASES

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MAX_MARKS = 1_000
PANELS = 9


def words(session: Session, kind: str) -> Iterable[str]:
    """Candidates for completion: node, place, stop, expression, input, mark."""
    if kind == "mark":
        return tuple(session.marks)
    if kind == "input":
        return tuple(session.graph.nodes[session.about.inputs[i]].name for i in session.inputs)
    if kind == "node":
        return tuple(session.graph.by_name)
    known = locations.names(session.graph)
    if kind == "place":
        return (*PHASES, "start", "end", "step", *known)
    if kind == "stop":
        return (*PHASES, *known, *dict.fromkeys(node.op.name for node in session.graph.ops if node.op is not None))
    if kind == "expression":
        return (*session.graph.by_name, *expressions.SPECIAL, *(f"{name}(" for name in expressions.FUNCTIONS))
    raise ValueError(kind)


# stops


def forward(session: Session, count: int = 1) -> Reply:
    """continue"""
    return _repeat(session, 1, count)


def backward(session: Session, count: int = 1) -> Reply:
    """reverse-continue"""
    return _repeat(session, -1, count)


def _repeat(session: Session, direction: int, count: int) -> Reply:
    reply = stops.search(session, direction, stops=True, findings=True)
    for _ in range(count - 1):
        if not reply.ok:
            break
        reply = stops.search(session, direction, stops=True, findings=True)
    return reply


def next_finding(session: Session) -> Reply:
    """next-finding"""
    return stops.search(session, 1, stops=False, findings=True)


def previous_finding(session: Session) -> Reply:
    """previous-finding"""
    return stops.search(session, -1, stops=False, findings=True)


def set_break(session: Session, text: str) -> Reply:
    """break: add one; without a place, take away the plain one of the selected node or add it."""
    if not text:
        for row in session.breakpoints.rows.values():
            if row.nodes == {session.node.id} and row.condition is None and row.kind == "break" and not row.phase:
                del session.breakpoints.rows[row.number]
                return say(f"breakpoint {row.number} at {row.target} deleted")
    return _set(session, stops.parse_break(session, text))


def set_tbreak(session: Session, text: str) -> Reply:
    """tbreak"""
    return _set(session, stops.parse_break(session, text, temporary=True))


def _set(session: Session, row: stops.Breakpoint) -> Reply:
    """What was set, and where it stops, so that nobody waits for the one and gets the other."""
    where = " and ".join(stops.phases(session, row)) if not row.phase else ""
    return say(line(*row.said(), (f"  in {where}" if where else "", "dim"), ("  once" if row.temporary else "", "dim")))


def watch(session: Session, text: str) -> Reply:
    """watch"""
    expression = expressions.parse(text, session.graph)
    row = session.breakpoints.add(target=expression.text, nodes=frozenset(), condition=expression, kind="watch")
    return say(row.said())


def delete(session: Session, text: str) -> Reply:
    """delete"""
    rows = session.breakpoints.rows
    if not text:
        count = len(rows)
        rows.clear()
        return say(f"{count} deleted" if count else "there is no breakpoint", ok=bool(count))
    row = rows.pop(_number(text, rows, "delete"))
    return say(f"{row.kind} {row.number} at {row.target} deleted")


def info(session: Session, text: str) -> Reply:
    """info: where we are, and what was set"""
    topics = ("breakpoints", "display", "marks", "network")
    topic = next((t for t in topics if text and t.startswith(text.lower())), "")
    if text and not topic:
        raise UserError("info", f"nothing is known of '{text[:40]}'", did_you_mean(text, topics, ", ".join(topics)))
    if topic == "breakpoints":
        return _list(
            [row.line() for row in session.breakpoints.rows.values()], "there is no breakpoint; b sets one here"
        )
    if topic == "display":
        return _list(
            [line((f"{i:>3} ", "dim"), text) for i, text in enumerate(session.displays, 1)], "nothing is displayed"
        )
    if topic == "marks":
        rows = [line((name, "bold"), f"  training step {m.step}  {m.phase}  {session.timeline.node(m).name}")
                for name, m in session.marks.items()]  # fmt: skip
        return _list(rows, "there is no mark; m sets one here")
    here = line(*session.where(), f"  moment {session.timeline.index(session.cursor) + 1} of {session.timeline.length}")
    return say(here) if not topic else say(*_network(session))


def _network(session: Session) -> list[Line]:
    network, graph = session.network, session.graph
    count = sum(_size(node) for node in graph.params)
    rows = [
        line((network.name, "bold"), f"  {network.about}"),
        line(f"{len(graph.ops)} operations, {len(graph.params)} parameters with {count} numbers, {network.dtype}, "
             f"seed {network.seed}, {session.planned} training steps planned"),
    ]  # fmt: skip
    return [*rows, *(line((layer.name, "bold"), f"  {layer.summary}") for layer in graph.layers)]


def _size(node: Node) -> int:
    size = 1
    for n in node.shape:
        size *= n
    return size


def _list(rows: Sequence[Line], none: str) -> Reply:
    return say(*rows) if rows else say(none)


def _number(text: str, known: Iterable[int], where: str) -> int:
    numbers = list(known)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) not in numbers:
        right = f"there are {', '.join(map(str, numbers))}" if numbers else "there is none"
        raise UserError(where, f"there is no number {text[:40]}", right)
    return int(text)


# marks


def mark(session: Session, text: str) -> Reply:
    """mark"""
    if len(session.marks) >= MAX_MARKS or len(text) > 40:
        raise UserError("mark", "too many marks or too long a name", f"{MAX_MARKS} marks, names of 40 characters")
    name = text or next(str(i) for i in range(1, MAX_MARKS + 2) if str(i) not in session.marks)
    session.marks[name] = session.cursor
    return say(line("mark ", (name, "bold"), " at ", *session.where()))


def jump(session: Session, text: str) -> Reply:
    """jump: to a mark; to the last one where none is named"""
    if not session.marks:
        raise UserError("jump", "there is no mark", "m sets one")
    name = text or next(reversed(session.marks))
    if name not in session.marks:
        right = did_you_mean(name, session.marks, f"there are {', '.join(list(session.marks)[:8])}")
        raise UserError("jump", f"there is no mark '{name[:40]}'", right)
    return session.move(session.walk.stop(session.marks[name]), note=f"mark {name}")


# looking


def view(session: Session, text: str) -> Reply:
    """view: a named one, or the next of those that this network has something to show in"""
    graph = session.graph
    dense = any(node.op is not None and node.op.name == "affine" for node in graph.ops)
    if not text and session.view.whole:  # what `next` came to is one operation: open it first
        session.view.whole = False
        return say(f"view: operations, {session.node.name} by itself")
    has = {"operations": True, "layers": bool(graph.layers or graph.composed), "neurons": dense}
    after = VIEWS.index(session.view.mode) + 1
    mode = _choice(text, VIEWS, "view") if text else next(v for v in (*VIEWS[after:], *VIEWS) if has[v])
    only = "" if text or mode != session.view.mode else ", the only one: it has no layers"
    session.view.mode, session.view.page = mode, 0
    return say(f"view: {mode}{only}")


def raw(session: Session) -> Reply:
    """raw"""
    session.view.raw, session.view.page = not session.view.raw, 0
    return say("the derivative as SymPy gave it" if session.view.raw else "the derivative in its short form")


def sample(session: Session, text: str) -> Reply:
    """sample"""
    choice: Any = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text or "all"
    if choice not in ("all", "mean") and not isinstance(choice, int):
        raise UserError("sample", f"'{text[:40]}' is not a sample", "all, mean, or its number from 0")
    count = _batch(session)
    if isinstance(choice, int) and choice >= count:
        raise UserError("sample", f"there is no sample {choice}", f"0 to {count - 1}" if count else "there is no batch")
    session.view.sample = choice
    if isinstance(choice, int):  # what is explained is of the sample that is shown
        session.selection.element = (choice, *session.element[1:])
    said = {"all": "all samples", "mean": "the mean of the samples"}
    return say(said.get(text or "all", f"sample {text}"))


def _batch(session: Session) -> int:
    given = [node.shape[0] for node in session.graph.nodes if node.role in ("input", "target") and node.shape]
    return given[0] if given else 0


def by(session: Session, text: str) -> Reply:
    """by: the input whose derivative is shown"""
    if not text:
        known = session.inputs
        return session.select_input((known.index(session.input) + 1) % len(known) if session.input is not None else 0)
    names = [session.graph.nodes[session.about.inputs[i]].name for i in session.inputs]
    if text not in names:
        right = did_you_mean(text, names, f"it has {', '.join(names)}" if names else "it has none")
        raise UserError("by", f"{session.node.name} has no input '{text[:40]}' with a derivative", right)
    return session.select_input(names.index(text))


def focus(session: Session, text: str) -> Reply:
    """focus"""
    if text not in map(str, range(1, PANELS + 1)):
        raise UserError("focus", f"there is no panel '{text[:40]}'", f"1 to {PANELS}")
    session.view.focus = int(text)
    return Reply()


def zoom(session: Session) -> Reply:
    """zoom"""
    session.view.zoom = not session.view.zoom
    return Reply()


def present(session: Session, text: str) -> Reply:
    """present: on, off, or the other of the two; it is always about the Moment, so nothing stays pinned"""
    wanted = not session.view.present if not text else _choice(text, ("on", "off"), "present") == "on"
    session.view.present = session.view.hidden = wanted
    session.selection.pinned = None
    return Reply()


def search(session: Session, text: str) -> Reply:
    """search"""
    session.view.search = text[:200]
    return _search(session, 1)


def search_next(session: Session) -> Reply:
    """search-next"""
    return _search(session, 1)


def search_previous(session: Session) -> Reply:
    """search-previous"""
    return _search(session, -1)


def matches(session: Session) -> list[Node]:
    """The nodes that were searched for: by part of name, layer, operation or role, whatever the case."""
    wanted = session.view.search.casefold()
    if not wanted:
        return []
    return [
        node
        for node in session.graph.nodes
        if any(
            wanted in word.casefold() for word in (node.name, node.scope, node.role, node.op.name if node.op else "")
        )
    ]


def _search(session: Session, direction: int) -> Reply:
    if not session.view.search:
        return say("nothing was searched for yet; / does", ok=False)
    found = [node.id for node in matches(session)]
    if not found:
        return say(f"no node matches '{session.view.search}'", ok=False)
    here = session.node.id
    ahead = [i for i in (found if direction > 0 else reversed(found)) if (i - here) * direction > 0]
    target = ahead[0] if ahead else found[0 if direction > 0 else -1]
    reply = session.select(target)
    return say(line(*reply.lines[0], (f"  match {found.index(target) + 1} of {len(found)}", "dim")))


def _choice(text: str, known: Sequence[Any], where: str) -> Any:
    found = [each for each in known if each.startswith(text.lower())]
    if len(found) != 1:
        raise UserError(where, f"'{text[:40]}' is not one", did_you_mean(text, known, ", ".join(known)))
    return found[0]
