"""The search for the next stop, forward or back, training step by training step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.spans import line
from bptui.model.debugger.expressions import expression as expressions
from bptui.model.debugger.hidden import REASON
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.stops.breakpoints import Breakpoint, UserStop, Watch, parse_watch
from bptui.model.debugger.stops.reading import Reading, Step
from bptui.model.debugger.stops.stop import FINDINGS, Diagnosed, Hit, Stop

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

Found = Sequence[tuple[Stop, Hit]]
"""The stops of one Moment, each with what it says there; the first of them comes first."""


def resume(session: Session, direction: int, count: int = 1) -> Reply:
    """continue: on (direction 1) or back (-1) to the next breakpoint, watch or finding, `count` times; else to the end.

    The end forward is that of the training steps that were planned; beyond them, that of as many once more.
    """
    reply, progress = Reply(), session.progress
    try:
        for n in range(count):
            progress.begin, progress.width = n / count, 1 / count
            if n:
                progress.report(0.0, f"stop {n} of {count}, training step {session.cursor.step}")
            reply = search(session, direction, (*FINDINGS, *session.breakpoints.enabled))
            if not reply.ok:
                break
    except Cancelled:
        return Reply((line(*session.where(), "  ", ("interrupted", "kink")),), ok=False, moved=True)
    finally:
        progress.begin, progress.width = 0.0, 1.0
    return reply


def next_finding(session: Session, direction: int) -> Reply:
    """next-finding: to the next NaN, inf, failed check or finding of the diagnosis; where there is none, nothing
    moves."""
    return search(session, direction, (*FINDINGS, Diagnosed()), lambda step: _nothing_found(session, direction, step))


def last(session: Session, text: str) -> Reply:
    """last: back to where an expression last changed, the selected number where none is said; then further back."""
    text = text or (session.asked_last if session.told == session.stop else "")
    node, element = session.node, session.element
    if text:
        watch = parse_watch(text, session.branch, node)
        reading = watch.reading(session.branch)
    else:
        expression = expressions.of_element(session.graph, node, element)
        reading = Reading(expression, session.branch)
        watch = Watch.of(reading)
    if reading is None or not reading.varies:
        return say(f"{watch.target} never changes", ok=False)
    nothing = f"{watch.target} has not changed before, back to the start of {session.walk.called(0)}"
    reply = search(session, -1, (watch,), lambda _: nothing)
    if reply.ok:
        session.asked_last = text
        if not text:
            session.select(node, element)
    return reply


def search(
    session: Session, direction: int, stops: Sequence[Stop], nothing: Callable[[int], str] | None = None
) -> Reply:
    """To the first of `stops`; where there is none to the end, or nowhere, saying `nothing` up to that training step.

    Where it is cancelled, it ends at the last Moment that was searched: from there, it goes on as if it had not been.
    """
    length, (final, end) = session.walk.length, _end(session, direction)
    step, index = divmod(session.stop, length)
    if direction < 0 or session.stop or session.told == 0:  # nothing lies before Moment 0 that could lead to it
        index += direction
    span = range(index, length if direction > 0 else -1, direction)
    first = step
    while True:
        try:
            if step != first:
                session.progress.report(abs(step - first) / abs(final - first), f"training step {step}")
            found = _due(Step(session.branch, step, session.progress), span, stops)
        except Cancelled:
            reached = session.stop if step == first else length * step - 1 if direction > 0 else length * (step + 1)
            told = session.told if reached == session.stop else None
            reply = session.move(reached, note="interrupted", style="kink", ok=False)
            session.told = told
            return reply
        if found or step == final:
            break
        step += direction
        span = range(length) if direction > 0 else range(length - 1, -1, -1)
    if found:
        return _arrive(session, step, found)
    if nothing is not None:
        return say(nothing(step), ok=False)
    reply = session.move(step * length + end)
    why = session.end(session.stop) if direction < 0 or session.walk.last == 0 else _planned_end(session)
    return Reply((line(*session.where(), "  ", (why, "kink")),), ok=False, moved=reply.moved)


def _due(step: Step, span: range, stops: Sequence[Stop]) -> Found:
    """The stops of the first Moment of `span` at which one does not let it pass. How often the others were passed over
    is counted once the training step has been searched: where that is cancelled, it is as if it had not begun."""
    passed: Counter[int] = Counter()
    found = _nearest(step, span, stops)
    while found and all(isinstance(stop, UserStop) and stop.ignored > passed[stop.number] for stop, _ in found):
        passed.update(stop.number for stop, _ in found if isinstance(stop, UserStop))
        span = range(found[0][1].index + span.step, span.stop, span.step)
        found = _nearest(step, span, stops)
    for stop in stops:
        if isinstance(stop, UserStop):
            stop.ignored -= passed[stop.number]
            stop.hits += passed[stop.number]
    return found


def _nearest(step: Step, span: range, stops: Sequence[Stop]) -> Found:
    """The stops of the first Moment at which there is any."""
    found: list[tuple[Stop, Hit]] = []
    for stop in stops:
        hit = stop.find(step, span)
        if hit is not None:
            if found and found[0][1].index != hit.index:
                found = []
            found.append((stop, hit))
            span = range(span.start, hit.index + span.step, span.step)
    return found


def _arrive(session: Session, step: int, found: Found) -> Reply:
    """Go to a Moment, say why there, and select the number that it is about."""
    said: list[tuple[Hit, str]] = []
    for stop, hit in found:
        if isinstance(stop, UserStop):
            stop.hits += 1
            if stop.ignored:
                stop.ignored -= 1
                continue
            if isinstance(stop, Breakpoint) and stop.temporary:
                del session.breakpoints.rows[stop.number]
        said.append((hit, _note(session, stop, hit)))
    at = step * session.walk.length + said[0][0].index
    reply = session.move(at, note="; ".join(note for _, note in said), style=said[0][0].style)
    session.told = at
    for hit, _ in said:
        if hit.finding is not None:
            session.show(hit.finding)
        if hit.chosen is not None:
            session.choose_finding(hit.chosen)
        if hit.element is not None and hit.element[0] == session.here.id:
            session.select(*hit.element)
    return Reply(reply.lines, reply.ok, moved=True)


def _note(session: Session, stop: Stop, hit: Hit) -> str:
    """What is said at a stop: of a watch that reads something hidden only that it changed."""
    if session.hidden and isinstance(stop, Watch) and (reading := stop.reading(session.branch)) is not None:
        names = {name for _, name in reading.expression.reads}
        if any(target.node in names or "" in names for target in session.hidden):
            return f"{stop.said} changed, {REASON}"
    return hit.note


def _nothing_found(session: Session, direction: int, step: int) -> str:
    """What was looked for, how far, and where to look instead."""
    if direction < 0:
        return f"no earlier finding, back to {session.walk.called(0)}"
    back = "" if np.isfinite(session.recorded.loss) else "; X goes back to where this one arose"
    return f"no further finding up to {session.walk.called(step)}{back}"


def _end(session: Session, direction: int) -> tuple[int, int]:
    """(training step, index) at which the search ends: the start; forward the end of what is planned, or beyond that of
    as many training steps more."""
    length, planned = session.walk.length, session.planned
    if direction < 0:
        return 0, 0
    plans = 1 + (session.stop + 1) // (planned * length)
    return divmod(session.walk.within(plans * planned * length - 1), length)


def _planned_end(session: Session) -> str:
    step = session.cursor.step
    if step == session.planned - 1:
        return f"at the end of the {session.planned} training steps planned"
    return f"no stop up to the end of training step {step}, beyond the {session.planned} planned"
