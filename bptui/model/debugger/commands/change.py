"""Changing what is trained. A change makes a branch; nothing that was computed before is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import WHAT_IF, Answer

if TYPE_CHECKING:
    from bptui.model.debugger.edit import Edit
    from bptui.model.debugger.session import Session

family = Family("Change")


@family.text(
    "set", "Change a number, the optimizer or a key of the network file, in a branch",
    keys=("e",), line="set {selected} = ", short="edit", aliases=("edit",), usage="NAME[i,j] [= VALUE]",
    complete="setting", needed=True,
)  # fmt: skip
def set_(session: Session, text: str) -> Reply:
    """`NAME = VALUE`; NAME alone says what it is now."""
    from bptui.model.debugger.edits import parse as edits
    from bptui.model.debugger.edits import settings as edit_settings
    from bptui.model.debugger.expressions import expression as expressions
    from bptui.model.debugger.lines import evaluated

    if "=" not in text:
        given = session.graph.called.get(text.partition("[")[0])
        if given is None:
            return say(edit_settings.now(text, session.branch.at(session.cursor.step), session.recorded.rate))
        return say(*evaluated(session, expressions.parse(text, session.graph)))
    return _edited(session, edits.parse(text, session.branch, session.cursor))


@family.text(
    "evaluation", "Step through an evaluation of this update (lbfgs), in a branch", usage="[K]",
)  # fmt: skip
def evaluation(session: Session, text: str) -> Reply:
    """Forward, loss and backward pass with the parameters that evaluation K had, 0 for the step's own pass; without K
    how many there are. From the branch of one it goes to another of the same update."""

    from bptui.model.debugger.edits import evaluations
    from bptui.model.debugger.edits import parse as edits

    step = session.cursor.step
    origin = evaluations.origin(session.branch, step)
    if not text.strip():
        count = evaluations.count(origin.history.recording(step))
        once = f"{origin.at(step).network.optimizer.kind} looks at the loss once in a training step"
        return say(f"evaluation 0, this pass, to {count - 1}" if count else once, ok=count > 0)
    if text.strip() == "0" and origin is not session.branch:
        session.switch(origin, "")
        return session.goto("start")
    edit = edits.parse(f"{evaluations.NAME} = {text}", origin, session.cursor)
    if origin is not session.branch:
        session.switch(origin, "")
    known = evaluations.made(session.branches, origin, edit)
    reply = _edited(session, edit) if known is None else session.switch(known, edit.text)
    began = session.goto("start")
    return reply._replace(lines=(*began.lines, *reply.lines[1:]))


def _edited(session: Session, edit: Edit) -> Reply:
    """Go on with an edit: what it promised of the loss, what it did, and what differs."""

    from bptui.model.debugger.answers.whatif import lines_of

    reply = session.edit(edit)
    session.view.show(Answer(WHAT_IF))
    if edit.name:
        session.select(edit.name, edit.at or None)
    return reply._replace(lines=(*reply.lines, *lines_of(session)), seen=True)


@family.text(
    "nudge", "Add 0.1, or what was said last, to a number: what the loss does, and what was promised",
    keys=("plus",), line="nudge", twin="nudge-back", short="nudge",
    usage="[NAME[i,j]] [DELTA]", complete="given",
)  # fmt: skip
def nudge(session: Session, text: str) -> Reply:
    return _nudged(session, text, 1)


@family.text(
    "nudge-back", "Take away what nudge adds", keys=("minus",), line="nudge-back", short="nudge", twin="nudge",
    usage="[NAME[i,j]] [DELTA]", complete="given",
)  # fmt: skip
def nudge_back(session: Session, text: str) -> Reply:
    return _nudged(session, text, -1)


def _nudged(session: Session, text: str, sign: int) -> Reply:
    from bptui.model.debugger.edits import nudges

    if not text and session.node.op is not None:
        return say(f"{session.node.name} is computed: select a parameter or an input to nudge it", ok=False)
    return _edited(session, nudges.parse(text, session, sign))


@family.nothing(
    "undo", "Back to before the last change; what it led to is kept", keys=("u",), short="undo", twin="redo"
)  # fmt: skip
def undo(session: Session) -> Reply:
    branch = session.branch
    if branch.parent is None:
        return say("nothing has been changed", ok=False)
    return session.switch(branch.parent, f"undone: {branch.edits[-1].text}")


@family.nothing(
    "redo", "The last change that was made here, again", keys=("U",), short="undo", twin="undo"
)  # fmt: skip
def redo(session: Session) -> Reply:
    after = [branch for branch in session.branches if branch.parent is session.branch]
    if not after:
        return say("nothing was undone here", ok=False)
    return session.switch(after[-1], after[-1].edits[-1].text)


@family.text("branch", "To a branch by its number, 0 for the original; alone: which one this is", usage="[N]")
def branch(session: Session, text: str) -> Reply:
    from bptui.model.debugger.answers import branches
    from bptui.model.debugger.answers.whatif import lines_of

    if not text:
        return say(branches.row(session, session.branch))
    to = branches.find(session, text, "branch")
    reply = session.switch(to, branches.name_of(to))
    if to.parent is not None:
        session.view.show(Answer(WHAT_IF))
        lines_of(session)  # finds out what the panel shows
    return reply


@family.nothing("branches", "All branches: what was changed in each, and its loss at this training step")
def branches_(session: Session) -> Reply:
    from bptui.model.debugger.answers import branches

    return say(*(branches.row(session, each) for each in session.branches))


@family.text(
    "diff", "What differs from the original, or between branches; =: in the Network panel, and back",
    keys=("equals_sign",), line="diff column", short="diff",
    usage="[A [B]|column]",
)  # fmt: skip
def diff(session: Session, text: str) -> Reply:
    from bptui.model.debugger.answers import branches

    return branches.column(session) if text == "column" else branches.diff(session, text)


@family.nothing("moved", "Which numbers of the parameters moved the loss most in this training step")
def moved(session: Session) -> Reply:
    from bptui.model.debugger.answers.moved import moved as tell

    return tell(session)
