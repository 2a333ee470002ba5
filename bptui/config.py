"""The configuration of a user: `config.toml` in the platform's place (`bptui info` says where). What is wrong in it is
said in one line, the rest of it holds, and the start goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bptui.model.base import files, folders
from bptui.model.base.documents import toml
from bptui.model.base.errors import UserError
from bptui.model.base.schema import Key, Table, kind_of, one_of
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.panels import THEMES
from bptui.model.debugger.commands.row import shown
from bptui.screens import bindings
from bptui.screens.bindings import Bindings

MAX_FILE = 2**16
MAX_KEYS = 200


class Config(NamedTuple):
    """theme     of the screen, None for the one that fits the terminal
    ascii     no other characters;  color  False: as NO_COLOR
    save      keep sessions and what was typed
    bindings  the keys;  problems  what is wrong in the file, a line each
    """

    theme: str | None = None
    ascii: bool = False
    color: bool = True
    save: bool = True
    bindings: Bindings = bindings.DEFAULT
    problems: tuple[str, ...] = ()

    @property
    def notice(self) -> tuple[str, ...]:
        """What is said of the problems at the start: one line, if any."""
        more = f" (and {len(self.problems) - 1} more: bptui info)" if len(self.problems) > 1 else ""
        return tuple(f"{text}{more}" for text in self.problems[:1])


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, found {kind_of(value)}")
    return value


KEYS: Mapping[str, Key] = {
    "theme": Key(one_of(*THEMES.split("|")), None, "the colours of the screen"),
    "ascii": Key(_flag, False, "ASCII only"),
    "color": Key(_flag, True, "false: no colours"),
    "save": Key(_flag, True, "false: keep nothing of a session, and offer none"),
    "keymap": Key(one_of(*bindings.MAPS), "default", f"one of {', '.join(bindings.MAPS)}"),
    "keys": Key(lambda value: value, {}, "a table: a key, and the command line that it runs"),
}


def load() -> Config:
    """The configuration of whoever runs this, as far as it is right."""
    path = folders.config_file()
    return Config() if path is None or not os.path.lexists(path) else read(path)


def described() -> str:
    """Where the configuration lies, and what is wrong in it."""
    path = folders.config_file()
    if path is None:
        return "none is read"
    return "; ".join([f"{path}{'' if os.path.exists(path) else ' (not there)'}", *load().problems])


def read(path: Path) -> Config:
    """A file, as far as it is right. What is no TOML at all is set aside."""
    try:
        text = files.read_text(path, "configuration", MAX_FILE)
    except UserError as error:
        return Config(problems=(str(error),))
    try:
        table = Table(toml(text, path.name), path.name)
    except UserError as error:
        return Config(problems=(f"{error}; it is set aside as {files.set_aside(path)}",))
    problems: list[str] = []
    found: dict[str, Any] = {}
    for name, key in KEYS.items():
        try:
            found[name] = table.get(name, key)
        except UserError as error:
            problems.append(str(error))
            found[name] = key.default
    try:
        table.only(KEYS)
    except UserError as error:
        problems.append(str(error))
    keys, keymap = found.pop("keys"), found.pop("keymap")
    over = _keys(keys, keymap, table.at("keys"), problems)
    return Config(**found)._replace(bindings=Bindings(over), problems=tuple(problems))


def _keys(table: Any, keymap: str, where: str, problems: list[str]) -> Mapping[str, str]:
    """The keys of a map and those of one's own over them; what is wrong with the latter is a problem."""
    over = dict(bindings.MAPS[keymap])
    if not isinstance(table, Mapping) or len(table) > MAX_KEYS:
        problems.append(f"{where}: found {kind_of(table)}, expected a table of at most {MAX_KEYS} keys")
        return over
    own: dict[str, str] = {}
    for written, text in table.items():
        try:
            own[_free(written, own)] = _line(text)
        except UserError as error:
            said = "" if error.where == "keys" else f"{error.where}: "
            problems.append(str(UserError(f"{where}: {written}", f"{said}{error.what}", error.right)))
    problems += [f"{where}: {said}" for said in conflicts(Bindings(over), own)]
    return over | own


def _free(written: str, taken: Mapping[str, str]) -> str:
    key = bindings.named(written)
    if key in bindings.FIXED:
        raise UserError("keys", "this key keeps its meaning", "another key")
    if key in taken:
        raise UserError("keys", "it stands there twice", "one command for each key")
    return key


def _line(text: Any) -> str:
    if not isinstance(text, str):
        raise UserError("keys", f"found {kind_of(text)}", "a command line in quotes")
    if text.strip():
        command = registry.find(text.split()[0])
        if not text.endswith(" ") and command.needed and len(text.split()) == 1:
            raise UserError("keys", f"{command.word} needs more", f'"{command.word} " opens the command line with it')
        if not text.endswith(" "):
            registry.split(text)
    return text.lstrip()


def conflicts(before: Bindings, own: Mapping[str, str]) -> list[str]:
    """What the keys of one's own take from others: a command that has no key any more, a key that moved in panels."""
    from bptui.screens.keys import PANEL

    after, out = Bindings({**before.over, **own}), []
    for key, text in own.items():
        was = before.find(key)
        if PANEL.find(key)[0]:
            out.append(f"{shown(key)} moves in a panel no more: {text.strip() or 'it does nothing'}")
        elif was is not None and text and not after.keys(was[0]) and before.keys(was[0]):
            out.append(f"{shown(key)} is {text.strip()} now, and {was[0].word} has no key")
    return out
