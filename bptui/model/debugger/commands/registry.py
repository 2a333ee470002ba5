"""All commands, found by word or key, and run. Importing this imports no NumPy."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bptui.model.base import unsupported
from bptui.model.base.errors import UserError, did_you_mean
from bptui.model.debugger.commands import change, keep, look, move, other, panels, stops
from bptui.model.debugger.commands.row import Command
from bptui.model.debugger.progress import Cancelled
from bptui.model.debugger.reply import Reply, say

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session

FAMILIES = (move.family, stops.family, look.family, change.family, panels.family, keep.family, other.family)
COMMANDS: tuple[Command, ...] = tuple(row for family in FAMILIES for row in family.rows)
MAX_LENGTH = 4_000
"""Characters that a command line may have."""


@cache
def table() -> dict[str, Command]:
    """Commands by all their words."""
    return {word: command for command in COMMANDS for word in command.words}


def by_key(key: str) -> Command | None:
    """The command of a key, by Textual's name of it."""
    return next((command for command in COMMANDS if key in command.keys), None)


def key_line(command: Command, key: str) -> str:
    """What a key of a command runs; with a blank at the end, what the `:` line opens with."""
    return f"{command.word} {key}" if key.isdigit() else command.line or command.word


def find(word: str) -> Command:
    """A command by word, alias, key letter, or a beginning that only it has; UserError says what is near."""
    known = table()
    if word in known:
        return known[word]
    if not_yet := unsupported.command(word):
        raise not_yet
    matching = {command.word: command for name, command in known.items() if len(name) > 1 and name.startswith(word)}
    if len(matching) == 1:
        return next(iter(matching.values()))
    if matching:
        raise UserError(word, "could be several commands", ", ".join(matching))
    words = [name for name in known if len(name) > 1]
    raise UserError(word[:40], "there is no such command", did_you_mean(word, words, "help lists them"))


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
    command = find(word)
    argument = argument.strip()
    if argument and command.takes == "nothing":
        raise UserError(command.word, f"'{argument[:40]}' is too much", f"{command.word} takes no argument")
    if command.needed and not argument:
        raise UserError(command.word, "something is missing", command.help)
    return command, argument


def run(session: Session, text: str) -> Reply:
    """Carry out one command line. Raises UserError for what cannot be understood or done.

    What only the front end can do, the Reply asks of it: `reply.asks(front_end)`.
    """
    command, argument = split(text)
    if command is None:
        return Reply()
    if command.run is None:
        return Reply(asks=command.asked(argument))
    try:
        session.message = command.run(session, argument)
    except Cancelled:
        session.message = say("interrupted", ok=False)
    return session.message
