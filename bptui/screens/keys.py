"""From a key to what it does, and back: all from the registry of commands. Only the arrows are the screen's own."""

from __future__ import annotations

from functools import cache

from bptui.model.debugger.commands.registry import COMMANDS, by_key, key_line
from bptui.model.debugger.commands.row import Command, shown

PAGE = 10
"""Rows of pageup and pagedown; a card they turn page by page."""

ARROWS: dict[str, tuple[int, int]] = {
    "up": (-1, 0), "k": (-1, 0), "down": (1, 0), "j": (1, 0),
    "left": (0, -1), "h": (0, -1), "right": (0, 1), "l": (0, 1),
    "pageup": (-PAGE, 0), "pagedown": (PAGE, 0), "home": (0, -(10**6)), "end": (0, 10**6),
}  # fmt: skip
"""(rows, columns) by which a key moves in the focused panel. They never step through time."""

ENDS = ("command", "help")
"""The commands that always stand at the right end of the footer."""

FIRST = ("step", "layer", "stop", "break", "why", "view")
WIDE = ("step", "layer", "phase", "stop", "train", "goto", "break", "why", "view", "zoom", "present")
"""The words that stand first in a narrow and in a wide footer, where there is no room for all (look/STYLE)."""


def name_of(key: str, character: str | None) -> str:
    """The registry's name of a pressed key: a letter as it is written, whatever the terminal's protocol called it."""
    if character and len(character) == 1 and character.isalnum():
        return character
    return key


def command_of(key: str) -> tuple[Command, str] | None:
    """The command of a key, and the line that it runs (with a blank at its end: opens)."""
    command = by_key(key)
    return None if command is None else (command, key_line(command, key))


@cache
def footer_keys(width: int) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """(keys, word) pairs for the middle and for the right end of the footer, twins as one: `s/S step`."""
    middle: list[tuple[str, str]] = []
    ends: list[tuple[str, str]] = []
    twins = {command.word: command for command in COMMANDS}
    done: set[str] = set()
    for command in COMMANDS:
        if not command.short or not command.keys or command.word in done:
            continue
        keys = command.key
        if command.twin and command.twin in twins and twins[command.twin].keys:
            keys += "/" + twins[command.twin].key
            done.add(command.twin)
        word = "cmd" if command.word == "command" and width < 100 else command.short
        (ends if command.word in ENDS else middle).append((keys, word))
    first = FIRST if width < 100 else WIDE
    middle.sort(key=lambda pair: first.index(pair[1]) if pair[1] in first else len(first))
    return tuple(middle), tuple(ends)


def keys_text(command: Command) -> str:
    """All keys of a command as one reads them: `s space`."""
    if len(command.keys) > 3:
        return f"{shown(command.keys[0])}…{shown(command.keys[-1])}"
    return " ".join(shown(key) for key in command.keys)
