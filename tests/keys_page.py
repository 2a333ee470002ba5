"""docs/keys.md: `python -m tests.keys_page > docs/keys.md`."""

from __future__ import annotations

from bptui.model.debugger.commands.registry import FAMILIES
from bptui.model.debugger.commands.row import Command, shown
from bptui.screens.keys import PLACES, Key, keys_text


def page() -> str:
    """The page, from the rows of the commands and of the places."""
    lines = [
        "# Keys and commands",
        "",
        "Made from the rows of `bptui/model/debugger/commands/` and `bptui/screens/keys.py` by "
        "`python -m tests.keys_page > docs/keys.md`; a test compares.",
        "Lowercase goes forward, UPPERCASE does the same backward.",
        "A command may be shortened to any beginning that only it has.",
    ]
    for family in FAMILIES:
        lines += ["", f"## {family.group}", "", "| key | command | does |", "|---|---|---|"]
        for command in family.rows:
            usage = command.help.replace("|", "\\|")
            also = f" (also {', '.join(f'`{a}`' for a in command.aliases)})" if command.aliases else ""
            lines.append(f"| {_keys(command)} | `{usage}`{also} | {command.summary} |")
    for place in PLACES:
        lines += ["", f"## {place.name}", "", "| key | does |", "|---|---|"]
        lines += [f"| {_keys(row)} | {row.summary} |" for row in place.rows]
    return "\n".join(lines) + "\n"


def _keys(row: Command | Key) -> str:
    return keys_text(row) if "…" in keys_text(row) else " ".join(f"`{shown(key)}`" for key in row.keys)


if __name__ == "__main__":
    print(page(), end="")
