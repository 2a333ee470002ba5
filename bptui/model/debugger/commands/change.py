"""Changing what is trained. A change makes a branch; nothing that was computed before is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

family = Family("Change")


@family.text(
    "set", "Change a number, the optimizer or the network: a branch, in which it is trained from here on or anew",
    keys=("e",), line="set ", aliases=("edit",), usage="NAME[i,j] [= VALUE]", complete="setting", needed=True,
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
    return session.edit(edits.parse(text, session.branch, session.cursor))


@family.nothing("undo", "Back to before the last change; what it led to is kept", keys=("u",), twin="redo")
def undo(session: Session) -> Reply:
    branch = session.branch
    if branch.parent is None:
        return say("nothing has been changed", ok=False)
    return session.switch(branch.parent, f"undone: {branch.edits[-1].text}")


@family.nothing("redo", "The last change that was made here, again", keys=("U",), twin="undo")
def redo(session: Session) -> Reply:
    after = [branch for branch in session.branches if branch.parent is session.branch]
    if not after:
        return say("nothing was undone here", ok=False)
    return session.switch(after[-1], after[-1].edits[-1].text)
