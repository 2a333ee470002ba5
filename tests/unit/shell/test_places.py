"""Places of files that no one can look at: names too long for the system, folders that may not be entered."""

from __future__ import annotations

import os

import pytest

from bptui import cli, config, recent
from bptui.keeper import keeper
from bptui.model.debugger.session import Session
from bptui.model.source.network import load
from bptui.teach.play import kept
from bptui.teach.progress import progress

LONG = "a/" * 3000 + "b"


@pytest.fixture(params=["too long", "locked"])
def place(request, tmp_path, monkeypatch):
    """A folder; what asks for something in it is told that it may not, as the system does."""
    if request.param == "too long":
        return f"{tmp_path}/{LONG}"
    asked = os.stat

    def stat(path, *args, **more):
        if "locked" in os.fspath(path):
            raise PermissionError(13, "Permission denied", path)
        return asked(path, *args, **more)

    monkeypatch.setattr(os, "stat", stat)
    return str(tmp_path / "locked")


def test_what_is_kept_between_sessions_may_be_out_of_reach(place, monkeypatch, capsys):
    monkeypatch.setenv("BPTUI_STATE", place)
    monkeypatch.setenv("BPTUI_CONFIG", f"{place}/config.toml")
    assert cli.main(["info"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    assert (recent.recent(), kept.last()) == ((), None)
    assert "not there" in config.described()
    assert progress().told == ""
    kept_here = keeper("xor", "example xor")
    assert kept_here is not None
    assert kept_here.begin(Session(load("xor"))) == ""
    recent.remember("xor", "forward 1/5")


COMMANDS = (
    "run TARGET --batch", "trace TARGET", "capture TARGET", "convert TARGET", "explain TARGET loss",
    "learn TARGET --plain", "run xor --batch -x TARGET", "trace xor --weights TARGET", "replay TARGET --batch",
    "eval L=x --values TARGET --batch",
    "check xor --against TARGET", "diff TARGET xor", "run xor --batch --record TARGET", "diagnose TARGET",
    "run xor --batch -ex", "predictions TARGET", "export step TARGET",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_cannot_be_looked_at_is_told_in_one_line(place, command, capsys):
    words = command.split()
    if words[-1] == "-ex":
        words.append("write TARGET.json")
    assert cli.main([word.replace("TARGET", f"{place}/n") for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bptui: error: ")
    assert len(line) < 500
