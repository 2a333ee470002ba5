"""Scripts: command lines from a file, commands of one's own, and what is expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

family = Family("Scripts")


@family.text("source", "Run the commands of a file", usage="FILE", needed=True, complete="file")
def source(session: Session, text: str) -> Reply:
    return Reply(then=session.scripts.source(text))


@family.text("define", "A command of your own: its lines follow, up to end; $arg0 … are its arguments",
             usage="NAME", needed=True)  # fmt: skip
def define(session: Session, text: str) -> Reply:
    return say(session.scripts.define(text))


@family.nothing("end", "The end of define")
def end(session: Session) -> Reply:
    raise UserError("end", "nothing is being defined", "define NAME begins it")


family.front_end(
    "expect", "Fail where a text is not shown, or an expression has another value", FrontEnd.do_expect,
    usage="TEXT | print EXPR == VALUE",
)  # fmt: skip
