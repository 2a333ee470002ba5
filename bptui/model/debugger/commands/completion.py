"""What the `:` line can go on as: commands by their words, arguments by what a row's `complete` names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bptui.model.base.errors import UserError
from bptui.model.base.files import offered
from bptui.model.debugger.commands.registry import COMMANDS, find
from bptui.model.debugger.commands.row import Command

if TYPE_CHECKING:
    from bptui.model.debugger.session import Session


def complete(session: Session, text: str) -> list[str]:
    """What the line could go on as: whole lines, best first. Offers nothing where anything may follow."""
    word, blank, argument = text.lstrip(": ").partition(" ")
    if not blank:
        words = (*(command.word for command in COMMANDS), *session.scripts.words)
        return sorted(each for each in words if each.startswith(word))
    try:
        command = find(word)
    except UserError:
        return []
    if command.complete == "file":
        return [f"{command.word} {path}" for path in offered(argument)]
    start = re.search(r"[^\s()\[\]+*/,<>=-]*$" if command.complete in ("expression", "exported") else r"\S*$", argument)
    assert start is not None
    stem, typed = argument[: start.start()], start.group()
    able = candidates(session, command, stem)
    return [f"{command.word} {stem}{name}" for name in able if name.startswith(typed) and name != typed]


def candidates(session: Session, command: Command, before: str = "") -> Sequence[str]:
    """The words that may stand in a command's argument, after `before`."""
    kind = command.complete
    if kind in _WORDS:
        return _WORDS[kind](session)
    return tuple(kind.split("|")) if kind and not before.strip() else ()


def _places(session: Session) -> tuple[str, ...]:
    from bptui.model.debugger import locations
    from bptui.model.engine.timeline import PHASES

    return (*PHASES, "start", "end", "step", *locations.names(session.graph))


def _stops(session: Session) -> tuple[str, ...]:
    from bptui.model.debugger import locations
    from bptui.model.engine.timeline import PHASES

    operations = dict.fromkeys(node.op.name for node in session.graph.ops if node.op is not None)
    return (*PHASES, *locations.names(session.graph), *operations)


def _expressions(session: Session) -> tuple[str, ...]:
    from bptui.model.debugger.expressions.functions import FUNCTIONS, NAMES

    return (*session.graph.called, *NAMES, *(f"{name}(" for name in FUNCTIONS))


def _inputs(session: Session) -> tuple[str, ...]:
    return tuple(session.graph.nodes[session.about.inputs[i]].name for i in session.inputs)


def _given(session: Session) -> tuple[str, ...]:
    from bptui.model.debugger.edits import settings as edit_settings

    return edit_settings.given(session.branch)


def _settings(session: Session) -> tuple[str, ...]:
    from bptui.model.debugger.edits import settings as edit_settings

    return edit_settings.names(session.branch)


def _helped(_: Session) -> tuple[str, ...]:
    """What has help: commands, the words of the screen, functions, operations and optimizers."""
    from bptui.model.debugger.commands.help import known

    return tuple(dict.fromkeys((*(each.word for each in COMMANDS), *known())))


_WORDS: Mapping[str, Callable[[Session], tuple[str, ...]]] = {
    "node": lambda session: tuple(session.graph.called),
    "place": _places,
    "stop": _stops,
    "expression": _expressions,
    "exported": lambda session: ("moment", "step", "screen", "grad(", "value(", "from", *session.graph.called),
    "input": _inputs,
    "setting": _settings,
    "given": _given,
    "mark": lambda session: tuple(session.marks),
    "help": _helped,
}
"""What `complete` of a row may name, and the words that it offers; beside these `file`."""
