"""Marks; what is copied and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.spans import line
from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

family = Family("Copy and keep")
MAX_MARKS = 1_000


@family.text("mark", "Mark this moment", keys=("m",), usage="[NAME]")
def mark(session: Session, text: str) -> Reply:
    if len(session.marks) >= MAX_MARKS or len(text) > 40:
        raise UserError("mark", "too many marks or too long a name", f"{MAX_MARKS} marks, names of 40 characters")
    name = text or next(str(i) for i in range(1, MAX_MARKS + 2) if str(i) not in session.marks)
    session.mark(name)
    return say(line("mark ", (name, "bold"), " at ", *session.where()))


@family.text("jump", "Go to a mark", keys=("apostrophe",), line="jump ", usage="[NAME]", complete="mark")
def jump(session: Session, text: str) -> Reply:
    """To a mark; to the last one where none is named."""
    if not session.marks:
        raise UserError("jump", "there is no mark", "m sets one")
    name = text or next(reversed(session.marks))
    if name not in session.marks:
        right = did_you_mean(name, session.marks, f"there are {', '.join(list(session.marks)[:8])}")
        raise UserError("jump", f"there is no mark '{name[:40]}'", right)
    return session.jump(name)


@family.nothing("restore", "Go on where this was left the last time, with all that was set then")
def restore(session: Session) -> Reply:
    if session.saved is None:
        return say("nothing is kept of an earlier session", ok=False)
    take_up, session.saved = session.saved, None
    return take_up()


family.front_end(
    "copy", "Copy the selected number or tensor", FrontEnd.do_copy, keys=("y",), short="copy",
    usage="[text|latex|numpy|json]", complete="text|latex|numpy|json",
)  # fmt: skip
family.front_end("copy-panel", "Copy the text of the panel", FrontEnd.do_copy_panel, keys=("Y",))


@family.text(
    "write", "Write the selected tensor to a new .json, .npy or .txt file, all weights to a .safetensors or .npz",
    usage="FILE", needed=True,
)  # fmt: skip
def write(session: Session, text: str) -> Reply:
    from bptui.model.debugger.answers import export

    return export.write(session, text)


family.front_end(
    "export", "Write a derivation, this moment, the training step or the screen as Markdown, LaTeX or SVG",
    FrontEnd.do_export, usage="[NUMBER [from NODE]|moment|step|screen] [FILE.md|.tex|.svg]", complete="exported",
)  # fmt: skip
