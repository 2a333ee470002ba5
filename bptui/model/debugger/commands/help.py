"""What `help` says in plain text: all from the rows."""

from __future__ import annotations

from bptui.model.debugger.commands.registry import FAMILIES, find
from bptui.model.debugger.commands.row import Command, shown


def help_text(word: str = "") -> list[str]:
    """Help on one command, or the table of all: plain lines, from the rows."""
    if word:
        command = find(word)
        keys = ", ".join(shown(key) for key in command.keys)
        facts = [f"key {keys}"] if keys else []
        facts += [f"also {', '.join(command.aliases)}"] if command.aliases else []
        facts += [f"the other way: {command.twin}"] if command.twin else []
        return [f"{command.help}", f"  {command.summary}.", *([f"  {'; '.join(facts)}"] if facts else [])]
    lines: list[str] = []
    for family in FAMILIES:
        lines.append(family.group)
        lines += [f"  {_keys(command):<9} {command.word:<17} {command.summary}" for command in family.rows]
    return lines


def _keys(command: Command) -> str:
    if len(command.keys) > 3:
        return f"{shown(command.keys[0])}…{shown(command.keys[-1])}"
    return " ".join(shown(key) for key in command.keys[:1])
