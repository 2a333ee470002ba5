"""Command lines that stand in a file, or in a command of one's own: where each stands, and what it becomes.

A line that stands for others (`source FILE`, a word of one's own) answers with them, and whoever runs lines runs those
next: the screen, plain mode and a batch read the same text. Nothing but commands of the registry can come of it, and
nothing runs for ever: a file or a word that is being run is not run again inside of itself, and what comes of one line
is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bptui.model.base.errors import UserError
from bptui.model.base.files import read_text

MAX_LENGTH = 4_000
"""Characters that a command line may have."""
MAX_SCRIPT, MAX_LINES = 2**20, 10_000
"""Bytes and lines of one file."""
MAX_RUN = 100_000
"""Lines that one line may come to."""
MAX_WORDS = 1_000
"""Commands of one's own, and the lines in each."""
MAX_INSIDE = 50
"""Files and commands that are run inside of each other."""
MAX_NAME = 40
"""Characters of a file's name in a message."""
_NAME = re.compile(r"[a-zA-Z][\w-]{0,39}", re.ASCII)
_ARGUMENT = re.compile(r"\$arg(c|\d{1,3})\b")


class Origin(NamedTuple):
    """Where a command line stands: a line, from 1, of a file or of a command of one's own, which `caller` ran."""

    name: str
    line: int
    caller: Origin | None = None

    @property
    def text(self) -> str:
        """`demo.bp line 3`, `demo.bp line 3, twice line 1`: the outermost, the innermost; long paths by their ends."""
        root = self.caller
        while root is not None and root.caller is not None:
            root = root.caller
        before = "" if root is None else f"{root._named()}, "
        return f"{before}{self._named()}"

    def _named(self) -> str:
        name = self.name if len(self.name) <= MAX_NAME else f"…{self.name[1 - MAX_NAME :]}"
        return f"{name} line {self.line}"

    def inside(self) -> Sequence[str]:
        """The names of all that is being run, the innermost first."""
        names, at = [self.name], self.caller
        while at is not None:
            names.append(at.name)
            at = at.caller
        return names


class ScriptLine(NamedTuple):
    """A command line, and where it stands; None for one that was typed."""

    text: str
    origin: Origin | None = None


class ScriptError(UserError):
    """A line of a script that cannot be carried out: the message begins with its file and line."""

    def __init__(self, origin: Origin, error: UserError) -> None:
        super().__init__(f"{origin.text}: {error.where}", error.what, error.right)


def read(name: str, where: str = "source") -> list[str]:
    """The lines of a script, empty ones and comments among them, so that they count."""
    lines = read_text(name, where, MAX_SCRIPT).splitlines()
    if len(lines) > MAX_LINES:
        raise UserError(where, f"{name[:100]} has {len(lines):,} lines", f"at most {MAX_LINES:,}")
    return lines


@dataclass
class Scripts:
    """What a session knows of scripts.

    words    the commands of one's own: their lines as they were written
    defining the name whose lines are being read, None for none; every line is one of its own until `end`
    at       where the line that is being run stands
    replayed these are the lines of a replay: nothing outside of the session comes of them
    """

    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    defining: str | None = None
    at: Origin | None = None
    replayed: bool = False
    _lines: list[str] = field(default_factory=list)
    _known: Collection[str] = ()
    _run: int = 0

    def begin(self, line: ScriptLine, known: Collection[str]) -> None:
        """A line is to be run now; `known` are the words of all commands, which keep their meaning."""
        self.at, self._known = line.origin, known
        if line.origin is None:
            self._run = 0

    def source(self, name: str) -> tuple[ScriptLine, ...]:
        """The lines of a file, each with its place."""
        return self._lines_of(name, read(name))

    def define(self, name: str) -> str:
        """From now on lines are those of a new command. What to say."""
        if not _NAME.fullmatch(name):
            raise UserError("define", f"'{name[:40]}' is not a name", "letters, digits, - and _: define twice")
        if name in self._known:
            raise UserError("define", f"{name} is a command already", "another name")
        if len(self.words) >= MAX_WORDS:
            raise UserError("define", "too many commands of one's own", f"at most {MAX_WORDS:,}")
        self.defining, self._lines = name, []
        return f"define {name}: its lines, a command each; end ends it"

    def collect(self, text: str) -> str:
        """A line while a command is defined; what to say, if anything."""
        name, text = self.defining, text.strip().removeprefix(":").strip()
        assert name is not None
        if text != "end":
            if len(self._lines) >= MAX_WORDS or len(text) > MAX_LENGTH:
                self.defining = None
                right = f"at most {MAX_WORDS:,} lines of {MAX_LENGTH:,} characters"
                raise UserError("define", f"{name} has too many lines, or too long a one", right)
            self._lines.append(text)
            return ""
        self.words[name], self.defining = tuple(self._lines), None
        return f"{name} is a command of {len(self._lines)} lines now"

    def give_up(self) -> str:
        """Define nothing after all; what to say."""
        name, self.defining = self.defining, None
        return f"{name} is not defined"

    def call(self, name: str, argument: str) -> tuple[ScriptLine, ...]:
        """The lines of a command of one's own, with its arguments in their places: `$arg0`, `$arg1` …, `$argc`."""
        given = argument.split()
        if any(len(text) + len(argument) * text.count("$arg") > MAX_LENGTH for text in self.words[name]):
            raise UserError(name, "its lines are too long with these arguments", f"at most {MAX_LENGTH:,} characters")

        def put(found: re.Match[str]) -> str:
            if found[1] == "c":
                return str(len(given))
            if int(found[1]) >= len(given):
                raise UserError(name, f"${found[0][1:]} is missing", f"{name} takes {int(found[1]) + 1} arguments")
            return given[int(found[1])]

        return self._lines_of(name, [_ARGUMENT.sub(put, text) for text in self.words[name]])

    def _lines_of(self, name: str, texts: Sequence[str]) -> tuple[ScriptLine, ...]:
        inside = [] if self.at is None else self.at.inside()
        if name in inside:
            raise UserError(name, "is being run already", "what runs itself would never end")
        if len(inside) >= MAX_INSIDE:
            raise UserError(name, "too many scripts inside of each other", f"at most {MAX_INSIDE}")
        self._run += len(texts)
        if self._run > MAX_RUN:
            raise UserError(name, "too many lines", f"at most {MAX_RUN:,} in one go")
        origin = Origin(name, 0, self.at)
        return tuple(ScriptLine(text, origin._replace(line=i)) for i, text in enumerate(texts, 1))
