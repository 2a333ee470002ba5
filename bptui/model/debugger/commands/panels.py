"""Panels, and how the screen looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands.row import Family
from bptui.model.debugger.front_end import FrontEnd
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

family = Family("Panels")
MOST = 99
"""The largest number of a panel. The first nine have their digit as a key; others are reached by tab and `focus 10`."""
THEMES = "dark|light|high-contrast|ansi-dark|ansi-light"


@family.text(
    "focus", "To the panel with this number", keys=tuple("123456789"), usage="N", needed=True,
)  # fmt: skip
def focus(session: Session, text: str) -> Reply:
    if text not in map(str, range(1, MOST + 1)):
        raise UserError("focus", f"there is no panel '{text[:40]}'", "its number, as in focus 3")
    session.view.focus = int(text)
    return Reply()


family.front_end("focus-next", "To the next panel", FrontEnd.do_focus_next, keys=("tab",), twin="focus-previous")
family.front_end(
    "focus-previous", "To the panel before", FrontEnd.do_focus_previous, keys=("shift+tab",), twin="focus-next",
)  # fmt: skip


@family.nothing("zoom", "Give the panel the whole screen, and back", keys=("z",), short="zoom")
def zoom(session: Session) -> Reply:
    session.view.zoom = not session.view.zoom
    return Reply()


@family.text(
    "fold", "Open or close a row of the modules of a captured step; alone: the one that is looked at",
    usage="[MODULE]", complete="node",
)  # fmt: skip
def fold(session: Session, text: str) -> Reply:
    from bptui.model.debugger.folding import toggle

    return toggle(session, text)


@family.nothing(
    "close", "Close the answer, then the zoom; else follow the moment again", keys=("escape",),
)  # fmt: skip
def close(session: Session) -> Reply:
    """One thing at a time, the one that was opened last first."""
    view = session.view
    if view.answer is not None:
        view.close()
        return Reply()
    if view.zoom:
        view.zoom = False
        return Reply()
    return session.select("")


family.front_end(
    "present", "One operation for a whole room, or the loss: a question, then its answer; esc leaves",
    FrontEnd.do_present, keys=("P",), short="present", usage="[on|off|loss]", complete="on|off|loss",
)  # fmt: skip


@family.nothing("page", "In present mode the answer, then what is asked next", twin="page-back")
def page(session: Session) -> Reply:
    return session.turn(1) if session.view.present else say("no page is presented; P does", ok=False)


@family.nothing("page-back", "In present mode the question again, then the page before it", twin="page")
def page_back(session: Session) -> Reply:
    return session.turn(-1) if session.view.present else say("no page is presented; P does", ok=False)


@family.text(
    "says", "In present mode which answer the class says, before it is told; 0 for none", usage="N", needed=True
)
def says(session: Session, text: str) -> Reply:
    view = session.view
    if not view.present or not view.asks:
        right = "present, or a page back" if view.present else "present"
        raise UserError("says", "no question is open", right)
    if text not in ("0", "1", "2", "3", "4"):
        raise UserError("says", f"'{text[:40]}' is no answer", "1 to 4; 0 for none")
    view.says = int(text) if int(text) != view.says else 0
    return Reply()


family.front_end(
    "autoplay", "Turn the pages of present mode every 5 seconds, or so many; space stops it", FrontEnd.do_autoplay,
    usage="[SECONDS|off]", complete="off",
)  # fmt: skip
family.front_end(
    "theme", "Choose the colours; alone: the next theme", FrontEnd.do_theme, usage=f"[{THEMES}]", complete=THEMES,
)  # fmt: skip
