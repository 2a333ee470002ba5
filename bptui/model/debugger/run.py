"""The search for the next stop, forward or back, training step by training step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bptui.model.base.spans import line
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reading import Step
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.stops import FINDINGS, Breakpoint, End, Hit, Stop, UserStop

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


def resume(session: Session, direction: int, count: int = 1) -> Reply:
    """continue: on (direction 1) or back (-1) to the next breakpoint, watch or finding, `count` times; else to the end.

    The end forward is that of the training steps that were planned; beyond them, that of the next training step.
    """
    reply, progress = Reply(), session.progress
    try:
        for n in range(count):
            progress.begin, progress.width = n / count, 1 / count
            if n:
                progress.report(0.0, f"stop {n} of {count}, training step {session.cursor.step}")
            reply = _go(session, direction, (*FINDINGS, *session.breakpoints.rows.values()))
            if not reply.ok:
                break
    except Cancelled:
        return Reply((line(*session.where(), "  ", ("interrupted", "kink")),), ok=False, moved=True)
    finally:
        progress.begin, progress.width = 0.0, 1.0
    return reply


def next_finding(session: Session, direction: int) -> Reply:
    """next-finding: to the next NaN, inf or failed check; where there is none, nothing moves."""
    return _go(session, direction, FINDINGS, stay=True)


def _go(session: Session, direction: int, stops: Sequence[Stop], stay: bool = False) -> Reply:
    """To the first of `stops`; where there is none to the end, or nowhere (`stay`)."""
    length, end = session.walk.length, _end(session, direction)
    step, index = divmod(session.stop, length)
    if direction < 0 or session.stop or session.told == 0:  # nothing lies before Moment 0 that could lead to it
        index += direction
    span = range(index, length if direction > 0 else -1, direction)
    first = step
    while True:
        here = Step(session.branch, step, session.progress)
        try:
            if step != first:
                session.progress.report(abs(step - first) / abs(end.step - first), f"training step {step}")
            stop, hit = _nearest(here, span, stops, end)
        except Cancelled:
            reached = session.stop if step == first else length * (step if direction > 0 else step + 1)
            return session.move(reached, note="interrupted", style="kink", ok=False)
        if hit is not None:
            break
        step += direction
        span = range(length) if direction > 0 else range(length - 1, -1, -1)
    if stop is not end:
        return _arrive(session, step * length + hit.index, stop, hit)
    if stay:
        return _nothing_found(session, direction, step)
    reply = session.move(step * length + hit.index)
    why = session.end(session.stop) if direction < 0 or session.walk.last == 0 else _planned_end(session)
    return Reply((line(*session.where(), "  ", (why, "kink")),), ok=False, moved=reply.moved)


def _nearest(step: Step, span: range, stops: Sequence[Stop], end: End) -> tuple[Stop, Hit | None]:
    """The first stop in a training step; of several at one Moment, the first of `stops`; the end after all of them."""
    found: tuple[Stop, Hit | None] = end, None
    for stop in stops:
        hit = stop.find(step, span)
        if hit is not None:
            found, span = (stop, hit), range(span.start, hit.index, span.step)
    if found[1] is None:
        found = end, end.find(step, span)
    return found


def _arrive(session: Session, at: int, stop: Stop, hit: Hit) -> Reply:
    """Go to a stop, say why there, and select the number that it is about."""
    if isinstance(stop, UserStop):
        stop.hits += 1
        if isinstance(stop, Breakpoint) and stop.temporary:
            del session.breakpoints.rows[stop.number]
    reply = session.move(at, note=hit.note, style=hit.style)
    session.told = at
    if hit.finding is not None:
        session.show(hit.finding)
    return Reply(reply.lines, reply.ok, moved=True)


def _nothing_found(session: Session, direction: int, last: int) -> Reply:
    """What was looked for, how far, and where to look instead."""
    if direction < 0:
        return say("no earlier NaN, inf or failed check, back to training step 0", ok=False)
    back = "" if np.isfinite(session.recording.loss) else "; X goes back to where this one arose"
    return say(f"no further NaN, inf or failed check up to training step {last}{back}", ok=False)


def _end(session: Session, direction: int) -> End:
    """Where the search ends: the start, the end of what is planned, or beyond that of the next training step."""
    length = session.walk.length
    if direction < 0:
        return End(0, 0)
    planned = session.planned * length - 1
    stop = planned if session.stop < planned else session.walk.within((session.stop // length + 2) * length - 1)
    return End(*divmod(stop, length))


def _planned_end(session: Session) -> str:
    step = session.cursor.step
    return f"at the end of the {session.planned} training steps planned" if step == session.planned - 1 else "no stop"
