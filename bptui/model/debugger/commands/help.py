"""What help and docs/keys.md say: all from the rows."""

from __future__ import annotations

from bptui.model.debugger.commands.registry import FAMILIES, find
from bptui.model.debugger.commands.row import Command, shown

ARROWS = (
    "Arrows, hjkl, page up and down, home and end move in the focused panel and never step; "
    "in the Operation panel page down and up turn the card where it says that there is more."
)


def help_text(word: str = "") -> list[str]:
    """Help on one command, or the table of all: plain lines, from the rows."""
    if word:
        command = find(word)
        keys = ", ".join(shown(key) for key in command.keys)
        facts = [f"key {keys}"] if keys else []
        facts += [f"also {', '.join(command.aliases)}"] if command.aliases else []
        facts += [f"the other way: {command.twin}"] if command.twin else []
        return [f"{command.help}", f"  {command.summary}.", *([f"  {'; '.join(facts)}"] if facts else [])]
    lines = [ARROWS]
    for family in FAMILIES:
        lines.append(family.group)
        lines += [f"  {_keys(command):<9} {command.word:<17} {command.summary}" for command in family.rows]
    return lines


def _keys(command: Command) -> str:
    if len(command.keys) > 3:
        return f"{shown(command.keys[0])}…{shown(command.keys[-1])}"
    return " ".join(shown(key) for key in command.keys[:1])


def markdown() -> str:
    """docs/keys.md."""
    lines = [
        "# Keys and commands",
        "",
        "Made from the rows of `bptui/model/debugger/commands/` by "
        "`python -m bptui.model.debugger.commands > docs/keys.md`; a test compares.",
        "Lowercase goes forward, UPPERCASE does the same backward.",
        "A command may be shortened to any beginning that only it has.",
        ARROWS,
    ]
    for family in FAMILIES:
        lines += ["", f"## {family.group}", "", "| key | command | does |", "|---|---|---|"]
        for command in family.rows:
            keys = _keys(command) if len(command.keys) > 3 else " ".join(f"`{shown(key)}`" for key in command.keys)
            usage = command.help.replace("|", "\\|")
            also = f" (also {', '.join(f'`{a}`' for a in command.aliases)})" if command.aliases else ""
            lines.append(f"| {keys} | `{usage}`{also} | {command.summary} |")
    return "\n".join(lines) + "\n"
