"""Which key runs which command line: the keys of the registry, a key map over them, one's own over both.

A key map changes keys and nothing else: what a word means in the command line, in scripts and in recordings stays.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bptui.model.base.errors import UserError
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.registry import COMMANDS
from bptui.model.debugger.commands.row import SHOWN, Command

FIXED = ("escape", "ctrl+c", "ctrl+q", "colon")
"""Keys that keep their meaning: the way out, and to the command line."""
WORDS = frozenset({
    "space", "tab", "enter", "escape", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown",
    "up", "down", "left", "right", *(f"f{n}" for n in range(1, 13)),
})  # fmt: skip
"""Keys that are written as a word."""
_NAMES = {"solidus": "slash", "hyphen-minus": "minus", "plus sign": "plus", "low line": "underscore",
          "commercial at": "at", "reverse solidus": "backslash"}  # fmt: skip
"""Characters that Textual calls otherwise than Unicode."""

MAPS: Mapping[str, Mapping[str, str]] = {
    "default": {},
    "gdb": {
        "i": "step", "I": "reverse-step", "w": "info", "r": "goto start", "v": "info display",
        "d": "delete ", "D": "display ", "A": "why", "R": "raw", "V": "view",
    },
    "vim": {
        "n": "search-next", "N": "search-previous", "w": "next", "b": "reverse-next", "G": "goto end", "D": "display ",
        "B": "break", "ctrl+b": "info breakpoints", "ctrl+o": "back", "ctrl+r": "redo", "K": "why",
    },
}  # fmt: skip
"""The key maps: of gdb's single-key mode, and of vim's normal mode, what bptui has. What they take a key from has
another one there."""


@dataclass(frozen=True)
class Bindings:
    """The keys of the registry with others over them: a command line, with a blank at its end to open the `:` line with
    it; "" for a key that does nothing."""

    over: Mapping[str, str] = field(default_factory=dict)

    __hash__ = object.__hash__

    @cached_property
    def lines(self) -> Mapping[str, str]:
        """Each key, by Textual's name, and its line."""
        usual = {key: registry.key_line(command, key) for command in COMMANDS for key in command.keys}
        return {key: text for key, text in (usual | dict(self.over)).items() if text}

    def find(self, key: str) -> tuple[Command, str] | None:
        """The command of a key, and the line that it runs (with a blank at its end: opens)."""
        text = self.lines.get(key)
        return None if text is None else (registry.find(text.split()[0]), text)

    def keys(self, command: Command) -> tuple[str, ...]:
        """The keys that run a command as its own do."""
        own = {registry.key_line(command, key) for key in command.keys} or {command.word}
        first = [key for key in command.keys if self.lines.get(key) in own]
        return (*first, *(key for key, text in self.over.items() if text in own and key not in first))


DEFAULT = Bindings()


def named(key: str) -> str:
    """Textual's name of a key as one writes it: `ctrl+r`, `f5`, `G`, `>`; UserError for what is none."""
    last = "+" if key.endswith("+") else key.rpartition("+")[2]
    modifiers = [word for word in key[: len(key) - len(last)].split("+") if word]
    name = _of_character(last) if len(last) == 1 else last.lower() if last.lower() in WORDS else ""
    if not name or set(modifiers) - {"ctrl", "alt", "shift"}:
        raise UserError("keys", f"'{key[:20]}' is no key", "G, >, f5, ctrl+r, space")
    return "+".join((*modifiers, name))


def _of_character(character: str) -> str:
    if character.isalnum():
        return character
    glyphs = {glyph: name for name, glyph in SHOWN.items()}
    unicode = unicodedata.name(character, "").lower() if character.isprintable() else ""
    return glyphs.get(character) or _NAMES.get(unicode) or unicode.replace(" ", "_").replace("-", "_")
