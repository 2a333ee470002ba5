"""What a command answers: lines of spans, which a screen colours and plain mode prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bptui.model.base.spans import Line, Span, plain

if TYPE_CHECKING:
    from bptui.model.debugger.front_end import FrontEnd
    from bptui.model.debugger.script import ScriptLine


class Reply(NamedTuple):
    """The answer to a command.

    lines   what it says; the first line fits the command line of a screen
    ok      False where it could not do what was asked (an end was reached, nothing was found); not an error
    moved   the cursor stands at another Moment than before
    asks    what only the front end can do: called with it
    then    the command lines that it stands for, which are to be run next
    seen    a panel of the screen shows it: there it is not said again
    """

    lines: tuple[Line, ...] = ()
    ok: bool = True
    moved: bool = False
    asks: Callable[[FrontEnd], None] | None = None
    then: tuple[ScriptLine, ...] = ()
    seen: bool = False

    @property
    def text(self) -> str:
        """All lines, without their styles."""
        return "\n".join(plain(spans) for spans in self.lines)


def say(*lines: str | Line, ok: bool = True, moved: bool = False, seen: bool = False) -> Reply:
    """A Reply of plain strings or ready lines."""
    return Reply(tuple((Span(item),) if isinstance(item, str) else item for item in lines), ok, moved, seen=seen)
