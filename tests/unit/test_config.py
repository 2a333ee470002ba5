"""The configuration: what is right in it holds, what is wrong is said in one line, and the start goes on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptui import cli, config
from bptui.keeper import Typed
from bptui.model.base.errors import UserError
from bptui.model.debugger.commands import registry
from bptui.model.debugger.commands.registry import COMMANDS
from bptui.screens import bindings
from bptui.screens.bindings import DEFAULT, MAPS, Bindings
from bptui.screens.keys import PANEL, footer_keys, keys_text

EXAMPLE = """
theme = "light"
ascii = true
save = false
keymap = "gdb"
[keys]
">" = "train 10"
"ctrl+t" = "theme"
F5 = "continue"
"B" = ""
G = "goto "
"""


def read(tmp_path: Path, text: str | bytes) -> config.Config:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.read(path)


def test_a_configuration_holds(tmp_path: Path) -> None:
    found = read(tmp_path, EXAMPLE)
    assert (found.theme, found.ascii, found.color, found.save) == ("light", True, True, False)
    assert found.problems == ("config.toml: keys: > is train 10 now, and train has no key",)
    lines = found.bindings.lines
    assert {key: lines.get(key) for key in ("greater_than_sign", "ctrl+t", "f5", "B", "G", "i", "s")} == {
        "greater_than_sign": "train 10", "ctrl+t": "theme", "f5": "continue", "B": None, "G": "goto ", "i": "step",
        "s": "step",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('theme = "drak"', "config.toml: theme: unknown 'drak' (did you mean 'dark'?)"),
        ("save = 3", "config.toml: save: expected true or false, found the number 3"),
        ('keymap = "emacs"', "config.toml: keymap: unknown 'emacs'"),
        ("kyes = {}", "config.toml: unknown key 'kyes' (did you mean 'keys'?)"),
        ("keys = 3", "config.toml: keys: found the number 3"),
        ('[keys]\nescape = "step"', "config.toml: keys: escape: this key keeps its meaning"),
        ('[keys]\n"ctrl-t" = "step"', "config.toml: keys: ctrl-t: 'ctrl-t' is no key"),
        ('[keys]\nT = "stpe"', "config.toml: keys: T: stpe: there is no such command (did you mean 'step'?)"),
        ('[keys]\nT = "watch"', "config.toml: keys: T: watch needs more"),
        ('[keys]\nT = 3', "config.toml: keys: T: found the number 3"),
        ('[keys]\nj = "step"', "config.toml: keys: j moves in a panel no more: step"),
        ('[keys]\nn = "step"', "config.toml: keys: n is step now, and next has no key"),
        ('[keys]\nf5 = "step"\nF5 = "next"', "config.toml: keys: F5: it stands there twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_the_rest_holds(tmp_path: Path, text: str, said: str) -> None:
    found = read(tmp_path, f"ascii = true\n{text}\n")
    assert found.ascii
    assert len(found.problems) == 1
    assert found.problems[0].startswith(said)
    assert found.notice == found.problems
    assert (tmp_path / "config.toml").exists()


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"theme = ", b"[keys\n", b"a." * 5_000 + b"a = 1", b"x = " + b"[" * 999]
)
def test_what_is_no_toml_is_set_aside_and_named(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path, content)
    (problem,) = found.problems
    assert problem.isprintable()
    if content[:1] != b"\xff":
        assert problem.endswith(f"it is set aside as {tmp_path / 'config.toml.bad'}")
        assert not (tmp_path / "config.toml").exists()
    assert found.bindings.lines == DEFAULT.lines


def test_whatever_bytes_there_are_the_start_goes_on(tmp_path: Path) -> None:
    draw = random.Random(3)
    for _ in range(200):
        content = bytearray(EXAMPLE.encode())
        for _ in range(draw.randint(1, 6)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        assert all(text.isprintable() for text in read(tmp_path, bytes(content)).problems)


def test_it_is_read_at_the_start_and_the_command_line_goes_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text('theme = "drak"\nwrong = 1\n')
    monkeypatch.setenv("BPTUI_CONFIG", str(path))
    assert cli.main(["info"]) == 0
    told = capsys.readouterr().out
    assert f"configuration  {path}; config.toml: theme: unknown 'drak'" in told
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115
    assert cli.main(["run", "darts"]) == 0
    assert capsys.readouterr().err == (
        "config.toml: theme: unknown 'drak' (did you mean 'dark'?) (and 1 more: bptui info)\n"
    )
    assert cli.main(["run", "darts", "--batch"]) == 0
    assert capsys.readouterr().err == ""


# key maps


@pytest.mark.parametrize("name", MAPS)
def test_a_key_map_is_whole(name: str) -> None:
    """Each of its lines is a command's, it takes no key from a panel, and what it takes a key from has another."""
    made = Bindings(MAPS[name])
    assert config.conflicts(DEFAULT, MAPS[name]) == []
    for key, text in MAPS[name].items():
        assert bindings.named(key) == key
        assert not PANEL.find(key)[0]
        assert made.find(key) == (registry.find(text.split()[0]), text)
        if not text.endswith(" "):
            registry.split(text)
    for command in COMMANDS:
        assert bool(made.keys(command)) == bool(command.keys), command.word
        assert keys_text(command, made) or not command.keys
    assert footer_keys(80, made)


def test_the_default_is_the_registry() -> None:
    for command in COMMANDS:
        assert DEFAULT.keys(command) == command.keys
        for key in command.keys:
            assert DEFAULT.find(key) == (command, registry.key_line(command, key))
    assert DEFAULT.find("f12") is None


@given(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs", "Zs", "Cf")))
def test_a_key_is_called_as_the_terminal_calls_it(character: str) -> None:
    from textual.keys import _character_to_key

    assert bindings.named(character) == _character_to_key(character)


@pytest.mark.parametrize("key", ["", "ab", "ctrl", "hyper+a", "f13", "\x1b", "ctrl+", "+a+"])
def test_what_is_no_key_is_refused(key: str) -> None:
    if key == "ctrl+":
        assert bindings.named(key) == "ctrl+plus"
        return
    with pytest.raises(UserError, match="is no key"):
        bindings.named(key)


# what was typed


def test_what_was_typed_is_there_the_next_time_and_that_of_two_is_of_both(tmp_path: Path) -> None:
    one, two = Typed(tmp_path), Typed(tmp_path)
    one.keep([*one.lines, "goto end", "step"])
    two.keep([*two.lines, "train 3"])
    assert Typed(tmp_path).lines == ["goto end", "step", "train 3"]
    (tmp_path / "typed").write_bytes(b"good\n\x1b[2J\n\n" + b"x" * 5_000 + b"\nalso\n")
    assert Typed(tmp_path).lines == ["good", "also"]
    (tmp_path / "typed").write_bytes(b"\xff\xfe")
    assert Typed(tmp_path).lines == []
