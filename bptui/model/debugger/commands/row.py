"""What a command is: a row, which stands as a decorator on the function that carries it out.

    @move.count("step", "One operation forward", keys=("s", "space"), twin="reverse-step", usage="[N]")
    def step(session: Session, count: int) -> Reply: ...

Key bindings, the footer, `?`, the palette, the `:` line with its completion, plain mode, scripts and docs/keys.md are
all made from these rows, and a test sweeps them. Importing a family imports no NumPy: a function imports what it
needs when it runs.

Lowercase goes forward, UPPERCASE does the same backward; nothing needs ctrl, alt, an F key or the mouse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict, TypeVar, Unpack

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.base.typed import whole
from bptui.model.debugger.reply import Reply

if TYPE_CHECKING:
    from bptui.model.debugger.front_end import FrontEnd
    from bptui.model.debugger.session import Session

Takes = Literal["nothing", "count", "text"]
Group = Literal["Move", "Stops", "Findings", "Look", "Change", "Panels", "Copy and keep", "Scripts", "Other"]
MAX_COUNT = 10**9
_Name = TypeVar("_Name", bound=str)


class Parts(TypedDict, total=False):
    """The parts of a row that may be left out; see Command."""

    keys: tuple[str, ...]
    line: str
    short: str
    twin: str
    aliases: tuple[str, ...]
    usage: str
    complete: str
    needed: bool


class Command(NamedTuple):
    """One row.

    word     what one types after `:`; gdb's word where gdb has it
    summary  one line, for help, palette and documentation
    takes    nothing, a count (default 1), or text;  usage  how help writes its argument
    run      carries it out in a session, with its argument as it was typed
    ask      the method of the front end that does it instead, which alone can: one of the two is None
    keys     Textual's names of its keys, the first of which is shown
    line     what its key runs, where that is not the bare word; a blank at the end opens the `:` line with it instead,
             `{selected}` in it being the selected number
    short    the word of the footer, "" to stay out of it
    twin     the word of the command that does the same in the other direction
    aliases  other words for it; every single-letter key is one, too
    complete what completion offers: node, place, stop, expression, exported, input, mark, help, or the words
             themselves separated by |
    needed   its text may not be left out
    """

    word: str
    summary: str
    group: Group
    takes: Takes
    run: Callable[[Session, str], Reply] | None = None
    ask: Callable[[FrontEnd, str], None] | None = None
    keys: tuple[str, ...] = ()
    line: str = ""
    short: str = ""
    twin: str = ""
    aliases: tuple[str, ...] = ()
    usage: str = ""
    complete: str = ""
    needed: bool = False

    @property
    def key(self) -> str:
        """Its key as one reads it on a keyboard, "" where it has none."""
        return shown(self.keys[0]) if self.keys else ""

    @property
    def words(self) -> tuple[str, ...]:
        """All that it answers to in the command line."""
        letters = [shown(key) for key in self.keys if not self.line and not key.isdigit()]
        return tuple(dict.fromkeys((self.word, *self.aliases, *(key for key in letters if len(key) == 1))))

    @property
    def opens(self) -> bool:
        """Does its key open the command line, for an argument?"""
        return self.line.endswith(" ")

    def asked(self, argument: str) -> Callable[[FrontEnd], None] | None:
        """What is asked of the front end, None where the session does it."""
        ask = self.ask
        return None if ask is None else lambda front: getattr(front, ask.__name__)(argument)

    @property
    def help(self) -> str:
        """`step [N]`: word and argument."""
        return f"{self.word} {self.usage}".strip()


class Family:
    """The commands of one group, in the order of help. Its methods are the decorators that add one."""

    def __init__(self, group: Group) -> None:
        self.group: Group = group
        self.rows: list[Command] = []

    def nothing(
        self, word: str, summary: str, **parts: Unpack[Parts]
    ) -> Callable[[Callable[[Session], Reply]], Callable[[Session], Reply]]:
        """A command without an argument."""

        def add(function: Callable[[Session], Reply]) -> Callable[[Session], Reply]:
            self.rows.append(Command(word, summary, self.group, "nothing", lambda at, _: function(at), **parts))
            return function

        return add

    def count(
        self, word: str, summary: str, **parts: Unpack[Parts]
    ) -> Callable[[Callable[[Session, int], Reply]], Callable[[Session, int], Reply]]:
        """A command that is repeated: it takes a number from 1."""

        parts["usage"] = "[N]"

        def add(function: Callable[[Session, int], Reply]) -> Callable[[Session, int], Reply]:
            def run(session: Session, text: str) -> Reply:
                return function(session, _count(word, text))

            self.rows.append(Command(word, summary, self.group, "count", run, **parts))
            return function

        return add

    def text(
        self, word: str, summary: str, **parts: Unpack[Parts]
    ) -> Callable[[Callable[[Session, str], Reply]], Callable[[Session, str], Reply]]:
        """A command that reads its argument itself, "" where there is none."""

        def add(function: Callable[[Session, str], Reply]) -> Callable[[Session, str], Reply]:
            self.rows.append(Command(word, summary, self.group, "text", function, **parts))
            return function

        return add

    def front_end(self, word: str, summary: str, ask: Callable[[FrontEnd, str], None], **parts: Unpack[Parts]) -> None:
        """A command that only the front end can carry out, by that method; with a `usage` it takes text."""
        takes: Takes = "text" if parts.get("usage") else "nothing"
        self.rows.append(Command(word, summary, self.group, takes, ask=ask, **parts))


def _count(word: str, text: str) -> int:
    count = whole(text or "1", 1, MAX_COUNT)
    if count is None:
        raise UserError(word, f"'{text[:40]}' is not a count", f"{word} N, with N from 1")
    return count


def choice(text: str, known: Sequence[_Name], where: str) -> _Name:
    """The one of some words that begins so."""
    found = [each for each in known if each.startswith(text.lower())]
    if len(found) != 1:
        raise UserError(where, f"'{text[:40]}' is not one", did_you_mean(text, known, ", ".join(known)))
    return found[0]


SHOWN = {
    "greater_than_sign": ">", "less_than_sign": "<", "slash": "/", "full_stop": ".", "comma": ",", "apostrophe": "'",
    "colon": ":", "question_mark": "?", "plus": "+", "minus": "-", "asterisk": "*",
    "equals_sign": "=", "percent_sign": "%", "left_parenthesis": "(", "right_parenthesis": ")",
}  # fmt: skip


def shown(key: str) -> str:
    """A key as one reads it on a keyboard: `>` for Textual's `greater_than_sign`."""
    return SHOWN.get(key, key)
