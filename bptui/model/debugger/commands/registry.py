"""All commands, found by word or key, and run. Importing this imports no NumPy."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger.commands import change, findings, keep, look, move, other, panels, scripts, stops
from bptui.model.debugger.commands.habits import called_here
from bptui.model.debugger.commands.row import Command
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.script import MAX_LENGTH, ScriptError, ScriptLine

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

FAMILIES = (
    move.family, stops.family, findings.family, look.family, change.family, panels.family, keep.family,
    scripts.family, other.family,
)  # fmt: skip
COMMANDS: tuple[Command, ...] = tuple(row for family in FAMILIES for row in family.rows)

UNKNOWN = "there is no such command"
OUTSIDE = ("write", "export", "copy", "copy-panel")
"""Commands that are about what lies outside of a session: a replay does not carry them out."""


@cache
def table() -> dict[str, Command]:
    """Commands by all their words."""
    return {word: command for command in COMMANDS for word in command.words}


def key_line(command: Command, key: str) -> str:
    """What a key of a command runs; with a blank at the end, what the `:` line opens with."""
    return f"{command.word} {key}" if key.isdigit() else command.line or command.word


def find(word: str) -> Command:
    """A command by word, alias, key letter, or a beginning that only it has; UserError says what is near."""
    known = table()
    if word in known:
        return known[word]
    matching = {command.word: command for name, command in known.items() if len(name) > 1 and name.startswith(word)}
    if len(matching) == 1:
        return next(iter(matching.values()))
    if matching and not called_here(word):
        raise UserError(word, "could be several commands", ", ".join(matching))
    words = [name for name in known if len(name) > 1]
    right = called_here(word) or did_you_mean(word, words, "help lists them")
    raise UserError(word[:40], UNKNOWN, right)


def split(text: str) -> tuple[Command | None, str]:
    """A command line as command and argument; a leading `:` is dropped. (None, "") for an empty line or a comment."""
    text = text.strip().removeprefix(":").strip()
    if len(text) > MAX_LENGTH:
        raise UserError("command", f"{len(text)} characters", f"at most {MAX_LENGTH}")
    if not text or text.startswith("#"):
        return None, ""
    if text[0] in "/":
        return find("search"), text[1:].strip()
    word, _, argument = text.partition(" ")
    argument = argument.strip()
    command = find("print" if word == "p" and argument else word)  # as gdb and pdb have it; the key is that of paths
    if argument and command.takes == "nothing":
        raise UserError(command.word, f"'{argument[:40]}' is too much", f"{command.word} takes no argument")
    if command.needed and not argument:
        raise UserError(command.word, "something is missing", command.help)
    return command, argument


def run(session: Session, line: str | ScriptLine) -> Reply:
    """Carry out one command line. Raises UserError for what cannot be understood or done; for a line of a script it
    says where that stands.

    What only the front end can do, the Reply asks of it: `reply.asks(front_end)`; what a line stands for, it is to run
    next: `reply.then`.
    """
    from numpy import errstate  # here, so that the registry is read before the first frame

    line = ScriptLine(line) if isinstance(line, str) else line
    session.scripts.begin(line, table())
    session.progress.cancelled = False
    try:
        with errstate(all="ignore"):  # what is not finite is told by cards and findings, and not by NumPy on stderr
            return _run(session, line.text)
    except UserError as error:
        raise located(line, error) from None


def located(line: ScriptLine, error: UserError) -> UserError:
    """What is wrong with a line, with the place where it stands."""
    if line.origin is None or isinstance(error, ScriptError):
        return error
    return ScriptError(line.origin, error)


def lookup(session: Session, text: str) -> tuple[Command | None, str]:
    """As `split`; (None, "") too for a word of one's own, and for a line while one is defined."""
    return (None, "") if session.scripts.defining is not None or _own(session, text) else split(text)


def _own(session: Session, text: str) -> tuple[str, str] | None:
    word, _, argument = text.strip().removeprefix(":").strip().partition(" ")
    return (word, argument) if word in session.scripts.words else None


def _of_a_name(session: Session, text: str, problem: UserError) -> UserError:
    """What is wrong with a line that begins with no command; one that begins with a name of the network, or with `lr`
    or `loss`, is asked for with print, and given with set."""
    from bptui.model.debugger.expressions.functions import NAMES

    line = text.strip().removeprefix(":").strip()
    name = re.match(r"[\w.]*", line)[0]  # type: ignore[index]  # it matches nothing at least
    if problem.what != UNKNOWN or (name not in session.branch.graph.called and name not in NAMES):
        return problem
    given = re.match(r"[^=<>!]*=(?!=)", line)
    return UserError(problem.where, problem.what, f"{'set' if given else 'print'} {line[:60]}")


def _run(session: Session, text: str) -> Reply:
    scripts = session.scripts
    if scripts.defining is not None:
        said = scripts.collect(text)
        return say(said) if said else Reply()
    if own := _own(session, text):
        return Reply(then=scripts.call(*own))
    try:
        command, argument = split(text)
    except UserError as problem:
        raise (_of_a_name(session, text, problem)) from None
    if command is None:
        return Reply()
    if scripts.replayed and command.word in OUTSIDE:
        return say(f"{command.word} is left out in a replay")
    if command.run is None:
        return Reply(asks=command.asked(argument))
    before = session.place
    try:
        session.message = command.run(session, argument)
    except Cancelled:
        session.message = say("interrupted", ok=False)
    if command.word not in ("back", "forward"):
        session.trail.moved(before, session.place)
    return session.message
