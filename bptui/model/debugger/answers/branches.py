"""The branches of a session, by number, and what differs between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import Line, line
from bptui.model.base.typed import whole
from bptui.model.debugger.answers.whatif import name_of, seen, table
from bptui.model.debugger.branch import Branch
from bptui.model.debugger.reply import Reply, say
from bptui.model.engine.state import State

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

MOST = 40
"""Numbers that a list of differences names."""

__all__ = ["column", "diff", "find", "name_of", "row"]


def find(session: Session, text: str, where: str) -> Branch:
    """A branch by number; `original` is 0."""
    word = text.strip()
    last = len(session.branches) - 1
    number = 0 if word == "original" else whole(word, 0, last)
    if number is None:
        right = f"0 (the original) to {last}" if last else "there is the original alone; set or nudge makes one"
        raise UserError(where, f"there is no branch '{word[:40]}'", right)
    return session.branches[number]


def row(session: Session, branch: Branch) -> Line:
    """`* 1  layer2.weight[0,0] = 0.6 from training step 0 on   of the original   loss 0.0107 at step 0`."""
    here = branch is session.branch
    losses, step = branch.losses, session.cursor.step
    if here:
        at, loss = step, float(session.recording.loss)
    else:
        at = min(step, len(losses) - 1)
        loss = float(losses[at]) if len(losses) else float("nan")
    said = branch.edits[-1].text if branch.edits else "the original"
    parent = branch.parent
    start = f"   of {name_of(parent)}" if parent is not None and parent.number else ""
    known = f"   loss {numbers.significant(loss, 5)} at step {at}" if at >= 0 else ""
    return line(
        ("* " if here else "  ", "bold"), (f"{branch.number:>2}  ", "parameter bold"), said, (start + known, "dim")
    )


def column(session: Session) -> Reply:
    """The Network panel's right column: what changed, or gradients."""
    view = session.view
    if session.branch.parent is None and session.against is None:
        return say("nothing has been changed; + nudges the selected number, e edits it", ok=False)
    view.change = not view.change
    if not view.change:
        return say("gradients; = changes instead", seen=True)
    if session.comparison is None:
        return say(f"this is {name_of(session.branch)} itself", ok=False)
    session.comparison.reach(session.cursor.step, session.progress)
    return say(f"{name_of(session.branch)} minus {name_of(session.comparison.base)}; = gradients instead", seen=True)


def diff(session: Session, text: str) -> Reply:
    """What differs at this Moment between A (the original) and B (the branch that is looked at)."""
    words = text.split()
    if len(words) > 2:
        raise UserError("diff", f"'{text[:40]}' is more than two branches", "diff 0 1")
    base = find(session, words[0], "diff") if words else session.branches[0]
    branch = find(session, words[1], "diff") if len(words) > 1 else session.branch
    comparison, step = session.compare(branch, base), session.cursor.step
    if branch is session.branch:
        session.against = None if base.parent is None else base
    comparison.reach(step, session.progress)
    made = comparison.difference(step)
    if made is None:
        raise UserError(
            "diff", f"{name_of(base)} has no training step {step}", "an earlier one: untrain, or goto step N"
        )
    moment = branch.same_moment(session.cursor, session.here)
    found, first = made.at(State(made.after, moment), MOST), comparison.first
    title = f"{name_of(branch)} minus {name_of(base)}"
    if not found.count and not found.alone:
        ahead = f"; first {first.text}" if first is not None else ""
        return say(line((title, "bold"), f"  no number differs so far{found.beyond}, of {found.total:,}{ahead}"))
    head = line((title, "bold"), f"  {found.count:,} of {found.total:,} numbers differ so far{found.beyond}")
    start = [line(("≠ ", "kink"), f"first {first.text}")] if first is not None else []
    return say(head, *start, *table(comparison, seen(session, found)))
