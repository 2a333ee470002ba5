"""docs/scripts.md: its files are written, its commands run, and what they print is what stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bptui import config
from bptui.model.debugger.commands.row import shown
from bptui.screens.bindings import MAPS
from tests.paths import DOCS

PAGE = (DOCS / "scripts.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`([\w.]+)`(?::| is)\n\n```\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = [
    (command, said.splitlines())
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


def test_the_commands_of_the_page_print_what_it_says(tmp_path: Path) -> None:
    """`…` stands for lines that are left out; without it, all of them are there."""
    assert len(FILES) >= 4
    assert len(COMMANDS) >= 7
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = tmp_path / "bptui"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bptui "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command, said in COMMANDS:
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)  # fmt: skip
        printed = [row.rstrip() for row in (done.stdout + done.stderr).splitlines()]
        assert "Traceback" not in done.stderr
        if "…" not in said:
            assert printed[-len(said) :] == said, command
            continue
        rest = iter(printed)
        assert all(row in rest for row in said if row != "…"), (command, printed)


def test_the_configuration_of_the_page_is_right_and_has_every_key(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "config.toml").write_text(text)
    found = config.read(tmp_path / "config.toml")
    assert found.problems == ()
    assert all(re.search(rf"^(?:{key} = |\[{key}\])", text, re.MULTILINE) for key in config.KEYS)
    defaults = {key: row.default for key, row in config.KEYS.items() if key not in ("theme", "keys", "keymap")}
    assert {key: getattr(found, key) for key in defaults} == defaults
    assert found.bindings.lines["f5"] == "continue"


@pytest.mark.parametrize("name", ["gdb", "vim"])
def test_the_key_maps_of_the_page_are_those_of_the_program(name: str) -> None:
    column = ("gdb", "vim").index(name) + 1
    rows = [row.split(" | ") for row in re.findall(r"^\| (`.*) \|$", PAGE.partition("| key | gdb")[2], re.MULTILINE)]
    written = {row[0].strip("`"): row[column].strip("` ") for row in rows if len(row) > column and row[column].strip()}
    assert written == {shown(key): text.strip() for key, text in MAPS[name].items()}
