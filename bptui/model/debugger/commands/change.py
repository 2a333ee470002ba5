"""Changing what is trained. A change makes a branch; nothing that was computed before is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.view import Answer

if TYPE_CHECKING:
    from bptui.model.debugger.branch import Branch
    from bptui.model.debugger.edit import Edit
    from bptui.model.debugger.session import Session

family = Family("Change")


@family.text(
    "set", "Change a number, the optimizer or the network: a branch, in which it is trained from here on or anew",
    keys=("e",), line="set {selected} = ", short="edit", aliases=("edit",), usage="NAME[i,j] [= VALUE]",
    complete="setting", needed=True,
)  # fmt: skip
def set_(session: Session, text: str) -> Reply:
    """`NAME = VALUE`; NAME alone says what it is now."""
    from bptui.model.debugger import edits, expressions, settings
    from bptui.model.debugger.lines import evaluated

    if "=" not in text:
        given = session.graph.by_name.get(text.partition("[")[0])
        if given is None:
            return say(settings.now(text, session.branch))
        return say(*evaluated(session, expressions.parse(text, session.graph)))
    return _edited(session, edits.parse(text, session.branch, session.cursor))


def _edited(session: Session, edit: Edit) -> Reply:
    session.view.show(Answer("whatif"))
    return session.edit(edit)


@family.text(
    "nudge", "Add to the selected number, or to NAME[i,j]: 0.1, or what was said last; what the loss does is compared "
    "with gradient × nudge", keys=("plus",), line="nudge", twin="nudge-back", short="nudge",
    usage="[NAME[i,j]] [DELTA]", complete="node",
)  # fmt: skip
def nudge(session: Session, text: str) -> Reply:
    from bptui.model.debugger import nudges

    return _edited(session, nudges.parse(text, session, 1))


@family.text(
    "nudge-back", "Take away what nudge adds", keys=("minus",), line="nudge-back", twin="nudge",
    usage="[NAME[i,j]] [DELTA]", complete="node",
)  # fmt: skip
def nudge_back(session: Session, text: str) -> Reply:
    from bptui.model.debugger import nudges

    return _edited(session, nudges.parse(text, session, -1))


@family.nothing(
    "undo", "Back to before the last change; what it led to is kept", keys=("u",), short="undo", twin="redo"
)
def undo(session: Session) -> Reply:
    branch = session.branch
    if branch.parent is None:
        return say("nothing has been changed", ok=False)
    return _moved(session, branch.parent, f"undone: {branch.edits[-1].text}")


@family.nothing("redo", "The last change that was made here, again", keys=("U",), twin="undo")
def redo(session: Session) -> Reply:
    after = [branch for branch in session.branches if branch.parent is session.branch]
    if not after:
        return say("nothing was undone here", ok=False)
    return _moved(session, after[-1], after[-1].edits[-1].text)


def _moved(session: Session, branch: Branch, note: str) -> Reply:
    """Go to another branch; in the original there is no answer to what if."""
    answer = session.view.answer
    if answer is not None and answer.panel == "whatif" and branch.parent is None:
        session.view.answer = None
    return session.switch(branch, note)


@family.text("branch", "To a branch by its number, 0 for the original; alone: which one this is", usage="[N]")
def branch(session: Session, text: str) -> Reply:
    from bptui.model.debugger import branches

    if not text:
        return say(branches.row(session, session.branch))
    to = branches.find(session, text, "branch")
    session.view.show(Answer("whatif"))
    return _moved(session, to, branches.name_of(to))


@family.nothing("branches", "All branches: what was changed in each, and its loss at this training step")
def branches_(session: Session) -> Reply:
    from bptui.model.debugger import branches

    return say(*(branches.row(session, each) for each in session.branches))


@family.text(
    "diff", "What differs from the original, or between two branches, largest change first; = shows it in the Network "
    "panel in the place of gradients, and back", keys=("equals_sign",), line="diff column", short="diff",
    usage="[A [B]|column]",
)  # fmt: skip
def diff(session: Session, text: str) -> Reply:
    from bptui.model.debugger import branches

    return branches.column(session) if text == "column" else branches.diff(session, text)
