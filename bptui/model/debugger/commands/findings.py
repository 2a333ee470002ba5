"""What is wrong with a training, where, and what helps: the findings, and the way from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base import numbers
from bptui.model.base.errors import UserError
from bptui.model.base.spans import line
from bptui.model.base.typed import whole
from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import View

if TYPE_CHECKING:
    from bptui.model.debugger.findings.finding import Diagnosis
    from bptui.model.debugger.session import Session

family = Family("Findings")


@family.nothing(
    "next-finding", "To the next NaN, inf, failed check, dead unit …", keys=("x",), short="finding",
    twin="previous-finding",
)  # fmt: skip
def next_finding_(session: Session) -> Reply:
    return _walk(session, 1)


@family.nothing(
    "previous-finding", "To the previous NaN, inf, failed check, dead unit …", keys=("X",), short="finding",
    twin="next-finding",
)  # fmt: skip
def previous_finding(session: Session) -> Reply:
    return _walk(session, -1)


def _walk(session: Session, direction: int) -> Reply:
    """To the next Moment that a finding is about. The first time the training is diagnosed before."""
    from bptui.model.debugger.run import next_finding

    diagnosed(session)
    return next_finding(session, direction)


def diagnosed(session: Session) -> Diagnosis:
    """The diagnosis of this branch, made once. Raises Cancelled where it is ended; then there is none yet."""
    from bptui.model.debugger.findings.diagnose import diagnose

    branch = session.branch
    if branch.diagnosis is None:
        branch.diagnosis = diagnose(branch, None, session.progress)
    return branch.diagnosis


@family.text("findings", "What is wrong with this training, and what would help; with a number all of one", usage="[N]")
def findings(session: Session, text: str) -> Reply:
    """A panel where there is a screen, else the list."""
    found = diagnosed(session).findings
    if text:
        session.view.finding = _number(text, len(found), "findings") - 1
    return Reply(asks=lambda front: front.do_findings(bool(text)))


@family.text("remedy", "Go on in a branch in which a remedy of the chosen finding is made", usage="N", needed=True)
def remedy(session: Session, text: str) -> Reply:
    """From training step 0 on, at this Moment; `undo` goes back. Says what loss it reached when it was tried."""
    finding, diagnosis = session.chosen_finding, session.branch.diagnosis
    if finding is None or diagnosis is None:
        return say("no finding is chosen; findings lists them", ok=False)
    chosen = finding.remedies[_number(text, len(finding.remedies), "remedy") - 1]
    edit = chosen.edit(session.network)
    session.view.focus = View.focus
    reply = session.edit(edit)
    report = session.progress.report
    session.history.advance(
        diagnosis.steps, lambda done, total: report(done / total, f"training step {done} of {total}")
    )
    if chosen.loss_after is None:
        return reply
    loss = numbers.significant(chosen.loss_after, 3)
    tried = f"; after {diagnosis.steps:,} training steps its loss was {loss}: train {diagnosis.steps} goes there"
    return reply._replace(lines=(*reply.lines[:-1], line(*reply.lines[-1], tried)))


def _number(text: str, count: int, where: str) -> int:
    """A number from 1 to `count`."""
    number = whole(text, 1, count)
    if number is None:
        right = f"1 to {count}" if count > 1 else "there is 1" if count else "there is none"
        raise UserError(where, f"there is no number {text[:40]}", right)
    return number


@family.nothing("wanted", "This NaN or inf is meant (a mask's -inf): x and c pass over it; again: they do not")
def wanted(session: Session) -> Reply:
    """Kept in the branch, for all training steps."""
    from bptui.model.debugger.branch import known

    branch, index = session.branch, session.timeline.index(session.cursor)
    taken = {each for each in branch.wanted if each[0] == index}
    if taken:
        branch.wanted -= taken
        return say(f"{session.here.name}: x and c stop here again")
    found = session.nonfinite.get(index)
    if found is None:
        return say("no NaN or inf arises at this moment; x goes to the next one", ok=False)
    branch.wanted.add(known(index, found))
    return say(f"{found.text}: wanted, x and c pass over it from now on")
